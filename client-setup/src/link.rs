//! Links by which a client takes an entry. They hold no secret: an entry is checked before it
//! becomes one, and VS Code's asks for what the entry refers to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::client::Client;
use crate::entry::Entry;
use crate::inputs::questions;

/// A link that a person opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it is.
    pub what: &'static str,
    /// Its address.
    pub url: String,
}

/// The links of a client; empty where it has none, or where the entry may not be in one.
#[must_use]
pub fn links(client: &Client, name: &str, entry: &Entry) -> Vec<Link> {
    let value = match (entry.check(client), entry.value(client, name)) {
        (Ok(()), Ok(value)) => value,
        _ => return Vec::new(),
    };
    let link = |what, url| Link { what, url };
    let text = value.to_string();
    let packed = escaped(&STANDARD.encode(&text));
    match client.id {
        "cursor" => vec![
            link(
                "Link for the app",
                format!(
                    "cursor://anysphere.cursor-deeplink/mcp/install?name={name}&config={packed}"
                ),
            ),
            link(
                "Link for the web",
                format!("https://cursor.com/en/install-mcp?name={name}&config={packed}"),
            ),
        ],
        "lm-studio" => vec![link(
            "Link for the app",
            format!("lmstudio://add_mcp?name={name}&config={packed}"),
        )],
        "vscode" => {
            let inputs = questions(&value);
            let mut whole = json!({ "name": name });
            if let (Value::Object(whole), Value::Object(entry)) = (&mut whole, &value) {
                whole.extend(entry.clone());
                if !inputs.is_empty() {
                    whole.insert("inputs".into(), inputs.clone().into());
                }
            }
            let asked = match inputs.is_empty() {
                true => String::new(),
                false => format!("&inputs={}", escaped(&Value::from(inputs).to_string())),
            };
            vec![
                link(
                    "Link for the app",
                    format!("vscode:mcp/install?{}", escaped(&whole.to_string())),
                ),
                link(
                    "Link for the web",
                    format!(
                        "https://insiders.vscode.dev/redirect/mcp/install?name={name}&config={}{asked}",
                        escaped(&text)
                    ),
                ),
            ]
        }
        _ => Vec::new(),
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
