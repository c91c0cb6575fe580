//! EXECUTE: procedures, dynamic texts and sp_executesql, each in a scope of its own.

use super::control::check_declarations;
use super::ddl::position;
use super::properties::PropertyChange;
use super::session::{Engine, Frame};
use super::statement::{Flow, Run, Stop};
use super::undeclared::Answer;
use crate::bind::Env;
use crate::catalog::procedures::{self, HelpPart, ProcedureAnswer};
use crate::catalog::{Object, ObjectKind};
use crate::convert::{NO_STYLE, convert};
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax;
use crate::syntax::ast::{Arg, Expr, Name, ParamDef, Statement};
use crate::tds::out::Out;
use crate::tds::request::Param;
use crate::tds::token::{self, Done, status};
use crate::types::{Column, Len, Type, Value};

/// An argument of a call.
pub(super) struct Argument {
    /// With its `@`; none where it goes by its place.
    pub(super) name: Option<String>,
    /// None for the word DEFAULT.
    pub(super) value: Option<(Type, Value)>,
    output: bool,
}

impl From<Param> for Argument {
    fn from(p: Param) -> Self {
        Self {
            name: Some(p.name).filter(|n| !n.is_empty()),
            value: Some((p.ty, p.value)),
            output: p.output,
        }
    }
}

impl From<Argument> for Param {
    fn from(a: Argument) -> Self {
        let (ty, value) = a.value.unwrap_or((Type::Null, Value::Null));
        Self { name: a.name.unwrap_or_default(), output: a.output, ty, value }
    }
}

/// The value of an output parameter after a call.
pub(super) struct OutputValue {
    /// The parameter's position, from 0.
    pub(super) ordinal: u16,
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) value: Value,
}

/// How deep calls may nest.
const DEEPEST: u32 = 32;

/// Databases, and the schema, whose procedures are the server's own.
const SYSTEM: [&str; 5] = ["sys", "master", "msdb", "model", "tempdb"];

impl Engine {
    // --- EXECUTE as a statement

    pub(super) fn exec(&mut self, name: &Name, args: &[Arg], out: &mut Out) -> Run<i64> {
        let mut values = Vec::new();
        for a in args {
            let value = match &a.value {
                Some(e) => Some(self.constant(e)?),
                None => None,
            };
            values.push(Argument { name: a.name.clone(), value, output: a.output });
        }
        let mut outputs = Vec::new();
        let is_text = name.0.last().is_some_and(|n| n.eq_ignore_ascii_case("sp_executesql"));
        let code = if is_text {
            let mut params: Vec<Param> = values.into_iter().map(Param::from).collect();
            let sql = take_text(&mut params, ["@stmt", "@statement"]);
            let declarations = take_text(&mut params, ["@params", "@parameters"]);
            self.execute(&sql, &declarations, &params, &mut outputs, out)?
        } else {
            self.procedure(name, values, &mut outputs, out)?
        };
        self.assign_outputs(args, outputs)?;
        if !self.options.no_count {
            out.done(Done::Proc, 0, 0xE0, 0);
        }
        Ok(code)
    }

    /// OUTPUT arguments go back to the variables that they came from.
    fn assign_outputs(&mut self, args: &[Arg], outputs: Vec<OutputValue>) -> Result<()> {
        for output in outputs {
            let named =
                |a: &&Arg| a.name.as_ref().is_none_or(|n| n.eq_ignore_ascii_case(&output.name));
            let actual = args.iter().filter(|a| a.output).find(named);
            if let Some(Expr::Variable(variable)) = actual.and_then(|a| a.value.as_ref()) {
                let to = self.var(variable).map_or(output.ty, |v| v.0);
                let value = convert(output.value, output.ty, to, NO_STYLE)?;
                self.set_variable(variable, to, value);
            }
        }
        Ok(())
    }

    /// EXECUTE @variable = …
    pub(super) fn set_return_status(&mut self, variable: &str, status: i64) {
        let ty = self.var(variable).map_or(Type::Int, |v| v.0);
        self.set_variable(variable, ty, Value::Int(status));
    }

    /// EXECUTE of a text in parentheses.
    pub(super) fn exec_text(&mut self, e: &Expr, out: &mut Out) -> Run<()> {
        let sql = self.scalar_text(e, Len::Max)?;
        self.execute(&sql, "", &[], &mut Vec::new(), out)?;
        Ok(())
    }

    // --- scopes

