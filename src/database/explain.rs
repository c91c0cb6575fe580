//! What an error means and what to do about it, in words for a person or a model.

use crate::code::Code;

use super::{ConnectKind, DbError, Settings};

/// An error in words.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Explained {
    /// What kind of failure it is.
    pub(crate) code: Code,
    pub(crate) what: String,
    pub(crate) mend: String,
    /// Whether the same call may succeed later.
    pub(crate) retryable: bool,
}

pub(crate) fn explain(e: &DbError, s: &Settings) -> Explained {
    let make = |code, what: String, mend: &str, retryable| Explained {
        code,
        what,
        mend: mend.to_owned(),
        retryable,
    };
    match e {
        DbError::Sql(q) => {
            let (mend, retryable) = hint(q.number);
            make(Code::SqlError, q.message.clone(), mend, retryable)
        }
        DbError::Timeout => make(
            Code::Timeout,
            "The query did not finish in time.".into(),
            "Narrow it with WHERE or TOP, or raise limits.query_timeout.",
            true,
        ),
        DbError::Cancelled => make(Code::Cancelled, "The call was cancelled.".into(), "", true),
        DbError::Overloaded => make(
            Code::Overloaded,
            format!(
                "{} in use, and {} already.",
                all(s.max_size, ("is", "are")),
                waiting(s.max_waiting)
            ),
            "Try again in a few seconds.",
            true,
        ),
        DbError::Busy { waited } => make(
            Code::Busy,
            format!("{} in use for {} s.", all(s.max_size, ("was", "were")), waited.as_secs_f32()),
            "Try again; if it happens often, raise pool.max_size.",
            true,
        ),
        DbError::Lost(m) => make(
            Code::ConnectionLost,
            format!("The connection to SQL Server broke: {m}"),
            "Try again.",
            true,
        ),
        DbError::Driver(m) => make(
            Code::Driver,
            format!("SQL Server's answer could not be read: {m}"),
            "Please report it with the query.",
            false,
        ),
        DbError::Connect(what, kind) => make(
            Code::DatabaseUnavailable,
            format!("There is no connection to the database: {what}."),
            mend(*kind),
            matches!(
                kind,
                ConnectKind::Refused | ConnectKind::Timeout | ConnectKind::Other | ConnectKind::Dns
            ),
        ),
    }
}

/// What to change where there is no connection.
fn mend(kind: ConnectKind) -> &'static str {
    match kind {
        ConnectKind::Dns => {
            "Check database.host (MSSQL_HOST): the name must resolve on this machine."
        }
        ConnectKind::Refused => {
            "Check that SQL Server runs, that TCP/IP is on, and that database.port \
                     (MSSQL_PORT) is right."
        }
        ConnectKind::Timeout => {
            "A firewall may drop the packets: open the port from this machine, or check \
                     host and port."
        }
        ConnectKind::Tls => {
            "See docs/configuration.md, [database]; TrustServerCertificate=yes accepts \
                     any certificate (only on a network that you trust)."
        }
        ConnectKind::NoTls => {
            "Give the server a certificate. On a network that you trust, database.encrypt \
                     = \"off\" (MSSQL_ENCRYPT=off) does without TLS: passwords and rows then \
                     travel in the clear."
        }
        ConnectKind::Login => {
            "Check MSSQL_USER and MSSQL_PASSWORD (database.user, database.password), that \
                     the login is enabled, and that the server allows SQL Server authentication \
                     (mixed mode)."
        }
        ConnectKind::Database => {
            "Check database.name (MSSQL_DATABASE), and that the login has a user in that \
                     database."
        }
        ConnectKind::Instance => {
            "Check the instance's name, and that SQL Server Browser runs and UDP 1434 is \
                     open; or give the port instead."
        }
        ConnectKind::Other => "The message is the server's or the system's own.",
    }
}

