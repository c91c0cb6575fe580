//! What an answer says, token by token (MS-TDS 2.2.7).

use std::fmt;
use std::sync::Arc;

use crate::column::Column;
use crate::types::TypeInfo;

/// One thing that an answer says; rows themselves go to the sink.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A result set begins (COLMETADATA), with its sensitivity labels where they came.
    Columns(Arc<[Column]>),
    /// The sink has one row more (ROW, NBCROW).
    Row,
    /// A statement, a procedure or the batch ended (DONE, DONEINPROC, DONEPROC).
    Done(Done),
    /// The server's error (ERROR); the answer goes on.
    Error(Box<Message>),
    /// PRINT, RAISERROR up to severity 10, notices (INFO).
    Info(Box<Message>),
    /// Something of the session changed (ENVCHANGE).
    Environment(Environment),
    /// What a procedure returned (RETURNSTATUS).
    ReturnStatus(i32),
    /// An output parameter (RETURNVALUE).
    ReturnValue(Box<ReturnValue>),
    /// The columns that the rows are sorted by, counted from 1 (ORDER).
    Order(Vec<u16>),
    /// The tables that COLINFO counts, each name in its parts (TABNAME).
    Tables(Vec<Vec<String>>),
    /// Where columns come from (COLINFO).
    Origins(Vec<Origin>),
    /// State to be restored after a reconnect (SESSIONSTATE), which is not kept; its bytes.
    SessionState(u64),
    /// Which features the server acknowledges (FEATUREEXTACK), with their data.
    Features(Vec<(u8, Vec<u8>)>),
    /// The server took the login (LOGINACK).
    LoginAck(LoginAck),
}

/// A message of the server (ERROR and INFO, MS-TDS 2.2.7.10 and 2.2.7.13).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// As in `sys.messages`; RAISERROR with a text has 50000.
    pub number: i32,
    /// Tells places that raise the same number apart.
    pub state: u8,
    /// MS-TDS: class. Errors begin at 11; from 20 on the server closes the connection.
    pub severity: u8,
    /// The text, in the server's language.
    pub text: String,
    /// The server's name.
    pub server: String,
    /// The procedure that raised it; empty where it was none.
    pub procedure: String,
    /// Line within the batch or procedure, from 1.
    pub line: u32,
}

/// The end of something (MS-TDS 2.2.7.6 to 2.2.7.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Which token it was.
    pub scope: Scope,
    /// What ran.
    pub command: Command,
    /// Rows; none where the server does not say (bit 0x10).
    pub count: Option<u64>,
    /// More of this answer follows.
    pub more: bool,
    /// The statement failed.
    pub error: bool,
    /// The acknowledgement of an Attention.
    pub attention: bool,
    /// An error so severe that what came before it is to be discarded.
    pub server_error: bool,
    /// A transaction is open.
    pub in_transaction: bool,
}

/// What ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A statement of the batch, or the batch (DONE).
    Batch,
    /// A statement in a procedure or in sp_executesql (DONEINPROC).
    InProcedure,
    /// A procedure (DONEPROC).
    Procedure,
}

/// DONE's CurCmd: not in MS-TDS; the values are those of Microsoft's own drivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// 0xC1: rows were selected, or a variable was assigned from them.
    Select,
    /// 0xC3.
    Insert,
    /// 0xC4.
    Delete,
    /// 0xC5.
    Update,
    /// 0x117.
    Merge,
    /// 0xF0: BULK INSERT.
    Bulk,
    /// Any other; with a count it is to be taken for a change.
    Other(u16),
}

/// What changed in the session (MS-TDS 2.2.7.9); types that matter to nobody here are `Other`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Environment {
    /// 1: the database, by name.
    Database(String),
    /// 2: the language, by name.
    Language(String),
    /// 4: bytes of a packet from now on.
    PacketSize(u32),
    /// 7: the default collation.
    Collation([u8; 5]),
    /// 8, 9, 10, 11, 12 and 17: the descriptor of the transaction; 0 for none.
    Transaction(u64),
    /// 13: the partner of database mirroring.
    Partner(String),
    /// 18: the connection was reset.
    Reset,
    /// 20: where the login belongs.
    Routing {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// Any other type, unread.
    Other(u8),
}

/// An output parameter (MS-TDS 2.2.7.19).
#[derive(Debug, Clone, PartialEq)]
pub struct ReturnValue {
    /// Its place among the parameters.
    pub ordinal: u16,
    /// With its `@`.
    pub name: String,
    /// Type of the value.
    pub ty: TypeInfo,
    /// The value as JSON, cut like a cell.
    pub json: String,
}

/// Where a column comes from (COLINFO, MS-TDS 2.2.7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The column's number, from 1.
    pub column: u8,
    /// The table's number in [`Event::Tables`], from 1; 0 for none.
    pub table: u8,
    /// It is an expression.
    pub expression: bool,
    /// It is part of a key.
    pub key: bool,
    /// It is hidden: not selected, but part of a key.
    pub hidden: bool,
    /// Its name in the table, where the result has another.
    pub name: Option<String>,
}

/// The server's answer to a login (MS-TDS 2.2.7.14).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoginAck {
    /// Version of TDS, such as 0x74000004.
    pub tds: u32,
    /// The server's product name.
    pub program: String,
    /// Major, minor, and build.
    pub version: (u8, u8, u16),
}

// === impl Command ===

impl Command {
    pub(crate) fn of(code: u16) -> Self {
        match code {
            0xC1 => Command::Select,
            0xC3 => Command::Insert,
            0xC4 => Command::Delete,
            0xC5 => Command::Update,
            0x117 => Command::Merge,
            0xF0 => Command::Bulk,
            other => Command::Other(other),
        }
    }

    /// Whether a count of it counts rows that were changed.
    pub fn changes(self) -> bool {
        self != Command::Select
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "error {}, severity {}, state {}, line {}: {}",
            self.number, self.severity, self.state, self.line, self.text
        )
    }
}
