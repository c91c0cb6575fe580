//! Dates and times of day.

use super::{Arguments, Function, Operands, Signature};
use crate::calendar::{self, Moment, Part, SECOND};
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{DAY, Len, Type, Value};

/// The day behind the last one of datetimeoffset, from 0001-01-01.
const LAST_DAY: i64 = 3_652_059;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("YEAR", (1, 1), day_types, |a| Ok(Value::Int(year_month_day(a)?.0))),
    Function::new("MONTH", (1, 1), day_types, |a| Ok(Value::Int(year_month_day(a)?.1))),
    Function::new("DAY", (1, 1), day_types, |a| Ok(Value::Int(year_month_day(a)?.2))),
    Function::new(
        "EOMONTH",
        (1, 2),
        |_| Signature::new([Type::Date, Type::Int], Type::Date),
        eomonth,
    ),
    Function::new(
        "DATEFROMPARTS",
        (3, 3),
        |_| Signature::new([Type::Int; 3], Type::Date),
        date_from_parts,
    ),
    Function::new(
        "DATETIMEFROMPARTS",
        (7, 7),
        |_| Signature::new([Type::Int; 7], Type::DateTime),
        datetime_from_parts,
    ),
    Function::new("SWITCHOFFSET", (2, 2), switch_types, |a| with_offset(a, "switchoffset")),
    Function::new("TODATETIMEOFFSET", (2, 2), to_offset_types, |a| {
        with_offset(a, "todatetimeoffset")
    }),
];

// --- functions of a part

/// A function whose first argument is the name of a part of dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum DateFunction {
    Add,
    Diff,
    DiffBig,
    Name,
    Part,
    Trunc,
}

impl DateFunction {
    const ALL: [Self; 6] =
        [Self::Add, Self::Diff, Self::DiffBig, Self::Name, Self::Part, Self::Trunc];

    /// Of a name in upper case.
    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Add => "DATEADD",
            Self::Diff => "DATEDIFF",
            Self::DiffBig => "DATEDIFF_BIG",
            Self::Name => "DATENAME",
            Self::Part => "DATEPART",
            Self::Trunc => "DATETRUNC",
        }
    }

    /// With that of the part.
    pub(crate) fn arity(self) -> usize {
        match self {
            Self::Add | Self::Diff | Self::DiffBig => 3,
            Self::Name | Self::Part | Self::Trunc => 2,
        }
    }

    /// Whether it counts what lies between two dates.
    pub(crate) fn is_difference(self) -> bool {
        matches!(self, Self::Diff | Self::DiffBig)
    }

    /// The type of the result; of DATEADD and DATETRUNC it is that of the date.
    pub(crate) fn return_type(self, date: Type) -> Type {
        match self {
            Self::Add | Self::Trunc => date,
            Self::Diff | Self::Part => Type::Int,
            Self::DiffBig => Type::BigInt,
            Self::Name => Type::NVarChar(Len::N(30)),
        }
    }

    pub(super) fn eval(self, part: Part, a: &Arguments<'_>) -> Result<Value> {
        if a.values.iter().any(Value::is_null) {
            return Ok(Value::Null);
        }
        match self {
            Self::Add => add(part, a),
            Self::Diff | Self::DiffBig => self.diff(part, a),
            Self::Name => Ok(Value::Str(calendar::part_name(exact_moment(self, part, a)?, part))),
            Self::Part => Ok(Value::Int(calendar::part(exact_moment(self, part, a)?, part))),
            Self::Trunc => truncate(part, a),
        }
    }

    fn diff(self, part: Part, a: &Arguments<'_>) -> Result<Value> {
        let overflow = || messages::date_difference_overflow(self.name());
        let between = |from, to| {
            let n = calendar::diff(calendar::utc(from), calendar::utc(to), part)
                .map_err(|e| named_after(&self.name().to_lowercase(), e))?;
            let fits = self == Self::DiffBig || i32::try_from(n).is_ok();
            i64::try_from(n).ok().filter(|_| fits).ok_or_else(overflow)
        };
        let n = between(moment(a, 0)?, moment(a, 1)?)?;
        if is_third(a, 0) || is_third(a, 1) {
            let exact = |at: usize| {
                calendar::exact(&a.values[at], a.types[at])
                    .ok_or_else(|| Error::internal("not a date"))
            };
            if part.is_fine() || between(exact(0)?, exact(1)?)? != n {
                return Err(self.unsure(part));
            }
        }
        Ok(Value::Int(n))
    }

    fn unsure(self, part: Part) -> Error {
        let (name, part) = (self.name(), part.name());
        Error::unsupported(format!("{name} by {part} of a datetime that ends in 3 or 7"))
    }
}

/// An error of DATEDIFF as that of a function that counts likewise.
fn named_after(function: &str, e: Error) -> Error {
    Error { message: e.message.replace("datediff", function), ..e }
}

fn moment(a: &Arguments<'_>, at: usize) -> Result<Moment> {
    calendar::split(&a.values[at], a.types[at]).ok_or_else(|| Error::internal("not a date"))
}

/// A datetime of .003 and .007 stands for thirds, of which finer parts would show digits.
fn is_third(a: &Arguments<'_>, at: usize) -> bool {
    a.types[at] == Type::DateTime && matches!(a.values[at], Value::Int(t) if t % 100_000 != 0)
}

