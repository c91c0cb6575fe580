//! The objects of a catalog that a view is asked about: all of them, or one of many.

use std::ops::Deref;
use std::sync::Arc;

use super::{Catalog, Object, TableDef};

/// Some objects of a catalog, which is there as a whole behind them.
pub(super) struct Selection<'a> {
    catalog: &'a Catalog,
    pub(super) objects: &'a [Arc<Object>],
    /// What belongs to no object comes with the first part.
    pub(super) first: bool,
}

impl<'a> Selection<'a> {
    pub(super) fn whole(catalog: &'a Catalog) -> Self {
        Self { catalog, objects: &catalog.objects, first: true }
    }

    /// The object at a position, by itself.
    pub(super) fn one(catalog: &'a Catalog, position: usize) -> Self {
        let objects = catalog.objects.get(position..=position).unwrap_or_default();
        Self { catalog, objects, first: position == 0 }
    }

    /// The tables with what they are made of.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&'a Object, &'a TableDef)> + use<'a> {
        self.objects.iter().filter_map(|o| o.table().map(|t| (&**o, t)))
    }
}

impl Deref for Selection<'_> {
    type Target = Catalog;

    fn deref(&self) -> &Catalog {
        self.catalog
    }
}
