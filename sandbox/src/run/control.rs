//! Flow of control, variables, messages and waiting ("Control-of-Flow", "Variables").

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::session::Engine;
use super::statement::{Flow, Run, Stop};
use crate::bind::Env;
use crate::calendar;
use crate::error::Result;
use crate::messages;
use crate::syntax::ast::{ColumnDef, Constraint, Expr, Name, ParamDef, Statement, StatementKind};
use crate::tds::out::{CANCELLED, Out};
use crate::tds::token;
use crate::types::{Len, Type, Value};

/// Refuses a batch, a procedure or a text that declares a variable twice, wherever in it (134):
/// nothing of it runs. `parameters` are variables too.
pub(super) fn check_declarations(statements: &[Statement], parameters: &[ParamDef]) -> Result<()> {
    let mut seen = parameters.iter().map(|p| p.name.to_lowercase()).collect();
    statements.iter().try_for_each(|s| check_statement(s, &mut seen))
}

fn check_statement(s: &Statement, seen: &mut HashSet<String>) -> Result<()> {
    let mut declare = |name: &str| {
        let is_new = seen.insert(name.to_lowercase());
        let twice = || messages::variable_declared_twice(name).at(s.line);
        if is_new { Ok(()) } else { Err(twice()) }
    };
    match &s.kind {
        StatementKind::Declare(list) => list.iter().try_for_each(|(name, ..)| declare(name)),
        StatementKind::DeclareTable(name, ..) => declare(name),
        StatementKind::If(_, yes, no) => {
            check_statement(yes, seen)?;
            no.iter().try_for_each(|s| check_statement(s, seen))
        }
        StatementKind::While(_, body) => check_statement(body, seen),
        StatementKind::Block(list) => list.iter().try_for_each(|s| check_statement(s, seen)),
        StatementKind::Try(body, handler) => {
            body.iter().chain(handler).try_for_each(|s| check_statement(s, seen))
        }
        _ => Ok(()),
    }
}

impl Engine {
    // --- variables

    /// DECLARE @name TABLE: in a loop the table is there already, and keeps its rows.
    pub(super) fn declare_table(
        &mut self,
        name: &str,
        columns: &[ColumnDef],
        constraints: &[Constraint],
    ) -> Result<()> {
        if self.temporary(name).is_some() {
            return Ok(());
        }
        self.create_table(&Name(vec![name.to_owned()]), columns, constraints)
    }

    pub(super) fn declare(&mut self, list: &[(String, Type, Option<Expr>)]) -> Result<()> {
        for (name, ty, initial) in list {
            let value = match initial {
                Some(e) => self.scalar(e, *ty)?,
                // In a loop it keeps the value that it has.
                None if self.var(name).is_some() => continue,
                None => Value::Null,
            };
            self.set_variable(name, *ty, value);
        }
        Ok(())
    }

    /// SET of a variable, which has to be declared.
    pub(super) fn assign(&mut self, name: &str, e: &Expr) -> Result<()> {
        let (ty, _) = self.var(name).ok_or_else(|| messages::undeclared_variable(name))?;
        let value = self.scalar(e, ty)?;
        self.set_variable(name, ty, value);
        self.row_count = 1;
        Ok(())
    }

    // --- flow

    pub(super) fn branch(
        &mut self,
        condition: &Expr,
        yes: &Statement,
        no: Option<&Statement>,
        out: &mut Out,
    ) -> Run<Flow> {
        if self.condition(condition)? {
            self.statement(yes, out)
        } else if let Some(no) = no {
            self.statement(no, out)
        } else {
            Ok(Flow::Next)
        }
    }

    pub(super) fn repeat(
        &mut self,
        condition: &Expr,
        body: &Statement,
        out: &mut Out,
    ) -> Run<Flow> {
        while self.condition(condition)? {
            match self.statement(body, out)? {
                Flow::Next | Flow::Continue => {}
                Flow::Break => break,
                leave @ Flow::Return(_) => return Ok(leave),
            }
        }
        Ok(Flow::Next)
    }

    /// TRY … CATCH: severities of 11 to 19, but for what the scope could not compile.
    pub(super) fn try_catch(
        &mut self,
        body: &[Statement],
        handler: &[Statement],
        out: &mut Out,
    ) -> Run<Flow> {
        self.frame().tries += 1;
        let depth = self.frames.len();
        let result = self.block(body, out);
        self.frame().tries -= 1;
        match result {
            Err(Stop::Error(e))
                if e.number != CANCELLED && !e.compile && (11..20).contains(&e.class) =>
            {
                self.frames.truncate(depth);
                self.error = i64::from(e.number);
                self.caught.push(e);
                let result = self.block(handler, out);
                self.caught.pop();
                result
            }
            other => other,
        }
    }

    // --- messages, waiting

    pub(super) fn print(&self, e: &Expr, line: u32, out: &mut Out) -> Result<()> {
        let text = self.scalar_text(e, Len::N(4000))?;
        // The server sends a blank for an empty text.
        let text = if text.is_empty() { " " } else { &text };
        out.write(|b| token::info(0, 0, 1, line, text, b))
    }

    /// WAITFOR DELAY, in steps short enough for an Attention.
    pub(super) fn wait_for_delay(&self, e: &Expr, out: &mut Out) -> Result<()> {
        let text = self.scalar_text(e, Len::N(40))?;
        let moment = calendar::parse(&text, Type::DateTime)
            .map_err(|_| messages::bad_waitfor_time(&text))?;
        let until = Instant::now() + Duration::from_micros((moment.ticks / 10) as u64);
        // What came before is to be seen before the wait.
        out.flush()?;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            out.check()?;
            #[expect(
                clippy::disallowed_methods,
                reason = "a session's engine has a thread of its own"
            )]
            std::thread::sleep(left.min(Duration::from_millis(5)));
        }
        Ok(())
    }
}
