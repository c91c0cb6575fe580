//! The shims: everything that SQLite would do differently from SQL Server runs
//! here, on typed values.
//!
//! The binder interns a [`Call`] and writes `f(id, args…)`; SQLite calls back with the id. A stored
//! expression (a computed column, a check) keeps its ids, which live as long as the sandbox.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use rusqlite::functions::{Aggregate, Context, FunctionFlags, WindowAggregate};
use rusqlite::types::Value as Lite;
use rusqlite::{Connection, Error as LiteError};

use crate::calendar::{self, Moment, Part};
use crate::convert::{self, assign, convert, cut_utf16, fit_int};
use crate::decimal;
use crate::error::{Error, Result};
use crate::types::{Len, Type, Value, dec_key};

/// A shim with its types fixed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Call {
    /// CAST, CONVERT, implicit conversion; `attempt` makes NULL of a failure.
    Cast {
        /// From.
        from: Type,
        /// To.
        to: Type,
        /// CONVERT's style.
        style: i64,
        /// TRY_.
        attempt: bool,
    },
    /// Conversion on assignment to a column.
    Assign {
        /// From.
        from: Type,
        /// To.
        to: Type,
    },
    /// `a op b`.
    Arith {
        /// + - * / % & | ^
        op: char,
        /// Left.
        a: Type,
        /// Right.
        b: Type,
        /// Result.
        out: Type,
    },
    /// A function by name.
    Func {
        /// Upper case.
        name: &'static str,
        /// The types its arguments were coerced to.
        args: Vec<Type>,
        /// Result.
        out: Type,
    },
    /// DATEADD, DATEDIFF, DATEPART, DATENAME.
    Date {
        /// Upper case.
        name: &'static str,
        /// Datepart.
        part: Part,
        /// Types.
        args: Vec<Type>,
        /// Result.
        out: Type,
    },
    /// Fails when a recursive CTE goes deeper than this.
    Depth(u32),
}

/// By id, and the ids.
type Table = (Vec<Arc<Call>>, HashMap<Arc<Call>, usize>);

/// The interned calls of one sandbox.
#[derive(Debug, Default)]
pub struct Calls {
    inner: RwLock<Table>,
}

impl Calls {
    /// The id of a call.
    pub fn intern(&self, call: Call) -> usize {
        let mut inner = self.inner.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(id) = inner.1.get(&call) {
            return *id;
        }
        let call = Arc::new(call);
        let id = inner.0.len();
        inner.0.push(call.clone());
        inner.1.insert(call, id);
        id
    }

    /// The call of an id.
    pub fn get(&self, id: usize) -> Option<Arc<Call>> {
        self.inner.read().unwrap_or_else(std::sync::PoisonError::into_inner).0.get(id).cloned()
    }
}

/// What a function takes and gives.
#[derive(Debug)]
pub struct Signature {
    /// Its name, for [`Call::Func`].
    pub name: &'static str,
    /// What each argument is converted to first.
    pub args: Vec<Type>,
    /// What comes out.
    pub out: Type,
}

fn text_of(t: Type) -> Type {
    match t {
        Type::NVarChar(_) | Type::VarChar(_) => t,
        Type::NChar(n) => Type::NVarChar(Len::N(n)),
        Type::Char(n) => Type::VarChar(Len::N(n)),
        Type::Xml => Type::NVarChar(Len::Max),
        Type::Null => Type::VarChar(Len::N(1)),
        _ => Type::VarChar(Len::N(8000)),
    }
}

fn longest(t: Type) -> Type {
    match text_of(t) {
        Type::NVarChar(Len::N(_)) => Type::NVarChar(Len::N(4000)),
        Type::VarChar(Len::N(_)) => Type::VarChar(Len::N(8000)),
        t => t,
    }
}