/// The same for callers who are not told where the database is and by which login it is used.
pub(crate) fn explain_to_others(e: &DbError, s: &Settings) -> Explained {
    let (DbError::Connect(_, kind), mut x) = (e, explain(e, s)) else { return explain(e, s) };
    let why = match kind {
        ConnectKind::Dns => "its host has no address",
        ConnectKind::Refused => "nothing listens there",
        ConnectKind::Timeout => "it does not answer",
        ConnectKind::Tls => "TLS with it failed",
        ConnectKind::NoTls => "it does not offer TLS",
        ConnectKind::Login => "it refuses the login of this server",
        ConnectKind::Database => "it has no such database, or the login may not use it",
        ConnectKind::Instance => "its instance was not found",
        ConnectKind::Other => "it could not be made, or broke",
    };
    let name = if s.database.is_empty() { String::new() } else { format!(" ({})", s.database) };
    let label = if s.label == "default" { String::new() } else { format!(" {}", s.label) };
    x.what = format!("There is no connection to the database{label}{name}: {why}.");
    x.mend = "Its operator finds the details in this server's log, and with `mssql-mcp doctor`."
        .to_owned();
    x
}

/// Advice for the errors that a model meets most.
fn hint(number: u32) -> (&'static str, bool) {
    match number {
        102 | 105 | 156 | 170 => ("Correct the syntax; the line is within the query.", false),
        207 => ("describe_table lists the columns that there are.", false),
        208 => ("list_tables lists the tables that there are; write schema.table.", false),
        209 => ("Put the table's alias before the column.", false),
        229 | 230 | 262 => ("The login lacks the permission; a person has to grant it.", false),
        245 | 8114 => ("Use TRY_CONVERT, or compare values of the same type.", false),
        8120 => ("Add the column to GROUP BY, or aggregate it.", false),
        3930 | 3998 => (
            "It caught an error of its own and went on; here an error ends the transaction \
             (XACT_ABORT ON), so all of it was rolled back. Run it without its TRY … CATCH to see \
             that error, or let its CATCH end with THROW.",
            false,
        ),
        2812 => {
            ("Write schema.procedure; sys.procedures lists those that the login may see.", false)
        }
        3701 => ("list_tables lists the tables that there are; write schema.table.", false),
        4104 => {
            ("Write the alias that FROM gives the table; without one, the table's own name.", false)
        }
        137 => ("Bind it with params (\"params\": {\"name\": value}), or DECLARE it first.", false),
        8134 => ("Guard the divisor with NULLIF(x, 0).", false),
        1205 => ("It was chosen as a deadlock victim: try again.", true),
        1222 => ("Another session holds a lock: try again.", true),
        10928 | 10929 | 40197 | 40501 | 40613 | 49918..=49920 => {
            ("The service is busy: try again in a few seconds.", true)
        }
        _ => ("", false),
    }
}

/// The connections of a pool as the subject of a sentence.
fn all(connections: usize, (one, many): (&str, &str)) -> String {
    match connections {
        1 => format!("The only connection {one}"),
        n => format!("All {n} connections {many}"),
    }
}

fn waiting(calls: usize) -> String {
    match calls {
        1 => "1 call waits".to_owned(),
        n => format!("{n} calls wait"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Inputs};

    #[test]
    fn others_are_not_told_where_the_database_is() {
        let all = [
            ("database.host", "sql7.corp.example"),
            ("database.user", "svc_mcp"),
            ("database.password", "p"),
            ("database.name", "Trading"),
            ("database.label", "trades"),
        ];
        let fixed = all.map(|(k, v)| (k, v.to_owned())).to_vec();
        let config = Config::load(&Inputs { fixed, ..Inputs::default() }).expect("config");
        let s = Settings::from_config(&config).expect("settings");
        for kind in [
            ConnectKind::Dns,
            ConnectKind::Refused,
            ConnectKind::Timeout,
            ConnectKind::Tls,
            ConnectKind::NoTls,
            ConnectKind::Login,
            ConnectKind::Database,
            ConnectKind::Instance,
            ConnectKind::Other,
        ] {
            let e = DbError::Connect(
                "sql7.corp.example,1433 (10.1.2.3): Login failed for user 'svc_mcp'".into(),
                kind,
            );
            let (x, own) = (explain_to_others(&e, &s), explain(&e, &s));
            let said = format!("{} {}", x.what, x.mend);
            assert!(
                !["sql7", "1433", "10.1.2.3", "svc_mcp"].iter().any(|w| said.contains(w)),
                "{said}"
            );
            assert!(x.what.contains("trades (Trading)") && own.what.contains("svc_mcp"), "{said}");
            assert_eq!((x.code, x.retryable), (own.code, own.retryable));
        }
        assert_eq!(explain_to_others(&DbError::Timeout, &s), explain(&DbError::Timeout, &s));
    }
}
