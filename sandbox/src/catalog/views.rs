//! What a system view is: a name, its columns, and rows made from the catalog whenever a query
//! names it. The views themselves are in [`sys`](super::sys) and
//! [`information_schema`](super::information_schema).

use std::sync::Arc;

use crate::catalog::many::{ViewOfMany, Wanted, few, has_many};
use crate::catalog::selection::Selection;
use crate::catalog::{Catalog, Object, TableDef, information_schema, sys};
use crate::types::Column;
use crate::types::{Len, Type, Value};

pub(super) const NAME: Type = Type::NVarChar(Len::N(128));
/// `nvarchar(max)`, the type of every definition.
pub(super) const TEXT: Type = Type::NVarChar(Len::Max);
/// The type of the columns that end in `_desc`.
pub(super) const DESCRIPTION: Type = Type::NVarChar(Len::N(60));
pub(super) const INT: Type = Type::Int;
pub(super) const BIT: Type = Type::Bit;

/// The one collation of the sandbox, as `collation_name` shows it.
pub(crate) const COLLATION_NAME: &str = "SQL_Latin1_General_CP1_CI_AS";

/// What a view is made of, and with it how it is made of many objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// Objects, each by itself.
    Objects,
    /// The same, with the columns of views.
    Columns,
    /// The same, with the numbers of rows.
    Counts,
    /// Something else, which is never much.
    Whole,
}

#[derive(Debug)]
pub(super) struct View {
    /// In lower case, without its schema.
    pub(super) name: &'static str,
    /// Every column that its page documents is here, so that `SELECT *` is no guess.
    pub(super) complete: bool,
    pub(super) reads: Reads,
    /// In the order of its page.
    pub(super) columns: &'static [(&'static str, Type)],
    /// One value for each column.
    pub(super) rows: fn(&Selection<'_>, &dyn Facts) -> Vec<Vec<Value>>,
}

/// What the views need beside the catalog.
pub(crate) trait Facts {
    /// The exact number of rows in a table.
    fn row_count(&self, table: &TableDef) -> i64;

    /// The columns of a view, none when its query no longer binds.
    fn view_columns(&self, catalog: &Catalog, object: &Object) -> Vec<Column>;

    /// The last identity value that the table with this key gave.
    fn last_identity(&self, key: i64) -> Option<i64>;

    /// The value of @@SERVERNAME.
    fn server_name(&self) -> &str;

    /// All that there are, in the order of their ids.
    fn databases(&self) -> Vec<DatabaseFacts>;

    /// The session that asks.
    fn session(&self) -> SessionFacts;
}

/// What the server tells of a database.
pub(crate) struct DatabaseFacts {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) read_only: bool,
}

/// What a session tells of itself.
#[derive(Default)]
pub(crate) struct SessionFacts {
    pub(crate) spid: i64,
    /// Ticks since 0001-01-01, as a datetime has them.
    pub(crate) login_time: i64,
    pub(crate) user: String,
    pub(crate) program: String,
    pub(crate) host: String,
    pub(crate) context_info: Option<Vec<u8>>,
    /// Milliseconds, below 0 for ever.
    pub(crate) lock_timeout: i64,
    pub(crate) database_id: i64,
    pub(crate) transaction_count: i64,
}

/// The columns and the rows of a view.
pub(crate) struct Rows {
    pub(crate) columns: &'static [(&'static str, Type)],
    pub(crate) content: Content,
}

/// The rows of a view: themselves, or where they come from while a query runs.
pub(crate) enum Content {
    List(Vec<Vec<Value>>),
    /// The number of what makes them, and of its parts.
    Parts(i64, usize),
}

/// Views of before SQL Server 2005 and tables of master, which answer without a schema.
const COMPATIBILITY_VIEWS: [&str; 14] = [
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
];

/// The columns of a system view, or nothing when the sandbox has none of that name.
pub(crate) fn columns(schema: &str, name: &str) -> Option<&'static [(&'static str, Type)]> {
    find(schema, name).map(|v| v.columns)
}

/// The columns and rows of a system view. Of many objects those are made that are wanted, or later
/// by `keep`, which gives what makes them a number.
pub(crate) fn rows(
    catalog: &Arc<Catalog>,
    facts: &dyn Facts,
    (schema, name): (&str, &str),
    wanted: &[Wanted],
    keep: impl FnOnce(ViewOfMany) -> i64,
) -> Option<Rows> {
    let view = find(schema, name)?;
    let columns = view.columns;
    if view.reads == Reads::Whole || !has_many(catalog) {
        let rows = (view.rows)(&Selection::whole(catalog), facts);
        return Some(Rows { columns, content: Content::List(rows) });
    }
    if let Some(positions) = few(catalog, view, wanted) {
        let parts = positions.into_iter().map(|p| Selection::one(catalog, p));
        let rows = parts.flat_map(|part| (view.rows)(&part, facts)).collect();
        return Some(Rows { columns, content: Content::List(rows) });
    }
    let parts = catalog.objects.len();
    let number = keep(ViewOfMany::new(view, catalog));
    Some(Rows { columns, content: Content::Parts(number, parts) })
}

