//! `install`: enters this server into the files of MCP clients, and takes it out again.
//!
//! First everything is looked at, then shown, then written, then what was written is started once.

mod chosen;
mod report;
mod verify;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use mssql_mcp_client_setup as setup;
use mssql_mcp_client_setup::{
    CLIENTS, Change, Client, Entry, Format, Outcome, Plan, Scope, Surroundings,
};
use serde_json::json;

use super::{Ended, Failed, print, say, tell};
use crate::plural::plural;
use crate::visible::unseen;
pub(super) use chosen::surroundings;
use chosen::{Wish, clients, notes, readable};
use report::{FileReport, listed};

/// What is said where a person does not agree.
const DECLINED: &str = "nothing was written";

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn value(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).value_hint(ValueHint::Other).help(help)
}

/// The command line of it.
pub(crate) fn command() -> Command {
    let command = Command::new("install")
        .about("Enter this server into the files of MCP clients, or take it out again")
        .after_help(
            "One entry is touched; every other byte of a file stays, and FILE.bak-TIME beside it \
             has what was there before. No password is written without --allow-plaintext.\nExit status: 0 done, or \
             nothing to do; 1 something was refused or failed; 2 wrong use.",
        )
        .arg(
            value("client", "NAME", "a client, whether it is found or not (may be repeated)")
                .action(ArgAction::Append)
                .value_parser(PossibleValuesParser::new(CLIENTS.iter().map(|c| c.id)))
                .conflicts_with("all"),
        )
        .arg(flag("all", "every client that is found on this machine (as without --client)"))
        .arg(
            value("scope", "user|project", "for you, or for the folder that you are in [user]")
                .value_parser(["user", "project"])
                .hide_possible_values(true)
                .default_value("user")
                .hide_default_value(true),
        )
        .arg(
            value("name", "NAME", "what the server is called there [mssql]")
                .default_value("mssql")
                .hide_default_value(true),
        )
        .arg(
            value("url", "URL", "the address of a server that runs, instead of a program to start")
                .conflicts_with_all(["env", "command", "image"]),
        )
        .arg(
            value(
                "command",
                "binary|npx|uvx|docker",
                "what the client starts [this binary; where npx or uvx started it, that again]",
            )
            .value_parser(["binary", "npx", "uvx", "docker"])
            .hide_possible_values(true)
            .requires_if("docker", "image"),
        )
        .arg(value("image", "IMAGE", "the image of --command docker"))
        .arg(
            value("env", "K=V", "a variable for the server, no secret (may be repeated)")
                .action(ArgAction::Append),
        )
        .arg(flag("allow-plaintext", "let --env put a secret into the file, as it is"))
        .arg(flag("dry-run", "show what would change, and change nothing"))
        .arg(flag("print", "print what stands in each file, to be pasted, and change nothing"))
        .arg(
            flag("markdown", "print docs/clients.md, or the part for --client")
                .conflicts_with("print"),
        )
        .arg(flag("remove", "take the entry out again"))
        .arg(flag("list", "show clients, their files, and what stands in them"))
        .arg(flag("yes", "ask nothing"))
        .arg(flag("force", "also where another's entry has that name"))
        .arg(flag("json", "print what was done as JSON"));
    #[cfg(feature = "sandbox")]
    let command = command.arg(
        flag("demo", "enter the demo with its sandbox, which needs no database")
            .conflicts_with("url"),
    );
    command
}

/// One file, looked at.
struct Looked {
    client: &'static Client,
    file: PathBuf,
    /// As it was read.
    text: Option<String>,
    /// What this client gets.
    entry: Entry,
    /// What becomes of it, or why nothing does.
    plan: Result<Plan, String>,
}

impl Looked {
    /// Two clients may share a file (`.mcp.json` of a project): the second one finds there what
    /// the first one, of `before`, leaves.
    fn new(
        client: &'static Client,
        file: PathBuf,
        name: &str,
        wish: &Wish,
        m: &ArgMatches,
        before: &[Looked],
    ) -> Self {
        let shared = before.iter().rev().find(|l| l.file == file && l.changes());
        let read = match shared.and_then(|l| l.plan.as_ref().ok()) {
            Some(plan) => Ok(plan.text.clone()),
            None => setup::read(&file),
        };
        let text = read.clone().ok().flatten();
        let entry = wish.entry(client, name, text.as_deref());
        let (force, plaintext) = (m.get_flag("force"), m.get_flag("allow-plaintext"));
        let change = match m.get_flag("remove") {
            true => Change::Remove { force },
            false => Change::Set { entry: &entry, force, plaintext },
        };
        let plan = read.and_then(|text| {
            setup::plan(client, text.as_deref(), name, &change).map_err(|p| p.to_string())
        });
        Looked { client, file, text, entry, plan }
    }

