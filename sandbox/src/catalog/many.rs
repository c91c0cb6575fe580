//! Views of a database with many objects: they are made in parts, each of one object, and where a
//! query wants a few objects alone, of those.

use std::sync::Arc;

use super::selection::Selection;
use super::views::{Facts, Reads, View};
use super::{Catalog, Object};
use crate::types::Value;

/// What a query wants of a view: of a column, these values.
pub(crate) type Wanted = (String, Vec<Value>);

/// How many objects a database has where its views are made in parts.
const MANY: usize = 1000;
/// How many parts are made before a query runs.
const FEW: usize = 500;

/// A view of many objects, of which each part has the rows of one.
#[derive(Debug)]
pub(crate) struct ViewOfMany {
    view: &'static View,
    catalog: Arc<Catalog>,
}

impl ViewOfMany {
    pub(super) fn new(view: &'static View, catalog: &Arc<Catalog>) -> Self {
        Self { view, catalog: catalog.clone() }
    }

    pub(crate) fn part(&self, position: usize, facts: &dyn Facts) -> Vec<Vec<Value>> {
        (self.view.rows)(&Selection::one(&self.catalog, position), facts)
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Whether it asks for the columns of views.
    pub(crate) fn reads_columns(&self) -> bool {
        self.view.reads == Reads::Columns
    }

    /// Whether it asks for the numbers of rows.
    pub(crate) fn reads_counts(&self) -> bool {
        self.view.reads == Reads::Counts
    }
}

/// Whether a catalog has so many objects that nothing should go through all of them in a list.
pub(crate) fn has_many(catalog: &Catalog) -> bool {
    catalog.objects.len() >= MANY
}

/// The objects that alone have rows that a query wants, where these are few.
pub(super) fn few(catalog: &Catalog, view: &View, wanted: &[Wanted]) -> Option<Vec<usize>> {
    let of = wanted.iter().filter_map(|w| positions(catalog, view, w));
    of.min_by_key(Vec::len).filter(|p| p.len() <= FEW)
}

/// The objects, in their order, that alone have rows with such values; nothing where others may.
fn positions(catalog: &Catalog, view: &View, (column, values): &Wanted) -> Option<Vec<usize>> {
    /// Views whose rows are parts of the object that is their parent.
    const OF_PARENTS: [&str; 5] = [
        "key_constraints",
        "foreign_keys",
        "foreign_key_columns",
        "check_constraints",
        "default_constraints",
    ];
    /// Views with one row for each object, by its own name.
    const BY_NAME: [&str; 6] =
        ["tables", "views", "procedures", "synonyms", "sequences", "triggers"];
    let has = |list: &[&str]| list.contains(&view.name);
    let column = column.to_ascii_lowercase();
    let is_standard = view
        .columns
        .first()
        .is_some_and(|(first, _)| first.starts_with("TABLE_") || first.starts_with("CONSTRAINT_"));
    let mut found: Vec<usize> = match column.as_str() {
        "table_name" if is_standard => named(catalog, values)?,
        "name" if !is_standard && has(&BY_NAME) => named(catalog, values)?,
        "parent_object_id" if has(&OF_PARENTS) => with_ids(catalog, values)?,
        "object_id" | "major_id" if !is_standard => with_ids(catalog, values)?,
        _ => return None,
    };
    found.sort_unstable();
    found.dedup();
    Some(found)
}

/// What is no object may be a part of one.
fn with_ids(catalog: &Catalog, values: &[Value]) -> Option<Vec<usize>> {
    let position = |value: &Value| match value {
        Value::Int(id) => catalog.position(*id).map(Some),
        // NULL is equal to nothing.
        Value::Null => Some(None),
        _ => None,
    };
    values
        .iter()
        .map(position)
        .collect::<Option<Vec<_>>>()
        .map(|all| all.into_iter().flatten().collect())
}

/// By names in ASCII, of which it is plain which others are equal.
fn named(catalog: &Catalog, values: &[Value]) -> Option<Vec<usize>> {
    let mut names = Vec::new();
    for value in values {
        match value {
            Value::Str(name) if name.is_ascii() => names.push(name.trim_end_matches(' ')),
            Value::Null => {}
            _ => return None,
        }
    }
    let objects = catalog.objects.iter().enumerate();
    let is_it =
        |o: &Object| names.iter().any(|n| o.name.trim_end_matches(' ').eq_ignore_ascii_case(n));
    Some(objects.filter(|(_, o)| is_it(o)).map(|(position, _)| position).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sys;
    use crate::catalog::{ObjectKind, TableDef};

    fn catalog() -> Catalog {
        let mut catalog = Catalog::new("d", 6, "");
        catalog.extend((1..=3).map(|n| Object {
            id: n * 10,
            schema: if n == 3 { "sales" } else { "dbo" }.to_owned(),
            name: ["One", "Two", "ONE"][n as usize - 1].to_owned(),
            description: None,
            kind: ObjectKind::Table(TableDef::default()),
        }));
        catalog
    }

    fn wanted(view: &str, column: &str, values: &[Value]) -> Option<Vec<usize>> {
        let mut all = sys::VIEWS.iter().copied().flatten();
        let view = all.find(|v| v.name == view).expect(view);
        few(&catalog(), view, &[(column.to_owned(), values.to_vec())])
    }

    #[test]
    fn a_view_is_made_of_the_objects_that_are_wanted() {
        let int = |n| Value::Int(n);
        let text = |s: &str| Value::Str(s.to_owned());
        assert_eq!(wanted("columns", "object_id", &[int(30), int(10)]), Some(vec![0, 2]));
        assert_eq!(wanted("columns", "OBJECT_ID", &[Value::Null]), Some(vec![]));
        // It may be the id of a constraint.
        assert_eq!(wanted("objects", "object_id", &[int(11)]), None);
        assert_eq!(wanted("objects", "parent_object_id", &[int(10)]), None);
        assert_eq!(wanted("foreign_keys", "parent_object_id", &[int(10)]), Some(vec![0]));
        assert_eq!(wanted("tables", "name", &[text("one ")]), Some(vec![0, 2]));
        assert_eq!(wanted("tables", "name", &[text("ÖNE")]), None);
        assert_eq!(wanted("columns", "name", &[text("one")]), None);
    }

    #[test]
    fn an_index_follows_what_comes_and_goes() {
        let mut catalog = catalog();
        assert_eq!((catalog.position(20), catalog.position(40)), (Some(1), None));
        catalog.remove(10);
        assert_eq!((catalog.position(20), catalog.position(10)), (Some(0), None));
        let name = crate::names::Name(vec!["SALES".to_owned(), "one".to_owned()]);
        assert_eq!(catalog.find(&name).map(|o| o.id), Some(30));
    }
}
