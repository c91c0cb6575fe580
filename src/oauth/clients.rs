//! Clients: dynamic registration (RFC 7591), those of the configuration, and which
//! redirect URIs are theirs.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use mssql_mcp_middleware::rate_limit::{Limiter, Quota};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::redirects::{Redirects, log_refused};
use super::store::{FOREVER, RecordKind, Records, StoreError, now};
use crate::config::settings;
use crate::config::{Config, Registered};
use crate::net::{network, site};
use crate::secret::{hashed, secret};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Client {
    /// For people; chosen by the client.
    pub(crate) name: String,
    /// Where codes may go.
    pub(crate) redirect_uris: Vec<String>,
    /// `none`, `client_secret_post` or `client_secret_basic`.
    pub(crate) auth_method: String,
    /// SHA-256 of its secret.
    pub(crate) secret: Option<String>,
    pub(crate) created: u64,
    /// Somebody has signed in through it.
    pub(crate) used: bool,
    /// From where it was registered, hashed: whoever floods makes room at their own expense.
    #[serde(default)]
    pub(crate) network: String,
}

/// Why a registration is refused (RFC 7591 §3.2.2).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refused {
    /// `invalid_redirect_uri`, `invalid_client_metadata` or `temporarily_unavailable`.
    pub(crate) error: &'static str,
    pub(crate) description: String,
    /// When it could go better, if that is known.
    pub(crate) wait: Option<Duration>,
}

/// All clients but those that are known by their URL (`cimd.rs`).
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    records: Records,
    configured: Arc<ArcSwap<Vec<Registered>>>,
    redirects: Redirects,
    /// New registrations by network.
    limiter: Arc<Limiter<String>>,
    most: usize,
    /// How many there is room for, as it was last counted.
    left: Arc<Mutex<usize>>,
}

/// A client that nobody has signed in through is forgotten after this.
const UNUSED: u64 = 24 * 3600;
/// Networks whose registrations are counted at once.
const NETWORKS: usize = 10_000;
impl Clients {
    /// The clients of a new configuration.
    pub(crate) fn reload(&self, config: &Config) {
        self.configured.store(Arc::new(config.clients().to_vec()));
    }

    /// From the configuration, over an opened store.
    pub(crate) fn new(records: Records, config: &Config) -> Self {
        let quota =
            Quota::per(config.get(settings::auth::REGISTRATIONS) as u32, Duration::from_secs(3600));
        Self {
            records,
            configured: Arc::new(ArcSwap::from_pointee(config.clients().to_vec())),
            redirects: Redirects::new(config),
            limiter: Arc::new(Limiter::new(quota, NETWORKS)),
            most: config.get(settings::auth::MAX_CLIENTS) as usize,
            left: Arc::default(),
        }
    }

    /// Forgets networks that may register as many as ever.
    pub(crate) fn sweep(&self) {
        self.limiter.sweep();
    }

    /// Where clients may have codes sent to.
    pub(crate) fn redirects(&self) -> &Redirects {
        &self.redirects
    }

    /// Whether the operator wrote it into the configuration.
    pub(crate) fn is_configured(&self, id: &str) -> bool {
        self.configured.load().iter().any(|c| c.id == id)
    }

