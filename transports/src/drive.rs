//! Makes a call for a handshake-era client: what the center asks of a person becomes
//! `elicitation/create` (or another request from server to client), whose answer starts the call
//! again with a [`Continuation`].

use std::sync::Arc;

use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::session::Session;
use crate::{Cancel, Continuation, McpRequest, McpService, Outcome, Outgoing, exchange};

/// A tool may ask this often; then the call ends.
const ROUNDS: usize = 16;

/// Runs a request of a session to its outcome. Notifications and questions go to `out`
/// as whole JSON-RPC messages.
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
        round.context.cancel = context.cancel.child();
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
            let Some(answer) = ask(&session, &context.cancel, question, &out).await else {
                return Outcome::Cancelled;
            };
            responses.insert(key, answer);
        }
        context.extensions.insert(Continuation { responses, state });
    }
    Outcome::Fault(crate::Fault::InvalidParams {
        message: "The call asked too often; giving up".into(),
        data: None,
    })
}

/// Asks the client and waits; none when the call was cancelled or the session ended. An error
/// answer counts as a refusal.
async fn ask(
    session: &Session,
    cancel: &Cancel,
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
        () = cancel.token().cancelled() => {
            session.withdraw(id);
            None
        }
        () = session.closed.cancelled() => None,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::service_fn;
    use tower::util::BoxCloneSyncService;

    use super::*;
    use crate::handshake::bare_context;
    use crate::jsonrpc::Id;
    use crate::{ClientFacts, ProtocolVersion, Reply, ToolReply};

    /// Asks for a name once, then greets.
    fn greeter() -> McpService {
        BoxCloneSyncService::new(service_fn(|r: McpRequest| async move {
            r.context.outbox.notify("notifications/progress", json!({ "progress": 1 }));
            let outcome = match r.context.extensions.get::<Continuation>() {
                None => {
                    let question =
                        json!({ "method": "elicitation/create", "params": { "message": "Who?" } });
                    Outcome::InputRequired {
                        requests: Map::from_iter([("name".to_owned(), question)]),
                        state: Some("s1".into()),
                    }
                }
                Some(c) => {
                    assert_eq!(c.state.as_deref(), Some("s1"));
                    Outcome::Complete(Reply::Tool(ToolReply::text(format!(
                        "Hello, {}",
                        c.responses["name"]["content"]["name"]
                    ))))
                }
            };
            Ok::<_, Infallible>(outcome)
        }))
    }

    fn call(session: &Arc<Session>) -> McpRequest {
        McpRequest {
            id: Some(Id::Number(7)),
            method: Arc::from("tools/call"),
            target: None,
            params: None,
            context: bare_context(
                "test",
                ProtocolVersion::V2025_06_18,
                http::Extensions::new(),
                Cancel::under(&session.closed),
            ),
        }
    }

    fn session() -> Arc<Session> {
        Arc::new(Session::new(
            "s".into(),
            "ada".into(),
            ProtocolVersion::V2025_06_18,
            ClientFacts::default(),
        ))
    }

    #[tokio::test]
    async fn a_question_of_the_center_becomes_a_request_to_the_client() {
        let (session, (tx, mut rx)) = (session(), mpsc::channel(16));
        let driven = tokio::spawn(drive(greeter(), call(&session), session.clone(), tx));
        let mut said = Vec::new();
        while let Some(m) = rx.recv().await {
            if m["method"] == "elicitation/create" {
                assert_eq!(m["params"]["message"], "Who?");
                let id: Id = serde_json::from_value(m["id"].clone()).expect("an id");
                assert!(
                    session.answer(
                        &id,
                        Ok(json!({ "action": "accept", "content": { "name": "Ada" } }))
                    )
                );
                assert!(!session.answer(&id, Ok(json!({}))), "one answer is enough");
            }
            said.push(m["method"].as_str().unwrap_or_default().to_owned());
        }
        assert_eq!(
            said,
            ["notifications/progress", "elicitation/create", "notifications/progress"]
        );
        let Outcome::Complete(Reply::Tool(t)) = driven.await.expect("task") else {
            panic!("a result")
        };
        assert!(matches!(t.text, crate::Text::Own(s) if s == "Hello, \"Ada\""));
    }

    #[tokio::test]
    async fn the_end_of_a_session_ends_the_question() {
        let (session, (tx, mut rx)) = (session(), mpsc::channel(16));
        let driven = tokio::spawn(drive(greeter(), call(&session), session.clone(), tx));
        while let Some(m) = rx.recv().await {
            if m["method"] == "elicitation/create" {
                session.closed.cancel();
            }
        }
        assert!(matches!(driven.await.expect("task"), Outcome::Cancelled));
    }
}
