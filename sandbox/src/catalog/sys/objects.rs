//! Objects: `sys.objects` and the views that are parts of it, schemas, definitions, descriptions.

use crate::catalog::describe::{default_id, definition, schema_id};
use crate::catalog::views::{BIT, DESCRIPTION, INT, NAME, TEXT, View, bit, int, text};
use crate::catalog::{Catalog, Key, Object};
use crate::types::{DAY, Len, Type, Value};

/// What `sys.objects` and the views that inherit from it have in common.
const OBJECT_COLUMNS: &[(&str, Type)] = &[
    ("name", NAME),
    ("object_id", INT),
    ("principal_id", INT),
    ("schema_id", INT),
    ("parent_object_id", INT),
    ("type", Type::Char(2)),
    ("type_desc", DESCRIPTION),
    ("create_date", Type::DateTime),
    ("modify_date", Type::DateTime),
    ("is_ms_shipped", BIT),
];

/// 2025-01-01, when everything in the sandbox was made, in ticks since 0001-01-01.
const CREATED: Value = Value::Int((719_162 + 20_089) * DAY);

pub(in crate::catalog) const VIEWS: &[View] = &[
    View {
        name: "objects",
        complete: false,
        columns: OBJECT_COLUMNS,
        rows: |catalog, _| rows_of(catalog, |_| true),
    },
    View {
        name: "all_objects",
        complete: false,
        columns: OBJECT_COLUMNS,
        rows: |catalog, _| rows_of(catalog, |_| true),
    },
    View {
        name: "tables",
        complete: false,
        columns: &[
            ("name", NAME),
            ("object_id", INT),
            ("principal_id", INT),
            ("schema_id", INT),
            ("parent_object_id", INT),
            ("type", Type::Char(2)),
            ("type_desc", DESCRIPTION),
            ("create_date", Type::DateTime),
            ("modify_date", Type::DateTime),
            ("is_ms_shipped", BIT),
            ("is_external", BIT),
            ("temporal_type", Type::TinyInt),
            ("temporal_type_desc", DESCRIPTION),
            ("is_memory_optimized", BIT),
        ],
        rows: |catalog, _| {
            let mut rows = rows_of(catalog, |code| code == "U ");
            for row in &mut rows {
                row.extend([bit(false), int(0), text("NON_TEMPORAL_TABLE"), bit(false)]);
            }
            rows
        },
    },
    View {
        name: "views",
        complete: false,
        columns: OBJECT_COLUMNS,
        rows: |catalog, _| rows_of(catalog, |code| code == "V "),
    },
    View {
        name: "all_views",
        complete: false,
        columns: OBJECT_COLUMNS,
        rows: |catalog, _| rows_of(catalog, |code| code == "V "),
    },
    View {
        name: "procedures",
        complete: false,
        columns: OBJECT_COLUMNS,
        rows: |catalog, _| rows_of(catalog, |code| code == "P "),
    },
    View {
        name: "service_queues",
        complete: false,
        columns: OBJECT_COLUMNS,
        rows: |_, _| Vec::new(),
    },
    View { name: "synonyms", complete: false, columns: OBJECT_COLUMNS, rows: |_, _| Vec::new() },
    View { name: "sequences", complete: false, columns: OBJECT_COLUMNS, rows: |_, _| Vec::new() },
    View {
        name: "triggers",
        complete: false,
        columns: &[
            ("name", NAME),
            ("object_id", INT),
            ("parent_class", Type::TinyInt),
            ("parent_id", INT),
            ("is_disabled", BIT),
            ("is_instead_of_trigger", BIT),
        ],
        rows: |_, _| Vec::new(),
    },
    View {
        name: "schemas",
        complete: true,
        columns: &[("name", NAME), ("schema_id", INT), ("principal_id", INT)],
        rows: |catalog, _| {
            catalog.schemas.iter().map(|(name, id)| vec![text(name), int(*id), int(1)]).collect()
        },
    },
    View {
        name: "sql_modules",
        complete: false,
        columns: &[("object_id", INT), ("definition", TEXT)],
        rows: |catalog, _| modules(catalog),
    },
    View {
        name: "all_sql_modules",
        complete: false,
        columns: &[("object_id", INT), ("definition", TEXT)],
        rows: |catalog, _| modules(catalog),
    },
    View {
        name: "extended_properties",
        complete: false,
        columns: &[
            ("class", Type::TinyInt),
            ("class_desc", DESCRIPTION),
            ("major_id", INT),
            ("minor_id", INT),
            ("name", NAME),
            ("value", Type::NVarChar(Len::N(3750))),
        ],
        rows: |catalog, _| extended_properties(catalog),
    },
];

