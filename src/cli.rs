//! The command line: subcommands, and a flag per row of the settings table.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod classify;
pub(crate) mod completions;
mod connection;
pub(crate) mod demo;
pub(crate) mod doctor;
mod flags;
pub(crate) mod health;
mod init;
pub(crate) mod install;
pub(crate) mod login;
pub mod node;
pub(crate) mod people;
mod pipes;
pub(crate) mod reload;
pub(crate) mod secret;
pub(crate) mod serve;
pub mod table;
pub(crate) mod token;
mod tools;
mod types;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};

use crate::config::{Config, Errors};
use crate::telemetry;
pub(crate) use flags::{configured, configured_server, inputs};

pub(crate) const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("MSSQL_MCP_COMMIT"), ")");

/// A command's end: nothing more to say, or a message for stderr and a status.
pub(crate) type Ended = Result<(), Failed>;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failed {
    /// For a person; empty when all was said.
    pub(crate) message: String,
    /// 1 for a failure, 2 for wrong use.
    pub(crate) status: u8,
}

impl From<Errors> for Failed {
    fn from(e: Errors) -> Self {
        Failed { message: e.to_string().trim_end().to_owned(), status: 2 }
    }
}

impl From<String> for Failed {
    fn from(message: String) -> Self {
        Failed { message, status: 1 }
    }
}

/// The whole command line. Settings are in the help of `help COMMAND` alone: `--help`
/// is about the command.
pub fn command() -> Command {
    let mut root = Command::new("mssql-mcp")
        .about("A Model Context Protocol (MCP) server for Microsoft SQL Server")
        .version(VERSION)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(
            "Begin with `mssql-mcp demo`: it needs no SQL Server; `mssql-mcp init` asks for yours. \
                     `mssql-mcp help COMMAND` lists the settings too, each of which but a secret is an \
                     option;\ndocs/configuration.md has them with their environment variables.",
        )
        .disable_help_flag(true)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .global(true)
                .value_parser(value_parser!(PathBuf))
                .value_hint(ValueHint::FilePath)
                .display_order(900)
                .help("TOML file (or MSSQL_MCP_CONFIG)"),
        )
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .global(true)
                .action(ArgAction::HelpShort)
                .display_order(901)
                .help("print this; `mssql-mcp help COMMAND` adds every setting"),
        );
    root = root.args(flags::all());
    #[cfg(feature = "sandbox")]
    {
        root = root.subcommand(demo::command()).subcommand(demo::sandbox_command());
    }
    root.subcommand(serve::command())
        .subcommand(serve::stdio_command())
        .subcommand(call::command())
        .subcommand(classify::command())
        .subcommand(audit::command())
        .subcommand(people::user_command())
        .subcommand(token::command())
        .subcommand(people::store_command())
        .subcommand(init::command())
        .subcommand(doctor::command())
        .subcommand(login::command())
        .subcommand(secret::command())
        .subcommand(install::command())
        .subcommand(tools::command())
        .subcommand(health::command())
        .subcommand(config_command())
        .subcommand(
            Command::new("metrics").about("Print docs/metrics.md: every metric with its labels"),
        )
        .subcommand(
            Command::new("errors").about("Print docs/errors.md: every code with its meaning"),
        )
        .subcommand(
            Command::new("types").about("Print docs/types.md: what values of each type look like"),
        )
        .subcommand(completions::command())
}

fn config_command() -> Command {
    Command::new("config")
        .about("Print the effective settings and where each came from, secrets redacted")
        .arg(
            Arg::new("markdown")
                .long("markdown")
                .action(ArgAction::SetTrue)
                .help("print docs/configuration.md instead"),
        )
        .arg(Arg::new("keywords").long("keywords").action(ArgAction::SetTrue).help(
            "print docs/connection-strings.md instead: every keyword, and what is made of it",
        ))
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("STRING")
                .value_hint(ValueHint::Other)
                .help("print the TOML of this connection string instead (- reads it from stdin)"),
        )
}

/// Prints; a reader that went away (`| head`) has seen enough.
pub(crate) fn print(text: &str) -> Ended {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(e.to_string().into()),
        _ => Ok(()),
    }
}

