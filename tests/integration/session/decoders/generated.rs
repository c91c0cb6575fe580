//! Values of every type: NULL, the ends of its range, and any between.

use mssql_mcp_sandbox::types::{DAY, Len, Type, Value};

use super::super::Dice;

/// Those that an answer can have, with some of their lengths and precisions.
pub(super) fn types() -> Vec<Type> {
    use Type::*;
    let mut all = vec![
        Bit,
        TinyInt,
        SmallInt,
        Int,
        BigInt,
        Money,
        SmallMoney,
        Real,
        Float,
        Char(5),
        NChar(4),
        VarChar(Len::N(40)),
        NVarChar(Len::N(40)),
        VarChar(Len::Max),
        NVarChar(Len::Max),
        Binary(4),
        VarBinary(Len::N(20)),
        VarBinary(Len::Max),
        Date,
        SmallDateTime,
        DateTime,
        Guid,
        Xml,
        Udt("geography"),
        Variant,
    ];
    all.extend([(5, 2), (9, 9), (18, 6), (28, 10), (38, 0), (38, 38)].map(|(p, s)| Decimal(p, s)));
    for scale in [0, 3, 4, 7] {
        all.extend([Time(scale), DateTime2(scale), DateTimeOffset(scale)]);
    }
    all
}

/// Ticks of 100 ns from 0001-01-01 to 1753, 1900 and 2079 and to the end of 9999.
const DAYS_1753: i64 = 639_905;
const DAYS_1900: i64 = 693_595;
const DAYS: i64 = 3_652_059;

pub(super) fn value(ty: Type, dice: &mut Dice) -> Value {
    if dice.below(9) == 0 {
        return Value::Null;
    }
    match ty {
        Type::Bit => Value::Int(dice.below(2) as i64),
        Type::TinyInt => Value::Int(within(0, 255, dice)),
        Type::SmallInt => Value::Int(within(-32_768, 32_767, dice)),
        Type::Int => Value::Int(within(i32::MIN.into(), i32::MAX.into(), dice)),
        Type::BigInt => Value::Int(within(i64::MIN, i64::MAX, dice)),
        Type::SmallMoney => Value::Dec(within(i32::MIN.into(), i32::MAX.into(), dice).into()),
        Type::Money => Value::Dec(within(i64::MIN, i64::MAX, dice).into()),
        Type::Decimal(precision, _) => Value::Dec(decimal(precision, dice)),
        Type::Real => Value::Float(f32_of(dice).into()),
        Type::Float => Value::Float(f64_of(dice)),
        Type::Date => Value::Int(within(0, DAYS - 1, dice)),
        Type::Time(scale) => Value::Int(ticks(0, 1, scale, dice)),
        Type::DateTime2(scale) => Value::Int(ticks(0, DAYS, scale, dice)),
        // A day from either end, so that the local time is one, too.
        Type::DateTimeOffset(scale) => {
            Value::Offset(ticks(1, DAYS - 1, scale, dice), within(-840, 840, dice) as i16)
        }
        Type::DateTime => {
            let day = within(DAYS_1753, DAYS - 1, dice) * DAY;
            Value::Int(day + within(0, 86_399_997, dice) * 10_000)
        }
        Type::SmallDateTime => {
            let day = within(DAYS_1900, DAYS_1900 + 65_535, dice) * DAY;
            Value::Int(day + within(0, 1439, dice) * 600_000_000)
        }
        Type::Guid => Value::Str(guid(dice)),
        Type::Variant => Value::Bin(variant(dice)),
        Type::Xml => Value::Str(format!("<a b=\"1\">{}</a>", dice.next())),
        _ => sequence(ty, dice),
    }
}

/// The ends more often than chance would have them.
fn within(low: i64, high: i64, dice: &mut Dice) -> i64 {
    match dice.below(8) {
        0 => low,
        1 => high,
        2 => (low + 1).clamp(low, high),
        3 => 0i64.clamp(low, high),
        _ => {
            let range = (i128::from(high) - i128::from(low) + 1) as u128;
            (i128::from(low) + (u128::from(dice.next()) % range) as i128) as i64
        }
    }
}

fn decimal(precision: u8, dice: &mut Dice) -> i128 {
    let all = 10i128.pow(precision.into());
    let any = (i128::from(dice.next()) << 62 | i128::from(dice.next())).rem_euclid(all);
    let digits = match dice.below(6) {
        0 => all - 1,
        1 => 0,
        2 => 1,
        // With fewer digits than it has room for.
        3 => any / 10i128.pow(u32::from(precision) / 2),
        _ => any,
    };
    if dice.below(2) == 0 { digits } else { -digits }
}

