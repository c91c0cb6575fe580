//! One client at the other end of a two-way stream of messages: a pair of pipes, or an event stream
//! and its posts. Both eras may be spoken at once: `initialize` opens the one session of the
//! connection, and a request with the version in `_meta` needs none.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::McpService;
use crate::batch;
use crate::call::{call, caught};
use crate::cancel::{Cancel, Why};
use crate::changes::{Changes, Filter, subscription};
use crate::drive::drive;
use crate::encode::{Challenge, ServerInfo, outcome, result, scope_told};
use crate::encoded::Encoded;
use crate::error::RpcError;
use crate::handshake::{Routed, cancelled, initialize, route};
use crate::jsonrpc::{Id, Incoming, Invalid, Message, parse};
use crate::notify::Notifier;
use crate::outcome::{Outcome, Reply};
use crate::params::RpcRequest;
use crate::request::{ClientFacts, McpRequest, bare_context};
use crate::running::{Mark, Running};
use crate::session::Session;
use crate::stateless::{Admitted, admit, check_meta, closed, honoured, subscribed, unsubscribed};
use crate::version::ProtocolVersion;

/// What a connection serves, and to whom.
pub(crate) struct Serving {
    pub(crate) transport: &'static str,
    pub(crate) service: McpService,
    pub(crate) info: ServerInfo,
    /// What a result says to a caller who lacks scopes.
    pub(crate) challenge: Challenge,
    /// What its client may be told of.
    pub(crate) changes: Changes,
    /// What a client speaks that goes on without `initialize`, where that may be: one whose stream
    /// broke off opens another and knows of no new session.
    pub(crate) assumed: Option<ProtocolVersion>,
}

/// The state of one connection.
pub(crate) struct Connection {
    serving: Serving,
    /// What goes to the client, in this order.
    pub(crate) out: mpsc::Sender<Encoded>,
    /// The calls that run, until their answers are in `out`.
    pub(crate) tasks: TaskTracker,
    /// The stateless requests that can be cancelled: calls and subscriptions.
    running: Running,
    /// Fires when the connection ends.
    pub(crate) stop: CancellationToken,
    session: Mutex<Option<Arc<Session>>>,
}

