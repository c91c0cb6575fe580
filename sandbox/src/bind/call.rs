//! Calls of functions: scalar ones of the tables, those of the session, and those with rules of
//! their own.

use super::types::common_of;
use super::{Binder, Typed, literal_text, typed};
use crate::calendar::Part;
use crate::catalog::describe::{ALL_TYPES, definition};
use crate::convert::{allowed, implicit};
use crate::error::{Error, Result};
use crate::functions::{
    self, DateFunction, Function, GREATEST, Invocation, LEAST, Shim, check_arity,
};
use crate::messages;
use crate::syntax::ast::{self, Expr};
use crate::types::{Len, Type, Value};

/// Functions of MySQL, PostgreSQL, Oracle and SQLite that models and people try.
const FOREIGN: [&str; 16] = [
    "NOW",
    "CURDATE",
    "LENGTH",
    "CHAR_LENGTH",
    "SUBSTR",
    "INSTR",
    "IFNULL",
    "NVL",
    "TO_CHAR",
    "TO_DATE",
    "TO_NUMBER",
    "DATE_FORMAT",
    "STRFTIME",
    "GROUP_CONCAT",
    "LPAD",
    "RPAD",
];

impl Binder<'_> {
    pub(super) fn function(&mut self, call: &ast::Call) -> Result<Typed> {
        let (name, args) = (call.name.as_str(), call.args.as_slice());
        if super::aggregate::is_aggregate(name) || super::aggregate::is_window(name) {
            return self.aggregate(call);
        }
        if matches!(name, "PERCENTILE_CONT" | "PERCENTILE_DISC") {
            return self.percentile(call);
        }
        if call.over.is_some() || !call.within_group.is_empty() || call.distinct || call.star {
            let what = format!("{name} with OVER, WITHIN GROUP, DISTINCT or *");
            return Err(Error::unsupported(what));
        }
        match name {
            "COALESCE" => return self.coalesce(args),
            "ISNULL" => return self.isnull(args),
            "NULLIF" => return self.nullif(args),
            "CHOOSE" => return self.choose(args),
            "GROUPING" => {
                check_arity(name, (1, 1), args.len())?;
                return self.grouping(args);
            }
            "GREATEST" => return self.extreme_of(name, &GREATEST, args),
            "LEAST" => return self.extreme_of(name, &LEAST, args),
            "RAND" => return self.rand(args),
            "NEWID" => return Ok(typed("newid()", Type::Guid)),
            _ => {}
        }
        if let Some(function) = DateFunction::find(name) {
            return self.date_function(function, args);
        }
        let function = functions::find(name);
        let bound = self.arguments(name, args, matches!(function, Ok(None)))?;
        match function? {
            Some(function) => self.scalar(function, bound),
            None => self.session_function(name, &bound),
        }
    }

    /// Of a function that is not there, the arguments may be words of its own, like the part of a
    /// date.
    fn arguments(&mut self, name: &str, args: &[Expr], is_unknown: bool) -> Result<Vec<Typed>> {
        let mut bound = Vec::new();
        for arg in args {
            bound.push(self.expr(arg).map_err(|e| {
                let is_missing = is_unknown && matches!(self.env.session_fn(name, &[]), Ok(None));
                if is_missing { Error::unsupported(format!("the function {name}")) } else { e }
            })?);
        }
        if bound.iter().any(|b| b.ty == Type::Bool) {
            return Err(Error::syntax("=", 0));
        }
        Ok(bound)
    }

    fn scalar(&self, function: &'static Function, args: Vec<Typed>) -> Result<Typed> {
        let types: Vec<Type> = args.iter().map(|a| a.ty).collect();
        let constants: Vec<Option<Value>> = args.iter().map(|a| a.constant.clone()).collect();
        let signature = function.signature(&types, &constants)?;
        let name = function.shim.name;
        if function.compares && args.iter().any(|a| a.sensitive) {
            return Err(Error::unsupported(format!("{name} with a case-sensitive COLLATE")));
        }
        for (from, to) in types.iter().zip(&signature.args) {
            allowed(*from, *to)?;
        }
        let args = args.into_iter().zip(&signature.args);
        let args: Vec<String> = args.map(|(a, to)| self.coerce(a, *to).sql).collect();
        let args: Vec<(&str, Type)> =
            args.iter().map(String::as_str).zip(signature.args.iter().copied()).collect();
        Ok(self.shim(&function.shim, &args, signature.out))
    }

    // --- functions with rules of their own

    fn coalesce(&mut self, args: &[Expr]) -> Result<Typed> {
        let bound = args.iter().map(|a| self.expr(a)).collect::<Result<Vec<_>>>()?;
        if bound.len() < 2 {
            return Err(Error::unsupported("COALESCE of fewer than two"));
        }
        let ty = common_of(bound.iter().map(|b| b.ty));
        if ty == Type::Null {
            return Err(messages::coalesce_of_nulls());
        }
        let list: Vec<String> = bound.into_iter().map(|b| self.coerce(b, ty).sql).collect();
        Ok(typed(format!("coalesce({})", list.join(",")), ty))
    }

    /// In the type of the first argument, unless that is the word NULL.
    fn isnull(&mut self, args: &[Expr]) -> Result<Typed> {
        check_arity("ISNULL", (2, 2), args.len())?;
        let (value, otherwise) = (self.expr(&args[0])?, self.expr(&args[1])?);
        let ty = if value.ty == Type::Null { otherwise.ty } else { value.ty };
        let otherwise = self.coerce(otherwise, ty);
        Ok(typed(format!("ifnull({},{})", value.sql, otherwise.sql), ty))
    }

    fn nullif(&mut self, args: &[Expr]) -> Result<Typed> {
        check_arity("NULLIF", (2, 2), args.len())?;
        let (value, other) = (self.expr(&args[0])?, self.expr(&args[1])?);
        if value.ty == Type::Null {
            return Err(messages::nullif_of_null());
        }
        let same = self.equal(value.clone(), other)?;
        let sql = format!("(CASE WHEN {} THEN NULL ELSE {} END)", same.sql, value.sql);
        Ok(typed(sql, value.ty))
    }

    /// A CASE over its index. One of another type is converted to int, which cuts.
    fn choose(&mut self, args: &[Expr]) -> Result<Typed> {
        let Some((index, rest)) = args.split_first() else { return Err(Error::syntax(")", 0)) };
        let whens: Vec<(Expr, Expr)> = rest
            .iter()
            .enumerate()
            .map(|(n, e)| (Expr::Integer((n + 1).to_string()), e.clone()))
            .collect();
        let index = Expr::Cast {
            value: Box::new(index.clone()),
            ty: Type::Int,
            style: None,
            attempt: false,
        };
        self.case(Some(&index), &whens, None)
    }

    /// GREATEST and LEAST, in the type that all arguments meet in.
    fn extreme_of(&mut self, name: &str, shim: &'static Shim, args: &[Expr]) -> Result<Typed> {
        check_arity(name, (1, 254), args.len())?;
        let bound = args.iter().map(|a| self.expr(a)).collect::<Result<Vec<_>>>()?;
        let ty = common_of(bound.iter().map(|b| b.ty));
        let is_refused = ty.max_length() == -1
            || matches!(ty, Type::Null | Type::Bool | Type::Guid | Type::Variant | Type::Udt(_));
        if is_refused || bound.iter().any(|b| b.sensitive) {
            return Err(Error::unsupported(format!("{name} of {ty}")));
        }
        let mut values = Vec::new();
        for value in bound {
            implicit(value.ty, ty)?;
            values.push(self.coerce(value, ty).sql);
        }
        let values: Vec<(&str, Type)> = values.iter().map(|v| (v.as_str(), ty)).collect();
        Ok(self.shim(shim, &values, ty))
    }

    /// RAND: its name in SQLite says which reference it is.
    fn rand(&mut self, args: &[Expr]) -> Result<Typed> {
        check_arity("RAND", (0, 1), args.len())?;
        let reference = self.fresh('r');
        let Some(seed) = args.first() else {
            return Ok(typed(format!("rand('{reference}')"), Type::Float));
        };
        let seed = self.expr(seed)?;
        if !matches!(seed.ty, Type::TinyInt | Type::SmallInt | Type::Int) {
            return Err(Error::unsupported(format!("RAND of {}", seed.ty)));
        }
        Ok(typed(format!("rand('{reference}',{})", seed.sql), Type::Float))
    }

    // --- functions of dates

    fn date_function(&mut self, function: DateFunction, args: &[Expr]) -> Result<Typed> {
        let name = function.name();
        let (part, rest) = date_arguments(name, function.arity(), args)?;
        let part = Part::parse(part).ok_or_else(|| messages::not_a_datepart(part, name))?;
        let mut bound = rest.iter().map(|a| self.expr(a)).collect::<Result<Vec<_>>>()?;
        let first_date = usize::from(function == DateFunction::Add);
        if let Some(odd) = bound.iter().skip(first_date).find(|e| !is_date(e.ty)) {
            return Err(Error::unsupported(format!("{name} of {}", odd.ty)));
        }
        if let Some(odd) =
            bound.iter().find(|e| function == DateFunction::Trunc && !is_truncated(e.ty))
        {
            return Err(Error::unsupported(format!("{name} of {}", odd.ty)));
        }
        if !function.is_difference()
            && let Some(date) = bound.last()
        {
            check_part(function, part, date.ty)?;
        }
        for (at, arg) in bound.iter_mut().enumerate() {
            let to = match arg.ty {
                _ if at < first_date => Type::Int,
                ty if ty.is_temporal() => ty,
                _ if function == DateFunction::Trunc => Type::DateTime2(7),
                ty if ty.is_int() || function == DateFunction::Add => Type::DateTime,
                // With an offset, where the text has one.
                _ => Type::DateTimeOffset(7),
            };
            *arg = self.coerce(arg.clone(), to);
        }
        let args: Vec<Type> = bound.iter().map(|b| b.ty).collect();
        let out = function.return_type(args.last().copied().unwrap_or(Type::Null));
        let sql: Vec<&str> = bound.iter().map(|b| b.sql.as_str()).collect();
        Ok(typed(self.call(Invocation::Date { function, part, args, out }, &sql), out))
    }

    // --- functions of the session and of the catalog

    fn session_function(&mut self, name: &str, args: &[Typed]) -> Result<Typed> {
        let mut constants = Vec::new();
        for arg in args {
            match &arg.constant {
                Some(value) => constants.push(value.clone()),
                // The one login has the same rights on every object that there is.
                None if name == "HAS_PERMS_BY_NAME" => constants.push(Value::Null),
                None => return self.catalog_function(name, arg_of(args)),
            }
        }
        match self.env.session_fn(name, &constants)? {
            Some((ty, value)) => Ok(self.parameter(value, ty)),
            None if FOREIGN.contains(&name) => Err(messages::unknown_function(name)),
            None => Err(Error::unsupported(format!("the function {name}"))),
        }
    }

    /// OBJECT_NAME(id), SCHEMA_NAME(id), TYPE_NAME(id) … of a column: a CASE with one arm for each
    /// thing that there is.
    fn catalog_function(&self, name: &str, id: &str) -> Result<Typed> {
        const NAMES: [&str; 4] =
            ["OBJECT_NAME", "OBJECT_SCHEMA_NAME", "OBJECT_DEFINITION", "SCHEMA_NAME"];
        if NAMES.contains(&name)
            && let Some(number) = self.env.keep_catalog(self.database)
        {
            let length = if name == "OBJECT_DEFINITION" { Len::Max } else { Len::N(128) };
            let sql = format!("catalog_name({number},'{name}',{id})");
            return Ok(typed(sql, Type::NVarChar(length)));
        }
        let catalog = self.catalog();
        let objects = catalog.objects.iter();
        let mut ty = Type::NVarChar(Len::N(128));
        let names: Vec<(i64, String)> = match name {
            "OBJECT_NAME" => objects.map(|o| (o.id, o.name.clone())).collect(),
            "OBJECT_SCHEMA_NAME" => objects.map(|o| (o.id, o.schema.clone())).collect(),
            "SCHEMA_NAME" => catalog.schemas.iter().map(|(s, id)| (*id, s.clone())).collect(),
            "TYPE_NAME" => ALL_TYPES
                .iter()
                .map(|t| (t.name_and_id().1, t.name_and_id().0.to_owned()))
                .collect(),
            "OBJECT_DEFINITION" => {
                ty = Type::NVarChar(Len::Max);
                objects.filter_map(|o| Some((o.id, definition(o)?))).collect()
            }
            _ => {
                let what = format!("{name} of something that is not a constant");
                return Err(Error::unsupported(what));
            }
        };
        if names.is_empty() {
            return Ok(typed("NULL", ty));
        }
        let arms: Vec<String> = names
            .into_iter()
            .map(|(id, name)| format!("WHEN {id} THEN {}", literal_text(&name)))
            .collect();
        Ok(typed(format!("(CASE {id} {} END)", arms.join(" ")), ty))
    }
}