/// Whether the sandbox has every column of a view; of the others `*` would be a guess.
pub(crate) fn is_complete(schema: &str, name: &str) -> bool {
    find(schema, name).is_some_and(|v| v.complete)
}

/// Whether a name is one that SQL Server knows without a schema.
pub(crate) fn is_compatibility_view(name: &str) -> bool {
    COMPATIBILITY_VIEWS.iter().any(|v| name.eq_ignore_ascii_case(v))
}

fn find(schema: &str, name: &str) -> Option<&'static View> {
    let all: &[&'static [View]] = if schema.eq_ignore_ascii_case("sys") {
        sys::VIEWS
    } else if schema.eq_ignore_ascii_case("INFORMATION_SCHEMA") {
        &[information_schema::VIEWS]
    } else {
        &[]
    };
    all.iter().copied().flatten().find(|v| v.name.eq_ignore_ascii_case(name))
}

// --- cells

pub(super) fn text(value: impl Into<String>) -> Value {
    Value::Str(value.into())
}

pub(super) fn int(value: impl TryInto<i64>) -> Value {
    value.try_into().map_or(Value::Null, Value::Int)
}

pub(super) fn bit(value: bool) -> Value {
    Value::Int(i64::from(value))
}

pub(super) fn text_or_null(value: Option<String>) -> Value {
    value.map_or(Value::Null, Value::Str)
}

pub(super) fn int_or_null(value: Option<i64>) -> Value {
    value.map_or(Value::Null, Value::Int)
}

/// A position from 0 as the views count, from 1.
pub(super) fn ordinal(position: usize) -> Value {
    int(position as i64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A catalog of schemas alone.
    struct Nothing;

    impl Facts for Nothing {
        fn row_count(&self, _: &TableDef) -> i64 {
            0
        }

        fn view_columns(&self, _: &Catalog, _: &Object) -> Vec<Column> {
            Vec::new()
        }

        fn last_identity(&self, _: i64) -> Option<i64> {
            None
        }

        fn server_name(&self) -> &str {
            ""
        }

        fn databases(&self) -> Vec<DatabaseFacts> {
            vec![DatabaseFacts { id: 1, name: "master".to_owned(), read_only: false }]
        }

        fn session(&self) -> SessionFacts {
            SessionFacts::default()
        }
    }

    fn all() -> impl Iterator<Item = (&'static str, &'static View)> {
        let sys = sys::VIEWS.iter().copied().flatten().map(|v| ("sys", v));
        sys.chain(information_schema::VIEWS.iter().map(|v| ("INFORMATION_SCHEMA", v)))
    }

    #[test]
    fn every_view_is_found_by_its_name_in_any_case() {
        for (schema, view) in all() {
            let found = find(&schema.to_uppercase(), &view.name.to_uppercase());
            let same = |v: &View| (v.name, v.columns) == (view.name, view.columns);
            assert!(found.is_some_and(same), "{schema}.{}", view.name);
            assert_eq!(view.name, view.name.to_lowercase());
        }
        assert!(find("dbo", "tables").is_none());
        assert!(find("sys", "no_such_view").is_none());
    }

    #[test]
    fn no_view_has_two_columns_of_one_name() {
        for (schema, view) in all() {
            let mut names: Vec<&str> = view.columns.iter().map(|c| c.0).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), view.columns.len(), "{schema}.{}", view.name);
        }
    }

    #[test]
    fn every_row_has_a_value_for_every_column() {
        for (schema, view) in all() {
            for row in (view.rows)(&Selection::whole(&Catalog::new("d", 5, "main")), &Nothing) {
                assert_eq!(row.len(), view.columns.len(), "{schema}.{}", view.name);
            }
        }
    }

    #[test]
    fn star_is_answered_only_where_all_columns_are_there() {
        assert!(is_complete("sys", "Schemas"));
        assert!(is_complete("information_schema", "COLUMNS"));
        assert!(!is_complete("sys", "tables"));
        assert!(!is_complete("INFORMATION_SCHEMA", "ROUTINES"));
    }
}
