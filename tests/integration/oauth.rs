//! Sign-in as a client and a browser meet it: discovery, registration, the pages, tokens,
//! and what attackers try.

mod clients;
mod flow;
mod pages;
mod people;
mod stores;

use std::net::SocketAddr;
use std::sync::Arc;

use mssql_mcp::fetch::Getter;
use mssql_mcp::oauth::people::{User, hash};
use mssql_mcp::principal::SCOPES;
use serde_json::{Value, json};

use crate::support::{Answer, BOTH, JSON, Lab, http};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// RFC 7636, Appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "https://claude.ai/api/mcp/auth_callback";
pub const PASSWORD: &str = "correct horse battery";

/// A name on an HTTPS server of the test's own, which answers every request with this document.
pub async fn documents(document: Value) -> Getter {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let made =
        rcgen::generate_simple_self_signed(vec!["client.example".to_owned()]).expect("certificate");
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("versions")
    .with_no_client_auth()
    .with_single_cert(vec![made.cert.der().clone()], key)
    .expect("key");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    let body = document.to_string();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: \
         close\r\n\r\n{body}",
        body.len()
    );
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            let _ = tls.read(&mut [0; 4096]).await;
            let _ = tls.write_all(answer.as_bytes()).await;
            let _ = tls.shutdown().await;
        }
    });
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("root");
    Getter::with(Arc::new(move |_, _| Box::pin(async move { Ok(vec![address]) })), |_| true, roots)
}

