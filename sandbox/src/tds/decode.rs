//! Values as a client sends them in the parameters of an RPC (MS-TDS §2.2.5.4, §2.2.5.5).

use std::io;

use bytes::Bytes;

use super::data_type::*;
use super::encode::guid_text;
use super::request::bad;
use super::wire::{Reader, utf16};
use crate::calendar::{DAYS_1900, SECOND};
use crate::convert::from_cp1252;
use crate::types::{DAY, Len, Type, Value, time_bytes};

/// The length of a type that is (max), and of a value that is NULL.
const NO_LENGTH: u16 = 0xFFFF;

/// TYPE_INFO and the value behind it.
pub(super) fn typed_value(reader: &mut Reader) -> io::Result<(Type, Value)> {
    let code = reader.u8()?;
    Ok(match code {
        NULL => (Type::Null, Value::Null),
        INT1 => (Type::TinyInt, Value::Int(i64::from(reader.u8()?))),
        BIT => (Type::Bit, Value::Int(i64::from(reader.u8()?))),
        INT2 => (Type::SmallInt, Value::Int(i64::from(reader.u16()? as i16))),
        INT4 => (Type::Int, Value::Int(i64::from(reader.u32()? as i32))),
        INT8 => (Type::BigInt, Value::Int(reader.u64()? as i64)),
        FLT8 => (Type::Float, Value::Float(f64::from_bits(reader.u64()?))),
        FLT4 => (Type::Real, Value::Float(f64::from(f32::from_bits(reader.u32()?)))),
        INTN | BITN | FLTN | MONEYN | DATETIMEN | GUID => {
            let size = reader.u8()?;
            fixed(code, size, &short(reader)?)
        }
        DECIMALN | NUMERICN => exact(reader)?,
        DATEN => {
            let data = short(reader)?;
            let value = if data.is_empty() { Value::Null } else { Value::Int(number(&data)) };
            (Type::Date, value)
        }
        TIMEN | DATETIME2N | DATETIMEOFFSETN => {
            let scale = reader.u8()?.min(7);
            moment(code, scale, &short(reader)?)?
        }
        BIGVARBINARY | BIGBINARY | BIGVARCHAR | BIGCHAR | NVARCHAR | NCHAR => {
            let max = reader.u16()?;
            if !matches!(code, BIGVARBINARY | BIGBINARY) {
                skip_collation(reader)?;
            }
            let data = if max == NO_LENGTH { in_pieces(reader)? } else { sized_bytes(reader)? };
            sized(code, max, data)
        }
        NTEXT => long(reader, NVARCHAR)?,
        TEXT => long(reader, BIGVARCHAR)?,
        IMAGE => long(reader, BIGVARBINARY)?,
        XML => {
            // Whether there is a schema.
            reader.u8()?;
            let text = in_pieces(reader)?.map(|data| utf16(&data));
            (Type::Xml, text.map_or(Value::Null, Value::Str))
        }
        _ => return Err(bad(&format!("a parameter of type {code:#04x}"))),
    })
}

fn skip_collation(reader: &mut Reader) -> io::Result<()> {
    reader.take(5).map(drop)
}

/// Bytes behind their length in one byte; none for NULL.
fn short(reader: &mut Reader) -> io::Result<Bytes> {
    let length = usize::from(reader.u8()?);
    reader.take(length)
}

/// Bytes behind their length in two bytes.
fn sized_bytes(reader: &mut Reader) -> io::Result<Option<Bytes>> {
    match reader.u16()? {
        NO_LENGTH => Ok(None),
        length => reader.take(usize::from(length)).map(Some),
    }
}

/// PLP (§2.2.5.2.3): a whole length, which may be unknown, and pieces up to an empty one.
fn in_pieces(reader: &mut Reader) -> io::Result<Option<Bytes>> {
    if reader.u64()? == u64::MAX {
        return Ok(None);
    }
    let mut all = Vec::new();
    loop {
        match reader.u32()? {
            0 => return Ok(Some(all.into())),
            length => all.extend_from_slice(&reader.take(length as usize)?),
        }
    }
}