fn arg_of(args: &[Typed]) -> &str {
    args.first().map_or("NULL", |a| a.sql.as_str())
}

/// The word of a part of dates, and what follows it.
fn date_arguments<'a>(name: &str, arity: usize, args: &'a [Expr]) -> Result<(&'a str, &'a [Expr])> {
    match args.split_first() {
        Some((Expr::Column(parts), rest)) if args.len() == arity => Ok((parts[0].as_str(), rest)),
        _ => Err(messages::wrong_number_of_arguments(name, arity)),
    }
}

/// Whether a date may be made of it.
fn is_date(ty: Type) -> bool {
    ty.is_temporal()
        || ty.is_int() && ty != Type::Bit
        || ty.is_text() && ty != Type::Xml
        || ty == Type::Null
}

/// Whether DATETRUNC takes it.
fn is_truncated(ty: Type) -> bool {
    ty.is_temporal() || ty.is_text() && ty != Type::Xml
}

/// Refuses a part that a type has not.
fn check_part(function: DateFunction, part: Part, ty: Type) -> Result<()> {
    if function == DateFunction::Trunc {
        return part.check_truncated(if ty.is_temporal() { ty } else { Type::DateTime2(7) });
    }
    let checked = if function == DateFunction::Add { function } else { DateFunction::Part };
    let ty = if ty.is_temporal() { ty } else { Type::DateTimeOffset(7) };
    part.check(checked.name(), ty).map_err(|e| {
        let own = format!("function {}", function.name().to_lowercase());
        Error { message: e.message.replace("function datepart", &own), ..e }
    })
}
