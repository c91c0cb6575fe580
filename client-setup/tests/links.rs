//! Links are decoded as their clients decode them.

use base64::Engine as _;
use mssql_mcp_client_setup::{CLIENTS, Entry, client, links};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

fn entry(env: &[(&str, &str)]) -> Entry {
    Entry::Stdio {
        command: "/usr/local/bin/mssql-mcp".into(),
        args: vec!["stdio".into()],
        env: env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
    }
}

/// A parameter of a link, decoded.
fn parameter(url: &str, name: &str) -> String {
    let (_, query) = url.split_once('?').expect("a query");
    let raw = query.split('&').find_map(|p| p.strip_prefix(&format!("{name}="))).expect(name);
    percent_decode_str(raw).decode_utf8().expect("UTF-8").into_owned()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn links_of_cursor_and_lm_studio_hold_the_entry_in_base64() {
    let wanted = json!({ "command": "/usr/local/bin/mssql-mcp", "args": ["stdio"], "env": { "MSSQL_HOST": "dbé>?" } });
    for (id, begins) in [
        ("cursor", "cursor://anysphere.cursor-deeplink/mcp/install?"),
        ("lm-studio", "lmstudio://add_mcp?"),
    ] {
        let all = links(client(id).expect("known"), "mssql", &entry(&[("MSSQL_HOST", "dbé>?")]));
        assert!(all[0].url.starts_with(begins), "{all:?}");
        for link in all {
            assert_eq!(parameter(&link.url, "name"), "mssql");
            let packed = parameter(&link.url, "config");
            let text = base64::engine::general_purpose::STANDARD.decode(packed).expect("base64");
            assert_eq!(json_of(&String::from_utf8(text).expect("UTF-8")), wanted);
        }
    }
}

#[test]
fn links_of_vs_code_ask_for_the_password() {
    let entry = entry(&[("MSSQL_PASSWORD", "${input:mssql-password}")]);
    let all = links(client("vscode").expect("known"), "mssql", &entry);
    let (app, web) = (&all[0].url, &all[1].url);
    let raw = app.strip_prefix("vscode:mcp/install?").expect("its scheme");
    let app = json_of(&percent_decode_str(raw).decode_utf8().expect("UTF-8"));
    assert_eq!(app["name"], "mssql");
    assert_eq!(app["env"]["MSSQL_PASSWORD"], "${input:mssql-password}");
    assert_eq!(
        (&app["inputs"][0]["id"], &app["inputs"][0]["password"]),
        (&json!("mssql-password"), &json!(true))
    );
    assert!(web.starts_with("https://insiders.vscode.dev/redirect/mcp/install?"), "{web}");
    assert_eq!(json_of(&parameter(web, "config"))["command"], "/usr/local/bin/mssql-mcp");
    assert_eq!(json_of(&parameter(web, "inputs")), app["inputs"]);
}

#[test]
fn no_link_holds_a_secret() {
    for c in CLIENTS {
        let secret = entry(&[("MSSQL_PASSWORD", "hunter2")]);
        assert_eq!(links(c, "mssql", &secret), [], "{}", c.id);
    }
}
