//! Clients that are known by the URL of their metadata (Client ID Metadata Documents, as MCP 2025-11-25 and later use them).
//!
//! The URL is a stranger's, so fetching it must not become a way into our own network: HTTPS only, no redirect, no address that
//! is not public (all that the name resolves to are looked at, and the connection goes to one of those, not to a second look-up),
//! five seconds and 16 kB at most. A document is kept as long as its `Cache-Control` says, within bounds; a failure is not.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::clients::{Client, check_redirect};

const PATIENCE: Duration = Duration::from_secs(5);
const MAX_DOCUMENT: usize = 16 << 10;
/// Documents that are remembered at once.
const MOST: usize = 1000;
/// A document is remembered at least and at most for so many seconds.
const KEPT: (u64, u64) = (60, 24 * 3600);

/// Name and port to addresses.
type Lookup = Arc<
    dyn Fn(String, u16) -> futures_util::future::BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync,
>;

/// Fetches and remembers.
#[derive(Clone)]
pub struct Documents {
    lookup: Lookup,
    public: fn(IpAddr) -> bool,
    tls: Option<TlsConnector>,
    known: Arc<DashMap<String, (Client, Instant)>>,
}

impl std::fmt::Debug for Documents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Documents").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

/// The parts of a client id that is a URL.
struct Url<'a> {
    host: &'a str,
    port: u16,
    path: &'a str,
}

/// Whether a client id is meant as a URL.
pub fn is_url(client_id: &str) -> bool {
    client_id.starts_with("https://")
}

fn url(client_id: &str) -> Result<Url<'_>, &'static str> {
    let rest = client_id.strip_prefix("https://").ok_or("it must begin with https://")?;
    if client_id.len() > 500
        || !client_id.bytes().all(|b| b.is_ascii_graphic())
        || client_id.contains(['\\', '#', '<', '>', '"'])
    {
        return Err("it must be plain ASCII without a fragment");
    }
    let at = rest.find('/').ok_or("it must have a path")?;
    let (authority, path) = rest.split_at(at);
    if authority.contains(['@', '?']) {
        return Err("it must not have a user name");
    }
    if path == "/" || path.split(['/', '?']).any(|s| matches!(s, "." | "..")) {
        return Err("its path must name a document, without dot segments");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((h, p)) => (h, p.parse().map_err(|_| "its port cannot be read")?),
        None => (authority, 443),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    // Addresses have no place in a client's name; they would also be a way around DNS.
    if host.is_empty()
        || !host.chars().all(fits)
        || host.parse::<IpAddr>().is_ok()
        || !host.contains(|c: char| c.is_ascii_alphabetic())
    {
        return Err("its host must be a name");
    }
    Ok(Url { host, port, path })
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
            // Of what looks like IPv4 inside (mapped, NAT64, 6to4, Teredo) the rest could lead anywhere.
            let global = s[0] & 0xe000 == 0x2000;
            global && s[0] != 0x2002 && !(s[0] == 0x2001 && (s[1] < 0x0200 || s[1] == 0x0db8)) && s[0] != 0x3fff
        }
    }
}

/// Life of a document from its headers.
fn kept(headers: &HeaderMap) -> u64 {
    let text =
        headers.get(header::CACHE_CONTROL).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let directives = || text.split(',').map(str::trim);
    if directives().any(|d| matches!(d, "no-store" | "no-cache")) {
        return KEPT.0;
    }
    let age = directives().find_map(|d| d.strip_prefix("max-age=")?.parse().ok());
    age.unwrap_or(300).clamp(KEPT.0, KEPT.1)
}

impl Default for Documents {
    fn default() -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let lookup: Lookup = Arc::new(|host, port| {
            Box::pin(async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) })
        });
        Self::with(lookup, public, roots)
    }
}

