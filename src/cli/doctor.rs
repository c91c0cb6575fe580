//! `doctor`: looks, says what is wrong and how to mend it. 0: all is well; 3: it works, but
//! something should change; 1: something fails; 2: the configuration cannot be read.

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use serde_json::json;

use super::connection::given;
use super::{Ended, Failed, inputs, print, say};
use crate::config::settings;
use crate::config::settings::database::CONNECTION;
use crate::config::settings::log::Format;
use crate::config::{Config, Inputs};
use crate::doctor::{Level, examine};
use crate::telemetry;

/// The command line of it.
pub(crate) fn command() -> Command {
    Command::new("doctor")
        .about(
            "Check the configuration, files, databases and what their logins may do, and say \
                how to mend what is wrong",
        )
        .after_help(
            "Exit status: 0 all is well; 3 it works, but something should change; 1 \
                     something fails; 2 the configuration cannot be read.",
        )
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help(
            "print the findings as \
            JSON",
        ))
        .arg(
            Arg::new("connection")
                .long("connection")
                .value_name("STRING")
                .value_hint(ValueHint::Other)
                .help(
                    "check this connection string instead of the configured databases (- reads it \
                     from stdin, so that no process list shows it)",
                ),
        )
}

/// Leaves of what is configured nothing about databases: neither another server's address nor its
/// password has anything to do with the string.
fn only(inputs: &mut Inputs, string: String) -> Result<(), Failed> {
    if string.trim().is_empty() {
        let message =
            "--connection: the string is empty: give a connection string, or - and one on \
                       stdin"
                .to_owned();
        return Err(Failed { message, status: 2 });
    }
    inputs.file = None;
    for s in settings::all().filter(|s| ["database", "entra"].contains(&s.section())) {
        for name in s.env.iter().map(|n| (*n).to_owned()).chain([s.own_env()]) {
            inputs.env.remove(&format!("{name}_FILE"));
            inputs.env.remove(&name);
        }
    }
    inputs.flags.push((CONNECTION.name().to_owned(), string));
    Ok(())
}

pub(crate) async fn doctor(m: &ArgMatches) -> Ended {
    let as_json = m.get_flag("json");
    let mut inputs = inputs(m, Vec::new());
    if let Some(text) = m.get_one::<String>("connection") {
        only(&mut inputs, given(text)?)?;
    }
    let config = match Config::load(&inputs).and_then(|c| c.require_database().map(|()| c)) {
        Ok(c) => c,
        Err(e) => {
            if as_json {
                let findings: Vec<_> = e
                    .0
                    .iter()
                    .map(|what| json!({ "level": "fail", "check": "configuration", "what": what }))
                    .collect();
                say!("{}", json!({ "level": "fail", "findings": findings }))?;
            } else {
                say!("[fail] configuration")?;
            }
            return Err(e.into());
        }
    };
    telemetry::init("off", Format::Text);
    let findings = examine(&config).await;
    let worst = findings.iter().map(|f| f.level).max().unwrap_or(Level::Ok);
    if as_json {
        print(&format!("{}\n", json!({ "level": worst, "findings": findings })))?;
    } else {
        print(&findings.iter().map(|f| format!("{f}\n")).collect::<String>())?;
    }
    let status = match worst {
        Level::Ok => return Ok(()),
        Level::Warn => 3,
        Level::Fail => 1,
    };
    Err(Failed { message: String::new(), status })
}