    /// A text with declared parameters: sp_executesql and everything like it.
    pub(super) fn execute(
        &mut self,
        sql: &str,
        declarations: &str,
        params: &[Param],
        outputs: &mut Vec<OutputValue>,
        out: &mut Out,
    ) -> Run<i64> {
        let declared =
            if declarations.trim().is_empty() { Vec::new() } else { syntax::params(declarations)? };
        let mut frame = Frame { in_procedure: true, ..Frame::default() };
        for (i, d) in declared.iter().enumerate() {
            let by_place = || params.get(i).filter(|p| p.name.is_empty());
            let by_name = params.iter().find(|p| p.name.eq_ignore_ascii_case(&d.name));
            let value = match (by_name.or_else(by_place), &d.default) {
                (Some(p), _) => convert(p.value.clone(), p.ty, d.ty, NO_STYLE)?,
                (None, Some((e, _))) => self.constant(e)?.1,
                (None, None) => {
                    let e = messages::missing_query_parameter(declarations, sql, &d.name);
                    return Err(e.into());
                }
            };
            frame.variables.insert(d.name.to_lowercase(), (d.ty, value));
        }
        if params.len() > declared.len() {
            return Err(messages::too_many_arguments("", 1).into());
        }
        let statements = syntax::batch(sql)?;
        check_declarations(&statements, &declared)?;
        let (code, frame) = self.scope(frame, &statements, out)?;
        for (i, d) in declared.iter().enumerate() {
            let wanted = params.iter().enumerate().find(|(n, p)| {
                p.output && (p.name.eq_ignore_ascii_case(&d.name) || p.name.is_empty() && *n == i)
            });
            let variable = frame.variables.get(&d.name.to_lowercase());
            if let (Some((n, _)), Some((ty, value))) = (wanted, variable) {
                outputs.push(OutputValue {
                    ordinal: n as u16,
                    name: d.name.clone(),
                    ty: *ty,
                    value: value.clone(),
                });
            }
        }
        Ok(code)
    }

    /// Runs statements in a frame of their own; the temporary tables that they made and the options
    /// that they set are gone afterwards. The status, and the frame as they left it.
    fn scope(
        &mut self,
        frame: Frame,
        statements: &[Statement],
        out: &mut Out,
    ) -> Run<(i64, Frame)> {
        if self.nesting >= DEEPEST {
            return Err(messages::nested_too_deeply().into());
        }
        self.nesting += 1;
        let (options, line, nesting) = (self.options, self.line, self.nesting);
        let database = self.database;
        self.frames.push(frame);
        let result = self.block(statements, out);
        let frame = self.frames.pop().unwrap_or_default();
        self.drop_temporary(|t| t.nesting >= nesting);
        self.nesting -= 1;
        self.options = options;
        self.line = line;
        self.return_to_database(database, out);
        match result {
            Ok(Flow::Return(n)) => Ok((n, frame)),
            Ok(_) => Ok((0, frame)),
            Err(Stop::Scope) => Ok((self.error, frame)),
            // For those outside it is an error like any other.
            Err(Stop::Error(e)) => Err(Stop::Error(Error { compile: false, ..e })),
            Err(e) => Err(e),
        }
    }

    // --- procedures

    pub(super) fn procedure(
        &mut self,
        name: &Name,
        args: Vec<Argument>,
        outputs: &mut Vec<OutputValue>,
        out: &mut Out,
    ) -> Run<i64> {
        let Some((catalog, object)) = self.found(name)? else {
            let bare = name.0.last().map_or("", String::as_str);
            if let Some(answer) = self.describing_procedure(bare, &args)? {
                return self.send_description(answer, out);
            }
            if let Some(change) = PropertyChange::of(bare) {
                self.change_property(change, name, &args)?;
                return Ok(0);
            }
            return self.system_procedure(name, &args, out);
        };
        let ObjectKind::Procedure(params, text) = &object.kind else {
            return Err(messages::no_such_procedure(&name.0.join("."), 1).into());
        };
        let frame = self.call_frame(&object, params, &args)?;
        let statements = syntax::batch(text)?;
        check_declarations(&statements, params)?;
        // A procedure runs in its own database, of which the client is not told.
        let caller = std::mem::replace(&mut self.database, position(&catalog));
        let result = self.scope(frame, &statements, out);
        self.database = caller;
        let (code, frame) = result?;
        for (i, p) in params.iter().enumerate().filter(|(_, p)| p.output) {
            if let Some((ty, value)) = frame.variables.get(&p.name.to_lowercase()) {
                outputs.push(OutputValue {
                    ordinal: i as u16,
                    name: p.name.clone(),
                    ty: *ty,
                    value: value.clone(),
                });
            }
        }
        Ok(code)
    }

    /// The rows of a description. Of several errors the last one is raised, and the others are told
    /// before it.
    fn send_description(&mut self, answer: Answer, out: &mut Out) -> Run<i64> {
        match answer {
            Ok((columns, rows)) => {
                send(&columns, &rows, status::COUNT, out)?;
                Ok(0)
            }
            Err(mut errors) => {
                let last = errors.pop().unwrap_or_else(messages::batch_not_analyzed);
                for e in errors {
                    self.write_error(&Error { compile: false, ..e }, out);
                }
                Err(Error { compile: false, ..last }.into())
            }
        }
    }