impl Documents {
    fn with(lookup: Lookup, public: fn(IpAddr) -> bool, roots: rustls::RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|b| TlsConnector::from(Arc::new(b.with_root_certificates(roots).with_no_client_auth())))
            .ok();
        Self { lookup, public, tls, known: Arc::default() }
    }

    /// The client that a URL names; the error is for the person.
    pub async fn client(&self, client_id: &str, redirect_hosts: &[String]) -> Result<Client, String> {
        if let Some(k) = self.known.get(client_id).filter(|k| k.1 > Instant::now()) {
            return Ok(k.0.clone());
        }
        let wrong = |why: &str| {
            format!("The program's id {} does not lead to its description: {why}.", client_id.escape_debug())
        };
        let u = url(client_id).map_err(&wrong)?;
        let fetched = tokio::time::timeout(PATIENCE, self.fetch(&u)).await;
        let (body, age) = fetched.map_err(|_| wrong("it took too long"))?.map_err(|why| wrong(&why))?;
        let client = read(client_id, &body, redirect_hosts).map_err(|why| wrong(&why))?;
        if self.known.len() >= MOST {
            let now = Instant::now();
            self.known.retain(|_, k| k.1 > now);
        }
        if self.known.len() < MOST {
            self.known.insert(client_id.to_owned(), (client.clone(), Instant::now() + Duration::from_secs(age)));
        }
        Ok(client)
    }

    async fn fetch(&self, u: &Url<'_>) -> Result<(Vec<u8>, u64), String> {
        let addresses = (self.lookup)(u.host.to_owned(), u.port).await.map_err(|_| "its host has no address")?;
        // One private address among public ones is an attack, not an accident.
        if addresses.is_empty() || !addresses.iter().all(|a| (self.public)(a.ip())) {
            return Err("its host is not on the public internet".into());
        }
        let connector = self.tls.as_ref().ok_or("there is no TLS")?;
        let tcp = TcpStream::connect(&addresses[..]).await.map_err(|_| "its host does not answer")?;
        let name = ServerName::try_from(u.host.to_owned()).map_err(|_| "its host is no name")?;
        let tls = connector.connect(name, tcp).await.map_err(|_| "TLS failed")?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(tls)).await.map_err(|_| "HTTP failed")?;
        let driver = tokio::spawn(connection);
        let request = http::Request::get(u.path)
            .header(header::HOST, if u.port == 443 { u.host.to_owned() } else { format!("{}:{}", u.host, u.port) })
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("mssql-mcp/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<bytes::Bytes>::new())
            .map_err(|e| e.to_string())?;
        let response = sender.send_request(request).await.map_err(|_| "HTTP failed")?;
        if response.status() != StatusCode::OK {
            driver.abort();
            return Err(format!("it answers {}", response.status().as_u16()));
        }
        let age = kept(response.headers());
        let body = Limited::new(response.into_body(), MAX_DOCUMENT).collect().await;
        driver.abort();
        Ok((body.map_err(|_| format!("it is larger than {} kB", MAX_DOCUMENT >> 10))?.to_bytes().to_vec(), age))
    }
}

