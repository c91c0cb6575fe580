//! JSON logs: what tracing-subscriber writes, but for the audit's lines. Their records are
//! JSON themselves, and stand in the line as what they are, so that nobody has to unpack a
//! text within a text.

use std::fmt::{self, Debug, Write as _};

use serde::de::IgnoredAny;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::visible::unseen;

/// Writes the audit's lines itself, and leaves the others to that one.
#[derive(Debug)]
pub(crate) struct Lines(pub(crate) Format<Json>);

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
    fn format_event(
        &self,
        cx: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.line(cx, Writer::new(&mut line), event)?;
        // What could disturb a terminal or a reader stands in strings alone, and so may be written
        // as JSON escapes it (RFC 8259 §7).
        let mut from = 0;
        for (at, c) in line.char_indices().filter(|(_, c)| unseen(*c)) {
            out.write_str(&line[from..at])?;
            c.encode_utf16(&mut [0; 2]).iter().try_for_each(|u| write!(out, "\\u{u:04x}"))?;
            from = at + c.len_utf8();
        }
        out.write_str(&line[from..])
    }
}

impl Lines {
    fn line<S, N>(
        &self,
        cx: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
        N: for<'a> FormatFields<'a> + 'static,
    {
        let meta = event.metadata();
        if meta.target() != "audit" {
            return self.0.format_event(cx, out, event);
        }
        let mut members = Members(String::new());
        event.record(&mut members);
        out.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut out)?;
        writeln!(
            out,
            "\",\"level\":\"{}\",\"fields\":{{{}}},\"target\":\"audit\"}}",
            meta.level(),
            members.0
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// What was written.
    #[derive(Clone, Default)]
    struct Out(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Out {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("lock").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_in_a_line_moves_or_ends_it() {
        let (out, evil) =
            (Out::default(), "a\u{9b}31m\u{85}b\u{202e}c\u{61c}d\u{200b}\u{e0041}é\n");
        let to = out.clone();
        let lines = Lines(tracing_subscriber::fmt::format().json());
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .event_format(lines)
            .with_writer(move || to.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::warn!(client = evil, "said {evil}");
            tracing::info!(target: "audit", event = "sign_in_failed", principal = evil);
        });
        let text = String::from_utf8(out.0.lock().expect("lock").clone()).expect("UTF-8");
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.ends_with('\n') && !text.chars().any(unseen), "{text}");
        let said: Vec<Value> =
            text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
        assert_eq!(
            (&said[0]["fields"]["client"], &said[1]["fields"]["principal"]),
            (&Value::from(evil), &Value::from(evil))
        );
    }
}
