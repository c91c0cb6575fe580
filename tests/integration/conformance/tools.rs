//! The suite's tools.

use std::time::Duration;

use mssql_mcp_transports::{Change, Content, Outcome, ResourceContents, ToolReply};
use serde_json::{Value, json};

use super::call::{Call, PNG, WAV, invalid, text};
use super::center::Fixtures;
use super::{questions, tasks};

/// What lies between two steps of the tools that take some.
const STEP: Duration = Duration::from_millis(50);

/// Name and description, in the order of the list.
const TOOLS: &[(&str, &str)] = &[
    ("test_simple_text", "Answers a text"),
    ("test_image_content", "Answers a picture"),
    ("test_audio_content", "Answers a sound"),
    ("test_embedded_resource", "Answers a resource with its content"),
    ("test_multiple_content_types", "Answers a text, a picture and a resource"),
    ("test_tool_with_logging", "Says three things while it runs"),
    ("test_tool_with_progress", "Tells three times how far it is"),
    ("test_error_handling", "Fails"),
    ("test_reconnection", "Has its client come back for the result"),
    ("json_schema_2020_12_tool", "Has a schema of many keywords"),
    ("test_logging_tool", "Says something to those who want to hear it"),
    ("test_trigger_tool_change", "Tells that the list of tools changed"),
    ("test_trigger_prompt_change", "Tells that the list of prompts changed"),
    ("test_header_param", "Takes an argument that its headers repeat"),
    ("test_sampling", "Asks the client's model"),
    ("test_elicitation", "Asks for a name and an address"),
    ("test_elicitation_sep1034_defaults", "Asks by a form with defaults"),
    ("test_elicitation_sep1330_enums", "Asks by a form with choices"),
    ("test_missing_capability", "Needs a client that samples"),
    ("test_streaming_elicitation", "Asks a person whether to go on"),
    ("test_input_required_result_elicitation", "Asks for a name"),
    ("test_input_required_result_sampling", "Asks for a capital"),
    ("test_input_required_result_list_roots", "Asks for the client's roots"),
    ("test_input_required_result_request_state", "Asks for a confirmation, with a state"),
    ("test_input_required_result_tampered_state", "Refuses a state that was changed"),
    ("test_input_required_result_multiple_inputs", "Asks three questions at once"),
    ("test_input_required_result_multi_round", "Asks two questions, one after the other"),
    ("test_input_required_result_capabilities", "Asks what the client can be asked"),
    ("greet", "Greets at once"),
    ("slow_compute", "Takes so many seconds"),
    ("failing_job", "Fails after a while"),
    ("protocol_error_job", "Ends with an error of the protocol"),
    ("confirm_delete", "Asks while it is a task"),
    ("multi_input", "Asks two questions at once while it is a task"),
    ("test_tool_with_task", "Asks, and then is a task"),
];

/// `tools/list`.
pub(super) fn listed() -> Vec<Value> {
    let tool = |(name, description): &(&str, &str)| json!({ "name": name, "description": description, "inputSchema": schema(name) });
    TOOLS.iter().map(tool).collect()
}

fn schema(name: &str) -> Value {
    let of = |argument: &str| {
        json!({
            "type": "object",
            "properties": { argument: { "type": "string" } },
            "required": [argument],
        })
    };
    match name {
        "test_sampling" => of("prompt"),
        "test_elicitation" => of("message"),
        "test_header_param" => json!({
            "type": "object",
            "properties": { "region": { "type": "string", "x-mcp-header": "Region" } },
            "required": ["region"],
        }),
        "json_schema_2020_12_tool" => many_keywords(),
        _ => json!({ "type": "object" }),
    }
}

/// As the suite has it, to see that no keyword is lost (SEP-1613, SEP-2106).
fn many_keywords() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": { "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
        } },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": {
            "properties": { "contactMethod": { "const": "phone" } },
            "required": ["contactMethod"],
        },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}

/// `tools/call`.
pub(super) async fn call(center: &Fixtures, call: &Call) -> Outcome {
    let name = call.target();
    if !TOOLS.iter().any(|(known, _)| *known == name) {
        return invalid(format!("Unknown tool: {name}"));
    }
    if let Err(fault) = call.agrees_with(&schema(name)) {
        return Outcome::Fault(fault);
    }
    if let Some(answered) = questions::call(call) {
        return answered;
    }
    if let Some(answered) = tasks::call(call).await {
        return answered;
    }
    match name {
        "test_tool_with_logging" => logging(call).await,
        "test_tool_with_progress" => progress(call).await,
        "test_reconnection" => {
            call.notifier().have_polled();
            tokio::time::sleep(2 * STEP).await;
            text("The result that the client came back for")
        }
        "test_logging_tool" => {
            call.notifier().message("info", "fixtures", json!("It runs")).await;
            text("It ran")
        }
        "test_trigger_tool_change" => {
            center.tell(Change::Tools);
            text("Told")
        }
        "test_trigger_prompt_change" => {
            center.tell(Change::Prompts);
            text("Told")
        }
        "test_header_param" => text(format!("In {}", call.argument("region"))),
        "json_schema_2020_12_tool" => text(call.param("arguments").to_string()),
        "test_error_handling" => {
            let said = ToolReply::text("This tool intentionally returns an error for testing");
            Outcome::Complete(ToolReply { is_error: true, ..said }.into())
        }
        _ => Outcome::Complete(ToolReply::of(content(name)).into()),
    }
}

/// What the tools answer that do nothing else.
fn content(name: &str) -> Vec<Content> {
    let picture = Content::Image { data: PNG.into(), mime_type: "image/png".into() };
    let resource = |uri: &str, kind, text: &str| Content::Resource {
        resource: ResourceContents::text(uri, kind, text),
    };
    match name {
        "test_image_content" => vec![picture],
        "test_audio_content" => {
            vec![Content::Audio { data: WAV.into(), mime_type: "audio/wav".into() }]
        }
        "test_embedded_resource" => {
            let text = "This is an embedded resource content.";
            vec![resource("test://embedded-resource", "text/plain", text)]
        }
        "test_multiple_content_types" => {
            let data = r#"{"test":"data","value":123}"#;
            let mixed = resource("test://mixed-content-resource", "application/json", data);
            vec![Content::text("Multiple content types test:"), picture, mixed]
        }
        _ => vec![Content::text("This is a simple text response for testing.")],
    }
}

async fn logging(call: &Call) -> Outcome {
    let say = async |said: &str| call.notifier().message("info", "fixtures", json!(said)).await;
    say("Tool execution started").await;
    tokio::time::sleep(STEP).await;
    say("Tool processing data").await;
    tokio::time::sleep(STEP).await;
    say("Tool execution completed").await;
    text("Three things were said")
}

async fn progress(call: &Call) -> Outcome {
    for done in [0.0, 50.0, 100.0] {
        call.notifier().tell_progress(done, Some(100.0), None).await;
        tokio::time::sleep(STEP).await;
    }
    text("All of it is done")
}
