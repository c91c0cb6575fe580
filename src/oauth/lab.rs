//! The authorization server with a browser and a program before it, without HTTP between: for the
//! tests of each endpoint.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::answer::Answer;
use super::people::{User, hash};
use super::server::{Authority, Request};
use super::store::{Memory, RecordKind, Records, Store, StoreError, StoreFuture as Stored};
use crate::audit::Audit;
use crate::config::settings::{access, auth, http as http_settings};
use crate::config::{Config, Inputs};
use crate::principal::SCOPES;
use crate::route::{Endpoint, Place};

pub(super) const ORIGIN: &str = "https://mcp.example.com";
pub(super) const PASSWORD: &str = "correct horse battery staple";
pub(super) const CALLBACK: &str = "https://claude.ai/api/mcp/auth_callback";
/// RFC 7636, Appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A server with the person `ada`, who may read and write, and what one browser keeps of it.
pub(super) struct Lab {
    pub(super) authority: Authority,
    pub(super) cookies: BTreeMap<String, String>,
    store: Arc<Watched>,
}

/// What is known of the store.
#[derive(Debug, Default)]
pub(super) struct Watched {
    down: AtomicBool,
    /// How often it was swept.
    pub(super) sweeps: AtomicU64,
    /// Until when the last record of a kind is good, in seconds since 1970.
    pub(super) until: Mutex<HashMap<RecordKind, u64>>,
}

/// An answer, read.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

/// A store that can be out of order.
#[derive(Debug)]
struct Fragile(Memory, Arc<Watched>);

impl Fragile {
    fn or<'a, T: Send + 'a>(&'a self, whole: Stored<'a, T>) -> Stored<'a, T> {
        match self.1.down.load(Ordering::Relaxed) {
            true => Box::pin(std::future::ready(Err(StoreError("out of order".into())))),
            false => whole,
        }
    }
}

impl Store for Fragile {
    fn get<'a>(&'a self, kind: RecordKind, key: &'a str) -> Stored<'a, Option<Vec<u8>>> {
        self.or(self.0.get(kind, key))
    }

    fn put<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        value: Vec<u8>,
        until: u64,
    ) -> Stored<'a, ()> {
        self.1.until.lock().expect("no panic").insert(kind, until);
        self.or(self.0.put(kind, key, value, until))
    }

    fn insert<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        value: Vec<u8>,
        until: u64,
    ) -> Stored<'a, bool> {
        self.or(self.0.insert(kind, key, value, until))
    }

    fn replace<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        was: &'a [u8],
        value: Vec<u8>,
        until: u64,
    ) -> Stored<'a, bool> {
        self.or(self.0.replace(kind, key, was, value, until))
    }

    fn remove<'a>(&'a self, kind: RecordKind, key: &'a str) -> Stored<'a, bool> {
        self.or(self.0.remove(kind, key))
    }

    fn list(&self, kind: RecordKind) -> Stored<'_, Vec<(String, Vec<u8>)>> {
        self.or(self.0.list(kind))
    }

    fn sweep(&self) -> Stored<'_, ()> {
        self.1.sweeps.fetch_add(1, Ordering::Relaxed);
        self.or(self.0.sweep())
    }
}

