//! What tools say of themselves, held against what they do: answers by the declared output
//! schema, and arguments by the declared input schema, each read as strictly as a client with
//! types reads them.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::{Lab, command, handshake, in_session, stateless};

/// Where an answer is not as its schema says. A property that the schema does not name is one that
/// a client with types drops.
fn strays(answer: &Value, schema: &Value, at: &str, out: &mut Vec<String>) {
    let kind = match answer {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_i64() || n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    if !types.iter().any(|t| *t == kind || (*t == "number" && kind == "integer")) {
        out.push(format!("{at}: {kind}, declared as {types:?}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(answer)) {
        out.push(format!("{at}: {answer} is none of {}", schema["enum"]));
    }
    for (key, value) in answer.as_object().into_iter().flatten() {
        match schema["properties"].get(key) {
            Some(property) => strays(value, property, &format!("{at}.{key}"), out),
            None => out.push(format!("{at}.{key} is not declared")),
        }
    }
    for needed in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if answer.get(needed).is_none() {
            out.push(format!("{at}.{needed} is missing"));
        }
    }
    for (n, value) in answer.as_array().into_iter().flatten().enumerate() {
        match schema.get("items") {
            Some(items) => strays(value, items, &format!("{at}[{n}]"), out),
            None => out.push(format!("{at}: of its items nothing is declared")),
        }
    }
}

async fn listed(address: SocketAddr) -> Vec<Value> {
    let r = stateless(address, "tools/list", json!({})).await.json();
    r["result"]["tools"].as_array().expect("tools").clone()
}

async fn call(address: SocketAddr, tool: &str, arguments: Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments });
    let r = stateless(address, "tools/call", params).await.json();
    assert_eq!(r["result"]["isError"], false, "{tool} {arguments}: {r}");
    r["result"].clone()
}

/// Tables with everything that describe_table can tell, as far as the sandbox has it.
const TABLES: &str = "CREATE TABLE dbo.Parents (Id int IDENTITY(5, 2) CONSTRAINT PK_Parents PRIMARY KEY, \
     Code varchar(10) NOT NULL CONSTRAINT UQ_Code UNIQUE, Boss int NULL, \
     Twice AS Boss * 2, Rate decimal(9,2) NOT NULL DEFAULT 1.5, \
     CONSTRAINT CK_Rate CHECK (Rate > 0), \
     CONSTRAINT FK_Boss FOREIGN KEY (Boss) REFERENCES dbo.Parents (Id)); \
     CREATE TABLE dbo.[My Children] (Parent int NOT NULL, At datetime2(3) NULL, \
     CONSTRAINT FK_Parent FOREIGN KEY (Parent) REFERENCES dbo.Parents (Id) ON DELETE CASCADE \
     ON UPDATE CASCADE); \
     CREATE UNIQUE CLUSTERED INDEX IX_At ON dbo.[My Children] (At DESC, Parent); \
     CREATE INDEX IX_Parent ON dbo.[My Children] (Parent) INCLUDE (At)";

