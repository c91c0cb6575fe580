//! UPDATE, DELETE, TRUNCATE TABLE, and what they have in common with INSERT.

use std::sync::Arc;

use super::session::Engine;
use crate::bind::{Binder, Env};
use crate::catalog::{Catalog, Object, TableDef, quote};
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::{Delete, Expr, Item, Name, Table, Update};
use crate::tds::out::Out;
use crate::types::Column;
use crate::types::{Type, Value};

/// What a statement does to a table.
#[derive(Clone, Copy)]
pub(super) enum Verb {
    Insert,
    Update,
    Delete,
}

impl Verb {
    pub(super) fn name(self) -> &'static str {
        match self {
            Verb::Insert => "INSERT",
            Verb::Update => "UPDATE",
            Verb::Delete => "DELETE",
        }
    }

    /// Its command in a DONE token.
    fn command(self) -> u16 {
        match self {
            Verb::Insert => 0xC3,
            Verb::Delete => 0xC4,
            Verb::Update => 0xC5,
        }
    }

    /// The one of OUTPUT's two tables that the sandbox has the values of.
    fn output_table(self) -> &'static str {
        match self {
            Verb::Insert | Verb::Update => "inserted",
            Verb::Delete => "deleted",
        }
    }
}

/// A table that a statement names.
pub(super) struct Target {
    /// None for a temporary one.
    pub(super) object: Option<Arc<Object>>,
    /// Of its database; for a temporary table that of the session's.
    pub(super) catalog: Arc<Catalog>,
    /// Its name in errors: with its schema, or as it was written.
    pub(super) label: String,
    pub(super) table: TableDef,
    /// What its identity values are counted under: the object's id, or for a temporary table a
    /// number below 0 that no other has, of this session or another.
    pub(super) identity_key: i64,
}

/// A change that is bound and only has to run.
pub(super) struct Change<'a> {
    pub(super) verb: Verb,
    pub(super) target: &'a Target,
    pub(super) sql: String,
    pub(super) binds: Vec<Value>,
    /// The columns of OUTPUT.
    pub(super) output: Vec<Column>,
}

/// How many temporary tables a session may make before another's identities are met.
const TABLES_PER_SESSION: i64 = 1_000_000;

/// RETURNING for a change's OUTPUT, and its columns.
pub(super) fn returning(
    binder: &mut Binder<'_>,
    verb: Verb,
    output: &[Item],
    table: &TableDef,
) -> Result<(String, Vec<Column>)> {
    if output.is_empty() {
        return Ok((String::new(), Vec::new()));
    }
    let (sql, columns) = binder.returning(output, table, verb.output_table())?;
    Ok((format!(" RETURNING {sql}"), columns))
}

/// The name that a FROM gives to an alias, or to the last part of a name.
fn aliased<'t>(table: &'t Table, alias: &str) -> Option<&'t Name> {
    match table {
        Table::Named { name, alias: Some(a) } => a.eq_ignore_ascii_case(alias).then_some(name),
        Table::Named { name, alias: None } => {
            name.0.last().is_some_and(|n| n.eq_ignore_ascii_case(alias)).then_some(name)
        }
        Table::Join { left, right, .. } => aliased(left, alias).or_else(|| aliased(right, alias)),
        _ => None,
    }
}

impl Engine {
    /// A table by its name.
    pub(super) fn target(&self, name: &Name) -> Result<Target> {
        if let Some(last) = name.0.last()
            && last.starts_with(['#', '@'])
        {
            let found = self.temporary(last);
            let temporary = found.ok_or_else(|| messages::invalid_object(name))?;
            return Ok(Target {
                object: None,
                catalog: self.catalog().clone(),
                label: name.0.join("."),
                table: temporary.table.clone(),
                identity_key: -(self.spid * TABLES_PER_SESSION + temporary.number),
            });
        }
        let (catalog, object) = self.found(name)?.ok_or_else(|| messages::invalid_object(name))?;
        let Some(table) = object.table().cloned() else {
            return Err(Error::unsupported(format!(
                "changing {} through a view",
                name.0.join(".")
            )));
        };
        let label = format!("{}.{}", object.schema, object.name);
        if table.is_empty() {
            return Err(Error::unsupported(format!("changing {label}, which is generated")));
        }
        let identity_key = catalog.identity_key(object.id);
        Ok(Target { label, table, identity_key, catalog, object: Some(object) })
    }

    /// The table that UPDATE or DELETE changes, which its FROM may name by an alias.
    pub(super) fn target_of(&self, name: &Name, from: &[Table]) -> Result<Target> {
        match name.0.as_slice() {
            [alias] => self.target(from.iter().find_map(|t| aliased(t, alias)).unwrap_or(name)),
            _ => self.target(name),
        }
    }

    /// 3906 for a table of a database that takes no changes; temporary ones are in none of these.
    pub(super) fn check_changeable(&self, target: &Target) -> Result<()> {
        if target.object.is_none() { Ok(()) } else { self.check_writable(&target.catalog) }
    }

    /// Runs a change; OUTPUT's rows go to the client.
    pub(super) fn change(&mut self, change: &Change<'_>, out: &mut Out) -> Result<()> {
        if self.doomed {
            return Err(messages::transaction_is_doomed());
        }
        self.check_changeable(change.target)?;
        let changes = Some((change.verb, change.target));
        let rows = if change.output.is_empty() {
            self.sqlite_execute(&change.sql, &change.binds, changes)?
        } else {
            self.send_rows(&change.sql, &change.binds, &change.output, changes, out)?
        };
        self.count(rows, change.verb.command(), out);
        Ok(())
    }