/// text, ntext and image, as the (max) types that they are today; `code` is the one of these.
fn long(reader: &mut Reader, code: u8) -> io::Result<(Type, Value)> {
    reader.u32()?;
    if code != BIGVARBINARY {
        skip_collation(reader)?;
    }
    let data = match reader.u32()? {
        u32::MAX => None,
        length => Some(reader.take(length as usize)?),
    };
    Ok(sized(code, NO_LENGTH, data))
}

/// A number of up to eight bytes, the lowest first.
fn number(data: &[u8]) -> i64 {
    data.iter().take(8).rev().fold(0u64, |all, b| all << 8 | u64::from(*b)) as i64
}

/// decimal and numeric: a sign, and up to 16 bytes of digits.
fn exact(reader: &mut Reader) -> io::Result<(Type, Value)> {
    // The size says no more than the precision.
    reader.u8()?;
    let (precision, scale) = (reader.u8()?, reader.u8()?);
    let data = short(reader)?;
    let value = match data.split_first() {
        None => Value::Null,
        Some((sign, digits)) if digits.len() <= 16 => {
            let scaled = digits.iter().rev().fold(0u128, |all, d| all << 8 | u128::from(*d));
            Value::Dec(if *sign == 0 { -(scaled as i128) } else { scaled as i128 })
        }
        _ => return Err(bad("a decimal of more than 16 bytes")),
    };
    Ok((Type::Decimal(precision.clamp(1, 38), scale.min(38)), value))
}

/// A type of a few sizes.
fn fixed(code: u8, size: u8, data: &[u8]) -> (Type, Value) {
    let n = number(data);
    let bits = n as u64;
    let (ty, value) = match (code, size) {
        (INTN, 1) => (Type::TinyInt, Value::Int(n)),
        (INTN, 2) => (Type::SmallInt, Value::Int(i64::from(n as i16))),
        (INTN, 4) => (Type::Int, Value::Int(i64::from(n as i32))),
        (INTN, _) => (Type::BigInt, Value::Int(n)),
        (BITN, _) => (Type::Bit, Value::Int(i64::from(n != 0))),
        (FLTN, 4) => (Type::Real, Value::Float(f64::from(f32::from_bits(bits as u32)))),
        (FLTN, _) => (Type::Float, Value::Float(f64::from_bits(bits))),
        (MONEYN, 4) => (Type::SmallMoney, Value::Dec(i128::from(n as i32))),
        // The half with the sign comes first.
        (MONEYN, _) => (Type::Money, Value::Dec(i128::from(bits.rotate_left(32) as i64))),
        (DATETIMEN, 4) => {
            let (days, minutes) = (i64::from(bits as u16), i64::from((bits >> 16) as u16));
            let ticks = (days + DAYS_1900) * DAY + minutes * 60 * SECOND;
            (Type::SmallDateTime, Value::Int(ticks))
        }
        (DATETIMEN, _) => {
            let (days, fragments) = (i64::from(n as i32), i64::from((bits >> 32) as u32));
            let ticks = (days + DAYS_1900) * DAY + (fragments * 10 + 1) / 3 * 10_000;
            (Type::DateTime, Value::Int(ticks))
        }
        _ => (Type::Guid, Value::Str(guid_text(data))),
    };
    (ty, if data.is_empty() { Value::Null } else { value })
}

/// time, datetime2 and datetimeoffset: a time, a day, an offset, as far as the type has them.
fn moment(code: u8, scale: u8, data: &[u8]) -> io::Result<(Type, Value)> {
    let (ty, behind) = match code {
        TIMEN => (Type::Time(scale), 0),
        DATETIME2N => (Type::DateTime2(scale), 3),
        _ => (Type::DateTimeOffset(scale), 5),
    };
    if data.is_empty() {
        return Ok((ty, Value::Null));
    }
    let length = time_bytes(scale);
    if data.len() != length + behind {
        return Err(bad("a date or time of a bad length"));
    }
    let (time, rest) = data.split_at(length);
    let ticks = number(time) * 10i64.pow(7 - u32::from(scale));
    let value = match rest {
        [day @ .., low, high] if behind == 5 => {
            Value::Offset(number(day) * DAY + ticks, i16::from_le_bytes([*low, *high]))
        }
        day => Value::Int(number(day) * DAY + ticks),
    };
    Ok((ty, value))
}

