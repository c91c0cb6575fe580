//! The `INFORMATION_SCHEMA` views (T-SQL "System Information Schema Views"), one entry each.

use crate::catalog::describe::{ColumnRow, columns_of, definition, definition_text};
use crate::catalog::selection::Selection;
use crate::catalog::views::{
    COLLATION_NAME, Facts, INT, NAME, Reads, TEXT, View, int, ordinal, text, text_or_null,
};
use crate::catalog::{Foreign, Object, ObjectKind};
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
        reads: Reads::Objects,
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
        reads: Reads::Objects,
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
                    qualified(catalog, o).into_iter().chain(end).collect()
                })
                .collect()
        },
    },
    View {
        name: "schemata",
        complete: true,
        reads: Reads::Whole,
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
                let start = [text(&catalog.database), text(name), text("dbo")];
                start.into_iter().chain([Value::Null, Value::Null, text("iso_1")]).collect()
            };
            catalog.schemas.iter().map(|(name, _)| row(name)).collect()
        },
    },
    View {
        name: "columns",
        complete: true,
        reads: Reads::Columns,
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
        reads: Reads::Objects,
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
        reads: Reads::Objects,
        columns: CONSTRAINT_COLUMN_USAGE,
        rows: |catalog, _| constraint_columns(catalog),
    },
    View {
        name: "constraint_column_usage",
        complete: false,
        reads: Reads::Objects,
        columns: CONSTRAINT_COLUMN_USAGE,
        rows: |catalog, _| constraint_columns(catalog),
    },
    View {
        name: "referential_constraints",
        complete: true,
        reads: Reads::Objects,
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
        reads: Reads::Objects,
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
        reads: Reads::Objects,
        columns: &[
            ("SEQUENCE_CATALOG", NAME),
            ("SEQUENCE_SCHEMA", NAME),
            ("SEQUENCE_NAME", NAME),
            ("DATA_TYPE", NAME),
        ],
        rows: |catalog, _| {
            let row = |o: &Object| {
                let ObjectKind::Sequence(s) = &o.kind else { return None };
                let end = [text(s.ty.name_and_id().0)];
                Some(qualified(catalog, o).into_iter().chain(end).collect())
            };
            catalog.objects.iter().filter_map(|o| row(o)).collect()
        },
    },
    View {
        name: "routines",
        complete: false,
        reads: Reads::Objects,
        columns: &[
            ("ROUTINE_CATALOG", NAME),
            ("ROUTINE_SCHEMA", NAME),
            ("ROUTINE_NAME", NAME),
            ("ROUTINE_TYPE", NAME),
            ("ROUTINE_DEFINITION", TEXT),
        ],
        rows: |catalog, _| {
            let row = |o: &Object| {
                let kind = match o.kind {
                    ObjectKind::Procedure(..) => "PROCEDURE",
                    ObjectKind::Function(_) => "FUNCTION",
                    _ => return None,
                };
                let end = [text(kind), text_or_null(definition(o))];
                Some(qualified(catalog, o).into_iter().chain(end).collect())
            };
            catalog.objects.iter().filter_map(|o| row(o)).collect()
        },
    },
];

/// Database, schema and name.
fn qualified(catalog: &Selection<'_>, object: &Object) -> [Value; 3] {
    named(catalog, object, &object.name)
}

/// The same of something in the object's schema.
fn named(catalog: &Selection<'_>, object: &Object, name: &str) -> [Value; 3] {
    [text(&catalog.database), text(&object.schema), text(name)]
}

fn table_rows(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let row = |object: &Object| {
        let kind = match object.kind {
            ObjectKind::Table(_) => "BASE TABLE",
            ObjectKind::View(_) => "VIEW",
            _ => return None,
        };
        Some(qualified(catalog, object).into_iter().chain([text(kind)]).collect())
    };
    catalog.objects.iter().filter_map(|o| row(o)).collect()
}

fn columns(catalog: &Selection<'_>, facts: &dyn Facts) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    // Those of functions are elsewhere.
    for object in catalog.objects.iter().filter(|o| o.is_table_or_view()) {
        for (n, column) in columns_of(catalog, object, facts).into_iter().enumerate() {
            rows.push(column_row(catalog, object, n, &column));
        }
    }
    rows
}

fn column_row(
    catalog: &Selection<'_>,
    object: &Object,
    position: usize,
    column: &ColumnRow,
) -> Vec<Value> {
    let ty = column.ty;
    let (precision, scale) = ty.precision_scale();
    let when = |applies: bool, value: Value| if applies { value } else { Value::Null };
    let has_length = ty.is_text() || ty.is_binary();
    let octets = ty.max_length();
    let length = if ty.is_unicode() && octets > 0 { octets / 2 } else { octets };
    let is_number = ty.is_number() && ty != Type::Bit;
    let mut row = Vec::from(qualified(catalog, object));
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

fn table_constraints(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        let mut add = |name: &str, kind: &str| {
            let mut row = Vec::from(named(catalog, object, name));
            row.extend(qualified(catalog, object));
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

fn constraint_columns(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        let mut add = |name: &str, place: usize, column: usize| {
            let mut row = Vec::from(named(catalog, object, name));
            row.extend(qualified(catalog, object));
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

fn referential_constraints(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        for key in &table.foreign {
            let (unique_schema, unique_name) = referenced_key(catalog, key).unwrap_or_default();
            let mut row = Vec::from(named(catalog, object, &key.name));
            row.extend([text(&catalog.database), text(unique_schema), text(unique_name)]);
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
fn referenced_key(catalog: &Selection<'_>, foreign: &Foreign) -> Option<(String, String)> {
    let object = catalog.by_id(foreign.table)?;
    let columns = foreign.refs.iter().copied();
    let mut keys = object.table()?.keys.iter();
    let key = keys.find(|k| k.unique && k.columns.iter().map(|c| c.0).eq(columns.clone()))?;
    Some((object.schema.clone(), key.name.clone()))
}

fn check_constraints(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        for check in &table.checks {
            let mut row = Vec::from(named(catalog, object, &check.name));
            row.push(text(definition_text(&check.text)));
            rows.push(row);
        }
    }
    rows
}
