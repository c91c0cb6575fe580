//! Which trace a call belongs to: W3C Trace Context from `_meta.traceparent`, else from the HTTP
//! request, else one of its own. There is always one, with or without a collector: the log line,
//! the audit record and SQL Server's session name the same.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The longest `traceparent` that is looked at (version 00 has 55 characters).
const LONGEST: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// Of the whole trace.
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// Whether it is sampled.
    pub(crate) flags: TraceFlags,
}

impl Trace {
    /// One that nobody gave.
    pub(crate) fn fresh() -> Self {
        let ids = RandomIdGenerator::default();
        Self {
            trace_id: ids.new_trace_id(),
            span_id: ids.new_span_id(),
            flags: TraceFlags::default(),
        }
    }

    /// Another span of the same trace.
    pub(crate) fn child(self) -> Self {
        Self { span_id: RandomIdGenerator::default().new_span_id(), ..self }
    }

    /// Of a span, if it has one.
    pub(crate) fn of(c: &SpanContext) -> Option<Self> {
        c.is_valid().then(|| Self {
            trace_id: c.trace_id(),
            span_id: c.span_id(),
            flags: c.trace_flags(),
        })
    }

    /// The `traceparent`, digit by digit: every call has one, and `format!` takes its time.
    pub(crate) fn header(&self) -> String {
        let mut out = String::with_capacity(55);
        let mut hex = |bytes: &[u8]| {
            let digits = bytes.iter().flat_map(|b| [b >> 4, b & 15]);
            out.extend(digits.filter_map(|d| char::from_digit(d.into(), 16)));
            out.push('-');
        };
        hex(&[0]);
        hex(&self.trace_id.to_bytes());
        hex(&self.span_id.to_bytes());
        hex(&[self.flags.to_u8()]);
        out.pop();
        out
    }
}

/// A span that has begun: its parent is settled, and whether it is sampled. Most are not,
/// and attributes are what costs; so they are set from here on, all at once, and not as
/// fields of the [`Span`].
#[derive(Debug)]
pub(crate) struct OpenSpan {
    pub(crate) span: Span,
    /// Its identity, if spans are made at all.
    pub(crate) trace: Option<Trace>,
    seen: Option<Context>,
}

impl OpenSpan {
    pub(crate) fn new(span: Span) -> Self {
        if span.is_disabled() {
            return Self { span, trace: None, seen: None };
        }
        let context = span.context();
        let trace = Trace::of(context.span().span_context());
        let seen = Some(context).filter(|c| c.span().span_context().is_sampled());
        Self { span, trace, seen }
    }

    /// Adds attributes, if anybody will see them.
    pub(crate) fn describe(&self, attributes: impl FnOnce() -> Vec<KeyValue>) {
        if let Some(c) = &self.seen {
            c.span().set_attributes(attributes());
        }
    }

    /// Names it, if anybody will see that.
    pub(crate) fn name(&self, name: impl FnOnce() -> String) {
        if let Some(c) = &self.seen {
            c.span().update_name(name());
        }
    }

    /// Its status is Error; of what `error.type`.
    pub(crate) fn failed(&self, kind: impl Into<opentelemetry::StringValue>) {
        if let Some(c) = &self.seen {
            c.span().set_status(Status::error(""));
            c.span().set_attribute(KeyValue::new("error.type", kind.into()));
        }
    }
}

/// A caller's `traceparent` as a remote parent. What is no such thing is ignored,
/// however long it is.
pub(crate) fn remote(traceparent: Option<&str>) -> Option<Context> {
    let text = traceparent.filter(|t| t.len() <= LONGEST)?;
    let carrier = HashMap::from([("traceparent".to_owned(), text.to_owned())]);
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    context.span().span_context().is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_or_ignored() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = remote(Some(good)).expect("context");
        let trace = Trace::of(context.span().span_context()).expect("trace");
        assert_eq!(trace.header(), good);
        assert_eq!(trace.child().trace_id, trace.trace_id);
        assert_ne!(trace.child().span_id, trace.span_id);
        assert_ne!(Trace::fresh().trace_id, Trace::fresh().trace_id);
        let long = "0".repeat(1 << 20);
        for bad in ["", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-xyz", &long]
        {
            assert!(remote(Some(bad)).is_none());
        }
    }
}
