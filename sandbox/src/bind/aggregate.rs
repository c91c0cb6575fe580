//! Aggregates and window functions.

use super::expr::is_constant;
use super::query::{clause, directed};
use super::{Binder, Typed, typed};
use crate::error::{Error, Result};
use crate::functions::{AGGREGATE_LENGTH, AVERAGE, FIT, check_arity};
use crate::messages;
use crate::syntax::ast::{Call, Expr, Over};
use crate::types::{Len, Type, Value};

pub(super) fn is_aggregate(name: &str) -> bool {
    matches!(
        name,
        "COUNT"
            | "COUNT_BIG"
            | "SUM"
            | "AVG"
            | "MIN"
            | "MAX"
            | "STRING_AGG"
            | "STDEV"
            | "STDEVP"
            | "VAR"
            | "VARP"
            | "APPROX_COUNT_DISTINCT"
    )
}

pub(super) fn is_window(name: &str) -> bool {
    matches!(
        name,
        "ROW_NUMBER"
            | "RANK"
            | "DENSE_RANK"
            | "NTILE"
            | "LAG"
            | "LEAD"
            | "FIRST_VALUE"
            | "LAST_VALUE"
            | "PERCENT_RANK"
            | "CUME_DIST"
    )
}

/// Whether an aggregate of this very query (not of a subquery, not windowed) stands in `e`.
pub(super) fn has_aggregate(e: &Expr) -> bool {
    match e {
        Expr::Call(call) => {
            is_aggregate(&call.name) && call.over.is_none()
                || call.args.iter().any(has_aggregate)
                || call.within_group.iter().any(|o| has_aggregate(&o.expr))
                || call.over.as_ref().is_some_and(|over| {
                    over.partition.iter().any(has_aggregate)
                        || over.order.iter().any(|o| has_aggregate(&o.expr))
                })
        }
        Expr::Unary(_, a)
        | Expr::Not(a)
        | Expr::Collate(a, _)
        | Expr::IsNull { value: a, .. }
        | Expr::InQuery { value: a, .. }
        | Expr::Quantified { value: a, .. }
        | Expr::Cast { value: a, .. } => has_aggregate(a),
        Expr::Binary(_, a, b) | Expr::Compare(_, a, b) => has_aggregate(a) || has_aggregate(b),
        Expr::And(all) | Expr::Or(all) | Expr::OwnCall(_, all) => all.iter().any(has_aggregate),
        Expr::In { value, list, .. } => has_aggregate(value) || list.iter().any(has_aggregate),
        Expr::Between { value, low, high, .. } => {
            has_aggregate(value) || has_aggregate(low) || has_aggregate(high)
        }
        Expr::Like { value, pattern, escape, .. } => {
            has_aggregate(value)
                || has_aggregate(pattern)
                || escape.as_deref().is_some_and(has_aggregate)
        }
        Expr::Case { operand, whens, otherwise } => {
            operand.as_deref().is_some_and(has_aggregate)
                || whens.iter().any(|(a, b)| has_aggregate(a) || has_aggregate(b))
                || otherwise.as_deref().is_some_and(has_aggregate)
        }
        _ => false,
    }
}

/// A bound call of an aggregate or a window function.
struct Aggregate<'a> {
    call: &'a Call,
    args: Vec<Typed>,
    /// The keys of WITHIN GROUP.
    order: Vec<String>,
    /// ` OVER (…)`, or nothing.
    window: String,
}

impl Aggregate<'_> {
    fn name(&self) -> &str {
        &self.call.name
    }

    fn lower(&self) -> String {
        self.call.name.to_ascii_lowercase()
    }

    /// `DISTINCT `, or nothing.
    fn distinct(&self) -> &'static str {
        if self.call.distinct { "DISTINCT " } else { "" }
    }

    fn first(&self) -> Result<&Typed> {
        self.args.first().ok_or_else(|| messages::wrong_number_of_arguments(self.name(), 1))
    }

    /// Of SQLite, over these arguments.
    fn sqlite(&self, function: &str, args: &str) -> String {
        format!("{function}({args}){}", self.window)
    }
}

