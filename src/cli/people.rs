//! `user`, `token` and `store`: people and machines that may use the hosted server, and where they
//! are kept. They work on the same store, beside a running server.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{Ended, Failed, configured, say, tell};
use crate::audit::Audit;
use crate::audit::log::ADMIN;
use crate::config::Config;
use crate::config::settings;
use crate::oauth::grants::Grants;
use crate::oauth::people::{People, User, check_name, check_password, hash};
use crate::oauth::store::{RecordKind, Records, left_behind, missing};
use crate::principal::SCOPES;

pub(super) fn scopes_arg() -> Arg {
    Arg::new("scopes")
        .long("scopes")
        .value_name("A,B")
        .value_delimiter(',')
        .value_parser(SCOPES)
        .default_value("mssql:read")
        .help("what it may do at most")
}

pub(super) fn name_arg() -> Arg {
    Arg::new("name").value_name("NAME").required(true)
}

pub(crate) fn user_command() -> Command {
    let stdin = || {
        Arg::new("password-stdin")
            .long("password-stdin")
            .action(ArgAction::SetTrue)
            .help("read the password from the first line of stdin, without asking")
    };
    Command::new("user")
        .about("Manage the people who may sign in")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("add")
                .about("Add a person")
                .arg(name_arg())
                .arg(scopes_arg())
                .arg(stdin()),
        )
        .subcommand(Command::new("list").about("List the people"))
        .subcommand(
            Command::new("passwd")
                .about("Set a new password; their tokens and sessions end within a second")
                .arg(name_arg())
                .arg(stdin()),
        )
        .subcommand(
            Command::new("disable")
                .about("Shut a person out; their tokens end within a second")
                .arg(name_arg()),
        )
        .subcommand(
            Command::new("enable").about("Let a person in again, to sign in anew").arg(name_arg()),
        )
        .subcommand(
            Command::new("scopes")
                .about(
                    "Set what a person may do at most; fewer than before end their tokens \
                        within a second",
                )
                .override_usage("mssql-mcp user scopes NAME SCOPE[,SCOPE]...")
                .arg(name_arg())
                .arg(
                    Arg::new("scopes")
                        .value_name("SCOPE")
                        .num_args(1..)
                        .value_delimiter(',')
                        .value_parser(SCOPES)
                        .required_unless_present("named"),
                )
                // As `user add` has it.
                .arg(
                    Arg::new("named")
                        .long("scopes")
                        .value_delimiter(',')
                        .value_parser(SCOPES)
                        .conflicts_with("scopes")
                        .hide(true),
                ),
        )
        .subcommand(
            Command::new("remove")
                .about(
                    "Remove a person, and all that they granted; whoever gets the name later \
                        inherits nothing",
                )
                .arg(name_arg()),
        )
}

pub(crate) fn store_command() -> Command {
    Command::new("store")
        .about("Look after the store of sign-in")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("export")
                .about("Print every record as a JSON line; secrets are hashes in it"),
        )
        .subcommand(Command::new("prune").about("Remove what has expired"))
}

/// Does what an operator asks for, with records of it in a chain of the commands' own: that it was
/// asked first, so that what cannot be recorded is not done; and then what was done, or why not.
pub(super) async fn recorded<T>(
    config: &Config,
    event: &str,
    fields: &[(&str, &str)],
    work: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    let audit = Audit::open(config, ADMIN)?;
    let (operator, login) = operator();
    let mut by = vec![("operator", operator.as_str())];
    by.extend(login.as_deref().map(|l| ("login", l)));
    audit.event("command", &[&[("command", event)], fields, &by].concat());
    let done = work.await;
    match &done {
        Ok(_) => audit.event(event, &[fields, &by].concat()),
        Err(f) => audit.event(
            "command_failed",
            &[&[("command", event)], fields, &by, &[("why", &f.message)]].concat(),
        ),
    }
    audit.close().await;
    done
}

