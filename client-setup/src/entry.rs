//! An entry: how a client reaches this server.

use serde_json::Value;

use crate::client::{Client, Expansion};
use crate::plan::Problem;
use crate::shape;

/// What is shown in the place of a secret.
pub(crate) const VEIL: &str = "…";

/// What a setting begins with whose secret is in the system's key store: the secret's name follows.
pub const IN_KEY_STORE: &str = "keyring:";

/// Whether a secret may be called so there.
pub fn is_key_store_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// How a client reaches the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The client starts it, and speaks over stdin and stdout.
    Stdio {
        /// The program: an absolute path, because desktops start programs with a short `PATH`, or
        /// what [`crate::Launch`] has instead.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// Variables, in the order in which they are written.
        env: Vec<(String, String)>,
    },
    /// It has an address.
    Remote {
        /// Of its endpoint, such as `https://mcp.example.com/mcp`.
        url: String,
    },
}

impl Entry {
    /// Whether it may be written: no variable that holds a secret has a value, unless the value
    /// refers to where the client finds it, or the server in its key store.
    ///
    /// # Errors
    /// [`Problem::Secret`], with the variable's name and never its value.
    pub fn check(&self, client: &Client) -> Result<(), Problem> {
        match self {
            Entry::Remote { url } => {
                let rest = url
                    .strip_prefix("https://")
                    .or_else(|| url.strip_prefix("http://"))
                    .ok_or(Problem::Address)?;
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                if authority.is_empty() || url.contains(char::is_whitespace) {
                    return Err(Problem::Address);
                }
                let query = rest.to_ascii_lowercase();
                if authority.contains('@') || query.contains("token=") || query.contains("key=") {
                    return Err(Problem::Secret("the address".into()));
                }
                Ok(())
            }
            Entry::Stdio { args, env, .. } => {
                if args.iter().any(|a| holds_password(a)) {
                    return Err(Problem::Secret("an argument".into()));
                }
                match env.iter().find(|(name, value)| may_not_be_shown(client, name, value)) {
                    Some((name, _)) => Err(Problem::Secret(name.clone())),
                    None => Ok(()),
                }
            }
        }
    }

    /// The same with `…` in the place of each secret that is the value of a variable.
    #[must_use]
    pub fn veiled(&self, client: &Client) -> Self {
        let mut out = self.clone();
        if let Entry::Stdio { env, .. } = &mut out {
            for (name, value) in env {
                if may_not_be_shown(client, name, value) {
                    VEIL.clone_into(value);
                }
            }
        }
        out
    }

    /// As it is written in this client's file.
    pub(crate) fn value(&self, client: &Client, name: &str) -> Result<Value, Problem> {
        shape::value(client.stdio, client.remote, name, self)
            .ok_or(Problem::NoAddresses(client.name))
    }
}

/// Whether the value of a variable is a secret itself, and not where the client finds it.
pub(crate) fn may_not_be_shown(client: &Client, name: &str, value: &str) -> bool {
    let kept = value == VEIL
        || value.strip_prefix(IN_KEY_STORE).is_some_and(is_key_store_name)
        || client.expansion.is_reference(value)
        || client.expansion != Expansion::None && value.is_empty();
    is_secret(name) && !kept || holds_password(value)
}

/// Whether a variable of this name holds a secret itself, and not the path of its file.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let ends = [
        "PASSWORD",
        "PASSPHRASE",
        "PWD",
        "SECRET",
        "TOKEN",
        "KEY",
        "CONNECTION",
        "CONNECTION_STRING",
    ];
    ends.iter().any(|end| name.ends_with(end))
}

/// A connection string with its password, whatever the variable is called.
fn holds_password(text: &str) -> bool {
    let packed: String =
        text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    if ["password=", "pwd="].iter().any(|k| packed.contains(k)) {
        return true;
    }
    // A URL with a password before its host.
    packed.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::client;

    fn with(name: &str, value: &str) -> Entry {
        let env = vec![(name.to_owned(), value.to_owned())];
        Entry::Stdio { command: "/bin/mssql-mcp".into(), args: vec!["stdio".into()], env }
    }

    #[test]
    fn a_secret_is_refused_and_a_reference_to_one_is_not() {
        let (desktop, code) =
            (client("claude-desktop").expect("known"), client("vscode").expect("known"));
        for (name, value) in [
            ("MSSQL_PASSWORD", "hunter2"),
            ("MSSQL_MCP_ENTRA_CLIENT_SECRET", "hunter2"),
            ("MSSQL_CONNECTION_STRING", "hunter2"),
            ("mssql_password", "hunter2"),
            ("MSSQL_HOST", "db; Password = hunter2"),
            ("MSSQL_HOST", "sqlserver://sa:hunter2@db"),
        ] {
            let problem = with(name, value).check(desktop).expect_err("refused");
            assert!(!problem.to_string().contains("hunter2"), "{problem}");
            assert!(problem.to_string().contains(name), "{problem}");
        }
        for (name, value) in [("MSSQL_PASSWORD_FILE", "/run/secrets/mssql"), ("MSSQL_HOST", "db")] {
            assert_eq!(with(name, value).check(desktop), Ok(()), "{name}");
        }
        assert_eq!(with("MSSQL_PASSWORD", "${input:mssql-password}").check(code), Ok(()));
        assert!(with("MSSQL_PASSWORD", "${input:mssql-password}").check(desktop).is_err());
        assert!(with("MSSQL_PASSWORD", "${input:a} hunter2").check(code).is_err());
        for any in [desktop, code] {
            assert_eq!(with("MSSQL_PASSWORD", "keyring:shop").check(any), Ok(()));
            assert!(with("MSSQL_PASSWORD", "keyring:hunter2 !").check(any).is_err());
            assert!(with("MSSQL_PASSWORD", "hunter2 keyring:shop").check(any).is_err());
        }
    }

    #[test]
    fn an_address_with_a_secret_is_refused() {
        let code = client("vscode").expect("known");
        let check = |url: &str| Entry::Remote { url: url.into() }.check(code);
        assert_eq!(check("https://mcp.example.com/mcp"), Ok(()));
        assert_eq!(check("mcp.example.com"), Err(Problem::Address));
        assert!(matches!(check("https://a:b@mcp.example.com/"), Err(Problem::Secret(_))));
        assert!(matches!(check("https://mcp.example.com/?token=x"), Err(Problem::Secret(_))));
    }
}
