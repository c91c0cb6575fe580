//! Views of many objects, and the names of objects, for the functions by which a statement's SQL
//! asks for them while it runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::Value as Stored;

use super::session::Engine;
use crate::catalog::describe::definition;
use crate::catalog::many::ViewOfMany;
use crate::catalog::views::{DatabaseFacts, Facts, SessionFacts};
use crate::catalog::{Catalog, Object, TableDef};
use crate::types::{Column, Value};

/// What a number stands for.
pub(super) enum Kept {
    View(KeptView),
    Catalog(Arc<Catalog>),
}

/// A view, with the part of it that is being read.
pub(super) struct KeptView {
    view: ViewOfMany,
    facts: FactsOfMany,
    now: Option<(i64, Vec<Vec<Value>>)>,
}

/// What one statement has numbers for; the next one begins anew.
#[derive(Default)]
pub(super) struct KeptViews(Mutex<(i64, HashMap<i64, Kept>)>);

/// The facts of a moment, for views whose rows are made after it.
struct FactsOfMany {
    /// By their ids.
    view_columns: HashMap<i64, Vec<Column>>,
    /// By their names in SQLite.
    counts: HashMap<String, i64>,
    identities: HashMap<i64, i64>,
}

impl Facts for FactsOfMany {
    fn row_count(&self, table: &TableDef) -> i64 {
        self.counts.get(&table.physical).copied().unwrap_or_default()
    }

    fn view_columns(&self, _: &Catalog, object: &Object) -> Vec<Column> {
        self.view_columns.get(&object.id).cloned().unwrap_or_default()
    }

    fn last_identity(&self, key: i64) -> Option<i64> {
        self.identities.get(&key).copied()
    }

    // Of the server no view is told in parts.

    fn server_name(&self) -> &str {
        ""
    }

    fn databases(&self) -> Vec<DatabaseFacts> {
        Vec::new()
    }

    fn session(&self) -> SessionFacts {
        SessionFacts::default()
    }
}

impl KeptViews {
    fn lock(&self) -> MutexGuard<'_, (i64, HashMap<i64, Kept>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep(&self, kept: Kept) -> i64 {
        let mut all = self.lock();
        all.0 += 1;
        let number = all.0;
        all.1.insert(number, kept);
        number
    }

    pub(super) fn clear(&self) {
        self.lock().1.clear();
    }

    /// Registers `view_part(view, part)`, the last row of a part, from 0; `view_cell(view, part,
    /// row, column)`; and `catalog_name(catalog, what, id)`.
    pub(super) fn give(connection: &Connection) -> rusqlite::Result<Arc<Self>> {
        let kept = Arc::new(Self::default());
        rusqlite::vtab::series::load_module(connection)?;
        let flags = FunctionFlags::SQLITE_UTF8;
        let views = kept.clone();
        connection.create_scalar_function("view_part", 2, flags, move |ctx| {
            Ok(views.row(ctx, |rows| rows.len() as i64 - 1)?.unwrap_or(-1))
        })?;
        let views = kept.clone();
        connection.create_scalar_function("view_cell", 4, flags, move |ctx| {
            let (row, column): (i64, i64) = (ctx.get(2)?, ctx.get(3)?);
            let cell = |rows: &[Vec<Value>]| {
                let row = rows.get(usize::try_from(row).ok()?)?;
                row.get(usize::try_from(column).ok()?).map(Value::to_lite)
            };
            Ok(views.row(ctx, cell)?.flatten().unwrap_or(Stored::Null))
        })?;
        let views = kept.clone();
        connection.create_scalar_function("catalog_name", 3, flags, move |ctx| {
            let (number, what): (i64, String) = (ctx.get(0)?, ctx.get(1)?);
            let Some(id) = ctx.get::<Option<i64>>(2)? else { return Ok(None) };
            let all = views.lock();
            let Some(Kept::Catalog(catalog)) = all.1.get(&number) else { return Ok(None) };
            Ok(name_of(catalog, &what, id))
        })?;
        Ok(kept)
    }

    /// Asks about the part that the first two arguments name.
    fn row<T>(
        &self,
        ctx: &Context<'_>,
        ask: impl FnOnce(&[Vec<Value>]) -> T,
    ) -> rusqlite::Result<Option<T>> {
        let (number, part): (i64, i64) = (ctx.get(0)?, ctx.get(1)?);
        let mut all = self.lock();
        let Some(Kept::View(kept)) = all.1.get_mut(&number) else { return Ok(None) };
        if kept.now.as_ref().is_none_or(|(now, _)| *now != part) {
            let position = usize::try_from(part).unwrap_or(usize::MAX);
            kept.now = Some((part, kept.view.part(position, &kept.facts)));
        }
        Ok(kept.now.as_ref().map(|(_, rows)| ask(rows)))
    }
}

fn name_of(catalog: &Catalog, what: &str, id: i64) -> Option<String> {
    if what == "SCHEMA_NAME" {
        return catalog.schemas.iter().find(|(_, i)| *i == id).map(|(name, _)| name.clone());
    }
    let object = catalog.by_id(id)?;
    match what {
        "OBJECT_NAME" => Some(object.name.clone()),
        "OBJECT_SCHEMA_NAME" => Some(object.schema.clone()),
        _ => definition(object),
    }
}

impl Engine {
    /// Keeps a view of many objects for the statement that runs, with the facts that it asks for.
    pub(super) fn keep_view(&self, view: ViewOfMany) -> i64 {
        let mut facts = FactsOfMany {
            view_columns: HashMap::new(),
            counts: HashMap::new(),
            identities: self.shared.identities().clone(),
        };
        let catalog = view.catalog();
        if view.reads_columns() {
            let all = catalog.objects.iter().filter(|o| o.table().is_none());
            let columns = all.map(|o| (o.id, self.view_columns(catalog, o)));
            facts.view_columns = columns.filter(|(_, c)| !c.is_empty()).collect();
        }
        if view.reads_counts() {
            let tables = catalog.objects.iter().filter_map(|o| o.table());
            let kept = tables.filter(|t| !t.is_empty());
            facts.counts = kept.map(|t| (t.physical.clone(), self.row_count(t))).collect();
        }
        self.kept.keep(Kept::View(KeptView { view, facts, now: None }))
    }
}
