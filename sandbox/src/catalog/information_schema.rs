//! The `INFORMATION_SCHEMA` views (T-SQL "System Information Schema Views"), one entry each.

use crate::catalog::describe::{ColumnRow, columns_of, definition, definition_text, tables};
use crate::catalog::views::{
    COLLATION_NAME, Facts, INT, NAME, TEXT, View, int, ordinal, text, text_or_null,
};
use crate::catalog::{Catalog, Foreign, Object, ObjectKind};
use crate::names::DATABASE;
use crate::types::{Len, Type, Value};

const CONSTRAINT_COLUMN_USAGE: &[(&str, Type)] = &[
    ("CONSTRAINT_CATALOG", NAME),
    ("CONSTRAINT_SCHEMA", NAME),
    ("CONSTRAINT_NAME", NAME),
    ("TABLE_CATALOG", NAME),
    ("TABLE_SCHEMA", NAME),
    ("TABLE_NAME", NAME),
    ("COLUMN_NAME", NAME),
    ("ORDINAL_POSITION", INT),
];

pub(super) const VIEWS: &[View] = &[
    View {
        name: "tables",
        complete: true,
        columns: &[
            ("TABLE_CATALOG", NAME),
            ("TABLE_SCHEMA", NAME),
            ("TABLE_NAME", NAME),
            ("TABLE_TYPE", Type::VarChar(Len::N(10))),
        ],
        rows: |catalog, _| table_rows(catalog),
    },
    View {
        name: "views",
        complete: true,
        columns: &[
            ("TABLE_CATALOG", NAME),
            ("TABLE_SCHEMA", NAME),
            ("TABLE_NAME", NAME),
            ("VIEW_DEFINITION", Type::NVarChar(Len::N(4000))),
            ("CHECK_OPTION", Type::VarChar(Len::N(7))),
            ("IS_UPDATABLE", Type::VarChar(Len::N(2))),
        ],
        rows: |catalog, _| {
            let views = catalog.objects.iter().filter(|o| matches!(o.kind, ObjectKind::View(_)));
            views
                .map(|o| {
                    let end = [text_or_null(definition(o)), text("NONE"), text("NO")];
                    qualified(o).into_iter().chain(end).collect()
                })
                .collect()
        },
    },
    View {
        name: "schemata",
        complete: true,
        columns: &[
            ("CATALOG_NAME", NAME),
            ("SCHEMA_NAME", NAME),
            ("SCHEMA_OWNER", NAME),
            ("DEFAULT_CHARACTER_SET_CATALOG", Type::VarChar(Len::N(6))),
            ("DEFAULT_CHARACTER_SET_SCHEMA", Type::VarChar(Len::N(3))),
            ("DEFAULT_CHARACTER_SET_NAME", NAME),
        ],
        rows: |catalog, _| {
            let row = |name: &str| {
                let start = [text(DATABASE), text(name), text("dbo")];
                start.into_iter().chain([Value::Null, Value::Null, text("iso_1")]).collect()
            };
            catalog.schemas.iter().map(|(name, _)| row(name)).collect()
        },
    },
    View {
        name: "columns",
        complete: true,
        columns: &[
            ("TABLE_CATALOG", NAME),
            ("TABLE_SCHEMA", NAME),
            ("TABLE_NAME", NAME),
            ("COLUMN_NAME", NAME),
            ("ORDINAL_POSITION", INT),
            ("COLUMN_DEFAULT", Type::NVarChar(Len::N(4000))),
            ("IS_NULLABLE", Type::VarChar(Len::N(3))),
            ("DATA_TYPE", NAME),
            ("CHARACTER_MAXIMUM_LENGTH", INT),
            ("CHARACTER_OCTET_LENGTH", INT),
            ("NUMERIC_PRECISION", Type::TinyInt),
            ("NUMERIC_PRECISION_RADIX", Type::SmallInt),
            ("NUMERIC_SCALE", INT),
            ("DATETIME_PRECISION", Type::SmallInt),
            ("CHARACTER_SET_CATALOG", NAME),
            ("CHARACTER_SET_SCHEMA", NAME),
            ("CHARACTER_SET_NAME", NAME),
            ("COLLATION_CATALOG", NAME),
            ("COLLATION_SCHEMA", NAME),
            ("COLLATION_NAME", NAME),
            ("DOMAIN_CATALOG", NAME),
            ("DOMAIN_SCHEMA", NAME),
            ("DOMAIN_NAME", NAME),
        ],
        rows: columns,
    },
    View {
        name: "table_constraints",
        complete: true,
        columns: &[
            ("CONSTRAINT_CATALOG", NAME),
            ("CONSTRAINT_SCHEMA", NAME),
            ("CONSTRAINT_NAME", NAME),
            ("TABLE_CATALOG", NAME),
            ("TABLE_SCHEMA", NAME),
            ("TABLE_NAME", NAME),
            ("CONSTRAINT_TYPE", Type::VarChar(Len::N(11))),
            ("IS_DEFERRABLE", Type::VarChar(Len::N(2))),
            ("INITIALLY_DEFERRED", Type::VarChar(Len::N(2))),
        ],
        rows: |catalog, _| table_constraints(catalog),
    },
    View {
        name: "key_column_usage",
        complete: true,
        columns: CONSTRAINT_COLUMN_USAGE,
        rows: |catalog, _| constraint_columns(catalog),
    },
    View {
        name: "constraint_column_usage",
        complete: false,
        columns: CONSTRAINT_COLUMN_USAGE,
        rows: |catalog, _| constraint_columns(catalog),
    },
    View {
        name: "referential_constraints",
        complete: true,
        columns: &[
            ("CONSTRAINT_CATALOG", NAME),
            ("CONSTRAINT_SCHEMA", NAME),
            ("CONSTRAINT_NAME", NAME),
            ("UNIQUE_CONSTRAINT_CATALOG", NAME),
            ("UNIQUE_CONSTRAINT_SCHEMA", NAME),
            ("UNIQUE_CONSTRAINT_NAME", NAME),
            ("MATCH_OPTION", NAME),
            ("UPDATE_RULE", NAME),
            ("DELETE_RULE", NAME),
        ],
        rows: |catalog, _| referential_constraints(catalog),
    },
    View {
        name: "check_constraints",
        complete: true,
        columns: &[
            ("CONSTRAINT_CATALOG", NAME),
            ("CONSTRAINT_SCHEMA", NAME),
            ("CONSTRAINT_NAME", NAME),
            ("CHECK_CLAUSE", TEXT),
        ],
        rows: |catalog, _| check_constraints(catalog),
    },
    View {
        name: "sequences",
        complete: false,
        columns: &[
            ("SEQUENCE_CATALOG", NAME),
            ("SEQUENCE_SCHEMA", NAME),
            ("SEQUENCE_NAME", NAME),
            ("DATA_TYPE", NAME),
        ],
        rows: |_, _| Vec::new(),
    },
    View {
        name: "routines",
        complete: false,
        columns: &[
            ("ROUTINE_CATALOG", NAME),
            ("ROUTINE_SCHEMA", NAME),
            ("ROUTINE_NAME", NAME),
            ("ROUTINE_TYPE", NAME),
            ("ROUTINE_DEFINITION", TEXT),
        ],
        rows: |catalog, _| {
            let is_procedure =
                |o: &&std::sync::Arc<Object>| matches!(o.kind, ObjectKind::Procedure(..));
            let row = |o: &std::sync::Arc<Object>| {
                let end = [text("PROCEDURE"), text_or_null(definition(o))];
                qualified(o).into_iter().chain(end).collect()
            };
            catalog.objects.iter().filter(is_procedure).map(row).collect()
        },
    },
];

