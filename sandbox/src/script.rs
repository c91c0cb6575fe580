//! Prepared answers, so that a benchmark measures the server and not the engine.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};

use crate::Inner;
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
        }
    }

    /// Sends the answer, as that of a procedure or of a batch.
    pub(crate) fn play(&self, procedure: bool, out: &mut Out) {
        let mut result = out.write(|b| b.extend_from_slice(&self.head));
        for _ in 0..self.repeat {
            if result.is_err() {
                break;
            }
            result = out.check().and_then(|()| out.write(|b| b.extend_from_slice(&self.rows)));
            out.rows_sent.fetch_add(self.rows_per_repeat, Ordering::Relaxed);
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

/// The script for a request: for the text of a batch, or of a single procedure call in `@q` or else
/// its first parameter.
pub(crate) fn find(inner: &Inner, request: &Request) -> Option<Script> {
    let scripts = inner.scripts.read().unwrap_or_else(PoisonError::into_inner);
    if scripts.is_empty() {
        return None;
    }
    let text = match request {
        Request::Batch(text) => text,
        Request::Rpc(all) => {
            let [call] = all.as_slice() else { return None };
            let named = call.params.iter().find(|p| p.name == "@q");
            match named.or(call.params.first()).map(|p| &p.value) {
                Some(Value::Str(text)) => text,
                _ => return None,
            }
        }
        _ => return None,
    };
    scripts.get(text.trim()).cloned()
}
