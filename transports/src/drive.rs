//! Makes a call for a handshake-era client: what the center asks of a person becomes `elicitation/create` (or another request
//! from server to client), whose answer starts the call again with a [`Continuation`].

use std::sync::Arc;

use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::session::Session;
use crate::{Continuation, McpRequest, McpService, Outcome, Outgoing, exchange};

/// A tool may ask this often; then the call ends.
const ROUNDS: usize = 16;

/// Runs a request of a session to its outcome. Notifications and questions go to `out` as whole JSON-RPC messages.
pub async fn drive(
    service: McpService,
    request: McpRequest,
    session: Arc<Session>,
    out: mpsc::Sender<Value>,
) -> Outcome {
    let McpRequest { id, method, target, params, mut context } = request;
    for _ in 0..ROUNDS {
        let again = McpRequest {
            id: id.clone(),
            method: method.clone(),
            target: target.clone(),
            params: params.clone(),
            context: context.clone(),
        };
        // A round's stream cancels its own token when it is dropped, not the whole call's.
        let mut round = again;
        round.context.cancel = context.cancel.child_token();
        let mut stream = exchange(service.clone(), round);
        let outcome = loop {
            match stream.next().await {
                Some(Outgoing::Notification(n)) => {
                    let _ = out.send(n).await;
                }
                Some(Outgoing::Outcome(o)) => break o,
                None => return Outcome::Cancelled,
            }
        };
        drop(stream);
        let Outcome::InputRequired { requests, state } = outcome else { return outcome };
        let mut responses = Map::new();
        for (key, question) in requests {
            let Some(answer) = ask(&session, &context.cancel, question, &out).await else { return Outcome::Cancelled };
            responses.insert(key, answer);
        }
        context.extensions.insert(Continuation { responses, state });
    }
    Outcome::Fault(crate::Fault::InvalidParams { message: "The call asked too often; giving up".into(), data: None })
}

/// Asks the client and waits; none when the call was cancelled or the session ended. An error answer counts as a refusal.
async fn ask(
    session: &Session,
    cancel: &tokio_util::sync::CancellationToken,
    question: Value,
    out: &mpsc::Sender<Value>,
) -> Option<Value> {
    let (id, answer) = session.ask();
    let mut message = json!({ "jsonrpc": "2.0", "id": id });
    message["method"] = question.get("method").cloned().unwrap_or_default();
    message["params"] = question.get("params").cloned().unwrap_or_else(|| json!({}));
    if out.send(message).await.is_err() {
        session.withdraw(id);
        return None;
    }
    tokio::select! {
        a = answer => match a.ok()? {
            Ok(v) => Some(v),
            Err(e) => Some(json!({ "action": "cancel", "error": e })),
        },
        () = cancel.cancelled() => {
            session.withdraw(id);
            None
        }
        () = session.closed.cancelled() => None,
    }
}