fn exact_moment(function: DateFunction, part: Part, a: &Arguments<'_>) -> Result<Moment> {
    if part.is_fine() && is_third(a, 0) {
        return Err(function.unsure(part));
    }
    moment(a, 0)
}

/// A day before the first one of the type is 9837.
fn truncate(part: Part, a: &Arguments<'_>) -> Result<Value> {
    let cut = calendar::truncate(moment(a, 0)?, part);
    calendar::build(cut, a.out).map_err(|_| messages::date_below_minimum())
}

fn add(part: Part, a: &Arguments<'_>) -> Result<Value> {
    let Value::Int(n) = a.values[0] else {
        return Err(Error::internal("DATEADD without a number"));
    };
    let start = moment(a, 1)?;
    if let Type::Time(_) = a.types[1] {
        // A time of day goes round.
        return calendar::build(calendar::add(start, part, n)?, a.out);
    }
    calendar::add(start, part, n)
        .and_then(|m| calendar::build(m, a.out))
        .map_err(|e| if e.is_unsupported() { e } else { messages::date_overflow(a.types[1]) })
}

// --- functions of dates

fn day_types(of: &Operands<'_>) -> Result<Signature> {
    let arg = match of.first() {
        ty if ty.is_temporal() => ty,
        ty if ty.is_int() && ty != Type::Bit => Type::DateTime,
        ty if ty.is_text() && ty != Type::Xml || ty == Type::Null => Type::DateTimeOffset(7),
        ty => return Err(of.missing(ty)),
    };
    Signature::new([arg], Type::Int)
}

fn year_month_day(a: &Arguments<'_>) -> Result<(i64, i64, i64)> {
    Ok(calendar::to_ymd(moment(a, 0)?.days))
}

fn eomonth(a: &Arguments<'_>) -> Result<Value> {
    let start = Moment { days: a.integer(0), ticks: 0, offset: None };
    let moved = calendar::add(start, Part::Month, a.integer(1))
        .map_err(|e| Error { message: e.message.replace("'datetime'", "'date'"), ..e })?;
    let (year, month, _) = calendar::to_ymd(moved.days);
    let last = calendar::from_ymd(year, month, calendar::days_in_month(year, month));
    Ok(Value::Int(last.unwrap_or(0)))
}

fn date_from_parts(a: &Arguments<'_>) -> Result<Value> {
    calendar::from_ymd(a.integer(0), a.integer(1), a.integer(2))
        .map(Value::Int)
        .ok_or_else(|| messages::invalid_date_parts(Type::Date))
}

fn datetime_from_parts(a: &Arguments<'_>) -> Result<Value> {
    let n = |at: usize| a.integer(at);
    let invalid = || messages::invalid_date_parts(Type::DateTime);
    let time_is_valid = (0..24).contains(&n(3))
        && (0..60).contains(&n(4))
        && (0..60).contains(&n(5))
        && (0..1000).contains(&n(6));
    let days = calendar::from_ymd(n(0), n(1), n(2))
        .filter(|_| time_is_valid && n(0) >= 1753)
        .ok_or_else(invalid)?;
    let ticks = ((n(3) * 60 + n(4)) * 60 + n(5)) * SECOND + n(6) * 10_000;
    calendar::build(Moment { days, ticks, offset: None }, a.out).map_err(|_| invalid())
}

// --- offsets

/// An offset is a text or a number of minutes.
fn offset_type(of: &Operands<'_>) -> Type {
    if of.get(1).is_int() { Type::Int } else { Type::VarChar(Len::N(8000)) }
}

fn switch_types(of: &Operands<'_>) -> Result<Signature> {
    let scale = match of.first() {
        Type::DateTimeOffset(scale) => scale,
        ty if ty.is_text() => 7,
        ty => return Err(of.missing(ty)),
    };
    let ty = Type::DateTimeOffset(scale);
    Signature::new([ty, offset_type(of)], ty)
}

fn to_offset_types(of: &Operands<'_>) -> Result<Signature> {
    let scale = match of.first() {
        Type::DateTime2(scale) => scale,
        ty if ty.is_text() => 7,
        ty => return Err(of.missing(ty)),
    };
    let args = [Type::DateTime2(scale), offset_type(of)];
    Signature::new(args, Type::DateTimeOffset(scale))
}

/// A datetimeoffset keeps its instant, a datetime2 its time of day.
fn with_offset(a: &Arguments<'_>, name: &str) -> Result<Value> {
    let offset = match &a.values[1] {
        Value::Int(minutes) => i16::try_from(*minutes).ok().filter(|m| m.abs() <= 14 * 60),
        _ => calendar::offset_minutes(a.text(1)),
    };
    let offset = offset.ok_or_else(|| messages::invalid_time_zone(name))?;
    let ticks_of_offset = i64::from(offset) * 60 * SECOND;
    let utc = match &a.values[0] {
        Value::Offset(ticks, _) => *ticks,
        Value::Int(ticks) => ticks - ticks_of_offset,
        _ => return Ok(Value::Null),
    };
    if [utc, utc + ticks_of_offset].iter().any(|t| !(0..LAST_DAY * DAY).contains(t)) {
        let what = format!("{} out of the range of datetimeoffset", name.to_uppercase());
        return Err(Error::unsupported(what));
    }
    Ok(Value::Offset(utc, offset))
}
