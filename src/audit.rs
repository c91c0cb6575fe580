//! Who did what: a start and an end record for each tool call, and one for each sign-in,
//! consent, grant, revocation and command, in a chain that can be verified offline.
//! `docs/audit-record.md` is the format.
//!
//! Room for both records of a call is reserved before it runs, so that its end can always be
//! written, by `Drop` if need be; that is also where the policy decides about a call that there
//! is no room for.

pub(crate) mod chain;
mod layer;
pub mod log;
mod record;
pub mod verify;
mod writer;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use mssql_mcp_middleware::rate_limit::{Limiter, Quota};
use mssql_mcp_transports::McpRequest;
use tokio::sync::mpsc;

use crate::config::Config;
use crate::config::settings::{
    self,
    audit::{Policy, Texts},
};
use crate::facts::{CallFacts, Named};
use crate::principal::Principal;
use crate::telemetry::metrics::gauge;
pub use layer::AuditLayer;
use layer::AuditMount;
use log::{Entry, Log, Options, quoted, time};
use record::Start;

/// The audit, or none.
#[derive(Debug, Clone, Default)]
pub struct Audit(Option<Arc<Inner>>, Arc<Strangers>);

/// Events that people who are not signed in cause, by name: how many were left out since the last
/// one that was written.
#[derive(Debug)]
struct Strangers {
    quota: Limiter<&'static str>,
    left_out: Mutex<BTreeMap<&'static str, u64>>,
}

/// So many of a kind at once, and then five a second: a flood of them fills neither the disk nor
/// the queue that calls wait for.
const STRANGERS: Quota = Quota { burst: 100, every: Duration::from_millis(200) };

/// Characters of each of their fields.
const MAX_STRANGE: usize = 500;

impl Default for Strangers {
    fn default() -> Self {
        Self { quota: Limiter::new(STRANGERS, 16), left_out: Mutex::default() }
    }
}

#[derive(Debug)]
struct Inner {
    log: Log,
    policy: Policy,
    wait: Duration,
    texts: Texts,
    next: AtomicU64,
}

// === impl Audit ===

impl Audit {
    /// Off, unless `audit.dir` is set.
    pub fn open(config: &Config, series: &'static str) -> Result<Self, String> {
        let dir = config.get(settings::audit::DIR);
        if dir.is_empty() {
            return Ok(Self::default());
        }
        let log = Log::open(Options {
            dir: dir.into(),
            series,
            fsync: config.get(settings::audit::FSYNC),
            max_size: config.get(settings::audit::ROTATE_SIZE),
            checkpoint_every: config.get(settings::audit::CHECKPOINT_EVERY),
        })?;
        let watched = log.clone();
        gauge("mssql_mcp.audit.queue", move |put| {
            put((watched.queue().max_capacity() - watched.queue().capacity()) as u64, &[]);
        });
        let watched = log.clone();
        gauge("mssql_mcp.audit.broken", move |put| {
            put(watched.state().broken.load(Ordering::Relaxed).into(), &[])
        });
        let inner = Inner {
            log,
            policy: config.get(settings::audit::POLICY),
            wait: config.get(settings::audit::WAIT),
            texts: config.get(settings::audit::TEXT),
            next: AtomicU64::new(1),
        };
        Ok(Self(Some(Arc::new(inner)), Arc::default()))
    }

    /// Something that somebody caused who is not signed in. Of a flood some are written, with
    /// how many were not.
    pub(crate) fn strange(&self, event: &'static str, fields: &[(&str, &str)]) {
        let mut left_out = self.1.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        let before = left_out.entry(event).or_default();
        if self.1.quota.check(event, 1).is_err() {
            *before += 1;
            return;
        }
        let before = std::mem::take(before);
        drop(left_out);
        // What they wrote is theirs, and so of any length.
        let mut fields: Vec<(&str, String)> =
            fields.iter().map(|(k, v)| (*k, v.chars().take(MAX_STRANGE).collect())).collect();
        fields.extend((before > 0).then(|| ("left_out", before.to_string())));
        self.event(event, &fields.iter().map(|(k, v)| (*k, v.as_str())).collect::<Vec<_>>());
    }

