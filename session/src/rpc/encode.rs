//! Values of the types with one byte of length, as bytes (MS-TDS 2.2.5.5.1).

use super::number::scaled;
use super::param::Why;
use super::time::Moment;
use super::{ParamType, ParamValue};

/// Days from 0001-01-01 to 1900-01-01.
const DAYS_TO_1900: i64 = 693_595;

/// TYPE_INFO of the types with one byte of length.
pub(super) fn info(ty: ParamType) -> Vec<u8> {
    use ParamType as T;
    match ty {
        T::Bit => vec![0x68, 1],
        T::TinyInt => vec![0x26, 1],
        T::SmallInt => vec![0x26, 2],
        T::Int => vec![0x26, 4],
        T::BigInt => vec![0x26, 8],
        T::Real => vec![0x6D, 4],
        T::Float => vec![0x6D, 8],
        T::Decimal { precision, scale } => {
            vec![0x6A, digits_length(precision) + 1, precision, scale]
        }
        T::SmallMoney => vec![0x6E, 4],
        T::Money => vec![0x6E, 8],
        T::Date => vec![0x28],
        T::Time(scale) => vec![0x29, scale],
        T::DateTime2(scale) => vec![0x2A, scale],
        T::DateTimeOffset(scale) => vec![0x2B, scale],
        T::DateTime => vec![0x6F, 8],
        T::SmallDateTime => vec![0x6F, 4],
        T::UniqueIdentifier => vec![0x24, 16],
        T::NVarChar | T::NVarCharMax | T::VarBinary | T::VarBinaryMax => Vec::new(),
    }
}

/// Bytes of the digits of a decimal.
fn digits_length(precision: u8) -> u8 {
    match precision {
        0..=9 => 4,
        10..=19 => 8,
        20..=28 => 12,
        _ => 16,
    }
}

/// The bytes of a value, without their length; none for NULL.
pub(super) fn bytes_of(ty: ParamType, value: ParamValue<'_>) -> Result<Vec<u8>, Why> {
    use ParamType as T;
    const RANGE: Why = "it is beyond its type's range";
    if value == ParamValue::Null {
        return Ok(Vec::new());
    }
    Ok(match ty {
        T::Bit => match value {
            ParamValue::Bit(b) => vec![b.into()],
            _ => vec![u8::from(whole(value)? != 0)],
        },
        T::TinyInt => vec![u8::try_from(whole(value)?).map_err(|_| RANGE)?],
        T::SmallInt => i16::try_from(whole(value)?).map_err(|_| RANGE)?.to_le_bytes().into(),
        T::Int => i32::try_from(whole(value)?).map_err(|_| RANGE)?.to_le_bytes().into(),
        T::BigInt => whole(value)?.to_le_bytes().into(),
        T::Real => {
            let x = float(value)?;
            let narrow = x as f32;
            if narrow.is_infinite() {
                return Err(RANGE);
            }
            narrow.to_le_bytes().into()
        }
        T::Float => float(value)?.to_le_bytes().into(),
        T::Decimal { precision, scale } => {
            let (negative, digits) = exact(value, scale)?;
            if digits >= 10u128.pow(u32::from(precision.min(38))) {
                return Err("it has more digits than its type");
            }
            let length = usize::from(digits_length(precision));
            let mut bytes = vec![u8::from(!negative)];
            bytes.extend_from_slice(&digits.to_le_bytes()[..length]);
            bytes
        }
        T::SmallMoney => i32::try_from(money(value)?).map_err(|_| RANGE)?.to_le_bytes().into(),
        T::Money => {
            let [a, b, c, d, e, f, g, h] = money(value)?.to_le_bytes();
            vec![e, f, g, h, a, b, c, d]
        }
        T::UniqueIdentifier => identifier(value)?,
        T::NVarChar | T::NVarCharMax | T::VarBinary | T::VarBinaryMax => Vec::new(),
        _ => moment(ty, value)?,
    })
}

fn whole(value: ParamValue<'_>) -> Result<i64, Why> {
    match value {
        ParamValue::Bit(b) => Ok(b.into()),
        ParamValue::Int(n) => Ok(n),
        ParamValue::Text(t) => t.trim().parse().map_err(|_| "it is no whole number of its type"),
        _ => Err("it is to be given as a whole number"),
    }
}

