//! The chain: each record is a line of JSON that ends with the SHA-256 of itself and names that of
//! the record before. A checkpoint signs where the chain stands (Ed25519, RFC 8032); `verify.rs`
//! reads it again. The hash is over the very bytes of the line, so a verifier needs no rules of
//! its own about JSON.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

/// What stands before the first record.
pub(crate) const GENESIS: &str = "0";

/// Where a chain stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    /// Of the last record; 0 before the first.
    pub(crate) seq: u64,
    pub(crate) hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { seq: 0, hash: GENESIS.to_owned() }
    }
}

fn hash_of(line: &str) -> String {
    BASE64.encode(digest::digest(&digest::SHA256, line.as_bytes()))
}

/// What a checkpoint signs.
pub(crate) fn statement(seq: u64, prev: &str) -> String {
    format!("mssql-mcp audit checkpoint {seq} {prev}")
}

impl Head {
    /// Appends a record with these fields (the inside of a JSON object) to `out`, and moves on.
    pub(crate) fn append(&mut self, fields: &str, out: &mut String) {
        let start = out.len();
        self.seq += 1;
        let _ = write!(out, "{{\"seq\":{},\"prev\":\"{}\",{fields}", self.seq, self.hash);
        self.hash = hash_of(&out[start..]);
        let _ = writeln!(out, ",\"hash\":\"{}\"}}", self.hash);
    }

    /// Appends a signed checkpoint.
    pub(crate) fn checkpoint(&mut self, time: &str, key: &Ed25519KeyPair, out: &mut String) {
        let signature = key.sign(statement(self.seq + 1, &self.hash).as_bytes());
        let fields = format!(
            "\"time\":\"{time}\",\"event\":\"checkpoint\",\"key\":\"{}\",\"signature\":\"{}\"",
            BASE64.encode(key.public_key().as_ref()),
            BASE64.encode(signature.as_ref())
        );
        self.append(&fields, out);
    }
}

#[derive(Debug)]
pub(crate) struct ChainedRecord {
    /// Its number, from 1.
    pub(crate) seq: u64,
    /// The hash of the record before.
    pub(crate) prev: String,
    pub(crate) hash: String,
    pub(crate) value: Value,
    /// It has its hash.
    pub(crate) whole: bool,
}

/// Reads a line of the chain.
pub(crate) fn read(line: &str) -> Option<ChainedRecord> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |k: &str| value.get(k).and_then(Value::as_str).map(str::to_owned);
    let (seq, prev, hash) = (value.get("seq")?.as_u64()?, text("prev")?, text("hash")?);
    let body = line.strip_suffix(&format!(",\"hash\":\"{hash}\"}}"));
    let whole = body.is_some_and(|b| hash_of(b) == hash);
    Some(ChainedRecord { seq, prev, hash, value, whole })
}

/// The head of a file's last record, and how many bytes after its last whole line are torn.
pub(crate) fn tail(text: &str) -> (Option<Head>, usize) {
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    let last = text[..whole].lines().next_back().and_then(read);
    (last.map(|r| Head { seq: r.seq, hash: r.hash }), text.len() - whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_end_is_told_apart() {
        let (mut head, mut text) = (Head::default(), String::new());
        (0..7).for_each(|n| head.append(&format!("\"rows\":{n}"), &mut text));
        let (head, torn) = tail(&format!("{text}{{\"seq\":"));
        assert_eq!((head.map(|h| h.seq), torn), (Some(7), 7));
        assert_eq!(tail(""), (None, 0));
    }
}
