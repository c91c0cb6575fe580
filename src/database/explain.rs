//! What an error means and what to do about it, in words for a person or a model.

use std::borrow::Cow;

use super::login::LoginMethod;
use super::{ConnectKind, DbError, Settings};
use crate::code::Code;

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
            &mend(*kind, what, s),
            kind.is_for_now(),
        ),
    }
}

/// What to change where there is no connection.
fn mend(kind: ConnectKind, what: &str, s: &Settings) -> Cow<'static, str> {
    match kind {
        ConnectKind::Login => login_mend(what, s),
        ConnectKind::Untrusted if matches!(s.login, LoginMethod::Ntlm { .. }) => {
            "Check the password, the name and the domain; and that the server does not require \
             Extended Protection, which this client does not have."
                .into()
        }
        ConnectKind::Database if matches!(s.login, LoginMethod::Entra(_)) => {
            format!("Check database.name (MSSQL_DATABASE); {}.", create_user(s)).into()
        }
        kind => plain_mend(kind).into(),
    }
}

/// What makes a principal of Entra ID a user of the database.
fn create_user(s: &Settings) -> String {
    let database = match s.database.as_str() {
        "" => "the database (database.name; without one it is master)".to_owned(),
        name => name.to_owned(),
    };
    format!("in {database} an administrator runs CREATE USER [name] FROM EXTERNAL PROVIDER")
}

/// What to do about 18456: SQL Server says the rest in its own log alone.
fn login_mend(what: &str, s: &Settings) -> Cow<'static, str> {
    match &s.login {
        LoginMethod::Sql { .. } => "Check MSSQL_USER and MSSQL_PASSWORD (database.user, \
                                    database.password), that the login is enabled, and that the \
                                    server allows SQL Server authentication (mixed mode)."
            .into(),
        LoginMethod::Ntlm { .. } | LoginMethod::Kerberos => {
            "The account is known and has no login here: CREATE LOGIN [DOMAIN\\name] FROM WINDOWS."
                .into()
        }
        LoginMethod::Entra(_) if what.contains("expired") => {
            "The token is older than it says: check this machine's clock, and who renews \
             entra.token_file."
                .into()
        }
        LoginMethod::Entra(_) if what.contains("not currently configured to accept") => {
            "The server has no Microsoft Entra administrator: set one (Azure portal, or az sql \
             server ad-admin create)."
                .into()
        }
        LoginMethod::Entra(_) if what.contains("Incorrect or invalid token") => {
            "The token is for another resource or tenant: check entra.resource, entra.tenant and \
             the server's cloud."
                .into()
        }
        LoginMethod::Entra(_) => format!(
            "The token is good, and its principal has no user there: {}. A new member of a group \
             may wait for hours.",
            create_user(s)
        )
        .into(),
    }
}

fn plain_mend(kind: ConnectKind) -> &'static str {
    match kind {
        ConnectKind::Unconfigured => {
            "Set MSSQL_HOST (and MSSQL_USER, MSSQL_PASSWORD or MSSQL_PASSWORD_FILE, MSSQL_DATABASE) \
             where this client starts the server, or have `mssql-mcp init` ask for them; \
             `mssql-mcp demo --stdio` needs no SQL Server."
        }
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
        ConnectKind::Silent => {
            "The way to it is open: it is busy, or no SQL Server. Look at its load and its log, or \
             raise pool.connect_timeout."
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
        ConnectKind::Untrusted => {
            "Check the domain and the name; that MSSQLSvc/HOST:PORT is registered (setspn -L); and \
             that the server does not require Extended Protection, which this client does not have."
        }
        ConnectKind::Disabled => "An administrator enables it: ALTER LOGIN [name] ENABLE.",
        ConnectKind::Locked => {
            "An administrator unlocks it: ALTER LOGIN [name] WITH PASSWORD = '…' UNLOCK."
        }
        ConnectKind::Expired => {
            "Set another password with a client that can (sqlcmd -z), or ALTER LOGIN [name] WITH \
             CHECK_EXPIRATION = OFF."
        }
        ConnectKind::Token { .. } | ConnectKind::Ticket { .. } => "See docs/logins.md.",
        ConnectKind::Gateway => {
            "Check database.host (MSSQL_HOST): it is SERVER.database.windows.net itself, not an \
             alias or an address."
        }
        ConnectKind::Firewall => {
            "It is the network, and not the login: allow this machine's address in the server's \
             firewall, or use its private endpoint."
        }
        ConnectKind::OldTls => "The server asks for a newer TLS: set database.encrypt to strict.",
        ConnectKind::Passing => {
            "It is busy, resuming, or moving to another node: try again in a minute."
        }
        ConnectKind::Redirect => {
            "Open the way to it: inside Azure, ports 11000 to 11999 (or the connection policy \
             Proxy); for a readable secondary, its own host and port."
        }
        ConnectKind::Login | ConnectKind::Database => {
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
    let (DbError::Connect(what, kind), mut x) = (e, explain(e, s)) else { return explain(e, s) };
    // What is wrong with their own sign-in is theirs to mend.
    if let (ConnectKind::Token { .. }, LoginMethod::Entra(c)) = (kind, &s.login)
        && c.is_of_person()
    {
        x.what = format!("You cannot be logged in to the database: {what}.");
        x.mend = "Sign in again; where a policy asks for more, with what it asks for.".to_owned();
        return x;
    }
    let why = match kind {
        ConnectKind::Unconfigured => "none is configured",
        ConnectKind::Dns => "its host has no address",
        ConnectKind::Refused => "nothing listens there",
        ConnectKind::Timeout | ConnectKind::Silent => "it does not answer",
        ConnectKind::Tls => "TLS with it failed",
        ConnectKind::NoTls => "it does not offer TLS",
        ConnectKind::Login
        | ConnectKind::Untrusted
        | ConnectKind::Disabled
        | ConnectKind::Locked
        | ConnectKind::Expired
        | ConnectKind::Gateway => "it refuses the login of this server",
        ConnectKind::Token { .. } | ConnectKind::Ticket { .. } => {
            "this server has nothing to log in with"
        }
        ConnectKind::Firewall => "it does not allow this server's network",
        ConnectKind::OldTls => "TLS with it failed",
        ConnectKind::Passing => "it is busy, resuming or moving",
        ConnectKind::Redirect => "the server that it sends logins to cannot be reached",
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
            ConnectKind::Silent,
            ConnectKind::Tls,
            ConnectKind::NoTls,
            ConnectKind::Login,
            ConnectKind::Untrusted,
            ConnectKind::Disabled,
            ConnectKind::Locked,
            ConnectKind::Expired,
            ConnectKind::Token { for_now: true },
            ConnectKind::Ticket { for_now: true },
            ConnectKind::Database,
            ConnectKind::Gateway,
            ConnectKind::Firewall,
            ConnectKind::OldTls,
            ConnectKind::Passing,
            ConnectKind::Redirect,
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
