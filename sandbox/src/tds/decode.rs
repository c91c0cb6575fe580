//! Values as a client sends them in the parameters of an RPC (MS-TDS §2.2.5.4, §2.2.5.5).

use std::io;

use bytes::Bytes;

use super::request::bad;
use super::wire::{Reader, utf16};
use crate::calendar::{DAYS_1900, SECOND};
use crate::convert::from_cp1252;
use crate::tds::encode::guid_text;
use crate::types::{DAY, Len, Type, Value, time_bytes};

/// TYPE_INFO and the value behind it.
pub(super) fn typed_value(r: &mut Reader) -> io::Result<(Type, Value)> {
    let kind = r.u8()?;
    Ok(match kind {
        0x1F => (Type::Null, Value::Null),
        0x30 => (Type::TinyInt, Value::Int(i64::from(r.u8()?))),
        0x32 => (Type::Bit, Value::Int(i64::from(r.u8()?))),
        0x34 => (Type::SmallInt, Value::Int(i64::from(r.u16()? as i16))),
        0x38 => (Type::Int, Value::Int(i64::from(r.u32()? as i32))),
        0x7F => (Type::BigInt, Value::Int(r.u64()? as i64)),
        0x3E => (Type::Float, Value::Float(f64::from_bits(r.u64()?))),
        0x3B => (Type::Real, Value::Float(f64::from(f32::from_bits(r.u32()?)))),
        0x26 | 0x68 | 0x6D | 0x6E | 0x6F | 0x24 => {
            let size = r.u8()?;
            let n = usize::from(r.u8()?);
            let b = r.take(n)?;
            fixed(kind, size, &b)?
        }
        0x6A | 0x6C => {
            r.u8()?;
            let (p, s) = (r.u8()?, r.u8()?);
            let n = usize::from(r.u8()?);
            let b = r.take(n)?;
            let v = match b.split_first() {
                None => Value::Null,
                Some((sign, digits)) if digits.len() <= 16 => {
                    let u = digits.iter().rev().fold(0u128, |a, d| a << 8 | u128::from(*d)) as i128;
                    Value::Dec(if *sign == 0 { -u } else { u })
                }
                _ => return Err(bad("a decimal of more than 16 bytes")),
            };
            (Type::Decimal(p.clamp(1, 38), s.min(38)), v)
        }
        0x28 => {
            let n = usize::from(r.u8()?);
            (Type::Date, days(&r.take(n)?))
        }
        0x29..=0x2B => {
            let scale = r.u8()?.min(7);
            let n = usize::from(r.u8()?);
            moment(kind, scale, &r.take(n)?)?
        }
        0xA5 | 0xAD | 0xA7 | 0xAF | 0xE7 | 0xEF => {
            let max = r.u16()?;
            let text = kind != 0xA5 && kind != 0xAD;
            if text {
                r.take(5)?;
            }
            let data = if max == 0xFFFF {
                plp(r)?
            } else {
                match r.u16()? {
                    0xFFFF => None,
                    n => Some(r.take(usize::from(n))?),
                }
            };
            sized(kind, max, data)
        }
        0x63 | 0x23 | 0x22 => {
            r.u32()?;
            if kind != 0x22 {
                r.take(5)?;
            }
            let n = r.u32()?;
            let data = if n == u32::MAX { None } else { Some(r.take(n as usize)?) };
            sized(
                match kind {
                    0x63 => 0xE7,
                    0x23 => 0xA7,
                    _ => 0xA5,
                },
                0xFFFF,
                data,
            )
        }
        0xF1 => {
            r.u8()?;
            (Type::Xml, plp(r)?.map_or(Value::Null, |b| Value::Str(utf16(&b))))
        }
        k => return Err(bad(&format!("a parameter of type {k:#04x}"))),
    })
}

