//! INSERT: which columns it fills, with what, and the identity values that it gives.

use std::sync::atomic::Ordering;

use super::change::{Change, Target, Verb, returning};
use super::session::{Engine, NO_IDENTITY};
use crate::bind::{Binder, Env};
use crate::catalog::{ColumnMeta, TableDef, quote};
use crate::convert;
use crate::error::{Error, Result};
use crate::functions::Invocation;
use crate::messages;
use crate::syntax::ast::{Expr, Insert, Query, Source};
use crate::tds::out::Out;
use crate::types::{Type, Value};

/// The columns of an INSERT, as positions in its table.
struct Columns {
    /// Those that its rows have values for, in their order.
    given: Vec<usize>,
    /// All others but the computed ones: identities and defaults.
    filled: Vec<usize>,
}

impl Engine {
    pub(super) fn insert(&mut self, insert: &Insert, out: &mut Out) -> Result<()> {
        let target = self.target(&insert.target)?;
        self.refuse_triggers(&target, Verb::Insert)?;
        let gives_identity = self.options.identity_insert == Some(target.identity_key);
        let columns = insert_columns(insert, &target.table, gives_identity)?;
        let change = bind_insert(self, insert, &target, &columns)?;
        // What the last INSERT of the session gave stays, unless this one gives another.
        let before = self.last_identity.swap(NO_IDENTITY, Ordering::Relaxed);
        let changed = self.change(&change, out);
        match self.last_identity.load(Ordering::Relaxed) {
            NO_IDENTITY => self.last_identity.store(before, Ordering::Relaxed),
            given => self.frame().identity = Some(given),
        }
        changed?;
        if gives_identity { self.take_identity(&target) } else { Ok(()) }
    }

    /// After an INSERT that gave identity values itself: what comes next counts on from the
    /// largest.
    fn take_identity(&mut self, target: &Target) -> Result<()> {
        let Some(column) = target.table.columns.iter().find(|c| c.identity.is_some()) else {
            return Ok(());
        };
        let sql = format!("SELECT max({}) FROM {}", quote(&column.name), target.table.physical);
        if let Value::Int(largest) = self.sqlite_value(&sql, &[], Type::BigInt)? {
            let mut identities = self.shared.identities();
            let last = identities.entry(target.identity_key).or_insert(largest);
            *last = (*last).max(largest);
            drop(identities);
            self.last_identity.store(largest, Ordering::Relaxed);
            self.frame().identity = Some(largest);
        }
        Ok(())
    }
}

/// An INSERT that gives no identity values, bound.
pub(super) fn bind<'t>(env: &dyn Env, insert: &Insert, target: &'t Target) -> Result<Change<'t>> {
    let columns = insert_columns(insert, &target.table, false)?;
    bind_insert(env, insert, target, &columns)
}

fn bind_insert<'t>(
    env: &dyn Env,
    insert: &Insert,
    target: &'t Target,
    columns: &Columns,
) -> Result<Change<'t>> {
    let table = &target.table;
    let mut binder = Binder::new(env);
    let mut fill = Vec::new();
    for position in &columns.filled {
        let column = &table.columns[*position];
        fill.push(match column.identity {
            Some((seed, increment)) => {
                format!("next_identity({},{seed},{increment})", target.identity_key)
            }
            None => default_value(&mut binder, column)?,
        });
    }
    let given: Vec<&ColumnMeta> = columns.given.iter().map(|i| &table.columns[*i]).collect();
    let rows = match &insert.source {
        Source::Exec => return Err(Error::unsupported("INSERT … EXEC")),
        Source::Default => {
            let mut cells = Vec::new();
            for column in &given {
                cells.push(default_value(&mut binder, column)?);
            }
            cells.extend(fill);
            format!("VALUES ({})", cells.join(","))
        }
        Source::Values(rows) => {
            let named = !insert.columns.is_empty();
            values(&mut binder, rows, named, &given, &fill)?
        }
        Source::Query(query) => {
            let named = !insert.columns.is_empty();
            query_rows(&mut binder, query, named, &given, fill)?
        }
    };
    let (returning, output) = returning(&mut binder, Verb::Insert, &insert.output, table)?;
    let names = columns.given.iter().chain(&columns.filled);
    let names: Vec<String> = names.map(|i| quote(&table.columns[*i].name)).collect();
    Ok(Change {
        verb: Verb::Insert,
        target,
        sql: format!("INSERT INTO {} ({}) {rows}{returning}", table.physical, names.join(",")),
        binds: binder.binds,
        output,
    })
}

/// Which columns an INSERT fills, or why it may not.
fn insert_columns(insert: &Insert, table: &TableDef, gives_identity: bool) -> Result<Columns> {
    let all = 0..table.columns.len();
    let given: Vec<usize> = if insert.columns.is_empty() {
        let filled_by_server =
            |c: &ColumnMeta| c.computed.is_some() || c.identity.is_some() && !gives_identity;
        all.clone().filter(|i| !filled_by_server(&table.columns[*i])).collect()
    } else {
        let position =
            |name: &String| table.position(name).ok_or_else(|| messages::invalid_column(name));
        insert.columns.iter().map(position).collect::<Result<_>>()?
    };
    for column in given.iter().map(|i| &table.columns[*i]) {
        if column.identity.is_some() && !gives_identity {
            let name = insert.target.0.last().map_or("", String::as_str);
            return Err(messages::identity_insert_is_off(name));
        }
        if column.computed.is_some() {
            return Err(messages::computed_column(&column.name));
        }
    }
    let is_given =
        |column: &ColumnMeta| given.iter().any(|i| table.columns[*i].name == column.name);
    let mut identities = table.columns.iter().filter(|c| c.identity.is_some());
    if gives_identity && identities.any(|c| !is_given(c)) {
        let name = insert.target.0.last().map_or("", String::as_str);
        return Err(messages::identity_must_be_given(name));
    }
    let filled =
        all.filter(|i| !given.contains(i) && table.columns[*i].computed.is_none()).collect();
    Ok(Columns { given, filled })
}

