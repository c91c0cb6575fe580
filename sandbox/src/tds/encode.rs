//! Types and values as they stand in the tokens of an answer (MS-TDS §2.2.5.4, §2.2.5.5).

use bytes::{BufMut, BytesMut};

use super::data_type;
use super::token::{b_varchar, us_varchar};
use crate::calendar::{DAYS_1900, SECOND};
use crate::convert::{hex, to_cp1252};
use crate::names::DATABASE;
use crate::types::{DAY, Len, Type, Value, time_bytes};

/// SQL_Latin1_General_CP1_CI_AS as five bytes (§2.2.5.1.2).
pub(crate) const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];

/// TYPE_INFO, as COLMETADATA and RETURNVALUE have it.
pub(super) fn type_info(ty: Type, out: &mut BytesMut) {
    use data_type::*;
    match ty {
        Type::Bit | Type::Bool => out.put_slice(&[BITN, 1]),
        Type::TinyInt => out.put_slice(&[INTN, 1]),
        Type::SmallInt => out.put_slice(&[INTN, 2]),
        Type::Int | Type::Null => out.put_slice(&[INTN, 4]),
        Type::BigInt => out.put_slice(&[INTN, 8]),
        Type::Decimal(precision, scale) => {
            out.put_slice(&[DECIMALN, ty.max_length() as u8, precision, scale]);
        }
        Type::Money => out.put_slice(&[MONEYN, 8]),
        Type::SmallMoney => out.put_slice(&[MONEYN, 4]),
        Type::Real => out.put_slice(&[FLTN, 4]),
        Type::Float => out.put_slice(&[FLTN, 8]),
        Type::SmallDateTime => out.put_slice(&[DATETIMEN, 4]),
        Type::DateTime => out.put_slice(&[DATETIMEN, 8]),
        Type::Date => out.put_u8(DATEN),
        Type::Time(scale) => out.put_slice(&[TIMEN, scale]),
        Type::DateTime2(scale) => out.put_slice(&[DATETIME2N, scale]),
        Type::DateTimeOffset(scale) => out.put_slice(&[DATETIMEOFFSETN, scale]),
        Type::Guid => out.put_slice(&[GUID, 16]),
        Type::Char(_) => sized_type(BIGCHAR, ty, out),
        Type::VarChar(_) => sized_type(BIGVARCHAR, ty, out),
        Type::NChar(_) => sized_type(NCHAR, ty, out),
        Type::NVarChar(_) => sized_type(NVARCHAR, ty, out),
        Type::Binary(_) => sized_type(BIGBINARY, ty, out),
        Type::VarBinary(_) => sized_type(BIGVARBINARY, ty, out),
        // Without a schema.
        Type::Xml => out.put_slice(&[XML, 0]),
        Type::Variant => {
            out.put_u8(SSVARIANT);
            out.put_u32_le(8009);
        }
        Type::Udt(name) => {
            out.put_u8(UDT);
            out.put_u16_le(0xFFFF);
            for part in [DATABASE, "sys", name] {
                b_varchar(part, out);
            }
            // The assembly, of which the name alone is told.
            us_varchar(name, out);
        }
    }
}

/// The first byte of a type's TYPE_INFO, and the most bytes that a value has.
pub(crate) fn tds_type(ty: Type) -> (i64, i64) {
    let mut info = BytesMut::new();
    type_info(ty, &mut info);
    let length = match ty.max_length() {
        -1 => 65_535,
        length => length,
    };
    (info.first().map_or(0, |b| i64::from(*b)), length)
}

fn sized_type(code: u8, ty: Type, out: &mut BytesMut) {
    out.put_u8(code);
    out.put_u16_le(match ty.max_length() {
        -1 => 0xFFFF,
        length => length.max(1) as u16,
    });
    if ty.is_text() {
        out.put_slice(&COLLATION);
    }
}

