//! `serve` and `stdio`: the server against a real SQL Server.

use std::io::IsTerminal;
use std::time::Duration;

use super::flags;
use clap::ArgMatches;
use clap::Command;
use mssql_mcp_transports::stdio::Stop;
use tokio::io::BufReader;
use tokio_util::sync::CancellationToken;

use super::reload::{ReloadSource, reload_on_hangup};
use super::{Ended, asked_to_stop, configured_server, pipes};
use crate::admin::Admin;
use crate::app::App;
use crate::config::Config;
use crate::config::settings::{self, auth::AuthMode};
use crate::database::{Database, Limits};
use crate::http::{Listener, Shutdown};
use crate::principal::Principal;
use crate::protocol::server_info_at;
use crate::sources::columns;

/// The grammar of `serve`.
pub(crate) fn command() -> Command {
    Command::new("serve")
        .about("Serve MCP over HTTP: streamable HTTP at /mcp, HTTP+SSE at /sse")
        .arg(flags::listen())
        .arg(flags::port())
}

/// The grammar of `stdio`.
pub(crate) fn stdio_command() -> Command {
    Command::new("stdio").about("Serve MCP over stdin and stdout, for a desktop client")
}

pub(crate) async fn serve(m: &ArgMatches) -> Ended {
    let config = configured_server(m, Vec::new())?;
    config.require_database()?;
    let app = App::new(&config)?.signed_in(&config)?;
    let listeners = bind(&config).await?;
    started(&config);
    for m in &*app.mounts {
        let one = |d: &Database| {
            let s = d.settings();
            format!("{}: {} ({})", s.label, s.server(), s.policy.access.as_str())
        };
        let databases: Vec<String> = m.databases.iter().map(one).collect();
        tracing::info!(
            databases = databases.join(", "),
            "serving MCP at http://{}{}/mcp",
            listeners.address(),
            m.path
        );
    }
    // So that the log tells at once whether they can be reached.
    look(&app, &config, true);
    over_http(listeners, &app, &config, ReloadSource::new(m, Vec::new())).await
}

/// Asks the databases; nobody waits for it. What is configured of their tables and cannot be is
/// told, and only for that one is asked unless `all` are; a login by token is not made before
/// somebody needs it.
fn look(app: &App, config: &Config, all: bool) {
    for (m, (_, of)) in app.mounts.iter().zip(config.served()) {
        let searches = of.get(settings::tools::SEARCH);
        for (database, of) in m.databases.iter().cloned().zip(of.databases()) {
            let rows_of = if searches { columns(&of.config) } else { Vec::new() };
            if (!all || database.brings_tokens()) && rows_of.is_empty() {
                continue;
            }
            tokio::spawn(async move {
                if database.answers().await && !rows_of.is_empty() {
                    let limits = Limits::of_our_own();
                    let wrong = database.unsearchable(&rows_of, &limits).await;
                    wrong.unwrap_or_default().iter().for_each(|w| tracing::warn!("{w}"));
                }
            });
        }
    }
}

/// What an operator looks for first, in one line.
fn started(config: &Config) {
    let sign_in = config.get(settings::auth::MODE);
    let store = match sign_in {
        AuthMode::Builtin => config.shown(settings::auth::STORE),
        AuthMode::Off | AuthMode::External => "none".to_owned(),
    };
    let audit = Some(config.get(settings::audit::DIR)).filter(|dir| !dir.is_empty());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        public_url = config.public_url().unwrap_or("none"),
        sign_in = sign_in.as_str(),
        store,
        audit = audit.unwrap_or("off"),
        "mssql-mcp starts"
    );
}

/// What is listened on; nothing is served yet.
pub(crate) struct Listeners {
    mcp: Listener,
    admin: Option<Admin>,
}

impl Listeners {
    /// Where MCP is spoken.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.mcp.address()
    }
}

/// Binds the configured addresses: the one for MCP last, so that whoever finds it open finds
/// the other open too.
pub(crate) async fn bind(config: &Config) -> Result<Listeners, String> {
    let address = config.get(settings::http::LISTEN).ok_or("http.listen is no address")?;
    let admin = Admin::bind(config).await?;
    Ok(Listeners {
        admin,
        mcp: Listener::bind(address, config.get(settings::auth::MODE) != AuthMode::Off).await?,
    })
}

