//! One HTTP request of ours, with a small answer: no redirect, a time limit, a size limit, and only
//! addresses that are allowed. All that the name resolves to are looked at, and the connection goes
//! to one of those, not to what a second look-up says.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::resolve::{Lookup, by};

const NOT_HTTP: &str = "it is neither https:// nor http://";
const PATIENCE: Duration = Duration::from_secs(5);

/// A client with its bounds and the addresses that it may reach.
#[derive(Clone)]
pub struct Getter {
    lookup: Lookup,
    allowed: fn(IpAddr) -> bool,
    tls: Option<TlsConnector>,
    /// `http://` to other machines too.
    plain: bool,
    patience: Duration,
    /// Who asks is not told why a host cannot be reached: that would tell them which
    /// names there are inside.
    vague: bool,
}

#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) body: Vec<u8>,
    pub(crate) headers: HeaderMap,
}

impl std::fmt::Debug for Getter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Getter")
    }
}

/// Whether an address is on the public internet (IANA special-purpose registries, RFC 6890).
pub(crate) fn public(ip: IpAddr) -> bool {
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
            global
                && s[0] != 0x2002
                && !(s[0] == 0x2001 && (s[1] < 0x0200 || s[1] == 0x0db8))
                && s[0] != 0x3fff
        }
    }
}

impl Getter {
    /// For a stranger's URL: the public internet alone. The name servers that are asked, where they
    /// are not the system's.
    pub(crate) fn from_strangers(name_servers: &[SocketAddr]) -> Self {
        Self { vague: true, ..Self::with(by(name_servers), public, system_roots()) }
    }

    /// For a URL that the operator wrote: anywhere.
    pub(crate) fn from_operator() -> Self {
        Self::system(|_| true)
    }

    /// For what the operator named inside their network: anywhere, without TLS where they wrote
    /// `http://`, and trusting these authorities beside the system's.
    pub(crate) fn inside(authorities: &[u8], patience: Duration) -> Result<Self, String> {
        let mut roots = system_roots();
        for c in CertificateDer::pem_slice_iter(authorities) {
            let c = c.map_err(|e| format!("it is no PEM of certificates: {e}"))?;
            roots.add(c).map_err(|e| format!("a certificate in it cannot be trusted: {e}"))?;
        }
        let mut me = Self::system(|_| true);
        me.tls = Self::with(me.lookup.clone(), me.allowed, roots).tls;
        Ok(Self { plain: true, patience, ..me })
    }

    /// Waits so long for an answer.
    pub(crate) fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    fn system(allowed: fn(IpAddr) -> bool) -> Self {
        let roots = system_roots();
        let lookup: Lookup = Arc::new(|host, port| {
            Box::pin(
                async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) },
            )
        });
        Self::with(lookup, allowed, roots)
    }

    /// With its own resolver, addresses and authorities (tests).
    pub fn with(lookup: Lookup, allowed: fn(IpAddr) -> bool, roots: rustls::RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|b| {
                TlsConnector::from(Arc::new(b.with_root_certificates(roots).with_no_client_auth()))
            })
            .ok();
        Self { lookup, allowed, tls, plain: false, patience: PATIENCE, vague: false }
    }

    /// Gets an `https://` URL, or an `http://` one where the address is this machine's.
    pub(crate) async fn get(&self, url: &str, max: usize) -> Result<Got, String> {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(NOT_HTTP.into());
        }
        let request =
            Request::get(url).header(header::ACCEPT, "application/json").body(Bytes::new());
        let response = self.send(request.map_err(|_| "it is no URL")?, max).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("it answers {}", response.status().as_u16()));
        }
        let (parts, body) = response.into_parts();
        Ok(Got { body: body.to_vec(), headers: parts.headers })
    }

    /// Sends a request with an absolute URI, and gives the whole answer, whatever its status.
    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
        max: usize,
    ) -> Result<Response<Bytes>, String> {
        let all = self.send_whole(request, max);
        tokio::time::timeout(self.patience, all).await.map_err(|_| "it took too long".to_owned())?
    }

    async fn send_whole(
        &self,
        mut request: Request<Bytes>,
        max: usize,
    ) -> Result<Response<Bytes>, String> {
        let uri = request.uri().clone();
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority().cloned()) else {
            return Err("it is no URL".into());
        };
        if authority.as_str().contains('@') {
            return Err("it must not name a user".into());
        }
        let secure = scheme == "https";
        if !secure && scheme != "http" {
            return Err(NOT_HTTP.into());
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let unreachable = |why: &'static str| {
            if self.vague { "its host cannot be reached on the public internet" } else { why }
        };
        let addresses = (self.lookup)(host.clone(), port)
            .await
            .map_err(|_| unreachable("its host has no address"))?;
        // One private address among public ones is an attack, not an accident.
        if addresses.is_empty() || !addresses.iter().all(|a| (self.allowed)(a.ip())) {
            return Err(unreachable("its host is not on the public internet").into());
        }
        if !secure && !self.plain && !addresses.iter().all(|a| a.ip().is_loopback()) {
            return Err("http:// is only for this machine; use https://".into());
        }
        // To the server itself, not to a proxy: the path alone, and the host in its header.
        let path =
            uri.path_and_query().map_or("/", |p| p.as_str()).parse().map_err(|_| "it is no URL")?;
        *request.uri_mut() = path;
        let h = request.headers_mut();
        h.insert(
            header::HOST,
            HeaderValue::from_str(authority.as_str()).map_err(|_| "its host is no name")?,
        );
        h.insert(
            header::USER_AGENT,
            HeaderValue::from_static(concat!("mssql-mcp/", env!("CARGO_PKG_VERSION"))),
        );
        let tcp = TcpStream::connect(&addresses[..])
            .await
            .map_err(|_| unreachable("its host does not answer"))?;
        if secure {
            let connector = self.tls.as_ref().ok_or("there is no TLS")?;
            let name = ServerName::try_from(host).map_err(|_| "its host is no name")?;
            let tls = connector.connect(name, tcp).await.map_err(|_| "TLS failed")?;
            ask(tls, request, max).await
        } else {
            ask(tcp, request, max).await
        }
    }
}

fn system_roots() -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

async fn ask<S>(stream: S, request: Request<Bytes>, max: usize) -> Result<Response<Bytes>, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|_| "HTTP failed")?;
    let driver = tokio::spawn(connection);
    let got = async {
        let response =
            sender.send_request(request.map(Full::new)).await.map_err(|_| "HTTP failed")?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, max).collect().await;
        let body = body.map_err(|e| match e.is::<LengthLimitError>() {
            true => format!("it is larger than {} kB", max >> 10),
            false => "its answer broke off".to_owned(),
        })?;
        let body = body.to_bytes();
        Ok(Response::from_parts(parts, body))
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
        let g = Getter::from_strangers(&[]);
        for url in [
            "https://localhost/c.json",
            "https://127.0.0.1/c.json",
            "http://localhost/c.json",
            "https://[::1]/c.json",
        ] {
            assert!(
                g.get(url, 1000).await.expect_err("refused").contains("public internet"),
                "{url}"
            );
        }
        let e = Getter::from_operator().get("file:///etc/passwd", 1000).await.expect_err("refused");
        assert!(e.contains("neither"), "{e}");
    }
}
