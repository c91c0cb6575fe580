//! What becomes of the file of each client, in each state that a file may be in: the exact text,
//! or the exact problem. `GOLDEN_UPDATE=1` writes what is, to be read before it is kept.

use std::fmt::Write as _;
use std::path::Path;

use mssql_mcp_client_setup::{
    CLIENTS, Change, Client, Entry, Expansion, Format, Outcome, block, client, page, plan, unified,
    unified_as, variables, veiled,
};

fn entry() -> Entry {
    let env = [("MSSQL_HOST", "db.example.com"), ("MSSQL_PASSWORD_FILE", "/run/secrets/mssql")];
    Entry::Stdio {
        command: "/usr/local/bin/mssql-mcp".into(),
        args: vec!["stdio".into(), "--config".into(), "/etc/mssql mcp.toml".into()],
        env: env.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
    }
}

/// One whose password the client asks for.
fn asking() -> Entry {
    let mut asking = entry();
    if let Entry::Stdio { env, .. } = &mut asking {
        env[1] = ("MSSQL_PASSWORD".into(), "${input:mssql-password}".into());
    }
    asking
}

/// Files of clients that keep questions.
fn states_of_inputs(c: &Client) -> Vec<(&'static str, Option<String>)> {
    let with = |inputs: &str| {
        format!(
            "// settings\n{{\n  \"inputs\": {inputs},\n  \"{}\": {{\n    \"docs\": {{ \"command\": \
             \"docs\" }} // here\n  }}\n}}\n",
            c.key
        )
    };
    let lines = with(
        "[\n    {\n      \"id\": \"token\", // of docs\n      \"type\": \"promptString\"\n    } // one\n  ]",
    );
    vec![
        ("inputs: no file", None),
        ("inputs: an empty map", Some("{}".into())),
        ("inputs: no list", Some(format!("{{\n  \"{}\": {{}}\n}}\n", c.key))),
        ("inputs: one line", Some("{\"theme\":\"dark\"}".into())),
        ("inputs: an empty list", Some(with("[]"))),
        ("inputs: a comment in a list", Some(with("[\n    // none\n  ]"))),
        ("inputs: others over lines", Some(lines.clone())),
        ("inputs: CRLF", Some(lines.replace('\n', "\r\n"))),
        ("inputs: BOM", Some(format!("\u{feff}{lines}"))),
        ("inputs: tabs", Some(lines.replace("  ", "\t"))),
        ("inputs: another in one line", Some(with("[{ \"id\": \"token\" }]"))),
        ("inputs: a comma at the end", Some(with("[\n    { \"id\": \"token\" },\n  ]"))),
        ("inputs: one of that id", Some(with("[{ \"id\": \"mssql-password\" }]"))),
        ("inputs: no array", Some(with("{}"))),
    ]
}

/// All of them, each with the entry that is put there.
fn cases(c: &Client) -> Vec<(&'static str, Option<String>, Entry)> {
    let plain = states(c).into_iter().map(|(what, text)| (what, text, entry()));
    let with_inputs = match c.expansion {
        Expansion::Input => states_of_inputs(c),
        _ => Vec::new(),
    };
    plain.chain(with_inputs.into_iter().map(|(what, text)| (what, text, asking()))).collect()
}