/// Serves until asked to stop; a second signal stops at once.
pub(crate) async fn over_http(
    listeners: Listeners,
    app: &App,
    config: &Config,
    source: ReloadSource,
) -> Ended {
    let stop = Shutdown::default();
    let signals = stop.clone();
    tokio::spawn(async move {
        asked_to_stop().await;
        tracing::info!("stopping: no new connections; waiting for calls");
        signals.closing.cancel();
        asked_to_stop().await;
        signals.now.cancel();
    });
    let (sweeper, admin) = (sweep(app), watch(app, listeners.admin));
    tokio::spawn(reload_on_hangup(app.clone(), config.clone(), source));
    if let Some(a) = app.authority.clone() {
        tokio::spawn(a.sweep_forever());
    }
    app.serve(listeners.mcp, config, stop).await.map_err(|e| e.to_string())?;
    sweeper.abort();
    admin.cancel();
    close(app, config).await;
    Ok(())
}

/// Closes idle connections from time to time.
fn sweep(app: &App) -> tokio::task::JoinHandle<()> {
    let (all, app) = (app.databases(), app.clone());
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_secs(30));
        loop {
            tick.tick().await;
            all.iter().for_each(Database::sweep);
            app.sweep_runs();
        }
    })
}

/// The gauges of the pools, and the admin listener where there is one: until
/// the token is cancelled.
fn watch(app: &App, admin: Option<Admin>) -> CancellationToken {
    let all = app.databases();
    Database::gauges(&all);
    let stop = CancellationToken::new();
    if let Some(admin) = admin {
        tracing::info!("metrics, health and readiness at http://{}", admin.address());
        tokio::spawn(admin.serve(all, app.audit.clone(), stop.clone()));
    }
    stop
}

async fn close(app: &App, config: &Config) {
    // Two things are waited for, each for at most half of the grace.
    let patience = config.get(settings::server::SHUTDOWN_GRACE) / 2;
    app.end_tasks().await;
    app.audit.close().await;
    let databases = app.databases();
    futures_util::future::join_all(
        databases.iter().map(|d| d.close(patience.min(Duration::from_secs(3)))),
    )
    .await;
    tracing::info!("stopped");
    // Last, so that all of the above is told; and here, because exporters need the runtime.
    let _ = tokio::task::spawn_blocking(move || crate::telemetry::flush(patience)).await;
}

pub(crate) async fn stdio(m: &ArgMatches) -> Ended {
    let config = configured_server(m, Vec::new())?;
    // Catalogues start a server bare to see its tools, and a desktop shows its user a tool's answer
    // rather than what a program says as it ends.
    if config.require_database().is_err() {
        tracing::warn!(
            "no database is configured: tools are listed, and calls say what is missing"
        );
    }
    let app = App::new(&config)?;
    look(&app, &config, false);
    over_stdio(&app, &config).await
}

/// Serves stdin and stdout until one of them ends or a signal comes; another signal, or one after
/// the end of stdin, cancels what still runs.
pub(crate) async fn over_stdio(app: &App, config: &Config) -> Ended {
    app.be_frank();
    let stop = Stop::default();
    let signals = stop.clone();
    tokio::spawn(async move {
        asked_to_stop().await;
        signals.closing.cancel();
        asked_to_stop().await;
        signals.now.cancel();
    });
    let gone = stop.gone.clone();
    tokio::spawn(async move {
        pipes::unread().await;
        gone.cancel();
    });
    let mut extensions = http::Extensions::new();
    // Over stdio the caller is whoever started the process.
    Principal::local().into_extensions(&mut extensions);
    let options = mssql_mcp_transports::stdio::Options {
        max_message: config.get(settings::limits::MAX_REQUEST) as usize,
        drain: config.get(settings::server::SHUTDOWN_GRACE),
        extensions,
        info: server_info_at(config.public_url()),
        changes: app.changes.clone(),
    };
    app.watch_catalogs(config, &stop.closing);
    let (sweeper, admin) = (sweep(app), watch(app, Admin::bind(config).await?));
    if std::io::stdin().is_terminal() {
        super::tell!(
            "mssql-mcp speaks MCP over stdin and stdout and waits for a client's messages, one \
             line of JSON each; a desktop client starts it by itself \
             (docs/desktop-setup.md). To ask from a terminal: `mssql-mcp call`. Ctrl-D or Ctrl-C \
             ends it."
        );
    }
    let input = BufReader::new(pipes::stdin());
    let (service, output) = (app.service.clone(), pipes::stdout());
    let serve = mssql_mcp_transports::stdio::serve(service, input, output, options, stop);
    // In a task, so that it is on the thread that its calls are on.
    let served = tokio::spawn(serve).await.unwrap_or_else(|e| Err(std::io::Error::other(e)));
    sweeper.abort();
    admin.cancel();
    close(app, config).await;
    // A reader that went away is how a desktop client ends, not a failure.
    match served {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("stdio: {e}").into()),
        _ => {
            // The blocking read of stdin cannot be taken back, and would keep the runtime waiting.
            #[expect(
                clippy::disallowed_methods,
                reason = "everything was flushed; only that read is left"
            )]
            std::process::exit(0)
        }
    }
}
