//! The suite's tools that ask: a person (elicitation), a model (sampling), or for the roots. A
//! stateless client gets the questions as a result; the transport asks a session's client for us.

use mssql_mcp_transports::Outcome;
use serde_json::{Map, Value, json};

use super::call::{Call, invalid, missing, text};
use super::state::{opened, sealed};

/// A question, under the key of its answer.
type Question = (&'static str, Value);

/// What a call gets that cannot go on: questions, or a fault.
pub(super) type Asked = Box<Outcome>;

/// The answer to a call of a tool that asks; none where it is no such tool.
pub(super) fn call(call: &Call) -> Option<Outcome> {
    let answered = match call.target() {
        "test_sampling" => sampling(call),
        "test_elicitation" => elicitation(call, json!({ "username": string(), "email": string() })),
        "test_elicitation_sep1034_defaults" => elicitation(call, defaults()),
        "test_elicitation_sep1330_enums" => elicitation(call, enums()),
        "test_streaming_elicitation" => {
            answers(call, vec![form("answer", "Shall it go on?", json!({ "ok": boolean() }))], None)
                .map(|found| text(format!("User response: {}", found[0])))
        }
        "test_missing_capability" if !call.declares("sampling") => {
            Err(Box::new(missing("sampling")))
        }
        "test_missing_capability" => Ok(text("The client can sample.")),
        "test_input_required_result_elicitation" => name(call),
        "test_input_required_result_sampling" => capital(call),
        "test_input_required_result_list_roots" => roots(call),
        "test_input_required_result_request_state"
        | "test_input_required_result_tampered_state" => confirm(call),
        "test_input_required_result_multiple_inputs" => multiple(call),
        "test_input_required_result_multi_round" => rounds(call),
        "test_input_required_result_capabilities" => declared(call),
        _ => return None,
    };
    Some(answered.unwrap_or_else(|asked| *asked))
}

/// What a person wants a prompt to use.
pub(super) fn context(call: &Call) -> Result<String, Asked> {
    let schema = json!({ "context": string() });
    let question = form("user_context", "What context should the prompt use?", schema);
    answers(call, vec![question], None).map(|found| field(found[0], "context"))
}

// === Questions ===

fn string() -> Value {
    json!({ "type": "string" })
}

fn boolean() -> Value {
    json!({ "type": "boolean" })
}

/// A form, all of whose fields are required.
pub(super) fn form(key: &'static str, message: &str, properties: Value) -> Question {
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(Map::keys).collect();
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    let params = json!({ "message": message, "requestedSchema": schema });
    (key, json!({ "method": "elicitation/create", "params": params }))
}

/// A prompt for the client's model.
fn sample(key: &'static str, prompt: &str, most: u32) -> Question {
    let message = json!({ "role": "user", "content": { "type": "text", "text": prompt } });
    let params = json!({ "messages": [message], "maxTokens": most });
    (key, json!({ "method": "sampling/createMessage", "params": params }))
}

fn list_roots() -> Question {
    ("client_roots", json!({ "method": "roots/list", "params": {} }))
}

/// The capability that a question needs.
fn needs(question: &Value) -> &'static str {
    match question["method"].as_str() {
        Some("elicitation/create") => "elicitation",
        Some("sampling/createMessage") => "sampling",
        _ => "roots",
    }
}

/// Whether this can be the answer to that question. Anything may come back.
fn fits(question: &Value, answer: &Value) -> bool {
    match needs(question) {
        "elicitation" => answer["action"].is_string(),
        "sampling" => answer["content"].is_object(),
        _ => answer["roots"].is_array(),
    }
}

/// The answers, in the order of the questions; or the questions whose answers are missing, with a
/// state, or the fault of a client that cannot be asked. Answers that nobody asked for are left.
pub(super) fn answers(
    call: &Call,
    questions: Vec<Question>,
    state: Option<String>,
) -> Result<Vec<&Value>, Asked> {
    let mut found = Vec::new();
    let mut requests = Map::new();
    for (key, question) in questions {
        if !call.declares(needs(&question)) {
            return Err(Box::new(missing(needs(&question))));
        }
        match call.answer(key).filter(|answer| fits(&question, answer)) {
            Some(answer) => found.push(answer),
            None => {
                requests.insert(key.to_owned(), question);
            }
        }
    }
    if requests.is_empty() {
        return Ok(found);
    }
    Err(Box::new(Outcome::InputRequired { requests, state }))
}

/// A field of a form's answer; a dash where it was not filled in.
pub(super) fn field(answer: &Value, name: &str) -> String {
    answer["content"][name].as_str().unwrap_or("-").to_owned()
}

/// What a model said.
fn said(answer: &Value) -> &str {
    answer["content"]["text"].as_str().unwrap_or("-")
}

/// The state that came with the call; a fault where it is not what was sealed.
fn state_of(call: &Call) -> Result<Option<String>, Asked> {
    let Some(state) = call.state() else { return Ok(None) };
    match opened(call.target(), state) {
        Some(content) => Ok(Some(content)),
        None => {
            Err(Box::new(invalid("params.requestState is not what was sent with the questions")))
        }
    }
}

