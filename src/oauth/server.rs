//! The authorization server of the configuration: its state, where it is, and
//! which endpoint answers what.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap};
use http::{Method, StatusCode};
use mssql_mcp_middleware::rate_limit::{Limiter, Quota};

use super::answer::Answer;
use super::cimd::Documents;
use super::clients::Clients;
use super::error::OAuthError;
use super::external::External;
use super::grants::Grants;
use super::people::People;
use super::store::Records;
use crate::audit::Audit;
use crate::config::Config;
use crate::config::settings;
use crate::fetch::Getter;
use crate::principal::SCOPES;
use crate::route::{Endpoint, Place};
use mssql_mcp_sql::Access;

/// The largest form or registration.
pub(crate) const MAX_BODY: usize = 16 << 10;
/// Codes that one person may have made: so many at once, and one more each few seconds.
const CODES: Quota = Quota { burst: 20, every: Duration::from_secs(6) };

/// The authorization server, and what the resource server needs of it.
#[derive(Debug, Clone)]
pub struct Authority {
    pub(super) records: Records,
    pub(super) people: People,
    pub(super) grants: Grants,
    pub(super) public_url: Option<String>,
    pub(super) mounts: Arc<[Resource]>,
    pub(super) clients: Clients,
    pub(super) documents: Documents,
    /// Codes by person: what is pending is bounded for each.
    pub(super) codes: Arc<Limiter<String>>,
    pub(super) external: Option<External>,
    pub(super) audit: Audit,
}

/// A mount, as a protected resource: an audience of its own (RFC 8707).
#[derive(Debug)]
pub(super) struct Resource {
    /// Empty for the root.
    pub(super) path: String,
    /// What people know its database by.
    pub(super) label: String,
    /// What its access level lets run.
    pub(super) scopes: &'static [&'static str],
}

/// A request for sign-in.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a Method,
    /// What was asked for, and of which mount.
    pub(crate) place: Place,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    /// Read, up to [`MAX_BODY`].
    pub(crate) body: &'a [u8],
    pub(crate) peer: Option<IpAddr>,
}

