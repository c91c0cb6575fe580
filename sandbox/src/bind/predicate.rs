//! Predicates: comparisons, IN, LIKE, EXISTS and what joins them.

use super::types::common;
use super::{Binder, Meets, Typed, typed};
use crate::error::{Error, Result};
use crate::functions::LIKE;
use crate::messages;
use crate::syntax::ast::{CompareOp, Expr, Query};
use crate::types::{Len, Type};

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

impl Binder<'_> {
    /// A predicate, as a condition.
    pub(crate) fn predicate(&mut self, e: &Expr) -> Result<String> {
        let bound = self.expr(e)?;
        if bound.ty != Type::Bool {
            return Err(messages::condition_expected());
        }
        Ok(bound.sql)
    }

    /// An expression that is no value.
    pub(super) fn predicate_expr(&mut self, e: &Expr) -> Result<Typed> {
        let sql = match e {
            Expr::Compare(op, a, b) => {
                let (a, b) = (self.expr(a)?, self.expr(b)?);
                return self.compare(*op, a, b);
            }
            Expr::Quantified { op, value, all, query } => {
                return self.quantified(*op, value, *all, query);
            }
            Expr::And(all) => self.joined(all, " AND ")?,
            Expr::Or(all) => self.joined(all, " OR ")?,
            Expr::Not(a) => format!("(NOT {})", self.predicate(a)?),
            Expr::IsNull { value, negated } => {
                format!("({} IS {}NULL)", self.expr(value)?.sql, not(*negated))
            }
            Expr::Between { value, low, high, negated } => {
                let (value, low) = (self.expr(value)?, self.expr(low)?);
                let above = self.compare(CompareOp::GreaterOrEqual, value.clone(), low)?;
                let high = self.expr(high)?;
                let below = self.compare(CompareOp::LessOrEqual, value, high)?;
                format!("({}({} AND {}))", not(*negated), above.sql, below.sql)
            }
            Expr::In { value, list, negated } => {
                let value = self.expr(value)?;
                let mut parts = Vec::new();
                for e in list {
                    let e = self.expr(e)?;
                    parts.push(self.equal(value.clone(), e)?.sql);
                }
                format!("({}({}))", not(*negated), parts.join(" OR "))
            }
            Expr::InQuery { value, query, negated } => {
                return self.in_query(value, query, *negated);
            }
            Expr::Like { value, pattern, escape, negated } => {
                return self.like(value, pattern, escape.as_deref(), *negated);
            }
            Expr::Exists(query) => format!("EXISTS ({})", self.query(query, false)?.sql),
            _ => return Err(Error::internal("a value where a predicate is")),
        };
        Ok(typed(sql, Type::Bool))
    }

    fn joined(&mut self, all: &[Expr], word: &str) -> Result<String> {
        let all = all.iter().map(|e| self.predicate(e)).collect::<Result<Vec<_>>>()?;
        Ok(format!("({})", all.join(word)))
    }

    pub(super) fn equal(&self, a: Typed, b: Typed) -> Result<Typed> {
        self.compare(CompareOp::Equal, a, b)
    }

    fn compare(&self, op: CompareOp, mut a: Typed, b: Typed) -> Result<Typed> {
        let meets = if op.is_ordering() { Meets::About } else { Meets::Exactly };
        self.settle_pair(&a, &b, meets);
        let mut ty = comparable(op, a.ty, b.ty)?;
        if ty.is_text() {
            // Lengths do not matter to a comparison, and cutting would.
            ty = longest_text(ty.is_unicode());
        }
        if let (Type::Decimal(..), Some((_, s1)), Some((_, s2))) =
            (ty, a.ty.as_decimal(), b.ty.as_decimal())
        {
            ty = Type::Decimal(38, s1.max(s2));
        }
        a.sensitive |= b.sensitive;
        let (a, b) = (self.coerce(a, ty), self.coerce(b, ty));
        let (left, right) = if matches!(ty, Type::DateTimeOffset(_)) {
            (self.instant(&a), self.instant(&b))
        } else {
            (a.collated(), b.sql)
        };
        Ok(typed(format!("({left} {} {right})", op.symbol()), Type::Bool))
    }

    /// `= ANY` is IN, and `<> ALL` is NOT IN.
    fn quantified(
        &mut self,
        op: CompareOp,
        value: &Expr,
        all: bool,
        query: &Query,
    ) -> Result<Typed> {
        match (op, all) {
            (CompareOp::Equal, false) => self.in_query(value, query, false),
            (CompareOp::NotEqual, true) => self.in_query(value, query, true),
            _ => Err(Error::unsupported(format!("{} with ANY or ALL", op.symbol()))),
        }
    }

    fn in_query(&mut self, value: &Expr, query: &Query, negated: bool) -> Result<Typed> {
        let value = self.expr(value)?;
        let bound = self.query(query, false)?;
        let [column] = bound.columns.as_slice() else {
            return Err(messages::subquery_of_several_columns());
        };
        self.settle(&value, Meets::Exactly(column.ty), None);
        let mut ty = common(value.ty, column.ty);
        if matches!(ty, Type::DateTimeOffset(_)) {
            return Err(Error::unsupported("IN (SELECT …) of datetimeoffset"));
        }
        if ty.is_text() {
            ty = longest_text(true);
        }
        let inner = self.coerce(typed("c0", column.ty), ty);
        let sql = format!(
            "({} {}IN (SELECT {} FROM ({})))",
            self.coerce(value, ty).collated(),
            not(negated),
            inner.sql,
            bound.sql
        );
        Ok(typed(sql, Type::Bool))
    }

    fn like(
        &mut self,
        value: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        negated: bool,
    ) -> Result<Typed> {
        let mut args = vec![self.expr(value)?, self.expr(pattern)?];
        if let Some(escape) = escape {
            args.push(self.expr(escape)?);
        }
        self.settle_pair(&args[0], &args[1], Meets::About);
        if args.iter().any(|a| a.sensitive) {
            return Err(Error::unsupported("LIKE with a case-sensitive COLLATE"));
        }
        let is_no_text =
            |t: Type| t.is_binary() || matches!(t, Type::Xml | Type::Money | Type::SmallMoney);
        if let Some(arg) = args.iter().find(|a| is_no_text(a.ty)) {
            return Err(Error::unsupported(format!("LIKE of {}", arg.ty)));
        }
        // One argument of Unicode makes all of them so.
        let text = longest_text(args.iter().any(|a| a.ty.is_unicode()));
        let args: Vec<String> = args.into_iter().map(|a| self.coerce(a, text).sql).collect();
        let args: Vec<(&str, Type)> = args.iter().map(|sql| (sql.as_str(), text)).collect();
        let call = self.shim(&LIKE, &args, Type::Bit).sql;
        Ok(typed(format!("({}{call})", not(negated)), Type::Bool))
    }
}

