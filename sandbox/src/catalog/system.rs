//! The `sys` and `INFORMATION_SCHEMA` views, as rows made from the catalog whenever
//! a query names one.

use crate::catalog::{Catalog, ColumnMeta, DATABASE, Object, ObjectKind, TableDef};
use crate::tds::token::Column;
use crate::types::{Len, Ty, Val};

const NAME: Ty = Ty::NVarChar(Len::N(128));
const TEXT: Ty = Ty::NVarChar(Len::Max);
const INT: Ty = Ty::Int;
const BIT: Ty = Ty::Bit;

/// What the views need beside the catalog.
pub trait Facts {
    /// The exact number of rows.
    fn rows(&self, table: &TableDef) -> i64;
    /// The columns of a view.
    fn view_columns(&self, object: &Object) -> Vec<Column>;
    /// The last identity value.
    fn last_identity(&self, id: i64) -> Option<i64>;
}

/// The columns and the rows of a view.
pub type Rows = (Vec<(&'static str, Ty)>, Vec<Vec<Val>>);

fn s(t: impl Into<String>) -> Val {
    Val::Str(t.into())
}

fn i(n: impl TryInto<i64>) -> Val {
    n.try_into().map_or(Val::Null, Val::Int)
}

fn b(v: bool) -> Val {
    Val::Int(i64::from(v))
}

fn or_null(t: Option<String>) -> Val {
    t.map_or(Val::Null, Val::Str)
}

/// One of each type, for sys.types.
pub fn all_types() -> Vec<Ty> {
    vec![
        Ty::Guid,
        Ty::Date,
        Ty::Time(7),
        Ty::DateTime2(7),
        Ty::DateTimeOffset(7),
        Ty::TinyInt,
        Ty::SmallInt,
        Ty::Int,
        Ty::SmallDateTime,
        Ty::Real,
        Ty::Money,
        Ty::DateTime,
        Ty::Float,
        Ty::Bit,
        Ty::Decimal(38, 38),
        Ty::SmallMoney,
        Ty::BigInt,
        Ty::VarBinary(Len::N(8000)),
        Ty::VarChar(Len::N(8000)),
        Ty::Binary(8000),
        Ty::Char(8000),
        Ty::NVarChar(Len::N(4000)),
        Ty::NChar(4000),
        Ty::Xml,
    ]
}

/// A column of a table or a view.
pub struct ColumnRow {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Ty,
    /// Takes NULL.
    pub nullable: bool,
    /// More, of a table's column.
    pub meta: Option<ColumnMeta>,
}

/// The text of a default, as the catalog shows it.
pub fn definition_text(text: &str) -> String {
    format!("({text})")
}

/// The columns of a table or a view.
pub fn columns_of(o: &Object, facts: &dyn Facts) -> Vec<ColumnRow> {
    match &o.kind {
        ObjectKind::Table(t) => t
            .columns
            .iter()
            .map(|c| ColumnRow {
                name: c.name.clone(),
                ty: c.ty,
                nullable: c.nullable,
                meta: Some(c.clone()),
            })
            .collect(),
        ObjectKind::View(_) => facts
            .view_columns(o)
            .into_iter()
            .map(|c| ColumnRow { name: c.name, ty: c.ty, nullable: c.flags & 1 == 1, meta: None })
            .collect(),
        ObjectKind::Procedure(..) => Vec::new(),
    }
}

fn tables(c: &Catalog) -> impl Iterator<Item = (&Object, &TableDef)> {
    c.objects.iter().filter_map(|o| o.table().map(|t| (&**o, t)))
}

fn schema_id(c: &Catalog, name: &str) -> i64 {
    c.schemas.iter().find(|(s, _)| s == name).map_or(1, |(_, id)| *id)
}

/// Object rows: (id, name, schema, parent, type, description).
fn objects(c: &Catalog) -> Vec<(i64, String, String, i64, &'static str, &'static str)> {
    let mut out = Vec::new();
    for o in &c.objects {
        let (t, d) = o.type_code();
        out.push((o.id, o.name.clone(), o.schema.clone(), 0, t, d));
        if let Some(def) = o.table() {
            for k in def.keys.iter().filter(|k| k.constraint) {
                let (t, d) = if k.primary {
                    ("PK", "PRIMARY_KEY_CONSTRAINT")
                } else {
                    ("UQ", "UNIQUE_CONSTRAINT")
                };
                out.push((k.id, k.name.clone(), o.schema.clone(), o.id, t, d));
            }
            out.extend(def.foreign.iter().map(|f| {
                (f.id, f.name.clone(), o.schema.clone(), o.id, "F ", "FOREIGN_KEY_CONSTRAINT")
            }));
            out.extend(
                def.checks.iter().map(|k| {
                    (k.id, k.name.clone(), o.schema.clone(), o.id, "C ", "CHECK_CONSTRAINT")
                }),
            );
            for (n, col) in def.columns.iter().enumerate() {
                if let Some((name, _, _)) = &col.default {
                    out.push((
                        default_id(o, n),
                        name.clone(),
                        o.schema.clone(),
                        o.id,
                        "D ",
                        "DEFAULT_CONSTRAINT",
                    ));
                }
            }
        }
    }
    out
}

fn default_id(o: &Object, column: usize) -> i64 {
    o.id + 1 + column as i64
}

/// Views of which the sandbox has every column; of the others `*` would be a guess.
pub fn is_whole(schema: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    if schema.eq_ignore_ascii_case("sys") {
        return matches!(name.as_str(), "schemas" | "foreign_key_columns");
    }
    matches!(
        name.as_str(),
        "tables"
            | "views"
            | "schemata"
            | "columns"
            | "table_constraints"
            | "key_column_usage"
            | "referential_constraints"
            | "check_constraints"
    )
}

/// Views of before SQL Server 2005 and tables of master, which answer without a schema.
pub fn is_old_view(name: &str) -> bool {
    [
        "sysobjects",
        "syscolumns",
        "systypes",
        "sysindexes",
        "sysusers",
        "sysdatabases",
        "syscomments",
        "sysprocesses",
        "sysforeignkeys",
        "sysreferences",
        "sysconstraints",
        "sysindexkeys",
        "syslogins",
        "spt_values",
    ]
    .iter()
    .any(|v| name.eq_ignore_ascii_case(v))
}

/// A system view by name, or nothing when the sandbox has none of that name.
pub fn view(c: &Catalog, facts: &dyn Facts, schema: &str, name: &str) -> Option<Rows> {
    match (schema.to_ascii_lowercase().as_str(), name.to_ascii_lowercase().as_str()) {
        ("sys", n) => sys(c, facts, n),
        ("information_schema", n) => information_schema(c, facts, n),
        _ => None,
    }
}

fn sys(c: &Catalog, facts: &dyn Facts, name: &str) -> Option<Rows> {
    let stamp = Val::Int((719_162 + 20_089) * crate::types::DAY);
    let object_columns = || {
        vec![
            ("name", NAME),
            ("object_id", INT),
            ("principal_id", INT),
            ("schema_id", INT),
            ("parent_object_id", INT),
            ("type", Ty::Char(2)),
            ("type_desc", Ty::NVarChar(Len::N(60))),
            ("create_date", Ty::DateTime),
            ("modify_date", Ty::DateTime),
            ("is_ms_shipped", BIT),
        ]
    };
    let object_row = |o: &(i64, String, String, i64, &'static str, &'static str)| {
        vec![
            s(&o.1),
            i(o.0),
            Val::Null,
            i(schema_id(c, &o.2)),
            i(o.3),
            s(o.4),
            s(o.5),
            stamp.clone(),
            stamp.clone(),
            b(false),
        ]
    };
    let of = |kinds: &[&str]| -> Rows {
        (
            object_columns(),
            objects(c)
                .iter()
                .filter(|o| kinds.is_empty() || kinds.contains(&o.4.trim()))
                .map(object_row)
                .collect(),
        )
    };
    Some(match name {
        "objects" | "all_objects" => of(&[]),
        "tables" => {
            let (mut cols, mut rows) = of(&["U"]);
            cols.extend([
                ("is_external", BIT),
                ("temporal_type", Ty::TinyInt),
                ("temporal_type_desc", Ty::NVarChar(Len::N(60))),
                ("is_memory_optimized", BIT),
            ]);
            rows.iter_mut()
                .for_each(|r| r.extend([b(false), i(0), s("NON_TEMPORAL_TABLE"), b(false)]));
            (cols, rows)
        }
        "views" | "all_views" => of(&["V"]),
        "procedures" => of(&["P"]),
        "service_queues" => of(&["SQ"]),
        // Of servers and assemblies there are those that every server has.
        "servers" => (
            vec![
                ("server_id", INT),
                ("name", NAME),
                ("is_linked", BIT),
                ("is_rpc_out_enabled", BIT),
                ("is_data_access_enabled", BIT),
            ],
            vec![vec![i(0), s(crate::tds::token::SERVER), b(false), b(true), b(false)]],
        ),
        "assemblies" => (
            vec![
                ("name", NAME),
                ("assembly_id", INT),
                ("permission_set_desc", Ty::NVarChar(Len::N(60))),
                ("is_user_defined", BIT),
            ],
            vec![vec![s("Microsoft.SqlServer.Types"), i(1), s("UNSAFE_ACCESS"), b(false)]],
        ),
        "assembly_modules" => (vec![("object_id", INT), ("assembly_id", INT)], Vec::new()),
        "synonyms" | "sequences" => (object_columns(), Vec::new()),
        "triggers" => (
            vec![
                ("name", NAME),
                ("object_id", INT),
                ("parent_class", Ty::TinyInt),
                ("parent_id", INT),
                ("is_disabled", BIT),
                ("is_instead_of_trigger", BIT),
            ],
            Vec::new(),
        ),
        "schemas" => (
            vec![("name", NAME), ("schema_id", INT), ("principal_id", INT)],
            c.schemas.iter().map(|(n, id)| vec![s(n), i(*id), i(1)]).collect(),
        ),
        "columns" | "all_columns" => {
            let mut rows = Vec::new();
            for o in &c.objects {
                for (n, col) in columns_of(o, facts).into_iter().enumerate() {
                    let id = col.ty.name_and_id().1;
                    let (p, sc) = col.ty.precision_scale();
                    let m = col.meta.as_ref();
                    rows.push(vec![
                        i(o.id),
                        s(col.name),
                        i(n as i64 + 1),
                        i(id),
                        i(id),
                        i(col.ty.max_length()),
                        i(p),
                        i(sc),
                        if col.ty.is_text() {
                            s("SQL_Latin1_General_CP1_CI_AS")
                        } else {
                            Val::Null
                        },
                        b(col.nullable),
                        b(m.is_some_and(|m| m.identity.is_some())),
                        b(m.is_some_and(|m| m.computed.is_some())),
                        i(m.filter(|m| m.default.is_some()).map_or(0, |_| default_id(o, n))),
                        b(false),
                    ]);
                }
            }
            (
                vec![
                    ("object_id", INT),
                    ("name", NAME),
                    ("column_id", INT),
                    ("system_type_id", Ty::TinyInt),
                    ("user_type_id", INT),
                    ("max_length", Ty::SmallInt),
                    ("precision", Ty::TinyInt),
                    ("scale", Ty::TinyInt),
                    ("collation_name", NAME),
                    ("is_nullable", BIT),
                    ("is_identity", BIT),
                    ("is_computed", BIT),
                    ("default_object_id", INT),
                    ("is_hidden", BIT),
                ],
                rows,
            )
        }
        "types" => (
            vec![
                ("name", NAME),
                ("system_type_id", Ty::TinyInt),
                ("user_type_id", INT),
                ("schema_id", INT),
                ("max_length", Ty::SmallInt),
                ("precision", Ty::TinyInt),
                ("scale", Ty::TinyInt),
                ("is_user_defined", BIT),
                ("is_assembly_type", BIT),
            ],
            all_types()
                .into_iter()
                .map(|t| {
                    let ((n, id), (p, sc)) = (t.name_and_id(), t.precision_scale());
                    vec![
                        s(n),
                        i(id),
                        i(id),
                        i(4),
                        i(t.max_length()),
                        i(p),
                        i(sc),
                        b(false),
                        b(false),
                    ]
                })
                // Those that the sandbox has no values of: (name, system id,
                // id, length, precision, scale).
                .chain(
                    [
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
                    ]
                    .map(|(n, system, id, length, p, sc)| {
                        let clr = b(system == 240);
                        vec![s(n), i(system), i(id), i(4), i(length), i(p), i(sc), b(false), clr]
                    }),
                )
                .collect(),
        ),
        "identity_columns" => {
            let (mut cols, all) = sys(c, facts, "columns")?;
            cols.extend([
                ("seed_value", Ty::BigInt),
                ("increment_value", Ty::BigInt),
                ("last_value", Ty::BigInt),
            ]);
            let mut rows = Vec::new();
            for (o, t) in tables(c) {
                for (n, (seed, inc)) in
                    t.columns.iter().enumerate().filter_map(|(n, c)| Some((n, c.identity?)))
                {
                    let here = |r: &&Vec<Val>| r[0] == i(o.id) && r[2] == i(n as i64 + 1);
                    let Some(mut row) = all.iter().find(here).cloned() else { continue };
                    row.extend([
                        i(seed),
                        i(inc),
                        facts.last_identity(o.id).map_or(Val::Null, Val::Int),
                    ]);
                    rows.push(row);
                }
            }
            (cols, rows)
        }
        "computed_columns" => (
            vec![
                ("object_id", INT),
                ("name", NAME),
                ("column_id", INT),
                ("definition", TEXT),
                ("is_persisted", BIT),
            ],
            tables(c)
                .flat_map(|(o, t)| {
                    t.columns.iter().enumerate().filter_map(move |(n, col)| {
                        let (text, persisted) = col.computed.as_ref()?;
                        Some(vec![
                            i(o.id),
                            s(&col.name),
                            i(n as i64 + 1),
                            s(format!("({text})")),
                            b(*persisted),
                        ])
                    })
                })
                .collect(),
        ),
        "default_constraints" => (
            vec![
                ("name", NAME),
                ("object_id", INT),
                ("schema_id", INT),
                ("parent_object_id", INT),
                ("parent_column_id", INT),
                ("definition", TEXT),
            ],
            tables(c)
                .flat_map(|(o, t)| {
                    t.columns.iter().enumerate().filter_map(move |(n, col)| {
                        let (name, _, text) = col.default.as_ref()?;
                        Some(vec![
                            s(name),
                            i(default_id(o, n)),
                            i(schema_id(c, &o.schema)),
                            i(o.id),
                            i(n as i64 + 1),
                            s(format!("({text})")),
                        ])
                    })
                })
                .collect(),
        ),
        "check_constraints" => (
            vec![
                ("name", NAME),
                ("object_id", INT),
                ("schema_id", INT),
                ("parent_object_id", INT),
                ("parent_column_id", INT),
                ("definition", TEXT),
                ("is_disabled", BIT),
            ],
            tables(c)
                .flat_map(|(o, t)| {
                    t.checks.iter().map(move |k| {
                        vec![
                            s(&k.name),
                            i(k.id),
                            i(schema_id(c, &o.schema)),
                            i(o.id),
                            i(k.column.map_or(0, |n| n as i64 + 1)),
                            s(format!("({})", k.text)),
                            b(false),
                        ]
                    })
                })
                .collect(),
        ),
        "key_constraints" => (
            vec![
                ("name", NAME),
                ("object_id", INT),
                ("schema_id", INT),
                ("parent_object_id", INT),
                ("type", Ty::Char(2)),
                ("type_desc", NAME),
                ("unique_index_id", INT),
            ],
            tables(c)
                .flat_map(|(o, t)| {
                    t.keys.iter().enumerate().filter(|(_, k)| k.constraint).map(move |(n, k)| {
                        let (ty, d) = if k.primary {
                            ("PK", "PRIMARY_KEY_CONSTRAINT")
                        } else {
                            ("UQ", "UNIQUE_CONSTRAINT")
                        };
                        vec![
                            s(&k.name),
                            i(k.id),
                            i(schema_id(c, &o.schema)),
                            i(o.id),
                            s(ty),
                            s(d),
                            i(n as i64 + 1),
                        ]
                    })
                })
                .collect(),
        ),
        "indexes" => (
            vec![
                ("object_id", INT),
                ("name", NAME),
                ("index_id", INT),
                ("type", Ty::TinyInt),
                ("type_desc", Ty::NVarChar(Len::N(60))),
                ("is_unique", BIT),
                ("is_primary_key", BIT),
                ("is_unique_constraint", BIT),
                ("is_disabled", BIT),
                ("has_filter", BIT),
                ("filter_definition", TEXT),
                ("is_hypothetical", BIT),
            ],
            tables(c)
                .flat_map(|(o, t)| {
                    let heap = (!t.keys.iter().any(|k| k.primary)).then(|| {
                        vec![
                            i(o.id),
                            Val::Null,
                            i(0),
                            i(0),
                            s("HEAP"),
                            b(false),
                            b(false),
                            b(false),
                            b(false),
                            b(false),
                            Val::Null,
                            b(false),
                        ]
                    });
                    heap.into_iter().chain(t.keys.iter().enumerate().map(move |(n, k)| {
                        let (ty, d) =
                            if k.primary { (1, "CLUSTERED") } else { (2, "NONCLUSTERED") };
                        vec![
                            i(o.id),
                            s(&k.name),
                            i(n as i64 + 1),
                            i(ty),
                            s(d),
                            b(k.unique),
                            b(k.primary),
                            b(k.constraint && !k.primary),
                            b(false),
                            b(false),
                            Val::Null,
                            b(false),
                        ]
                    }))
                })
                .collect(),
        ),
        "index_columns" => (
            vec![
                ("object_id", INT),
                ("index_id", INT),
                ("index_column_id", INT),
                ("column_id", INT),
                ("key_ordinal", Ty::TinyInt),
                ("is_descending_key", BIT),
                ("is_included_column", BIT),
            ],
            tables(c)
                .flat_map(|(o, t)| {
                    t.keys.iter().enumerate().flat_map(move |(n, k)| {
                        k.columns.iter().enumerate().map(move |(m, (col, desc))| {
                            vec![
                                i(o.id),
                                i(n as i64 + 1),
                                i(m as i64 + 1),
                                i(*col as i64 + 1),
                                i(m as i64 + 1),
                                b(*desc),
                                b(false),
                            ]
                        })
                    })
                })
                .collect(),
        ),
        "foreign_keys" => (
            vec![
                ("name", NAME),
                ("object_id", INT),
                ("schema_id", INT),
                ("parent_object_id", INT),
                ("referenced_object_id", INT),
                ("is_disabled", BIT),
                ("delete_referential_action_desc", Ty::NVarChar(Len::N(60))),
                ("update_referential_action_desc", Ty::NVarChar(Len::N(60))),
            ],
            tables(c)
                .flat_map(|(o, t)| {
                    t.foreign.iter().map(move |f| {
                        vec![
                            s(&f.name),
                            i(f.id),
                            i(schema_id(c, &o.schema)),
                            i(o.id),
                            i(f.table),
                            b(false),
                            s(&f.on_delete),
                            s(&f.on_update),
                        ]
                    })
                })
                .collect(),
        ),
        "foreign_key_columns" => (
            vec![
                ("constraint_object_id", INT),
                ("constraint_column_id", INT),
                ("parent_object_id", INT),
                ("parent_column_id", INT),
                ("referenced_object_id", INT),
                ("referenced_column_id", INT),
            ],
            tables(c)
                .flat_map(|(o, t)| {
                    t.foreign.iter().flat_map(move |f| {
                        f.columns.iter().zip(&f.refs).enumerate().map(move |(n, (a, r))| {
                            vec![
                                i(f.id),
                                i(n as i64 + 1),
                                i(o.id),
                                i(*a as i64 + 1),
                                i(f.table),
                                i(*r as i64 + 1),
                            ]
                        })
                    })
                })
                .collect(),
        ),
        "partitions" | "dm_db_partition_stats" => {
            let stats = name != "partitions";
            let mut rows = Vec::new();
            for (o, t) in tables(c) {
                let n = facts.rows(t);
                let heap = usize::from(!t.keys.iter().any(|k| k.primary));
                for index in (1 - heap)..=t.keys.len() {
                    rows.push(vec![
                        i(o.id * 10 + index as i64),
                        i(o.id),
                        i(index as i64),
                        i(1),
                        i(n),
                    ]);
                }
            }
            (
                vec![
                    ("partition_id", Ty::BigInt),
                    ("object_id", INT),
                    ("index_id", INT),
                    ("partition_number", INT),
                    (if stats { "row_count" } else { "rows" }, Ty::BigInt),
                ],
                rows,
            )
        }
        "extended_properties" => {
            let mut rows = Vec::new();
            let mut add = |major: i64, minor: i64, text: &Option<String>| {
                if let Some(t) = text {
                    rows.push(vec![
                        i(1),
                        s("OBJECT_OR_COLUMN"),
                        i(major),
                        i(minor),
                        s("MS_Description"),
                        s(t),
                    ]);
                }
            };
            for o in &c.objects {
                add(o.id, 0, &o.description);
                if let Some(t) = o.table() {
                    t.columns
                        .iter()
                        .enumerate()
                        .for_each(|(n, col)| add(o.id, n as i64 + 1, &col.description));
                }
            }
            (
                vec![
                    ("class", Ty::TinyInt),
                    ("class_desc", Ty::NVarChar(Len::N(60))),
                    ("major_id", INT),
                    ("minor_id", INT),
                    ("name", NAME),
                    ("value", Ty::NVarChar(Len::N(3750))),
                ],
                rows,
            )
        }
        "databases" => (
            vec![
                ("name", NAME),
                ("database_id", INT),
                ("compatibility_level", Ty::TinyInt),
                ("collation_name", NAME),
                ("state_desc", NAME),
                ("is_read_only", BIT),
                ("user_access_desc", NAME),
            ],
            ["master", "tempdb", "model", "msdb", DATABASE]
                .iter()
                .zip(1..)
                .map(|(n, id)| {
                    vec![
                        s(*n),
                        i(id),
                        i(140),
                        s("SQL_Latin1_General_CP1_CI_AS"),
                        s("ONLINE"),
                        b(false),
                        s("MULTI_USER"),
                    ]
                })
                .collect(),
        ),
        "parameters" => (
            vec![
                ("object_id", INT),
                ("name", NAME),
                ("parameter_id", INT),
                ("system_type_id", Ty::TinyInt),
                ("user_type_id", INT),
                ("max_length", Ty::SmallInt),
                ("precision", Ty::TinyInt),
                ("scale", Ty::TinyInt),
                ("is_output", BIT),
                ("has_default_value", BIT),
            ],
            c.objects
                .iter()
                .flat_map(|o| match &o.kind {
                    ObjectKind::Procedure(params, _) => params
                        .iter()
                        .enumerate()
                        .map(|(n, p)| {
                            let (id, (pr, sc)) = (p.ty.name_and_id().1, p.ty.precision_scale());
                            vec![
                                i(o.id),
                                s(&p.name),
                                i(n as i64 + 1),
                                i(id),
                                i(id),
                                i(p.ty.max_length()),
                                i(pr),
                                i(sc),
                                b(p.output),
                                b(false),
                            ]
                        })
                        .collect::<Vec<_>>(),
                    _ => Vec::new(),
                })
                .collect(),
        ),
        "sql_modules" | "all_sql_modules" => (
            vec![("object_id", INT), ("definition", TEXT)],
            c.objects.iter().filter_map(|o| definition(o).map(|d| vec![i(o.id), s(d)])).collect(),
        ),
        _ => return None,
    })
}

/// The CREATE statement of a view or procedure.
pub fn definition(o: &Object) -> Option<String> {
    match &o.kind {
        ObjectKind::View(t) => Some(format!("CREATE VIEW {}.{} AS {t}", o.schema, o.name)),
        ObjectKind::Procedure(params, t) => {
            let list: Vec<String> = params
                .iter()
                .map(|p| format!("{} {}{}", p.name, p.ty, if p.output { " OUTPUT" } else { "" }))
                .collect();
            Some(format!("CREATE PROCEDURE {}.{} {} AS {t}", o.schema, o.name, list.join(", ")))
        }
        ObjectKind::Table(_) => None,
    }
}

fn information_schema(c: &Catalog, facts: &dyn Facts, name: &str) -> Option<Rows> {
    let db = || s(DATABASE);
    Some(match name {
        "tables" => (
            vec![
                ("TABLE_CATALOG", NAME),
                ("TABLE_SCHEMA", NAME),
                ("TABLE_NAME", NAME),
                ("TABLE_TYPE", Ty::VarChar(Len::N(10))),
            ],
            c.objects
                .iter()
                .filter_map(|o| match o.kind {
                    ObjectKind::Table(_) => {
                        Some(vec![db(), s(&o.schema), s(&o.name), s("BASE TABLE")])
                    }
                    ObjectKind::View(_) => Some(vec![db(), s(&o.schema), s(&o.name), s("VIEW")]),
                    ObjectKind::Procedure(..) => None,
                })
                .collect(),
        ),
        "views" => (
            vec![
                ("TABLE_CATALOG", NAME),
                ("TABLE_SCHEMA", NAME),
                ("TABLE_NAME", NAME),
                ("VIEW_DEFINITION", Ty::NVarChar(Len::N(4000))),
                ("CHECK_OPTION", Ty::VarChar(Len::N(7))),
                ("IS_UPDATABLE", Ty::VarChar(Len::N(2))),
            ],
            c.objects
                .iter()
                .filter(|o| matches!(o.kind, ObjectKind::View(_)))
                .map(|o| {
                    vec![db(), s(&o.schema), s(&o.name), or_null(definition(o)), s("NONE"), s("NO")]
                })
                .collect(),
        ),
        "schemata" => (
            vec![
                ("CATALOG_NAME", NAME),
                ("SCHEMA_NAME", NAME),
                ("SCHEMA_OWNER", NAME),
                ("DEFAULT_CHARACTER_SET_CATALOG", Ty::VarChar(Len::N(6))),
                ("DEFAULT_CHARACTER_SET_SCHEMA", Ty::VarChar(Len::N(3))),
                ("DEFAULT_CHARACTER_SET_NAME", NAME),
            ],
            c.schemas
                .iter()
                .map(|(n, _)| vec![db(), s(n), s("dbo"), Val::Null, Val::Null, s("iso_1")])
                .collect(),
        ),
        "columns" => {
            let mut rows = Vec::new();
            for o in &c.objects {
                for (n, col) in columns_of(o, facts).into_iter().enumerate() {
                    let (p, sc) = col.ty.precision_scale();
                    let chars = col.ty.is_text() || col.ty.is_binary();
                    let octets = col.ty.max_length();
                    let length =
                        if col.ty.is_unicode() && octets > 0 { octets / 2 } else { octets };
                    let number = col.ty.is_number() && col.ty != Ty::Bit;
                    rows.push(vec![
                        db(),
                        s(&o.schema),
                        s(&o.name),
                        s(col.name),
                        i(n as i64 + 1),
                        or_null(
                            col.meta
                                .as_ref()
                                .and_then(|m| m.default.as_ref())
                                .map(|d| format!("({})", d.2)),
                        ),
                        s(if col.nullable { "YES" } else { "NO" }),
                        s(col.ty.name_and_id().0),
                        if chars { i(length) } else { Val::Null },
                        if chars { i(octets) } else { Val::Null },
                        if number { i(p) } else { Val::Null },
                        if number { i(if col.ty.is_float() { 2 } else { 10 }) } else { Val::Null },
                        if number && !col.ty.is_float() { i(sc) } else { Val::Null },
                        if col.ty.is_temporal() { i(sc) } else { Val::Null },
                        Val::Null,
                        Val::Null,
                        if col.ty.is_text() {
                            s(if col.ty.is_unicode() { "UNICODE" } else { "iso_1" })
                        } else {
                            Val::Null
                        },
                        Val::Null,
                        Val::Null,
                        if col.ty.is_text() {
                            s("SQL_Latin1_General_CP1_CI_AS")
                        } else {
                            Val::Null
                        },
                        Val::Null,
                        Val::Null,
                        Val::Null,
                    ]);
                }
            }
            (
                vec![
                    ("TABLE_CATALOG", NAME),
                    ("TABLE_SCHEMA", NAME),
                    ("TABLE_NAME", NAME),
                    ("COLUMN_NAME", NAME),
                    ("ORDINAL_POSITION", INT),
                    ("COLUMN_DEFAULT", Ty::NVarChar(Len::N(4000))),
                    ("IS_NULLABLE", Ty::VarChar(Len::N(3))),
                    ("DATA_TYPE", NAME),
                    ("CHARACTER_MAXIMUM_LENGTH", INT),
                    ("CHARACTER_OCTET_LENGTH", INT),
                    ("NUMERIC_PRECISION", Ty::TinyInt),
                    ("NUMERIC_PRECISION_RADIX", Ty::SmallInt),
                    ("NUMERIC_SCALE", INT),
                    ("DATETIME_PRECISION", Ty::SmallInt),
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
                rows,
            )
        }
        "table_constraints" => {
            let mut rows = Vec::new();
            for (o, t) in tables(c) {
                let mut add = |name: &str, kind: &str| {
                    rows.push(vec![
                        db(),
                        s(&o.schema),
                        s(name),
                        db(),
                        s(&o.schema),
                        s(&o.name),
                        s(kind),
                        s("NO"),
                        s("NO"),
                    ])
                };
                t.keys
                    .iter()
                    .filter(|k| k.constraint)
                    .for_each(|k| add(&k.name, if k.primary { "PRIMARY KEY" } else { "UNIQUE" }));
                t.foreign.iter().for_each(|f| add(&f.name, "FOREIGN KEY"));
                t.checks.iter().for_each(|k| add(&k.name, "CHECK"));
            }
            (
                vec![
                    ("CONSTRAINT_CATALOG", NAME),
                    ("CONSTRAINT_SCHEMA", NAME),
                    ("CONSTRAINT_NAME", NAME),
                    ("TABLE_CATALOG", NAME),
                    ("TABLE_SCHEMA", NAME),
                    ("TABLE_NAME", NAME),
                    ("CONSTRAINT_TYPE", Ty::VarChar(Len::N(11))),
                    ("IS_DEFERRABLE", Ty::VarChar(Len::N(2))),
                    ("INITIALLY_DEFERRED", Ty::VarChar(Len::N(2))),
                ],
                rows,
            )
        }
        "key_column_usage" | "constraint_column_usage" => {
            let mut rows = Vec::new();
            for (o, t) in tables(c) {
                let mut add = |name: &str, col: usize, n: usize| {
                    rows.push(vec![
                        db(),
                        s(&o.schema),
                        s(name),
                        db(),
                        s(&o.schema),
                        s(&o.name),
                        s(&t.columns[col].name),
                        i(n as i64 + 1),
                    ]);
                };
                for k in t.keys.iter().filter(|k| k.constraint) {
                    k.columns.iter().enumerate().for_each(|(n, (col, _))| add(&k.name, *col, n));
                }
                for f in &t.foreign {
                    f.columns.iter().enumerate().for_each(|(n, col)| add(&f.name, *col, n));
                }
            }
            (
                vec![
                    ("CONSTRAINT_CATALOG", NAME),
                    ("CONSTRAINT_SCHEMA", NAME),
                    ("CONSTRAINT_NAME", NAME),
                    ("TABLE_CATALOG", NAME),
                    ("TABLE_SCHEMA", NAME),
                    ("TABLE_NAME", NAME),
                    ("COLUMN_NAME", NAME),
                    ("ORDINAL_POSITION", INT),
                ],
                rows,
            )
        }
        "referential_constraints" => {
            let mut rows = Vec::new();
            for (o, t) in tables(c) {
                for f in &t.foreign {
                    let unique = c.by_id(f.table).and_then(|r| {
                        r.table()?
                            .keys
                            .iter()
                            .find(|k| {
                                k.unique && k.columns.iter().map(|c| c.0).eq(f.refs.iter().copied())
                            })
                            .map(|k| (r.schema.clone(), k.name.clone()))
                    });
                    let (us, un) = unique.unwrap_or_default();
                    rows.push(vec![
                        db(),
                        s(&o.schema),
                        s(&f.name),
                        db(),
                        s(us),
                        s(un),
                        s("SIMPLE"),
                        s(f.on_update.replace('_', " ")),
                        s(f.on_delete.replace('_', " ")),
                    ]);
                }
            }
            (
                vec![
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
                rows,
            )
        }
        "sequences" => (
            ["SEQUENCE_CATALOG", "SEQUENCE_SCHEMA", "SEQUENCE_NAME", "DATA_TYPE"]
                .map(|n| (n, NAME))
                .into(),
            Vec::new(),
        ),
        "check_constraints" => (
            vec![
                ("CONSTRAINT_CATALOG", NAME),
                ("CONSTRAINT_SCHEMA", NAME),
                ("CONSTRAINT_NAME", NAME),
                ("CHECK_CLAUSE", TEXT),
            ],
            tables(c)
                .flat_map(|(o, t)| {
                    t.checks.iter().map(move |k| {
                        vec![s(DATABASE), s(&o.schema), s(&k.name), s(format!("({})", k.text))]
                    })
                })
                .collect(),
        ),
        "routines" => (
            vec![
                ("ROUTINE_CATALOG", NAME),
                ("ROUTINE_SCHEMA", NAME),
                ("ROUTINE_NAME", NAME),
                ("ROUTINE_TYPE", NAME),
                ("ROUTINE_DEFINITION", TEXT),
            ],
            c.objects
                .iter()
                .filter(|o| matches!(o.kind, ObjectKind::Procedure(..)))
                .map(|o| {
                    vec![db(), s(&o.schema), s(&o.name), s("PROCEDURE"), or_null(definition(o))]
                })
                .collect(),
        ),
        _ => return None,
    })
}
