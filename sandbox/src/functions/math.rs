//! Mathematical functions, on the type that each number is computed in.

use super::{Arguments, Function, Operands, Signature};
use crate::convert::fit_int;
use crate::decimal;
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("ABS", (1, 1), same_types, abs),
    Function::new("SIGN", (1, 1), same_types, sign),
    Function::new("CEILING", (1, 1), whole_types, ceiling),
    Function::new("FLOOR", (1, 1), whole_types, floor),
    Function::new("ROUND", (2, 3), round_types, round),
    Function::new("POWER", (2, 2), power_types, power),
    Function::new("SQRT", (1, 1), float_types, |a| finite(a.float(0).sqrt())),
    Function::new("SQUARE", (1, 1), float_types, |a| finite(a.float(0) * a.float(0))),
    Function::new("EXP", (1, 1), float_types, |a| finite(a.float(0).exp())),
    Function::new("LOG", (1, 2), float_types, log),
    Function::new("LOG10", (1, 1), float_types, |a| finite(a.float(0).log10())),
    Function::new("SIN", (1, 1), float_types, |a| finite(a.float(0).sin())),
    Function::new("COS", (1, 1), float_types, |a| finite(a.float(0).cos())),
    Function::new("TAN", (1, 1), float_types, |a| finite(a.float(0).tan())),
    Function::new("COT", (1, 1), float_types, cot),
    Function::new("ASIN", (1, 1), float_types, |a| finite(a.float(0).asin())),
    Function::new("ACOS", (1, 1), float_types, |a| finite(a.float(0).acos())),
    Function::new("ATAN", (1, 1), float_types, |a| finite(a.float(0).atan())),
    Function::new("ATN2", (2, 2), float_types, atn2),
    Function::new("DEGREES", (1, 1), angle_types, |a| finite(a.float(0).to_degrees())),
    Function::new("RADIANS", (1, 1), angle_types, |a| finite(a.float(0).to_radians())),
    Function::new("PI", (0, 0), float_types, |_| Ok(Value::Float(std::f64::consts::PI))),
];

/// The type that a number is computed in; texts are floats.
fn computed_in(ty: Type) -> Type {
    match ty {
        Type::TinyInt | Type::SmallInt | Type::Bit => Type::Int,
        Type::Real => Type::Float,
        Type::SmallMoney => Type::Money,
        ty if ty.is_number() => ty,
        _ => Type::Float,
    }
}

fn refuse_bit(of: &Operands<'_>) -> Result<()> {
    if of.first() == Type::Bit { Err(of.missing(Type::Bit)) } else { Ok(()) }
}

fn float_types(_: &Operands<'_>) -> Result<Signature> {
    Signature::new([Type::Float, Type::Float], Type::Float)
}

fn same_types(of: &Operands<'_>) -> Result<Signature> {
    refuse_bit(of)?;
    let ty = computed_in(of.first());
    Signature::new([ty], ty)
}

/// 8115 for what is too large, 3623 for what is no number.
fn finite(v: f64) -> Result<Value> {
    match v {
        v if v.is_finite() => Ok(Value::Float(v)),
        f64::INFINITY => Err(Error::overflow("float")),
        _ => Err(messages::invalid_floating_point_operation()),
    }
}

fn abs(a: &Arguments<'_>) -> Result<Value> {
    Ok(match &a.values[0] {
        Value::Int(n) => {
            let positive = n.checked_abs().ok_or_else(|| Error::overflow("bigint"))?;
            Value::Int(fit_int(positive, a.out, false)?)
        }
        Value::Dec(d) => Value::Dec(d.abs()),
        _ => Value::Float(a.float(0).abs()),
    })
}

fn sign(a: &Arguments<'_>) -> Result<Value> {
    Ok(match &a.values[0] {
        Value::Int(n) => Value::Int(n.signum()),
        Value::Dec(d) => Value::Dec(d.signum() * decimal::pow10(u32::from(a.out.scale()))?),
        _ if a.float(0) == 0.0 => Value::Float(0.0),
        _ => Value::Float(a.float(0).signum()),
    })
}

fn whole_types(of: &Operands<'_>) -> Result<Signature> {
    refuse_bit(of)?;
    match of.first() {
        ty @ Type::Decimal(p, s) => {
            let whole = if s == 0 { p } else { (p - s + 1).min(38) };
            Signature::new([ty], Type::Decimal(whole, 0))
        }
        ty => Signature::new([computed_in(ty)], computed_in(ty)),
    }
}

fn floor(a: &Arguments<'_>) -> Result<Value> {
    whole(a, |d, unit| d.div_euclid(unit), f64::floor)
}

fn ceiling(a: &Arguments<'_>) -> Result<Value> {
    whole(a, |d, unit| -(-d).div_euclid(unit), f64::ceil)
}

fn whole(
    a: &Arguments<'_>,
    of_scaled: fn(i128, i128) -> i128,
    of_float: fn(f64) -> f64,
) -> Result<Value> {
    match &a.values[0] {
        Value::Int(n) => Ok(Value::Int(*n)),
        Value::Dec(d) => {
            let unit = decimal::pow10(u32::from(a.types[0].scale()))?;
            let whole = of_scaled(*d, unit);
            Ok(Value::Dec(if a.out.scale() == 0 { whole } else { whole * unit }))
        }
        _ => match of_float(a.float(0)) {
            v if v == 0.0 && v.is_sign_negative() => Err(Error::unsupported("-0")),
            v => Ok(Value::Float(v)),
        },
    }
}

