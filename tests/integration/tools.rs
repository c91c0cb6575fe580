//! The four tools, one table of scenarios over every transport.

use std::time::Duration;

use mssql_mcp::app::App;
use mssql_mcp::config::Config;
use mssql_mcp::database::run::Mode;
use mssql_mcp::http::{Listener, Shutdown};
use serde_json::{Value, json};

use crate::support::{
    BOTH, JSON, Lab, Stdio1, command, handshake, http, in_session, modern, stateless,
};

/// Tool, arguments, and what must stand where (a JSON pointer or a key, its value).
type Scenario = (&'static str, Value, Vec<(&'static str, Value)>);

fn scenarios() -> Vec<Scenario> {
    let ok = ("/isError", json!(false));
    vec![
        (
            "list_tables",
            json!({}),
            vec![
                ok.clone(),
                ("/structuredContent/tables/0/name", json!("AllTypes")),
                ("/structuredContent/tables/8/rows", json!(20_000)),
            ],
        ),
        (
            "list_tables",
            json!({ "schema": "sales", "name_like": "%ord%", "include_views": true }),
            vec![
                ("/structuredContent/tables/0/name", json!("OpenOrders")),
                ("/structuredContent/tables/0/type", json!("view")),
                (
                    "/structuredContent/tables/1/description",
                    json!("Instructions to buy (B) or sell (S) an instrument."),
                ),
            ],
        ),
        (
            "describe_table",
            json!({ "table_name": "[sales].[Orders]" }),
            vec![
                ok.clone(),
                (
                    "/structuredContent/columns/0",
                    json!({ "name": "OrderId", "type": "int", "nullable": false, "identity": { "seed": 1, "increment": 1 } }),
                ),
                ("/structuredContent/columns/5/type", json!("decimal(12,4)")),
                ("/structuredContent/columns/9/computed", json!("((Quantity * LimitPrice))")),
                (
                    "/structuredContent/primary_key",
                    json!({ "name": "PK_Orders", "columns": ["OrderId"] }),
                ),
                ("/structuredContent/foreign_keys/0/references", json!("sales.Accounts")),
                ("/structuredContent/referenced_by/0/table", json!("sales.Trades")),
                ("/structuredContent/indexes/0/columns", json!(["AccountId", "PlacedAt"])),
            ],
        ),
        (
            "describe_table",
            json!({ "table_name": "dbo.[Notes.Archive]" }),
            vec![("/structuredContent/columns/2/name", json!("Created.At"))],
        ),
        (
            "execute_sql",
            json!({ "query": "SELECT @n * 2 AS d, @t AS t", "params": { "n": 21, "t": "ü'x" } }),
            vec![
                ok.clone(),
                ("/structuredContent/results/0/columns/0", json!({ "name": "d", "type": "int" })),
                ("/structuredContent/results/0/rows", json!([[42, "ü'x"]])),
                // A read says nothing of changes.
                (
                    "/structuredContent/results",
                    json!([{
                    "columns": [{ "name": "d", "type": "int" }, { "name": "t", "type": "nvarchar(4000)" }], "rows": [[42, "ü'x"]], "row_count": 1 }]),
                ),
            ],
        ),
        (
            "execute_sql",
            json!({ "query": "SELECT OrderId FROM sales.Orders ORDER BY OrderId", "max_rows": 3 }),
            vec![
                ("/structuredContent/truncated/reason", json!("max_rows")),
                ("/structuredContent/truncated/limit", json!(3)),
                ("/structuredContent/truncated/missing", json!("the rows behind it")),
                ("/structuredContent/results/0/row_count", json!(3)),
                ("/structuredContent/results/0/truncated/reason", json!("max_rows")),
            ],
        ),
        (
            "execute_sql",
            json!({ "query": "SELECT 1 AS a, 2 AS a, 3" }),
            vec![
                ("/structuredContent/results/0/rows", json!([[1, 2, 3]])),
                ("/structuredContent/results/0/columns/2/name", json!("")),
            ],
        ),
        (
            "get_table_sample",
            json!({ "table_name": "Employees", "limit": 2 }),
            vec![ok.clone(), ("/structuredContent/results/0/row_count", json!(2))],
        ),
        (
            "get_table_sample",
            json!({ "table_name": "sales.Orders", "limit": 5000 }),
            vec![
                ("/structuredContent/results/0/row_count", json!(100)),
                (
                    "/structuredContent/messages/0",
                    json!("limit 5000 was taken as 100; it may be 1 to 100"),
                ),
            ],
        ),
    ]
}

