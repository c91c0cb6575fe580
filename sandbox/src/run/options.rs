//! SET: the options that the sandbox has, and those whose only value it can honour is the one it
//! has already ("SET Statements").

use super::session::Engine;
use crate::bind::Env;
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::{Expr, Name};
use crate::types::{Len, Type, Value};

/// What SET has set. A procedure or a dynamic text leaves it as it was before it.
#[derive(Clone, Copy)]
pub(super) struct Options {
    pub(super) no_count: bool,
    pub(super) xact_abort: bool,
    /// Milliseconds; below 0 a statement waits for ever.
    pub(super) lock_timeout: i64,
    /// Columns are sent, and no rows.
    pub(super) format_only: bool,
    /// The bytes of a (max) value that are sent; none for all of them.
    pub(super) text_size: Option<usize>,
    /// The identity key of the one table whose identity column has to be given.
    pub(super) identity_insert: Option<i64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            no_count: false,
            xact_abort: false,
            lock_timeout: -1,
            format_only: false,
            text_size: None,
            identity_insert: None,
        }
    }
}

impl Engine {
    /// SET of one or more options to a value.
    pub(super) fn set_options(&mut self, names: &[String], value: &str) -> Result<()> {
        for name in names {
            // Its second name is the table's, and no option.
            if name.eq_ignore_ascii_case("IDENTITY_INSERT") {
                return self.set_identity_insert(&names[1], value.eq_ignore_ascii_case("ON"));
            }
            self.set_option(name, value)?;
        }
        Ok(())
    }

    fn set_option(&mut self, name: &str, value: &str) -> Result<()> {
        let on = value.eq_ignore_ascii_case("ON");
        let refused = || Err(Error::unsupported(format!("SET {name} {value}")));
        match name.to_ascii_uppercase().as_str() {
            "NOCOUNT" => self.options.no_count = on,
            "XACT_ABORT" => self.options.xact_abort = on,
            "LOCK_TIMEOUT" => {
                self.options.lock_timeout = value.parse().map_err(|_| Error::syntax(value, 0))?;
            }
            "FMTONLY" => self.options.format_only = on,
            "TEXTSIZE" => match text_size(value) {
                Some(size) => self.options.text_size = size,
                None => return refused(),
            },
            // Other values of these change answers.
            "DATEFORMAT" | "DATEFIRST" | "LANGUAGE" => {
                let ours = ["mdy", "7", "us_english", "english"];
                if !ours.contains(&value.to_ascii_lowercase().as_str()) {
                    return refused();
                }
            }
            "ROWCOUNT" | "QUERY_GOVERNOR_COST_LIMIT" if value == "0" => {}
            upper if ALWAYS_OFF.contains(&upper) && !on => {}
            upper if ALWAYS_ON.contains(&upper) && on => {}
            upper if WITHOUT_EFFECT.contains(&upper) => {}
            _ => return refused(),
        }
        Ok(())
    }

    /// One table at a time has it ON.
    fn set_identity_insert(&mut self, table: &str, on: bool) -> Result<()> {
        let name = Name(table.split('.').map(str::to_owned).collect());
        let target = self.target(&name)?;
        if !target.table.columns.iter().any(|c| c.identity.is_some()) {
            return Err(messages::table_without_identity(table));
        }
        let (key, current) = (Some(target.identity_key), self.options.identity_insert);
        let other = current.filter(|c| Some(*c) != key).and_then(|c| self.label_of(c));
        match other {
            Some(other) if on => return Err(messages::identity_insert_is_on(&other, table)),
            Some(_) => {}
            None => self.options.identity_insert = key.filter(|_| on),
        }
        Ok(())
    }

    /// SET CONTEXT_INFO: kept in 128 bytes, the rest of which are zero.
    pub(super) fn set_context_info(&mut self, e: &Expr) -> Result<()> {
        // A variable is not asked of SQLite, where even that would wait for a writer.
        let variable = match e {
            Expr::Variable(name) => self.var(name).map(|v| v.1),
            _ => None,
        };
        let value = match variable {
            Some(value) => value,
            None => self.scalar(e, Type::VarBinary(Len::N(128)))?,
        };
        self.context_info = match value {
            Value::Bin(mut bytes) => {
                bytes.resize(128, 0);
                Some(bytes)
            }
            _ => None,
        };
        Ok(())
    }
}

/// Options that a session has off, and that would change what statements do.
const ALWAYS_OFF: [&str; 12] = [
    "PARSEONLY",
    "NOEXEC",
    "SHOWPLAN_ALL",
    "SHOWPLAN_TEXT",
    "SHOWPLAN_XML",
    "IMPLICIT_TRANSACTIONS",
    "NUMERIC_ROUNDABORT",
    "ARITHIGNORE",
    "STATISTICS",
    "ANSI_NULL_DFLT_OFF",
    "FORCEPLAN",
    "REMOTE_PROC_TRANSACTIONS",
];

/// Options that a session has on, as drivers set them.
const ALWAYS_ON: [&str; 6] = [
    "ANSI_NULLS",
    "ANSI_PADDING",
    "ANSI_WARNINGS",
    "CONCAT_NULL_YIELDS_NULL",
    "QUOTED_IDENTIFIER",
    "ANSI_NULL_DFLT_ON",
];

/// Options whose values make no difference here.
const WITHOUT_EFFECT: [&str; 4] =
    ["ARITHABORT", "CURSOR_CLOSE_ON_COMMIT", "TRANSACTION ISOLATION LEVEL", "DEADLOCK_PRIORITY"];

/// SET TEXTSIZE: -1 and the largest int are without an end, 0 is 4 KB; nothing for what is no size.
fn text_size(value: &str) -> Option<Option<usize>> {
    match value.parse::<i32>().ok()? {
        -1 | i32::MAX => Some(None),
        0 => Some(Some(4096)),
        n => usize::try_from(n).ok().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::text_size;

    #[test]
    fn text_sizes() {
        assert_eq!(text_size("-1"), Some(None));
        assert_eq!(text_size("2147483647"), Some(None));
        assert_eq!(text_size("2147483646"), Some(Some(2_147_483_646)));
        assert_eq!(text_size("0"), Some(Some(4096)));
        assert_eq!(text_size("1"), Some(Some(1)));
        assert_eq!(text_size("-2"), None);
        assert_eq!(text_size("2147483648"), None);
        assert_eq!(text_size("x"), None);
    }
}
