//! One client at the other end of a two-way stream of messages: a pair of pipes, or an event stream
//! and its posts. Both eras may be spoken at once: `initialize` opens the one session of the
//! connection, and a request with the version in `_meta` needs none.

use std::sync::Arc;

use dashmap::DashMap;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::drive::drive;
use crate::encode::{Encoded, ServerInfo, error, outcome, scope_told};
use crate::handshake::{Routed, bare_context, cancelled_id, initialize, notified, route};
use crate::jsonrpc::{INVALID_REQUEST, Id, Incoming, Invalid, METHOD_NOT_FOUND, Message, parse};
use crate::message::{Params, check_meta, intern, takes_forms, target};
use crate::session::Session;
use crate::{
    Cancel, Context, McpRequest, McpService, Outbox, Outgoing, ProtocolVersion, Why, exchange,
};

/// From the scopes that a call needs to the text of `WWW-Authenticate`; none where nobody can
/// be asked for more.
pub type Told = Arc<dyn Fn(&[String]) -> Option<String> + Send + Sync>;

/// The state of one connection.
pub struct Connection {
    /// `stdio` or `sse`.
    pub transport: &'static str,
    /// The stack.
    pub service: McpService,
    /// This server.
    pub info: ServerInfo,
    /// To the client.
    pub out: mpsc::Sender<Encoded>,
    /// What a result says to a caller who lacks scopes.
    pub told: Told,
    /// Calls that run.
    pub tasks: TaskTracker,
    /// Cancels them.
    pub stop: CancellationToken,
    session: std::sync::Mutex<Option<Arc<Session>>>,
    /// Stateless requests that run, for `notifications/cancelled`.
    running: DashMap<Id, Cancel>,
}

// === impl Connection ===

impl Connection {
    /// With no session yet.
    pub fn new(
        transport: &'static str,
        service: McpService,
        info: ServerInfo,
        out: mpsc::Sender<Encoded>,
        told: Told,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let (session, running) = (std::sync::Mutex::new(None), DashMap::with_shard_amount(2));
        Arc::new(Self {
            transport,
            service,
            info,
            out,
            told,
            tasks: TaskTracker::new(),
            stop,
            session,
            running,
        })
    }

    /// Says something that is no answer to a message.
    pub async fn send(&self, v: &Value) {
        let _ = self.out.send(Encoded::value(v)).await;
    }

    /// Handles what came in one piece: a message or a batch. `extensions` say who sent it.
    pub async fn handle(self: &Arc<Self>, text: &[u8], extensions: &http::Extensions) {
        match parse(text) {
            Incoming::One(m) => {
                if let Some(answer) = message(self, m, extensions).await {
                    self.send(&answer).await;
                }
            }
            Incoming::Batch(list) => batch(self, list, extensions).await,
        }
    }
}

fn session(shared: &Connection) -> Option<Arc<Session>> {
    shared.session.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}

/// A batch is only for sessions of 2025-03-26; its answers go out one line each, which that
/// revision allows a receiver of requests that it could have got one by one.
async fn batch(
    shared: &Arc<Connection>,
    list: Vec<Result<Message, Invalid>>,
    extensions: &http::Extensions,
) {
    let allowed = session(shared).is_some_and(|s| s.version == ProtocolVersion::V2025_03_26);
    let handshake = list
        .iter()
        .any(|m| matches!(m, Ok(Message::Request { method, .. }) if method == "initialize"));
    if !allowed || list.is_empty() || handshake {
        shared
            .send(&error(
                None,
                INVALID_REQUEST,
                "Invalid Request: a batch is not allowed here",
                None,
            ))
            .await;
        return;
    }
    for m in list {
        if let Some(answer) = message(shared, m, extensions).await {
            shared.send(&answer).await;
        }
    }
}