    /// Whether the entry has a secret as it is.
    fn has_secret(&self) -> bool {
        self.entry.veiled(self.client) != self.entry
    }

    fn changes(&self) -> bool {
        matches!(&self.plan, Ok(p) if p.text.is_some() && p.outcome != Outcome::Foreign)
    }

    /// What the client starts by the new text.
    fn started(&self, name: &str) -> Option<Entry> {
        let text = self.plan.as_ref().ok()?.text.as_deref()?;
        setup::started(self.client, text, name).ok().flatten()
    }

    fn diff(&self) -> String {
        let new = self.plan.as_ref().ok().and_then(|p| p.text.as_deref());
        let old = self.text.as_deref().unwrap_or_default();
        new.map_or_else(String::new, |new| {
            let seen = |text: &str| setup::veiled(self.client, text);
            let file = self.file.display().to_string();
            shown(&setup::unified_as(&file, (old, &seen(old)), (new, &seen(new))))
        })
    }
}

pub(crate) fn install(m: &ArgMatches) -> Ended {
    let around = surroundings()?;
    let name = m.get_one::<String>("name").map_or("mssql", String::as_str);
    let scope = match m.get_one::<String>("scope").map(String::as_str) {
        Some("project") => Scope::Project,
        _ => Scope::User,
    };
    if m.get_flag("markdown") {
        let named: Vec<&Client> = clients(m, &around, scope);
        return match m.contains_id("client") {
            false => print(&setup::page(None)),
            true => print(&named.iter().map(|c| setup::page(Some(c))).collect::<String>()),
        };
    }
    if m.get_flag("list") {
        return listed(&around, scope, name, m.get_flag("json"));
    }
    let wish = Wish::new(m)?;
    let chosen = clients(m, &around, scope);
    if m.get_flag("print") {
        for c in chosen {
            let mut entry = wish.entry(c, name, None);
            if m.get_flag("allow-plaintext") {
                entry = entry.veiled(c);
            }
            let block = setup::block(c, name, &entry).map_err(wrong_use)?;
            print(&format!("{}:\n\n{block}\n", c.name))?;
        }
        return Ok(());
    }
    if chosen.is_empty() {
        let ids: Vec<&str> = CLIENTS.iter().map(|c| c.id).collect();
        return Err(wrong_use(format!(
            "no client is found on this machine; name one with --client: {}",
            ids.join(", ")
        )));
    }
    let named = m.contains_id("client");
    let mut looked: Vec<Looked> = Vec::new();
    for c in chosen {
        let there = |p: &Path| p.exists();
        let files = around.files(c, scope, &there);
        if files.is_empty() {
            let what = match scope {
                Scope::User => format!("{} is not made for this system", c.name),
                Scope::Project => format!("{} has no file in a project", c.name),
            };
            if named {
                return Err(wrong_use(format!("{what}; leave --scope or --client out")));
            }
            continue;
        }
        // What was only found is left alone where it cannot be written; what was named is an error.
        let cannot =
            c.format == Format::Printed || matches!(wish, Wish::Address(_)) && !c.takes_addresses();
        if cannot && !named {
            match c.format {
                Format::Printed => {
                    tell!("{}: skipped; --client {} --print shows what to paste", c.name, c.id);
                }
                _ => tell!("{}: skipped; it takes no addresses in its file", c.name),
            }
            continue;
        }
        for file in files {
            looked.push(Looked::new(c, file, name, &wish, m, &looked));
        }
    }
    carry_out(m, &around, name, &looked)
}

/// What `init` ends with: the entry with this configuration, for whoever is there to agree.
pub(super) fn offer(config: &Path, person: bool) -> Ended {
    let later = || -> Ended {
        tell!("Clients: mssql-mcp install --config {}", pasted(config));
        Ok(())
    };
    let words = ["mssql-mcp", "install", "--config"].map(OsString::from);
    let words = words.into_iter().chain([config.as_os_str().to_owned()]);
    let parsed = super::command().try_get_matches_from(words).map_err(|e| e.to_string())?;
    let Some((_, m)) = parsed.subcommand() else { return Ok(()) };
    if !person || clients(m, &surroundings()?, Scope::User).is_empty() {
        return later();
    }
    install(m).or_else(|f| match f.message.as_str() {
        DECLINED => later(),
        _ => Err(f),
    })
}

