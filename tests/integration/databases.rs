//! Several databases behind one path: which one a call is for, who is shown which, and what each
//! answer says of where it is from.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mssql_mcp_sandbox::{Options, PASSWORD, Sandbox, SandboxLogin, USER};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{
    Answer, BOTH, JSON, Lab, Stdio1, command, http, modern, signed_in, stateless,
};

/// Two servers, three databases, of which one is at a port where nobody listens.
struct Several {
    lab: Lab,
    address: SocketAddr,
    west: Sandbox,
    file: PathBuf,
}

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("mssql-mcp-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("dir");
    dir
}

/// What the file says of them; `SANDBOX_…` is the first server's.
fn text(west: &Sandbox, west_ca: &std::path::Path, more: &str) -> String {
    format!(
        "[[server]]\nname = \"east\"\nhost = \"127.0.0.1\"\nport = SANDBOX_PORT\nuser = \
         \"{USER}\"\npassword = \"{PASSWORD}\"\nca_file = \"SANDBOX_CA\"\n\
         [[server]]\nname = \"west\"\nhost = \"127.0.0.1\"\nport = {}\nuser = \
         \"{USER}\"\npassword = \"{PASSWORD}\"\nca_file = {:?}\n\
         [[database]]\nname = \"Ledger\"\nserver = \"east\"\ndatabase = \"trading\"\ndescription \
         = \"Orders and customers.\"\n\
         [[database]]\nname = \"risk\"\nserver = \"west\"\ndatabase = \"trading\"\naccess = \
         \"full\"\nlimits = {{ max_rows = 7 }}\n\
         [[database]]\nname = \"vault\"\nserver = \"east\"\nport = 1\ndatabase = \
         \"old\"\n{more}",
        west.address().port(),
        west_ca.to_str().expect("path"),
    )
}

