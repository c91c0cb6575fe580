//! Where a tool asks: `[[server]]` and `[[database]]`.

use super::is_variable;
use super::write;

/// A database of SQL Server's, as the others name one.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) host: Option<String>,
    pub(super) port: Option<String>,
    pub(super) instance: Option<String>,
    pub(super) user: Option<String>,
    pub(super) database: Option<String>,
    pub(super) password: Password,
    pub(super) trust: bool,
    pub(super) changes: Vec<String>,
}

/// A password, without what it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Password {
    #[default]
    None,
    /// It was in the file.
    Written,
    /// It comes from this variable, as the file names it.
    Variable(String),
}

impl Password {
    pub(super) fn of(text: &str) -> Self {
        // Where there is more than the variable, that may be a secret.
        let alone = text.strip_prefix("${").and_then(|t| t.strip_suffix('}'));
        match alone {
            Some(name) if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                Self::Variable(text.to_owned())
            }
            _ => Self::Written,
        }
    }
}

impl Source {
    /// What only the address needs: two sources with the same are one server.
    pub(super) fn server_key(&self) -> String {
        let port = self.port.as_deref().unwrap_or("1433");
        format!("{:?} {port} {:?} {:?} {}", self.host, self.instance, self.user, self.trust)
    }

    /// `[[server]]`
    pub(super) fn server(&mut self) -> String {
        let mut out = format!("[[server]]\nname = {}\n", write::text(&self.name));
        let host = match (&self.host, &self.instance) {
            (Some(host), Some(instance)) => Some(format!("{host}\\{instance}")),
            (host, _) => host.clone(),
        };
        self.key(&mut out, "host", host.or_else(|| Some("localhost".to_owned())));
        if self.instance.is_some() {
            if self.port.is_some() {
                self.changes.push("port is left out: a named instance is looked up".to_owned());
            }
        } else {
            match self.port.as_deref().map(str::parse::<u16>) {
                Some(Ok(port)) => out.push_str(&format!("port = {port}\n")),
                Some(Err(_)) => self.key(&mut out, "port", self.port.clone()),
                None => {}
            }
        }
        self.key(&mut out, "user", self.user.clone());
        let file = format!(
            "secrets/{}.password",
            self.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
        );
        let was = match &self.password {
            Password::None => "the file named none",
            Password::Written => "it was in the file",
            Password::Variable(name) => &format!("it was {name}"),
        };
        out.push_str(&format!("password_file = {} # {was}\n", write::text(&file)));
        self.changes
            .push(format!("write its password into {file}, readable by its owner alone; {was}"));
        if self.trust {
            out.push_str("trust_server_certificate = true # any certificate is accepted; better a certificate that can be checked\n");
        }
        out
    }

    /// `[[database]]`
    pub(super) fn entry(&mut self, server: &str) -> String {
        let mut out = format!(
            "[[database]]\nname = {}\nserver = {}\n",
            write::text(&self.name),
            write::text(server)
        );
        self.key(&mut out, "database", self.database.clone());
        self.key(&mut out, "description", self.description.clone());
        out
    }

    /// A key with its value; with a variable in it, a comment that asks for the value.
    fn key(&mut self, out: &mut String, key: &str, value: Option<String>) {
        match value {
            Some(v) if is_variable(&v) => {
                out.push_str(&format!("# {key} = {} # write its value here\n", write::text(&v)));
                self.changes.push(format!("{key} was {v}: write its value"));
            }
            Some(v) => out.push_str(&format!("{key} = {}\n", write::text(&v))),
            None => {}
        }
    }

    /// `sslmode` of dbhub, `encrypt` of Toolbox.
    pub(super) fn encryption(&mut self, key: &str, value: &str) {
        match value {
            "require" => {
                self.trust = true;
                self.changes.push(format!(
                    "{key}=require encrypted and looked at no certificate, so trust_server_certificate \
                     is true; take it out where the certificate can be checked"
                ));
            }
            "disable" | "false" => self.changes.push(format!(
                "{key}={value} is left out: sessions are encrypted, and the server's certificate is \
                 checked; where it has none of an authority, set ca_file or trust_server_certificate"
            )),
            "strict" | "true" | "mandatory" => {}
            _ => self.changes.push(format!("{key} is left out: sessions are encrypted")),
        }
    }
}
