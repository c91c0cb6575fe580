//! Who is at the other end, for those who count: the connection's address, or what a proxy of ours
//! says; and how many requests a network may make.

use std::net::{IpAddr, SocketAddr};

use http::header::HeaderMap;
use http::{Request, Response};
use mssql_mcp_transports::body::Body;

use super::{Served, open};
use crate::net::network;
use crate::telemetry::metrics::{instruments, label};

/// The address of the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Peer {
    /// The last address that a proxy of ours added; without one, the connection's. What clients
    /// write there is not believed.
    pub(super) fn of(connection: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> Self {
        // An address of IPv4 that came by a socket of IPv6 is that address (RFC 4291 §2.5.5.2).
        let connection = connection.to_canonical();
        if !proxies.contains(&connection) {
            return Self(connection);
        }
        let all = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|v| v.to_str().ok())
            .collect::<Vec<_>>()
            .join(",");
        let real = all
            .rsplit(',')
            .map(|a| address(a.trim()))
            .find(|a| !a.is_some_and(|a| proxies.contains(&a)));
        Self(real.flatten().unwrap_or(connection))
    }
}

/// As proxies write it: some with the port.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let alone = || text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let ip = text.parse::<SocketAddr>().ok().map(|a| a.ip()).or_else(alone);
    ip.map(|ip| ip.to_canonical())
}

/// So many requests of a network in a minute, where strangers can call at all
/// (`limits.peer_requests`).
pub(crate) fn quota<B>(
    served: &Served,
) -> impl Fn(&Request<B>) -> Result<(), Box<Response<Body>>> + Clone + use<B> {
    let known = served.authority.clone().map(|a| (a, served.reloadable.clone()));
    move |r| {
        let (Some((authority, limits)), Some(peer)) = (&known, r.extensions().get::<Peer>()) else {
            return Ok(());
        };
        // Who was recognised has a quota as a principal, and shares none with the strangers of
        // their network.
        if authority.has_seen(r.headers()) {
            return Ok(());
        }
        limits.peers.check(network(peer.0), 1).map_err(|wait| {
            instruments().rate_limited.add(1, &[label("mssql_mcp.reason", "peer")]);
            Box::new(open::too_many(wait))
        })
    }
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_peer_is_who_a_proxy_of_ours_says() {
        let proxies = ["127.0.0.1".parse().expect("address")];
        let peer = |connection: &str, forwarded: &str| {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static("x-forwarded-for"),
                forwarded.parse().expect("header"),
            )]);
            Peer::of(connection.parse().expect("address"), &headers, &proxies).0.to_string()
        };
        assert_eq!(peer("127.0.0.1", "198.51.100.7"), "198.51.100.7");
        assert_eq!(
            peer("127.0.0.1", "6.6.6.6, 198.51.100.7, 127.0.0.1"),
            "198.51.100.7",
            "the last that is none of ours"
        );
        assert_eq!(peer("192.0.2.1", "198.51.100.7"), "192.0.2.1", "no proxy of ours");
        // IPv4 by a socket of IPv6, and addresses with ports.
        assert_eq!(peer("::ffff:127.0.0.1", "198.51.100.7"), "198.51.100.7");
        assert_eq!(peer("127.0.0.1", "::ffff:198.51.100.7"), "198.51.100.7");
        assert_eq!(peer("127.0.0.1", "198.51.100.7:5678"), "198.51.100.7");
        assert_eq!(peer("127.0.0.1", "[2001:db8::1]:5678"), "2001:db8::1");
        assert_eq!(peer("127.0.0.1", "unknown"), "127.0.0.1");
    }

    #[test]
    fn only_a_proxy_of_ours_says_who_calls() {
        let ip = |t: &str| t.parse::<IpAddr>().expect("ip");
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("x-forwarded-for"),
            HeaderValue::from_static("6.6.6.6, 198.51.100.7, 10.0.0.2"),
        )]);
        let proxies = [ip("127.0.0.1"), ip("10.0.0.2")];
        assert_eq!(
            Peer::of(ip("127.0.0.1"), &headers, &proxies).0,
            ip("198.51.100.7"),
            "not what the client wrote"
        );
        assert_eq!(Peer::of(ip("203.0.113.1"), &headers, &proxies).0, ip("203.0.113.1"));
        assert_eq!(Peer::of(ip("127.0.0.1"), &HeaderMap::new(), &proxies).0, ip("127.0.0.1"));
        let odd = HeaderMap::from_iter([(
            HeaderName::from_static("x-forwarded-for"),
            HeaderValue::from_static("unknown"),
        )]);
        assert_eq!(Peer::of(ip("127.0.0.1"), &odd, &proxies).0, ip("127.0.0.1"));
    }
}
