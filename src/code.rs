//! How a call ended, by a word that stays the same: the `code` of an error, and the `outcome` in
//! logs, audit records and metrics. `docs/errors.md` is printed from the table below.

use std::fmt::Write as _;

/// Whether the same call may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    Yes,
    /// Only after something was changed.
    No,
    /// Each error says it for itself; this is the rule, for the docs.
    Depends(&'static str),
}

/// What the docs' table says of a code.
struct Row {
    retry: Retry,
    fields: &'static str,
    meaning: &'static str,
}

macro_rules! codes {
    (
        in_the_table { $($name:ident = $text:literal, $retry:expr, [$fields:literal], $meaning:literal;)* }
        in_words { $($(#[$doc:meta])* $own:ident = $word:literal;)* }
    ) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Code {
            $(#[doc = $meaning] $name,)*
            $($(#[$doc])* $own,)*
        }

        impl Code {
            /// Codes of a refused call (`isError`), in the order of the docs. The others are
            /// outcomes, or stand in the words below the table.
            pub(crate) const ANSWERED: &[Code] = &[$(Code::$name),*];

            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Code::$name => $text,)*
                    $(Code::$own => $word,)*
                }
            }

            const fn row(self) -> Option<Row> {
                match self {
                    $(Code::$name => {
                        Some(Row { retry: $retry, fields: $fields, meaning: $meaning })
                    })*
                    $(Code::$own => None,)*
                }
            }
        }
    };
}

codes! {
    in_the_table {
        SqlError = "sql_error",
            Retry::Depends("1205, 1222 and Azure's throttling: yes; else no"),
            ["`number`, `severity`, `state`, `line`, `procedure`, `messages`, `further_errors`; \
              `closest`: names like the one that it does not know (207, 208)"],
            "SQL Server refused or failed the text";
        AccessDenied = "access_denied", Retry::No, ["`class`, `statement`, `line`, `column`"],
            "a statement is beyond the configured access level";
        ForbiddenSql = "forbidden_sql", Retry::No, ["the same"],
            "a statement is refused at every level unless the operator names it in `access.allow`";
        TransactionControl = "transaction_control", Retry::No, ["the same"],
            "BEGIN TRAN, COMMIT, ROLLBACK, USE, GO: the server's own";
        UnclearSql = "unclear_sql", Retry::No, ["the same"],
            "the text could be read in two ways, or could not be read";
        ConfirmationRequired = "confirmation_required", Retry::No, [""],
            "a person has to confirm changes here, and this client cannot ask one";
        Declined = "declined", Retry::No, [""], "the person said no; nothing was changed";
        Superseded = "superseded", Retry::No, [""],
            "the data changed between question and answer; the person was asked again";
        InProgress = "in_progress", Retry::Yes, [""],
            "this confirmed change is being applied right now";
        NoPreview = "no_preview", Retry::No, [""],
            "`dry_run` of something that a rollback may not undo";
        OutcomeUnknown = "outcome_unknown", Retry::No,
            ["those of `sql_error`, where SQL Server said one"],
            "the connection broke, or the call was stopped, while a change was being applied; or \
             a procedure ended the transaction itself and then failed";
        InvalidArguments = "invalid_arguments", Retry::No, [""],
            "an argument is not what it must be: the message names it, what came and what is \
             accepted";
        NoSuchDatabase = "no_such_database", Retry::No, ["`databases`: those that there are"],
            "the call names no database, or one that its caller is not shown, where there are several";
        NoSuchTable = "no_such_table", Retry::No, ["`closest`"],
            "the name is no table; a procedure, a function, a synonym or a catalog view is called \
             what it is";
        AmbiguousTable = "ambiguous_table", Retry::No, [""],
            "the name is that of tables in several schemas";
        BadName = "bad_name", Retry::No, [""], "the text is no name at all";
        NoSuchObject = "no_such_object", Retry::No, [""],
            "`fetch` was given an id that names nothing";
        HandleExpired = "handle_expired", Retry::No, [""],
            "what a page shows (MCP Apps) is not kept any more; run the query again";
        StillRunning = "still_running", Retry::Yes, ["`handle`, `elapsed_s`, `poll_after_s`"],
            "the call took longer than `tasks.handle_after` and goes on; `get_result` with the handle, \
             or the same call again, waits for its result";
        Timeout = "timeout", Retry::Depends("yes; no for a change"), [""],
            "no answer by `limits.query_timeout`; the message says whether SQL Server acknowledged that \
             the query was cancelled";
        ShuttingDown = "shutting_down", Retry::Yes, [""],
            "the server stops, or the session was ended; the query was cancelled";
        RateLimited = "rate_limited", Retry::Yes, ["`retry_after_s`"],
            "too many calls in a minute, or the hour's budget of rows or bytes is spent";
        TooManyAtOnce = "too_many_at_once", Retry::Yes, ["`retry_after_s`"],
            "`limits.concurrent_calls` of the principal run already";
        Overloaded = "overloaded", Retry::Yes, [""],
            "all connections are in use and `pool.max_waiting` calls wait already, none of them \
             of a principal with more";
        AuditUnavailable = "audit_unavailable", Retry::Yes, [""],
            "the call could not be recorded, and here nothing runs unrecorded";
        Busy = "busy", Retry::Yes, [""],
            "all connections of the pool were in use for `pool.wait`, or too many confirmed \
             changes are remembered";
        DatabaseUnavailable = "database_unavailable",
            Retry::Depends("no where a setting has to be mended; else yes"), [""],
            "there is no connection; the message says why, over HTTP without host, port and login \
             (`http.show_server`)";
        ConnectionLost = "connection_lost", Retry::Yes, [""], "the connection broke in mid-call";
        Driver = "driver", Retry::No, [""], "the answer of SQL Server could not be read";
        Internal = "internal", Retry::No, [""],
            "a fault of the server; the log has it under the given id";
    }
    in_words {
        /// It did what it was to do.
        Ok = "ok";
        /// A change was tried out, and rolled back.
        DryRun = "dry_run";
        /// A person was asked.
        InputRequired = "input_required";
        /// The answer has `isError`, and no code.
        Error = "error";
        /// The request was answered with a JSON-RPC error.
        Fault = "fault";
        /// The params are not what the method takes.
        InvalidParams = "invalid_params";
        /// The caller's token lacks a scope: 403, or where that is too late a result that says so.
        InsufficientScope = "insufficient_scope";
        /// The client took it back.
        Cancelled = "cancelled";
        /// The client ended its session.
        SessionEnded = "session_ended";
        /// The client has gone.
        Disconnected = "disconnected";
        /// A layer let go of it.
        Dropped = "dropped";
        /// A bug of ours.
        Panicked = "panicked";
        /// It failed below the layer that makes an answer of every failure.
        Failed = "failed";
    }
}

impl Code {
    /// Whether the same call may succeed later, unless an error says otherwise of itself.
    pub(crate) fn retryable(self) -> bool {
        self.row().is_some_and(|row| row.retry == Retry::Yes)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl From<mssql_mcp_sql::policy::Why> for Code {
    fn from(why: mssql_mcp_sql::policy::Why) -> Self {
        use mssql_mcp_sql::policy::Why;
        match why {
            Why::AccessDenied => Code::AccessDenied,
            Why::ForbiddenSql => Code::ForbiddenSql,
            Why::TransactionControl => Code::TransactionControl,
            Why::UnclearSql => Code::UnclearSql,
        }
    }
}

/// `docs/errors.md`, as text in Markdown.
pub fn markdown() -> String {
    let mut out = include_str!("code/before.md").to_owned();
    for (code, row) in Code::ANSWERED.iter().filter_map(|c| Some((c, c.row()?))) {
        let retry = match row.retry {
            Retry::Yes => "yes",
            Retry::No => "no",
            Retry::Depends(rule) => rule,
        };
        let _ = writeln!(out, "| `{code}` | {} | {retry} | {} |", row.meaning, row.fields);
    }
    out.push_str(include_str!("code/after.md"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_differ_and_the_guards_have_the_same_words() {
        use mssql_mcp_sql::policy::Why;
        let mut words: Vec<&str> = Code::ANSWERED.iter().map(|c| c.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ANSWERED.len());
        for why in [Why::AccessDenied, Why::ForbiddenSql, Why::TransactionControl, Why::UnclearSql]
        {
            assert_eq!(Code::from(why).as_str(), why.as_str());
        }
    }

    #[test]
    fn what_no_client_is_answered_with_is_not_in_the_docs() {
        let page = markdown();
        assert!(page.contains("| `busy` |") && !page.contains("| `ok` |"));
        assert!(Code::Busy.retryable() && !Code::SqlError.retryable() && !Code::Ok.retryable());
    }
}
