//! `a op b` over operands that were brought to one type.

use super::{Arguments, Value};
use crate::convert::{cut_utf16, fit_int};
use crate::decimal;
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::BinaryOp;
use crate::types::{Len, Type};

/// NULL where an operand is.
pub(super) fn arithmetic(
    op: BinaryOp,
    (left, left_type): (Value, Type),
    (right, right_type): (Value, Type),
    out: Type,
) -> Result<Value> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Str(a), Value::Str(b)) => joined(a + &b, out),
        (Value::Bin(mut a), Value::Bin(b)) => {
            a.extend_from_slice(&b);
            Ok(Value::Bin(a))
        }
        (Value::Int(a), Value::Int(b)) => integers(op, a, b, out),
        (Value::Float(a), Value::Float(b)) => floats(op, a, b, out),
        (Value::Dec(a), Value::Dec(b)) => match out {
            Type::Decimal(p, s) => {
                decimal::compute(op, a, left_type.scale(), b, right_type.scale(), (p, s))
                    .map(Value::Dec)
            }
            _ => money(op, a, b, out),
        },
        _ => Err(Error::internal("operands of different kinds")),
    }
}

fn joined(text: String, out: Type) -> Result<Value> {
    match out {
        Type::NVarChar(Len::N(n)) | Type::VarChar(Len::N(n)) => {
            cut_utf16(&text, usize::from(n)).map(Value::Str)
        }
        _ => Ok(Value::Str(text)),
    }
}

fn integers(op: BinaryOp, a: i64, b: i64, out: Type) -> Result<Value> {
    let overflow = || Error { state: 2, ..Error::overflow(out.name_and_id().0) };
    let v = match op {
        BinaryOp::Add => a.checked_add(b).ok_or_else(overflow)?,
        BinaryOp::Subtract => a.checked_sub(b).ok_or_else(overflow)?,
        BinaryOp::Multiply => a.checked_mul(b).ok_or_else(overflow)?,
        BinaryOp::Divide | BinaryOp::Modulo if b == 0 => return Err(messages::divide_by_zero()),
        BinaryOp::Divide => a.checked_div(b).ok_or_else(overflow)?,
        BinaryOp::Modulo => a.checked_rem(b).unwrap_or(0),
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
    };
    fit_int(v, out, false).map(Value::Int)
}

fn floats(op: BinaryOp, a: f64, b: f64, out: Type) -> Result<Value> {
    let v = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Divide if b == 0.0 => return Err(messages::divide_by_zero()),
        BinaryOp::Divide => a / b,
        _ => return Err(Error::internal("an operator on floats")),
    };
    if !v.is_finite() {
        return Err(Error::overflow("float"));
    }
    if out == Type::Float {
        return Ok(Value::Float(v));
    }
    let narrow = v as f32;
    if narrow.is_infinite() {
        return Err(Error::unsupported("a result out of the range of real"));
    }
    Ok(Value::Float(f64::from(narrow)))
}

/// money op money: exact or refused. How the server rounds the product is not documented.
fn money(op: BinaryOp, a: i128, b: i128, out: Type) -> Result<Value> {
    let v = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Divide | BinaryOp::Modulo if b == 0 => return Err(messages::divide_by_zero()),
        // money / money truncates to four digits.
        BinaryOp::Divide => a * 10_000 / b,
        BinaryOp::Modulo => a % b,
        _ => {
            let product = a.checked_mul(b).ok_or_else(|| Error::overflow("money"))?;
            if product % 10_000 != 0 {
                return Err(Error::unsupported(
                    "a product of money that has more than four decimal places; CAST to decimal",
                ));
            }
            product / 10_000
        }
    };
    decimal::fit_money(v, out).map(Value::Dec)
}

pub(super) fn negate(a: &Arguments<'_>) -> Result<Value> {
    match &a.values[0] {
        Value::Int(n) => {
            let negative = n.checked_neg().ok_or_else(|| Error::overflow("bigint"))?;
            fit_int(negative, a.out, false).map(Value::Int)
        }
        Value::Dec(d) => Ok(Value::Dec(-d)),
        Value::Float(f) => Ok(Value::Float(-f)),
        v => Ok(v.clone()),
    }
}

pub(super) fn bit_not(a: &Arguments<'_>) -> Result<Value> {
    Ok(Value::Int(match a.out {
        Type::Bit => 1 - a.integer(0),
        Type::TinyInt => 255 - a.integer(0),
        _ => !a.integer(0),
    }))
}