pub async fn lab(more: &[(&'static str, &str)], scopes: &[&str]) -> (Lab, SocketAddr) {
    lab_with(more, scopes, None).await
}

pub async fn lab_with(
    more: &[(&'static str, &str)],
    scopes: &[&str],
    getter: Option<Getter>,
) -> (Lab, SocketAddr) {
    let mut all = vec![
        ("auth.mode", "builtin"),
        ("auth.store", "memory"),
        ("access.level", "read-write"),
        ("access.confirm_writes", "never"),
    ];
    all.extend_from_slice(more);
    let mut lab = Lab::new(&all).await;
    if let Some(g) = getter {
        lab.app.authority = lab.app.authority.map(|a| a.fetching_with(g));
    }
    let scopes = scopes.iter().map(|s| (*s).to_owned()).collect();
    let ada = User::new(hash(PASSWORD).expect("hash"), scopes);
    lab.app.authority.as_ref().expect("sign-in").people().put("ada", &ada).await.expect("written");
    let (address, _stop) = lab.serve().await;
    (lab, address)
}

fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

async fn post(address: SocketAddr, path: &str, pairs: &[(&str, &str)]) -> Answer {
    http(address, "POST", path, &[FORM], encode(pairs).as_bytes()).await
}

async fn get(address: SocketAddr, path: &str) -> Answer {
    http(address, "GET", path, &[], b"").await
}

pub async fn register(address: SocketAddr, callback: &str) -> String {
    let body = json!({ "client_name": "Claude", "redirect_uris": [callback], "token_endpoint_auth_method": "none" });
    let a = http(address, "POST", "/register", &[JSON], body.to_string().as_bytes()).await;
    assert_eq!(a.status, 201, "{a:?}");
    a.json()["client_id"].as_str().expect("an id").to_owned()
}

fn authorization(client: &str, more: &[(&str, &str)]) -> String {
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "st&te"),
        ("scope", "mssql:read"),
    ];
    for (k, v) in more {
        pairs.retain(|(a, _)| a != k);
        if !v.is_empty() {
            pairs.push((k, v));
        }
    }
    encode(&pairs)
}

/// A browser, as far as these pages need one: it keeps cookies and fills in forms.
#[derive(Default)]
pub struct Browser {
    cookies: Vec<(String, String)>,
}

impl Browser {
    pub async fn go(
        &mut self,
        address: SocketAddr,
        method: &str,
        path: &str,
        body: &str,
    ) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![("Cookie", cookies.as_str())];
        if method == "POST" {
            headers.push(FORM);
        }
        let a = http(address, method, path, &headers, body.as_bytes()).await;
        for (_, v) in a.headers.iter().filter(|(k, _)| k.eq_ignore_ascii_case("set-cookie")) {
            let (k, v) = v.split(';').next().and_then(|c| c.split_once('=')).expect("a cookie");
            self.cookies.retain(|(a, _)| a != k);
            self.cookies.push((k.to_owned(), v.to_owned()));
        }
        a
    }

    fn csrf(&self) -> String {
        self.cookies
            .iter()
            .find(|(k, _)| k == "mcp_csrf")
            .map(|(_, v)| v.clone())
            .unwrap_or_default()
    }

    pub async fn submit(
        &mut self,
        address: SocketAddr,
        path: &str,
        pairs: &[(&str, &str)],
    ) -> Answer {
        let csrf = self.csrf();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(pairs);
        self.go(address, "POST", path, &encode(&all)).await
    }

    /// Signs in and decides; the answer sends the browser back to the client.
    async fn decide(&mut self, address: SocketAddr, query: &str, decision: &str) -> Answer {
        let page = self.go(address, "GET", &format!("/authorize?{query}"), "").await;
        assert_eq!(page.status, 200, "{page:?}");
        if page.body.contains("type=\"password\"") {
            let pairs =
                [("do", "login"), ("request", query), ("username", "ada"), ("password", PASSWORD)];
            let a = self.submit(address, "/authorize", &pairs).await;
            assert_eq!(
                (a.status, a.header("location")),
                (303, Some(format!("/authorize?{query}").as_str())),
                "{a:?}"
            );
            let page = self.go(address, "GET", &format!("/authorize?{query}"), "").await;
            assert!(page.body.contains("value=\"approve\""), "{page:?}");
        }
        self.submit(address, "/authorize", &[("do", decision), ("request", query)]).await
    }
}

fn returned(a: &Answer) -> Vec<(String, String)> {
    let to = a.header("location").unwrap_or_else(|| panic!("{a:?}"));
    assert!(to.starts_with(&format!("{CALLBACK}?")), "{to}");
    form_urlencoded::parse(to.split_once('?').expect("a query").1.as_bytes()).into_owned().collect()
}

fn value<'a>(pairs: &'a [(String, String)], key: &str) -> &'a str {
    pairs.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v)
}

async fn code(address: SocketAddr, client: &str, more: &[(&str, &str)]) -> String {
    let back = returned(
        &Browser::default().decide(address, &authorization(client, more), "approve").await,
    );
    assert_eq!(value(&back, "state"), "st&te");
    assert_eq!(value(&back, "iss"), format!("http://{address}"), "RFC 9207");
    value(&back, "code").to_owned()
}

async fn token(address: SocketAddr, client: &str, code: &str, more: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    for (k, v) in more {
        pairs.retain(|(a, _)| a != k);
        if !v.is_empty() {
            pairs.push((k, v));
        }
    }
    post(address, "/token", &pairs).await
}

async fn tokens(address: SocketAddr, scope: &str) -> (String, Value) {
    let client = register(address, CALLBACK).await;
    let code = code(address, &client, &[("scope", scope)]).await;
    let a = token(address, &client, &code, &[]).await;
    assert_eq!((a.status, a.header("cache-control")), (200, Some("no-store")), "{a:?}");
    (client, a.json())
}

async fn call(address: SocketAddr, token: &str, query: &str) -> Answer {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "execute_sql", "arguments": { "query": query },
        "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} } } });
    let bearer = format!("Bearer {token}");
    let mut headers = vec![
        JSON,
        BOTH,
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "execute_sql"),
    ];
    if !token.is_empty() {
        headers.push(("Authorization", &bearer));
    }
    http(address, "POST", "/mcp", &headers, body.to_string().as_bytes()).await
}