/// A line, printed so. `println!` would panic where the reader has gone, and is denied here.
macro_rules! say {
    ($($arg:tt)*) => { $crate::cli::print(&format!("{}\n", format_args!($($arg)*))) };
}
pub(crate) use say;

/// A line for whoever reads stderr, if anybody does; `eprintln!` would panic there too.
macro_rules! tell {
    ($($arg:tt)*) => {{
        let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), format!("{}\n", format_args!($($arg)*)).as_bytes());
    }};
}
pub(crate) use tell;

/// A runtime for a command.
fn block_on<F: Future<Output = Ended>>(f: F) -> Ended {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    block_on_workers(cores.min(8), f)
}

/// For one client at a time: what a call passes on its way is then on one thread, and wakes no
/// other.
fn block_on_one<F: Future<Output = Ended>>(f: F) -> Ended {
    block_on_workers(1, f)
}

fn block_on_workers<F: Future<Output = Ended>>(workers: usize, f: F) -> Ended {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(|e| Failed { message: format!("no runtime: {e}"), status: 1 })?
        .block_on(f)
}

/// Whether a person sits at both ends.
fn in_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Parses, runs, and says how it went.
pub fn main() -> ExitCode {
    // One TLS provider for the whole process, chosen here so that no crate guesses.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // What is no UTF-8 is for clap to complain about.
    let words: Option<Vec<String>> = std::env::args_os().map(|w| w.into_string().ok()).collect();
    if std::env::args_os().len() == 1 && in_terminal() {
        let _ = print(&install::greeting());
        return ExitCode::SUCCESS;
    }
    let matches = match words {
        Some(words) => command().get_matches_from(call::settle(words)),
        None => command().get_matches(),
    };
    let ended = match matches.subcommand() {
        #[cfg(feature = "sandbox")]
        Some(("demo", m)) => block_on(Box::pin(demo::demo(m))),
        #[cfg(feature = "sandbox")]
        Some(("sandbox", m)) => block_on(Box::pin(demo::sandbox(m))),
        Some(("serve", m)) => block_on(Box::pin(serve::serve(m))),
        Some(("stdio", m)) => block_on_one(Box::pin(serve::stdio(m))),
        Some(("call", m)) => block_on(Box::pin(call::call(m))),
        Some(("classify", m)) => classify::classify(m),
        Some(("audit", m)) => audit::audit(m),
        Some(("user", m)) => block_on(Box::pin(people::user(m))),
        Some(("token", m)) => block_on(Box::pin(token::token(m))),
        Some(("store", m)) => block_on(Box::pin(people::store(m))),
        Some(("login", m)) => block_on(Box::pin(login::login(m))),
        Some(("init", m)) => block_on(Box::pin(init::init(m))),
        Some(("secret", m)) => secret::secret(m),
        Some(("doctor", m)) => block_on(Box::pin(doctor::doctor(m))),
        Some(("tools", m)) => block_on(Box::pin(tools::tools(m))),
        Some(("health", m)) => block_on(Box::pin(health::health(m))),
        Some(("install", m)) => install::install(m),
        Some(("config", m)) => config(m),
        Some(("errors", _)) => print(&crate::code::markdown()),
        Some(("types", _)) => print(&types::markdown()),
        Some(("metrics", _)) => print(&telemetry::metrics::markdown()),
        Some(("completions", m)) => m
            .get_one::<clap_complete::Shell>("shell")
            .map_or(Ok(()), |shell| block_on(Box::pin(completions::completions(*shell)))),
        _ => Ok(()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(f) => {
            if !f.message.is_empty() {
                tell!("mssql-mcp: {}", f.message);
            }
            ExitCode::from(f.status)
        }
    }
}

fn config(m: &ArgMatches) -> Ended {
    if m.get_flag("markdown") {
        return print(&crate::config::markdown());
    }
    if m.get_flag("keywords") {
        return print(&connection::keywords_as_markdown());
    }
    if let Some(text) = m.get_one::<String>("from") {
        return print(&connection::as_toml(&connection::given(text)?)?);
    }
    print(&Config::load(&inputs(m, Vec::new()))?.show())
}

pub(crate) async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut term) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = term.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
