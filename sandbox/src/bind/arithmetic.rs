//! The operators on values, and the types that they give.

use super::types::{characters, common};
use super::{Binder, Typed, literal, typed};
use crate::calendar::Part;
use crate::decimal;
use crate::error::{Error, Result};
use crate::functions::{DateFunction, Invocation, NEGATE, NOT};
use crate::messages;
use crate::syntax::ast::{BinaryOp, Expr, UnaryOp};
use crate::types::{Len, Type, Value};

impl Binder<'_> {
    pub(super) fn unary(&mut self, op: UnaryOp, inner: &Expr) -> Result<Typed> {
        let operand = self.expr(inner)?;
        let pending = operand.pending.clone();
        let bound = self.unary_of(op, operand)?;
        Ok(Typed { pending, ..bound })
    }

    fn unary_of(&self, op: UnaryOp, operand: Typed) -> Result<Typed> {
        match op {
            UnaryOp::Plus => Ok(operand),
            UnaryOp::Minus => self.minus(operand),
            UnaryOp::BitNot => {
                if !operand.ty.is_int() && operand.ty != Type::Null {
                    return Err(messages::invalid_operand(operand.ty, "'~'"));
                }
                let ty = operand.ty;
                Ok(self.shim(&NOT, &[(&operand.sql, ty)], ty))
            }
        }
    }

    fn minus(&self, operand: Typed) -> Result<Typed> {
        if let Some(negated) = operand.constant.as_ref().filter(|_| operand.literal)
            && let Some((value, ty)) = negated_literal(negated, operand.ty)
        {
            return Ok(Typed { sql: literal(&value), ty, constant: Some(value), ..operand });
        }
        let ty = operand.ty;
        if ty != Type::Null && (!ty.is_number() || ty == Type::Bit) {
            return Err(messages::invalid_operand(ty, "minus"));
        }
        let out = if ty == Type::TinyInt { Type::SmallInt } else { ty };
        Ok(self.shim(&NEGATE, &[(&operand.sql, ty)], out))
    }

    pub(super) fn binary(&self, op: BinaryOp, a: Typed, b: Typed) -> Result<Typed> {
        let pending = self.pending_of(&a, &b);
        let known = |e: Typed| Typed { pending: None, ..e };
        let bound = self.binary_of(op, known(a), known(b))?;
        Ok(Typed { pending, ..bound })
    }

    fn binary_of(&self, op: BinaryOp, a: Typed, b: Typed) -> Result<Typed> {
        let ty = common(a.ty, b.ty);
        if ty == Type::Null {
            return Ok(typed("NULL", Type::Int));
        }
        let or_common = |t: Type| if t == Type::Null { ty } else { t };
        let (a, b) = (Typed { ty: or_common(a.ty), ..a }, Typed { ty: or_common(b.ty), ..b });
        if ty.is_text() || ty.is_binary() {
            return self.concatenation(op, a, b);
        }
        if ty.is_temporal() {
            return self.date_arithmetic(op, a, b);
        }
        if !ty.is_number() || op.is_bitwise() && !ty.is_int() {
            return Err(messages::incompatible_operands(a.ty, b.ty, op.verb()));
        }
        if let Type::Decimal(..) = ty {
            return self.decimal_arithmetic(op, a, b, ty);
        }
        if op == BinaryOp::Modulo && ty.is_float() {
            return Err(messages::incompatible_operands(a.ty, b.ty, op.verb()));
        }
        if ty == Type::Bit && !op.is_bitwise() {
            return Err(messages::invalid_operand(ty, op.verb()));
        }
        let (a, b) = (self.coerce(a, ty), self.coerce(b, ty));
        let call = Invocation::Arithmetic { op, a: ty, b: ty, out: ty };
        Ok(typed(self.call(call, &[&a.sql, &b.sql]), ty))
    }

    /// `+` of texts or of bytes.
    fn concatenation(&self, op: BinaryOp, a: Typed, b: Typed) -> Result<Typed> {
        let (left, right) = (a.ty, b.ty);
        let has_xml = left == Type::Xml || right == Type::Xml;
        if left.is_text() != right.is_text() || has_xml || op != BinaryOp::Add && !left.is_text() {
            return Err(Error::unsupported(format!("{left} {} {right}", op.symbol())));
        }
        if op.is_bitwise() {
            return Err(messages::incompatible_operands(left, right, op.verb()));
        }
        if op != BinaryOp::Add {
            return Err(messages::invalid_operand(left, op.verb()));
        }
        let sum = |most: i64| {
            if left.max_length() == -1 || right.max_length() == -1 {
                return Len::Max;
            }
            Len::N((characters(left) + characters(right)).clamp(1, most) as u16)
        };
        let out = match common(left, right) {
            ty if ty.is_unicode() => Type::NVarChar(sum(4000)),
            ty if ty.is_text() => Type::VarChar(sum(8000)),
            _ => Type::VarBinary(sum(8000)),
        };
        let call = Invocation::Arithmetic { op, a: left, b: right, out };
        Ok(typed(self.call(call, &[&a.sql, &b.sql]), out))
    }

    /// `datetime + days`, and the days may come first.
    fn date_arithmetic(&self, op: BinaryOp, a: Typed, b: Typed) -> Result<Typed> {
        let (left, right) = (a.ty, b.ty);
        let unsupported = || Error::unsupported(format!("{left} {} {right}", op.symbol()));
        let (date, days) = if left.is_temporal() { (a, b) } else { (b, a) };
        let adds = matches!(op, BinaryOp::Add | BinaryOp::Subtract);
        if !is_datetime(date.ty) || !days.ty.is_int() || days.ty == Type::Bit || !adds {
            return Err(if adds && left == right && !is_datetime(left) {
                messages::invalid_operand(left, op.verb())
            } else if adds
                && left.is_number() != right.is_number()
                && !is_datetime(left)
                && !is_datetime(right)
            {
                messages::operand_type_clash(left.name_and_id().0, right.name_and_id().0)
            } else {
                unsupported()
            });
        }
        let days = match op {
            BinaryOp::Subtract if !left.is_temporal() => return Err(unsupported()),
            BinaryOp::Subtract => format!("-({})", days.sql),
            _ => days.sql,
        };
        let call = Invocation::Date {
            function: DateFunction::Add,
            part: Part::Day,
            args: vec![Type::Int, date.ty],
            out: date.ty,
        };
        Ok(typed(self.call(call, &[&days, &date.sql]), date.ty))
    }

    fn decimal_arithmetic(&self, op: BinaryOp, a: Typed, b: Typed, common: Type) -> Result<Typed> {
        if !a.ty.is_number() || !b.ty.is_number() {
            let (a, b) = (self.coerce(a, common), self.coerce(b, common));
            return self.binary(op, a, b);
        }
        // Of an integer literal its own length is the precision.
        let precision = |e: &Typed| match e.constant {
            Some(Value::Int(n)) if e.literal => Some((n.unsigned_abs().to_string().len() as u8, 0)),
            _ => e.ty.as_decimal(),
        };
        let (Some(p1), Some(p2)) = (precision(&a), precision(&b)) else {
            return Err(messages::incompatible_operands(a.ty, b.ty, op.verb()));
        };
        let (p, s) = decimal::result_type(op, p1, p2);
        let out = Type::Decimal(p, s);
        let a = self.coerce(a, Type::Decimal(p1.0, p1.1));
        let b = self.coerce(b, Type::Decimal(p2.0, p2.1));
        let call = Invocation::Arithmetic { op, a: a.ty, b: b.ty, out };
        Ok(typed(self.call(call, &[&a.sql, &b.sql]), out))
    }
}

/// The types that had days added to them before there was DATEADD.
fn is_datetime(ty: Type) -> bool {
    matches!(ty, Type::DateTime | Type::SmallDateTime)
}

/// A literal with a minus before it, which is one literal.
fn negated_literal(value: &Value, ty: Type) -> Option<(Value, Type)> {
    match (value, ty) {
        (Value::Int(n), Type::Int | Type::BigInt) => Some((Value::Int(-n), ty)),
        // -2147483648 is an int after all.
        (Value::Dec(2_147_483_648), Type::Decimal(10, 0)) => {
            Some((Value::Int(-2_147_483_648), Type::Int))
        }
        (Value::Dec(d), _) => Some((Value::Dec(-d), ty)),
        (Value::Float(f), _) => Some((Value::Float(-f), ty)),
        _ => None,
    }
}