async fn several(name: &str, more: &str, settings: &[(&'static str, &str)]) -> Several {
    let dir = folder(name);
    let west = Sandbox::start(Options::default()).await.expect("sandbox");
    let ca = dir.join("west.pem");
    std::fs::write(&ca, west.certificate()).expect("certificate");
    let file = dir.join("several.toml");
    std::fs::write(&file, text(&west, &ca, more)).expect("file");
    let lab = Lab::with_file(&file, settings).await;
    let (address, _stop) = lab.serve().await;
    Several { lab, address, west, file }
}

impl Several {
    async fn call(&self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        stateless(self.address, "tools/call", params).await.json()["result"].clone()
    }

    async fn tools(&self) -> Vec<Value> {
        let answer = stateless(self.address, "tools/list", json!({})).await.json();
        answer["result"]["tools"].as_array().expect("tools").clone()
    }
}

fn said(result: &Value) -> Value {
    serde_json::from_str(result["content"][0]["text"].as_str().expect("text")).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_as_many_tools_as_with_one_database() {
    let (one, three) = (Lab::new(&[]).await, several("tools", "", &[]).await);
    let (address, _stop) = one.serve().await;
    let plain = stateless(address, "tools/list", json!({})).await.json();
    let plain = plain["result"]["tools"].as_array().expect("tools").clone();
    let tools = three.tools().await;
    let names = |all: &[Value]| all.iter().map(|t| t["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&tools), names(&plain));
    // Four characters of JSON are about a token.
    let tokens = |all: &[Value]| json!(all).to_string().len() / 4;
    let more = tokens(&tools) - tokens(&plain);
    println!("{} tokens, and with three databases {more} more", tokens(&plain));
    assert!(more < 300, "{more} tokens more");
    // A kept result says by itself where it is from.
    let named = tools.iter().zip(&plain).filter(|(t, _)| t["name"] != "get_result");
    for (tool, before) in named {
        let database = &tool["inputSchema"]["properties"]["database"];
        assert_eq!(database["enum"], json!(["Ledger", "risk", "vault"]), "{tool}");
        let needed = tool["inputSchema"]["required"].as_array().expect("required");
        assert_eq!(needed.contains(&json!("database")), tool["name"] != "list_tables", "{tool}");
        assert!(before["inputSchema"]["properties"]["database"].is_null());
    }
    let discovered = stateless(three.address, "server/discover", json!({})).await.json();
    let told = discovered["result"]["instructions"].as_str().expect("text");
    for part in ["Ledger (read-only): Orders and customers.", "risk (full)", "vault"] {
        assert!(told.contains(part), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_where_it_is_from_as_the_session_says() {
    let s = several("from", "", &[]).await;
    let make = "CREATE TABLE dbo.OnlyWest (n int)";
    let made = s.call("execute_sql", json!({ "query": make, "database": "risk" })).await;
    assert_eq!(made["structuredContent"]["committed"], true, "{made}");
    for (name, rows) in [("Ledger", 0), ("risk", 1), ("RISK", 1)] {
        let query = "SELECT name FROM sys.tables WHERE name = 'OnlyWest'";
        let a = s.call("execute_sql", json!({ "query": query, "database": name })).await;
        let told = &a["structuredContent"];
        assert_eq!(told["results"][0]["row_count"], rows, "{name}: {a}");
        assert_eq!(
            told["source"]["label"].as_str().map(str::to_lowercase),
            Some(name.to_lowercase())
        );
        assert_eq!(told["source"]["database"], "trading", "the session's own name of it");
        // Callers over HTTP are not told where it is.
        assert!(told["source"]["server"].is_null(), "{told}");
    }
    // Access and limits are each database's own.
    let update = "UPDATE dbo.Employees SET Name = Name WHERE EmployeeId = 1";
    let a = s.call("execute_sql", json!({ "query": update, "database": "Ledger" })).await;
    assert_eq!(said(&a)["error"]["code"], "access_denied");
    assert_eq!(
        said(&a)["source"],
        json!({ "label": "Ledger", "database": "trading", "access": "read-only" })
    );
    let a = s.call("execute_sql", json!({ "query": update, "database": "risk" })).await;
    assert_eq!(a["structuredContent"]["committed"], true, "{a}");
    let all = json!({ "query": "SELECT OrderId FROM sales.Orders", "database": "risk" });
    assert_eq!(s.call("execute_sql", all).await["structuredContent"]["results"][0]["row_count"], 7);
    // An error of SQL Server's says it, too.
    let a = s.call("execute_sql", json!({ "query": "SELECT 1/0", "database": "risk" })).await;
    assert_eq!(
        (&said(&a)["error"]["number"], &said(&a)["source"]["label"]),
        (&json!(8134), &json!("risk"))
    );
    let csv = json!({ "query": "SELECT 1 AS n", "database": "risk", "format": "csv" });
    let a = s.call("execute_sql", csv).await;
    assert_eq!(a["content"][0]["text"], "n\n1\n# 1 row\n# risk (trading), full\n");
    let a = s
        .call("describe_table", json!({ "table_name": "sales.Orders", "database": "Ledger" }))
        .await;
    assert_eq!(a["structuredContent"]["source"]["label"], "Ledger", "{a}");
    drop(s.west);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_for_no_database_hears_which_there_are() {
    let s = several("none", "", &[]).await;
    let a = s.call("execute_sql", json!({ "query": "SELECT 1" })).await;
    let error = &said(&a)["error"];
    assert_eq!(error["code"], "no_such_database");
    assert_eq!(error["databases"], json!(["Ledger", "risk", "vault"]));
    let long = "x".repeat(129);
    let unknown = [
        "hidden",
        "[Ledger]",
        "\"Ledger\"",
        "Ledger..",
        "Sa%00les",
        "Ledger\u{0}",
        "Ledger'--",
        "",
        &long,
    ];
    let before = s.west.connections();
    for name in unknown {
        let arguments = json!({ "query": "SELECT 1", "database": name });
        let a = s.call("execute_sql", arguments).await;
        assert_eq!(said(&a)["error"]["code"], "no_such_database", "{name}: {a}");
        let text = a["content"][0]["text"].as_str().expect("text");
        assert!(!text.contains('\u{0}') && text.len() < 700, "{text}");
    }
    assert_eq!(s.west.connections(), before, "nobody was asked");
    let a = s.call("execute_sql", json!({ "query": "SELECT 1", "database": 5 })).await;
    assert_eq!(said(&a)["error"]["code"], "invalid_arguments");
    // What cannot be read is refused in the name of the database that it names, or of none.
    let wrong = json!({ "query": 5, "database": "risk" });
    let a = s.call("execute_sql", wrong).await;
    assert_eq!(said(&a)["source"]["label"], "risk", "{a}");
    for (tool, arguments) in [
        ("execute_sql", json!({ "query": ["SELECT 1"] })),
        ("get_result", json!({ "handle": "res_none" })),
    ] {
        let a = s.call(tool, arguments).await;
        assert!(a["isError"] == true && said(&a)["source"].is_null(), "{a}");
    }
    // Without one, the list of tables is that of databases.
    let a = s.call("list_tables", json!({})).await;
    let databases = &a["structuredContent"]["databases"];
    assert_eq!(databases[0]["description"], "Orders and customers.");
    assert_eq!(databases[1], json!({ "name": "risk", "access": "full" }));
    // A name in front of a table leads nowhere else.
    for (sql, code) in [
        ("SELECT TOP 1 OrderId FROM trading.sales.Orders", json!(null)),
        ("SELECT TOP 1 * FROM Hidden.dbo.T", json!("forbidden_sql")),
        ("SELECT TOP 1 * FROM risk..T", json!("forbidden_sql")),
    ] {
        let a = s.call("execute_sql", json!({ "query": sql, "database": "Ledger" })).await;
        let told =
            a["content"][0]["text"].as_str().and_then(|t| serde_json::from_str::<Value>(t).ok());
        assert_eq!(told.unwrap_or_default()["error"]["code"], code, "{sql}: {a}");
    }
    // USE of another is refused, and of the one that it is in does nothing.
    for (sql, good) in [("USE trading", true), ("USE master", false), ("USE risk", false)] {
        let a = s.call("execute_sql", json!({ "query": sql, "database": "Ledger" })).await;
        assert_eq!(a["isError"] != true, good, "{sql}: {a}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_down_keeps_nobody_from_the_others() {
    let s = several("down", "", &[("tools.search", "on")]).await;
    let a = s.call("list_tables", json!({ "database": "vault" })).await;
    assert_eq!(
        (&said(&a)["error"]["code"], &said(&a)["source"]["label"]),
        (&json!("database_unavailable"), &json!("vault"))
    );
    let a = s.call("list_tables", json!({})).await;
    assert_eq!(a["structuredContent"]["databases"][2]["state"], "did not answer a moment ago");
    // Resources are those of the databases that answer, page by page.
    let (mut uris, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let params = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
        let page = stateless(s.address, "resources/list", params).await.json();
        for r in page["result"]["resources"].as_array().expect("resources") {
            uris.push(r["uri"].as_str().expect("uri").to_owned());
        }
        cursor = page["result"]["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    for uri in ["mssql://Ledger/sales/Orders", "mssql://risk/sales/Orders"] {
        assert!(uris.iter().any(|u| u == uri), "{uris:?}");
        let read = stateless(s.address, "resources/read", json!({ "uri": uri })).await.json();
        assert!(read["result"]["contents"][0]["text"].is_string(), "{read}");
    }
    let sample = json!({ "uri": "mssql://risk/sales/Orders/sample" });
    let read = stateless(s.address, "resources/read", sample).await.json();
    assert!(
        read["result"]["contents"][0]["text"].as_str().is_some_and(|t| t.starts_with("OrderId")),
        "{read}"
    );
    // So is what is found.
    let a = s.call("search", json!({ "query": "orders" })).await;
    let ids: Vec<&str> = a["structuredContent"]["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|r| r["id"].as_str().expect("id"))
        .collect();
    assert!(
        ids.contains(&"Ledger/table:sales.Orders") && ids.contains(&"risk/table:sales.Orders"),
        "{ids:?}"
    );
    let a = s.call("fetch", json!({ "id": "risk/table:sales.Orders" })).await;
    assert_eq!(a["structuredContent"]["metadata"]["database"], "risk", "{a}");
    let a = s.call("fetch", json!({ "id": "table:sales.Orders" })).await;
    assert_eq!(said(&a)["error"]["code"], "no_such_database");
    // Names complete by the database that was given.
    let complete = async |argument: Value, given: Value| {
        let params = json!({
            "ref": { "type": "ref/resource", "uri": "mssql://{database}/{schema}/{table}" },
            "argument": argument, "context": { "arguments": given },
        });
        let a = stateless(s.address, "completion/complete", params).await.json();
        a["result"]["completion"]["values"].clone()
    };
    assert_eq!(
        complete(json!({ "name": "database", "value": "R" }), json!({})).await,
        json!(["risk"])
    );
    let given = json!({ "database": "risk", "schema": "sales" });
    assert_eq!(
        complete(json!({ "name": "table", "value": "Ord" }), given).await,
        json!(["Orders"])
    );
    assert_eq!(complete(json!({ "name": "table", "value": "Ord" }), json!({})).await, json!([]));
    // And a call to one that answers does not wait for the one that does not.
    let slow = s.call("list_tables", json!({ "database": "vault" }));
    let began = Instant::now();
    let quick = s.call("execute_sql", json!({ "query": "SELECT 1", "database": "risk" }));
    let (_, quick) = tokio::join!(slow, async {
        let a = quick.await;
        (a, began.elapsed())
    });
    assert!(quick.0["isError"] != true);
    let health = http(s.address, "GET", "/health", &[], b"").await.json();
    assert_eq!(
        (&health["database"], &health["status"]),
        (&json!("3 databases"), &json!("degraded"))
    );
}

/// What somebody who has a token of their own gets.
async fn asked(lab: &Lab, at: SocketAddr, who: &str, method: &str, params: Value) -> Answer {
    signed_in(lab, at, (who, &["mssql:read", "mssql:write"]), method, params).await
}

const GRANTS: &str = "[[grant]]\nprincipals = [\"token:sal*\"]\ndatabases = [\"ledger\"]\n\
                      [[grant]]\nprincipals = [\"token:risk\", \"token:sally\"]\ndatabases = \
                      [\"r*\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_of_a_database_that_they_are_not_shown() {
    let settings = [("auth.mode", "builtin"), ("auth.store", "memory"), ("tools.search", "on")];
    let s = several("grants", GRANTS, &settings).await;
    let ask = async |who: &str, method: &str, params: Value| -> (Answer, String) {
        let answer = asked(&s.lab, s.address, who, method, params).await;
        let text = answer.body.clone();
        (answer, text)
    };
    let database = |text: &str, name: &str| text.to_lowercase().contains(&name.to_lowercase());
    for (who, shown, hidden) in [
        ("sal", &["Ledger"][..], &["risk", "vault"][..]),
        ("risk", &["risk"], &["Ledger\"", "mssql://Ledger", "vault"]),
        ("sally", &["Ledger", "risk"], &["vault"]),
        ("eve", &[], &["Ledger\"", "risk", "vault"]),
    ] {
        let mut all = String::new();
        for (method, params) in [
            ("tools/list", json!({})),
            ("server/discover", json!({})),
            ("resources/list", json!({})),
            ("tools/call", json!({ "name": "list_tables", "arguments": {} })),
            ("tools/call", json!({ "name": "search", "arguments": { "query": "orders" } })),
            ("tools/call", json!({ "name": "execute_sql", "arguments": { "query": "SELECT 1" } })),
            (
                "tools/call",
                json!({ "name": "execute_sql", "arguments": { "query": "SELECT 1", "database": "zzz" } }),
            ),
            (
                "completion/complete",
                json!({
                    "ref": { "type": "ref/resource", "uri": "mssql://{database}/{schema}/{table}" },
                    "argument": { "name": "database", "value": "" },
                }),
            ),
        ] {
            all += &ask(who, method, params).await.1;
        }
        for method in ["resources/list", "resources/templates/list"] {
            let (answer, told) = ask(who, method, json!({})).await;
            assert!(answer.json()["result"].is_object(), "{told}");
            let guides = told.contains("skill://");
            assert_eq!(guides, method == "resources/list", "{who}: {told}");
        }
        for name in hidden {
            assert!(!database(&all, name), "{who} sees {name}: {all}");
        }
        for name in shown {
            assert!(database(&all, name), "{who} does not see {name}: {all}");
        }
        // Hidden and not there are the same, but for the name that was given.
        for (name, uri) in [("vault", "mssql://vault/dbo/T"), ("nowhere", "mssql://nowhere/dbo/T")]
        {
            let call = json!({ "name": "execute_sql", "arguments": { "query": "SELECT 1", "database": name } });
            let (_, told) = ask(who, "tools/call", call).await;
            assert!(told.contains("no_such_database"), "{told}");
            let (answer, told) = ask(who, "resources/read", json!({ "uri": uri })).await;
            assert!(answer.json()["error"].is_object(), "{told}");
        }
    }
}

/// Databases of the next test; none is part of a word.
const NAMES: [&str; 5] = ["zamber1", "zamber2", "zcobalt1", "zcobalt2", "zslate"];
const PEOPLE: [&str; 4] = ["pia", "piet", "olaf", "olga"];

/// A list of grants: for whom, and which databases; both with patterns.
fn some_grants() -> impl Strategy<Value = Vec<(&'static str, Vec<&'static str>)>> {
    let whom = select(vec!["pia", "piet", "olaf", "olga", "pi*", "ol*", "*"]);
    let which = subsequence([&NAMES[..], &["zamber*", "zcobalt*"]].concat(), 1..=2);
    proptest::collection::vec((whom, which), 1..4)
}

/// Which databases somebody is granted, by the rule as docs/databases.md has it.
fn shown_to(who: &str, grants: &[(&str, Vec<&str>)]) -> Vec<&'static str> {
    let fits = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    };
    let granted = |name: &&&str| {
        let of = grants.iter().filter(|(whom, _)| fits(whom, who));
        of.flat_map(|(_, which)| which).any(|pattern| fits(pattern, name))
    };
    NAMES.iter().filter(granted).copied().collect()
}

#[test]
fn whatever_is_granted_nobody_sees_another_ones_names() {
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let config = Config { cases: 12, failure_persistence: None, ..Config::default() };
    let people = Just(PEOPLE.to_vec()).prop_shuffle();
    TestRunner::new(config)
        .run(&(some_grants(), people), |(grants, people)| {
            runtime.block_on(each_sees_their_own(&grants, &people));
            Ok(())
        })
        .expect("it holds");
}

async fn each_sees_their_own(grants: &[(&str, Vec<&str>)], people: &[&str]) {
    let dir = folder("granted");
    let file = dir.join("granted.toml");
    let mut text = format!(
        "[[server]]\nname = \"one\"\nhost = \"127.0.0.1\"\nport = SANDBOX_PORT\nuser = \
         \"{USER}\"\npassword = \"{PASSWORD}\"\nca_file = \"SANDBOX_CA\"\n"
    );
    for name in NAMES {
        text += &format!(
            "[[database]]\nname = \"{name}\"\nserver = \"one\"\ndatabase = \
             \"trading\"\n[[tool]]\nname = \"of_{name}\"\ndescription = \"What there is in {name} alone.\"\ndatabase \
             = \"{name}\"\nstatement = \"SELECT 1 AS n\"\n"
        );
    }
    for (whom, which) in grants {
        text += &format!("[[grant]]\nprincipals = [\"token:{whom}\"]\ndatabases = {which:?}\n");
    }
    std::fs::write(&file, text).expect("file");
    let settings = [("auth.mode", "builtin"), ("auth.store", "memory"), ("tools.search", "on")];
    let lab = Lab::with_file(&file, &settings).await;
    let (at, stop) = lab.serve().await;
    // Twice: what one has had may be kept for the next.
    for who in people.iter().chain(people) {
        let shown = shown_to(who, grants);
        let hidden: Vec<&str> = NAMES.into_iter().filter(|n| !shown.contains(n)).collect();
        let listed = asked(&lab, at, who, "tools/list", json!({})).await;
        let mut all = listed.body.clone();
        let listed = listed.json();
        let tools = listed["result"]["tools"].as_array().expect("tools");
        let tool = |n: &str| tools.iter().find(|t| t["name"] == n);
        let names = &tool("execute_sql").expect("tool")["inputSchema"]["properties"]["database"];
        if shown.len() > 1 {
            assert_eq!(names["enum"], json!(shown), "{who}, {grants:?}");
        }
        for name in NAMES {
            let is = tool(&format!("of_{name}")).is_some();
            assert_eq!(is, shown.contains(&name), "{who}, {grants:?}: {name}");
        }
        let call = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
        let complete = json!({
            "ref": { "type": "ref/resource", "uri": "mssql://{database}/{schema}/{table}" },
            "argument": { "name": "database", "value": "Z" },
        });
        for (method, params) in [
            ("server/discover", json!({})),
            ("resources/list", json!({})),
            ("resources/templates/list", json!({})),
            ("prompts/list", json!({})),
            ("tools/call", call("list_tables", json!({}))),
            ("tools/call", call("search", json!({ "query": "orders" }))),
            ("tools/call", call("execute_sql", json!({ "query": "SELECT 1" }))),
            ("completion/complete", complete),
        ] {
            let answer = asked(&lab, at, who, method, params).await;
            if answer.json()["result"]["structuredContent"]["databases"].is_array() {
                let told = &answer.json()["result"]["structuredContent"]["databases"];
                assert_eq!(told.as_array().expect("list").len(), shown.len(), "{who}: {told}");
            }
            all += &answer.body;
        }
        let all = all.to_lowercase();
        for name in &hidden {
            assert!(!all.contains(name), "{who} sees {name} with {grants:?}: {all}");
        }
        // What is hidden, and what there never was, are told in the same words.
        for name in hidden {
            let told = async |name: &str| {
                let mut told = String::new();
                for written in [name.to_owned(), name.to_uppercase()] {
                    let uri = json!({ "uri": format!("mssql://{written}/sales/Orders") });
                    let id = json!({ "id": format!("{written}/table:sales.Orders") });
                    let sql = json!({ "query": "SELECT 1", "database": written });
                    let given = json!({
                        "ref": { "type": "ref/resource", "uri": "mssql://{database}/{schema}/{table}" },
                        "argument": { "name": "table", "value": "" },
                        "context": { "arguments": { "database": written, "schema": "sales" } },
                    });
                    for (method, params) in [
                        ("tools/call", call("execute_sql", sql)),
                        ("tools/call", call("list_tables", json!({ "database": written }))),
                        ("tools/call", call("fetch", id)),
                        ("tools/call", call(&format!("of_{written}"), json!({}))),
                        ("resources/read", uri),
                        ("completion/complete", given),
                    ] {
                        told += &asked(&lab, at, who, method, params).await.body;
                    }
                }
                told.replace(name, "NAME").replace(&name.to_uppercase(), "NAME")
            };
            assert_eq!(told(name).await, told("znever9").await, "{who}, {grants:?}");
        }
    }
    stop.now.cancel();
    std::fs::remove_dir_all(dir).expect("clean");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_logins_on_one_server_are_told_apart_as_the_session_says() {
    let dir = folder("logins");
    let login = |user: &str, database: &str| SandboxLogin {
        user: user.to_owned(),
        password: format!("{user}-Secret-1"),
        default_database: database.to_owned(),
        databases: vec![database.to_owned()],
    };
    let table = "CREATE TABLE dbo.Accounts (Name nvarchar(20) NOT NULL)";
    let options = Options {
        logins: vec![login("reader_north", "North"), login("reader_south", "South")],
        databases: vec![
            ("North".into(), format!("{table}\nGO\nINSERT INTO dbo.Accounts VALUES (N'Nora')")),
            ("South".into(), format!("{table}\nGO\nINSERT INTO dbo.Accounts VALUES (N'Sven')")),
        ],
        ..Options::default()
    };
    let server = Sandbox::start(options).await.expect("sandbox");
    let ca = dir.join("server.pem");
    std::fs::write(&ca, server.certificate()).expect("certificate");
    let file = dir.join("logins.toml");
    let (port, ca) = (server.address().port(), ca.to_str().expect("path"));
    // As in a report of confused connections: same host, same port, another login.
    let one = |name: &str, user: &str, database: &str| {
        format!(
            "[[database]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\nuser = \
             \"{user}\"\npassword = \"{user}-Secret-1\"\nca_file = {ca:?}\ndatabase = \"{database}\"\n"
        )
    };
    let text = one("north", "reader_north", "North")
        + &one("south", "reader_south", "South")
        // This login lost its rights there.
        + &one("lost", "reader_south", "North");
    std::fs::write(&file, text).expect("file");
    let mut client = Stdio1::start(command(&["stdio", "--config", file.to_str().expect("path")]));
    let mut id = 0;
    let mut call = |database: &str, query: &str| {
        id += 1;
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": modern(json!({
            "name": "execute_sql", "arguments": { "query": query, "database": database } })) })
    };
    let accounts = "SELECT Name, SUSER_SNAME() AS Login, DB_NAME() AS Db FROM dbo.Accounts";
    // Again and again, and in turn: a connection of one is never handed to the other.
    for _ in 0..4 {
        for (name, login, database, row) in
            [("north", "reader_north", "North", "Nora"), ("south", "reader_south", "South", "Sven")]
        {
            let a = client.ask(call(name, accounts)).await;
            let told = &a["result"]["structuredContent"];
            assert_eq!(told["results"][0]["rows"], json!([[row, login, database]]), "{a}");
            let source = &told["source"];
            assert_eq!(
                [&source["label"], &source["login"], &source["database"]],
                [&json!(name), &json!(login), &json!(database)],
                "{a}"
            );
            // So does an error.
            let a = client.ask(call(name, "SELECT 1/0")).await;
            let source = &said(&a["result"])["source"];
            assert_eq!([&source["label"], &source["login"]], [&json!(name), &json!(login)], "{a}");
        }
        let a = client.ask(call("lost", accounts)).await;
        let told = said(&a["result"]);
        assert_eq!(told["source"]["label"], "lost", "{a}");
        assert!(!a.to_string().contains("Nora"), "{a}");
    }
    std::fs::remove_dir_all(dir).expect("clean");
}

#[tokio::test(flavor = "multi_thread")]
async fn mounts_show_the_databases_that_they_list() {
    let more = "[[mount]]\npath = \"/a\"\ndatabases = [\"ledger\", \"r*\"]\n[mount.access]\nlevel = \
                \"read-only\"\n[[mount]]\npath = \"/b\"\ndatabases = [\"ledger\"]\n";
    let s = several("mounts", more, &[]).await;
    let tool = async |path: &str| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": modern(json!({})) });
        let headers =
            [JSON, BOTH, ("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/list")];
        http(s.address, "POST", path, &headers, body.to_string().as_bytes()).await
    };
    let of = |a: &Answer| {
        a.json()["result"]["tools"][0]["inputSchema"]["properties"]["database"]["enum"].clone()
    };
    assert_eq!(of(&tool("/a/mcp").await), json!(["Ledger", "risk"]));
    assert!(of(&tool("/b/mcp").await).is_null(), "there is one, which needs no name");
    // Where mounts share them out, nothing shows all of them.
    assert_eq!(tool("/mcp").await.status, 404);
    // A mount narrows what a database allows.
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": modern(json!({
        "name": "execute_sql",
        "arguments": { "query": "UPDATE dbo.Employees SET Name = Name", "database": "risk" } })) });
    let headers = [
        JSON,
        BOTH,
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "execute_sql"),
    ];
    let a = http(s.address, "POST", "/a/mcp", &headers, body.to_string().as_bytes()).await;
    assert!(a.body.contains("access_denied"), "{a:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_offers_the_scopes_that_its_databases_and_tools_need() {
    let more = "[[mount]]\npath = \"/reads\"\ndatabases = [\"ledger\"]\n[[mount]]\npath = \
                \"/all\"\ndatabases = [\"*\"]\n";
    let settings = [("auth.mode", "builtin"), ("auth.store", "memory")];
    let s = several("scopes", more, &settings).await;
    let offered = async |path: &str| {
        let url = format!("/.well-known/oauth-protected-resource{path}/mcp");
        http(s.address, "GET", &url, &[], b"").await.json()["scopes_supported"].clone()
    };
    assert_eq!(offered("/reads").await, json!(["mssql:read"]));
    // Risk has full access.
    let all = json!(["mssql:read", "mssql:write", "mssql:schema", "mssql:execute"]);
    assert_eq!(offered("/all").await, all);
    let tool = "[[tool]]\nname = \"close\"\ndescription = \"Closes what is open there.\"\naccess = \
                \"read-write\"\nstatement = \"DELETE FROM dbo.Employees\"\n[[mount]]\npath = \
                \"/reads\"\ndatabases = [\"ledger\"]\n";
    let s = several("scopes-of-tools", tool, &settings).await;
    let url = "/.well-known/oauth-protected-resource/reads/mcp";
    let offered = http(s.address, "GET", url, &[], b"").await.json();
    assert_eq!(offered["scopes_supported"], json!(["mssql:read", "mssql:write"]));
}

