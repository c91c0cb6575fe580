//! SIGHUP: the configuration is read again, and what can be taken over is (limits, quotas,
//! registered clients, log level), from the next call on. People and tokens are in the store and
//! need no reload; whoever was recognised a moment ago is looked up again all the same. A
//! configuration with an error is refused whole, with every error, and the old one stays.

use clap::ArgMatches;

use super::flags::FixedByCommand;
use super::inputs;
use crate::app::App;
use crate::config::settings;
use crate::config::{Config, Errors};
use crate::telemetry;
use crate::telemetry::metrics::{instruments, label};

/// Where the configuration came from, to read it again.
#[derive(Debug, Clone)]
pub(crate) struct ReloadSource {
    matches: ArgMatches,
    fixed: FixedByCommand,
}

impl ReloadSource {
    /// The flags, and what a subcommand fixed.
    pub(crate) fn new(m: &ArgMatches, fixed: impl Into<FixedByCommand>) -> Self {
        Self { matches: m.clone(), fixed: fixed.into() }
    }

    fn load(&self) -> Result<Config, Errors> {
        Config::load(&inputs(&self.matches, self.fixed.clone()))
    }
}

/// Waits for the signal, for as long as the process lives.
pub(crate) async fn reload_on_hangup(app: App, mut config: Config, source: ReloadSource) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
        while hangup.recv().await.is_some() {
            let reloaded = reload(&app, &config, &source).await;
            let result = if reloaded.is_ok() { "ok" } else { "refused" };
            instruments().reloads.add(1, &[label("mssql_mcp.result", result)]);
            match reloaded {
                Ok(new) => config = new,
                Err(e) => {
                    tracing::error!("the new configuration is refused, and the old one stays: {e}")
                }
            }
        }
    }

    #[cfg(not(unix))]
    let _ = (app, &mut config, source);
}

async fn reload(app: &App, old: &Config, source: &ReloadSource) -> Result<Config, String> {
    let source = source.clone();
    // Files, and a key store that may take its time.
    let loaded = tokio::task::spawn_blocking(move || source.load()).await;
    let new = loaded.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    let (new, rest) = old.reloaded(&new);
    // First what can fail.
    telemetry::set_level(new.get(settings::log::LEVEL))?;
    app.reload(&new);
    if rest.is_empty() {
        tracing::info!("the configuration was reloaded");
    } else {
        tracing::warn!(
            "the configuration was reloaded, but these need a restart: {}",
            rest.join(", ")
        );
    }
    Ok(new)
}