impl Lab {
    pub(super) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With settings beside a public URL and the mounts `/` and `/demo`.
    pub(super) async fn with(settings: &[(&'static str, &str)]) -> Self {
        let mut fixed = vec![
            http_settings::PUBLIC_URL.fixed(ORIGIN),
            http_settings::PREFIXES.fixed("/,/demo"),
            auth::MODE.fixed("builtin"),
            access::LEVEL.fixed("read-write"),
        ];
        fixed.extend(settings.iter().map(|(k, v)| (*k, (*v).to_owned())));
        let config = Config::load(&Inputs { fixed, ..Inputs::default() }).expect("valid");
        let store = Arc::<Watched>::default();
        let records = Records::new(Fragile(Memory::default(), store.clone()));
        let authority = Authority::new(&config, records, Audit::default());
        let lab = Self { authority, cookies: BTreeMap::new(), store };
        let user = User::new(
            hash(PASSWORD).expect("hash"),
            SCOPES[..2].iter().map(|s| (*s).to_owned()).collect(),
        );
        lab.authority.people().put("ada", &user).await.expect("a person");
        lab
    }

    /// From now on the store of sign-in does not answer.
    pub(super) fn lose_the_store(&self) {
        self.store.down.store(true, Ordering::Relaxed);
    }

    pub(super) fn store(&self) -> &Watched {
        &self.store
    }

    /// A request as it is.
    pub(super) async fn send(
        &self,
        method: Method,
        place: Place,
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Reply {
        let peer = Some("192.0.2.1".parse().expect("address"));
        let request = Request { method: &method, place, query, headers, body, peer };
        Reply::of(self.authority.answer(request).await).await
    }

    fn browser(&self) -> HeaderMap {
        let cookies: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        headers(&[(header::COOKIE, &cookies.join("; "))])
    }

    /// A browser asks for a page of the origin.
    pub(super) async fn visit(&mut self, endpoint: Endpoint, query: &str) -> Reply {
        self.visit_at(at(endpoint), query).await
    }

    pub(super) async fn visit_at(&mut self, place: Place, query: &str) -> Reply {
        let reply = self.send(Method::GET, place, query, &self.browser(), b"").await;
        self.keep(&reply);
        reply
    }

    /// A browser sends a form of ours, with the value that its cookie repeats.
    pub(super) async fn submit(&mut self, endpoint: Endpoint, fields: &[(&str, &str)]) -> Reply {
        let csrf = self.cookies.get("__Host-mcp_csrf").cloned().unwrap_or_default();
        let body = encoded(&[fields, &[("csrf", csrf.as_str())]].concat());
        let mut headers = self.browser();
        headers.insert(header::CONTENT_TYPE, FORM);
        let reply = self.send(Method::POST, at(endpoint), "", &headers, body.as_bytes()).await;
        self.keep(&reply);
        reply
    }

    /// A program posts a form.
    pub(super) async fn post(&self, endpoint: Endpoint, fields: &[(&str, &str)]) -> Reply {
        let headers = headers(&[(header::CONTENT_TYPE, "application/x-www-form-urlencoded")]);
        let body = encoded(fields);
        self.send(Method::POST, at(endpoint), "", &headers, body.as_bytes()).await
    }

    pub(super) async fn register(&self, metadata: &Value) -> Reply {
        let headers = headers(&[(header::CONTENT_TYPE, "application/json; charset=utf-8")]);
        let body = metadata.to_string();
        self.send(Method::POST, at(Endpoint::Register), "", &headers, body.as_bytes()).await
    }

    /// A public client with one redirect URI.
    pub(super) async fn client(&self) -> String {
        let metadata = json!({
            "client_name": "Claude",
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "none",
        });
        let reply = self.register(&metadata).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.json()["client_id"].as_str().expect("an id").to_owned()
    }

    /// Signs a person in, from the page of their apps.
    pub(super) async fn sign_in(&mut self, name: &str, password: &str) -> Reply {
        self.visit(Endpoint::Apps, "").await;
        let form = [("do", "login"), ("request", ""), ("username", name), ("password", password)];
        self.submit(Endpoint::Apps, &form).await
    }

    /// A code for a client, as the person signed in allows it.
    pub(super) async fn code(&mut self, client: &str) -> String {
        let query = authorization(client, &[]);
        assert_eq!(self.visit(Endpoint::Authorize, &query).await.status, 200);
        let form = [("do", "approve"), ("request", query.as_str())];
        let back = self.submit(Endpoint::Authorize, &form).await;
        back.parameter("code").unwrap_or_else(|| panic!("a code: {back:?}"))
    }

    /// Tokens for a client, as the token endpoint gives them.
    pub(super) async fn tokens(&mut self, client: &str) -> Value {
        let code = self.code(client).await;
        let reply = self.post(Endpoint::Token, &exchange(client, &code)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }

    /// Whether a token is anybody's.
    pub(super) async fn is_good(&self, token: &str) -> bool {
        self.authority.grants().introspect(token, "").await.expect("store").is_some()
    }

    fn keep(&mut self, reply: &Reply) {
        for cookie in reply.headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().expect("text");
            let (name, rest) = text.split_once('=').expect("a pair");
            let value = rest.split(';').next().unwrap_or_default();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

impl Reply {
    async fn of(answer: Answer) -> Self {
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).expect("text"),
        }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// Status and `error`, as a program reads them.
    pub(super) fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    pub(super) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |l| l.to_str().expect("text"))
    }

    /// A parameter of the URL that a browser is sent to.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.location().split_once('?')?;
        let mut all = form_urlencoded::parse(query.as_bytes());
        all.find(|(k, _)| k == name).map(|(_, v)| v.into_owned())
    }

    /// The page, if it is one.
    pub(super) fn page(&self) -> &str {
        let policy = self.headers.contains_key(header::CONTENT_SECURITY_POLICY);
        assert!(policy && self.text.starts_with("<!doctype html>"), "{self:?}");
        &self.text
    }
}

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

pub(super) fn at(endpoint: Endpoint) -> Place {
    Place { mount: None, endpoint }
}

pub(super) fn headers(all: &[(HeaderName, &str)]) -> HeaderMap {
    let value = |v: &str| HeaderValue::from_str(v).expect("a header");
    all.iter().map(|(k, v)| (k.clone(), value(v))).collect()
}

pub(super) fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The query of an authorization request; what is given twice replaces what is usual, and an empty
/// value leaves it out.
pub(super) fn authorization(client: &str, other: &[(&str, &str)]) -> String {
    let usual = [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("scope", "mssql:read mssql:write"),
        ("state", "s t"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("resource", "https://mcp.example.com/mcp"),
    ];
    let mut all: BTreeMap<&str, &str> = usual.into_iter().collect();
    all.extend(other.iter().copied());
    encoded(&all.into_iter().filter(|(_, v)| !v.is_empty()).collect::<Vec<_>>())
}

/// The form that changes a code for tokens.
pub(super) fn exchange<'a>(client: &'a str, code: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", CALLBACK),
    ]
}

/// 503 for a program, and what its person would be told.
pub(super) fn is_unavailable(reply: &Reply) -> bool {
    reply.error() == (StatusCode::SERVICE_UNAVAILABLE.as_u16(), "temporarily_unavailable".into())
}