    /// Something that is no call: who signed in, what was granted. It is logged too,
    /// under the target `audit`.
    pub(crate) fn event(&self, event: &str, fields: &[(&str, &str)]) {
        let mut record = format!("\"time\":\"{}\",\"event\":{}", time(), quoted(event));
        for (k, v) in fields {
            let _ = write!(record, ",{}:{}", quoted(k), quoted(v));
        }
        tracing::info!(target: "audit", record = format_args!("{{{record}}}"));
        if let Some(a) = &self.0
            && a.log.queue().try_send(Entry::Record(Box::new(record))).is_err()
        {
            a.log.state().lost(1);
        }
    }

    /// Whether calls are refused now, because they cannot be recorded (policy `fail-closed`).
    pub(crate) fn refuses(&self) -> bool {
        self.0.as_ref().is_some_and(|a| {
            a.policy == Policy::FailClosed && a.log.state().broken.load(Ordering::Relaxed)
        })
    }

    /// Writes what is left.
    pub async fn close(&self) {
        if let Some(a) = &self.0 {
            a.log.close().await;
        }
    }

    /// Records that were lost for want of room.
    pub fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |a| a.log.state().dropped.load(Ordering::Relaxed))
    }
}

impl Inner {
    /// Room for the two records of a call: none where the call may run without (policy `drop`), an
    /// error where it may not.
    async fn room(&self) -> Result<Option<[mpsc::OwnedPermit<Entry>; 2]>, ()> {
        let queue = self.log.queue();
        if let (Ok(a), Ok(b)) =
            (queue.clone().try_reserve_owned(), queue.clone().try_reserve_owned())
        {
            return Ok(Some([a, b]));
        }
        if self.policy == Policy::Drop {
            self.log.state().lost(2);
            return Ok(None);
        }
        let both = async {
            Ok::<_, mpsc::error::SendError<()>>([
                queue.clone().reserve_owned().await?,
                queue.clone().reserve_owned().await?,
            ])
        };
        match tokio::time::timeout(self.wait, both).await {
            Ok(Ok(both)) => Ok(Some(both)),
            _ => Err(()),
        }
    }