fn round_types(of: &Operands<'_>) -> Result<Signature> {
    refuse_bit(of)?;
    let is_integer = |t: &Type| t.is_int() && *t != Type::Bit || *t == Type::Null;
    if !of.types.iter().skip(1).all(is_integer) {
        return Err(of.missing("a length or a function that is no integer"));
    }
    let ty = computed_in(of.first());
    Signature::new([ty, Type::Int, Type::Int], ty)
}

/// To a number of places, negative before the point; a third argument that is not 0 cuts.
fn round(a: &Arguments<'_>) -> Result<Value> {
    let (places, cut) = (a.integer(1), a.integer(2) != 0);
    let exact = |d: i128, scale: u8| -> Result<Option<i128>> {
        let dropped = i64::from(scale) - places;
        Ok(match dropped {
            ..=0 => None,
            39.. => Some(0),
            n => {
                let unit = decimal::pow10(n as u32)?;
                let cut_or_rounded = if cut { d / unit } else { decimal::rescale(d, n as u8, 0)? };
                Some(cut_or_rounded * unit)
            }
        })
    };
    match &a.values[0] {
        Value::Float(v) => round_float(*v, places, cut),
        Value::Int(n) => match exact(i128::from(*n), 0)? {
            None => Ok(Value::Int(*n)),
            Some(rounded) => {
                let n = i64::try_from(rounded).map_err(|_| Error::overflow("int"))?;
                fit_int(n, a.out, false).map(Value::Int)
            }
        },
        Value::Dec(d) => match (exact(*d, a.types[0].scale())?, a.out) {
            (None, _) => Ok(Value::Dec(*d)),
            (Some(rounded), Type::Decimal(p, _)) => {
                decimal::fit(rounded, p, "expression").map(Value::Dec)
            }
            (Some(rounded), _) => Ok(Value::Dec(rounded)),
        },
        _ => Err(Error::internal("ROUND of no number")),
    }
}

fn round_float(v: f64, places: i64, cut: bool) -> Result<Value> {
    let unsure = || Error::unsupported("ROUND of this float; CAST it to decimal");
    if places >= 0 {
        let scale = u8::try_from(places).ok().filter(|p| *p <= 30).ok_or_else(unsure)?;
        let d = decimal::from_float(v, Type::Float, scale, cut)?.ok_or_else(unsure)?;
        return decimal::text(d, scale).parse().map(Value::Float).map_err(|_| unsure());
    }
    let unit = 10f64.powi(-places.max(-300) as i32);
    let units = if cut { (v / unit).trunc() } else { (v / unit).round() };
    Ok(Value::Float(if units == 0.0 { 0.0 } else { units * unit }))
}

fn log(a: &Arguments<'_>) -> Result<Value> {
    if a.values.len() < 2 {
        return finite(a.float(0).ln());
    }
    let base = a.float(1);
    if base <= 0.0 || base == 1.0 {
        return Err(Error::unsupported("LOG with a base of 1 or less than 0"));
    }
    finite(a.float(0).ln() / base.ln())
}

fn cot(a: &Arguments<'_>) -> Result<Value> {
    if a.float(0) == 0.0 {
        return Err(Error::unsupported("COT of 0"));
    }
    finite(1.0 / a.float(0).tan())
}

fn atn2(a: &Arguments<'_>) -> Result<Value> {
    if a.float(0) == 0.0 && a.float(1) == 0.0 {
        return Err(Error::unsupported("ATN2 of 0 and 0"));
    }
    finite(a.float(0).atan2(a.float(1)))
}

/// Of other types than float the result is of the same type, and how it is cut no page tells.
fn angle_types(of: &Operands<'_>) -> Result<Signature> {
    of.refuse(|t| !t.is_float() && t != Type::Null)?;
    float_types(of)
}

fn power_types(of: &Operands<'_>) -> Result<Signature> {
    refuse_bit(of)?;
    let (base, exponent) = (of.first(), of.get(1));
    let out = match computed_in(base) {
        Type::Decimal(_, s) => Type::Decimal(38, s),
        ty @ (Type::Int | Type::BigInt | Type::Float) => ty,
        _ => return Err(of.missing(base)),
    };
    if exponent == Type::Bit || !exponent.is_number() && exponent != Type::Null {
        return Err(of.missing(format!("{base} with an exponent of type {exponent}")));
    }
    Signature::new([Type::Float, Type::Float], out)
}

/// In the type of its base, where floats are exact enough to tell.
fn power(a: &Arguments<'_>) -> Result<Value> {
    let (base, exponent) = (a.float(0), a.float(1));
    if base == 0.0 && exponent < 0.0 {
        return Err(Error::unsupported("POWER of 0 with a negative exponent"));
    }
    let Value::Float(v) = finite(base.powf(exponent))? else { return Ok(Value::Null) };
    if a.out == Type::Float {
        return Ok(Value::Float(v));
    }
    let unsure = || {
        Error::unsupported(
            "POWER with a result that is not exact; CAST its first argument to float",
        )
    };
    if let Type::Decimal(_, scale) = a.out {
        let down = decimal::from_float(v, Type::Float, scale, true)?;
        let near = decimal::from_float(v, Type::Float, scale, false)?;
        return near.filter(|_| near == down).map(Value::Dec).ok_or_else(unsure);
    }
    let high = if a.out == Type::Int { f64::from(i32::MAX) } else { 9.2e18 };
    if v.abs() > high {
        return Err(messages::power_overflow(a.out, v));
    }
    // Rounded or cut, the pages do not say.
    if v.round() != v.trunc() || v.abs() > 9e15 {
        return Err(unsure());
    }
    Ok(Value::Int(v.trunc() as i64))
}
