//! RAISERROR and THROW, each on its own page of the documentation.

use super::printf;
use super::session::Engine;
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::Expr;
use crate::tds::out::Out;
use crate::tds::token;
use crate::types::{Len, Type, Value};

/// The number of an error that RAISERROR makes of a text.
const USER_MESSAGE: u32 = 50_000;

impl Engine {
    /// RAISERROR (message, severity, state, arguments …): up to severity 10 a message, above it an
    /// error.
    pub(super) fn raise_error(
        &self,
        args: &[Expr],
        with_log: bool,
        line: u32,
        out: &mut Out,
    ) -> Result<()> {
        if with_log {
            return Err(messages::log_needs_permission());
        }
        let [message, severity, state, rest @ ..] = args else {
            return Err(Error::syntax(")", line));
        };
        let (ty, value) = self.constant(message)?;
        let format = match value {
            Value::Str(text) => text,
            Value::Int(_) if ty.is_int() => {
                return Err(Error::unsupported("RAISERROR with a message number"));
            }
            _ => String::new(),
        };
        let class = match self.scalar(severity, Type::Int)? {
            Value::Int(n) => n.clamp(0, 25) as u8,
            _ => return Err(Error::unsupported("RAISERROR with a severity that is NULL")),
        };
        let state = match self.scalar(state, Type::Int)? {
            Value::Int(n) if n < 0 => 1,
            Value::Int(n) if n <= 255 => n as u8,
            _ => {
                let what = "RAISERROR with a state that is NULL or above 255";
                return Err(Error::unsupported(what));
            }
        };
        let values = rest.iter().map(|e| self.constant(e)).collect::<Result<Vec<_>>>()?;
        let text = printf::format(&format, &values)?;
        if class <= 10 {
            return out.write(|b| token::info(USER_MESSAGE, class, state, line, &text, b));
        }
        if class > 18 {
            return Err(messages::severity_needs_log());
        }
        Err(Error { state, ..Error::new(USER_MESSAGE, class, text) })
    }

    /// THROW without arguments, which only a CATCH block may have.
    pub(super) fn rethrown(&self) -> Error {
        self.caught.last().cloned().unwrap_or_else(messages::rethrow_outside_catch)
    }

    /// THROW number, message, state; its severity is always 16.
    pub(super) fn thrown(&self, [number, text, state]: &[Expr; 3]) -> Result<Error> {
        let number = self.scalar_int(number, Type::Int)?;
        let text = self.scalar_text(text, Len::N(2048))?;
        let state = self.scalar_int(state, Type::TinyInt)?;
        if number < 50_000 {
            return Err(messages::thrown_number_out_of_range(number));
        }
        Ok(Error { state: state as u8, ..Error::new(number as u32, 16, text) })
    }
}
