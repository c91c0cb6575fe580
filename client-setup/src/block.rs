//! What a person pastes: an entry as it stands in an otherwise empty file, and the page of all of
//! them.

use std::fmt::Write as _;

use serde_json::Value;

use crate::client::{Client, Expansion, Format};
use crate::clients::CLIENTS;
use crate::entry::Entry;
use crate::link::links;
use crate::place::{Base, Os};
use crate::plan::{Change, Plan, Problem, plan};

/// The block of an entry in this client's format, for a file that has nothing else.
///
/// # Errors
/// As of [`plan`].
pub fn block(client: &Client, name: &str, entry: &Entry) -> Result<String, Problem> {
    entry.check(client)?;
    if client.format == Format::Printed {
        return Ok(yaml(client.key, name, &entry.value(client, name)?));
    }
    let set = Change::Set { entry, force: false, plaintext: false };
    let Plan { text, .. } = plan(client, None, name, &set)?;
    Ok(text.unwrap_or_default())
}

/// YAML of maps, lists and texts; a text of JSON is one of YAML.
fn yaml(key: &str, name: &str, value: &Value) -> String {
    let mut out = format!("{key}:\n  {name}:\n");
    for (k, v) in value.as_object().into_iter().flatten() {
        match v {
            Value::Object(map) => {
                let _ = writeln!(out, "    {k}:");
                for (k, v) in map {
                    let _ = writeln!(out, "      {k}: {v}");
                }
            }
            Value::Array(all) => {
                let all: Vec<String> = all.iter().map(Value::to_string).collect();
                let _ = writeln!(out, "    {k}: [{}]", all.join(", "));
            }
            other => drop(writeln!(out, "    {k}: {other}")),
        }
    }
    out
}

/// The entry of the page: a database of the reader's own.
fn example(client: &Client) -> Entry {
    let password = match client.expansion {
        Expansion::Input => ("MSSQL_PASSWORD", "${input:mssql-password}"),
        _ => ("MSSQL_PASSWORD_FILE", "/path/to/password"),
    };
    let env = [
        ("MSSQL_HOST", "db.example.com"),
        ("MSSQL_USER", "reader"),
        password,
        ("MSSQL_DATABASE", "Sales"),
    ];
    Entry::Stdio {
        command: "/usr/local/bin/mssql-mcp".into(),
        args: vec!["stdio".into()],
        env: env.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec(),
    }
}

const INTRODUCTION: &str = "# Clients

`mssql-mcp install --client NAME` puts the server into a client's file and leaves every other byte of it alone;
`--dry-run` shows what would change, `--remove` takes it back, and `--list` shows the clients of this machine. This page
is printed by `mssql-mcp install --markdown`: what stands in the file of each, for a database of your own; `--print`
prints the same with the path and the variables of this machine.

No password is in any of it: `MSSQL_PASSWORD_FILE` is the path of a file that only you can read, VS Code asks for the
password and keeps it in the system's key store, and Visual Studio asks for it as well. `install` adds the question to
their `inputs`, by itself where a host and a user are given and no password, and `--remove` takes it out with the entry.
`--allow-plaintext` lets `--env` put a password into a file as it is; what is shown has … in its place.

`--command npx`, `uvx` or `docker` enters what fetches the program instead of its path ([install.md](install.md) has
what each needs); a program that npx or uvx started enters that by itself. For the sandbox the arguments are
`[\"demo\", \"--stdio\"]`, and there are no variables.
";

/// The ids that `--client` takes, each with the name of its client, as README has them.
#[must_use]
pub fn names() -> String {
    let all: Vec<String> = CLIENTS.iter().map(|c| format!("`{}` ({})", c.id, c.name)).collect();
    all.join(", ")
}

/// The part of `docs/clients.md` for one client, or all of the page.
#[must_use]
pub fn page(only: Option<&Client>) -> String {
    let mut out = String::new();
    if only.is_none() {
        out += INTRODUCTION;
    }
    for client in CLIENTS.iter().filter(|c| only.is_none_or(|o| o.id == c.id)) {
        out += &section(client);
    }
    out
}

fn section(client: &Client) -> String {
    let entry = example(client);
    let language = match client.format {
        Format::Json => "json",
        Format::Toml => "toml",
        Format::Printed => "yaml",
    };
    let text = block(client, "mssql", &entry).unwrap_or_default();
    let mut out = format!("\n## {}\n\n", client.name);
    let _ = writeln!(
        out,
        "<details><summary><code>mssql-mcp install --client {}{}</code></summary>\n",
        client.id,
        if client.format == Format::Printed { " --print" } else { "" }
    );
    for place in client.user {
        let systems: Vec<&str> = place
            .os
            .iter()
            .map(|os| match os {
                Os::Linux => "Linux",
                Os::MacOs => "macOS",
                Os::Windows => "Windows",
            })
            .collect();
        let base = match place.base {
            Base::Home if place.os == [Os::Windows] => "%USERPROFILE%",
            Base::Home => "~",
            Base::Config => "~/.config",
            Base::AppData => "%APPDATA%",
            Base::LocalAppData => "%LOCALAPPDATA%",
        };
        let folder =
            if place.folder.is_empty() { String::new() } else { format!("{}/", place.folder) };
        let _ = writeln!(out, "- {}: `{base}/{folder}{}`", systems.join(", "), place.file);
    }
    if let Some(project) = client.project {
        let _ = writeln!(out, "- in a project (`--scope project`): `{project}`");
    }
    // The guides' TOML is tried as the server's own configuration, but for what says otherwise.
    if client.format == Format::Toml {
        out += "\n<!-- a client's file -->";
    }
    let _ = writeln!(out, "\n```{language}\n{text}```\n");
    for link in links(client, "mssql", &entry) {
        let _ = writeln!(out, "{}: `{}`\n", link.what, link.url);
    }
    let _ = writeln!(out, "Afterwards: {}.\n\n</details>", client.then);
    out
}
