//! The suite's prompts, and the completion of their arguments.

use mssql_mcp_transports::{Content, Outcome, ResourceContents};
use serde_json::{Value, json};

use super::call::{Call, PNG, invalid, object};
use super::questions;

/// Name, description, and the arguments, all of which are required.
const PROMPTS: &[(&str, &str, &[&str])] = &[
    ("test_simple_prompt", "A prompt without arguments", &[]),
    ("test_prompt_with_arguments", "A prompt with two arguments", &["arg1", "arg2"]),
    ("test_prompt_with_embedded_resource", "A prompt with a resource in it", &["resourceUri"]),
    ("test_prompt_with_image", "A prompt with a picture in it", &[]),
    ("test_input_required_result_prompt", "A prompt that asks a person for its context", &[]),
];

/// What arguments may begin with.
const COMPLETIONS: [&str; 4] = ["paris", "park", "party", "test"];

/// `prompts/list`.
pub(super) fn listed() -> Vec<Value> {
    let argument = |name: &&str| json!({ "name": name, "description": format!("The value of {name}"), "required": true });
    let prompt = |(name, description, arguments): &(&str, &str, &[&str])| {
        let arguments: Vec<Value> = arguments.iter().map(argument).collect();
        json!({ "name": name, "description": description, "arguments": arguments })
    };
    PROMPTS.iter().map(prompt).collect()
}

/// `prompts/get`.
pub(super) fn get(call: &Call) -> Outcome {
    let Some((name, description, arguments)) = PROMPTS.iter().find(|p| p.0 == call.target()) else {
        return invalid(format!("Unknown prompt: {}", call.target()));
    };
    if let Some(missing) = arguments.iter().find(|a| !call.param("arguments")[**a].is_string()) {
        return invalid(format!("params.arguments.{missing} must be a string"));
    }
    let said = match *name {
        "test_simple_prompt" => vec![Content::text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            let (one, two) = (call.argument("arg1"), call.argument("arg2"));
            vec![Content::text(format!("Prompt with arguments: arg1='{one}', arg2='{two}'"))]
        }
        "test_prompt_with_embedded_resource" => {
            let text = "Embedded resource content for testing.";
            let resource = ResourceContents::text(call.argument("resourceUri"), "text/plain", text);
            let please = Content::text("Please process the embedded resource above.");
            vec![Content::Resource { resource }, please]
        }
        "test_prompt_with_image" => {
            let picture = Content::Image { data: PNG.into(), mime_type: "image/png".into() };
            vec![picture, Content::text("Please analyze the image above.")]
        }
        _ => match questions::context(call) {
            Ok(context) => vec![Content::text(format!("Use this context: {context}"))],
            Err(asked) => return *asked,
        },
    };
    let message = |content| json!({ "role": "user", "content": content });
    let messages: Vec<Value> = said.into_iter().map(message).collect();
    object(json!({ "description": description, "messages": messages }))
}

/// `completion/complete`, of the arguments of prompts.
pub(super) fn complete(call: &Call) -> Outcome {
    let (reference, argument) = (call.param("ref"), call.param("argument"));
    let prompt = PROMPTS.iter().find(|p| reference["name"] == p.0);
    let known = prompt.is_some_and(|p| p.2.iter().any(|name| argument["name"] == *name));
    if reference["type"] != "ref/prompt" || !known {
        return invalid("params.ref and params.argument name no argument of a prompt");
    }
    let begun = argument["value"].as_str().unwrap_or_default();
    let values: Vec<&str> = COMPLETIONS.into_iter().filter(|v| v.starts_with(begun)).collect();
    let total = values.len();
    object(json!({ "completion": { "values": values, "total": total, "hasMore": false } }))
}
