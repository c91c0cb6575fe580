//! One JSON-RPC message per line over a pair of pipes. Both eras may be spoken at once: `initialize` opens the one session of
//! the process, and a request with the version in `_meta` needs none.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use dashmap::DashMap;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::drive::drive;
use crate::encode::{Encoded, ServerInfo, error, outcome, scope_told};
use crate::handshake::{Routed, bare_context, cancelled_id, initialize, notified, route};
use crate::jsonrpc::{INVALID_REQUEST, Id, Incoming, Invalid, METHOD_NOT_FOUND, Message, parse};
use crate::message::{Params, check_meta, intern, takes_forms, target};
use crate::session::Session;
use crate::{Cancel, Context, McpRequest, McpService, Outbox, Outgoing, ProtocolVersion, Why, exchange};

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// The longest line that is read.
    pub max_message: usize,
    /// How long calls in flight may go on after the end of input or a shutdown.
    pub drain: Duration,
    /// Put into every request's context (the local principal).
    pub extensions: http::Extensions,
    /// This server.
    pub info: ServerInfo,
}

struct Shared {
    service: McpService,
    options: Options,
    out: mpsc::Sender<Encoded>,
    session: std::sync::Mutex<Option<Arc<Session>>>,
    /// Stateless requests that run, for `notifications/cancelled`.
    running: DashMap<Id, Cancel>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Serves until the input ends or `shutdown` fires; then waits for calls in flight, and cancels what is left.
pub async fn serve<R, W>(
    service: McpService,
    mut input: R,
    output: W,
    options: Options,
    shutdown: CancellationToken,
) -> io::Result<()>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (out, lines) = mpsc::channel(64);
    let writer = tokio::spawn(write(output, lines));
    let drain = options.drain;
    let shared = Arc::new(Shared {
        service,
        options,
        out,
        session: std::sync::Mutex::new(None),
        running: DashMap::new(),
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
    });
    let result = read(&shared, &mut input, &shutdown).await;
    shared.tasks.close();
    if tokio::time::timeout(drain, shared.tasks.wait()).await.is_err() {
        shared.stop.cancel();
        // A cancelled call ends by itself soon; the deadline is the backstop.
        let _ = tokio::time::timeout(Duration::from_secs(3), shared.tasks.wait()).await;
    }
    drop(shared);
    match tokio::time::timeout(Duration::from_secs(1), writer).await {
        Ok(Ok(w)) => result.and(w),
        _ => result,
    }
}

async fn write<W: AsyncWrite + Unpin>(mut output: W, mut lines: mpsc::Receiver<Encoded>) -> io::Result<()> {
    while let Some(mut e) = lines.recv().await {
        if e.rough_len() <= 64 << 10 {
            let mut line = BytesMut::from(&e.into_bytes()[..]);
            line.extend_from_slice(b"\n");
            output.write_all(&line).await?;
        } else {
            while let Some(piece) = e.next_piece() {
                output.write_all(&piece).await?;
            }
            output.write_all(b"\n").await?;
        }
        output.flush().await?;
    }
    Ok(())
}

async fn read<R: AsyncBufRead + Unpin>(
    shared: &Arc<Shared>,
    input: &mut R,
    shutdown: &CancellationToken,
) -> io::Result<()> {
    let max = shared.options.max_message;
    let mut line = Vec::new();
    let mut too_long = 0usize;
    loop {
        let chunk = tokio::select! {
            c = input.fill_buf() => c?,
            () = shutdown.cancelled() => return Ok(()),
        };
        if chunk.is_empty() {
            // A last line without its newline is a line.
            if !line.is_empty() {
                handle(shared, &line).await;
            }
            return Ok(());
        }
        let (taken, ended) = match chunk.iter().position(|b| *b == b'\n') {
            Some(i) => (i + 1, true),
            None => (chunk.len(), false),
        };
        if too_long == 0 && line.len() + taken > max + 1 {
            too_long = line.len();
            line = Vec::new();
        }
        if too_long > 0 {
            too_long += taken;
        } else {
            line.extend_from_slice(&chunk[..taken]);
        }
        input.consume(taken);
        if !ended {
            continue;
        }
        if too_long > 0 {
            tracing::warn!(bytes = too_long, max, "a line that is too long was skipped");
            let text = format!("Invalid Request: a message of {too_long} bytes; the limit is {max}");
            send(shared, &error(None, INVALID_REQUEST, &text, None)).await;
            too_long = 0;
        } else {
            handle(shared, &line).await;
        }
        line.clear();
    }
}

async fn send(shared: &Shared, v: &Value) {
    let _ = shared.out.send(Encoded::value(v)).await;
}

async fn handle(shared: &Arc<Shared>, line: &[u8]) {
    if line.trim_ascii().is_empty() {
        return;
    }
    match parse(line) {
        Incoming::One(m) => {
            if let Some(answer) = message(shared, m).await {
                send(shared, &answer).await;
            }
        }
        Incoming::Batch(list) => batch(shared, list).await,
    }
}

