//! One statement: passed to the module that does it, and what an error of it ends ("Database Engine
//! Error Severities", "SET XACT_ABORT", "TRY...CATCH").

use super::session::Engine;
use crate::error::Error;
use crate::syntax::ast::{Statement, StatementKind};
use crate::tds::out::{CANCELLED, Out};
use crate::tds::token::{self, Done, status};
use crate::types::Type;

/// Where execution goes on after a statement.
pub(super) enum Flow {
    Next,
    Break,
    Continue,
    /// With the status of a procedure.
    Return(i64),
}

/// Why execution does not go on.
pub(super) enum Stop {
    /// An error that the client has not been told.
    Error(Error),
    /// The client has been told an error, and the batch is over.
    Batch,
    /// The client has been told an error, and the procedure or dynamic text is over; whoever called
    /// it goes on.
    Scope,
}

impl From<Error> for Stop {
    fn from(e: Error) -> Self {
        Stop::Error(e)
    }
}

pub(super) type Run<T> = std::result::Result<T, Stop>;

/// Statements that set @@ROWCOUNT to 0; its page lists them.
fn resets_row_count(kind: &StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::SetOption(..)
            | StatementKind::ContextInfo(_)
            | StatementKind::Print(_)
            | StatementKind::RaisError(..)
            | StatementKind::Begin
            | StatementKind::Commit
            | StatementKind::Use(_)
    )
}

/// Statements after whose success @@ERROR is 0. Of those with statements in them it is what the
/// last of these left.
fn resets_error(kind: &StatementKind) -> bool {
    !matches!(
        kind,
        StatementKind::If(..)
            | StatementKind::While(..)
            | StatementKind::Block(_)
            | StatementKind::Try(..)
            | StatementKind::Declare(_)
            | StatementKind::Exec { .. }
            | StatementKind::ExecText(_)
            | StatementKind::RaisError(..)
    )
}

/// Statements that end in a DONE without a count.
fn is_definition(kind: &StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::Truncate(_)
            | StatementKind::CreateTable(..)
            | StatementKind::CreateView(..)
            | StatementKind::CreateProc(..)
            | StatementKind::CreateModule(..)
            | StatementKind::CreateSchema(_)
            | StatementKind::CreateIndex { .. }
            | StatementKind::AddColumns(..)
            | StatementKind::DropColumn(..)
            | StatementKind::Drop { .. }
            | StatementKind::UpdateStatistics(_)
    )
}

/// Errors that the server follows with "The statement has been terminated."
fn is_terminating(number: u32) -> bool {
    matches!(number, 515 | 547 | 2601 | 2627 | 8134 | 8152)
}

