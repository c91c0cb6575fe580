//! What can go wrong with a database.

use std::time::Duration;

/// Why a text was not answered.
#[derive(Debug, Clone, PartialEq)]
pub enum DbError {
    /// SQL Server said no.
    Sql(SqlError),
    /// The deadline passed before the answer was whole.
    Timeout,
    /// The caller left or took the call back.
    Cancelled,
    /// More callers wait for a connection than may.
    Overloaded,
    /// All connections were in use for the whole wait.
    Busy {
        /// How long was waited.
        waited: Duration,
    },
    /// No connection could be made.
    Connect(String, ConnectKind),
    /// The connection broke in mid-call.
    Lost(String),
    /// The answer cannot be read, or a parameter cannot be sent.
    Driver(String),
}

/// An error of SQL Server, in its own terms.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlError {
    /// As in `sys.messages`.
    pub number: u32,
    /// From 11 (MS-TDS: class).
    pub severity: u8,
    pub(crate) state: u8,
    /// Line in the batch.
    pub(crate) line: u32,
    pub(crate) procedure: String,
    pub(crate) message: String,
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectKind {
    /// No database is configured.
    Unconfigured,
    /// The name has no address.
    Dns,
    /// Nothing listens at the address.
    Refused,
    /// No answer in time.
    Timeout,
    /// It accepts the connection, and does not answer in time.
    Silent,
    /// TLS or its certificate.
    Tls,
    /// The server has none.
    NoTls,
    /// 18456 and its kin.
    Login,
    /// 18452: a Windows login that the server does not trust.
    Untrusted,
    /// 18470: the login is disabled.
    Disabled,
    /// 18486: it is locked.
    Locked,
    /// 18487 and 18488: its password has expired, or must be changed.
    Expired,
    /// There is no token to log in with.
    Token {
        /// There may be one later.
        for_now: bool,
    },
    /// There is no ticket, or no credentials, on our side of a Windows login.
    Ticket {
        /// There may be one later.
        for_now: bool,
    },
    /// 4060 and its kin: no such database, or no right to it.
    Database,
    /// 40532: Azure's gateway does not know the server.
    Gateway,
    /// 40615 and its kin: the network is not allowed.
    Firewall,
    /// 47072: TLS is too old for the server.
    OldTls,
    /// 40613 and its kin: busy, resuming, or on its way to another node.
    Passing,
    /// The server that the login was sent on to cannot be reached.
    Redirect,
    /// The instance was not found.
    Instance,
    /// The system or the driver says why.
    Other,
}

// === impl ConnectKind ===

impl ConnectKind {
    /// A refusal that an account may be locked for when it comes too often.
    pub(crate) fn counts(self) -> bool {
        use ConnectKind as K;
        matches!(self, K::Login | K::Untrusted | K::Disabled | K::Locked | K::Expired)
    }

    /// The same call may succeed later, as it is.
    pub(crate) fn is_for_now(self) -> bool {
        use ConnectKind as K;
        match self {
            K::Refused | K::Timeout | K::Silent | K::Other | K::Dns | K::Passing | K::Redirect => {
                true
            }
            K::Token { for_now } | K::Ticket { for_now } => for_now,
            _ => false,
        }
    }
}

// === impl DbError ===

impl std::fmt::Display for DbError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DbError::Sql(q) => write!(
                f,
                "error {}, severity {}, state {}, line {}: {}",
                q.number, q.severity, q.state, q.line, q.message
            ),
            DbError::Connect(m, _) | DbError::Lost(m) | DbError::Driver(m) => f.write_str(m),
            DbError::Timeout => f.write_str("timed out"),
            DbError::Cancelled => f.write_str("cancelled"),
            DbError::Overloaded => f.write_str("too many callers wait for a connection"),
            DbError::Busy { waited } => {
                write!(f, "no free connection within {} s", waited.as_secs_f32())
            }
        }
    }
}

impl std::error::Error for DbError {}

impl DbError {
    /// Few and fixed, for `error.type`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            DbError::Sql(_) => "server_error",
            DbError::Timeout => "timeout",
            DbError::Cancelled => "cancelled",
            DbError::Overloaded => "overloaded",
            DbError::Busy { .. } => "pool_timeout",
            DbError::Lost(_) => "connection_lost",
            DbError::Driver(_) => "driver",
            DbError::Connect(_, kind) => match kind {
                ConnectKind::Unconfigured => "unconfigured",
                ConnectKind::Dns => "dns",
                ConnectKind::Refused => "connection_refused",
                ConnectKind::Timeout | ConnectKind::Silent => "connect_timeout",
                ConnectKind::Tls | ConnectKind::NoTls => "tls",
                ConnectKind::Login => "login",
                ConnectKind::Untrusted => "login_untrusted",
                ConnectKind::Disabled => "login_disabled",
                ConnectKind::Locked => "login_locked",
                ConnectKind::Expired => "login_expired",
                ConnectKind::Token { .. } => "no_token",
                ConnectKind::Ticket { .. } => "no_ticket",
                ConnectKind::Database => "no_database",
                ConnectKind::Gateway => "gateway",
                ConnectKind::Firewall => "firewall",
                ConnectKind::OldTls => "tls",
                ConnectKind::Passing => "busy",
                ConnectKind::Redirect => "redirect",
                ConnectKind::Instance => "no_instance",
                ConnectKind::Other => "connect",
            },
        }
    }
}
