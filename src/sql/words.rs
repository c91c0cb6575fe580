//! What each word of T-SQL means to the verdict. Reserved words cannot be bare names, so an unquoted one is always the
//! keyword itself; the table holds every word of SQL Server's list of reserved keywords.
//!
//! Sources: "Reserved Keywords (Transact-SQL)", "SET Statements", "System stored procedures" in SQL Server's documentation.

use super::verdict::Class;

/// How the verdict treats a reserved word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Harmless wherever it stands.
    Plain,
    /// Steers the batch: IF, WHILE, PRINT, RETURN and their kind.
    Control,
    /// Changes rows, whatever follows.
    Write,
    /// Changes the schema, whatever follows.
    Schema,
    /// Refused unless the operator names it; then it counts as this class.
    Refused(Class),
    /// Ours alone.
    Never,
    /// A rule of its own in `verdict.rs`.
    Own(Own),
}

/// Words whose neighbours decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the word itself")]
pub enum Own {
    Add,
    Alter,
    Begin,
    Close,
    Create,
    Cursor,
    Declare,
    Delete,
    Drop,
    End,
    Exec,
    Insert,
    Into,
    Merge,
    Open,
    Option,
    Raiserror,
    Select,
    Set,
    Truncate,
    Update,
    Use,
    With,
}

use Class::{Execute, Read, Schema};
use Rule::{Control, Never, Own as O, Plain, Refused};

