//! Types and values as they stand in the tokens of an answer (MS-TDS §2.2.5.4, §2.2.5.5).

use bytes::{BufMut, BytesMut};

use super::token::{b_varchar, us_varchar};
use crate::calendar::{DAYS_1900, SECOND};
use crate::convert::to_cp1252;
use crate::types::{DAY, Len, Type, Value, time_bytes};

/// SQL_Latin1_General_CP1_CI_AS as five bytes (§2.2.5.1.2).
pub(super) const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];

/// TYPE_INFO.
pub(super) fn type_info(ty: Type, out: &mut BytesMut) {
    match ty {
        Type::Bit | Type::Bool => out.put_slice(&[0x68, 1]),
        Type::TinyInt => out.put_slice(&[0x26, 1]),
        Type::SmallInt => out.put_slice(&[0x26, 2]),
        Type::Int | Type::Null => out.put_slice(&[0x26, 4]),
        Type::BigInt => out.put_slice(&[0x26, 8]),
        Type::Decimal(p, s) => out.put_slice(&[0x6A, ty.max_length() as u8, p, s]),
        Type::Money => out.put_slice(&[0x6E, 8]),
        Type::SmallMoney => out.put_slice(&[0x6E, 4]),
        Type::Real => out.put_slice(&[0x6D, 4]),
        Type::Float => out.put_slice(&[0x6D, 8]),
        Type::SmallDateTime => out.put_slice(&[0x6F, 4]),
        Type::DateTime => out.put_slice(&[0x6F, 8]),
        Type::Date => out.put_u8(0x28),
        Type::Time(s) => out.put_slice(&[0x29, s]),
        Type::DateTime2(s) => out.put_slice(&[0x2A, s]),
        Type::DateTimeOffset(s) => out.put_slice(&[0x2B, s]),
        Type::Guid => out.put_slice(&[0x24, 16]),
        Type::Char(_)
        | Type::VarChar(_)
        | Type::NChar(_)
        | Type::NVarChar(_)
        | Type::Binary(_)
        | Type::VarBinary(_) => {
            out.put_u8(match ty {
                Type::Char(_) => 0xAF,
                Type::VarChar(_) => 0xA7,
                Type::NChar(_) => 0xEF,
                Type::NVarChar(_) => 0xE7,
                Type::Binary(_) => 0xAD,
                _ => 0xA5,
            });
            out.put_u16_le(match ty.max_length() {
                -1 => 0xFFFF,
                n => n.max(1) as u16,
            });
            if ty.is_text() {
                out.put_slice(&COLLATION);
            }
        }
        Type::Xml => out.put_slice(&[0xF1, 0]),
        Type::Variant => {
            out.put_u8(0x62);
            out.put_u32_le(8009);
        }
        Type::Udt(name) => {
            out.put_u8(0xF0);
            out.put_u16_le(0xFFFF);
            for part in ["trading", "sys", name] {
                b_varchar(part, out);
            }
            us_varchar(name, out);
        }
    }
}

fn plp(bytes: &[u8], out: &mut BytesMut) {
    out.put_u64_le(bytes.len() as u64);
    if !bytes.is_empty() {
        out.put_u32_le(bytes.len() as u32);
        out.put_slice(bytes);
    }
    out.put_u32_le(0);
}