    /// The client of an id.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Client>, StoreError> {
        if let Some(c) = self.configured.load().iter().find(|c| c.id == id) {
            let secret = c.secret.as_deref().map(hashed);
            let auth_method =
                if secret.is_some() { "client_secret_basic" } else { "none" }.to_owned();
            let (name, redirect_uris) = (c.name.clone(), c.redirect_uris.clone());
            return Ok(Some(Client {
                name,
                redirect_uris,
                auth_method,
                secret,
                created: 0,
                used: true,
                network: String::new(),
            }));
        }
        Ok(self.records.get::<Client>(RecordKind::Client, id).await?.map(|c| c.0))
    }

    /// Somebody signed in through it: it is kept.
    pub(crate) async fn keep(&self, id: &str) -> Result<(), StoreError> {
        if let Some((mut c, was)) = self.records.get::<Client>(RecordKind::Client, id).await?
            && !c.used
        {
            c.used = true;
            self.records.replace(RecordKind::Client, id, &was, &c, FOREVER).await?;
        }
        Ok(())
    }

    /// Room for one more from this network, if it may register one.
    async fn room(&self, peer: Option<IpAddr>) -> Result<Result<(), Refused>, StoreError> {
        let busy = |description: String, wait| Refused {
            error: "temporarily_unavailable",
            description,
            wait,
        };
        if let Err(wait) = self.limiter.check(peer.map_or(String::new(), network), 1) {
            let text = format!(
                "too many new clients from your network (auth.registrations); try again in {} s",
                wait.as_secs() + 1
            );
            return Ok(Err(busy(text, Some(wait))));
        }
        // One walk over all of them at a time.
        let mut left = self.left.lock().await;
        if *left == 0 {
            *left = self.make_room().await?;
        }
        if *left == 0 {
            let text = "too many clients are registered and in use (auth.max_clients)".to_owned();
            return Ok(Err(busy(text, Some(Duration::from_secs(3600)))));
        }
        *left -= 1;
        Ok(Ok(()))
    }

    /// How many may be registered before it is counted again. Where there is no room, a twentieth
    /// of the unused ones go (one at least): always the oldest of the network that has most of
    /// them, so that a flood pushes out itself and not a newcomer.
    async fn make_room(&self) -> Result<usize, StoreError> {
        let all = self.records.list::<Client>(RecordKind::Client).await?;
        let room = self.most.saturating_sub(all.len());
        if room > 0 {
            // Other replicas register, too.
            return Ok(room.min(self.most / 20 + 1));
        }
        let mut unused: HashMap<String, Vec<(u64, String)>> = HashMap::new();
        for (id, c) in all.into_iter().filter(|(_, c)| !c.used) {
            unused.entry(c.network).or_default().push((c.created, id));
        }
        // The oldest last.
        unused.values_mut().for_each(|of| of.sort_by(|a, b| b.cmp(a)));
        let mut made = 0;
        while made < (self.most / 20).max(1) {
            let age = |of: &Vec<(u64, String)>| (of.len(), Reverse(of.last().map(|c| c.0)));
            let Some((_, id)) = unused.values_mut().max_by_key(|of| age(of)).and_then(Vec::pop)
            else {
                break;
            };
            self.records.remove(RecordKind::Client, &id).await?;
            made += 1;
        }
        if made > 0 {
            tracing::warn!(
                made,
                "auth.max_clients is reached; unused clients are forgotten, those of the busiest \
                 network first"
            );
        }
        Ok(made)
    }

    /// Registers a client; the answer's body. A public client that registers twice is the same one.
    pub(crate) async fn register(
        &self,
        body: &Value,
        peer: Option<IpAddr>,
    ) -> Result<Result<Value, Refused>, StoreError> {
        let (client, refused) = match read(body, &self.redirects) {
            Ok(c) => c,
            Err(r) => return Ok(Err(r)),
        };
        let created = now();
        let (id, plain) = if client.auth_method == "none" {
            // The same metadata, the same client: hosts register anew at every connect.
            let mut sorted = client.redirect_uris.clone();
            sorted.sort();
            (format!("dcr_{}", &hashed(&json!([client.name, sorted]).to_string())[..32]), None)
        } else {
            (secret("dcr_"), Some(secret("mcs_")))
        };
        if self.records.get::<Client>(RecordKind::Client, &id).await?.is_none() {
            if let Err(r) = self.room(peer).await? {
                return Ok(Err(r));
            }
            let network = hashed(&peer.map_or(String::new(), site))[..12].to_owned();
            let client =
                Client { secret: plain.as_deref().map(hashed), created, network, ..client.clone() };
            self.records.insert(RecordKind::Client, &id, &client, created + UNUSED).await?;
            log_refused(&client.name, &refused);
        }
        let mut answer = json!({
            "client_id": id,
            "client_id_issued_at": created,
            "redirect_uris": client.redirect_uris,
            "token_endpoint_auth_method": client.auth_method,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
        });
        for k in [
            "client_name",
            "client_uri",
            "scope",
            "application_type",
            "software_id",
            "software_version",
        ] {
            if let Some(v) = body.get(k).filter(|v| v.as_str().is_some_and(|s| s.len() <= 2000)) {
                answer[k] = v.clone();
            }
        }
        if let Some(s) = plain {
            answer["client_secret"] = s.into();
            answer["client_secret_expires_at"] = 0.into();
        }
        Ok(Ok(answer))
    }
}

