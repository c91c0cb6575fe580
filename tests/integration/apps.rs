//! Pages in hosts (MCP Apps, SEP-1865), as a host and as a client without pages meet them.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::clients::{NODE, installed, run};
use crate::support::{BOTH, JSON, Lab, binary, http};

const UI: &str = "io.modelcontextprotocol/ui";

fn host() -> Value {
    json!({ "extensions": { UI: { "mimeTypes": ["text/html;profile=mcp-app"] } } })
}

/// A request of a client that declares this.
async fn ask(address: SocketAddr, capabilities: &Value, method: &str, mut params: Value) -> Value {
    let name = params["name"].as_str().or(params["uri"].as_str()).unwrap_or("").to_owned();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut headers =
        vec![JSON, BOTH, ("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", method)];
    if !name.is_empty() {
        headers.push(("Mcp-Name", &name));
    }
    http(address, "POST", "/mcp", &headers, body.to_string().as_bytes()).await.json()
}

async fn call(address: SocketAddr, capabilities: &Value, tool: &str, arguments: Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments });
    ask(address, capabilities, "tools/call", params).await
}

/// Three hundred rows of a number and a text.
const LONG: &str = "WITH d AS (SELECT n FROM (VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)) AS v(n)) \
    SELECT a.n * 100 + b.n * 10 + c.n AS n, N'text' AS t FROM d AS a CROSS JOIN d AS b \
    CROSS JOIN d AS c WHERE a.n < 3 ORDER BY 1";

