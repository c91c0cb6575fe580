//! DROP of tables, views, procedures, schemas and indexes.

use super::change::is_referenced;
use super::ddl::position;
use super::session::Engine;
use crate::catalog::{Object, ObjectKind, quote};
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::{Name, ObjectClass};

/// Schemas that cannot go.
const OWN_SCHEMAS: [&str; 3] = ["dbo", "sys", "INFORMATION_SCHEMA"];

impl Engine {
    /// DROP; an index is `on` a table.
    pub(super) fn drop_object(
        &mut self,
        what: ObjectClass,
        name: &Name,
        if_exists: bool,
        on: Option<&Name>,
    ) -> Result<()> {
        let found = match what {
            ObjectClass::Index => self.drop_index(name, on)?,
            ObjectClass::Schema => self.drop_schema(name)?,
            _ if name.0.last().is_some_and(|n| n.starts_with('#')) => {
                self.drop_temporary_table(name)?
            }
            _ => self.drop_from_catalog(what, name)?,
        };
        if found || if_exists {
            return Ok(());
        }
        let temporary = name.0.last().filter(|n| n.starts_with('#'));
        let shown = temporary.cloned().unwrap_or_else(|| name.0.join("."));
        Err(messages::cannot_drop(what.name(), &shown))
    }

    // Whether there was one to drop.

    fn drop_index(&mut self, name: &Name, on: Option<&Name>) -> Result<bool> {
        let Some(on) = on else { return Err(Error::unsupported("DROP INDEX without ON")) };
        let target = self.target(on)?;
        if target.object.is_none() {
            return Err(Error::unsupported("DROP INDEX on a temporary table"));
        }
        let mut table = target.table.clone();
        let shown = name.0.join(".");
        let is_it = |k: &crate::catalog::Key| !k.constraint && k.name.eq_ignore_ascii_case(&shown);
        let Some(position) = table.keys.iter().position(is_it) else { return Ok(false) };
        self.check_changeable(&target)?;
        let key = table.keys.remove(position);
        let (place, bare) = table.place();
        let sql = format!("DROP INDEX {place}.{}", quote(&format!("{bare}.{}", key.name)));
        self.sqlite_batch(&sql)?;
        self.replace_table(&target, table)?;
        Ok(true)
    }

    fn drop_schema(&mut self, name: &Name) -> Result<bool> {
        let Some(schema) = self.catalog().schema(&name.0.join(".")).map(str::to_owned) else {
            return Ok(false);
        };
        self.check_writable(self.catalog())?;
        let is_used = self.catalog().objects.iter().any(|o| o.schema == schema);
        if is_used || OWN_SCHEMAS.contains(&schema.as_str()) {
            return Err(messages::dropped_schema_is_used(&schema));
        }
        self.alter_catalog(self.database, |catalog| {
            catalog.schemas.retain(|(n, _)| *n != schema);
            Ok(true)
        })
    }

    fn drop_temporary_table(&mut self, name: &Name) -> Result<bool> {
        let last = name.0.last().map_or("", String::as_str);
        let newest = self.temporary.iter().rposition(|t| t.name.eq_ignore_ascii_case(last));
        let Some(position) = newest else { return Ok(false) };
        let gone = self.temporary.remove(position);
        self.sqlite_batch(&format!("DROP TABLE {}", gone.table.physical))?;
        Ok(true)
    }

    fn drop_from_catalog(&mut self, what: ObjectClass, name: &Name) -> Result<bool> {
        let is_kind = |o: &Object| match o.kind {
            ObjectKind::Table(_) => what == ObjectClass::Table,
            ObjectKind::View(_) => what == ObjectClass::View,
            ObjectKind::Procedure(..) => what == ObjectClass::Procedure,
            ObjectKind::Function(_) => what == ObjectClass::Function,
            ObjectKind::Trigger(..) => what == ObjectClass::Trigger,
            ObjectKind::Synonym(_) => what == ObjectClass::Synonym,
            ObjectKind::Sequence(_) => what == ObjectClass::Sequence,
        };
        let Some(catalog) = self.catalog_of(name)?.cloned() else { return Ok(false) };
        let Some(object) = catalog.find(name).filter(|o| is_kind(o)) else { return Ok(false) };
        self.check_writable(&catalog)?;
        if let Some(table) = object.table() {
            if is_referenced(&catalog, object.id, Some(object.id)) {
                return Err(messages::dropped_table_is_referenced(&name.0.join(".")));
            }
            if !table.is_empty() {
                self.sqlite_batch(&format!("DROP TABLE {}", table.physical))?;
            }
        }
        self.alter_catalog(position(&catalog), |catalog| {
            catalog.remove(object.id);
            Ok(true)
        })
    }
}