/// Database, schema and name.
fn qualified(object: &Object) -> [Value; 3] {
    named(object, &object.name)
}

/// The same of something in the object's schema.
fn named(object: &Object, name: &str) -> [Value; 3] {
    [text(DATABASE), text(&object.schema), text(name)]
}

fn table_rows(catalog: &Catalog) -> Vec<Vec<Value>> {
    let row = |object: &Object| {
        let kind = match object.kind {
            ObjectKind::Table(_) => "BASE TABLE",
            ObjectKind::View(_) => "VIEW",
            ObjectKind::Procedure(..) => return None,
        };
        Some(qualified(object).into_iter().chain([text(kind)]).collect())
    };
    catalog.objects.iter().filter_map(|o| row(o)).collect()
}

fn columns(catalog: &Catalog, facts: &dyn Facts) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for object in &catalog.objects {
        for (n, column) in columns_of(object, facts).into_iter().enumerate() {
            rows.push(column_row(object, n, &column));
        }
    }
    rows
}

fn column_row(object: &Object, position: usize, column: &ColumnRow) -> Vec<Value> {
    let ty = column.ty;
    let (precision, scale) = ty.precision_scale();
    let when = |applies: bool, value: Value| if applies { value } else { Value::Null };
    let has_length = ty.is_text() || ty.is_binary();
    let octets = ty.max_length();
    let length = if ty.is_unicode() && octets > 0 { octets / 2 } else { octets };
    let is_number = ty.is_number() && ty != Type::Bit;
    let mut row = Vec::from(qualified(object));
    row.extend([
        text(&column.name),
        ordinal(position),
        text_or_null(column.default_definition()),
        text(if column.nullable { "YES" } else { "NO" }),
        text(ty.name_and_id().0),
        when(has_length, int(length)),
        when(has_length, int(octets)),
        when(is_number, int(precision)),
        when(is_number, int(if ty.is_float() { 2 } else { 10 })),
        when(is_number && !ty.is_float(), int(scale)),
        when(ty.is_temporal(), int(scale)),
    ]);
    // Catalog and schema of a character set and of a collation are always NULL, as is a domain,
    // which is an alias type.
    let character_set = text(if ty.is_unicode() { "UNICODE" } else { "iso_1" });
    row.extend([Value::Null, Value::Null, when(ty.is_text(), character_set)]);
    row.extend([Value::Null, Value::Null, when(ty.is_text(), text(COLLATION_NAME))]);
    row.extend([Value::Null, Value::Null, Value::Null]);
    row
}