/// Reads what a client says of itself; with it, why some of its redirect URIs are left out.
fn read(body: &Value, redirects: &Redirects) -> Result<(Client, Vec<String>), Refused> {
    let bad = |description: String| {
        Err(Refused { error: "invalid_client_metadata", description, wait: None })
    };
    let Some(o) = body.as_object() else { return bad("the body must be a JSON object".into()) };
    let (redirect_uris, refused) =
        redirects.keep(o.get("redirect_uris")).map_err(|description| Refused {
            error: "invalid_redirect_uri",
            description,
            wait: None,
        })?;
    let text = |k: &str| o.get(k).and_then(Value::as_str).unwrap_or_default();
    let name: String = text("client_name").chars().filter(|c| !c.is_control()).take(100).collect();
    let auth_method = match o
        .get("token_endpoint_auth_method")
        .filter(|m| !m.is_null())
        .map(|m| m.as_str().unwrap_or("?"))
    {
        None => "client_secret_basic",
        Some(m @ ("none" | "client_secret_post" | "client_secret_basic")) => m,
        Some(_) => {
            return bad("token_endpoint_auth_method must be none, client_secret_post or \
                        client_secret_basic"
                .into());
        }
    };
    let list = |k: &str| {
        o.get(k)
            .and_then(Value::as_array)
            .map(|l| l.iter().filter_map(Value::as_str).collect::<Vec<_>>())
    };
    if list("response_types").is_some_and(|l| !l.contains(&"code")) {
        return bad("response_types must have code".into());
    }
    if list("grant_types").is_some_and(|l| !l.contains(&"authorization_code")) {
        return bad("grant_types must have authorization_code".into());
    }
    let name = if name.is_empty() { "unnamed client".into() } else { name };
    let auth_method = auth_method.to_owned();
    Ok((
        Client {
            name,
            redirect_uris,
            auth_method,
            secret: None,
            created: 0,
            used: false,
            network: String::new(),
        },
        refused,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Inputs;
    use crate::oauth::store::Memory;
    use crate::redirect_uri::matches;

    fn clients(more: &[(&'static str, &str)]) -> Clients {
        let fixed = more.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        let config = Config::load(&Inputs { fixed, ..Inputs::default() }).expect("config");
        Clients::new(Records::new(Memory::default()), &config)
    }

    #[test]
    fn redirects_are_compared_whole() {
        let here = Redirects {
            hosts: ["claude.ai".to_owned()].into(),
            schemes: ["cursor".to_owned()].into(),
        };
        for good in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://CLAUDE.AI/cb",
            "http://localhost:1234/callback",
            "http://127.0.0.1/callback",
            "http://[::1]:8/cb",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "cursor:/cb",
            "cursor:///cb",
        ] {
            assert_eq!(here.check(good), Ok(()), "{good}");
        }
        for bad in [
            "https://evilclaude.ai/cb",
            "https://claude.ai.evil.com/cb",
            "https://claude.ai@evil.com/cb",
            "https://evil.com\\@claude.ai/cb",
            "http://claude.ai/cb",
            "https://claude.ai/cb#x",
            "javascript://claude.ai/%0aalert(1)",
            "vscode://vscode.github-authentication/did-authenticate",
            "Cursor://anysphere.cursor-mcp/cb",
            "cursorx://anysphere.cursor-mcp/cb",
            "cursor:cb",
            "cursor://u@anysphere.cursor-mcp/cb",
            "data:/cb",
            "https:/claude.ai/cb",
            "https:///cb",
            "https://claude.ai:port/cb",
            "https://claude.ai/a b",
            "//claude.ai/cb",
            "http://localhost.evil.com/cb",
            "http://[::1].evil.com/cb",
            "http://[::1]x/cb",
            "http://[::1]:+80/cb",
            "http://localhost:+80/cb",
            "http://localhost:/cb",
            "https://[claude.ai]/cb",
        ] {
            assert!(here.check(bad).is_err(), "{bad}");
        }
        assert!(matches("https://claude.ai/cb", "https://claude.ai/cb"));
        for other in [
            "https://claude.ai/cb/",
            "https://claude.ai/CB",
            "https://claude.ai:444/cb",
            "https://claude.ai/cb?x=1",
            "http://claude.ai/cb",
        ] {
            assert!(!matches("https://claude.ai/cb", other), "{other}");
        }
        assert!(matches("http://localhost:1/callback", "http://localhost:65000/callback"));
        assert!(matches("http://127.0.0.1/callback", "http://127.0.0.1:65000/callback"));
        assert!(
            matches("http://127.0.0.1/", "http://127.0.0.1:33418")
                && matches("http://127.0.0.1", "http://127.0.0.1:1/")
        );
        assert!(!matches("https://claude.ai/", "https://claude.ai"), "elsewhere to the letter");
        assert!(
            !matches("cursor://a/cb", "cursor://b/cb")
                && !matches("cursor://localhost:1/cb", "cursor://localhost:2/cb")
        );
        for other in [
            "http://127.0.0.1:1/callback",
            "http://localhost:1/other",
            "https://localhost:1/callback",
            "http://localhost:1/callback?x",
        ] {
            assert!(!matches("http://localhost:1/callback", other), "{other}");
        }
    }

    #[tokio::test]
    async fn registration_says_what_is_missing_and_knows_a_client_again() {
        let c = clients(&[]);
        let error =
            async |b: Value| c.register(&b, None).await.expect("store").expect_err("refused").error;
        assert_eq!(error(json!({ "client_name": "test" })).await, "invalid_redirect_uri");
        assert_eq!(
            error(json!({ "redirect_uris": ["https://evil.com/"] })).await,
            "invalid_redirect_uri"
        );
        assert_eq!(
            error(json!({ "redirect_uris": ["https://claude.ai/"], "token_endpoint_auth_method": "private_key_jwt" }))
                .await,
            "invalid_client_metadata"
        );
        assert_eq!(error(json!([])).await, "invalid_client_metadata");
        let ok = async |b: Value| c.register(&b, None).await.expect("store").expect("registered");
        let public = json!({ "client_name": "Claude", "redirect_uris": ["https://claude.ai/cb"], "token_endpoint_auth_method": "none" });
        let (a, b) = (ok(public.clone()).await, ok(public).await);
        assert_eq!(a["client_id"], b["client_id"]);
        assert!(a.get("client_secret").is_none());
        let c = ok(json!({ "redirect_uris": ["https://claude.ai/cb"] })).await;
        assert!(c["client_secret"].as_str().is_some_and(|s| s.len() > 43));
    }

    #[tokio::test]
    async fn a_flood_of_registrations_meets_two_limits() {
        let c = clients(&[("auth.registrations", "30"), ("auth.max_clients", "50")]);
        let body = |n: u32| json!({ "client_name": n.to_string(), "redirect_uris": ["https://claude.ai/cb"], "token_endpoint_auth_method": "none" });
        let from = |n: u8| Some(IpAddr::from([198, 51, 100, n]));
        for n in 0..30 {
            assert!(c.register(&body(n), from(1)).await.expect("store").is_ok());
        }
        let r = c.register(&body(30), from(1)).await.expect("store").expect_err("refused");
        assert!(
            r.error == "temporarily_unavailable"
                && r.wait.is_some_and(|w| w > Duration::from_secs(100)),
            "{r:?}"
        );
        assert!(
            c.register(&body(7), from(1)).await.expect("store").is_ok(),
            "who is known is not new"
        );
        // From many networks at once: the flood gives way to them.
        let mut newcomers = Vec::new();
        for n in 0..48 {
            let id =
                c.register(&body(100 + n), from(10 + n as u8)).await.expect("store").expect("room");
            newcomers.push(id["client_id"].as_str().expect("id").to_owned());
        }
        let all = async || c.records.list::<Client>(RecordKind::Client).await.expect("store");
        assert!(all().await.len() <= 50);
        for id in &newcomers {
            assert!(c.find(id).await.expect("store").is_some(), "the flood went first");
        }
        // Clients in use are forgotten for nobody.
        for (id, _) in all().await {
            c.keep(&id).await.expect("store");
        }
        for n in 0..60 {
            let _ = c.register(&body(200 + n), from(100 + n as u8)).await.expect("store");
        }
        for id in &newcomers {
            assert!(c.find(id).await.expect("store").is_some());
        }
        for (id, _) in all().await {
            c.keep(&id).await.expect("store");
        }
        *c.left.lock().await = 0;
        let r = c.register(&body(300), from(200)).await.expect("store").expect_err("refused");
        assert!(all().await.len() == 50 && r.description.contains("in use"), "{r:?}");
    }
}