/// Reads a document.
fn read(client_id: &str, body: &[u8], redirect_hosts: &[String]) -> Result<Client, String> {
    let v: Value = serde_json::from_slice(body).map_err(|_| "it is not JSON")?;
    let text = |k: &str| v.get(k).and_then(Value::as_str);
    if text("client_id") != Some(client_id) {
        return Err("the client_id in it is another".into());
    }
    let name: String = text("client_name").unwrap_or_default().chars().filter(|c| !c.is_control()).take(100).collect();
    if name.is_empty() {
        return Err("client_name is missing".into());
    }
    let uris = v.get("redirect_uris").and_then(Value::as_array).filter(|u| (1..=20).contains(&u.len()));
    let mut redirect_uris = Vec::new();
    for u in uris.ok_or("redirect_uris is missing")? {
        let u = u.as_str().ok_or("redirect_uris must hold strings")?;
        check_redirect(u, redirect_hosts)?;
        redirect_uris.push(u.to_owned());
    }
    if v.get("client_secret").is_some() || !matches!(text("token_endpoint_auth_method"), None | Some("none")) {
        return Err("a client of this kind has no secret: token_endpoint_auth_method must be none".into());
    }
    Ok(Client { name, redirect_uris, auth_method: "none".into(), secret: None, created: 0, used: true })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

    #[test]
    fn ids_are_names_of_documents() {
        assert!(url("https://chatgpt.com/oauth/x/client.json").is_ok());
        for bad in [
            "http://a.example/c.json",
            "https://a.example",
            "https://a.example/",
            "https://u@a.example/c",
            "https://a.example/c#f",
            "https://a.example/../c",
            "https://a.example/./c",
            "https://127.0.0.1/c",
            "https://[::1]/c",
            "https://2130706433/c",
            "https://0x7f.1/c\\",
            "https://a.example:x/c",
            "https://a b/c",
            "https:///c",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    /// An HTTPS server at one address, whose answer is given.
    async fn serve(answer: Vec<u8>, public: fn(IpAddr) -> bool) -> (Documents, u16) {
        let made = rcgen::generate_simple_self_signed(vec!["client.example".to_owned()]).expect("certificate");
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("key");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address");
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, answer) = (acceptor.clone(), answer.clone());
                tokio::spawn(async move {
                    let Ok(mut tls) = acceptor.accept(tcp).await else { return };
                    let mut request = vec![0; 4096];
                    let _ = tls.read(&mut request).await;
                    let _ = tls.write_all(&answer).await;
                    let _ = tls.shutdown().await;
                });
            }
        });
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("root");
        let lookup: Lookup = Arc::new(move |_, _| Box::pin(async move { Ok(vec![address]) }));
        (Documents::with(lookup, public, roots), address.port())
    }

    fn document(id: &str) -> Value {
        json!({ "client_id": id, "client_name": "ChatGPT", "redirect_uris": ["https://chatgpt.com/cb"], "token_endpoint_auth_method": "none" })
    }
    fn ok(body: &str, more: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
            .into_bytes()
    }

    #[tokio::test]
    async fn documents_are_fetched_checked_and_remembered() {
        const ID: &str = "https://client.example/client.json";
        let hosts = ["chatgpt.com".to_owned()];
        let (d, _) = serve(ok(&document(ID).to_string(), ""), |_| true).await;
        let c = d.client(ID, &hosts).await.expect("a client");
        assert_eq!((c.name.as_str(), c.redirect_uris[0].as_str()), ("ChatGPT", "https://chatgpt.com/cb"));
        assert_eq!(d.known.len(), 1);
        let mut other = document(ID);
        other["client_id"] = json!("https://client.example/other.json");
        let mut evil = document(ID);
        evil["redirect_uris"] = json!(["https://evil.com/cb"]);
        let mut secret = document(ID);
        secret["client_secret"] = json!("x");
        for (answer, why) in [
            (ok(&other.to_string(), ""), "another"),
            (ok(&evil.to_string(), ""), "evil.com"),
            (ok(&secret.to_string(), ""), "no secret"),
            (ok("{", ""), "not JSON"),
            (ok(&format!("\"{}\"", "x".repeat(5 << 20)), ""), "larger than"),
            (
                b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n".to_vec(),
                "answers 302",
            ),
            (b"nonsense".to_vec(), "HTTP failed"),
        ] {
            let (d, _) = serve(answer, |_| true).await;
            let e = d.client(ID, &hosts).await.expect_err(why);
            assert!(e.contains(why), "{e}");
            assert_eq!(d.known.len(), 0, "a failure is not remembered");
        }
        // The same server behind a name that resolves to this machine.
        let (d, _) = serve(ok(&document(ID).to_string(), ""), public).await;
        assert!(d.client(ID, &hosts).await.expect_err("private").contains("public internet"));
    }

    #[test]
    fn headers_say_how_long() {
        let age = |v: &str| kept(&HeaderMap::from_iter([(header::CACHE_CONTROL, v.parse().expect("header"))]));
        assert_eq!(
            (age("max-age=600"), age("public, max-age=5"), age("no-store"), age("max-age=999999999")),
            (600, 60, 60, 86_400)
        );
        assert_eq!(kept(&HeaderMap::new()), 300);
    }
}
