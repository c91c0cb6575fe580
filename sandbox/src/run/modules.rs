//! CREATE FUNCTION, TRIGGER, SYNONYM and SEQUENCE. A trigger is kept and listed, and does not fire:
//! a statement that would fire it is refused.

use super::change::{Target, Verb};
use super::ddl::position;
use super::session::Engine;
use crate::bind::Binder;
use crate::catalog::{Catalog, ObjectKind};
use crate::error::{Error, Result};
use crate::messages;
use crate::names::split;
use crate::syntax::ast::{FunctionBody, Module, Name, TriggerDef, TriggerEvent};

impl Engine {
    pub(super) fn create_other(
        &mut self,
        name: &Name,
        module: &Module,
        replace: bool,
    ) -> Result<()> {
        match module {
            Module::Function(function) => {
                if matches!(function.body, FunctionBody::Inline(_)) {
                    let bound = Binder::new(self).function_columns(function)?;
                    if let Some(i) = bound.columns.iter().position(|c| c.name.is_empty()) {
                        return Err(messages::unnamed_view_column(i + 1));
                    }
                }
                let kind = ObjectKind::Function(function.clone());
                self.create_module(name, kind, replace, "CREATE FUNCTION")
            }
            Module::Trigger(table, trigger) => self.create_trigger(name, table, trigger, replace),
            Module::Synonym(base) => {
                let kind = ObjectKind::Synonym(base.clone());
                self.create_module(name, kind, false, "CREATE SYNONYM")
            }
            Module::Sequence(sequence) => {
                let kind = ObjectKind::Sequence(sequence.clone());
                self.create_module(name, kind, false, "CREATE SEQUENCE")
            }
        }
    }

    /// In the schema of its table.
    fn create_trigger(
        &mut self,
        name: &Name,
        table: &Name,
        trigger: &TriggerDef,
        replace: bool,
    ) -> Result<()> {
        let shown = table.0.join(".");
        let missing = || messages::trigger_without_table(&shown);
        let catalog = self.catalog_of(table)?.ok_or_else(missing)?;
        let on = catalog.find(table).ok_or_else(missing)?;
        let fits = match on.kind {
            ObjectKind::Table(_) => true,
            ObjectKind::View(_) => trigger.instead_of,
            _ => false,
        };
        if !fits {
            return Err(missing());
        }
        let (_, own) = split(name).ok_or_else(missing)?;
        let whole = Name(vec![catalog.database.clone(), on.schema.clone(), own.to_owned()]);
        let kind = ObjectKind::Trigger(on.id, trigger.clone());
        self.create_module(&whole, kind, replace, "CREATE TRIGGER")
    }

    /// Refuses a change that would fire a trigger, of the table or of one that it cascades to.
    pub(super) fn refuse_triggers(&self, target: &Target, verb: Verb) -> Result<()> {
        let Some(object) = &target.object else { return Ok(()) };
        let event = match verb {
            Verb::Insert => TriggerEvent::Insert,
            Verb::Update => TriggerEvent::Update,
            Verb::Delete => TriggerEvent::Delete,
        };
        let catalog = &self.catalogs[position(&target.catalog)];
        if !catalog.objects.iter().any(|o| matches!(o.kind, ObjectKind::Trigger(..))) {
            return Ok(());
        }
        match fired(catalog, object.id, event, &mut Vec::new()) {
            None => Ok(()),
            Some(name) => {
                let what = format!("{} that fires the trigger {name}", verb.name());
                Err(Error::unsupported(what))
            }
        }
    }
}

/// A trigger that a change of a table fires; `seen` are tables that were looked at.
fn fired(
    catalog: &Catalog,
    table: i64,
    event: TriggerEvent,
    seen: &mut Vec<(i64, TriggerEvent)>,
) -> Option<String> {
    if seen.contains(&(table, event)) {
        return None;
    }
    seen.push((table, event));
    if let Some(trigger) = catalog.triggers(table, event).next() {
        return Some(format!("{}.{}", trigger.schema, trigger.name));
    }
    for object in &catalog.objects {
        for foreign in object.table().iter().flat_map(|t| &t.foreign) {
            let action = match event {
                TriggerEvent::Delete => foreign.on_delete.as_str(),
                TriggerEvent::Update => foreign.on_update.as_str(),
                TriggerEvent::Insert => "NO_ACTION",
            };
            if foreign.table != table || action == "NO_ACTION" {
                continue;
            }
            let cascades = action == "CASCADE" && event == TriggerEvent::Delete;
            let next = if cascades { TriggerEvent::Delete } else { TriggerEvent::Update };
            if let Some(name) = fired(catalog, object.id, next, seen) {
                return Some(name);
            }
        }
    }
    None
}