/// Finds a scalar function; `None` when the sandbox has none of that name.
pub fn signature(name: &str, args: &[Type]) -> Result<Option<Signature>> {
    let first = args.first().copied().unwrap_or(Type::Null);
    let t = text_of(first);
    let n = args.len();
    let num = if first.is_number() { first } else { Type::Float };
    let arity = |low: usize, high: usize| -> Result<()> {
        if (low..=high).contains(&n) {
            return Ok(());
        }
        let name = name.to_ascii_lowercase();
        Err(if low == high {
            Error::new(174, 15, format!("The {name} function requires {low} argument(s)."))
        } else {
            Error::new(189, 15, format!("The {name} function requires {low} to {high} arguments."))
        })
    };
    macro_rules! sig {
        ($name:literal, $low:expr, $high:expr, $args:expr, $out:expr) => {{
            arity($low, $high)?;
            let mut a: Vec<Type> = $args;
            a.truncate(n);
            Signature { name: $name, args: a, out: $out }
        }};
    }
    let int = Type::Int;
    // An offset is a text or a number of minutes.
    let zone =
        || if args.get(1).is_some_and(|t| t.is_int()) { int } else { Type::VarChar(Len::N(8000)) };
    let is_max = |t: Type| t.max_length() == -1;
    // Positions and lengths in (max) are bigint.
    let position = |t: Type| if is_max(t) { Type::BigInt } else { int };
    let missing = |what: String| Error::unsupported(format!("{name} of {what}"));
    let of_text = matches!(
        name,
        "UPPER"
            | "LOWER"
            | "LTRIM"
            | "RTRIM"
            | "TRIM"
            | "REVERSE"
            | "LEFT"
            | "RIGHT"
            | "CHARINDEX"
            | "PATINDEX"
            | "REPLACE"
            | "TRANSLATE"
            | "STUFF"
            | "REPLICATE"
            | "CONCAT"
            | "CONCAT_WS"
            | "QUOTENAME"
            | "ASCII"
            | "UNICODE"
    );
    if of_text && let Some(t) = args.iter().find(|t| t.is_binary() || **t == Type::Xml) {
        return Err(missing(t.to_string()));
    }
    if of_text
        && !name.starts_with("CONCAT")
        && let Some(t) = args.iter().find(|t| matches!(t, Type::Money | Type::SmallMoney))
    {
        return Err(missing(t.to_string()));
    }
    if matches!(name, "ABS" | "CEILING" | "FLOOR" | "SIGN" | "ROUND" | "POWER")
        && first == Type::Bit
    {
        return Err(missing(first.to_string()));
    }
    if matches!(name, "ROUND")
        && args.iter().skip(1).any(|t| !t.is_int() && *t != Type::Null || *t == Type::Bit)
    {
        return Err(missing("a length or a function that is no integer".into()));
    }
    if args.iter().skip(1).any(|t| matches!(t, Type::VarChar(Len::Max) | Type::NVarChar(Len::Max)))
        && matches!(name, "REPLACE" | "TRANSLATE" | "STUFF")
        && !is_max(first)
    {
        return Err(missing(format!("{first} with (max)")));
    }
    let all_text = || -> (Vec<Type>, Type) {
        let wide = args.iter().any(|t| t.is_unicode());
        let max =
            args.iter().any(|t| matches!(t, Type::VarChar(Len::Max) | Type::NVarChar(Len::Max)));
        let out = match (wide, max) {
            (true, true) => Type::NVarChar(Len::Max),
            (true, false) => Type::NVarChar(Len::N(4000)),
            (false, true) => Type::VarChar(Len::Max),
            (false, false) => Type::VarChar(Len::N(8000)),
        };
        (vec![out; n], out)
    };
    Ok(Some(match name {
        "LEN" if first.is_binary() => sig!("LEN", 1, 1, vec![first], position(first)),
        "LEN" if matches!(first, Type::Xml | Type::Money | Type::SmallMoney) => {
            return Err(missing(first.to_string()));
        }
        "LEN" => sig!("LEN", 1, 1, vec![t], position(first)),
        "DATALENGTH" if matches!(first, Type::Xml | Type::Null | Type::Decimal(..)) => {
            return Err(missing(first.to_string()));
        }
        "DATALENGTH" => sig!("DATALENGTH", 1, 1, vec![first], position(first)),
        "UPPER" => sig!("UPPER", 1, 1, vec![t], t),
        "LOWER" => sig!("LOWER", 1, 1, vec![t], t),
        "LTRIM" => sig!("LTRIM", 1, 1, vec![t], t),
        "RTRIM" => sig!("RTRIM", 1, 1, vec![t], t),
        "TRIM" => sig!("TRIM", 1, 1, vec![t], t),
        "REVERSE" => sig!("REVERSE", 1, 1, vec![t], t),
        "LEFT" => sig!("LEFT", 2, 2, vec![t, int], t),
        "RIGHT" => sig!("RIGHT", 2, 2, vec![t, int], t),
        "SUBSTRING" if first.is_binary() => {
            let out = if let Type::Binary(n) = first { Type::VarBinary(Len::N(n)) } else { first };
            sig!("SUBSTRING", 3, 3, vec![out, int, int], out)
        }
        "SUBSTRING" if !first.is_text() || first == Type::Xml => {
            return Err(missing(first.to_string()));
        }
        "SUBSTRING" => sig!("SUBSTRING", 3, 3, vec![t, int, int], t),
        "CHARINDEX" | "PATINDEX" => {
            let hay = args.get(1).copied().unwrap_or(Type::Null);
            let (name, high) = if name == "CHARINDEX" { ("CHARINDEX", 3) } else { ("PATINDEX", 2) };
            arity(2, high)?;
            let mut a = vec![t, text_of(hay), int];
            a.truncate(n);
            Signature { name, args: a, out: position(hay) }
        }
        "REPLACE" => {
            let (a, out) = all_text();
            sig!("REPLACE", 3, 3, a, out)
        }
        "TRANSLATE" => {
            let (a, out) = all_text();
            sig!("TRANSLATE", 3, 3, a, out)
        }
        "STUFF" => {
            sig!(
                "STUFF",
                4,
                4,
                vec![t, int, int, longest(args.get(3).copied().unwrap_or(Type::Null))],
                longest(t)
            )
        }
        "REPLICATE" => sig!("REPLICATE", 2, 2, vec![t, int], longest(t)),
        "SPACE" => sig!("SPACE", 1, 1, vec![int], Type::VarChar(Len::N(8000))),
        "CONCAT" => {
            let (a, out) = all_text();
            // The length of an int is 12, that of a float 32; of other types the page has none.
            let length = |t: &Type| match t {
                Type::Null => Some(0),
                Type::Int => Some(12),
                Type::Float => Some(32),
                t if t.is_unicode() => Some(t.max_length() / 2),
                t if t.is_text() => Some(t.max_length()),
                _ => None,
            };
            let sum =
                args.iter().map(length).sum::<Option<i64>>().and_then(|n| u16::try_from(n).ok());
            let out = match (out, sum) {
                (Type::VarChar(Len::N(_)), Some(n)) => Type::VarChar(Len::N(n.clamp(1, 8000))),
                (Type::NVarChar(Len::N(_)), Some(n)) => Type::NVarChar(Len::N(n.clamp(1, 4000))),
                (out, _) => out,
            };
            sig!("CONCAT", 2, 254, a, out)
        }
        "CONCAT_WS" => {
            let (a, out) = all_text();
            sig!("CONCAT_WS", 3, 254, a, out)
        }
        "QUOTENAME" => {
            sig!(
                "QUOTENAME",
                1,
                2,
                vec![Type::NVarChar(Len::N(4000)); 2],
                Type::NVarChar(Len::N(258))
            )
        }
        "ASCII" => sig!("ASCII", 1, 1, vec![Type::VarChar(Len::N(8000))], int),
        "UNICODE" => sig!("UNICODE", 1, 1, vec![Type::NVarChar(Len::N(4000))], int),
        "CHAR" => sig!("CHAR", 1, 1, vec![int], Type::Char(1)),
        "NCHAR" => sig!("NCHAR", 1, 1, vec![int], Type::NChar(1)),
        "STR" => sig!("STR", 1, 3, vec![Type::Float, int, int], Type::VarChar(Len::N(255))),
        "ABS" | "SIGN" => {
            let name = if name == "ABS" { "ABS" } else { "SIGN" };
            arity(1, 1)?;
            let out = match num {
                Type::TinyInt | Type::SmallInt | Type::Bit => Type::Int,
                Type::Real => Type::Float,
                Type::SmallMoney => Type::Money,
                t => t,
            };
            Signature { name, args: vec![out], out }
        }
        "CEILING" | "FLOOR" => {
            let name = if name == "FLOOR" { "FLOOR" } else { "CEILING" };
            arity(1, 1)?;
            let (arg, out) = match num {
                Type::Decimal(p, s) => {
                    (num, Type::Decimal(if s == 0 { p } else { (p - s + 1).min(38) }, 0))
                }
                Type::TinyInt | Type::SmallInt | Type::Bit => (Type::Int, Type::Int),
                Type::Real => (Type::Float, Type::Float),
                Type::SmallMoney => (Type::Money, Type::Money),
                t => (t, t),
            };
            Signature { name, args: vec![arg], out }
        }
        "ROUND" => {
            let arg = match num {
                Type::TinyInt | Type::SmallInt | Type::Bit => Type::Int,
                Type::Real => Type::Float,
                Type::SmallMoney => Type::Money,
                t => t,
            };
            sig!("ROUND", 2, 3, vec![arg, int, int], arg)
        }
        "SQRT" => sig!("SQRT", 1, 1, vec![Type::Float], Type::Float),
        "SQUARE" => sig!("SQUARE", 1, 1, vec![Type::Float], Type::Float),
        "EXP" => sig!("EXP", 1, 1, vec![Type::Float], Type::Float),
        "LOG" => sig!("LOG", 1, 2, vec![Type::Float, Type::Float], Type::Float),
        "LOG10" => sig!("LOG10", 1, 1, vec![Type::Float], Type::Float),
        "PI" => sig!("PI", 0, 0, vec![], Type::Float),
        "POWER" => {
            let out = match num {
                Type::TinyInt | Type::SmallInt | Type::Bit | Type::Int => Type::Int,
                Type::BigInt | Type::Float => num,
                Type::Real => Type::Float,
                Type::Decimal(_, s) => Type::Decimal(38, s),
                _ => return Err(missing(first.to_string())),
            };
            let exponent = args.get(1).copied().unwrap_or(Type::Null);
            if exponent == Type::Bit || !exponent.is_number() && exponent != Type::Null {
                return Err(missing(format!("{first} with an exponent of type {exponent}")));
            }
            sig!("POWER", 2, 2, vec![Type::Float; 2], out)
        }
        "YEAR" | "MONTH" | "DAY" => {
            arity(1, 1)?;
            let arg = match first {
                t if t.is_temporal() => t,
                t if t.is_int() && t != Type::Bit => Type::DateTime,
                t if t.is_text() && t != Type::Xml || t == Type::Null => Type::DateTimeOffset(7),
                t => return Err(missing(t.to_string())),
            };
            let name = match name {
                "YEAR" => "YEAR",
                "MONTH" => "MONTH",
                _ => "DAY",
            };
            Signature { name, args: vec![arg], out: int }
        }
        "EOMONTH" => sig!("EOMONTH", 1, 2, vec![Type::Date, int], Type::Date),
        "DATEFROMPARTS" => sig!("DATEFROMPARTS", 3, 3, vec![int; 3], Type::Date),
        "DATETIMEFROMPARTS" => sig!("DATETIMEFROMPARTS", 7, 7, vec![int; 7], Type::DateTime),
        "SWITCHOFFSET" => {
            let scale = match first {
                Type::DateTimeOffset(s) => s,
                t if t.is_text() => 7,
                _ => return Err(missing(first.to_string())),
            };
            sig!(
                "SWITCHOFFSET",
                2,
                2,
                vec![Type::DateTimeOffset(scale), zone()],
                Type::DateTimeOffset(scale)
            )
        }
        "TODATETIMEOFFSET" => {
            let scale = match first {
                Type::DateTime2(s) => s,
                t if t.is_text() => 7,
                _ => return Err(missing(first.to_string())),
            };
            sig!(
                "TODATETIMEOFFSET",
                2,
                2,
                vec![Type::DateTime2(scale), zone()],
                Type::DateTimeOffset(scale)
            )
        }
        "ISDATE" if first.is_text() && first != Type::Xml => sig!("ISDATE", 1, 1, vec![t], int),
        "ISDATE" => return Err(missing(first.to_string())),
        "ISNUMERIC" if first.is_number() && first != Type::Bit => {
            sig!("ISNUMERIC", 1, 1, vec![first], int)
        }
        "ISNUMERIC" if first == Type::Null => sig!("ISNUMERIC", 1, 1, vec![first], int),
        "ISNUMERIC" if first.is_text() && first != Type::Xml => {
            sig!("ISNUMERIC", 1, 1, vec![t], int)
        }
        "ISNUMERIC" => return Err(missing(first.to_string())),
        "FORMATMESSAGE" | "FORMAT" | "SOUNDEX" | "DIFFERENCE" | "PARSE" | "TRY_PARSE"
        | "CHECKSUM" | "HASHBYTES" | "COMPRESS" => {
            return Err(Error::unsupported(format!("the function {name}")));
        }
        _ => return Ok(None),
    }))
}

