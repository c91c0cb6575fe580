//! The `sys` views, one entry each, in files as Microsoft's pages group them ("Object Catalog
//! Views", "Scalar Types", "Databases and Files").

mod columns;
mod constraints;
mod indexes;
mod objects;
mod server;
mod sessions;

use super::views::View;

pub(super) const VIEWS: &[&[View]] = &[
    objects::VIEWS,
    columns::VIEWS,
    constraints::VIEWS,
    indexes::VIEWS,
    server::VIEWS,
    sessions::VIEWS,
];
