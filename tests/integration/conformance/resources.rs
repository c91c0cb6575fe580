//! The suite's resources.

use mssql_mcp_transports::{Fault, Outcome, ResourceContents};
use serde_json::{Value, json};

use super::call::{Call, PNG, cached, invalid, object};

const TEXT: &str = "test://static-text";
const BINARY: &str = "test://static-binary";
const WATCHED: &str = "test://watched-resource";
const TEMPLATE: &str = "test://template/{id}/data";

/// `resources/list`.
pub(super) fn listed() -> Vec<Value> {
    let one = |uri, name, kind, description| json!({ "uri": uri, "name": name, "mimeType": kind, "description": description });
    vec![
        one(TEXT, "Static text", "text/plain", "A text that never changes"),
        one(BINARY, "Static binary", "image/png", "A picture that never changes"),
        one(WATCHED, "Watched", "text/plain", "What can be subscribed to"),
    ]
}

/// `resources/templates/list`.
pub(super) fn templates() -> Vec<Value> {
    vec![json!({
        "uriTemplate": TEMPLATE,
        "name": "Data by id",
        "mimeType": "application/json",
        "description": "The data of an id",
    })]
}

/// `resources/read`.
pub(super) fn read(call: &Call) -> Outcome {
    let Some(uri) = call.request.target.as_deref() else {
        return invalid("params.uri must be a string");
    };
    match contents(uri) {
        Some(contents) => cached(json!({ "contents": [contents] })),
        None => not_found(uri),
    }
}

/// `resources/subscribe` and `resources/unsubscribe`; who watches what, the transport remembers.
pub(super) fn watch(call: &Call) -> Outcome {
    if is_known(call.target()) { object(json!({})) } else { not_found(call.target()) }
}

/// Whether there is such a resource.
pub(super) fn is_known(uri: &str) -> bool {
    contents(uri).is_some()
}

fn not_found(uri: &str) -> Outcome {
    Outcome::Fault(Fault::ResourceNotFound(uri.to_owned()))
}

fn contents(uri: &str) -> Option<ResourceContents> {
    match uri {
        TEXT => {
            let text = "This is the content of the static text resource.";
            Some(ResourceContents::text(uri, "text/plain", text))
        }
        BINARY => Some(ResourceContents {
            text: None,
            blob: Some(PNG.to_owned()),
            ..ResourceContents::text(uri, "image/png", "")
        }),
        WATCHED => Some(ResourceContents::text(uri, "text/plain", "Watched resource content")),
        _ => {
            let (before, after) = TEMPLATE.split_once("{id}")?;
            let id = uri.strip_prefix(before)?.strip_suffix(after)?;
            if id.is_empty() || id.contains('/') {
                return None;
            }
            let data =
                json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            Some(ResourceContents::text(uri, "application/json", data.to_string()))
        }
    }
}
