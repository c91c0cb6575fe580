//! The suite's tools whose calls become tasks (`io.modelcontextprotocol/tasks`, SEP-2663). The
//! server's own layer makes the tasks; these only take their time.

use std::time::Duration;

use mssql_mcp::tasks::Patience;
use mssql_mcp_transports::{Continuation, Fault, McpRequest, Outcome, ToolReply};
use serde_json::{Value, json};

use super::call::{Call, text};
use super::questions::{self, Asked, answers, field, form};

/// The name of the extension.
pub(super) const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// What a call takes at least that is to be a task: it is one by then.
const MOMENT: Duration = Duration::from_millis(50);

/// Whether a call can only be a task.
fn is_task_alone(name: &str) -> bool {
    matches!(
        name,
        "failing_job"
            | "protocol_error_job"
            | "confirm_delete"
            | "multi_input"
            | "test_tool_with_task"
    )
}

/// From a call to how long it is waited for before it becomes a task; none where it never does.
pub(super) fn patience(request: &McpRequest) -> Option<Patience> {
    let name = request.target.as_deref()?;
    // It asks before it is a task, and its last round is one.
    let asks =
        name == "test_tool_with_task" && request.context.extensions.get::<Continuation>().is_none();
    let (wait, deadline) = (Duration::ZERO, Duration::from_secs(45));
    ((name == "slow_compute" || is_task_alone(name)) && !asks).then_some(Patience {
        wait,
        deadline,
        longest: deadline,
    })
}

/// Answers a call of a tool of these; none where it is no such tool.
pub(super) async fn call(call: &Call) -> Option<Outcome> {
    let extensions = call.request.context.client.capabilities.get("extensions");
    if is_task_alone(call.target()) && extensions.and_then(|e| e.get(EXTENSION)).is_none() {
        let needed = json!({ "extensions": { EXTENSION: {} } });
        return Some(Outcome::Fault(Fault::MissingCapability(needed)));
    }
    let answered = match call.target() {
        "greet" => Ok(text(format!("Hello, {}!", call.argument("name")))),
        "slow_compute" => Ok(slow_compute(call).await),
        "failing_job" => {
            tokio::time::sleep(MOMENT).await;
            let said = ToolReply::text("The job failed, as it always does");
            Ok(Outcome::Complete(ToolReply { is_error: true, ..said }.into()))
        }
        "protocol_error_job" => {
            tokio::time::sleep(MOMENT).await;
            Ok(Outcome::Fault(Fault::Failed("The job could not be run".into())))
        }
        "confirm_delete" => confirm_delete(call).await,
        "multi_input" => multi_input(call).await,
        "test_tool_with_task" => with_task(call).await,
        _ => return None,
    };
    Some(answered.unwrap_or_else(|asked| *asked))
}

/// Takes as many seconds as it is told to, and ends at once when it is cancelled.
async fn slow_compute(call: &Call) -> Outcome {
    let seconds = call.param("arguments")["seconds"].as_u64().unwrap_or(0);
    let cancelled = call.request.context.cancel.token();
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(seconds)) => {
            text(format!("{} took {seconds} seconds", call.argument("label")))
        }
        () = cancelled.cancelled() => Outcome::Cancelled,
    }
}

fn confirmation(key: &'static str, message: &str) -> (&'static str, Value) {
    form(key, message, json!({ "confirm": { "type": "boolean" } }))
}

async fn confirm_delete(call: &Call) -> Result<Outcome, Asked> {
    tokio::time::sleep(MOMENT).await;
    let file = call.argument("filename");
    let question = confirmation("confirm", &format!("Delete {file}?"));
    let found = answers(call, vec![question], None)?;
    let done = if found[0]["content"]["confirm"] == true { "deleted" } else { "kept" };
    Ok(text(format!("{file} was {done}")))
}

async fn multi_input(call: &Call) -> Result<Outcome, Asked> {
    tokio::time::sleep(MOMENT).await;
    let questions =
        vec![confirmation("first", "The first?"), confirmation("second", "The second?")];
    let found = answers(call, questions, None)?;
    Ok(text(format!("{} answers came", found.len())))
}

async fn with_task(call: &Call) -> Result<Outcome, Asked> {
    let found = answers(call, vec![questions::who()], None)?;
    tokio::time::sleep(MOMENT).await;
    Ok(text(format!("A task for {}", field(found[0], "name"))))
}
