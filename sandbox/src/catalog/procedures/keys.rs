//! sp_pkeys: the columns of primary keys.

use super::{Arguments, NAME, ResultSet, result_columns};
use crate::catalog::Catalog;
use crate::catalog::views::{ordinal, text};
use crate::error::Result;
use crate::types::Type;

/// The columns of primary keys; its arguments are no patterns.
pub(super) fn primary_keys(args: &Arguments, catalog: &Catalog) -> Result<ResultSet> {
    let is_here = args.is_here(2, catalog)?;
    let mut rows = Vec::new();
    for object in &catalog.objects {
        let Some(table) = object.table() else { continue };
        if !is_here
            || !args.fits(0, &object.name, false)?
            || !args.fits(1, &object.schema, false)?
        {
            continue;
        }
        for key in table.keys.iter().filter(|k| k.primary) {
            for (place, (column, _)) in key.columns.iter().enumerate() {
                rows.push(vec![
                    text(&catalog.database),
                    text(&object.schema),
                    text(&object.name),
                    text(&table.columns[*column].name),
                    ordinal(place),
                    text(&key.name),
                ]);
            }
        }
    }
    let columns = result_columns(&[
        ("TABLE_QUALIFIER", NAME),
        ("TABLE_OWNER", NAME),
        ("TABLE_NAME", NAME),
        ("COLUMN_NAME", NAME),
        ("KEY_SEQ", Type::SmallInt),
        ("PK_NAME", NAME),
    ]);
    Ok((columns, rows))
}