impl Authority {
    /// Where it keeps its state.
    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// From the configuration, over an opened store.
    pub(crate) fn new(config: &Config, records: Records, audit: Audit) -> Self {
        let people = People::new(records.clone());
        let grants = Grants::new(
            records.clone(),
            people.clone(),
            config.get(settings::auth::ACCESS_TOKEN_TTL),
            config.get(settings::auth::REFRESH_TOKEN_TTL),
        );
        let public_url = config.public_url().map(str::to_owned);
        let name_servers: Vec<_> = config
            .get(settings::auth::NAME_SERVERS)
            .iter()
            .filter_map(|s| crate::resolve::server(s))
            .collect();
        let resource = |(path, c): (String, Config)| Resource {
            path,
            label: c.labels(),
            // Those of the classes that the access level lets run; the table is in that order.
            scopes: match c.highest_access() {
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
            external: (config.get(settings::auth::MODE) == settings::auth::AuthMode::External)
                .then(|| External::new(config)),
            audit,
        }
    }

    /// The clients of a new configuration; and whoever was recognised is looked up again.
    pub(crate) fn reload(&self, config: &Config) {
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
    pub(crate) fn has_pages(&self) -> bool {
        self.external.is_none()
    }

    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// People, for the commands.
    pub fn people(&self) -> &People {
        &self.people
    }

    /// Removes what has expired, from time to time.
    pub(crate) async fn sweep_forever(self) {
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

    /// The origin that the client typed: configured, or, on loopback without a
    /// configuration, the guarded `Host`.
    pub(super) fn origin(&self, headers: &HeaderMap) -> String {
        match &self.public_url {
            Some(u) => u.clone(),
            None => {
                format!(
                    "http://{}",
                    headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("localhost")
                )
            }
        }
    }

    pub(super) fn path_of(&self, at: Place) -> &str {
        at.mount.and_then(|m| self.mounts.get(m)).map_or("", |m| &m.path)
    }

    /// All scopes that some mount lets run.
    pub(super) fn scopes(&self) -> &'static [&'static str] {
        self.mounts.iter().map(|m| m.scopes).max_by_key(|s| s.len()).unwrap_or_default()
    }

    /// A scope as a client asks for it: an external issuer may have its own names.
    pub(super) fn outward(&self, scope: &str) -> String {
        self.external.as_ref().map_or_else(|| scope.to_owned(), |e| e.theirs(scope))
    }

    /// Answers a request to one of the endpoints of sign-in.
    pub(crate) async fn answer(&self, r: Request<'_>) -> Answer {
        self.dispatch(&r).await.unwrap_or_else(|e| self.respond(&r, e))
    }

    /// An error, as whoever asked can read it.
    pub(super) fn respond(&self, r: &Request<'_>, e: OAuthError) -> Answer {
        e.into_answer(|uri, with| self.send_back(r, uri, with))
    }

    async fn dispatch(&self, r: &Request<'_>) -> Result<Answer, OAuthError> {
        let endpoint = r.place.endpoint;
        // People sign in elsewhere; only the resource is described here.
        if self.external.is_some() && !matches!(endpoint, Endpoint::Resource(_)) {
            return Err(OAuthError::elsewhere(
                "sign-in is at the issuer that the resource metadata names",
            ));
        }
        let get = matches!(*r.method, Method::GET | Method::HEAD);
        let post = *r.method == Method::POST;
        match endpoint {
            Endpoint::Server if get => Ok(self.server_metadata(r.headers)),
            Endpoint::Resource(_) if get => Ok(self.resource_metadata(r)),
            Endpoint::Register if post => self.register(r).await,
            Endpoint::Authorize if get => self.authorize(r).await,
            Endpoint::Authorize if post => self.authorize_form(r).await,
            Endpoint::Token if post => self.token(r).await,
            Endpoint::Revoke if post => self.revoke(r).await,
            Endpoint::Apps if get => self.apps(r).await,
            Endpoint::Apps if post => self.apps_form(r).await,
            _ => Err(OAuthError::Json {
                status: StatusCode::METHOD_NOT_ALLOWED,
                error: "invalid_request",
                description: "this method is not for this path".into(),
                wait: None,
            }),
        }
    }

    /// What people know the database of a mount by.
    pub(super) fn label_of(&self, mount: &str) -> &str {
        self.mounts.iter().find(|m| m.path == mount).map_or("(no longer here)", |m| &m.label)
    }

    /// This server, as it was typed.
    pub(super) fn server(&self, headers: &HeaderMap) -> String {
        let o = self.origin(headers);
        o.split_once("://").map_or(o.clone(), |(_, host)| host.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::lab::{Lab, ORIGIN, PASSWORD, at, headers};

    #[tokio::test]
    async fn each_endpoint_takes_its_methods() {
        let lab = Lab::new().await;
        let none = HeaderMap::new();
        let status = async |method: &Method, endpoint| {
            lab.send(method.clone(), at(endpoint), "", &none, b"").await.status
        };
        for (endpoint, get, post) in [
            (Endpoint::Server, 200, 405),
            (Endpoint::Resource(""), 200, 405),
            (Endpoint::Register, 405, 400),
            (Endpoint::Authorize, 400, 400),
            (Endpoint::Token, 405, 400),
            (Endpoint::Revoke, 405, 400),
            (Endpoint::Apps, 200, 400),
        ] {
            assert_eq!(status(&Method::GET, endpoint).await, get, "GET {endpoint:?}");
            assert_eq!(status(&Method::HEAD, endpoint).await, get, "HEAD {endpoint:?}");
            assert_eq!(status(&Method::POST, endpoint).await, post, "POST {endpoint:?}");
            assert_eq!(status(&Method::PUT, endpoint).await, 405, "PUT {endpoint:?}");
        }
    }

    #[tokio::test]
    async fn the_origin_is_configured_or_the_guarded_host() {
        let host = headers(&[(header::HOST, "127.0.0.1:8008")]);
        let lab = Lab::new().await;
        assert_eq!(lab.authority.origin(&host), ORIGIN);
        assert_eq!(lab.authority.server(&host), "mcp.example.com");
        let lab = Lab::with(&[("http.public_url", "")]).await;
        assert_eq!(lab.authority.origin(&host), "http://127.0.0.1:8008");
        assert_eq!(lab.authority.origin(&HeaderMap::new()), "http://localhost");
        assert!(lab.authority.has_pages());
    }

    #[tokio::test]
    async fn a_mount_has_its_path_its_label_and_its_scopes() {
        let lab = Lab::with(&[("database.label", "Sales")]).await;
        let path = |mount| lab.authority.path_of(Place { mount, endpoint: Endpoint::Mcp });
        assert_eq!((path(None), path(Some(0)), path(Some(1))), ("", "", "/demo"));
        assert_eq!(lab.authority.label_of("/demo"), "Sales");
        assert_eq!(lab.authority.label_of("/gone"), "(no longer here)");
        for (level, n) in [("read-only", 1), ("read-write", 2), ("full", 4)] {
            let lab = Lab::with(&[("access.level", level)]).await;
            assert_eq!(lab.authority.scopes(), &SCOPES[..n], "{level}");
        }
    }

    #[tokio::test]
    async fn with_another_issuer_only_the_resource_is_described() {
        let issuer = [("auth.mode", "external"), ("auth.issuer", "https://issuer.example.com")];
        let mut lab = Lab::with(&issuer).await;
        assert!(!lab.authority.has_pages());
        for endpoint in [Endpoint::Server, Endpoint::Authorize, Endpoint::Apps] {
            let reply = lab.visit(endpoint, "").await;
            assert_eq!(reply.error(), (404, "not_found".into()), "{endpoint:?}");
        }
        for endpoint in [Endpoint::Token, Endpoint::Register, Endpoint::Revoke] {
            assert_eq!(lab.post(endpoint, &[]).await.status, 404, "{endpoint:?}");
        }
        let said = lab.visit(Endpoint::Resource("/mcp"), "").await.json();
        assert_eq!(said["authorization_servers"][0], "https://issuer.example.com");
    }

    #[tokio::test]
    async fn after_a_reload_everybody_is_looked_up_again() {
        let mut lab = Lab::new().await;
        let client = lab.client().await;
        lab.sign_in("ada", PASSWORD).await;
        let tokens = lab.tokens(&client).await;
        let access = tokens["access_token"].as_str().expect("one").to_owned();
        assert!(lab.is_good(&access).await);
        assert!(lab.authority.grants().known(&access, "").is_some());
        let config = Config::load(&crate::config::Inputs::default()).expect("valid");
        lab.authority.reload(&config);
        assert!(lab.authority.grants().known(&access, "").is_none());
        assert!(lab.is_good(&access).await, "it is as good as before");
    }

    #[tokio::test(start_paused = true)]
    async fn the_store_is_swept_once_a_minute() {
        let lab = Lab::new().await;
        let sweeping = tokio::spawn(lab.authority.clone().sweep_forever());
        tokio::time::sleep(Duration::from_secs(5)).await;
        let sweeps = || lab.store().sweeps.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(sweeps(), 1, "at the start");
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(sweeps(), 3);
        sweeping.abort();
    }
}