impl Binder<'_> {
    pub(super) fn aggregate(&mut self, call: &Call) -> Result<Typed> {
        let name = call.name.as_str();
        check_call(call)?;
        if call.over.is_none() {
            self.check_place(name)?;
        }
        let bind = |binder: &mut Self| -> Result<(Vec<Typed>, Vec<String>)> {
            let args = call.args.iter().map(|a| binder.expr(a)).collect::<Result<Vec<_>>>()?;
            let mut order = Vec::new();
            for item in &call.within_group {
                let bound = binder.expr(&item.expr)?;
                order.push(directed(binder.order_key(&bound), item.descending));
            }
            Ok((args, order))
        };
        let (args, order) = match call.over {
            None => self.with_free_columns(bind)?,
            Some(_) => bind(self)?,
        };
        let window = match &call.over {
            None => String::new(),
            Some(over) => self.over(name, over)?,
        };
        let aggregate = Aggregate { call, args, order, window };
        check_arguments(&aggregate)?;
        match name {
            "COUNT" | "COUNT_BIG" | "APPROX_COUNT_DISTINCT" => count(&aggregate),
            "MIN" | "MAX" => extreme(&aggregate),
            "SUM" | "AVG" => self.sum(&aggregate),
            "STDEV" | "STDEVP" | "VAR" | "VARP" => self.variance(&aggregate),
            "STRING_AGG" => self.string_agg(&aggregate),
            _ => self.window_function(&aggregate),
        }
    }

    /// An aggregate that is no window function needs a query that groups, and stands in no other.
    fn check_place(&self, name: &str) -> Result<()> {
        if is_window(name) {
            return Err(messages::window_function_without_over(name));
        }
        match self.scopes.last() {
            Some(scope) if scope.groups.is_some() && scope.free == 0 => Ok(()),
            Some(scope) if scope.groups.is_some() => Err(messages::aggregate_of_an_aggregate()),
            _ => Err(messages::aggregate_in_where()),
        }
    }

    fn sum(&self, aggregate: &Aggregate<'_>) -> Result<Typed> {
        let arg = aggregate.first()?;
        let is_sum = aggregate.name() == "SUM";
        let out = match arg.ty {
            Type::TinyInt | Type::SmallInt | Type::Int => Type::Int,
            Type::BigInt => Type::BigInt,
            Type::Money | Type::SmallMoney => Type::Money,
            Type::Real | Type::Float => Type::Float,
            Type::Decimal(_, s) if is_sum => Type::Decimal(38, s),
            Type::Decimal(_, s) => Type::Decimal(38, s.max(6)),
            ty => return Err(messages::invalid_operand(ty, &aggregate.lower())),
        };
        let list = format!("{}{}", aggregate.distinct(), arg.sql);
        if arg.ty.is_float() {
            return Ok(typed(aggregate.sqlite(&aggregate.lower(), &list), out));
        }
        let sum = aggregate.sqlite(if arg.ty.is_scaled() { "dsum" } else { "sum" }, &list);
        let from = match arg.ty {
            Type::Decimal(_, s) => Type::Decimal(38, s),
            Type::SmallMoney => Type::Money,
            ty => ty,
        };
        if is_sum {
            return Ok(self.shim(&FIT, &[(&sum, from)], out));
        }
        let count = aggregate.sqlite("count", &list);
        Ok(self.shim(&AVERAGE, &[(&sum, from), (&count, Type::Int)], out))
    }

    fn variance(&self, aggregate: &Aggregate<'_>) -> Result<Typed> {
        let name = aggregate.name();
        if aggregate.call.over.is_some() || aggregate.call.distinct {
            return Err(Error::unsupported(format!("{name} with OVER or DISTINCT")));
        }
        let arg = aggregate.first()?;
        if !arg.ty.is_number() {
            return Err(messages::invalid_operand(arg.ty, &aggregate.lower()));
        }
        let arg = self.coerce(arg.clone(), Type::Float);
        // Of the population 1, the root 2.
        let mode = i32::from(name.ends_with('P')) + 2 * i32::from(name.starts_with('S'));
        Ok(typed(format!("variance({},{mode})", arg.sql), Type::Float))
    }

    fn string_agg(&self, aggregate: &Aggregate<'_>) -> Result<Typed> {
        let [arg, separator] = aggregate.args.as_slice() else {
            return Err(messages::wrong_number_of_arguments("STRING_AGG", 2));
        };
        let out = match arg.ty {
            Type::NVarChar(Len::Max) | Type::VarChar(Len::Max) => arg.ty,
            ty if ty.is_unicode() || !ty.is_text() => Type::NVarChar(Len::N(4000)),
            _ => Type::VarChar(Len::N(8000)),
        };
        let arg = match arg.ty.is_text() {
            true => arg.clone(),
            false => self.coerce(arg.clone(), Type::NVarChar(Len::N(4000))),
        };
        let order = clause(" ORDER BY ", &aggregate.order);
        let text = format!("group_concat({},{}{order})", arg.sql, separator.sql);
        // Over the limit is error 9829 on the server.
        Ok(self.shim(&AGGREGATE_LENGTH, &[(&text, out)], out))
    }

    fn window_function(&self, aggregate: &Aggregate<'_>) -> Result<Typed> {
        let name = aggregate.name();
        let (args, ty) = match name {
            "ROW_NUMBER" | "RANK" | "DENSE_RANK" => (String::new(), Type::BigInt),
            "PERCENT_RANK" | "CUME_DIST" => (String::new(), Type::Float),
            "NTILE" => {
                let tiles = aggregate.first()?;
                if !matches!(tiles.constant, Some(Value::Int(1..))) {
                    return Err(Error::unsupported("NTILE of anything but a positive constant"));
                }
                (tiles.sql.clone(), Type::BigInt)
            }
            "FIRST_VALUE" | "LAST_VALUE" => {
                let value = aggregate.first()?;
                (value.sql.clone(), value.ty)
            }
            _ => self.lag_arguments(aggregate)?,
        };
        Ok(typed(aggregate.sqlite(&aggregate.lower(), &args), ty))
    }

    /// Of LAG and LEAD: the value, the offset, and what stands where no row is.
    fn lag_arguments(&self, aggregate: &Aggregate<'_>) -> Result<(String, Type)> {
        let value = aggregate.first()?;
        let offset = match aggregate.args.get(1) {
            None => "1",
            Some(offset) if matches!(offset.constant, Some(Value::Int(0..))) => &offset.sql,
            Some(_) => {
                return Err(Error::unsupported(format!(
                    "{} with an offset that is not a constant of 0 or more",
                    aggregate.name()
                )));
            }
        };
        let default = match aggregate.args.get(2) {
            Some(default) => self.coerce(default.clone(), value.ty).sql,
            None => "NULL".into(),
        };
        Ok((format!("{},{offset},{default}", value.sql), value.ty))
    }

    pub(super) fn over(&mut self, name: &str, over: &Over) -> Result<String> {
        if self.scopes.last().is_some_and(|s| s.grouping_sets) {
            return Err(Error::unsupported("OVER in a query with grouping sets"));
        }
        let mut parts = Vec::new();
        if !over.partition.is_empty() {
            let keys = over.partition.iter().map(|p| Ok(self.expr(p)?.collated()));
            let keys = keys.collect::<Result<Vec<_>>>()?;
            parts.push(clause("PARTITION BY ", &keys));
        }
        if over.order.is_empty() {
            if is_window(name) {
                return Err(messages::window_function_without_order(name));
            }
        } else {
            let mut keys = Vec::new();
            for item in &over.order {
                // In OVER a constant is no ordinal.
                if matches!(item.expr, Expr::Integer(_)) {
                    return Err(messages::window_order_by_an_integer());
                }
                if is_constant(&item.expr) {
                    return Err(messages::window_order_by_a_constant());
                }
                let bound = self.expr(&item.expr)?;
                keys.push(directed(self.order_key(&bound), item.descending));
            }
            parts.push(clause("ORDER BY ", &keys));
        }
        if let Some(frame) = &over.frame {
            check_frame(name, frame, over)?;
            parts.push(frame.clone());
        }
        Ok(format!(" OVER ({})", parts.join(" ")))
    }
}

