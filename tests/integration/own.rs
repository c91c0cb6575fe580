//! Tools of one's own: statements and procedures of the operator's, as tools of the server.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Lab, command, requested, signed_in, stateless};

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("mssql-mcp-own-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("dir");
    dir
}

async fn lab(name: &str, tools: &str, settings: &[(&'static str, &str)]) -> (Lab, SocketAddr) {
    let file = folder(name).join("own.toml");
    std::fs::write(&file, tools).expect("file");
    let lab = Lab::with_file(&file, settings).await;
    let (address, _stop) = lab.serve().await;
    (lab, address)
}

async fn call(address: SocketAddr, tool: &str, arguments: Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments });
    stateless(address, "tools/call", params).await.json()["result"].clone()
}

async fn tools(address: SocketAddr) -> Vec<Value> {
    let answer = stateless(address, "tools/list", json!({})).await.json();
    answer["result"]["tools"].as_array().expect("tools").clone()
}

fn error(a: &Value) -> Value {
    let text = a["content"][0]["text"].as_str().unwrap_or_default();
    serde_json::from_str::<Value>(text).unwrap_or_default()["error"].clone()
}

const TOOLS: &str = r#"
[[tool]]
name = "open_orders"
title = "Open orders of a customer"
description = "Orders that are open, newest first, of one customer's accounts."
statement = "SELECT TOP (50) o.OrderId, o.Quantity FROM sales.Orders AS o JOIN sales.Accounts AS a ON a.AccountId = o.AccountId WHERE a.CustomerId = @customer AND o.Status = @status AND (@since IS NULL OR o.PlacedAt >= @since) ORDER BY o.OrderId DESC"
max_rows = 3
[[tool.parameter]]
name = "customer"
type = "int"
description = "the customer's number"
min = 1
[[tool.parameter]]
name = "status"
type = "varchar(12)"
default = "Open"
allowed = ["Open", "Filled"]
[[tool.parameter]]
name = "since"
type = "date"
required = false

[[tool]]
name = "order_summary"
description = "Counts of orders by the sample's own procedure."
procedure = "sales.OrderSummary"
[[tool.parameter]]
name = "CustomerId"
type = "int"
[[tool.parameter]]
name = "Count"
type = "int"
required = false

