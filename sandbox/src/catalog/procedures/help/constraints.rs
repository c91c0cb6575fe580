//! The constraints of a table, and the foreign keys that refer to it, as sp_helpconstraint shows
//! them.

use super::key_columns;
use crate::catalog::describe::{definition_text, tables};
use crate::catalog::procedures::{HelpPart, NAME, result_columns};
use crate::catalog::views::text;
use crate::catalog::{Catalog, Foreign, Object, TableDef};
use crate::messages;
use crate::types::{Len, Type, Value};

/// A row: the name that it is ordered by, and the seven texts.
type Row = (String, [String; 7]);

pub(super) fn constraints(
    name: &str,
    object: &Object,
    table: &TableDef,
    catalog: &Catalog,
) -> Vec<HelpPart> {
    let mut rows = keys(table);
    rows.extend(checks(table));
    rows.extend(defaults(table));
    for foreign in &table.foreign {
        rows.extend(references(foreign, table, catalog));
    }
    // The second line of a foreign key has no name, and comes behind the first.
    rows.sort_by(|(a, x), (b, y)| a.to_lowercase().cmp(&b.to_lowercase()).then(y[1].cmp(&x[1])));
    let columns = result_columns(&[
        ("constraint_type", Type::NVarChar(Len::N(146))),
        ("constraint_name", NAME),
        ("delete_action", Type::NVarChar(Len::N(9))),
        ("update_action", Type::NVarChar(Len::N(9))),
        ("status_enabled", Type::VarChar(Len::N(8))),
        ("status_for_replication", Type::VarChar(Len::N(19))),
        ("constraint_keys", Type::NVarChar(Len::N(2078))),
    ]);
    let own = match rows.is_empty() {
        true => HelpPart::Message(messages::no_constraints(name)),
        false => {
            HelpPart::Rows(columns, rows.into_iter().map(|(_, r)| r.map(text).into()).collect())
        }
    };
    vec![own, HelpPart::Blank, referenced_by(name, object, catalog)]
}

fn plain(kind: String, name: &str, keys: String) -> Row {
    let none = || "(n/a)".to_owned();
    (name.to_owned(), [kind, name.to_owned(), none(), none(), none(), none(), keys])
}

fn keys(table: &TableDef) -> Vec<Row> {
    let row = |k: &crate::catalog::Key| {
        let kind = if k.primary { "PRIMARY KEY (clustered)" } else { "UNIQUE (non-clustered)" };
        plain(kind.to_owned(), &k.name, key_columns(table, &k.columns))
    };
    table.keys.iter().filter(|k| k.constraint).map(row).collect()
}

fn defaults(table: &TableDef) -> Vec<Row> {
    let row = |c: &crate::catalog::ColumnMeta| {
        let (name, _, definition) = c.default.as_ref()?;
        let kind = format!("DEFAULT on column {}", c.name);
        Some(plain(kind, name, definition_text(definition)))
    };
    table.columns.iter().filter_map(row).collect()
}

fn checks(table: &TableDef) -> Vec<Row> {
    let row = |check: &crate::catalog::Check| {
        let kind = match check.column {
            Some(at) => format!("CHECK on column {}", table.columns[at].name),
            None => "CHECK Table Level ".to_owned(),
        };
        let (name, mut row) = plain(kind, &check.name, definition_text(&check.text));
        row[4] = "Enabled".to_owned();
        row[5] = "Is_For_Replication".to_owned();
        (name, row)
    };
    table.checks.iter().map(row).collect()
}

/// A foreign key has two lines: its own columns, and those that it refers to.
fn references(foreign: &Foreign, table: &TableDef, catalog: &Catalog) -> Vec<Row> {
    let list = |table: &TableDef, columns: &[usize]| {
        key_columns(table, &columns.iter().map(|at| (*at, false)).collect::<Vec<_>>())
    };
    let action = |written: &str| match written.to_ascii_uppercase().replace('_', " ").as_str() {
        "CASCADE" => "Cascade".to_owned(),
        _ => "No Action".to_owned(),
    };
    let first = [
        "FOREIGN KEY".to_owned(),
        foreign.name.clone(),
        action(&foreign.on_delete),
        action(&foreign.on_update),
        "Enabled".to_owned(),
        "Is_For_Replication".to_owned(),
        list(table, &foreign.columns),
    ];
    let mut rows = vec![(foreign.name.clone(), first)];
    if let Some(target) = catalog.by_id(foreign.table)
        && let Some(there) = target.table()
    {
        let keys = format!(
            "REFERENCES {}.{}.{} ({})",
            catalog.database,
            target.schema,
            target.name,
            list(there, &foreign.refs)
        );
        let blank = || " ".to_owned();
        let second = [blank(), blank(), blank(), blank(), blank(), blank(), keys];
        rows.push((foreign.name.clone(), second));
    }
    rows
}

fn referenced_by(name: &str, object: &Object, catalog: &Catalog) -> HelpPart {
    let mut found: Vec<String> = tables(catalog)
        .flat_map(|(o, t)| t.foreign.iter().map(move |f| (o, f)))
        .filter(|(_, f)| f.table == object.id)
        .map(|(o, f)| format!("{}.{}.{}: {}", catalog.database, o.schema, o.name, f.name))
        .collect();
    if found.is_empty() {
        return HelpPart::Message(messages::no_references(name));
    }
    found.sort_by_key(|f| f.to_lowercase());
    let columns =
        result_columns(&[("Table is referenced by foreign key", Type::NVarChar(Len::N(516)))]);
    let rows: Vec<Vec<Value>> = found.into_iter().map(|f| vec![text(f)]).collect();
    HelpPart::Rows(columns, rows)
}