/// Every reserved word, sorted.
pub const RESERVED: &[(&str, Rule)] = &[
    ("ADD", O(Own::Add)),
    ("ALL", Plain),
    ("ALTER", O(Own::Alter)),
    ("AND", Plain),
    ("ANY", Plain),
    ("AS", Plain),
    ("ASC", Plain),
    ("AUTHORIZATION", Plain),
    ("BACKUP", Refused(Execute)),
    ("BEGIN", O(Own::Begin)),
    ("BETWEEN", Plain),
    ("BREAK", Control),
    ("BROWSE", Plain),
    ("BULK", Refused(Execute)),
    ("BY", Plain),
    ("CASCADE", Plain),
    ("CASE", Plain),
    ("CHECK", Plain),
    ("CHECKPOINT", Refused(Execute)),
    ("CLOSE", O(Own::Close)),
    ("CLUSTERED", Plain),
    ("COALESCE", Plain),
    ("COLLATE", Plain),
    ("COLUMN", Plain),
    ("COMMIT", Never),
    ("COMPUTE", Plain),
    ("CONSTRAINT", Plain),
    ("CONTAINS", Plain),
    ("CONTAINSTABLE", Plain),
    ("CONTINUE", Control),
    ("CONVERT", Plain),
    ("CREATE", O(Own::Create)),
    ("CROSS", Plain),
    ("CURRENT", Plain),
    ("CURRENT_DATE", Plain),
    ("CURRENT_TIME", Plain),
    ("CURRENT_TIMESTAMP", Plain),
    ("CURRENT_USER", Plain),
    ("CURSOR", O(Own::Cursor)),
    ("DATABASE", Plain),
    ("DBCC", Refused(Execute)),
    ("DEALLOCATE", Control),
    ("DECLARE", O(Own::Declare)),
    ("DEFAULT", Plain),
    ("DELETE", O(Own::Delete)),
    ("DENY", Refused(Schema)),
    ("DESC", Plain),
    ("DISK", Refused(Execute)),
    ("DISTINCT", Plain),
    ("DISTRIBUTED", Plain),
    ("DOUBLE", Plain),
    ("DROP", O(Own::Drop)),
    ("DUMP", Refused(Execute)),
    ("ELSE", Plain),
    ("END", O(Own::End)),
    ("ERRLVL", Plain),
    ("ESCAPE", Plain),
    ("EXCEPT", Plain),
    ("EXEC", O(Own::Exec)),
    ("EXECUTE", O(Own::Exec)),
    ("EXISTS", Plain),
    ("EXIT", Plain),
    ("EXTERNAL", Plain),
    ("FETCH", Plain),
    ("FILE", Plain),
    ("FILLFACTOR", Plain),
    ("FOR", Plain),
    ("FOREIGN", Plain),
    ("FREETEXT", Plain),
    ("FREETEXTTABLE", Plain),
    ("FROM", Plain),
    ("FULL", Plain),
    ("FUNCTION", Plain),
    ("GOTO", Control),
    ("GRANT", Refused(Schema)),
    ("GROUP", Plain),
    ("HAVING", Plain),
    ("HOLDLOCK", Plain),
    ("IDENTITY", Plain),
    ("IDENTITYCOL", Plain),
    ("IDENTITY_INSERT", Plain),
    ("IF", Control),
    ("IN", Plain),
    ("INDEX", Plain),
    ("INNER", Plain),
    ("INSERT", O(Own::Insert)),
    ("INTERSECT", Plain),
    ("INTO", O(Own::Into)),
    ("IS", Plain),
    ("JOIN", Plain),
    ("KEY", Plain),
    ("KILL", Refused(Execute)),
    ("LEFT", Plain),
    ("LIKE", Plain),
    ("LINENO", Plain),
    ("LOAD", Refused(Execute)),
    ("MERGE", O(Own::Merge)),
    ("NATIONAL", Plain),
    ("NOCHECK", Plain),
    ("NONCLUSTERED", Plain),
    ("NOT", Plain),
    ("NULL", Plain),
    ("NULLIF", Plain),
    ("OF", Plain),
    ("OFF", Plain),
    ("OFFSETS", Plain),
    ("ON", Plain),
    ("OPEN", O(Own::Open)),
    ("OPENDATASOURCE", Refused(Execute)),
    ("OPENQUERY", Refused(Execute)),
    ("OPENROWSET", Refused(Execute)),
    ("OPENXML", Plain),
    ("OPTION", O(Own::Option)),
    ("OR", Plain),
    ("ORDER", Plain),
    ("OUTER", Plain),
    ("OVER", Plain),
    ("PERCENT", Plain),
    ("PIVOT", Plain),
    ("PLAN", Plain),
    ("PRECISION", Plain),
    ("PRIMARY", Plain),
    ("PRINT", Control),
    ("PROC", Plain),
    ("PROCEDURE", Plain),
    ("PUBLIC", Plain),
    ("RAISERROR", O(Own::Raiserror)),
    ("READ", Plain),
    ("READTEXT", Refused(Read)),
    ("RECONFIGURE", Refused(Execute)),
    ("REFERENCES", Plain),
    ("REPLICATION", Plain),
    ("RESTORE", Refused(Execute)),
    ("RESTRICT", Plain),
    ("RETURN", Control),
    ("REVERT", Refused(Execute)),
    ("REVOKE", Refused(Schema)),
    ("RIGHT", Plain),
    ("ROLLBACK", Never),
    ("ROWCOUNT", Plain),
    ("ROWGUIDCOL", Plain),
    ("RULE", Plain),
    ("SAVE", Never),
    ("SCHEMA", Plain),
    ("SECURITYAUDIT", Plain),
    ("SELECT", O(Own::Select)),
    ("SEMANTICKEYPHRASETABLE", Plain),
    ("SEMANTICSIMILARITYDETAILSTABLE", Plain),
    ("SEMANTICSIMILARITYTABLE", Plain),
    ("SESSION_USER", Plain),
    ("SET", O(Own::Set)),
    ("SETUSER", Refused(Execute)),
    ("SHUTDOWN", Refused(Execute)),
    ("SOME", Plain),
    ("STATISTICS", Plain),
    ("SYSTEM_USER", Plain),
    ("TABLE", Plain),
    ("TABLESAMPLE", Plain),
    ("TEXTSIZE", Plain),
    ("THEN", Plain),
    ("TO", Plain),
    ("TOP", Plain),
    ("TRAN", Plain),
    ("TRANSACTION", Plain),
    ("TRIGGER", Rule::Schema),
    ("TRUNCATE", O(Own::Truncate)),
    ("TRY_CONVERT", Plain),
    ("TSEQUAL", Plain),
    ("UNION", Plain),
    ("UNIQUE", Plain),
    ("UNPIVOT", Plain),
    ("UPDATE", O(Own::Update)),
    ("UPDATETEXT", Rule::Write),
    ("USE", O(Own::Use)),
    ("USER", Plain),
    ("VALUES", Plain),
    ("VARYING", Plain),
    ("VIEW", Plain),
    ("WAITFOR", Refused(Read)),
    ("WHEN", Plain),
    ("WHERE", Plain),
    ("WHILE", Control),
    ("WITH", O(Own::With)),
    ("WITHIN", Plain),
    ("WRITETEXT", Rule::Write),
];

