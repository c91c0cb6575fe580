//! The layer of the tasks extension (`io.modelcontextprotocol/tasks`, SEP-2663): a call of a client
//! that has it becomes a task when it takes long, and goes on whatever becomes of the request. It is
//! outside of those that observe, so that a task's records end with it.
//!
//! A client without the extension is told that its call goes on, where the operator wants that, and
//! picks it up by making the same call again.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Extensions;
use mssql_mcp_transports::encode::outcome;
use mssql_mcp_transports::{
    Cancel, Change, Changes, Continuation, Fault, Id, McpRequest, Notifier, Outcome, Reply,
    TaskState, Why,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tower::{Layer, Service, ServiceExt};

use crate::facts::Longest;
use crate::principal::Principal;
use crate::protocol::server_info;
use crate::refusal::Refusal;
use crate::runs::{CallOf, MadeBefore, ReadsFrom, Run, RunBounds, RunState, Runs, goes_on};
use crate::secret::hashed;

/// The name of the extension.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// From a call to how long it is waited for before it becomes a task; none where it never does.
pub type PatienceOf = Arc<dyn Fn(&McpRequest) -> Option<Patience> + Send + Sync>;

/// How long a call is waited for, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Then it becomes a task, or a handle.
    pub wait: Duration,
    /// Where it can become neither, it ends then.
    pub deadline: Duration,
    /// A read ends then at the latest.
    pub longest: Duration,
}

/// Whether the caller whom the extensions name is shown a database of this name.
type ShownTo = Arc<dyn Fn(&Extensions, &str) -> bool + Send + Sync>;

/// Makes tasks of long calls.
#[derive(Clone)]
pub struct TasksLayer {
    runs: Runs,
    changes: Changes,
    patience: PatienceOf,
    /// How long a person is waited for.
    asking: Duration,
    /// Whether a caller is shown a database of this name.
    shown: ShownTo,
}

/// The service of [`TasksLayer`], around another.
#[derive(Clone)]
pub struct Tasks<S> {
    layer: TasksLayer,
    inner: S,
}

impl TasksLayer {
    /// Keeps tasks in `runs`, and tells `changes` how they stand. A person is waited for as long as
    /// `asking`.
    pub fn new(runs: Runs, changes: Changes, patience: PatienceOf, asking: Duration) -> Self {
        Self { runs, changes, patience, asking, shown: Arc::new(|_, _| true) }
    }

    /// Tasks of a database are there for those who are shown it.
    #[must_use]
    pub(crate) fn shown_by(self, shown: ShownTo) -> Self {
        Self { shown, ..self }
    }

    /// Makes none.
    pub fn off() -> Self {
        let keep = Duration::from_secs(1);
        let bounds = RunBounds { of_owner: 0, most: 0, bytes: 0, keep, handles: 0, idle: keep };
        Self::new(Runs::new(bounds), Changes::default(), Arc::new(|_| None), keep)
    }
}

impl<S> Layer<S> for TasksLayer {
    type Service = Tasks<S>;
    fn layer(&self, inner: S) -> Tasks<S> {
        Tasks { layer: self.clone(), inner }
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<Outcome, Infallible>> + Send>>;

impl<S> Service<McpRequest> for Tasks<S>
where
    S: Service<McpRequest, Response = Outcome, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Outcome;
    type Error = Infallible;
    type Future = futures_util::future::Either<S::Future, Answering>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: McpRequest) -> Self::Future {
        use futures_util::future::Either::{Left, Right};
        let modern = request.context.version.is_modern();
        let of_task = matches!(&*request.method, "tasks/get" | "tasks/update" | "tasks/cancel");
        let listens = &*request.method == "subscriptions/listen";
        let calls = &*request.method == "tools/call";
        let patience = if calls { (self.layer.patience)(&request) } else { None };
        if patience.is_none() && !(modern && (of_task || listens)) {
            return Left(self.inner.call(request));
        }
        // The ready service is the one that is called; its clone waits for the next request.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let me = Tasks { layer: self.layer.clone(), inner };
        Right(Box::pin(async move {
            Ok(match patience {
                Some(patience) => me.begin(request, patience).await,
                None if listens => me.listen(request).await,
                None => me.layer.of_task(request).await,
            })
        }))
    }
}

/// Whether the client has the extension, by what came with the request: it is of 2026-07-28.
pub(crate) fn declares(request: &McpRequest) -> bool {
    if !request.context.version.is_modern() {
        return false;
    }
    let extensions = request.context.client.capabilities.get("extensions");
    extensions.and_then(|e| e.get(EXTENSION)).is_some_and(Value::is_object)
}

/// What a task is bound to.
fn owner(request: &McpRequest) -> Option<String> {
    Principal::of(&request.context.extensions).map(Principal::key)
}

/// What makes two calls the same: the tool and its arguments, and nothing of the request.
fn digest_of(request: &McpRequest) -> String {
    digest(request.target.as_deref(), request.params.as_deref())
}

