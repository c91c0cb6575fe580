//! sp_describe_undeclared_parameters and sp_describe_first_result_set, which answer about a text
//! that they do not run.

use super::describe::Outline;
use super::describe_rows::{
    COLUMNS, OF_THE_PROCEDURE, check_browse_mode, declared, procedure_rows,
};
use super::procedure::Argument;
use super::session::Engine;
use crate::bind::{Deduced, Env};
use crate::catalog::ObjectKind;
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax;
use crate::syntax::ast::{Expr, ParamDef, Statement, StatementKind};
use crate::tds::encode::tds_type;
use crate::types::{Column, Len, Type, Value};

const NAME: Type = Type::NVarChar(Len::N(128));

/// numeric, in sys.types and on the wire; everywhere else the sandbox calls it decimal.
const NUMERIC: i64 = 108;

/// The columns of sp_describe_undeclared_parameters.
const PARAMETER_COLUMNS: [(&str, Type); 24] = [
    ("parameter_ordinal", Type::Int),
    ("name", NAME),
    ("suggested_system_type_id", Type::Int),
    ("suggested_system_type_name", Type::NVarChar(Len::N(256))),
    ("suggested_max_length", Type::SmallInt),
    ("suggested_precision", Type::TinyInt),
    ("suggested_scale", Type::TinyInt),
    ("suggested_user_type_id", Type::Int),
    ("suggested_user_type_database", NAME),
    ("suggested_user_type_schema", NAME),
    ("suggested_user_type_name", NAME),
    ("suggested_assembly_qualified_type_name", Type::NVarChar(Len::N(4000))),
    ("suggested_xml_collection_id", Type::Int),
    ("suggested_xml_collection_database", NAME),
    ("suggested_xml_collection_schema", NAME),
    ("suggested_xml_collection_name", NAME),
    ("suggested_is_xml_document", Type::Bit),
    ("suggested_is_case_sensitive", Type::Bit),
    ("suggested_is_fixed_length_clr_type", Type::Bit),
    ("suggested_is_input", Type::Bit),
    ("suggested_is_output", Type::Bit),
    ("formal_parameter_name", NAME),
    ("suggested_tds_type_id", Type::Int),
    ("suggested_tds_length", Type::Int),
];

/// A result set, or the errors that come instead of it.
pub(super) type Answer = Result<(Vec<Column>, Vec<Vec<Value>>), Vec<Error>>;

impl Engine {
    /// One of the two procedures; nothing for any other.
    pub(super) fn describing_procedure(
        &self,
        name: &str,
        args: &[Argument],
    ) -> Result<Option<Answer>> {
        let first = name.eq_ignore_ascii_case("sp_describe_first_result_set");
        if !first && !name.eq_ignore_ascii_case("sp_describe_undeclared_parameters") {
            return Ok(None);
        }
        let names: &[&str] = if first {
            &["@tsql", "@params", "@browse_information_mode"]
        } else {
            &["@tsql", "@params"]
        };
        let mut given = vec![Value::Null; names.len()];
        for (place, arg) in args.iter().enumerate() {
            let named = |n: &String| names.iter().position(|p| p.eq_ignore_ascii_case(n));
            let unknown = arg.name.clone().unwrap_or_default();
            let at = arg.name.as_ref().map_or(Some(place), named);
            let at = at.ok_or_else(|| messages::no_such_parameter(&unknown, name, 1))?;
            let slot = given.get_mut(at).ok_or_else(|| messages::too_many_arguments(name, 1))?;
            *slot = arg.value.as_ref().map_or(Value::Null, |v| v.1.clone());
        }
        let Value::Str(sql) = &given[0] else {
            return Err(messages::missing_argument(name, "@tsql"));
        };
        let declarations = match &given[1] {
            Value::Str(text) => text.as_str(),
            _ => "",
        };
        let columns = |list: &[(&str, Type)]| {
            list.iter().map(|(name, ty)| Column::new(*name, *ty)).collect::<Vec<_>>()
        };
        if !first {
            let rows = self.undeclared_parameters(sql, declarations);
            return Ok(Some(rows.map(|rows| (columns(&PARAMETER_COLUMNS), rows)).map_err(told)));
        }
        check_browse_mode(&given[2])?;
        let all = [&COLUMNS[..], &OF_THE_PROCEDURE].concat();
        let described = self.first_result(self.database, sql, declarations).map_err(told);
        Ok(Some(
            described.map(|result| {
                (columns(&all), result.map_or_else(Vec::new, |r| procedure_rows(&r)))
            }),
        ))
    }