/// A value of a type. NULL where it is no value of that type.
pub(super) fn value(v: &Value, ty: Type, out: &mut BytesMut) {
    let bytes: Vec<u8> = match (v, ty) {
        (Value::Null, _) => return null(ty, out),
        (Value::Str(s), t) if t.is_unicode() => {
            s.encode_utf16().flat_map(u16::to_le_bytes).collect()
        }
        (Value::Str(s), Type::Guid) => guid_bytes(s),
        (Value::Str(s), _) => s.chars().map(to_cp1252).collect(),
        (Value::Bin(b), _) => b.clone(),
        _ => Vec::new(),
    };
    match ty {
        Type::Char(_)
        | Type::NChar(_)
        | Type::Binary(_)
        | Type::VarChar(Len::N(_))
        | Type::NVarChar(Len::N(_))
        | Type::VarBinary(Len::N(_)) => {
            out.put_u16_le(bytes.len() as u16);
            out.put_slice(&bytes);
            return;
        }
        Type::VarChar(Len::Max)
        | Type::NVarChar(Len::Max)
        | Type::VarBinary(Len::Max)
        | Type::Xml
        | Type::Udt(_) => {
            return plp(&bytes, out);
        }
        Type::Guid => {
            out.put_u8(16);
            out.put_slice(&bytes);
            return;
        }
        // A variant's bytes already hold base type, properties and value.
        Type::Variant => {
            out.put_u32_le(bytes.len() as u32);
            out.put_slice(&bytes);
            return;
        }
        _ => {}
    }
    match (v, ty) {
        (Value::Int(i), Type::Date) => {
            out.put_u8(3);
            out.put_slice(&i.to_le_bytes()[..3]);
        }
        (Value::Int(t), Type::Time(s)) => {
            out.put_u8(time_bytes(s) as u8);
            time(*t, s, out);
        }
        (Value::Int(t), Type::DateTime2(s)) => {
            out.put_u8(time_bytes(s) as u8 + 3);
            time(t.rem_euclid(DAY), s, out);
            out.put_slice(&t.div_euclid(DAY).to_le_bytes()[..3]);
        }
        (Value::Offset(t, o), Type::DateTimeOffset(s)) => {
            out.put_u8(time_bytes(s) as u8 + 5);
            time(t.rem_euclid(DAY), s, out);
            out.put_slice(&t.div_euclid(DAY).to_le_bytes()[..3]);
            out.put_i16_le(*o);
        }
        (Value::Int(t), Type::DateTime) => {
            out.put_u8(8);
            out.put_i32_le((t.div_euclid(DAY) - DAYS_1900) as i32);
            // Back from milliseconds (.003, .007) to the 1/300 s that they stand for.
            out.put_u32_le(((t.rem_euclid(DAY) / 10_000 * 3 + 5) / 10) as u32);
        }
        (Value::Int(t), Type::SmallDateTime) => {
            out.put_u8(4);
            out.put_u16_le((t.div_euclid(DAY) - DAYS_1900) as u16);
            out.put_u16_le((t.rem_euclid(DAY) / (60 * SECOND)) as u16);
        }
        (Value::Dec(d), Type::Money) => {
            out.put_u8(8);
            out.put_i32_le((*d >> 32) as i32);
            out.put_u32_le(*d as u32);
        }
        (Value::Dec(d), Type::SmallMoney) => {
            out.put_u8(4);
            out.put_i32_le(*d as i32);
        }
        (Value::Dec(d), _) => {
            let n = ty.max_length() as usize;
            out.put_u8(n as u8);
            out.put_u8(u8::from(*d >= 0));
            out.put_slice(&d.unsigned_abs().to_le_bytes()[..n - 1]);
        }
        (Value::Float(f), Type::Real) => {
            out.put_u8(4);
            out.put_f32_le(*f as f32);
        }
        (Value::Float(f), _) => {
            out.put_u8(8);
            out.put_f64_le(*f);
        }
        (Value::Int(i), Type::Real) => value(&Value::Float(*i as f64), ty, out),
        (Value::Int(i), Type::Float) => value(&Value::Float(*i as f64), ty, out),
        (Value::Int(i), _) => {
            let n = ty.max_length().clamp(1, 8) as usize;
            out.put_u8(n as u8);
            out.put_slice(&i.to_le_bytes()[..n]);
        }
        _ => null(ty, out),
    }
}

fn null(ty: Type, out: &mut BytesMut) {
    match ty {
        Type::VarChar(Len::Max)
        | Type::NVarChar(Len::Max)
        | Type::VarBinary(Len::Max)
        | Type::Xml
        | Type::Udt(_) => out.put_u64_le(u64::MAX),
        t if t.is_text() || t.is_binary() => out.put_u16_le(0xFFFF),
        Type::Variant => out.put_u32_le(0),
        _ => out.put_u8(0),
    }
}

fn time(ticks: i64, scale: u8, out: &mut BytesMut) {
    let n = ticks / 10i64.pow(7 - u32::from(scale));
    out.put_slice(&n.to_le_bytes()[..time_bytes(scale)]);
}

/// The first three groups are little-endian on the wire.
fn guid_bytes(s: &str) -> Vec<u8> {
    let hex: Vec<u8> = s.bytes().filter(u8::is_ascii_hexdigit).collect();
    let mut b: Vec<u8> = hex
        .chunks_exact(2)
        .map(|p| {
            (p[0] as char).to_digit(16).unwrap_or(0) as u8 * 16
                + (p[1] as char).to_digit(16).unwrap_or(0) as u8
        })
        .collect();
    b.resize(16, 0);
    b[0..4].reverse();
    b[4..6].reverse();
    b[6..8].reverse();
    b
}

/// The text of a uniqueidentifier as it is on the wire.
pub(super) fn guid_text(b: &[u8]) -> String {
    let mut o = b.to_vec();
    o.resize(16, 0);
    o[0..4].reverse();
    o[4..6].reverse();
    o[6..8].reverse();
    let h = crate::convert::hex(&o);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}