fn digest(target: Option<&str>, params: Option<&RawValue>) -> String {
    let arguments = sorted(member(params, "arguments").unwrap_or_default());
    hashed(&format!("{} {arguments}", target.unwrap_or_default()))
}

/// With the members of each object in the order of their names.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            members.into_iter().collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

fn missing() -> Outcome {
    Outcome::Fault(Fault::MissingCapability(json!({ "extensions": { EXTENSION: {} } })))
}

fn member(params: Option<&RawValue>, key: &str) -> Option<Value> {
    let mut params: Map<String, Value> = serde_json::from_str(params?.get()).ok()?;
    params.remove(key)
}

// === impl TasksLayer ===

impl TasksLayer {
    /// `tasks/get`, `tasks/update` and `tasks/cancel`.
    async fn of_task(&self, request: McpRequest) -> Outcome {
        if !declares(&request) {
            return missing();
        }
        let invalid =
            |message: String| Outcome::Fault(Fault::InvalidParams { message, data: None });
        let Some(id) = &request.target else {
            return invalid("params.taskId must be a string".into());
        };
        let found = owner(&request).and_then(|owner| self.runs.get(id, &owner));
        // Nor is a task of a database there any more that its caller is not shown.
        let is_shown = |run: &Arc<Run>| {
            run.database().is_none_or(|name| (self.shown)(&request.context.extensions, name))
        };
        let found = found.filter(is_shown);
        let Some(run) = found else { return invalid(format!("There is no task {id}")) };
        let done = match &*request.method {
            "tasks/get" => run.to_task(true),
            "tasks/cancel" => {
                if !run.state().is_terminal() {
                    run.cancel();
                }
                Map::new()
            }
            _ => match member(request.params.as_deref(), "inputResponses") {
                Some(Value::Object(answers)) => {
                    run.answer(answers).await;
                    Map::new()
                }
                _ => return invalid("params.inputResponses must be an object".into()),
            },
        };
        Outcome::Complete(Reply::Json(done))
    }

    /// How a run stands from now on; whoever listens is told.
    fn set(&self, run: &Arc<Run>, state: RunState) {
        self.runs.set(run, state);
        self.tell(run);
    }

    /// How a run stands is told to whoever listens.
    fn tell(&self, run: &Arc<Run>) {
        let weak = Arc::downgrade(run);
        let stands = TaskState(Arc::new(move || Some(weak.upgrade()?.to_task(true).into())));
        self.changes.tell(Change::Task(run.id.as_str().into(), stands));
    }
}

// === impl Tasks ===

