//! `doctor`: looks, says what is wrong and how to mend it. 0: all is well; 3: it works, but
//! something should change; 1: something fails; 2: the configuration cannot be read.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::{Ended, Failed, inputs, print, say};
use crate::config::Config;
use crate::config::settings::log::Format;
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
}

pub(crate) async fn doctor(m: &ArgMatches) -> Ended {
    let as_json = m.get_flag("json");
    let config =
        match Config::load(&inputs(m, Vec::new())).and_then(|c| c.require_database().map(|()| c)) {
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
