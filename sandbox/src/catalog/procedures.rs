//! The catalog procedures that drivers call: sp_tables, sp_columns, sp_columns_100, sp_pkeys.

use crate::catalog::describe::{columns_of, definition_text};
use crate::catalog::views::Facts;
use crate::catalog::{Catalog, DATABASE, ObjectKind};
use crate::error::{Error, Result};
use crate::functions::like;
use crate::tds::token::Column;
use crate::types::{Len, Type, Value};

/// A result set.
pub type Set = (Vec<Column>, Vec<Vec<Value>>);

/// What a call gives: each argument with its name, if it was named.
pub type Args<'a> = &'a [(Option<String>, Value)];

const NAME: Type = Type::NVarChar(Len::N(128));
const SHORT: Type = Type::SmallInt;

/// Runs one of them; nothing when the sandbox has none of that name.
pub fn run(
    name: &str,
    args: Args<'_>,
    catalog: &Catalog,
    facts: &dyn Facts,
) -> Result<Option<Set>> {
    let set = match name.to_ascii_lowercase().as_str() {
        "sp_tables" => {
            let a = Given::new(
                name,
                args,
                &["@table_name", "@table_owner", "@table_qualifier", "@table_type", "@fUsePattern"],
            )?;
            tables(&a, catalog)?
        }
        n @ ("sp_columns" | "sp_columns_100") => {
            let names = [
                "@table_name",
                "@table_owner",
                "@table_qualifier",
                "@column_name",
                "@ODBCVer",
                "@fUsePattern",
            ];
            let a = Given::new(name, args, if n == "sp_columns" { &names[..5] } else { &names })?;
            columns(&a, n == "sp_columns_100", catalog, facts)?
        }
        "sp_pkeys" => keys(
            &Given::new(name, args, &["@table_name", "@table_owner", "@table_qualifier"])?,
            catalog,
        )?,
        _ => return Ok(None),
    };
    Ok(Some(set))
}

/// The arguments of a call, by the names of its parameters.
struct Given(Vec<Option<Value>>);

impl Given {
    fn new(procedure: &str, args: Args<'_>, names: &[&str]) -> Result<Self> {
        let mut all = vec![None; names.len()];
        for (i, (name, value)) in args.iter().enumerate() {
            let at = match name {
                Some(n) => {
                    names.iter().position(|x| x.eq_ignore_ascii_case(n)).ok_or_else(|| {
                        Error::new(
                            8145,
                            16,
                            format!("{n} is not a parameter for procedure {procedure}."),
                        )
                    })?
                }
                None if i < names.len() => i,
                None => {
                    let what = format!(
                        "Procedure or function {procedure} has too many arguments specified."
                    );
                    return Err(Error::new(8144, 16, what));
                }
            };
            all[at] = Some(value.clone()).filter(|v| !v.is_null());
        }
        Ok(Self(all))
    }

    fn text(&self, i: usize) -> Option<&str> {
        match self.0.get(i)? {
            Some(Value::Str(s)) => Some(s),
            _ => None,
        }
    }

    fn int(&self, i: usize, default: i64) -> i64 {
        match self.0.get(i) {
            Some(Some(Value::Int(n))) => *n,
            _ => default,
        }
    }

    /// Whether a name fits an argument: a pattern, unless the caller says that it is none.
    fn fits(&self, i: usize, name: &str, pattern: bool) -> Result<bool> {
        match self.text(i) {
            None => Ok(true),
            Some(p) if pattern => like(name, p, Some('\\'), true),
            Some(p) => Ok(p.eq_ignore_ascii_case(name)),
        }
    }

    fn here(&self, i: usize) -> Result<bool> {
        match self.text(i) {
            None => Ok(true),
            Some("") | Some("%") => {
                Err(Error::unsupported("a list of databases by a catalog procedure"))
            }
            Some(db) => Ok(db.eq_ignore_ascii_case(DATABASE)),
        }
    }
}

fn s(t: impl Into<String>) -> Value {
    Value::Str(t.into())
}