/// Names that are refused wherever they stand, quoted or not, and what they count as once the operator names them: they read
/// files, run programs, leave the server, or show secrets.
pub const NAMES: &[(&str, Class)] = &[
    ("AI_GENERATE_EMBEDDINGS", Execute),
    ("DM_OS_ENUMERATE_FILESYSTEM", Read),
    ("DM_OS_ENUMERATE_FIXED_DRIVES", Read),
    ("DM_OS_FILE_EXISTS", Read),
    ("FN_DBLOG", Read),
    ("FN_DUMP_DBLOG", Read),
    ("FN_FULL_DBLOG", Read),
    ("FN_GET_AUDIT_FILE", Read),
    ("FN_GET_AUDIT_FILE_V2", Read),
    ("FN_TRACE_GETTABLE", Read),
    ("FN_XE_FILE_TARGET_READ_FILE", Read),
    ("LOGINPROPERTY", Read),
    ("PWDCOMPARE", Read),
    ("PWDENCRYPT", Read),
    ("SP_ADDEXTENDEDPROC", Execute),
    ("SP_ADDLINKEDSERVER", Execute),
    ("SP_ADDLINKEDSRVLOGIN", Execute),
    ("SP_CONFIGURE", Execute),
    ("SP_EXECUTE_EXTERNAL_SCRIPT", Execute),
    ("SP_INVOKE_EXTERNAL_REST_ENDPOINT", Execute),
    ("SP_OACREATE", Execute),
    ("SP_OADESTROY", Execute),
    ("SP_OAGETPROPERTY", Execute),
    ("SP_OAMETHOD", Execute),
    ("SP_OASETPROPERTY", Execute),
    ("SP_SEND_DBMAIL", Execute),
    ("SP_SETAPPROLE", Execute),
    ("SQL_LOGINS", Read),
    ("SYSLOGINS", Read),
    ("SYSXLGNS", Read),
    ("SYSXLOGINS", Read),
    ("XP_CMDSHELL", Execute),
    ("XP_DIRTREE", Execute),
    ("XP_FILEEXIST", Execute),
    ("XP_FIXEDDRIVES", Execute),
    ("XP_REGREAD", Execute),
    ("XP_REGWRITE", Execute),
    ("XP_SUBDIRS", Execute),
];

/// Words that are not reserved, but begin statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the word itself")]
pub enum Starter {
    Able,
    Get,
    Go,
    Next,
    Receive,
    Send,
    Throw,
}

/// Their spellings, sorted.
pub const STARTERS: &[(&str, Starter)] = &[
    ("DISABLE", Starter::Able),
    ("ENABLE", Starter::Able),
    ("GET", Starter::Get),
    ("GO", Starter::Go),
    ("MOVE", Starter::Get),
    ("NEXT", Starter::Next),
    ("RECEIVE", Starter::Receive),
    ("SEND", Starter::Send),
    ("THROW", Starter::Throw),
];

