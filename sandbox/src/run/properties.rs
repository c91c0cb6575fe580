//! sp_addextendedproperty, sp_updateextendedproperty and sp_dropextendedproperty ("Extended
//! properties catalog stored procedures"): of the database, a schema, an object or a column.

use super::ddl::position;
use super::procedure::Argument;
use super::session::Engine;
use crate::catalog::{Catalog, ObjectKind, Property};
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::Name;
use crate::types::Value;

/// The name of descriptions, which the catalog keeps with what they describe.
const DESCRIPTION: &str = "MS_Description";

/// What a procedure does to a property.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum PropertyChange {
    Add,
    Update,
    Drop,
}

impl PropertyChange {
    pub(super) fn of(procedure: &str) -> Option<Self> {
        let all = [
            ("sp_addextendedproperty", Self::Add),
            ("sp_updateextendedproperty", Self::Update),
            ("sp_dropextendedproperty", Self::Drop),
        ];
        all.into_iter().find(|(name, _)| procedure.eq_ignore_ascii_case(name)).map(|(_, c)| c)
    }

    fn parameters(self) -> &'static [&'static str] {
        const ALL: [&str; 8] = [
            "@name",
            "@value",
            "@level0type",
            "@level0name",
            "@level1type",
            "@level1name",
            "@level2type",
            "@level2name",
        ];
        const WITHOUT_VALUE: [&str; 7] = [
            "@name",
            "@level0type",
            "@level0name",
            "@level1type",
            "@level1name",
            "@level2type",
            "@level2name",
        ];
        if self == Self::Drop { &WITHOUT_VALUE } else { &ALL }
    }
}

/// What a property belongs to.
struct Owner {
    class: i64,
    major: i64,
    minor: i64,
    /// As messages name it.
    shown: String,
}

impl Engine {
    pub(super) fn change_property(
        &mut self,
        change: PropertyChange,
        procedure: &Name,
        args: &[Argument],
    ) -> Result<()> {
        let bare = procedure.0.last().map_or("", String::as_str);
        let mut given: Vec<Option<String>> = vec![None; change.parameters().len()];
        for (place, arg) in args.iter().enumerate() {
            let by_name =
                |n: &String| change.parameters().iter().position(|p| p.eq_ignore_ascii_case(n));
            let unknown = arg.name.clone().unwrap_or_default();
            let at = arg.name.as_ref().map_or(Some(place), by_name);
            let at = at.ok_or_else(|| messages::no_such_parameter(&unknown, bare, 1))?;
            let slot = given.get_mut(at).ok_or_else(|| messages::too_many_arguments(bare, 1))?;
            *slot = match arg.value.as_ref().map(|v| &v.1) {
                Some(Value::Str(text)) => Some(text.clone()),
                Some(Value::Int(n)) => Some(n.to_string()),
                None | Some(Value::Null) => None,
                Some(_) => return Err(Error::unsupported("an extended property of this type")),
            };
        }
        let value_at = change.parameters().iter().position(|p| *p == "@value");
        let value = value_at.and_then(|at| given.remove(at));
        let mut given = given.into_iter();
        let Some(name) = given.next().flatten().filter(|n| !n.is_empty()) else {
            return Err(messages::missing_argument(bare, "@name"));
        };
        let levels: Vec<Option<String>> = given.collect();
        let catalog = self.catalog().clone();
        self.check_may_create(&catalog, "ALTER")?;
        let owner = owner(&catalog, &levels, bare)?;
        self.alter_catalog(position(&catalog), |catalog| {
            let old = take(catalog, &owner, &name);
            match (change, old) {
                (PropertyChange::Add, Some(_)) => {
                    Err(messages::property_exists(&name, &owner.shown))
                }
                (PropertyChange::Update | PropertyChange::Drop, None) => {
                    Err(messages::no_such_property(&name, &owner.shown))
                }
                (PropertyChange::Drop, _) => Ok(()),
                _ => {
                    put(catalog, &owner, name, value);
                    Ok(())
                }
            }
        })
    }
}

