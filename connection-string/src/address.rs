//! The server as its keyword spells it: `HOST`, `HOST,PORT`, `HOST\INSTANCE`, `tcp:` before it.

use std::net::Ipv6Addr;

/// Where a server is.
#[derive(PartialEq, Eq)]
pub(crate) struct Address {
    /// A name or an address without brackets; `.` and `(local)` are this machine.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// Of the default instance there is none.
    pub(crate) instance: Option<String>,
}

// === impl Address ===

impl Address {
    /// The error is the reason with its mend, without the keyword and the value.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let text = without_protocol(text.trim())?;
        if text.starts_with("\\\\") {
            return Err("a named pipe is not spoken here, only TCP: write HOST or HOST,PORT");
        }
        let (text, port) = match text.rsplit_once(',') {
            Some((text, port)) => (text.trim_end(), Some(self::port(port)?)),
            None => (text, None),
        };
        let (host, instance) = match text.split_once('\\') {
            Some((host, instance)) => (host.trim(), Some(instance.trim())),
            None => (text, None),
        };
        Ok(Self {
            host: self::host(host)?,
            port,
            instance: instance.map_or(Ok(None), self::instance)?,
        })
    }
}

fn without_protocol(text: &str) -> Result<&str, &'static str> {
    let Some((protocol, rest)) = text.split_once(':') else { return Ok(text) };
    match protocol.trim().to_ascii_lowercase().as_str() {
        "tcp" => Ok(rest.trim()),
        "np" => Err("np: is a named pipe, and only TCP is spoken here: write HOST or HOST,PORT"),
        "lpc" => Err("lpc: is shared memory, and only TCP is spoken here: write HOST or HOST,PORT"),
        "admin" => {
            Err("admin: is the administrators' own connection, of which there is one: leave it out")
        }
        _ => Ok(text),
    }
}

/// From 1 to 65535.
pub(crate) fn port(text: &str) -> Result<u16, &'static str> {
    let digits = text.trim();
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let port = plain.then(|| digits.parse().ok()).flatten();
    port.filter(|p| *p > 0).ok_or("expected a port from 1 to 65535")
}

/// Up to 16 letters, digits and `_ $ # &`; the default instance is none.
pub(crate) fn instance(name: &str) -> Result<Option<String>, &'static str> {
    let name = name.trim();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '#' | '&');
    if name.contains(':') {
        return Err("a port stands behind a comma: HOST\\INSTANCE,PORT");
    }
    if name.starts_with('\\') {
        return Err("its backslash is doubled, as in JSON: write HOST\\INSTANCE with one");
    }
    if name.is_empty() || name.chars().count() > 16 || !name.chars().all(plain) {
        return Err("this is no name of an instance: expected up to 16 letters, digits and _ $ #");
    }
    Ok((!name.eq_ignore_ascii_case("MSSQLSERVER")).then(|| name.to_owned()))
}

fn host(text: &str) -> Result<String, &'static str> {
    let lower = text.to_ascii_lowercase();
    if lower == "." || lower == "(local)" {
        return Ok(lower);
    }
    if lower.starts_with("(localdb)") {
        return Err(
            "LocalDB listens on a named pipe of its user alone: enable TCP/IP on an instance of \
                    SQL Server, and name that",
        );
    }
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    if is_address(bare.unwrap_or(text)) {
        return Ok(bare.unwrap_or(text).to_owned());
    }
    if is_name(text) {
        return Ok(text.to_owned());
    }
    Err(if text.contains(':') {
        "a port stands behind a comma here: HOST,PORT"
    } else {
        "this is no host: expected a name or an address, as HOST, HOST,PORT or HOST\\INSTANCE"
    })
}

/// The name of a host alone.
pub(crate) fn is_name(host: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    !host.is_empty()
        && host.len() <= 253
        && host.chars().all(plain)
        && !host.starts_with(['-', '.'])
}

/// An address of IPv6, with or without a zone (RFC 4007 §11): `fe80::1%eth0`.
fn is_address(text: &str) -> bool {
    let (address, zone) = text.split_once('%').map_or((text, None), |(a, z)| (a, Some(z)));
    address.parse::<Ipv6Addr>().is_ok() && zone.is_none_or(is_name)
}
