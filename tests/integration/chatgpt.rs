//! ChatGPT's two tools, to the letter of their contract, and the pages that their links lead to.

use mssql_mcp::database::run::Mode;
use mssql_mcp::oauth::people::{User, hash};
use serde_json::{Value, json};

use crate::oauth::Browser;
use crate::support::{Lab, http, stateless};

const ORIGIN: &str = "https://mcp.example.com";

async fn lab(more: &[(&'static str, &str)]) -> (Lab, std::net::SocketAddr) {
    let mut all = vec![
        ("tools.search", "yes"),
        ("tools.search_rows", "sales.Customers.Name,dbo.[Notes.Archive].[Note Text],dbo.Long.Body"),
        ("http.public_url", ORIGIN),
    ];
    all.extend_from_slice(more);
    let lab = Lab::new(&all).await;
    let (address, _stop) = lab.serve().await;
    (lab, address)
}

async fn call(address: std::net::SocketAddr, tool: &str, arguments: Value) -> Value {
    stateless(address, "tools/call", json!({ "name": tool, "arguments": arguments })).await.json()["result"].clone()
}

async fn search(address: std::net::SocketAddr, query: &str) -> Vec<String> {
    let r = call(address, "search", json!({ "query": query })).await;
    let results = r["structuredContent"]["results"]
        .as_array()
        .unwrap_or_else(|| panic!("{query}: {r}"))
        .clone();
    results.iter().map(|h| h["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn search_and_fetch_keep_to_the_contract() {
    let (_lab, address) = lab(&[]).await;
    let tools = stateless(address, "tools/list", json!({})).await.json()["result"]["tools"].clone();
    for (tool, argument) in [("search", "query"), ("fetch", "id")] {
        let t = tools
            .as_array()
            .into_iter()
            .flatten()
            .find(|t| t["name"] == tool)
            .expect("the tool")
            .clone();
        assert_eq!(t["inputSchema"]["required"], json!([argument]));
        assert_eq!(t["inputSchema"]["properties"][argument]["type"], "string");
        assert_eq!(t["annotations"]["readOnlyHint"], true);
    }
    // One text item, whose text is the same JSON as structuredContent.
    let r = call(address, "search", json!({ "query": "orders" })).await;
    assert_eq!(r["content"].as_array().map(Vec::len), Some(1));
    assert_eq!(r["content"][0]["type"], "text");
    let text: Value =
        serde_json::from_str(r["content"][0]["text"].as_str().expect("text")).expect("JSON");
    assert_eq!(text, r["structuredContent"]);
    assert_eq!(
        text.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>()),
        Some(vec!["results".to_owned()])
    );
    for hit in text["results"].as_array().expect("results") {
        assert_eq!(
            hit.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>()),
            Some(vec!["id".into(), "title".into(), "url".into()])
        );
        let (id, url) = (hit["id"].as_str().expect("id"), hit["url"].as_str().expect("url"));
        let (base, query) = url.split_once("?id=").expect("a page");
        assert_eq!(base, format!("{ORIGIN}/object"));
        assert_eq!(
            form_urlencoded::parse(format!("id={query}").as_bytes())
                .next()
                .map(|(_, v)| v.into_owned()),
            Some(id.to_owned())
        );
        // Every id that search gives can be fetched.
        let f = call(address, "fetch", json!({ "id": id })).await;
        let text: Value =
            serde_json::from_str(f["content"][0]["text"].as_str().expect("text")).expect("JSON");
        assert_eq!(text, f["structuredContent"], "{f}");
        assert_eq!(
            text.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>()),
            Some(["id", "title", "text", "url", "metadata"].map(str::to_owned).to_vec())
        );
        assert_eq!((&text["id"], &text["url"]), (&hit["id"], &hit["url"]));
        assert!(text["text"].as_str().is_some_and(|t| !t.is_empty()), "{text}");
        assert!(
            text["metadata"].as_object().is_some_and(|m| m.values().all(Value::is_string)),
            "{text}"
        );
    }
    let bad = call(address, "fetch", json!({ "id": "table:sales.Nothing" })).await;
    assert!(
        bad["isError"] == true
            && bad["content"][0]["text"].as_str().is_some_and(|t| t.contains("no_such_object")),
        "{bad}"
    );
    // Off by default.
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let tools = stateless(address, "tools/list", json!({})).await.json()["result"]["tools"].clone();
    let names: Vec<&str> =
        tools.as_array().into_iter().flatten().filter_map(|t| t["name"].as_str()).collect();
    assert!(names.contains(&"execute_sql"), "{names:?}");
    assert!(!names.contains(&"search") && !names.contains(&"fetch"), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_hit_comes_first() {
    let (_lab, address) = lab(&[]).await;
    for (query, first) in [
        ("Orders", "table:sales.Orders"),
        ("sales.orders", "table:sales.Orders"),
        ("order", "table:sales.Orders"),
        ("custmers", "table:sales.Customers"),
        ("Instrumnets", "table:market.Instruments"),
        ("open orders", "view:sales.OpenOrders"),
        ("OrderSummary", "procedure:sales.OrderSummary"),
        ("who do staff report to", "table:dbo.Employees"),
        ("notes archive", "table:dbo.[Notes.Archive]"),
        ("Email", "column:"),
        // As T-SQL writes a name, or as people quote one.
        ("Notes.Archive", "table:dbo.[Notes.Archive]"),
        ("dbo.[Notes.Archive]", "table:dbo.[Notes.Archive]"),
        ("[sales].[Orders]", "table:sales.Orders"),
        ("\"Orders\"", "table:sales.Orders"),
    ] {
        let ids = search(address, query).await;
        assert!(ids.first().is_some_and(|id| id.starts_with(first)), "{query}: {ids:?}");
    }
    assert!(search(address, "").await.is_empty() && search(address, "zzzzqqqq").await.is_empty());
    // Marks of LIKE and quotes are words like others.
    for odd in ["100%", "a_b", "[x", "'; DROP TABLE dbo.Employees --", "%%%%"] {
        search(address, odd).await;
    }
    let employees = call(address, "fetch", json!({ "id": "table:dbo.Employees" })).await;
    assert!(
        employees["structuredContent"]["text"]
            .as_str()
            .is_some_and(|t| t.contains("Columns") && t.contains("Staff and whom"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_configured_columns_are_found_and_read() {
    let (lab, address) = lab(&[("limits.max_chars", "1000")]).await;
    let limits = lab.limits();
    let sql = "SELECT TOP (1) CustomerId, Name FROM sales.Customers ORDER BY CustomerId DESC";
    let row =
        lab.app.database.fetch(sql, &[], &limits).await.expect("a customer").remove(0).remove(0);
    let (id, name) = (row[0].to_string(), row[1].as_str().expect("a name").to_owned());
    let ids = search(address, &name).await;
    let wanted = format!("row:sales.Customers:{id}");
    assert!(ids.contains(&wanted), "{name}: {ids:?}");
    let r = call(address, "fetch", json!({ "id": wanted })).await;
    let text = r["structuredContent"]["text"].as_str().unwrap_or_else(|| panic!("{r}"));
    assert!(
        text.contains(&format!("CustomerId: {id}")) && text.contains(&format!("Name: {name}")),
        "{text}"
    );
    assert_eq!(r["structuredContent"]["metadata"]["kind"], "row");
    for nobody in [
        "row:sales.Customers:999999999",
        "row:sales.Customers:x",
        "row:sales.Customers:1,2",
        "row:sales.Customers:%zz",
        "row:x",
    ] {
        let r = call(address, "fetch", json!({ "id": nobody })).await;
        assert!(r["isError"] == true && r.to_string().contains("no_such_object"), "{nobody}: {r}");
    }
    // A text is cut, and says so.
    for sql in [
        "CREATE TABLE dbo.Long (Code varchar(20) NOT NULL, Part int NOT NULL, Body nvarchar(max), \
         PRIMARY KEY (Code, Part))",
        "INSERT dbo.Long VALUES ('a,b:c%', 7, REPLICATE(N'zebra ', 500))",
    ] {
        lab.app.database.run(sql.into(), Mode::Change, &limits).await.expect("done");
    }
    // A key of two parts, with what would end one in it.
    let id = "row:dbo.Long:a%2Cb%3Ac%25,7";
    assert_eq!(search(address, "zebra").await, [id]);
    let r = call(address, "fetch", json!({ "id": id })).await;
    let text = r["structuredContent"]["text"].as_str().unwrap_or_else(|| panic!("{r}"));
    assert!(
        text.ends_with("… [cut]") && r["structuredContent"]["metadata"]["truncated"].is_string(),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_are_for_people_who_signed_in() {
    let more = [
        ("auth.mode", "builtin"),
        ("auth.store", "memory"),
        ("http.public_url", ""),
        ("http.prefixes", "/,/demo"),
    ];
    let (lab, address) = lab(&more).await;
    let people = lab.app.authority.as_ref().expect("sign-in").people().clone();
    for (name, scopes) in [("ada", vec!["mssql:read".to_owned()]), ("bob", vec![])] {
        let user = User::new(hash("correct horse battery").expect("hash"), scopes);
        people.put(name, &user).await.expect("written");
    }
    let tools = http(address, "GET", "/demo/object?id=table:sales.Orders", &[], b"").await;
    assert!(
        tools.status == 200
            && tools.body.contains("type=\"password\"")
            && !tools.body.contains("OrderId"),
        "{tools:?}"
    );
    for (name, status, shown) in [("ada", 200, "OrderId"), ("bob", 403, "You may not read here")] {
        let mut b = Browser::default();
        b.go(address, "GET", "/demo/object?id=table:sales.Orders", "").await;
        let login = [
            ("do", "login"),
            ("request", "id=table:sales.Orders"),
            ("username", name),
            ("password", "correct horse battery"),
        ];
        let a = b.submit(address, "/demo/object", &login).await;
        assert_eq!(
            (a.status, a.header("location")),
            (303, Some("/demo/object?id=table:sales.Orders")),
            "{a:?}"
        );
        let page = b.go(address, "GET", "/demo/object?id=table:sales.Orders", "").await;
        assert!(page.status == status && page.body.contains(shown), "{page:?}");
        assert!(
            page.header("content-security-policy")
                .is_some_and(|p| p.contains("default-src 'none'"))
        );
        if status == 200 {
            let page = b.go(address, "GET", "/demo/object?id=%3Cscript%3E", "").await;
            assert!(page.status == 404 && !page.body.contains("<script>"), "{page:?}");
        }
    }
    // Hosts are told which tools need a sign-in.
    let token = crate::oauth::signed_in_token(address, "ada", "correct horse battery").await;
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": crate::support::modern(json!({})) });
    let headers = [
        crate::support::JSON,
        crate::support::BOTH,
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/list"),
        ("Authorization", &token),
    ];
    let tools =
        http(address, "POST", "/mcp", &headers, body.to_string().as_bytes()).await.json()["result"]
            ["tools"]
            .clone();
    let schemes = json!([{ "type": "oauth2", "scopes": ["mssql:read"] }]);
    for t in tools.as_array().expect("tools") {
        assert_eq!((&t["securitySchemes"], &t["_meta"]["securitySchemes"]), (&schemes, &schemes));
    }
}

/// An entry that cannot be searched is told, with its reason, and the others are
/// searched all the same.
#[tokio::test(flavor = "multi_thread")]
async fn columns_that_cannot_be_searched_are_told() {
    let rows_of = "sales.Nowhere.Name,sales.Customers.Nmae,sales.Orders.OrderId,sales.Customers.Name,sales.OpenOrders.Side";
    let (lab, address) = lab(&[("tools.search_rows", rows_of)]).await;
    let wrong = lab
        .app
        .database
        .unsearchable(&mssql_mcp::sources::columns(&lab.config), &lab.limits())
        .await;
    let wrong = wrong.expect("looked at");
    for (at, said) in [
        (0, "there is no such table"),
        (1, "there is no such column; the closest are Name"),
        (2, "it is of type int; only columns of text are searched"),
        (3, "no primary key"),
    ] {
        assert!(
            wrong[at].starts_with("tools.search_rows: [sales]") && wrong[at].contains(said),
            "{at}: {wrong:?}"
        );
    }
    assert_eq!(wrong.len(), 4, "{wrong:?}");
    let sql = "SELECT TOP (1) CustomerId, Name FROM sales.Customers ORDER BY CustomerId";
    let row = lab
        .app
        .database
        .fetch(sql, &[], &lab.limits())
        .await
        .expect("a customer")
        .remove(0)
        .remove(0);
    let ids = search(address, row[1].as_str().expect("a name")).await;
    assert!(ids.contains(&format!("row:sales.Customers:{}", row[0])), "{ids:?}");
}

/// Numbers are the same wherever they are read.
#[tokio::test(flavor = "multi_thread")]
async fn fetch_and_execute_sql_agree_on_decimals() {
    let (lab, address) = lab(&[("access.level", "full"), ("access.confirm_writes", "never")]).await;
    for sql in [
        "CREATE TABLE dbo.D (k decimal(20,2) NOT NULL PRIMARY KEY, d decimal(38,10) NULL, t \
         nvarchar(20) NULL)",
        "INSERT dbo.D (k, d, t) VALUES (12.50, 1234567890123456789.1234567890, N'decimals')",
    ] {
        lab.app
            .database
            .run(sql.into(), mssql_mcp::database::run::Mode::Change, &lab.limits())
            .await
            .expect(sql);
    }
    let r = call(address, "fetch", json!({ "id": "row:dbo.D:12.50" })).await;
    let text = r["structuredContent"]["text"].as_str().unwrap_or_else(|| panic!("{r}")).to_owned();
    let r =
        call(address, "execute_sql", json!({ "query": "SELECT k, d FROM dbo.D", "format": "csv" }))
            .await;
    let csv = r["content"][0]["text"].as_str().expect("text");
    assert_eq!(csv.lines().nth(1), Some("12.50,1234567890123456789.1234567890"));
    assert!(
        text.contains("k: 12.50\n") && text.contains("d: 1234567890123456789.1234567890\n"),
        "{text}"
    );
}
