//! Whatever a file looks like: an entry that is added and removed leaves it as it was, and changes
//! nothing else while it is there.

use mssql_mcp_client_setup::{Change, Client, Entry, Outcome, client, plan};
use proptest::prelude::*;

fn entry() -> impl Strategy<Value = Entry> {
    let env = proptest::collection::vec(("MSSQL_[A-F]{1,6}", "[a-z\"\\\\é ]{0,8}"), 0..3);
    ("[a-z /\"é]{0,6}", env).prop_map(|(folder, env)| Entry::Stdio {
        command: format!("/{folder}/mssql-mcp"),
        args: vec!["stdio".into()],
        env,
    })
}

/// Variables that the client asks for, two of which may have one question.
fn asking() -> impl Strategy<Value = Entry> {
    let value = prop_oneof![3 => "\\$\\{input:[a-c]\\}", 1 => "[a-z]{0,3}"];
    let env = proptest::collection::vec(("MSSQL_[A-F]", value), 0..4);
    env.prop_map(|env| Entry::Stdio {
        command: "/mssql-mcp".into(),
        args: vec!["stdio".into()],
        env,
    })
}

/// A list of inputs: of other servers, and some of ids that the entry refers to as well.
fn inputs(lines: bool) -> BoxedStrategy<String> {
    let one = match lines {
        true => prop_oneof![
            Just("{ \"id\": \"a\" }"),
            Just("{\n      \"type\": \"promptString\",\n      \"id\": \"other\"\n    }"),
            Just("{}"),
        ]
        .boxed(),
        false => prop_oneof![Just("{\"id\":\"b\"}"), Just("{ \"id\": \"other\" }")].boxed(),
    };
    let element =
        (gap(lines), one, gap(lines)).prop_map(|(before, one, behind)| before + one + &behind);
    (proptest::collection::vec(element, 0..3), any::<bool>(), gap(lines))
        .prop_map(|(all, comma, end)| {
            let comma = if comma && !all.is_empty() { "," } else { "" };
            format!("[{}{comma}{end}]", all.join(","))
        })
        .boxed()
}

/// White space and comments, as they may stand between any two parts.
fn gap(lines: bool) -> BoxedStrategy<String> {
    let part = match lines {
        true => prop_oneof![
            4 => Just(""), 3 => Just(" "), 3 => Just("\n  "), 1 => Just("\n\n  "), 1 => Just("\n"),
            1 => Just(" // a, {\n"), 1 => Just("// c \t\n"), 1 => Just("/* b */"), 1 => Just("/*/ , */"), 1 => Just("\t"), 1 => Just("\n    "),
        ]
        .boxed(),
        false => prop_oneof![3 => Just(""), 1 => Just(" ")].boxed(),
    };
    proptest::collection::vec(part, 0..3).prop_map(|p| p.concat()).boxed()
}

fn object(names: &'static str, value: BoxedStrategy<String>, lines: bool) -> BoxedStrategy<String> {
    let property = (gap(lines), names, gap(lines), value, gap(lines))
        .prop_map(|(a, n, b, v, c)| format!("{a}\"{n}\":{b}{v}{c}"));
    (proptest::collection::vec(property, 0..3), any::<bool>(), gap(lines))
        .prop_map(|(all, comma, end)| {
            let comma = if comma && !all.is_empty() { "," } else { "" };
            format!("{{{}{comma}{end}}}", all.join(","))
        })
        .boxed()
}

