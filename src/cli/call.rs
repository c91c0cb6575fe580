//! `call`: one tool call from a terminal: through the same stack as any client's, or to a server
//! that runs, over streamable HTTP.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use http::{Request, StatusCode, header};
use mssql_mcp_transports::bare_context;
use mssql_mcp_transports::encode::outcome;
use mssql_mcp_transports::{Cancel, Id, McpRequest, ProtocolVersion};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use super::table::{Node, plain, show};
use super::{Ended, Failed, Known, configured, print};
use crate::fetch::Getter;
use crate::principal::Principal;
use crate::protocol::server_info;
use crate::stack::App;

/// What `call` knows by name; the server may have fewer.
pub const TOOLS: [&str; 6] =
    ["describe_table", "execute_sql", "fetch", "get_table_sample", "list_tables", "search"];
/// Where `--url` finds a token.
const TOKEN: &str = "MSSQL_MCP_TOKEN";
/// A server may take as long as its own limits allow; this is for one that never answers.
const PATIENCE: Duration = Duration::from_secs(600);
/// More than any answer under a sensible `limits.max_chars`.
const MAX: usize = 1 << 30;

/// `mssql-mcp call …`.
pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("call")
        .about("Call one tool and print its answer as a table")
        .override_usage("mssql-mcp call [OPTIONS] TOOL [VALUE] [--ARGUMENT VALUE]...")
        .after_help(
            "A value without a name is the tool's first argument. `mssql-mcp call TOOL --help` shows a tool's arguments.\n\
             On a terminal, what is wider is folded; elsewhere nothing is. Exit status: 0; 1 the tool says no; 2 wrong use.\n\n\
             Examples:\n  mssql-mcp call --demo list_tables\n  mssql-mcp call --demo execute_sql \"SELECT TOP 3 * FROM sales.Orders\"\n  \
             mssql-mcp call --url http://127.0.0.1:8008/mcp describe_table sales.Orders",
        )
        .arg(flag("demo", "ask a sandbox that ends with the call"))
        .arg(
            Arg::new("url")
                .long("url")
                .value_name("URL")
                .conflicts_with("demo")
                .help("ask the server that runs there, such as http://127.0.0.1:8008/mcp; with a token https:// where it is another machine"),
        )
        .arg(
            Arg::new("token-file")
                .long("token-file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .requires("url")
                .help("a file with the bearer token for --url (or the token itself in MSSQL_MCP_TOKEN)"),
        )
        .arg(flag("json", "print the result as it was sent, byte for byte"))
        .arg(flag("wide", "do not fold to the terminal's width").conflicts_with("max-width"))
        .arg(
            Arg::new("max-width")
                .long("max-width")
                .value_name("N")
                .value_parser(value_parser!(u16).range(20..))
                .help("fold to so many columns, on a terminal or not"),
        )
        .arg(flag("tool-help", "").hide(true))
        .arg(Arg::new("tool").value_name("TOOL").required(true).value_parser(Known(&TOOLS))
                .hide_possible_values(true).help("a tool of the server: list_tables, describe_table, execute_sql …"))
        .arg(
            Arg::new("args")
                .value_name("ARGUMENTS")
                .num_args(0..)
                .trailing_var_arg(true)
                .allow_hyphen_values(true)
                .help("its arguments"),
        )
}