    pub(super) fn update(&mut self, update: &Update, out: &mut Out) -> Result<()> {
        let target = self.target_of(&update.target, &update.from)?;
        self.refuse_triggers(&target, Verb::Update)?;
        let change = bind_update(self, update, &target)?;
        self.change(&change, out)
    }

    pub(super) fn delete(&mut self, delete: &Delete, out: &mut Out) -> Result<()> {
        let target = self.target_of(&delete.target, &delete.from)?;
        self.refuse_triggers(&target, Verb::Delete)?;
        let change = bind_delete(self, delete, &target)?;
        self.change(&change, out)
    }

    /// TRUNCATE TABLE, after which identity values begin again.
    pub(super) fn truncate(&mut self, name: &Name) -> Result<()> {
        let target = self.target(name)?;
        let id = target.object.as_ref().map(|o| o.id);
        if let Some(id) = id
            && is_referenced(&target.catalog, id, None)
        {
            return Err(messages::truncated_table_is_referenced(&name.0.join(".")));
        }
        self.check_changeable(&target)?;
        self.sqlite_execute(&format!("DELETE FROM {}", target.table.physical), &[], None)?;
        if id.is_some() {
            self.shared.identities().remove(&target.identity_key);
        }
        Ok(())
    }

    /// The name in errors of the table with this identity key; none when it is no longer there.
    pub(super) fn label_of(&self, identity_key: i64) -> Option<String> {
        let find = |c: &Arc<Catalog>| {
            let object = c.objects.iter().find(|o| c.identity_key(o.id) == identity_key)?;
            Some(format!("{}.{}.{}", c.database, object.schema, object.name))
        };
        if let Some(label) = self.catalogs.iter().find_map(find) {
            return Some(label);
        }
        let number = -identity_key - self.spid * TABLES_PER_SESSION;
        let temporary = self.temporary.iter().find(|t| t.number == number)?;
        Some(format!("tempdb.dbo.{}", temporary.name))
    }
}

/// UPDATE as SQLite's, with everything bound.
pub(super) fn bind_update<'t>(
    env: &dyn Env,
    update: &Update,
    target: &'t Target,
) -> Result<Change<'t>> {
    let table = &target.table;
    let mut columns = Vec::new();
    for (name, _) in &update.sets {
        let position = table.position(name).ok_or_else(|| messages::invalid_column(name))?;
        let column = &table.columns[position];
        if column.identity.is_some() {
            return Err(messages::identity_column_is_fixed(&column.name));
        }
        if column.computed.is_some() {
            return Err(messages::computed_column(&column.name));
        }
        columns.push(column);
    }
    let values: Vec<(Type, Expr)> =
        columns.iter().zip(&update.sets).map(|(c, (_, e))| (c.ty, e.clone())).collect();
    let change = {
        let mut binder = Binder::new(env);
        let rows = binder.target_rows(
            &update.ctes,
            &update.target,
            &update.from,
            update.filter.as_ref(),
            update.top.as_ref(),
            &values,
        )?;
        let (returning, output) = returning(&mut binder, Verb::Update, &update.output, table)?;
        let sets: Vec<String> =
            columns.iter().enumerate().map(|(n, c)| format!("{}=z.v{n}", quote(&c.name))).collect();
        let (physical, sets) = (&table.physical, sets.join(","));
        Change {
            verb: Verb::Update,
            target,
            sql: format!(
                "UPDATE {physical} SET {sets} FROM ({rows}) AS z \
                 WHERE {physical}.rowid=z.r{returning}"
            ),
            binds: binder.binds,
            output,
        }
    };
    Ok(change)
}

/// The same of DELETE.
pub(super) fn bind_delete<'t>(
    env: &dyn Env,
    delete: &Delete,
    target: &'t Target,
) -> Result<Change<'t>> {
    let change = {
        let mut binder = Binder::new(env);
        let rows = binder.target_rows(
            &delete.ctes,
            &delete.target,
            &delete.from,
            delete.filter.as_ref(),
            delete.top.as_ref(),
            &[],
        )?;
        let (returning, output) =
            returning(&mut binder, Verb::Delete, &delete.output, &target.table)?;
        let physical = &target.table.physical;
        Change {
            verb: Verb::Delete,
            target,
            sql: format!(
                "DELETE FROM {physical} WHERE rowid IN (SELECT r FROM ({rows})){returning}"
            ),
            binds: binder.binds,
            output,
        }
    };
    Ok(change)
}

/// Whether a table has a foreign key to this one; one of them may not count.
pub(super) fn is_referenced(catalog: &Catalog, id: i64, but_by: Option<i64>) -> bool {
    let others = catalog.objects.iter().filter(|o| Some(o.id) != but_by);
    others.filter_map(|o| o.table()).flat_map(|t| &t.foreign).any(|f| f.table == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::ast::StatementKind;
    use crate::syntax::batch;

    #[test]
    fn an_alias_hides_the_name_behind_it() {
        let sql = "UPDATE x SET A = 1 FROM dbo.T AS x JOIN sales.U ON x.A = U.A";
        let statements = batch(sql).expect("an update");
        let StatementKind::Update(update) = &statements[0].kind else { panic!("{statements:?}") };
        let named = |alias: &str| {
            let found = update.from.iter().find_map(|t| aliased(t, alias));
            found.map(|n| n.0.join("."))
        };
        assert_eq!(named("X").as_deref(), Some("dbo.T"));
        assert_eq!(named("u").as_deref(), Some("sales.U"));
        assert_eq!(named("T"), None);
    }
}
