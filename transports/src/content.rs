//! What results of tools and messages of prompts are made of (MCP, "Content"), and what of it a
//! revision has.

use serde::Serialize;
use serde_json::{Value, json};

use crate::version::ProtocolVersion;

/// A block of content.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// For a model to read.
    Text {
        /// As it is.
        text: String,
    },
    /// A picture.
    Image {
        /// Base64.
        data: String,
        /// Such as `image/png`.
        #[serde(rename = "mimeType")]
        mime_type: String,
    },
    /// A sound; from 2025-03-26 on.
    Audio {
        /// Base64.
        data: String,
        /// Such as `audio/wav`.
        #[serde(rename = "mimeType")]
        mime_type: String,
    },
    /// A resource with what is in it.
    Resource {
        /// One item of `resources/read`.
        resource: ResourceContents,
    },
    /// A resource that can be read; from 2025-06-18 on.
    ResourceLink {
        /// What `resources/read` takes.
        uri: String,
        /// For people.
        name: String,
        /// The type of what is read.
        #[serde(rename = "mimeType", skip_serializing_if = "Option::is_none")]
        mime_type: Option<String>,
        /// What it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
}

/// What is in a resource: text, or bytes in Base64.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceContents {
    /// As it was asked for.
    pub uri: String,
    /// Such as `text/plain`.
    #[serde(rename = "mimeType")]
    pub mime_type: String,
    /// Text, or else `blob`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Base64, or else `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blob: Option<String>,
    /// For hosts.
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    pub meta: Option<Value>,
}

/// A block as this revision has it. Its clients refuse a whole result for a block of a kind that
/// they do not know, so what is missing is told as text.
pub(crate) fn of_version(block: Value, version: ProtocolVersion) -> Value {
    let text = |key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "resource_link" if version < ProtocolVersion::V2025_06_18 => {
            let (name, uri) = (text("name"), text("uri"));
            json!({ "type": "text", "text": format!("{name}: {uri} (read it with resources/read)") })
        }
        "audio" if version < ProtocolVersion::V2025_03_26 => {
            let (kind, since) = (text("mimeType"), ProtocolVersion::V2025_03_26.as_str());
            json!({ "type": "text", "text": format!("(a sound, {kind}: clients of {since} get it)") })
        }
        _ => block,
    }
}

// === impl Content ===

impl Content {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }
}

// === impl ResourceContents ===

impl ResourceContents {
    /// Of a text.
    pub fn text(uri: impl Into<String>, mime_type: &str, text: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            mime_type: mime_type.to_owned(),
            text: Some(text.into()),
            blob: None,
            meta: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_revision_lacks_is_told_as_text() {
        let link = json!(Content::ResourceLink {
            uri: "mssql://a".into(),
            name: "a".into(),
            mime_type: None,
            description: None,
        });
        let sound = json!(Content::Audio { data: "AA==".into(), mime_type: "audio/wav".into() });
        let image = json!(Content::Image { data: "AA==".into(), mime_type: "image/png".into() });
        for version in ProtocolVersion::ALL {
            let kind = |block: &Value| of_version(block.clone(), version)["type"].clone();
            let linked = version >= ProtocolVersion::V2025_06_18;
            assert_eq!(kind(&link), if linked { "resource_link" } else { "text" });
            let heard = version >= ProtocolVersion::V2025_03_26;
            assert_eq!(kind(&sound), if heard { "audio" } else { "text" });
            assert_eq!(of_version(image.clone(), version), image);
        }
        let told = of_version(link, ProtocolVersion::V2024_11_05);
        assert!(told["text"].as_str().is_some_and(|t| t.contains("mssql://a")), "{told}");
    }
}
