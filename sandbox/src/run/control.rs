//! Flow of control, variables, messages and waiting ("Control-of-Flow", "Variables").

use std::time::{Duration, Instant};

use super::session::Engine;
use super::statement::{Flow, Run, Stop};
use crate::bind::Env;
use crate::calendar;
use crate::error::Result;
use crate::messages;
use crate::names::DATABASE;
use crate::syntax::ast::{Expr, Statement};
use crate::tds::out::{CANCELLED, Out};
use crate::tds::token;
use crate::types::{Len, Type, Value};

impl Engine {
    // --- variables

    pub(super) fn declare(&mut self, list: &[(String, Type, Option<Expr>)]) -> Result<()> {
        for (name, ty, initial) in list {
            let value = match initial {
                Some(e) => self.scalar(e, *ty)?,
                None => Value::Null,
            };
            // In a procedure a loop may come here again.
            let known = self.frame().variables.contains_key(&name.to_lowercase());
            if known && self.nesting == 0 {
                return Err(messages::variable_declared_twice(name));
            }
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

    // --- messages, the database, waiting

    pub(super) fn print(&self, e: &Expr, line: u32, out: &mut Out) -> Result<()> {
        let text = self.scalar_text(e, Len::N(4000))?;
        // The server sends a blank for an empty text.
        let text = if text.is_empty() { " " } else { &text };
        out.write(|b| token::info(0, 0, 1, line, text, b))
    }

    pub(super) fn use_database(&mut self, name: &str, line: u32, out: &mut Out) -> Result<()> {
        let known = ["master", "tempdb", DATABASE];
        let Some(new) = known.into_iter().find(|d| d.eq_ignore_ascii_case(name)) else {
            return Err(messages::no_such_database(name));
        };
        let old = std::mem::replace(&mut self.database, new.to_owned());
        out.write(|b| {
            token::env_text(1, new, &old, b);
            let text = format!("Changed database context to '{new}'.");
            token::info(5701, 0, 2, line, &text, b);
        })
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
