//! The descriptions of statements as rows: `sys.dm_exec_describe_first_result_set`, the same of an
//! object, and sp_describe_first_result_set.

use super::describe::{FirstResult, Outline};
use super::session::Engine;
use crate::bind::Described;
use crate::catalog::views::COLLATION_NAME;
use crate::catalog::{Object, ObjectKind};
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax;
use crate::syntax::ast::ParamDef;
use crate::tds::encode::tds_type;
use crate::types::{Len, Type, Value};

const NAME: Type = Type::NVarChar(Len::N(128));

/// What both the functions and the procedure tell of a column.
pub(super) const COLUMNS: [(&str, Type); 33] = [
    ("is_hidden", Type::Bit),
    ("column_ordinal", Type::Int),
    ("name", NAME),
    ("is_nullable", Type::Bit),
    ("system_type_id", Type::Int),
    ("system_type_name", Type::NVarChar(Len::N(256))),
    ("max_length", Type::SmallInt),
    ("precision", Type::TinyInt),
    ("scale", Type::TinyInt),
    ("collation_name", NAME),
    ("user_type_id", Type::Int),
    ("user_type_database", NAME),
    ("user_type_schema", NAME),
    ("user_type_name", NAME),
    ("assembly_qualified_type_name", Type::NVarChar(Len::N(4000))),
    ("xml_collection_id", Type::Int),
    ("xml_collection_database", NAME),
    ("xml_collection_schema", NAME),
    ("xml_collection_name", NAME),
    ("is_xml_document", Type::Bit),
    ("is_case_sensitive", Type::Bit),
    ("is_fixed_length_clr_type", Type::Bit),
    ("source_server", NAME),
    ("source_database", NAME),
    ("source_schema", NAME),
    ("source_table", NAME),
    ("source_column", NAME),
    ("is_identity_column", Type::Bit),
    ("is_part_of_unique_key", Type::Bit),
    ("is_updateable", Type::Bit),
    ("is_computed_column", Type::Bit),
    ("is_sparse_column_set", Type::Bit),
    ("ordinal_in_order_by_list", Type::SmallInt),
];

/// What follows in the functions.
const OF_FUNCTIONS: [(&str, Type); 8] = [
    ("order_by_list_length", Type::SmallInt),
    ("order_by_is_descending", Type::SmallInt),
    ("error_number", Type::Int),
    ("error_severity", Type::Int),
    ("error_state", Type::Int),
    ("error_message", Type::NVarChar(Len::N(4000))),
    ("error_type", Type::Int),
    ("error_type_desc", Type::NVarChar(Len::N(60))),
];

/// What follows in the procedure.
pub(super) const OF_THE_PROCEDURE: [(&str, Type); 6] = [
    ("order_by_list_length", Type::SmallInt),
    ("order_by_is_descending", Type::SmallInt),
    ("tds_type_id", Type::Int),
    ("tds_length", Type::Int),
    ("tds_collation_id", Type::Int),
    ("tds_collation_sort_id", Type::TinyInt),
];

static FUNCTION_COLUMNS: [(&str, Type); 41] = {
    let mut all = [("", Type::Null); 41];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < COLUMNS.len() { COLUMNS[at] } else { OF_FUNCTIONS[at - COLUMNS.len()] };
        at += 1;
    }
    all
};

/// SQL_Latin1_General_CP1_CI_AS as the procedure numbers it: its first four bytes on the wire, and
/// its sort order.
const TDS_COLLATION: (i64, i64) = (13_632_521, 52);

impl Engine {
    /// A function of the schema sys; none of any other name. Without arguments each row is one of
    /// any object, behind that object's id.
    pub(super) fn describing_function(
        &self,
        database: usize,
        function: &str,
        args: &[Value],
    ) -> Result<Option<Described>> {
        let of_object =
            function.eq_ignore_ascii_case("dm_exec_describe_first_result_set_for_object");
        if !of_object && !function.eq_ignore_ascii_case("dm_exec_describe_first_result_set") {
            return Ok(None);
        }
        let wanted = if of_object { 2 } else { 3 };
        if args.is_empty() && of_object {
            return Ok(Some((&FUNCTION_COLUMNS, self.rows_of_objects(database))));
        }
        if args.len() != wanted {
            let text = format!("sys.{function}");
            return Err(if args.len() < wanted {
                messages::missing_function_argument(&text)
            } else {
                messages::too_many_arguments(&text, 3).compiled()
            });
        }
        check_browse_mode(&args[wanted - 1])?;
        let rows = if of_object {
            match &args[0] {
                Value::Int(id) => self.rows_of_object(database, *id),
                _ => Vec::new(),
            }
        } else {
            let text = |v: &Value| match v {
                Value::Str(text) => text.clone(),
                _ => String::new(),
            };
            let described = self.first_result(database, &text(&args[0]), &text(&args[1]));
            function_rows(described)
        };
        Ok(Some((&FUNCTION_COLUMNS, rows)))
    }

    /// What a text would answer first.
    pub(super) fn first_result(
        &self,
        database: usize,
        sql: &str,
        declarations: &str,
    ) -> Result<Option<FirstResult>> {
        Outline::new(self, database, &declared(declarations)?).first_result(sql)
    }

    fn rows_of_object(&self, database: usize, id: i64) -> Vec<Vec<Value>> {
        match self.catalogs[database].by_id(id) {
            Some(object) => self.rows_of(database, object),
            None => vec![error_row(&messages::no_object_to_describe(id))],
        }
    }