/// Runs a call.
pub fn eval(call: &Call, mut args: Vec<Value>) -> Result<Value> {
    match call {
        Call::Cast { from, to, style, attempt } => {
            let v = args.pop().unwrap_or(Value::Null);
            match convert(v, *from, *to, *style) {
                Err(e) if *attempt && e.number != crate::error::UNSUPPORTED && e.number != 529 => {
                    Ok(Value::Null)
                }
                r => r,
            }
        }
        Call::Assign { from, to } => assign(args.pop().unwrap_or(Value::Null), *from, *to),
        Call::Depth(max) => match args.first() {
            Some(Value::Int(i)) if *max > 0 && *i > i64::from(*max) => Err(Error::new(
                530,
                16,
                format!(
                    "The statement terminated. The maximum recursion {max} has been exhausted before statement completion."
                ),
            )),
            v => Ok(v.cloned().unwrap_or(Value::Null)),
        },
        Call::Arith { op, a, b, out } => {
            let (Some(y), Some(x)) = (args.pop(), args.pop()) else { return Ok(Value::Null) };
            if x.is_null() || y.is_null() {
                return Ok(Value::Null);
            }
            arith(*op, x, *a, y, *b, *out)
        }
        Call::Func { name, args: types, out } => func(name, &args, types, *out),
        Call::Date { name, part, args: types, out } => date(name, *part, &args, types, *out),
    }
}

fn arith(op: char, x: Value, a: Type, y: Value, b: Type, out: Type) -> Result<Value> {
    let zero = || Error::new(8134, 16, "Divide by zero error encountered.");
    match (x, y) {
        (Value::Str(x), Value::Str(y)) => {
            let joined = x + &y;
            Ok(Value::Str(match out {
                Type::NVarChar(Len::N(n)) | Type::VarChar(Len::N(n)) => {
                    cut_utf16(&joined, usize::from(n))?
                }
                _ => joined,
            }))
        }
        (Value::Bin(mut x), Value::Bin(y)) => {
            x.extend_from_slice(&y);
            Ok(Value::Bin(x))
        }
        (Value::Int(x), Value::Int(y)) => {
            let over = || Error { state: 2, ..Error::overflow(out.name_and_id().0) };
            let v = match op {
                '+' => x.checked_add(y).ok_or_else(over)?,
                '-' => x.checked_sub(y).ok_or_else(over)?,
                '*' => x.checked_mul(y).ok_or_else(over)?,
                '/' | '%' if y == 0 => return Err(zero()),
                '/' => x.checked_div(y).ok_or_else(over)?,
                '%' => x.checked_rem(y).unwrap_or(0),
                '&' => x & y,
                '|' => x | y,
                _ => x ^ y,
            };
            fit_int(v, out, false).map(Value::Int)
        }
        (Value::Float(x), Value::Float(y)) => {
            let v = match op {
                '+' => x + y,
                '-' => x - y,
                '*' => x * y,
                '/' if y == 0.0 => return Err(zero()),
                '/' => x / y,
                '%' => {
                    return Err(Error::new(
                        402,
                        16,
                        "The data types float and float are incompatible in the modulo operator.",
                    ));
                }
                _ => return Err(Error::internal("an operator on floats")),
            };
            if v.is_finite() {
                Ok(Value::Float(if out == Type::Real { f64::from(v as f32) } else { v }))
            } else {
                Err(Error::overflow("float"))
            }
        }
        (Value::Dec(x), Value::Dec(y)) => match out {
            Type::Decimal(p, s) => {
                decimal::compute(op, x, a.scale(), y, b.scale(), (p, s)).map(Value::Dec)
            }
            // money op money: exact or refused. How the server rounds the
            // product is not documented.
            _ => {
                let v = match op {
                    '+' => x + y,
                    '-' => x - y,
                    '/' | '%' if y == 0 => return Err(zero()),
                    // money / money truncates to four digits.
                    '/' => x * 10_000 / y,
                    '%' => x % y,
                    _ => {
                        let v = x.checked_mul(y).ok_or_else(|| Error::overflow("money"))?;
                        if v % 10_000 != 0 {
                            return Err(Error::unsupported(
                                "a product of money that has more than four decimal places; CAST to decimal",
                            ));
                        }
                        v / 10_000
                    }
                };
                decimal::fit_money(v, out).map(Value::Dec)
            }
        },
        _ => Err(Error::internal("operands of different kinds")),
    }
}