    /// A row for each parameter that a text names and does not declare, in their order.
    fn undeclared_parameters(&self, sql: &str, declarations: &str) -> Result<Vec<Vec<Value>>> {
        let declared = declared(declarations)?;
        let statements = syntax::batch(sql)?;
        super::control::check_declarations(&statements, &declared)?;
        let mut own: Vec<String> = declared.iter().map(|p| p.name.to_lowercase()).collect();
        statements.iter().for_each(|s| declarations_of(s, &mut own));
        let mut names: Vec<String> = Vec::new();
        for name in syntax::variables(sql)? {
            if own.contains(&name.to_lowercase()) {
                continue;
            }
            if names.iter().any(|n| n.eq_ignore_ascii_case(&name)) {
                return Err(messages::parameter_used_twice(&name));
            }
            names.push(name);
        }
        let mut outline = Outline::new(self, self.database, &declared);
        statements.iter().try_for_each(|s| self.deduce(&mut outline, s))?;
        if let Some(e) = outline.deductions.failure() {
            return Err(e);
        }
        let rows = names.iter().enumerate().map(|(n, name)| {
            let deduced = outline.deductions.of(name);
            deduced.map(|d| row(n, name, &d)).ok_or_else(|| messages::parameter_without_type(name))
        });
        rows.collect()
    }

    /// Binds a statement, so that its parameters meet what they stand beside.
    fn deduce(&self, outline: &mut Outline<'_>, s: &Statement) -> Result<()> {
        match &s.kind {
            StatementKind::If(condition, yes, no) => {
                outline.bind_condition(condition)?;
                self.deduce(outline, yes)?;
                no.iter().try_for_each(|no| self.deduce(outline, no))
            }
            StatementKind::While(condition, body) => {
                outline.bind_condition(condition)?;
                self.deduce(outline, body)
            }
            StatementKind::Block(list) => list.iter().try_for_each(|s| self.deduce(outline, s)),
            StatementKind::Try(body, handler) => {
                body.iter().chain(handler).try_for_each(|s| self.deduce(outline, s))
            }
            StatementKind::Exec { name, args, .. } => {
                let found = self.found(name)?;
                let Some((_, object)) = found else {
                    let shown = name.0.join(".");
                    return Err(Error::unsupported(format!("parameters of {shown}")));
                };
                let ObjectKind::Procedure(params, _) = &object.kind else { return Ok(()) };
                for (place, arg) in args.iter().enumerate() {
                    let named = |p: &&ParamDef| {
                        arg.name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(&p.name))
                    };
                    let formal = match &arg.name {
                        Some(_) => params.iter().find(named),
                        None => params.get(place),
                    };
                    if let (Some(p), Some(Expr::Variable(name))) = (formal, &arg.value)
                        && outline.var(name).is_none()
                    {
                        outline.deductions.record(Deduced {
                            name: name.clone(),
                            ty: p.ty,
                            output: arg.output,
                            formal: Some(p.name.clone()),
                        });
                    }
                }
                Ok(())
            }
            _ => outline.bind_statement(self, s),
        }
    }
}

/// The errors of a procedure: behind what a statement could not be compiled for comes what that
/// means.
fn told(e: Error) -> Vec<Error> {
    if (11500..11600).contains(&e.number) || e.is_unsupported() {
        return vec![e];
    }
    vec![e, messages::batch_not_analyzed()]
}

/// The variables that a statement declares.
fn declarations_of(s: &Statement, out: &mut Vec<String>) {
    match &s.kind {
        StatementKind::Declare(list) => out.extend(list.iter().map(|(n, ..)| n.to_lowercase())),
        StatementKind::DeclareTable(name, ..) => out.push(name.to_lowercase()),
        StatementKind::If(_, yes, no) => {
            declarations_of(yes, out);
            no.iter().for_each(|s| declarations_of(s, out));
        }
        StatementKind::While(_, body) => declarations_of(body, out),
        StatementKind::Block(list) => list.iter().for_each(|s| declarations_of(s, out)),
        StatementKind::Try(body, handler) => {
            body.iter().chain(handler).for_each(|s| declarations_of(s, out));
        }
        // The names of a procedure's own parameters are no variables of the text.
        StatementKind::Exec { args, .. } => {
            out.extend(args.iter().filter_map(|a| a.name.as_ref()).map(|n| n.to_lowercase()));
        }
        _ => {}
    }
}

fn row(n: usize, name: &str, deduced: &Deduced) -> Vec<Value> {
    let ty = deduced.ty;
    let (precision, scale) = ty.precision_scale();
    let bit = |on: bool| Value::Int(i64::from(on));
    let mut row = vec![Value::Int(n as i64 + 1), Value::Str(name.to_owned())];
    // The one numeric type that comes into question where the types of columns do not decide.
    let numeric = ty == Type::Decimal(38, 19);
    let (id, shown) = match numeric {
        true => (NUMERIC, "numeric(38,19)".to_owned()),
        false => (ty.name_and_id().1, ty.to_string()),
    };
    row.extend([Value::Int(id), Value::Str(shown)]);
    row.extend([ty.max_length(), i64::from(precision), i64::from(scale)].map(Value::Int));
    row.extend([const { Value::Null }; 9]);
    row.extend([bit(false), bit(false), bit(false), bit(!deduced.output), bit(deduced.output)]);
    row.push(deduced.formal.clone().map_or(Value::Null, Value::Str));
    let (id, length) = tds_type(ty);
    row.extend([Value::Int(if numeric { NUMERIC } else { id }), Value::Int(length)]);
    row
}
