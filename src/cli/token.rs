//! `token`: machines that may use the hosted server.

use clap::{Arg, ArgMatches, Command};

use super::people::{
    made, name_arg, open, recorded, scopes, scopes_arg, settings as configuration, text, wrong,
};
use super::{Ended, Failed, say};
use crate::config::{Config, settings};
use crate::oauth::grants::{ApiToken, Grants};
use crate::oauth::people::{People, check_name};
use crate::oauth::store::{RecordKind, now};
use crate::plural::plural;

pub(crate) fn command() -> Command {
    Command::new("token")
        .about("Manage the API tokens of machines")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("create")
                .about("Make a token; it is shown once")
                .arg(name_arg())
                .arg(scopes_arg())
                .arg(
                    Arg::new("days")
                        .long("days")
                        .value_name("N")
                        .value_parser(clap::value_parser!(u32).range(1..=3650))
                        .help("it expires after so many days; without, never"),
                )
                .arg(Arg::new("mount").long("mount").value_name("PATH").help(
                    "the mount that it is for; needed where there are several and none at /",
                )),
        )
        .subcommand(Command::new("list").about("List the tokens, without their secrets"))
        .subcommand(
            Command::new("revoke")
                .about("End all tokens of a name, within a second")
                .arg(name_arg()),
        )
}

/// The mount that a token is for: named, or the one at the root, or the only one.
fn audience(named: Option<&String>, config: &Config) -> Result<String, Failed> {
    let served: Vec<String> = config.served().into_iter().map(|(path, _)| path).collect();
    let all = || served.iter().map(|p| format!("{p}/")).collect::<Vec<_>>().join(", ");
    match (named.map(|n| n.trim_end_matches('/')), served.as_slice()) {
        (Some(n), _) if served.iter().any(|p| p == n) => Ok(n.to_owned()),
        (Some(n), _) => {
            Err(wrong(format!("--mount: nothing is mounted at {n}; there are {}", all())))
        }
        (None, _) if served.iter().any(String::is_empty) => Ok(String::new()),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(wrong(format!("--mount is needed: there are {}", all()))),
    }
}

pub(crate) async fn token(m: &ArgMatches) -> Ended {
    let Some((what, m)) = m.subcommand() else { return Ok(()) };
    let config = configuration(m)?;
    let store = |e: crate::oauth::store::StoreError| Failed::from(e.to_string());
    match what {
        "create" => {
            let name = text(m, "name");
            check_name(name).map_err(wrong)?;
            let ttl = config.get(settings::auth::ACCESS_TOKEN_TTL);
            let expires = m.get_one::<u32>("days").map(|d| now() + u64::from(*d) * 86_400);
            let mount = audience(m.get_one::<String>("mount"), &config)?;
            let given = [
                ("principal", format!("token:{name}")),
                ("scopes", scopes(m).join(" ")),
                ("mount", mount.clone()),
            ];
            let given = given.each_ref().map(|(k, v)| (*k, v.as_str()));
            let token = recorded(&config, "token_create", &given, async {
                let records = made(&config)?;
                let grants = Grants::new(records.clone(), People::new(records), ttl, ttl);
                grants.api_token(name, scopes(m), &mount, expires).await.map_err(store)
            });
            say!("{}", token.await?)?;
        }
        "list" => {
            let records = open(&config)?;
            for (_, t) in records.list::<ApiToken>(RecordKind::ApiToken).await.map_err(store)? {
                let left = t.expires.map_or("never expires".to_owned(), |e| {
                    format!("{} left", plural(e.saturating_sub(now()).div_ceil(86_400), "day"))
                });
                let mount = if t.audience.is_empty() { "/" } else { &t.audience };
                say!("{}\t{}\t{mount}\t{left}", t.name, t.scopes.join(","))?;
            }
        }
        _ => {
            let name = text(m, "name");
            let records = open(&config)?;
            let ended = recorded(
                &config,
                "token_revoke",
                &[("principal", &format!("token:{name}"))],
                async {
                    let mut ended = 0;
                    for (key, t) in
                        records.list::<ApiToken>(RecordKind::ApiToken).await.map_err(store)?
                    {
                        if t.name == name
                            && records.remove(RecordKind::ApiToken, &key).await.map_err(store)?
                        {
                            ended += 1;
                        }
                    }
                    match ended {
                        0 => Err(wrong(format!(
                            "there is no token called {name}; `token list` shows them"
                        ))),
                        n => Ok(n),
                    }
                },
            )
            .await?;
            say!("{name}: {ended} revoked")?;
        }
    }
    Ok(())
}
