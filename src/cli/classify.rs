//! `classify`: the verdict on T-SQL scripts, one JSON line per batch, so that an auditor can try
//! the guard and corpora can run through it, under the access that is configured unless told
//! otherwise. Needs no database.

use std::io::{IsTerminal, Read, Write};

use clap::ArgMatches;
use clap::{Arg, ArgAction, Command};
use serde_json::{Value, json};

use super::{Ended, Failed, inputs, print};
use crate::config::Config;
use crate::config::settings;
use mssql_mcp_sql::Access;
use mssql_mcp_sql::batches::batches;
use mssql_mcp_sql::policy::Policy;
use mssql_mcp_sql::verdict::Verdict;

/// The grammar of `classify`.
pub(crate) fn command() -> Command {
    Command::new("classify")
        .about("Judge T-SQL as execute_sql would: one JSON line per GO batch")
        .after_help(
            "Exit status: 0 all would run; 3 something would be refused; 1 the script cannot be \
             read; 2 wrong use.",
        )
        .arg(
            Arg::new("file").value_name("FILE").default_value("-").help("a script, or - for stdin"),
        )
        .arg(
            Arg::new("access")
                .long("access")
                .value_name("LEVEL")
                .value_parser(settings::access::LEVELS)
                .help("under this access level; access.level unless given"),
        )
        .arg(
            Arg::new("allow")
                .long("allow")
                .value_name("NAME")
                .action(ArgAction::Append)
                .help("as if the operator had named it in access.allow"),
        )
        .arg(
            Arg::new("database")
                .long("database")
                .value_name("NAME")
                .help("the database that the caller is in: USE of it changes nothing"),
        )
        .arg(
            Arg::new("roles")
                .long("roles")
                .action(ArgAction::SetTrue)
                .help("add what each token was taken for"),
        )
        .arg(
            Arg::new("statements")
                .long("statements")
                .action(ArgAction::SetTrue)
                .help("print docs/statements.md instead"),
        )
}

pub(crate) fn classify(m: &ArgMatches) -> Ended {
    if m.get_flag("statements") {
        return print(&mssql_mcp_sql::statements::markdown());
    }
    let file = m.get_one::<String>("file").map_or("-", String::as_str);
    // As `execute_sql` would judge here; a configuration that cannot be read says so.
    let config = Config::load(&inputs(m, Vec::new()))?;
    let mut allow = config.get(settings::access::ALLOW);
    allow.extend(m.get_many::<String>("allow").into_iter().flatten().cloned());
    let named = Some(config.get(settings::database::NAME).to_owned()).filter(|n| !n.is_empty());
    let policy = Policy {
        access: match m.get_one::<String>("access") {
            Some(level) => Access::parse(level),
            None => config.get(settings::access::LEVEL),
        },
        allow,
        database: m.get_one::<String>("database").cloned().or(named).map(Into::into),
        ..Policy::default()
    };
    if file == "-" && std::io::stdin().is_terminal() {
        super::tell!("classify reads T-SQL from the terminal; Ctrl-D ends it");
    }
    let mut bytes = Vec::new();
    let read = match file {
        "-" => std::io::stdin().lock().read_to_end(&mut bytes).map(drop),
        f => std::fs::read(f).map(|b| bytes = b),
    };
    read.map_err(|e| Failed { message: format!("{file}: {e}"), status: 1 })?;
    let roles = m.get_flag("roles");
    let mut out = std::io::stdout().lock();
    let mut refused = false;
    for (n, (line, batch)) in batches(&text(&bytes)).into_iter().enumerate() {
        let report = report(n + 1, line, batch, &policy, roles);
        refused |= report["allowed"] == false;
        // A reader that went away has seen enough; the status is still about the whole script.
        let _ = writeln!(out, "{report}");
    }
    // Between "it runs" and "it could not be judged": as with doctor, 3 is an
    // answer and no failure.
    if refused { Err(Failed { message: String::new(), status: 3 }) } else { Ok(()) }
}

/// UTF-8, or UTF-16 with its mark, as SQL Server's own tools save scripts.
pub(super) fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        all => String::from_utf8_lossy(all).into_owned(),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes.chunks(2).map(|c| unit([c[0], *c.get(1).unwrap_or(&0)])).collect();
    String::from_utf16_lossy(&units)
}

/// One batch; lines are those of the script.
fn report(batch: usize, first_line: u32, sql: &str, policy: &Policy, roles: bool) -> Value {
    let verdict = Verdict::under(sql, policy);
    let line = |l: u32| l + first_line - 1;
    let statements: Vec<Value> = verdict
        .statements
        .iter()
        .map(|s| json!({ "class": s.class.as_str(), "line": line(s.line), "column": s.column, "statement": s.head }))
        .collect();
    let class = verdict.class.as_str();
    let mut report = match verdict.check(policy) {
        Ok(_) => {
            json!({ "batch": batch, "allowed": true, "class": class, "statements": statements })
        }
        Err(r) => json!({
            "batch": batch,
            "allowed": false,
            "class": class,
            "statements": statements,
            "code": r.why.as_str(),
            "reason": r.reason,
            "advice": r.advice,
            "line": line(r.line),
            "column": r.column,
        }),
    };
    if roles {
        let each = mssql_mcp_sql::verdict::roles(sql).unwrap_or_default();
        report["roles"] =
            each.into_iter().map(|(text, role)| json!([text, role.as_str()])).collect();
    }
    report
}
