//! Resources, prompts, completion and skills, as clients of each era meet them over the sandbox.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Lab, Stdio1, command, handshake, in_session, stateless};

async fn asked(address: SocketAddr, method: &str, params: Value) -> Value {
    let mut answer = stateless(address, method, params).await.json();
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].take()
}

async fn refused(address: SocketAddr, method: &str, params: Value) -> (i64, String) {
    let answer = stateless(address, method, params).await.json();
    let error = &answer["error"];
    let message = error["message"].as_str().unwrap_or_else(|| panic!("{method}: {answer}"));
    (error["code"].as_i64().expect("a code"), message.to_owned())
}

fn texts<'v>(list: &'v Value, key: &str) -> Vec<&'v str> {
    list.as_array().into_iter().flatten().filter_map(|v| v[key].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_resources_with_their_description_and_templates_for_the_rest() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let listed = asked(address, "resources/list", json!({})).await;
    let uris = texts(&listed["resources"], "uri");
    assert!(uris.contains(&"mssql://trading/sales/Orders"), "{uris:?}");
    assert!(uris.iter().any(|u| u.starts_with("skill://")), "{uris:?}");
    assert_eq!((&listed["cacheScope"], listed["ttlMs"].is_u64()), (&json!("private"), true));
    for uri in &uris {
        let read = asked(address, "resources/read", json!({ "uri": uri })).await;
        assert_eq!(read["contents"][0]["uri"], **uri);
        assert!(read["contents"][0]["text"].as_str().is_some_and(|t| t.len() > 20), "{read}");
    }
    let templates = asked(address, "resources/templates/list", json!({})).await;
    let templates = texts(&templates["resourceTemplates"], "uriTemplate");
    let filled = |template: &&str, table: &str| {
        let filled = template.replace("{database}", "trading").replace("{schema}", "sales");
        filled.replace("{table}", table).replace("{procedure}", table)
    };
    assert_eq!(templates.len(), 3, "{templates:?}");
    let uri = filled(&templates[1], "Orders");
    let sample = asked(address, "resources/read", json!({ "uri": uri })).await;
    let rows = sample["contents"][0]["text"].as_str().expect("rows");
    assert_eq!(sample["contents"][0]["mimeType"], "text/csv");
    assert!(rows.starts_with("OrderId,") && rows.lines().count() == 11, "{rows}");
    for unknown in [
        "mssql://trading/sales/Nothing",
        "mssql://other/sales/Orders",
        "mssql://trading/sales/Nothing/sample",
        "mssql://trading/sales/Nothing/definition",
        "mssql://trading/sales/Orders;DROP TABLE x",
        "mssql://trading/sales",
        "file:///etc/passwd",
        "skill://nothing/SKILL.md",
    ] {
        let (code, message) = refused(address, "resources/read", json!({ "uri": unknown })).await;
        assert_eq!((code, message.contains(unknown)), (-32602, true), "{message}");
    }
    let (code, _) = refused(address, "resources/read", json!({ "uri": 1 })).await;
    assert_eq!(code, -32602);
    for method in ["resources/list", "prompts/list", "resources/templates/list", "skills/list"] {
        let (code, message) = refused(address, method, json!({ "cursor": "mine" })).await;
        assert_eq!((code, message.contains("cursor")), (-32602, true), "{method}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_comes_in_pages_and_names_that_need_it_are_encoded() {
    let lab = Lab::new(&[("access.level", "full")]).await;
    let (address, _stop) = lab.serve().await;
    let many: String = (0..210).map(|n| format!("CREATE TABLE dbo.T{n} (A int);")).collect();
    let odd = "CREATE TABLE dbo.[A b/c%] (A int)";
    for query in [many.as_str(), odd] {
        let call = json!({ "name": "execute_sql", "arguments": { "query": query } });
        let done = asked(address, "tools/call", call).await;
        assert_eq!(done["isError"], false, "{done}");
    }
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    for page in 0.. {
        assert!(page < 5, "it ends");
        let params = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
        let listed = asked(address, "resources/list", params).await;
        seen.extend(texts(&listed["resources"], "uri").into_iter().map(str::to_owned));
        cursor = listed["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "none comes twice");
    assert!((0..210).all(|n| seen.contains(&format!("mssql://trading/dbo/T{n}"))));
    let odd = "mssql://trading/dbo/A%20b%2Fc%25";
    assert!(seen.iter().any(|u| u == odd), "{seen:?}");
    let read = asked(address, "resources/read", json!({ "uri": odd })).await;
    assert!(read["contents"][0]["text"].as_str().is_some_and(|t| t.contains("A b/c%")), "{read}");
}

/// Up to 2025-11-25 a resource that is not there has a code of its own.
#[tokio::test(flavor = "multi_thread")]
async fn older_clients_are_told_in_their_way() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let session = handshake(address, version).await;
        let ask = async |method: &str, params: Value| {
            let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
            in_session(address, &session, message).await.json()
        };
        let uri = "mssql://trading/sales/Nothing";
        let none = ask("resources/read", json!({ "uri": uri })).await;
        assert_eq!(
            (&none["error"]["code"], &none["error"]["data"]["uri"]),
            (&json!(-32002), &json!(uri))
        );
        let listed = ask("resources/list", json!({})).await;
        assert!(listed["result"].get("ttlMs").is_none(), "{listed}");
        let prompts = ask("prompts/list", json!({})).await;
        let titled = prompts["result"]["prompts"][0].get("title").is_some();
        assert_eq!(titled, version >= "2025-06-18", "{version}");
        assert_eq!(ask("resources/unsubscribe", json!({ "uri": uri })).await["result"], json!({}));
        let subscribed = ask("resources/subscribe", json!({ "uri": uri })).await;
        assert_eq!(subscribed["error"]["code"], -32002);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_are_filled_in_and_their_arguments_completed() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let listed = asked(address, "prompts/list", json!({})).await;
    assert_eq!(texts(&listed["prompts"], "name").len(), 6);
    let params = json!({ "name": "profile-table", "arguments": { "table": "sales.Orders" } });
    let got = asked(address, "prompts/get", params).await;
    let text = got["messages"][0]["content"]["text"].as_str().expect("a text");
    assert!(text.starts_with("Profile sales.Orders."), "{text}");
    let (code, _) = refused(address, "prompts/get", json!({ "name": "profile-table" })).await;
    assert_eq!(code, -32602);
    let complete = async |reference: &Value, name: &str, value: &str, given: Value| {
        let params = json!({ "ref": reference, "argument": { "name": name, "value": value },
            "context": { "arguments": given } });
        let mut answer = asked(address, "completion/complete", params).await;
        let values = answer["completion"]["values"].take();
        serde_json::from_value::<Vec<String>>(values).expect("texts")
    };
    let prompt = json!({ "type": "ref/prompt", "name": "profile-table" });
    assert_eq!(complete(&prompt, "table", "sales.Ord", json!({})).await, ["sales.Orders"]);
    let given = json!({ "table": "sales.Orders" });
    assert_eq!(complete(&prompt, "column", "OrderI", given).await, ["OrderId"]);
    let template = json!({ "type": "ref/resource",
        "uri": "mssql://{database}/{schema}/{table}/sample" });
    assert_eq!(complete(&template, "database", "tr", json!({})).await, ["trading"]);
    assert_eq!(complete(&template, "schema", "sal", json!({})).await, ["sales"]);
    let given = json!({ "schema": "sales" });
    assert_eq!(complete(&template, "table", "Orders", given.clone()).await, ["Orders"]);
    assert_eq!(complete(&template, "table", "%", given).await, [""; 0], "no wildcard");
    for wrong in [
        json!({ "ref": template, "argument": { "name": "procedure", "value": "" } }),
        json!({ "ref": prompt, "argument": { "name": "nothing", "value": "" } }),
        json!({ "ref": { "type": "ref/prompt", "name": "no" }, "argument": { "name": "table", "value": "" } }),
        json!({ "ref": prompt }),
        json!({ "argument": { "name": "table", "value": "" } }),
    ] {
        assert_eq!(refused(address, "completion/complete", wrong).await.0, -32602);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn skills_are_what_their_digests_say() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let listed = asked(address, "skills/list", json!({})).await;
    let skills = listed["skills"].as_array().expect("skills");
    assert_eq!(skills.len(), 7);
    for skill in skills {
        let file = &skill["resources"][0];
        let read = asked(address, "resources/read", json!({ "uri": file["uri"] })).await;
        let text = read["contents"][0]["text"].as_str().expect("a text");
        assert_eq!(file["size"], text.len());
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let hex: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(file["digest"], format!("sha256:{hex}"));
        let one = asked(address, "skills/get", json!({ "uri": skill["uri"] })).await;
        assert_eq!(&one["skill"], skill);
        assert!(one["ttlMs"].is_u64() && one["cacheScope"] == "private", "{one}");
        let folder = skill["uri"].as_str().and_then(|u| u.strip_suffix("/SKILL.md"));
        let children = asked(address, "resources/directory/read", json!({ "uri": folder })).await;
        assert_eq!(children["resources"][0]["uri"], skill["uri"]);
    }
    for method in ["skills/get", "resources/directory/read"] {
        let (code, _) = refused(address, method, json!({ "uri": "skill://none" })).await;
        assert_eq!(code, -32602, "{method}");
    }
}

/// A table that comes, is altered and goes is told to a client that listens.
#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_tables_is_told() {
    let watching = ["demo", "--stdio", "--log-level", "error", "--database-watch", "100ms"];
    let mut client = Stdio1::start(command(&[&watching[..], &["--access-level", "full"]].concat()));
    let init = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    let opened = client.ask(init).await;
    assert_eq!(
        opened["result"]["capabilities"]["resources"],
        json!({ "subscribe": true, "listChanged": true })
    );
    let uri = "mssql://trading/sales/Orders";
    let watch = json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/subscribe", "params": { "uri": uri } });
    let answer = client.ask(watch).await;
    assert_eq!(answer["result"], json!({}), "{answer}");
    // Let it see how things are before they change.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let change = |id: u8, query: &str| {
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": { "name": "execute_sql", "arguments": { "query": query } } })
    };
    client
        .send(
            change(2, "ALTER TABLE sales.Orders ADD Note2 nvarchar(20) NULL")
                .to_string()
                .as_bytes(),
        )
        .await;
    let (mut updated, mut listed, mut done) = (false, false, 0);
    while !(updated && listed) {
        let message = client.read().await;
        match message["method"].as_str() {
            Some("notifications/resources/updated") => updated |= message["params"]["uri"] == uri,
            Some("notifications/resources/list_changed") => listed = true,
            _ => {
                done += 1;
                assert_eq!(message["result"]["isError"], false, "{message}");
                if done == 1 {
                    tokio::time::sleep(Duration::from_millis(400)).await;
                    client
                        .send(change(3, "CREATE TABLE dbo.Fresh (A int)").to_string().as_bytes())
                        .await;
                }
            }
        }
    }
}

/// A resource that is read asks the database as a tool does: it is recorded with its table, and the
/// limits of its caller count it.
#[tokio::test(flavor = "multi_thread")]
async fn reading_a_table_is_recorded_whatever_it_is_called() {
    let dir = std::env::temp_dir().join(format!("mssql-mcp-read-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let lab = Lab::new(&[("audit.dir", dir.to_str().expect("path"))]).await;
    let (address, stop) = lab.serve().await;
    for uri in ["mssql://trading/sales/Orders", "mssql://trading/sales/Orders/sample"] {
        asked(address, "resources/read", json!({ "uri": uri })).await;
    }
    refused(address, "resources/read", json!({ "uri": "mssql://trading/sales/Nothing" })).await;
    asked(address, "resources/read", json!({ "uri": "skill://t-sql-guide/SKILL.md" })).await;
    stop.closing.cancel();
    lab.app.audit.close().await;
    let files = mssql_mcp::audit::log::files(&dir, "audit").expect("files");
    let text: String = files.iter().map(|f| std::fs::read_to_string(f).expect("text")).collect();
    let records: Vec<Value> =
        text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let of =
        |event: &str| -> Vec<&Value> { records.iter().filter(|r| r["event"] == event).collect() };
    let (starts, ends) = (of("call_start"), of("call_end"));
    assert_eq!((starts.len(), ends.len()), (3, 3), "what is ours is no call: {text}");
    for start in &starts {
        assert_eq!(start["tool"], "resources/read", "{start}");
        assert!(start["objects"].to_string().contains("sales."), "{start}");
    }
    let outcomes: Vec<_> = ends.iter().map(|e| e["outcome"].clone()).collect();
    assert_eq!(outcomes, [json!("ok"), json!("ok"), json!("fault")]);
    let _ = std::fs::remove_dir_all(&dir);
}

/// What happens right after a subscription is told, and once; whatever way the URI is spelled.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_told_of_the_next_change_and_once() {
    let lab = Lab::new(&[("database.watch", "1s"), ("access.level", "full")]).await;
    let (address, stop) = lab.serve().await;
    let spelled = "mssql://TRADING/sales/%4Frders";
    let wanted = json!({ "notifications": { "resourceSubscriptions": [spelled] } });
    let listening =
        tokio::spawn(async move { stateless(address, "subscriptions/listen", wanted).await.body });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let alter = json!({ "name": "execute_sql",
        "arguments": { "query": "ALTER TABLE sales.Orders ADD Note3 nvarchar(20) NULL" } });
    assert_eq!(asked(address, "tools/call", alter).await["isError"], false);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    stop.closing.cancel();
    let heard = listening.await.expect("a stream");
    let updated = heard.matches("notifications/resources/updated").count();
    // The table, which has this one spelling here; its sample is not watched.
    assert_eq!(updated, 1, "{heard}");
    assert!(heard.matches(spelled).count() >= 2, "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_looks_nothing_is_promised() {
    let lab = Lab::new(&[("database.watch", "0")]).await;
    let (address, _stop) = lab.serve().await;
    let discovered = asked(address, "server/discover", json!({})).await;
    assert_eq!(discovered["capabilities"]["resources"], json!({}));
}