impl Connection {
    /// A connection without a session: `initialize` opens it.
    pub(crate) fn new(
        serving: Serving,
        out: mpsc::Sender<Encoded>,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            serving,
            out,
            tasks: TaskTracker::new(),
            running: Running::new(),
            stop,
            session: Mutex::default(),
        })
    }

    /// The session that `initialize` opened.
    fn session(&self) -> Option<Arc<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Cancels what runs, and what is begun from now on.
    pub(crate) fn end(&self, why: Why) {
        self.running.cancel_all(why);
        if let Some(session) = self.session() {
            session.running.cancel_all(why);
        }
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
                let session = self.session();
                if let Err(error) = batch::check(session.as_deref(), &messages) {
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
                if !self.session().is_some_and(|s| s.answer(&id, result)) {
                    tracing::debug!(?id, "a response that nobody waits for");
                }
            }
            Ok(Message::Notification { method, params }) => {
                if let Some(id) = cancelled(&method, params.as_deref()) {
                    self.running.cancel(&id);
                    if let Some(session) = self.session() {
                        session.running.cancel(&id);
                    }
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
        let begins = matches!(&*request.method, "ping" | "server/discover");
        let assumed = self.serving.assumed.filter(|_| !begins);
        let goes_on = || Some(self.open(assumed?, ClientFacts::default()));
        let Some(session) = self.session().or_else(goes_on) else {
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
        match route(&session, request, self.serving.transport, extensions, &self.out, true) {
            Routed::Answer(answer) => Ok(Some(answer)),
            Routed::Call(request) => {
                let mark = start(&session.running, &id, &request.context.cancel)?;
                let version = session.version;
                let call = drive(self.serving.service.clone(), *request, session, self.out.clone());
                self.run(id, version, mark, call);
                Ok(None)
            }
        }
    }

    /// A second `initialize` is that of a client that began again over the same pipes: it replaces
    /// the session, and what ran in that is quietly cancelled.
    async fn initialize(
        &self,
        request: RpcRequest,
        extensions: http::Extensions,
    ) -> Result<Value, RpcError> {
        let version = ProtocolVersion::LATEST_HANDSHAKE;
        let context =
            bare_context(self.serving.transport, version, extensions, Cancel::under(&self.stop));
        let (service, raw) = (self.serving.service.clone(), request.raw.as_deref());
        let settled = initialize(service, raw, context, &self.serving.info).await?;
        self.open(settled.version, settled.client);
        Ok(result(&request.id, &settled.result))
    }

    /// Opens the session of the connection, in place of one that there was.
    fn open(&self, version: ProtocolVersion, client: ClientFacts) -> Arc<Session> {
        let closed = self.stop.child_token();
        let session = Arc::new(Session::of_connection(version, client, closed.clone()));
        let mut place = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = place.replace(session.clone()) {
            before.running.cancel_all(Why::Ended);
            before.closed.cancel();
        }
        drop(place);
        let (listener, out, told) =
            (self.serving.changes.listen(), self.out.clone(), session.clone());
        tokio::spawn(closed.run_until_cancelled_owned(async move {
            listener.forward(out, None, |change| told.told(change)).await;
        }));
        session
    }

    fn stateless(
        self: &Arc<Self>,
        request: RpcRequest,
        extensions: http::Extensions,
    ) -> Result<Option<Value>, RpcError> {
        let (id, cancel) = (request.id.clone(), Cancel::under(&self.stop));
        let version = check_meta(&request.params)?;
        let notifier = match request.params.wanted()? {
            Some(wanted) => Notifier::new(wanted, version, self.out.clone()),
            None => Notifier::default(),
        };
        let told = notifier.clone();
        match admit(request, version, self.serving.transport, extensions, cancel.clone(), notifier)?
        {
            Admitted::Subscription(request) => {
                let mark = start(&self.running, &id, &cancel)?;
                tokio::spawn(self.clone().subscription(id, version, *request, mark));
            }
            Admitted::Call(request) => {
                let mark = start(&self.running, &id, &cancel)?;
                let service = self.serving.service.clone();
                let call = async move { told.telling(call(service, *request)).await };
                self.run(id, version, mark, call);
            }
        }
        Ok(None)
    }

    /// Tells what changes until its client has enough or the connection ends; then the client is
    /// told that it ends.
    async fn subscription(
        self: Arc<Self>,
        id: Id,
        version: ProtocolVersion,
        request: McpRequest,
        mark: Mark,
    ) {
        let (listener, cancel) = (self.serving.changes.listen(), request.context.cancel.clone());
        let (out, info, service) =
            (self.out.clone(), self.serving.info.clone(), self.serving.service.clone());
        // It must not keep the connection: that ends when nobody has it any more.
        drop(self);
        let last = match honoured(caught(call(service, request)).await) {
            Err(other) => outcome(&id, *other, version, &info),
            Ok(honoured) => {
                let _ = out.send(subscribed(&id, &honoured)).await;
                let (filter, meta) = (Filter::of(&honoured), subscription(&id));
                let forwards = listener.forward(out.clone(), Some(meta), |c| filter.told(c));
                cancel.token().run_until_cancelled(forwards).await;
                if cancel.why() != Some(Why::Closing) {
                    return;
                }
                outcome(&id, Outcome::Complete(Reply::Json(unsubscribed(&id))), version, &info)
            }
        };
        drop(mark);
        if let Some((message, _)) = last {
            let _ = out.send(message).await;
        }
        if cancel.why() == Some(Why::Closing) {
            let _ = out.send(Encoded::value(&closed(&id))).await;
        }
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
            let end = scope_told(caught(call).await, |needed| (me.serving.challenge)(needed));
            drop(mark);
            if let Some((message, _)) = outcome(&id, end, version, &me.serving.info) {
                let _ = me.out.send(message).await;
            }
        });
    }
}

fn start(running: &Running, id: &Id, cancel: &Cancel) -> Result<Mark, RpcError> {
    running.start(id, cancel).ok_or_else(RpcError::id_in_use)
}