fn date(name: &str, part: Part, args: &[Value], types: &[Type], out: Type) -> Result<Value> {
    if args.iter().any(Value::is_null) {
        return Ok(Value::Null);
    }
    let moment = |i: usize| -> Result<Moment> {
        calendar::split(&args[i], types[i]).ok_or_else(|| Error::internal("not a date"))
    };
    // A datetime of .003 and .007 stands for thirds, of which finer parts would show digits.
    let third = |i: usize| {
        types[i] == Type::DateTime && matches!(args[i], Value::Int(t) if t % 100_000 != 0)
    };
    let unsure = || {
        Error::unsupported(format!("{name} by {} of a datetime that ends in 3 or 7", part.name()))
    };
    match name {
        "DATEPART" | "DATENAME" => {
            if part.is_fine() && third(0) {
                return Err(unsure());
            }
            let m = moment(0)?;
            if name == "DATENAME" {
                return Ok(Value::Str(calendar::part_name(m, part)));
            }
            Ok(Value::Int(calendar::part(m, part)))
        }
        "DATEDIFF" => {
            let n = calendar::diff(calendar::utc(moment(0)?), calendar::utc(moment(1)?), part)?;
            if third(0) || third(1) {
                let exact = |i: usize| {
                    calendar::exact(&args[i], types[i]).ok_or_else(|| Error::internal("not a date"))
                };
                if part.is_fine()
                    || calendar::diff(calendar::utc(exact(0)?), calendar::utc(exact(1)?), part)?
                        != n
                {
                    return Err(unsure());
                }
            }
            Ok(Value::Int(n))
        }
        _ => {
            let Value::Int(n) = args[0] else {
                return Err(Error::internal("DATEADD without a number"));
            };
            let m = moment(1)?;
            if let Type::Time(_) = types[1] {
                let moved = calendar::add(Moment { days: 1_000_000, ..m }, part, n)?;
                return calendar::build(Moment { days: 0, ..moved }, out);
            }
            let over = |_| {
                let name = types[1].name_and_id().0;
                Error::new(
                    517,
                    16,
                    format!("Adding a value to a '{name}' column caused an overflow."),
                )
            };
            calendar::add(m, part, n)
                .and_then(|m| calendar::build(m, out))
                .map_err(|e| if e.is_unsupported() { e } else { over(e) })
        }
    }
}

