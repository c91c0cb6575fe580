//! What a call is refused with: a result with `isError`, which the model that called can read.

use std::time::Duration;

use mssql_mcp_session::Cancelled;
use mssql_mcp_transports::ToolReply;
use serde_json::{Map, Value, json};

use crate::code::Code;
use crate::database::catalog::NotFound;
use crate::database::run::Failure;
use crate::database::{Database, DbError};
use crate::plural::plural;
use crate::sources::{DataSources, NoSource};

/// Seconds after which it is worth asking again: models lose patience with many short waits.
const POLL_AFTER: u64 = 15;
/// Characters of a name that is repeated.
const LONGEST_NAME: usize = 128;

/// A result with `isError`: what was wrong, and how to mend it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// What kind of failure it is.
    pub(crate) code: Code,
    pub(crate) message: String,
    /// How to mend it; empty where nobody can.
    pub(crate) hint: String,
    /// The same call may succeed later.
    pub(crate) retryable: bool,
    /// Further members of the error object, as `docs/errors.md` has them for the code.
    pub(crate) more: Box<Map<String, Value>>,
    /// Where it failed, beside the error object.
    source: Option<Box<Value>>,
}

// === impl Refusal: of any call ===

impl Refusal {
    fn new(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
            retryable: code.retryable(),
            more: Box::default(),
            source: None,
        }
    }

    /// An argument is not what it must be.
    pub(crate) fn invalid_arguments(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Code::InvalidArguments, message, hint)
    }

    /// The deadline of the whole call has passed.
    pub(crate) fn timeout(limit: Duration) -> Self {
        let mut refusal = Self::new(
            Code::Timeout,
            format!("No answer within {} s.", limit.as_secs_f32()),
            "Narrow the query with WHERE or TOP, or raise limits.query_timeout.",
        );
        refusal.retryable = true;
        refusal
    }

    /// A fault of ours, which the log names by the same incident.
    pub(crate) fn internal(incident: &str) -> Self {
        Self::new(
            Code::Internal,
            format!("Internal error {incident}."),
            "The server's log has the rest under this id.",
        )
    }

    /// The server stops, and the client still listens.
    pub(crate) fn shutting_down() -> Self {
        Self::new(
            Code::ShuttingDown,
            "The server is stopping; the query was cancelled.",
            "Try again in a moment.",
        )
    }

    /// There is no room to record the call.
    pub(crate) fn audit_unavailable() -> Self {
        Self::new(
            Code::AuditUnavailable,
            "Not run: the call could not be recorded, and here nothing runs unrecorded.",
            "Try again later; the operator has to look at the audit log's disk.",
        )
    }

    /// A budget of the principal's is spent (`what`) until `wait` has passed.
    pub(crate) fn rate_limited(what: &str, wait: Duration) -> Self {
        Self::later(Code::RateLimited, what, wait.as_secs() + 1)
    }

    /// So many calls of the principal run already.
    pub(crate) fn too_many_at_once(running: u32) -> Self {
        let run = if running == 1 { "runs" } else { "run" };
        let what = format!("{} of yours {run} already", plural(running, "call"));
        Self::later(Code::TooManyAtOnce, &what, 1)
    }

    fn later(code: Code, what: &str, seconds: u64) -> Self {
        let (message, hint) = (format!("Not run: {what}."), format!("Try again in {seconds} s."));
        let mut refusal = Self::new(code, message, hint);
        refusal.more.insert("retry_after_s".into(), seconds.into());
        refusal
    }
}

// === impl Refusal: of a T-SQL text, and of a change ===

impl Refusal {
    pub(crate) fn not_run(refused: mssql_mcp_sql::policy::Refusal) -> Self {
        let message = format!("Not run: {}.", refused.reason);
        let mut refusal = Self::new(refused.why.into(), message, refused.advice);
        refusal.more.insert("class".into(), refused.class.as_str().into());
        refusal.more.insert("statement".into(), refused.statement.into());
        refusal.more.insert("line".into(), refused.line.into());
        refusal.more.insert("column".into(), refused.column.into());
        refusal
    }

    /// `dry_run` of what cannot be tried out, and why.
    pub(crate) fn no_preview(why: &str) -> Self {
        Self::new(
            Code::NoPreview,
            format!("This cannot be tried out: {why}."),
            "Send it without dry_run; where a person can be asked, they are asked first.",
        )
    }

    /// The client never said that it can ask a person.
    pub(crate) fn nobody_can_be_asked() -> Self {
        Self::new(
            Code::ConfirmationRequired,
            "A person has to confirm changes here, and this client cannot ask one.",
            "Use a client that supports elicitation, or ask the operator to change \
             access.confirm_writes; dry_run: true shows what would change.",
        )
    }