/// What a call shows before its arguments are bound.
fn check_call(call: &Call) -> Result<()> {
    let name = call.name.as_str();
    if call.star {
        if call.distinct || !matches!(name, "COUNT" | "COUNT_BIG") {
            return Err(Error::syntax("*", 0));
        }
        return Ok(());
    }
    let arity = match name {
        "STRING_AGG" => (2, 2),
        "LAG" | "LEAD" => (1, 3),
        "ROW_NUMBER" | "RANK" | "DENSE_RANK" | "PERCENT_RANK" | "CUME_DIST" => (0, 0),
        _ => (1, 1),
    };
    check_arity(name, arity, call.args.len())
}

fn check_arguments(aggregate: &Aggregate<'_>) -> Result<()> {
    let (name, call) = (aggregate.name(), aggregate.call);
    if call.distinct && call.over.is_some() {
        return Err(messages::distinct_with_over());
    }
    let first = aggregate.args.first().map(|a| a.ty);
    if first == Some(Type::Null) && is_aggregate(name) {
        return Err(messages::aggregate_of_null(&aggregate.lower()));
    }
    if call.within_group.iter().any(|o| is_constant(&o.expr))
        || !call.within_group.is_empty() && name != "STRING_AGG"
    {
        return Err(Error::unsupported(format!("{name} WITHIN GROUP by a constant, or at all")));
    }
    if name == "STRING_AGG" && (call.distinct || call.over.is_some()) {
        return Err(Error::unsupported("STRING_AGG with DISTINCT or OVER"));
    }
    if call.distinct && matches!(first, Some(Type::DateTimeOffset(_))) {
        return Err(Error::unsupported("DISTINCT of datetimeoffset"));
    }
    Ok(())
}