fn func(name: &str, args: &[Value], types: &[Type], out: Type) -> Result<Value> {
    if name == "STUFF" && args[3].is_null() && !args[0].is_null() {
        return Err(Error::unsupported("STUFF with a replacement that is NULL"));
    }
    // CONCAT and its kind treat NULL as empty; everything else gives NULL for NULL.
    if !matches!(name, "CONCAT" | "CONCAT_WS" | "ISDATE" | "ISNUMERIC" | "QUOTENAME")
        && args.iter().any(Value::is_null)
    {
        return Ok(Value::Null);
    }
    let s = |i: usize| match args.get(i) {
        Some(Value::Str(s)) => s.as_str(),
        _ => "",
    };
    let n = |i: usize| match args.get(i) {
        Some(Value::Int(n)) => *n,
        _ => 0,
    };
    let f = |i: usize| match args.get(i) {
        Some(Value::Float(f)) => *f,
        Some(Value::Int(i)) => *i as f64,
        _ => 0.0,
    };
    let units = |t: &str| -> Vec<u16> { t.encode_utf16().collect() };
    let text = |u: &[u16]| convert::utf16_text(u).map(Value::Str);
    let length = |n: i64| -> Result<usize> {
        usize::try_from(n).map_err(|_| {
            if name == "RIGHT" {
                Error::new(536, 16, "Invalid length parameter passed to the RIGHT function.")
            } else {
                let what = "Invalid length parameter passed to the LEFT or SUBSTRING function.";
                Error { state: 2, ..Error::new(537, 16, what) }
            }
        })
    };
    let float = |v: f64| match v {
        v if v.is_finite() => Ok(Value::Float(v)),
        v if v == f64::INFINITY => Err(Error::overflow("float")),
        _ => Err(Error::new(3623, 16, "An invalid floating point operation occurred.")),
    };
    Ok(match name {
        "LEN" => match &args[0] {
            Value::Bin(b) if b.last() == Some(&b' ') => {
                return Err(Error::unsupported("LEN of a binary that ends in 0x20"));
            }
            Value::Bin(b) => Value::Int(b.len() as i64),
            _ => Value::Int(s(0).trim_end_matches(' ').encode_utf16().count() as i64),
        },
        "DATALENGTH" => Value::Int(match (&args[0], types[0]) {
            (Value::Str(t), ty) if ty.is_unicode() => 2 * t.encode_utf16().count() as i64,
            (Value::Str(t), ty) if ty.is_text() => t.chars().count() as i64,
            (Value::Bin(b), _) => b.len() as i64,
            (_, ty) => ty.max_length(),
        }),
        "UPPER" | "LOWER" => Value::Str(
            s(0).chars()
                .map(|c| {
                    let other =
                        if name == "UPPER" { c.to_uppercase().collect::<String>() } else { c.to_lowercase().collect() };
                    let mut chars = other.chars();
                    // One character for one; where Unicode has several, or leaves the code page,
                    // the server has its own rule.
                    match (chars.next(), chars.next()) {
                        // Windows has no capital for it.
                        _ if c == 'ß' => Ok(c),
                        (Some(o), None) if out.is_unicode() || convert::in_cp1252(o) => Ok(o),
                        _ => Err(Error::unsupported(format!("{name} of '{c}'"))),
                    }
                })
                .collect::<Result<String>>()?,
        ),
        "LTRIM" => Value::Str(s(0).trim_start_matches(' ').to_owned()),
        "RTRIM" => Value::Str(s(0).trim_end_matches(' ').to_owned()),
        "TRIM" => Value::Str(s(0).trim_matches(' ').to_owned()),
        "REVERSE" => text(&units(s(0)).into_iter().rev().collect::<Vec<_>>())?,
        "LEFT" => {
            let u = units(s(0));
            text(&u[..length(n(1))?.min(u.len())])?
        }
        "RIGHT" => {
            let u = units(s(0));
            text(&u[u.len() - length(n(1))?.min(u.len())..])?
        }
        "SUBSTRING" => {
            length(n(2))?;
            let range = |len: usize| {
                let end = (n(1) + n(2) - 1).clamp(0, len as i64) as usize;
                ((n(1) - 1).max(0) as usize).min(end)..end
            };
            if let Value::Bin(b) = &args[0] {
                return Ok(Value::Bin(b[range(b.len())].to_vec()));
            }
            let u = units(s(0));
            text(&u[range(u.len())])?
        }
        "CHARINDEX" => {
            let from = (n(2) - 1).max(0) as usize;
            if let Some(c) = s(1).chars().find(|c| c.len_utf16() > 1) {
                return Err(Error::unsupported(format!("a position behind '{c}'")));
            }
            let (needle, hay): (Vec<char>, Vec<char>) = (fold(s(0)), fold(s(1)));
            let at = (from..hay.len()).find(|i| !needle.is_empty() && hay[*i..].starts_with(&needle));
            Value::Int(at.map_or(0, |i| i as i64 + 1))
        }
        "PATINDEX" => {
            let pattern = s(0);
            let hay: Vec<char> = s(1).chars().collect();
            let inner = pattern.strip_prefix('%').unwrap_or(pattern);
            let anchored = inner.len() == pattern.len();
            let last = if anchored { 0 } else { hay.len() };
            let unicode = types.iter().any(|t| t.is_unicode());
            let mut at = 0;
            for i in 0..=last {
                if like(&hay[i..].iter().collect::<String>(), inner, None, unicode)? {
                    at = hay[..i].iter().map(|c| c.len_utf16()).sum::<usize>() + 1;
                    break;
                }
            }
            Value::Int(at as i64)
        }
        "REPLACE" => {
            let all = replace(s(0), s(1), s(2));
            match out {
                Type::NVarChar(Len::N(n)) | Type::VarChar(Len::N(n)) => Value::Str(cut_utf16(&all, usize::from(n))?),
                _ => Value::Str(all),
            }
        }
        "TRANSLATE" => {
            let (from, to): (Vec<char>, Vec<char>) = (fold(s(1)), s(2).chars().collect());
            if from.len() != to.len() {
                return Err(Error::new(
                    9828,
                    16,
                    "The second and third arguments of the TRANSLATE built-in function must contain an equal number of characters.",
                ));
            }
            Value::Str(s(0).chars().map(|c| from.iter().position(|x| fold_char(c) == *x).map_or(c, |i| to[i])).collect())
        }
        "STUFF" => {
            let u = units(s(0));
            let (start, len) = (n(1), n(2));
            if start < 1 || len < 0 || start as usize > u.len() {
                return Ok(Value::Null);
            }
            let a = (start - 1) as usize;
            let b = (a + len as usize).min(u.len());
            let mut o = u[..a].to_vec();
            o.extend(units(s(3)));
            o.extend_from_slice(&u[b..]);
            text(&o)?
        }
        "REPLICATE" | "SPACE" => {
            let (unit, times) = if name == "SPACE" { (" ", n(0)) } else { (s(0), n(1)) };
            let Ok(times) = usize::try_from(times) else { return Ok(Value::Null) };
            let limit = match out {
                Type::NVarChar(Len::N(n)) | Type::VarChar(Len::N(n)) => usize::from(n),
                _ => 1 << 20,
            };
            if out.max_length() == -1 && unit.len().saturating_mul(times) > limit {
                return Err(Error::unsupported("a text of more than a megabyte"));
            }
            let whole = times.min(limit / unit.encode_utf16().count().max(1) + 1);
            Value::Str(cut_utf16(&unit.repeat(whole), limit)?)
        }
        "CONCAT" => Value::Str((0..args.len()).map(s).collect()),
        "CONCAT_WS" if args[0].is_null() => return Err(Error::unsupported("CONCAT_WS with a separator that is NULL")),
        "CONCAT_WS" => {
            let parts: Vec<&str> = args[1..]
                .iter()
                .filter_map(|a| match a {
                    Value::Str(t) => Some(t.as_str()),
                    _ => None,
                })
                .collect();
            Value::Str(parts.join(s(0)))
        }
        "QUOTENAME" => match (&args[0], s(1)) {
            (Value::Null, _) => Value::Null,
            (_, _) if units(s(0)).len() > 128 => Value::Null,
            (_, q) if args.len() > 1 && q.chars().count() != 1 => {
                return Err(Error::unsupported("QUOTENAME with a quote that is not one character"));
            }
            (_, q) => {
                let (open, close) = match q {
                    "" | "[" | "]" => ('[', ']'),
                    "'" => ('\'', '\''),
                    "\"" => ('"', '"'),
                    "(" | ")" => ('(', ')'),
                    "<" | ">" => ('<', '>'),
                    "{" | "}" => ('{', '}'),
                    "`" => ('`', '`'),
                    _ => return Ok(Value::Null),
                };
                Value::Str(format!("{open}{}{close}", s(0).replace(close, &format!("{close}{close}"))))
            }
        },
        "ASCII" => s(0).chars().next().map_or(Value::Null, |c| Value::Int(i64::from(convert::to_cp1252(c)))),
        "UNICODE" => units(s(0)).first().map_or(Value::Null, |u| Value::Int(i64::from(*u))),
        "CHAR" => u8::try_from(n(0)).map_or(Value::Null, |b| Value::Str(convert::from_cp1252(b).to_string())),
        "NCHAR" => match u16::try_from(n(0)) {
            Ok(u) => text(&[u])?,
            Err(_) => Value::Null,
        },
        "STR" => {
            let width = if args.len() > 1 { n(1) } else { 10 };
            let places = if args.len() > 2 { n(2).min(16) } else { 0 };
            let odd = || Error::unsupported("STR with this length and this number of decimals");
            let (Ok(width), Ok(places)) = (usize::try_from(width), u8::try_from(places)) else { return Err(odd()) };
            if width == 0 || width > 255 {
                return Err(odd());
            }
            let t = decimal::text(decimal::from_float(f(0), Type::Float, places, false)?.ok_or_else(odd)?, places);
            let whole = t.split('.').next().unwrap_or("").len();
            match t.len() {
                l if l <= width => Value::Str(format!("{t:>width$}")),
                // Too short for what stands before the point; where only the decimals do not
                // fit, no page tells.
                _ if whole > width => Value::Str("*".repeat(width)),
                _ => return Err(odd()),
            }
        }
        "ABS" => match &args[0] {
            Value::Int(i) => Value::Int(fit_int(i.checked_abs().ok_or_else(|| Error::overflow("bigint"))?, out, false)?),
            Value::Dec(d) => Value::Dec(d.abs()),
            _ => Value::Float(f(0).abs()),
        },
        "SIGN" => match &args[0] {
            Value::Int(i) => Value::Int(i.signum()),
            Value::Dec(d) => Value::Dec(d.signum() * decimal::pow10(u32::from(out.scale()))?),
            _ => Value::Float(if f(0) == 0.0 { 0.0 } else { f(0).signum() }),
        },
        "CEILING" | "FLOOR" => match &args[0] {
            Value::Int(i) => Value::Int(*i),
            Value::Dec(d) => {
                let unit = decimal::pow10(u32::from(types[0].scale()))?;
                let q = if name == "FLOOR" { d.div_euclid(unit) } else { -(-d).div_euclid(unit) };
                Value::Dec(if out.scale() == 0 { q } else { q * unit })
            }
            _ => match if name == "FLOOR" { f(0).floor() } else { f(0).ceil() } {
                v if v == 0.0 && v.is_sign_negative() => return Err(Error::unsupported("-0")),
                v => Value::Float(v),
            },
        },
        "ROUND" => {
            let (places, cut) = (n(1), n(2) != 0);
            match &args[0] {
                Value::Float(v) => {
                    let unsure = || Error::unsupported("ROUND of this float; CAST it to decimal");
                    if places >= 0 {
                        let scale = u8::try_from(places).ok().filter(|p| *p <= 30).ok_or_else(unsure)?;
                        let d = decimal::from_float(*v, Type::Float, scale, cut)?.ok_or_else(unsure)?;
                        return decimal::text(d, scale).parse().map(Value::Float).map_err(|_| unsure());
                    }
                    let unit = 10f64.powi(-places.max(-300) as i32);
                    let q = v / unit;
                    let q = if cut { q.trunc() } else { q.round() };
                    Value::Float(if q == 0.0 { 0.0 } else { q * unit })
                }
                v => {
                    let (d, scale) = match v {
                        Value::Int(i) => (i128::from(*i), 0),
                        Value::Dec(d) => (*d, types[0].scale()),
                        _ => return Err(Error::internal("ROUND of no number")),
                    };
                    let drop = i64::from(scale) - places;
                    if drop <= 0 {
                        return Ok(v.clone());
                    }
                    let rounded = if drop > 38 {
                        0
                    } else {
                        let unit = decimal::pow10(drop as u32)?;
                        if cut { d / unit * unit } else { decimal::rescale(d, drop as u8, 0)? * unit }
                    };
                    match (v, out) {
                        (Value::Int(_), _) => {
                            Value::Int(fit_int(i64::try_from(rounded).map_err(|_| Error::overflow("int"))?, out, false)?)
                        }
                        (_, Type::Decimal(p, _)) => Value::Dec(decimal::fit(rounded, p, "expression")?),
                        _ => Value::Dec(rounded),
                    }
                }
            }
        }
        "SQRT" => float(f(0).sqrt())?,
        "SQUARE" => float(f(0) * f(0))?,
        "EXP" => float(f(0).exp())?,
        "LOG" if args.len() > 1 && (f(1) <= 0.0 || f(1) == 1.0) => {
            return Err(Error::unsupported("LOG with a base of 1 or less than 0"));
        }
        "LOG" if args.len() > 1 => float(f(0).ln() / f(1).ln())?,
        "LOG" => float(f(0).ln())?,
        "LOG10" => float(f(0).log10())?,
        "PI" => Value::Float(std::f64::consts::PI),
        "POWER" => match (&args[0], &args[1]) {
            _ if f(0) == 0.0 && f(1) < 0.0 => return Err(Error::unsupported("POWER of 0 with a negative exponent")),
            _ if out == Type::Float => float(f(0).powf(f(1)))?,
            _ => {
                let Value::Float(v) = float(f(0).powf(f(1)))? else { return Ok(Value::Null) };
                let unsure =
                    || Error::unsupported("POWER with a result that is not exact; CAST its first argument to float");
                if let Type::Decimal(_, scale) = out {
                    let down = decimal::from_float(v, Type::Float, scale, true)?;
                    let near = decimal::from_float(v, Type::Float, scale, false)?;
                    return near.filter(|_| near == down).map(Value::Dec).ok_or_else(unsure);
                }
                let high = if out == Type::Int { f64::from(i32::MAX) } else { 9.2e18 };
                if v.abs() > high {
                    let name = out.name_and_id().0;
                    let what = format!("Arithmetic overflow error for type {name}, value = {v:.6}.");
                    return Err(Error { state: 3, ..Error::new(232, 16, what) });
                }
                // Rounded or cut, the pages do not say.
                if v.round() != v.trunc() || v.abs() > 9e15 {
                    return Err(unsure());
                }
                Value::Int(v.trunc() as i64)
            }
        },
        "YEAR" | "MONTH" | "DAY" => {
            let m = calendar::split(&args[0], types[0]).ok_or_else(|| Error::internal("not a date"))?;
            let (y, mo, d) = calendar::to_ymd(m.days);
            Value::Int(match name {
                "YEAR" => y,
                "MONTH" => mo,
                _ => d,
            })
        }
        "EOMONTH" => {
            let m = calendar::add(Moment { days: n(0), ticks: 0, offset: None }, Part::Month, n(1))
                .map_err(|e| Error { message: e.message.replace("'datetime'", "'date'"), ..e })?;
            let (y, mo, _) = calendar::to_ymd(m.days);
            Value::Int(calendar::from_ymd(y, mo, calendar::days_in_month(y, mo)).unwrap_or(0))
        }
        "DATEFROMPARTS" => Value::Int(calendar::from_ymd(n(0), n(1), n(2)).ok_or_else(|| {
            Error::new(
                289,
                16,
                "Cannot construct data type date, some of the arguments have values which are not valid.",
            )
        })?),
        "DATETIMEFROMPARTS" => {
            let days = calendar::from_ymd(n(0), n(1), n(2))
                .filter(|_| (0..24).contains(&n(3)) && (0..60).contains(&n(4)) && (0..60).contains(&n(5)))
                .filter(|_| (0..1000).contains(&n(6)) && n(0) >= 1753);
            let invalid = || {
                Error::new(
                    289,
                    16,
                    "Cannot construct data type datetime, some of the arguments have values which are not valid.",
                )
            };
            let days = days.ok_or_else(invalid)?;
            calendar::build(
                Moment {
                    days,
                    ticks: ((n(3) * 60 + n(4)) * 60 + n(5)) * calendar::SECOND + n(6) * 10_000,
                    offset: None,
                },
                out,
            )
            .map_err(|_| invalid())?
        }
        "SWITCHOFFSET" | "TODATETIMEOFFSET" => {
            let offset = match &args[1] {
                Value::Int(m) => i16::try_from(*m).ok().filter(|m| m.abs() <= 14 * 60),
                _ => calendar::offset_minutes(s(1)),
            };
            let offset = offset.ok_or_else(|| {
                Error::new(
                    9812,
                    16,
                    format!("The timezone provided to builtin function {} is invalid.", name.to_lowercase()),
                )
            })?;
            let t = match &args[0] {
                Value::Offset(t, _) => *t,
                Value::Int(t) => t - i64::from(offset) * 60 * calendar::SECOND,
                _ => return Ok(Value::Null),
            };
            let local = t + i64::from(offset) * 60 * calendar::SECOND;
            if [t, local].iter().any(|t| !(0..3_652_059 * crate::types::DAY).contains(t)) {
                return Err(Error::unsupported(format!("{name} out of the range of datetimeoffset")));
            }
            Value::Offset(t, offset)
        }
        "ISDATE" => match &args[0] {
            Value::Str(t) if t.trim_matches(' ').is_empty() => return Err(Error::unsupported("ISDATE of an empty text")),
            v => match convert(v.clone(), types[0], Type::DateTime, convert::NO_STYLE) {
                Err(e) if e.is_unsupported() => return Err(e),
                r => Value::Int(i64::from(r.is_ok() && !v.is_null())),
            },
        },
        "ISNUMERIC" => match &args[0] {
            Value::Null => Value::Int(0),
            Value::Str(t) => Value::Int(i64::from(is_numeric(t)?)),
            _ => Value::Int(1),
        },
        "LIKE" => {
            let escape = match args.get(2) {
                Some(Value::Str(e)) if e.chars().count() != 1 => {
                    let what = format!("The invalid escape character \"{e}\" was specified in a LIKE predicate.");
                    return Err(Error::new(506, 16, what));
                }
                Some(Value::Str(e)) => e.chars().next(),
                _ => None,
            };
            Value::Int(i64::from(like(s(0), s(1), escape, types.iter().any(|t| t.is_unicode()))?))
        }
        "TOP" | "OFFSET" | "FETCH" => match (name, n(0)) {
            ("TOP", ..0) => return Err(Error::new(127, 15, "A TOP N or FETCH rowcount value may not be negative.")),
            ("OFFSET", ..0) => {
                return Err(Error::new(10742, 15, "The offset specified in a OFFSET clause may not be negative."));
            }
            ("FETCH", ..=0) => {
                let what = "The number of rows provided for a FETCH clause must be greater then zero.";
                return Err(Error::new(10744, 15, what));
            }
            (_, n) => Value::Int(n),
        },
        "GUIDKEY" => {
            // SQL Server orders uniqueidentifiers by their last group first.
            let h: String = s(0).chars().filter(char::is_ascii_hexdigit).collect();
            let byte = |i: usize| u8::from_str_radix(h.get(i * 2..i * 2 + 2).unwrap_or("0"), 16).unwrap_or(0);
            Value::Bin([10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3].into_iter().map(byte).collect())
        }
        "INSTANT" => match &args[0] {
            Value::Offset(t, _) => Value::Int(*t),
            v => v.clone(),
        },
        "FIT" => match &args[0] {
            Value::Int(i) => Value::Int(fit_int(*i, out, false).map_err(|e| Error { state: 2, ..e })?),
            Value::Dec(d) => match out {
                Type::Decimal(p, _) => Value::Dec(decimal::fit(*d, p, "expression")?),
                _ => Value::Dec(decimal::fit_money(*d, out)?),
            },
            v => v.clone(),
        },
        "ONE" if n(0) > 1 => {
            return Err(Error::new(
                512,
                16,
                "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= or when the subquery is used as an expression.",
            ));
        }
        "ONE" => Value::Int(1),
        "AGGLEN" => match out {
            Type::NVarChar(Len::N(m)) | Type::VarChar(Len::N(m)) if s(0).encode_utf16().count() > usize::from(m) => {
                return Err(Error::new(
                    9829,
                    16,
                    "STRING_AGG aggregation result exceeded the limit of 8000 bytes. Use LOB types to avoid result truncation.",
                ));
            }
            _ => args[0].clone(),
        },
        "AVG" => match (&args[0], n(1)) {
            (_, 0) => Value::Null,
            (Value::Int(i), c) => Value::Int(i / c),
            (Value::Dec(d), c) => {
                let up = decimal::rescale(*d, types[0].scale(), out.scale())?;
                Value::Dec(up / i128::from(c))
            }
            _ => Value::Null,
        },
        "NEG" => match &args[0] {
            Value::Int(i) => Value::Int(fit_int(i.checked_neg().ok_or_else(|| Error::overflow("bigint"))?, out, false)?),
            Value::Dec(d) => Value::Dec(-d),
            Value::Float(f) => Value::Float(-f),
            v => v.clone(),
        },
        "NOT" => Value::Int(match out {
            Type::Bit => 1 - n(0),
            Type::TinyInt => 255 - n(0),
            _ => !n(0),
        }),
        _ => return Err(Error::unsupported(format!("the function {name}"))),
    })
}

