//! The words that the parser knows, each with its standing: one row per word.

/// Not reserved, and an identifier wherever no rule of the grammar asks for it.
const PLAIN: u8 = 0;
/// Cannot be an alias or a bare identifier.
const RESERVED: u8 = 1;
/// Begins something of T-SQL that this parser does not know: where it stands unexpected, the text
/// may be right.
const ELSEWHERE: u8 = 2;
/// Begins a statement that the sandbox does not run, and that is no call of a procedure either.
const REFUSED: u8 = 4;

macro_rules! keywords {
    ($($variant:ident $text:literal $standing:expr;)*) => {
        /// A word that the grammar asks for somewhere.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Keyword {
            $($variant,)*
        }

        /// In the order of the variants, which is that of the alphabet.
        const TABLE: &[(&str, Keyword, u8)] =
            &[$(($text, Keyword::$variant, $standing),)*];
    };
}

keywords! {
    Action "ACTION" PLAIN;
    Add "ADD" RESERVED;
    All "ALL" RESERVED;
    Alter "ALTER" RESERVED;
    And "AND" RESERVED;
    Any "ANY" RESERVED;
    Apply "APPLY" PLAIN;
    As "AS" RESERVED;
    Asc "ASC" RESERVED;
    At "AT" ELSEWHERE;
    Atomic "ATOMIC" ELSEWHERE;
    Authorization "AUTHORIZATION" RESERVED | ELSEWHERE;
    Auto "AUTO" PLAIN;
    Backup "BACKUP" RESERVED | REFUSED;
    Begin "BEGIN" RESERVED;
    Between "BETWEEN" RESERVED;
    Both "BOTH" PLAIN;
    Break "BREAK" RESERVED;
    Bulk "BULK" ELSEWHERE;
    By "BY" RESERVED;
    Cascade "CASCADE" PLAIN;
    Case "CASE" RESERVED;
    Cast "CAST" PLAIN;
    Catch "CATCH" PLAIN;
    Check "CHECK" RESERVED;
    Checkpoint "CHECKPOINT" RESERVED | REFUSED;
    Close "CLOSE" RESERVED | REFUSED;
    Clustered "CLUSTERED" PLAIN;
    Collate "COLLATE" RESERVED;
    Column "COLUMN" RESERVED;
    Commit "COMMIT" RESERVED;
    Committed "COMMITTED" PLAIN;
    Compute "COMPUTE" ELSEWHERE;
    Constraint "CONSTRAINT" RESERVED;
    Contains "CONTAINS" ELSEWHERE;
    ContextInfo "CONTEXT_INFO" PLAIN;
    Continue "CONTINUE" RESERVED;
    Conversation "CONVERSATION" ELSEWHERE;
    Convert "CONVERT" RESERVED;
    Create "CREATE" RESERVED;
    Cross "CROSS" RESERVED | ELSEWHERE;
    Cube "CUBE" PLAIN;
    Current "CURRENT" ELSEWHERE;
    CurrentTimestamp "CURRENT_TIMESTAMP" RESERVED;
    CurrentUser "CURRENT_USER" RESERVED;
    Cursor "CURSOR" PLAIN;
    Dbcc "DBCC" RESERVED | REFUSED;
    Deallocate "DEALLOCATE" RESERVED | REFUSED;
    Declare "DECLARE" RESERVED;
    Default "DEFAULT" RESERVED | ELSEWHERE;
    Delay "DELAY" PLAIN;
    Delete "DELETE" RESERVED;
    Deny "DENY" RESERVED | REFUSED;
    Desc "DESC" RESERVED;
    Dialog "DIALOG" ELSEWHERE;
    Disable "DISABLE" REFUSED;
    Distinct "DISTINCT" RESERVED;
    Distributed "DISTRIBUTED" ELSEWHERE;
    Drop "DROP" RESERVED;
    Else "ELSE" RESERVED;
    Enable "ENABLE" REFUSED;
    Encrypted "ENCRYPTED" ELSEWHERE;
    End "END" RESERVED;
    Escape "ESCAPE" RESERVED;
    Except "EXCEPT" RESERVED;
    Exec "EXEC" RESERVED;
    Execute "EXECUTE" RESERVED;
    Exists "EXISTS" RESERVED;
    Fetch "FETCH" RESERVED | REFUSED;
    Filestream "FILESTREAM" ELSEWHERE;
    FilestreamOn "FILESTREAM_ON" ELSEWHERE;
    First "FIRST" PLAIN;
    For "FOR" RESERVED | ELSEWHERE;
    Foreign "FOREIGN" RESERVED;
    Freetext "FREETEXT" ELSEWHERE;
    From "FROM" RESERVED;
    Full "FULL" RESERVED;
    Generated "GENERATED" ELSEWHERE;
    Goto "GOTO" RESERVED | REFUSED;
    Grant "GRANT" RESERVED | REFUSED;
    Group "GROUP" RESERVED;
    Grouping "GROUPING" PLAIN;
    Hash "HASH" ELSEWHERE;
    Having "HAVING" RESERVED;
    Hidden "HIDDEN" ELSEWHERE;
    Holdlock "HOLDLOCK" ELSEWHERE;
    Identity "IDENTITY" RESERVED;
    IdentityInsert "IDENTITY_INSERT" PLAIN;
    If "IF" RESERVED;
    Ignore "IGNORE" PLAIN;
    Iif "IIF" PLAIN;
    In "IN" RESERVED;
    Include "INCLUDE" PLAIN;
    IncludeNullValues "INCLUDE_NULL_VALUES" PLAIN;
    Index "INDEX" RESERVED | ELSEWHERE;
    Inner "INNER" RESERVED;
    Insert "INSERT" RESERVED;
    Intersect "INTERSECT" RESERVED;
    Into "INTO" RESERVED;
    Is "IS" RESERVED;
    Isolation "ISOLATION" PLAIN;
    Join "JOIN" RESERVED;
    Json "JSON" PLAIN;
    Key "KEY" RESERVED;
    Kill "KILL" RESERVED | REFUSED;
    Leading "LEADING" PLAIN;
    Left "LEFT" RESERVED;
    Level "LEVEL" PLAIN;
    Like "LIKE" RESERVED;
    Lineno "LINENO" ELSEWHERE | REFUSED;
    Log "LOG" PLAIN;
    Loop "LOOP" ELSEWHERE;
    Mark "MARK" PLAIN;
    Masked "MASKED" ELSEWHERE;
    Max "MAX" PLAIN;
    Maxrecursion "MAXRECURSION" PLAIN;
    Merge "MERGE" RESERVED | ELSEWHERE | REFUSED;
    National "NATIONAL" ELSEWHERE;
    Next "NEXT" PLAIN;
    No "NO" PLAIN;
    Nonclustered "NONCLUSTERED" PLAIN;
    Not "NOT" RESERVED;
    Null "NULL" RESERVED;
    Of "OF" RESERVED | ELSEWHERE;
    Offset "OFFSET" PLAIN;
    Offsets "OFFSETS" PLAIN;
    On "ON" RESERVED;
    Only "ONLY" PLAIN;
    Open "OPEN" RESERVED | REFUSED;
    Opendatasource "OPENDATASOURCE" ELSEWHERE;
    Openquery "OPENQUERY" ELSEWHERE;
    Openrowset "OPENROWSET" ELSEWHERE;
    Openxml "OPENXML" ELSEWHERE;
    Option "OPTION" RESERVED;
    Or "OR" RESERVED;
    Order "ORDER" RESERVED;
    Out "OUT" PLAIN;
    Outer "OUTER" RESERVED | ELSEWHERE;
    Output "OUTPUT" PLAIN;
    Over "OVER" RESERVED;
    Parse "PARSE" PLAIN;
    Partition "PARTITION" PLAIN;
    Path "PATH" PLAIN;
    Percent "PERCENT" ELSEWHERE;
    Period "PERIOD" ELSEWHERE;
    Persisted "PERSISTED" PLAIN;
    Pivot "PIVOT" RESERVED;
    Precision "PRECISION" PLAIN;
    Primary "PRIMARY" RESERVED;
    Print "PRINT" RESERVED;
    Proc "PROC" RESERVED;
    Procedure "PROCEDURE" RESERVED;
    Raiserror "RAISERROR" RESERVED;
    Range "RANGE" PLAIN;
    Read "READ" PLAIN;
    Readonly "READONLY" ELSEWHERE;
    Readtext "READTEXT" ELSEWHERE | REFUSED;
    Receive "RECEIVE" REFUSED;
    Reconfigure "RECONFIGURE" RESERVED | REFUSED;
    References "REFERENCES" RESERVED;
    Remote "REMOTE" ELSEWHERE;
    Replication "REPLICATION" ELSEWHERE;
    Respect "RESPECT" PLAIN;
    Restore "RESTORE" RESERVED | REFUSED;
    Return "RETURN" RESERVED;
    Revert "REVERT" REFUSED;
    Revoke "REVOKE" RESERVED | REFUSED;
    Right "RIGHT" RESERVED;
    Rollback "ROLLBACK" RESERVED;
    Rollup "ROLLUP" PLAIN;
    Root "ROOT" PLAIN;
    Row "ROW" PLAIN;
    Rowguidcol "ROWGUIDCOL" PLAIN;
    Rows "ROWS" PLAIN;
    Save "SAVE" RESERVED | REFUSED;
    Schema "SCHEMA" PLAIN;
    Select "SELECT" RESERVED;
    Send "SEND" REFUSED;
    SessionUser "SESSION_USER" PLAIN;
    Set "SET" RESERVED;
    Seterror "SETERROR" PLAIN;
    Sets "SETS" PLAIN;
    Setuser "SETUSER" REFUSED;
    Shutdown "SHUTDOWN" RESERVED | REFUSED;
    Some "SOME" RESERVED;
    Sparse "SPARSE" PLAIN;
    Statistics "STATISTICS" PLAIN;
    SystemUser "SYSTEM_USER" PLAIN;
    Table "TABLE" RESERVED;
    Tablesample "TABLESAMPLE" ELSEWHERE;
    TextimageOn "TEXTIMAGE_ON" ELSEWHERE;
    Then "THEN" RESERVED;
    Throw "THROW" PLAIN;
    Ties "TIES" PLAIN;
    Time "TIME" PLAIN;
    Top "TOP" RESERVED;
    Trailing "TRAILING" PLAIN;
    Tran "TRAN" RESERVED;
    Transaction "TRANSACTION" RESERVED;
    Trigger "TRIGGER" RESERVED;
    Trim "TRIM" PLAIN;
    Truncate "TRUNCATE" RESERVED;
    Try "TRY" PLAIN;
    TryCast "TRY_CAST" PLAIN;
    TryConvert "TRY_CONVERT" PLAIN;
    TryParse "TRY_PARSE" PLAIN;
    Uncommitted "UNCOMMITTED" PLAIN;
    Union "UNION" RESERVED;
    Unique "UNIQUE" RESERVED;
    Unpivot "UNPIVOT" RESERVED;
    Update "UPDATE" RESERVED;
    Updatetext "UPDATETEXT" ELSEWHERE | REFUSED;
    Use "USE" RESERVED;
    User "USER" PLAIN;
    Using "USING" PLAIN;
    Value "VALUE" PLAIN;
    Values "VALUES" RESERVED;
    Varying "VARYING" PLAIN;
    View "VIEW" RESERVED;
    Waitfor "WAITFOR" RESERVED;
    When "WHEN" RESERVED;
    Where "WHERE" RESERVED;
    While "WHILE" RESERVED;
    Window "WINDOW" ELSEWHERE;
    With "WITH" RESERVED | ELSEWHERE;
    Within "WITHIN" ELSEWHERE;
    WithoutArrayWrapper "WITHOUT_ARRAY_WRAPPER" PLAIN;
    Work "WORK" PLAIN;
    Writetext "WRITETEXT" ELSEWHERE | REFUSED;
    Xmlnamespaces "XMLNAMESPACES" PLAIN;
    Zone "ZONE" PLAIN;
}