/// Errors: tool, arguments, what must stand in the error object.
fn errors() -> Vec<Scenario> {
    vec![
        (
            "execute_sql",
            json!({ "query": "SELECT *\nFROM nope" }),
            vec![
                ("code", json!("sql_error")),
                ("number", json!(208)),
                ("severity", json!(16)),
                ("state", json!(1)),
                ("message", json!("Invalid object name 'nope'.")),
            ],
        ),
        ("execute_sql", json!({ "query": "SELECT 1/0" }), vec![("number", json!(8134))]),
        // What was written for another database hears how T-SQL has it, and never of more rights.
        (
            "execute_sql",
            json!({ "query": "SELECT NOW()" }),
            vec![
                ("number", json!(195)),
                ("hint", json!("In T-SQL, write GETDATE() or SYSDATETIME().")),
            ],
        ),
        (
            "execute_sql",
            json!({ "query": "SELECT * FROM sales.Orders WHERE Status = \"Open\"" }),
            vec![
                ("number", json!(207)),
                ("hint", json!("\"Open\" is a column's name in T-SQL; a text is written 'Open'.")),
            ],
        ),
        (
            "execute_sql",
            json!({ "query": "SHOW TABLES" }),
            vec![
                ("code", json!("unclear_sql")),
                (
                    "hint",
                    json!(
                        "Use the tool list_tables, or SELECT from sys.databases, sys.tables and \
                         sys.columns."
                    ),
                ),
            ],
        ),
        (
            "execute_sql",
            json!({ "query": "USE trading; SELECT * FROM sales.Orders LIMIT 5" }),
            vec![
                ("code", json!("unclear_sql")),
                (
                    "hint",
                    json!(
                        "Write SELECT TOP (n) …, or ORDER BY … OFFSET n ROWS FETCH NEXT m ROWS \
                         ONLY."
                    ),
                ),
            ],
        ),
        (
            "execute_sql",
            json!({ "query": "DROP TABLE sales.Orders" }),
            vec![("code", json!("access_denied")), ("line", json!(1)), ("column", json!(1))],
        ),
        (
            "execute_sql",
            json!({ "query": "SELECT 1; DELETE FROM sales.Orders" }),
            vec![("code", json!("access_denied"))],
        ),
        ("execute_sql", json!({}), vec![("code", json!("invalid_arguments"))]),
        ("execute_sql", json!({ "query": " \n" }), vec![("code", json!("invalid_arguments"))]),
        ("execute_sql", json!({ "query": 5 }), vec![("code", json!("invalid_arguments"))]),
        (
            "execute_sql",
            json!({ "querry": "SELECT 1" }),
            vec![("code", json!("invalid_arguments"))],
        ),
        (
            "execute_sql",
            json!({ "query": "SELECT @a", "params": { "a": { "type": "int); DROP TABLE x --", "value": 1 } } }),
            vec![("code", json!("invalid_arguments"))],
        ),
        (
            "describe_table",
            json!({ "table_name": "sales.Ordrs" }),
            vec![
                ("code", json!("no_such_table")),
                ("closest", json!(["sales.Orders", "sales.Trades"])),
            ],
        ),
        ("describe_table", json!({ "table_name": "[open" }), vec![("code", json!("bad_name"))]),
        (
            "get_table_sample",
            json!({ "table_name": "x'; DROP TABLE dbo.Employees --" }),
            vec![("code", json!("no_such_table"))],
        ),
    ]
}

