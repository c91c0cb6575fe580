//! `tools`: tools of one's own, checked against their databases, and those of others as ours.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use mssql_mcp_own::{LineKind, import};

use super::{Ended, Failed, configured, print, say, tell};
use crate::config::settings;
use crate::doctor::Level;
use crate::doctor::own::examine;
use crate::plural::plural;
use crate::tools::TOOLS;

/// The grammar of `tools`.
pub(crate) fn command() -> Command {
    Command::new("tools")
        .about("Look after tools of one's own ([[tool]])")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("check")
                .about("Ask each tool's database whether it would run, without running it")
                .after_help(
                    "Exit status: 0 all would; 3 of some nobody can say; 1 some would not.",
                ),
        )
        .subcommand(
            Command::new("import")
                .about(
                    "Print the tools of a dbhub TOML file or an MCP Toolbox YAML file as ours, and \
                     beside them what was changed or refused",
                )
                .arg(
                    Arg::new("file")
                        .value_name("FILE")
                        .required(true)
                        .value_parser(value_parser!(PathBuf)),
                ),
        )
}

pub(crate) async fn tools(m: &ArgMatches) -> Ended {
    match m.subcommand() {
        Some(("check", m)) => checked(m).await,
        Some(("import", m)) => imported(m),
        _ => Ok(()),
    }
}

async fn checked(m: &ArgMatches) -> Ended {
    let config = configured(m, vec![settings::log::LEVEL.fixed("error")])?;
    config.require_database()?;
    let findings = examine(&config).await;
    if findings.is_empty() {
        say!("there are no tools of one's own: write [[tool]] tables, or set tools.file")?;
    }
    print(&findings.iter().map(|f| format!("{f}\n")).collect::<String>())?;
    let status = match findings.iter().map(|f| f.level).max().unwrap_or(Level::Ok) {
        Level::Ok => return Ok(()),
        Level::Warn => 3,
        Level::Fail => 1,
    };
    Err(Failed { message: String::new(), status })
}

fn imported(m: &ArgMatches) -> Ended {
    let file = m.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let text = std::fs::read_to_string(&file)
        .map_err(|e| format!("{}: cannot be read: {e}", file.display()))?;
    let names: Vec<&str> = TOOLS.iter().map(|t| t.name).collect();
    let imported = import(&text, &file.display().to_string(), &names);
    print(&imported.toml)?;
    for line in &imported.report {
        tell!("{line}");
    }
    let count = |kind| imported.report.iter().filter(|l| l.kind == kind).count();
    let refused = count(LineKind::Refused);
    tell!(
        "{} taken, {} changed, {} refused; `mssql-mcp tools check` asks the databases",
        plural(count(LineKind::Taken), "entry"),
        count(LineKind::Changed),
        refused
    );
    match refused {
        0 => Ok(()),
        _ => Err(Failed { message: String::new(), status: 3 }),
    }
}