fn table_constraints(catalog: &Catalog) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in tables(catalog) {
        let mut add = |name: &str, kind: &str| {
            let mut row = Vec::from(named(object, name));
            row.extend(qualified(object));
            row.extend([text(kind), text("NO"), text("NO")]);
            rows.push(row);
        };
        for key in table.keys.iter().filter(|k| k.constraint) {
            add(&key.name, if key.primary { "PRIMARY KEY" } else { "UNIQUE" });
        }
        table.foreign.iter().for_each(|f| add(&f.name, "FOREIGN KEY"));
        table.checks.iter().for_each(|c| add(&c.name, "CHECK"));
    }
    rows
}

fn constraint_columns(catalog: &Catalog) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in tables(catalog) {
        let mut add = |name: &str, place: usize, column: usize| {
            let mut row = Vec::from(named(object, name));
            row.extend(qualified(object));
            row.extend([text(&table.columns[column].name), ordinal(place)]);
            rows.push(row);
        };
        for key in table.keys.iter().filter(|k| k.constraint) {
            let columns = key.columns.iter().enumerate();
            columns.for_each(|(place, (column, _))| add(&key.name, place, *column));
        }
        for key in &table.foreign {
            let columns = key.columns.iter().enumerate();
            columns.for_each(|(place, column)| add(&key.name, place, *column));
        }
    }
    rows
}

fn referential_constraints(catalog: &Catalog) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in tables(catalog) {
        for key in &table.foreign {
            let (unique_schema, unique_name) = referenced_key(catalog, key).unwrap_or_default();
            let mut row = Vec::from(named(object, &key.name));
            row.extend([text(DATABASE), text(unique_schema), text(unique_name)]);
            row.extend([
                text("SIMPLE"),
                text(key.on_update.replace('_', " ")),
                text(key.on_delete.replace('_', " ")),
            ]);
            rows.push(row);
        }
    }
    rows
}

/// Schema and name of the key that a foreign key refers to.
fn referenced_key(catalog: &Catalog, foreign: &Foreign) -> Option<(String, String)> {
    let object = catalog.by_id(foreign.table)?;
    let columns = foreign.refs.iter().copied();
    let mut keys = object.table()?.keys.iter();
    let key = keys.find(|k| k.unique && k.columns.iter().map(|c| c.0).eq(columns.clone()))?;
    Some((object.schema.clone(), key.name.clone()))
}

fn check_constraints(catalog: &Catalog) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in tables(catalog) {
        for check in &table.checks {
            let mut row = Vec::from(named(object, &check.name));
            row.push(text(definition_text(&check.text)));
            rows.push(row);
        }
    }
    rows
}
