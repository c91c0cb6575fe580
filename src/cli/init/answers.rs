//! What is asked, in which order, and what is made of it.

use clap::ArgMatches;

use super::questions::Questions;
use crate::cli::{Failed, connection, tell};
use crate::config::server::ServerAddress;
use crate::config::setting::ValueKind;
use crate::config::settings::{self, database, entra};

/// Settings, each once.
pub(super) struct Answers {
    all: Vec<(&'static str, String)>,
    /// Those that were given as options, which are not asked.
    given: Vec<&'static str>,
    /// From the second time on all is asked, with what was said before as what is usual.
    anew: bool,
}

// === impl Answers ===

impl Answers {
    /// What is given as options.
    pub(super) fn given(m: &ArgMatches) -> Self {
        let flags = settings::all().filter(|s| s.kind != ValueKind::Secret);
        let all = flags.filter_map(|s| {
            let said = m.get_one::<String>(s.key)?;
            Some((s.key, if s.kind == ValueKind::Path { whole(said) } else { said.clone() }))
        });
        let all: Vec<_> = all.collect();
        Self { given: all.iter().map(|(key, _)| *key).collect(), all, anew: false }
    }

    pub(super) fn all(&self) -> &[(&'static str, String)] {
        &self.all
    }

    /// All but the options is asked again.
    pub(super) fn again(&mut self) {
        self.anew = true;
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.all.iter().find(|(k, _)| *k == key).map(|(_, v)| v.as_str())
    }

    /// What was said, or what is usual.
    fn usual(&self, key: &str, usual: &str) -> String {
        self.get(key).unwrap_or(usual).to_owned()
    }

    /// Sets a value; an empty one is none. What is given as an option stays.
    fn put(&mut self, key: &'static str, value: String) {
        if self.given.contains(&key) {
            return;
        }
        self.all.retain(|(k, _)| *k != key);
        if !value.is_empty() {
            self.all.push((key, value));
        }
    }

    /// Takes back all that begins so; what is given as an option stays.
    fn forget(&mut self, begin: &str) {
        let Self { all, given, .. } = self;
        all.retain(|(k, _)| !k.starts_with(begin) || given.contains(k));
    }

    /// Whether a question is open: neither an option nor a connection string has answered it.
    fn is_open(&self, key: &str) -> bool {
        !self.given.contains(&key) && (self.anew || self.get(key).is_none())
    }

    /// Asks whatever is open.
    pub(super) fn ask(&mut self, ask: &Questions) -> Result<(), Failed> {
        let (host, name) = (database::HOST.name(), database::NAME.name());
        while self.is_open(host) {
            let what = "SQL Server (HOST, HOST,PORT or HOST\\INSTANCE; or a connection string)";
            let usual = self.usual(host, "");
            let said = ask.text(what, &usual)?;
            if self.anew && said == usual {
                break;
            }
            match self.server(&said) {
                Ok(()) => break,
                Err(why) => ask.wrong(&why.message)?,
            }
        }
        self.ask_login(ask)?;
        if self.is_open(name) {
            let said = ask.text("Database (empty: the login's own)", &self.usual(name, ""))?;
            self.put(name, said);
        }
        if self.anew {
            self.ask_certificate(ask)?;
        }
        Ok(())
    }

    fn ask_login(&mut self, ask: &Questions) -> Result<(), Failed> {
        let login = database::LOGIN.name();
        let (user, password) = (database::USER.name(), database::PASSWORD.name());
        // A name says enough: it is a login of SQL Server.
        if self.is_open(login) && (self.anew || self.get(user).is_none()) {
            let mut kinds = vec!["sql", "entra"];
            kinds.extend(cfg!(feature = "windows-login").then_some("ntlm"));
            kinds.extend(cfg!(feature = "kerberos").then_some("kerberos"));
            let said = ask.one_of("Login", &kinds, &self.usual(login, "sql"))?;
            self.put(login, if said == "sql" { String::new() } else { said.to_owned() });
        }
        let kind = self.usual(login, "sql");
        // What was said of another kind is of no use to this one.
        if kind != "entra" {
            self.forget("entra.");
        }
        if ["entra", "kerberos"].contains(&kind.as_str()) {
            self.put(user, String::new());
            self.put(password, String::new());
            if kind == "entra" {
                self.ask_source(ask)?;
            }
            return Ok(());
        }
        if self.is_open(user) {
            let said = ask.text("User", &self.usual(user, ""))?;
            self.put(user, said);
        }
        if self.is_open(password) && self.get(user).is_some() {
            let said = ask.secret("Password", self.get(password))?;
            self.put(password, said);
        }
        Ok(())
    }

    /// Where tokens come from, and what that source needs to be told.
    fn ask_source(&mut self, ask: &Questions) -> Result<(), Failed> {
        let source = entra::SOURCE.name();
        if self.is_open(source) {
            let ValueKind::Choice(words, _) = kind_of(source) else { return Ok(()) };
            let usual = self.usual(source, "auto");
            let said = ask.one_of("Tokens come from (docs/logins.md)", words, &usual)?;
            self.put(source, said.to_owned());
        }
        let (tenant, client) = (entra::TENANT.name(), entra::CLIENT_ID.name());
        let needed: &[&'static str] = match self.usual(source, "auto").as_str() {
            "client-secret" => &[tenant, client, entra::CLIENT_SECRET.name()],
            "client-certificate" => &[tenant, client, entra::CERTIFICATE_FILE.name()],
            "device-code" => &[tenant, client],
            "token-file" => &[entra::TOKEN_FILE.name()],
            _ => &[],
        };
        for key in needed.iter().copied().filter(|key| self.is_open(key)).collect::<Vec<_>>() {
            let said = match kind_of(key) {
                ValueKind::Secret => ask.secret(key, self.get(key))?,
                ValueKind::Path => whole(&ask.text(key, &self.usual(key, ""))?),
                _ => ask.text(key, &self.usual(key, ""))?,
            };
            self.put(key, said);
        }
        Ok(())
    }

    /// Only after a failure: most are signed by somebody whom the system knows.
    fn ask_certificate(&mut self, ask: &Questions) -> Result<(), Failed> {
        let (ca, trust) = (database::CA_FILE.name(), database::TRUST_SERVER_CERTIFICATE.name());
        let what = "Certificate (system: as the system checks it; any: unchecked; or the PEM file of a CA)";
        let usual = match (self.get(trust), self.get(ca)) {
            (Some("yes"), _) => "any".to_owned(),
            (_, file) => file.unwrap_or("system").to_owned(),
        };
        let said = ask.text(what, &usual)?;
        let (any, file) = match said.as_str() {
            "any" => ("yes", String::new()),
            "system" => ("", String::new()),
            _ => ("", whole(&said)),
        };
        self.put(trust, any.to_owned());
        self.put(ca, file);
        Ok(())
    }

    /// A host, or all that a connection string says. What was said of another server is forgotten.
    fn server(&mut self, said: &str) -> Result<(), Failed> {
        if !said.contains('=') && !said.contains("://") {
            ServerAddress::parse(said, None, "")
                .map_err(|message| Failed { message, status: 2 })?;
            self.forget("");
            self.put(database::HOST.name(), said.to_owned());
            return Ok(());
        }
        let read = connection::read(said)?;
        self.forget("");
        for note in &read.notes {
            tell!("Note: {}: {}", note.keyword, note.what);
        }
        for (key, value) in read.settings {
            self.put(key, value);
        }
        Ok(())
    }
}

fn kind_of(key: &str) -> ValueKind {
    settings::find(key).map_or(ValueKind::Text, |s| s.kind)
}

/// A path from wherever the file is read.
fn whole(path: &str) -> String {
    match std::path::absolute(path) {
        Ok(whole) => whole.display().to_string(),
        Err(_) => path.to_owned(),
    }
}
