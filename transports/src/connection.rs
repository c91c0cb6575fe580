//! One client at the other end of a two-way stream of messages: a pair of pipes, or an event stream
//! and its posts. Both eras may be spoken at once: `initialize` opens the one session of the
//! connection, and a request with the version in `_meta` needs none.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::McpService;
use crate::batch;
use crate::call::{call, caught};
use crate::cancel::{Cancel, Why};
use crate::drive::drive;
use crate::encode::{Challenge, Encoded, ServerInfo, outcome, result, scope_told};
use crate::error::RpcError;
use crate::handshake::{Routed, cancelled, initialize, route};
use crate::jsonrpc::{Id, Incoming, Invalid, Message, parse};
use crate::outcome::Outcome;
use crate::params::RpcRequest;
use crate::request::bare_context;
use crate::running::{Mark, Running};
use crate::session::Session;
use crate::stateless::{Admitted, admit, check_meta, closed, subscribed};
use crate::version::ProtocolVersion;

/// The state of one connection.
pub(crate) struct Connection {
    transport: &'static str,
    service: McpService,
    info: ServerInfo,
    /// What goes to the client, in this order.
    pub(crate) out: mpsc::Sender<Encoded>,
    /// What a result says to a caller who lacks scopes.
    challenge: Challenge,
    /// The calls that run, until their answers are in `out`.
    pub(crate) tasks: TaskTracker,
    /// The requests that can be cancelled: calls and subscriptions.
    running: Running,
    /// Fires when the connection ends.
    pub(crate) stop: CancellationToken,
    session: OnceLock<Arc<Session>>,
}