/// Our options may stand behind the tool too: they are put before it, and what is
/// the tool's behind `--`.
pub fn settle(argv: Vec<String>) -> Vec<String> {
    let root = super::command();
    let call = command();
    let options: Vec<&Arg> = root
        .get_arguments()
        .chain(call.get_arguments())
        .filter(|a| a.get_long().is_some())
        .collect();
    // Some(true) for one of ours that takes a value.
    let ours = |word: &str| {
        let name = word.strip_prefix("--")?;
        let (name, inline) = name.split_once('=').map_or((name, false), |(n, _)| (n, true));
        options
            .iter()
            .find(|a| a.get_long() == Some(name))
            .map(|a| a.get_action().takes_values() && !inline)
    };
    let (mut before, mut behind, mut tool) = (Vec::new(), Vec::new(), None);
    let mut words = argv.into_iter().peekable();
    before.extend(words.next());
    let mut seen = false;
    while let Some(word) = words.next() {
        if !seen {
            // A setting before the subcommand has a value that could be called so.
            let value = ours(&word) == Some(true);
            if !value && !word.starts_with('-') && word != "call" {
                before.push(word);
                before.extend(words);
                return before;
            }
            seen = !value && word == "call";
            before.push(word);
            if value {
                before.extend(words.next());
            }
        } else if word == "--" {
            if tool.is_none() {
                tool = words.next();
            }
            behind.extend(words);
            break;
        } else if tool.is_some() && (word == "--help" || word == "-h") {
            before.push("--tool-help".into());
        } else if let Some(value) = ours(&word) {
            before.push(word);
            if value {
                before.extend(words.next());
            }
        } else if tool.is_none() && !word.starts_with('-') {
            tool = Some(word);
        } else if tool.is_none() {
            before.push(word);
        } else {
            let named = flag(&word).is_some() && !word.contains('=');
            behind.push(word);
            // Its value, whatever that looks like.
            if named
                && words
                    .peek()
                    .is_some_and(|next| ours(next).is_none() && next != "--help" && next != "-h")
            {
                behind.extend(words.next());
            }
        }
    }
    before.extend(tool);
    if !behind.is_empty() {
        before.push("--".into());
    }
    before.extend(behind);
    before
}

/// `--name` or `--name=value` without its dashes; a T-SQL text may begin with a comment.
fn flag(word: &str) -> Option<&str> {
    let rest = word.strip_prefix("--")?;
    let name = rest.split('=').next().unwrap_or(rest);
    (!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'))
        .then_some(rest)
}

fn wrong(message: String) -> Failed {
    Failed { message, status: 2 }
}

/// `mssql-mcp call`.
pub async fn call(m: &ArgMatches) -> Ended {
    let tool = m.get_one::<String>("tool").map_or("", String::as_str);
    let args: Vec<String> = m.get_many::<String>("args").unwrap_or_default().cloned().collect();
    if let Some(url) = m.get_one::<String>("url") {
        return run(&Server::Running(Remote::new(url, m)?), m, tool, &args).await;
    }
    // Held to the end: dropping it would end the sandbox.
    #[cfg(feature = "sandbox")]
    let mut sandbox = None;
    let app = if m.get_flag("demo") {
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
        // A tool's arguments are the same without a database.
        if !m.get_flag("tool-help") {
            config.require_database()?;
        }
        App::new(&config)?
    };
    let server = Server::Own(Box::new(app));
    let ended = run(&server, m, tool, &args).await;
    if let Server::Own(app) = server {
        app.database.close(Duration::from_secs(3)).await;
    }

    #[cfg(feature = "sandbox")]
    drop(sandbox);
    ended
}

/// Who is asked.
pub enum Server {
    /// A stack in this process.
    Own(Box<App>),
    /// One that listens.
    Running(Remote),
}

/// A server that listens.
pub struct Remote {
    url: String,
    token: Option<String>,
    getter: Getter,
}

impl Remote {
    fn new(url: &str, m: &ArgMatches) -> Result<Self, Failed> {
        let uri = url
            .parse::<http::Uri>()
            .ok()
            .filter(|u| u.scheme().is_some() && u.authority().is_some());
        let uri = uri
            .ok_or_else(|| wrong("--url: it is no URL such as http://127.0.0.1:8008/mcp".into()))?;
        // What stands before the @ may be a password, which no message repeats.
        if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err(wrong(format!(
                "--url: it must not name a user; a token goes into {TOKEN} or --token-file"
            )));
        }
        // An address alone is that of the main endpoint.
        let url = if uri.path() == "/" && uri.query().is_none() {
            format!("{}/mcp", url.trim_end_matches('/'))
        } else {
            url.to_owned()
        };
        let token = match m.get_one::<PathBuf>("token-file") {
            Some(f) => Some(
                std::fs::read_to_string(f)
                    .map_err(|e| wrong(format!("--token-file: {}: {e}", f.display())))?,
            ),
            None => std::env::var(TOKEN).ok(),
        };
        let token = token
            .map(|t| t.trim_start_matches('\u{feff}').trim().to_owned())
            .filter(|t| !t.is_empty());
        // A token does not travel in the clear; without one a person may ask whom they like.
        let getter = if token.is_some() {
            Getter::from_operator().patient(PATIENCE)
        } else {
            Getter::inside(&[], PATIENCE)?
        };
        Ok(Self { url, token, getter })
    }

    async fn ask(&self, method: &str, params: Value) -> Result<Bytes, Failed> {
        let failed = |why: &str| Failed::from(format!("{}: {why}", self.url));
        let (mut params, version) = (params, ProtocolVersion::V2026_07_28.as_str());
        let name = params["name"].as_str().map(str::to_owned);
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "mssql-mcp call", "version": env!("CARGO_PKG_VERSION") },
        });
        let body =
            json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let mut request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("MCP-Protocol-Version", version)
            .header("Mcp-Method", method);
        if let Some(n) = name {
            request = request.header("Mcp-Name", n);
        }
        if let Some(t) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {t}"));
        }
        let request = request.body(Bytes::from(body)).map_err(|_| {
            failed("this cannot be sent: the token or the tool's name has characters that no header takes")
        })?;
        let response = self.getter.send(request, MAX).await.map_err(|e| failed(&e))?;
        let stream = response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream"));
        let (status, body) = (response.status(), response.into_body());
        match status {
            StatusCode::UNAUTHORIZED if self.token.is_some() => {
                Err(failed("the token is not good here (401)"))
            }
            StatusCode::UNAUTHORIZED => Err(failed(&format!(
                "a token is needed (401): put it into {TOKEN}, or into a file for --token-file"
            ))),
            _ if stream => {
                last_event(&body).ok_or_else(|| failed("the stream ended without an answer"))
            }
            s => {
                let said: Value = serde_json::from_slice(&body).unwrap_or_default();
                if said.get("jsonrpc").is_some() {
                    return Ok(body);
                }
                let why = said["error_description"]
                    .as_str()
                    .map_or(String::new(), |d| format!(" ({})", plain(d)));
                Err(failed(&format!(
                    "it answers {}{why}; is it an MCP endpoint, such as …/mcp?",
                    s.as_u16()
                )))
            }
        }
    }
}

