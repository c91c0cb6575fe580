//! What is known of one client.

use crate::place::Place;
use crate::shape::{Remote, Stdio};

/// How a client's file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON; comments and trailing commas are let stand.
    Json,
    /// TOML 1.1.
    Toml,
    /// YAML: nothing keeps its comments and its layout, so the entry is printed for a person to
    /// paste.
    Printed,
}

/// How an entry may refer to a variable of the environment that the client has itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expansion {
    /// It cannot.
    None,
    /// `${env:NAME}`.
    Env,
    /// `${NAME}`.
    Braces,
    /// `$NAME`.
    Dollar,
    /// `${input:ID}`, which the client asks for and keeps in the key store, or `${env:NAME}`.
    Input,
}

impl Expansion {
    /// Whether the whole of `value` is such a reference, and nothing else.
    #[must_use]
    pub fn is_reference(self, value: &str) -> bool {
        let plain = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        };
        let within = |open: &str| {
            value.strip_prefix(open).and_then(|v| v.strip_suffix('}')).is_some_and(plain)
        };
        match self {
            Expansion::None => false,
            Expansion::Env => within("${env:"),
            Expansion::Braces => within("${"),
            Expansion::Dollar => value.strip_prefix('$').is_some_and(plain) || within("${"),
            Expansion::Input => within("${input:") || within("${env:"),
        }
    }
}

/// One client, as its maker documents it.
#[derive(Debug)]
pub struct Client {
    /// What `--client` takes.
    pub id: &'static str,
    /// As its makers write it.
    pub name: &'static str,
    /// Its file's format.
    pub format: Format,
    /// The key in its file under which servers stand by name.
    pub key: &'static str,
    /// How it refers to variables.
    pub expansion: Expansion,
    /// What a person does so that it reads its file again.
    pub then: &'static str,
    /// Programs by which it is recognised on the path.
    pub commands: &'static [&'static str],
    pub(crate) stdio: Stdio,
    /// `None`: it starts programs, and knows no addresses.
    pub(crate) remote: Option<Remote>,
    /// Of the person: each that is in use is written, or the first.
    pub(crate) user: &'static [Place],
    /// Within a project.
    pub(crate) project: Option<&'static str>,
}

impl Client {
    /// Whether it can be given the address of a server.
    #[must_use]
    pub fn takes_addresses(&self) -> bool {
        self.remote.is_some()
    }
}