    fn rows_of(&self, database: usize, object: &Object) -> Vec<Vec<Value>> {
        match &object.kind {
            ObjectKind::Procedure(params, text) => {
                let mut outline = Outline::new(self, database, params).within(&object.name);
                function_rows(outline.first_result(text))
            }
            // What a trigger answers is for nobody, and those of the sandbox do not fire.
            ObjectKind::Trigger(..) => Vec::new(),
            _ => vec![error_row(&messages::object_without_results(&object.id.to_string()))],
        }
    }

    fn rows_of_objects(&self, database: usize) -> Vec<Vec<Value>> {
        let procedures = self.catalogs[database].objects.iter();
        let procedures = procedures.filter(|o| matches!(o.kind, ObjectKind::Procedure(..)));
        let rows = procedures.flat_map(|o| {
            let rows = self.rows_of(database, o).into_iter();
            rows.map(|row| [vec![Value::Int(o.id)], row].concat())
        });
        rows.collect()
    }
}

/// Of 0 alone; what browsing adds to a query, the sandbox does not know.
pub(super) fn check_browse_mode(mode: &Value) -> Result<()> {
    match mode {
        Value::Null | Value::Int(0) => Ok(()),
        Value::Int(1 | 2) => Err(Error::unsupported("browse information of a result set")),
        _ => Err(messages::bad_browse_mode()),
    }
}

/// The parameters that a text declares.
pub(super) fn declared(declarations: &str) -> Result<Vec<ParamDef>> {
    if declarations.trim().is_empty() { Ok(Vec::new()) } else { syntax::params(declarations) }
}

fn function_rows(described: Result<Option<FirstResult>>) -> Vec<Vec<Value>> {
    match described {
        Ok(None) => Vec::new(),
        Ok(Some(result)) => {
            let mut rows = column_rows(&result);
            rows.iter_mut().for_each(|row| row.extend([const { Value::Null }; 6]));
            rows
        }
        Err(e) => vec![error_row(&e)],
    }
}

/// The rows of the procedure.
pub(super) fn procedure_rows(result: &FirstResult) -> Vec<Vec<Value>> {
    let mut rows = column_rows(result);
    for (row, column) in rows.iter_mut().zip(&result.columns) {
        let (id, length) = tds_type(column.ty);
        let (collation, sort) = TDS_COLLATION;
        let has_collation = column.ty.is_text() && column.ty != Type::Xml;
        let of_text = |n: i64| if has_collation { Value::Int(n) } else { Value::Null };
        row.extend([Value::Int(id), Value::Int(length), of_text(collation), of_text(sort)]);
    }
    rows
}

/// One row for each column, to the direction of its order.
fn column_rows(result: &FirstResult) -> Vec<Vec<Value>> {
    let bit = |on: bool| Value::Int(i64::from(on));
    let text = |s: &str| Value::Str(s.to_owned());
    let rows = result.columns.iter().enumerate().map(|(n, column)| {
        let ty = column.ty;
        let (precision, scale) = ty.precision_scale();
        let name = if column.name.is_empty() { Value::Null } else { text(&column.name) };
        let mut row = vec![bit(false), Value::Int(n as i64 + 1), name, bit(column.flags & 1 == 1)];
        row.extend([Value::Int(ty.name_and_id().1), text(&ty.to_string())]);
        row.extend([ty.max_length(), i64::from(precision), i64::from(scale)].map(Value::Int));
        row.push(if ty.is_text() { text(COLLATION_NAME) } else { Value::Null });
        // What alias types, .NET's types and collections of schemas have.
        row.extend([const { Value::Null }; 9]);
        row.extend([bit(false), bit(false), bit(false)]);
        row.extend([const { Value::Null }; 5]);
        row.extend([bit(column.flags & 0x10 != 0), Value::Null, bit(column.flags & 8 != 0)]);
        row.extend([bit(column.flags & 0x20 != 0), bit(false)]);
        let length = result.order.len() as i64;
        let place = result.order.iter().position(|(at, _)| *at == Some(n));
        row.push(place.map_or(Value::Null, |p| Value::Int(p as i64 + 1)));
        row.push(if length > 0 { Value::Int(length) } else { Value::Null });
        row.push(place.map_or(Value::Null, |p| bit(result.order[p].1)));
        row
    });
    rows.collect()
}

/// An error as the functions have it: the rest of the row is empty, or 0 where that may not be.
fn error_row(e: &Error) -> Vec<Value> {
    let (kind, description) = error_type(e);
    let mut row = vec![Value::Null; FUNCTION_COLUMNS.len() - 6];
    for at in [0, 1, 3, 4, 6, 7, 8] {
        row[at] = Value::Int(0);
    }
    row.extend([i64::from(e.number), i64::from(e.class), i64::from(e.state)].map(Value::Int));
    row.extend([
        Value::Str(e.message.clone()),
        Value::Int(kind),
        Value::Str(description.to_owned()),
    ]);
    row
}

/// The kind of an error, as the page of the functions lists them.
pub(super) fn error_type(e: &Error) -> (i64, &'static str) {
    match e.number {
        11509..=11512 => (3, "CONFLICTING_RESULTS"),
        11513 | 11514 => (4, "DYNAMIC_SQL"),
        11521 | 11522 => (8, "UNDECLARED_PARAMETER"),
        11523 | 11524 => (9, "RECURSION"),
        11525 | 11526 => (10, "TEMPORARY_TABLE"),
        11527 | 11528 => (11, "UNSUPPORTED_STATEMENT"),
        11531 => (12, "OBJECT_TYPE_NOT_SUPPORTED"),
        11532 => (13, "OBJECT_DOES_NOT_EXIST"),
        102 | 105 | 156 | 170 | 319 => (2, "SYNTAX"),
        _ => (1, "MISC"),
    }
}
