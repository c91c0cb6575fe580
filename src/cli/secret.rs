//! `secret`: what is in the system's key store for settings that say `keyring:NAME`.

use clap::{ArgMatches, Command};

use super::people::{name_arg, text, typed, wrong};
use super::{Ended, Failed, say};
use crate::key_store::{self, KeyStoreError, MayAsk, SecretName};

/// Which setting a secret is for is not known here: this one is what most people have.
const VARIABLE: &str = "MSSQL_PASSWORD";

pub(crate) fn command() -> Command {
    Command::new("secret")
        .about("Keep secrets in the system's key store, for settings that say keyring:NAME")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("set")
                .about("Put a secret there, from the terminal or the first line of stdin")
                .arg(name_arg()),
        )
        .subcommand(Command::new("remove").about("Take a secret out of there").arg(name_arg()))
        .subcommand(
            Command::new("check")
                .about("Say whether there is one, and not what it is")
                .arg(name_arg()),
        )
}

pub(crate) fn secret(m: &ArgMatches) -> Ended {
    let Some((what, m)) = m.subcommand() else { return Ok(()) };
    let name = SecretName::new(text(m, "name")).map_err(|why| wrong(why.to_owned()))?;
    let failed = |e: KeyStoreError| {
        // What this program cannot do is wrong use of it.
        let status = if e == KeyStoreError::NotBuilt { 2 } else { 1 };
        Failed { message: e.with_mend(&name, VARIABLE), status }
    };
    match what {
        "set" => {
            // Before anything is typed.
            if !key_store::IS_BUILT {
                return Err(failed(KeyStoreError::NotBuilt));
            }
            let not_empty = |secret: &str| match secret.is_empty() {
                true => Err("the secret is empty".to_owned()),
                false => Ok(()),
            };
            key_store::write(&name, &typed("Secret", false, not_empty)?).map_err(failed)?;
            say!("{name}: set; a setting has it as keyring:{name}")
        }
        "remove" => {
            key_store::remove(&name).map_err(failed)?;
            say!("{name}: removed")
        }
        _ => {
            key_store::read(&name, MayAsk::Yes).map_err(failed)?;
            say!("{name}: there is one")
        }
    }
}