#[tokio::test(flavor = "multi_thread")]
async fn a_host_finds_pages_and_others_do_not() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let discovered = ask(address, &host(), "server/discover", json!({})).await;
    assert_eq!(discovered["result"]["capabilities"]["extensions"][UI], json!({}));
    let tools = ask(address, &host(), "tools/list", json!({})).await;
    let tools = tools["result"]["tools"].as_array().expect("tools").clone();
    let tool = |name: &str| tools.iter().find(|t| t["name"] == name).expect("there").clone();
    for (name, page) in [
        ("execute_sql", "results"),
        ("get_table_sample", "results"),
        ("describe_table", "schema"),
        ("list_tables", "schema"),
    ] {
        let uri = tool(name)["_meta"]["ui"]["resourceUri"].as_str().expect("a page").to_owned();
        assert!(uri.starts_with(&format!("ui://mssql-mcp/{page}.html?v=")), "{uri}");
        assert_eq!(tool(name)["_meta"]["ui/resourceUri"], uri);
        for asked in [uri.as_str(), uri.split('?').next().expect("a URI")] {
            let read = ask(address, &host(), "resources/read", json!({ "uri": asked })).await;
            let page = &read["result"]["contents"][0];
            assert_eq!(
                (&page["uri"], &page["mimeType"]),
                (&json!(asked), &json!("text/html;profile=mcp-app"))
            );
            assert_eq!(page["_meta"]["ui"]["csp"], json!({}));
            assert!(
                page["text"].as_str().is_some_and(|t| t.starts_with("<!doctype html>")),
                "{page}"
            );
        }
    }
    for name in ["view_rows", "view_cell", "view_schema"] {
        assert_eq!(tool(name)["_meta"]["ui"]["visibility"], json!(["app"]));
    }
    let listed = ask(address, &host(), "resources/list", json!({})).await.to_string();
    assert!(listed.contains("ui://mssql-mcp/results.html"), "{listed}");
    // A client without pages is told nothing of them.
    for capabilities in [json!({}), json!({ "extensions": { UI: { "mimeTypes": ["text/html"] } } })]
    {
        for method in ["server/discover", "tools/list", "resources/list"] {
            let told = ask(address, &capabilities, method, json!({})).await.to_string();
            assert!(
                !told.contains("ui://") && !told.contains(UI) && !told.contains("view_"),
                "{told}"
            );
        }
        let hidden = call(address, &capabilities, "view_rows", json!({ "handle": "x" })).await;
        assert_eq!(hidden["error"]["code"], -32602, "{hidden}");
        assert!(!hidden.to_string().contains("view_cell"), "{hidden}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_the_models_page_is_there_for_the_view() {
    // A handle is another one each time.
    let lab = Lab::new(&[("limits.max_rows", "100"), ("results.spool", "off")]).await;
    let (address, _stop) = lab.serve().await;
    let query = json!({ "query": LONG });
    let plain = call(address, &json!({}), "execute_sql", query.clone()).await["result"].clone();
    let shown = call(address, &host(), "execute_sql", query).await["result"].clone();
    assert_eq!(plain["structuredContent"], shown["structuredContent"], "the model gets the same");
    assert_eq!(plain["content"], shown["content"]);
    assert_eq!(plain["structuredContent"]["results"][0]["row_count"], 100);
    let kept = &shown["_meta"]["io.github.mssql-mcp/view"];
    assert_eq!(
        (&kept["rows_kept"], &kept["complete"], &kept["sql"]),
        (&json!(300), &json!(true), &json!(LONG))
    );
    assert!(plain["_meta"].get("io.github.mssql-mcp/view").is_none());
    let handle = kept["handle"].as_str().expect("a handle");
    let view = async |tool: &str, arguments: Value| {
        let answer = call(address, &host(), tool, arguments).await;
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        answer["result"]["structuredContent"].clone()
    };
    let rows = view("view_rows", json!({ "handle": handle, "offset": 298 })).await;
    assert_eq!(rows["rows"], json!([[298, "text"], [299, "text"]]));
    assert_eq!((&rows["total"], &rows["matched"]), (&json!(300), &json!(300)));
    let sorted = json!({ "handle": handle, "limit": 2, "sort": [{ "column": 0, "desc": true }],
        "filter": [{ "column": 0, "op": "lt", "value": "200" }, { "op": "search", "value": "9" }] });
    let rows = view("view_rows", sorted).await;
    assert_eq!((&rows["numbers"], &rows["matched"]), (&json!([199, 198]), &json!(38)));
    let cell = view("view_cell", json!({ "handle": handle, "row": 7, "column": 1 })).await;
    assert_eq!(cell, json!({ "value": "text" }));
    for (tool, arguments) in [
        ("view_rows", json!({ "handle": "view_other" })),
        ("view_cell", json!({ "handle": "view_other", "row": 0, "column": 0 })),
    ] {
        let answer = call(address, &host(), tool, arguments).await;
        let text = answer["result"]["content"][0]["text"].as_str().expect("a text");
        assert!(text.contains("handle_expired"), "{answer}");
    }
    let wrong = call(address, &host(), "view_rows", json!({ "handle": handle, "result": 9 })).await;
    assert_eq!(wrong["result"]["isError"], true, "{wrong}");
    // A short answer has nothing to keep.
    let short = call(address, &host(), "execute_sql", json!({ "query": "SELECT 1 AS a" })).await;
    assert!(short["result"]["_meta"].get("io.github.mssql-mcp/view").is_none(), "{short}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_shown_with_those_around_it() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let answer = call(address, &host(), "view_schema", json!({ "table": "sales.Orders" })).await;
    let schema = &answer["result"]["structuredContent"];
    let tables: Vec<&str> = schema["tables"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|t| t["name"].as_str())
        .collect();
    assert!(tables.contains(&"Orders") && tables.len() > 1, "{answer}");
    let keys = schema["foreign_keys"].as_array().expect("keys");
    assert!(keys.iter().any(|k| k["from"]["table"] == "sales.Orders"), "{answer}");
    let none = call(address, &host(), "view_schema", json!({ "table": "sales.Nothing" })).await;
    assert_eq!(none["result"]["isError"], true);
}

/// The page that hosts show in a frame, opened by itself from a link in an answer.
#[tokio::test(flavor = "multi_thread")]
async fn people_without_pages_in_their_client_follow_a_link() {
    let lab = Lab::new(&[("limits.max_rows", "100"), ("tools.view_links", "yes")]).await;
    let (address, _stop) = lab.serve().await;
    let answer = call(address, &json!({}), "execute_sql", json!({ "query": LONG })).await;
    let said = answer["result"]["structuredContent"]["messages"][0].as_str().expect("a message");
    assert!(said.starts_with("300 rows until "), "{said}");
    let path = said.split("/view/").nth(1).expect("a link");
    let page =
        http(address, "GET", &format!("/view/{path}"), &[("Accept", "text/html")], b"").await;
    assert_eq!(page.status, 200, "{page:?}");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("script-src 'sha256-") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(page.body.contains("[299,\"text\"]"), "all rows are in it");
    let other = http(address, "GET", "/view/view_other", &[("Accept", "text/html")], b"").await;
    assert_eq!(other.status, 404);
    // Over stdio, and in a host that shows the page itself, there is no link.
    let shown = call(address, &host(), "execute_sql", json!({ "query": LONG })).await;
    assert!(shown["result"]["structuredContent"].get("messages").is_none(), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_decides_who_is_shown_pages() {
    for (setting, capabilities, shown) in
        [("never", host(), false), ("always", json!({}), true), ("auto", json!({}), false)]
    {
        let lab = Lab::new(&[("tools.apps", setting)]).await;
        let (address, _stop) = lab.serve().await;
        let tools = ask(address, &capabilities, "tools/list", json!({})).await.to_string();
        assert_eq!(tools.contains("view_rows"), shown, "{setting}");
    }
}

/// What a client may know of an endpoint before it connects (SEP-2127).
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_has_a_card() {
    let lab =
        Lab::new(&[("http.prefixes", "/,/demo"), ("http.public_url", "https://mcp.example.com")])
            .await;
    let (address, _stop) = lab.serve().await;
    for (path, url) in
        [("/mcp", "https://mcp.example.com/mcp"), ("/demo/mcp", "https://mcp.example.com/demo/mcp")]
    {
        let card = http(address, "GET", &format!("{path}/server-card"), &[], b"").await;
        assert_eq!((card.status, card.header("content-type")), (200, Some("application/json")));
        let card = card.json();
        assert_eq!(card["remotes"][0]["url"], url);
        assert_eq!(card["name"], "com.example.mcp/mssql-mcp");
        let discovered = ask(address, &json!({}), "server/discover", json!({})).await;
        let versions = &discovered["result"]["supportedVersions"];
        assert_eq!(&card["remotes"][0]["supportedProtocolVersions"], versions, "they agree");
    }
    assert_eq!(http(address, "POST", "/mcp/server-card", &[JSON], b"{}").await.status, 404);
}

/// The pages themselves: the server's bytes in Chromium, whose calls a host forwards to the server.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_work_against_a_server_that_runs() {
    let ui = concat!(env!("CARGO_MANIFEST_DIR"), "/ui");
    assert!(
        std::path::Path::new(ui).join("node_modules/puppeteer-core").exists(),
        "ui/node_modules is missing: run `make views`, or `cd ui && npm ci` (make test does)"
    );
    let script = format!("{ui}/test/live.mjs");
    let text = run(installed(NODE), &script, &[binary().to_str().expect("path")]).await;
    let asserted = text.lines().filter(|l| l.ends_with(": ok")).count();
    assert_eq!(asserted, 15, "{text}");
}