/// A row of `sys.objects`.
struct ObjectRow<'a> {
    id: i64,
    name: &'a str,
    schema: &'a str,
    /// The table of a constraint; 0 for what stands by itself.
    parent: i64,
    /// `type`, two characters, and `type_desc`.
    kind: (&'static str, &'static str),
}

/// `type` and `type_desc` of a key.
pub(super) fn key_kind(key: &Key) -> (&'static str, &'static str) {
    if key.primary { ("PK", "PRIMARY_KEY_CONSTRAINT") } else { ("UQ", "UNIQUE_CONSTRAINT") }
}

/// Objects in the order of their creation, each followed by its constraints.
fn object_rows(catalog: &Catalog) -> Vec<ObjectRow<'_>> {
    let mut rows = Vec::new();
    for object in &catalog.objects {
        rows.push(ObjectRow {
            id: object.id,
            name: &object.name,
            schema: &object.schema,
            parent: 0,
            kind: object.type_code(),
        });
        constraint_rows(object, &mut rows);
    }
    rows
}

fn constraint_rows<'a>(object: &'a Object, rows: &mut Vec<ObjectRow<'a>>) {
    let Some(table) = object.table() else { return };
    let row =
        |id, name, kind| ObjectRow { id, name, schema: &object.schema, parent: object.id, kind };
    let keys = table.keys.iter().filter(|k| k.constraint);
    rows.extend(keys.map(|k| row(k.id, k.name.as_str(), key_kind(k))));
    let foreign = table.foreign.iter();
    rows.extend(foreign.map(|f| row(f.id, f.name.as_str(), ("F ", "FOREIGN_KEY_CONSTRAINT"))));
    let checks = table.checks.iter();
    rows.extend(checks.map(|c| row(c.id, c.name.as_str(), ("C ", "CHECK_CONSTRAINT"))));
    let defaults = table.columns.iter().enumerate();
    rows.extend(defaults.filter_map(|(n, column)| {
        let (name, _, _) = column.default.as_ref()?;
        Some(row(default_id(object, n), name, ("D ", "DEFAULT_CONSTRAINT")))
    }));
}

/// Those of a `type`.
fn rows_of(catalog: &Catalog, wanted: fn(&str) -> bool) -> Vec<Vec<Value>> {
    object_rows(catalog)
        .into_iter()
        .filter(|o| wanted(o.kind.0))
        .map(|o| {
            vec![
                text(o.name),
                int(o.id),
                Value::Null,
                int(schema_id(catalog, o.schema)),
                int(o.parent),
                text(o.kind.0),
                text(o.kind.1),
                CREATED,
                CREATED,
                bit(false),
            ]
        })
        .collect()
}

fn modules(catalog: &Catalog) -> Vec<Vec<Value>> {
    catalog
        .objects
        .iter()
        .filter_map(|o| definition(o).map(|text_of| vec![int(o.id), text(text_of)]))
        .collect()
}

/// The descriptions of objects and columns, under the name that tools write them with.
fn extended_properties(catalog: &Catalog) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    let mut add = |major: i64, minor: i64, description: &Option<String>| {
        if let Some(value) = description {
            rows.push(vec![
                int(1),
                text("OBJECT_OR_COLUMN"),
                int(major),
                int(minor),
                text("MS_Description"),
                text(value),
            ]);
        }
    };
    for object in &catalog.objects {
        add(object.id, 0, &object.description);
        for (n, column) in object.table().iter().flat_map(|t| t.columns.iter().enumerate()) {
            add(object.id, n as i64 + 1, &column.description);
        }
    }
    rows
}