fn tables(a: &Given, catalog: &Catalog) -> Result<Set> {
    if [0, 1, 3].iter().any(|i| a.text(*i) == Some("")) || a.text(3) == Some("%") {
        return Err(Error::unsupported(
            "sp_tables with an empty argument, which lists databases, owners or types",
        ));
    }
    let (pattern, here) = (a.int(4, 1) != 0, a.here(2)?);
    let wanted = |kind: &str| {
        a.text(3).is_none_or(|t| t.to_ascii_uppercase().contains(&format!("'{kind}'")))
    };
    let mut rows = Vec::new();
    for o in &catalog.objects {
        let kind = match o.kind {
            ObjectKind::Table(_) => "TABLE",
            ObjectKind::View(_) => "VIEW",
            ObjectKind::Procedure(..) => continue,
        };
        if here && wanted(kind) && a.fits(0, &o.name, pattern)? && a.fits(1, &o.schema, pattern)? {
            rows.push((kind, o.schema.clone(), o.name.clone()));
        }
    }
    rows.sort_by_key(|r| (r.0, r.1.to_lowercase(), r.2.to_lowercase()));
    let types = [
        ("TABLE_QUALIFIER", NAME),
        ("TABLE_OWNER", NAME),
        ("TABLE_NAME", NAME),
        ("TABLE_TYPE", Type::VarChar(Len::N(32))),
        ("REMARKS", Type::VarChar(Len::N(254))),
    ];
    let rows = rows
        .into_iter()
        .map(|(kind, schema, name)| vec![s(DATABASE), s(schema), s(name), s(kind), Value::Null]);
    Ok((types.map(|(n, t)| Column::new(n, t)).into(), rows.collect()))
}

/// ODBC's view of a type: code, precision, length, scale, radix.
fn odbc(ty: Type, long: bool) -> (i64, i64, i64, Option<i64>, Option<i64>) {
    let (p, scale) = (i64::from(ty.precision_scale().0), i64::from(ty.precision_scale().1));
    let bytes = ty.max_length();
    let exact = |code: i64, length: i64| (code, p, length, Some(scale), Some(10));
    let sized = |code: i64, unit: i64| match bytes {
        // Without an end: 0 to those who know (max), the largest number to those who do not.
        -1 if long => (code, 0, 0, None, None),
        -1 => (code, 2_147_483_647 / unit, 2_147_483_647 / unit * unit, None, None),
        n => (code, n / unit, n, None, None),
    };
    match ty {
        Type::Bit => (-7, 1, 1, None, None),
        Type::TinyInt => exact(-6, 1),
        Type::SmallInt => exact(5, 2),
        Type::BigInt => exact(-5, 8),
        Type::Decimal(p, _) => exact(3, i64::from(p) + 2),
        Type::Money => exact(3, 21),
        Type::SmallMoney => exact(3, 12),
        Type::Real => (7, 24, 4, None, Some(2)),
        Type::Float => (6, 53, 8, None, Some(2)),
        Type::Char(_) => sized(1, 1),
        Type::VarChar(_) => sized(12, 1),
        Type::NChar(_) => sized(-8, 2),
        Type::NVarChar(_) => sized(-9, 2),
        Type::Binary(_) => sized(-2, 1),
        Type::VarBinary(_) => sized(-3, 1),
        Type::Date => (91, p, 6, Some(0), None),
        Type::Time(_) => (-154, p, 10, Some(scale), None),
        Type::SmallDateTime | Type::DateTime | Type::DateTime2(_) => (93, p, 16, Some(scale), None),
        Type::DateTimeOffset(_) => (-155, p, 20, Some(scale), None),
        Type::Guid => (-11, 36, 16, None, None),
        Type::Xml => (-152, 0, 0, None, None),
        _ => exact(4, 4),
    }
}