/// Procedures that are refused when they are called; all whose names begin with `XP_` or `SP_CURSOR` are too.
pub const PROCEDURES: &[&str] = &[
    "SP_ADDLOGIN",
    "SP_ADDMESSAGE",
    "SP_ADDROLEMEMBER",
    "SP_ADDSRVROLEMEMBER",
    "SP_ADDUSER",
    "SP_ADD_JOB",
    "SP_ADD_JOBSCHEDULE",
    "SP_ADD_JOBSERVER",
    "SP_ADD_JOBSTEP",
    "SP_ATTACH_DB",
    "SP_BINDSESSION",
    "SP_CHANGEDBOWNER",
    "SP_CHANGE_USERS_LOGIN",
    "SP_CONTROL_DBMASTERKEY_PASSWORD",
    "SP_CYCLE_ERRORLOG",
    "SP_DBOPTION",
    "SP_DEFAULTDB",
    "SP_DELETE_BACKUPHISTORY",
    "SP_DETACH_DB",
    "SP_DROPEXTENDEDPROC",
    "SP_DROPLOGIN",
    "SP_DROPROLEMEMBER",
    "SP_DROPSERVER",
    "SP_DROPSRVROLEMEMBER",
    "SP_DROPUSER",
    "SP_EXECUTE",
    "SP_GRANTDBACCESS",
    "SP_GRANTLOGIN",
    "SP_PASSWORD",
    "SP_PREPARE",
    "SP_PREPEXEC",
    "SP_PROCOPTION",
    "SP_RENAMEDB",
    "SP_REVOKEDBACCESS",
    "SP_REVOKELOGIN",
    "SP_SERVEROPTION",
    "SP_SET_SESSION_CONTEXT",
    "SP_START_JOB",
    "SP_STOP_JOB",
    "SP_TRACE_CREATE",
    "SP_TRACE_SETSTATUS",
    "SP_UNPREPARE",
    "SP_UPDATE_JOBSTEP",
];

/// Procedures that only read the catalog. SQL Server resolves these names in its own schema first.
pub const CATALOG_PROCEDURES: &[&str] = &[
    "SP_COLUMNS",
    "SP_COLUMN_PRIVILEGES",
    "SP_DATABASES",
    "SP_DATATYPE_INFO",
    "SP_DEPENDS",
    "SP_DESCRIBE_FIRST_RESULT_SET",
    "SP_DESCRIBE_UNDECLARED_PARAMETERS",
    "SP_FKEYS",
    "SP_HELP",
    "SP_HELPCONSTRAINT",
    "SP_HELPDB",
    "SP_HELPFILE",
    "SP_HELPFILEGROUP",
    "SP_HELPINDEX",
    "SP_HELPROLE",
    "SP_HELPROTECT",
    "SP_HELPSORT",
    "SP_HELPSTATS",
    "SP_HELPTEXT",
    "SP_HELPTRIGGER",
    "SP_HELPUSER",
    "SP_LOCK",
    "SP_PKEYS",
    "SP_SERVER_INFO",
    "SP_SPECIAL_COLUMNS",
    "SP_SPROC_COLUMNS",
    "SP_STATISTICS",
    "SP_STORED_PROCEDURES",
    "SP_TABLES",
    "SP_TABLE_PRIVILEGES",
    "SP_WHO",
    "SP_WHO2",
];

/// SET options that a caller may use. They end with the call, because it runs inside sp_executesql.
pub const SET_OPTIONS: &[&str] = &[
    "ANSI_NULL_DFLT_OFF",
    "ANSI_NULL_DFLT_ON",
    "ANSI_PADDING",
    "ANSI_WARNINGS",
    "ARITHABORT",
    "ARITHIGNORE",
    "CONCAT_NULL_YIELDS_NULL",
    "DATEFIRST",
    "DATEFORMAT",
    "LANGUAGE",
    "LOCK_TIMEOUT",
    "NOCOUNT",
    "NUMERIC_ROUNDABORT",
    "ROWCOUNT",
    "TEXTSIZE",
];

/// What CREATE, ALTER and DROP may be about. Principals, keys, databases and the server are not among them.
pub const SCHEMA_OBJECTS: &[&str] = &[
    "COLUMN",
    "CONSTRAINT",
    "DEFAULT",
    "FULLTEXT",
    "FUNCTION",
    "INDEX",
    "PARTITION",
    "PERIOD",
    "PROC",
    "PROCEDURE",
    "RULE",
    "SCHEMA",
    "SEQUENCE",
    "STATISTICS",
    "SYNONYM",
    "TABLE",
    "TRIGGER",
    "TYPE",
    "VIEW",
    "XML",
];

