//! Shims that are no functions of T-SQL: the binder writes them where SQLite would do something
//! else.

use super::json;
use super::operators::{bit_not, negate};
use super::{Arguments, Shim, like};
use crate::convert::fit_int;
use crate::decimal;
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Len, Type, Value};

/// A value with the other sign.
pub(crate) static NEGATE: Shim = Shim::new("NEG", negate);
/// A number with its bits the other way round.
pub(crate) static NOT: Shim = Shim::new("NOT", bit_not);
/// A text, a pattern and, where there is one, an escape character.
pub(crate) static LIKE: Shim = Shim::new("LIKE", like_predicate);
/// The number of rows of TOP, which 127 refuses below 0.
pub(crate) static TOP: Shim = Shim::new("TOP", |a| match a.integer(0) {
    ..0 => Err(messages::negative_top()),
    n => Ok(Value::Int(n)),
});
/// The number of rows of TOP … PERCENT, of all rows and the percentage, rounded up; 1031 for one
/// that is none.
pub(crate) static PERCENT: Shim = Shim::new("PERCENT", |a| match a.float(1) {
    percent if !(0.0..=100.0).contains(&percent) => Err(messages::invalid_percentage()),
    percent => Ok(Value::Int((a.float(0) * percent / 100.0).ceil() as i64)),
});
/// The number of rows of OFFSET, which 10742 refuses below 0.
pub(crate) static OFFSET: Shim = Shim::new("OFFSET", |a| match a.integer(0) {
    ..0 => Err(messages::negative_offset()),
    n => Ok(Value::Int(n)),
});
/// The number of rows of FETCH, which 10744 refuses below 1.
pub(crate) static FETCH: Shim = Shim::new("FETCH", |a| match a.integer(0) {
    ..=0 => Err(messages::fetch_of_nothing()),
    n => Ok(Value::Int(n)),
});
/// The key by which uniqueidentifiers are ordered.
pub(crate) static GUID_ORDER: Shim = Shim::new("GUIDKEY", guid_order);
/// The instant of a datetimeoffset, by which it is compared.
pub(crate) static INSTANT: Shim = Shim::new("INSTANT", |a| match &a.values[0] {
    Value::Offset(ticks, _) => Ok(Value::Int(*ticks)),
    v => Ok(v.clone()),
});
/// A sum, in the type of SUM.
pub(crate) static FIT: Shim = Shim::new("FIT", fit);
/// A sum and a count, as AVG.
pub(crate) static AVERAGE: Shim = Shim::new("AVG", average);
/// True of a count of rows that is not more than one; 512 otherwise.
pub(crate) static SINGLE_ROW: Shim = Shim::new("ONE", |a| match a.integer(0) {
    2.. => Err(messages::more_than_one_row()),
    _ => Ok(Value::Int(1)),
});
/// The bits of a float as a whole number.
pub(crate) static BITS: Shim =
    Shim::new("BITS", |a| Ok(Value::Int(a.float(0).to_bits().cast_signed())));
/// The float of its bits.
pub(crate) static FROM_BITS: Shim =
    Shim::new("FROMBITS", |a| Ok(Value::Float(f64::from_bits(a.integer(0).cast_unsigned()))));
/// The parts of a text between separators, as a JSON array.
pub(crate) static SPLIT: Shim = Shim::new("SPLIT", split);
/// The text of STRING_AGG, if it is not longer than its type.
pub(crate) static AGGREGATE_LENGTH: Shim = Shim::new("AGGLEN", |a| match a.out {
    Type::NVarChar(Len::N(n)) | Type::VarChar(Len::N(n)) if a.units(0).len() > usize::from(n) => {
        Err(messages::aggregate_too_long())
    }
    _ => Ok(a.values[0].clone()),
});

fn split(a: &Arguments<'_>) -> Result<Value> {
    let separator = a.text(1);
    if separator.encode_utf16().count() != 1 {
        return Err(Error::unsupported("STRING_SPLIT by what is not one character"));
    }
    // Whether case counts, the page does not tell.
    if separator.chars().any(char::is_alphabetic) {
        return Err(Error::unsupported("STRING_SPLIT by a letter"));
    }
    if a.text(0).contains('\0') {
        return Err(Error::unsupported("STRING_SPLIT of a text with a character of code 0"));
    }
    let parts: Vec<String> = a.text(0).split(separator).map(json::quoted).collect();
    Ok(Value::Str(format!("[{}]", parts.join(","))))
}

fn like_predicate(a: &Arguments<'_>) -> Result<Value> {
    let escape = match a.values.get(2) {
        Some(Value::Str(escape)) if escape.chars().count() != 1 => {
            return Err(messages::invalid_escape(escape));
        }
        Some(Value::Str(escape)) => escape.chars().next(),
        _ => None,
    };
    like(a.text(0), a.text(1), escape, a.is_unicode()).map(|hit| Value::Int(i64::from(hit)))
}

/// SQL Server orders uniqueidentifiers by their last group first, and keeps the bytes of the first
/// three groups the other way round.
fn guid_order(a: &Arguments<'_>) -> Result<Value> {
    const ORDER: [usize; 16] = [10, 11, 12, 13, 14, 15, 8, 9, 7, 6, 5, 4, 3, 2, 1, 0];
    let hex: String = a.text(0).chars().filter(char::is_ascii_hexdigit).collect();
    let byte =
        |at: usize| u8::from_str_radix(hex.get(at * 2..at * 2 + 2).unwrap_or("0"), 16).unwrap_or(0);
    Ok(Value::Bin(ORDER.into_iter().map(byte).collect()))
}

fn fit(a: &Arguments<'_>) -> Result<Value> {
    match &a.values[0] {
        Value::Int(n) => fit_int(*n, a.out, false).map(Value::Int),
        Value::Dec(d) => match a.out {
            Type::Decimal(p, _) => decimal::fit(*d, p, "expression").map(Value::Dec),
            _ => decimal::fit_money(*d, a.out).map(Value::Dec),
        },
        v => Ok(v.clone()),
    }
}

fn average(a: &Arguments<'_>) -> Result<Value> {
    match (&a.values[0], a.integer(1)) {
        (Value::Int(sum), count) => Ok(Value::Int(sum / count)),
        (Value::Dec(sum), count) => {
            let scaled = decimal::rescale(*sum, a.types[0].scale(), a.out.scale())?;
            Ok(Value::Dec(scaled / i128::from(count)))
        }
        _ => Ok(Value::Null),
    }
}
