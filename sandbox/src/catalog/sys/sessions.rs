//! Sessions ("System dynamic management views"). Without VIEW SERVER STATE, which the sandbox's
//! login does not have, a session sees itself alone.

use crate::catalog::views::{BIT, INT, NAME, Reads, SessionFacts, View, bit, int, text};
use crate::types::{Len, Type, Value};

pub(in crate::catalog) const VIEWS: &[View] = &[View {
    name: "dm_exec_sessions",
    complete: false,
    reads: Reads::Whole,
    columns: &[
        ("session_id", Type::SmallInt),
        ("login_time", Type::DateTime),
        ("host_name", NAME),
        ("program_name", NAME),
        ("login_name", NAME),
        ("status", Type::NVarChar(Len::N(30))),
        ("context_info", Type::VarBinary(Len::N(128))),
        ("is_user_process", BIT),
        ("language", NAME),
        ("date_format", Type::NVarChar(Len::N(3))),
        ("date_first", Type::SmallInt),
        ("quoted_identifier", BIT),
        ("ansi_null_dflt_on", BIT),
        ("ansi_warnings", BIT),
        ("ansi_padding", BIT),
        ("ansi_nulls", BIT),
        ("concat_null_yields_null", BIT),
        ("lock_timeout", INT),
        ("original_login_name", NAME),
        ("database_id", Type::SmallInt),
        ("open_transaction_count", INT),
    ],
    rows: |_, facts| vec![row(facts.session())],
}];

fn row(session: SessionFacts) -> Vec<Value> {
    let mut row = vec![
        int(session.spid),
        Value::Int(session.login_time),
        text(session.host),
        text(session.program),
        text(session.user.clone()),
        // It asks, so it runs.
        text("running"),
        session.context_info.map_or(Value::Null, Value::Bin),
        bit(true),
        text("us_english"),
        text("mdy"),
        int(7),
    ];
    // The options that SET cannot change here.
    row.extend([const { Value::Int(1) }; 6]);
    row.extend([
        int(session.lock_timeout),
        text(session.user),
        int(session.database_id),
        int(session.transaction_count),
    ]);
    row
}
