//! Where SQL Server is, as people write it: `HOST`, `HOST,PORT`, `HOST\INSTANCE`, with `tcp:` in
//! front as its own tools take it. What is none of these may be a URL or a connection string, with
//! a password in it: it is refused, and never repeated.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerAddress {
    /// A name or an address, without brackets.
    pub(crate) host: String,
    /// Where one was given.
    pub(crate) port: Option<u16>,
    /// A named instance; the default one has no name here.
    pub(crate) instance: Option<String>,
}

/// What a host's name may be made of.
fn is_name(host: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    !host.is_empty()
        && host.len() <= 253
        && host.chars().all(plain)
        && !host.starts_with(['-', '.'])
}

fn is_address(host: &str) -> bool {
    // An IPv6 address may name its zone: fe80::1%eth0.
    let (address, zone) = host.split_once('%').map_or((host, None), |(a, z)| (a, Some(z)));
    address.parse::<std::net::Ipv6Addr>().is_ok() && zone.is_none_or(is_name)
}

/// The name of an instance: up to 16 letters, digits and `_ $ #`.
fn is_instance(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#' | '&');
    !name.is_empty() && name.chars().count() <= 16 && name.chars().all(plain)
}

impl ServerAddress {
    /// Whether this is the name or the address of a host, and nothing more.
    pub(crate) fn is_host(text: &str) -> bool {
        Self::parse(text, None, "").is_ok_and(|s| s.port.is_none() && s.instance.is_none())
    }

    /// From `database.host`, and from `database.port` and `database.instance` where they are set
    /// (an empty instance is none).
    pub(crate) fn parse(host: &str, port: Option<u16>, instance: &str) -> Result<Self, String> {
        let text = host.trim();
        if text.contains("://") || text.contains([';', '=', '@', '"', '\'', '/', '?']) {
            return Err("database.host: this is no host, but looks like a URL or a connection \
                        string; write that into database.connection (MSSQL_CONNECTION_STRING), or \
                        the host alone here"
                .into());
        }
        let (text, by_comma) = behind_comma(without_scheme(text)?)?;
        let (text, by_backslash) = match text.split_once('\\') {
            Some((rest, i)) => (rest.trim(), Some(i.trim())),
            None => (text, None),
        };
        let host = checked_host(text)?;
        let by_setting = Some(instance.trim()).filter(|i| !i.is_empty());
        let instance = instance_of(host, by_backslash, by_setting)?;
        let port = match (by_comma, port) {
            (Some(a), Some(b)) if a != b => {
                return Err(format!(
                    "database.host names the port {a} and database.port {b}: remove one"
                ));
            }
            (a, b) => a.or(b),
        };
        Ok(Self { host: host.to_owned(), port, instance: instance.map(str::to_owned) })
    }
}

/// `tcp:` is what is spoken; other protocols of SQL Server's tools are not.
fn without_scheme(text: &str) -> Result<&str, String> {
    let Some((scheme, rest)) = text.split_once(':') else { return Ok(text) };
    let is = |name: &str| name.eq_ignore_ascii_case(scheme.trim());
    if is("tcp") {
        return Ok(rest.trim());
    }
    if ["np", "lpc", "admin"].into_iter().any(is) {
        return Err(
            "database.host: only TCP is spoken here; leave out what stands before the colon".into(),
        );
    }
    Ok(text)
}

fn behind_comma(text: &str) -> Result<(&str, Option<u16>), String> {
    let Some((rest, port)) = text.rsplit_once(',') else { return Ok((text, None)) };
    match crate::net::port(port.trim()).filter(|p| *p > 0) {
        Some(port) => Ok((rest.trim(), Some(port))),
        None => {
            Err("database.host: what stands behind the comma is no port from 1 to 65535".into())
        }
    }
}

fn in_brackets(text: &str) -> Option<&str> {
    text.strip_prefix('[')?.strip_suffix(']')
}

fn checked_host(text: &str) -> Result<&str, String> {
    match in_brackets(text).unwrap_or(text) {
        "." | "(local)" | "(LOCAL)" | "(Local)" => Ok("localhost"),
        "(localdb)" | "(LocalDB)" | "(LOCALDB)" => {
            Err("database.host: LocalDB listens on a named pipe of its user alone; enable TCP/IP \
                 on an instance of SQL Server, and name that"
                .into())
        }
        host if is_name(host) || is_address(host) => Ok(host),
        other => {
            if let Some((name, port)) = other.rsplit_once(':')
                && (is_name(name) || in_brackets(name).is_some_and(is_address))
                && crate::net::port(port).is_some()
            {
                return Err(format!(
                    "database.host: a port stands behind a comma: \"{name},{port}\", or in \
                     database.port"
                ));
            }
            Err("database.host: this is no host; a name or an address is expected, as HOST, \
                 HOST,PORT or HOST\\INSTANCE"
                .into())
        }
    }
}