    fn start(&self, r: &McpRequest, id: u64, place: &Arc<AuditMount>) -> Box<Start> {
        Box::new(Start {
            at: Utc::now(),
            id,
            principal: r.context.extensions.get::<Arc<Principal>>().cloned(),
            client: r.context.client.clone(),
            transport: r.context.transport,
            place: place.clone(),
            source: r.context.extensions.get().cloned().or_else(|| place.usual.clone()),
            tool: layer::what(r),
            named: r.context.extensions.get::<Arc<Named>>().cloned().unwrap_or_default(),
            trace: r.context.extensions.get::<Arc<CallFacts>>().and_then(|f| f.trace()),
            texts: self.texts,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use mssql_mcp_middleware::catch_panic::CatchPanicLayer;
    use mssql_mcp_middleware::rescue::RescueLayer;
    use mssql_mcp_transports::bare_context;
    use mssql_mcp_transports::{Cancel, Outcome, ProtocolVersion, ToolReply};
    use tower::{ServiceBuilder, ServiceExt};

    use super::*;
    use crate::config::Inputs;
    use crate::database::{Database, Settings};
    use crate::rescue;
    use crate::sources::DataSources;

    fn call(tool: &str) -> McpRequest {
        let mut extensions = http::Extensions::new();
        extensions.insert(Arc::new(CallFacts::default()));
        let context =
            bare_context("http", ProtocolVersion::V2025_11_25, extensions, Cancel::default());
        McpRequest {
            id: None,
            method: "tools/call".into(),
            target: Some(tool.into()),
            params: None,
            context,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_strangers_leaves_a_count() {
        let dir = std::env::temp_dir().join(format!("mssql-mcp-strange-{}", std::process::id()));
        let fixed = vec![("audit.dir", dir.display().to_string())];
        let config =
            Config::load(&crate::config::Inputs { fixed, ..Default::default() }).expect("config");
        let audit = Audit::open(&config, "audit").expect("audit");
        let long = "x".repeat(60_000);
        for _ in 0..10_000 {
            audit.strange("token_refused", &[("mount", "/demo")]);
        }
        audit.strange("sign_in_failed", &[("principal", &long)]);
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..10 {
            audit.strange("token_refused", &[("mount", "/demo")]);
        }
        // Time stands still here, and so closing would wait for nothing.
        let read =
            || std::fs::read_to_string(dir.join("audit-000000000001.jsonl")).unwrap_or_default();
        while read().lines().count() < 107 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let text = read();
        audit.close().await;
        std::fs::remove_dir_all(&dir).expect("clean");
        let of = |event: &str| text.lines().filter(|l| l.contains(event)).collect::<Vec<_>>();
        let refused = of("token_refused");
        assert_eq!((refused.len(), of("sign_in_failed").len()), (105, 1));
        assert!(
            refused[100].contains("\"left_out\":\"9900\"") && !refused[101].contains("left_out"),
            "{}",
            refused[100]
        );
        assert!(text.len() < 40_000, "{} bytes", text.len());
    }

    /// The endings that cannot be had from outside: a bug, and a future that is dropped.
    #[tokio::test]
    async fn a_panic_and_an_abandoned_call_have_their_ends() {
        let dir = std::env::temp_dir().join(format!("mssql-mcp-audit-unit-{}", std::process::id()));
        let fixed = vec![
            ("audit.dir", dir.display().to_string()),
            ("database.host", "127.0.0.1".to_owned()),
        ];
        let config = Config::load(&Inputs { fixed, ..Inputs::default() }).expect("config");
        let audit = Audit::open(&config, log::SERVER).expect("audit");
        let db = Database::new(Settings::from_config(&config).expect("settings"));
        let sources = DataSources::one(db, crate::database::Limits::of_our_own().bounds);
        let service = ServiceBuilder::new()
            .layer(AuditLayer::new(audit.clone(), "/demo", &sources))
            .layer(RescueLayer::new(rescue::note, rescue::rescue))
            .layer(CatchPanicLayer)
            .service(tower::service_fn(|r: McpRequest| async move {
                match r.target.as_deref() {
                    Some("bug") => panic!("a bug"),
                    Some("never") => std::future::pending().await,
                    _ => Ok::<_, Infallible>(Outcome::Complete(ToolReply::text("ok").into())),
                }
            }));
        let panicked = service.clone().oneshot(call("bug")).await;
        assert!(matches!(panicked, Ok(Outcome::Complete(_))));
        let waiting =
            tokio::time::timeout(Duration::from_millis(50), service.clone().oneshot(call("never")));
        assert!(waiting.await.is_err());
        assert!(service.oneshot(call("list_tables")).await.is_ok());
        audit.event("sign_in_failed", &[("principal", "eve\n{\"event\":\"sign_in\"}")]);
        audit.close().await;
        let files = log::files(&dir, log::SERVER).expect("files");
        let text = std::fs::read_to_string(&files[0]).expect("text");
        let v = verify::verify(&[("f".into(), text.clone())], None, None);
        assert_eq!((v.problems.as_slice(), v.chains[0].records), (&[][..], 9), "{text}");
        let outcomes: Vec<&str> = text
            .lines()
            .filter_map(|l| l.split("\"outcome\":\"").nth(1)?.split('"').next())
            .collect();
        assert_eq!(outcomes, ["panicked", "dropped", "ok"]);
        assert!(
            text.contains("\"mount\":\"/demo\"") && text.lines().count() == 9,
            "a name cannot make a line: {text}"
        );
        std::fs::remove_dir_all(dir).expect("clean");
    }
}
