//! `init`: asks for a database, looks whether it can be used, writes a configuration for it with the
//! secrets in files beside it, and offers `install`.
//!
//! Nothing is written before the last answer, and a file that is there is kept as a copy.

mod answers;
mod questions;

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};
use mssql_mcp_client_setup as setup;
use mssql_mcp_client_setup::{Os, Surroundings};

use super::connection::{is_secret, toml_of};
use super::install::{offer, pasted, surroundings};
use super::{Ended, Failed, say, tell};
use crate::config::settings::database;
use crate::config::settings::log::Format;
use crate::config::{Config, Inputs};
use crate::doctor::{Level, examine};
use crate::telemetry;
use answers::Answers;
use questions::Questions;

/// The command line of it.
pub(crate) fn command() -> Command {
    let flag = |name, help| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("init")
        .about("Ask for a database, test it, and write a configuration for it")
        .after_help(
            "It is written to --config FILE, or to mssql-mcp.toml in your configuration folder; the \
             password goes into a file beside it that only you can read. What is given as an option \
             (`mssql-mcp help init` has them) is not asked. Without a terminal the answers are lines \
             of stdin.",
        )
        .arg(flag("force", "also where the file is there; a copy of it is kept"))
        .arg(flag("no-check", "do not connect to the database"))
        .arg(flag("no-install", "do not offer to enter it into MCP clients"))
}

pub(crate) async fn init(m: &ArgMatches) -> Ended {
    let named = std::env::var_os("MSSQL_MCP_CONFIG").filter(|v| !v.is_empty()).map(PathBuf::from);
    let file = match m.get_one::<PathBuf>("config").cloned().or(named) {
        Some(file) => std::path::absolute(file).map_err(|e| e.to_string())?,
        None => usual(&surroundings()?),
    };
    if file.file_name().is_none() || file.to_str().is_none() {
        let message = format!("--config {}: a file is needed, in UTF-8", file.display());
        return Err(Failed { message, status: 2 });
    }
    if !m.get_flag("force") && file.symlink_metadata().is_ok() {
        let message = format!(
            "{} is there already: --force replaces it and keeps a copy, --config FILE names another",
            file.display()
        );
        return Err(Failed { message, status: 2 });
    }
    let ask = Questions::new();
    let mut answers = Answers::given(m);
    loop {
        answers.ask(&ask)?;
        let found = match m.get_flag("no-check") {
            true => read(&answers).map(|_| Level::Ok),
            false => look(&answers).await,
        };
        match found {
            Ok(Level::Ok | Level::Warn) => break,
            Ok(Level::Fail) if !ask.is_person() => {
                let message = "the database cannot be used; nothing was written (--no-check writes \
                               without a look)";
                return Err(message.to_owned().into());
            }
            Err(wrong) if !ask.is_person() => return Err(wrong),
            Ok(Level::Fail) => {}
            Err(wrong) => tell!("{}", wrong.message),
        }
        match ask.one_of(
            "Answer again, write it as it is, or quit?",
            &["again", "write", "quit"],
            "again",
        )? {
            "again" => answers.again(),
            "write" if read(&answers).is_ok() => break,
            "write" => tell!("A server would not start with it."),
            _ => return Err("nothing was written".to_owned().into()),
        }
    }
    write(&file, &answers, m.get_flag("force"))?;
    let shown = pasted(&file);
    tell!("Then: mssql-mcp doctor --config {shown}   or   mssql-mcp serve --config {shown}");
    match m.get_flag("no-install") {
        true => Ok(()),
        false => offer(&file, ask.is_person()),
    }
}

/// Where a person's own configuration is, as their system has it.
fn usual(around: &Surroundings) -> PathBuf {
    let home = &around.home;
    let folder = match around.os {
        Os::Linux => around.config_home.clone().unwrap_or_else(|| home.join(".config")),
        Os::MacOs => home.join("Library/Application Support"),
        Os::Windows => around.app_data.clone().unwrap_or_else(|| home.join("AppData/Roaming")),
    };
    folder.join("mssql-mcp").join("mssql-mcp.toml")
}

/// The answers alone: what this shell has set is not in the file that a client will name.
fn read(answers: &Answers) -> Result<Config, Failed> {
    let inputs = Inputs { fixed: answers.all().to_vec(), ..Inputs::default() };
    let config = Config::load(&inputs)?;
    config.require_database()?;
    Ok(config)
}

/// What `doctor` finds, told as it tells it.
async fn look(answers: &Answers) -> Result<Level, Failed> {
    let config = read(answers)?;
    telemetry::init("off", Format::Text);
    tell!("Looking at {} …", config.get(database::HOST));
    let findings = examine(&config).await;
    for one in &findings {
        tell!("{one}");
    }
    Ok(findings.iter().map(|f| f.level).max().unwrap_or(Level::Ok))
}

/// One file that is to be written.
struct Target {
    file: PathBuf,
    text: String,
    /// As it was read.
    former: Option<String>,
    is_secret: bool,
}

/// A file for each secret, and then the one that names them, all looked at.
fn targets(file: &Path, answers: &Answers, force: bool) -> Result<Vec<Target>, Failed> {
    let secrets = answers.all().iter().filter(|(key, _)| is_secret(key));
    let mut all: Vec<(PathBuf, String, bool)> =
        secrets.map(|(key, secret)| (beside(file, key), secret.clone(), true)).collect();
    let path = |key: &str| beside(file, key).display().to_string();
    let head = "# Written by `mssql-mcp init`; docs/configuration.md has every setting.\n";
    let text = head.to_owned() + &toml_of(answers.all().to_vec(), "", path);
    all.push((file.to_owned(), text, false));
    let looked = |(target, text, is_secret): (PathBuf, String, bool)| {
        let failed =
            |e: &str| Failed::from(format!("{}: {e}; nothing was written", target.display()));
        let former = setup::read(&target).map_err(|e| failed(&e))?;
        if is_secret && target == file {
            return Err(failed("it would hold the configuration and a secret"));
        }
        if is_secret && target.symlink_metadata().is_ok_and(|m| m.is_symlink()) {
            return Err(failed("it is a link, and a secret is not written through one"));
        }
        if former.as_ref().is_some_and(|former| *former != text) && !force {
            return Err(failed("it is there already; --force replaces it and keeps a copy"));
        }
        Ok(Target { file: target, text, former, is_secret })
    };
    all.into_iter().map(looked).collect()
}

/// The file of a secret: `mssql-mcp.password` beside `mssql-mcp.toml`.
fn beside(file: &Path, key: &str) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = key.rsplit('.').next().unwrap_or(key);
    file.with_file_name(format!("{stem}.{name}"))
}

/// Looks at all of them before the first is written.
fn write(file: &Path, answers: &Answers, force: bool) -> Ended {
    let stamp = chrono::Utc::now().format("%Y%m%d%H%M%S").to_string();
    for Target { file, text, former, is_secret } in targets(file, answers, force)? {
        let failed = |e: String| Failed::from(format!("{}: {e}", file.display()));
        if is_secret && former.is_some() {
            for_its_owner(&file).map_err(|e| failed(e.to_string()))?;
        }
        if former.as_ref() != Some(&text) {
            setup::write(&file, former.as_deref(), &text, &stamp).map_err(failed)?;
        }
        say!("{}", file.display())?;
    }
    Ok(())
}

/// One that is there keeps its mode, so that is mended first.
#[cfg(unix)]
fn for_its_owner(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn for_its_owner(_: &Path) -> std::io::Result<()> {
    Ok(())
}
