//! `call`: one tool call from a terminal, through the same stack as any client's.

use std::sync::Arc;

use clap::ArgMatches;
use mssql_mcp_transports::encode::outcome;
use mssql_mcp_transports::handshake::bare_context;
use mssql_mcp_transports::{Cancel, Id, McpRequest, ProtocolVersion};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use super::{Ended, Failed, configured};
use crate::principal::Principal;
use crate::protocol::server_info;
use crate::stack::App;

/// Cells wider than this are cut in the table; `--json` has them whole.
const WIDEST: usize = 60;

/// `mssql-mcp call`.
pub async fn call(m: &ArgMatches) -> Ended {
    let tool = m.get_one::<String>("tool").map_or("", String::as_str).to_owned();
    let mut rest: Vec<String> = m.get_many::<String>("args").unwrap_or_default().cloned().collect();
    // Behind the tool's name everything is an argument of the tool, but people write these two there.
    let mut own = |name: &str| {
        let before = rest.len();
        rest.retain(|a| a != name);
        before != rest.len()
    };
    let as_json = own("--json") || m.get_flag("json");
    let demo = own("--demo") || m.get_flag("demo");
    // Held to the end: dropping it would end the sandbox.
    #[cfg(feature = "sandbox")]
    let mut sandbox = None;
    let app = if demo {
        #[cfg(feature = "sandbox")]
        {
            let (s, app, ..) = super::demo::start(m, true).await?;
            sandbox = Some(s);
            app
        }
        #[cfg(not(feature = "sandbox"))]
        return Err("--demo: this build has no sandbox".to_owned().into());
    } else {
        let config = configured(m, vec![("log.level", "warn".into())])?;
        config.require_database()?;
        App::new(&config)?
    };
    let result = run(&app, &tool, &rest).await;
    app.database.close(std::time::Duration::from_secs(3)).await;
    #[cfg(feature = "sandbox")]
    drop(sandbox);
    let result = result?;
    if as_json {
        println!("{}", serde_json::to_string_pretty(&result).unwrap_or_default());
    } else {
        print!("{}", show(&result));
    }
    if result["isError"] == json!(true) { Err(Failed { message: String::new(), status: 1 }) } else { Ok(()) }
}

async fn ask(app: &App, method: &str, target: Option<&str>, params: Value) -> Result<Value, Failed> {
    let mut extensions = http::Extensions::new();
    extensions.insert(Principal::local());
    let request = McpRequest {
        id: Some(Id::Number(1)),
        method: Arc::from(method),
        target: target.map(str::to_owned),
        params: serde_json::value::to_raw_value(&params).ok(),
        context: bare_context("cli", ProtocolVersion::V2025_11_25, extensions, Cancel::default()),
    };
    let o = match app.service.clone().oneshot(request).await {
        Ok(o) => o,
        Err(never) => match never {},
    };
    let (e, _) = outcome(&Id::Number(1), o, ProtocolVersion::V2025_11_25, &server_info())
        .ok_or_else(|| "the call was cancelled".to_owned())?;
    let mut v: Value = serde_json::from_slice(&e.into_bytes()).map_err(|e| e.to_string())?;
    match v.get("error") {
        Some(e) => Err(Failed { message: e["message"].as_str().unwrap_or("").to_owned(), status: 2 }),
        None => Ok(v["result"].take()),
    }
}