    /// The frame of a procedure, with its parameters as variables.
    fn call_frame(&self, object: &Object, params: &[ParamDef], args: &[Argument]) -> Result<Frame> {
        if args.len() > params.len() {
            return Err(messages::too_many_arguments(&object.name, 2));
        }
        let mut frame =
            Frame { in_procedure: true, procedure: object.name.clone(), ..Frame::default() };
        for (i, p) in params.iter().enumerate() {
            let named =
                |a: &&Argument| a.name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(&p.name));
            let by_place = || args.get(i).filter(|a| a.name.is_none());
            let given = args.iter().find(named).or_else(by_place).and_then(|a| a.value.clone());
            let (ty, value) = match (given, &p.default) {
                (Some(typed), _) => typed,
                (None, Some((e, _))) => self.constant(e)?,
                (None, None) => return Err(messages::missing_argument(&object.name, &p.name)),
            };
            let value = convert(value, ty, p.ty, NO_STYLE)?;
            frame.variables.insert(p.name.to_lowercase(), (p.ty, value));
        }
        let known = |n: &str| params.iter().any(|p| p.name.eq_ignore_ascii_case(n));
        let mut names = args.iter().filter_map(|a| a.name.as_deref());
        match names.find(|n| !known(n)) {
            Some(name) => Err(messages::no_such_parameter(name, &object.name, 2)),
            None => Ok(frame),
        }
    }

    /// One of the catalog procedures; of the server's other procedures it is said that they are not
    /// here, and of the rest that there are none.
    fn system_procedure(&self, name: &Name, args: &[Argument], out: &mut Out) -> Run<i64> {
        let given: Vec<(Option<String>, Value)> = args
            .iter()
            .map(|a| (a.name.clone(), a.value.as_ref().map_or(Value::Null, |v| v.1.clone())))
            .collect();
        let bare = name.0.last().map_or("", String::as_str);
        // One of master runs where it is called, and that of another database in it.
        let catalog = match name.database() {
            Some(d) if !SYSTEM.iter().any(|s| s.eq_ignore_ascii_case(d)) => {
                self.catalog_of(name)?.unwrap_or_else(|| self.catalog())
            }
            _ => self.catalog(),
        };
        match procedures::run(bare, &given, catalog, self)? {
            Some(ProcedureAnswer::One((columns, rows))) => {
                send(&columns, &rows, status::COUNT, out)?;
                return Ok(0);
            }
            Some(ProcedureAnswer::Parts(parts)) => {
                for part in parts {
                    match part {
                        HelpPart::Rows(columns, rows) => send(&columns, &rows, 0, out)?,
                        HelpPart::Blank => {
                            out.write(|b| token::info(0, 0, 1, self.line, " ", b))?
                        }
                        HelpPart::Message(e) => out.write(|b| {
                            token::info(e.number, e.class, e.state, self.line, &e.message, b);
                        })?,
                    }
                }
                return Ok(0);
            }
            None => {}
        }
        let shown = name.0.join(".");
        let lower = bare.to_ascii_lowercase();
        let is_system = |s: &String| SYSTEM.iter().any(|x| s.eq_ignore_ascii_case(x));
        // Whatever begins like this may be one of the server's own.
        if lower.starts_with("sp_")
            || lower.starts_with("xp_")
            || name.0.iter().rev().skip(1).any(is_system)
        {
            return Err(Error::unsupported(format!("the procedure {shown}")).into());
        }
        Err(messages::no_such_procedure(&shown, 62).into())
    }
}

/// A result set of a catalog procedure, with a count if the status says so.
fn send(columns: &[Column], rows: &[Vec<Value>], status: u16, out: &mut Out) -> Result<()> {
    out.write(|b| token::columns(columns, b))?;
    for row in rows {
        out.row(|b| token::row(row.iter().zip(columns.iter().map(|c| c.ty)), b))?;
    }
    out.done(Done::InProc, status, super::select::SELECT, rows.len() as u64);
    Ok(())
}

/// Takes a text parameter: by the first name, else the first without a name, else by the second.
fn take_text(params: &mut Vec<Param>, names: [&str; 2]) -> String {
    let named = |name: &str| params.iter().position(|p| p.name.eq_ignore_ascii_case(name));
    let first = || params.first().filter(|p| p.name.is_empty()).map(|_| 0);
    let at = named(names[0]).or_else(first).or_else(|| named(names[1]));
    match at.map(|i| params.remove(i).value) {
        Some(Value::Str(text)) => text,
        _ => String::new(),
    }
}
