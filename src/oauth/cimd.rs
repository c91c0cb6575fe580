//! Clients that are known by the URL of their metadata (Client ID Metadata Documents, as MCP
//! 2025-11-25 and later use them).
//!
//! The URL is a stranger's, so fetching it must not become a way into our own network: HTTPS
//! only, and see `fetch.rs`. A document is kept as long as its `Cache-Control` says, within
//! bounds; a failure for a moment. Whoever asks for one that is being fetched waits for it, and
//! few are fetched at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use http::{HeaderMap, header};
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::clients::Client;
use super::redirects::{Redirects, log_refused};
use crate::fetch::Getter;
use crate::net::{self, network};

const MAX_DOCUMENT: usize = 16 << 10;
/// Documents that are remembered at once.
const MOST: usize = 1000;
/// A document is remembered at least and at most for so many seconds.
const KEPT: (u64, u64) = (60, 24 * 3600);

/// A failure is remembered for so long: who comes back at once is told the same
/// without a second look.
const FAILED: Duration = Duration::from_secs(30);
/// Fetched at once: in all, for one network, and from one host. Where all are taken, one of the
/// network that has most makes room for one that has fewer.
const AT_ONCE: (usize, usize, usize) = (32, 4, 4);
/// A document that cannot be fetched again is good for so much longer.
const STALE: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Clone)]
pub(crate) struct Documents {
    getter: Getter,
    known: Arc<DashMap<String, (Got, Instant)>>,
    fetching: Arc<Fetching>,
}

/// A client, or why there is none, for the person.
type Got = Result<Client, String>;

/// Why there is no client.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NoClient {
    Wrong(String),
    /// Too many are being fetched.
    Busy,
}

/// What is being fetched.
#[derive(Debug, Default)]
struct Fetching(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    pending: HashMap<String, Weak<Pending>>,
    networks: HashMap<String, usize>,
    hosts: HashMap<String, usize>,
}

/// One that is, for as long as somebody waits for it.
#[derive(Debug)]
struct Pending {
    fetching: Arc<Fetching>,
    client_id: String,
    network: String,
    host: String,
    got: OnceCell<Got>,
    /// It has to make room.
    ended: CancellationToken,
}

impl Fetching {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place in what is being fetched, or the one that this document has.
    fn enter(
        self: &Arc<Self>,
        client_id: &str,
        host: &str,
        peer: Option<IpAddr>,
    ) -> Result<Arc<Pending>, NoClient> {
        let (network, host) = (peer.map_or(String::new(), network), host.to_ascii_lowercase());
        // Dropped after the state is free again, for which the end of one of them asks.
        let mut held: Vec<Arc<Pending>> = Vec::new();
        let mut state = self.state();
        if let Some(p) = state.pending.get(client_id).and_then(Weak::upgrade) {
            return Ok(p);
        }
        let (all, of_network, of_host) = AT_ONCE;
        let of = |m: &HashMap<String, usize>, k: &str| m.get(k).copied().unwrap_or_default();
        let mine = of(&state.networks, &network);
        if mine >= of_network || of(&state.hosts, &host) >= of_host {
            return Err(NoClient::Busy);
        }
        if state.pending.len() >= all {
            let most =
                state.networks.iter().max_by_key(|(_, n)| **n).filter(|(_, n)| **n > mine + 1);
            let most = most.map(|(most, _)| most.clone());
            held.extend(state.pending.values().filter_map(Weak::upgrade));
            let Some(one) = held.iter().find(|p| Some(&p.network) == most.as_ref()) else {
                return Err(NoClient::Busy);
            };
            state.pending.remove(&one.client_id);
            one.ended.cancel();
        }
        *state.networks.entry(network.clone()).or_default() += 1;
        *state.hosts.entry(host.clone()).or_default() += 1;
        let (fetching, client_id, got) = (self.clone(), client_id.to_owned(), OnceCell::new());
        let ended = CancellationToken::new();
        let pending =
            Arc::new(Pending { fetching, client_id: client_id.clone(), network, host, got, ended });
        state.pending.insert(client_id, Arc::downgrade(&pending));
        Ok(pending)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut state = self.fetching.state();
        // Another may have its name already: it came when nobody waited for this one any more.
        if state.pending.get(&self.client_id).is_some_and(|p| p.strong_count() == 0) {
            state.pending.remove(&self.client_id);
        }
        let leave = |m: &mut HashMap<String, usize>, k: &str| {
            if let Some(n) = m.get_mut(k) {
                *n -= 1;
                if *n == 0 {
                    m.remove(k);
                }
            }
        };
        leave(&mut state.networks, &self.network);
        leave(&mut state.hosts, &self.host);
    }
}