/// The data of the last event of a stream, which is the answer.
fn last_event(stream: &[u8]) -> Option<Bytes> {
    let text = std::str::from_utf8(stream).ok()?;
    let event = text.split("\n\n").filter(|e| e.lines().any(|l| l.starts_with("data:"))).last()?;
    let data: Vec<&str> = event
        .lines()
        .filter_map(|l| l.strip_prefix("data:"))
        .map(|l| l.strip_prefix(' ').unwrap_or(l))
        .collect();
    Some(data.join("\n").into_bytes().into())
}

/// Asks; the result as it was sent.
pub async fn ask(server: &Server, method: &str, params: Value) -> Result<Box<RawValue>, Failed> {
    let bytes = match server {
        Server::Running(remote) => remote.ask(method, params).await?,
        Server::Own(app) => {
            let mut extensions = http::Extensions::new();
            extensions.insert(Principal::local());
            let request = McpRequest {
                id: Some(Id::Number(1)),
                method: Arc::from(method),
                target: params["name"].as_str().map(str::to_owned),
                params: serde_json::value::to_raw_value(&params).ok(),
                context: bare_context(
                    "cli",
                    ProtocolVersion::V2025_11_25,
                    extensions,
                    Cancel::default(),
                ),
            };
            let o = match app.service.clone().oneshot(request).await {
                Ok(o) => o,
                Err(never) => match never {},
            };
            let (e, _) = outcome(&Id::Number(1), o, ProtocolVersion::V2025_11_25, &server_info())
                .ok_or_else(|| "the call was cancelled".to_owned())?;
            e.into_bytes()
        }
    };
    #[derive(Deserialize)]
    struct Message {
        result: Option<Box<RawValue>>,
        error: Option<Value>,
    }
    let m: Message =
        serde_json::from_slice(&bytes).map_err(|e| format!("the answer is no JSON-RPC: {e}"))?;
    match (m.result, m.error) {
        (Some(r), _) => Ok(r),
        (None, e) => Err(wrong(plain(
            e.unwrap_or_default()["message"].as_str().unwrap_or("an answer without a result"),
        ))),
    }
}

