//! sp_tables: tables and views by patterns.

use super::{Arguments, NAME, ResultSet, result_columns};
use crate::catalog::views::text;
use crate::catalog::{Catalog, ObjectKind};
use crate::error::{Error, Result};
use crate::types::{Len, Type, Value};

/// Tables and views, in the order of type, owner and name.
pub(super) fn tables(args: &Arguments, catalog: &Catalog) -> Result<ResultSet> {
    if [0, 1, 3].iter().any(|i| args.text(*i) == Some("")) || args.text(3) == Some("%") {
        return Err(Error::unsupported(
            "sp_tables with an empty argument, which lists databases, owners or types",
        ));
    }
    let (pattern, is_here) = (args.int(4, 1) != 0, args.is_here(2, catalog)?);
    // A list of types in quotation marks.
    let is_wanted = |kind: &str| {
        let quoted = format!("'{kind}'");
        args.text(3).is_none_or(|t| t.to_ascii_uppercase().contains(&quoted))
    };
    let mut found = Vec::new();
    for object in &catalog.objects {
        let kind = match object.kind {
            ObjectKind::Table(_) => "TABLE",
            ObjectKind::View(_) => "VIEW",
            _ => continue,
        };
        if is_here
            && is_wanted(kind)
            && args.fits(0, &object.name, pattern)?
            && args.fits(1, &object.schema, pattern)?
        {
            found.push((kind, object));
        }
    }
    found.sort_by_key(|(kind, o)| (*kind, o.schema.to_lowercase(), o.name.to_lowercase()));
    let rows = found.into_iter().map(|(kind, o)| {
        vec![text(&catalog.database), text(&o.schema), text(&o.name), text(kind), Value::Null]
    });
    let columns = result_columns(&[
        ("TABLE_QUALIFIER", NAME),
        ("TABLE_OWNER", NAME),
        ("TABLE_NAME", NAME),
        ("TABLE_TYPE", Type::VarChar(Len::N(32))),
        ("REMARKS", Type::VarChar(Len::N(254))),
    ]);
    Ok((columns, rows.collect()))
}
