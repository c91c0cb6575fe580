//! Values: constants, variables, CASE, CAST, COLLATE, subqueries.

use super::types::common_of;
use super::{Binder, Meets, Typed, literal, typed};
use crate::convert::{NO_STYLE, allowed, narrow};
use crate::decimal;
use crate::error::{Error, Result};
use crate::functions::{Invocation, SINGLE_ROW};
use crate::messages;
use crate::syntax::ast::{Body, Expr, Item, Query, Top};
use crate::types::{Len, Type, Value};

use super::aggregate::has_aggregate;

/// A literal of SQLite that has this value.
fn constant(value: Value, ty: Type) -> Typed {
    let sql = literal(&value);
    Typed { constant: Some(value), literal: true, ..typed(sql, ty) }
}

impl Binder<'_> {
    pub(crate) fn expr(&mut self, e: &Expr) -> Result<Typed> {
        if let Some(group) = self.grouping_expression(e) {
            return Ok(group);
        }
        self.expr_as_it_is(e).map_err(Error::compiled)
    }

    /// In a grouped query an expression that is a grouping expression stands for itself.
    fn grouping_expression(&mut self, e: &Expr) -> Option<Typed> {
        let scope = self.scopes.last().filter(|s| s.free == 0)?;
        let groups = scope.groups.clone()?;
        let never = matches!(
            e,
            Expr::Column(_) | Expr::Subquery(_) | Expr::Exists(_) | Expr::InQuery { .. }
        );
        if never || has_aggregate(e) {
            return None;
        }
        let (last_name, binds) = (self.last_name, self.binds.len());
        let plain = self.with_free_columns(|b| b.expr_as_it_is(e));
        if let Ok(plain) = plain
            && let Some(group) = groups.iter().find(|g| g.sql == plain.sql)
        {
            return Some(group.stands_for(plain));
        }
        self.last_name = last_name;
        self.binds.truncate(binds);
        self.variables.retain(|(_, number)| *number <= binds);
        None
    }

    /// Inside an aggregate or a grouping expression: every column may be named.
    pub(super) fn with_free_columns<T>(&mut self, bind: impl FnOnce(&mut Self) -> T) -> T {
        let free = |binder: &mut Self, by: i32| {
            if let Some(scope) = binder.scopes.last_mut() {
                scope.free = scope.free.saturating_add_signed(by);
            }
        };
        free(self, 1);
        let out = bind(self);
        free(self, -1);
        out
    }

    fn expr_as_it_is(&mut self, e: &Expr) -> Result<Typed> {
        match e {
            Expr::Null
            | Expr::Integer(_)
            | Expr::Decimal(_)
            | Expr::Float(_)
            | Expr::Money(_)
            | Expr::Text(_)
            | Expr::UnicodeText(_)
            | Expr::Bytes(_) => constant_of(e),
            Expr::Variable(name) => self.variable(name),
            Expr::Column(parts) => self.column(parts),
            Expr::Unary(op, inner) => self.unary(*op, inner),
            Expr::Binary(op, a, b) => {
                let (a, b) = (self.expr(a)?, self.expr(b)?);
                self.binary(*op, a, b)
            }
            Expr::Collate(inner, name) => self.collate(inner, name),
            Expr::Case { operand, whens, otherwise } => {
                self.case(operand.as_deref(), whens, otherwise.as_deref())
            }
            Expr::Cast { value, ty, style, attempt } => {
                self.cast(value, *ty, style.as_deref(), *attempt)
            }
            Expr::Call(call) => self.function(call),
            Expr::OwnCall(name, args) => self.own_call(name, args),
            Expr::NextValue(name) => self.next_value(name),
            Expr::Subquery(query) => self.subquery(query),
            predicate => self.predicate_expr(predicate),
        }
    }

    fn variable(&mut self, name: &str) -> Result<Typed> {
        if name.starts_with("@@") {
            let found = self.env.session_fn(&name.to_ascii_uppercase(), &[])?;
            let (ty, value) = found.ok_or_else(|| Error::unsupported(name))?;
            return Ok(self.parameter(value, ty));
        }
        if let Some(given) = &self.arguments {
            let found = given.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
            return found
                .map(|(_, value)| value.clone())
                .ok_or_else(|| messages::undeclared_variable(name));
        }
        let Some((ty, value)) = self.env.var(name) else { return self.undeclared(name) };
        let known = self.variables.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some((_, number)) = known {
            return Ok(Typed { constant: Some(value), ..typed(format!("?{number}"), ty) });
        }
        let parameter = self.parameter(value, ty);
        self.variables.push((name.to_owned(), self.binds.len()));
        Ok(parameter)
    }

    fn collate(&mut self, inner: &Expr, collation: &str) -> Result<Typed> {
        let mut bound = self.expr(inner)?;
        if !bound.ty.is_text() {
            return Err(messages::collate_of_no_text(bound.ty));
        }
        let name = collation.to_ascii_uppercase();
        bound.sensitive = name.contains("_CS") || name.contains("_BIN");
        let is_default = name.contains("_CI_AS")
            || matches!(name.as_str(), "DATABASE_DEFAULT" | "CATALOG_DEFAULT");
        if !bound.sensitive && !is_default {
            return Err(Error::unsupported(format!("the collation {collation}")));
        }
        Ok(bound)
    }

    pub(super) fn case(
        &mut self,
        operand: Option<&Expr>,
        whens: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
    ) -> Result<Typed> {
        let (mut conditions, mut results) = (Vec::new(), Vec::new());
        for (when, then) in whens {
            conditions.push(match operand {
                Some(operand) => {
                    let (operand, when) = (self.expr(operand)?, self.expr(when)?);
                    self.equal(operand, when)?.sql
                }
                None => self.predicate(when)?,
            });
            results.push(self.expr(then)?);
        }
        if let Some(otherwise) = otherwise {
            results.push(self.expr(otherwise)?);
        }
        let ty = common_of(results.iter().map(|r| r.ty));
        if ty == Type::Bool {
            return Err(Error::syntax("=", 0));
        }
        // A typed NULL is an expression; the word alone is none.
        if ty == Type::Null {
            return Err(messages::case_of_nulls());
        }
        let mut results = results.into_iter().map(|r| self.coerce(r, ty).sql);
        let mut sql = String::from("(CASE");
        for condition in conditions {
            sql += &format!(" WHEN {condition} THEN {}", results.next().unwrap_or_default());
        }
        if let Some(otherwise) = results.next() {
            sql += &format!(" ELSE {otherwise}");
        }
        Ok(typed(sql + " END)", ty))
    }

    fn cast(
        &mut self,
        value: &Expr,
        to: Type,
        style: Option<&Expr>,
        attempt: bool,
    ) -> Result<Typed> {
        let value = self.expr(value)?;
        if value.ty == Type::Bool {
            return Err(Error::syntax("=", 0));
        }
        self.settle(&value, Meets::Exactly(to), None);
        let style = match style {
            None => NO_STYLE,
            Some(style) => match self.expr(style)?.constant {
                Some(Value::Int(style)) if style >= 0 => style,
                Some(Value::Null) => return Ok(typed("NULL", to)),
                _ => {
                    return Err(Error::unsupported("CONVERT with a style that is not a constant"));
                }
            },
        };
        if value.ty == Type::Null {
            return Ok(typed("NULL", to));
        }
        if to == Type::Xml && value.ty != Type::Xml {
            return Err(Error::unsupported(
                "the conversion of a text to xml, which would check it",
            ));
        }
        allowed(value.ty, to)?;
        let cast = Invocation::Cast { from: value.ty, to, style, attempt };
        Ok(typed(self.call(cast, &[&value.sql]), to))
    }

    /// More than one row is an error on the server; SQLite would take the first.
    fn subquery(&mut self, query: &Query) -> Result<Typed> {
        let bound = self.query(query, false)?;
        let [column] = bound.columns.as_slice() else {
            return Err(messages::subquery_of_several_columns());
        };
        if is_one_row(query) {
            return Ok(typed(format!("({})", bound.sql), column.ty));
        }
        let one = self.shim(&SINGLE_ROW, &[("count(*)", Type::Int)], Type::Int).sql;
        let sql = format!("(SELECT CASE WHEN {one} THEN c0 END FROM ({}))", bound.sql);
        Ok(typed(sql, column.ty))
    }
}

