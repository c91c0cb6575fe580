//! What a client asks for: SQL batches (MS-TDS §2.2.6.7), RPC (§2.2.6.6), transaction requests
//! (§2.2.6.9).

use std::io;

use bytes::{Buf, Bytes};

use super::decode::typed_value;
use super::wire::{Reader, kind, utf16};
use crate::types::{Type, Value};

/// A parameter of an RPC.
#[derive(Debug, Clone)]
pub(crate) struct Param {
    /// With its `@`; empty when positional.
    pub(crate) name: String,
    pub(crate) output: bool,
    pub(crate) ty: Type,
    pub(crate) value: Value,
}

/// A request to run something.
#[derive(Debug)]
pub(crate) enum Request {
    Batch(String),
    /// Procedures, one after the other.
    Rpc(Vec<Rpc>),
    Begin,
    /// With whether another begins at once.
    Commit(bool),
    Rollback(bool),
    /// What the sandbox does not understand, which is what it answers.
    Unknown(String),
}

/// A procedure that is called by name (well-known numbers already turned into names).
#[derive(Debug)]
pub(crate) struct Rpc {
    /// Lower case, as it was written.
    pub(crate) name: String,
    pub(crate) params: Vec<Param>,
}

pub(crate) fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// A whole message. What cannot be read is a request too, whose answer says so.
pub(crate) fn read(kind: u8, body: Bytes) -> Request {
    let read = match kind {
        kind::BATCH => batch(body),
        kind::RPC => rpc(body),
        kind::TRANSACTION => transaction(body),
        k => Err(bad(&format!("a message of type {k}"))),
    };
    read.unwrap_or_else(|e| Request::Unknown(e.to_string()))
}

/// What stands behind ALL_HEADERS (§2.2.5.3).
fn headers(mut body: Bytes) -> io::Result<Bytes> {
    if body.len() < 4 {
        return Err(bad("a request without headers"));
    }
    let len = body.slice(..4).get_u32_le() as usize;
    if len < 4 || len > body.len() {
        return Err(bad("a request whose headers are longer than it"));
    }
    body.advance(len);
    Ok(body)
}

fn batch(body: Bytes) -> io::Result<Request> {
    Ok(Request::Batch(utf16(&headers(body)?)))
}

fn transaction(body: Bytes) -> io::Result<Request> {
    let mut r = Reader { rest: headers(body)? };
    let kind = r.u16()?;
    let again = |r: &mut Reader| -> io::Result<bool> {
        let name = usize::from(r.u8()?);
        r.take(name)?;
        Ok(r.u8()? & 1 != 0)
    };
    match kind {
        5 => Ok(Request::Begin),
        7 => again(&mut r).map(Request::Commit),
        8 => again(&mut r).map(Request::Rollback),
        n => Err(bad(&format!("transaction request {n}"))),
    }
}

/// RPCs, with a flag between one and the next (0x80 until TDS 7.1, 0xFF since, 0xFE where the next
/// is not to run).
fn rpc(body: Bytes) -> io::Result<Request> {
    let mut r = Reader { rest: headers(body)? };
    let mut all = Vec::new();
    loop {
        all.push(one_rpc(&mut r)?);
        match r.rest.first() {
            None => return Ok(Request::Rpc(all)),
            Some(0xFE) => return Err(bad("an RPC that is not to run")),
            Some(_) => {
                r.u8()?;
                // A flag with nothing behind it ends the message.
                if r.rest.is_empty() {
                    return Ok(Request::Rpc(all));
                }
            }
        }
    }
}

fn one_rpc(r: &mut Reader) -> io::Result<Rpc> {
    let name = match r.u16()? {
        0xFFFF => match r.u16()? {
            n @ 1..=9 => [
                "sp_cursor",
                "sp_cursoropen",
                "sp_cursorprepare",
                "sp_cursorexecute",
                "sp_cursorprepexec",
                "sp_cursorunprepare",
                "sp_cursorfetch",
                "sp_cursoroption",
                "sp_cursorclose",
            ][usize::from(n) - 1],
            10 => "sp_executesql",
            11 => "sp_prepare",
            12 => "sp_execute",
            13 => "sp_prepexec",
            14 => "sp_prepexecrpc",
            15 => "sp_unprepare",
            n => return Err(bad(&format!("the RPC number {n}"))),
        }
        .to_owned(),
        n => r.utf16(usize::from(n))?,
    };
    r.u16()?;
    let mut params = Vec::new();
    while r.rest.first().is_some_and(|b| !matches!(b, 0xFF | 0xFE | 0x80)) {
        let n = usize::from(r.u8()?);
        let name = r.utf16(n)?;
        let flags = r.u8()?;
        let (ty, value) = typed_value(r)?;
        params.push(Param { name, output: flags & 1 != 0, ty, value });
    }
    Ok(Rpc { name: name.to_lowercase(), params })
}