/// A column's default, or NULL.
fn default_value(binder: &mut Binder<'_>, column: &ColumnMeta) -> Result<String> {
    match &column.default {
        Some((_, e, _)) => assigned(binder, e, column),
        None => Ok("NULL".to_owned()),
    }
}

/// A value as a column takes it.
fn assigned(binder: &mut Binder<'_>, e: &Expr, column: &ColumnMeta) -> Result<String> {
    let bound = binder.expr(e)?;
    binder.assign(bound, column.ty)
}

/// The rows of VALUES, each with what the server fills.
fn values(
    binder: &mut Binder<'_>,
    rows: &[Vec<Option<Expr>>],
    named: bool,
    given: &[&ColumnMeta],
    fill: &[String],
) -> Result<String> {
    let mut all = Vec::new();
    for row in rows {
        if row.len() != given.len() {
            return Err(if !named {
                messages::values_do_not_match_table()
            } else if row.len() < given.len() {
                messages::fewer_values_than_columns()
            } else {
                messages::more_values_than_columns()
            });
        }
        binder.next_row();
        let mut cells = Vec::new();
        for (value, column) in row.iter().zip(given) {
            cells.push(match value {
                Some(e) => assigned(binder, e, column)?,
                // The word DEFAULT.
                None => match &column.default {
                    Some((_, e, _)) => assigned(binder, e, column)?,
                    None => assigned(binder, &Expr::Null, column)?,
                },
            });
        }
        cells.extend(fill.iter().cloned());
        all.push(format!("({})", cells.join(",")));
    }
    Ok(format!("VALUES {}", all.join(",")))
}

/// The rows of a query, each with what the server fills.
fn query_rows(
    binder: &mut Binder<'_>,
    query: &Query,
    named: bool,
    given: &[&ColumnMeta],
    fill: Vec<String>,
) -> Result<String> {
    if query.json.is_some() {
        return Err(Error::unsupported("FOR JSON of a query whose rows are inserted"));
    }
    let bound = binder.query(query, true)?;
    if bound.columns.len() != given.len() {
        return Err(if !named {
            messages::values_do_not_match_table()
        } else if bound.columns.len() < given.len() {
            messages::fewer_items_than_columns()
        } else {
            messages::more_items_than_columns()
        });
    }
    let mut cells = Vec::new();
    for (n, (from, to)) in bound.columns.iter().zip(given).enumerate() {
        cells.push(assigned_column(binder, n, from.ty, to.ty)?);
    }
    cells.extend(fill);
    // A LIMIT keeps SQLite from dropping the ORDER BY that identity values follow.
    let keep = if query.order.is_empty() || bound.limited { "" } else { " LIMIT -1" };
    Ok(format!("SELECT {} FROM ({}{keep})", cells.join(","), bound.sql))
}

/// Column `n` of a bound query, as a table's column takes it.
fn assigned_column(binder: &Binder<'_>, n: usize, from: Type, to: Type) -> Result<String> {
    if from == to || from.is_int() && to.is_int() && to.precedence() >= from.precedence() {
        return Ok(format!("c{n}"));
    }
    convert::implicit(from, to)?;
    let id = binder.intern(Invocation::Assign { from, to });
    Ok(format!("f({id},c{n})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Name;

    /// A table of an identity, a plain column and a computed one.
    fn table() -> TableDef {
        let column = |name: &str| ColumnMeta {
            name: name.to_owned(),
            ty: Type::Int,
            nullable: true,
            identity: None,
            default: None,
            computed: None,
            description: None,
        };
        let id = ColumnMeta { identity: Some((1, 1)), ..column("Id") };
        let double = ColumnMeta { computed: Some(("N * 2".to_owned(), false)), ..column("Double") };
        TableDef {
            columns: std::sync::Arc::new(vec![id, column("N"), double]),
            ..TableDef::default()
        }
    }

    fn columns(names: &[&str], gives_identity: bool) -> Result<(Vec<usize>, Vec<usize>), u32> {
        let insert = Insert {
            target: Name(vec!["dbo".to_owned(), "T".to_owned()]),
            columns: names.iter().map(|n| (*n).to_owned()).collect(),
            source: Source::Default,
            output: Vec::new(),
        };
        let columns = insert_columns(&insert, &table(), gives_identity);
        columns.map(|c| (c.given, c.filled)).map_err(|e| e.number)
    }

    #[test]
    fn the_server_fills_what_is_not_given() {
        assert_eq!(columns(&[], false), Ok((vec![1], vec![0])));
        assert_eq!(columns(&["n"], false), Ok((vec![1], vec![0])));
        assert_eq!(columns(&[], true), Ok((vec![0, 1], vec![])));
        assert_eq!(columns(&["N", "Id"], true), Ok((vec![1, 0], vec![])));
    }

    #[test]
    fn what_may_not_be_given() {
        assert_eq!(columns(&["Nope"], false), Err(207));
        assert_eq!(columns(&["Id"], false), Err(544));
        assert_eq!(columns(&["Id", "Double"], true), Err(271));
        assert_eq!(columns(&["N"], true), Err(545));
    }
}