fn check(transport: &str, answer: impl Fn(usize) -> Value) {
    let mut at = 0;
    for (tool, args, wants) in scenarios() {
        let result = answer(at)["result"].clone();
        at += 1;
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap_or(""))
            .unwrap_or_default();
        assert_eq!(
            text, result["structuredContent"],
            "{transport} {tool} {args}: the text is the structured content"
        );
        for (pointer, want) in wants {
            assert_eq!(
                result.pointer(pointer),
                Some(&want),
                "{transport} {tool} {args} {pointer}: {result}"
            );
        }
    }
    for (tool, args, wants) in errors() {
        let result = answer(at)["result"].clone();
        at += 1;
        assert_eq!(result["isError"], json!(true), "{transport} {tool} {args}: {result}");
        assert!(
            result.get("structuredContent").is_none(),
            "{transport} {tool}: an error has no structured content"
        );
        let e: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap_or(""))
            .unwrap_or_default();
        for (key, want) in wants {
            assert_eq!(e["error"][key], want, "{transport} {tool} {args} {key}: {e}");
        }
    }
}

fn all() -> Vec<(&'static str, Value)> {
    scenarios().into_iter().chain(errors()).map(|(t, a, _)| (t, a)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_stateless_http() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let mut answers = Vec::new();
    for (tool, args) in all() {
        answers.push(
            stateless(address, "tools/call", json!({ "name": tool, "arguments": args }))
                .await
                .json(),
        );
    }
    check("http 2026-07-28", |i| answers[i].clone());
}

#[tokio::test(flavor = "multi_thread")]
async fn over_sessions_of_every_handshake_version() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let session = handshake(address, version).await;
        let mut answers = Vec::new();
        for (i, (tool, args)) in all().into_iter().enumerate() {
            let message = json!({ "jsonrpc": "2.0", "id": i, "method": "tools/call", "params": { "name": tool, "arguments": args } });
            let mut v = in_session(address, &session, message).await.json();
            // Structured content came with 2025-06-18; before, the text is all there is.
            if version < "2025-06-18" {
                assert!(v["result"].get("structuredContent").is_none());
                if v["result"]["isError"] == json!(false) {
                    v["result"]["structuredContent"] = serde_json::from_str(
                        v["result"]["content"][0]["text"].as_str().unwrap_or(""),
                    )
                    .unwrap_or_default();
                }
            }
            answers.push(v);
        }
        check(version, |i| answers[i].clone());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_stdio_in_both_eras() {
    let mut p = Stdio1::start(command(&["demo", "--stdio", "--log-level", "error"]));
    let init = json!({ "jsonrpc": "2.0", "id": "i", "method": "initialize", "params": { "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    assert_eq!(p.ask(init).await["result"]["protocolVersion"], json!("2025-11-25"));
    for era in ["handshake", "stateless"] {
        let mut answers = Vec::new();
        for (i, (tool, args)) in all().into_iter().enumerate() {
            let params = json!({ "name": tool, "arguments": args });
            let params = if era == "stateless" { modern(params) } else { params };
            answers.push(
                p.ask(
                    json!({ "jsonrpc": "2.0", "id": i, "method": "tools/call", "params": params }),
                )
                .await,
            );
        }
        check(era, |i| answers[i].clone());
    }
    // The end of input ends the process.
    p.input = None;
    assert!(p.child.wait().await.expect("status").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_commit_on_success_and_roll_back_on_error() {
    let lab = Lab::new(&[("access.level", "read-write")]).await;
    let (address, _stop) = lab.serve().await;
    let run = async |q: &str| {
        stateless(
            address,
            "tools/call",
            json!({ "name": "execute_sql", "arguments": { "query": q } }),
        )
        .await
        .json()["result"]
            .clone()
    };
    let r = run("UPDATE dbo.Employees SET Title = N'A' WHERE EmployeeId <= 2; DELETE \
                 FROM dbo.[Notes.Archive] WHERE [Note Id] = 99")
    .await;
    assert_eq!(r["structuredContent"]["committed"], json!(true), "{r}");
    assert_eq!(r["structuredContent"]["rows_affected"], json!([2, 0]), "{r}");
    let r = run("DELETE FROM dbo.[Notes.Archive] WHERE [Note Id] = 99").await;
    assert_eq!(r["structuredContent"]["rows_affected"], json!([0]), "{r}");
    let r = run("UPDATE dbo.Employees SET Title = N'B'; INSERT INTO dbo.Employees VALUES (1, \
                 NULL, N'x', N'x', 1, '2024-01-01', NULL)")
    .await;
    let e: Value =
        serde_json::from_str(r["content"][0]["text"].as_str().expect("text")).expect("JSON");
    assert_eq!(e["error"]["number"], json!(2627), "{r}");
    let r = run("SELECT COUNT(*) FROM dbo.Employees WHERE Title = N'A'").await;
    assert_eq!(
        r["structuredContent"]["results"][0]["rows"],
        json!([[2]]),
        "the failed batch left nothing: {r}"
    );
    // A batch that was read beyond the row limit is still committed.
    let r = run("UPDATE dbo.Employees SET Title = N'C' WHERE EmployeeId = 1; SELECT TOP 1500 \
                 OrderId FROM sales.Orders ORDER BY OrderId")
    .await;
    assert_eq!(r["structuredContent"]["results"][0]["row_count"], json!(1000), "{r}");
    assert_eq!(r["structuredContent"]["committed"], json!(true), "{r}");
    let r = run("PRINT 'told'; SELECT COUNT(*) FROM dbo.Employees WHERE Title = N'C'").await;
    assert_eq!(
        (&r["structuredContent"]["results"][0]["rows"], &r["structuredContent"]["messages"]),
        (&json!([[1]]), &json!(["told"])),
        "{r}"
    );
    let r = run("COMMIT").await;
    assert_eq!(r["isError"], json!(true));
}

/// `limits.max_chars` bounds an answer whatever it is made of.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_rows_is_bounded_too_and_escapes_cost_no_row() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let run = async |query: &str| {
        let args = json!({ "name": "execute_sql", "arguments": { "query": query } });
        let r = stateless(address, "tools/call", args).await.json()["result"].clone();
        let text = r["content"][0]["text"].as_str().expect("text").chars().count();
        (text, r["structuredContent"].clone())
    };
    let each =
        |what: &str| format!("DECLARE @i int = 0; WHILE @i < 5000 BEGIN {what}; SET @i += 1 END");
    let (length, r) = run(&each("SELECT 1 AS a WHERE 1 = 0")).await;
    assert_eq!(r["truncated"]["reason"], "max_chars");
    // The last result and what is said of the cut stand behind the budget.
    assert!(length < 101_000, "{length}");
    let (length, r) = run(&each("PRINT REPLICATE(N'x', 4000)")).await;
    let last = r["messages"].as_array().and_then(|m| m.last()).expect("messages");
    assert!(last.as_str().expect("text").contains("4990 more messages left out"), "{last}");
    assert!(length < 50_000, "{length}");
    let (_, r) = run("SELECT REPLICATE(CAST(NCHAR(1) AS nvarchar(max)), 20000) AS a, \
         REPLICATE(CAST(N'\"' AS nvarchar(max)), 20000) AS b, 7 AS c")
    .await;
    let result = &r["results"][0];
    assert_eq!((&result["row_count"], &result["rows"][0][2]), (&json!(1), &json!(7)), "{r}");
    assert_eq!(result["columns"][0]["cut_cells"], 1);
}

/// A number has the digits that were written, from a terminal and over HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_parameters_keep_their_digits() {
    let params = r#"{"d": 0.1234567890123456789012, "e": {"type": "decimal(38,10)", "value": 1234567890123456789.123456789}}"#;
    let wanted = r#"[["0.1234567890123456789012","1234567890123456789.1234567890"]]"#;
    let query = "SELECT @d AS d, @e AS e";
    let call = ["call", "--demo", "execute_sql", query, "--params", params, "--json"];
    let out = command(&call).output().await.expect("run");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(said.contains(wanted), "{said}");
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"execute_sql","arguments":{{"query":"{query}","params":{params}}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    let headers = [
        JSON,
        BOTH,
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "execute_sql"),
    ];
    let a = http(address, "POST", "/mcp", &headers, body.as_bytes()).await;
    assert!(a.body.contains(wanted), "{a:?}");
}

/// The same tools against any SQL Server named by MSSQL_TEST_URL
/// (mssql://user:password@host:port/database).
#[tokio::test(flavor = "multi_thread")]
async fn against_the_server_that_mssql_test_url_names() {
    let Ok(url) = std::env::var("MSSQL_TEST_URL") else {
        println!("skipped: MSSQL_TEST_URL names no SQL Server");
        return;
    };
    let rest = url.strip_prefix("mssql://").expect("mssql://user:password@host:port/database");
    let (credentials, place) = rest.rsplit_once('@').expect("user:password@");
    let (user, password) = credentials.split_once(':').expect("user:password");
    let (server, database) = place.split_once('/').unwrap_or((place, "master"));
    let (host, port) = server.rsplit_once(':').unwrap_or((server, "1433"));
    mssql_mcp::telemetry::init("error", mssql_mcp::config::settings::log::Format::Text);
    let encrypt = std::env::var("MSSQL_TEST_ENCRYPT").unwrap_or_else(|_| "on".into());
    let more = [
        ("database.host", host),
        ("database.user", user),
        ("database.password", password),
        ("database.name", database),
        ("database.encrypt", encrypt.as_str()),
        ("database.trust_server_certificate", "yes"),
        ("access.level", "full"),
        ("limits.query_timeout", "2s"),
        ("access.allow", "WAITFOR"),
        ("access.confirm_writes", "never"),
    ];
    let fixed = crate::support::fixed(port.parse().expect("port"), &more);
    let config =
        Config::load(&mssql_mcp::config::Inputs { fixed, ..Default::default() }).expect("config");
    let app = App::new(&config).expect("app");
    let db = &app.database;
    let limits = crate::support::limits(1000, 100_000);
    let run = async |q: &str| db.run(q.into(), Mode::Change, &limits).await;
    let _ = run("DROP TABLE mssql_mcp_test").await;
    let made =
        run("CREATE TABLE mssql_mcp_test (id int NOT NULL PRIMARY KEY, v nvarchar(20) NULL, d \
             decimal(10,2) NULL)")
        .await
        .expect("CREATE TABLE");
    assert!(made.committed);
    let a = run("INSERT INTO mssql_mcp_test (id, v, d) VALUES (1, N'ü', 1.50), (2, NULL, NULL)")
        .await
        .expect("INSERT");
    assert_eq!(a.rows_affected, [2]);
    assert!(
        run(
            "INSERT INTO mssql_mcp_test (id) VALUES (3); INSERT INTO mssql_mcp_test (id) VALUES (1)"
        )
        .await
        .is_err()
    );
    let a = run("SELECT id, v, d FROM mssql_mcp_test ORDER BY id").await.expect("SELECT");
    let v: Value = serde_json::from_slice(&a.results.concat()).expect("JSON");
    assert_eq!(
        v[0]["rows"],
        json!([[1, "ü", 1.50], [2, null, null]]),
        "the failed batch left nothing"
    );
    match db.find_table("mssql_mcp_test", &limits).await {
        Ok(t) => match db.describe(&t, &limits).await {
            Ok(d) => assert_eq!(d["columns"][2]["type"], json!("decimal(10,2)"), "{d}"),
            Err(e) => {
                println!("skipped: describe_table, which this server lacks a catalog view for: {e}")
            }
        },
        Err(e) => println!("skipped: the catalog, which this server lacks a view for: {e:?}"),
    }
    what_callers_meet(&app, &config).await;
    // Taken back: it is ended there before anybody is told, and the next answer is its own.
    let taken_back = crate::support::limits(10, 1000);
    let cancel = taken_back.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cancel.cancel();
    });
    let slow = "WAITFOR DELAY '00:00:20'; SELECT 1 AS slow";
    let e = db.run(slow.into(), Mode::Read, &taken_back).await.expect_err("taken back");
    assert_eq!(e.error, mssql_mcp::database::DbError::Cancelled);
    let a = db.run("SELECT 7 AS next".into(), Mode::Read, &limits).await.expect("the next");
    assert!(String::from_utf8_lossy(&a.results.concat()).contains("[[7]]"));
    run("DROP TABLE mssql_mcp_test").await.expect("DROP TABLE");
}

/// The tools over HTTP: a table is listed, described and sampled, and a call that takes too long is
/// cancelled.
async fn what_callers_meet(app: &App, config: &Config) {
    let listener = Listener::bind("127.0.0.1:0".parse().expect("address"), false).await;
    let (listener, stop) = (listener.expect("listener"), Shutdown::default());
    let address = listener.address();
    let (serving, config, until) = (app.clone(), config.clone(), stop.clone());
    tokio::spawn(async move { serving.serve(listener, &config, until).await });
    let call = async |tool: &str, args: Value| {
        let params = json!({ "name": tool, "arguments": args });
        stateless(address, "tools/call", params).await.json()["result"].to_string()
    };
    for (tool, args, part) in [
        ("list_tables", json!({ "name_like": "mssql_mcp_test" }), "mssql_mcp_test"),
        ("describe_table", json!({ "table_name": "mssql_mcp_test" }), "decimal(10,2)"),
        ("get_table_sample", json!({ "table_name": "mssql_mcp_test" }), "\"row_count\":2"),
        (
            "execute_sql",
            json!({ "query": "SELECT @n AS n, @d AS d", "params": {
                "n": null, "d": { "type": "decimal(38,10)", "value": "1234567890123456789.5" } } }),
            "1234567890123456789.5000000000",
        ),
        (
            "execute_sql",
            json!({ "query": "WAITFOR DELAY '00:00:20'; SELECT 1 AS slow" }),
            "was cancelled on the server",
        ),
        ("execute_sql", json!({ "query": "SELECT 7 AS next" }), "[[7]]"),
    ] {
        let said = call(tool, args).await;
        // A catalog view that an outside server lacks is that server's.
        if said.contains("sys.") && said.contains("sql_error") {
            println!("skipped: {tool}, which this server lacks a catalog view for: {said}");
            continue;
        }
        assert!(said.contains(part), "{tool}: {said}");
    }
    stop.now.cancel();
}

/// Lists, names and limits as models meet them.
#[tokio::test(flavor = "multi_thread")]
async fn lists_and_names_say_what_there_is() {
    let lab = Lab::new(&[("access.level", "full"), ("access.confirm_writes", "never")]).await;
    let (address, _stop) = lab.serve().await;
    let call = async |tool: &str, args: Value| {
        let a = stateless(address, "tools/call", json!({ "name": tool, "arguments": args }))
            .await
            .json()["result"]
            .clone();
        match a["isError"] == true {
            true => {
                serde_json::from_str(a["content"][0]["text"].as_str().expect("text")).expect("JSON")
            }
            false => a["structuredContent"].clone(),
        }
    };
    for ddl in [
        "CREATE TABLE dbo.order_items (id int NOT NULL PRIMARY KEY)",
        "CREATE TABLE dbo.orderXitems (id int NOT NULL PRIMARY KEY)",
        "CREATE TABLE dbo.P1 (id int NOT NULL PRIMARY KEY)",
        "CREATE TABLE dbo.C1 (id int NOT NULL PRIMARY KEY, p int NOT NULL, CONSTRAINT FK_same \
         FOREIGN KEY (p) REFERENCES dbo.P1 (id))",
        "CREATE TABLE sales.C1 (id int NOT NULL PRIMARY KEY, p int NOT NULL, CONSTRAINT FK_same \
         FOREIGN KEY (p) REFERENCES dbo.P1 (id) ON DELETE CASCADE)",
    ] {
        assert!(call("execute_sql", json!({ "query": ddl })).await["committed"] == true, "{ddl}");
    }
    let names = |v: &Value| -> Vec<String> {
        v["tables"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|t| t["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    // What contains it; a lone underscore is no wildcard; empty texts are as if left out.
    assert_eq!(
        names(&call("list_tables", json!({ "name_like": "order_items" })).await),
        ["order_items"]
    );
    let all = names(&call("list_tables", json!({})).await);
    for args in [
        json!({ "schema": "", "name_like": " ", "cursor": "", "include_views": "false" }),
        json!({ "schema": null }),
    ] {
        assert_eq!(names(&call("list_tables", args.clone()).await), all, "{args}");
    }
    assert_eq!(
        names(&call("list_tables", json!({ "schema": "[sales]", "name_like": "order" })).await),
        ["Orders"]
    );
    for (args, said) in [
        (json!({ "schema": "nope" }), "There is no schema nope with tables; there are dbo, "),
        (
            json!({ "name_like": "ordrs" }),
            "There is no table whose name contains 'ordrs'; the closest tables and views are \
             sales.Orders",
        ),
        (
            json!({ "name_like": "zzzz", "schema": "sales" }),
            "There is no table in the schema sales whose name contains 'zzzz'",
        ),
    ] {
        let v = call("list_tables", args.clone()).await;
        assert!(v["message"].as_str().is_some_and(|m| m.contains(said)), "{args}: {v}");
    }
    // What a list prints can be pasted, and it says how it is written.
    let v = call("list_tables", json!({ "name_like": "Notes" })).await;
    assert_eq!(v["tables"][0]["sql_name"], "dbo.[Notes.Archive]", "{v}");
    for name in ["Notes.Archive", "dbo.Notes.Archive", "dbo.[Notes.Archive]", "[Notes.Archive]"] {
        let v = call("describe_table", json!({ "table_name": name })).await;
        assert_eq!(v["sql_name"], "dbo.[Notes.Archive]", "{name}: {v}");
    }
    // Foreign keys of one name in two schemas stay two; what does nothing is not said; what there
    // is none of is left out.
    let v = call("describe_table", json!({ "table_name": "dbo.P1" })).await;
    let keys: Vec<(&Value, &Value)> = v["referenced_by"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|k| (&k["table"], &k["on_delete"]))
        .collect();
    assert_eq!(
        keys,
        [(&json!("dbo.C1"), &json!(null)), (&json!("sales.C1"), &json!("CASCADE"))],
        "{v}"
    );
    assert!(!v.to_string().contains("NO_ACTION") && !v.to_string().contains("[]"), "{v}");
    let v = call("describe_table", json!({ "table_name": "sales.Orders" })).await;
    assert!(v["collation"].is_string() && v["columns"][3].get("collation").is_none(), "{v}");
    assert!(
        !v.to_string().contains("\"length\"") && !v.to_string().contains("\"precision\""),
        "{v}"
    );
    // What is no table says what it is; where it is somebody's own, it is described.
    call("execute_sql", json!({ "query": "CREATE PROCEDURE dbo.OrdersOf AS SELECT 1 AS a" })).await;
    for (tool, name, said) in [
        ("describe_table", "sys.objects", "in the schema of SQL Server's own catalog"),
        ("get_table_sample", "dbo.OrdersOf", "a stored procedure"),
    ] {
        let v = call(tool, json!({ "table_name": name })).await;
        assert!(v["error"]["message"].as_str().is_some_and(|m| m.contains(said)), "{name}: {v}");
    }
    let v = call("describe_table", json!({ "table_name": "dbo.OrdersOf" })).await;
    assert_eq!(v["type"], "procedure", "{v}");
    // Names that SQL Server does not know.
    for (query, closest) in [
        ("SELECT * FROM sales.Ordrs", json!("sales.Orders")),
        ("SELECT OrderI FROM sales.Orders", json!("OrderId")),
        ("UPDATE sales.Orders SET Quantty = 1", json!("Quantity")),
    ] {
        let v = call("execute_sql", json!({ "query": query })).await;
        assert_eq!(v["error"]["closest"][0], closest, "{query}: {v}");
        assert!(v["error"]["hint"].as_str().is_some_and(|h| h.starts_with("Did you mean ")), "{v}");
    }
    let v = call("execute_sql", json!({ "query": "SELECT * FROM sales.Orders AS order" })).await;
    assert!(
        v["error"]["hint"].as_str().is_some_and(|h| h.contains("[order]"))
            || v["error"]["code"] == "unclear_sql",
        "{v}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_say_what_they_cut() {
    // What is kept of it is told beside that.
    let lab = Lab::new(&[
        ("limits.max_chars", "4000"),
        ("limits.max_rows", "50"),
        ("results.spool", "off"),
    ])
    .await;
    let (address, _stop) = lab.serve().await;
    let call = async |args: Value| {
        stateless(address, "tools/call", json!({ "name": "execute_sql", "arguments": args }))
            .await
            .json()["result"]
            .clone()
    };
    let text = |r: &Value| r["content"][0]["text"].as_str().expect("text").to_owned();
    // Before the rows, with the number that was reached; and the sets behind are
    // said to be missing.
    let r = call(
        json!({ "query": "SELECT TOP 60 OrderId FROM sales.Orders ORDER BY OrderId; SELECT 1 AS b", "max_rows": 70 }),
    )
    .await;
    let v = &r["structuredContent"];
    assert_eq!(
        (&v["truncated"]["reason"], &v["truncated"]["limit"]),
        (&json!("max_rows"), &json!(50)),
        "{v}"
    );
    assert_eq!(v["truncated"]["missing"], "the rows behind it, and all result sets behind them");
    assert_eq!(
        v["messages"][0],
        "max_rows 70 was taken as 50, the most that limits.max_rows allows here"
    );
    assert!(text(&r).starts_with("{\"truncated\":"), "{}", text(&r));
    // Characters of the text that the client gets, in either form; and letters count once, however
    // many bytes they have.
    for format in ["json", "csv"] {
        let r = call(json!({ "query": "SELECT TOP 50 REPLICATE(N'ü', 200) AS u FROM sales.Orders", "format": format }))
            .await;
        let (n, rows) = (
            text(&r).chars().count(),
            r["structuredContent"]["results"][0]["row_count"].as_u64().expect("n"),
        );
        assert_eq!(r["structuredContent"]["truncated"]["reason"], "max_chars", "{format}");
        assert!(
            (18..20).contains(&rows) && n < 4000 + 600,
            "{format}: {rows} rows, {n} characters"
        );
    }
    // One long cell is cut, and does not cost its row.
    let r =
        call(json!({ "query": "SELECT 7 AS id, REPLICATE(CAST('x' AS varchar(max)), 20000) AS \
            long, 8 AS b" }))
        .await;
    let result = &r["structuredContent"]["results"][0];
    assert_eq!(
        (&result["rows"][0][0], &result["rows"][0][2], &result["columns"][1]["cut_cells"]),
        (&json!(7), &json!(8), &json!(1))
    );
    assert!(
        result["rows"][0][1].as_str().is_some_and(|t| t.contains("of 20000 characters]")),
        "{result}"
    );
    // A value that begins like one of our lines is quoted.
    let r = call(
        json!({ "query": "SELECT '# 5 rows' AS a UNION ALL SELECT 'a # b'", "format": "csv" }),
    )
    .await;
    assert_eq!(text(&r), "a\n\"# 5 rows\"\n\"a # b\"\n# 2 rows\n# default (trading), read-only\n");
    let r = call(json!({ "query": "SELECT 1 AS a", "format": "csv" })).await;
    assert_eq!(text(&r), "a\n1\n# 1 row\n# default (trading), read-only\n");
}

/// Parameters of any name, and of types that JSON does not have.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_of_any_name_are_bound() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let params = json!({ "stmt": 1, "params": "two", "q": 3, "mssql_mcp_trace": 4, "p0": 5, "b": { "type": "varbinary(4)", "value": "0x00ff10" } });
    let query =
        "SELECT @stmt AS a, @params AS b, @q AS c, @mssql_mcp_trace AS d, @p0 AS e, @b AS f";
    let args = json!({ "query": query, "params": params });
    let r = stateless(address, "tools/call", json!({ "name": "execute_sql", "arguments": args }))
        .await
        .json();
    let rows = &r["result"]["structuredContent"]["results"][0]["rows"];
    assert_eq!(*rows, json!([[1, "two", 3, 4, 5, "0x00FF10"]]), "{r}");
}