/// A value of a type. NULL where it is no value of that type.
pub(super) fn value(value: &Value, ty: Type, out: &mut BytesMut) {
    match (value, ty) {
        (Value::Null, _) => null(ty, out),
        (Value::Str(text), Type::Guid) => short(&guid_bytes(text), out),
        (Value::Str(text), _) if ty.is_unicode() => {
            let data: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            bytes(&data, ty, out);
        }
        (Value::Str(text), _) => {
            let data: Vec<u8> = text.chars().map(to_cp1252).collect();
            bytes(&data, ty, out);
        }
        (Value::Bin(data), _) => bytes(data, ty, out),
        (Value::Dec(scaled), _) => exact(*scaled, ty, out),
        (Value::Float(f), Type::Real) => short(&(*f as f32).to_le_bytes(), out),
        (Value::Float(f), _) => short(&f.to_le_bytes(), out),
        (Value::Int(n), Type::Real) => short(&(*n as f32).to_le_bytes(), out),
        (Value::Int(n), Type::Float) => short(&(*n as f64).to_le_bytes(), out),
        (Value::Int(_) | Value::Offset(..), _) if ty.is_temporal() => temporal(value, ty, out),
        (Value::Int(n), _) => {
            let length = ty.max_length().clamp(1, 8) as usize;
            short(&n.to_le_bytes()[..length], out);
        }
        (Value::Offset(..), _) => null(ty, out),
    }
}

/// Bytes behind their length in one byte.
fn short(data: &[u8], out: &mut BytesMut) {
    out.put_u8(data.len() as u8);
    out.put_slice(data);
}

/// Characters and binary data, behind a length that the type says the size of.
fn bytes(data: &[u8], ty: Type, out: &mut BytesMut) {
    match ty {
        Type::VarChar(Len::Max)
        | Type::NVarChar(Len::Max)
        | Type::VarBinary(Len::Max)
        | Type::Xml
        | Type::Udt(_) => in_pieces(data, out),
        // A variant's bytes already hold base type, properties and value.
        Type::Variant => {
            out.put_u32_le(data.len() as u32);
            out.put_slice(data);
        }
        _ if ty.is_text() || ty.is_binary() => {
            out.put_u16_le(data.len() as u16);
            out.put_slice(data);
        }
        _ => null(ty, out),
    }
}

/// PLP (§2.2.5.2.3): the whole length, one piece, and an empty one for the end.
fn in_pieces(data: &[u8], out: &mut BytesMut) {
    out.put_u64_le(data.len() as u64);
    if !data.is_empty() {
        out.put_u32_le(data.len() as u32);
        out.put_slice(data);
    }
    out.put_u32_le(0);
}

fn exact(scaled: i128, ty: Type, out: &mut BytesMut) {
    match ty {
        Type::Money => {
            // The half with the sign comes first.
            out.put_u8(8);
            out.put_i32_le((scaled >> 32) as i32);
            out.put_u32_le(scaled as u32);
        }
        Type::SmallMoney => short(&(scaled as i32).to_le_bytes(), out),
        _ => {
            // A byte for the sign, 1 for what is not below 0.
            let length = ty.max_length() as usize;
            out.put_u8(length as u8);
            out.put_u8(u8::from(scaled >= 0));
            out.put_slice(&scaled.unsigned_abs().to_le_bytes()[..length - 1]);
        }
    }
}