/// The account that runs this command, and the one that signed in to the machine where that is
/// another (sudo, su): as the system says, for variables say what their owner likes.
#[cfg(unix)]
fn operator() -> (String, Option<String>) {
    use nix::unistd::{Uid, User, getuid};
    let named =
        |uid: Uid| User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |u| u.name);
    let login = std::fs::read_to_string("/proc/self/loginuid")
        .ok()
        .and_then(|t| t.trim().parse::<u32>().ok());
    let login = login.filter(|l| *l != u32::MAX && *l != getuid().as_raw());
    (named(getuid()), login.map(|l| named(Uid::from_raw(l))))
}

#[cfg(not(unix))]
fn operator() -> (String, Option<String>) {
    ("unknown".to_owned(), None)
}

pub(super) fn wrong(message: String) -> Failed {
    Failed { message, status: 2 }
}

/// The configuration; no log lines, unless they are asked for by flag: what LOG_LEVEL says
/// is for the server.
pub(super) fn settings(m: &ArgMatches) -> Result<Config, Failed> {
    let asked = m.try_get_one::<String>(settings::log::LEVEL.name()).ok().flatten().is_some();
    let config =
        configured(m, if asked { Vec::new() } else { vec![settings::log::LEVEL.fixed("off")] })?;
    if config.get(settings::auth::STORE) == "memory" {
        return Err(wrong(
            "auth.store is memory: it ends with this command; set sqlite:FILE".into(),
        ));
    }
    Ok(config)
}

/// The store, if there is one. A SQLite file that is not there is not made by looking.
pub(super) fn existing(config: &Config) -> Result<Option<Records>, Failed> {
    let text = config.get(settings::auth::STORE);
    if missing(text).is_some() {
        return Ok(None);
    }
    Ok(Some(Records::open(text).map_err(|e| e.to_string())?))
}

/// The store, which has to be there.
pub(super) fn open(config: &Config) -> Result<Records, Failed> {
    let text = config.get(settings::auth::STORE);
    let no_store = || {
        let file = missing(text).unwrap_or(Path::new(text)).display().to_string();
        let earlier = left_behind(text).map_or(String::new(), |e| {
            let e = std::path::absolute(e).unwrap_or_default();
            format!(
                ". There is one at {}, where earlier versions kept it: move it, or name it",
                e.display()
            )
        });
        wrong(format!(
            "there is no store at {file}: `user add` and `token create` make one. If the server \
             has its own elsewhere, name it by --auth-store sqlite:FILE or \
             MSSQL_MCP_AUTH_STORE{earlier}"
        ))
    };
    existing(config)?.ok_or_else(no_store)
}

/// The store, made where there is none; that is said.
pub(super) fn made(config: &Config) -> Result<Records, Failed> {
    let (records, new) =
        Records::open_or_make(config.get(settings::auth::STORE)).map_err(|e| e.to_string())?;
    if let Some(file) = new {
        tell!(
            "made a new store at {}; the server has to use the same one (auth.store)",
            file.display()
        );
    }
    Ok(records)
}

pub(super) fn text<'a>(m: &'a ArgMatches, name: &str) -> &'a str {
    m.get_one::<String>(name).map_or("", String::as_str)
}

/// As given, each once, in the order of the table.
pub(super) fn scopes(m: &ArgMatches) -> Vec<String> {
    let named =
        |id: &str| m.try_get_many::<String>(id).ok().flatten().into_iter().flatten().cloned();
    let given: Vec<String> = named("scopes").chain(named("named")).collect();
    SCOPES.iter().filter(|s| given.iter().any(|g| g == *s)).map(|s| (*s).to_owned()).collect()
}

fn password(m: &ArgMatches) -> Result<String, Failed> {
    typed("Password", m.get_flag("password-stdin"), check_password)
}

