//! What people define beside tables: the texts of modules, synonyms, sequences.

use super::objects::inherited_of;
use crate::catalog::describe::definition;
use crate::catalog::selection::Selection;
use crate::catalog::views::{
    BIT, DESCRIPTION, Facts, INT, NAME, Reads, TEXT, View, bit, int, int_or_null, text,
};
use crate::catalog::{Object, ObjectKind};
use crate::syntax::ast::FunctionBody;
use crate::types::{Len, Type, Value};

/// What `sys.sql_modules` tells of a module.
const MODULE_COLUMNS: &[(&str, Type)] = &[
    ("object_id", INT),
    ("definition", TEXT),
    ("uses_ansi_nulls", BIT),
    ("uses_quoted_identifier", BIT),
    ("is_schema_bound", BIT),
    ("uses_database_collation", BIT),
    ("is_recompiled", BIT),
    ("null_on_null_input", BIT),
    ("execute_as_principal_id", INT),
    ("uses_native_compilation", BIT),
    ("is_inlineable", BIT),
    ("inline_type", BIT),
];

pub(in crate::catalog) const VIEWS: &[View] = &[
    View {
        name: "synonyms",
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
            ("base_object_name", Type::NVarChar(Len::N(1035))),
        ],
        rows: |catalog, _| synonyms(catalog),
    },
    View {
        name: "sequences",
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
            ("start_value", Type::BigInt),
            ("increment", Type::BigInt),
            ("minimum_value", Type::BigInt),
            ("maximum_value", Type::BigInt),
            ("is_cycling", BIT),
            ("is_cached", BIT),
            ("cache_size", INT),
            ("system_type_id", Type::TinyInt),
            ("user_type_id", INT),
            ("precision", Type::TinyInt),
            ("scale", Type::TinyInt),
            ("current_value", Type::BigInt),
            ("is_exhausted", BIT),
            ("last_used_value", Type::BigInt),
        ],
        rows: sequences,
    },
    View {
        name: "sql_modules",
        complete: true,
        reads: Reads::Objects,
        columns: MODULE_COLUMNS,
        rows: |catalog, _| modules(catalog),
    },
    View {
        name: "all_sql_modules",
        complete: false,
        reads: Reads::Objects,
        columns: MODULE_COLUMNS,
        rows: |catalog, _| modules(catalog),
    },
];

/// What a synonym stands for, in brackets, as far as it was written.
fn synonyms(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let row = |object: &Object| {
        let ObjectKind::Synonym(base) = &object.kind else { return None };
        let parts: Vec<String> =
            base.0.iter().map(|p| format!("[{}]", p.replace(']', "]]"))).collect();
        let mut row = inherited_of(catalog, object);
        row.push(text(parts.join(".")));
        Some(row)
    };
    catalog.objects.iter().filter_map(|o| row(o)).collect()
}

fn sequences(catalog: &Selection<'_>, facts: &dyn Facts) -> Vec<Vec<Value>> {
    let row = |object: &Object| {
        let ObjectKind::Sequence(s) = &object.kind else { return None };
        let last = facts.last_identity(catalog.identity_key(object.id));
        let end = if s.increment > 0 { s.maximum } else { s.minimum };
        let is_last = |n: i64| {
            let next = n.checked_add(s.increment);
            !s.cycle && next.is_none_or(|n| if s.increment > 0 { n > end } else { n < end })
        };
        let (precision, scale) = s.ty.precision_scale();
        let id = s.ty.name_and_id().1;
        let mut row = inherited_of(catalog, object);
        row.extend([s.start, s.increment, s.minimum, s.maximum].map(Value::Int));
        row.extend([
            bit(s.cycle),
            bit(s.cache != Some(0)),
            int_or_null(s.cache.filter(|c| *c > 0)),
        ]);
        row.extend([int(id), int(id), int(precision), int(scale)]);
        row.extend([Value::Int(last.unwrap_or(s.start)), bit(last.is_some_and(is_last))]);
        row.push(int_or_null(last));
        Some(row)
    };
    catalog.objects.iter().filter_map(|o| row(o)).collect()
}

fn modules(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let row = |object: &Object| {
        let definition = definition(object)?;
        let (bound, inline) = match &object.kind {
            ObjectKind::Function(f) => {
                (f.schema_bound, matches!(f.body, FunctionBody::Scalar(_, Some(_))))
            }
            _ => (false, false),
        };
        let mut row = vec![int(object.id), text(definition), bit(true), bit(true), bit(bound)];
        row.extend([bit(false), bit(false), bit(false), Value::Null, bit(false)]);
        row.extend([bit(inline), bit(inline)]);
        Some(row)
    };
    catalog.objects.iter().filter_map(|o| row(o)).collect()
}