    /// The client said that it can ask a person, and then could not.
    pub(crate) fn nobody_was_asked() -> Self {
        Self::new(
            Code::ConfirmationRequired,
            "A person has to confirm this change, and the client could not ask one; nothing was \
             changed.",
            "Use a client that supports elicitation, or ask the operator to change \
             access.confirm_writes.",
        )
    }

    /// The system has no randomness, without which a question could be forged.
    pub(crate) fn no_randomness() -> Self {
        Self::new(Code::Internal, "The system has no randomness; nobody can be asked.", "")
    }

    /// No further decision can be remembered.
    pub(crate) fn too_many_decisions() -> Self {
        Self::new(
            Code::Busy,
            "Too many confirmed changes are remembered.",
            "Try again in a minute.",
        )
    }

    /// A retry of a confirmed change, while the change runs.
    pub(crate) fn in_progress() -> Self {
        Self::new(
            Code::InProgress,
            "This change is being applied right now.",
            "Ask again in a moment.",
        )
    }

    /// The person said no, or did not say yes (`what`).
    pub(crate) fn declined(what: &str) -> Self {
        Self::new(Code::Declined, what, "Do not try again unless the person asks for it.")
    }

    /// The data changed between question and answer.
    pub(crate) fn superseded() -> Self {
        Self::new(
            Code::Superseded,
            "The data had changed in between; the person was asked again.",
            "",
        )
    }

    /// A change whose end nobody saw, and why (`what`).
    pub(crate) fn unknown_outcome(what: &str) -> Self {
        Self::new(
            Code::OutcomeUnknown,
            format!("{what} Whether it was committed is not known."),
            "Look at the data before trying again.",
        )
    }

    /// A change that failed after it had ended its transaction itself.
    pub(crate) fn ended_by_itself(mut self) -> Self {
        self.code = Code::OutcomeUnknown;
        self.retryable = false;
        self.message = format!(
            "It ended the transaction itself, by a COMMIT or ROLLBACK of its own, and then \
             failed: {}",
            self.message
        );
        self.hint = "What it had committed stays, and so does what it did without a transaction; \
                     look at the data before trying again."
            .into();
        self
    }

    /// A change that ran into its deadline; `may_commit` where it can have committed by itself.
    pub(crate) fn change_cancelled(mut self, stopped: Cancelled, may_commit: bool) -> Self {
        self.retryable = false;
        match stopped {
            Cancelled::Acknowledged => {}
            Cancelled::Nothing | Cancelled::Unsent => {
                self.hint = "Nothing was changed; it may be tried again.".into();
                return self;
            }
            // Hope is no answer: it may have been committed, or be committed yet.
            Cancelled::AnsweredBefore | Cancelled::Unknown => {
                return Self::unknown_outcome(&self.message);
            }
        }
        self.hint = match may_commit {
            true => {
                "It was cancelled, and is rolled back but for what it had committed by itself: \
                 look at the data before trying again."
            }
            false => {
                "It was cancelled, and is rolled back unless it had just been committed: look at \
                 the data before trying again."
            }
        }
        .into();
        self
    }

    /// With names like the one that the error is about.
    pub(crate) fn with_closest(mut self, names: Vec<String>) -> Self {
        self.hint = format!("Did you mean {}?", names.join(", "));
        self.more.insert("closest".into(), names.into());
        self
    }
}

// === impl Refusal: of the database, and of names in it ===

impl Refusal {
    /// A call for no database that its caller is shown. One that is hidden and one that is not
    /// there are the same.
    pub(crate) fn no_source(name: Option<&str>, why: &NoSource, sources: &DataSources) -> Self {
        let shown: String = name.unwrap_or_default().chars().take(LONGEST_NAME).collect();
        let shown = crate::visible::visible(&shown);
        let known = sources.known();
        let message = match why {
            _ if known.is_empty() => "No database is granted to you.".to_owned(),
            NoSource::Missing => "database is missing; there are several here.".to_owned(),
            NoSource::Unknown => format!("There is no database \"{shown}\" here."),
        };
        let hint = match known.is_empty() {
            true => "The operator of this server grants them ([[grant]]).".to_owned(),
            false => format!("Give database, one of {known}."),
        };
        let mut refusal = Self::new(Code::NoSuchDatabase, message, hint);
        let names: Vec<&str> = sources.names().into_iter().take(20).collect();
        refusal.more.insert("databases".into(), names.into());
        refusal
    }