impl<S> Tasks<S>
where
    S: Service<McpRequest, Response = Outcome, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    fn ask(&self, request: McpRequest) -> impl Future<Output = Outcome> + Send + 'static + use<S> {
        let inner = self.inner.clone();
        async move {
            match inner.oneshot(request).await {
                Ok(outcome) => outcome,
                Err(never) => match never {},
            }
        }
    }

    /// A subscription honours the tasks that are its client's.
    async fn listen(self, request: McpRequest) -> Outcome {
        let wanted = member(request.params.as_deref(), "notifications").unwrap_or_default();
        let wanted: Vec<String> = wanted
            .get("taskIds")
            .and_then(|ids| serde_json::from_value(ids.clone()).ok())
            .unwrap_or_default();
        if !wanted.is_empty() && !declares(&request) {
            return missing();
        }
        let owner = owner(&request).unwrap_or_default();
        let mut answer = self.ask(request).await;
        let there: Vec<_> =
            wanted.iter().filter_map(|id| self.layer.runs.get(id, &owner)).collect();
        // What happened to a task before anyone listened to it would be told to nobody. The
        // listener of this request is there already.
        for run in there.iter().filter(|run| !matches!(run.state(), RunState::Working)) {
            self.layer.tell(run);
        }
        if let Outcome::Complete(Reply::Json(found)) = &mut answer
            && let Some(Value::Object(honoured)) = found.get_mut("notifications")
            && !there.is_empty()
        {
            let ids: Vec<Value> = there.iter().map(|run| run.id.as_str().into()).collect();
            honoured.insert("taskIds".into(), ids.into());
        }
        answer
    }

    /// Waits for a call for a while; then it is a task.
    async fn begin(self, mut request: McpRequest, patience: Patience) -> Outcome {
        let Some(owner) = owner(&request) else {
            return self.ask(request).await;
        };
        let is_handle = !declares(&request);
        // Nothing is digested for those who have nothing to pick up.
        if is_handle && self.layer.runs.has_handles() {
            let known = self.layer.runs.of_call(&digest_of(&request), &owner);
            if let Some(run) = known {
                let (runs, wait) = (self.layer.runs.clone(), patience.wait);
                request.context.extensions.insert(MadeBefore { runs, run, wait });
            }
        }
        // From now on the client's leaving is not the end of it.
        let asked = std::mem::take(&mut request.context.cancel);
        let cancel = request.context.cancel.clone();
        // What only reads may go on then.
        let reads = Arc::<AtomicBool>::default();
        let longest = Longest { time: patience.longest, reads: reads.clone() };
        request.context.extensions.insert(longest);
        let from = ReadsFrom::default();
        request.context.extensions.insert(from.clone());
        let (target, params) = (request.target.clone(), request.params.clone());
        let same = (!is_handle).then(|| request.clone());
        // Where it is until then, which spares most calls a task.
        let mut call = Box::pin(self.ask(request));
        tokio::select! {
            biased;
            end = &mut call => return end,
            () = asked.token().cancelled() => {
                if let Some(why) = asked.why() {
                    cancel.fire(why);
                }
                return call.await;
            }
            () = tokio::time::sleep(patience.wait) => {}
        }
        let reads = reads.load(Ordering::Relaxed);
        let of = CallOf {
            digest: is_handle.then(|| digest(target.as_deref(), params.as_deref())),
            database: from.0.get().cloned(),
        };
        // A change ends with the call of whoever wanted it, by its own deadline.
        let begun = match is_handle && !reads {
            true => None,
            false => self.layer.runs.begin(&owner, cancel.clone(), of),
        };
        let Some((run, answers)) = begun else {
            // There is no room for one more: it is a call as any other, and ends when those do.
            let left = patience.deadline.saturating_sub(patience.wait);
            tokio::select! {
                biased;
                end = &mut call => return end,
                () = asked.token().cancelled() => {}
                () = tokio::time::sleep(left), if reads => {
                    cancel.fire(Why::Asked);
                    let _ = call.await;
                    let refusal = Refusal::timeout(patience.deadline);
                    return Outcome::Complete(refusal.into_reply().into());
                }
            }
            if let Some(why) = asked.why() {
                cancel.fire(why);
            }
            return call.await;
        };
        let call = tokio::spawn(call);
        let ended = |end: Result<Outcome, tokio::task::JoinError>| {
            // The runtime ends: there is nobody to tell anything.
            end.unwrap_or(Outcome::Cancelled)
        };
        let Some(same) = same else {
            let (runs, kept) = (self.layer.runs.clone(), run.clone());
            tokio::spawn(async move { runs.end_call(&kept, ended(call.await)) });
            return goes_on(&run);
        };
        let mut task = run.to_task(false);
        task.insert("resultType".into(), "task".into());
        let first = async move { ended(call.await) };
        tokio::spawn(self.follow(run, answers, same, cancel, first));
        Outcome::Complete(Reply::Json(task))
    }

    /// Keeps what becomes of a task, to its end.
    async fn follow(
        self,
        run: Arc<Run>,
        mut answers: mpsc::Receiver<Map<String, Value>>,
        mut request: McpRequest,
        cancel: Cancel,
        first: impl Future<Output = Outcome>,
    ) {
        // Nothing of the first request's stream is left.
        request.context.notifier = Notifier::default();
        request.context.cancel = cancel.clone();
        let version = request.context.version;
        let mut end = first.await;
        for round in 1.. {
            let Outcome::InputRequired { requests, state } = end else { break };
            // No key is used twice in the life of a task.
            let key = |key: &str| format!("{key}-{round}");
            let asked: Map<String, Value> =
                requests.iter().map(|(k, question)| (key(k), question.clone())).collect();
            let mut missing: Vec<String> = asked.keys().cloned().collect();
            self.layer.set(&run, RunState::Asking(asked));
            let mut responses = Map::new();
            let until = run.asks_until(self.layer.asking);
            while !missing.is_empty() {
                let some = tokio::select! {
                    some = answers.recv() => some.unwrap_or_default(),
                    () = cancel.token().cancelled() => break,
                    // Nobody answers any more, and its place is somebody else's.
                    () = tokio::time::sleep_until(until) => {
                        cancel.fire(Why::Ended);
                        break;
                    }
                };
                for (name, answer) in some {
                    missing.retain(|key| *key != name);
                    let own = requests.keys().find(|k| key(k) == name);
                    own.map(|own| responses.insert(own.clone(), answer));
                }
            }
            if cancel.token().is_cancelled() {
                end = Outcome::Cancelled;
                break;
            }
            self.layer.set(&run, RunState::Working);
            request.context.extensions.insert(Continuation { responses, state });
            end = self.ask(request.clone()).await;
        }
        let stopped = cancel.token().is_cancelled();
        let state = match outcome(&Id::Number(0), end, version, &server_info()) {
            _ if stopped => RunState::Cancelled,
            None => RunState::Cancelled,
            Some((message, _)) => {
                let message = message.into_bytes();
                let message: Value = serde_json::from_slice(&message).unwrap_or_default();
                match (message.get("result"), message.get("error")) {
                    (Some(result), _) => RunState::Completed(result.to_string().into()),
                    (None, error) => {
                        RunState::Failed(error.map(Value::to_string).unwrap_or_default().into())
                    }
                }
            }
        };
        self.layer.set(&run, state);
    }
}
