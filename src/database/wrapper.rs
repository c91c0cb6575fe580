//! A caller's text is the *inner* statement of one RPC, whose outer text sets the session's options,
//! opens the transaction and ends it, so that the guard costs no round trip:
//!
//! ```text
//! sp_executesql  SET …; BEGIN TRY  BEGIN TRANSACTION  EXEC sp_executesql @q, …  COMMIT | ROLLBACK  END TRY
//!                BEGIN CATCH  ROLLBACK  THROW  END CATCH
//! ```

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::Duration;

use tiberius::Command;

use super::run::Mode;
use crate::telemetry::trace::Trace;

/// A bound parameter, as sp_executesql takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    pub(crate) name: String,
    /// As T-SQL declares it: `int`, `decimal(10,2)`, `nvarchar(max)`.
    pub(crate) declared: String,
    pub(crate) value: ParamValue,
}

/// What is sent for a parameter; SQL Server converts it to the declared type.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    /// NULL, which stands in the text.
    Null,
    /// Sent as `bit`, one byte.
    Bit(bool),
    /// Sent as `bigint`, whatever is declared.
    Int(i64),
    /// Sent as `float` of 53 bits.
    Float(f64),
    /// Sent as `nvarchar(max)`, also for decimals and dates.
    Text(String),
    /// Sent as `varbinary(max)`, byte for byte.
    Binary(Vec<u8>),
}

/// What wraps a caller's text, but for its parameters.
#[derive(Debug)]
pub(crate) struct Wrapping {
    lock_timeout: u128,
    read: OnceLock<String>,
}

impl Wrapping {
    pub(crate) fn new(lock_timeout: Duration) -> Self {
        Self { lock_timeout: lock_timeout.as_millis(), read: OnceLock::new() }
    }

    pub(crate) fn lock_timeout(&self) -> u64 {
        u64::try_from(self.lock_timeout).unwrap_or(u64::MAX)
    }
}

impl Wrapping {
    /// The outer text of a call; nearly every one has the same.
    pub(super) fn text(&self, params: &[Param], mode: Mode, told: bool) -> Cow<'_, str> {
        match mode {
            Mode::Read if params.is_empty() => {
                let text = || wrapper(&[], mode, self.lock_timeout, told);
                self.read.get_or_init(text).into()
            }
            _ => Cow::Owned(wrapper(params, mode, self.lock_timeout, told)),
        }
    }
}

/// Which trace a statement belongs to, for a DBA who looks at `sys.dm_exec_sessions.context_info`:
/// the `traceparent` as ASCII, as the semantic conventions for SQL Server have it. In the same
/// round trip, and not as a comment, which would be another plan for each call.
pub const CONTEXT_PARAM: &str = "@mssql_mcp_trace";
pub(super) const TELL: &str = "SET CONTEXT_INFO @mssql_mcp_trace; ";
pub(super) const TOLD_AND_TEXT: &str = "@q nvarchar(max), @mssql_mcp_trace varbinary(128)";

/// Its value; empty where nobody called, so that nothing of the caller before is left.
pub(super) fn context_info(trace: Option<Trace>) -> Vec<u8> {
    trace.map(|t| t.header().into_bytes()).unwrap_or_default()
}

/// What the wrapper says before it hands on an error, where the text has ended the transaction. No
/// text can know it, and say it by itself.
pub(super) fn ended() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| {
        let mut random = [0; 16];
        // Without randomness a text could claim it; nothing more than a sentence hangs on it.
        let _ = aws_lc_rs::rand::fill(&mut random);
        let hex: String = random.iter().map(|b| format!("{b:02x}")).collect();
        format!("mssql-mcp: the transaction had been ended by the text ({hex})")
    })
}

