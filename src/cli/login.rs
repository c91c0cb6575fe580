//! `login`: a person signs in with Entra ID at another device, once; the server goes on with that.

use std::sync::Arc;

use clap::{ArgMatches, Command};
use mssql_mcp_entra::{EntraOptions, SignIn, Surroundings};

use super::{Ended, Failed, inputs, say, tell};
use crate::config::Config;
use crate::config::settings::database::LoginKind;
use crate::config::settings::entra::{self, EntraSource};
use crate::database::login::exchange;
use crate::plural::plural;

/// The command line of it.
pub(crate) fn command() -> Command {
    Command::new("login").about(
        "Sign in with Entra ID by a code (entra.source = device-code), for the server to go on with",
    )
}

/// The applications that wait for a sign-in, each once.
fn waiting(config: &Config) -> Result<Vec<EntraOptions>, Failed> {
    let mut all: Vec<EntraOptions> = Vec::new();
    let databases = config.served().into_iter().flat_map(|(_, c)| c.databases());
    for config in databases.map(|d| d.config).chain([config.clone()]) {
        if config.login() != LoginKind::Entra
            || config.get(entra::SOURCE) != EntraSource::DeviceCode
        {
            continue;
        }
        let o = config.entra(&config.server()?.host);
        let same = |a: &EntraOptions| {
            (&a.tenant, &a.client_id, &a.sign_in_file) == (&o.tenant, &o.client_id, &o.sign_in_file)
        };
        if !all.iter().any(same) {
            all.push(o);
        }
    }
    Ok(all)
}

pub(crate) async fn login(m: &ArgMatches) -> Ended {
    let config = Config::load(&inputs(m, Vec::new()))?;
    let waiting = waiting(&config)?;
    if waiting.is_empty() {
        let message = "no database waits for a sign-in: set database.login = \"entra\", \
                       entra.source = \"device-code\", entra.tenant and entra.client_id \
                       (docs/logins.md)";
        return Err(Failed { message: message.to_owned(), status: 2 });
    }
    let (around, exchange) = (Surroundings::of_process(), exchange());
    for options in waiting {
        let failed = |e: mssql_mcp_entra::Failure| match e.mend.is_empty() {
            true => e.to_string(),
            false => format!("{e}\n  → {}", e.mend),
        };
        let begun = SignIn::begin(&options, &around, &*Arc::clone(&exchange)).await;
        let sign_in = begun.map_err(failed)?;
        let shown = &sign_in.shown;
        tell!(
            "Open {} and type {} (within {}).",
            shown.verification_uri,
            shown.user_code,
            plural(shown.expires_in.as_secs() / 60, "minute")
        );
        let who = sign_in.finish(&*exchange).await.map_err(failed)?;
        say!("Signed in: {who}. It is kept in {}.", options.sign_in_file.display())?;
    }
    Ok(())
}
