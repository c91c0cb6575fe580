//! Objects: `sys.objects` and the views that are parts of it, schemas, definitions, descriptions.

use crate::catalog::describe::{default_id, schema_id};
use crate::catalog::selection::Selection;
use crate::catalog::views::{BIT, DESCRIPTION, INT, NAME, Reads, View, bit, int, text};
use crate::catalog::{Key, Object, Property};
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
    ("is_published", BIT),
    ("is_schema_published", BIT),
];

/// 2025-01-01, when everything in the sandbox was made, in ticks since 0001-01-01.
pub(super) const CREATED: Value = Value::Int((719_162 + 20_089) * DAY);

pub(in crate::catalog) const VIEWS: &[View] = &[
    View {
        name: "objects",
        complete: true,
        reads: Reads::Objects,
        columns: OBJECT_COLUMNS,
        rows: |catalog, _| rows_of(catalog, |_| true),
    },
    View {
        name: "all_objects",
        complete: false,
        reads: Reads::Objects,
        columns: OBJECT_COLUMNS,
        rows: |catalog, _| rows_of(catalog, |_| true),
    },
    View {
        name: "tables",
        complete: false,
        reads: Reads::Objects,
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
            ("is_published", BIT),
            ("is_schema_published", BIT),
            ("is_external", BIT),
            ("temporal_type", Type::TinyInt),
            ("temporal_type_desc", DESCRIPTION),
            ("is_memory_optimized", BIT),
            ("lob_data_space_id", INT),
            ("filestream_data_space_id", INT),
            ("max_column_id_used", INT),
            ("lock_on_bulk_load", BIT),
            ("uses_ansi_nulls", BIT),
            ("is_replicated", BIT),
            ("has_replication_filter", BIT),
            ("is_merge_published", BIT),
            ("is_sync_tran_subscribed", BIT),
            ("has_unchecked_assembly_data", BIT),
            ("text_in_row_limit", INT),
            ("large_value_types_out_of_row", BIT),
            ("is_tracked_by_cdc", BIT),
            ("is_filetable", BIT),
            ("durability", Type::TinyInt),
            ("durability_desc", DESCRIPTION),
            ("history_table_id", INT),
            ("is_remote_data_archive_enabled", BIT),
            ("is_node", BIT),
            ("is_edge", BIT),
        ],
        rows: |catalog, _| tables(catalog),
    },
    View {
        name: "views",
        complete: false,
        reads: Reads::Objects,
        columns: OBJECT_COLUMNS,
        rows: |catalog, _| rows_of(catalog, |code| code == "V "),
    },
    View {
        name: "all_views",
        complete: false,
        reads: Reads::Objects,
        columns: OBJECT_COLUMNS,
        rows: |catalog, _| rows_of(catalog, |code| code == "V "),
    },
    View {
        name: "procedures",
        complete: true,
        reads: Reads::Objects,
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
            ("is_published", BIT),
            ("is_schema_published", BIT),
            ("is_auto_executed", BIT),
            ("is_execution_replicated", BIT),
            ("is_repl_serializable_only", BIT),
            ("skips_repl_constraints", BIT),
        ],
        rows: |catalog, _| {
            let mut rows = rows_of(catalog, |code| code == "P ");
            rows.iter_mut().for_each(|row| row.extend([const { Value::Int(0) }; 4]));
            rows
        },
    },
    View {
        name: "service_queues",
        complete: false,
        reads: Reads::Whole,
        columns: OBJECT_COLUMNS,
        rows: |_, _| Vec::new(),
    },
    View {
        name: "schemas",
        complete: true,
        reads: Reads::Whole,
        columns: &[("name", NAME), ("schema_id", INT), ("principal_id", INT)],
        rows: |catalog, _| {
            catalog.schemas.iter().map(|(name, id)| vec![text(name), int(*id), int(1)]).collect()
        },
    },
    View {
        name: "extended_properties",
        complete: false,
        reads: Reads::Objects,
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
fn object_rows<'a>(catalog: &Selection<'a>) -> Vec<ObjectRow<'a>> {
    let mut rows = Vec::new();
    for object in catalog.objects {
        rows.push(ObjectRow {
            id: object.id,
            name: &object.name,
            schema: &object.schema,
            parent: object.parent(),
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
fn rows_of(catalog: &Selection<'_>, wanted: fn(&str) -> bool) -> Vec<Vec<Value>> {
    let rows = object_rows(catalog).into_iter().filter(|o| wanted(o.kind.0));
    rows.map(|o| inherited(catalog, &o)).collect()
}

/// What every view that inherits from `sys.objects` begins with.
fn inherited(catalog: &Selection<'_>, o: &ObjectRow<'_>) -> Vec<Value> {
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
        bit(false),
        bit(false),
    ]
}

/// The same of an object that stands by itself.
pub(super) fn inherited_of(catalog: &Selection<'_>, object: &Object) -> Vec<Value> {
    let row = ObjectRow {
        id: object.id,
        name: &object.name,
        schema: &object.schema,
        parent: object.parent(),
        kind: object.type_code(),
    };
    inherited(catalog, &row)
}

/// No table of the sandbox is temporal, external, in memory, replicated or tracked.
fn tables(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let found = catalog.objects.iter().filter_map(|o| Some((o, o.table()?)));
    found
        .map(|(object, table)| {
            let mut row = inherited_of(catalog, object);
            row.extend([bit(false), int(0), text("NON_TEMPORAL_TABLE"), bit(false)]);
            row.extend([int(0), Value::Null, int(table.columns.len() as i64)]);
            row.extend([bit(false), bit(true)]);
            row.extend([const { Value::Int(0) }; 5]);
            row.extend([int(0), bit(false), bit(false), bit(false)]);
            row.extend([int(0), text("SCHEMA_AND_DATA"), Value::Null]);
            row.extend([bit(false), bit(false), bit(false)]);
            row
        })
        .collect()
}

/// The descriptions of objects and columns, under the name that tools write them with.
fn extended_properties(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
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
    for object in catalog.objects {
        add(object.id, 0, &object.description);
        for (n, column) in object.table().iter().flat_map(|t| t.columns.iter().enumerate()) {
            add(object.id, n as i64 + 1, &column.description);
        }
    }
    let is_here = |p: &&Property| match p.class {
        1 => catalog.objects.iter().any(|o| o.id == p.major),
        _ => catalog.first,
    };
    rows.extend(catalog.properties.iter().filter(is_here).map(|p| {
        let class = match p.class {
            0 => "DATABASE",
            3 => "SCHEMA",
            _ => "OBJECT_OR_COLUMN",
        };
        let place = [int(p.class), text(class), int(p.major), int(p.minor)];
        let value = p.value.clone().map_or(Value::Null, Value::Str);
        place.into_iter().chain([text(&p.name), value]).collect()
    }));
    rows
}