async fn run(server: &Server, m: &ArgMatches, tool: &str, args: &[String]) -> Ended {
    let listed: Value =
        serde_json::from_str(ask(server, "tools/list", json!({})).await?.get()).unwrap_or_default();
    let found = listed["tools"].as_array().into_iter().flatten().find(|t| t["name"] == tool);
    let names = || {
        let tools = listed["tools"].as_array().into_iter().flatten();
        tools.filter_map(|t| t["name"].as_str()).map(plain).collect::<Vec<_>>().join(", ")
    };
    let Some(found) = found else {
        let more = if tool == "search" || tool == "fetch" {
            " (tools.search = \"yes\" adds search and fetch)"
        } else {
            ""
        };
        return Err(wrong(format!("Unknown tool: {}; there are {}{more}", plain(tool), names())));
    };
    if m.get_flag("tool-help") {
        return print(&help(found));
    }
    let arguments = arguments(args, &found["inputSchema"])?;
    let result = ask(server, "tools/call", json!({ "name": tool, "arguments": arguments })).await?;
    let node = Node::read(result.get()).map_err(|e| e.to_string())?;
    if m.get_flag("json") {
        print(&format!("{}\n", result.get()))?;
    } else {
        print(&show(&node, width(m)))?;
    }
    if *node.get("isError") == Node::Bool(true) {
        Err(Failed { message: String::new(), status: 1 })
    } else {
        Ok(())
    }
}

/// Where a person asked for it, or the terminal's; none elsewhere.
fn width(m: &ArgMatches) -> Option<usize> {
    if m.get_flag("wide") {
        return None;
    }
    let asked = m.get_one::<u16>("max-width").map(|n| usize::from(*n));
    asked.or_else(|| if std::io::stdout().is_terminal() { columns() } else { None })
}

/// The columns of the terminal that stdout is, as it says itself or as the shell does.
fn columns() -> Option<usize> {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout())
        && size.ws_col > 0
    {
        return Some(size.ws_col.into());
    }
    std::env::var("COLUMNS").ok()?.parse().ok().filter(|n| *n > 0)
}

/// A tool's arguments, for a person.
fn help(tool: &Value) -> String {
    let text = |v: &Value| v.as_str().map(plain).unwrap_or_default();
    let name = text(&tool["name"]);
    let schema = &tool["inputSchema"];
    let mut out =
        format!("{}\n\nUsage: mssql-mcp call [OPTIONS] {name}", text(&tool["description"]));
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|r| r.iter().any(|r| r == name));
    let properties: Vec<(&String, &Value)> =
        schema["properties"].as_object().into_iter().flatten().collect();
    for (n, (p, _)) in properties.iter().enumerate().filter(|(n, (p, _))| *n == 0 || required(p)) {
        let one = if n == 0 {
            format!("{}|--{p} {}", p.to_uppercase(), p.to_uppercase())
        } else {
            format!("--{p} {}", p.to_uppercase())
        };
        out += &if required(p) { format!(" {one}") } else { format!(" [{one}]") };
    }
    out += "\n\nArguments:\n";
    let left: Vec<String> =
        properties.iter().map(|(p, v)| format!("--{p} <{}>", kind(v))).collect();
    let wide = left.iter().map(String::len).max().unwrap_or(0);
    for ((p, v), l) in properties.iter().zip(&left) {
        out += &format!("  {l:<wide$}  {}", text(&v["description"]));
        if let Some(d) = v.get("default") {
            out += &format!(" [{d}]");
        }
        if required(p) {
            out += " (needed)";
        }
        out.push('\n');
    }
    out += "\n`mssql-mcp call --help` shows the options.\n";
    out
}

