//! Keys, foreign keys, checks and defaults.

use super::objects::key_kind;
use crate::catalog::describe::{default_id, definition_text, schema_id};
use crate::catalog::selection::Selection;
use crate::catalog::views::{
    BIT, DESCRIPTION, INT, NAME, Reads, TEXT, View, bit, int, ordinal, text,
};
use crate::types::{Type, Value};

pub(in crate::catalog) const VIEWS: &[View] = &[
    View {
        name: "default_constraints",
        complete: false,
        reads: Reads::Objects,
        columns: &[
            ("name", NAME),
            ("object_id", INT),
            ("schema_id", INT),
            ("parent_object_id", INT),
            ("parent_column_id", INT),
            ("definition", TEXT),
        ],
        rows: |catalog, _| default_constraints(catalog),
    },
    View {
        name: "check_constraints",
        complete: false,
        reads: Reads::Objects,
        columns: &[
            ("name", NAME),
            ("object_id", INT),
            ("schema_id", INT),
            ("parent_object_id", INT),
            ("parent_column_id", INT),
            ("definition", TEXT),
            ("is_disabled", BIT),
        ],
        rows: |catalog, _| check_constraints(catalog),
    },
    View {
        name: "key_constraints",
        complete: false,
        reads: Reads::Objects,
        columns: &[
            ("name", NAME),
            ("object_id", INT),
            ("schema_id", INT),
            ("parent_object_id", INT),
            ("type", Type::Char(2)),
            ("type_desc", NAME),
            ("unique_index_id", INT),
        ],
        rows: |catalog, _| key_constraints(catalog),
    },
    View {
        name: "foreign_keys",
        complete: false,
        reads: Reads::Objects,
        columns: &[
            ("name", NAME),
            ("object_id", INT),
            ("schema_id", INT),
            ("parent_object_id", INT),
            ("referenced_object_id", INT),
            ("is_disabled", BIT),
            ("delete_referential_action_desc", DESCRIPTION),
            ("update_referential_action_desc", DESCRIPTION),
        ],
        rows: |catalog, _| foreign_keys(catalog),
    },
    View {
        name: "foreign_key_columns",
        complete: true,
        reads: Reads::Objects,
        columns: &[
            ("constraint_object_id", INT),
            ("constraint_column_id", INT),
            ("parent_object_id", INT),
            ("parent_column_id", INT),
            ("referenced_object_id", INT),
            ("referenced_column_id", INT),
        ],
        rows: |catalog, _| foreign_key_columns(catalog),
    },
];

fn default_constraints(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        for (n, column) in table.columns.iter().enumerate() {
            let Some((name, _, expression)) = &column.default else { continue };
            rows.push(vec![
                text(name),
                int(default_id(object, n)),
                int(schema_id(catalog, &object.schema)),
                int(object.id),
                ordinal(n),
                text(definition_text(expression)),
            ]);
        }
    }
    rows
}

fn check_constraints(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        for check in &table.checks {
            rows.push(vec![
                text(&check.name),
                int(check.id),
                int(schema_id(catalog, &object.schema)),
                int(object.id),
                // 0 for a check of the table.
                check.column.map_or(int(0), ordinal),
                text(definition_text(&check.text)),
                bit(false),
            ]);
        }
    }
    rows
}

fn key_constraints(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        for (n, key) in table.keys.iter().enumerate().filter(|(_, k)| k.constraint) {
            let (code, description) = key_kind(key);
            rows.push(vec![
                text(&key.name),
                int(key.id),
                int(schema_id(catalog, &object.schema)),
                int(object.id),
                text(code),
                text(description),
                ordinal(n),
            ]);
        }
    }
    rows
}

fn foreign_keys(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        for key in &table.foreign {
            rows.push(vec![
                text(&key.name),
                int(key.id),
                int(schema_id(catalog, &object.schema)),
                int(object.id),
                int(key.table),
                bit(false),
                text(&key.on_delete),
                text(&key.on_update),
            ]);
        }
    }
    rows
}

fn foreign_key_columns(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        for key in &table.foreign {
            for (n, (own, referenced)) in key.columns.iter().zip(&key.refs).enumerate() {
                rows.push(vec![
                    int(key.id),
                    ordinal(n),
                    int(object.id),
                    ordinal(*own),
                    int(key.table),
                    ordinal(*referenced),
                ]);
            }
        }
    }
    rows
}
