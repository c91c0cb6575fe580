//! What people define beside tables and views: functions, synonyms, sequences.
//!
//! A function of one's own is not called: its text is bound where it is named, with what it is
//! given in the place of its parameters.

use super::from::{renamed, values_sql};
use super::{Binder, Bound, Meets, Source, Typed, literal, literal_text, typed};
use crate::catalog::{Object, ObjectKind};
use crate::convert::implicit;
use crate::error::{Error, Result};
use crate::messages;
use crate::names::Name;
use crate::syntax;
use crate::syntax::ast::{Expr, FunctionBody, FunctionDef, ParamDef};
use crate::types::{Column, Type, Value};

/// Describes a procedure, and may be asked about each of many.
const OF_AN_OBJECT: &str = "dm_exec_describe_first_result_set_for_object";

/// How deep functions may call each other.
const DEEPEST: u32 = 32;

impl Binder<'_> {
    // --- functions

    /// A scalar function's value.
    pub(super) fn own_call(&mut self, name: &Name, args: &[Expr]) -> Result<Typed> {
        let shown = name.0.join(".");
        let Some((database, function)) = self.own_function(name)? else {
            let first = name.0.first().map_or("", String::as_str);
            return Err(match self.catalog().schema(first) {
                Some(_) => messages::no_such_function(first, &shown),
                // A method of a value, perhaps.
                None => Error::unsupported(format!("the function {shown}")),
            });
        };
        let FunctionBody::Scalar(ty, body) = &function.body else {
            let first = name.0.first().map_or("", String::as_str);
            return Err(messages::no_such_function(first, &shown));
        };
        let Some(body) = body else {
            return Err(Error::unsupported(format!("a call of {shown}, which has statements")));
        };
        let args = self.own_arguments(&shown, &function.params, args)?;
        let body = syntax::expression(body)?;
        self.in_function(database, args, |b| {
            let value = b.expr(&body)?;
            implicit(value.ty, *ty)?;
            Ok(typed(b.coerce(value, *ty).sql, *ty))
        })
    }

    /// The rows of a function in FROM.
    pub(super) fn own_rows(&mut self, name: &Name, args: &[Expr]) -> Result<Bound> {
        let shown = name.0.join(".");
        if let Some(bound) = self.described(name, args)? {
            return Ok(bound);
        }
        let Some((database, function)) = self.own_function(name)? else {
            let owned = matches!(name.0.as_slice(), [.., schema, _] if
                !schema.eq_ignore_ascii_case("sys") && self.catalog().schema(schema).is_some());
            return Err(if owned {
                messages::invalid_object(name)
            } else {
                Error::unsupported(format!("the table function {shown}"))
            });
        };
        let body = match &function.body {
            FunctionBody::Inline(body) => body,
            FunctionBody::Table(_) => {
                let what = format!("a call of {shown}, whose rows statements make");
                return Err(Error::unsupported(what));
            }
            FunctionBody::Scalar(..) => return Err(messages::invalid_object(name)),
        };
        let args = self.own_arguments(&shown, &function.params, args)?;
        let query = syntax::query(body)?;
        self.in_function(database, args, |b| b.query(&query, false))
    }

    pub(super) fn own_source(
        &mut self,
        (name, args): (&Name, &[Expr]),
        alias: Option<&str>,
        names: &[String],
        sources: &mut Vec<Source>,
    ) -> Result<String> {
        let alias = alias.unwrap_or_else(|| name.0.last().map_or("", String::as_str));
        let bound = self.own_rows(name, args)?;
        let source = self.fresh('s');
        let columns = renamed(&bound.columns, names, alias, &source)?;
        sources.push(Source::derived(alias, columns));
        Ok(format!("({}) AS {source}", bound.sql))
    }

    /// The columns of an inline function, whatever it is given.
    pub(crate) fn function_columns(&mut self, function: &FunctionDef) -> Result<Bound> {
        let FunctionBody::Inline(body) = &function.body else {
            return Err(Error::internal("the columns of a function of statements"));
        };
        let args = function.params.iter().map(|p| (p.name.clone(), typed("NULL", p.ty))).collect();
        let query = syntax::query(body)?;
        self.in_function(self.database, args, |b| b.query(&query, false))
    }

    /// A function and the place of its database.
    fn own_function(&self, name: &Name) -> Result<Option<(usize, FunctionDef)>> {
        let Some(mut database) = self.database_of(name)? else { return Ok(None) };
        let mut found = self.env.catalog(database).find(name);
        if let Some(Object { kind: ObjectKind::Synonym(base), .. }) = found.map(|o| &**o) {
            let base = base.in_database(&self.env.catalog(database).database);
            let Some(there) = self.database_of(&base)? else { return Ok(None) };
            (database, found) = (there, self.env.catalog(there).find(&base));
        }
        Ok(match found.map(|o| &o.kind) {
            Some(ObjectKind::Function(function)) => Some((database, function.clone())),
            _ => None,
        })
    }

    /// What a function is given, by the names of its parameters and in their types.
    fn own_arguments(
        &mut self,
        function: &str,
        params: &[ParamDef],
        args: &[Expr],
    ) -> Result<Vec<(String, Typed)>> {
        if args.len() < params.len() {
            return Err(messages::missing_function_argument(function));
        }
        if args.len() > params.len() {
            return Err(messages::too_many_arguments(function, 3).compiled());
        }
        let mut out = Vec::new();
        for (param, arg) in params.iter().zip(args) {
            let value = self.expr(arg)?;
            self.settle(&value, Meets::Exactly(param.ty), Some(&param.name));
            implicit(value.ty, param.ty)?;
            let value = self.coerce(value, param.ty);
            out.push((param.name.clone(), Typed { name: None, pending: None, ..value }));
        }
        Ok(out)
    }

    /// Binds what stands in a function, which sees its parameters and its database alone.
    fn in_function<T>(
        &mut self,
        database: usize,
        args: Vec<(String, Typed)>,
        bind: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if self.calls >= DEEPEST {
            return Err(messages::nested_too_deeply());
        }
        self.calls += 1;
        let (scopes, ctes) = (std::mem::take(&mut self.scopes), std::mem::take(&mut self.ctes));
        let outside = std::mem::replace(&mut self.database, database);
        let arguments = self.arguments.replace(args);
        let out = bind(self);
        (self.scopes, self.ctes, self.database) = (scopes, ctes, outside);
        self.arguments = arguments;
        self.calls -= 1;
        out
    }

    // --- functions that describe statements

    /// The rows of a function of the schema sys that describes statements, if it is one.
    fn described(&mut self, name: &Name, args: &[Expr]) -> Result<Option<Bound>> {
        let [.., schema, function] = name.0.as_slice() else { return Ok(None) };
        if !schema.eq_ignore_ascii_case("sys") {
            return Ok(None);
        }
        let Some(database) = self.database_of(name)? else { return Ok(None) };
        let mark = self.binds.len();
        let args = args.iter().map(|a| self.expr(a)).collect::<Result<Vec<_>>>()?;
        let is_null = |a: &Typed| (a.ty == Type::Null).then_some(Value::Null);
        let given: Option<Vec<Value>> =
            args.iter().map(|a| a.constant.clone().or_else(|| is_null(a))).collect();
        let each = given.is_none() && function.eq_ignore_ascii_case(OF_AN_OBJECT);
        let Some(given) = given.or_else(|| each.then(Vec::new)) else {
            let what = format!("{function} of what is not a constant");
            return Err(Error::unsupported(what));
        };
        let Some((columns, rows)) = self.env.described(database, function, &given)? else {
            return Ok(None);
        };
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(literal).collect()).collect();
        let count = columns.len() + usize::from(each);
        let mut sql = match rows.is_empty() {
            true => {
                let nulls: Vec<String> = (0..count).map(|i| format!("NULL AS c{i}")).collect();
                format!("SELECT {} WHERE 0", nulls.join(","))
            }
            false => values_sql(count, rows),
        };
        if !each {
            // What was given is in the rows already.
            self.binds.truncate(mark);
            self.variables.retain(|(_, number)| *number <= mark);
        } else {
            let id = args.first().map_or("NULL", |a| a.sql.as_str());
            sql = self.of_one_object(database, &sql, id, columns.len());
        }
        let columns = columns.iter().map(|(name, ty)| Column::new(*name, *ty)).collect();
        Ok(Some(Bound { sql, columns, assigns: Vec::new(), pending: false, limited: false }))
    }

    /// Of the rows of all objects, behind their ids, those of one; of any other it is said that it
    /// has none.
    fn of_one_object(&self, database: usize, all: &str, id: &str, count: usize) -> String {
        let list: Vec<String> = (0..count).map(|i| format!("c{} AS c{i}", i + 1)).collect();
        let described = |o: &&std::sync::Arc<Object>| {
            matches!(o.kind, ObjectKind::Procedure(..) | ObjectKind::Trigger(..))
        };
        let objects = self.env.catalog(database).objects.iter();
        let ids: Vec<String> = objects.filter(described).map(|o| o.id.to_string()).collect();
        let other = messages::object_without_results("{id}");
        let (before, behind) = other.message.split_once("{id}").unwrap_or_default();
        let mut cells = vec!["NULL".to_owned(); count];
        for at in [0, 1, 3, 4, 6, 7, 8] {
            cells[at] = "0".to_owned();
        }
        let message = format!("{}||{id}||{}", literal_text(before), literal_text(behind));
        let errors = [
            other.number.to_string(),
            other.class.to_string(),
            "1".to_owned(),
            message,
            "12".to_owned(),
            "'OBJECT_TYPE_NOT_SUPPORTED'".to_owned(),
        ];
        for (cell, error) in cells.iter_mut().rev().zip(errors.into_iter().rev()) {
            *cell = error;
        }
        format!(
            "SELECT {} FROM ({all}) WHERE c0={id} UNION ALL SELECT {} WHERE {id} NOT IN ({})",
            list.join(","),
            cells.join(","),
            ids.join(",")
        )
    }

    // --- synonyms

    /// What a synonym stands for, as a source.
    pub(super) fn synonym(
        &mut self,
        database: usize,
        (object, base): (&Object, &Name),
        alias: &str,
        sources: &mut Vec<Source>,
    ) -> Result<String> {
        let own = &self.env.catalog(database).database;
        let qualified = Some([own.clone(), object.schema.clone(), object.name.clone()]);
        let base = base.in_database(own);
        if let Some(there) = self.database_of(&base)?
            && let Some(found) = self.env.catalog(there).find(&base)
            && matches!(found.kind, ObjectKind::Synonym(_))
        {
            return Err(messages::synonym_of_a_synonym(&object.name, &found.name));
        }
        let sql = self.named(&base, Some(alias), sources).map_err(|e| match e.number {
            208 => messages::synonym_of_nothing(&object.name),
            _ => e,
        })?;
        if let Some(source) = sources.last_mut() {
            source.qualified = qualified;
        }
        Ok(sql)
    }

    // --- sequences

    /// NEXT VALUE FOR: one value for each row.
    pub(super) fn next_value(&mut self, name: &Name) -> Result<Typed> {
        if self.calls > 0 || self.depth > 1 {
            return Err(messages::sequence_within_a_query());
        }
        if self.without_sequences > 0 {
            return Err(messages::sequence_in_a_clause());
        }
        let database = self.database_of(name)?.ok_or_else(|| messages::invalid_object(name))?;
        let catalog = self.env.catalog(database);
        let object = catalog.find(name).ok_or_else(|| messages::invalid_object(name))?;
        let ObjectKind::Sequence(s) = &object.kind else {
            return Err(messages::no_sequence(&name.0.join(".")));
        };
        let key = catalog.identity_key(object.id);
        if self.sequences.contains(&key) {
            return Err(Error::unsupported("one sequence twice in a row"));
        }
        self.sequences.push(key);
        let sql = format!(
            "next_sequence({key},{},{},{},{},{},{})",
            literal(&Value::Int(s.start)),
            s.increment,
            literal(&Value::Int(s.minimum)),
            s.maximum,
            i64::from(s.cycle),
            literal_text(&object.name)
        );
        Ok(typed(sql, s.ty))
    }

    /// Another row begins, which takes the next value of a sequence.
    pub(crate) fn next_row(&mut self) {
        self.sequences.clear();
    }

    /// Binds a clause in which no sequence may be named.
    pub(super) fn clause_without_sequences<T>(&mut self, bind: impl FnOnce(&mut Self) -> T) -> T {
        self.without_sequences += 1;
        let out = bind(self);
        self.without_sequences -= 1;
        out
    }
}