/// What a value of a property is.
fn kind(schema: &Value) -> String {
    if let Some(list) = schema["enum"].as_array() {
        return list
            .iter()
            .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join("|");
    }
    let one =
        |t: &str| if t == "object" || t == "array" { format!("JSON {t}") } else { t.to_owned() };
    match &schema["type"] {
        Value::String(t) => one(t),
        Value::Array(all) => all
            .iter()
            .filter_map(Value::as_str)
            .filter(|t| *t != "null")
            .map(one)
            .collect::<Vec<_>>()
            .join("|"),
        _ => "value".into(),
    }
}

/// `--name value`, `--name=value`, and first of all the first argument's value alone; what the
/// schema wants as something else than text is read as JSON. What a tool does not have is sent as
/// text, and the server's answer says so.
fn arguments(args: &[String], schema: &Value) -> Result<Map<String, Value>, Failed> {
    let properties = &schema["properties"];
    let first = properties.as_object().and_then(|p| p.keys().next());
    let is = |name: &str, ty: &str| match &properties[name]["type"] {
        Value::Array(all) => all.iter().any(|t| t == ty),
        t => t == ty,
    };
    let mut out = Map::new();
    let mut it = args.iter().peekable();
    while let Some(a) = it.next() {
        let (name, value) = match (flag(a).map(|flag| (flag, flag.split_once('='))), first) {
            (Some((_, Some((n, v)))), _) => (n.replace('-', "_"), v.to_owned()),
            (Some((n, None)), _) => {
                let name = n.replace('-', "_");
                let bare = is(&name, "boolean")
                    && it.peek().is_none_or(|v| !matches!(v.as_str(), "true" | "false"));
                let value = if bare { Some("true".to_owned()) } else { it.next().cloned() };
                let value = value.ok_or_else(|| wrong(format!("--{n} needs a value")))?;
                (name, value)
            }
            (None, Some(f)) if out.is_empty() => (f.clone(), a.clone()),
            (None, _) => return Err(wrong(format!("\"{a}\": --name value is expected here"))),
        };
        let v = if is(&name, "string") || properties.get(&name).is_none() {
            Value::String(value)
        } else {
            serde_json::from_str(&value).map_err(|_| {
                wrong(format!("--{name}: \"{value}\" is no {}", kind(&properties[&name])))
            })?
        };
        if out.insert(name.clone(), v).is_some() {
            return Err(wrong(format!("--{name} is given twice")));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_options_may_stand_anywhere_and_a_tools_values_are_its_own() {
        let settled =
            |line: &[&str]| settle(line.iter().map(|w| (*w).to_owned()).collect()).join(" ");
        for (line, want) in [
            (
                &["m", "call", "t", "--json", "--a", "b", "--demo"][..],
                "m call --json --demo t -- --a b",
            ),
            (
                &["m", "call", "t", "SELECT 1", "--max-width", "40"],
                "m call --max-width 40 t -- SELECT 1",
            ),
            (&["m", "call", "t", "--q", "--  -json"], "m call t -- --q --  -json"),
            (
                &["m", "call", "t", "-- a comment\nSELECT 1", "--json"],
                "m call --json t -- -- a comment\nSELECT 1",
            ),
            (
                &["m", "call", "t", "--q=--json", "--limits-max-rows=3"],
                "m call --limits-max-rows=3 t -- --q=--json",
            ),
            (&["m", "call", "t", "--help"], "m call --tool-help t"),
            (&["m", "call", "--help", "t"], "m call --help t"),
            (&["m", "--database-label", "call", "serve"], "m --database-label call serve"),
            (&["m", "--config", "f", "call", "--", "t", "--json"], "m --config f call t -- --json"),
            (&["m", "serve", "call", "--json"], "m serve call --json"),
        ] {
            assert_eq!(settled(line), want);
        }
    }
}
