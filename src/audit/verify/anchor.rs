//! Checkpoints that were kept elsewhere, in whatever form a log kept them.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::audit::chain::{ChainedRecord, Head, read, statement};

/// A checkpoint that was kept elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Anchor {
    pub(super) record: Head,
    pub(super) key: String,
}

/// The checkpoints in a text: lines of a chain, or of a log, as text or as JSON, by whomever that
/// was wrapped and however its members are ordered.
pub(crate) fn anchors(text: &str) -> Vec<Anchor> {
    let mut found = Vec::new();
    for line in text.lines() {
        let before = found.len();
        within(line, &mut found);
        if found.len() == before && line.contains("\\\"") {
            // A log's text form may have quoted it.
            within(&line.replace("\\\"", "\""), &mut found);
        }
    }
    if found.is_empty() {
        // Written over several lines, or with its quotation marks doubled (CSV).
        within(text, &mut found);
        within(&text.replace("\"\"", "\""), &mut found);
    }
    found.dedup();
    found
}

fn within(text: &str, found: &mut Vec<Anchor>) {
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        rest = &rest[at..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(v)) => {
                within_value(&v, found);
                rest = &rest[values.byte_offset()..];
            }
            _ => rest = &rest[1..],
        }
    }
}

fn within_value(v: &Value, found: &mut Vec<Anchor>) {
    match v {
        Value::Object(o) => {
            found.extend(anchor(v));
            o.values().for_each(|v| within_value(v, found));
        }
        Value::Array(a) => a.iter().for_each(|v| within_value(v, found)),
        Value::String(s) if s.contains("checkpoint") => within(s, found),
        _ => {}
    }
}

/// A checkpoint by its members: the line that they were is written again, and has to have its
/// hash and its signature.
fn anchor(v: &Value) -> Option<Anchor> {
    let text = |k: &str| v.get(k).and_then(Value::as_str);
    let (seq, prev, time) = (v.get("seq")?.as_u64()?, text("prev")?, text("time")?);
    let (key, signature, hash) = (text("key")?, text("signature")?, text("hash")?);
    let line = format!(
        "{{\"seq\":{seq},\"prev\":\"{prev}\",\"time\":\"{time}\",\"event\":\"checkpoint\",\"key\":\"{key}\",\"signature\":\"{signature}\",\"hash\":\"{hash}\"}}"
    );
    let r = read(&line).filter(|r| r.whole && signed(r))?;
    Some(Anchor { record: Head { seq, hash: r.hash }, key: key.to_owned() })
}

pub(super) fn signed(r: &ChainedRecord) -> bool {
    let bytes =
        |k: &str| BASE64.decode(r.value[k].as_str().unwrap_or_default()).unwrap_or_default();
    let public = UnparsedPublicKey::new(&ED25519, bytes("key"));
    public.verify(statement(r.seq, &r.prev).as_bytes(), &bytes("signature")).is_ok()
}