fn temporal(value: &Value, ty: Type, out: &mut BytesMut) {
    match (value, ty) {
        (Value::Int(days), Type::Date) => short(&days.to_le_bytes()[..3], out),
        (Value::Int(ticks), Type::Time(scale)) => {
            out.put_u8(time_bytes(scale) as u8);
            time(*ticks, scale, out);
        }
        (Value::Int(ticks), Type::DateTime2(scale)) => {
            out.put_u8(time_bytes(scale) as u8 + 3);
            time_and_day(*ticks, scale, out);
        }
        (Value::Offset(ticks, minutes), Type::DateTimeOffset(scale)) => {
            out.put_u8(time_bytes(scale) as u8 + 5);
            time_and_day(*ticks, scale, out);
            out.put_i16_le(*minutes);
        }
        (Value::Int(ticks), Type::DateTime) => {
            out.put_u8(8);
            out.put_i32_le((ticks.div_euclid(DAY) - DAYS_1900) as i32);
            // Back from milliseconds (.003, .007) to the 1/300 s that they stand for.
            out.put_u32_le(((ticks.rem_euclid(DAY) / 10_000 * 3 + 5) / 10) as u32);
        }
        (Value::Int(ticks), Type::SmallDateTime) => {
            out.put_u8(4);
            out.put_u16_le((ticks.div_euclid(DAY) - DAYS_1900) as u16);
            out.put_u16_le((ticks.rem_euclid(DAY) / (60 * SECOND)) as u16);
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
        _ if ty.is_text() || ty.is_binary() => out.put_u16_le(0xFFFF),
        Type::Variant => out.put_u32_le(0),
        _ => out.put_u8(0),
    }
}

/// A time of day in units of its scale.
fn time(ticks: i64, scale: u8, out: &mut BytesMut) {
    let units = ticks / 10i64.pow(7 - u32::from(scale));
    out.put_slice(&units.to_le_bytes()[..time_bytes(scale)]);
}

/// Of ticks since 0001-01-01.
fn time_and_day(ticks: i64, scale: u8, out: &mut BytesMut) {
    time(ticks.rem_euclid(DAY), scale, out);
    out.put_slice(&ticks.div_euclid(DAY).to_le_bytes()[..3]);
}

/// The 16 bytes of a uniqueidentifier, whose first three groups are little-endian on the wire.
fn guid_bytes(text: &str) -> [u8; 16] {
    let digits = text.chars().filter_map(|c| c.to_digit(16));
    let mut bytes = [0; 16];
    for (i, digit) in digits.take(32).enumerate() {
        bytes[i / 2] = bytes[i / 2] << 4 | digit as u8;
    }
    swap_groups(&mut bytes);
    bytes
}

/// The text of a uniqueidentifier as it is on the wire.
pub(super) fn guid_text(data: &[u8]) -> String {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(data) {
        *to = *from;
    }
    swap_groups(&mut bytes);
    let h = hex(&bytes);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}

fn swap_groups(bytes: &mut [u8; 16]) {
    bytes[0..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(v: Value, ty: Type) -> Vec<u8> {
        let mut out = BytesMut::new();
        value(&v, ty, &mut out);
        out.to_vec()
    }

    #[test]
    fn numbers() {
        assert_eq!(encoded(Value::Int(-2), Type::SmallInt), [2, 0xFE, 0xFF]);
        assert_eq!(encoded(Value::Dec(-5), Type::Decimal(5, 2)), [5, 0, 5, 0, 0, 0]);
        assert_eq!(encoded(Value::Dec(1 << 32), Type::Money), [8, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(encoded(Value::Int(1), Type::Real), [4, 0, 0, 0x80, 0x3F]);
        assert_eq!(encoded(Value::Null, Type::Int), [0]);
    }

    #[test]
    fn texts_and_bytes_have_the_length_of_their_type() {
        let text = || Value::Str("é".to_owned());
        assert_eq!(encoded(text(), Type::VarChar(Len::N(9))), [1, 0, 0xE9]);
        assert_eq!(encoded(text(), Type::NVarChar(Len::N(9))), [2, 0, 0xE9, 0]);
        let max = encoded(text(), Type::VarChar(Len::Max));
        assert_eq!(max, [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xE9, 0, 0, 0, 0]);
        assert_eq!(encoded(Value::Null, Type::VarChar(Len::N(9))), [0xFF, 0xFF]);
        assert_eq!(encoded(Value::Null, Type::Xml), [0xFF; 8]);
    }

    #[test]
    fn a_guid_is_swapped_and_comes_back() {
        let text = "01020304-0506-0708-090A-0B0C0D0E0F10";
        let bytes = guid_bytes(text);
        assert_eq!(bytes[..8], [4, 3, 2, 1, 6, 5, 8, 7]);
        assert_eq!(guid_text(&bytes), text);
    }
}
