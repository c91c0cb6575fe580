//! Host and port (RFC 3986 §3.2), read so that no two readers can differ: what is taken for
//! loopback here must be loopback to a browser, too. And networks, by which strangers are counted.

use std::net::{IpAddr, Ipv6Addr};

/// A port: one to five digits and nothing else.
pub(crate) fn port(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The two, without a user name; an address of IPv6 with its brackets. None when it is neither.
pub(crate) fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    if let Some(inside) = authority.strip_prefix('[') {
        let (address, behind) = inside.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        let host = &authority[..address.len() + 2];
        return match behind {
            "" => Some((host, None)),
            _ => Some((host, Some(port(behind.strip_prefix(':')?)?))),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((h, p)) => (h, Some(port(p)?)),
        None => (authority, None),
    };
    (!host.contains(['@', '[', ']'])).then_some((host, port))
}

/// One key per network: an IPv6 host has a /64 of addresses to choose from.
pub(crate) fn network(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let s = v6.segments();
            format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3])
        }
    }
}

/// One key per site: what one subscriber is usually given, a /48 of IPv6 (RFC 6177).
pub(crate) fn site(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let s = v6.segments();
            format!("{:x}:{:x}:{:x}::/48", s[0], s[1], s[2])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{network, split};

    #[test]
    fn what_stands_behind_a_host_is_a_port_or_nothing() {
        assert_eq!(split("localhost:8008"), Some(("localhost", Some(8008))));
        assert_eq!(split("[::1]:9"), Some(("[::1]", Some(9))));
        assert_eq!(split("[::1]"), Some(("[::1]", None)));
        assert_eq!(split("claude.ai"), Some(("claude.ai", None)));
        for bad in [
            "[::1].evil.com",
            "[::1]x:80",
            "[::1]:",
            "[::1]:+80",
            "[evil.com]",
            "[::1",
            "::1",
            "localhost:+80",
            "localhost:-1",
            "localhost:80:80",
            "localhost:",
            "localhost:65536",
            "localhost: 80",
            "a@localhost",
            "localhost]",
        ] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_ipv6_host_has_a_network_of_addresses() {
        assert_eq!(network("2001:db8:1:2:3::4".parse().expect("ip")), "2001:db8:1:2::/64");
    }
}
