//! A flag for each row of the settings table, and from all sources to a configuration.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};

use super::Failed;
use crate::config::env::of_process;
use crate::config::setting::{Setting, ValueKind};
use crate::config::settings::database::Encrypt;
use crate::config::settings::{self, SECTIONS};
use crate::config::{Config, Inputs};
use crate::telemetry;
use crate::tools::TOOLS;

/// Any text; these are what a shell offers. Whether it is good is for the configuration to say,
/// with all its other errors.
#[derive(Debug, Clone)]
pub(super) struct KnownWord(pub(super) Vec<&'static str>);

impl TypedValueParser for KnownWord {
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

/// One for each setting but the secrets: what is on a command line is in every process list.
pub(crate) fn all() -> impl Iterator<Item = Arg> {
    SECTIONS.iter().flat_map(|section| {
        let public = section.rows.iter().filter(|s| s.kind != ValueKind::Secret);
        public.map(|s| flag(s).help_heading(section.heading))
    })
}

fn flag(s: &'static Setting) -> Arg {
    let name = match s.kind {
        ValueKind::Bool => "yes|no".to_owned(),
        ValueKind::Int(..) => "N".into(),
        ValueKind::Duration | ValueKind::DurationOrNone => "TIME".into(),
        ValueKind::Choice(names, _) => names.join("|"),
        ValueKind::Listen => "ADDR".into(),
        ValueKind::List => "A,B".into(),
        ValueKind::Path => "FILE".into(),
        ValueKind::Level => "LEVEL".into(),
        ValueKind::Text | ValueKind::Host | ValueKind::Store | ValueKind::Secret => "TEXT".into(),
    };
    let (known, hint): (&[&str], _) = match s.kind {
        ValueKind::Choice(names, _) => (names, ValueHint::Other),
        ValueKind::Bool => (&["yes", "no"], ValueHint::Other),
        ValueKind::Level => (&["error", "warn", "info", "debug", "trace", "off"], ValueHint::Other),
        ValueKind::Path => (&[], ValueHint::AnyPath),
        _ => (&[], ValueHint::Other),
    };
    let default = match s.default {
        "" => String::new(),
        text => format!(" [{text}]"),
    };
    Arg::new(s.key)
        .long(s.flag())
        .value_name(name)
        .global(true)
        .help(format!("{}{default}", s.help))
        .display_order(1000)
        .value_parser(KnownWord(known.to_vec()))
        .value_hint(hint)
        .hide_possible_values(true)
        .hide_short_help(true)
}

/// `--listen`, of commands that listen.
pub(crate) fn listen() -> Arg {
    Arg::new("listen")
        .long("listen")
        .value_name("ADDR")
        .value_hint(ValueHint::Other)
        .help("address to listen on, such as 127.0.0.1:8008, localhost:8008 or 8008")
}

/// `--port`, at the configured address.
pub(crate) fn port() -> Arg {
    Arg::new("port")
        .long("port")
        .value_name("N")
        .value_parser(value_parser!(u16))
        .conflicts_with("listen")
        .value_hint(ValueHint::Other)
        .help("port to listen on, at the configured address [8008]")
}

/// What a subcommand fixes.
#[derive(Debug, Clone, Default)]
pub(crate) struct FixedByCommand {
    pub(crate) values: Vec<(&'static str, String)>,
    /// What it has beside the main database, as TOML.
    pub(crate) beside: Option<String>,
}

impl From<Vec<(&'static str, String)>> for FixedByCommand {
    fn from(values: Vec<(&'static str, String)>) -> Self {
        Self { values, beside: None }
    }
}

/// Flags, environment and file; `fixed` values are above all.
pub(crate) fn inputs(m: &ArgMatches, fixed: impl Into<FixedByCommand>) -> Inputs {
    let FixedByCommand { values: fixed, beside } = fixed.into();
    let mut env = of_process();
    if fixed.iter().any(|(key, _)| *key == settings::database::HOST.name()) {
        // The sandbox is the database: what is set for another one, by the replaced service's names
        // or ours, rightly or not, is not looked at.
        let database: Vec<String> = settings::all()
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
    let mut flags: Vec<(String, String)> = settings::all()
        .filter(|s| s.kind != ValueKind::Secret)
        .filter_map(|s| m.get_one::<String>(s.key).map(|v| (s.key.to_owned(), v.clone())))
        .collect();
    if let Ok(Some(l)) = m.try_get_one::<String>("listen") {
        flags.push((settings::http::LISTEN.name().to_owned(), l.clone()));
    }
    let port = m.try_get_one::<u16>("port").ok().flatten().copied();
    Inputs { file, env, flags, port, fixed, beside }
}

/// Loads the configuration and sets up logging: for commands that end by themselves.
pub(crate) fn configured(
    m: &ArgMatches,
    fixed: impl Into<FixedByCommand>,
) -> Result<Config, Failed> {
    let config = Config::load(&inputs(m, fixed))?;
    telemetry::init(config.get(settings::log::LEVEL), config.get(settings::log::FORMAT));
    warn(&config);
    Ok(config)
}

/// Loads the configuration and sets up all telemetry: for servers. Within the runtime.
pub(crate) fn configured_server(
    m: &ArgMatches,
    fixed: impl Into<FixedByCommand>,
) -> Result<Config, Failed> {
    let config = Config::load(&inputs(m, fixed))?;
    let shown = TOOLS.iter().map(|t| (t.name, &t.shown)).collect();
    telemetry::start(&config, shown).map_err(|message| Failed { message, status: 2 })?;
    // Afterwards: before, there is no meter that it could belong to.
    crate::observe::gauges();
    warn(&config);
    Ok(config)
}

fn warn(config: &Config) {
    for w in config.warnings() {
        tracing::warn!("{w}");
    }
    for n in config.notes() {
        tracing::info!("{n}");
    }
    let encrypt = config.get(settings::database::ENCRYPT);
    match encrypt {
        _ if !config.has_database() => {}
        Encrypt::Off => {
            tracing::warn!("database.encrypt is off: passwords and rows travel in the clear");
        }
        Encrypt::LoginOnly => {
            tracing::warn!("database.encrypt is login-only: rows travel in the clear");
        }
        Encrypt::On | Encrypt::Strict => {}
    }
    if config.get(settings::database::TRUST_SERVER_CERTIFICATE) && encrypt != Encrypt::Strict {
        tracing::warn!(
            "TrustServerCertificate: any certificate is accepted, so the database's identity is \
             not checked; set database.ca_file instead"
        );
    }
}