#[test]
fn a_reload_takes_grants_and_tools_with_their_databases_or_not_at_all() {
    let dir = folder("renamed");
    let config = |name: &str| {
        let file = dir.join(format!("{name}.toml"));
        let text = format!(
            "[[database]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nuser = \"u\"\npassword = \
             \"p\"\n[[grant]]\nprincipals = [\"ada\"]\ndatabases = [\"{name}\"]\n"
        );
        std::fs::write(&file, text).expect("file");
        let inputs = mssql_mcp::config::Inputs { file: Some(file), ..Default::default() };
        mssql_mcp::config::Config::load(&inputs).expect("config")
    };
    let (before, after) = (config("trading"), config("sales"));
    let (kept, restart) = before.reloaded(&after);
    assert_eq!(restart, ["[[database]]"]);
    assert!(format!("{kept:?}").contains("trading") && !format!("{kept:?}").contains("sales"));
    std::fs::remove_dir_all(dir).expect("clean");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_stdio_an_answer_names_server_and_login() {
    let s = several("stdio", "", &[]).await;
    let mut client = Stdio1::start(command(&["stdio", "--config", s.file.to_str().expect("path")]));
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": modern(json!({
        "name": "execute_sql", "arguments": { "query": "SELECT 1 AS n", "database": "risk" } })) });
    let a =
        tokio::time::timeout(Duration::from_secs(60), client.ask(call)).await.expect("an answer");
    let source = &a["result"]["structuredContent"]["source"];
    assert_eq!((&source["login"], &source["label"]), (&json!(USER), &json!("risk")), "{a}");
    assert!(source["server"].as_str().is_some_and(|s| !s.is_empty()), "{a}");
}

