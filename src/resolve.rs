//! Names that strangers bring are looked up by the runtime itself (RFC 1035, by a stub resolver):
//! the C library's look-up would hold one of the threads that all share for as long as a name
//! server keeps silent, and could not be taken back.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use domain::base::Name;
use domain::resolv::StubResolver;
use domain::resolv::stub::conf::{ResolvConf, ServerConf, Transport};
use futures_util::future::BoxFuture;

/// Name and port to addresses.
pub(crate) type Lookup =
    Arc<dyn Fn(String, u16) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// A look-up ends after this, whatever the name servers do.
const PATIENCE: Duration = Duration::from_secs(3);

/// A name server of the configuration.
pub(crate) fn server(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)))
}

/// Asks these name servers; without any, those of `/etc/resolv.conf`.
pub(crate) fn by(servers: &[SocketAddr]) -> Lookup {
    let mut conf = match servers {
        [] => ResolvConf::default(),
        _ => ResolvConf::new(),
    };
    conf.servers.extend(servers.iter().map(|a| ServerConf::new(*a, Transport::UdpTcp)));
    conf.finalize();
    let resolver = Arc::new(StubResolver::from_conf(conf));
    Arc::new(move |host, port| {
        let resolver = resolver.clone();
        Box::pin(async move {
            if let Ok(ip) = host.parse::<IpAddr>() {
                return Ok(vec![SocketAddr::new(ip, port)]);
            }
            let name = Name::<Vec<u8>>::from_str(&host).map_err(io::Error::other)?;
            let found = tokio::time::timeout(PATIENCE, resolver.lookup_host(&name)).await??;
            Ok(found.port_iter(port).collect())
        })
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::net::UdpSocket;

    use super::*;

    /// Answers `client.example` with an address, and all else with NXDOMAIN; or nothing at all.
    async fn name_server(answers: bool) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
        let address = socket.local_addr().expect("address");
        tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((n, from)) = socket.recv_from(&mut query).await {
                if !answers {
                    continue;
                }
                // RFC 1035 §4.1: the header and the question, ending in type and class, come
                // back as they were.
                let end = 12 + query[12..n].iter().position(|b| *b == 0).expect("the root") + 5;
                let (known, a) = (query[12..end].starts_with(b"\x06client"), query[end - 3] == 1);
                let mut answer = query[..end].to_vec();
                answer[2..12].copy_from_slice(&[
                    0x81,
                    if known { 0x80 } else { 0x83 },
                    0,
                    1,
                    0,
                    u8::from(known && a),
                    0,
                    0,
                    0,
                    0,
                ]);
                if known && a {
                    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 7]);
                }
                let _ = socket.send_to(&answer, from).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn names_are_looked_up_where_it_is_said() {
        let lookup = by(&[name_server(true).await]);
        let found = async |host: &str| lookup(host.to_owned(), 443).await.unwrap_or_default();
        assert_eq!(found("client.example").await, ["203.0.113.7:443".parse().expect("address")]);
        assert_eq!(found("other.example").await, []);
        assert_eq!(found("127.0.0.1").await, ["127.0.0.1:443".parse().expect("address")]);
        assert_eq!(found(&format!("{}.example", "x".repeat(64))).await, []);
    }

    #[tokio::test]
    async fn a_name_server_that_keeps_silent_holds_nobody_for_long() {
        let lookup = by(&[name_server(false).await]);
        let began = Instant::now();
        let all = (0..500).map(|n| lookup(format!("n{n}.example"), 443));
        let all = futures_util::future::join_all(all).await;
        assert!(all.iter().all(Result::is_err));
        // All at once, and without a thread for each: one after the other they
        // would take 25 minutes.
        assert!(began.elapsed() < 10 * PATIENCE, "{:?}", began.elapsed());
    }
}