    /// Where it failed.
    pub(crate) fn of(self, source: Value) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }

    /// From a database error.
    pub(crate) fn database(e: &DbError, db: &Database) -> Self {
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
    pub(crate) fn failure(f: &Failure, db: &Database) -> Self {
        let mut r = Self::database(&f.error, db);
        if f.error == DbError::Timeout {
            r.message = match f.stopped {
                Cancelled::Acknowledged => {
                    "The query did not finish in time and was cancelled on the server."
                }
                Cancelled::AnsweredBefore => {
                    "The query did not finish in time; SQL Server had answered it before it heard \
                     that it was cancelled."
                }
                Cancelled::Unknown => {
                    "The query did not finish in time, and SQL Server did not acknowledge that it \
                     was cancelled: it may still run. Its connection was closed."
                }
                Cancelled::Nothing | Cancelled::Unsent => {
                    "The time was over before the query was sent; it did not run."
                }
            }
            .into();
        }
        let messages = f.said.clone().into_messages();
        if !messages.is_empty() {
            r.more.insert("messages".into(), messages.into());
        }
        let later: Vec<Value> = f
            .said
            .errors
            .iter()
            .skip(1)
            .map(|e| {
                json!({
                    "number": e.number,
                    "severity": e.severity,
                    "state": e.state,
                    "line": e.line,
                    "message": e.message,
                })
            })
            .collect();
        if !later.is_empty() {
            r.more.insert("further_errors".into(), later.into());
        }
        r
    }

    /// From a name that is no table.
    pub(crate) fn not_found(name: &str, e: NotFound, db: &Database) -> Self {
        let shown = || name.chars().take(200).collect::<String>();
        match e {
            NotFound::Database(e) => Self::database(&e, db),
            NotFound::Unreadable => Self::new(
                Code::BadName,
                format!("\"{}\" is no table name", shown()),
                "Write table, schema.table, or [schema].[table].",
            ),
            NotFound::Ambiguous(list) => Self::new(
                Code::AmbiguousTable,
                format!("{name} is in several schemas"),
                format!("Write one of {}.", list.join(", ")),
            ),
            NotFound::Other(written, what, mend) => Self::new(
                Code::NoSuchTable,
                format!("{written} is {what}, not a table or view."),
                mend,
            ),
            NotFound::NoSuchTable(close) => {
                let refusal = Self::new(
                    Code::NoSuchTable,
                    format!("There is no table or view {}.", shown()),
                    "list_tables lists the tables that there are.",
                );
                if close.is_empty() {
                    let mut refusal = refusal;
                    refusal.more.insert("closest".into(), json!([]));
                    return refusal;
                }
                refusal.with_closest(close)
            }
        }
    }

    /// What a page shows is no longer kept, or is another's.
    pub(crate) fn handle_expired() -> Self {
        Self::new(Code::HandleExpired, "This result is not kept any more.", "Run the query again.")
    }

    /// A query that goes on after its call was cancelled, as its caller wanted.
    pub(crate) fn cancelled() -> Self {
        Self::new(Code::Cancelled, "The query was cancelled.", "")
    }

    /// The call goes on, and is picked up by its handle, or by being made again.
    pub(crate) fn still_running(handle: &str, elapsed: Duration) -> Self {
        let mut refusal = Self::new(
            Code::StillRunning,
            "This takes long, and goes on.",
            "get_result with this handle waits for what it comes to, and with cancel: true ends it; \
             so does the same call again, which is not begun anew.",
        );
        refusal.more.insert("handle".into(), handle.into());
        refusal.more.insert("elapsed_s".into(), elapsed.as_secs().into());
        refusal.more.insert("poll_after_s".into(), POLL_AFTER.into());
        refusal
    }

    /// What a call came to was given to another one that waited for it.
    pub(crate) fn given_elsewhere() -> Self {
        Self::new(
            Code::StillRunning,
            "This call has ended, and another one that waited for it has its result.",
            "The same call once more begins anew.",
        )
    }

    /// An id that names nothing that there is.
    pub(crate) fn no_such_object(id: &str) -> Self {
        Self::new(
            Code::NoSuchObject,
            format!("There is nothing with the id {:?}.", id.chars().take(200).collect::<String>()),
            "search gives ids such as table:sales.Orders.",
        )
    }
}

// === impl Refusal: what becomes of it ===

impl Refusal {
    /// The tool result. Errors have no `structuredContent`, because clients hold that
    /// against the output schema.
    pub(crate) fn into_reply(self) -> ToolReply {
        let mut e = json!({ "code": self.code.as_str(), "message": self.message });
        if !self.hint.is_empty() {
            e["hint"] = self.hint.into();
        }
        e["retryable"] = self.retryable.into();
        if let Some(o) = e.as_object_mut() {
            o.extend(*self.more);
        }
        let mut told = json!({ "error": e });
        if let Some(source) = self.source {
            told["source"] = *source;
        }
        ToolReply { is_error: true, ..ToolReply::text(told.to_string()) }
    }
}