/// Files as clients and people leave them.
fn states(c: &Client) -> Vec<(&'static str, Option<String>)> {
    let key = c.key;
    if c.format == Format::Toml {
        let with = format!(
            "# models\nmodel = \"large\" # mine\n\n[{key}.docs]\ncommand = \"docs\"\nargs = [\n  \
             \"serve\", # here\n]\n\n[profiles.fast]\nmodel = \"small\"\n"
        );
        let ours = format!(
            "model = \"large\"\n\n[{key}.mssql]\ncommand = \"/old/mssql-mcp\"\nargs = \
             [\"stdio\"]\nstartup_timeout_sec = 20\n\n[{key}.mssql.env]\nMINE = \"kept\"\n\n# \
             behind\n[profiles.fast]\nmodel = \"small\"\n"
        );
        let foreign = format!("[{key}.mssql]\ncommand = \"node\"\nargs = [\"other.js\"]\n");
        return vec![
            ("no file", None),
            ("empty file", Some(String::new())),
            ("comments and other servers", Some(with.clone())),
            ("CRLF", Some(with.replace('\n', "\r\n"))),
            ("BOM", Some(format!("\u{feff}{with}"))),
            ("no end of the last line", Some("model = \"large\"".into())),
            ("an older entry of ours", Some(ours)),
            ("an entry of somebody else", Some(foreign)),
            ("an inline map", Some(format!("{key} = {{ docs = {{ command = \"docs\" }} }}\n"))),
            ("no map", Some(format!("{key} = 5\n"))),
            ("broken", Some(format!("[{key}.docs]\ncommand = \n"))),
        ];
    }
    let with = format!(
        "// settings\n{{\n  \"theme\": \"dark\", // mine\n  \"{key}\": {{\n    /* one */\n    \"docs\": \
         {{ \"command\": \"docs\", \"args\": [] }} // here\n  }},\n  \"last\": [1, 2]\n}}\n"
    );
    let ours = format!(
        "{{\n  \"{key}\": {{\n    \"mssql\": {{\n      \"command\": \"/old/mssql-mcp\",\n      \"args\": \
         [\"stdio\"],\n      \"env\": {{ \"MINE\": \"kept\" }},\n      \"disabled\": true\n    }},\n    \
         \"docs\": {{ \"command\": \"docs\" }}\n  }}\n}}\n"
    );
    let ours = match c.id {
        "opencode" => ours
            .replace("\"command\": \"/old/mssql-mcp\"", "\"command\": [\"/old/mssql-mcp\"]")
            .replace("\"env\"", "\"environment\""),
        _ => ours,
    };
    let foreign = format!(
        "{{\n  \"{key}\": {{\n    \"mssql\": {{\n      \"command\": \"node\",\n      \"args\": \
         [\"other.js\"]\n    }}\n  }}\n}}\n"
    );
    vec![
        ("no file", None),
        ("empty file", Some(String::new())),
        ("an empty map", Some("{}".into())),
        ("an empty map of servers", Some(format!("{{\n  \"{key}\": {{}}\n}}\n"))),
        ("other settings alone", Some("{\n    \"theme\": \"dark\"\n}".into())),
        ("comments and other servers", Some(with.clone())),
        (
            "commas at the ends",
            Some(format!("{{\n  \"{key}\": {{\n    \"docs\": {{}},\n  }},\n}}\n")),
        ),
        (
            "one line",
            Some(format!("{{\"theme\":\"dark\",\"{key}\":{{\"docs\":{{\"command\":\"docs\"}}}}}}")),
        ),
        ("CRLF", Some(with.replace('\n', "\r\n"))),
        ("BOM", Some(format!("\u{feff}{with}"))),
        ("tabs", Some(with.replace("  ", "\t"))),
        ("an older entry of ours", Some(ours)),
        ("an entry of somebody else", Some(foreign)),
        ("no map", Some(format!("{{ \"{key}\": [] }}"))),
        ("no object", Some("[]".into())),
        ("broken", Some(format!("{{\n  \"{key}\": {{\n    \"docs\" \"x\"\n  }}\n}}\n"))),
    ]
}

/// A text in which line ends, tabs and marks are seen.
fn seen(text: &str) -> String {
    let mut out = text.replace('\r', "␍").replace('\t', "→").replace('\u{feff}', "⟨BOM⟩");
    if !text.ends_with('\n') {
        out += "⟨no end⟩\n";
    }
    out
}

fn set(c: &Client, text: Option<&str>, entry: &Entry) -> (String, Option<String>) {
    match plan(c, text, "mssql", &Change::Set { entry, force: false, plaintext: false }) {
        Err(problem) => (format!("Problem: {problem}\n"), None),
        Ok(p) => {
            let new = p.text.as_deref().map_or("(nothing is written)\n".into(), seen);
            (format!("{:?}\n{new}", p.outcome), p.text)
        }
    }
}

