//! Redirect URIs (RFC 6749 §3.1.2, RFC 8252 §7): read strictly, because what two readers read
//! differently sends a code to the wrong one.

use crate::net;

const MAX_URI: usize = 2000;
/// Schemes that no program on a computer owns: a browser would run, show or fetch what they name.
const NOT_PRIVATE: [&str; 14] = [
    "http",
    "https",
    "ws",
    "wss",
    "ftp",
    "file",
    "filesystem",
    "blob",
    "data",
    "about",
    "javascript",
    "vbscript",
    "mailto",
    "view-source",
];

/// The parts of a redirect URI that are compared.
#[derive(Debug, PartialEq)]
pub(crate) struct Parts<'a> {
    pub(crate) scheme: &'a str,
    /// In lower case; an address of IPv6 in its brackets.
    pub(crate) host: String,
    /// Where it is written.
    pub(crate) port: Option<u16>,
    pub(crate) rest: &'a str,
}

/// Reads a redirect URI; strictly, because what two readers read differently sends a code
/// to the wrong one.
pub(crate) fn parts(uri: &str) -> Result<Parts<'_>, &'static str> {
    if uri.len() > MAX_URI
        || !uri.bytes().all(|b| b.is_ascii_graphic())
        || uri.contains(['\\', '<', '>', '"'])
    {
        return Err("it must be plain ASCII without blanks, and not longer than 2,000 characters");
    }
    if uri.contains('#') {
        return Err("it must not have a fragment");
    }
    const ABSOLUTE: &str = "it must be an absolute https:// URI, or http:// on loopback";
    let (scheme, rest) = uri.split_once(':').ok_or(ABSOLUTE)?;
    let own = private(scheme);
    let Some(rest) = rest.strip_prefix("//") else {
        // RFC 8252 §7.1: com.example.app:/callback.
        let plain = own && rest.starts_with('/');
        return plain
            .then_some(Parts { scheme, host: String::new(), port: None, rest })
            .ok_or(ABSOLUTE);
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if authority.contains('@') {
        return Err("it must not have a user name");
    }
    let read = net::split(authority).filter(|(h, _)| !h.is_empty() || own);
    let (host, port) = read.ok_or("its host or port cannot be read")?;
    Ok(Parts { scheme, host: host.to_ascii_lowercase(), port, rest })
}

/// Whether a scheme can be a program's own (RFC 8252 §7.1).
pub(crate) fn private(scheme: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(fits)
        && !NOT_PRIVATE.contains(&scheme)
}

/// Whether a host is this machine (RFC 8252 §7.3).
pub(crate) fn loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// Where a redirect URI leads, for people, and whether that is this machine.
pub(crate) fn host_of(uri: &str) -> Option<(String, bool)> {
    let p = parts(uri).ok()?;
    if private(p.scheme) {
        return Some((format!("{}://{}", p.scheme, p.host), true));
    }
    let here = loopback(&p.host);
    Some((p.host, here))
}

/// The origin of a redirect URI, for `form-action` (a browser follows a form's redirect only
/// there). Of a private scheme a policy can name no host.
pub(crate) fn origin_of(uri: &str) -> Option<String> {
    let p = parts(uri).ok()?;
    if private(p.scheme) {
        return Some(format!("{}:", p.scheme));
    }
    Some(format!("{}://{}{}", p.scheme, p.host, p.port.map_or(String::new(), |p| format!(":{p}"))))
}

/// Whether a redirect URI of a request is a registered one: exactly, but for the port on loopback.
pub(crate) fn matches(registered: &str, requested: &str) -> bool {
    if registered == requested {
        return parts(requested).is_ok();
    }
    // An empty path is the path / (RFC 3986 §6.2.3); VS Code registers one and sends the other.
    let path =
        |rest: &str| if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    match (parts(registered), parts(requested)) {
        (Ok(a), Ok(b)) => {
            let here = loopback(&a.host) && a.scheme == "http";
            here && a.scheme == b.scheme && a.host == b.host && path(a.rest) == path(b.rest)
        }
        _ => false,
    }
}

/// Whether a redirect URI of the configuration can be used: the operator may name any host, and a
/// private scheme (RFC 8252 §7.1).
pub(crate) fn check_configured(uri: &str) -> Result<(), String> {
    let p = parts(uri)?;
    match p.scheme {
        "http" if !loopback(&p.host) => Err("http:// is for loopback; use https://".into()),
        "http" | "https" => Ok(()),
        own if private(own) => Ok(()),
        own if NOT_PRIVATE.contains(&own) => Err("this scheme takes no code".into()),
        _ => Err("its scheme cannot be read".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_may_name_any_host_and_a_private_scheme() {
        for good in [
            "https://intranet.example/cb",
            "cursor://anysphere.cursor/cb",
            "com.example.app:/cb",
            "http://127.0.0.1:9/cb",
        ] {
            assert_eq!(check_configured(good), Ok(()), "{good}");
        }
        for bad in [
            "http://intranet.example/cb",
            "javascript://x/%0aalert(1)",
            "https://a/b#c",
            "x",
            "https://u@a/",
        ] {
            assert!(check_configured(bad).is_err(), "{bad}");
        }
    }
}
