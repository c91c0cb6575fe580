//! What a call is refused with: a result with `isError`, which the model that called can read.

use mssql_mcp_transports::ToolReply;
use serde_json::{Map, Value, json};

use crate::database::catalog::NotFound;
use crate::database::run::Failure;
use crate::database::{Database, DbError};

/// A result with `isError`: what was wrong, and how to mend it. The codes are those of
/// `docs/errors.md`.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Stable.
    pub code: &'static str,
    /// What was wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
    /// The same call may succeed later.
    pub retryable: bool,
    /// More fields.
    pub more: Box<Map<String, Value>>,
}

impl Refusal {
    /// With a hint.
    pub fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
            retryable: false,
            more: Box::default(),
        }
    }

    /// A change whose end nobody saw.
    pub fn unknown_outcome(what: &str) -> Self {
        Self::new(
            "outcome_unknown",
            format!("{what} Whether it was committed is not known."),
            "Look at the data before trying again.",
        )
    }

    /// From a database error.
    pub fn database(e: &DbError, db: &Database) -> Self {
        let x = db.explain(e);
        let mut r = Self::new(x.code, x.what, x.mend);
        r.retryable = x.retryable;
        if let DbError::Sql(q) = e {
            r.more.insert("number".into(), q.number.into());
            r.more.insert("severity".into(), q.severity.into());
            r.more.insert("state".into(), q.state.into());
            r.more.insert("line".into(), q.line.into());
            if !q.procedure.is_empty() {
                r.more.insert("procedure".into(), q.procedure.clone().into());
            }
        }
        r
    }

    /// From a failed text: with what was said beside the error.
    pub fn failure(f: &Failure, db: &Database) -> Self {
        let mut r = Self::database(&f.error, db);
        if !f.said.messages.is_empty() {
            r.more.insert("messages".into(), f.said.messages.clone().into());
        }
        let later: Vec<Value> = f
            .said
            .errors
            .iter()
            .skip(1)
            .map(|(n, t)| json!({ "number": n, "message": t }))
            .collect();
        if !later.is_empty() {
            r.more.insert("further_errors".into(), later.into());
        }
        r
    }

    /// From a name that is no table.
    pub fn not_found(name: &str, e: NotFound, db: &Database) -> Self {
        match e {
            NotFound::Database(e) => Self::database(&e, db),
            NotFound::Unreadable => Self::new(
                "bad_name",
                format!("\"{}\" is no table name", name.chars().take(200).collect::<String>()),
                "Write table, schema.table, or [schema].[table].",
            ),
            NotFound::Ambiguous(list) => Self::new(
                "ambiguous_table",
                format!("{name} is in several schemas"),
                format!("Write one of {}.", list.join(", ")),
            ),
            NotFound::Other(written, what, mend) => Self::new(
                "no_such_table",
                format!("{written} is {what}, not a table or view."),
                mend,
            ),
            NotFound::NoSuchTable(close) => {
                let hint = if close.is_empty() {
                    "list_tables lists the tables that there are.".to_owned()
                } else {
                    format!("Did you mean {}?", close.join(", "))
                };
                let mut r = Self::new(
                    "no_such_table",
                    format!(
                        "There is no table or view {}.",
                        name.chars().take(200).collect::<String>()
                    ),
                    hint,
                );
                r.more.insert("closest".into(), close.into());
                r
            }
        }
    }

    /// The tool result. Errors have no `structuredContent`, because clients hold that
    /// against the output schema.
    pub fn into_reply(self) -> ToolReply {
        let mut e = json!({ "code": self.code, "message": self.message });
        if !self.hint.is_empty() {
            e["hint"] = self.hint.into();
        }
        e["retryable"] = self.retryable.into();
        if let Some(o) = e.as_object_mut() {
            o.extend(*self.more);
        }
        ToolReply { is_error: true, ..ToolReply::text(json!({ "error": e }).to_string()) }
    }
}