fn count(aggregate: &Aggregate<'_>) -> Result<Typed> {
    let name = aggregate.name();
    let ty = if name == "COUNT" { Type::Int } else { Type::BigInt };
    if aggregate.call.star {
        return Ok(typed(aggregate.sqlite("count", "*"), ty));
    }
    let distinct = if name == "APPROX_COUNT_DISTINCT" { "DISTINCT " } else { aggregate.distinct() };
    let list = format!("{distinct}{}", aggregate.first()?.collated());
    Ok(typed(aggregate.sqlite("count", &list), ty))
}

fn extreme(aggregate: &Aggregate<'_>) -> Result<Typed> {
    let arg = aggregate.first()?;
    if matches!(arg.ty, Type::Bit | Type::Xml) {
        return Err(messages::invalid_operand(arg.ty, &aggregate.lower()));
    }
    if arg.ty == Type::Guid {
        return Err(Error::unsupported("MIN and MAX of uniqueidentifier"));
    }
    Ok(typed(aggregate.sqlite(&aggregate.lower(), &arg.collated()), arg.ty))
}

/// A frame goes to SQLite as it is written, if it has only words that mean the same there.
fn check_frame(name: &str, frame: &str, over: &Over) -> Result<()> {
    const KNOWN: [&str; 9] = [
        "ROWS",
        "RANGE",
        "BETWEEN",
        "AND",
        "UNBOUNDED",
        "PRECEDING",
        "FOLLOWING",
        "CURRENT",
        "ROW",
    ];
    let words: Vec<String> = frame.split_whitespace().map(str::to_ascii_uppercase).collect();
    let is_number = |w: &String| w.bytes().all(|b| b.is_ascii_digit());
    if words.iter().any(|w| !KNOWN.contains(&w.as_str()) && !is_number(w)) {
        return Err(Error::unsupported(format!("the frame {frame}")));
    }
    if words.first().is_some_and(|w| w == "RANGE") && words.iter().any(is_number) {
        return Err(messages::range_with_a_number());
    }
    if over.order.is_empty() || is_window(name) && !matches!(name, "FIRST_VALUE" | "LAST_VALUE") {
        let what = format!("{name} with a frame but without what a frame needs");
        return Err(Error::unsupported(what));
    }
    Ok(())
}