/// A file of JSON: with a map of servers and a list of inputs, or without.
fn json_of(lines: bool, key: &'static str) -> BoxedStrategy<String> {
    let plain = prop_oneof![Just("1"), Just("\"x, }\""), Just("[ {} ]"), Just("{}")];
    let plain = plain.prop_map(str::to_owned).boxed();
    let servers = object("[a-e]{1,3}", plain.clone(), lines);
    let whole =
        (object("[f-k]{1,3}", plain, lines), gap(lines), servers, gap(lines), any::<bool>());
    let inputs = (inputs(lines), any::<bool>(), any::<bool>());
    (whole, inputs, gap(lines), 0..3_u8)
        .prop_map(move |((root, gap, servers, between, with), inputs, around, ends)| {
            let (inputs, with_inputs, inputs_first) = inputs;
            let mut text = root;
            let mut put = |key: &str, value: &str| {
                let rest = text[1..].to_owned();
                let comma = if rest.contains('"') { "," } else { "" };
                text = format!("{{{gap}\"{key}\":{between}{value}{comma}{rest}");
            };
            if with_inputs && !inputs_first {
                put("inputs", &inputs);
            }
            if with {
                put(key, &servers);
            }
            if with_inputs && inputs_first {
                put("inputs", &inputs);
            }
            let text = format!("{around}{text}");
            match ends {
                0 => text,
                1 => text + "\n",
                _ => text.replace('\n', "\r\n") + "\r\n",
            }
        })
        .boxed()
}

fn toml() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("[mcp_servers.docs]\ncommand = \"x\"\n"),
        Just("[mcp_servers.docs.env]\nA = '''\n[mcp_servers.mssql]\n'''\n"),
        Just("[other] # here\na = 1\n"),
        Just("# alone\n"),
        Just("\n"),
        Just("   \n"),
        Just("[[list]]\nb = [\n  1,\n]\n"),
    ];
    let parts = proptest::collection::vec(part, 0..6);
    (parts, any::<bool>(), any::<bool>()).prop_map(|(parts, end, crlf)| {
        let mut seen = Vec::new();
        let mut text = String::from("first = 1\n");
        for p in parts {
            let head = p.lines().next().unwrap_or_default();
            if head.starts_with('[') && !head.starts_with("[[") && seen.contains(&head) {
                continue;
            }
            seen.push(head);
            text += p;
        }
        let text = if end { text } else { text.trim_end().to_owned() };
        if crlf { text.replace('\n', "\r\n") } else { text }
    })
}

fn there_and_back(c: &Client, text: &str, entry: &Entry) -> Result<(), TestCaseError> {
    let there =
        plan(c, Some(text), "mssql", &Change::Set { entry, force: false, plaintext: false });
    let there = there.map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
    prop_assert_eq!(there.outcome, Outcome::Added);
    let new = there.text.unwrap_or_default();
    let again =
        plan(c, Some(&new), "mssql", &Change::Set { entry, force: false, plaintext: false });
    let again = again.map_err(|e| TestCaseError::fail(format!("{e}\n{text}\n---\n{new}")))?;
    prop_assert_eq!(again.outcome, Outcome::Unchanged, "{}", new);
    let back = plan(c, Some(&new), "mssql", &Change::Remove { force: false });
    let back = back.map_err(|e| TestCaseError::fail(format!("{e}\n{new}")))?;
    prop_assert_eq!(back.text.as_deref(), Some(text), "by way of\n{}", new);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn json_over_lines_is_as_it_was(text in json_of(true, "mcpServers"), entry in entry()) {
        there_and_back(client("cursor").expect("known"), &text, &entry)?;
    }

    #[test]
    fn json_in_one_line_is_as_it_was(text in json_of(false, "mcpServers"), entry in entry()) {
        there_and_back(client("cursor").expect("known"), &text, &entry)?;
    }

    #[test]
    fn inputs_over_lines_are_as_they_were(text in json_of(true, "servers"), entry in asking()) {
        there_and_back(client("vscode").expect("known"), &text, &entry)?;
    }

    #[test]
    fn inputs_in_one_line_are_as_they_were(text in json_of(false, "servers"), entry in asking()) {
        there_and_back(client("vscode").expect("known"), &text, &entry)?;
    }

    #[test]
    fn toml_is_as_it_was(text in toml(), entry in entry()) {
        there_and_back(client("codex").expect("known"), &text, &entry)?;
    }
}