[[tool]]
name = "rename_employee"
description = "Changes the name of one of our employees."
access = "read-write"
statement = "UPDATE dbo.Employees SET Name = @name WHERE EmployeeId = @id"
[[tool.parameter]]
name = "id"
type = "int"
[[tool.parameter]]
name = "name"
type = "nvarchar(100)"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_and_a_procedure_are_tools() {
    let (_lab, address) = lab("tools", TOOLS, &[]).await;
    let all = tools(address).await;
    let one = |name: &str| all.iter().find(|t| t["name"] == name).expect(name).clone();
    let open = one("open_orders");
    assert_eq!(open["title"], "Open orders of a customer");
    assert_eq!(open["annotations"]["readOnlyHint"], true);
    assert_eq!(one("rename_employee")["annotations"]["destructiveHint"], true);
    assert_eq!(open["inputSchema"]["properties"]["customer"]["minimum"], 1, "{open}");
    assert_eq!(open["inputSchema"]["required"], json!(["customer"]));
    let a = call(address, "open_orders", json!({ "customer": 7 })).await;
    let result = &a["structuredContent"]["results"][0];
    assert!(result["row_count"].as_u64().is_some_and(|n| n <= 3), "{a}");
    assert_eq!(a["structuredContent"]["source"]["access"], "read-only");
    let a = call(
        address,
        "open_orders",
        json!({ "customer": "7", "status": "Filled", "since": "2000-01-31" }),
    )
    .await;
    assert_eq!(a["structuredContent"]["results"][0]["row_count"], 3, "{a}");
    // A value is one, whatever stands in it.
    let evil = "x'; DELETE FROM dbo.Employees; --";
    let a = call(address, "rename_employee", json!({ "id": 1, "name": evil })).await;
    assert_eq!(
        (&a["structuredContent"]["rows_affected"], &a["structuredContent"]["committed"]),
        (&json!([1]), &json!(true)),
        "{a}"
    );
    let a = call(
        address,
        "execute_sql",
        json!({ "query": "SELECT Name FROM dbo.Employees WHERE EmployeeId = 1" }),
    )
    .await;
    assert_eq!(a["structuredContent"]["results"][0]["rows"], json!([[evil]]));
    // What callers write themselves stays what it was.
    let a =
        call(address, "execute_sql", json!({ "query": "UPDATE dbo.Employees SET Name = N'y'" }))
            .await;
    assert_eq!(error(&a)["code"], "access_denied");
    for (tool, arguments, says) in [
        ("open_orders", json!({}), "customer is missing"),
        ("open_orders", json!({ "customer": 0 }), "customer"),
        ("open_orders", json!({ "customer": "many" }), "customer"),
        ("open_orders", json!({ "customer": 1, "status": "Lost" }), "status"),
        ("open_orders", json!({ "customer": 1, "since": "yesterday" }), "since"),
        ("open_orders", json!({ "customer": 1, "colour": "red" }), "colour is no argument"),
        ("open_orders", json!([1]), "must be an object"),
    ] {
        let a = call(address, tool, arguments.clone()).await;
        assert_eq!(error(&a)["code"], "invalid_arguments", "{arguments}: {a}");
        assert!(
            error(&a)["message"].as_str().is_some_and(|m| m.contains(says)),
            "{arguments}: {a}"
        );
    }
    let a = call(address, "order_summary", json!({ "CustomerId": 7 })).await;
    assert_eq!(a["isError"], false, "{a}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_wrong_stops_no_other() {
    let text = format!(
        "{TOOLS}\n[[tool]]\nname = \"execute_sql\"\ndescription = \"A name of ours is taken here.\"\nstatement = \"SELECT 1\"\n\
         [[tool]]\nname = \"open_orders\"\ndescription = \"A name that is there twice.\"\nstatement = \"SELECT 1\"\n\
         [[tool]]\nname = \"odd\"\ndescription = \"A type that there is not.\"\nstatement = \"SELECT @x\"\n[[tool.parameter]]\nname = \"x\"\ntype = \"integer\"\n\
         [[tool]]\nname = \"gone\"\ndescription = \"A table that there is not.\"\nstatement = \"SELECT * FROM dbo.Nowhere\"\n\
         [[tool]]\nname = \"writes\"\ndescription = \"It says that it reads, and writes.\"\nstatement = \"DELETE FROM dbo.Employees\"\n\
         [[tool]]\nname = \"astray\"\ndescription = \"Its database is nowhere here.\"\ndatabase = \"tradin\"\nstatement = \"SELECT 1\"\n\
         [[tool]]\nname = \"taken\"\ndescription = \"Its parameter has a name of ours.\"\nstatement = \"SELECT @database\"\n[[tool.parameter]]\nname = \"database\"\ntype = \"int\"\n"
    );
    let (lab, address) = lab("wrong", &text, &[]).await;
    let names: Vec<String> =
        tools(address).await.iter().map(|t| t["name"].as_str().expect("name").to_owned()).collect();
    assert_eq!(names.iter().filter(|n| *n == "open_orders").count(), 1);
    assert!(names.contains(&"gone".to_owned()) && !names.contains(&"odd".to_owned()), "{names:?}");
    let a = call(address, "gone", json!({})).await;
    assert_eq!(error(&a)["number"], 208);
    let a = call(address, "writes", json!({})).await;
    assert_eq!(error(&a)["code"], "access_denied", "{a}");
    assert!(error(&a)["hint"].as_str().is_some_and(|h| h.contains("[[tool]]")), "{a}");
    // What the database says of each, without running it.
    let file = folder("wrong").join("own.toml");
    let pem = file.with_extension("ca.pem");
    std::fs::write(&pem, lab.sandbox.certificate()).expect("certificate");
    let mut c = command(&["tools", "check", "--config", file.to_str().expect("path")]);
    c.envs([
        ("MSSQL_HOST", "127.0.0.1".to_owned()),
        ("MSSQL_PORT", lab.sandbox.address().port().to_string()),
        ("MSSQL_USER", mssql_mcp_sandbox::USER.to_owned()),
        ("MSSQL_PASSWORD", mssql_mcp_sandbox::PASSWORD.to_owned()),
        ("MSSQL_DATABASE", mssql_mcp_sandbox::DATABASE.to_owned()),
        ("MSSQL_CA_FILE", pem.display().to_string()),
        ("MSSQL_MCP_TOOLS_ENABLED", "custom,custm".to_owned()),
    ]);
    let out = c.output().await.expect("it runs");
    let told = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(1), "{told}");
    for part in [
        "[ok]   tool: open_orders: OrderId int",
        "tool: gone: error 208",
        "tool: writes:",
        "tool: order_summary: procedure with 2 parameters",
        "tool astray: there is no database tradin",
        "name: must be another one: database is the argument",
        "whatever the database's is",
        "tools.enabled: there is no tool custm",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    assert!(told.contains("execute_sql") && told.contains("odd"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_raw_sql_there_is_only_what_the_operator_wrote() {
    let (_lab, address) = lab("profile", TOOLS, &[("tools.enabled", "custom")]).await;
    let names: Vec<String> =
        tools(address).await.iter().map(|t| t["name"].as_str().expect("name").to_owned()).collect();
    // What they keep can be had.
    assert_eq!(names, ["get_result", "open_orders", "order_summary", "rename_employee"]);
    let told = stateless(address, "server/discover", json!({})).await.json();
    let told = told["result"]["instructions"].as_str().expect("text").to_owned();
    assert!(!told.contains("execute_sql") && told.contains("of its own"), "{told}");
    for (method, params) in [
        ("tools/call", json!({ "name": "execute_sql", "arguments": { "query": "SELECT 1" } })),
        ("tools/call", json!({ "name": "view_schema", "arguments": { "table": "sales.Orders" } })),
        ("resources/read", json!({ "uri": "mssql://trading/sales/Orders" })),
        ("resources/read", json!({ "uri": "mssql://trading/sales/Orders/sample" })),
        ("resources/read", json!({ "uri": "mssql://trading/sales/OrderSummary/definition" })),
    ] {
        let a = stateless(address, method, params.clone()).await.json();
        assert!(a["error"].is_object(), "{method} {params}: {a}");
    }
    let a = stateless(address, "resources/list", json!({})).await.body;
    assert!(!a.contains("mssql://"), "{a}");
    let complete = json!({
        "ref": { "type": "ref/resource", "uri": "mssql://{database}/{schema}/{table}" },
        "argument": { "name": "table", "value": "O" }, "context": { "arguments": { "schema": "sales" } },
    });
    let a = stateless(address, "completion/complete", complete).await.json();
    assert_eq!(a["result"]["completion"]["values"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_the_sign_in_is_no_argument_and_tools_are_for_whom_they_name() {
    let text = "[[tool]]\nname = \"mine\"\ndescription = \"Says who it is that asks, by the token.\"\nstatement = \"SELECT @who AS who\"\n\
                scopes = [\"mssql:write\"]\n[[tool.parameter]]\nname = \"who\"\ntype = \"nvarchar(100)\"\nfrom_claim = \"sub\"\n\
                [[tool]]\nname = \"region\"\ndescription = \"Needs a claim that nobody here has.\"\nstatement = \"SELECT @r AS r\"\n\
                [[tool.parameter]]\nname = \"r\"\ntype = \"nvarchar(100)\"\nfrom_claim = \"region\"\n\
                [[tool]]\nname = \"for_ada\"\ndescription = \"A tool that only ada has at all.\"\nstatement = \"SELECT 1 AS n\"\nprincipals = [\"token:ada\"]\n";
    let settings = [("auth.mode", "builtin"), ("auth.store", "memory")];
    let (lab, address) = lab("claims", text, &settings).await;
    let ask = async |who: &str, scopes: &[&str], method: &str, params: Value| {
        signed_in(&lab, address, (who, scopes), method, params).await
    };
    let both = ["mssql:read", "mssql:write"];
    let call = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
    let a = ask("ada", &both, "tools/call", call("mine", json!({}))).await.json();
    assert_eq!(
        a["result"]["structuredContent"]["results"][0]["rows"],
        json!([["token:ada"]]),
        "{a}"
    );
    for given in [json!({ "who": "bob" }), json!({ "WHO": "bob" }), json!({ "@who": "bob" })] {
        let a = ask("ada", &both, "tools/call", call("mine", given.clone())).await.json();
        assert_eq!(error(&a["result"])["code"], "invalid_arguments", "{given}: {a}");
    }
    let a = ask("ada", &["mssql:read"], "tools/call", call("mine", json!({}))).await;
    assert_eq!(a.status, 403, "{a:?}");
    let a = ask("ada", &both, "tools/call", call("region", json!({}))).await.json();
    assert!(
        error(&a["result"])["message"].as_str().is_some_and(|m| m.contains("no claim region")),
        "{a}"
    );
    let listed =
        async |who: &str| ask(who, &both, "tools/list", json!({})).await.body.contains("for_ada");
    assert!(listed("ada").await && !listed("bob").await);
    let a = ask("bob", &both, "tools/call", call("for_ada", json!({}))).await;
    assert!(a.json()["error"].is_object() && !a.body.contains("for_ada,"), "{a:?}");
    let list = ask("ada", &both, "tools/list", json!({})).await.body;
    assert!(!list.contains("\"who\""), "a claim is in no schema: {list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_tools_are_too_many_and_say_so() {
    let one = |n: usize| {
        format!(
            "[[tool]]\nname = \"t{n}\"\ndescription = \"One of very many tools.\"\nstatement = \"SELECT {n} AS n\"\n"
        )
    };
    let text: String = (0..10_000).map(one).collect();
    let (_lab, address) = lab("many", &text, &[]).await;
    let own = tools(address)
        .await
        .iter()
        .filter(|t| t["name"].as_str().is_some_and(|n| n.starts_with('t')))
        .count();
    assert_eq!(own, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_of_others_are_printed_as_ours() {
    let dir = folder("import");
    let file = dir.join("tools.yaml");
    let text = "sources:\n  shop:\n    kind: mssql\n    host: db.example.com\n    port: \"1433\"\n    database: shop\n    user: reader\n    password: hush-hush\n\
                tools:\n  hotels:\n    kind: mssql-sql\n    source: shop\n    description: Finds hotels by a part of their name.\n    parameters:\n      - name: name\n        type: string\n        description: a part of the name\n    statement: SELECT TOP 10 * FROM dbo.Hotels WHERE Name LIKE '%' + @name + '%'\n";
    std::fs::write(&file, text).expect("file");
    let out =
        command(&["tools", "import", file.to_str().expect("path")]).output().await.expect("run");
    let (toml, report) = (
        String::from_utf8_lossy(&out.stdout).into_owned(),
        String::from_utf8_lossy(&out.stderr).into_owned(),
    );
    for part in ["[[server]]", "[[database]]", "name = \"hotels\"", "host = \"db.example.com\""] {
        assert!(toml.contains(part), "{part} is not in\n{toml}\n{report}");
    }
    assert!(!toml.contains("hush-hush") && !report.contains("hush-hush"), "{toml}\n{report}");
    // What is printed is a configuration.
    let secret = dir.join("secret");
    std::fs::write(&secret, "x").expect("file");
    let lines =
        toml.lines().map(|l| match l.trim_start_matches("# ").split_once("password_file") {
            Some(_) => format!("password_file = {:?}", secret.display().to_string()),
            None => l.to_owned(),
        });
    let ours = dir.join("ours.toml");
    std::fs::write(&ours, lines.collect::<Vec<_>>().join("\n")).expect("file");
    let out =
        command(&["config", "--config", ours.to_str().expect("path")]).output().await.expect("run");
    assert!(out.status.success(), "{}\n{toml}", String::from_utf8_lossy(&out.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_may_do_is_told_and_what_is_secret_is_not_asked_about() {
    let text = TOOLS.replace("name = \"name\"\ntype", "name = \"name\"\nsecret = true\ntype");
    let (_lab, address) = lab("told", &text, &[("access.level", "read-only")]).await;
    let arguments = json!({ "id": 1, "name": "Hidden Person" });
    let params = json!({ "name": "rename_employee", "arguments": arguments, "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
    } });
    let asked = requested(address, None, "tools/call", params).await;
    assert_eq!(asked.json()["result"]["resultType"], "input_required", "{asked:?}");
    assert!(asked.body.contains("@id = '1'") && asked.body.contains("not shown"), "{asked:?}");
    assert!(!asked.body.contains("Hidden Person"), "{asked:?}");
    // Where nobody can be asked it runs, with an access of its own, and says so.
    let a = call(address, "rename_employee", arguments).await;
    let told = &a["structuredContent"];
    assert_eq!(
        (&told["committed"], &told["source"]["access"]),
        (&json!(true), &json!("read-write")),
        "{a}"
    );
}
