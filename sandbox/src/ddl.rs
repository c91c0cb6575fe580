//! CREATE TABLE and its kin: from the syntax tree to a [`TableDef`] and to SQLite's DDL.

use crate::ast::{ColumnDef, Constraint, Name};
use crate::bind::{Binder, Env, duplicate};
use crate::catalog::{Catalog, Check, ColumnMeta, Foreign, Key, TableDef, quote};
use crate::error::{Error, Result};
use crate::types::Type;

/// Builds a table. `label` is its name as errors and generated constraint names spell it.
pub fn table(
    env: &dyn Env,
    catalog: &mut Catalog,
    label: &str,
    physical: String,
    columns: &[ColumnDef],
    constraints: &[Constraint],
) -> Result<TableDef> {
    let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    if let Some(d) = duplicate(&names) {
        return Err(Error::new(
            2705,
            16,
            format!(
                "Column names in each table must be unique. Column name '{d}' in table '{label}' is specified more than once."
            ),
        ));
    }
    if let Some(n) =
        names.iter().find(|n| ["rowid", "oid", "_rowid_"].iter().any(|r| n.eq_ignore_ascii_case(r)))
    {
        return Err(Error::unsupported(format!("a column named {n}")));
    }
    let mut t = TableDef { physical, ..TableDef::default() };
    for c in columns {
        let ty = c.ty.unwrap_or(Type::Int);
        let mut meta = ColumnMeta {
            name: c.name.clone(),
            ty,
            nullable: c.nullable.unwrap_or(c.identity.is_none()),
            identity: c.identity,
            default: None,
            computed: c.computed.as_ref().map(|(_, text, p)| (text.clone(), *p)),
            description: None,
        };
        if let Some((name, e, text)) = &c.default {
            let name = name.clone().unwrap_or_else(|| format!("DF__{label}__{}", c.name));
            meta.default = Some((name, e.clone(), text.clone()));
        }
        t.columns.push(meta);
    }
    // A computed column's type is that of its expression over the others.
    for (i, c) in columns.iter().enumerate() {
        if let Some((e, _, _)) = &c.computed {
            let ty = Binder::new(env).over_table(e, &t, false)?.ty;
            t.columns[i].ty = ty;
        }
    }
    let inline =
        columns.iter().flat_map(|c| c.inline.iter().map(move |k| (k, Some(c.name.as_str()))));
    for (k, column) in inline.chain(constraints.iter().map(|k| (k, None))) {
        add_constraint(env, catalog, label, &mut t, k, column)?;
    }
    Ok(t)
}

/// Adds one constraint to a table.
pub fn add_constraint(
    env: &dyn Env,
    catalog: &mut Catalog,
    label: &str,
    t: &mut TableDef,
    k: &Constraint,
    column: Option<&str>,
) -> Result<()> {
    let position = |t: &TableDef, n: &str| {
        t.position(n).ok_or_else(|| {
            Error::new(
                1911,
                16,
                format!("Column name '{n}' does not exist in the target table or view."),
            )
        })
    };
    match k {
        Constraint::Key { name, primary, columns } => {
            if *primary && t.keys.iter().any(|k| k.primary) {
                return Err(Error::new(
                    8110,
                    16,
                    format!("Cannot add multiple PRIMARY KEY constraints to table '{label}'."),
                ));
            }
            let mut cols = Vec::new();
            for (n, desc) in columns {
                let p = position(t, n)?;
                if *primary {
                    t.columns[p].nullable = false;
                }
                cols.push((p, *desc));
            }
            let id = catalog.fresh();
            let name = name.clone().unwrap_or_else(|| {
                format!("{}__{label}__{id:X}", if *primary { "PK" } else { "UQ" })
            });
            let key =
                Key { id, name, primary: *primary, constraint: true, unique: true, columns: cols };
            if *primary { t.keys.insert(0, key) } else { t.keys.push(key) }
        }
        Constraint::Check { name, expr, text } => {
            Binder::new(env).over_table(expr, t, true)?;
            let id = catalog.fresh();
            t.checks.push(Check {
                id,
                name: name.clone().unwrap_or_else(|| format!("CK__{label}__{id:X}")),
                text: text.clone(),
                column: column.and_then(|c| t.position(c)),
            });
        }
        Constraint::Foreign { name, columns, table, refs, on_delete, on_update } => {
            let own = columns.iter().map(|n| position(t, n)).collect::<Result<Vec<_>>>()?;
            let id = catalog.fresh();
            let target = catalog.find(table).cloned();
            let (target_id, def) = match &target {
                Some(o) => (o.id, o.table().cloned()),
                None => {
                    return Err(Error::new(
                        1767,
                        16,
                        format!(
                            "Foreign key '{}' references invalid table '{}'.",
                            name.clone().unwrap_or_default(),
                            table.0.join(".")
                        ),
                    ));
                }
            };
            let Some(def) = def else {
                return Err(Error::new(1768, 16, "A foreign key must reference a user table."));
            };
            let refs = if refs.is_empty() {
                def.keys
                    .iter()
                    .find(|k| k.primary)
                    .map(|k| k.columns.iter().map(|c| c.0).collect())
                    .unwrap_or_default()
            } else {
                refs.iter().map(|n| position(&def, n)).collect::<Result<Vec<_>>>()?
            };
            if !def
                .keys
                .iter()
                .any(|k| k.unique && k.columns.iter().map(|c| c.0).eq(refs.iter().copied()))
            {
                return Err(Error::new(
                    1776,
                    16,
                    format!(
                        "There are no primary or candidate keys in the referenced table '{}' that match the referencing column list in the foreign key.",
                        table.0.join(".")
                    ),
                ));
            }
            t.foreign.push(Foreign {
                id,
                name: name.clone().unwrap_or_else(|| format!("FK__{label}__{id:X}")),
                columns: own,
                table: target_id,
                refs,
                on_delete: on_delete.clone(),
                on_update: on_update.clone(),
            });
        }
    }
    Ok(())
}