/// The outer text. Public for the benchmark, which sets it beside the bare query.
pub fn wrapper(params: &[Param], mode: Mode, lock_timeout_ms: u128, told: bool) -> String {
    let inner = if params.is_empty() {
        String::new()
    } else {
        // By position: sp_executesql has parameters of its own, and a caller's may be called @stmt
        // or @params like them.
        let declared = params
            .iter()
            .map(|p| format!("@{} {}", p.name, p.declared))
            .collect::<Vec<_>>()
            .join(", ");
        let given = |(n, p): (usize, &Param)| match p.value {
            // The driver sends a NULL without a type, which not every server takes.
            ParamValue::Null => ", NULL".to_owned(),
            _ => format!(", {}", carried(n)),
        };
        let list = params.iter().enumerate().map(given).collect::<String>();
        format!(", N'{}'{list}", declared.replace('\'', "''"))
    };
    let (begin, end) = match mode {
        Mode::Read | Mode::Preview => {
            ("BEGIN TRANSACTION; ", "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;")
        }
        Mode::Change => ("BEGIN TRANSACTION; ", "COMMIT TRANSACTION;"),
        Mode::Inner => ("", ""),
    };
    let told = if told { TELL } else { "" };
    // Where none is open any more, the text itself has ended it (a COMMIT or
    // ROLLBACK in a procedure).
    let otherwise =
        if mode == Mode::Change { format!(" ELSE PRINT N'{}'", ended()) } else { String::new() };
    // Ours is the one to lose a deadlock: the application that owns the database goes on.
    format!(
        "{told}SET NOCOUNT ON; SET XACT_ABORT ON; SET DEADLOCK_PRIORITY LOW; SET LOCK_TIMEOUT \
         {lock_timeout_ms};\n\
         BEGIN TRY {begin}SET NOCOUNT OFF; EXEC sp_executesql @q{inner}; SET NOCOUNT ON; {end} \
         END TRY\n\
         BEGIN CATCH IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION{otherwise}; THROW; END CATCH"
    )
}

/// What the n-th parameter is called outside of the caller's text, where other names are ours.
pub(super) fn carried(n: usize) -> String {
    format!("@p{n}")
}

/// The type that a value is sent as, in the outer declaration.
pub(super) fn sent_as(v: &ParamValue) -> &'static str {
    match v {
        ParamValue::Null | ParamValue::Text(_) => "nvarchar(max)",
        ParamValue::Bit(_) => "bit",
        ParamValue::Int(_) => "bigint",
        ParamValue::Float(_) => "float",
        ParamValue::Binary(_) => "varbinary(max)",
    }
}

pub(super) fn bind<'a>(c: &mut Command<'a>, name: String, v: &'a ParamValue) {
    match v {
        ParamValue::Null => c.bind_param(name, None::<&str>),
        ParamValue::Bit(b) => c.bind_param(name, *b),
        ParamValue::Int(i) => c.bind_param(name, *i),
        ParamValue::Float(f) => c.bind_param(name, *f),
        ParamValue::Text(t) => c.bind_param(name, t.as_str()),
        ParamValue::Binary(b) => c.bind_param(name, b.as_slice()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(name: &str, declared: &str, value: ParamValue) -> Param {
        Param { name: name.into(), declared: declared.into(), value }
    }

    #[test]
    fn each_mode_ends_the_transaction_in_its_own_way() {
        for (mode, begins, commits, rolls_back) in [
            (Mode::Read, true, false, 2),
            (Mode::Preview, true, false, 2),
            (Mode::Change, true, true, 1),
            (Mode::Inner, false, false, 1),
        ] {
            let text = wrapper(&[], mode, 500, false);
            assert_eq!(text.contains("BEGIN TRANSACTION"), begins, "{mode:?}");
            assert_eq!(text.contains("COMMIT TRANSACTION"), commits, "{mode:?}");
            assert_eq!(text.matches("ROLLBACK TRANSACTION").count(), rolls_back, "{mode:?}");
            assert_eq!(text.contains(ended()), mode == Mode::Change, "{mode:?}");
            assert!(text.contains("SET LOCK_TIMEOUT 500;") && !text.contains("CONTEXT_INFO"));
        }
        assert!(wrapper(&[], Mode::Read, 0, true).starts_with(TELL));
    }

    #[test]
    fn parameters_are_declared_by_name_and_given_by_position() {
        let params = [
            param("stmt", "nvarchar(10)", ParamValue::Text("x".into())),
            param("b", "int", ParamValue::Null),
        ];
        let text = wrapper(&params, Mode::Read, 0, false);
        assert!(
            text.contains("EXEC sp_executesql @q, N'@stmt nvarchar(10), @b int', @p0, NULL;"),
            "{text}"
        );
    }

    #[test]
    fn the_usual_text_is_made_once() {
        let w = Wrapping::new(Duration::from_secs(2));
        assert_eq!(w.lock_timeout(), 2000);
        assert!(matches!(w.text(&[], Mode::Read, false), Cow::Borrowed(_)));
        assert!(matches!(w.text(&[], Mode::Change, false), Cow::Owned(_)));
    }
}