fn columns(a: &Given, long: bool, catalog: &Catalog, facts: &dyn Facts) -> Result<Set> {
    if a.text(0).is_none() && !long {
        return Err(Error::unsupported("sp_columns without a table"));
    }
    let (pattern, here, version) = (a.int(5, 1) != 0, a.here(2)?, a.int(4, 2));
    let int = |n: i64| Value::Int(n);
    let opt = |n: Option<i64>| n.map_or(Value::Null, Value::Int);
    let mut rows = Vec::new();
    for o in &catalog.objects {
        if !here || !a.fits(0, &o.name, pattern)? || !a.fits(1, &o.schema, pattern)? {
            continue;
        }
        for (i, c) in columns_of(o, facts).into_iter().enumerate() {
            if !a.fits(3, &c.name, pattern)? {
                continue;
            }
            if version != 3 && (c.ty.is_temporal() || c.ty.is_float()) {
                return Err(Error::unsupported(format!(
                    "sp_columns with @ODBCVer = {version} of {}",
                    c.ty
                )));
            }
            let (code, precision, length, scale, radix) = odbc(c.ty, long);
            let identity = c.meta.as_ref().is_some_and(|m| m.identity.is_some());
            let computed = c.meta.as_ref().is_some_and(|m| m.computed.is_some());
            let (sql_type, sub) = match c.ty {
                Type::Date => (9, Some(1)),
                Type::SmallDateTime | Type::DateTime | Type::DateTime2(_) => (9, Some(3)),
                _ => (code, None),
            };
            let octets = (c.ty.is_text() || c.ty.is_binary()).then_some(length);
            let mut row = vec![
                s(DATABASE),
                s(&o.schema),
                s(&o.name),
                s(&c.name),
                int(code),
                s(format!("{}{}", c.ty.name_and_id().0, if identity { " identity" } else { "" })),
                int(precision),
                int(length),
                opt(scale),
                opt(radix),
                int(i64::from(c.nullable)),
                Value::Null,
                c.meta
                    .as_ref()
                    .and_then(|m| m.default.as_ref())
                    .map_or(Value::Null, |d| s(definition_text(&d.2))),
                int(sql_type),
                opt(sub),
                opt(octets),
                int(i as i64 + 1),
                s(if c.nullable { "YES" } else { "NO" }),
            ];
            if long {
                row.extend([int(0), int(0), int(i64::from(computed)), int(i64::from(identity))]);
                row.extend(vec![Value::Null; 6]);
            }
            row.push(int(extended(c.ty, c.nullable)));
            rows.push((o.schema.to_lowercase(), o.name.to_lowercase(), row));
        }
    }
    rows.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    let mut types = vec![
        ("TABLE_QUALIFIER", NAME),
        ("TABLE_OWNER", NAME),
        ("TABLE_NAME", NAME),
        ("COLUMN_NAME", NAME),
        ("DATA_TYPE", SHORT),
        ("TYPE_NAME", NAME),
        ("PRECISION", Type::Int),
        ("LENGTH", Type::Int),
        ("SCALE", SHORT),
        ("RADIX", SHORT),
        ("NULLABLE", SHORT),
        ("REMARKS", Type::VarChar(Len::N(254))),
        ("COLUMN_DEF", Type::NVarChar(Len::N(4000))),
        ("SQL_DATA_TYPE", SHORT),
        ("SQL_DATETIME_SUB", SHORT),
        ("CHAR_OCTET_LENGTH", Type::Int),
        ("ORDINAL_POSITION", Type::Int),
        ("IS_NULLABLE", Type::VarChar(Len::N(254))),
    ];
    if long {
        types.extend(
            ["SS_IS_SPARSE", "SS_IS_COLUMN_SET", "SS_IS_COMPUTED", "SS_IS_IDENTITY"]
                .map(|n| (n, SHORT)),
        );
        types.extend(
            ["SS_UDT_CATALOG_NAME", "SS_UDT_SCHEMA_NAME", "SS_UDT_ASSEMBLY_TYPE_NAME"]
                .map(|n| (n, NAME)),
        );
        types.extend(
            [
                "SS_XML_SCHEMACOLLECTION_CATALOG_NAME",
                "SS_XML_SCHEMACOLLECTION_SCHEMA_NAME",
                "SS_XML_SCHEMACOLLECTION_NAME",
            ]
            .map(|n| (n, NAME)),
        );
    }
    types.push(("SS_DATA_TYPE", Type::TinyInt));
    Ok((
        types.into_iter().map(|(n, t)| Column::new(n, t)).collect(),
        rows.into_iter().map(|r| r.2).collect(),
    ))
}

/// The type's number to extended stored procedures.
fn extended(ty: Type, nullable: bool) -> i64 {
    let (plain, with_null) = match ty {
        Type::Bit => (50, 50),
        Type::TinyInt => (48, 38),
        Type::SmallInt => (52, 38),
        Type::Int => (56, 38),
        Type::BigInt => (63, 108),
        Type::Decimal(..) => (106, 106),
        Type::Money => (60, 110),
        Type::SmallMoney => (122, 110),
        Type::Real => (59, 109),
        Type::Float => (62, 109),
        Type::DateTime => (61, 111),
        Type::SmallDateTime => (58, 111),
        Type::Char(_) => (47, 39),
        Type::VarChar(_) | Type::NChar(_) | Type::NVarChar(_) => (39, 39),
        Type::Binary(_) => (45, 37),
        Type::VarBinary(_) | Type::Guid => (37, 37),
        _ => (0, 0),
    };
    if nullable { with_null } else { plain }
}

fn keys(a: &Given, catalog: &Catalog) -> Result<Set> {
    let here = a.here(2)?;
    let mut rows = Vec::new();
    for o in &catalog.objects {
        let Some(t) = o.table() else { continue };
        if !here || !a.fits(0, &o.name, false)? || !a.fits(1, &o.schema, false)? {
            continue;
        }
        for k in t.keys.iter().filter(|k| k.primary) {
            for (i, (c, _)) in k.columns.iter().enumerate() {
                let column = s(&t.columns[*c].name);
                rows.push(vec![
                    s(DATABASE),
                    s(&o.schema),
                    s(&o.name),
                    column,
                    Value::Int(i as i64 + 1),
                    s(&k.name),
                ]);
            }
        }
    }
    let types = [
        ("TABLE_QUALIFIER", NAME),
        ("TABLE_OWNER", NAME),
        ("TABLE_NAME", NAME),
        ("COLUMN_NAME", NAME),
        ("KEY_SEQ", SHORT),
        ("PK_NAME", NAME),
    ];
    Ok((types.map(|(n, t)| Column::new(n, t)).into(), rows))
}