impl Engine {
    /// Statements in their order, until one of them leaves.
    pub(super) fn block(&mut self, statements: &[Statement], out: &mut Out) -> Run<Flow> {
        for s in statements {
            match self.statement(s, out)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    pub(super) fn statement(&mut self, s: &Statement, out: &mut Out) -> Run<Flow> {
        out.check()?;
        self.line = s.line;
        self.kept.clear();
        if resets_row_count(&s.kind) {
            self.row_count = 0;
        }
        match self.perform(s, out) {
            Ok(flow) => {
                if is_definition(&s.kind) {
                    self.plain_done(out);
                }
                if resets_error(&s.kind) {
                    self.error = 0;
                }
                Ok(flow)
            }
            Err(Stop::Error(e)) => self.failed(e, s, out),
            Err(stop) => Err(stop),
        }
    }

    /// What an error of a statement ends: nothing, the scope, the batch; or a TRY block has it.
    fn failed(&mut self, e: Error, s: &Statement, out: &mut Out) -> Run<Flow> {
        let mut e = e.at(s.line);
        if e.procedure.is_empty() {
            e.procedure = self.frames.last().map(|f| f.procedure.clone()).unwrap_or_default();
        }
        if e.number == CANCELLED {
            return Err(Stop::Error(e));
        }
        if self.is_caught(&e) {
            if self.transaction_count > 0 && (self.options.xact_abort || e.aborts_batch()) {
                self.doomed = true;
            }
            return Err(Stop::Error(e));
        }
        // XACT_ABORT does not concern compile errors, of which syntax errors in a dynamic text are
        // one kind, nor RAISERROR.
        let compile = e.compile || e.class == 15;
        let spared = compile || matches!(s.kind, StatementKind::RaisError(..));
        let strict = self.options.xact_abort && (!spared || e.is_unsupported());
        let abort = e.aborts_batch()
            || e.is_unsupported()
            || matches!(s.kind, StatementKind::Throw(_))
            || strict;
        self.write_error(&e, out);
        if is_terminating(e.number) && !abort {
            let text = "The statement has been terminated.";
            let _ = out.write(|b| token::info(3621, 0, 0, s.line, text, b));
        }
        if abort && self.transaction_count > 0 && (strict || e.aborts_batch()) {
            let _ = self.rollback(out);
        }
        out.done(self.done_kind(), status::ERROR, 0, 0);
        if abort {
            Err(Stop::Batch)
        } else if e.compile {
            Err(Stop::Scope)
        } else {
            Ok(Flow::Next)
        }
    }

    /// A TRY sees neither what its own scope could not compile, nor severities of 20 and above, nor
    /// what the sandbox lacks.
    fn is_caught(&self, e: &Error) -> bool {
        let outside = if e.compile { self.frames.len() - 1 } else { self.frames.len() };
        let in_try = self.frames[..outside].iter().any(|f| f.tries > 0);
        in_try && e.class < 20 && !e.is_unsupported()
    }

    /// The ERROR token, and @@ERROR.
    pub(super) fn write_error(&mut self, e: &Error, out: &mut Out) {
        self.error = i64::from(e.number);
        let e = e.clone().at(self.line);
        let _ = out.write(|b| token::error(&e, b));
    }

    // --- DONE tokens

    pub(super) fn done_kind(&self) -> Done {
        let in_procedure = self.frames.last().is_some_and(|f| f.in_procedure);
        if in_procedure { Done::InProc } else { Done::Statement }
    }

    /// The DONE of a statement with a row count, and @@ROWCOUNT.
    pub(super) fn count(&mut self, rows: usize, command: u16, out: &mut Out) {
        self.row_count = rows as i64;
        let kind = self.done_kind();
        if !self.options.no_count {
            out.done(kind, status::COUNT, command, rows as u64);
        } else if kind == Done::Statement {
            out.done(kind, 0, command, 0);
        }
    }

    /// The DONE of a statement without a row count.
    pub(super) fn plain_done(&mut self, out: &mut Out) {
        let kind = self.done_kind();
        self.row_count = 0;
        if !(self.options.no_count && kind == Done::InProc) {
            out.done(kind, 0, 0, 0);
        }
    }

    // --- dispatch

    fn perform(&mut self, s: &Statement, out: &mut Out) -> Run<Flow> {
        if self.options.format_only
            && !matches!(s.kind, StatementKind::Query(_) | StatementKind::SetOption(..))
        {
            return Err(Error::unsupported("anything but SELECT under SET FMTONLY ON").into());
        }
        match &s.kind {
            StatementKind::Query(query) => self.select(query, out)?,
            StatementKind::Insert(insert) => self.insert(insert, out)?,
            StatementKind::Update(update) => self.update(update, out)?,
            StatementKind::Delete(delete) => self.delete(delete, out)?,

            StatementKind::Truncate(name) => self.truncate(name)?,
            StatementKind::CreateTable(name, columns, constraints) => {
                self.create_table(name, columns, constraints)?;
            }
            StatementKind::CreateView(name, text, replace) => {
                self.create_view(name, text, *replace)?;
            }
            StatementKind::CreateProc(name, params, text, replace) => {
                self.create_procedure(name, params, text, *replace)?;
            }
            StatementKind::CreateModule(name, module, replace) => {
                self.create_other(name, module, *replace)?;
            }
            StatementKind::CreateSchema(name) => self.create_schema(name)?,
            StatementKind::CreateIndex { name, table, columns, unique } => {
                self.create_index(name, table, columns, *unique)?;
            }
            StatementKind::AddColumns(name, columns, constraints) => {
                self.add_columns(name, columns, constraints)?;
            }
            StatementKind::DropColumn(name, column) => self.drop_column(name, column)?,
            StatementKind::Drop { what, names, if_exists, on } => {
                for name in names {
                    self.drop_object(*what, name, *if_exists, on.as_ref())?;
                }
            }
            // There are none to update, but the table has to be there.
            StatementKind::UpdateStatistics(name) => self.check_changeable(&self.target(name)?)?,

            StatementKind::Declare(list) => self.declare(list)?,
            StatementKind::DeclareTable(name, columns, constraints) => {
                self.declare_table(name, columns, constraints)?;
            }
            StatementKind::SetVar(name, e) => self.assign(name, e)?,
            StatementKind::SetOption(names, value) => self.set_options(names, value)?,
            StatementKind::ContextInfo(e) => self.set_context_info(e)?,

            StatementKind::If(condition, yes, no) => {
                return self.branch(condition, yes, no.as_deref(), out);
            }
            StatementKind::While(condition, body) => return self.repeat(condition, body, out),
            StatementKind::Block(list) => return self.block(list, out),
            StatementKind::Break => return Ok(Flow::Break),
            StatementKind::Continue => return Ok(Flow::Continue),
            StatementKind::Return(None) => return Ok(Flow::Return(0)),
            StatementKind::Return(Some(e)) => {
                return Ok(Flow::Return(self.scalar_int(e, Type::Int)?));
            }
            StatementKind::Try(body, handler) => return self.try_catch(body, handler, out),

            StatementKind::Print(e) => self.print(e, s.line, out)?,
            StatementKind::RaisError(args, log) => self.raise_error(args, *log, s.line, out)?,
            StatementKind::Throw(None) => return Err(self.rethrown().into()),
            StatementKind::Throw(Some(parts)) => return Err(self.thrown(parts)?.into()),
            StatementKind::Begin => self.begin(out)?,
            StatementKind::Commit => self.commit_unless_doomed(out)?,
            StatementKind::Rollback => self.rollback(out)?,
            StatementKind::Use(name) => self.use_database(name, s.line, out)?,
            StatementKind::Delay(e) => self.wait_for_delay(e, out)?,
            StatementKind::Exec { into, name, args } => {
                let status = self.exec(name, args, out)?;
                if let Some(variable) = into {
                    self.set_return_status(variable, status);
                }
            }
            StatementKind::ExecText(e) => self.exec_text(e, out)?,
        }
        Ok(Flow::Next)
    }
}