/// What nobody may read over a shoulder, from stdin; a terminal is asked twice.
pub(super) fn typed(
    what: &str,
    stdin: bool,
    check: fn(&str) -> Result<(), String>,
) -> Result<String, Failed> {
    let given = if stdin || !std::io::stdin().is_terminal() {
        let mut text = String::new();
        std::io::stdin().lock().read_line(&mut text).map_err(|e| e.to_string())?;
        text.trim_end_matches(['\r', '\n']).to_owned()
    } else {
        let ask = |prompt: &str| rpassword::prompt_password(prompt).map_err(|e| e.to_string());
        let first = ask(&format!("{what}: "))?;
        // Not after it was typed twice.
        check(&first).map_err(wrong)?;
        if ask("Again: ")? != first {
            return Err(wrong("the two are not the same".into()));
        }
        first
    };
    check(&given).map_err(wrong)?;
    Ok(given)
}

pub(crate) async fn user(m: &ArgMatches) -> Ended {
    let Some((what, m)) = m.subcommand() else { return Ok(()) };
    let config = settings(m)?;
    let store = |e: crate::oauth::store::StoreError| Failed::from(e.to_string());
    if what == "list" {
        let records = open(&config)?;
        for (name, u) in records.list::<User>(RecordKind::User).await.map_err(store)? {
            say!(
                "{name}\t{}\t{}",
                if u.disabled { "disabled" } else { "active" },
                u.scopes.join(",")
            )?;
        }
        return Ok(());
    }
    let name = text(m, "name");
    check_name(name).map_err(wrong)?;
    let found = if what == "add" { existing(&config)? } else { Some(open(&config)?) };
    let known = match &found {
        Some(r) => r.get::<User>(RecordKind::User, name).await.map_err(store)?.map(|u| u.0),
        None => None,
    };
    let user = match (what, known) {
        ("add", Some(_)) => {
            return Err(wrong(format!(
                "{name} is there already; `user passwd` sets a new password, `user scopes` what \
                 they may do"
            )));
        }
        ("add", None) => User::new(hash(&password(m)?)?, scopes(m)),
        (_, None) => return Err(wrong(format!("there is no {name}; `user list` shows who is"))),
        ("passwd", Some(u)) => User { password: hash(&password(m)?)?, ..u },
        ("scopes", Some(u)) => User { scopes: scopes(m), ..u },
        ("remove", Some(u)) => u,
        ("disable", Some(u)) => User { disabled: true, ..u },
        (_, Some(u)) => User { disabled: false, ..u },
    };
    let before = user.epoch.clone();
    let given = [("principal", name), ("scopes", &*user.scopes.join(" "))];
    let done = async {
        let records = match found {
            Some(r) => r,
            None => made(&config)?,
        };
        let people = People::new(records.clone());
        let ttl = config.get(settings::auth::ACCESS_TOKEN_TTL);
        if what == "remove" {
            // The person first: from then on nothing new is granted.
            people.remove(name).await.map_err(store)?;
            return Grants::new(records, people, ttl, ttl).forget_person(name).await.map_err(store);
        }
        people.put(name, &user).await.map_err(store)?;
        // What that ended is void already; here it goes from the list of connected apps, too.
        match people.active(name).await.map_err(store)? {
            Some(now) if now.epoch == before => Ok(()),
            _ => Grants::new(records, people, ttl, ttl).forget_person(name).await.map_err(store),
        }
    };
    recorded(&config, &format!("user_{what}"), &given, done).await?;
    if what == "remove" {
        say!("{name}: removed")?;
        return Ok(());
    }
    say!(
        "{name}: {}, {}",
        if user.disabled { "disabled" } else { "active" },
        user.scopes.join(",")
    )?;
    Ok(())
}

pub(crate) async fn store(m: &ArgMatches) -> Ended {
    let Some((what, m)) = m.subcommand() else { return Ok(()) };
    let records = open(&settings(m)?)?;
    let failed = |e: crate::oauth::store::StoreError| Failed::from(e.to_string());
    records.sweep().await.map_err(failed)?;
    if what == "export" {
        let mut out = std::io::stdout().lock();
        for kind in RecordKind::ALL {
            for (key, value) in records.list::<serde_json::Value>(kind).await.map_err(failed)? {
                let line = serde_json::json!({ "kind": kind.as_str(), "key": key, "value": value });
                if writeln!(out, "{line}").is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}