fn f32_of(dice: &mut Dice) -> f32 {
    let any = f32::from_bits(dice.next() as u32);
    let ends = [f32::MIN, f32::MAX, f32::MIN_POSITIVE, 0.1, -0.0, 1e-45];
    if any.is_finite() && dice.below(8) > 0 { any } else { ends[dice.below(6) as usize] }
}

fn f64_of(dice: &mut Dice) -> f64 {
    let any = f64::from_bits(dice.next());
    let ends = [f64::MIN, f64::MAX, f64::MIN_POSITIVE, 0.1 + 0.2, -0.0, 5e-324];
    if any.is_finite() && dice.below(8) > 0 { any } else { ends[dice.below(6) as usize] }
}

/// Between two days, and as fine as the scale.
fn ticks(first: i64, end: i64, scale: u8, dice: &mut Dice) -> i64 {
    let unit = 10i64.pow(7 - u32::from(scale));
    within(first * DAY / unit, end * DAY / unit - 1, dice) * unit
}

fn guid(dice: &mut Dice) -> String {
    let (a, b) = (format!("{:016X}", dice.next()), format!("{:016X}", dice.next()));
    format!("{}-{}-{}-{}-{}", &a[..8], &a[8..12], &a[12..], &b[..4], &b[4..])
}

/// Characters of code page 1252, and any.
const NARROW: &[char] = &['a', 'Z', ' ', '"', '\\', '\n', '\t', '\u{1}', 'é', '€', 'ÿ', '™', '0'];
const WIDE: &[char] =
    &['a', '"', '\\', '\u{7}', 'ß', '日', '\u{2028}', '\u{FEFF}', '😀', '𐍈', '\u{FFFD}'];

fn text(pool: &[char], length: u64, dice: &mut Dice) -> String {
    (0..length).map(|_| pool[dice.below(pool.len() as u64) as usize]).collect()
}

fn sequence(ty: Type, dice: &mut Dice) -> Value {
    // Now and then over several packets.
    let long = if dice.below(700) == 0 { 9_000 } else { 40 };
    let up_to = |n: u64, dice: &mut Dice| dice.below(n + 1);
    match ty {
        Type::Char(n) => Value::Str(text(NARROW, n.into(), dice)),
        Type::VarChar(Len::N(n)) => {
            let length = up_to(n.into(), dice);
            Value::Str(text(NARROW, length, dice))
        }
        Type::VarChar(Len::Max) => {
            let length = up_to(long, dice);
            Value::Str(text(NARROW, length, dice))
        }
        // Of the first four, which have one unit each.
        Type::NChar(n) => Value::Str(text(&WIDE[..4], n.into(), dice)),
        Type::NVarChar(Len::N(n)) => {
            let length = up_to(u64::from(n) / 2, dice);
            Value::Str(text(WIDE, length, dice))
        }
        Type::NVarChar(Len::Max) => {
            let length = up_to(long, dice);
            Value::Str(text(WIDE, length, dice))
        }
        Type::Binary(n) => Value::Bin((0..n).map(|_| dice.next() as u8).collect()),
        Type::VarBinary(Len::N(n)) => {
            let length = up_to(n.into(), dice);
            Value::Bin((0..length).map(|_| dice.next() as u8).collect())
        }
        _ => {
            let length = up_to(long, dice);
            Value::Bin((0..length).map(|_| dice.next() as u8).collect())
        }
    }
}

/// Base type, length of its properties, these, and a value (MS-TDS 2.2.5.5.3).
fn variant(dice: &mut Dice) -> Vec<u8> {
    let n = dice.next();
    let bytes = n.to_le_bytes();
    match dice.below(8) {
        0 => [&[0x38, 0][..], &bytes[..4]].concat(),
        1 => [&[0x7F, 0][..], &bytes].concat(),
        2 => vec![0x32, 0, (n % 2) as u8],
        3 => [&[0x34, 0][..], &bytes[..2]].concat(),
        // decimal(18,4), positive.
        4 => [&[0x6A, 2, 18, 4, 1][..], &(n % 10u64.pow(18)).to_le_bytes()].concat(),
        // nvarchar of the default collation.
        5 => {
            let text: Vec<u8> =
                text(WIDE, n % 9, dice).encode_utf16().flat_map(u16::to_le_bytes).collect();
            [&[0xE7, 7, 0x09, 0x04, 0xD0, 0x00, 0x34, 80, 0][..], &text].concat()
        }
        6 => [&[0xA5, 2, 8, 0][..], &bytes[..(n % 8) as usize]].concat(),
        _ => [&[0x28, 0][..], &((n % DAYS as u64) as u32).to_le_bytes()[..3]].concat(),
    }
}
