//! The indexes of a table, as sp_helpindex shows them.

use super::key_columns;
use crate::catalog::TableDef;
use crate::catalog::procedures::{HelpPart, NAME, result_columns};
use crate::catalog::views::text;
use crate::messages;
use crate::types::{Len, Type};

pub(super) fn indexes(name: &str, table: &TableDef) -> HelpPart {
    if table.keys.is_empty() {
        return HelpPart::Message(messages::no_indexes(name));
    }
    let mut keys: Vec<_> = table.keys.iter().collect();
    keys.sort_by_key(|k| k.name.to_lowercase());
    let rows = keys.into_iter().map(|key| {
        let mut words = vec![if key.primary { "clustered" } else { "nonclustered" }];
        words.extend(key.unique.then_some("unique"));
        words.extend(key.primary.then_some("primary key"));
        words.extend((key.constraint && !key.primary).then_some("unique key"));
        let description = format!("{} located on PRIMARY", words.join(", "));
        vec![text(&key.name), text(description), text(key_columns(table, &key.columns))]
    });
    let columns = result_columns(&[
        ("index_name", NAME),
        ("index_description", Type::VarChar(Len::N(210))),
        ("index_keys", Type::NVarChar(Len::N(2078))),
    ]);
    HelpPart::Rows(columns, rows.collect())
}