/// What the page of ISNUMERIC tells: numbers, signs, currency. Other signs and blanks between them
/// are not in the sandbox.
fn is_numeric(text: &str) -> Result<bool> {
    let t = text.trim_matches(' ');
    if t.is_empty() {
        return Ok(false);
    }
    let (sign, rest) = (t.starts_with(['+', '-']), t.strip_prefix(['+', '-']).unwrap_or(t));
    let money = rest.starts_with(convert::currency);
    let rest = rest.strip_prefix(convert::currency).unwrap_or(rest);
    if rest.is_empty() && sign != money {
        return Ok(true);
    }
    let digits = |d: &str| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((m, e)) if !money => (m, Some(e)),
        _ => (rest, None),
    };
    let (whole, fraction) =
        mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let grouped = whole.contains(',')
        && whole
            .split(',')
            .enumerate()
            .all(|(i, g)| digits(g) && (i == 0 && g.len() < 4 || g.len() == 3));
    let number = (digits(whole) || grouped && exponent.is_none())
        && fraction.is_none_or(|f| f.is_empty() || digits(f));
    let exponent_ok =
        exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)) && e.len() < 4);
    if number && exponent_ok {
        return Ok(true);
    }
    if t.chars().all(|c| {
        c.is_ascii_digit() || c.is_whitespace() || "+-.,eEdD\\".contains(c) || convert::currency(c)
    }) {
        return Err(Error::unsupported(format!("ISNUMERIC of '{text}'")));
    }
    Ok(false)
}

