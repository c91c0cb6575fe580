//! What several views and procedures tell about an object: its columns, its definition, and the
//! types there are.

use crate::catalog::views::Facts;
use crate::catalog::{Catalog, ColumnMeta, Object, ObjectKind, TableDef};
use crate::syntax::ast::FunctionBody;
use crate::types::{Len, Type};

/// One of each type that the sandbox has values of, at its largest, in the order of `sys.types`.
pub(crate) const ALL_TYPES: [Type; 24] = [
    Type::Guid,
    Type::Date,
    Type::Time(7),
    Type::DateTime2(7),
    Type::DateTimeOffset(7),
    Type::TinyInt,
    Type::SmallInt,
    Type::Int,
    Type::SmallDateTime,
    Type::Real,
    Type::Money,
    Type::DateTime,
    Type::Float,
    Type::Bit,
    Type::Decimal(38, 38),
    Type::SmallMoney,
    Type::BigInt,
    Type::VarBinary(Len::N(8000)),
    Type::VarChar(Len::N(8000)),
    Type::Binary(8000),
    Type::Char(8000),
    Type::NVarChar(Len::N(4000)),
    Type::NChar(4000),
    Type::Xml,
];

/// A column of a table or a view.
pub(crate) struct ColumnRow {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) nullable: bool,
    /// What only a table's column has: default, identity, computation.
    pub(crate) meta: Option<ColumnMeta>,
}

impl ColumnRow {
    pub(crate) fn is_identity(&self) -> bool {
        self.meta.as_ref().is_some_and(|m| m.identity.is_some())
    }

    pub(crate) fn is_computed(&self) -> bool {
        self.meta.as_ref().is_some_and(|m| m.computed.is_some())
    }

    /// The text of its default as the catalog shows it, in parentheses.
    pub(crate) fn default_definition(&self) -> Option<String> {
        let (_, _, text) = self.meta.as_ref()?.default.as_ref()?;
        Some(definition_text(text))
    }
}

/// The text of an expression as the catalog shows it.
pub(crate) fn definition_text(text: &str) -> String {
    format!("({text})")
}

/// The columns of a table, a view or a function of rows; nothing else has any.
pub(crate) fn columns_of(catalog: &Catalog, object: &Object, facts: &dyn Facts) -> Vec<ColumnRow> {
    match &object.kind {
        ObjectKind::Table(table) => table
            .columns
            .iter()
            .map(|c| ColumnRow {
                name: c.name.clone(),
                ty: c.ty,
                nullable: c.nullable,
                meta: Some(c.clone()),
            })
            .collect(),
        ObjectKind::View(_) => facts
            .view_columns(catalog, object)
            .into_iter()
            .map(|c| ColumnRow { name: c.name, ty: c.ty, nullable: c.flags & 1 == 1, meta: None })
            .collect(),
        ObjectKind::Function(f) => match &f.body {
            FunctionBody::Scalar(..) => Vec::new(),
            FunctionBody::Inline(_) => facts
                .view_columns(catalog, object)
                .into_iter()
                .map(|c| ColumnRow {
                    name: c.name,
                    ty: c.ty,
                    nullable: c.flags & 1 == 1,
                    meta: None,
                })
                .collect(),
            FunctionBody::Table(columns) => columns
                .iter()
                .map(|c| ColumnRow {
                    name: c.name.clone(),
                    ty: c.ty.unwrap_or(Type::Int),
                    nullable: c.nullable.unwrap_or(true),
                    meta: None,
                })
                .collect(),
        },
        ObjectKind::Procedure(..)
        | ObjectKind::Trigger(..)
        | ObjectKind::Synonym(_)
        | ObjectKind::Sequence(_) => Vec::new(),
    }
}

/// The CREATE statement of a module.
pub(crate) fn definition(object: &Object) -> Option<String> {
    match &object.kind {
        ObjectKind::View(text) => {
            Some(format!("CREATE VIEW {}.{} AS {text}", object.schema, object.name))
        }
        ObjectKind::Procedure(params, text) => {
            let list: Vec<String> = params
                .iter()
                .map(|p| {
                    let default = p.default.as_ref().map(|(_, text)| format!(" = {text}"));
                    let output = if p.output { " OUTPUT" } else { "" };
                    format!("{} {}{}{output}", p.name, p.ty, default.unwrap_or_default())
                })
                .collect();
            Some(format!(
                "CREATE PROCEDURE {}.{} {} AS {text}",
                object.schema,
                object.name,
                list.join(", ")
            ))
        }
        ObjectKind::Function(f) => Some(f.text.clone()),
        ObjectKind::Trigger(_, t) => Some(t.text.clone()),
        ObjectKind::Table(_) | ObjectKind::Synonym(_) | ObjectKind::Sequence(_) => None,
    }
}

/// The tables with what they are made of.
pub(super) fn tables(catalog: &Catalog) -> impl Iterator<Item = (&Object, &TableDef)> {
    catalog.objects.iter().filter_map(|o| o.table().map(|t| (&**o, t)))
}

/// The id of a schema that an object is in.
pub(super) fn schema_id(catalog: &Catalog, name: &str) -> i64 {
    catalog.schemas.iter().find(|(s, _)| s == name).map_or(1, |(_, id)| *id)
}

/// The object id of a column's default, which has no id of its own in the catalog.
pub(super) fn default_id(object: &Object, column: usize) -> i64 {
    object.id + 1 + column as i64
}