#[test]
fn the_file_of_each_client_becomes_what_is_kept_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let update = std::env::var_os("GOLDEN_UPDATE").is_some();
    let mut wrong = Vec::new();
    for c in CLIENTS {
        let mut out = String::new();
        if c.format == Format::Printed {
            out = block(c, "mssql", &entry()).expect("a block");
        } else {
            for (what, text, entry) in cases(c) {
                let _ = write!(out, "=== {what}\n{}", set(c, text.as_deref(), &entry).0);
            }
        }
        let file = folder.join(format!("{}.txt", c.id));
        if update {
            std::fs::write(&file, &out).expect("write");
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        if kept != out {
            wrong.push(unified(c.id, &kept, &out));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn every_golden_file_is_of_a_client() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for file in std::fs::read_dir(folder).expect("folder") {
        let name = file.expect("entry").file_name().into_string().expect("UTF-8");
        assert!(CLIENTS.iter().any(|c| format!("{}.txt", c.id) == name), "{name}");
    }
}

#[test]
fn the_second_time_changes_nothing() {
    for c in CLIENTS.iter().filter(|c| c.format != Format::Printed) {
        for (what, text, entry) in cases(c) {
            let (said, Some(new)) = set(c, text.as_deref(), &entry) else { continue };
            if said.starts_with("Foreign") {
                continue;
            }
            let again = plan(
                c,
                Some(&new),
                "mssql",
                &Change::Set { entry: &entry, force: false, plaintext: false },
            );
            let again = again.expect("a plan");
            assert_eq!((again.outcome, again.text), (Outcome::Unchanged, None), "{}: {what}", c.id);
        }
    }
}

#[test]
fn what_was_added_and_is_removed_leaves_the_former_bytes() {
    for c in CLIENTS.iter().filter(|c| c.format != Format::Printed) {
        for (what, text, entry) in cases(c) {
            let (said, Some(new)) = set(c, text.as_deref(), &entry) else { continue };
            if !said.starts_with("Added") {
                continue;
            }
            let back = plan(c, Some(&new), "mssql", &Change::Remove { force: false });
            let back = back.expect("a plan");
            assert_eq!(back.outcome, Outcome::Removed, "{}: {what}", c.id);
            let before = match text.as_deref() {
                // A file without content is left with an empty map, or (TOML) without content.
                None | Some("") if c.format == Format::Toml => String::new(),
                None | Some("") => format!("{{\n  \"{}\": {{}}\n}}\n", c.key),
                Some(text) => text.to_owned(),
            };
            assert_eq!(back.text.as_deref(), Some(before.as_str()), "{}: {what}", c.id);
        }
    }
}

#[test]
fn an_entry_of_somebody_else_is_left_unless_one_insists() {
    for c in CLIENTS.iter().filter(|c| c.format != Format::Printed) {
        let states = states(c);
        let (_, text) = states.iter().find(|(w, _)| *w == "an entry of somebody else").expect("it");
        let entry = entry();
        for force in [false, true] {
            let run = |change| plan(c, text.as_deref(), "mssql", &change).expect("a plan").outcome;
            let (set, removed) = (
                run(Change::Set { entry: &entry, force, plaintext: false }),
                run(Change::Remove { force }),
            );
            match force {
                false => assert_eq!((set, removed), (Outcome::Foreign, Outcome::Foreign)),
                true => assert_eq!((set, removed), (Outcome::Updated, Outcome::Removed)),
            }
        }
    }
}

#[test]
fn the_page_of_clients_holds_the_blocks_of_all_and_no_secret() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/clients.md");
    let all = page(None);
    if std::env::var_os("GOLDEN_UPDATE").is_some() {
        std::fs::write(&file, &all).expect("write");
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(unified("docs/clients.md", &kept, &all), "");
    for c in CLIENTS {
        assert!(all.contains(&page(Some(c))), "{}", c.id);
    }
}

/// What becomes of a file of VS Code.
fn of_vs_code(text: &str, change: &Change<'_>) -> (Outcome, String) {
    let vs_code = client("vscode").expect("known");
    let plan = plan(vs_code, Some(text), "mssql", change).expect("a plan");
    (plan.outcome, plan.text.unwrap_or_else(|| text.to_owned()))
}

#[test]
fn a_question_goes_with_the_entry_unless_somebody_else_needs_it_or_has_changed_it() {
    let asking = asking();
    let set = Change::Set { entry: &asking, force: false, plaintext: false };
    let other = "{\n  \"servers\": {\n    \"docs\": { \"env\": { \"P\": \"${input:mssql-password}\" } }\n  }\n}\n";
    let (_, with) = of_vs_code(other, &set);
    let (outcome, left) = of_vs_code(&with, &Change::Remove { force: false });
    assert_eq!(outcome, Outcome::Removed);
    assert!(left.contains("\"id\": \"mssql-password\"") && !left.contains("/mssql-mcp"), "{left}");
    let (_, with) = of_vs_code("{}", &set);
    let changed = with.replace("MSSQL_PASSWORD of the database", "mine");
    assert_ne!(changed, with);
    let (_, left) = of_vs_code(&changed, &Change::Remove { force: false });
    assert!(left.contains("\"mine\""), "{left}");
    // An entry that is there without its question gets it.
    let without = with.replace("\"id\": \"mssql-password\"", "\"id\": \"another\"");
    let (outcome, text) = of_vs_code(&without, &set);
    assert_eq!(outcome, Outcome::Updated);
    assert!(text.contains("\"id\": \"mssql-password\""), "{text}");
}

#[test]
fn a_variable_and_its_file_take_the_place_of_each_other() {
    let asking = asking();
    let set = Change::Set { entry: &asking, force: false, plaintext: false };
    let (_, asked) = of_vs_code("{}", &set);
    let filed = entry();
    let (_, file) =
        of_vs_code(&asked, &Change::Set { entry: &filed, force: false, plaintext: false });
    assert!(file.contains("MSSQL_PASSWORD_FILE") && !file.contains("\"MSSQL_PASSWORD\""), "{file}");
    assert!(!file.contains("inputs"), "{file}");
    let (_, back) = of_vs_code(&file, &set);
    assert!(!back.contains("MSSQL_PASSWORD_FILE") && back.contains("inputs"), "{back}");
    let names = variables(client("vscode").expect("known"), Some(&back), "mssql");
    assert_eq!(names, Ok(vec!["MSSQL_HOST".to_owned(), "MSSQL_PASSWORD".to_owned()]));
}

#[test]
fn a_secret_is_written_where_that_is_said_and_never_shown() {
    let mut secret = entry();
    if let Entry::Stdio { env, .. } = &mut secret {
        env[1] = ("MSSQL_PASSWORD".into(), "sword\"fish\\é".into());
        env.push(("MSSQL_CONNECTION_STRING".into(), "Server=db;Pwd=swordfish".into()));
    }
    for c in CLIENTS.iter().filter(|c| c.format != Format::Printed) {
        let set = |plaintext| Change::Set { entry: &secret, force: false, plaintext };
        assert!(plan(c, None, "mssql", &set(false)).is_err(), "{}", c.id);
        let new = plan(c, None, "mssql", &set(true)).expect("a plan").text.expect("a text");
        assert_eq!(new.matches("sword").count(), 2, "{new}");
        let shown = unified_as("f", ("", ""), (&new, &veiled(c, &new)));
        assert!(!shown.contains("fish") && shown.matches('…').count() == 2, "{shown}");
        assert!(shown.contains("MSSQL_PASSWORD") && shown.contains("db.example.com"), "{shown}");
        // One secret for another: the line is seen to change.
        let next = new.replace("Pwd=swordfish", "Pwd=sailfish");
        let shown = unified_as("f", (&new, &veiled(c, &new)), (&next, &veiled(c, &next)));
        assert!(
            !shown.contains("fish") && shown.contains("\n-") && shown.contains("\n+"),
            "{shown}"
        );
    }
    // Neither an argument nor an address takes one.
    let vs_code = client("vscode").expect("known");
    for entry in [
        Entry::Remote { url: "https://a:b@mcp.example.com/".into() },
        Entry::Stdio { command: "/mssql-mcp".into(), args: vec!["pwd=x".into()], env: vec![] },
    ] {
        let set = Change::Set { entry: &entry, force: false, plaintext: true };
        assert!(plan(vs_code, None, "mssql", &set).is_err(), "{entry:?}");
    }
}