fn float(value: ParamValue<'_>) -> Result<f64, Why> {
    let x = match value {
        ParamValue::Int(n) => n as f64,
        ParamValue::Float(x) => x,
        ParamValue::Text(t) => t.trim().parse().map_err(|_| "it is no number")?,
        _ => return Err("it is to be given as a number"),
    };
    if x.is_finite() { Ok(x) } else { Err("it is no number that SQL Server has") }
}

fn exact(value: ParamValue<'_>, scale: u8) -> Result<(bool, u128), Why> {
    const NO_NUMBER: Why = "it is no number of at most 38 digits";
    match value {
        ParamValue::Int(n) => scaled(&n.to_string(), scale).ok_or(NO_NUMBER),
        ParamValue::Text(t) => scaled(t, scale).ok_or(NO_NUMBER),
        _ => Err("it is to be given as text, to the last digit"),
    }
}

fn money(value: ParamValue<'_>) -> Result<i64, Why> {
    let (negative, digits) = exact(value, 4)?;
    let units = i128::try_from(digits).unwrap_or(i128::MAX);
    i64::try_from(if negative { -units } else { units })
        .map_err(|_| "it is beyond its type's range")
}

fn identifier(value: ParamValue<'_>) -> Result<Vec<u8>, Why> {
    const BAD: Why = "it is no identifier of 32 hexadecimal digits in five groups";
    let ParamValue::Text(t) = value else { return Err(BAD) };
    let t = t.trim();
    let t = t.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(t);
    let groups: Vec<usize> = t.split('-').map(str::len).collect();
    let digits: Vec<u8> = t.bytes().filter(|b| *b != b'-').collect();
    if groups != [8, 4, 4, 4, 12] {
        return Err(BAD);
    }
    let nibble = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    let byte = |pair: &[u8]| Some(nibble(pair[0])? << 4 | nibble(pair[1])?);
    let mut bytes: Vec<u8> = digits.chunks_exact(2).map(byte).collect::<Option<_>>().ok_or(BAD)?;
    // The first three groups are numbers, least byte first.
    bytes[..4].reverse();
    bytes[4..6].reverse();
    bytes[6..8].reverse();
    Ok(bytes)
}

fn moment(ty: ParamType, value: ParamValue<'_>) -> Result<Vec<u8>, Why> {
    use ParamType as T;
    const BAD: Why = "it is no date or time in ISO 8601 that its type can hold";
    let ParamValue::Text(t) = value else { return Err("it is to be given as text in ISO 8601") };
    let m = Moment::parse(t).ok_or(BAD)?;
    if m.offset.is_some() && !matches!(ty, T::DateTimeOffset(_)) {
        return Err("it has a zone, which its type does not keep");
    }
    let days = |day: i64| day.to_le_bytes()[..3].to_vec();
    let ticks = |ticks: i64, scale: u8| {
        let length = match scale {
            0..=2 => 3,
            3..=4 => 4,
            _ => 5,
        };
        ticks.to_le_bytes()[..length].to_vec()
    };
    Ok(match ty {
        T::Date => days(m.day.ok_or(BAD)?),
        T::Time(scale) => {
            m.time.ok_or(BAD)?;
            let (_, t) = Moment { day: Some(0), ..m }.rounded(scale).ok_or(BAD)?;
            ticks(t, scale)
        }
        T::DateTime2(scale) => {
            let (day, t) = m.rounded(scale).ok_or(BAD)?;
            [ticks(t, scale), days(day)].concat()
        }
        T::DateTimeOffset(scale) => {
            let (day, t, offset) = m.utc(scale).ok_or(BAD)?;
            let offset = offset.to_le_bytes()[..2].to_vec();
            [ticks(t, scale), days(day), offset].concat()
        }
        T::DateTime => {
            // From 1753 on.
            let (day, t) = m.datetime().filter(|(d, _)| *d >= 639_905).ok_or(BAD)?;
            let day = i32::try_from(day - DAYS_TO_1900).map_err(|_| BAD)?;
            let t = u32::try_from(t).map_err(|_| BAD)?;
            [day.to_le_bytes(), t.to_le_bytes()].concat()
        }
        _ => {
            let (day, t) = m.minutes().ok_or(BAD)?;
            let day = u16::try_from(day - DAYS_TO_1900).map_err(|_| BAD)?;
            let t = u16::try_from(t).map_err(|_| BAD)?;
            [day.to_le_bytes(), t.to_le_bytes()].concat()
        }
    })
}
