//! A request of a client: a batch, remote procedure calls, or a transaction request.

use super::control::check_declarations;
use super::procedure::{Argument, OutputValue};
use super::session::{Engine, Frame, Prepared};
use super::statement::{Run, Stop};
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax;
use crate::syntax::ast::Name;
use crate::tds::out::{CANCELLED, Out};
use crate::tds::request::{Param, Request};
use crate::tds::token::{self, Done, status};
use crate::types::{Type, Value};

/// A parameter's text; empty for any other value.
fn text_of(parameter: Option<&Param>) -> String {
    match parameter.map(|p| &p.value) {
        Some(Value::Str(text)) => text.clone(),
        _ => String::new(),
    }
}

fn handle_of(parameter: Option<&Param>) -> i64 {
    match parameter.map(|p| &p.value) {
        Some(Value::Int(n)) => *n,
        _ => 0,
    }
}

fn from_position(params: &[Param], position: usize) -> &[Param] {
    params.get(position..).unwrap_or_default()
}

impl Engine {
    /// Runs a request and writes its whole answer.
    pub(crate) fn run(&mut self, request: Request, out: &mut Out) {
        self.nesting = 0;
        self.caught.clear();
        self.frames.truncate(1);
        self.refresh();
        let result = self.answer(request, out);
        let mut cancelled = out.check().is_err();
        if let Err(Stop::Error(e)) = result {
            cancelled |= e.number == CANCELLED;
            if !cancelled {
                self.write_error(&e, out);
                out.done(Done::Statement, status::ERROR, 0, 0);
            }
        }
        if cancelled && self.options.xact_abort && self.transaction_count > 0 {
            let _ = self.rollback_quietly();
        }
        if self.transaction_count == 0 {
            // An interrupted statement outside a transaction leaves none behind, whatever SQLite
            // thinks.
            if !self.connection.is_autocommit() {
                let _ = self.connection.execute_batch("ROLLBACK");
            }
            self.doomed = false;
        }
        out.end(cancelled);
    }

    fn answer(&mut self, request: Request, out: &mut Out) -> Run<()> {
        match request {
            Request::Batch(sql) => {
                let identity = self.frames.first().and_then(|f| f.identity);
                self.frames = vec![Frame { identity, ..Frame::default() }];
                let result = self.batch(&sql, out);
                self.drop_temporary(|t| t.name.starts_with('@') || t.nesting > 0);
                if self.end_doomed(out) {
                    out.done(Done::Statement, status::ERROR, 0, 0);
                }
                result
            }
            // Whatever becomes of one, the next one runs; only a cancelled request ends with what
            // was done so far.
            Request::Rpc(all) => all.into_iter().try_for_each(|r| self.rpc(&r.name, r.params, out)),
            Request::Unknown(what) => Err(Error::unsupported(what).into()),
            Request::Begin => Ok(self.begin(out)?),
            Request::Commit(again) => {
                self.commit(out)?;
                if again { Ok(self.begin(out)?) } else { Ok(()) }
            }
            Request::Rollback(again) => {
                self.rollback(out)?;
                if again { Ok(self.begin(out)?) } else { Ok(()) }
            }
        }
    }

    fn batch(&mut self, sql: &str, out: &mut Out) -> Run<()> {
        let statements = syntax::batch(sql)?;
        check_declarations(&statements, &[])?;
        match self.block(&statements, out) {
            Err(Stop::Batch | Stop::Scope) | Ok(_) => Ok(()),
            Err(e) => Err(e),
        }
    }

    // --- remote procedure calls

    /// Calls a procedure; its answer ends in a return status, output parameters and DONEPROC.
    fn rpc(&mut self, name: &str, params: Vec<Param>, out: &mut Out) -> Run<()> {
        let parts: Vec<String> =
            name.split('.').map(|s| s.trim_matches(['[', ']']).to_owned()).collect();
        let bare = parts.last().cloned().unwrap_or_default();
        let mut outputs = Vec::new();
        self.refresh();
        let result = match bare.as_str() {
            "sp_executesql" => {
                let (sql, declarations) = (text_of(params.first()), text_of(params.get(1)));
                self.execute(&sql, &declarations, from_position(&params, 2), &mut outputs, out)
            }
            "sp_prepare" => {
                self.prepare(&params, &mut outputs)?;
                Ok(0)
            }
            "sp_prepexec" => {
                let prepared = self.prepare(&params, &mut outputs)?;
                self.execute_prepared(&prepared, from_position(&params, 3), &mut outputs, out)
            }
            "sp_execute" => {
                let handle = handle_of(params.first());
                let prepared = self.prepared.get(&handle).cloned();
                let prepared = prepared.ok_or_else(|| messages::no_such_handle(handle))?;
                self.execute_prepared(&prepared, from_position(&params, 1), &mut outputs, out)
            }
            "sp_unprepare" => {
                self.prepared.remove(&handle_of(params.first()));
                Ok(0)
            }
            _ => {
                let args = params.into_iter().map(Argument::from).collect();
                self.procedure(&Name(parts), args, &mut outputs, out)
            }
        };
        let mut failed = false;
        let code = match result {
            Ok(code) => code,
            Err(Stop::Batch | Stop::Scope) => {
                failed = true;
                1
            }
            Err(Stop::Error(e)) if e.number == CANCELLED => return Err(Stop::Error(e)),
            Err(Stop::Error(e)) => {
                self.write_error(&e, out);
                failed = true;
                i64::from(e.number)
            }
        };
        // A text's status is the number of its error, and a procedure's is what it likes.
        failed |=
            code != 0 && matches!(bare.as_str(), "sp_executesql" | "sp_execute" | "sp_prepexec");
        failed |= self.end_doomed(out);
        out.write(|b| {
            token::return_status(code as i32, b);
            for output in &outputs {
                token::return_value(output.ordinal, &output.name, output.ty, &output.value, b);
            }
        })?;
        out.done(Done::Proc, if failed { status::ERROR } else { 0 }, 0, 0);
        Ok(())
    }

    /// sp_prepare (handle OUTPUT, declarations, text).
    fn prepare(&mut self, params: &[Param], outputs: &mut Vec<OutputValue>) -> Result<Prepared> {
        let prepared =
            Prepared { declarations: text_of(params.get(1)), sql: text_of(params.get(2)) };
        syntax::batch(&prepared.sql)?;
        let handle = self.prepared.len() as i64 + 1;
        self.prepared.insert(handle, prepared.clone());
        outputs.push(OutputValue {
            ordinal: 0,
            name: params.first().map_or(String::new(), |p| p.name.clone()),
            ty: Type::Int,
            value: Value::Int(handle),
        });
        Ok(prepared)
    }

    fn execute_prepared(
        &mut self,
        prepared: &Prepared,
        params: &[Param],
        outputs: &mut Vec<OutputValue>,
        out: &mut Out,
    ) -> Run<i64> {
        self.execute(&prepared.sql, &prepared.declarations, params, outputs, out)
    }
}