/// What the levels name: types and names by turns.
fn owner(catalog: &Catalog, levels: &[Option<String>], procedure: &str) -> Result<Owner> {
    let level = |n: usize| -> Result<Option<(String, &str)>> {
        match (&levels[2 * n], &levels[2 * n + 1]) {
            (Some(kind), Some(name)) => Ok(Some((kind.to_ascii_uppercase(), name))),
            (None, None) => Ok(None),
            _ => Err(messages::bad_property_arguments(procedure)),
        }
    };
    let Some((kind, schema)) = level(0)? else {
        let shown = "object specified".to_owned();
        return Ok(Owner { class: 0, major: 0, minor: 0, shown });
    };
    if kind != "SCHEMA" {
        return Err(Error::unsupported(format!("extended properties of a {kind}")));
    }
    let found = catalog.schemas.iter().find(|(s, _)| s.eq_ignore_ascii_case(schema));
    let (schema, id) = found.ok_or_else(|| messages::no_object_for_property(schema))?;
    let Some((kind, name)) = level(1)? else {
        return Ok(Owner { class: 3, major: *id, minor: 0, shown: schema.clone() });
    };
    let shown = format!("{schema}.{name}");
    let object = catalog.find(&Name(vec![schema.clone(), name.to_owned()])).filter(|o| {
        kind == match o.kind {
            ObjectKind::Table(_) => "TABLE",
            ObjectKind::View(_) => "VIEW",
            ObjectKind::Procedure(..) => "PROCEDURE",
            ObjectKind::Function(_) => "FUNCTION",
            ObjectKind::Synonym(_) => "SYNONYM",
            ObjectKind::Sequence(_) => "SEQUENCE",
            ObjectKind::Trigger(..) => "",
        }
    });
    let object = object.ok_or_else(|| messages::no_object_for_property(&shown))?;
    let Some((kind, column)) = level(2)? else {
        return Ok(Owner { class: 1, major: object.id, minor: 0, shown });
    };
    let shown = format!("{shown}.{column}");
    if kind != "COLUMN" {
        return Err(Error::unsupported(format!("extended properties of a {kind}")));
    }
    let position = object.table().and_then(|t| t.position(column));
    let position = position.ok_or_else(|| messages::no_object_for_property(&shown))?;
    Ok(Owner { class: 1, major: object.id, minor: position as i64 + 1, shown })
}

/// Takes a property out; its value, if it was there.
fn take(catalog: &mut Catalog, owner: &Owner, name: &str) -> Option<Option<String>> {
    if let Some(text) = described(catalog, owner, name, None) {
        return Some(Some(text));
    }
    let is_it = |p: &Property| {
        (p.class, p.major, p.minor) == (owner.class, owner.major, owner.minor)
            && p.name.eq_ignore_ascii_case(name)
    };
    let at = catalog.properties.iter().position(is_it)?;
    Some(catalog.properties.remove(at).value)
}

fn put(catalog: &mut Catalog, owner: &Owner, name: String, value: Option<String>) {
    if owner.class == 1 && name == DESCRIPTION && value.is_some() {
        described(catalog, owner, &name, value);
        return;
    }
    let Owner { class, major, minor, .. } = *owner;
    catalog.properties.push(Property { class, major, minor, name, value });
}

/// The description of an object or a column, in whose place another comes.
fn described(
    catalog: &mut Catalog,
    owner: &Owner,
    name: &str,
    value: Option<String>,
) -> Option<String> {
    if owner.class != 1 || !name.eq_ignore_ascii_case(DESCRIPTION) {
        return None;
    }
    let mut object = (**catalog.by_id(owner.major)?).clone();
    let place = match &mut object.kind {
        ObjectKind::Table(table) if owner.minor > 0 => {
            let at = usize::try_from(owner.minor - 1).ok()?;
            &mut table.columns_mut().get_mut(at)?.description
        }
        _ => &mut object.description,
    };
    let old = std::mem::replace(place, value);
    catalog.put(object);
    old
}
