//! A NULL has a type, so that a server which refuses one without (8009) can be asked, too.

use mssql_mcp::config::{Config, Inputs};
use mssql_mcp::doctor::{Level, examine};
use serde_json::{Value, json};

use super::execute;
use crate::support::{Lab, fixed, stateless};

#[tokio::test(flavor = "multi_thread")]
async fn every_null_is_typed() {
    let lab = Lab::new(&[]).await;
    lab.sandbox.faults(|f| f.refuse_untyped = true);
    let (address, _stop) = lab.serve().await;
    let tool = async |name: &str, arguments: Value| {
        let call = json!({ "name": name, "arguments": arguments });
        let result = stateless(address, "tools/call", call).await.json()["result"].clone();
        assert_eq!(result["isError"], false, "{name}: {result}");
        result["structuredContent"].clone()
    };
    let tables = tool("list_tables", json!({})).await;
    assert!(tables.to_string().contains("AllTypes"), "{tables}");
    tool("list_tables", json!({ "schema": "sales" })).await;
    tool("describe_table", json!({ "table_name": "dbo.AllTypes" })).await;
    let untyped = json!({ "query": "SELECT @a AS a", "params": { "a": null } });
    assert_eq!(tool("execute_sql", untyped).await["results"][0]["rows"], json!([[null]]));
    for ty in [
        "bit",
        "tinyint",
        "int",
        "bigint",
        "decimal(38,10)",
        "money",
        "real",
        "float",
        "date",
        "time(3)",
        "datetime",
        "datetime2(7)",
        "datetimeoffset(2)",
        "uniqueidentifier",
        "char(4)",
        "varchar(10)",
        "nvarchar(max)",
        "varbinary(8)",
        "varbinary(max)",
    ] {
        let params = json!({ "a": { "type": ty, "value": null } });
        let answer = execute(address, json!({ "query": "SELECT @a AS a", "params": params })).await;
        assert_eq!(answer["results"][0]["rows"], json!([[null]]), "{ty}: {answer}");
        assert_eq!(answer["results"][0]["columns"][0]["type"], ty, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_is_not_refused_either() {
    let lab = Lab::new(&[]).await;
    lab.sandbox.faults(|f| f.refuse_untyped = true);
    let more = [("database.trust_server_certificate", "yes")];
    let fixed = fixed(lab.sandbox.address().port(), &more);
    let config = Config::load(&Inputs { fixed, ..Inputs::default() }).expect("config");
    let found = examine(&config).await;
    let refused = |f: &&mssql_mcp::doctor::Finding| format!("{f:?}").contains("8009");
    assert_eq!(found.iter().find(refused).map(|f| format!("{f:?}")), None);
    assert!(found.iter().filter(|f| f.level == Level::Ok).count() > 3, "{found:#?}");
}
