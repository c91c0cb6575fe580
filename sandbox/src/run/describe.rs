//! What a batch will answer first, found without running it ("sp_describe_first_result_set"): each
//! path through it is followed to the first statement with rows, and all have to agree.

use std::cell::RefCell;
use std::collections::HashMap;

use super::change::Verb;
use super::session::Engine;
use crate::bind::{Binder, Deduced, Deductions, Described, Env};
use crate::catalog::many::Wanted;
use crate::catalog::views::{self, Content, Rows};
use crate::catalog::{Catalog, ObjectKind, TableDef};
use crate::error::{Error, Result};
use crate::functions::Calls;
use crate::messages;
use crate::syntax;
use crate::syntax::ast::{Body, Expr, Item, Name, ParamDef, Query, Statement, StatementKind};
use crate::types::{Column, Type, Value};

/// A result set that a batch may begin with.
#[derive(Debug, Clone)]
pub(super) struct FirstResult {
    pub(super) columns: Vec<Column>,
    /// For each column of ORDER BY: the column of the result that it is, and whether it descends.
    pub(super) order: Vec<(Option<usize>, bool)>,
    /// The text of its statement.
    statement: String,
}

/// What statements may do: answer rows, or go on without any.
struct Paths {
    first: Option<FirstResult>,
    goes_on: bool,
}

const GOES_ON: Paths = Paths { first: None, goes_on: true };

/// The session as a statement sees it that is not run: its parameters and variables have types, and
/// no values.
pub(super) struct Outline<'a> {
    engine: &'a Engine,
    variables: RefCell<HashMap<String, Type>>,
    /// Table variables that the batch declares.
    tables: HashMap<String, TableDef>,
    pub(super) deductions: Deductions,
    /// The database in which names are looked up.
    database: usize,
    /// The procedures that are looked into, innermost last.
    procedures: Vec<String>,
}

impl Env for Outline<'_> {
    fn catalog(&self, database: usize) -> &Catalog {
        self.engine.catalogs.get(database).unwrap_or_else(|| self.engine.catalog())
    }

    fn current_database(&self) -> usize {
        self.database
    }

    fn database(&self, name: &str) -> Result<Option<usize>> {
        self.engine.entered(name)
    }

    fn calls(&self) -> &Calls {
        self.engine.calls()
    }

    fn var(&self, name: &str) -> Option<(Type, Value)> {
        let ty = *self.variables.borrow().get(&name.to_lowercase())?;
        Some((ty, Value::Null))
    }

    fn temp(&self, name: &str) -> Option<&TableDef> {
        self.tables.get(&name.to_lowercase()).or_else(|| self.engine.temp(name))
    }

    fn session_fn(&self, name: &str, args: &[Value]) -> Result<Option<(Type, Value)>> {
        self.engine.session_fn(name, args)
    }

    fn deductions(&self) -> Option<&Deductions> {
        Some(&self.deductions)
    }

    fn described(&self, database: usize, name: &str, args: &[Value]) -> Result<Option<Described>> {
        // Of one within another the columns are known, and its rows are not asked for.
        let args = if args.is_empty() { &[] } else { &[Value::Null, Value::Null, Value::Null][..] };
        self.engine.described(database, name, args)
    }

    fn system_view(
        &self,
        _: usize,
        (schema, name): (&str, &str),
        _: &[Wanted],
    ) -> Result<Option<Rows>> {
        let columns = views::columns(schema, name);
        Ok(columns.map(|columns| Rows { columns, content: Content::List(Vec::new()) }))
    }

    fn keep_catalog(&self, _: usize) -> Option<i64> {
        None
    }
}

impl<'a> Outline<'a> {
    pub(super) fn new(engine: &'a Engine, database: usize, parameters: &[ParamDef]) -> Self {
        let types = parameters.iter().map(|p| (p.name.to_lowercase(), p.ty)).collect();
        Self {
            engine,
            variables: RefCell::new(types),
            tables: HashMap::new(),
            deductions: Deductions::default(),
            database,
            procedures: Vec::new(),
        }
    }

    /// As what stands in a procedure.
    pub(super) fn within(mut self, procedure: &str) -> Self {
        self.procedures.push(procedure.to_owned());
        self
    }

    /// The first result set of a batch; nothing when no path has one.
    pub(super) fn first_result(&mut self, sql: &str) -> Result<Option<FirstResult>> {
        let statements = syntax::batch(sql)?;
        super::control::check_declarations(&statements, &[])?;
        Ok(self.all(&statements, sql)?.first)
    }

