//! `audit verify`: whether the audit log is what was written.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};

use super::{Ended, Failed, say};
use crate::audit::log::{ADMIN, SERVER, files};
use crate::audit::verify::{Blame, verify};
use crate::plural::plural;

pub(crate) fn command() -> Command {
    Command::new("audit")
        .about("Look after the audit log")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("verify")
                .about(
                    "Check that nothing was edited, removed, moved or cut off, and say where if it \
                    was",
                )
                .after_help(
                    "Exit status: 0 all is well, 1 the records are not what was written, 2 \
                         something cannot be read, 3 another key than --key, 4 the anchor is none",
                )
                .arg(
                    Arg::new("files")
                        .value_name("PATH")
                        .num_args(1..)
                        .required(true)
                        .value_parser(value_parser!(PathBuf))
                        .help(
                            "folders, or files of any number of chains (audit-*.jsonl, \
                        admin-*.jsonl), in any order",
                        ),
                )
                .arg(Arg::new("anchor").long("anchor").value_name("CHECKPOINT").help(
                    "a checkpoint that was kept elsewhere: its record, a line of the log \
                        (text or JSON) that holds it, or a file with such lines; everything \
                        before it is held against it",
                ))
                .arg(Arg::new("key").long("key").value_name("BASE64").help(
                    "the public key of the \
                checkpoints, if it is known from elsewhere",
                )),
        )
}

fn unreadable(path: &Path, e: impl std::fmt::Display) -> Failed {
    Failed { message: format!("{}: {e}", path.display()), status: 2 }
}

/// A folder stands for all chains in it.
fn expand(path: &Path) -> Result<Vec<PathBuf>, Failed> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut all = files(path, SERVER).map_err(|e| unreadable(path, e))?;
    all.extend(files(path, ADMIN).map_err(|e| unreadable(path, e))?);
    if all.is_empty() {
        return Err(unreadable(path, "there is neither audit-*.jsonl nor admin-*.jsonl in it"));
    }
    Ok(all)
}

pub(crate) fn audit(m: &ArgMatches) -> Ended {
    let Some(("verify", m)) = m.subcommand() else { return Ok(()) };
    let mut paths: Vec<PathBuf> = Vec::new();
    for given in m.get_many::<PathBuf>("files").into_iter().flatten() {
        paths.extend(expand(given)?);
    }
    // Named twice (a folder and a file in it) is read once.
    paths.sort();
    paths.dedup();
    let mut files = Vec::new();
    for path in paths {
        let bytes = std::fs::read(&path).map_err(|e| unreadable(&path, e))?;
        files.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    let anchor = match m.get_one::<String>("anchor") {
        None => None,
        Some(text) if text.contains('{') => Some(text.clone()),
        // What has no brace is no record: then it is the name of a file.
        Some(path) => match std::fs::read(path) {
            Ok(bytes) => Some(super::classify::text(&bytes)),
            Err(e) if Path::new(path).components().count() > 1 || path.contains('.') => {
                return Err(unreadable(Path::new(path), e));
            }
            Err(_) => Some(path.clone()),
        },
    };
    let v = verify(&files, anchor.as_deref(), m.get_one::<String>("key").map(|k| k.trim()));
    for p in &v.problems {
        say!("{p}")?;
    }
    for c in &v.chains {
        let of = if v.chains.len() > 1 { format!("{}: ", c.name) } else { String::new() };
        say!(
            "{of}{}, {} to {}; last good checkpoint {}; signed by {}",
            plural(c.records, "record"),
            c.first,
            c.last.seq,
            if c.checkpoint == 0 { "none".to_owned() } else { c.checkpoint.to_string() },
            c.key.as_deref().unwrap_or("nobody")
        )?;
    }
    if anchor.is_none() {
        say!(
            "without --anchor, a chain that was written anew from its beginning, or cut off at \
             its end, cannot be told from a true one"
        )?;
    }
    let status = match v.problems.iter().map(|p| p.blame).min() {
        None => return Ok(()),
        Some(Blame::Records) => 1,
        Some(Blame::Key) => 3,
        Some(Blame::Anchor) => 4,
    };
    Err(Failed { message: String::new(), status })
}
