//! Makes a call for a handshake-era client: what the center asks of a person becomes
//! `elicitation/create` (or another request from server to client), whose answer starts the call
//! again with a [`Continuation`].

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::McpService;
use crate::call::call;
use crate::cancel::Cancel;
use crate::encoded::Encoded;
use crate::outcome::{Fault, Outcome};
use crate::request::{Continuation, McpRequest};
use crate::session::Session;

/// How long a question is open: longer than any person thinks, and not for ever.
const PATIENCE: Duration = Duration::from_secs(1800);
/// A tool may ask this often; then the call ends.
const ROUNDS: usize = 16;

/// Runs a request of a session to its outcome, and tells meanwhile how far it is. Questions go to
/// `out` as whole messages.
pub(crate) async fn drive(
    service: McpService,
    request: McpRequest,
    session: Arc<Session>,
    out: mpsc::Sender<Encoded>,
) -> Outcome {
    let watch = match &*request.method {
        "resources/subscribe" => Some((request.target.clone(), true)),
        "resources/unsubscribe" => Some((request.target.clone(), false)),
        _ => None,
    };
    let notifier = request.context.notifier.clone();
    let outcome = notifier.telling(rounds(service, request, &session, out)).await;
    if let (Some((Some(uri), wanted)), Outcome::Complete(_)) = (watch, &outcome) {
        session.watch(&uri, wanted);
    }
    outcome
}

async fn rounds(
    service: McpService,
    mut request: McpRequest,
    session: &Arc<Session>,
    out: mpsc::Sender<Encoded>,
) -> Outcome {
    for _ in 0..ROUNDS {
        let outcome = call(service.clone(), request.clone()).await;
        let Outcome::InputRequired { requests, state } = outcome else { return outcome };
        let mut responses = Map::new();
        // A person may think for long, and a client that hears nothing gives up.
        request.context.notifier.progress().begin(|_| "waiting for a person's answer".into());
        for (key, question) in requests {
            let Some(answer) = ask(session, &request.context.cancel, question, &out).await else {
                return Outcome::Cancelled;
            };
            responses.insert(key, answer);
        }
        request.context.extensions.insert(Continuation { responses, state });
    }
    Outcome::Fault(Fault::InvalidParams {
        message: "The call asked too often; giving up".into(),
        data: None,
    })
}

/// Asks the client and waits; none when the call was cancelled or the session ended. An error
/// answer counts as a refusal.
async fn ask(
    session: &Arc<Session>,
    cancel: &Cancel,
    question: Value,
    out: &mpsc::Sender<Encoded>,
) -> Option<Value> {
    let mut asked = session.ask();
    let mut message = json!({ "jsonrpc": "2.0", "id": asked.id });
    message["method"] = question.get("method").cloned().unwrap_or_default();
    message["params"] = question.get("params").cloned().unwrap_or_else(|| json!({}));
    tokio::select! {
        sent = out.send(Encoded::value(&message)) => sent.ok()?,
        () = cancel.token().cancelled() => return None,
    }
    tokio::select! {
        answer = &mut asked.answer => match answer.ok()? {
            Ok(result) => Some(result),
            Err(error) => Some(json!({ "action": "cancel", "error": error })),
        },
        // The end of the session fires it, too.
        () = cancel.token().cancelled() => None,
        () = tokio::time::sleep(PATIENCE) => {
            Some(json!({ "action": "cancel", "error": { "message": "nobody answered" } }))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::service_fn;
    use tower::util::BoxCloneSyncService;

    use super::*;
    use crate::jsonrpc::Id;
    use crate::outcome::{Reply, ToolReply};
    use crate::request::{ClientFacts, bare_context};
    use crate::version::ProtocolVersion;

    /// Asks for a name once, then greets.
    fn greeter() -> McpService {
        BoxCloneSyncService::new(service_fn(|r: McpRequest| async move {
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

    fn request(session: &Arc<Session>) -> McpRequest {
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
        let driven = tokio::spawn(drive(greeter(), request(&session), session.clone(), tx));
        let asked: Value =
            serde_json::from_slice(&rx.recv().await.expect("a question").into_bytes())
                .expect("JSON");
        assert_eq!(asked["method"], "elicitation/create");
        assert_eq!(asked["params"]["message"], "Who?");
        let id: Id = serde_json::from_value(asked["id"].clone()).expect("an id");
        let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
        assert!(session.answer(&id, Ok(answer)));
        assert!(!session.answer(&id, Ok(json!({}))), "one answer is enough");
        assert!(rx.recv().await.is_none(), "one question is enough");
        let Outcome::Complete(Reply::Tool(t)) = driven.await.expect("task") else {
            panic!("a result")
        };
        assert!(matches!(t.text, crate::Text::Own(s) if s == "Hello, \"Ada\""));
    }

    #[tokio::test]
    async fn the_end_of_a_session_ends_the_question() {
        let (session, (tx, mut rx)) = (session(), mpsc::channel(16));
        let driven = tokio::spawn(drive(greeter(), request(&session), session.clone(), tx));
        assert!(rx.recv().await.is_some());
        session.closed.cancel();
        assert!(matches!(driven.await.expect("task"), Outcome::Cancelled));
        assert!(!session.answer(&Id::Number(1), Ok(json!({}))), "nobody waits for it");
    }

    #[tokio::test]
    async fn a_client_that_reads_nothing_can_be_cancelled() {
        let (session, (tx, _rx)) = (session(), mpsc::channel(1));
        tx.send(Encoded::default()).await.expect("room");
        let made = request(&session);
        let cancel = made.context.cancel.clone();
        let driven = tokio::spawn(drive(greeter(), made, session, tx));
        tokio::task::yield_now().await;
        cancel.fire(crate::cancel::Why::Asked);
        assert!(matches!(driven.await.expect("task"), Outcome::Cancelled));
    }

    #[tokio::test]
    async fn a_call_may_not_ask_for_ever() {
        let insists: McpService = BoxCloneSyncService::new(service_fn(|_| async {
            let question = json!({ "method": "elicitation/create" });
            let requests = Map::from_iter([("name".to_owned(), question)]);
            Ok::<_, Infallible>(Outcome::InputRequired { requests, state: None })
        }));
        let (session, (tx, mut rx)) = (session(), mpsc::channel(16));
        let driven = tokio::spawn(drive(insists, request(&session), session.clone(), tx));
        let mut asked = 0;
        while rx.recv().await.is_some() {
            asked += 1;
            assert!(session.answer(&Id::Number(asked), Ok(json!({}))));
        }
        assert_eq!(asked, ROUNDS as i64);
        let outcome = driven.await.expect("task");
        assert!(matches!(outcome, Outcome::Fault(Fault::InvalidParams { .. })), "{outcome:?}");
    }
}
