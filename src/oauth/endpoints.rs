//! The HTTP side of sign-in: metadata, registration, `/authorize` with its pages, `/token`, `/revoke`, `/apps`, and the answers
//! of the resource server (401, 403).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use mssql_mcp_middleware::rate_limit::{Limiter, Quota};
use mssql_mcp_transports::streamable::Body;
use serde_json::{Value, json};

use super::cimd::{self, Documents, NoClient};
use super::clients::{Client, Clients};
use super::external::External;
use super::grants::{Grant, Grants, Login, NoTokens, Tokens};
use super::pages;
use super::pages::{Problem, Purpose, SignIn};
use super::people::{NotIn, People, REMEMBERED, check_name};
use super::store::{FOREVER, Kind, Records, StoreError, now};
use crate::audit::Audit;
use crate::config::Config;
use crate::fetch::Getter;
use crate::plural::plural;
use crate::principal::{Principal, SCOPES};
use crate::redirect_uri;
use crate::route::{Endpoint, Place};
use crate::secret::{hashed, secret};
use crate::telemetry::metrics::{instruments, label};
use mssql_mcp_sql::Access;

/// A person stays signed in, on the pages, for so many seconds.
const SIGNED_IN: u64 = 3600;
/// The largest form or registration.
pub const MAX_BODY: usize = 16 << 10;

/// The query of `/apps` after one was taken back. It names none, because anybody can send somebody a link.
const REVOKED: &str = "revoked";

/// Codes that one person may have made: so many at once, and one more each few seconds.
const CODES: Quota = Quota { burst: 20, every: Duration::from_secs(6) };

const WELL_KNOWN_RESOURCE: &str = "/.well-known/oauth-protected-resource";

/// The authorization server, and what the resource server needs of it.
#[derive(Debug, Clone)]
pub struct Authority {
    records: Records,
    people: People,
    grants: Grants,
    public_url: Option<String>,
    mounts: Arc<[Resource]>,
    clients: Clients,
    documents: Documents,
    /// Codes by person: what is pending is bounded for each.
    codes: Arc<Limiter<String>>,
    external: Option<External>,
    audit: Audit,
}

/// A mount, as a protected resource: an audience of its own (RFC 8707).
#[derive(Debug)]
struct Resource {
    /// Empty for the root.
    path: String,
    /// What people know its database by.
    label: String,
    /// What its access level lets run.
    scopes: &'static [&'static str],
}

/// What an event stream hangs on: a token, and the grant that may have newer ones.
#[derive(Debug)]
pub struct Lease {
    headers: HeaderMap,
    at: Place,
    /// Empty for machines, and for tokens of an external issuer.
    grant: String,
    /// Seconds since 1970.
    pub expires: u64,
}

/// Whether it still does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// By the token, or by one that it was refreshed for.
    Yes,
    /// Revoked, or its person shut out.
    No,
    /// Nothing but its time has passed, and a newer one can take its place.
    Expired,
}

/// A request for sign-in.
#[derive(Debug)]
pub struct Request<'a> {
    /// GET or POST.
    pub method: &'a Method,
    /// What was asked for, and of which mount.
    pub place: Place,
    /// The query.
    pub query: &'a str,
    /// All of them.
    pub headers: &'a HeaderMap,
    /// Read, up to [`MAX_BODY`].
    pub body: &'a [u8],
    /// Who asks.
    pub peer: Option<IpAddr>,
}

type Answer = Response<Body>;
type Form = HashMap<String, String>;

/// A checked authorization request.
struct Wanted {
    client_id: String,
    client: Client,
    redirect_uri: String,
    state: Option<String>,
    challenge: String,
    scopes: Vec<String>,
    mount: usize,
}

/// Why an authorization request goes no further.
enum Stopped {
    /// The person is told; nothing is sent anywhere, because it is not known to be right where it would go.
    Page(String, &'static str),
    /// The person is told to come back.
    Busy,
    /// The client is told, at its own redirect URI.
    Client {
        redirect_uri: String,
        state: Option<String>,
        error: &'static str,
        description: String,
    },
    Store(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(e: StoreError) -> Self {
        Stopped::Store(e)
    }
}

// === answers ===

fn json_answer(status: StatusCode, v: &Value) -> Answer {
    let mut r = Response::new(Body::Full(v.to_string().into()));
    *r.status_mut() = status;
    r.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    r.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    r
}

fn oauth_error(status: StatusCode, error: &str, description: &str) -> Answer {
    json_answer(status, &json!({ "error": error, "error_description": description }))
}

fn unavailable(e: &StoreError) -> Answer {
    tracing::error!(error = %e, "sign-in");
    oauth_error(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "the store of sign-in does not answer")
}

/// A page, with all that keeps it from being framed, cached or scripted.
pub fn html(status: StatusCode, text: String, also: Option<&str>) -> Answer {
    let mut r = Response::new(Body::Full(text.into()));
    *r.status_mut() = status;
    let h = r.headers_mut();
    h.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    h.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    h.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    h.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // With no-referrer a browser would send our own forms with "Origin: null".
    h.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(v) = HeaderValue::from_str(&pages::policy(also)) {
        h.insert(header::CONTENT_SECURITY_POLICY, v);
    }
    r
}

/// With when to come back.
fn later(mut answer: Answer, seconds: u64) -> Answer {
    answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    answer
}

fn redirect(status: StatusCode, to: &str) -> Answer {
    match HeaderValue::from_str(to) {
        Ok(v) => {
            let mut r = Response::new(Body::Empty);
            *r.status_mut() = status;
            r.headers_mut().insert(header::LOCATION, v);
            r.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            r
        }
        Err(_) => oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "the redirect URI cannot be sent"),
    }
}

/// A form or query; an error when a parameter comes twice (RFC 6749 §3.1).
fn form(text: &[u8]) -> Result<Form, String> {
    let mut all = Form::new();
    for (k, v) in form_urlencoded::parse(text) {
        if all.insert(k.to_string(), v.into_owned()).is_some() {
            return Err(format!("{k} is given twice"));
        }
    }
    all.retain(|_, v| !v.is_empty());
    Ok(all)
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|c| c.trim().split_once('='))
        .find(|(k, _)| *k == name)
        .map(|(_, v)| v)
}