/// Calls whose answers say all that an answer can, by the tool.
async fn answers(address: SocketAddr) -> Vec<(&'static str, Value)> {
    let sql = |text: &str| ("execute_sql", json!({ "query": text }));
    let mut calls = vec![
        sql(TABLES),
        ("list_tables", json!({ "include_views": true })),
        ("list_tables", json!({ "name_like": "nothing at all" })),
        ("search", json!({ "query": "orders" })),
        ("search", json!({ "query": "zzzzzzzzzz" })),
        ("fetch", json!({ "id": "table:sales.Orders" })),
        sql(
            "SELECT 1 AS a, 1.5 AS b, 'x' AS c, NULL AS d, CAST(1 AS bit) AS e, 0x01 AS f; PRINT 'm'",
        ),
        sql("SELECT CAST(9223372036854775807 AS bigint) AS exact"),
        sql("SELECT REPLICATE(CAST('x' AS varchar(max)), 30000) AS long"),
        sql("UPDATE sales.Orders SET Quantity = Quantity WHERE OrderId = 1"),
        sql("DECLARE @a int = 1"),
        (
            "execute_sql",
            json!({ "query": "SELECT OrderId FROM sales.Orders; SELECT 2", "max_rows": 2 }),
        ),
        (
            "execute_sql",
            json!({ "query": "DELETE FROM sales.Trades WHERE TradeId < 0", "dry_run": true }),
        ),
        ("get_table_sample", json!({ "table_name": "sales.Orders", "limit": 5000 })),
    ];
    let mut out = Vec::new();
    let tables = call(address, "list_tables", json!({ "include_views": true })).await;
    for t in tables["structuredContent"]["tables"].as_array().expect("tables") {
        let name =
            format!("[{}].[{}]", t["schema"].as_str().expect("s"), t["name"].as_str().expect("n"));
        calls.push(("describe_table", json!({ "table_name": name })));
        calls.push(("get_table_sample", json!({ "table_name": name })));
    }
    for name in ["dbo.Parents", "dbo.[My Children]"] {
        calls.push(("describe_table", json!({ "table_name": name })));
    }
    for (tool, arguments) in calls {
        let result = call(address, tool, arguments).await;
        out.push((tool, result["structuredContent"].clone()));
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_says_what_its_output_schema_does_not_declare() {
    let lab = Lab::new(&[("access.level", "full"), ("tools.search", "yes")]).await;
    let (address, _stop) = lab.serve().await;
    let tools = listed(address).await;
    let mut wrong = Vec::new();
    let answers = answers(address).await;
    for (tool, answer) in &answers {
        let t = tools.iter().find(|t| t["name"] == *tool).expect("listed");
        strays(answer, &t["outputSchema"], tool, &mut wrong);
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // And the answers were such that something could be missed; a second page, included columns
    // and filters of indexes are not in the sandbox.
    let all = answers.iter().map(|(_, a)| a.to_string()).collect::<String>();
    for key in [
        "identity",
        "computed",
        "default",
        "unique_constraints",
        "check_constraints",
        "foreign_keys",
        "referenced_by",
        "on_delete",
        "on_update",
        "referenced_columns",
        "descending",
        "unique",
        "sql_name",
        "cut_cells",
        "exact",
        "truncated",
        "messages",
        "metadata",
        "dry_run",
        "committed",
        "message",
    ] {
        assert!(all.contains(&format!("\"{key}\":")), "{key} was never said");
    }
}

/// Nothing in a schema of arguments that converters of frameworks are known to stumble over.
#[tokio::test(flavor = "multi_thread")]
async fn arguments_are_declared_so_that_strict_modes_keep_them() {
    fn walk(schema: &Value, at: &str) {
        assert!(schema.get("additionalProperties").is_none(), "{at}: google-genai fails on it");
        // On a list of types autogen-ext fails, and LangChain for npm drops a choice.
        assert!(schema["type"].is_string(), "{at} has no type");
        if schema["type"] == "object" {
            let properties = schema["properties"].as_object().expect(at);
            assert!(!properties.is_empty(), "{at}: strict modes let nothing be in it");
            for (name, property) in properties {
                assert_ne!(name, "schema", "{at}: pydantic warns");
                assert!(property["description"].is_string(), "{at}.{name} has no description");
                walk(property, &format!("{at}.{name}"));
            }
        }
        if schema["type"] == "array" {
            walk(&schema["items"], &format!("{at}[]"));
        }
    }
    let lab = Lab::new(&[("tools.search", "yes")]).await;
    let (address, _stop) = lab.serve().await;
    for t in listed(address).await {
        walk(&t["inputSchema"], t["name"].as_str().expect("name"));
    }
}

/// Both forms of parameters, and the name that an argument had before.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_taken_as_an_array_and_as_an_object() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let query = "SELECT @n + 1 AS n, @d AS d, @b AS b, @t AS t, @x AS x";
    let array = json!([
        { "name": "n", "type": null, "value": 41, "base64": null },
        { "name": "@d", "type": "decimal(38,10)", "value": "1234567890123456789.1234567890" },
        { "name": "b", "type": "varbinary(8)", "base64": "Af8=" },
        { "name": "t", "value": "ü'x" },
        { "name": "x", "type": "int", "value": null },
    ]);
    let object = json!({
        "n": 41, "@d": { "type": "decimal(38,10)", "value": "1234567890123456789.1234567890" },
        "b": { "type": "varbinary(8)", "base64": "Af8=" }, "t": "ü'x", "x": { "type": "int", "value": null },
    });
    for params in [array.clone(), object, array.to_string().into()] {
        let r = call(address, "execute_sql", json!({ "query": query, "params": params })).await;
        assert_eq!(
            r["structuredContent"]["results"][0]["rows"],
            json!([[42, "1234567890123456789.1234567890", "0x01FF", "ü'x", null]]),
            "{params}"
        );
    }
    for name in ["schema", "schema_name"] {
        let r = call(address, "list_tables", json!({ name: "sales" })).await;
        assert_eq!(r["structuredContent"]["tables"][0]["schema"], "sales", "{name}");
    }
    // As a strict model writes it: text, with the type beside it.
    let texts = json!([{ "name": "n", "type": "int", "value": "41", "base64": "" },
        { "name": "d", "type": "date", "value": "2024-01-31", "base64": null }]);
    let query = "SELECT @n + 1 AS n, @d AS d";
    let r = call(address, "execute_sql", json!({ "query": query, "params": texts })).await;
    assert_eq!(r["structuredContent"]["results"][0]["rows"], json!([[42, "2024-01-31"]]));
    for (params, said) in [
        (json!([{ "name": "a", "value": 1 }, { "name": "a", "value": 2 }]), "a is there twice"),
        (json!([{ "name": "a", "value": 1 }, { "name": "@A", "value": 2 }]), "it is there twice"),
        (json!([{ "value": 1 }]), "item 1: name is missing"),
    ] {
        let arguments = json!({ "query": "SELECT @a", "params": params });
        let r = stateless(
            address,
            "tools/call",
            json!({ "name": "execute_sql", "arguments": arguments }),
        )
        .await
        .json();
        let text = r["result"]["content"][0]["text"].as_str().expect("text").to_owned();
        assert!(text.contains("invalid_arguments") && text.contains(said), "{text}");
    }
}

/// An answer is there once: the text counts what `structuredContent` has, for clients that know it.
#[tokio::test(flavor = "multi_thread")]
async fn brief_texts_count_what_structured_content_has() {
    let plain = Lab::new(&[]).await;
    let more =
        [("tools.text_block", "brief"), ("tools.search", "yes"), ("access.level", "read-write")];
    let brief = Lab::new(&more).await;
    let ((a, _a), (b, _b)) = (plain.serve().await, brief.serve().await);
    let two = "SELECT TOP 3 OrderId, Status FROM sales.Orders; SELECT 1 AS one";
    let change = "UPDATE sales.Orders SET Quantity = 5 WHERE OrderId = 1";
    let text = |r: &Value| r["content"][0]["text"].as_str().expect("text").to_owned();
    for (address, tool, arguments, said) in [
        (b, "list_tables", json!({ "schema_name": "sales" }), "tables; see structuredContent"),
        (
            b,
            "describe_table",
            json!({ "table_name": "sales.Orders" }),
            "sales.Orders: 10 columns; see",
        ),
        (
            b,
            "get_table_sample",
            json!({ "table_name": "sales.Orders" }),
            "5 rows of 10 columns; see",
        ),
        (b, "execute_sql", json!({ "query": two }), "3 rows of 2 columns, 1 row of 1 column; see"),
        (
            a,
            "execute_sql",
            json!({ "query": two, "format": "brief" }),
            "3 rows of 2 columns, 1 row",
        ),
        (
            b,
            "execute_sql",
            json!({ "query": two, "max_rows": 2 }),
            "2 rows of 2 columns, cut at max_rows;",
        ),
        (b, "execute_sql", json!({ "query": "DECLARE @a int" }), "no result set; see"),
        (
            b,
            "execute_sql",
            json!({ "query": change }),
            "no result set, rows affected: [1], committed: true;",
        ),
    ] {
        let r = call(address, tool, arguments.clone()).await;
        assert!(text(&r).contains(said) && text(&r).lines().count() == 1, "{arguments}: {r}");
        let other = if tool == "list_tables" { "tables" } else { "results" };
        assert!(r["structuredContent"].get(other).is_some() || tool == "describe_table", "{r}");
    }
    // CSV in the one place, and nothing in the other.
    let r = call(b, "execute_sql", json!({ "query": two, "format": "csv" })).await;
    assert_eq!(
        text(&r),
        "default (trading), read-write: 3 rows of 2 columns, 1 row of 1 column; see \
         structuredContent"
    );
    assert_eq!(r["structuredContent"]["results"][1]["csv"], "one\n1\n", "{r}");
    // ChatGPT reads the text of these two.
    let r = call(b, "search", json!({ "query": "orders" })).await;
    assert_eq!(
        serde_json::from_str::<Value>(&text(&r)).ok().as_ref(),
        Some(&r["structuredContent"])
    );
    // Without structuredContent the text is all that there is.
    let old = handshake(b, "2025-03-26").await;
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "execute_sql", "arguments": { "query": two, "format": "brief" } } });
    let r = in_session(b, &old, message).await.json()["result"].clone();
    assert!(text(&r).starts_with("{\"source\":") && r.get("structuredContent").is_none(), "{r}");
    // At a terminal it is a table all the same.
    let asked = ["call", "--demo", "execute_sql", "SELECT 7 AS seven", "--format", "brief"];
    let out = command(&asked).output().await.expect("run");
    let out = String::from_utf8_lossy(&out.stdout);
    assert!(out.contains("seven") && out.contains("(1 row)"), "{out}");
}