/// Whether a client id is meant as a URL.
pub(crate) fn is_url(client_id: &str) -> bool {
    client_id.starts_with("https://")
}

/// Whether a client id may be one: a URL that two readers read alike. Its host.
fn check(client_id: &str) -> Result<&str, &'static str> {
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
    let (host, _) = net::split(authority).ok_or("its host or port cannot be read")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    // Addresses have no place in a client's name; they would also be a way around DNS.
    if host.is_empty()
        || !host.chars().all(fits)
        || host.parse::<IpAddr>().is_ok()
        || !host.contains(|c: char| c.is_ascii_alphabetic())
    {
        return Err("its host must be a name");
    }
    Ok(host)
}

/// Life of a document from its headers.
fn kept(headers: &HeaderMap) -> u64 {
    let text = headers
        .get(header::CACHE_CONTROL)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let directives = || text.split(',').map(str::trim);
    if directives().any(|d| matches!(d, "no-store" | "no-cache")) {
        return KEPT.0;
    }
    let age = directives().find_map(|d| d.strip_prefix("max-age=")?.parse().ok());
    age.unwrap_or(300).clamp(KEPT.0, KEPT.1)
}

impl Documents {
    pub(crate) fn new(getter: Getter) -> Self {
        Self { getter, known: Arc::default(), fetching: Arc::default() }
    }

    /// The client that a URL names, for somebody at this address.
    pub(crate) async fn client(
        &self,
        client_id: &str,
        redirects: &Redirects,
        peer: Option<IpAddr>,
    ) -> Result<Client, NoClient> {
        let wrong = |why: &str| {
            format!(
                "The program's id {} does not lead to its description: {why}.",
                client_id.escape_debug()
            )
        };
        let host = check(client_id).map_err(|why| NoClient::Wrong(wrong(why)))?;
        let known = self.known.get(client_id).map(|k| k.clone());
        if let Some((got, _)) = known.as_ref().filter(|(_, until)| *until > Instant::now()) {
            return got.clone().map_err(NoClient::Wrong);
        }
        // What was read before is better than nothing, for a while.
        let stale = known
            .and_then(|(got, until)| Some((got.ok()?, until)))
            .filter(|(_, u)| u.elapsed() < STALE);
        let stale = |why| stale.as_ref().map(|(client, _)| client.clone()).ok_or(why);
        let pending = match self.fetching.enter(client_id, host, peer) {
            Ok(p) => p,
            Err(busy) => return stale(busy),
        };
        // By whoever comes first; if they leave, the next one begins again.
        let got = pending.ended.run_until_cancelled(pending.got.get_or_init(|| async {
            let (got, kept) = match self.fetch(client_id, redirects).await {
                Ok((client, kept)) => (Ok(client), kept),
                Err(why) => (Err(wrong(&why)), FAILED),
            };
            // Why it cannot be had now does not take the place of what it was.
            if got.is_ok() || stale(NoClient::Busy).is_err() {
                self.remember(client_id, &got, Instant::now() + kept);
            }
            got
        }));
        match got.await {
            Some(Ok(client)) => Ok(client.clone()),
            Some(Err(why)) => stale(NoClient::Wrong(why.clone())),
            None => stale(NoClient::Busy),
        }
    }

    async fn fetch(
        &self,
        client_id: &str,
        redirects: &Redirects,
    ) -> Result<(Client, Duration), String> {
        let got = self.getter.get(client_id, MAX_DOCUMENT).await?;
        Ok((read(client_id, &got.body, redirects)?, Duration::from_secs(kept(&got.headers))))
    }

    fn remember(&self, client_id: &str, got: &Got, until: Instant) {
        let now = Instant::now();
        if self.known.len() >= MOST {
            self.known.retain(|_, k| k.1 > now || k.0.is_ok() && k.1 + STALE > now);
        }
        // A flood of failures does not keep out what there is.
        if self.known.len() >= MOST && got.is_ok() {
            self.known.retain(|_, k| k.0.is_ok());
        }
        if self.known.len() < MOST {
            self.known.insert(client_id.to_owned(), (got.clone(), until));
        }
    }
}