fn fixed(kind: u8, size: u8, b: &[u8]) -> io::Result<(Type, Value)> {
    let le = b.iter().take(8).rev().fold(0u64, |a, x| a << 8 | u64::from(*x));
    let null = b.is_empty();
    let (ty, v) = match (kind, size) {
        (0x26, 1) => (Type::TinyInt, Value::Int(le as i64)),
        (0x26, 2) => (Type::SmallInt, Value::Int(i64::from(le as i16))),
        (0x26, 4) => (Type::Int, Value::Int(i64::from(le as i32))),
        (0x26, _) => (Type::BigInt, Value::Int(le as i64)),
        (0x68, _) => (Type::Bit, Value::Int(i64::from(le != 0))),
        (0x6D, 4) => (Type::Real, Value::Float(f64::from(f32::from_bits(le as u32)))),
        (0x6D, _) => (Type::Float, Value::Float(f64::from_bits(le))),
        (0x6E, 4) => (Type::SmallMoney, Value::Dec(i128::from(le as i32))),
        (0x6E, _) => {
            (Type::Money, Value::Dec(i128::from(((le & 0xFFFF_FFFF) << 32 | le >> 32) as i64)))
        }
        (0x6F, 4) => {
            let (d, m) = (i64::from(le as u16), i64::from((le >> 16) as u16));
            (Type::SmallDateTime, Value::Int((d + DAYS_1900) * DAY + m * 60 * SECOND))
        }
        (0x6F, _) => {
            let (d, f) = (i64::from(le as i32), i64::from((le >> 32) as u32));
            (Type::DateTime, Value::Int((d + DAYS_1900) * DAY + (f * 10 + 1) / 3 * 10_000))
        }
        _ => (Type::Guid, Value::Str(guid_text(b))),
    };
    Ok((ty, if null { Value::Null } else { v }))
}

fn days(b: &[u8]) -> Value {
    if b.is_empty() {
        Value::Null
    } else {
        Value::Int(b.iter().rev().fold(0i64, |a, x| a << 8 | i64::from(*x)))
    }
}

fn moment(kind: u8, scale: u8, b: &[u8]) -> io::Result<(Type, Value)> {
    let ty = match kind {
        0x29 => Type::Time(scale),
        0x2A => Type::DateTime2(scale),
        _ => Type::DateTimeOffset(scale),
    };
    if b.is_empty() {
        return Ok((ty, Value::Null));
    }
    let n = time_bytes(scale);
    let need = n + match kind {
        0x29 => 0,
        0x2A => 3,
        _ => 5,
    };
    if b.len() != need {
        return Err(bad("a date or time of a bad length"));
    }
    let ticks = b[..n].iter().rev().fold(0i64, |a, x| a << 8 | i64::from(*x))
        * 10i64.pow(7 - u32::from(scale));
    let day = |b: &[u8]| b.iter().rev().fold(0i64, |a, x| a << 8 | i64::from(*x)) * DAY;
    Ok((
        ty,
        match kind {
            0x29 => Value::Int(ticks),
            0x2A => Value::Int(day(&b[n..]) + ticks),
            _ => Value::Offset(day(&b[n..n + 3]) + ticks, i16::from_le_bytes([b[n + 3], b[n + 4]])),
        },
    ))
}

fn sized(kind: u8, max: u16, data: Option<Bytes>) -> (Type, Value) {
    let wide = matches!(kind, 0xE7 | 0xEF);
    let n = if wide { max / 2 } else { max };
    let len = if max == 0xFFFF { Len::Max } else { Len::N(n) };
    let ty = match kind {
        0xA5 => Type::VarBinary(len),
        0xAD => Type::Binary(n),
        0xA7 => Type::VarChar(len),
        0xAF => Type::Char(n),
        0xEF => Type::NChar(n),
        _ => Type::NVarChar(len),
    };
    let v = match data {
        None => Value::Null,
        Some(b) if wide => Value::Str(utf16(&b)),
        Some(b) if ty.is_binary() => Value::Bin(b.to_vec()),
        Some(b) => Value::Str(b.iter().map(|b| from_cp1252(*b)).collect()),
    };
    (ty, v)
}

fn plp(r: &mut Reader) -> io::Result<Option<Bytes>> {
    if r.u64()? == u64::MAX {
        return Ok(None);
    }
    let mut all = Vec::new();
    loop {
        match r.u32()? {
            0 => return Ok(Some(all.into())),
            n => all.extend_from_slice(&r.take(n as usize)?),
        }
    }
}
