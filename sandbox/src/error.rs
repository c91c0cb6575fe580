//! One error type: what an ERROR token (MS-TDS §2.2.7.10) carries.

use std::fmt;

/// Number, severity, state, line and text of an error, in SQL Server's terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// The error number; 50000 and above are the user's.
    pub number: u32,
    /// Severity, called class on the wire.
    pub class: u8,
    /// Where in the server it was raised, for those who know its source.
    pub state: u8,
    /// Line in the batch, from 1; 0 until it is known.
    pub line: u32,
    /// The procedure it happened in, if any.
    pub procedure: String,
    /// The text, with everything in its place.
    pub message: String,
    /// Found while a statement was compiled: it ends its scope, and no TRY of that scope sees it.
    pub compile: bool,
}

/// What may go wrong here goes wrong as an error of SQL Server's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The number that says "not in the sandbox": outside every range that SQL Server uses.
pub const UNSUPPORTED: u32 = 49999;
const MARK: char = '\u{1}';

// === impl Error ===

impl Error {
    /// With state 1 and no line yet.
    pub fn new(number: u32, class: u8, message: impl Into<String>) -> Self {
        let compile =
            matches!(number, 109 | 110 | 120 | 121 | 137 | 207 | 208 | 209 | 213 | 4104 | 8120);
        Self {
            number,
            class,
            state: 1,
            line: 0,
            procedure: String::new(),
            message: message.into(),
            compile,
        }
    }

    /// Valid T-SQL, perhaps, but not something the stand-in does.
    pub fn unsupported(what: impl fmt::Display) -> Self {
        Self::new(
            UNSUPPORTED,
            16,
            format!(
                "Not in the sandbox: {what}. The sandbox is a stand-in for SQL Server; its README lists what it understands."
            ),
        )
    }

    /// A fault of the sandbox itself.
    pub fn internal(what: impl fmt::Display) -> Self {
        Self::new(UNSUPPORTED, 17, format!("The sandbox failed: {what}."))
    }

    /// 102, near a piece of text; of a line that is not known yet the number is 0.
    pub fn syntax(near: &str, line: u32) -> Self {
        Self { line, ..Self::new(102, 15, format!("Incorrect syntax near '{near}'.")) }
    }

    /// 8115, of a value that does not fit the type that is named.
    pub fn overflow(to: impl fmt::Display) -> Self {
        Self::new(
            8115,
            16,
            format!("Arithmetic overflow error converting expression to data type {to}."),
        )
    }

    /// Puts the line in, where none is known yet.
    #[must_use]
    pub fn at(mut self, line: u32) -> Self {
        if self.line == 0 {
            self.line = line;
        }
        self
    }

    /// As one that was found while compiling.
    #[must_use]
    pub fn compiled(self) -> Self {
        Self { compile: true, ..self }
    }

    /// The sandbox does not have what was asked for.
    pub fn is_unsupported(&self) -> bool {
        self.number == UNSUPPORTED
    }

    /// Ends the whole batch and its transaction, not just its statement, even with XACT_ABORT off.
    pub fn aborts_batch(&self) -> bool {
        self.class >= 17 || matches!(self.number, 241 | 245 | 248 | 911 | 1205 | 8114)
    }

    /// Through SQLite and back: a shim's error arrives as text only.
    pub(crate) fn pack(&self) -> String {
        format!(
            "{MARK}{}{MARK}{}{MARK}{}{MARK}{}",
            self.number, self.class, self.state, self.message
        )
    }

    pub(crate) fn unpack(text: &str) -> Option<Self> {
        let start = text.find(MARK)?;
        let mut parts = text[start + 1..].splitn(4, MARK);
        let number = parts.next()?.parse().ok()?;
        let class = parts.next()?.parse().ok()?;
        let state = parts.next()?.parse().ok()?;
        Some(Self { state, ..Self::new(number, class, parts.next()?) })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Msg {}, Level {}, State {}, Line {}: {}",
            self.number, self.class, self.state, self.line, self.message
        )
    }
}

impl std::error::Error for Error {}
