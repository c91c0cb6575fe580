//! JSON logs: what tracing-subscriber writes, but for the audit's lines. Their records are JSON themselves, and stand in the line as
//! what they are, so that nobody has to unpack a text within a text.

use std::fmt::{self, Debug, Write as _};

use serde::de::IgnoredAny;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes the audit's lines itself, and leaves the others to that one.
#[derive(Debug)]
pub struct Lines(pub Format<Json>);

/// The fields, as they were written out.
struct Members(String);

impl Members {
    fn put(&mut self, name: &str, json: &str) {
        let comma = if self.0.is_empty() { "" } else { "," };
        let _ = write!(self.0, "{comma}\"{name}\":{json}");
    }
}

impl Visit for Members {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), &Value::from(value).to_string());
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        match serde_json::from_str::<IgnoredAny>(&text) {
            Ok(_) => self.put(field.name(), &text),
            Err(_) => self.put(field.name(), &Value::from(text).to_string()),
        }
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, cx: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let meta = event.metadata();
        if meta.target() != "audit" {
            return self.0.format_event(cx, out, event);
        }
        let mut members = Members(String::new());
        event.record(&mut members);
        out.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut out)?;
        writeln!(out, "\",\"level\":\"{}\",\"fields\":{{{}}},\"target\":\"audit\"}}", meta.level(), members.0)
    }
}
