//! `audit verify`: whether the audit log is what was written.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};

use super::{Ended, Failed};
use crate::audit::chain::verify;
use crate::plural::plural;

/// `mssql-mcp audit …`.
pub fn command() -> Command {
    Command::new("audit").about("Look after the audit log").subcommand_required(true).arg_required_else_help(true).subcommand(
        Command::new("verify")
            .about("Check that nothing was edited, removed, moved or cut off; exit 1 and say where if it was")
            .arg(
                Arg::new("files")
                    .value_name("FILE")
                    .num_args(1..)
                    .required(true)
                    .value_parser(value_parser!(PathBuf))
                    .help("all files of one chain (audit-*.jsonl or admin-*.jsonl), in any order"),
            )
            .arg(
                Arg::new("anchor")
                    .long("anchor")
                    .value_name("CHECKPOINT")
                    .help("a checkpoint line that was kept elsewhere (from the log), or a file with it: everything before it is held against it"),
            )
            .arg(Arg::new("key").long("key").value_name("BASE64").help("the public key of the checkpoints, if it is known from elsewhere")),
    )
}

/// `mssql-mcp audit verify`.
pub fn audit(m: &ArgMatches) -> Ended {
    let Some(("verify", m)) = m.subcommand() else { return Ok(()) };
    let mut files = Vec::new();
    for path in m.get_many::<PathBuf>("files").into_iter().flatten() {
        let bytes =
            std::fs::read(path).map_err(|e| Failed { message: format!("{}: {e}", path.display()), status: 2 })?;
        files.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    let anchor = m.get_one::<String>("anchor").map(|a| match std::fs::read_to_string(a) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => a.trim().to_owned(),
    });
    let v = verify(&files, anchor.as_deref(), m.get_one::<String>("key").map(String::as_str));
    for p in &v.problems {
        println!("{p}");
    }
    println!(
        "{}, {} to {}; last good checkpoint {}; signed by {}",
        plural(v.records, "record"),
        v.first,
        v.last.seq,
        v.checkpoint,
        v.key.as_deref().unwrap_or("nobody")
    );
    if anchor.is_none() {
        println!(
            "without --anchor, a chain that was written anew from its beginning, or cut off at its end, cannot be told from a true one"
        );
    }
    if v.problems.is_empty() { Ok(()) } else { Err(Failed { message: String::new(), status: 1 }) }
}
