//! The command line: subcommands, and a flag per row of the settings table.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod audit;
pub mod call;
pub mod classify;
pub mod completions;
pub mod demo;
pub mod doctor;
pub mod health;
pub mod people;
pub mod reload;
pub mod serve;
pub mod table;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};

use crate::config::{Config, Errors, Inputs, Kind, SETTINGS};
use crate::telemetry;

/// Version and commit.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("MSSQL_MCP_COMMIT"), ")");

/// A command's end: nothing more to say, or a message for stderr and a status.
pub type Ended = Result<(), Failed>;

/// Why a command failed.
#[derive(Debug)]
pub struct Failed {
    /// For a person; empty when all was said.
    pub message: String,
    /// 1 for a failure, 2 for wrong use.
    pub status: u8,
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

/// Any text; these are what a shell offers. Whether it is good is for the configuration to say,
/// with all its other errors.
#[derive(Debug, Clone, Copy)]
struct Known(&'static [&'static str]);

impl TypedValueParser for Known {
    type Value = String;
    fn parse_ref(
        &self,
        _: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        value
            .to_str()
            .map(str::to_owned)
            .ok_or_else(|| clap::Error::new(clap::error::ErrorKind::InvalidUtf8))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        (!self.0.is_empty())
            .then(|| Box::new(self.0.iter().map(|v| PossibleValue::new(*v))) as Box<_>)
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
        .after_help("Begin with `mssql-mcp demo`: it needs no SQL Server. `mssql-mcp help COMMAND` lists the settings too, each of which but a secret is an option;\ndocs/configuration.md has them with their environment variables.")
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
    for s in SETTINGS {
        let name = match s.kind {
            Kind::Bool => "yes|no".to_owned(),
            Kind::Int(..) => "N".into(),
            Kind::Duration | Kind::DurationOrNone => "TIME".into(),
            Kind::Choice(list) => list.join("|"),
            Kind::Listen => "ADDR".into(),
            Kind::List => "A,B".into(),
            Kind::Path => "FILE".into(),
            Kind::Level => "LEVEL".into(),
            Kind::Text | Kind::Secret => "TEXT".into(),
        };
        // A secret on a command line is in every process list.
        if s.kind == Kind::Secret {
            continue;
        }
        let (known, hint): (&[&str], _) = match s.kind {
            Kind::Choice(list) => (list, ValueHint::Other),
            Kind::Bool => (&["yes", "no"], ValueHint::Other),
            Kind::Level => (&["error", "warn", "info", "debug", "trace", "off"], ValueHint::Other),
            Kind::Path => (&[], ValueHint::AnyPath),
            _ => (&[], ValueHint::Other),
        };
        let default =
            if s.default.is_empty() { String::new() } else { format!(" [{}]", s.default) };
        let section = s.key.split('.').next().unwrap_or("");
        root = root.arg(
            Arg::new(s.key)
                .long(s.flag())
                .value_name(name)
                .global(true)
                .help(format!("{}{default}", s.help))
                .help_heading(heading(section))
                .display_order(1000)
                .value_parser(Known(known))
                .value_hint(hint)
                .hide_possible_values(true)
                .hide_short_help(true),
        );
    }
    let listen = || {
        let help = "address to listen on, such as 127.0.0.1:8008, localhost:8008 or 8008";
        Arg::new("listen").long("listen").value_name("ADDR").value_hint(ValueHint::Other).help(help)
    };
    let port = || {
        let help = "port to listen on, at the configured address [8008]";
        Arg::new("port")
            .long("port")
            .value_name("N")
            .value_parser(value_parser!(u16))
            .conflicts_with("listen")
            .value_hint(ValueHint::Other)
            .help(help)
    };
    #[cfg(feature = "sandbox")]
    {
        root = root
            .subcommand(
                Command::new("demo")
                    .about("Start an embedded sandbox database and the server: nothing to install or configure")
                    .arg(listen())
                    .arg(port())
                    .arg(
                        Arg::new("stdio")
                            .long("stdio")
                            .action(ArgAction::SetTrue)
                            .help("serve a desktop client over stdin and stdout"),
                    )
                    .arg(
                        Arg::new("oauth")
                            .long("oauth")
                            .action(ArgAction::SetTrue)
                            .conflicts_with("stdio")
                            .help("with sign-in, and a demo person whose password is printed"),
                    ),
            )
            .subcommand(
                Command::new("sandbox").about("Start the sandbox's SQL Server (TDS) endpoint alone").arg(listen()),
            );
    }
    root.subcommand(
        Command::new("serve").about("Serve MCP over HTTP: streamable HTTP at /mcp, HTTP+SSE at /sse").arg(listen()).arg(port()),
    )
    .subcommand(Command::new("stdio").about("Serve MCP over stdin and stdout, for a desktop client"))
    .subcommand(call::command())
    .subcommand(
        Command::new("classify")
            .about("Judge T-SQL as execute_sql would: one JSON line per GO batch")
            .after_help("Exit status: 0 all would run; 3 something would be refused; 1 the script cannot be read; 2 wrong use.")
            .arg(Arg::new("file").value_name("FILE").default_value("-").help("a script, or - for stdin"))
            .arg(
                Arg::new("access")
                    .long("access")
                    .value_name("LEVEL")
                    .value_parser(crate::config::ACCESS)
                    .help("under this access level; access.level unless given"),
            )
            .arg(
                Arg::new("allow")
                    .long("allow")
                    .value_name("NAME")
                    .action(ArgAction::Append)
                    .help("as if the operator had named it in access.allow"),
            )
            .arg(
                Arg::new("database")
                    .long("database")
                    .value_name("NAME")
                    .help("the database that the caller is in: USE of it changes nothing"),
            )
            .arg(Arg::new("roles").long("roles").action(ArgAction::SetTrue).help("add what each token was taken for"))
            .arg(
                Arg::new("statements")
                    .long("statements")
                    .action(ArgAction::SetTrue)
                    .help("print docs/statements.md instead"),
            ),
    )
    .subcommand(audit::command())
    .subcommand(people::user_command())
    .subcommand(people::token_command())
    .subcommand(people::store_command())
    .subcommand(doctor::command())
    .subcommand(
        Command::new("health")
            .about("Ask a running server's /health; exit 0 if it answers (for containers)")
            .arg(Arg::new("url").value_name("URL").help("where, if it is not where the configuration listens")),
    )
    .subcommand(
        Command::new("config").about("Print the effective settings and where each came from, secrets redacted").arg(
            Arg::new("markdown")
                .long("markdown")
                .action(ArgAction::SetTrue)
                .help("print docs/configuration.md instead"),
        ),
    )
    .subcommand(Command::new("metrics").about("Print docs/metrics.md: every metric with its labels"))
    .subcommand(
        Command::new("completions")
            .about("Print a completion script for a shell")
            .after_help("bash: source <(mssql-mcp completions bash), in ~/.bashrc for every shell\nzsh:  mssql-mcp completions zsh > \"${fpath[1]}/_mssql-mcp\"\nfish: mssql-mcp completions fish > ~/.config/fish/completions/mssql-mcp.fish")
            .arg(
            Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(clap_complete::Shell)),
        ),
    )
}

