//! What becomes of the file of each client, in each state that a file may be in: the exact text,
//! or the exact problem. `GOLDEN_UPDATE=1` writes what is, to be read before it is kept.

use std::fmt::Write as _;
use std::path::Path;

use mssql_mcp_client_setup::{
    CLIENTS, Change, Client, Entry, Format, Outcome, block, page, plan, unified,
};

fn entry() -> Entry {
    let env = [("MSSQL_HOST", "db.example.com"), ("MSSQL_PASSWORD_FILE", "/run/secrets/mssql")];
    Entry::Stdio {
        command: "/usr/local/bin/mssql-mcp".into(),
        args: vec!["stdio".into(), "--config".into(), "/etc/mssql mcp.toml".into()],
        env: env.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
    }
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

fn set(c: &Client, text: Option<&str>) -> (String, Option<String>) {
    let entry = entry();
    match plan(c, text, "mssql", &Change::Set { entry: &entry, force: false }) {
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
            for (what, text) in states(c) {
                let _ = write!(out, "=== {what}\n{}", set(c, text.as_deref()).0);
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
        for (what, text) in states(c) {
            let (said, Some(new)) = set(c, text.as_deref()) else { continue };
            if said.starts_with("Foreign") {
                continue;
            }
            let entry = entry();
            let again = plan(c, Some(&new), "mssql", &Change::Set { entry: &entry, force: false });
            let again = again.expect("a plan");
            assert_eq!((again.outcome, again.text), (Outcome::Unchanged, None), "{}: {what}", c.id);
        }
    }
}

#[test]
fn what_was_added_and_is_removed_leaves_the_former_bytes() {
    for c in CLIENTS.iter().filter(|c| c.format != Format::Printed) {
        for (what, text) in states(c) {
            let (said, Some(new)) = set(c, text.as_deref()) else { continue };
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
            let (set, removed) =
                (run(Change::Set { entry: &entry, force }), run(Change::Remove { force }));
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
