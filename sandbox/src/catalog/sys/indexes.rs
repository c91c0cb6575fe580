//! Indexes, their columns, and how many rows are under each.

use crate::catalog::TableDef;
use crate::catalog::selection::Selection;
use crate::catalog::views::{
    BIT, DESCRIPTION, Facts, INT, NAME, Reads, TEXT, View, bit, int, ordinal, text,
};
use crate::types::{Type, Value};

pub(in crate::catalog) const VIEWS: &[View] = &[
    View {
        name: "indexes",
        complete: false,
        reads: Reads::Objects,
        columns: &[
            ("object_id", INT),
            ("name", NAME),
            ("index_id", INT),
            ("type", Type::TinyInt),
            ("type_desc", DESCRIPTION),
            ("is_unique", BIT),
            ("is_primary_key", BIT),
            ("is_unique_constraint", BIT),
            ("is_disabled", BIT),
            ("has_filter", BIT),
            ("filter_definition", TEXT),
            ("is_hypothetical", BIT),
        ],
        rows: |catalog, _| indexes(catalog),
    },
    View {
        name: "index_columns",
        complete: false,
        reads: Reads::Objects,
        columns: &[
            ("object_id", INT),
            ("index_id", INT),
            ("index_column_id", INT),
            ("column_id", INT),
            ("key_ordinal", Type::TinyInt),
            ("is_descending_key", BIT),
            ("is_included_column", BIT),
        ],
        rows: |catalog, _| index_columns(catalog),
    },
    View {
        name: "partitions",
        complete: false,
        reads: Reads::Counts,
        columns: &[
            ("partition_id", Type::BigInt),
            ("object_id", INT),
            ("index_id", INT),
            ("partition_number", INT),
            ("rows", Type::BigInt),
        ],
        rows: partitions,
    },
    View {
        name: "dm_db_partition_stats",
        complete: false,
        reads: Reads::Counts,
        columns: &[
            ("partition_id", Type::BigInt),
            ("object_id", INT),
            ("index_id", INT),
            ("partition_number", INT),
            ("row_count", Type::BigInt),
        ],
        rows: partitions,
    },
];

/// A table without a clustered index, which is the one of its primary key.
fn is_heap(table: &TableDef) -> bool {
    !table.keys.iter().any(|k| k.primary)
}

fn indexes(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        // Disabled, filtered, filter, hypothetical: no index of the sandbox is any of these.
        let end = [bit(false), bit(false), Value::Null, bit(false)];
        if is_heap(table) {
            let mut row = vec![int(object.id), Value::Null, int(0), int(0), text("HEAP")];
            row.extend([bit(false), bit(false), bit(false)]);
            row.extend(end.clone());
            rows.push(row);
        }
        for (n, key) in table.keys.iter().enumerate() {
            let (code, description) =
                if key.primary { (1, "CLUSTERED") } else { (2, "NONCLUSTERED") };
            let mut row = vec![
                int(object.id),
                text(&key.name),
                ordinal(n),
                int(code),
                text(description),
                bit(key.unique),
                bit(key.primary),
                bit(key.constraint && !key.primary),
            ];
            row.extend(end.clone());
            rows.push(row);
        }
    }
    rows
}

fn index_columns(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        for (n, key) in table.keys.iter().enumerate() {
            for (place, (column, descending)) in key.columns.iter().enumerate() {
                rows.push(vec![
                    int(object.id),
                    ordinal(n),
                    ordinal(place),
                    ordinal(*column),
                    ordinal(place),
                    bit(*descending),
                    bit(false),
                ]);
            }
        }
    }
    rows
}

/// One partition for each index, and index 0 for a heap.
fn partitions(catalog: &Selection<'_>, facts: &dyn Facts) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        let count = facts.row_count(table);
        let first = if is_heap(table) { 0 } else { 1 };
        for index in first..=table.keys.len() {
            let id = object.id * 10 + index as i64;
            rows.push(vec![int(id), int(object.id), int(index as i64), int(1), int(count)]);
        }
    }
    rows
}
