//! What changes while the server runs, for those who asked to be told: the lists of tools, prompts
//! and resources, and single resources.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;

use crate::encoded::Encoded;
use crate::jsonrpc::Id;
use crate::notify::notification;

/// `_meta` key of the subscription that a message belongs to: the id of `subscriptions/listen`.
pub(crate) const SUBSCRIPTION_KEY: &str = "io.modelcontextprotocol/subscriptionId";

/// Changes that wait for a listener. Whoever falls behind hears of every list instead.
const WAITING: usize = 2048;

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list` and the templates.
    Resources,
    /// One resource, by its URI.
    Resource(Arc<str>),
    /// One task, by its id, with who says how it stands.
    Task(Arc<str>, TaskState),
}

/// Says how a task stands when that is sent: a listener who does not read holds no results. None
/// once it is forgotten.
#[derive(Clone)]
pub struct TaskState(pub Arc<dyn Fn() -> Option<Value> + Send + Sync>);

impl std::fmt::Debug for TaskState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TaskState")
    }
}

impl PartialEq for TaskState {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TaskState {}

/// Where changes are told; clones share it.
#[derive(Debug, Clone)]
pub struct Changes(broadcast::Sender<Change>);

/// Hears changes.
#[derive(Debug)]
pub(crate) struct Listener(broadcast::Receiver<Change>);

/// What a listener is told.
#[derive(Debug, Default, Clone)]
pub(crate) struct Filter {
    pub(crate) tools: bool,
    pub(crate) prompts: bool,
    pub(crate) resources: bool,
    pub(crate) uris: Vec<String>,
    pub(crate) tasks: Vec<String>,
}

// === impl Changes ===

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::channel(WAITING).0)
    }
}

impl Changes {
    /// Tells whoever listens.
    pub fn tell(&self, change: Change) {
        // There may be nobody.
        let _ = self.0.send(change);
    }

    /// Whether anybody listens.
    pub fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Hears all changes from now on.
    pub(crate) fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

// === impl Listener ===

impl Listener {
    /// Sends on what `tells` makes of changes, as notifications with this `_meta`, until nobody takes
    /// them any more.
    pub(crate) async fn forward(
        mut self,
        out: mpsc::Sender<Encoded>,
        meta: Option<Value>,
        tells: impl Fn(Change) -> Option<Change>,
    ) {
        loop {
            let next = tokio::select! {
                next = self.0.recv() => next,
                () = out.closed() => return,
            };
            let lists = [Change::Tools, Change::Resources];
            let changes = match next {
                Ok(change) => vec![change],
                Err(RecvError::Lagged(_)) => lists.to_vec(),
                Err(RecvError::Closed) => return,
            };
            for change in changes.into_iter().filter_map(&tells) {
                // First a place, then the text: what is told is how it stands then.
                let Ok(place) = out.reserve().await else { return };
                if let Some(told) = told(&change, meta.as_ref()) {
                    place.send(told);
                }
            }
        }
    }
}

/// The notification of a change; none of a task that is forgotten.
fn told(change: &Change, meta: Option<&Value>) -> Option<Encoded> {
    let (method, mut params) = match change {
        Change::Tools => ("notifications/tools/list_changed", json!({})),
        Change::Prompts => ("notifications/prompts/list_changed", json!({})),
        Change::Resources => ("notifications/resources/list_changed", json!({})),
        Change::Resource(uri) => ("notifications/resources/updated", json!({ "uri": &**uri })),
        Change::Task(_, TaskState(state)) => ("notifications/tasks", state()?),
    };
    if let Some(meta) = meta {
        params["_meta"] = meta.clone();
    }
    Some(notification(method, params))
}

// === impl Filter ===

impl Filter {
    /// Of the `notifications` of `subscriptions/listen`, as the center honours them.
    pub(crate) fn of(notifications: &Map<String, Value>) -> Self {
        let flag = |key: &str| notifications.get(key).and_then(Value::as_bool).unwrap_or(false);
        let texts = |key: &str| -> Vec<String> {
            let all = notifications.get(key).and_then(Value::as_array).into_iter().flatten();
            all.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            tools: flag("toolsListChanged"),
            prompts: flag("promptsListChanged"),
            resources: flag("resourcesListChanged"),
            uris: texts("resourceSubscriptions"),
            tasks: texts("taskIds"),
        }
    }

    /// What is told of a change: a resource by the URI that its client knows it by.
    pub(crate) fn told(&self, change: Change) -> Option<Change> {
        let wanted = match &change {
            Change::Tools => self.tools,
            Change::Prompts => self.prompts,
            Change::Resources => self.resources,
            Change::Resource(uri) => {
                let known = self.uris.iter().find(|u| same(u) == same(uri))?;
                return Some(Change::Resource(known.as_str().into()));
            }
            Change::Task(id, _) => self.tasks.iter().any(|t| **t == **id),
        };
        wanted.then_some(change)
    }
}

/// What is the same of two spellings of a URI: names of SQL Server are mostly compared without case,
/// and what is percent-encoded may have been left as it is.
pub(crate) fn same(uri: &str) -> String {
    let mut out = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = |text: &[u8]| u8::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok();
        match (byte, after.get(..2).and_then(hex)) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                rest = &after[2..];
            }
            _ => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).to_lowercase()
}

/// `_meta` of what belongs to a subscription.
pub(crate) fn subscription(id: &Id) -> Value {
    json!({ SUBSCRIPTION_KEY: id })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn next(said: &mut mpsc::Receiver<Encoded>) -> Value {
        let message = said.recv().await.expect("a message").into_bytes();
        serde_json::from_slice(&message).expect("JSON")
    }

    #[tokio::test]
    async fn a_listener_is_told_what_it_asked_for() {
        let (changes, (out, mut said)) = (Changes::default(), mpsc::channel(8));
        assert!(!changes.is_heard());
        changes.tell(Change::Tools);
        let asked = json!({ "toolsListChanged": true, "resourceSubscriptions": ["a:%42"] });
        let filter = Filter::of(asked.as_object().expect("an object"));
        let meta = subscription(&Id::Number(7));
        let listener = changes.listen();
        let task = tokio::spawn(async move {
            listener.forward(out, Some(meta), |c| filter.told(c)).await;
        });
        for change in [Change::Prompts, Change::Resource("a:c".into()), Change::Resources] {
            changes.tell(change);
        }
        changes.tell(Change::Resource("a:b".into()));
        changes.tell(Change::Tools);
        let updated = next(&mut said).await;
        assert_eq!(updated["method"], "notifications/resources/updated");
        assert_eq!(updated["params"], json!({ "uri": "a:%42", "_meta": { SUBSCRIPTION_KEY: 7 } }));
        assert_eq!(next(&mut said).await["method"], "notifications/tools/list_changed");
        drop(said);
        task.await.expect("its end");
        assert!(!changes.is_heard());
    }

    #[tokio::test]
    async fn whoever_falls_behind_hears_of_every_list() {
        let (changes, (out, mut said)) = (Changes::default(), mpsc::channel(1));
        let listener = changes.listen();
        tokio::spawn(async move { listener.forward(out, None, Some).await });
        for n in 0..2 * WAITING {
            changes.tell(Change::Resource(format!("a:{n}").into()));
        }
        let mut methods = Vec::new();
        while methods.len() < 2 {
            let method = next(&mut said).await["method"].as_str().expect("a method").to_owned();
            if method.ends_with("list_changed") {
                methods.push(method);
            }
        }
        let lists = ["tools", "resources"].map(|l| format!("notifications/{l}/list_changed"));
        assert_eq!(methods, lists);
    }
}