/// SQLite's CREATE TABLE.
pub fn create_sql(env: &dyn Env, catalog: &Catalog, t: &TableDef) -> Result<String> {
    let mut parts = Vec::new();
    for c in &t.columns {
        parts.push(column_sql(env, t, c)?);
    }
    for k in t.keys.iter().filter(|k| k.constraint) {
        parts.push(format!(
            "{} ({})",
            if k.primary { "PRIMARY KEY" } else { "UNIQUE" },
            key_list(t, k)
        ));
    }
    for k in &t.checks {
        let e = crate::parser::batch(&format!("IF {} RETURN", k.text))?;
        let Some(crate::ast::StatementKind::If(e, ..)) = e.into_iter().next().map(|s| s.kind)
        else {
            return Err(Error::internal("a check"));
        };
        parts.push(format!(
            "CONSTRAINT {} CHECK {}",
            quote(&k.name),
            Binder::new(env).over_table(&e, t, true)?.sql
        ));
    }
    for f in &t.foreign {
        let Some(r) = catalog.by_id(f.table) else { continue };
        let Some(def) = r.table() else { continue };
        let cols = |d: &TableDef, l: &[usize]| {
            l.iter().map(|i| quote(&d.columns[*i].name)).collect::<Vec<_>>().join(",")
        };
        parts.push(format!(
            "FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}",
            cols(t, &f.columns),
            def.physical.trim_start_matches("main."),
            cols(def, &f.refs),
            f.on_delete.replace('_', " "),
            f.on_update.replace('_', " ")
        ));
    }
    Ok(format!("CREATE TABLE {} ({})", t.physical, parts.join(", ")))
}

/// One column of CREATE TABLE or ALTER TABLE ADD.
pub fn column_sql(env: &dyn Env, t: &TableDef, c: &ColumnMeta) -> Result<String> {
    let mut s = format!("{} {}", quote(&c.name), c.ty.lite());
    if let Some((text, _)) = &c.computed {
        let e = crate::parser::expression(text)?;
        s += &format!(
            " GENERATED ALWAYS AS ({}) VIRTUAL",
            Binder::new(env).over_table(&e, t, false)?.sql
        );
    } else if !c.nullable {
        s += " NOT NULL";
    }
    Ok(s)
}

/// The columns of a key.
pub fn key_list(t: &TableDef, k: &Key) -> String {
    k.columns
        .iter()
        .map(|(i, desc)| {
            format!("{}{}", quote(&t.columns[*i].name), if *desc { " DESC" } else { "" })
        })
        .collect::<Vec<_>>()
        .join(",")
}

/// The label of a name in error texts.
pub fn label(name: &Name) -> String {
    name.0.last().cloned().unwrap_or_default()
}
