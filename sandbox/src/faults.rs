//! Faults that tests switch on.

use std::time::Duration;

use crate::error::Error;

/// What happens to an Attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attention {
    /// It is acknowledged at once.
    #[default]
    Normal,
    /// It is never acknowledged, and the statement runs on.
    Lost,
    /// It is acknowledged after a while.
    Late(Duration),
    /// The statement runs on, its answer is sent to the end, and the acknowledgement is a message
    /// behind it.
    AfterAnswer,
    /// It is acknowledged in two messages.
    Twice,
}

/// Faults of a sandbox, for all its connections.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Close each new connection before PRELOGIN is answered.
    pub drop_before_login: bool,
    /// Wait before the answer to LOGIN7.
    pub login_delay: Option<Duration>,
    /// Refuse the next logins with these, one each in their order; a refusal takes its error out.
    pub login_errors: Vec<Error>,
    /// Answer logins with a routing ENVCHANGE to this host and port.
    pub route_to: Option<(String, u16)>,
    /// The same for logins with read intent that name a database, as a listener of an availability
    /// group does.
    pub route_reads_to: Option<(String, u16)>,
    /// Wait before each row.
    pub row_delay: Option<Duration>,
    /// Break the connection in the middle of the row after so many.
    pub drop_after_rows: Option<u64>,
    /// Answer the next request with this error.
    pub error: Option<Error>,
    /// Refuse a parameter without a type (NULLTYPE, 0x1F), as some servers do that speak TDS
    /// (8009).
    pub refuse_untyped: bool,
    /// What happens to an Attention.
    pub attention: Attention,
    /// Do not reset a session that is asked to be (RESETCONNECTION, MS-TDS §2.2.3.1.2).
    pub ignore_reset: bool,
    /// Tokens that nobody asked for, before the DONE of a login's answer.
    pub login_tokens: Vec<u8>,
    /// Write so many bytes at a time to the socket.
    pub write_size: Option<usize>,
    /// Close the connection when so many bytes of an answer were written.
    pub cut_answer_at: Option<usize>,
}
