//! sp_help of a table, a view or a procedure without parameters: what it is, its columns, and of a
//! table its identity, its indexes and its constraints.

mod constraints;
mod indexes;

use super::{Arguments, HelpPart, NAME, result_columns};
use crate::catalog::describe::{ColumnRow, columns_of};
use crate::catalog::views::{COLLATION_NAME, Facts, text};
use crate::catalog::{Catalog, Object, ObjectKind, TableDef};
use crate::error::{Error, Result};
use crate::messages;
use crate::names::written_name;
use crate::types::{DAY, Len, Type, Value};

const WORD: Type = Type::VarChar(Len::N(35));

pub(super) fn help(
    args: &Arguments,
    catalog: &Catalog,
    facts: &dyn Facts,
) -> Result<Vec<HelpPart>> {
    let Some(name) = args.text(0) else {
        return Err(Error::unsupported("sp_help of everything, the server's own objects among it"));
    };
    let written = written_name(name);
    if written.database().is_some_and(|d| !d.eq_ignore_ascii_case(&catalog.database)) {
        return Err(messages::object_of_another_database());
    }
    let object = catalog
        .find(&written)
        .ok_or_else(|| messages::object_does_not_exist(name, &catalog.database))?;
    let mut parts = vec![summary(object), HelpPart::Blank];
    match &object.kind {
        ObjectKind::Procedure(parameters, _) => {
            if !parameters.is_empty() {
                return Err(Error::unsupported("sp_help of a procedure with parameters"));
            }
        }
        ObjectKind::Function(_)
        | ObjectKind::Trigger(..)
        | ObjectKind::Synonym(_)
        | ObjectKind::Sequence(_) => {
            let what = object.type_code().1;
            return Err(Error::unsupported(format!("sp_help of a {what}")));
        }
        ObjectKind::View(_) => {
            parts.extend([HelpPart::Blank, columns(catalog, object, facts)]);
            parts.extend(identity(None));
            parts.extend([
                HelpPart::Blank,
                HelpPart::Message(messages::no_constraints(name)),
                HelpPart::Blank,
                HelpPart::Message(messages::no_references(name)),
                HelpPart::Message(messages::no_indexes(name)),
            ]);
        }
        ObjectKind::Table(table) => {
            parts.extend([HelpPart::Blank, columns(catalog, object, facts)]);
            parts.extend(identity(Some(table)));
            let group = result_columns(&[("Data_located_on_filegroup", NAME)]);
            parts.extend([HelpPart::Blank, HelpPart::Rows(group, vec![vec![text("PRIMARY")]])]);
            parts.extend([HelpPart::Blank, indexes::indexes(name, table), HelpPart::Blank]);
            parts.extend(constraints::constraints(name, object, table, catalog));
            parts.push(HelpPart::Message(messages::no_bound_views(name)));
        }
    }
    Ok(parts)
}

/// Everything belongs to dbo, and was made when the sandbox was.
fn summary(object: &Object) -> HelpPart {
    let kind = match object.kind {
        ObjectKind::Table(_) => "user table",
        ObjectKind::View(_) => "view",
        ObjectKind::Procedure(..) => "stored procedure",
        _ => "",
    };
    let created = Value::Int((719_162 + 20_089) * DAY);
    let columns = result_columns(&[
        ("Name", NAME),
        ("Owner", NAME),
        ("Type", Type::NVarChar(Len::N(31))),
        ("Created_datetime", Type::DateTime),
    ]);
    HelpPart::Rows(columns, vec![vec![text(&object.name), text("dbo"), text(kind), created]])
}

fn columns(catalog: &Catalog, object: &Object, facts: &dyn Facts) -> HelpPart {
    let titles = result_columns(&[
        ("Column_name", NAME),
        ("Type", NAME),
        ("Computed", WORD),
        ("Length", Type::Int),
        ("Prec", Type::Char(5)),
        ("Scale", Type::Char(5)),
        ("Nullable", WORD),
        ("TrimTrailingBlanks", WORD),
        ("FixedLenNullInSource", WORD),
        ("Collation", NAME),
    ]);
    HelpPart::Rows(titles, columns_of(catalog, object, facts).iter().map(column).collect())
}

fn column(column: &ColumnRow) -> Vec<Value> {
    let word = |on: bool| text(if on { "yes" } else { "no" });
    let padded = |number: Option<u8>| match number {
        Some(n) => text(format!("{n:<5}")),
        None => Value::Null,
    };
    let (precision, scale) = column.ty.precision_scale();
    // Of some types neither is shown, and floats have no scale.
    let (precision, scale) = match column.ty {
        Type::Real | Type::Float => (padded(Some(precision)), padded(None)),
        Type::Bit | Type::DateTime | Type::SmallDateTime => (text("     "), text("     ")),
        ty if ty.is_number() || ty.is_temporal() => (padded(Some(precision)), padded(Some(scale))),
        _ => (text("     "), text("     ")),
    };
    let is_single = matches!(column.ty, Type::Char(_) | Type::VarChar(_)) || column.ty.is_binary();
    let is_text = column.ty.is_text() && column.ty != Type::Xml;
    vec![
        text(&column.name),
        text(column.ty.name_and_id().0),
        word(column.is_computed()),
        Value::Int(column.ty.max_length()),
        precision,
        scale,
        word(column.nullable),
        text(if is_single { "no" } else { "(n/a)" }),
        if is_single { word(column.nullable) } else { text("(n/a)") },
        if is_text { text(COLLATION_NAME) } else { Value::Null },
    ]
}

/// The identity column and the one that is a ROWGUIDCOL, which no table of the sandbox has.
fn identity(table: Option<&TableDef>) -> Vec<HelpPart> {
    let found = table.and_then(|t| t.columns.iter().find(|c| c.identity.is_some()));
    let row = match found.and_then(|c| Some((&c.name, c.identity?))) {
        Some((name, (seed, increment))) => {
            let number = |n: i64| Value::Dec(i128::from(n));
            vec![text(name), number(seed), number(increment), Value::Int(0)]
        }
        None => {
            vec![text("No identity column defined."), Value::Null, Value::Null, Value::Null]
        }
    };
    let identity = result_columns(&[
        ("Identity", NAME),
        ("Seed", Type::Decimal(38, 0)),
        ("Increment", Type::Decimal(38, 0)),
        ("Not For Replication", Type::Int),
    ]);
    let guid = result_columns(&[("RowGuidCol", NAME)]);
    vec![
        HelpPart::Blank,
        HelpPart::Rows(identity, vec![row]),
        HelpPart::Blank,
        HelpPart::Rows(guid, vec![vec![text("No rowguidcol column defined.")]]),
    ]
}

/// The columns of a key, those that descend with a sign behind them.
fn key_columns(table: &TableDef, columns: &[(usize, bool)]) -> String {
    let list: Vec<String> = columns
        .iter()
        .map(|(at, descending)| {
            format!("{}{}", table.columns[*at].name, if *descending { "(-)" } else { "" })
        })
        .collect();
    list.join(", ")
}