/// The longest word of the tables.
const LONGEST: usize = 40;

/// A word in upper case, in place; empty when it is longer than any word that matters or not ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Upper {
    bytes: [u8; LONGEST],
    len: u8,
}

impl Upper {
    /// From a bare or quoted word.
    pub fn of(text: &str) -> Self {
        let mut bytes = [0; LONGEST];
        let mut len = 0;
        if text.len() <= LONGEST && text.is_ascii() {
            for (to, from) in bytes.iter_mut().zip(text.bytes()) {
                *to = from.to_ascii_uppercase();
            }
            len = text.len();
        }
        Self { bytes, len: len as u8 }
    }
    /// As text.
    pub fn as_str(&self) -> &str {
        // It is ASCII, and looking twice costs less than `unsafe` would.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

/// Where each letter's words begin in a sorted table: most words are told apart by their first letter and length.
const fn letters<T>(list: &[(&str, T)]) -> [u16; 27] {
    let mut starts = [0; 27];
    let (mut i, mut letter) = (0, 0);
    while letter < 27 {
        while i < list.len() && (list[i].0.as_bytes()[0] - b'A') < letter as u8 {
            i += 1;
        }
        starts[letter] = i as u16;
        letter += 1;
    }
    starts
}

fn find<T: Copy>(list: &[(&str, T)], starts: &[u16; 27], word: &str) -> Option<T> {
    let letter = word.as_bytes().first()?.to_ascii_uppercase().checked_sub(b'A').filter(|l| *l < 26)?;
    let of = |l: u8| usize::from(starts[usize::from(l)]);
    list[of(letter)..of(letter + 1)]
        .iter()
        .find(|(w, _)| w.len() == word.len() && w.eq_ignore_ascii_case(word))
        .map(|(_, t)| *t)
}

/// The rule of a reserved word, in any case.
pub fn reserved(word: &str) -> Option<Rule> {
    const STARTS: [u16; 27] = letters(RESERVED);
    find(RESERVED, &STARTS, word)
}

/// What a refused name counts as when the operator names it.
pub fn refused_name(word: &str) -> Option<Class> {
    const STARTS: [u16; 27] = letters(NAMES);
    find(NAMES, &STARTS, word)
}

/// A word that is not reserved but may begin a statement, or change what one does.
pub fn starter(word: &str) -> Option<Starter> {
    const STARTS: [u16; 27] = letters(STARTERS);
    find(STARTERS, &STARTS, word)
}

/// Whether a sorted list has a word in upper case.
pub fn has(list: &[&str], word: &str) -> bool {
    list.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_short_enough() {
        assert!(RESERVED.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(STARTERS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(RESERVED.iter().all(|(w, r)| reserved(&w.to_ascii_lowercase()) == Some(*r)));
        assert!(NAMES.iter().all(|(w, c)| refused_name(w) == Some(*c)));
        assert!(STARTERS.iter().all(|(w, s)| starter(w) == Some(*s)));
        assert!(reserved("zebra").is_none() && reserved("_").is_none() && reserved("").is_none());
        for list in [PROCEDURES, CATALOG_PROCEDURES, SET_OPTIONS, SCHEMA_OBJECTS] {
            assert!(list.is_sorted_by(|a, b| a < b));
        }
        let all = RESERVED.iter().map(|w| w.0).chain(NAMES.iter().map(|n| n.0)).chain(PROCEDURES.iter().copied());
        assert!(all.chain(CATALOG_PROCEDURES.iter().copied()).all(|w| w.len() <= LONGEST));
    }

    /// SQL Server's own list has 185; WITHIN GROUP stands here as WITHIN.
    #[test]
    fn every_reserved_word_is_there() {
        assert_eq!(RESERVED.len(), 185);
    }
}