    fn all(&mut self, statements: &[Statement], sql: &str) -> Result<Paths> {
        let mut first = None;
        for s in statements {
            let paths = self.one(s, sql).map_err(|e| e.at(s.line))?;
            first = merged(first, paths.first)?;
            if !paths.goes_on {
                return Ok(Paths { first, goes_on: false });
            }
        }
        Ok(Paths { first, goes_on: true })
    }

    fn one(&mut self, s: &Statement, sql: &str) -> Result<Paths> {
        let text = sql.get(s.range.0..s.range.1).unwrap_or_default().trim();
        let text = text.trim_end_matches(';').trim_end();
        match &s.kind {
            StatementKind::Query(query) => self.query(query, text),
            StatementKind::Insert(insert) => {
                self.change(&insert.target, &insert.output, Verb::Insert, text)
            }
            StatementKind::Update(update) => {
                self.change(&update.target, &update.output, Verb::Update, text)
            }
            StatementKind::Delete(delete) => {
                self.change(&delete.target, &delete.output, Verb::Delete, text)
            }
            StatementKind::If(condition, yes, no) => {
                Binder::new(self).predicate(condition)?;
                let yes = self.one(yes, sql)?;
                let no = match no {
                    Some(no) => self.one(no, sql)?,
                    None => GOES_ON,
                };
                let first = merged(yes.first, no.first)?;
                Ok(Paths { first, goes_on: yes.goes_on || no.goes_on })
            }
            StatementKind::While(condition, body) => {
                Binder::new(self).predicate(condition)?;
                Ok(Paths { goes_on: true, ..self.one(body, sql)? })
            }
            StatementKind::Block(list) => self.all(list, sql),
            StatementKind::Try(body, handler) => {
                let body = self.all(body, sql)?;
                let handler = self.all(handler, sql)?;
                let first = merged(body.first, handler.first)?;
                Ok(Paths { first, goes_on: body.goes_on || handler.goes_on })
            }
            StatementKind::Return(_) | StatementKind::Throw(_) => {
                Ok(Paths { first: None, goes_on: false })
            }
            StatementKind::Declare(list) => {
                for (name, ty, _) in list {
                    self.variables.borrow_mut().insert(name.to_lowercase(), *ty);
                }
                Ok(GOES_ON)
            }
            StatementKind::DeclareTable(name, columns, constraints) => {
                let mut scratch = self.catalog(self.database).clone();
                let physical = "temp.described".to_owned();
                let table =
                    super::table::define(self, &mut scratch, name, physical, columns, constraints)?;
                self.tables.insert(name.to_lowercase(), table);
                Ok(GOES_ON)
            }
            StatementKind::CreateTable(name, ..) if is_temporary(name) => {
                Err(messages::temporary_table_in_result(text, self.procedure()))
            }
            StatementKind::ExecText(_) => Err(messages::dynamic_sql(text, self.procedure())),
            StatementKind::Exec { name, .. } => self.call(name, text),
            _ => Ok(GOES_ON),
        }
    }

    pub(super) fn bind_condition(&self, condition: &Expr) -> Result<()> {
        Binder::new(self).predicate(condition).map(drop)
    }

    /// Binds a statement without control of flow, for what its parameters meet.
    pub(super) fn bind_statement(&mut self, engine: &Engine, s: &Statement) -> Result<()> {
        match &s.kind {
            StatementKind::Query(query) => Binder::new(self).query(query, true).map(drop),
            StatementKind::Insert(insert) => {
                let target = engine.target(&insert.target)?;
                super::insert::bind(self, insert, &target).map(drop)
            }
            StatementKind::Update(update) => {
                let target = engine.target_of(&update.target, &update.from)?;
                super::change::bind_update(self, update, &target).map(drop)
            }
            StatementKind::Delete(delete) => {
                let target = engine.target_of(&delete.target, &delete.from)?;
                super::change::bind_delete(self, delete, &target).map(drop)
            }
            StatementKind::SetVar(name, e) => self.bind_assignment(name, e),
            StatementKind::Print(e) | StatementKind::Delay(e) => {
                Binder::new(self).expr(e).map(drop)
            }
            // It declares what it declares, or has no parameters.
            _ => self.one(s, "").map(drop),
        }
    }

    /// SET of a variable: where nobody declared it, it gets what the value is.
    fn bind_assignment(&self, name: &str, e: &Expr) -> Result<()> {
        let mut binder = Binder::new(self);
        let value = binder.expr(e)?;
        match self.var(name) {
            Some((ty, _)) => binder.assign(value, ty).map(drop),
            None => {
                let (name, ty) = (name.to_owned(), value.ty);
                self.deductions.record(Deduced { name, ty, output: true, formal: None });
                Ok(())
            }
        }
    }

    fn procedure(&self) -> &str {
        self.procedures.last().map_or("", String::as_str)
    }

