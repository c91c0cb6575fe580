//! A large schema: as many tables and columns as are asked for, in a database of their own, made in
//! the catalog alone. SQLite keeps none of them, so reading one gives no rows, and changing one is
//! refused. The same names every time.

use std::sync::Arc;

use crate::catalog::{Catalog, ColumnMeta, Foreign, Key, Object, ObjectKind, TableDef};
use crate::types::{Len, Type};

/// In the order of their ids, behind dbo.
const SCHEMAS: [&str; 10] = [
    "Sales",
    "Purchasing",
    "Production",
    "Logistics",
    "Finance",
    "HumanResources",
    "Marketing",
    "Support",
    "Audit",
    "Staging",
];

/// What the tables of a group are of; each but the first refers to the one before it.
const ENTITIES: [&str; 12] = [
    "Region",
    "Customer",
    "Contract",
    "Order",
    "OrderLine",
    "Shipment",
    "Invoice",
    "Payment",
    "Refund",
    "Claim",
    "Comment",
    "Attachment",
];

/// What tables have beside their keys: again from the first one, with a number, where more are
/// asked for.
const COLUMNS: [(&str, Type, bool, &str); 20] = [
    ("Code", Type::VarChar(Len::N(20)), false, "A short code that people know it by."),
    ("Name", Type::NVarChar(Len::N(200)), false, ""),
    ("Status", Type::TinyInt, false, "0 draft, 1 active, 2 closed."),
    ("Amount", Type::Decimal(19, 4), true, ""),
    ("CurrencyCode", Type::Char(3), true, "ISO 4217."),
    ("Quantity", Type::Int, true, ""),
    ("UnitPrice", Type::Money, true, ""),
    ("Discount", Type::Decimal(5, 2), true, "In percent."),
    ("OpenedOn", Type::Date, false, ""),
    ("ClosedOn", Type::Date, true, ""),
    ("Notes", Type::NVarChar(Len::Max), true, ""),
    ("Email", Type::NVarChar(Len::N(320)), true, ""),
    ("Phone", Type::VarChar(Len::N(30)), true, ""),
    ("CountryCode", Type::Char(2), true, "ISO 3166-1."),
    ("Priority", Type::SmallInt, true, ""),
    ("IsArchived", Type::Bit, false, ""),
    ("ExternalId", Type::Guid, true, "What another system calls it."),
    ("Payload", Type::VarBinary(Len::Max), true, ""),
    ("CreatedAt", Type::DateTime2(3), false, ""),
    ("UpdatedAt", Type::DateTimeOffset(7), true, ""),
];

/// Every so manyth table has a description.
const DESCRIBED: usize = 4;

/// The tables, in a catalog that has none yet.
pub(crate) fn fill(catalog: &mut Catalog, tables: usize, columns: usize) {
    for (n, schema) in SCHEMAS.iter().enumerate() {
        catalog.schemas.push(((*schema).to_owned(), n as i64 + 5));
    }
    let templates: Vec<Arc<Vec<ColumnMeta>>> =
        (0..ENTITIES.len()).map(|e| Arc::new(template(e, columns))).collect();
    // As far from each other as fits, so that constraints have ids between them.
    let stride = (2_000_000_000 / (tables as i64 + 1)).min(65_536);
    let id = |n: usize| (n as i64 + 1) * stride;
    catalog.extend((0..tables).map(|n| {
        let (entity, group) = (n % ENTITIES.len(), n / ENTITIES.len());
        let (schema, number) = (SCHEMAS[group % SCHEMAS.len()], group / SCHEMAS.len());
        let name = named(entity, number);
        let key = |suffix: i64, name: String, primary, columns| Key {
            id: id(n) + stride / 2 + suffix,
            name,
            primary,
            constraint: primary,
            unique: primary,
            columns,
        };
        let mut keys = vec![key(1, format!("PK_{schema}_{name}"), true, vec![(0, false)])];
        let mut foreign = Vec::new();
        if has_parent(entity, columns) {
            let parent = named(entity - 1, number);
            keys.push(key(0, format!("IX_{name}_{parent}"), false, vec![(1, false)]));
            foreign.push(Foreign {
                id: id(n) + stride / 2 + 2,
                name: format!("FK_{schema}_{name}_{parent}"),
                columns: vec![1],
                table: id(n - 1),
                refs: vec![0],
                on_delete: "NO_ACTION".to_owned(),
                on_update: "NO_ACTION".to_owned(),
            });
        }
        let table =
            TableDef { columns: templates[entity].clone(), keys, foreign, ..TableDef::default() };
        let described = n.is_multiple_of(DESCRIBED);
        Object {
            id: id(n),
            schema: schema.to_owned(),
            description: described.then(|| format!("{name} of {schema}.")),
            name,
            kind: ObjectKind::Table(table),
        }
    }));
}

fn named(entity: usize, number: usize) -> String {
    match number {
        0 => ENTITIES[entity].to_owned(),
        n => format!("{}{}", ENTITIES[entity], n + 1),
    }
}

fn has_parent(entity: usize, columns: usize) -> bool {
    entity > 0 && columns > 1
}

/// The columns of all tables of one entity.
fn template(entity: usize, columns: usize) -> Vec<ColumnMeta> {
    let column = |name: String, ty, nullable, description: &str| ColumnMeta {
        name,
        ty,
        nullable,
        identity: None,
        default: None,
        computed: None,
        description: Some(description.to_owned()).filter(|d| !d.is_empty()),
    };
    let mut out = vec![column(format!("{}Id", ENTITIES[entity]), Type::Int, false, "")];
    if has_parent(entity, columns) {
        out.push(column(format!("{}Id", ENTITIES[entity - 1]), Type::Int, false, ""));
    }
    let mut more = (0..).map(|n| {
        let (name, ty, nullable, description) = COLUMNS[n % COLUMNS.len()];
        let name = match n / COLUMNS.len() {
            0 => name.to_owned(),
            again => format!("{name}{}", again + 1),
        };
        column(name, ty, nullable, description)
    });
    while out.len() < columns
        && let Some(next) = more.next()
    {
        out.push(next);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_are_given_once() {
        let mut catalog = Catalog::new("d", 6, "");
        fill(&mut catalog, 1000, 30);
        let mut names: Vec<String> = Vec::new();
        let mut ids: Vec<i64> = Vec::new();
        for o in &catalog.objects {
            let table = o.table().expect("a table");
            names.push(format!("{}.{}", o.schema, o.name));
            names.extend(table.keys.iter().map(|k| format!("{}.{}.{}", o.schema, o.name, k.name)));
            names.extend(table.foreign.iter().map(|f| format!("{}.{}", o.schema, f.name)));
            ids.push(o.id);
            ids.extend(table.keys.iter().filter(|k| k.constraint).map(|k| k.id));
            ids.extend(table.foreign.iter().map(|f| f.id));
            assert_eq!(table.columns.len(), 30);
        }
        for foreign in catalog.objects.iter().flat_map(|o| &o.table().expect("a table").foreign) {
            assert!(catalog.by_id(foreign.table).is_some(), "{foreign:?}");
        }
        let (all_names, all_ids) = (names.len(), ids.len());
        names.sort();
        names.dedup();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((names.len(), ids.len()), (all_names, all_ids));
    }

    #[test]
    fn one_column_is_the_key() {
        let mut catalog = Catalog::new("d", 6, "");
        fill(&mut catalog, 30, 1);
        assert!(
            catalog
                .objects
                .iter()
                .filter_map(|o| o.table())
                .all(|t| { t.columns.len() == 1 && t.foreign.is_empty() })
        );
    }
}