/// The instance, from one of the two places where it may stand. The default instance has no entry
/// of its own: it listens on 1433.
fn instance_of<'a>(
    host: &str,
    by_backslash: Option<&'a str>,
    by_setting: Option<&'a str>,
) -> Result<Option<&'a str>, String> {
    let instance = match (by_backslash, by_setting) {
        (Some(a), Some(b)) if !a.eq_ignore_ascii_case(b) => {
            return Err(
                "database.host names one instance and database.instance another: remove one".into(),
            );
        }
        (a, b) => a.or(b),
    };
    if let Some((i, port)) = instance.and_then(|i| i.rsplit_once(':'))
        && is_instance(i)
        && crate::net::port(port).is_some()
    {
        return Err(format!(
            "database.host: a port stands behind a comma: \"{host}\\{i},{port}\", or in \
             database.port"
        ));
    }
    if instance.is_some_and(|i| !is_instance(i)) {
        return Err(
            "database.instance: this is no name of an instance (up to 16 letters, digits, \
                    _ $ #)"
                .into(),
        );
    }
    Ok(instance.filter(|i| !i.eq_ignore_ascii_case("MSSQLSERVER")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(host: &str, port: Option<u16>, instance: &str) -> Result<String, String> {
        ServerAddress::parse(host, port, instance).map(|s| {
            format!(
                "{} {} {}",
                s.host,
                s.port.map_or("-".into(), |p| p.to_string()),
                s.instance.as_deref().unwrap_or("-")
            )
        })
    }

    #[test]
    fn hosts_ports_and_instances_in_each_place_they_can_stand() {
        for (host, port, instance, wanted) in [
            ("db", None, "", "db - -"),
            ("db", Some(1444), "", "db 1444 -"),
            ("db,1444", None, "", "db 1444 -"),
            ("db, 1444", Some(1444), "", "db 1444 -"),
            ("db\\SQL", None, "", "db - SQL"),
            ("db", None, "SQL", "db - SQL"),
            ("db\\SQL", None, "sql", "db - SQL"),
            ("db\\SQL,1444", None, "", "db 1444 SQL"),
            ("db\\SQL", Some(1444), "", "db 1444 SQL"),
            ("db,1444", None, "SQL", "db 1444 SQL"),
            ("db", Some(1444), "SQL", "db 1444 SQL"),
            ("tcp:db.example.com,1433", None, "", "db.example.com 1433 -"),
            ("TCP: db\\SQL", None, "", "db - SQL"),
            (".\\SQLEXPRESS", None, "", "localhost - SQLEXPRESS"),
            ("(local)", None, "", "localhost - -"),
            ("db\\MSSQLSERVER", None, "", "db - -"),
            ("10.0.0.5", None, "", "10.0.0.5 - -"),
            ("::1", None, "", "::1 - -"),
            ("[::1],1444", None, "", "::1 1444 -"),
            ("fe80::1%eth0", None, "", "fe80::1%eth0 - -"),
            (" my_server.local. ", None, "", "my_server.local. - -"),
        ] {
            assert_eq!(
                of(host, port, instance).as_deref(),
                Ok(wanted),
                "{host} {port:?} {instance}"
            );
        }
    }

    #[test]
    fn what_is_no_host_is_refused_and_not_repeated() {
        for text in [
            "mssql://sa:S3cret!@db/trading",
            "Server=db;User Id=sa;Password=S3cret!",
            "Data Source=db,1433;Pwd=S3cret!",
            "jdbc:sqlserver://db;password=S3cret!",
            "sa:S3cret!@db",
            "S3cret! with blanks",
            "db/S3cret!",
            "S3cret!",
            "db,S3cret!",
            "db\\S3cret!is-long",
            "np:\\\\db\\pipe\\S3cret!",
        ] {
            let e = of(text, None, "").expect_err(text);
            assert!(e.starts_with("database.") && !e.contains("S3cret"), "{text}: {e}");
        }
        assert!(of("db:1433", None, "").is_err_and(|e| e.contains("\"db,1433\"")));
        assert!(of("[::1]:1433", None, "").is_err_and(|e| e.contains("\"[::1],1433\"")));
        assert!(of("db\\SQL:1433", None, "").is_err_and(|e| e.contains("\"db\\SQL,1433\"")));
        assert!(of("db,1", Some(2), "").is_err_and(|e| e.contains("remove one")));
        assert!(of("db\\A", None, "B").is_err_and(|e| e.contains("remove one")));
        for bad in ["db,0", "db,70000", "", "(localdb)\\x", "-db", "db,"] {
            assert!(of(bad, None, "").is_err(), "{bad}");
        }
    }
}