/// Whether a query is sure to have no more than one row.
fn is_one_row(query: &Query) -> bool {
    if query.json.is_some() {
        return true;
    }
    let Body::Select(select) = &query.body else { return false };
    let aggregates = select.items.iter().any(|i| matches!(i, Item::Expr(e, _) if has_aggregate(e)));
    select.group.is_empty() && aggregates
        || matches!(
            &select.top,
            Some(Top { count: Expr::Integer(n), percent: false, with_ties: false }) if n == "1"
        )
}

fn constant_of(e: &Expr) -> Result<Typed> {
    match e {
        Expr::Integer(n) => integer(n),
        Expr::Decimal(n) => decimal_literal(n),
        Expr::Float(n) => {
            let Ok(f) = n.parse::<f64>() else {
                return Err(Error::unsupported(format!("the number {n}")));
            };
            if !f.is_finite() {
                return Err(messages::float_out_of_range(n));
            }
            Ok(constant(Value::Float(f), Type::Float))
        }
        Expr::Money(n) => {
            let (digits, scale) = decimal::parse(n)
                .ok_or_else(|| Error::unsupported(format!("the money constant ${n}")))?;
            let money = decimal::fit_money(decimal::rescale(digits, scale, 4)?, Type::Money)?;
            Ok(typed(literal(&Value::Dec(money)), Type::Money))
        }
        Expr::Text(text) => {
            let length = text_length(text, 8000);
            Ok(constant(Value::Str(narrow(text)?), Type::VarChar(length)))
        }
        Expr::UnicodeText(text) => {
            let length = text_length(text, 4000);
            Ok(constant(Value::Str(text.clone()), Type::NVarChar(length)))
        }
        Expr::Bytes(bytes) => {
            let length = Len::N(bytes.len().max(1) as u16);
            Ok(typed(literal(&Value::Bin(bytes.clone())), Type::VarBinary(length)))
        }
        _ => Ok(constant(Value::Null, Type::Null)),
    }
}

