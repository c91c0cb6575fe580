//! Columns, parameters and types.

use crate::catalog::ObjectKind;
use crate::catalog::describe::{ALL_TYPES, columns_of, default_id, definition_text};
use crate::catalog::selection::Selection;
use crate::catalog::views::{
    BIT, COLLATION_NAME, Facts, INT, NAME, Reads, TEXT, View, bit, int, int_or_null, ordinal, text,
};
use crate::syntax::ast::FunctionBody;
use crate::types::{Len, Type, Value};

/// Types that the sandbox has no values of: name, system id, id, length, precision, scale.
const OTHER_TYPES: [(&str, i64, i64, i64, i64, i64); 10] = [
    ("sysname", 231, 256, 256, 0, 0),
    ("numeric", 108, 108, 17, 38, 38),
    ("image", 34, 34, 16, 0, 0),
    ("text", 35, 35, 16, 0, 0),
    ("ntext", 99, 99, 16, 0, 0),
    ("timestamp", 189, 189, 8, 0, 0),
    ("sql_variant", 98, 98, 8016, 0, 0),
    ("hierarchyid", 240, 128, 892, 0, 0),
    ("geometry", 240, 129, -1, 0, 0),
    ("geography", 240, 130, -1, 0, 0),
];

/// The system id of the types that .NET code implements.
const CLR: i64 = 240;

const COLUMN_COLUMNS: &[(&str, Type)] = &[
    ("object_id", INT),
    ("name", NAME),
    ("column_id", INT),
    ("system_type_id", Type::TinyInt),
    ("user_type_id", INT),
    ("max_length", Type::SmallInt),
    ("precision", Type::TinyInt),
    ("scale", Type::TinyInt),
    ("collation_name", NAME),
    ("is_nullable", BIT),
    ("is_identity", BIT),
    ("is_computed", BIT),
    ("default_object_id", INT),
    ("is_hidden", BIT),
];

pub(in crate::catalog) const VIEWS: &[View] = &[
    View {
        name: "columns",
        complete: false,
        reads: Reads::Columns,
        columns: COLUMN_COLUMNS,
        rows: columns,
    },
    View {
        name: "all_columns",
        complete: false,
        reads: Reads::Columns,
        columns: COLUMN_COLUMNS,
        rows: columns,
    },
    View {
        name: "identity_columns",
        complete: false,
        reads: Reads::Columns,
        columns: &[
            ("object_id", INT),
            ("name", NAME),
            ("column_id", INT),
            ("system_type_id", Type::TinyInt),
            ("user_type_id", INT),
            ("max_length", Type::SmallInt),
            ("precision", Type::TinyInt),
            ("scale", Type::TinyInt),
            ("collation_name", NAME),
            ("is_nullable", BIT),
            ("is_identity", BIT),
            ("is_computed", BIT),
            ("default_object_id", INT),
            ("is_hidden", BIT),
            ("seed_value", Type::BigInt),
            ("increment_value", Type::BigInt),
            ("last_value", Type::BigInt),
        ],
        rows: identity_columns,
    },
    View {
        name: "computed_columns",
        complete: false,
        reads: Reads::Objects,
        columns: &[
            ("object_id", INT),
            ("name", NAME),
            ("column_id", INT),
            ("definition", TEXT),
            ("is_persisted", BIT),
        ],
        rows: |catalog, _| computed_columns(catalog),
    },
    View {
        name: "parameters",
        complete: false,
        reads: Reads::Objects,
        columns: &[
            ("object_id", INT),
            ("name", NAME),
            ("parameter_id", INT),
            ("system_type_id", Type::TinyInt),
            ("user_type_id", INT),
            ("max_length", Type::SmallInt),
            ("precision", Type::TinyInt),
            ("scale", Type::TinyInt),
            ("is_output", BIT),
            ("is_cursor_ref", BIT),
            ("has_default_value", BIT),
            ("is_xml_document", BIT),
            ("default_value", Type::NVarChar(Len::N(4000))),
            ("xml_collection_id", INT),
            ("is_readonly", BIT),
            ("is_nullable", BIT),
        ],
        rows: |catalog, _| parameters(catalog),
    },
    View {
        name: "types",
        complete: false,
        reads: Reads::Whole,
        columns: &[
            ("name", NAME),
            ("system_type_id", Type::TinyInt),
            ("user_type_id", INT),
            ("schema_id", INT),
            ("max_length", Type::SmallInt),
            ("precision", Type::TinyInt),
            ("scale", Type::TinyInt),
            ("is_user_defined", BIT),
            ("is_assembly_type", BIT),
        ],
        rows: |_, _| types(),
    },
];