impl Keyword {
    /// The keyword that a word is, whatever its case.
    pub(crate) fn of(word: &str) -> Option<Self> {
        let upper = word.to_ascii_uppercase();
        let at = TABLE.binary_search_by(|(text, ..)| (*text).cmp(upper.as_str())).ok()?;
        Some(TABLE[at].1)
    }

    /// The word in upper case.
    pub(crate) fn text(self) -> &'static str {
        TABLE[self as usize].0
    }

    /// Cannot be an alias or a bare identifier.
    pub(crate) fn is_reserved(self) -> bool {
        TABLE[self as usize].2 & RESERVED != 0
    }

    /// Begins what this parser does not know.
    pub(crate) fn is_elsewhere(self) -> bool {
        TABLE[self as usize].2 & ELSEWHERE != 0
    }

    /// Begins a statement that the sandbox does not run.
    pub(crate) fn is_refused(self) -> bool {
        TABLE[self as usize].2 & REFUSED != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_alphabet_and_of_the_variants() {
        for (at, (text, keyword, _)) in TABLE.iter().enumerate() {
            assert_eq!(*keyword as usize, at, "{text}");
            assert_eq!(keyword.text(), *text);
            assert_eq!(Keyword::of(&text.to_lowercase()), Some(*keyword), "{text}");
        }
        assert!(TABLE.windows(2).all(|w| w[0].0 < w[1].0));
        assert_eq!(Keyword::of("symbol"), None);
    }

    #[test]
    fn words_have_the_standing_of_their_row() {
        let standing = |k: Keyword| (k.is_reserved(), k.is_elsewhere(), k.is_refused());
        assert_eq!(standing(Keyword::Select), (true, false, false));
        assert_eq!(standing(Keyword::With), (true, true, false));
        assert_eq!(standing(Keyword::Percent), (false, true, false));
        assert_eq!(standing(Keyword::Revert), (false, false, true));
        assert_eq!(standing(Keyword::Grant), (true, false, true));
        assert_eq!(standing(Keyword::Output), (false, false, false));
    }
}
