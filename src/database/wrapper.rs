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

use mssql_mcp_session::{Param as Sent, ParamType, ParamValue as SentValue, Trace as Activity};

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
    /// NULL, of the declared type.
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
    /// What it is for a text that reads, without parameters, and for which TEXTSIZE.
    read: OnceLock<(Option<u64>, String)>,
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
    pub(super) fn text(
        &self,
        params: &[Param],
        mode: Mode,
        told: bool,
        text_size: Option<u64>,
    ) -> Cow<'_, str> {
        let text = || wrapper(params, mode, self.lock_timeout, told, text_size);
        if mode != Mode::Read || !params.is_empty() {
            return Cow::Owned(text());
        }
        let (of, usual) = self.read.get_or_init(|| (text_size, text()));
        if *of == text_size { Cow::Borrowed(usual) } else { Cow::Owned(text()) }
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

/// The same for the server's own traces, where it goes with the request (MS-TDS 2.2.5.3.3).
pub(super) fn activity(trace: Trace) -> Activity {
    Activity { id: trace.trace_id.to_bytes(), sequence: 1 }
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
pub fn wrapper(
    params: &[Param],
    mode: Mode,
    lock_timeout_ms: u128,
    told: bool,
    text_size: Option<u64>,
) -> String {
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
        let list: String = (0..params.len()).map(|n| format!(", {}", carried(n))).collect();
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
    let text_size = text_size.map(|n| format!(" SET TEXTSIZE {n};")).unwrap_or_default();
    // The isolation level is the one thing that no reset of the session brings back. Ours is the
    // one to lose a deadlock: the application that owns the database goes on.
    format!(
        "{told}SET NOCOUNT ON; SET XACT_ABORT ON; SET DEADLOCK_PRIORITY LOW; SET LOCK_TIMEOUT \
         {lock_timeout_ms};{text_size} SET TRANSACTION ISOLATION LEVEL READ COMMITTED;\n\
         BEGIN TRY {begin}SET NOCOUNT OFF; EXEC sp_executesql @q{inner}; SET NOCOUNT ON; {end} \
         END TRY\n\
         BEGIN CATCH IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION{otherwise}; THROW; END CATCH"
    )
}

/// What the n-th parameter is called outside of the caller's text, where other names are ours.
pub(super) fn carried(n: usize) -> String {
    format!("@p{n}")
}

/// The type that a value is sent as where nothing else is declared, and how T-SQL declares it.
fn natural_type(v: &ParamValue) -> (ParamType, &'static str) {
    match v {
        ParamValue::Null | ParamValue::Text(_) => (ParamType::NVarCharMax, "nvarchar(max)"),
        ParamValue::Bit(_) => (ParamType::Bit, "bit"),
        ParamValue::Int(_) => (ParamType::BigInt, "bigint"),
        ParamValue::Float(_) => (ParamType::Float, "float"),
        ParamValue::Binary(_) => (ParamType::VarBinaryMax, "varbinary(max)"),
    }
}

/// A value as what it is, and what the text has to declare it as.
pub(super) fn natural<'a>(name: &'a str, v: &'a ParamValue) -> (&'static str, Sent<'a>) {
    let (ty, declared) = natural_type(v);
    (declared, Sent::new(name, ty, sent_value(v)))
}

fn sent_value(v: &ParamValue) -> SentValue<'_> {
    match v {
        ParamValue::Null => SentValue::Null,
        ParamValue::Bit(b) => SentValue::Bit(*b),
        ParamValue::Int(i) => SentValue::Int(*i),
        ParamValue::Float(f) => SentValue::Float(*f),
        ParamValue::Text(t) => SentValue::Text(t),
        ParamValue::Binary(b) => SentValue::Binary(b),
    }
}

/// A caller's parameter, and what the outer text declares it as: its own type, to the last digit,
/// where the value can be sent as one; else what SQL Server converts to it, or refuses, as it does
/// with the same text in a statement.
pub(super) fn carried_as<'a>(name: &'a str, p: &'a Param) -> (&'a str, Sent<'a>) {
    // Characters, bytes and variants are sent as what they are, and cut or named by the declaration.
    let own = ParamType::parse(&p.declared).filter(|ty| {
        use ParamType as T;
        !matches!(ty, T::NVarChar | T::NVarCharMax | T::VarBinary | T::VarBinaryMax)
    });
    match own.map(|ty| Sent::new(name, ty, sent_value(&p.value))) {
        Some(typed) if typed.fits() => (p.declared.as_str(), typed),
        _ => natural(name, &p.value),
    }
}

/// The parameter of [`TELL`].
pub(super) fn context_param(context: &[u8]) -> Sent<'_> {
    Sent::new(CONTEXT_PARAM, ParamType::VarBinary, SentValue::Binary(context))
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
            let text = wrapper(&[], mode, 500, false, None);
            assert_eq!(text.contains("BEGIN TRANSACTION"), begins, "{mode:?}");
            assert_eq!(text.contains("COMMIT TRANSACTION"), commits, "{mode:?}");
            assert_eq!(text.matches("ROLLBACK TRANSACTION").count(), rolls_back, "{mode:?}");
            assert_eq!(text.contains(ended()), mode == Mode::Change, "{mode:?}");
            assert!(text.contains("SET LOCK_TIMEOUT 500;") && !text.contains("CONTEXT_INFO"));
        }
        assert!(wrapper(&[], Mode::Read, 0, true, None).starts_with(TELL));
    }

    #[test]
    fn parameters_are_declared_by_name_and_given_by_position() {
        let params = [
            param("stmt", "nvarchar(10)", ParamValue::Text("x".into())),
            param("b", "int", ParamValue::Null),
        ];
        let text = wrapper(&params, Mode::Read, 0, false, None);
        assert!(
            text.contains("EXEC sp_executesql @q, N'@stmt nvarchar(10), @b int', @p0, @p1;"),
            "{text}"
        );
    }

    #[test]
    fn the_usual_text_is_made_once() {
        let w = Wrapping::new(Duration::from_secs(2));
        assert_eq!(w.lock_timeout(), 2000);
        assert!(matches!(w.text(&[], Mode::Read, false, Some(9)), Cow::Borrowed(_)));
        let other = w.text(&[], Mode::Read, false, Some(8));
        assert!(matches!(&other, Cow::Owned(text) if text.contains(" SET TEXTSIZE 8;")));
        assert!(matches!(w.text(&[], Mode::Change, false, None), Cow::Owned(_)));
    }
}
