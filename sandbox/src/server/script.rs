//! Prepared answers, so that a benchmark measures the server and not the engine.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, RwLock};

use bytes::{Bytes, BytesMut};

use crate::tds::out::Out;
use crate::tds::request::Request;
use crate::tds::token::{self, Column, Done, status};
use crate::types::Value;

/// A prepared answer to one text.
#[derive(Debug, Clone)]
pub struct Script {
    head: Bytes,
    rows: Bytes,
    rows_per_repeat: u64,
    repeat: u64,
    /// Instead of the DONE that counts the rows.
    tail: Option<Bytes>,
}

impl Script {
    /// `rows`, of one value for each column, sent `repeat` times over.
    pub fn new(columns: &[Column], rows: &[Vec<Value>], repeat: u64) -> Self {
        let (mut head, mut body) = (BytesMut::new(), BytesMut::new());
        token::columns(columns, &mut head);
        for row in rows {
            token::row(row.iter().zip(columns).map(|(v, c)| (v, c.ty)), &mut body);
        }
        Self {
            head: head.freeze(),
            rows: body.freeze(),
            rows_per_repeat: rows.len() as u64,
            repeat,
            tail: None,
        }
    }

    /// Tokens as they are: `head`, `body` so many times, and `tail`, which ends with a DONE.
    pub fn tokens(head: Vec<u8>, body: Vec<u8>, repeat: u64, tail: Vec<u8>) -> Self {
        Self {
            head: head.into(),
            rows: body.into(),
            rows_per_repeat: 0,
            repeat,
            tail: Some(tail.into()),
        }
    }

    /// Sends the answer, as that of a procedure or of a batch.
    pub(super) fn play(&self, procedure: bool, out: &mut Out) {
        let mut result = out.write(|b| b.extend_from_slice(&self.head));
        for _ in 0..self.repeat {
            if result.is_err() {
                break;
            }
            result = out
                .check()
                .and_then(|()| out.pause())
                .and_then(|()| out.write(|b| b.extend_from_slice(&self.rows)));
            out.rows_sent.fetch_add(self.rows_per_repeat, Ordering::Relaxed);
        }
        if let Some(tail) = &self.tail {
            let ended = result.is_err() || out.write(|b| b.extend_from_slice(tail)).is_err();
            return out.end_as_it_is(ended);
        }
        let kind = if procedure { Done::InProc } else { Done::Statement };
        out.done(kind, status::COUNT, 0xC1, self.repeat * self.rows_per_repeat);
        if procedure {
            let _ = out.write(|b| token::return_status(0, b));
            out.done(Done::Proc, 0, 0, 0);
        }
        out.end(result.is_err());
    }
}

/// The text that a request runs: of a batch, or of a single procedure call `@q` or else its first
/// parameter.
fn text_of(request: &Request) -> Option<&str> {
    match request {
        Request::Batch(text) => Some(text),
        Request::Rpc(all) => {
            let [call] = all.as_slice() else { return None };
            let named = call.params.iter().find(|p| p.name == "@q");
            match named.or(call.params.first()).map(|p| &p.value) {
                Some(Value::Str(text)) => Some(text),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The prepared answers, by their texts without blanks around them.
#[derive(Default)]
pub(super) struct Scripts(RwLock<HashMap<String, Script>>);

impl Scripts {
    pub(super) fn insert(&self, text: &str, script: Script) {
        let mut scripts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        scripts.insert(text.trim().to_owned(), script);
    }

    pub(super) fn find(&self, request: &Request) -> Option<Script> {
        let scripts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        scripts.get(text_of(request)?.trim()).cloned()
    }
}