fn read(client_id: &str, body: &[u8], redirects: &Redirects) -> Result<Client, String> {
    let v: Value = serde_json::from_slice(body).map_err(|_| "it is not JSON")?;
    let text = |k: &str| v.get(k).and_then(Value::as_str);
    if text("client_id") != Some(client_id) {
        return Err("the client_id in it is another".into());
    }
    let name: String = text("client_name")
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(100)
        .collect();
    if name.is_empty() {
        return Err("client_name is missing".into());
    }
    let (redirect_uris, refused) = redirects.keep(v.get("redirect_uris"))?;
    // A client that could prove itself by a key of its own, too, does without where a server
    // takes no keys: ChatGPT's.
    let without = v.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
    let public = matches!(text("token_endpoint_auth_method"), None | Some("none"))
        || without.is_some_and(|l| l.iter().any(|m| m == "none"));
    if v.get("client_secret").is_some() || !public {
        return Err(
            "a client of this kind has no secret: token_endpoint_auth_method must be none".into()
        );
    }
    log_refused(client_id, &refused);
    Ok(Client {
        name,
        redirect_uris,
        auth_method: "none".into(),
        secret: None,
        created: 0,
        used: true,
        network: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::config::{Config, Inputs};
    use crate::fetch::public;
    use crate::resolve::Lookup;

    #[test]
    fn ids_are_names_of_documents() {
        assert!(check("https://chatgpt.com/oauth/x/client.json").is_ok());
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
            "https://a.example:+80/c",
            "https://a b/c",
            "https:///c",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    /// An HTTPS server at one address, whose answer is given.
    async fn serve(answer: Vec<u8>, public: fn(IpAddr) -> bool) -> Documents {
        let made = rcgen::generate_simple_self_signed(vec!["client.example".to_owned()])
            .expect("certificate");
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
        Documents::new(Getter::with(lookup, public, roots))
    }

    fn document(id: &str) -> Value {
        json!({ "client_id": id, "client_name": "ChatGPT", "redirect_uris": ["https://chatgpt.com/cb"], "token_endpoint_auth_method": "none" })
    }

    fn ok(body: &str, more: &str) -> Vec<u8> {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{more}Content-Length: \
                 {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    #[tokio::test]
    async fn documents_are_fetched_checked_and_remembered() {
        const ID: &str = "https://client.example/client.json";
        let fixed = vec![("auth.redirect_hosts", "chatgpt.com".to_owned())];
        let hosts =
            Redirects::new(&Config::load(&Inputs { fixed, ..Inputs::default() }).expect("config"));
        let d = serve(ok(&document(ID).to_string(), ""), |_| true).await;
        let c = d.client(ID, &hosts, None).await.expect("a client");
        assert_eq!(
            (c.name.as_str(), c.redirect_uris[0].as_str()),
            ("ChatGPT", "https://chatgpt.com/cb")
        );
        assert_eq!(d.known.len(), 1);
        let mut other = document(ID);
        other["client_id"] = json!("https://client.example/other.json");
        let mut evil = document(ID);
        evil["redirect_uris"] = json!(["https://evil.com/cb"]);
        let mut both = document(ID);
        both["token_endpoint_auth_method"] = json!("private_key_jwt");
        let only_by_key = ok(&both.to_string(), "");
        both["token_endpoint_auth_methods_supported"] = json!(["none", "private_key_jwt"]);
        let d = serve(ok(&both.to_string(), ""), |_| true).await;
        assert!(d.client(ID, &hosts, None).await.is_ok(), "it can do without");
        let mut secret = document(ID);
        secret["client_secret"] = json!("x");
        for (answer, why) in [
            (ok(&other.to_string(), ""), "another"),
            (ok(&evil.to_string(), ""), "evil.com"),
            (ok(&secret.to_string(), ""), "no secret"),
            (only_by_key, "must be none"),
            (ok("{", ""), "not JSON"),
            (ok(&format!("\"{}\"", "x".repeat(5 << 20)), ""), "larger than"),
            (
                b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"
                    .to_vec(),
                "answers 302",
            ),
            (b"nonsense".to_vec(), "HTTP failed"),
        ] {
            let d = serve(answer, |_| true).await;
            let e = d.client(ID, &hosts, None).await.expect_err(why);
            assert!(matches!(&e, NoClient::Wrong(e) if e.contains(why)), "{e:?}");
        }
        // The same server behind a name that resolves to this machine.
        let d = serve(ok(&document(ID).to_string(), ""), public).await;
        let e = d.client(ID, &hosts, None).await.expect_err("private");
        assert!(matches!(e, NoClient::Wrong(e) if e.contains("public internet")));
    }

    fn slow(looked: &Arc<AtomicUsize>) -> Documents {
        let looked = looked.clone();
        let lookup: Lookup = Arc::new(move |_, _| {
            looked.fetch_add(1, Ordering::Relaxed);
            Box::pin(async {
                tokio::time::sleep(Duration::from_secs(3)).await;
                Err(std::io::Error::other("the name server is silent"))
            })
        });
        Documents::new(Getter::with(lookup, public, rustls::RootCertStore::empty()))
    }

    #[tokio::test(start_paused = true)]
    async fn few_documents_are_fetched_at_once_and_none_twice() {
        let hosts = Redirects::new(&Config::load(&Inputs::default()).expect("config"));
        let looked = Arc::new(AtomicUsize::new(0));
        let d = slow(&looked);
        let from = |n: u8| Some(IpAddr::from([198, 51, 100, n]));
        // A document that is being fetched, and one that could not be: one look for all.
        let all = (0..100).map(|n| d.client("https://one.example/c.json", &hosts, from(n)));
        assert!(
            futures_util::future::join_all(all)
                .await
                .iter()
                .all(|r| matches!(r, Err(NoClient::Wrong(_))))
        );
        assert!(matches!(
            d.client("https://one.example/c.json", &hosts, None).await,
            Err(NoClient::Wrong(_))
        ));
        assert_eq!(looked.swap(0, Ordering::Relaxed), 1);
        let tried = async |ids: Vec<(String, u8)>| {
            let all = ids.iter().map(|(id, n)| d.client(id, &hosts, from(*n)));
            let all = futures_util::future::join_all(all).await;
            assert_eq!(
                all.iter().filter(|r| matches!(r, Err(NoClient::Wrong(_)))).count(),
                looked.load(Ordering::Relaxed)
            );
            looked.swap(0, Ordering::Relaxed)
        };
        assert_eq!(
            tried((0..100).map(|n| (format!("https://a{n}.example/c"), 1)).collect()).await,
            AT_ONCE.1,
            "a network"
        );
        assert_eq!(
            tried((0..100).map(|n| (format!("https://b.example/c{n}"), n)).collect()).await,
            AT_ONCE.2,
            "a host"
        );
        assert_eq!(
            tried((0..100).map(|n| (format!("https://c{n}.example/c"), n)).collect()).await,
            AT_ONCE.0,
            "in all"
        );
        // Eight networks have all places: one that has none gets one.
        {
            let flood: Vec<_> =
                (0..32).map(|n| (format!("https://f{n}.example/c"), n / 4)).collect();
            let flood = futures_util::future::join_all(
                flood.iter().map(|(id, n)| d.client(id, &hosts, from(*n))),
            );
            tokio::pin!(flood);
            assert!(tokio::time::timeout(Duration::from_millis(1), &mut flood).await.is_err());
            let newcomer = d.client("https://new.example/c", &hosts, from(99));
            let (all, newcomer) = tokio::join!(flood, newcomer);
            assert!(matches!(newcomer, Err(NoClient::Wrong(_))), "it was looked up");
            assert_eq!(all.iter().filter(|r| matches!(r, Err(NoClient::Busy))).count(), 1);
        }
        // Nobody waits for them any more: their places are free.
        {
            let gone = (0..32).map(|n| {
                let (d, hosts) = (&d, &hosts);
                async move { d.client(&format!("https://d{n}.example/c"), hosts, from(n)).await }
            });
            let gone = futures_util::future::join_all(gone);
            assert!(tokio::time::timeout(Duration::from_millis(1), gone).await.is_err());
        }
        looked.store(0, Ordering::Relaxed);
        assert_eq!(tried(vec![("https://e.example/c".into(), 1)]).await, 1);
        assert!(d.fetching.state().pending.is_empty() && d.fetching.state().hosts.is_empty());
    }

    #[test]
    fn headers_say_how_long() {
        let age = |v: &str| {
            kept(&HeaderMap::from_iter([(header::CACHE_CONTROL, v.parse().expect("header"))]))
        };
        assert_eq!(
            (
                age("max-age=600"),
                age("public, max-age=5"),
                age("no-store"),
                age("max-age=999999999")
            ),
            (600, 60, 60, 86_400)
        );
        assert_eq!(kept(&HeaderMap::new()), 300);
    }
}