/// Shows, asks, writes, starts.
fn carry_out(m: &ArgMatches, around: &Surroundings, name: &str, looked: &[Looked]) -> Ended {
    let (as_json, removing) = (m.get_flag("json"), m.get_flag("remove"));
    let dry = m.get_flag("dry-run");
    let may = m.get_flag("yes") || m.contains_id("client");
    let some = looked.iter().filter(|l| l.changes()).count();
    let asks = !may && !dry && some > 0 && std::io::stdin().is_terminal() && !as_json;
    let mut seen: Vec<FileReport> =
        looked.iter().map(|l| FileReport::new(l, dry || !may)).collect();
    if dry || !may {
        if !as_json {
            print(&seen.iter().map(FileReport::text).collect::<String>())?;
        }
        if asks && !agreed(some)? {
            return Err(Failed { message: DECLINED.into(), status: 1 });
        }
    }
    let writes = !dry && (may || asks);
    if writes {
        let stamp = chrono::Utc::now().format("%Y%m%d%H%M%S").to_string();
        for (l, seen) in looked.iter().zip(&mut seen).filter(|(l, _)| l.changes()) {
            let new = l.plan.as_ref().ok().and_then(|p| p.text.as_deref()).unwrap_or_default();
            seen.written(setup::write(&l.file, l.text.as_deref(), new, &stamp));
        }
        if !as_json {
            print(&seen.iter().map(FileReport::text).collect::<String>())?;
        }
    }
    let written = looked.iter().zip(&seen).filter(|(_, s)| s.wrote()).map(|(l, _)| l);
    let mut notes = match removing {
        true => Vec::new(),
        false => notes(m, &looked.iter().map(|l| l.entry.clone()).collect::<Vec<_>>()),
    };
    if !removing {
        let secret = written.clone().filter(|l| l.has_secret());
        notes.extend(secret.filter_map(|l| readable(&l.file)));
    }
    // The first that can be started stands for all of them, as it stands there now.
    let check = match removing {
        true => None,
        false => {
            written.filter_map(|l| l.started(name)).find_map(|e| verify::check(&e, &around.path))
        }
    };
    if as_json {
        let check = match &check {
            None => json!(null),
            Some(Ok(tools)) => json!({ "tools": tools }),
            Some(Err(problem)) => json!({ "problem": problem }),
        };
        let all: Vec<_> = seen.iter().map(FileReport::json).collect();
        say!("{}", json!({ "files": all, "check": check, "notes": notes }))?;
    } else {
        match &check {
            Some(Ok(n)) => say!("ok, {}", plural(*n, "tool"))?,
            Some(Err(problem)) => {
                tell!("The entry is written, but what it starts fails: {problem}")
            }
            None => {}
        }
        for note in notes {
            tell!("Note: {note}");
        }
    }
    if !writes && !dry && some > 0 {
        return Err(wrong_use("nothing was written: say --yes, or name clients with --client"));
    }
    match seen.iter().any(FileReport::failed) || matches!(check, Some(Err(_))) {
        true => Err(Failed { message: String::new(), status: 1 }),
        false => Ok(()),
    }
}

/// A path as a shell takes it.
pub(super) fn pasted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@".contains(c);
    match text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

fn agreed(files: usize) -> Result<bool, Failed> {
    print(&format!("Write {}? [y/N] ", plural(files, "file")))?;
    let _ = std::io::stdout().flush();
    let mut text = String::new();
    std::io::stdin().read_line(&mut text).map_err(|e| e.to_string())?;
    Ok(["y", "yes"].contains(&text.trim().to_ascii_lowercase().as_str()))
}

/// A file's text for a terminal: what it would obey is an escape.
fn shown(text: &str) -> String {
    let one = |c: char| match unseen(c) {
        true => format!("\\u{{{:04X}}}", c as u32),
        false => c.to_string(),
    };
    text.chars().map(one).collect()
}

fn wrong_use(what: impl ToString) -> Failed {
    Failed { message: what.to_string(), status: 2 }
}

/// What a person sees who types the program's name alone.
pub(crate) fn greeting() -> String {
    let begin = match cfg!(feature = "sandbox") {
        true => "To try it:     mssql-mcp demo    (a sandbox of its own, no SQL Server needed)",
        false => "To serve:      mssql-mcp serve    (a build without the sandbox)",
    };
    format!(
        "mssql-mcp is a Model Context Protocol (MCP) server: AI clients ask SQL Server through it, read-only by default.\n\
         {begin}\n\
         Your database: mssql-mcp init    (asks for it, tests it, and writes the configuration)\n\
         Your client:   mssql-mcp install    (Claude, VS Code, Cursor and others; --dry-run changes nothing)\n\
         More:          mssql-mcp --help, mssql-mcp help COMMAND, README.md and docs/\n"
    )
}
