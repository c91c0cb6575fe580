//! `completions`: what clap generates, and for bash what it does not: words with `=` and `:` in
//! them, which bash takes apart, and the arguments of tools.

use clap::{Arg, Command, value_parser};
use clap_complete::Shell;
use serde_json::{Value, json};

use super::call::{RemoteServer, ask};
use super::{Ended, print};
use crate::app::App;
use crate::config::settings;
use crate::config::{Config, Inputs};
use crate::tools::TOOLS;

/// The grammar of `completions`.
pub(crate) fn command() -> Command {
    Command::new("completions")
        .about("Print a completion script for a shell")
        .after_help(
            "bash: source <(mssql-mcp completions bash), in ~/.bashrc for every shell\n\
             zsh:  mssql-mcp completions zsh > \"${fpath[1]}/_mssql-mcp\"\n\
             fish: mssql-mcp completions fish > ~/.config/fish/completions/mssql-mcp.fish",
        )
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(value_parser!(clap_complete::Shell)),
        )
}

/// Around the generated function: the words of the line as blanks part them, and of a completion
/// what bash will put behind the last `=` or `:`.
const BASH: &str = r#"
_mssql_mcp_words() {
    local -a words
    read -ra words <<< "${COMP_LINE:0:COMP_POINT}"
    [[ "${COMP_LINE:0:COMP_POINT}" == *[[:space:]] ]] && words+=("")
    if [[ "${words[-1]}" == --*=* ]]; then
        words+=("${words[-1]#*=}")
        words[-2]="${words[-2]%%=*}"
    fi
    local word="${words[-1]}" before="${words[-2]}" i tool=""
    COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1))
    _mssql_mcp "$1" "$word" "$before"
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ "${words[i]}" == call ]] && tool=call
        if [[ -n "$tool" ]]; then
            case "${words[i]}" in TOOLS) tool="${words[i]}" ;; esac
        fi
    done
    case "$tool,$before" in
    CASES
    esac
    COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*[:=]}"}"}")
}
"#;

pub(crate) async fn completions(shell: Shell) -> Ended {
    if shell != Shell::Bash {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut super::command(), "mssql-mcp", &mut script);
        return print(&String::from_utf8_lossy(&script));
    }
    // The generated script calls commands otherwise than it looks for them where the program's
    // name has a dash.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "mssql_mcp", &mut script);
    let script = String::from_utf8_lossy(&script)
        // Ours, behind `call TOOL --help`.
        .replace(" --tool-help", "")
        .replace(" -o default mssql_mcp\n", " -o default mssql-mcp\n")
        .replace("complete -F _mssql_mcp ", "complete -F _mssql_mcp_words ");
    let tools =
        BASH.trim_start().replace("TOOLS", &names("|")).replace("    CASES\n", &cases().await?);
    print(&(tools + &script))
}

/// For each tool its arguments' values, and behind those its arguments.
async fn cases() -> Result<String, super::Failed> {
    // Any place will do: a tool's arguments do not depend on it, and nothing connects.
    let fixed = vec![settings::tools::SEARCH.fixed("yes")];
    let app = App::new(&Config::load(&Inputs { fixed, ..Inputs::default() })?)?;
    let offer = |pattern: &str, words: &str| {
        format!("    {pattern}) COMPREPLY=($(compgen -W \"{words}\" -- \"$word\")) ;;\n")
    };
    // Behind `call` the tools come before a hundred settings, which a dash asks for.
    let mut out = format!(
        "    call,call) [[ \"$word\" == -* ]] || COMPREPLY=($(compgen -W \"{}\" -- \"$word\")) \
         ;;\n",
        names(" ")
    );
    let listed: Value = serde_json::from_str(
        ask(&RemoteServer::Own(Box::new(app)), "tools/list", json!({})).await?.get(),
    )
    .unwrap_or_default();
    for t in listed["tools"].as_array().into_iter().flatten() {
        let name = t["name"].as_str().unwrap_or("");
        let properties = t["inputSchema"]["properties"].as_object().into_iter().flatten();
        let mut flags = Vec::new();
        for (p, schema) in properties {
            let flag = format!("--{p}");
            let values: Vec<&str> = match schema["enum"].as_array() {
                Some(list) => list.iter().filter_map(|v| v.as_str()).collect(),
                None if schema["type"] == "boolean" => vec!["true", "false"],
                None => Vec::new(),
            };
            if !values.is_empty() {
                out += &offer(&format!("{name},{flag}"), &values.join(" "));
            }
            flags.push(flag);
        }
        let more = format!(
            "    {name},*) [[ \"$word\" == -* ]] && COMPREPLY+=($(compgen -W \"{}\" -- \
             \"$word\")) ;;\n",
            flags.join(" ")
        );
        out += &more;
    }
    Ok(out)
}

fn names(between: &str) -> String {
    TOOLS.iter().filter(|t| !t.for_views).map(|t| t.name).collect::<Vec<_>>().join(between)
}