/// A Redis of the test's own.
pub struct RealRedis(
    pub String,
    #[expect(dead_code, reason = "it ends with the test")] tokio::process::Child,
);

impl RealRedis {
    pub async fn start() -> Self {
        let port = crate::support::free().port();
        let child = tokio::process::Command::new("redis-server")
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--port",
                &port.to_string(),
            ])
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server is missing: run tests/clients/install.sh (make test does)");
        crate::support::until("Redis listens", async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        Self(format!("redis://127.0.0.1:{port}/0"), child)
    }
}

/// The `Authorization` of a person who signed in.
pub async fn signed_in_token(address: SocketAddr, name: &str, password: &str) -> String {
    signed_in_token_below(address, "", name, password).await
}

/// Likewise, by the endpoints below a mount, as clients of 2025-03-26 use them:
/// without naming a resource.
pub async fn signed_in_token_below(
    address: SocketAddr,
    mount: &str,
    name: &str,
    password: &str,
) -> String {
    let body = json!({ "client_name": "Claude", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
    let a =
        http(address, "POST", &format!("{mount}/register"), &[JSON], body.to_string().as_bytes())
            .await;
    let client = a.json()["client_id"].as_str().expect("an id").to_owned();
    let mut b = Browser::default();
    let query = authorization(&client, &[]);
    let page = b.go(address, "GET", &format!("{mount}/authorize?{query}"), "").await;
    let request =
        page.body.split("name=\"request\" value=\"").nth(1).and_then(|r| r.split('"').next());
    let request = request.expect("the request").replace("&amp;", "&");
    let login = [
        ("do", "login"),
        ("request", request.as_str()),
        ("username", name),
        ("password", password),
    ];
    assert_eq!(b.submit(address, "/authorize", &login).await.status, 303);
    let back = returned(
        &b.submit(address, "/authorize", &[("do", "approve"), ("request", &request)]).await,
    );
    let form = [
        ("grant_type", "authorization_code"),
        ("code", value(&back, "code")),
        ("client_id", &client),
        ("code_verifier", VERIFIER),
    ];
    let a = post(address, &format!("{mount}/token"), &form).await;
    format!("Bearer {}", a.json()["access_token"].as_str().expect("a token"))
}

/// A person's tokens, in the hands of a client that keeps them fresh.
pub struct Signed {
    address: SocketAddr,
    client: String,
    tokens: Value,
}

impl Signed {
    pub async fn new(address: SocketAddr, name: &str, password: &str) -> Self {
        let client = register(address, CALLBACK).await;
        let (query, mut b) = (authorization(&client, &[]), Browser::default());
        b.go(address, "GET", &format!("/authorize?{query}"), "").await;
        let login = [
            ("do", "login"),
            ("request", query.as_str()),
            ("username", name),
            ("password", password),
        ];
        assert_eq!(b.submit(address, "/authorize", &login).await.status, 303);
        let back = returned(
            &b.submit(address, "/authorize", &[("do", "approve"), ("request", &query)]).await,
        );
        let tokens = token(address, &client, value(&back, "code"), &[]).await.json();
        Self { address, client, tokens }
    }

    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.tokens["access_token"].as_str().expect("a token"))
    }

    async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let all = [pairs, &[("client_id", self.client.as_str())]].concat();
        let a = post(self.address, path, &all).await;
        assert_eq!(a.status, 200, "{a:?}");
        a
    }

    pub async fn refresh(&mut self) {
        let refresh = self.tokens["refresh_token"].as_str().expect("a token").to_owned();
        self.tokens = self
            .post("/token", &[("grant_type", "refresh_token"), ("refresh_token", &refresh)])
            .await
            .json();
    }

    pub async fn revoke(&self) {
        self.post("/revoke", &[("token", self.tokens["refresh_token"].as_str().expect("a token"))])
            .await;
    }
}
