//! Sign-in as a client and a browser meet it: discovery, registration, the pages, tokens,
//! and what attackers try.

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

#[tokio::test(flavor = "multi_thread")]
async fn a_client_finds_its_way_from_a_401_to_rows() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let a = call(address, "", "SELECT 1 AS a").await;
    assert_eq!(a.status, 401);
    let challenge = a.header("www-authenticate").expect("a challenge").to_owned();
    let url = format!("http://{address}/.well-known/oauth-protected-resource/mcp");
    assert_eq!(
        challenge,
        format!("Bearer scope=\"mssql:read\", resource_metadata=\"{url}\""),
        "no error without a token"
    );
    let m = get(address, "/.well-known/oauth-protected-resource/mcp").await.json();
    assert_eq!(
        (&m["resource"], &m["authorization_servers"][0]),
        (&json!(format!("http://{address}/mcp")), &json!(format!("http://{address}")))
    );
    assert_eq!(
        get(address, "/.well-known/oauth-protected-resource").await.json()["resource"],
        format!("http://{address}")
    );
    assert_eq!(get(address, "/.well-known/oauth-protected-resource/nowhere").await.status, 404);
    let s = get(address, "/.well-known/oauth-authorization-server").await.json();
    assert_eq!(s["issuer"], format!("http://{address}"));
    assert_eq!(
        (&s["code_challenge_methods_supported"], &s["scopes_supported"]),
        (&json!(["S256"]), &json!(["mssql:read", "mssql:write"]))
    );
    // Under another name of this machine it speaks of itself by that name.
    let local = format!("localhost:{}", address.port());
    let m =
        http(address, "GET", "/.well-known/oauth-protected-resource/mcp", &[("Host", &local)], b"")
            .await
            .json();
    assert_eq!(m["resource"], format!("http://{local}/mcp"));

    let (_, t) = tokens(address, "mssql:read mssql:write offline_access").await;
    assert_eq!(
        (&t["token_type"], &t["expires_in"], &t["scope"]),
        (&json!("Bearer"), &json!(3600), &json!("mssql:read mssql:write"))
    );
    let a = call(address, t["access_token"].as_str().expect("a token"), "SELECT 1 AS a").await;
    assert_eq!(a.json()["result"]["structuredContent"]["results"][0]["rows"], json!([[1]]));
    assert_eq!(get(address, "/health").await.json()["oauth"], "enabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_is_a_403_that_names_all_that_is_needed() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let (_, t) = tokens(address, "mssql:read").await;
    let read = t["access_token"].as_str().expect("a token");
    let update = "UPDATE dbo.Employees SET Name = Name";
    let a = call(address, read, update).await;
    assert_eq!(a.status, 403, "{a:?}");
    let challenge = a.header("www-authenticate").expect("a challenge");
    assert!(
        challenge.contains("error=\"insufficient_scope\"")
            && challenge.contains("scope=\"mssql:read mssql:write\""),
        "{challenge}"
    );
    // Step-up: the same person grants more, and the same call goes through.
    let (_, t) = tokens(address, "mssql:read mssql:write").await;
    let a = call(address, t["access_token"].as_str().expect("a token"), update).await;
    assert_eq!(a.json()["result"]["structuredContent"]["committed"], true, "{a:?}");
    // Never more than the person has.
    let (_lab, address) = lab(&[], &["mssql:read"]).await;
    assert_eq!(tokens(address, "mssql:read mssql:write").await.1["scope"], "mssql:read");
    let client = register(address, CALLBACK).await;
    let mut b = Browser::default();
    b.decide(address, &authorization(&client, &[]), "deny").await;
    let page = b
        .go(
            address,
            "GET",
            &format!("/authorize?{}", authorization(&client, &[("scope", "mssql:write")])),
            "",
        )
        .await;
    assert_eq!(page.status, 403, "nothing that could be granted: {page:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_are_not_good_are_refused() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let (_, t) = tokens(address, "mssql:read").await;
    let good = t["access_token"].as_str().expect("a token").to_owned();
    let refresh = t["refresh_token"].as_str().expect("a token");
    let mut tampered = good.clone();
    tampered.pop();
    tampered.push(if good.ends_with('A') { 'B' } else { 'A' });
    // {"alg":"none"} {"sub":"ada"}
    for bad in
        [tampered.as_str(), "x", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.", refresh, "mcp_guess"]
    {
        let a = call(address, bad, "SELECT 1 AS a").await;
        assert_eq!(a.status, 401, "{bad}");
        assert!(
            a.header("www-authenticate").is_some_and(|c| c.contains("error=\"invalid_token\"")),
            "{a:?}"
        );
    }
    // Only in the header.
    let a = http(address, "POST", &format!("/mcp?access_token={good}"), &[JSON, BOTH], b"{}").await;
    assert_eq!(a.status, 401);
    let a =
        http(address, "POST", "/mcp", &[JSON, BOTH, ("Authorization", "Basic YTpi")], b"{}").await;
    assert_eq!(a.status, 400, "{a:?}");
    // Every method is asked.
    for method in ["GET", "DELETE"] {
        assert_eq!(http(address, method, "/mcp", &[BOTH], b"").await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authorization_requests_are_checked_before_anything_is_sent() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let client = register(address, CALLBACK).await;
    // The client or its redirect is not sure: a page, and no redirect.
    for more in [
        &[("client_id", "dcr_nobody")][..],
        &[("client_id", "")],
        &[("redirect_uri", "https://claude.ai/other")],
        &[("redirect_uri", "https://CLAUDE.ai/api/mcp/auth_callback")],
        &[("redirect_uri", "https://claude.ai:443/api/mcp/auth_callback")],
        &[("redirect_uri", "https://claude.ai.evil.com/api/mcp/auth_callback")],
        &[("redirect_uri", "https://claude.ai@evil.com/api/mcp/auth_callback")],
        &[("redirect_uri", "https://claude.ai/api/mcp/auth_callback#x")],
        &[("redirect_uri", "https://claude.ai/api/mcp/auth_callback\r\nSet-Cookie: a=b")],
    ] {
        let a = get(address, &format!("/authorize?{}", authorization(&client, more))).await;
        assert_eq!((a.status, a.header("location")), (400, None), "{more:?}");
        assert!(a.header("set-cookie").is_none_or(|c| c.starts_with("mcp_")), "{a:?}");
    }
    // They are sure: the client is told, with its state and our issuer.
    for (more, error, mentions) in [
        (
            &[("response_type", ""), ("code_challenge", "")][..],
            "invalid_request",
            "response_type and code_challenge",
        ),
        (&[("response_type", "token")], "unsupported_response_type", "code"),
        (&[("code_challenge_method", "plain")], "invalid_request", "S256"),
        (&[("code_challenge_method", "")], "invalid_request", "S256"),
        (&[("code_challenge", "short")], "invalid_request", "code_challenge"),
        (&[("resource", "https://evil.com/mcp")], "invalid_target", "resource"),
    ] {
        let a = get(address, &format!("/authorize?{}", authorization(&client, more))).await;
        assert_eq!(a.status, 302, "{more:?}: {a:?}");
        let back = returned(&a);
        assert_eq!((value(&back, "error"), value(&back, "state")), (error, "st&te"), "{more:?}");
        assert!(value(&back, "error_description").contains(mentions), "{back:?}");
        assert_eq!(value(&back, "iss"), format!("http://{address}"));
    }
    // A slash at the end, and no resource at all, are ours.
    for resource in [
        "",
        &format!("http://{address}/"),
        &format!("http://{address}/mcp"),
        &format!("HTTP://{address}/mcp"),
    ] {
        let a = get(
            address,
            &format!("/authorize?{}", authorization(&client, &[("resource", resource)])),
        )
        .await;
        assert_eq!(a.status, 200, "{resource}: {a:?}");
    }
    let twice = format!("{}&client_id=x", authorization(&client, &[]));
    assert_eq!(get(address, &format!("/authorize?{twice}")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_and_refresh_tokens_are_good_once() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let client = register(address, CALLBACK).await;
    let error = |a: &Answer| a.json()["error"].as_str().unwrap_or_default().to_owned();
    for more in [
        &[("code_verifier", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong")][..],
        &[("redirect_uri", "https://claude.ai/other")],
        &[("code", "mac_guess")],
    ] {
        let c = code(address, &client, &[]).await;
        let a = token(address, &client, &c, more).await;
        assert_eq!((a.status, error(&a).as_str()), (400, "invalid_grant"), "{more:?}");
    }
    let c = code(address, &client, &[]).await;
    for (more, status, e) in [
        (&[("client_id", "dcr_nobody")][..], 401, "invalid_client"),
        (&[("client_id", "")], 401, "invalid_client"),
        (&[("grant_type", "password")], 400, "unsupported_grant_type"),
        (&[("grant_type", "")], 400, "invalid_request"),
        (&[("code_verifier", "")], 400, "invalid_request"),
        (&[("resource", "https://evil.com")], 400, "invalid_target"),
    ] {
        let a = token(address, &client, &c, more).await;
        assert_eq!((a.status, error(&a).as_str()), (status, e), "{more:?}");
    }
    let a = http(address, "POST", "/token", &[JSON], b"{}").await;
    assert!(a.status == 400 && a.body.contains("form-encoded"), "{a:?}");
    // None of those mistakes spent it.
    let first = token(address, &client, &c, &[]).await.json();
    let access = first["access_token"].as_str().expect("a token");
    assert_eq!(call(address, access, "SELECT 1 AS a").await.status, 200);
    let a = token(address, &client, &c, &[]).await;
    assert_eq!((a.status, error(&a).as_str()), (400, "invalid_grant"), "a replay");
    assert_eq!(
        call(address, access, "SELECT 1 AS a").await.status,
        401,
        "and what the code gave is revoked"
    );

    let (client, t) = tokens(address, "mssql:read").await;
    let refresh = t["refresh_token"].as_str().expect("a token").to_owned();
    let ask = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("client_id", client.as_str()),
    ];
    let (a, b) = tokio::join!(post(address, "/token", &ask), post(address, "/token", &ask));
    assert_eq!((a.status, b.status), (200, 200), "two refreshes at once both succeed");
    let access = a.json()["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(call(address, &access, "SELECT 1 AS a").await.status, 200);
    // RFC 7009.
    let next = a.json()["refresh_token"].as_str().expect("a token").to_owned();
    let revoke = post(address, "/revoke", &[("token", &next), ("client_id", &client)]).await;
    assert_eq!(revoke.status, 200);
    assert_eq!(
        call(address, &access, "SELECT 1 AS a").await.status,
        401,
        "at once, on the replica that revoked"
    );
    let a = post(
        address,
        "/token",
        &[("grant_type", "refresh_token"), ("refresh_token", &next), ("client_id", &client)],
    )
    .await;
    assert_eq!((a.status, error(&a).as_str()), (400, "invalid_grant"));
    assert_eq!(
        post(address, "/revoke", &[("token", "mrt_unknown"), ("client_id", &client)]).await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn confidential_clients_prove_themselves_in_both_ways() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let a = http(address, "POST", "/register", &[JSON], br#"{"client_name":"test"}"#).await;
    assert_eq!((a.status, a.json()["error"].as_str()), (400, Some("invalid_redirect_uri")));
    assert!(a.json()["error_description"].as_str().is_some_and(|d| d.contains("redirect_uris")));
    let body = json!({ "client_name": "test", "redirect_uris": [CALLBACK] }).to_string();
    let a = http(address, "POST", "/register", &[JSON], body.as_bytes()).await;
    assert_eq!(a.status, 201);
    let (id, secret) = (a.json()["client_id"].clone(), a.json()["client_secret"].clone());
    let (id, secret) = (id.as_str().expect("id"), secret.as_str().expect("secret"));
    let c = code(address, id, &[]).await;
    assert_eq!(token(address, id, &c, &[]).await.status, 401, "no secret");
    assert_eq!(token(address, id, &c, &[("client_secret", "mcs_wrong")]).await.status, 401);
    assert_eq!(token(address, id, &c, &[("client_secret", secret)]).await.status, 200);
    let c = code(address, id, &[]).await;
    use base64::Engine as _;
    let basic = format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"))
    );
    let form =
        encode(&[("grant_type", "authorization_code"), ("code", &c), ("code_verifier", VERIFIER)]);
    let a =
        http(address, "POST", "/token", &[FORM, ("Authorization", &basic)], form.as_bytes()).await;
    assert_eq!(a.status, 200, "{a:?}");
    // Bodies that are no registration.
    for (body, status) in [
        ("[]".to_owned(), 400),
        ("{".into(), 400),
        (format!("{{\"client_name\":\"{}\"}}", "x".repeat(100_000)), 413),
    ] {
        assert_eq!(
            http(address, "POST", "/register", &[JSON], body.as_bytes()).await.status,
            status
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_are_hard_to_abuse() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let client = register(address, CALLBACK).await;
    let query = authorization(&client, &[]);
    let mut b = Browser::default();
    let page = b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("default-src 'none'")
            && policy.contains("frame-ancestors 'none'")
            && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(
        (page.header("x-frame-options"), page.header("cache-control")),
        (Some("DENY"), Some("no-store"))
    );
    assert!(!page.body.contains("<script") && !page.body.contains("src="));
    let cookie = page.header("set-cookie").expect("a cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    // A wrong password: the form again, the name kept, the password not.
    let login = |password| {
        [("do", "login"), ("request", query.as_str()), ("username", "ada"), ("password", password)]
    };
    let a = b.submit(address, "/authorize", &login("zebra \"><script>")).await;
    assert!(
        a.status == 401 && a.body.contains("value=\"ada\"") && !a.body.contains("zebra"),
        "{a:?}"
    );
    // Without the cookie's value, or with another one, nothing is done.
    for csrf in ["", "cf_0123456789012345678901234567890123456789012"] {
        let mut all = vec![("csrf", csrf)];
        all.extend(login(PASSWORD));
        let a = b.go(address, "POST", "/authorize", &encode(&all)).await;
        assert_eq!((a.status, a.header("location")), (403, None), "{csrf}");
    }
    // Deciding without being signed in leads to the sign-in page.
    let a = b.submit(address, "/authorize", &[("do", "approve"), ("request", &query)]).await;
    assert_eq!(a.header("location"), Some(format!("/authorize?{query}").as_str()));
    // What a form carries is checked again.
    let evil = authorization(&client, &[("redirect_uri", "https://evil.com/")]);
    let a = b.submit(address, "/authorize", &[("do", "approve"), ("request", &evil)]).await;
    assert_eq!((a.status, a.header("location")), (400, None));
    // A no goes to the client as a no.
    let back = returned(&b.decide(address, &query, "deny").await);
    assert_eq!((value(&back, "error"), value(&back, "code")), ("access_denied", ""));
    // Consent shows who asks and where the answer goes, and its form may lead
    // there and nowhere else.
    let page = b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    assert!(
        page.body.contains("Claude")
            && page.body.contains("claude.ai")
            && page.body.contains("Read data"),
        "{page:?}"
    );
    assert!(
        page.header("content-security-policy")
            .is_some_and(|p| p.contains("form-action 'self' https://claude.ai;")),
        "{page:?}"
    );
    let local = register(address, "http://localhost:7777/callback").await;
    let q = authorization(&local, &[("redirect_uri", "http://localhost:4242/callback")]);
    let page = b.go(address, "GET", &format!("/authorize?{q}"), "").await;
    assert!(
        page.body.contains("class=\"warn\"") && page.status == 200,
        "any port on loopback, with a warning: {page:?}"
    );
}

/// The value of a form's hidden field, as a browser would send it back.
fn field(page: &Answer, name: &str) -> String {
    let after = page
        .body
        .split(&format!("name=\"{name}\" value=\""))
        .nth(1)
        .and_then(|r| r.split('"').next());
    after.unwrap_or_else(|| panic!("no {name}: {page:?}")).replace("&amp;", "&")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_and_revokes_what_they_granted() {
    let (_lab, address) = lab(&[("database.label", "trading book")], &SCOPES).await;
    let client = register(address, CALLBACK).await;
    let mut b = Browser::default();
    let back = returned(&b.decide(address, &authorization(&client, &[]), "approve").await);
    let t = token(address, &client, value(&back, "code"), &[]).await.json();
    let access = t["access_token"].as_str().expect("a token");
    let page = b.go(address, "GET", "/apps", "").await;
    assert!(page.body.contains(">not yet<"), "{page:?}");
    assert_eq!(call(address, access, "SELECT 1 AS a").await.status, 200);
    // Another of the same name, at another host: each has its own row, and one can
    // tell which is which.
    let local = register(address, "http://localhost:7777/callback").await;
    let query = authorization(&local, &[("redirect_uri", "http://localhost:7777/callback")]);
    let to =
        b.decide(address, &query, "approve").await.header("location").expect("back").to_owned();
    let code =
        to.split("code=").nth(1).and_then(|r| r.split('&').next()).expect("a code").to_owned();
    let a =
        token(address, &local, &code, &[("redirect_uri", "http://localhost:7777/callback")]).await;
    assert_eq!(a.status, 200, "{a:?}");
    let page = b.go(address, "GET", "/apps", "").await;
    let rows: Vec<&str> = page.body.split("<tr>").skip(2).collect();
    assert_eq!(rows.len(), 2, "{page:?}");
    let today = day_of(&page);
    let grant_at = |page: &Answer, host: &str| {
        let row = page
            .body
            .split("<tr>")
            .find(|r| r.contains(&format!(">{host}<")))
            .unwrap_or_else(|| panic!("{page:?}"));
        field(&Answer { status: 200, headers: Vec::new(), body: row.to_owned() }, "grant")
    };
    for (host, used) in [("claude.ai", true), ("localhost", false)] {
        let row = rows.iter().find(|r| r.contains(host)).expect("its row");
        for part in ["<strong>Claude</strong>", host, "trading book", "Read data", "Revoke", &today]
        {
            assert!(row.contains(part), "{part}: {row}");
        }
        assert_eq!(
            row.matches("<time").count(),
            1 + usize::from(used),
            "since, and last use where there was one: {row}"
        );
    }
    let grant = grant_at(&page, "claude.ai");
    // A question first; it changes nothing, and neither does a no.
    let asked = b.submit(address, "/apps", &[("do", "ask"), ("grant", &grant)]).await;
    assert!(
        asked.status == 200
            && asked.body.contains("Revoke Claude?")
            && asked.body.contains("trading book"),
        "{asked:?}"
    );
    assert_eq!(field(&asked, "grant"), grant);
    let kept = b.submit(address, "/apps", &[("do", "keep"), ("grant", &grant)]).await;
    assert_eq!((kept.status, kept.header("location")), (303, Some("/apps")));
    // Somebody else cannot.
    let a =
        Browser::default().submit(address, "/apps", &[("do", "revoke"), ("grant", &grant)]).await;
    assert_eq!(a.status, 403);
    assert_eq!(call(address, access, "SELECT 1 AS a").await.status, 200);
    let a = b.submit(address, "/apps", &[("do", "revoke"), ("grant", &grant)]).await;
    assert_eq!(a.status, 303);
    assert_eq!(call(address, access, "SELECT 1 AS a").await.status, 401);
    // A word after, once.
    let page = b.go(address, "GET", a.header("location").expect("a page"), "").await;
    assert!(page.body.contains("role=\"status\"") && page.body.contains("Revoked."), "{page:?}");
    assert!(
        !page.body.contains("claude.ai") && page.body.contains("localhost"),
        "the other is still there: {page:?}"
    );
    assert!(!b.go(address, "GET", "/apps", "").await.body.contains("role=\"status\""));
    b.submit(address, "/apps", &[("do", "revoke"), ("grant", &grant_at(&page, "localhost"))]).await;
    assert!(b.go(address, "GET", "/apps", "").await.body.contains("None."));
    b.submit(address, "/apps", &[("do", "logout")]).await;
    assert!(b.go(address, "GET", "/apps", "").await.body.contains("type=\"password\""));
}

/// The day of the first time on a page, as its machine-readable form has it: what people see
/// must say the same.
fn day_of(page: &Answer) -> String {
    let at = page
        .body
        .split("<time datetime=\"")
        .nth(1)
        .and_then(|r| r.split('"').next())
        .expect("a time");
    let (year, rest) = at.split_once('-').expect("a year");
    let (month, day) = rest.split_once('T').and_then(|(d, _)| d.split_once('-')).expect("a day");
    let month =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            [month.parse::<usize>().expect("a month") - 1];
    format!("{} {month} {year}, ", day.parse::<u32>().expect("a day"))
}

/// Whoever signs in is told for which server, database and client, and where to type; whoever
/// agrees, for which database, and may do so as somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_say_what_it_is_about() {
    let file = std::env::temp_dir().join(format!("mssql-mcp-labels-{}.toml", std::process::id()));
    let text = "[[mount]]\npath = \"/demo\"\n[mount.database]\nlabel = \"practice\"\nca_file = \
                \"SANDBOX_CA\"\n[mount.access]\nlevel = \"full\"\n";
    std::fs::write(&file, text).expect("file");
    let more =
        [("auth.mode", "builtin"), ("auth.store", "memory"), ("database.label", "trading book")];
    let lab = Lab::with_file(&file, &more).await;
    let people = lab.app.authority.as_ref().expect("sign-in").people().clone();
    let user = |scopes: &[&str]| {
        User::new(hash(PASSWORD).expect("hash"), scopes.iter().map(|s| (*s).to_owned()).collect())
    };
    people.put("ada", &user(&SCOPES)).await.expect("written");
    people.put("bob", &user(&["mssql:read"])).await.expect("written");
    let (address, _stop) = lab.serve().await;
    let client = register(address, CALLBACK).await;
    for (mount, label) in [("", "trading book"), ("/demo", "practice")] {
        let resource = format!("http://{address}{mount}/mcp");
        let query = authorization(&client, &[("resource", &resource)]);
        let mut b = Browser::default();
        let page = b.go(address, "GET", &format!("/authorize?{query}"), "").await;
        let parts = [
            "<strong>Claude</strong>",
            &format!("<strong>{label}</strong>"),
            &format!("<strong>{address}</strong>"),
        ];
        for part in parts {
            assert!(page.body.contains(part), "{part}: {page:?}");
        }
        assert!(
            page.body.contains("id=\"name\"")
                && page.body.split("id=\"password\"").all(|p| p.matches("autofocus").count() <= 1)
        );
        let focus = |page: &Answer| {
            let input = page
                .body
                .split("<input")
                .find(|i| i.contains(" autofocus"))
                .expect("a focus")
                .to_owned();
            (
                input.contains("id=\"name\""),
                input.contains("aria-invalid=\"true\" aria-describedby=\"problem\""),
            )
        };
        assert_eq!(focus(&page), (true, false));
        let login = |name, password| {
            [
                ("do", "login"),
                ("request", query.as_str()),
                ("username", name),
                ("password", password),
            ]
        };
        // The name stays, and the password is typed again; without a name it is the name's turn.
        // What it is about stays on the page.
        for (name, at_name) in [("ada", false), ("", true), ("a b", true)] {
            let again = b.submit(address, "/authorize", &login(name, "not the password")).await;
            assert_eq!((again.status, focus(&again)), (401, (at_name, true)), "{name}: {again:?}");
            assert!(
                parts.iter().all(|p| again.body.contains(p))
                    && again.body.contains("id=\"problem\""),
                "{again:?}"
            );
        }
        assert_eq!(b.submit(address, "/authorize", &login("ada", PASSWORD)).await.status, 303);
        let page = b.go(address, "GET", &format!("/authorize?{query}"), "").await;
        assert!(page.body.contains(&format!("<dt>Database</dt><dd>{label}</dd>")), "{page:?}");
        let shown = page
            .body
            .split("<dl>")
            .nth(1)
            .and_then(|r| r.split("</dl>").next())
            .expect("a list")
            .to_owned();
        assert!(
            !shown.contains("http://") && shown.contains(&format!("<dd>{address}</dd>")),
            "{shown}"
        );
        // As somebody else, for the same request.
        let a = b.submit(address, "/authorize", &[("do", "switch"), ("request", &query)]).await;
        assert_eq!(
            (a.status, a.header("location")),
            (303, Some(format!("/authorize?{query}").as_str()))
        );
        assert!(
            b.go(address, "GET", &format!("/authorize?{query}"), "")
                .await
                .body
                .contains("type=\"password\"")
        );
    }
    // Whoever has none of what is asked for is told whom to ask, and may be somebody else, too.
    let resource = format!("http://{address}/demo/mcp");
    let query = authorization(&client, &[("resource", &resource), ("scope", "mssql:schema")]);
    let mut b = Browser::default();
    b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    let login =
        [("do", "login"), ("request", query.as_str()), ("username", "bob"), ("password", PASSWORD)];
    b.submit(address, "/authorize", &login).await;
    let page = b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    assert!(
        page.status == 403
            && page.body.contains("user scopes bob mssql:schema")
            && page.body.contains("value=\"switch\""),
        "{page:?}"
    );
    let a = b.submit(address, "/authorize", &[("do", "switch"), ("request", &query)]).await;
    assert_eq!(a.header("location"), Some(format!("/authorize?{query}").as_str()));
    // The other ways to the form.
    let page = Browser::default().go(address, "GET", "/apps", "").await;
    assert!(page.body.contains(&format!("<strong>{address}</strong>")), "{page:?}");
    let page = Browser::default().go(address, "GET", "/demo/object?id=table:dbo.Notes", "").await;
    assert!(page.body.contains("<strong>practice</strong>"), "{page:?}");
    std::fs::remove_file(file).expect("clean");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_belongs_to_its_principal() {
    let (lab, address) = lab(&[], &SCOPES).await;
    let (_, ada) = tokens(address, "mssql:read").await;
    let bob = User::new(hash(PASSWORD).expect("hash"), SCOPES.map(str::to_owned).to_vec());
    let authority = lab.app.authority.as_ref().expect("sign-in");
    authority.people().put("bob", &bob).await.expect("written");
    let client = register(address, CALLBACK).await;
    let query = authorization(&client, &[]);
    let mut b = Browser::default();
    b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    b.submit(
        address,
        "/authorize",
        &[("do", "login"), ("request", &query), ("username", "bob"), ("password", PASSWORD)],
    )
    .await;
    let back =
        returned(&b.submit(address, "/authorize", &[("do", "approve"), ("request", &query)]).await);
    let bobs = token(address, &client, value(&back, "code"), &[]).await.json();
    let bearer = |t: &Value| format!("Bearer {}", t["access_token"].as_str().expect("a token"));
    let (ada, bob) = (bearer(&ada), bearer(&bobs));
    let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    let a = http(
        address,
        "POST",
        "/mcp",
        &[JSON, BOTH, ("Authorization", &ada)],
        body.to_string().as_bytes(),
    )
    .await;
    let session = a.header("mcp-session-id").expect("a session").to_owned();
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (who, status) in [(&ada, 200), (&bob, 404)] {
        let a = http(
            address,
            "POST",
            "/mcp",
            &[JSON, BOTH, ("Authorization", who), ("Mcp-Session-Id", &session)],
            ping,
        )
        .await;
        assert_eq!(a.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_tokens_are_managed_beside_a_running_server() {
    let file = std::env::temp_dir().join(format!("mssql-mcp-people-{}.db", std::process::id()));
    let store = format!("sqlite:{}", file.display());
    let (_lab, address) = lab(&[("auth.store", store.as_str())], &SCOPES).await;
    let run = async |args: &[&str], input: &str| {
        let mut c = crate::support::command(args);
        c.args(["--auth-store", &store]);
        let mut child = c.spawn().expect("spawn");
        use tokio::io::AsyncWriteExt as _;
        child.stdin.take().expect("stdin").write_all(input.as_bytes()).await.expect("write");
        let out = child.wait_with_output().await.expect("output");
        (
            out.status.code(),
            String::from_utf8_lossy(&out.stdout).into_owned(),
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    };
    let (status, out, err) = run(
        &["user", "add", "bob", "--scopes", "mssql:read", "--password-stdin"],
        "a long enough one\n",
    )
    .await;
    assert_eq!((status, out.trim()), (Some(0), "bob: active, mssql:read"), "{err}");
    assert_eq!(
        run(&["user", "add", "bob", "--password-stdin"], "a long enough one\n").await.0,
        Some(2)
    );
    assert!(
        run(&["user", "add", "eve", "--password-stdin"], "short\n")
            .await
            .2
            .contains("at least 12 characters")
    );
    assert!(run(&["user", "list"], "").await.1.contains("bob\tactive\tmssql:read"));
    let client = register(address, CALLBACK).await;
    let query = authorization(&client, &[]);
    let mut b = Browser::default();
    b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    b.submit(
        address,
        "/authorize",
        &[
            ("do", "login"),
            ("request", &query),
            ("username", "bob"),
            ("password", "a long enough one"),
        ],
    )
    .await;
    let back =
        returned(&b.submit(address, "/authorize", &[("do", "approve"), ("request", &query)]).await);
    let t = token(address, &client, value(&back, "code"), &[]).await.json();
    let access = t["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(call(address, &access, "SELECT 1 AS a").await.status, 200);
    assert_eq!(run(&["user", "disable", "bob"], "").await.0, Some(0));
    crate::support::until("the token has ended", async || {
        call(address, &access, "SELECT 1 AS a").await.status == 401
    })
    .await;

    let (_, machine, _) = run(&["token", "create", "etl", "--days", "1"], "").await;
    let machine = machine.trim().to_owned();
    assert!(machine.starts_with("mcp_"));
    assert_eq!(call(address, &machine, "SELECT 1 AS a").await.status, 200);
    assert_eq!(call(address, &machine, "DELETE dbo.Employees").await.status, 403);
    let (_, list, _) = run(&["token", "list"], "").await;
    assert!(list.contains("etl\tmssql:read") && !list.contains(&machine[4..]), "{list}");
    assert_eq!(run(&["token", "revoke", "etl"], "").await.0, Some(0));
    crate::support::until("it is revoked", async || {
        call(address, &machine, "SELECT 1 AS a").await.status == 401
    })
    .await;
    assert_eq!(run(&["token", "revoke", "etl"], "").await.0, Some(2));
    let (_, export, _) = run(&["store", "export"], "").await;
    assert!(
        export.lines().count() > 3
            && export.contains("\"kind\":\"user\"")
            && !export.contains(&access),
        "{export}"
    );
    assert_eq!(run(&["store", "prune"], "").await.0, Some(0));
    // What is on disk opens nothing.
    let bytes = std::fs::read(&file).expect("the store");
    for secret in [machine.as_str(), access.as_str(), "a long enough one"] {
        assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()));
    }
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
}

/// A command in a folder, with this home and more in its environment: status, stdout, stderr.
async fn at_home(
    home: &std::path::Path,
    folder: &std::path::Path,
    args: &[&str],
    env: &[(&str, &str)],
    input: &str,
) -> (Option<i32>, String, String) {
    use tokio::io::AsyncWriteExt as _;
    let mut c = crate::support::command(args);
    c.current_dir(folder)
        .env("HOME", home)
        .env_remove("XDG_DATA_HOME")
        .env_remove("LOG_LEVEL")
        .envs(env.iter().copied());
    let mut child = c.spawn().expect("spawn");
    child.stdin.take().expect("stdin").write_all(input.as_bytes()).await.expect("write");
    let out = child.wait_with_output().await.expect("output");
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

/// Everything below a folder.
fn files(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path());
    entries.flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] }).collect()
}

/// The store is where it is, wherever a command is started; nobody makes one by looking, and who
/// makes one says so.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_in_one_place_and_no_command_makes_one_in_silence() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = std::env::temp_dir().join(format!("mssql-mcp-home-{}", std::process::id()));
    let (here, there) = (home.join("here"), home.join("there"));
    [&here, &there].iter().for_each(|d| std::fs::create_dir_all(d).expect("dir"));
    let file = home.join(".local/share/mssql-mcp/mssql-mcp.db");
    let path = file.to_str().expect("path");
    let looks: [&[&str]; 10] = [
        &["user", "list"],
        &["user", "passwd", "ada", "--password-stdin"],
        &["user", "disable", "ada"],
        &["user", "enable", "ada"],
        &["user", "scopes", "ada", "mssql:read"],
        &["user", "remove", "ada"],
        &["token", "list"],
        &["token", "revoke", "etl"],
        &["store", "export"],
        &["store", "prune"],
    ];
    for args in looks {
        let (status, out, err) = at_home(&home, &here, args, &[], "a long enough one\n").await;
        assert!(
            status == Some(2) && out.is_empty() && err.contains(&format!("no store at {path}")),
            "{args:?}: {out}{err}"
        );
    }
    let add = ["user", "add", "ada", "--password-stdin"];
    let (status, _, err) = at_home(&home, &here, &add, &[], "short\n").await;
    assert!(status == Some(2) && err.contains("at least 12"), "{err}");
    assert_eq!(files(&home), Vec::<std::path::PathBuf>::new(), "none of them made anything");
    let (status, out, err) = at_home(&home, &here, &add, &[], "a long enough one\n").await;
    assert_eq!((status, out.trim()), (Some(0), "ada: active, mssql:read"), "{err}");
    assert!(err.contains(&format!("made a new store at {path}")), "{err}");
    let mode =
        |p: &std::path::Path| std::fs::metadata(p).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().expect("folder"))), (0o600, 0o700));
    // From another folder, with a talkative server's environment: the same store, and
    // nothing but the answer.
    let loud =
        [("LOG_LEVEL", "trace"), ("TrustServerCertificate", "yes"), ("MSSQL_HOST", "127.0.0.1")];
    for (args, answer) in [
        (&["user", "list"][..], "ada\tactive\tmssql:read\n"),
        (
            &["user", "scopes", "ada", "mssql:write", "mssql:read"],
            "ada: active, mssql:read,mssql:write\n",
        ),
        (
            &["user", "scopes", "ada", "--scopes", "mssql:schema,mssql:read"],
            "ada: active, mssql:read,mssql:schema\n",
        ),
        (&["user", "disable", "ada"], "ada: disabled, mssql:read,mssql:schema\n"),
        (&["user", "enable", "ada"], "ada: active, mssql:read,mssql:schema\n"),
        (&["token", "list"], ""),
        (&["store", "prune"], ""),
        (&["user", "remove", "ada"], "ada: removed\n"),
        (&["user", "list"], ""),
    ] {
        let got = at_home(&home, &there, args, &loud, "").await;
        assert_eq!(got, (Some(0), answer.to_owned(), String::new()), "{args:?}");
    }
    for (args, why) in [
        (&["user", "remove", "ada"][..], "there is no ada"),
        (&["user", "scopes", "ada", "mssql:read"], "there is no ada"),
        (&["user", "scopes", "ada", "read"], "mssql:read"),
        (&["user", "scopes", "ada"], "SCOPE"),
    ] {
        let (status, _, err) = at_home(&home, &there, args, &[], "").await;
        assert!(status == Some(2) && err.contains(why), "{args:?}: {err}");
    }
    // Where the person's system keeps data elsewhere; a relative path is none
    // (XDG Base Directory Specification).
    let elsewhere = home.join("data");
    for (xdg, at) in [
        (elsewhere.to_str().expect("path"), elsewhere.join("mssql-mcp/mssql-mcp.db")),
        ("data", file.clone()),
    ] {
        let (_, out, _) = at_home(&home, &there, &["config"], &[("XDG_DATA_HOME", xdg)], "").await;
        assert!(out.contains(&format!("{:?}", format!("sqlite:{}", at.display()))), "{out}");
    }
    // A store that an earlier version left in the folder is named, and not used unasked.
    std::fs::rename(&file, here.join("mssql-mcp.db")).expect("moved");
    let (status, _, err) = at_home(&home, &here, &["user", "list"], &[], "").await;
    assert!(
        status == Some(2) && err.contains(here.join("mssql-mcp.db").to_str().expect("path")),
        "{err}"
    );
    // A server that begins with nobody says so.
    let port = crate::support::free();
    let mut c = crate::support::command(&[
        "serve",
        "--auth-mode",
        "builtin",
        "--listen",
        &port.to_string(),
    ]);
    c.current_dir(&there)
        .env("HOME", &home)
        .env("MSSQL_HOST", "127.0.0.1")
        .env("MSSQL_USER", "u")
        .env("MSSQL_PASSWORD", "p");
    let mut child = c.spawn().expect("spawn");
    crate::support::until("it listens", async || {
        tokio::net::TcpStream::connect(port).await.is_ok()
    })
    .await;
    child.start_kill().expect("killed");
    let said = String::from_utf8_lossy(&child.wait_with_output().await.expect("output").stderr)
        .into_owned();
    assert!(said.contains(&format!("made a new store at {path}")), "{said}");
    std::fs::remove_dir_all(home).expect("clean");
}

/// Who is removed leaves nothing: whoever gets the name later inherits neither tokens nor a browser
/// that is signed in.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_inherits_what_a_removed_person_granted() {
    let file = std::env::temp_dir().join(format!("mssql-mcp-removed-{}.db", std::process::id()));
    let store = format!("sqlite:{}", file.display());
    let (_lab, address) = lab(&[("auth.store", store.as_str())], &SCOPES).await;
    let home = std::env::temp_dir();
    let run = async |args: &[&str]| {
        let all = [args, &["--auth-store", store.as_str()]].concat();
        let (status, _, err) = at_home(&home, &home, &all, &[], &format!("{PASSWORD}\n")).await;
        assert_eq!(status, Some(0), "{args:?}: {err}");
    };
    let (_, t) = tokens(address, "mssql:read mssql:write").await;
    let access = t["access_token"].as_str().expect("a token");
    let update = "UPDATE dbo.Employees SET Name = Name";
    assert_eq!(call(address, access, update).await.status, 200);
    // With fewer rights than before, all that was given ends; and stays so when they come back.
    run(&["user", "scopes", "ada", "mssql:read"]).await;
    crate::support::until("the token has ended", async || {
        call(address, access, update).await.status == 401
    })
    .await;
    run(&["user", "scopes", "ada", "mssql:read,mssql:write"]).await;
    let (client, t) = tokens(address, "mssql:read mssql:write").await;
    let access = t["access_token"].as_str().expect("a token");
    assert_eq!(call(address, access, update).await.status, 200);
    // Another password likewise, with the browser that was signed in.
    let mut b = Browser::default();
    b.decide(address, &authorization(&client, &[]), "deny").await;
    assert!(b.go(address, "GET", "/apps", "").await.body.contains("Sign out"));
    run(&["user", "passwd", "ada", "--password-stdin"]).await;
    crate::support::until("the token has ended", async || {
        call(address, access, update).await.status == 401
    })
    .await;
    assert!(b.go(address, "GET", "/apps", "").await.body.contains("type=\"password\""));
    let (client, t) = tokens(address, "mssql:read mssql:write").await;
    let access = t["access_token"].as_str().expect("a token");
    // A browser that is signed in, and a code that nobody has exchanged yet.
    let query = authorization(&client, &[]);
    let mut b = Browser::default();
    let back = returned(&b.decide(address, &query, "approve").await);
    assert!(b.go(address, "GET", "/apps", "").await.body.contains("Claude"));
    run(&["user", "remove", "ada"]).await;
    crate::support::until("the token has ended", async || {
        call(address, access, "SELECT 1 AS a").await.status == 401
    })
    .await;
    run(&["user", "add", "ada", "--password-stdin"]).await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert_eq!(
        call(address, access, "SELECT 1 AS a").await.status,
        401,
        "another person of that name"
    );
    let refresh = t["refresh_token"].as_str().expect("a token");
    let ask = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("client_id", client.as_str()),
    ];
    assert_eq!(post(address, "/token", &ask).await.status, 400);
    assert_eq!(token(address, &client, value(&back, "code"), &[]).await.status, 400);
    assert!(b.go(address, "GET", "/apps", "").await.body.contains("type=\"password\""));
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
}

/// At a terminal a password that is too short is refused at once, and not after it was typed again.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_password_is_refused_at_the_first_typing() {
    const AT_A_TERMINAL: &str = r#"
import os, pty, sys
pid, tty = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b""
try:
    while b"Password: " not in seen:
        seen += os.read(tty, 1000)
    os.write(tty, b"short\n")
    while b"Again" not in seen:
        seen += os.read(tty, 1000)
except OSError:
    pass
else:
    os.write(tty, b"short\n")
    while True:
        try:
            seen += os.read(tty, 1000)
        except OSError:
            break
sys.stdout.write(seen.decode() + "\nstatus %d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;
    let dir = std::env::temp_dir().join(format!("mssql-mcp-terminal-{}", std::process::id()));
    let store = format!("sqlite:{}", dir.join("store.db").display());
    let mut c = tokio::process::Command::new("python3");
    c.args(["-c", AT_A_TERMINAL]).arg(crate::support::binary()).args([
        "user",
        "add",
        "ada",
        "--auth-store",
        &store,
    ]);
    let out = tokio::time::timeout(crate::support::PATIENCE, c.output())
        .await
        .expect("in time")
        .expect("python3");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        text.contains("at least 12 characters")
            && text.ends_with("status 2")
            && !text.contains("Again"),
        "{text}"
    );
    assert!(!dir.exists(), "and nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_have_to_wait() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let client = register(address, CALLBACK).await;
    let query = authorization(&client, &[]);
    let mut b = Browser::default();
    b.go(address, "GET", &format!("/authorize?{query}"), "").await;
    let mut last = 0;
    for _ in 0..8 {
        let pairs = [
            ("do", "login"),
            ("request", query.as_str()),
            ("username", "ada"),
            ("password", "guess guess guess"),
        ];
        last = b.submit(address, "/authorize", &pairs).await.status;
    }
    assert_eq!(last, 429);
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

#[tokio::test(flavor = "multi_thread")]
async fn redis_behaves_like_the_other_stores() {
    use mssql_mcp::oauth::store::{FOREVER, Kind, Records, now};
    let redis = RealRedis::start().await;
    let r = Records::open(&redis.0).expect("open");
    assert_eq!(r.get::<u32>(Kind::Code, "a").await, Ok(None));
    assert_eq!(r.insert(Kind::Code, "a", &1, FOREVER).await, Ok(true));
    assert_eq!(r.insert(Kind::Code, "a", &2, FOREVER).await, Ok(false));
    let (v, was) = r.get::<u32>(Kind::Code, "a").await.expect("read").expect("there");
    assert_eq!(v, 1);
    assert_eq!(r.replace(Kind::Code, "a", &was, &3, now() + 60).await, Ok(true));
    assert_eq!(r.replace(Kind::Code, "a", &was, &4, FOREVER).await, Ok(false));
    assert_eq!(r.replace(Kind::Code, "b", &was, &4, FOREVER).await, Ok(false));
    r.put(Kind::Refresh, "a", &9, FOREVER).await.expect("written");
    assert_eq!(r.list::<u32>(Kind::Code).await, Ok(vec![("a".to_owned(), 3)]));
    r.put(Kind::Code, "gone", &5, now() - 1).await.expect("written");
    assert_eq!(r.get::<u32>(Kind::Code, "gone").await, Ok(None));
    // A hundred take the same code; one gets it.
    let (v, was) = r.get::<u32>(Kind::Code, "a").await.expect("read").expect("there");
    let takers = (0..100).map(|_| {
        let (r, was) = (r.clone(), was.clone());
        tokio::spawn(async move {
            r.replace(Kind::Code, "a", &was, &(v + 1), FOREVER).await == Ok(true)
        })
    });
    let mut won = 0;
    for t in takers.collect::<Vec<_>>() {
        won += u32::from(t.await.expect("task"));
    }
    assert_eq!(won, 1);
    assert_eq!(r.remove(Kind::Code, "a").await, Ok(true));
    assert_eq!(r.remove(Kind::Code, "a").await, Ok(false));
    drop(redis);
    assert!(
        r.get::<u32>(Kind::Refresh, "a").await.is_err(),
        "an unreachable store is an error, never an empty one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_on_one_redis_share_tokens_and_revocations() {
    let redis = RealRedis::start().await;
    let more = [("auth.store", redis.0.as_str()), ("http.public_url", "http://127.0.0.1:8008")];
    let (_one, first) = lab(&more, &SCOPES).await;
    let (_two, second) = lab(&more, &SCOPES).await;
    let client = register(first, CALLBACK).await;
    let query = authorization(&client, &[]);
    // Sign-in on one replica, the rest of the flow on the other.
    let mut b = Browser::default();
    let back = returned(&b.decide(first, &query, "approve").await);
    assert_eq!(value(&back, "iss"), "http://127.0.0.1:8008");
    let t = token(second, &client, value(&back, "code"), &[]).await.json();
    let access = t["access_token"].as_str().expect("a token");
    for replica in [first, second] {
        assert_eq!(call(replica, access, "SELECT 1 AS a").await.status, 200);
    }
    let revoked = std::time::Instant::now();
    let form =
        [("token", t["refresh_token"].as_str().expect("a token")), ("client_id", client.as_str())];
    assert_eq!(post(first, "/revoke", &form).await.status, 200);
    crate::support::until("the other replica knows", async || {
        call(second, access, "SELECT 1 AS a").await.status == 401
    })
    .await;
    assert!(revoked.elapsed() < std::time::Duration::from_secs(5), "{:?}", revoked.elapsed());
    // A code that was used on one is spent on the other.
    assert_eq!(token(first, &client, value(&back, "code"), &[]).await.status, 400);
    // Guesses on one are counted on the other: five of a name from one place.
    let mut b = Browser::default();
    b.go(first, "GET", "/apps", "").await;
    let guess = [
        ("do", "login"),
        ("request", ""),
        ("username", "nobody"),
        ("password", "guess guess guess"),
    ];
    let mut statuses = Vec::new();
    for replica in [first, second, first, second, first, second, first] {
        statuses.push(b.submit(replica, "/apps", &guess).await.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
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

/// kill -9 at any point loses nothing that was answered.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_a_kill() {
    let file = std::env::temp_dir().join(format!("mssql-mcp-kill-{}.db", std::process::id()));
    let store = format!("sqlite:{}", file.display());
    let port = crate::support::free();
    let mut known: Vec<String> = Vec::new();
    for round in 0..5u64 {
        let mut c = crate::support::command(&[
            "serve",
            "--listen",
            &port.to_string(),
            "--auth-mode",
            "builtin",
            "--auth-store",
            &store,
            "--auth-registrations",
            "1000000",
            "--auth-max-clients",
            "1000000",
        ]);
        c.env("MSSQL_HOST", "127.0.0.1").env("MSSQL_USER", "u").env("MSSQL_PASSWORD", "p");
        let mut child = c.spawn().expect("spawn");
        crate::support::until("it listens", async || {
            tokio::net::TcpStream::connect(port).await.is_ok()
        })
        .await;
        for id in &known {
            let q = authorization(id, &[]);
            assert_eq!(
                get(port, &format!("/authorize?{q}")).await.status,
                200,
                "round {round}: {id} is lost"
            );
        }
        // Registrations are answered while the process is killed in their midst.
        let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
        let load = tokio::spawn(async move {
            for n in 0..10_000 {
                let body = json!({ "client_name": format!("{round}-{n}"), "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
                let text = body.to_string();
                let request = format!(
                    "POST /register HTTP/1.1\r\nHost: {port}\r\nContent-Type: \
                     application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}",
                    text.len()
                );
                let Ok(mut tcp) = tokio::net::TcpStream::connect(port).await else { return };
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                let mut answer = String::new();
                if tcp.write_all(request.as_bytes()).await.is_err()
                    || tcp.read_to_string(&mut answer).await.is_err()
                {
                    return;
                }
                // An answer that broke off was no answer.
                let Some(v) = answer
                    .split("\r\n\r\n")
                    .nth(1)
                    .and_then(|b| serde_json::from_str::<Value>(b).ok())
                else {
                    return;
                };
                let _ = tx.send(v["client_id"].as_str().unwrap_or_default().to_owned());
            }
        });
        tokio::time::sleep(std::time::Duration::from_millis(120 + 37 * round)).await;
        child.kill().await.expect("SIGKILL");
        load.await.expect("load");
        while let Ok(id) = rx.try_recv() {
            known.push(id);
        }
    }
    assert!(known.len() > 5, "{}", known.len());
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
}

/// What connectors.md says of Claude's sign-in, quirks included.
#[tokio::test(flavor = "multi_thread")]
async fn claude_signs_in() {
    let (_lab, address) = lab(&[], &SCOPES).await;
    let origin = format!("http://{address}");
    // 401, then the document of the very URL that was typed, then the first authorization server.
    let challenge = call(address, "", "SELECT 1 AS a").await;
    let url = format!("{origin}/.well-known/oauth-protected-resource/mcp");
    assert!(challenge.header("www-authenticate").is_some_and(|c| c.contains(&url)));
    let m = get(address, "/.well-known/oauth-protected-resource/mcp").await.json();
    assert_eq!(
        (m["resource"].as_str(), m["authorization_servers"][0].as_str()),
        (Some(&*format!("{origin}/mcp")), Some(&*origin))
    );
    let s = get(address, "/.well-known/oauth-authorization-server").await.json();
    let methods = s["token_endpoint_auth_methods_supported"].as_array().expect("methods");
    assert!(
        s["client_id_metadata_document_supported"] == true && methods.contains(&json!("none")),
        "or it takes DCR in silence"
    );
    // Registered twice for one connection, with a secret by post, and the second is the
    // one that is used.
    for callback in
        ["https://claude.ai/api/mcp/auth_callback", "https://claude.com/api/mcp/auth_callback"]
    {
        let body = json!({ "client_name": "Claude", "redirect_uris": [callback], "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"], "token_endpoint_auth_method": "client_secret_post", "scope": "claudeai" });
        let mut registered = Value::Null;
        for _ in 0..2 {
            let a = http(address, "POST", "/register", &[JSON], body.to_string().as_bytes()).await;
            assert_eq!(a.status, 201, "{a:?}");
            registered = a.json();
        }
        let (id, secret) = (
            registered["client_id"].as_str().expect("id"),
            registered["client_secret"].as_str().expect("secret"),
        );
        // A scope of its own, offline_access appended, no resource in the token request.
        let more = [
            ("redirect_uri", callback),
            ("scope", "claudeai mssql:read offline_access"),
            ("resource", &*format!("{origin}/mcp")),
        ];
        let a = Browser::default().decide(address, &authorization(id, &more), "approve").await;
        let to = a.header("location").expect("back").to_owned();
        assert!(to.starts_with(callback), "{to}");
        let back: Vec<(String, String)> =
            form_urlencoded::parse(to.split_once('?').expect("query").1.as_bytes())
                .into_owned()
                .collect();
        let t = token(
            address,
            id,
            value(&back, "code"),
            &[("redirect_uri", callback), ("client_secret", secret)],
        )
        .await;
        assert_eq!((t.status, t.json()["scope"].as_str()), (200, Some("mssql:read")), "{t:?}");
        let t = t.json();
        assert_eq!(
            call(address, t["access_token"].as_str().expect("token"), "SELECT 1 AS a").await.status,
            200
        );
        // Refreshed before it expires, twice at once; both are good.
        let ask = [
            ("grant_type", "refresh_token"),
            ("refresh_token", t["refresh_token"].as_str().expect("token")),
            ("client_id", id),
            ("client_secret", secret),
        ];
        let (a, b) = tokio::join!(post(address, "/token", &ask), post(address, "/token", &ask));
        for a in [a, b] {
            assert_eq!(
                call(address, a.json()["access_token"].as_str().expect("token"), "SELECT 1 AS a")
                    .await
                    .status,
                200
            );
        }
    }
    // Claude Code: loopback, any port; and a dead refresh token, a deleted client.
    let local = register(address, "http://localhost:1/callback").await;
    let q = authorization(&local, &[("redirect_uri", "http://localhost:53682/callback")]);
    assert_eq!(get(address, &format!("/authorize?{q}")).await.status, 200);
    let a = post(
        address,
        "/token",
        &[("grant_type", "refresh_token"), ("refresh_token", "mrt_dead"), ("client_id", &local)],
    )
    .await;
    assert_eq!((a.status, a.json()["error"].as_str()), (400, Some("invalid_grant")));
    let a = post(
        address,
        "/token",
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", "mrt_dead"),
            ("client_id", "dcr_gone"),
        ],
    )
    .await;
    assert_eq!((a.status, a.json()["error"].as_str()), (401, Some("invalid_client")));
}

/// The body that VS Code registers with (its `fetchDynamicRegistration`, where a server's grant
/// types are not yet known).
fn vscode() -> Value {
    json!({ "client_name": "Visual Studio Code", "client_uri": "https://code.visualstudio.com",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"],
        "redirect_uris": ["https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect", "http://127.0.0.1/", "http://127.0.0.1:33418/"],
        "scope": "mssql:read", "token_endpoint_auth_method": "none", "application_type": "native" })
}

/// Likewise Cursor: its scheme, the page for its cloud agents, and the loopback
/// that current builds use.
fn cursor() -> Value {
    json!({ "client_name": "Cursor",
        "redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback", "https://www.cursor.com/agents/mcp/oauth/callback", "http://localhost:8787/callback"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "token_endpoint_auth_method": "none" })
}

async fn register_as(address: SocketAddr, body: &Value) -> Answer {
    http(address, "POST", "/register", &[JSON], body.to_string().as_bytes()).await
}

/// Signs in and agrees; the answer goes to this redirect URI, and its code gives
/// a token that calls.
async fn signs_in_at(address: SocketAddr, client: &str, redirect: &str) {
    let a = Browser::default()
        .decide(address, &authorization(client, &[("redirect_uri", redirect)]), "approve")
        .await;
    let to = a.header("location").unwrap_or_else(|| panic!("{redirect}: {a:?}")).to_owned();
    let (at, query) = to.split_once('?').expect("a query");
    assert_eq!(at, redirect);
    let back: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let t = token(address, client, value(&back, "code"), &[("redirect_uri", redirect)]).await;
    assert_eq!(t.status, 200, "{redirect}: {t:?}");
    let a = call(address, t.json()["access_token"].as_str().expect("token"), "SELECT 1 AS a").await;
    assert_eq!(a.status, 200, "{redirect}: {a:?}");
}

/// RFC 7591 §3.2.1: of several redirect URIs those that are allowed are registered, and
/// the answer says which.
#[tokio::test(flavor = "multi_thread")]
async fn desktop_programs_register_with_what_they_send() {
    const CLOUD: &str = "https://www.cursor.com/agents/mcp/oauth/callback";
    let (_lab, address) = lab(&[], &SCOPES).await;
    let a = register_as(address, &vscode()).await;
    assert_eq!(a.status, 201, "{a:?}");
    assert_eq!(a.json()["redirect_uris"], json!(["http://127.0.0.1/", "http://127.0.0.1:33418/"]));
    let id = a.json()["client_id"].as_str().expect("id").to_owned();
    // Its usual port, another where that is taken, and the form without a slash.
    for redirect in ["http://127.0.0.1:33418/", "http://127.0.0.1:59656/", "http://127.0.0.1:33418"]
    {
        signs_in_at(address, &id, redirect).await;
    }
    // What was left out is refused with the reason, and nothing is sent there.
    let q = authorization(&id, &[("redirect_uri", "https://vscode.dev/redirect")]);
    let a = get(address, &format!("/authorize?{q}")).await;
    assert_eq!((a.status, a.header("location")), (400, None));
    assert!(a.body.contains("vscode.dev") && a.body.contains("auth.redirect_hosts"), "{a:?}");

    let a = register_as(address, &cursor()).await;
    assert_eq!(
        (a.status, &a.json()["redirect_uris"]),
        (201, &json!(["http://localhost:8787/callback"])),
        "{a:?}"
    );
    signs_in_at(
        address,
        a.json()["client_id"].as_str().expect("id"),
        "http://localhost:8787/callback",
    )
    .await;
    // None that is allowed is the error, and it names each.
    let mut only = cursor();
    only["redirect_uris"] =
        json!(["cursor://anysphere.cursor-retrieval/oauth/user-mssql/callback", CLOUD]);
    let a = register_as(address, &only).await;
    assert_eq!((a.status, a.json()["error"].as_str()), (400, Some("invalid_redirect_uri")));
    for part in
        ["cursor-retrieval", "auth.redirect_schemes", "www.cursor.com", "auth.redirect_hosts"]
    {
        assert!(a.body.contains(part), "{part}: {a:?}");
    }

    // The operator allows the rest.
    let more = [
        ("auth.redirect_hosts", "vscode.dev,insiders.vscode.dev,www.cursor.com"),
        ("auth.redirect_schemes", "cursor,com.example.app"),
    ];
    let (_lab, address) = lab(&more, &SCOPES).await;
    for (body, used) in [
        (vscode(), "https://vscode.dev/redirect"),
        (cursor(), "cursor://anysphere.cursor-mcp/oauth/callback"),
    ] {
        let a = register_as(address, &body).await;
        assert_eq!((a.status, &a.json()["redirect_uris"]), (201, &body["redirect_uris"]), "{a:?}");
        signs_in_at(address, a.json()["client_id"].as_str().expect("id"), used).await;
    }
    let mut own = cursor();
    own["redirect_uris"] = json!(["com.example.app:/callback", "vscode://vscode.mcp/callback"]);
    let a = register_as(address, &own).await;
    assert_eq!(a.json()["redirect_uris"], json!(["com.example.app:/callback"]), "{a:?}");
    let id = a.json()["client_id"].as_str().expect("id").to_owned();
    signs_in_at(address, &id, "com.example.app:/callback").await;
    // The form may lead to the program, and the person is told that any program there could be it.
    let q = authorization(&id, &[("redirect_uri", "com.example.app:/callback")]);
    let mut b = Browser::default();
    b.decide(address, &q, "deny").await;
    let page = b.go(address, "GET", &format!("/authorize?{q}"), "").await;
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("form-action 'self' com.example.app:;")
            && page.body.contains("class=\"warn\""),
        "{page:?}"
    );
}

/// The same of a metadata document: VS Code's own, which it prefers to registering.
#[tokio::test(flavor = "multi_thread")]
async fn a_metadata_document_keeps_the_redirect_uris_that_are_allowed() {
    const ID: &str = "https://client.example/oauth/client-metadata.json";
    let document = json!({ "client_name": "Visual Studio Code", "client_id": ID, "client_uri": "https://vscode.dev/product",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"], "token_endpoint_auth_method": "none", "application_type": "native",
        "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"] });
    let (_lab, address) = lab_with(&[], &SCOPES, Some(documents(document.clone()).await)).await;
    for redirect in ["http://127.0.0.1:33418/", "http://127.0.0.1:50123/"] {
        signs_in_at(address, ID, redirect).await;
    }
    let q = authorization(ID, &[("redirect_uri", "https://vscode.dev/redirect")]);
    let a = get(address, &format!("/authorize?{q}")).await;
    assert!(a.status == 400 && a.body.contains("auth.redirect_hosts"), "{a:?}");
    let mut none = document;
    none["redirect_uris"] = json!(["https://vscode.dev/redirect"]);
    let (_lab, address) = lab_with(&[], &SCOPES, Some(documents(none).await)).await;
    let a = get(address, &format!("/authorize?{q}")).await;
    assert!(a.status == 400 && a.body.contains("does not lead to its description"), "{a:?}");
}

/// What the operator takes back is taken back from those that are registered, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_no_longer_allowed_gets_no_code() {
    let file = std::env::temp_dir().join(format!("mssql-mcp-hosts-{}.db", std::process::id()));
    let store = format!("sqlite:{}", file.display());
    let (_lab, before) =
        lab(&[("auth.store", store.as_str()), ("auth.redirect_schemes", "cursor")], &SCOPES).await;
    let claude = register(before, CALLBACK).await;
    let own = "cursor://anysphere.cursor-mcp/oauth/callback";
    let cursor = register(before, own).await;
    let more = [("auth.store", store.as_str()), ("auth.redirect_hosts", "chatgpt.com")];
    let (_lab, after) = lab(&more, &SCOPES).await;
    for (client, uri, why) in
        [(&claude, CALLBACK, "auth.redirect_hosts"), (&cursor, own, "auth.redirect_schemes")]
    {
        for named in [uri, ""] {
            let path = format!("/authorize?{}", authorization(client, &[("redirect_uri", named)]));
            assert_eq!(get(before, &path).await.status, 200);
            let a = get(after, &path).await;
            assert!(
                a.status == 400 && a.header("location").is_none() && a.body.contains(why),
                "{uri}: {a:?}"
            );
        }
    }
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", file.display()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_redirect_host_or_scheme_is_said_at_the_start() {
    let args = [
        "serve",
        "--auth-redirect-hosts",
        "https://vscode.dev/redirect,*.cursor.com",
        "--auth-redirect-schemes",
        "javascript,cursor://",
    ];
    let out = crate::support::command(&args).output().await.expect("run");
    let text = String::from_utf8_lossy(&out.stderr);
    for part in [
        "\"https://vscode.dev/redirect\" is no host",
        "\"*.cursor.com\"",
        "\"javascript\" is no private scheme",
        "\"cursor://\"",
    ] {
        assert!(out.status.code() == Some(2) && text.contains(part), "{part}: {text}");
    }
}

/// Likewise of ChatGPT's: its metadata document, `resource` that becomes the audience, its three
/// redirects, the domain proof.
#[tokio::test(flavor = "multi_thread")]
async fn chatgpt_signs_in() {
    const ID: &str = "https://client.example/oauth/abc/client.json";
    const REDIRECTS: [&str; 3] = [
        "https://chatgpt.com/connector/oauth/abc",
        "https://chatgpt.com/connector_platform_oauth_redirect",
        "https://chatgpt.com/backend-api/aip/connectors/links/oauth/callback",
    ];
    let document = json!({ "client_id": ID, "client_name": "ChatGPT", "redirect_uris": REDIRECTS, "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"] });
    let more = [("http.openai_challenge", "proof-123"), ("http.prefixes", "/,/other")];
    let (_lab, address) = lab_with(&more, &SCOPES, Some(documents(document).await)).await;
    let origin = format!("http://{address}");
    let s = get(address, "/.well-known/oauth-authorization-server").await.json();
    assert_eq!(
        (
            &s["code_challenge_methods_supported"],
            &s["authorization_response_iss_parameter_supported"]
        ),
        (&json!(["S256"]), &json!(true))
    );
    let a = get(address, "/.well-known/openai-apps-challenge").await;
    assert_eq!((a.status, a.body.as_str()), (200, "proof-123"));
    for redirect in REDIRECTS {
        let q = authorization(
            ID,
            &[
                ("redirect_uri", redirect),
                ("scope", "mssql:read offline_access"),
                ("resource", &*format!("{origin}/mcp")),
            ],
        );
        let page = Browser::default().go(address, "GET", &format!("/authorize?{q}"), "").await;
        assert_eq!(page.status, 200, "{page:?}");
        let mut b = Browser::default();
        let a = b.decide(address, &q, "approve").await;
        let to = a.header("location").expect("back").to_owned();
        assert!(to.starts_with(redirect), "{to}");
        let back: Vec<(String, String)> =
            form_urlencoded::parse(to.split_once('?').expect("query").1.as_bytes())
                .into_owned()
                .collect();
        assert_eq!(value(&back, "iss"), origin);
        // The resource is sent again, and ends up as the audience; another mount's is
        // refused and spends nothing.
        let other = format!("{origin}/other/mcp");
        let wrong = token(
            address,
            ID,
            value(&back, "code"),
            &[("redirect_uri", redirect), ("resource", &other)],
        )
        .await;
        assert_eq!((wrong.status, wrong.json()["error"].as_str()), (400, Some("invalid_target")));
        let t = token(
            address,
            ID,
            value(&back, "code"),
            &[("redirect_uri", redirect), ("resource", &format!("{origin}/mcp"))],
        )
        .await;
        assert_eq!(t.status, 200, "{t:?}");
        let t = t.json();
        let bearer = format!("Bearer {}", t["access_token"].as_str().expect("token"));
        // It asks server/discover first; and what is for one mount opens no other.
        for (path, status) in [("/mcp", 200), ("/other/mcp", 401)] {
            let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": { "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} } } });
            let headers = [
                JSON,
                BOTH,
                ("MCP-Protocol-Version", "2026-07-28"),
                ("Mcp-Method", "server/discover"),
                ("Authorization", &bearer),
            ];
            let a = http(address, "POST", path, &headers, body.to_string().as_bytes()).await;
            assert_eq!(a.status, status, "{path}: {a:?}");
        }
    }
    // The consent page names the document's host.
    let q = authorization(ID, &[("redirect_uri", REDIRECTS[0])]);
    let mut b = Browser::default();
    b.decide(address, &q, "deny").await;
    let page = b.go(address, "GET", &format!("/authorize?{q}"), "").await;
    assert!(
        page.body.contains("ChatGPT")
            && page.body.contains(ID)
            && page.body.contains("chatgpt.com"),
        "{page:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_configuration_signs_in() {
    let dir = std::env::temp_dir().join(format!("mssql-mcp-clients-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("dir");
    let (file, secret) = (dir.join("c.toml"), "s".repeat(40));
    std::fs::write(
        &file,
        format!(
            "[[client]]\nid = \"reports\"\nname = \"Reports\"\nredirect_uris = \
                 [\"https://reports.example/cb\"]\nsecret = \"{secret}\"\n"
        ),
    )
    .expect("file");
    let more =
        [("auth.mode", "builtin"), ("auth.store", "memory"), ("access.confirm_writes", "never")];
    let lab = Lab::with_file(&file, &more).await;
    let ada = User::new(hash(PASSWORD).expect("hash"), SCOPES.map(str::to_owned).to_vec());
    lab.app.authority.as_ref().expect("sign-in").people().put("ada", &ada).await.expect("written");
    let (address, _stop) = lab.serve().await;
    let redirect = ("redirect_uri", "https://reports.example/cb");
    let a =
        Browser::default().decide(address, &authorization("reports", &[redirect]), "approve").await;
    let to = a.header("location").expect("back").to_owned();
    let back: Vec<(String, String)> =
        form_urlencoded::parse(to.split_once('?').expect("query").1.as_bytes())
            .into_owned()
            .collect();
    assert_eq!(
        token(address, "reports", value(&back, "code"), &[redirect]).await.status,
        401,
        "its secret is asked for"
    );
    let a =
        token(address, "reports", value(&back, "code"), &[redirect, ("client_secret", &secret)])
            .await;
    assert_eq!(a.status, 200, "{a:?}");
    // What is wrong with a list is said at the start.
    std::fs::write(
        &file,
        "[[client]]\nid = \"x\"\nname = \"X\"\nredirect_uris = \
        [\"http://intranet/cb\"]\nsecret = \"short\"\n[[mount]]\npath = \
        \"/mcp\"\n[mount.http]\nsse = false\n",
    )
    .expect("file");
    let out = crate::support::command(&["serve", "--config", file.to_str().expect("path")])
        .output()
        .await
        .expect("run");
    let text = String::from_utf8_lossy(&out.stderr);
    for part in [
        "http:// is for loopback",
        "shorter than 32",
        "http.sse is for the whole server",
        "cannot be the path of a mount",
    ] {
        assert!(out.status.code() == Some(2) && text.contains(part), "{part}: {text}");
    }
    std::fs::remove_dir_all(dir).expect("clean");
}