async fn run(app: &App, tool: &str, args: &[String]) -> Result<Value, Failed> {
    let listed = ask(app, "tools/list", None, json!({})).await?;
    let schema = listed["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|t| t["name"] == tool)
        .map(|t| t["inputSchema"]["properties"].clone())
        .unwrap_or_default();
    let arguments = arguments(args, &schema)?;
    ask(app, "tools/call", Some(tool), json!({ "name": tool, "arguments": arguments })).await
}

/// `--name value` and `--name=value`; a value that the schema wants as something else than text is read as JSON.
fn arguments(args: &[String], schema: &Value) -> Result<Map<String, Value>, Failed> {
    let wrong = |m: String| Failed { message: m, status: 2 };
    let mut out = Map::new();
    let mut it = args.iter();
    while let Some(a) = it.next() {
        let flag = a.strip_prefix("--").ok_or_else(|| wrong(format!("\"{a}\": --name value is expected here")))?;
        let (name, value) = match flag.split_once('=') {
            Some((n, v)) => (n, v.to_owned()),
            None => (flag, it.next().cloned().ok_or_else(|| wrong(format!("--{flag} needs a value")))?),
        };
        let name = name.replace('-', "_");
        let v = if schema[&name]["type"] == "string" || schema.get(&name).is_none() {
            Value::String(value)
        } else {
            serde_json::from_str(&value).map_err(|_| {
                wrong(format!("--{name}: \"{value}\" is no {}", schema[&name]["type"].as_str().unwrap_or("value")))
            })?
        };
        out.insert(name, v);
    }
    Ok(out)
}

fn cell(v: &Value) -> String {
    let text = match v {
        Value::Null => "NULL".to_owned(),
        Value::String(s) => s.clone(),
        v => v.to_string(),
    };
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if plain.chars().count() > WIDEST { plain.chars().take(WIDEST - 1).chain(['…']).collect() } else { plain }
}

fn table(head: &[String], rows: &[Vec<Value>], out: &mut String) {
    let cells: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(cell).collect()).collect();
    let number = |i: usize| rows.iter().all(|r| r.get(i).is_some_and(|v| v.is_number() || v.is_null()));
    let widths: Vec<usize> = (0..head.len())
        .map(|i| {
            cells
                .iter()
                .filter_map(|r| r.get(i))
                .map(|c| c.chars().count())
                .chain([head[i].chars().count()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut line = |parts: &[String], right: bool| {
        let row: Vec<String> = parts
            .iter()
            .enumerate()
            .map(|(i, p)| {
                let pad = " ".repeat(widths.get(i).copied().unwrap_or(0).saturating_sub(p.chars().count()));
                if right && number(i) { format!("{pad}{p}") } else { format!("{p}{pad}") }
            })
            .collect();
        *out += row.join("  ").trim_end();
        out.push('\n');
    };
    line(head, false);
    line(&widths.iter().map(|w| "-".repeat(*w)).collect::<Vec<_>>(), false);
    cells.iter().for_each(|r| line(r, true));
}

/// A result for a person: rows as tables, everything else as it is.
fn show(result: &Value) -> String {
    let mut out = String::new();
    let s = &result["structuredContent"];
    if result["isError"] == json!(true) {
        let text = result["content"][0]["text"].as_str().unwrap_or("");
        let e: Value = serde_json::from_str(text).unwrap_or_default();
        let e = &e["error"];
        out += "error";
        if let Some(n) = e["number"].as_u64() {
            out += &format!(" {n}, severity {}, state {}, line {}", e["severity"], e["state"], e["line"]);
        }
        out += &format!(": {}\n", e["message"].as_str().unwrap_or(text));
        if let Some(h) = e["hint"].as_str() {
            out += &format!("hint: {h}\n");
        }
        return out;
    }
    if let Some(tables) = s["tables"].as_array() {
        let head: Vec<String> = ["schema", "name", "type", "rows", "description"].map(str::to_owned).into();
        let rows: Vec<Vec<Value>> = tables.iter().map(|t| head.iter().map(|h| t[h].clone()).collect()).collect();
        table(&head, &rows, &mut out);
        return out;
    }
    let Some(results) = s["results"].as_array() else {
        return serde_json::to_string_pretty(s).unwrap_or_default() + "\n";
    };
    for r in results {
        let head: Vec<String> = r["columns"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|c| c["name"].as_str().unwrap_or("").to_owned())
            .collect();
        let rows: Vec<Vec<Value>> =
            r["rows"].as_array().into_iter().flatten().map(|r| r.as_array().cloned().unwrap_or_default()).collect();
        table(&head, &rows, &mut out);
        out += &format!("({} row{}", r["row_count"], if r["row_count"] == 1 { "" } else { "s" });
        if let Some(t) = r["truncated"]["reason"].as_str() {
            out += &format!("; cut: {t}");
        }
        out += ")\n";
    }
    for n in s["rows_affected"].as_array().into_iter().flatten() {
        let undone = if s["dry_run"] == true { "; dry run: rolled back" } else { "" };
        out += &format!("({n} rows affected{undone})\n");
    }
    for m in s["messages"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        out += &format!("{m}\n");
    }
    out
}
