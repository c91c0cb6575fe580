//! The `sys` views, one entry each, in files as Microsoft's pages group them ("Object Catalog
//! Views", "Scalar Types", "Databases and Files").

mod columns;
mod constraints;
mod indexes;
mod modules;
mod objects;
mod server;
mod sessions;
mod triggers;

use super::views::View;

pub(super) const VIEWS: &[&[View]] = &[
    objects::VIEWS,
    modules::VIEWS,
    columns::VIEWS,
    constraints::VIEWS,
    indexes::VIEWS,
    server::VIEWS,
    sessions::VIEWS,
    triggers::VIEWS,
];