fn heading(section: &str) -> &'static str {
    match section {
        "database" => "Database",
        "pool" => "Connection pool",
        "access" => "Access",
        "auth" => "Sign-in",
        "limits" => "Limits",
        "http" => "HTTP",
        "server" => "Server",
        "audit" => "Audit",
        "tools" => "Tools",
        "admin" => "Admin listener",
        "telemetry" => "Telemetry",
        _ => "Log",
    }
}

/// Flags, environment and file; `fixed` values are above all.
pub fn inputs(m: &ArgMatches, fixed: Vec<(&'static str, String)>) -> Inputs {
    let mut env: std::collections::BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect();
    if fixed.iter().any(|(k, _)| *k == "database.host") {
        // The sandbox is the database: what is set for another one, by the replaced service's names
        // or ours, rightly or not, is not looked at.
        let database: Vec<String> = SETTINGS
            .iter()
            .filter(|s| s.key.starts_with("database."))
            .flat_map(|s| s.env.iter().map(|n| (*n).to_owned()).chain([s.own_env()]))
            .collect();
        let of_another = |k: &str| {
            k.to_ascii_uppercase().starts_with("MSSQL_") && !k.starts_with("MSSQL_MCP_")
                || k == "READ_ONLY_MODE"
                || database.iter().any(|d| d == k || k.strip_suffix("_FILE") == Some(d))
        };
        env.retain(|k, _| !of_another(k));
    }
    let file = m
        .get_one::<PathBuf>("config")
        .cloned()
        .or_else(|| env.get("MSSQL_MCP_CONFIG").filter(|v| !v.is_empty()).map(PathBuf::from));
    let mut flags: Vec<(String, String)> = SETTINGS
        .iter()
        .filter(|s| s.kind != Kind::Secret)
        .filter_map(|s| m.get_one::<String>(s.key).map(|v| (s.key.to_owned(), v.clone())))
        .collect();
    if let Ok(Some(l)) = m.try_get_one::<String>("listen") {
        flags.push(("http.listen".into(), l.clone()));
    }
    let port = m.try_get_one::<u16>("port").ok().flatten().copied();
    Inputs { file, env, flags, port, fixed }
}

/// Loads the configuration and sets up logging: for commands that end by themselves.
pub fn configured(m: &ArgMatches, fixed: Vec<(&'static str, String)>) -> Result<Config, Failed> {
    let config = Config::load(&inputs(m, fixed))?;
    telemetry::init(config.text("log.level"), &config.choice("log.format"));
    warn(&config);
    Ok(config)
}

/// Loads the configuration and sets up all telemetry: for servers. Within the runtime.
pub fn configured_server(
    m: &ArgMatches,
    fixed: Vec<(&'static str, String)>,
) -> Result<Config, Failed> {
    let config = Config::load(&inputs(m, fixed))?;
    telemetry::start(&config).map_err(|message| Failed { message, status: 2 })?;
    // Afterwards: before, there is no meter that it could belong to.
    crate::observe::gauges();
    warn(&config);
    Ok(config)
}

fn warn(config: &Config) {
    for w in config.warnings() {
        tracing::warn!("{w}");
    }
    if config.bool("database.trust_server_certificate") {
        tracing::warn!(
            "TrustServerCertificate: any certificate is accepted, so the database's identity is not checked; set database.ca_file instead"
        );
    }
}

/// Prints; a reader that went away (`| head`) has seen enough.
pub fn print(text: &str) -> Ended {
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
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, usize::from).min(8))
        .enable_all()
        .build()
        .map_err(|e| Failed { message: format!("no runtime: {e}"), status: 1 })?
        .block_on(f)
}

/// Parses, runs, and says how it went.
pub fn main() -> ExitCode {
    // One TLS provider for the whole process, chosen here so that no crate guesses.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // What is no UTF-8 is for clap to complain about.
    let words: Option<Vec<String>> = std::env::args_os().map(|w| w.into_string().ok()).collect();
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
        Some(("stdio", m)) => block_on(Box::pin(serve::stdio(m))),
        Some(("call", m)) => block_on(Box::pin(call::call(m))),
        Some(("classify", m)) => classify::classify(m),
        Some(("audit", m)) => audit::audit(m),
        Some(("user", m)) => block_on(Box::pin(people::user(m))),
        Some(("token", m)) => block_on(Box::pin(people::token(m))),
        Some(("store", m)) => block_on(Box::pin(people::store(m))),
        Some(("doctor", m)) => block_on(Box::pin(doctor::doctor(m))),
        Some(("health", m)) => block_on(Box::pin(health::health(m))),
        Some(("config", m)) => config(m),
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
    print(&Config::load(&inputs(m, Vec::new()))?.show())
}

/// SIGTERM or Ctrl-C.
pub async fn asked_to_stop() {
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