fn text_length(text: &str, most: usize) -> Len {
    match text.encode_utf16().count() {
        n if n > most => Len::Max,
        n => Len::N(n.max(1) as u16),
    }
}

/// An int; what does not fit one is a decimal.
fn integer(n: &str) -> Result<Typed> {
    match n.parse::<i32>() {
        Ok(value) => Ok(constant(Value::Int(value.into()), Type::Int)),
        Err(_) => decimal_literal(n),
    }
}

fn decimal_literal(n: &str) -> Result<Typed> {
    let (value, scale) = decimal::parse(n).ok_or_else(|| messages::number_out_of_range(n))?;
    let whole = n.split('.').next().unwrap_or("").trim_start_matches('0').len() as u8;
    Ok(constant(Value::Dec(value), Type::Decimal((whole + scale).max(1), scale)))
}

/// Whether nothing in an expression depends on a row: literals and variables, and what is computed
/// of them.
pub(super) fn is_constant(e: &Expr) -> bool {
    match e {
        Expr::Null
        | Expr::Integer(_)
        | Expr::Decimal(_)
        | Expr::Float(_)
        | Expr::Money(_)
        | Expr::Text(_)
        | Expr::UnicodeText(_)
        | Expr::Bytes(_)
        | Expr::Variable(_) => true,
        Expr::Unary(_, a) | Expr::Collate(a, _) => is_constant(a),
        Expr::Binary(_, a, b) => is_constant(a) && is_constant(b),
        Expr::Cast { value, .. } => is_constant(value),
        _ => false,
    }
}