fn fold_char(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

fn fold(s: &str) -> Vec<char> {
    s.chars().map(fold_char).collect()
}

fn replace(text: &str, from: &str, to: &str) -> String {
    let (hay, folded, needle): (Vec<char>, Vec<char>, Vec<char>) =
        (text.chars().collect(), fold(text), fold(from));
    if needle.is_empty() {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut i = 0;
    while i < hay.len() {
        if folded[i..].starts_with(&needle) {
            out.push_str(to);
            i += needle.len();
        } else {
            out.push(hay[i]);
            i += 1;
        }
    }
    out
}

/// LIKE with %, _, [set], [^set] and an escape character, ignoring case. Blanks at the end of the
/// text do not count, unless the comparison is one of Unicode.
pub fn like(text: &str, pattern: &str, escape: Option<char>, unicode: bool) -> Result<bool> {
    /// One place of a pattern.
    enum Piece {
        Any,
        One,
        Is(char),
        Set(bool, Vec<(char, char)>),
    }

    fn hit(t: &[char], p: &[Piece], pad: bool) -> bool {
        let Some(piece) = p.first() else {
            return pad && t.iter().all(|c| *c == ' ') || t.is_empty();
        };
        let within = |x: char, (low, high): &(char, char)| {
            let order = |a: char, b: char| collate(&format!("{a}."), &format!("{b}."));
            low == high && x == *low
                || low != high
                    && order(*low, x) != Ordering::Greater
                    && order(x, *high) != Ordering::Greater
        };
        match piece {
            Piece::Any => (0..=t.len()).any(|i| hit(&t[i..], &p[1..], pad)),
            Piece::One => !t.is_empty() && hit(&t[1..], &p[1..], pad),
            Piece::Is(c) => t.first() == Some(c) && hit(&t[1..], &p[1..], pad),
            Piece::Set(negate, set) => {
                t.first().is_some_and(|x| set.iter().any(|r| within(*x, r)) != *negate)
                    && hit(&t[1..], &p[1..], pad)
            }
        }
    }
    let escape = escape.map(fold_char);
    let p = fold(pattern);
    let mut pieces = Vec::new();
    let mut i = 0;
    while i < p.len() {
        i += 1;
        pieces.push(match p[i - 1] {
            c if Some(c) == escape => {
                // A pattern that ends in its escape character matches nothing.
                let Some(next) = p.get(i) else { return Ok(false) };
                i += 1;
                Piece::Is(*next)
            }
            '%' => Piece::Any,
            '_' => Piece::One,
            '[' => {
                let negate = p.get(i) == Some(&'^');
                i += usize::from(negate);
                let mut members = Vec::new();
                loop {
                    match p.get(i) {
                        // A bracket that is not closed matches nothing.
                        None => return Ok(false),
                        Some(']') => break,
                        Some(c) if Some(*c) == escape => {
                            members.push((*p.get(i + 1).unwrap_or(c), true));
                            i += 2;
                        }
                        Some(c) => {
                            members.push((*c, false));
                            i += 1;
                        }
                    }
                }
                i += 1;
                if members.is_empty() {
                    return Err(Error::unsupported("LIKE with an empty set"));
                }
                let mut set = Vec::new();
                let mut k = 0;
                while k < members.len() {
                    if k + 2 < members.len() && members[k + 1] == ('-', false) {
                        set.push((members[k].0, members[k + 2].0));
                        k += 3;
                    } else {
                        set.push((members[k].0, members[k].0));
                        k += 1;
                    }
                }
                Piece::Set(negate, set)
            }
            c => Piece::Is(c),
        });
    }
    Ok(hit(&fold(text), &pieces, !unicode))
}

/// The order of the collation SQL_Latin1_General_CP1_CI_AS, near enough: punctuation, digits,
/// letters; accents break ties; case never.
pub fn collate(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_end_matches(' '), b.trim_end_matches(' '));
    if a.is_ascii() && b.is_ascii() {
        let key = |c: u8| {
            let c = c.to_ascii_lowercase();
            (if c.is_ascii_digit() { 1 } else { u8::from(c.is_ascii_alphabetic()) * 2 }, c)
        };
        return a.bytes().map(key).cmp(b.bytes().map(key));
    }
    let class = |c: char| if c.is_numeric() { 1 } else { u8::from(c.is_alphabetic()) * 2 };
    let keys = |s: &str| -> Vec<(u8, char, char)> {
        s.chars()
            .map(|c| {
                let c = fold_char(c);
                let base = base_letter(c);
                (class(base), base, c)
            })
            .collect()
    };
    let (x, y) = (keys(a), keys(b));
    let primary = x.iter().map(|k| (k.0, k.1)).cmp(y.iter().map(|k| (k.0, k.1)));
    primary.then_with(|| x.iter().map(|k| k.2).cmp(y.iter().map(|k| k.2)))
}

fn base_letter(c: char) -> char {
    match c {
        'à'..='å' => 'a',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'ì'..='ï' => 'i',
        'ñ' => 'n',
        'ò'..='ö' | 'ø' => 'o',
        'ù'..='ü' => 'u',
        'ý' | 'ÿ' => 'y',
        _ => c,
    }
}

fn lite_error(e: &Error) -> LiteError {
    LiteError::UserFunctionError(e.pack().into())
}

/// Registers the collations, `f`, and the aggregates.
pub fn register(conn: &Connection, calls: &Arc<Calls>) -> rusqlite::Result<()> {
    conn.create_collation("CI", collate)?;
    conn.create_collation("CS", |a, b| a.trim_end_matches(' ').cmp(b.trim_end_matches(' ')))?;
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    let table = calls.clone();
    conn.create_scalar_function("f", -1, flags, move |ctx| {
        let call = usize::try_from(ctx.get::<i64>(0)?)
            .ok()
            .and_then(|id| table.get(id))
            .ok_or_else(|| lite_error(&Error::internal("an unknown call")))?;
        let ty = |i: usize| match &*call {
            Call::Cast { from, .. } | Call::Assign { from, .. } => *from,
            Call::Arith { a, b, .. } => {
                if i == 0 {
                    *a
                } else {
                    *b
                }
            }
            Call::Func { args, .. } | Call::Date { args, .. } => {
                args.get(i).copied().unwrap_or(Type::Int)
            }
            Call::Depth(_) => Type::Int,
        };
        let args = (0..ctx.len() - 1)
            .map(|i| Value::from_lite(ctx.get_raw(i + 1), ty(i)))
            .collect::<Result<Vec<_>>>()
            .map_err(|e| lite_error(&e))?;
        eval(&call, args).map(|v| v.to_lite()).map_err(|e| lite_error(&e))
    })?;
    conn.create_window_function("dsum", 1, flags, DecimalSum)?;
    conn.create_aggregate_function("variance", 2, flags, Variance)?;
    conn.create_scalar_function("newid", 0, FunctionFlags::SQLITE_UTF8, |_| Ok(new_guid()))
}

/// A random (version 4) uniqueidentifier; the sandbox needs no secrecy, only that no two are alike.
pub fn new_guid() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let word = || {
        let mut h = RandomState::new().build_hasher();
        h.write_u64(COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        h.finish()
    };
    let h = format!("{:016X}{:016X}", word(), word());
    format!("{}-{}-4{}-A{}-{}", &h[..8], &h[8..12], &h[13..16], &h[17..20], &h[20..])
}

struct DecimalSum;

impl Aggregate<Option<i128>, Option<Vec<u8>>> for DecimalSum {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Option<i128>> {
        Ok(None)
    }

    fn step(&self, ctx: &mut Context<'_>, sum: &mut Option<i128>) -> rusqlite::Result<()> {
        add(ctx, sum, 1)
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        sum: Option<Option<i128>>,
    ) -> rusqlite::Result<Option<Vec<u8>>> {
        Ok(sum.flatten().map(|d| dec_key(d).to_vec()))
    }
}

impl WindowAggregate<Option<i128>, Option<Vec<u8>>> for DecimalSum {
    fn value(&self, sum: Option<&mut Option<i128>>) -> rusqlite::Result<Option<Vec<u8>>> {
        Ok(sum.and_then(|s| *s).map(|d| dec_key(d).to_vec()))
    }

    fn inverse(&self, ctx: &mut Context<'_>, sum: &mut Option<i128>) -> rusqlite::Result<()> {
        add(ctx, sum, -1)
    }
}

fn add(ctx: &mut Context<'_>, sum: &mut Option<i128>, sign: i128) -> rusqlite::Result<()> {
    if let Ok(b) = ctx.get_raw(0).as_blob() {
        let d = crate::types::dec_from_key(b).map_err(|e| lite_error(&e))?;
        *sum = Some(
            sum.unwrap_or(0)
                .checked_add(sign * d)
                .ok_or_else(|| lite_error(&Error::overflow("numeric")))?,
        );
    }
    Ok(())
}

/// STDEV, STDEVP, VAR, VARP: the second argument says which (1 population, 2 root).
struct Variance;

#[derive(Default)]
struct Moments {
    n: f64,
    mean: f64,
    m2: f64,
    mode: i64,
}

impl Aggregate<Moments, Lite> for Variance {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Moments> {
        Ok(Moments::default())
    }

    fn step(&self, ctx: &mut Context<'_>, a: &mut Moments) -> rusqlite::Result<()> {
        a.mode = ctx.get(1)?;
        if let Some(x) = ctx.get::<Option<f64>>(0)? {
            a.n += 1.0;
            let d = x - a.mean;
            a.mean += d / a.n;
            a.m2 += d * (x - a.mean);
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, a: Option<Moments>) -> rusqlite::Result<Lite> {
        let Some(a) = a else { return Ok(Lite::Null) };
        let denominator = if a.mode & 1 == 1 { a.n } else { a.n - 1.0 };
        if denominator <= 0.0 {
            return Ok(Lite::Null);
        }
        let v = a.m2 / denominator;
        Ok(Lite::Real(if a.mode & 2 == 2 { v.sqrt() } else { v }))
    }
}
