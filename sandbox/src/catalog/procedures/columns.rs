//! sp_columns, and sp_columns_100 of newer drivers.

use super::{Arguments, NAME, ResultSet, result_columns};
use crate::catalog::describe::{ColumnRow, columns_of};
use crate::catalog::views::{Facts, int, int_or_null, ordinal, text, text_or_null};
use crate::catalog::{Catalog, Object};
use crate::error::{Error, Result};
use crate::types::{Len, Type, Value};

const COLUMNS: &[(&str, Type)] = &[
    ("TABLE_QUALIFIER", NAME),
    ("TABLE_OWNER", NAME),
    ("TABLE_NAME", NAME),
    ("COLUMN_NAME", NAME),
    ("DATA_TYPE", Type::SmallInt),
    ("TYPE_NAME", NAME),
    ("PRECISION", Type::Int),
    ("LENGTH", Type::Int),
    ("SCALE", Type::SmallInt),
    ("RADIX", Type::SmallInt),
    ("NULLABLE", Type::SmallInt),
    ("REMARKS", Type::VarChar(Len::N(254))),
    ("COLUMN_DEF", Type::NVarChar(Len::N(4000))),
    ("SQL_DATA_TYPE", Type::SmallInt),
    ("SQL_DATETIME_SUB", Type::SmallInt),
    ("CHAR_OCTET_LENGTH", Type::Int),
    ("ORDINAL_POSITION", Type::Int),
    ("IS_NULLABLE", Type::VarChar(Len::N(254))),
];

/// Before SS_DATA_TYPE in the answer of sp_columns_100.
const MORE_COLUMNS: &[(&str, Type)] = &[
    ("SS_IS_SPARSE", Type::SmallInt),
    ("SS_IS_COLUMN_SET", Type::SmallInt),
    ("SS_IS_COMPUTED", Type::SmallInt),
    ("SS_IS_IDENTITY", Type::SmallInt),
    ("SS_UDT_CATALOG_NAME", NAME),
    ("SS_UDT_SCHEMA_NAME", NAME),
    ("SS_UDT_ASSEMBLY_TYPE_NAME", NAME),
    ("SS_XML_SCHEMACOLLECTION_CATALOG_NAME", NAME),
    ("SS_XML_SCHEMACOLLECTION_SCHEMA_NAME", NAME),
    ("SS_XML_SCHEMACOLLECTION_NAME", NAME),
];

const LAST_COLUMN: &[(&str, Type)] = &[("SS_DATA_TYPE", Type::TinyInt)];

pub(super) fn columns(args: &Arguments, catalog: &Catalog, facts: &dyn Facts) -> Result<ResultSet> {
    if args.text(0).is_none() {
        return Err(Error::unsupported("sp_columns without a table"));
    }
    let rows = rows(args, false, catalog, facts)?;
    Ok((result_columns(&[COLUMNS, LAST_COLUMN].concat()), rows))
}

pub(super) fn columns_100(
    args: &Arguments,
    catalog: &Catalog,
    facts: &dyn Facts,
) -> Result<ResultSet> {
    let rows = rows(args, true, catalog, facts)?;
    Ok((result_columns(&[COLUMNS, MORE_COLUMNS, LAST_COLUMN].concat()), rows))
}