fn session(shared: &Shared) -> Option<Arc<Session>> {
    shared.session.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}

/// A batch is only for sessions of 2025-03-26; its answers go out one line each, which that revision allows a receiver of
/// requests that it could have got one by one.
async fn batch(shared: &Arc<Shared>, list: Vec<Result<Message, Invalid>>) {
    let allowed = session(shared).is_some_and(|s| s.version == ProtocolVersion::V2025_03_26);
    let handshake = list.iter().any(|m| matches!(m, Ok(Message::Request { method, .. }) if method == "initialize"));
    if !allowed || list.is_empty() || handshake {
        send(shared, &error(None, INVALID_REQUEST, "Invalid Request: a batch is not allowed here", None)).await;
        return;
    }
    for m in list {
        if let Some(answer) = message(shared, m).await {
            send(shared, &answer).await;
        }
    }
}

/// Handles a message; gives the answer if there is one at once.
async fn message(shared: &Arc<Shared>, m: Result<Message, Invalid>) -> Option<Value> {
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
        Err(e) => return Some(error(Some(&id), crate::jsonrpc::INVALID_PARAMS, &format!("Invalid params: {e}"), None)),
    };
    if p.version().is_some() {
        return modern(shared, id, &method, params, &p).await;
    }
    if method == "initialize" {
        if session(shared).is_some() {
            return Some(error(Some(&id), INVALID_REQUEST, "Invalid Request: already initialized", None));
        }
        let context = bare_context(
            "stdio",
            ProtocolVersion::LATEST_HANDSHAKE,
            shared.options.extensions.clone(),
            Cancel::under(&shared.stop),
        );
        return Some(
            match initialize(shared.service.clone(), params.as_deref(), context, &shared.options.info).await {
                Ok(s) => {
                    let made = Session::new(String::new(), String::new(), s.version, s.client);
                    *shared.session.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Arc::new(made));
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
            // Without `_meta` it is a stateless request all the same, and its own check names what is missing.
            return modern(shared, id, &method, params, &p).await;
        }
        let text = format!("Invalid Request: {method} before initialize (or without params._meta of 2026-07-28)");
        return Some(error(Some(&id), INVALID_REQUEST, &text, None));
    };
    match route(&s, &id, &method, params, "stdio", true, shared.options.extensions.clone()) {
        Routed::Answer(v) => Some(v),
        Routed::Call(request) => {
            let Some(mark) = s.start(&id, &request.context.cancel) else { return Some(in_use(&id)) };
            let me = shared.clone();
            shared.tasks.spawn(async move {
                let (tx, mut rx) = mpsc::channel(16);
                let version = s.version;
                let call = drive(me.service.clone(), *request, s, tx);
                tokio::pin!(call);
                let end = loop {
                    tokio::select! {
                        Some(v) = rx.recv() => send(&me, &v).await,
                        o = &mut call => break Some(o),
                        () = me.stop.cancelled() => break None,
                    }
                };
                while let Ok(v) = rx.try_recv() {
                    send(&me, &v).await;
                }
                drop(mark);
                if let Some((e, _)) = end.and_then(|o| outcome(&id, scope_told(o, |_| None), version, &me.options.info))
                {
                    let _ = me.out.send(e).await;
                }
            });
            None
        }
    }
}

fn in_use(id: &Id) -> Value {
    error(Some(id), INVALID_REQUEST, "Invalid Request: this id is in use by a request that still runs", None)
}

async fn modern(
    shared: &Arc<Shared>,
    id: Id,
    method: &str,
    params: Option<Box<serde_json::value::RawValue>>,
    p: &Params,
) -> Option<Value> {
    let version = match check_meta(p) {
        Ok(v) => v,
        Err(r) => return Some(error(Some(&id), r.code, &r.message, r.data)),
    };
    if REMOVED.contains(&method) {
        return Some(error(Some(&id), METHOD_NOT_FOUND, &format!("Method not found: {method}"), None));
    }
    let cancel = Cancel::under(&shared.stop);
    match shared.running.entry(id.clone()) {
        dashmap::Entry::Occupied(_) => return Some(in_use(&id)),
        dashmap::Entry::Vacant(v) => {
            v.insert(cancel.clone());
        }
    }
    if method == "subscriptions/listen" {
        // Nothing that we list ever changes, so the honoured subset is empty and the subscription is only held open.
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
            transport: "stdio",
            version,
            client: Arc::new(p.client()),
            meta: p.request_meta(),
            deadline: None,
            extensions: with_answers(shared.options.extensions.clone(), p),
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
                Outgoing::Notification(n) => send(&me, &n).await,
                Outgoing::Outcome(o) => {
                    me.running.remove(&id);
                    if let Some((e, _)) = outcome(&id, scope_told(o, |_| None), version, &me.options.info) {
                        let _ = me.out.send(e).await;
                    }
                }
            }
        }
    });
    None
}

/// Methods that stateless requests do not have any more.
pub const REMOVED: [&str; 4] = ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

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