/// Characters and binary data; `max` counts the type's bytes.
fn sized(code: u8, max: u16, data: Option<Bytes>) -> (Type, Value) {
    let is_wide = matches!(code, NVARCHAR | NCHAR);
    let length = if is_wide { max / 2 } else { max };
    let variable = if max == NO_LENGTH { Len::Max } else { Len::N(length) };
    let ty = match code {
        BIGVARBINARY => Type::VarBinary(variable),
        BIGBINARY => Type::Binary(length),
        BIGVARCHAR => Type::VarChar(variable),
        BIGCHAR => Type::Char(length),
        NCHAR => Type::NChar(length),
        _ => Type::NVarChar(variable),
    };
    let value = match data {
        None => Value::Null,
        Some(data) if is_wide => Value::Str(utf16(&data)),
        Some(data) if ty.is_binary() => Value::Bin(data.to_vec()),
        Some(data) => Value::Str(data.iter().map(|b| from_cp1252(*b)).collect()),
    };
    (ty, value)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::super::encode;
    use super::*;

    /// A value, written as the server does and read as the client's.
    fn there_and_back(value: Value, ty: Type) -> (Type, Value) {
        let mut out = BytesMut::new();
        encode::type_info(ty, &mut out);
        encode::value(&value, ty, &mut out);
        let mut reader = Reader { rest: out.freeze() };
        let read = typed_value(&mut reader).expect("a value");
        assert!(reader.rest.is_empty(), "{ty}");
        read
    }

    #[test]
    fn what_is_written_is_read() {
        let text = |s: &str| Value::Str(s.to_owned());
        for (value, ty) in [
            (Value::Int(200), Type::TinyInt),
            (Value::Int(-5), Type::SmallInt),
            (Value::Int(i64::from(i32::MIN)), Type::Int),
            (Value::Int(i64::MIN), Type::BigInt),
            (Value::Int(1), Type::Bit),
            (Value::Dec(-12_345), Type::Decimal(38, 10)),
            (Value::Dec(-1), Type::Money),
            (Value::Dec(-1), Type::SmallMoney),
            (Value::Float(-0.5), Type::Real),
            (Value::Float(1e300), Type::Float),
            (text("zażółć"), Type::NVarChar(Len::N(20))),
            (text("é"), Type::Char(1)),
            (text("é"), Type::VarChar(Len::Max)),
            (Value::Bin(vec![0, 255]), Type::VarBinary(Len::N(4))),
            (Value::Int(3_652_058), Type::Date),
            (Value::Int(DAY - 1), Type::Time(7)),
            (Value::Int(730_000 * DAY + 30_000), Type::DateTime),
            (Value::Int(700_000 * DAY + 60 * SECOND), Type::SmallDateTime),
            (Value::Int(730_000 * DAY + 7), Type::DateTime2(7)),
            (Value::Offset(730_000 * DAY, -330), Type::DateTimeOffset(0)),
            (text("6F9619FF-8B86-D011-B42D-00C04FC964FF"), Type::Guid),
            (text("<a/>"), Type::Xml),
        ] {
            assert_eq!(there_and_back(value.clone(), ty), (ty, value));
            assert_eq!(there_and_back(Value::Null, ty), (ty, Value::Null));
        }
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let read = |data: &'static [u8]| {
            typed_value(&mut Reader { rest: Bytes::from_static(data) }).map_err(|e| e.to_string())
        };
        assert!(read(&[INTN, 4, 4, 1, 2]).is_err());
        assert!(read(&[TIMEN, 7, 4, 1, 2, 3, 4]).is_err_and(|e| e.contains("bad length")));
        assert!(read(&[SSVARIANT]).is_err_and(|e| e.contains("0x62")));
    }
}