#[test]
fn what_is_wrong_with_databases_is_told_with_their_names() {
    let dir = folder("wrong-databases");
    let file = dir.join("wrong.toml");
    let text = "[[server]]\nname = \"east\"\nhost = \"a\"\nuser = \"u\"\npassword = \"p\"\n\
                [[server]]\nname = \"EAST\"\nhost = \"b\"\n[[server]]\nname = \"none\"\n\
                [[database]]\nname = \"a\"\nserver = \"nowhere\"\n\
                [[database]]\nname = \"b\"\nserver = \"east\"\ncolour = \"red\"\n\
                [[database]]\nname = \"B\"\nserver = \"east\"\nmax_rows = 3\n\
                [[database]]\nname = \"x/y\"\nserver = \"east\"\n\
                [[database]]\nserver = \"east\"\n\
                [[database]]\nname = \"c\"\nserver = \"east\"\nlimits = { calls = 3 }\n\
                [[database]]\nname = \"d\"\nserver = \"east\"\nuser = \"other\"\n\
                [[mount]]\npath = \"/m\"\ndatabases = [\"zzz\"]\n\
                [[database]]\nname = \"e\"\nserver = 5\nhost = \"h\"\nuser = \"u\"\npassword = \"p\"\n\
                [[databases]]\nname = \"f\"\n[[servers]]\nname = \"g\"\n\
                [[grant]]\nprincipals = [\"ada\"]\ndatabases = [\"yyy\"]\n\
                [[grant]]\nprincipals = []\ncolour = 1\n";
    std::fs::write(&file, text).expect("file");
    let output = command(&["config", "--config", file.to_str().expect("path")])
        .as_std_mut()
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    for part in [
        "server EAST: there are two servers of this name",
        "server none: host is missing",
        "database a: there is no [[server]] \"nowhere\"; there is east, EAST, none",
        "database b: database.colour: unknown key",
        "database B: there are two of this name",
        "database B: database.max_rows: unknown key",
        "[[database]]: name is missing",
        "database c: limits.calls is for the whole server or a mount",
        "database d: database.password is missing",
        "database e: server: a text is expected",
        "write [[database]], not [[databases]]",
        "write [[server]], not [[servers]]",
        "mount /m: databases: there is no database \"zzz\"",
        "[[grant]]: there is no database \"yyy\"",
        "[[grant]]: principals and databases must be named",
        "[[grant]]: colour: unknown key",
        "a name has no control characters",
    ] {
        assert!(told.contains(part), "{part}\nis not in\n{told}");
    }
    std::fs::remove_dir_all(dir).expect("clean");
}
