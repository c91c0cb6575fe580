//! Values of one piece: numbers, dates, identifiers (MS-TDS 2.2.5.5.1).

use crate::cursor::Stop;
use crate::sink::Value;
use crate::types::{Type, TypeInfo};

/// Days from 0001-01-01 to 1900-01-01, where datetime and smalldatetime count from.
const DAYS_TO_1900: i64 = 693_595;

const BAD: Stop = Stop::Bad("a value whose length is not its type's");

/// A value that is not NULL, from the bytes behind its length.
///
/// Inlined, because copying it out of a result right after its fields were written, each with a
/// width of its own, stalls the processor: half of the time of a short cell.
#[inline(always)]
pub(super) fn value<'a>(ty: &TypeInfo, bytes: &'a [u8]) -> Result<Value<'a>, Stop> {
    Ok(match ty.ty {
        Type::Null => Value::Null,
        Type::Bit => Value::Bit(array::<1>(bytes)? != [0]),
        Type::TinyInt => Value::Int(u8::from_le_bytes(array(bytes)?).into()),
        Type::SmallInt => Value::Int(i16::from_le_bytes(array(bytes)?).into()),
        Type::Int => Value::Int(i32::from_le_bytes(array(bytes)?).into()),
        Type::BigInt => Value::Int(i64::from_le_bytes(array(bytes)?)),
        Type::Real => Value::Real(f32::from_le_bytes(array(bytes)?)),
        Type::Float => Value::Float(f64::from_le_bytes(array(bytes)?)),
        Type::SmallMoney => money(i32::from_le_bytes(array(bytes)?).into()),
        Type::Money => {
            // The higher half comes first.
            let [a, b, c, d, e, f, g, h] = array(bytes)?;
            money(i64::from_le_bytes([e, f, g, h, a, b, c, d]))
        }
        Type::Decimal | Type::Numeric => decimal(ty.scale, bytes)?,
        Type::SmallDateTime => {
            let [a, b, c, d] = array(bytes)?;
            let days = i64::from(u16::from_le_bytes([a, b])) + DAYS_TO_1900;
            let ticks = u64::from(u16::from_le_bytes([c, d])) * 60;
            Value::Moment { days, ticks, scale: 0, offset: None }
        }
        Type::DateTime => {
            let [a, b, c, d, e, f, g, h] = array(bytes)?;
            let days = i64::from(i32::from_le_bytes([a, b, c, d])) + DAYS_TO_1900;
            // 1/300 s, shown as .000, .003 and .007 as SQL Server does.
            let ticks = (u64::from(u32::from_le_bytes([e, f, g, h])) * 10 + 1) / 3;
            Value::Moment { days, ticks, scale: 3, offset: None }
        }
        Type::Date => Value::Date(days(bytes)?),
        Type::Time => {
            sized(ty, bytes)?;
            Value::Time { ticks: ticks(bytes), scale: ty.scale }
        }
        Type::DateTime2 => {
            sized(ty, bytes)?;
            let (time, date) = bytes.split_at(bytes.len() - 3);
            let (days, ticks) = (days(date)?.into(), ticks(time));
            Value::Moment { days, ticks, scale: ty.scale, offset: None }
        }
        Type::DateTimeOffset => zoned(ty, bytes)?,
        Type::UniqueIdentifier => {
            let [a, b, c, d, e, f, g, h, rest @ ..] = array::<16>(bytes)?;
            let mut id = [d, c, b, a, f, e, h, g, 0, 0, 0, 0, 0, 0, 0, 0];
            id[8..].copy_from_slice(&rest);
            Value::UniqueIdentifier(id)
        }
        Type::Vector => vector(ty, bytes)?,
        _ => return Err(BAD),
    })
}

#[inline]
fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Stop> {
    bytes.try_into().map_err(|_| BAD)
}

fn sized(ty: &TypeInfo, bytes: &[u8]) -> Result<(), Stop> {
    if bytes.len() == ty.size as usize { Ok(()) } else { Err(BAD) }
}

fn money(units: i64) -> Value<'static> {
    let digits = u128::from(units.unsigned_abs());
    Value::Decimal { negative: units < 0, digits, scale: 4 }
}

/// A sign, 1 for positive, and 4, 8, 12 or 16 bytes of digits.
fn decimal(scale: u8, bytes: &[u8]) -> Result<Value<'static>, Stop> {
    match bytes {
        [sign @ (0 | 1), digits @ ..] if matches!(digits.len(), 4 | 8 | 12 | 16) => {
            let mut all = [0; 16];
            all[..digits.len()].copy_from_slice(digits);
            Ok(Value::Decimal { negative: *sign == 0, digits: u128::from_le_bytes(all), scale })
        }
        _ => Err(BAD),
    }
}

fn days(bytes: &[u8]) -> Result<u32, Stop> {
    let [a, b, c] = array(bytes)?;
    Ok(u32::from_le_bytes([a, b, c, 0]))
}

/// Units of 10^-scale seconds, in up to five bytes.
fn ticks(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |all, b| all << 8 | u64::from(*b))
}

/// The wire has UTC; people want the local time that was stored.
fn zoned(ty: &TypeInfo, bytes: &[u8]) -> Result<Value<'static>, Stop> {
    sized(ty, bytes)?;
    let (time, rest) = bytes.split_at(bytes.len() - 5);
    let (date, offset) = rest.split_at(3);
    let offset = i16::from_le_bytes(array(offset)?);
    let minute = 60 * 10i64.pow(u32::from(ty.scale));
    let day = 24 * 60 * minute;
    // Five bytes of ticks and two of minutes are far from 2^63.
    let local = ticks(time) as i64 + i64::from(offset) * minute;
    Ok(Value::Moment {
        days: i64::from(days(date)?) + local.div_euclid(day),
        ticks: local.rem_euclid(day).unsigned_abs(),
        scale: ty.scale,
        offset: Some(offset),
    })
}

/// A header of 0xA9, 1, the dimensions (two bytes), their type and three bytes of nothing; then the
/// numbers (MS-TDS 2.2.5.5.7).
fn vector<'a>(ty: &TypeInfo, bytes: &'a [u8]) -> Result<Value<'a>, Stop> {
    const BAD: Stop = Stop::Bad("a vector whose header does not fit its numbers");
    let Some((&[0xA9, 1, d1, d2, kind, _, _, _], numbers)) = bytes.split_first_chunk() else {
        return Err(BAD);
    };
    let (half, width) = if ty.scale == 1 { (true, 2) } else { (false, 4) };
    let dimensions = usize::from(u16::from_le_bytes([d1, d2]));
    if kind != ty.scale || numbers.len() != dimensions * width {
        return Err(BAD);
    }
    Ok(Value::Vector { numbers, half })
}