fn longest_text(unicode: bool) -> Type {
    if unicode { Type::NVarChar(Len::Max) } else { Type::VarChar(Len::Max) }
}

/// The type in which two are compared, or why they are not.
fn comparable(op: CompareOp, a: Type, b: Type) -> Result<Type> {
    let ty = common(a, b);
    if matches!(ty, Type::Xml | Type::Variant) {
        return Err(messages::incompatible_operands(a, b, op.symbol()));
    }
    let has_number = a.is_number() || b.is_number();
    if ty.is_temporal() && has_number && !matches!(ty, Type::DateTime | Type::SmallDateTime) {
        return Err(messages::operand_type_clash(a.name_and_id().0, b.name_and_id().0));
    }
    if let (Type::Date, Type::Time(_)) | (Type::Time(_), Type::Date) = (a, b) {
        return Err(Error::unsupported("comparing date with time"));
    }
    let mixed = |a: Type, b: Type| a.is_binary() && (b.is_text() || b.is_scaled() || b.is_float());
    if mixed(a, b) || mixed(b, a) {
        return Err(Error::unsupported(format!("comparing {a} with {b}")));
    }
    if ty == Type::Guid && op.is_ordering() {
        return Err(Error::unsupported("ordering comparisons of uniqueidentifier"));
    }
    Ok(ty)
}
