//! The service principal name of a server: what a domain knows it by.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// The service class of SQL Server's names, as `setspn` registers it.
const CLASS: &str = "MSSQLSvc";

/// `MSSQLSvc/host`, `MSSQLSvc/host:port` or `MSSQLSvc/host:INSTANCE`; for Kerberos a realm may
/// follow (`@REALM`), which is otherwise the default one of krb5.conf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spn {
    host: String,
    /// A TCP port, or the name of an instance.
    which: Option<String>,
    realm: Option<String>,
}

/// What a server at a port is called where nobody says otherwise: by its canonical name in DNS or
/// the hosts file, since a short name or an alias is not what is registered. The name as typed
/// remains where it is an address or has no longer form, and in a build without Kerberos.
///
/// It asks the system's resolver, and returns when that does: nothing for a runtime's worker.
pub fn service_principal_name(host: &str, port: u16) -> Spn {
    #[cfg(all(unix, feature = "kerberos"))]
    if let Some(canonical) = canonical(host) {
        return Spn::typed(&canonical, port);
    }
    Spn::typed(host, port)
}

/// The name that a resolver answers with, where it has a domain.
#[cfg(all(unix, feature = "kerberos"))]
fn canonical(host: &str) -> Option<String> {
    /// AI_CANONNAME of Linux, macOS and the BSDs.
    const CANONICAL_NAME: i32 = 2;
    if host.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    let hints = dns_lookup::AddrInfoHints { flags: CANONICAL_NAME, ..Default::default() };
    let answers = dns_lookup::getaddrinfo(Some(host), None, Some(hints)).ok()?;
    let name = answers.flatten().find_map(|a| a.canonname)?;
    let name = name.trim_end_matches('.');
    (name.contains('.') && is_host(name)).then(|| name.to_owned())
}

// === impl Spn ===

impl Spn {
    /// Of a server as somebody typed it.
    pub(crate) fn typed(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), which: Some(port.to_string()), realm: None }
    }

    /// Without the realm.
    pub(crate) fn name(&self) -> String {
        match &self.which {
            Some(w) => format!("{CLASS}/{}:{w}", self.host),
            None => format!("{CLASS}/{}", self.host),
        }
    }
}

impl fmt::Display for Spn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        self.realm.as_ref().map_or(Ok(()), |r| write!(f, "@{r}"))
    }
}

impl FromStr for Spn {
    type Err = Error;

    /// [`Error::Credentials`] with what is wrong and how a name looks.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |what: &str| {
            Error::Credentials(format!(
                "the service principal name {text:?} {what}: write {CLASS}/host.domain:1433, as \
                 setspn -L lists it"
            ))
        };
        let rest = text
            .strip_prefix(CLASS)
            .and_then(|r| r.strip_prefix('/'))
            .ok_or_else(|| bad(&format!("does not begin with {CLASS}/")))?;
        let (rest, realm) = match rest.split_once('@') {
            Some((rest, realm)) => (rest, Some(realm)),
            None => (rest, None),
        };
        let (host, which) = match rest.split_once(':') {
            Some((host, which)) => (host, Some(which)),
            None => (rest, None),
        };
        if !is_host(host) {
            return Err(bad("has no host, or one with characters that no host has"));
        }
        if realm.is_some_and(|r| !is_host(r)) {
            return Err(bad("has a realm with characters that no realm has"));
        }
        if let Some(what) = which.and_then(misspelt) {
            return Err(bad(what));
        }
        Ok(Self {
            host: host.to_owned(),
            which: which.map(str::to_owned),
            realm: realm.map(str::to_owned),
        })
    }
}

/// What is wrong with a port or the name of an instance.
fn misspelt(which: &str) -> Option<&'static str> {
    let number = which.starts_with(|c: char| c.is_ascii_digit());
    if number && !which.parse::<u16>().is_ok_and(|p| p > 0) {
        return Some("has a port that is not a number from 1 to 65535");
    }
    // Names of instances have these characters, too.
    let fits = !which.is_empty() && which.chars().all(|c| c.is_alphanumeric() || "_$#".contains(c));
    (!fits).then_some("has neither a port nor the name of an instance behind its colon")
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for text in [
            "MSSQLSvc/db.corp.example:1433",
            "MSSQLSvc/db.corp.example",
            "MSSQLSvc/db.corp.example:SALES",
            "MSSQLSvc/db.corp.example:1433@CORP.EXAMPLE",
        ] {
            assert_eq!(text.parse::<Spn>().expect("a name").to_string(), text);
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_an_example() {
        for (text, what) in [
            ("", "begin"),
            ("db.corp.example:1433", "begin"),
            ("mssqlsvc/db:1433", "begin"),
            ("HTTP/db", "begin"),
            ("MSSQLSvc/", "host"),
            ("MSSQLSvc/:1433", "host"),
            ("MSSQLSvc/d b:1433", "host"),
            ("MSSQLSvc/db/x:1433", "host"),
            ("MSSQLSvc/db:", "colon"),
            ("MSSQLSvc/db:0", "port"),
            ("MSSQLSvc/db:65536", "port"),
            ("MSSQLSvc/db:14x", "port"),
            ("MSSQLSvc/db:1433:1", "port"),
            ("MSSQLSvc/db:SAL ES", "colon"),
            ("MSSQLSvc/db:1433@", "realm"),
            ("MSSQLSvc/db:1433@A@B", "realm"),
        ] {
            let e = text.parse::<Spn>().expect_err(text).to_string();
            assert!(e.contains(what) && e.contains("MSSQLSvc/host.domain:1433"), "{text}: {e}");
        }
    }

    #[test]
    fn a_server_without_a_longer_name_is_called_as_it_was_typed() {
        assert_eq!(
            service_principal_name("127.0.0.1", 1433).to_string(),
            "MSSQLSvc/127.0.0.1:1433"
        );
        let unknown = service_principal_name("db.invalid", 1444);
        assert_eq!(unknown.to_string(), "MSSQLSvc/db.invalid:1444");
    }
}