// === Tools ===

fn sampling(call: &Call) -> Result<Outcome, Asked> {
    let found = answers(call, vec![sample("answer", call.argument("prompt"), 100)], None)?;
    Ok(text(format!("LLM response: {}", said(found[0]))))
}

fn elicitation(call: &Call, properties: Value) -> Result<Outcome, Asked> {
    let own = call.argument("message");
    let message = if own.is_empty() { "Please fill in this form" } else { own };
    let found = answers(call, vec![form("answer", message, properties)], None)?;
    let action = found[0]["action"].as_str().unwrap_or_default();
    Ok(text(format!("User response: action={action}, content={}", found[0]["content"])))
}

/// A default of each primitive type (SEP-1034).
fn defaults() -> Value {
    json!({
        "name": { "type": "string", "description": "A name", "default": "John Doe" },
        "age": { "type": "integer", "description": "An age", "default": 30 },
        "score": { "type": "number", "description": "A score", "default": 95.5 },
        "status": {
            "type": "string",
            "description": "A status",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": { "type": "boolean", "description": "Whether that is known", "default": true },
    })
}

/// Each way to let a person choose (SEP-1330).
fn enums() -> Value {
    let plain = ["option1", "option2", "option3"];
    let titled = json!([
        { "const": "value1", "title": "First Option" },
        { "const": "value2", "title": "Second Option" },
        { "const": "value3", "title": "Third Option" },
    ]);
    json!({
        "untitledSingle": { "type": "string", "enum": plain },
        "titledSingle": { "type": "string", "oneOf": titled },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": plain } },
        "titledMulti": { "type": "array", "items": { "anyOf": titled } },
    })
}

pub(super) fn who() -> Question {
    form("user_name", "What is your name?", json!({ "name": string() }))
}

fn name(call: &Call) -> Result<Outcome, Asked> {
    let found = answers(call, vec![who()], None)?;
    Ok(text(format!("Hello, {}!", field(found[0], "name"))))
}

fn capital(call: &Call) -> Result<Outcome, Asked> {
    let question = sample("capital_question", "What is the capital of France?", 100);
    let found = answers(call, vec![question], None)?;
    Ok(text(said(found[0])))
}

fn roots(call: &Call) -> Result<Outcome, Asked> {
    let found = answers(call, vec![list_roots()], None)?;
    Ok(text(format!("The client's roots: {}", found[0]["roots"])))
}

/// One question with a state, without which an answer is to nothing.
fn confirm(call: &Call) -> Result<Outcome, Asked> {
    let state = state_of(call)?;
    let question = form("confirm", "Please confirm", json!({ "ok": boolean() }));
    let sealed = sealed(call.target(), "asked");
    if state.as_deref() != Some("asked") {
        let requests = Map::from_iter([(question.0.to_owned(), question.1)]);
        return Err(Box::new(Outcome::InputRequired { requests, state: Some(sealed) }));
    }
    answers(call, vec![question], Some(sealed)).map(|_| text("state-ok"))
}

fn multiple(call: &Call) -> Result<Outcome, Asked> {
    state_of(call)?;
    let questions = vec![who(), sample("greeting", "Generate a greeting", 50), list_roots()];
    let found = answers(call, questions, Some(sealed(call.target(), "asked")))?;
    let (name, greeting) = (field(found[0], "name"), said(found[1]));
    Ok(text(format!("{greeting} {name}, of {}", found[2]["roots"])))
}

/// A name, then a color; the name travels in the state meanwhile.
fn rounds(call: &Call) -> Result<Outcome, Asked> {
    let (state, target) = (state_of(call)?, call.target());
    let Some(name) = state.as_deref().and_then(|s| s.strip_prefix("name ")) else {
        let question = form("step1", "Step 1: What is your name?", json!({ "name": string() }));
        let found = answers(call, vec![question], Some(sealed(target, "step 1")))?;
        return Err(color(target, &field(found[0], "name")));
    };
    match call.answer("step2") {
        Some(answer) => Ok(text(format!("{name} likes {}", field(answer, "color")))),
        None => Err(color(target, name)),
    }
}

fn color(target: &str, name: &str) -> Asked {
    let message = "Step 2: What is your favorite color?";
    let (key, question) = form("step2", message, json!({ "color": string() }));
    let requests = Map::from_iter([(key.to_owned(), question)]);
    let state = Some(sealed(target, &format!("name {name}")));
    Box::new(Outcome::InputRequired { requests, state })
}

/// Only what the client declared is asked of it.
fn declared(call: &Call) -> Result<Outcome, Asked> {
    let mut questions = vec![who(), sample("greeting", "Generate a greeting", 50), list_roots()];
    questions.retain(|(_, question)| call.declares(needs(question)));
    let found = answers(call, questions, None)?;
    Ok(text(format!("{} answers", found.len())))
}