    fn query(&mut self, query: &Query, text: &str) -> Result<Paths> {
        let into = match &query.body {
            Body::Select(select) => select.into.as_ref(),
            _ => None,
        };
        let bound = Binder::new(self).query(query, true)?;
        if into.is_some_and(is_temporary) {
            return Err(messages::temporary_table_in_result(text, self.procedure()));
        }
        if into.is_some() || !bound.assigns.is_empty() {
            return Ok(GOES_ON);
        }
        if bound.pending {
            return Err(messages::undeclared_in_result(text, self.procedure()));
        }
        let order = query.order.iter().map(|o| (ordered(&o.expr, &bound.columns), o.descending));
        let first = FirstResult {
            order: order.collect(),
            columns: bound.columns,
            statement: text.to_owned(),
        };
        Ok(Paths { first: Some(first), goes_on: false })
    }

    /// A change answers rows where it has an OUTPUT.
    fn change(&mut self, name: &Name, output: &[Item], verb: Verb, text: &str) -> Result<Paths> {
        let declared = name.0.last().and_then(|n| self.tables.get(&n.to_lowercase())).cloned();
        let table = match declared {
            Some(table) => table,
            // An alias in FROM, which alone may be no table's name.
            None => match self.engine.target(name) {
                Ok(target) => target.table,
                Err(_) if output.is_empty() && name.0.len() == 1 => return Ok(GOES_ON),
                Err(e) => return Err(e),
            },
        };
        if output.is_empty() {
            return Ok(GOES_ON);
        }
        let mut binder = Binder::new(self);
        let (_, columns) = super::change::returning(&mut binder, verb, output, &table)?;
        let first = FirstResult { columns, order: Vec::new(), statement: text.to_owned() };
        Ok(Paths { first: Some(first), goes_on: false })
    }

    fn call(&mut self, name: &Name, text: &str) -> Result<Paths> {
        let shown = name.0.join(".");
        let Some((catalog, object)) = self.engine.found(name)? else {
            let bare = name.0.last().map_or("", String::as_str);
            return Err(if bare.eq_ignore_ascii_case("sp_executesql") {
                messages::dynamic_sql(text, self.procedure())
            } else if bare.to_ascii_lowercase().starts_with("sp_") {
                Error::unsupported(format!("the description of the procedure {shown}"))
            } else {
                messages::no_such_procedure(&shown, 62)
            });
        };
        let ObjectKind::Procedure(params, body) = &object.kind else {
            return Err(messages::no_such_procedure(&shown, 1));
        };
        if self.procedures.contains(&object.name) {
            return Err(messages::recursive_result(text, self.procedure()));
        }
        let mut inside = Outline::new(self.engine, super::ddl::position(&catalog), params);
        inside.procedures.clone_from(&self.procedures);
        inside.procedures.push(object.name.clone());
        let statements = syntax::batch(body)?;
        let first = inside.all(&statements, body)?.first;
        // Some path may have no rows, after which the batch goes on.
        let goes_on = first.is_none();
        Ok(Paths { first, goes_on })
    }
}

fn is_temporary(name: &Name) -> bool {
    name.0.last().is_some_and(|n| n.starts_with('#'))
}

/// One of two result sets that both may come first.
fn merged(a: Option<FirstResult>, b: Option<FirstResult>) -> Result<Option<FirstResult>> {
    let (Some(a), Some(b)) = (&a, &b) else { return Ok(a.or(b)) };
    let same = a.columns.len() == b.columns.len()
        && a.columns.iter().zip(&b.columns).all(|(x, y)| x.ty == y.ty && x.name == y.name);
    if !same {
        return Err(messages::incompatible_results(&a.statement, &b.statement));
    }
    // What one of them may leave empty may be empty.
    let nullable =
        |(x, y): (&Column, &Column)| Column { flags: x.flags | y.flags & 1, ..x.clone() };
    let columns = a.columns.iter().zip(&b.columns).map(nullable).collect();
    let order = if a.statement == b.statement { a.order.clone() } else { Vec::new() };
    Ok(Some(FirstResult { columns, order, statement: a.statement.clone() }))
}

/// The column of the result that a key of ORDER BY is.
fn ordered(key: &Expr, columns: &[Column]) -> Option<usize> {
    match key {
        Expr::Integer(n) => n.parse::<usize>().ok()?.checked_sub(1).filter(|n| *n < columns.len()),
        Expr::Column(parts) => {
            let name = parts.last()?;
            let is_it = |c: &Column| c.name.eq_ignore_ascii_case(name);
            let at = columns.iter().position(is_it)?;
            (columns.iter().filter(|c| is_it(c)).count() == 1).then_some(at)
        }
        _ => None,
    }
}
