//! The table of keywords: their spellings in all forms, what is made of each, and why.

mod ignored;
mod refused;
mod used;

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

/// What is made of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It sets something.
    Used,
    /// It sets nothing here, and a note says why.
    Ignored,
    /// A string that has it is refused, unless the value says that it is off.
    Refused,
}

impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Used => "used",
            Self::Ignored => "ignored",
            Self::Refused => "refused",
        })
    }
}

/// A keyword of a connection string.
#[derive(Debug)]
pub struct Keyword {
    /// How the drivers spell it, the usual one first. Upper and lower case, blanks and underscores
    /// make no difference.
    pub spellings: &'static [&'static str],
    /// What is made of it.
    pub treatment: Treatment,
    /// One line for people: the setting, or the reason.
    pub what: &'static str,
    pub(crate) means: Means,
    /// Its value is never shown.
    pub(crate) secret: bool,
}

/// What a keyword is about; each but the last two has one entry in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Means {
    Server,
    Port,
    Instance,
    Database,
    User,
    Password,
    Integrated,
    /// `authenticationScheme` of JDBC, which counts with `integratedSecurity` alone.
    Scheme,
    /// `authenticator` of go-mssqldb.
    Authenticator,
    Authentication,
    FedAuth,
    Domain,
    ClientId,
    PrincipalId,
    PrincipalSecret,
    ClientCertificate,
    Encrypt,
    SslMode,
    Trust,
    CertificateHost,
    CertificateFile,
    ConnectTimeout,
    Intent,
    MultiSubnet,
    ApplicationName,
    PacketSize,
    Spn,
    MaxPool,
    ColumnEncryption,
    ContextConnection,
    UserInstance,
    Library,
    Dsn,
    OdbcConnect,
    /// The whole string is refused with the line of the table.
    Refuse,
    /// The line of the table becomes a note.
    Ignore,
}

const fn entry(
    spellings: &'static [&'static str],
    treatment: Treatment,
    means: Means,
    what: &'static str,
) -> Keyword {
    Keyword { spellings, treatment, what, means, secret: false }
}

const fn used(spellings: &'static [&'static str], means: Means, what: &'static str) -> Keyword {
    entry(spellings, Treatment::Used, means, what)
}

const fn ignored(spellings: &'static [&'static str], what: &'static str) -> Keyword {
    entry(spellings, Treatment::Ignored, Means::Ignore, what)
}

const fn refused(spellings: &'static [&'static str], means: Means, what: &'static str) -> Keyword {
    entry(spellings, Treatment::Refused, means, what)
}

// === impl Keyword ===

impl Keyword {
    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// All keywords that are known: those that are used, then the ignored, then the refused.
pub fn keywords() -> impl Iterator<Item = &'static Keyword> {
    used::TABLE.iter().chain(ignored::TABLE).chain(refused::TABLE)
}

/// How spellings are compared: without case, blanks and underscores.
pub(crate) fn normal(key: &str) -> String {
    let kept = key.chars().filter(|c| !matches!(c, ' ' | '_' | '\t' | '\r' | '\n'));
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

/// The entry of a keyword in any form.
pub(crate) fn find(key: &str) -> Option<&'static Keyword> {
    static BY_NAME: LazyLock<HashMap<String, &'static Keyword>> = LazyLock::new(|| {
        keywords().flat_map(|k| k.spellings.iter().map(move |s| (normal(s), k))).collect()
    });
    BY_NAME.get(&normal(key)).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::{Means, keywords, normal};

    #[test]
    fn each_spelling_has_one_entry_and_each_meaning_too() {
        let mut spellings = HashMap::new();
        let mut meanings = HashSet::new();
        for k in keywords() {
            for s in k.spellings {
                assert_eq!(spellings.insert(normal(s), s), None, "{s}");
            }
            if !matches!(k.means, Means::Ignore | Means::Refuse) {
                assert!(meanings.insert(k.means), "{:?}", k.means);
            }
        }
    }

    #[test]
    fn each_line_is_one_line_and_no_sentence() {
        for k in keywords() {
            assert!(!k.what.is_empty() && !k.what.contains('\n'), "{:?}", k.spellings);
            assert!(!k.what.ends_with('.'), "{:?}", k.spellings);
        }
    }
}
