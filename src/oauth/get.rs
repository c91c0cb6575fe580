//! One GET of a small document: no redirect, five seconds, a size limit, and only addresses that are allowed. All that the name
//! resolves to are looked at, and the connection goes to one of those, not to what a second look-up says.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(5);

/// Name and port to addresses.
pub type Lookup = Arc<dyn Fn(String, u16) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Gets.
#[derive(Clone)]
pub struct Getter {
    lookup: Lookup,
    allowed: fn(IpAddr) -> bool,
    tls: Option<TlsConnector>,
}

/// What came.
#[derive(Debug)]
pub struct Got {
    /// Whole.
    pub body: Vec<u8>,
    /// All of them.
    pub headers: HeaderMap,
}

impl std::fmt::Debug for Getter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Getter")
    }
}

/// Whether an address is on the public internet (IANA special-purpose registries, RFC 6890).
pub fn public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 192 && b == 88 && c == 99)
                || (a == 198 && (b == 18 || b == 19)))
        }
        IpAddr::V6(v6) => {
            let s = v6.segments();
            // Of what has IPv4 inside (mapped, NAT64, 6to4, Teredo) the rest could lead anywhere.
            let global = s[0] & 0xe000 == 0x2000;
            global && s[0] != 0x2002 && !(s[0] == 0x2001 && (s[1] < 0x0200 || s[1] == 0x0db8)) && s[0] != 0x3fff
        }
    }
}

impl Getter {
    /// For a stranger's URL: the public internet alone.
    pub fn from_strangers() -> Self {
        Self::system(public)
    }
    /// For a URL that the operator wrote: anywhere.
    pub fn from_operator() -> Self {
        Self::system(|_| true)
    }
    fn system(allowed: fn(IpAddr) -> bool) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let lookup: Lookup = Arc::new(|host, port| {
            Box::pin(async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) })
        });
        Self::with(lookup, allowed, roots)
    }
    /// With everything given.
    pub fn with(lookup: Lookup, allowed: fn(IpAddr) -> bool, roots: rustls::RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|b| TlsConnector::from(Arc::new(b.with_root_certificates(roots).with_no_client_auth())))
            .ok();
        Self { lookup, allowed, tls }
    }

    /// Gets an `https://` URL, or an `http://` one where the address is this machine's.
    pub async fn get(&self, url: &str, max: usize) -> Result<Got, String> {
        let all = self.get_whole(url, max);
        tokio::time::timeout(PATIENCE, all).await.map_err(|_| "it took too long".to_owned())?
    }

    async fn get_whole(&self, url: &str, max: usize) -> Result<Got, String> {
        let (scheme, rest) = url.split_once("://").ok_or("it is no URL")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = if path.is_empty() { "/" } else { path };
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err("it is neither https:// nor http://".into()),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((h, p)) if !p.ends_with(']') => (h, p.parse().map_err(|_| "its port cannot be read")?),
            _ => (authority, if secure { 443 } else { 80 }),
        };
        let host = host.trim_matches(['[', ']']);
        let addresses = (self.lookup)(host.to_owned(), port).await.map_err(|_| "its host has no address")?;
        // One private address among public ones is an attack, not an accident.
        if addresses.is_empty() || !addresses.iter().all(|a| (self.allowed)(a.ip())) {
            return Err("its host is not on the public internet".into());
        }
        if !secure && !addresses.iter().all(|a| a.ip().is_loopback()) {
            return Err("http:// is only for this machine; use https://".into());
        }
        let tcp = TcpStream::connect(&addresses[..]).await.map_err(|_| "its host does not answer")?;
        if secure {
            let connector = self.tls.as_ref().ok_or("there is no TLS")?;
            let name = ServerName::try_from(host.to_owned()).map_err(|_| "its host is no name")?;
            let tls = connector.connect(name, tcp).await.map_err(|_| "TLS failed")?;
            ask(tls, authority, path, max).await
        } else {
            ask(tcp, authority, path, max).await
        }
    }
}

async fn ask<S>(stream: S, authority: &str, path: &str, max: usize) -> Result<Got, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|_| "HTTP failed")?;
    let driver = tokio::spawn(connection);
    let request = http::Request::get(path)
        .header(header::HOST, authority)
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, concat!("mssql-mcp/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<bytes::Bytes>::new())
        .map_err(|e| e.to_string())?;
    let got = async {
        let response = sender.send_request(request).await.map_err(|_| "HTTP failed")?;
        if response.status() != StatusCode::OK {
            return Err(format!("it answers {}", response.status().as_u16()));
        }
        let headers = response.headers().clone();
        let body = Limited::new(response.into_body(), max).collect().await;
        Ok(Got { body: body.map_err(|_| format!("it is larger than {} kB", max >> 10))?.to_bytes().to_vec(), headers })
    };
    let got = got.await;
    driver.abort();
    got
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_asked() {
        for ip in ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450::1"] {
            assert!(public(ip.parse().expect("ip")), "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "ff02::1",
            "::127.0.0.1",
        ] {
            assert!(!public(ip.parse().expect("ip")), "{ip}");
        }
    }

    #[tokio::test]
    async fn names_that_lead_inside_are_refused() {
        let g = Getter::from_strangers();
        for url in
            ["https://localhost/c.json", "https://127.0.0.1/c.json", "http://localhost/c.json", "https://[::1]/c.json"]
        {
            assert!(g.get(url, 1000).await.expect_err("refused").contains("public internet"), "{url}");
        }
        let e = Getter::from_operator().get("file:///etc/passwd", 1000).await.expect_err("refused");
        assert!(e.contains("neither"), "{e}");
    }
}
