//! Triggers, and what they fire after or instead of.

use super::objects::CREATED;
use crate::catalog::selection::Selection;
use crate::catalog::views::{BIT, DESCRIPTION, INT, NAME, Reads, View, bit, int, text};
use crate::catalog::{Object, ObjectKind};
use crate::syntax::ast::TriggerDef;
use crate::types::{Type, Value};

pub(in crate::catalog) const VIEWS: &[View] = &[
    View {
        name: "triggers",
        complete: true,
        reads: Reads::Objects,
        columns: &[
            ("name", NAME),
            ("object_id", INT),
            ("parent_class", Type::TinyInt),
            ("parent_class_desc", DESCRIPTION),
            ("parent_id", INT),
            ("type", Type::Char(2)),
            ("type_desc", DESCRIPTION),
            ("create_date", Type::DateTime),
            ("modify_date", Type::DateTime),
            ("is_ms_shipped", BIT),
            ("is_disabled", BIT),
            ("is_not_for_replication", BIT),
            ("is_instead_of_trigger", BIT),
        ],
        rows: |catalog, _| triggers(catalog).map(row).collect(),
    },
    View {
        name: "trigger_events",
        complete: true,
        reads: Reads::Objects,
        columns: &[
            ("object_id", INT),
            ("type", INT),
            ("type_desc", DESCRIPTION),
            ("is_trigger_event", BIT),
            ("is_first", BIT),
            ("is_last", BIT),
            ("event_group_type", INT),
            ("event_group_type_desc", DESCRIPTION),
        ],
        rows: |catalog, _| triggers(catalog).flat_map(events).collect(),
    },
];

fn triggers<'a>(
    catalog: &Selection<'a>,
) -> impl Iterator<Item = (&'a Object, i64, &'a TriggerDef)> + use<'a> {
    catalog.objects.iter().filter_map(|o| match &o.kind {
        ObjectKind::Trigger(on, trigger) => Some((&**o, *on, trigger)),
        _ => None,
    })
}

fn row((object, on, trigger): (&Object, i64, &TriggerDef)) -> Vec<Value> {
    let (code, description) = object.type_code();
    let mut row = vec![text(&object.name), int(object.id), int(1), text("OBJECT_OR_COLUMN")];
    row.extend([int(on), text(code), text(description), CREATED, CREATED, bit(false)]);
    row.extend([bit(false), bit(false), bit(trigger.instead_of)]);
    row
}

fn events<'a>(
    (object, _, trigger): (&'a Object, i64, &'a TriggerDef),
) -> impl Iterator<Item = Vec<Value>> + 'a {
    trigger.events.iter().map(|event| {
        let mut row = vec![int(object.id), int(event.number()), text(event.name()), bit(true)];
        row.extend([bit(false), bit(false), Value::Null, Value::Null]);
        row
    })
}