impl Connection {
    /// A connection without a session: `initialize` opens it.
    pub(crate) fn new(
        transport: &'static str,
        service: McpService,
        info: ServerInfo,
        out: mpsc::Sender<Encoded>,
        challenge: Challenge,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            transport,
            service,
            info,
            out,
            challenge,
            tasks: TaskTracker::new(),
            running: Running::new(),
            stop,
            session: OnceLock::new(),
        })
    }

    /// Cancels what runs, and what is begun from now on.
    pub(crate) fn end(&self, why: Why) {
        self.running.cancel_all(why);
        self.stop.cancel();
    }

    /// Says something that is no answer of the center.
    pub(crate) async fn send(&self, message: &Value) {
        let _ = self.out.send(Encoded::value(message)).await;
    }

    /// Handles what came in one piece: a message or a batch. `extensions` say who sent it.
    pub(crate) async fn handle(self: &Arc<Self>, text: &[u8], extensions: &http::Extensions) {
        match parse(text) {
            Incoming::One(message) => self.message(message, extensions).await,
            Incoming::Batch(messages) => {
                let session = self.session.get().map(|s| &**s);
                if let Err(error) = batch::check(session, &messages) {
                    return self.send(&error.answer(None)).await;
                }
                // The answers go out one by one: the client may have asked one by one.
                for message in messages {
                    self.message(message, extensions).await;
                }
            }
        }
    }

    async fn message(
        self: &Arc<Self>,
        message: Result<Message, Invalid>,
        extensions: &http::Extensions,
    ) {
        match message {
            Err(invalid) => {
                tracing::warn!(code = invalid.code, reason = %invalid.message, "bad message");
                let id = invalid.id.clone();
                self.send(&RpcError::from(invalid).echoing(id)).await;
            }
            Ok(Message::Response { id, result }) => {
                if !self.session.get().is_some_and(|s| s.answer(&id, result)) {
                    tracing::debug!(?id, "a response that nobody waits for");
                }
            }
            Ok(Message::Notification { method, params }) => {
                if let Some(id) = cancelled(&method, params.as_deref()) {
                    self.running.cancel(&id);
                }
            }
            Ok(Message::Request { id, method, params }) => {
                let echoed = id.clone();
                let answered = match RpcRequest::read(id, method, params) {
                    Ok(request) => self.request(request, extensions.clone()).await,
                    Err(error) => Err(error),
                };
                match answered {
                    Ok(Some(answer)) => self.send(&answer).await,
                    Ok(None) => {}
                    Err(error) => self.send(&error.answer(Some(&echoed))).await,
                }
            }
        }
    }

    /// Gives the answer, if there is one at once.
    async fn request(
        self: &Arc<Self>,
        request: RpcRequest,
        extensions: http::Extensions,
    ) -> Result<Option<Value>, RpcError> {
        if request.params.version().is_some() {
            return self.stateless(request, extensions);
        }
        if request.method == "initialize" {
            return self.initialize(request, extensions).await.map(Some);
        }
        let Some(session) = self.session.get().cloned() else {
            return match &*request.method {
                "ping" => Ok(Some(result(&request.id, &json!({})))),
                // Without `_meta` it is a stateless request all the same, and its own check names
                // what is missing.
                "server/discover" => self.stateless(request, extensions),
                other => Err(RpcError::invalid_request(&format!(
                    "{other} before initialize (or without params._meta of 2026-07-28)"
                ))),
            };
        };
        let id = request.id.clone();
        match route(&session, request, self.transport, extensions, true) {
            Routed::Answer(answer) => Ok(Some(answer)),
            Routed::Call(request) => {
                let mark = self.start(&id, &request.context.cancel)?;
                let version = session.version;
                let call = drive(self.service.clone(), *request, session, self.out.clone());
                self.run(id, version, mark, call);
                Ok(None)
            }
        }
    }

    async fn initialize(
        &self,
        request: RpcRequest,
        extensions: http::Extensions,
    ) -> Result<Value, RpcError> {
        let again = || RpcError::invalid_request("already initialized");
        if self.session.get().is_some() {
            return Err(again());
        }
        let version = ProtocolVersion::LATEST_HANDSHAKE;
        let context = bare_context(self.transport, version, extensions, Cancel::under(&self.stop));
        let (service, raw) = (self.service.clone(), request.raw.as_deref());
        let settled = initialize(service, raw, context, &self.info).await?;
        let closed = self.stop.clone();
        let session = Session::of_connection(settled.version, settled.client, closed);
        self.session.set(Arc::new(session)).map_err(|_| again())?;
        Ok(result(&request.id, &settled.result))
    }

    fn stateless(
        self: &Arc<Self>,
        request: RpcRequest,
        extensions: http::Extensions,
    ) -> Result<Option<Value>, RpcError> {
        let (id, cancel) = (request.id.clone(), Cancel::under(&self.stop));
        let version = check_meta(&request.params)?;
        match admit(request, version, self.transport, extensions, cancel.clone())? {
            Admitted::Subscription(id) => {
                let mark = self.start(&id, &cancel)?;
                let (out, acknowledged) = (self.out.clone(), subscribed(&id));
                tokio::spawn(async move {
                    cancel.token().cancelled().await;
                    drop(mark);
                    // Its client ended it itself, or is told.
                    if cancel.why() == Some(Why::Closing) {
                        let _ = out.send(Encoded::value(&closed(&id))).await;
                    }
                });
                Ok(Some(acknowledged))
            }
            Admitted::Call(request) => {
                let mark = self.start(&id, &cancel)?;
                self.run(id, version, mark, call(self.service.clone(), *request));
                Ok(None)
            }
        }
    }

    fn start(&self, id: &Id, cancel: &Cancel) -> Result<Mark, RpcError> {
        self.running.start(id, cancel).ok_or_else(RpcError::id_in_use)
    }

    /// Runs a call and sends its answer. It is not dropped when the connection ends: it is
    /// cancelled, so it ends soon, and what it did is recorded.
    fn run(
        self: &Arc<Self>,
        id: Id,
        version: ProtocolVersion,
        mark: Mark,
        call: impl Future<Output = Outcome> + Send + 'static,
    ) {
        let me = self.clone();
        self.tasks.spawn(async move {
            let end = scope_told(caught(call).await, |needed| (me.challenge)(needed));
            drop(mark);
            if let Some((message, _)) = outcome(&id, end, version, &me.info) {
                let _ = me.out.send(message).await;
            }
        });
    }
}