fn peer(r: &Request<'_>) -> String {
    r.peer.map_or_else(|| "unknown".to_owned(), |p| p.to_string())
}

fn media(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

// === impl Authority ===

impl Authority {
    /// From the configuration, over an opened store.
    pub fn new(config: &Config, records: Records, audit: Audit) -> Self {
        let people = People::new(records.clone());
        let grants = Grants::new(
            records.clone(),
            people.clone(),
            config.duration("auth.access_token_ttl"),
            config.duration("auth.refresh_token_ttl"),
        );
        let public_url =
            Some(config.text("http.public_url").trim_end_matches('/').to_owned()).filter(|u| !u.is_empty());
        let name_servers: Vec<_> =
            config.list("auth.name_servers").iter().filter_map(|s| crate::resolve::server(s)).collect();
        let resource = |(path, c): (String, Config)| Resource {
            path,
            label: c.text("database.label").to_owned(),
            // Those of the classes that the access level lets run; the table is in that order.
            scopes: match Access::parse(&c.choice("access.level")) {
                Access::ReadOnly => &SCOPES[..1],
                Access::ReadWrite => &SCOPES[..2],
                Access::Full => &SCOPES,
            },
        };
        Self {
            clients: Clients::new(records.clone(), config),
            records,
            people,
            grants,
            public_url,
            mounts: config.served().into_iter().map(resource).collect(),
            documents: Documents::new(Getter::from_strangers(&name_servers)),
            codes: Arc::new(Limiter::new(CODES, 10_000)),
            external: (config.choice("auth.mode") == "external").then(|| External::new(config)),
            audit,
        }
    }
    /// The clients of a new configuration; and whoever was recognised is looked up again.
    pub fn reload(&self, config: &Config) {
        self.clients.reload(config);
        self.grants.forget();
        if let Some(e) = &self.external {
            e.forget();
        }
    }
    /// With another way to the documents that clients name (tests have no public internet).
    pub fn fetching_with(mut self, getter: Getter) -> Self {
        self.documents = Documents::new(getter);
        self
    }
    /// Whether people sign in here, on pages of ours.
    pub fn has_pages(&self) -> bool {
        self.external.is_none()
    }
    /// Grants and tokens.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }
    /// People, for the commands.
    pub fn people(&self) -> &People {
        &self.people
    }
    /// Removes what has expired, from time to time.
    pub async fn sweep_forever(self) {
        let mut tick = tokio::time::interval(Duration::from_secs(10));
        for n in 0_u64.. {
            tick.tick().await;
            self.people.sweep();
            self.clients.sweep();
            self.codes.sweep();
            if n % 6 != 0 {
                continue;
            }
            if let Err(e) = self.records.sweep().await {
                tracing::warn!(error = %e, "sweeping");
            }
        }
    }

    /// The origin that the client typed: configured, or, on loopback without a configuration, the guarded `Host`.
    fn origin(&self, headers: &HeaderMap) -> String {
        match &self.public_url {
            Some(u) => u.clone(),
            None => {
                format!("http://{}", headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("localhost"))
            }
        }
    }

    /// The challenge of 401 and 403 (RFC 6750 §3, RFC 9728 §5.1).
    pub fn challenge(&self, headers: &HeaderMap, at: Place, error: Option<(&str, &str)>, scopes: &[String]) -> String {
        let error = error.map_or(String::new(), |(e, d)| format!("error=\"{e}\", error_description=\"{d}\", "));
        format!(
            "Bearer {error}scope=\"{}\", resource_metadata=\"{}{WELL_KNOWN_RESOURCE}{}{}\"",
            scopes.iter().map(|s| self.outward(s)).collect::<Vec<_>>().join(" "),
            self.origin(headers),
            self.path_of(at),
            at.typed(),
        )
    }

    fn path_of(&self, at: Place) -> &str {
        at.mount.and_then(|m| self.mounts.get(m)).map_or("", |m| &m.path)
    }
    /// The mount that is meant where none is named: the one at the root, or the only one.
    fn default_mount(&self) -> Option<usize> {
        self.mounts.iter().position(|m| m.path.is_empty()).or((self.mounts.len() == 1).then_some(0))
    }
    /// All scopes that some mount lets run.
    fn scopes(&self) -> &'static [&'static str] {
        self.mounts.iter().map(|m| m.scopes).max_by_key(|s| s.len()).unwrap_or_default()
    }

    /// A scope as a client asks for it: an external issuer may have its own names.
    fn outward(&self, scope: &str) -> String {
        self.external.as_ref().map_or_else(|| scope.to_owned(), |e| e.theirs(scope))
    }

    /// The external issuer of a token; a machine's token is ours, whoever signs people in.
    fn issuer_of(&self, token: &str) -> Option<&External> {
        self.external.as_ref().filter(|_| !token.starts_with("mcp_"))
    }
    fn known(&self, token: &str, mount: &str) -> Option<Arc<Principal>> {
        self.issuer_of(token).map_or_else(|| self.grants.known(token, mount), |e| e.known(token, mount))
    }
    /// Whose request this is, if its token was seen a moment ago.
    pub fn recognised(&self, headers: &HeaderMap, at: Place) -> Option<Arc<Principal>> {
        let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        self.known(mssql_mcp_middleware::bearer::token(Some(text)).ok()??, self.path_of(at))
    }

    /// Whether a request has a token that was good when it was last looked up.
    pub fn has_seen(&self, headers: &HeaderMap) -> bool {
        let text = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let Ok(Some(token)) = mssql_mcp_middleware::bearer::token(text) else { return false };
        self.issuer_of(token).map_or_else(|| self.grants.has_seen(token), |e| e.has_seen(token))
    }

    /// Whose request this is, or the answer that refuses it.
    pub async fn authenticate(&self, headers: &HeaderMap, at: Place) -> Result<Arc<Principal>, Answer> {
        let refuse = |status, error: Option<(&str, &str)>| {
            let (e, d) = error.unwrap_or(("unauthorized", "a token is needed: Authorization: Bearer …"));
            let mut r = oauth_error(status, e, d);
            let challenge = self.challenge(headers, at, error, &["mssql:read".to_owned()]);
            if let Ok(v) = HeaderValue::from_str(&challenge) {
                r.headers_mut().insert(header::WWW_AUTHENTICATE, v);
            }
            r
        };
        let text = headers.get(header::AUTHORIZATION).map(|v| v.to_str().unwrap_or_default());
        let count = |reason| instruments().tokens_refused.add(1, &[label("mssql_mcp.reason", reason)]);
        let token = match mssql_mcp_middleware::bearer::token(text) {
            Ok(Some(t)) => t,
            Ok(None) => {
                count("missing");
                return Err(refuse(StatusCode::UNAUTHORIZED, None));
            }
            Err(why) => {
                count("malformed");
                return Err(refuse(StatusCode::BAD_REQUEST, Some(("invalid_request", why))));
            }
        };
        let mount = self.path_of(at);
        if let Some(p) = self.known(token, mount) {
            return Ok(p);
        }
        match self.whose(token, headers, mount).await {
            Ok(Some(p)) => Ok(p),
            Ok(None) => {
                count("invalid");
                self.audit.strange("token_refused", &[("mount", mount)]);
                let error = ("invalid_token", "the token is unknown, expired, revoked, or for another resource");
                Err(refuse(StatusCode::UNAUTHORIZED, Some(error)))
            }
            Err(e) => {
                count("store");
                Err(unavailable(&e))
            }
        }
    }

    async fn whose(&self, token: &str, headers: &HeaderMap, mount: &str) -> Result<Option<Arc<Principal>>, StoreError> {
        match self.issuer_of(token) {
            Some(e) => {
                let o = self.origin(headers);
                let audiences = ["", "/", "/mcp", "/sse"].map(|e| format!("{o}{mount}{e}"));
                e.whose(token, mount, &audiences).await
            }
            None => self.grants.whose(token, mount).await,
        }
    }

    /// What the stream of a request that was let in hangs on. `headers` have its token and its host.
    pub fn lease(&self, headers: HeaderMap, at: Place) -> Lease {
        let mount = self.path_of(at);
        let text = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let known = mssql_mcp_middleware::bearer::token(text).ok().flatten().and_then(|t| match self.issuer_of(t) {
            Some(e) => e.expires(t, mount).map(|until| (String::new(), until)),
            None => self.grants.lease(t),
        });
        // Not known any more: it is taken for one that does not expire, so that a refusal ends the stream at once.
        let (grant, expires) = known.unwrap_or((String::new(), FOREVER));
        Lease { headers, at, grant, expires }
    }
    /// Whether a stream may go on. A store that does not answer shuts nobody out.
    pub async fn holds(&self, lease: &Lease) -> Holds {
        if lease.expires > now() {
            let text = lease.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
            let Ok(Some(token)) = mssql_mcp_middleware::bearer::token(text) else { return Holds::No };
            return match self.whose(token, &lease.headers, self.path_of(lease.at)).await {
                Ok(None) => Holds::No,
                Ok(Some(_)) | Err(_) => Holds::Yes,
            };
        }
        if lease.grant.is_empty() {
            return Holds::Expired;
        }
        match self.grants.lives(&lease.grant).await {
            Ok(None) => Holds::No,
            Ok(Some(false)) => Holds::Expired,
            Ok(Some(true)) | Err(_) => Holds::Yes,
        }
    }

    /// Answers a request to one of the endpoints of sign-in.
    pub async fn answer(&self, r: Request<'_>) -> Answer {
        let endpoint = r.place.endpoint;
        // People sign in elsewhere; only the resource is described here.
        if self.external.is_some() && !matches!(endpoint, Endpoint::Resource(_)) {
            return oauth_error(
                StatusCode::NOT_FOUND,
                "not_found",
                "sign-in is at the issuer that the resource metadata names",
            );
        }
        let (get, post) = (*r.method == Method::GET || *r.method == Method::HEAD, *r.method == Method::POST);
        match endpoint {
            Endpoint::Server if get => self.server_metadata(r.headers),
            Endpoint::Resource(_) if get => self.resource_metadata(&r),
            Endpoint::Register if post => self.register(&r).await,
            Endpoint::Authorize if get => self.authorize(&r).await,
            Endpoint::Authorize if post => self.decide(&r).await,
            Endpoint::Token if post => self.token(&r).await,
            Endpoint::Revoke if post => self.revoke(&r).await,
            Endpoint::Apps if get => self.apps(&r).await,
            Endpoint::Apps if post => self.change_apps(&r).await,
            _ => oauth_error(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "this method is not for this path"),
        }
    }

    /// The person whose browser asks for a page of ours, or what the browser is answered instead: the sign-in form, or where it
    /// goes after that.
    pub async fn visitor(&self, r: &Request<'_>, path: &str) -> Result<Principal, Answer> {
        if self.external.is_some() {
            return Err(oauth_error(StatusCode::NOT_FOUND, "not_found", "pages need the built-in sign-in"));
        }
        let purpose = Purpose::Object { label: self.label_of(self.path_of(r.place)) };
        if *r.method == Method::POST {
            let f = self.posted(r).map_err(|a| *a)?;
            let then = format!("{path}?{}", f.get("request").map(String::as_str).unwrap_or_default());
            return Err(self.sign_in(r, &f, path, &then, purpose).await);
        }
        let user = match self.signed_in(r.headers).await.map_err(|e| unavailable(&e))? {
            Some(l) => l.user,
            None => return Err(self.login(r.headers, path, r.query, purpose)),
        };
        let scopes = self.people.active(&user).await.map_err(|e| unavailable(&e))?.map(|u| u.scopes);
        Ok(Principal { subject: user, scopes: scopes.unwrap_or_default(), client: None })
    }

    // --- metadata

    /// RFC 8414.
    fn server_metadata(&self, headers: &HeaderMap) -> Answer {
        let o = self.origin(headers);
        json_answer(
            StatusCode::OK,
            &json!({
                "issuer": o,
                "authorization_endpoint": format!("{o}/authorize"),
                "token_endpoint": format!("{o}/token"),
                "registration_endpoint": format!("{o}/register"),
                "revocation_endpoint": format!("{o}/revoke"),
                "scopes_supported": self.scopes(),
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
                "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
                "code_challenge_methods_supported": ["S256"],
                "client_id_metadata_document_supported": true,
                "authorization_response_iss_parameter_supported": true,
            }),
        )
    }

    /// RFC 9728: at the root for the origin, and path-inserted for each endpoint, because clients compare with what was typed.
    fn resource_metadata(&self, r: &Request<'_>) -> Answer {
        let scopes = r.place.mount.map_or(self.scopes(), |m| self.mounts[m].scopes);
        let path = format!("{}{}", self.path_of(r.place), r.place.typed());
        let o = self.origin(r.headers);
        json_answer(
            StatusCode::OK,
            &json!({
                "resource": format!("{o}{path}"),
                "authorization_servers": [self.external.as_ref().map_or(o.as_str(), |e| e.issuer.as_str())],
                "scopes_supported": scopes.iter().map(|s| self.outward(s)).collect::<Vec<_>>(),
                "bearer_methods_supported": ["header"],
                "resource_name": "Microsoft SQL Server over MCP",
            }),
        )
    }

    // --- registration

    async fn register(&self, r: &Request<'_>) -> Answer {
        if media(r.headers) != "application/json" {
            let d = "Content-Type must be application/json";
            return oauth_error(StatusCode::BAD_REQUEST, "invalid_client_metadata", d);
        }
        let Ok(body) = serde_json::from_slice::<Value>(r.body) else {
            return oauth_error(StatusCode::BAD_REQUEST, "invalid_client_metadata", "the body is not JSON");
        };
        match self.clients.register(&body, r.peer).await {
            Ok(Ok(v)) => json_answer(StatusCode::CREATED, &v),
            Ok(Err(e)) => {
                let busy = e.error == "temporarily_unavailable";
                let status = if busy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST };
                let mut answer = oauth_error(status, e.error, &e.description);
                if let Some(wait) = e.wait {
                    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
                }
                answer
            }
            Err(e) => unavailable(&e),
        }
    }

    // --- /authorize

    /// Checks an authorization request, in the order that RFC 6749 §4.1.2.1 asks for: client and redirect first.
    async fn wanted(&self, query: &str, r: &Request<'_>) -> Result<Wanted, Stopped> {
        let headers = r.headers;
        let page = |what: &str, mend| Stopped::Page(what.to_owned(), mend);
        const AGAIN: &str = "Begin again in the program that sent you here.";
        let q = form(query.as_bytes()).map_err(|e| page(&e, AGAIN))?;
        let get = |k: &str| q.get(k).cloned();
        let client_id = get("client_id").ok_or_else(|| page("client_id is missing.", AGAIN))?;
        let client = if cimd::is_url(&client_id) {
            let client = self.documents.client(&client_id, self.clients.redirects(), r.peer).await;
            client.map_err(|why| match why {
                NoClient::Wrong(why) => Stopped::Page(why, AGAIN),
                NoClient::Busy => Stopped::Busy,
            })?
        } else {
            self.clients.find(&client_id).await?.ok_or_else(|| {
                page(
                    "This program is not registered here, or its registration has expired.",
                    "Remove the connection in the program and connect again: it will register anew.",
                )
            })?
        };
        let redirect_uri = match (get("redirect_uri"), client.redirect_uris.as_slice()) {
            (Some(u), _) => u,
            (None, [only]) => only.clone(),
            (None, _) => return Err(page("redirect_uri is missing.", AGAIN)),
        };
        // Asked again, because the operator may have taken back since what was registered; and what was left out then is told with
        // its reason, which only they can mend.
        if !self.clients.is_configured(&client_id)
            && let Err(why) = self.clients.redirects().check(&redirect_uri)
        {
            return Err(page(&format!("The answer to this program may not be sent to {why}."), AGAIN));
        }
        if !client.redirect_uris.iter().any(|known| redirect_uri::matches(known, &redirect_uri)) {
            return Err(page("redirect_uri is not one that this program registered.", AGAIN));
        }
        let state = get("state");
        let stop = |error, description: String| Stopped::Client {
            redirect_uri: redirect_uri.clone(),
            state: state.clone(),
            error,
            description,
        };
        let missing: Vec<&str> =
            ["response_type", "code_challenge"].into_iter().filter(|k| !q.contains_key(*k)).collect();
        if !missing.is_empty() {
            let description = format!("missing: {}", missing.join(" and "));
            return Err(stop("invalid_request", description));
        }
        if get("response_type").as_deref() != Some("code") {
            return Err(stop("unsupported_response_type", "response_type must be code".into()));
        }
        if get("code_challenge_method").as_deref() != Some("S256") {
            return Err(stop("invalid_request", "code_challenge_method must be S256".into()));
        }
        let challenge = get("code_challenge").unwrap_or_default();
        if challenge.len() != 43 || !challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
            return Err(stop("invalid_request", "code_challenge is no S256 challenge (43 characters)".into()));
        }
        let mount = match self.meant(q.get("resource").map(String::as_str), headers) {
            Ok(Some(m)) => m,
            Ok(None) => {
                let all: Vec<String> =
                    self.mounts.iter().map(|m| format!("{}{}/mcp", self.origin(headers), m.path)).collect();
                return Err(stop("invalid_target", format!("resource must be one of {}", all.join(", "))));
            }
            Err(()) => return Err(stop("invalid_target", "resource is not one of this server".into())),
        };
        // Unknown scopes (offline_access, openid …) are left out, not refused: hosts append their own.
        let asked: Vec<String> = get("scope").unwrap_or_default().split(' ').map(str::to_owned).collect();
        let mut scopes: Vec<String> =
            asked.into_iter().filter(|s| self.mounts[mount].scopes.contains(&s.as_str())).collect();
        if scopes.is_empty() {
            scopes.push("mssql:read".into());
        }
        scopes.sort();
        scopes.dedup();
        Ok(Wanted { client_id, client, redirect_uri, state, challenge, scopes, mount })
    }

    /// The mount that a resource indicator (RFC 8707) names: scheme and host in any case, a slash at the end or not. Without one, or
    /// with the origin itself, the default; an error where it is not ours.
    fn meant(&self, resource: Option<&str>, headers: &HeaderMap) -> Result<Option<usize>, ()> {
        let Some(resource) = resource else { return Ok(self.default_mount()) };
        let o = self.origin(headers);
        let resource = resource.strip_suffix('/').unwrap_or(resource);
        let (origin, path) = resource.split_at_checked(o.len()).ok_or(())?;
        if !origin.eq_ignore_ascii_case(&o) {
            return Err(());
        }
        let named =
            |m: &Resource| path.strip_prefix(m.path.as_str()).is_some_and(|rest| matches!(rest, "" | "/mcp" | "/sse"));
        match self.mounts.iter().position(named) {
            Some(m) => Ok(Some(m)),
            None if path.is_empty() => Ok(self.default_mount()),
            None => Err(()),
        }
    }

    fn stopped(&self, s: Stopped, headers: &HeaderMap) -> Answer {
        match s {
            Stopped::Page(what, mend) => html(StatusCode::BAD_REQUEST, pages::error(&what, mend), None),
            Stopped::Busy => {
                let text = pages::error("Too many programs are being looked up.", "Try again in a few seconds.");
                later(html(StatusCode::SERVICE_UNAVAILABLE, text, None), 5)
            }
            Stopped::Store(e) => unavailable(&e),
            Stopped::Client { redirect_uri, state, error, description } => self.send_back(
                StatusCode::FOUND,
                &redirect_uri,
                &[("error", Some(error)), ("error_description", Some(&description)), ("state", state.as_deref())],
                headers,
            ),
        }
    }

    /// To the client's redirect URI, with `iss` (RFC 9207).
    fn send_back(&self, status: StatusCode, uri: &str, with: &[(&str, Option<&str>)], headers: &HeaderMap) -> Answer {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (k, v) in with {
            if let Some(v) = v {
                query.append_pair(k, v);
            }
        }
        query.append_pair("iss", &self.origin(headers));
        let join = if uri.contains('?') { '&' } else { '?' };
        redirect(status, &format!("{uri}{join}{}", query.finish()))
    }

    async fn signed_in(&self, headers: &HeaderMap) -> Result<Option<Login>, StoreError> {
        let Some(c) = cookie(headers, self.cookie_name(headers, "login").as_str()) else { return Ok(None) };
        let Some((login, _)) = self.records.get::<Login>(Kind::Login, &hashed(c)).await? else { return Ok(None) };
        Ok(self.people.still(&login.user, &login.epoch).await?.map(|_| login))
    }

    fn cookie_name(&self, headers: &HeaderMap, what: &str) -> String {
        // A browser takes the prefix only over HTTPS, and then nobody else on the domain can set it.
        if self.origin(headers).starts_with("https://") { format!("__Host-mcp_{what}") } else { format!("mcp_{what}") }
    }

    fn set_cookie(&self, r: &mut Answer, headers: &HeaderMap, what: &str, value: &str, same_site: &str, age: u64) {
        let secure = if self.origin(headers).starts_with("https://") { "; Secure" } else { "" };
        let name = self.cookie_name(headers, what);
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={age}{secure}");
        if let Ok(v) = HeaderValue::from_str(&text) {
            r.headers_mut().append(header::SET_COOKIE, v);
        }
    }

    /// The value that a form carries and a cookie repeats; a page of another site can read neither.
    fn csrf(&self, headers: &HeaderMap) -> (String, bool) {
        match cookie(headers, &self.cookie_name(headers, "csrf")).filter(|c| c.len() == 43 + 3) {
            Some(c) => (c.to_owned(), false),
            None => (secret("cf_"), true),
        }
    }
    fn csrf_holds(&self, form: &Form, headers: &HeaderMap) -> bool {
        let cookie = cookie(headers, &self.cookie_name(headers, "csrf")).unwrap_or_default();
        let given = form.get("csrf").map(String::as_str).unwrap_or_default();
        // Their hashes are compared, so that the time tells nothing.
        !cookie.is_empty() && hashed(cookie) == hashed(given)
    }
    fn with_csrf(&self, mut r: Answer, headers: &HeaderMap, csrf: &(String, bool)) -> Answer {
        if csrf.1 {
            self.set_cookie(&mut r, headers, "csrf", &csrf.0, "Strict", SIGNED_IN);
        }
        r
    }

    /// GET /authorize: sign in, then consent.
    async fn authorize(&self, r: &Request<'_>) -> Answer {
        let mut query = r.query.to_owned();
        // The old clients' /demo/authorize names the mount in the path; from here on it travels with the request.
        if r.place.mount.is_some() && form(query.as_bytes()).is_ok_and(|f| !f.contains_key("resource")) {
            let resource = format!("{}{}/mcp", self.origin(r.headers), self.path_of(r.place));
            let named = form_urlencoded::Serializer::new(String::new()).append_pair("resource", &resource).finish();
            query = format!("{query}&{named}");
        }
        let wanted = match self.wanted(&query, r).await {
            Ok(w) => w,
            Err(s) => return self.stopped(s, r.headers),
        };
        match self.signed_in(r.headers).await {
            Err(e) => unavailable(&e),
            Ok(None) => self.login(r.headers, "/authorize", &query, self.purpose(&wanted)),
            Ok(Some(Login { user, .. })) => {
                let csrf = self.csrf(r.headers);
                let page = self.consent(&user, &wanted, r.headers, &query, &csrf.0).await;
                self.with_csrf(page, r.headers, &csrf)
            }
        }
    }

    /// What people know the database of a mount by.
    fn label_of(&self, mount: &str) -> &str {
        self.mounts.iter().find(|m| m.path == mount).map_or("(no longer here)", |m| &m.label)
    }
    /// This server, as it was typed.
    fn server(&self, headers: &HeaderMap) -> String {
        let o = self.origin(headers);
        o.split_once("://").map_or(o.clone(), |(_, host)| host.to_owned())
    }
    fn purpose<'w>(&'w self, w: &'w Wanted) -> Purpose<'w> {
        Purpose::Client { client: &w.client.name, label: &self.mounts[w.mount].label }
    }
    /// The sign-in form.
    fn login(&self, headers: &HeaderMap, action: &str, request: &str, purpose: Purpose<'_>) -> Answer {
        self.login_again(headers, StatusCode::OK, action, request, purpose, ("", None))
    }
    /// Likewise, with the name of the last try and what was wrong with it.
    fn login_again(
        &self,
        headers: &HeaderMap,
        status: StatusCode,
        action: &str,
        request: &str,
        purpose: Purpose<'_>,
        (name, problem): (&str, Option<Problem<'_>>),
    ) -> Answer {
        let (csrf, server) = (self.csrf(headers), self.server(headers));
        let form = SignIn { action, request, csrf: &csrf.0, server: &server, purpose, name, problem };
        self.with_csrf(html(status, pages::login(&form), None), headers, &csrf)
    }

    /// What of the asked scopes this person has.
    async fn grantable(&self, user: &str, w: &Wanted) -> Result<Vec<String>, StoreError> {
        let has = self.people.active(user).await?.map(|u| u.scopes).unwrap_or_default();
        Ok(w.scopes.iter().filter(|s| has.contains(s)).cloned().collect())
    }

    async fn consent(&self, user: &str, w: &Wanted, headers: &HeaderMap, query: &str, csrf: &str) -> Answer {
        let scopes = match self.grantable(user, w).await {
            Ok(s) => s,
            Err(e) => return unavailable(&e),
        };
        if scopes.is_empty() {
            let what =
                format!("{user} has none of the rights that {} asks for ({}).", w.client.name, w.scopes.join(", "));
            let mend = format!("The operator can give them: mssql-mcp user scopes {user} {}", w.scopes.join(","));
            return html(StatusCode::FORBIDDEN, pages::not_yours(&what, &mend, query, csrf), None);
        }
        let (host, loopback) = redirect_uri::host_of(&w.redirect_uri).unwrap_or_default();
        let server = self.server(headers);
        let asked = pages::Asked {
            user,
            label: &self.mounts[w.mount].label,
            server: &server,
            client: &w.client.name,
            client_id: &w.client_id,
            host: &host,
            loopback,
            scopes: &scopes,
        };
        let also = redirect_uri::origin_of(&w.redirect_uri);
        html(StatusCode::OK, pages::consent(&asked, query, csrf), also.as_deref())
    }

    /// Signs a person in; the answer is where they go next, or the form again.
    async fn sign_in(&self, r: &Request<'_>, f: &Form, action: &str, then: &str, purpose: Purpose<'_>) -> Answer {
        let text = |k: &str| f.get(k).map(String::as_str).unwrap_or_default();
        let (name, request) = (text("username"), text("request"));
        // It is not said which of the two was wrong; the name stays, so that the password is typed again.
        let again = |status, text: &str| {
            let problem = Problem { text, name: check_name(name).is_err() };
            self.login_again(r.headers, status, action, request, purpose, (name, Some(problem)))
        };
        let browser = cookie(r.headers, &self.cookie_name(r.headers, "browser")).map(str::to_owned);
        let signed = self.people.sign_in(name, text("password"), r.peer, browser.as_deref()).await;
        let result = match &signed {
            Ok(_) => "ok",
            Err(NotIn::Wrong) => "wrong",
            Err(NotIn::Wait(_)) => "throttled",
            Err(NotIn::Busy) => "busy",
            Err(NotIn::Store(_)) => "store",
        };
        instruments().sign_ins.add(1, &[label("mssql_mcp.result", result)]);
        match signed {
            Ok(user) => {
                let value = secret("ml_");
                let login = Login { user: name.to_owned(), epoch: user.epoch };
                if let Err(e) = self.records.put(Kind::Login, &hashed(&value), &login, now() + SIGNED_IN).await {
                    return unavailable(&e);
                }
                self.audit.event("sign_in", &[("principal", name), ("peer", &peer(r))]);
                let mut next = redirect(StatusCode::SEE_OTHER, then);
                self.set_cookie(&mut next, r.headers, "login", &value, "Lax", SIGNED_IN);
                match self.people.remember_browser(name, browser.as_deref()).await {
                    Ok(Some(new)) => self.set_cookie(&mut next, r.headers, "browser", &new, "Strict", REMEMBERED),
                    Ok(None) => {}
                    Err(e) => tracing::warn!(error = %e, "a browser is not remembered"),
                }
                next
            }
            Err(NotIn::Wrong) => {
                // Who is nobody may have typed a password there.
                let peer = peer(r);
                match self.people.is_known(name).await {
                    // Of one name there are few: the throttle sees to that.
                    true => self.audit.event("sign_in_failed", &[("principal", name), ("peer", &peer)]),
                    false => {
                        let unknown = crate::secret::unknown_name(name);
                        self.audit.strange("sign_in_failed", &[("principal", &unknown), ("peer", &peer)]);
                    }
                }
                again(StatusCode::UNAUTHORIZED, "User name or password is wrong.")
            }
            Err(NotIn::Wait(d)) => {
                let wait = d.as_secs().max(1);
                let what = format!("Too many attempts. Try again in {}.", plural(wait, "second"));
                later(again(StatusCode::TOO_MANY_REQUESTS, &what), wait)
            }
            Err(NotIn::Busy) => {
                let what = "Too many people sign in at this moment. Try again in a few seconds.";
                later(again(StatusCode::SERVICE_UNAVAILABLE, what), 5)
            }
            Err(NotIn::Store(e)) => unavailable(&e),
        }
    }

    fn posted(&self, r: &Request<'_>) -> Result<Form, Box<Answer>> {
        const AGAIN: &str = "Go back, reload the page and try again; cookies must be allowed.";
        let bad = |what: &str| Box::new(html(StatusCode::BAD_REQUEST, pages::error(what, AGAIN), None));
        if media(r.headers) != "application/x-www-form-urlencoded" {
            return Err(bad("This is not the form of this page."));
        }
        let f = form(r.body).map_err(|e| bad(&e))?;
        if !self.csrf_holds(&f, r.headers) {
            return Err(Box::new(html(StatusCode::FORBIDDEN, pages::error("This form has expired.", AGAIN), None)));
        }
        Ok(f)
    }

    /// POST /authorize: the sign-in form, or the decision.
    async fn decide(&self, r: &Request<'_>) -> Answer {
        let f = match self.posted(r) {
            Ok(f) => f,
            Err(a) => return *a,
        };
        let query = f.get("request").cloned().unwrap_or_default();
        // Checked anew: what a form carries is the browser's word.
        let wanted = match self.wanted(&query, r).await {
            Ok(w) => w,
            Err(s) => return self.stopped(s, r.headers),
        };
        let what = f.get("do").map(String::as_str).unwrap_or_default();
        if what == "login" {
            return self.sign_in(r, &f, "/authorize", &format!("/authorize?{query}"), self.purpose(&wanted)).await;
        }
        if what == "switch" {
            return match self.sign_out(r.headers).await {
                Ok(()) => redirect(StatusCode::SEE_OTHER, &format!("/authorize?{query}")),
                Err(e) => unavailable(&e),
            };
        }
        let login = match self.signed_in(r.headers).await {
            Ok(Some(l)) => l,
            Ok(None) => return redirect(StatusCode::SEE_OTHER, &format!("/authorize?{query}")),
            Err(e) => return unavailable(&e),
        };
        let user = &login.user;
        let state = wanted.state.as_deref();
        if what != "approve" {
            self.audit.event("consent_denied", &[("principal", user), ("client_id", &wanted.client_id)]);
            let with =
                [("error", Some("access_denied")), ("error_description", Some("the person said no")), ("state", state)];
            return self.send_back(StatusCode::SEE_OTHER, &wanted.redirect_uri, &with, r.headers);
        }
        if let Err(wait) = self.codes.check(user.clone(), 1) {
            let text = format!("too many codes were asked for; try again in {} s", wait.as_secs() + 1);
            let with = [
                ("error", Some("temporarily_unavailable")),
                ("error_description", Some(text.as_str())),
                ("state", state),
            ];
            return self.send_back(StatusCode::SEE_OTHER, &wanted.redirect_uri, &with, r.headers);
        }
        match self.grant(&login, &wanted).await {
            Ok(code) => {
                let with = [("code", Some(code.as_str())), ("state", state)];
                self.send_back(StatusCode::SEE_OTHER, &wanted.redirect_uri, &with, r.headers)
            }
            Err(e) => unavailable(&e),
        }
    }

    async fn grant(&self, login: &Login, w: &Wanted) -> Result<String, StoreError> {
        let user = login.user.as_str();
        let scopes = self.grantable(user, w).await?;
        let (mount, said) = (self.mounts[w.mount].path.clone(), scopes.join(" "));
        self.clients.keep(&w.client_id).await?;
        let content = Grant {
            user: user.to_owned(),
            client: w.client_id.clone(),
            client_name: w.client.name.clone(),
            scopes,
            audience: mount.clone(),
            created: now(),
            used: 0,
            until: 0,
            host: redirect_uri::host_of(&w.redirect_uri).unwrap_or_default().0,
            // The session's, and not the person's of this moment: what ended it ends this, too.
            epoch: login.epoch.clone(),
        };
        let code = self.grants.code(content, &w.redirect_uri, &w.challenge).await?;
        let granted =
            [("principal", user), ("client_id", w.client_id.as_str()), ("scopes", &*said), ("mount", &*mount)];
        self.audit.event("consent", &granted);
        Ok(code)
    }

    // --- /token and /revoke

    /// Which client asks (RFC 6749 §2.3.1); a public one by its id alone.
    async fn client(&self, f: &Form, headers: &HeaderMap) -> Result<String, Answer> {
        let refuse = |d: &str| {
            let mut r = oauth_error(StatusCode::UNAUTHORIZED, "invalid_client", d);
            r.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"token\""));
            r
        };
        let basic = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| {
            let encoded = v.strip_prefix("Basic ").or_else(|| v.strip_prefix("basic "))?;
            let text = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
            let (id, password) = text.split_once(':')?;
            let plain =
                |t: &str| form_urlencoded::parse(format!("v={t}").as_bytes()).next().map(|(_, v)| v.into_owned());
            Some((plain(id)?, plain(password)?))
        });
        let (id, given) = match basic {
            Some((id, s)) => (id, Some(s)),
            None => match f.get("client_id") {
                Some(id) => (id.clone(), f.get("client_secret").cloned()),
                None => return Err(refuse("client_id is missing")),
            },
        };
        // A public client; what it holds (a code, a refresh token) was given to this very id.
        if cimd::is_url(&id) && given.is_none() {
            return Ok(id);
        }
        match self.clients.find(&id).await.map_err(|e| unavailable(&e))? {
            None => Err(refuse("this client is not registered, or its registration has expired")),
            Some(c) => match (&c.secret, given) {
                (None, _) => Ok(id),
                (Some(s), Some(g)) if *s == hashed(&g) => Ok(id),
                (Some(_), _) => Err(refuse("the client's secret is missing or wrong")),
            },
        }
    }

    fn posted_form(r: &Request<'_>) -> Result<Form, Box<Answer>> {
        let bad = |d: &str| Box::new(oauth_error(StatusCode::BAD_REQUEST, "invalid_request", d));
        if media(r.headers) != "application/x-www-form-urlencoded" {
            return Err(bad("the body must be form-encoded: Content-Type: application/x-www-form-urlencoded"));
        }
        form(r.body).map_err(|e| bad(&e))
    }

    async fn token(&self, r: &Request<'_>) -> Answer {
        let f = match Self::posted_form(r) {
            Ok(f) => f,
            Err(a) => return *a,
        };
        let denied = |reason: &'static str| instruments().tokens_denied.add(1, &[label("mssql_mcp.reason", reason)]);
        let bad = |e: &'static str, d: &str| {
            denied(e);
            oauth_error(StatusCode::BAD_REQUEST, e, d)
        };
        let client = match self.client(&f, r.headers).await {
            Ok(c) => c,
            Err(a) => {
                denied("invalid_client");
                return a;
            }
        };
        const NOT_OURS: &str = "resource is not one of this server, or not the one that was granted";
        let audience = match f.get("resource").map(|res| self.meant(Some(res), r.headers)) {
            None | Some(Ok(None)) => None,
            Some(Ok(Some(m))) => Some(self.mounts[m].path.as_str()),
            Some(Err(())) => return bad("invalid_target", NOT_OURS),
        };
        let get = |k: &str| f.get(k).map(String::as_str);
        let given = match get("grant_type") {
            Some("authorization_code") => {
                let Some(code) = get("code") else { return bad("invalid_request", "code is missing") };
                let Some(verifier) = get("code_verifier") else {
                    return bad("invalid_request", "code_verifier is missing");
                };
                self.grants.exchange(code, &client, get("redirect_uri"), verifier, audience).await
            }
            Some("refresh_token") => {
                let Some(token) = get("refresh_token") else {
                    return bad("invalid_request", "refresh_token is missing");
                };
                let scopes = get("scope").map(|s| {
                    let known = s.split(' ').filter(|s| self.scopes().contains(s));
                    known.map(str::to_owned).collect::<Vec<_>>()
                });
                self.grants.refresh(token, &client, scopes.filter(|s| !s.is_empty()), audience).await
            }
            Some(_) => return bad("unsupported_grant_type", "grant_type must be authorization_code or refresh_token"),
            None => return bad("invalid_request", "grant_type is missing"),
        };
        match given {
            Ok(Tokens { access, refresh, expires_in, scopes }) => {
                let refreshed = get("grant_type") == Some("refresh_token");
                let grant = if refreshed { "refresh_token" } else { "authorization_code" };
                instruments().tokens_issued.add(1, &[label("mssql_mcp.grant", grant)]);
                self.audit
                    .event("token", &[("client_id", &client), ("grant_type", get("grant_type").unwrap_or_default())]);
                json_answer(
                    StatusCode::OK,
                    &json!({
                        "access_token": access,
                        "token_type": "Bearer",
                        "expires_in": expires_in,
                        "refresh_token": refresh,
                        "scope": scopes.join(" "),
                    }),
                )
            }
            // Who shows one that was good once did not make it up.
            Err(NoTokens::Replayed(why)) => {
                self.audit.event("token_denied", &[("client_id", &client), ("why", why)]);
                bad("invalid_grant", why)
            }
            Err(NoTokens::InvalidGrant(why)) => {
                self.audit.strange("token_denied", &[("client_id", &client), ("why", why)]);
                bad("invalid_grant", why)
            }
            Err(NoTokens::InvalidTarget) => bad("invalid_target", NOT_OURS),
            Err(NoTokens::InvalidScope) => bad("invalid_scope", "scope asks for more than was granted"),
            Err(NoTokens::Store(e)) => {
                denied("store");
                unavailable(&e)
            }
        }
    }

    /// RFC 7009: 200 whether or not there was such a token.
    async fn revoke(&self, r: &Request<'_>) -> Answer {
        let f = match Self::posted_form(r) {
            Ok(f) => f,
            Err(a) => return *a,
        };
        let client = match self.client(&f, r.headers).await {
            Ok(c) => c,
            Err(a) => return a,
        };
        let Some(token) = f.get("token") else {
            return oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "token is missing");
        };
        // Recorded as what it was: a token that is unknown or another's is answered alike, but nothing ended.
        let failed = |why: &str| self.audit.strange("revoke_failed", &[("client_id", &client), ("why", why)]);
        match self.grants.revoke_token(token, &client).await {
            Ok(ended) => {
                if ended {
                    self.audit.event("revoke", &[("client_id", &client)]);
                } else {
                    failed("no such token of this client");
                }
                json_answer(StatusCode::OK, &json!({}))
            }
            Err(e) => {
                failed("store");
                unavailable(&e)
            }
        }
    }

    // --- connected apps

    async fn apps(&self, r: &Request<'_>) -> Answer {
        let user = match self.signed_in(r.headers).await {
            Ok(Some(l)) => l.user,
            Ok(None) => return self.login(r.headers, "/apps", "", Purpose::Apps),
            Err(e) => return unavailable(&e),
        };
        let (csrf, revoked) = (self.csrf(r.headers), r.query == REVOKED);
        let page = match self.grants.of(&user).await {
            Ok(list) => pages::apps(&user, &list, |g| self.label_of(&g.audience).to_owned(), revoked, &csrf.0),
            Err(e) => return unavailable(&e),
        };
        self.with_csrf(html(StatusCode::OK, page, None), r.headers, &csrf)
    }

    /// Ends the browser's session here.
    async fn sign_out(&self, headers: &HeaderMap) -> Result<(), StoreError> {
        let cookie = cookie(headers, &self.cookie_name(headers, "login")).unwrap_or_default();
        self.records.remove(Kind::Login, &hashed(cookie)).await.map(drop)
    }

    async fn change_apps(&self, r: &Request<'_>) -> Answer {
        let f = match self.posted(r) {
            Ok(f) => f,
            Err(a) => return *a,
        };
        let what = f.get("do").map(String::as_str).unwrap_or_default();
        if what == "login" {
            return self.sign_in(r, &f, "/apps", "/apps", Purpose::Apps).await;
        }
        let user = match self.signed_in(r.headers).await {
            Ok(Some(l)) => l.user,
            Ok(None) => return redirect(StatusCode::SEE_OTHER, "/apps"),
            Err(e) => return unavailable(&e),
        };
        let done = async {
            // Only one's own.
            let all = self.grants.of(&user).await?;
            let named = f.get("grant").and_then(|id| all.iter().find(|(g, _)| g == id));
            Ok::<_, StoreError>(match (what, named) {
                ("ask", Some((id, grant))) => {
                    let csrf = self.csrf(r.headers);
                    let page = pages::revoke(id, grant, self.label_of(&grant.audience), &csrf.0);
                    self.with_csrf(html(StatusCode::OK, page, None), r.headers, &csrf)
                }
                ("revoke", Some((id, _))) => {
                    let given = [("principal", user.as_str()), ("grant", id)];
                    match self.grants.revoke(id).await {
                        Ok(_) => self.audit.event("grant_revoked", &given),
                        Err(e) => {
                            self.audit.event("revoke_failed", &[&given[..], &[("why", "store")]].concat());
                            return Err(e);
                        }
                    }
                    redirect(StatusCode::SEE_OTHER, &format!("/apps?{REVOKED}"))
                }
                ("logout", _) => {
                    self.sign_out(r.headers).await?;
                    redirect(StatusCode::SEE_OTHER, "/apps")
                }
                _ => redirect(StatusCode::SEE_OTHER, "/apps"),
            })
        };
        done.await.unwrap_or_else(|e| unavailable(&e))
    }
}