/// In the order of owner, table and position. `newer` for sp_columns_100.
fn rows(
    args: &Arguments,
    newer: bool,
    catalog: &Catalog,
    facts: &dyn Facts,
) -> Result<Vec<Vec<Value>>> {
    let (pattern, is_here, version) =
        (args.int(5, 1) != 0, args.is_here(2, catalog)?, args.int(4, 2));
    let mut found = Vec::new();
    for object in &catalog.objects {
        if !is_here
            || !object.is_table_or_view()
            || !args.fits(0, &object.name, pattern)?
            || !args.fits(1, &object.schema, pattern)?
        {
            continue;
        }
        for (position, column) in columns_of(catalog, object, facts).into_iter().enumerate() {
            if !args.fits(3, &column.name, pattern)? {
                continue;
            }
            // ODBC 2 has other codes for these.
            if version != 3 && (column.ty.is_temporal() || column.ty.is_float()) {
                return Err(Error::unsupported(format!(
                    "sp_columns with @ODBCVer = {version} of {}",
                    column.ty
                )));
            }
            let key = (object.schema.to_lowercase(), object.name.to_lowercase());
            found.push((key, row(catalog, object, position, &column, newer)));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found.into_iter().map(|(_, row)| row).collect())
}

fn row(
    catalog: &Catalog,
    object: &Object,
    position: usize,
    column: &ColumnRow,
    newer: bool,
) -> Vec<Value> {
    let ty = column.ty;
    let odbc = OdbcType::of(ty, newer);
    let (sql_type, sub) = match ty {
        Type::Date => (9, Some(1)),
        Type::SmallDateTime | Type::DateTime | Type::DateTime2(_) => (9, Some(3)),
        _ => (odbc.code, None),
    };
    let octets = (ty.is_text() || ty.is_binary()).then_some(odbc.length);
    let identity = if column.is_identity() { " identity" } else { "" };
    let mut row = vec![
        text(&catalog.database),
        text(&object.schema),
        text(&object.name),
        text(&column.name),
        int(odbc.code),
        text(format!("{}{identity}", ty.name_and_id().0)),
        int(odbc.precision),
        int(odbc.length),
        int_or_null(odbc.scale),
        int_or_null(odbc.radix),
        int(i64::from(column.nullable)),
        Value::Null,
        text_or_null(column.default_definition()),
        int(sql_type),
        int_or_null(sub),
        int_or_null(octets),
        ordinal(position),
        text(if column.nullable { "YES" } else { "NO" }),
    ];
    if newer {
        let (computed, identity) = (column.is_computed(), column.is_identity());
        row.extend([0, 0, i64::from(computed), i64::from(identity)].map(int));
        row.extend([const { Value::Null }; 6]);
    }
    row.push(int(data_type(ty, column.nullable)));
    row
}

/// ODBC's view of a type ("SQL Data Types" of the ODBC reference).
struct OdbcType {
    code: i64,
    precision: i64,
    length: i64,
    scale: Option<i64>,
    radix: Option<i64>,
}

impl OdbcType {
    fn of(ty: Type, newer: bool) -> Self {
        let (precision, scale) = ty.precision_scale();
        let (precision, scale) = (i64::from(precision), i64::from(scale));
        let plain =
            |code, precision, length, scale, radix| Self { code, precision, length, scale, radix };
        let exact = |code, length| plain(code, precision, length, Some(scale), Some(10));
        let sized = |code, unit: i64| match ty.max_length() {
            // Without an end: 0 to those who know (max), the largest number to those who do not.
            -1 if newer => plain(code, 0, 0, None, None),
            -1 => {
                let units = i64::from(i32::MAX) / unit;
                plain(code, units, units * unit, None, None)
            }
            bytes => plain(code, bytes / unit, bytes, None, None),
        };
        match ty {
            Type::Bit => plain(-7, 1, 1, None, None),
            Type::TinyInt => exact(-6, 1),
            Type::SmallInt => exact(5, 2),
            Type::BigInt => exact(-5, 8),
            Type::Decimal(..) => exact(3, precision + 2),
            Type::Money => exact(3, 21),
            Type::SmallMoney => exact(3, 12),
            Type::Real => plain(7, 24, 4, None, Some(2)),
            Type::Float => plain(6, 53, 8, None, Some(2)),
            Type::Char(_) => sized(1, 1),
            Type::VarChar(_) => sized(12, 1),
            Type::NChar(_) => sized(-8, 2),
            Type::NVarChar(_) => sized(-9, 2),
            Type::Binary(_) => sized(-2, 1),
            Type::VarBinary(_) => sized(-3, 1),
            Type::Date => plain(91, precision, 6, Some(0), None),
            Type::Time(_) => plain(-154, precision, 10, Some(scale), None),
            Type::SmallDateTime | Type::DateTime | Type::DateTime2(_) => {
                plain(93, precision, 16, Some(scale), None)
            }
            Type::DateTimeOffset(_) => plain(-155, precision, 20, Some(scale), None),
            Type::Guid => plain(-11, 36, 16, None, None),
            Type::Xml => plain(-152, 0, 0, None, None),
            _ => exact(4, 4),
        }
    }
}

/// SS_DATA_TYPE: the type's number to extended stored procedures.
fn data_type(ty: Type, nullable: bool) -> i64 {
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
