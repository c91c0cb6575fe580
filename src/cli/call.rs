//! `call`: one tool call from a terminal: through the same stack as any client's, or to a server
//! that runs, over streamable HTTP.

mod arguments;
mod remote;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use super::flags::KnownWord;
use super::node::Node;
use super::table::{plain, show};
use super::{Ended, Failed, configured, print};
use crate::app::App;
use crate::config::settings;
use crate::tools::TOOLS;
use arguments::{arguments, help};
use remote::Remote;
pub(crate) use remote::{RemoteServer, ask};

pub(crate) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("call")
        .about("Call one tool and print its answer as a table")
        .override_usage("mssql-mcp call [OPTIONS] TOOL [VALUE] [--ARGUMENT VALUE]...")
        .after_help(after_help())
        .arg(flag("demo", "ask a sandbox that ends with the call"))
        .arg(Arg::new("url").long("url").value_name("URL").conflicts_with("demo").help(
            "ask the server that runs there, such as http://127.0.0.1:8008/mcp; with a \
                       token https:// where it is another machine",
        ))
        .arg(
            Arg::new("token-file")
                .long("token-file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .requires("url")
                .help(
                    "a file with the bearer token for --url (or the token itself in \
                       MSSQL_MCP_TOKEN)",
                ),
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
        .arg(
            Arg::new("tool")
                .value_name("TOOL")
                .required(true)
                .value_parser(KnownWord(
                    TOOLS.iter().filter(|t| !t.for_views).map(|t| t.name).collect(),
                ))
                .hide_possible_values(true)
                .help(
                    "a tool of the server: list_tables, \
                    describe_table, execute_sql …",
                ),
        )
        .arg(
            Arg::new("args")
                .value_name("ARGUMENTS")
                .num_args(0..)
                .trailing_var_arg(true)
                .allow_hyphen_values(true)
                .help("its arguments"),
        )
}

fn after_help() -> String {
    let mut text = String::from(
        "A value without a name is the tool's first argument. `mssql-mcp call TOOL --help` shows \
         a tool's arguments.\n\
         On a terminal, what is wider is folded; elsewhere nothing is. Exit status: 0; 1 the tool \
         says no; 2 wrong use.\n\n\
         Examples, each with --demo, --url http://127.0.0.1:8008/mcp or neither:\n",
    );
    for tool in TOOLS.iter().filter(|t| !t.for_views) {
        let needs = tool.setting.map(|key| format!("   (where {key} is on)")).unwrap_or_default();
        text += &format!("  mssql-mcp call {}{needs}\n", tool.example);
    }
    text
}

/// Our options may stand behind the tool too: they are put before it, and what is
/// the tool's behind `--`.
pub(crate) fn settle(argv: Vec<String>) -> Vec<String> {
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

pub(crate) async fn call(m: &ArgMatches) -> Ended {
    let tool = m.get_one::<String>("tool").map_or("", String::as_str);
    let args: Vec<String> = m.get_many::<String>("args").unwrap_or_default().cloned().collect();
    if let Some(url) = m.get_one::<String>("url") {
        return run(&RemoteServer::Running(Remote::new(url, m)?), m, tool, &args).await;
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
        let config = configured(m, vec![settings::log::LEVEL.fixed("warn")])?;
        // A tool's arguments are the same without a database.
        if !m.get_flag("tool-help") {
            config.require_database()?;
        }
        App::new(&config)?
    };
    app.be_frank();
    let server = RemoteServer::Own(Box::new(app));
    let ended = run(&server, m, tool, &args).await;
    if let RemoteServer::Own(app) = server {
        let databases = app.databases();
        let closing = databases.iter().map(|d| d.close(Duration::from_secs(3)));
        futures_util::future::join_all(closing).await;
    }

    #[cfg(feature = "sandbox")]
    drop(sandbox);
    ended
}

async fn run(server: &RemoteServer, m: &ArgMatches, tool: &str, args: &[String]) -> Ended {
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