/// Handles a message; gives the answer if there is one at once.
async fn message(
    shared: &Arc<Connection>,
    m: Result<Message, Invalid>,
    extensions: &http::Extensions,
) -> Option<Value> {
    let (id, method, params) = match m {
        Err(i) => {
            tracing::warn!(code = i.code, reason = %i.message, "bad message");
            return Some(error(i.id.as_ref(), i.code, &i.message, None));
        }
        Ok(Message::Response { id, result }) => {
            if !session(shared).is_some_and(|s| s.answer(&id, result)) {
                tracing::debug!(?id, "a response that nobody waits for");
            }
            return None;
        }
        Ok(Message::Notification { method, params }) => {
            if let Some(s) = session(shared) {
                notified(&s, &method, params.as_deref());
            }
            if method == "notifications/cancelled"
                && let Some(id) = cancelled_id(params.as_deref())
                && let Some(t) = shared.running.get(&id).map(|t| t.clone())
            {
                t.fire(Why::Asked);
            }
            return None;
        }
        Ok(Message::Request { id, method, params }) => (id, method, params),
    };
    let p = match Params::read(params.as_deref()) {
        Ok(p) => p,
        Err(e) => {
            return Some(error(
                Some(&id),
                crate::jsonrpc::INVALID_PARAMS,
                &format!("Invalid params: {e}"),
                None,
            ));
        }
    };
    if p.version().is_some() {
        return modern(shared, id, &method, params, &p, extensions).await;
    }
    if method == "initialize" {
        if session(shared).is_some() {
            return Some(error(
                Some(&id),
                INVALID_REQUEST,
                "Invalid Request: already initialized",
                None,
            ));
        }
        let context = bare_context(
            shared.transport,
            ProtocolVersion::LATEST_HANDSHAKE,
            extensions.clone(),
            Cancel::under(&shared.stop),
        );
        return Some(
            match initialize(shared.service.clone(), params.as_deref(), context, &shared.info).await
            {
                Ok(s) => {
                    let made = Session::new(String::new(), String::new(), s.version, s.client);
                    *shared.session.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                        Some(Arc::new(made));
                    json!({ "jsonrpc": "2.0", "id": id, "result": s.result })
                }
                Err((code, m)) => error(Some(&id), code, &m, None),
            },
        );
    }
    let Some(s) = session(shared) else {
        if method == "ping" {
            return Some(json!({ "jsonrpc": "2.0", "id": id, "result": {} }));
        }
        if method == "server/discover" {
            // Without `_meta` it is a stateless request all the same, and its own check
            // names what is missing.
            return modern(shared, id, &method, params, &p, extensions).await;
        }
        let text = format!(
            "Invalid Request: {method} before initialize (or without params._meta of 2026-07-28)"
        );
        return Some(error(Some(&id), INVALID_REQUEST, &text, None));
    };
    match route(&s, &id, &method, params, shared.transport, true, extensions.clone()) {
        Routed::Answer(v) => Some(v),
        Routed::Call(request) => {
            let Some(mark) = s.start(&id, &request.context.cancel) else {
                return Some(in_use(&id));
            };
            let me = shared.clone();
            shared.tasks.spawn(async move {
                let (tx, mut rx) = mpsc::channel(16);
                let version = s.version;
                let call = drive(me.service.clone(), *request, s, tx);
                tokio::pin!(call);
                let end = loop {
                    // What was taken is begun, and so recorded, even if its client is gone by now.
                    tokio::select! {
                        biased;
                        Some(v) = rx.recv() => me.send(&v).await,
                        o = &mut call => break Some(o),
                        () = me.stop.cancelled() => break None,
                    }
                };
                while let Ok(v) = rx.try_recv() {
                    me.send(&v).await;
                }
                drop(mark);
                if let Some((e, _)) = end.and_then(|o| {
                    outcome(&id, scope_told(o, |needed| (me.told)(needed)), version, &me.info)
                }) {
                    let _ = me.out.send(e).await;
                }
            });
            None
        }
    }
}

fn in_use(id: &Id) -> Value {
    error(
        Some(id),
        INVALID_REQUEST,
        "Invalid Request: this id is in use by a request that still runs",
        None,
    )
}

async fn modern(
    shared: &Arc<Connection>,
    id: Id,
    method: &str,
    params: Option<Box<serde_json::value::RawValue>>,
    p: &Params,
    extensions: &http::Extensions,
) -> Option<Value> {
    let version = match check_meta(p) {
        Ok(v) => v,
        Err(r) => return Some(error(Some(&id), r.code, &r.message, r.data)),
    };
    if REMOVED.contains(&method) {
        return Some(error(
            Some(&id),
            METHOD_NOT_FOUND,
            &format!("Method not found: {method}"),
            None,
        ));
    }
    let cancel = Cancel::under(&shared.stop);
    match shared.running.entry(id.clone()) {
        dashmap::Entry::Occupied(_) => return Some(in_use(&id)),
        dashmap::Entry::Vacant(v) => {
            v.insert(cancel.clone());
        }
    }
    if method == "subscriptions/listen" {
        // Nothing that we list ever changes, so the honoured subset is empty and the subscription
        // is only held open.
        let ack = listen_acknowledged(&id);
        let me = shared.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = cancel.token().cancelled() => {}
                () = me.out.closed() => {}
            }
            me.running.remove(&id);
        });
        return Some(ack);
    }
    let request = McpRequest {
        id: Some(id.clone()),
        method: intern(method),
        target: target(method, p),
        params,
        context: Context {
            transport: shared.transport,
            version,
            client: Arc::new(p.client()),
            meta: p.request_meta(),
            deadline: None,
            extensions: with_answers(extensions.clone(), p),
            outbox: Outbox::default(),
            cancel,
            can_ask: p.capabilities().is_some_and(takes_forms),
        },
    };
    let me = shared.clone();
    shared.tasks.spawn(async move {
        let mut stream = exchange(me.service.clone(), request);
        while let Some(o) = stream.next().await {
            match o {
                Outgoing::Notification(n) => me.send(&n).await,
                Outgoing::Outcome(o) => {
                    me.running.remove(&id);
                    if let Some((e, _)) =
                        outcome(&id, scope_told(o, |needed| (me.told)(needed)), version, &me.info)
                    {
                        let _ = me.out.send(e).await;
                    }
                }
            }
        }
    });
    None
}

/// Methods that stateless requests do not have any more.
pub const REMOVED: [&str; 4] =
    ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// The first message of a subscription, with nothing honoured.
pub fn listen_acknowledged(id: &Id) -> Value {
    json!({
        "jsonrpc": "2.0",
        "method": "notifications/subscriptions/acknowledged",
        "params": { "notifications": {}, "_meta": { "io.modelcontextprotocol/subscriptionId": id } }
    })
}

/// Puts the answers of a second round (MRTR) where tools look for them.
pub fn with_answers(mut extensions: http::Extensions, p: &Params) -> http::Extensions {
    if p.input_responses.is_some() || p.request_state.is_some() {
        extensions.insert(crate::Continuation {
            responses: p.input_responses.clone().unwrap_or_default(),
            state: p.request_state.clone(),
        });
    }
    extensions
}
