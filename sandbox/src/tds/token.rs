//! The tokens of a server's answer (MS-TDS §2.2.7).

use bytes::{BufMut, BytesMut};

use super::encode::{type_info, value};
use crate::error::Error;
use crate::names::SERVER;
pub use crate::types::Column;
use crate::types::{Type, Value};

/// DONE status bits (§2.2.7.6).
pub(crate) mod status {
    pub(crate) const MORE: u16 = 1;
    /// An error happened in this statement.
    pub(crate) const ERROR: u16 = 2;
    /// The row count is valid.
    pub(crate) const COUNT: u16 = 0x10;
    pub(crate) const ATTENTION: u16 = 0x20;
}

/// Which of the three DONE tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Done {
    Statement = 0xFD,
    Proc = 0xFE,
    /// Of a statement within a procedure.
    InProc = 0xFF,
}

/// A text with its length in characters in one byte.
pub(super) fn b_varchar(s: &str, out: &mut BytesMut) {
    let units: Vec<u16> = s.encode_utf16().take(255).collect();
    out.put_u8(units.len() as u8);
    units.iter().for_each(|u| out.put_u16_le(*u));
}

/// A text with its length in characters in two bytes.
pub(super) fn us_varchar(s: &str, out: &mut BytesMut) {
    let units: Vec<u16> = s.encode_utf16().take(4000).collect();
    out.put_u16_le(units.len() as u16);
    units.iter().for_each(|u| out.put_u16_le(*u));
}

/// The token ERROR (0xAA, §2.2.7.10).
pub(crate) fn error(e: &Error, out: &mut BytesMut) {
    notice(0xAA, e, out);
}

/// ERROR and DONE as a client of TDS 7.1 and older reads them: a line of two bytes,
/// a count of four.
pub(crate) fn error_before_7_2(e: &Error, out: &mut BytesMut) {
    let mut whole = BytesMut::new();
    notice(0xAA, e, &mut whole);
    let length = u16::from_le_bytes([whole[1], whole[2]]) - 2;
    whole[1..3].copy_from_slice(&length.to_le_bytes());
    whole.truncate(whole.len() - 2);
    out.put_slice(&whole);
    out.put_u8(Done::Statement as u8);
    out.put_u16_le(status::ERROR);
    out.put_slice(&[0; 6]);
}

/// INFO (0xAB): number 0 for PRINT.
pub(crate) fn info(number: u32, class: u8, state: u8, line: u32, text: &str, out: &mut BytesMut) {
    notice(0xAB, &Error { state, line, ..Error::new(number, class, text) }, out);
}

fn notice(kind: u8, e: &Error, out: &mut BytesMut) {
    let mut body = BytesMut::new();
    body.put_u32_le(e.number);
    body.put_u8(e.state);
    body.put_u8(e.class);
    us_varchar(&e.message, &mut body);
    b_varchar(SERVER, &mut body);
    b_varchar(&e.procedure, &mut body);
    body.put_u32_le(e.line);
    out.put_u8(kind);
    out.put_u16_le(body.len() as u16);
    out.put_slice(&body);
}

/// DONE, DONEPROC or DONEINPROC (§2.2.7.6).
pub(crate) fn done(kind: Done, status: u16, command: u16, rows: u64, out: &mut BytesMut) {
    out.put_u8(kind as u8);
    out.put_u16_le(status);
    out.put_u16_le(command);
    out.put_u64_le(rows);
}

/// The token RETURNSTATUS (0x79, §2.2.7.18).
pub(crate) fn return_status(value: i32, out: &mut BytesMut) {
    out.put_u8(0x79);
    out.put_i32_le(value);
}

/// RETURNVALUE (0xAC) of an output parameter.
pub(crate) fn return_value(ordinal: u16, name: &str, ty: Type, v: &Value, out: &mut BytesMut) {
    out.put_u8(0xAC);
    out.put_u16_le(ordinal);
    b_varchar(name, out);
    out.put_u8(1);
    out.put_u32_le(0);
    out.put_u16_le(1);
    type_info(ty, out);
    value(v, ty, out);
}

/// ENVCHANGE (0xE3) with two strings: 1 database, 2 language, 4 packet size.
pub(crate) fn env_text(kind: u8, new: &str, old: &str, out: &mut BytesMut) {
    let mut body = BytesMut::new();
    body.put_u8(kind);
    b_varchar(new, &mut body);
    b_varchar(old, &mut body);
    env(&body, out);
}

/// ENVCHANGE with bytes: 7 collation, 8 begin, 9 commit, 10 rollback.
pub(crate) fn env_bytes(kind: u8, new: &[u8], old: &[u8], out: &mut BytesMut) {
    let mut body = BytesMut::new();
    body.put_u8(kind);
    body.put_u8(new.len() as u8);
    body.put_slice(new);
    body.put_u8(old.len() as u8);
    body.put_slice(old);
    env(&body, out);
}

/// ENVCHANGE 20: go to another server (what Azure SQL answers at login).
pub(crate) fn env_routing(host: &str, port: u16, out: &mut BytesMut) {
    let mut inner = BytesMut::new();
    inner.put_u8(0);
    inner.put_u16_le(port);
    us_varchar(host, &mut inner);
    let mut body = BytesMut::new();
    body.put_u8(20);
    body.put_u16_le(inner.len() as u16);
    body.put_slice(&inner);
    body.put_u16_le(0);
    env(&body, out);
}

fn env(body: &[u8], out: &mut BytesMut) {
    out.put_u8(0xE3);
    out.put_u16_le(body.len() as u16);
    out.put_slice(body);
}

/// LOGINACK (0xAD) for TDS 7.4.
pub(crate) fn login_ack(tds_version: u32, out: &mut BytesMut) {
    let mut body = BytesMut::new();
    body.put_u8(1);
    body.put_u32(tds_version);
    b_varchar("Microsoft SQL Server", &mut body);
    body.put_slice(&[16, 0, 0x03, 0xE8]);
    out.put_u8(0xAD);
    out.put_u16_le(body.len() as u16);
    out.put_slice(&body);
}

/// The token SSPI (0xED, §2.2.7.22); a handshake's token has 65,535 bytes at most.
pub(crate) fn sspi(data: &[u8], out: &mut BytesMut) {
    out.put_u8(0xED);
    out.put_u16_le(data.len() as u16);
    out.put_slice(data);
}

/// FEATUREEXTACK (0xAE, §2.2.7.11): numbers of features with their data.
pub(crate) fn features(acknowledged: &[(u8, Vec<u8>)], out: &mut BytesMut) {
    out.put_u8(0xAE);
    for (feature, data) in acknowledged {
        out.put_u8(*feature);
        out.put_u32_le(data.len() as u32);
        out.put_slice(data);
    }
    out.put_u8(0xFF);
}

/// The token COLMETADATA (0x81, §2.2.7.4).
pub(crate) fn columns(columns: &[Column], out: &mut BytesMut) {
    out.put_u8(0x81);
    out.put_u16_le(columns.len() as u16);
    for c in columns {
        out.put_u32_le(0);
        out.put_u16_le(c.flags);
        type_info(c.ty, out);
        b_varchar(&c.name, out);
    }
}

/// ROW (0xD1), of one value for each column.
pub(crate) fn row<'a>(values: impl IntoIterator<Item = (&'a Value, Type)>, out: &mut BytesMut) {
    out.put_u8(0xD1);
    for (v, ty) in values {
        value(v, ty, out);
    }
}