/// system_type_id, user_type_id, max_length, precision, scale.
fn type_cells(ty: Type) -> [Value; 5] {
    let id = ty.name_and_id().1;
    let (precision, scale) = ty.precision_scale();
    [int(id), int(id), int(ty.max_length()), int(precision), int(scale)]
}

fn columns(catalog: &Selection<'_>, facts: &dyn Facts) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for object in catalog.objects {
        for (n, column) in columns_of(catalog, object, facts).into_iter().enumerate() {
            let has_default = column.default_definition().is_some();
            let mut row = vec![int(object.id), text(&column.name), ordinal(n)];
            row.extend(type_cells(column.ty));
            row.extend([
                if column.ty.is_text() { text(COLLATION_NAME) } else { Value::Null },
                bit(column.nullable),
                bit(column.is_identity()),
                bit(column.is_computed()),
                int(if has_default { default_id(object, n) } else { 0 }),
                bit(false),
            ]);
            rows.push(row);
        }
    }
    rows
}

fn identity_columns(catalog: &Selection<'_>, facts: &dyn Facts) -> Vec<Vec<Value>> {
    let all = columns(catalog, facts);
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        for (n, column) in table.columns.iter().enumerate() {
            let Some((seed, increment)) = column.identity else { continue };
            let here = |row: &&Vec<Value>| row[0] == int(object.id) && row[2] == ordinal(n);
            let Some(mut row) = all.iter().find(here).cloned() else { continue };
            row.extend([
                int(seed),
                int(increment),
                int_or_null(facts.last_identity(catalog.identity_key(object.id))),
            ]);
            rows.push(row);
        }
    }
    rows
}

fn computed_columns(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (object, table) in catalog.tables() {
        for (n, column) in table.columns.iter().enumerate() {
            let Some((expression, persisted)) = &column.computed else { continue };
            rows.push(vec![
                int(object.id),
                text(&column.name),
                ordinal(n),
                text(definition_text(expression)),
                bit(*persisted),
            ]);
        }
    }
    rows
}

/// Of a default the server knows nothing: the definition has it, and of .NET's alone the view.
fn parameters(catalog: &Selection<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for object in catalog.objects {
        let mut add = |name: &str, id: i64, ty: Type, output: bool| {
            let mut row = vec![int(object.id), text(name), int(id)];
            row.extend(type_cells(ty));
            row.extend([bit(output), bit(false), bit(false), bit(false), Value::Null]);
            row.extend([int(0), bit(false), bit(true)]);
            rows.push(row);
        };
        let parameters = match &object.kind {
            ObjectKind::Procedure(parameters, _) => parameters,
            ObjectKind::Function(function) => {
                // What a function returns has no name.
                if let FunctionBody::Scalar(ty, _) = function.body {
                    add("", 0, ty, true);
                }
                &function.params
            }
            _ => continue,
        };
        for (n, parameter) in parameters.iter().enumerate() {
            add(&parameter.name, n as i64 + 1, parameter.ty, parameter.output);
        }
    }
    rows
}

fn types() -> Vec<Vec<Value>> {
    // All are in the schema sys, whose id is 4.
    let own = ALL_TYPES.into_iter().map(|ty| {
        let [system, user, length, precision, scale] = type_cells(ty);
        let name = text(ty.name_and_id().0);
        vec![name, system, user, int(4), length, precision, scale, bit(false), bit(false)]
    });
    let others = OTHER_TYPES.map(|(name, system, user, length, precision, scale)| {
        let numbers = [system, user, 4, length, precision, scale].map(int);
        let mut row = vec![text(name)];
        row.extend(numbers);
        row.extend([bit(false), bit(system == CLR)]);
        row
    });
    own.chain(others).collect()
}
