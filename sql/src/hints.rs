//! What to write instead, where a text was written for another database: for a text that cannot be
//! derived, and for the errors of SQL Server that come of the same habit (102, 195, 207, 4121).

use crate::lexer::{Token, TokenKind};

/// Beginnings of statements that T-SQL has not. The first that fits counts.
const OPENING: &[(&[&str], &str)] = &[
    (&["#"], "A comment begins with --, or stands between /* and */."),
    (
        &["ANALYZE"],
        "SQL Server keeps its statistics itself; SET STATISTICS IO, TIME ON tells what a query \
         costs.",
    ),
    (&["CALL"], "A procedure is called with EXEC name @parameter = value."),
    (&["CREATE", "EXTENSION"], "SQL Server has no extensions."),
    (
        &["CREATE", "TEMP"],
        "A temporary table is one whose name begins with #: CREATE TABLE #t (…), or SELECT … INTO \
         #t.",
    ),
    (
        &["CREATE", "TEMPORARY"],
        "A temporary table is one whose name begins with #: CREATE TABLE #t (…), or SELECT … INTO \
         #t.",
    ),
    (&["DELIMITER"], "Statements need no delimiter; send one batch at a time."),
    (&["DESC"], "EXEC sp_help 'schema.table' or the tool describe_table tells a table's columns."),
    (
        &["DESCRIBE"],
        "EXEC sp_help 'schema.table' or the tool describe_table tells a table's columns.",
    ),
    (&["DUMP"], "That statement is gone since SQL Server 2008."),
    (&["EXEC", "SHOW"], "Use the tool list_tables, or SELECT from sys.tables."),
    (&["EXECUTE", "IMMEDIATE"], "Send the text itself."),
    (&["EXPLAIN"], "SET STATISTICS XML ON before the query returns its plan with its rows."),
    (&["FROM"], "A query begins with SELECT."),
    (&["HELP"], "Use EXEC sp_help, or the tools list_tables and describe_table."),
    (&["LIST"], "Use the tool list_tables, or SELECT from sys.tables."),
    (&["LISTEN"], "SQL Server has nothing like it."),
    (&["LOAD"], "Files are not read here; send the rows with INSERT … VALUES."),
    (&["NOTIFY"], "SQL Server has nothing like it."),
    (&["PRAGMA"], "The catalog is in sys.tables, sys.columns and INFORMATION_SCHEMA."),
    (&["QUIT"], "A command of a client is none of T-SQL."),
    (&["REPLACE", "INTO"], "Use MERGE, or UPDATE and then INSERT."),
    (
        &["SHOW", "COLUMNS"],
        "EXEC sp_help 'schema.table' or the tool describe_table tells a table's columns.",
    ),
    (
        &["SHOW", "CREATE"],
        "Use the tool describe_table; EXEC sp_helptext 'schema.name' shows the text of a view or \
         procedure.",
    ),
    (&["SHOW", "DATABASES"], "Write SELECT name FROM sys.databases."),
    (&["SHOW", "INDEX"], "Use EXEC sp_helpindex 'schema.table', or sys.indexes."),
    (&["SHOW", "INDEXES"], "Use EXEC sp_helpindex 'schema.table', or sys.indexes."),
    (
        &["SHOW", "PROCESSLIST"],
        "Use EXEC sp_who2, or sys.dm_exec_sessions and sys.dm_exec_requests.",
    ),
    (&["SHOW", "STATUS"], "Use sys.dm_os_performance_counters."),
    (&["SHOW", "VARIABLES"], "Write SELECT name, value_in_use FROM sys.configurations."),
    (
        &["SHOW"],
        "Use the tool list_tables, or SELECT from sys.databases, sys.tables and sys.columns.",
    ),
    (&["SQL", "SELECT"], "Send the text alone, without a label before it."),
    (
        &["START", "TRANSACTION"],
        "Every call is one transaction already: it is committed when all succeeds and rolled back \
         on any error.",
    ),
    (&["TABLE"], "Write SELECT * FROM the table."),
    (&["UPSERT"], "Use MERGE, or UPDATE and then INSERT."),
    (&["VACUUM"], "SQL Server frees its pages itself."),
    (&["VALUES"], "Write SELECT * FROM (VALUES (1), (2)) AS v (n)."),
    (
        &["."],
        "A command of a client is none of T-SQL: use the tools list_tables and describe_table.",
    ),
    (
        &[":"],
        "A command of sqlcmd is none of T-SQL, and a parameter is written @name, with its value \
         in params.",
    ),
    (&["!"], "A command of a client is none of T-SQL."),
];

/// What stands elsewhere in a statement, near where it cannot be derived. `^X` is the statement's
/// first word. The first that fits counts.
const WITHIN: &[(&[&str], &str)] = &[
    (&["^UPDATE", "LIMIT"], "Write UPDATE TOP (n) … SET …."),
    (&["^DELETE", "LIMIT"], "Write DELETE TOP (n) FROM …."),
    (&["^DELETE", "USING"], "Write DELETE t FROM t JOIN u ON …."),
    (&["^INSERT", "REPLACE"], "Use MERGE, or UPDATE and then INSERT."),
    (&["^INSERT", "IGNORE"], "Use INSERT … SELECT … WHERE NOT EXISTS (…)."),
    (&["^CREATE", "REPLACE"], "Write CREATE OR ALTER."),
    (
        &["^CREATE", "IF", "NOT", "EXISTS"],
        "Write IF OBJECT_ID(N'schema.name') IS NULL before CREATE.",
    ),
    (
        &["^UPDATE", "AS"],
        "Name the alias behind UPDATE and the table in FROM: UPDATE a SET … FROM t AS a.",
    ),
    (
        &["^DELETE", "AS"],
        "Name the alias behind DELETE and the table in FROM: DELETE a FROM t AS a.",
    ),
    (&["^SET", "="], "A variable's name begins with @: DECLARE @x int = 1."),
    (&["WITH", "NOLOCK"], "Hints stand in parentheses: WITH (NOLOCK)."),
    (&["WITH", "RECURSIVE"], "Leave RECURSIVE out: a common table expression may name itself."),
    (&["FOR", "UPDATE"], "Write WITH (UPDLOCK) behind the table."),
    (&["CONNECT", "BY"], "Use a recursive common table expression."),
    (
        &["DISTINCT", "ON"],
        "Use ROW_NUMBER() OVER (PARTITION BY … ORDER BY …) in a subquery, and keep the rows with \
         1.",
    ),
    (&["EXCEPT", "ALL"], "EXCEPT and INTERSECT have no ALL."),
    (&["INTERSECT", "ALL"], "EXCEPT and INTERSECT have no ALL."),
    (&["IS", "TRUE"], "A bit is compared with 1 or 0."),
    (&["IS", "FALSE"], "A bit is compared with 1 or 0."),
    (&["IS", "NOT", "TRUE"], "A bit is compared with 1 or 0."),
    (
        &["FETCH", "FIRST"],
        "FETCH needs ORDER BY … OFFSET n ROWS before it; or write SELECT TOP (n).",
    ),
    (&["&", "&"], "Write AND."),
    (&["=", "="], "Equality is a single =."),
    (
        &["::"],
        "A value is converted with CAST(value AS type); only a type has :: before its methods, as \
         in geography::Point.",
    ),
    (
        &["$", "("],
        "A variable of sqlcmd is not replaced here: write @name, and its value in params.",
    ),
    (
        &["{"],
        "If it is a placeholder, write @name, and its value in params; of the ODBC escapes {d \
         '…'}, {t '…'}, {ts '…'}, {fn …}, {guid '…'} and {oj …} are known.",
    ),
    (&[":"], "A parameter is written @name, and its value in params."),
    (&["%"], "A parameter is written @name, and its value in params."),
    (&["AUTO_INCREMENT"], "A column counts by itself with IDENTITY(1, 1)."),
    (&["CONFLICT"], "Use MERGE, or UPDATE and then INSERT."),
    (&["DUPLICATE"], "Use MERGE, or UPDATE and then INSERT."),
    (&["FETCH"], "FETCH needs ORDER BY … OFFSET n ROWS before it; or write SELECT TOP (n)."),
    (&["FILTER"], "Aggregate a CASE: SUM(CASE WHEN … THEN a END)."),
    (&["IF", "("], "Write IIF(condition, a, b), or CASE WHEN … THEN … ELSE … END."),
    (
        &["ILIKE"],
        "LIKE compares as the column's collation does, mostly without case; LOWER(a) LIKE \
         LOWER(b) always.",
    ),
    (&["INTERVAL"], "Dates are moved with DATEADD(day, 1, d)."),
    (&["LATERAL"], "Use CROSS APPLY or OUTER APPLY."),
    (&["LIMIT"], "Write SELECT TOP (n) …, or ORDER BY … OFFSET n ROWS FETCH NEXT m ROWS ONLY."),
    (&["MINUS"], "The difference of two queries is EXCEPT."),
    (&["NATURAL"], "Write JOIN … ON with the columns."),
    (
        &["NULLS"],
        "NULL sorts first; order by CASE WHEN a IS NULL THEN 1 ELSE 0 END before a to turn that.",
    ),
    (
        &["OFFSET"],
        "OFFSET needs ORDER BY before it: ORDER BY … OFFSET n ROWS FETCH NEXT m ROWS ONLY.",
    ),
    (&["OVERLAPS"], "Compare the bounds: a.start < b.end AND b.start < a.end."),
    (
        &["QUALIFY"],
        "Filter a window function in an outer query: SELECT * \
         FROM (SELECT …, ROW_NUMBER() OVER (…) AS n FROM …) AS q WHERE n = 1.",
    ),
    (&["REGEXP"], "SQL Server 2025 has REGEXP_LIKE(a, pattern); LIKE knows %, _ and [a-z]."),
    (
        &["RETURNING"],
        "Changed rows are returned with OUTPUT inserted.* or deleted.*, before FROM, \
         WHERE or VALUES.",
    ),
    (&["RLIKE"], "SQL Server 2025 has REGEXP_LIKE(a, pattern); LIKE knows %, _ and [a-z]."),
    (&["SERIAL"], "A column counts by itself with IDENTITY(1, 1)."),
    (&["SIMILAR"], "LIKE knows %, _ and [a-z]."),
    (&["THROW"], "The statement before THROW needs a ; at its end."),
    (&["USING"], "Write JOIN … ON with the columns."),
    (&["DATE"], "A date is written '2024-01-31', or CAST('2024-01-31' AS date)."),
    (&["TIMESTAMP"], "A time is written '2024-01-31T12:00:00', or CAST('…' AS datetime2)."),
    (&["EXTRACT"], "Write DATEPART(year, d)."),
    (&["<"], "If it is a placeholder, write the name itself, or @name with its value in params."),
];

/// Words of a definition that only other databases know: the text could not run whatever the
/// rights.
const DEFINING: &[(&[&str], &str)] = &[
    (&["AUTO_INCREMENT"], "A column counts by itself with IDENTITY(1, 1)."),
    (&["AUTOINCREMENT"], "A column counts by itself with IDENTITY(1, 1)."),
    (&["SERIAL"], "A column counts by itself with int IDENTITY(1, 1)."),
    (&["BIGSERIAL"], "A column counts by itself with bigint IDENTITY(1, 1)."),
    (&["ENUM", "("], "Use varchar with CHECK (column IN ('a', 'b'))."),
    (
        &["UNSIGNED"],
        "Integers are signed but tinyint; use the next larger type, or CHECK (column >= 0).",
    ),
    (&["BOOLEAN"], "The type is bit."),
    (&["ADD", "COLUMN"], "Write ALTER TABLE … ADD name type, without COLUMN."),
    (&["MODIFY", "COLUMN"], "Write ALTER TABLE … ALTER COLUMN name type."),
    (
        &["RENAME", "COLUMN"],
        "Columns are renamed with EXEC sp_rename 'schema.table.column', 'new', 'COLUMN'.",
    ),
    (&["RENAME", "TO"], "Tables are renamed with EXEC sp_rename 'schema.table', 'new'."),
];

/// What the catalog has instead of a DBCC command that only reads.
const DBCC: &[(&[&str], &str)] = &[
    (&["INPUTBUFFER"], "SELECT event_info FROM sys.dm_exec_input_buffer(session_id, NULL)"),
    (&["LOGINFO"], "SELECT * FROM sys.dm_db_log_info(DB_ID())"),
    (&["OPENTRAN"], "SELECT * FROM sys.dm_tran_active_transactions"),
    (&["PAGE"], "SELECT * FROM sys.dm_db_page_info(DB_ID(), file, page, 'DETAILED')"),
    (
        &["SHOW_STATISTICS"],
        "SELECT * FROM sys.dm_db_stats_histogram(object_id, stats_id), or \
         sys.dm_db_stats_properties",
    ),
    (
        &["SHOWCONTIG"],
        "SELECT * FROM sys.dm_db_index_physical_stats(DB_ID(), NULL, NULL, NULL, 'LIMITED')",
    ),
    (&["SQLPERF"], "SELECT * FROM sys.dm_db_log_space_usage, or sys.dm_os_wait_stats"),
    (&["USEROPTIONS"], "SELECT * FROM sys.dm_exec_sessions WHERE session_id = @@SPID"),
];

/// Functions that SQL Server has under another name (error 195 or 4121).
const FUNCTIONS: &[(&str, &str)] = &[
    ("ARRAY_AGG", "STRING_AGG(value, ',') or FOR JSON PATH"),
    ("CEIL", "CEILING(x)"),
    ("CHAR_LENGTH", "LEN(text)"),
    ("CURDATE", "CAST(GETDATE() AS date)"),
    ("CURTIME", "CAST(GETDATE() AS time)"),
    ("DATE", "CAST(value AS date)"),
    ("DATE_ADD", "DATEADD(day, 1, d)"),
    ("DATE_FORMAT", "FORMAT(d, 'yyyy-MM-dd')"),
    ("DATE_PART", "DATEPART(year, d)"),
    ("DATE_SUB", "DATEADD(day, -1, d)"),
    ("DATE_TRUNC", "DATETRUNC(month, d), from SQL Server 2022 on"),
    ("EXTRACT", "DATEPART(year, d)"),
    ("GEN_RANDOM_UUID", "NEWID()"),
    ("GROUP_CONCAT", "STRING_AGG(value, ',')"),
    ("IF", "IIF(condition, a, b)"),
    ("IFNULL", "ISNULL(a, b) or COALESCE(a, b)"),
    ("INSTR", "CHARINDEX(part, text)"),
    ("LCASE", "LOWER(text)"),
    ("LENGTH", "LEN(text), or DATALENGTH(text) for bytes"),
    ("LISTAGG", "STRING_AGG(value, ',') WITHIN GROUP (ORDER BY value)"),
    ("LN", "LOG(x)"),
    ("LPAD", "RIGHT(REPLICATE('0', n) + text, n)"),
    ("MD5", "HASHBYTES('MD5', text)"),
    ("MOD", "a % b"),
    ("NOW", "GETDATE() or SYSDATETIME()"),
    ("NVL", "ISNULL(a, b) or COALESCE(a, b)"),
    ("POSITION", "CHARINDEX(part, text)"),
    ("RANDOM", "RAND(), or NEWID() to order by chance"),
    ("REGEXP_MATCHES", "REGEXP_LIKE(text, pattern), from SQL Server 2025 on, or LIKE"),
    ("RPAD", "LEFT(text + REPLICATE(' ', n), n)"),
    ("SPLIT_PART", "STRING_SPLIT(text, ',', 1)"),
    ("STRPOS", "CHARINDEX(part, text)"),
    ("STR_TO_DATE", "TRY_CONVERT(date, text, style)"),
    ("SUBSTR", "SUBSTRING(text, start, length)"),
    ("SYSDATE", "SYSDATETIME()"),
    ("TO_CHAR", "FORMAT(value, format) or CONVERT(varchar(20), value, style)"),
    ("TO_DATE", "TRY_CONVERT(date, text, style)"),
    ("TO_NUMBER", "TRY_CONVERT(decimal(18, 2), text)"),
    ("TO_TIMESTAMP", "TRY_CONVERT(datetime2, text, style)"),
    ("TRUNC", "ROUND(x, 0, 1), or CAST(d AS date)"),
    ("UCASE", "UPPER(text)"),
    ("UNNEST", "OPENJSON(text) or STRING_SPLIT(text, ',')"),
    ("UUID", "NEWID()"),
];

/// Words that other databases know without parentheses (error 207).
const COLUMNS: &[(&str, &str)] = &[
    ("CURRENT_DATE", "CAST(GETDATE() AS date)"),
    ("CURRENT_TIME", "CAST(GETDATE() AS time)"),
    ("FALSE", "0: a bit column is compared with 1 or 0"),
    ("LOCALTIME", "CAST(GETDATE() AS time)"),
    ("LOCALTIMESTAMP", "GETDATE()"),
    ("ROWNUM", "SELECT TOP (n), or ROW_NUMBER() OVER (ORDER BY …)"),
    ("SYSDATE", "SYSDATETIME()"),
    ("TRUE", "1: a bit column is compared with 1 or 0"),
];

fn of(list: &[(&'static str, &'static str)], word: &str) -> Option<&'static str> {
    list.iter().find(|(w, _)| w.eq_ignore_ascii_case(word)).map(|(_, advice)| *advice)
}

/// The advice of the first row whose words stand here, one after the other.
fn at<'l>(
    list: &'l [(&'l [&'l str], &'static str)],
    tokens: &[Token<'_>],
    i: usize,
) -> Option<&'static str> {
    list.iter().find(|(words, _)| stand(words, tokens, i)).map(|(_, advice)| *advice)
}

fn stand(words: &[&str], tokens: &[Token<'_>], i: usize) -> bool {
    words.iter().enumerate().all(|(n, w)| {
        tokens.get(i + n).is_some_and(|t| {
            matches!(t.kind, TokenKind::Word | TokenKind::Symbol | TokenKind::Number)
                && t.text.eq_ignore_ascii_case(w)
        })
    })
}

/// What a statement that begins here should be, where it is none of T-SQL.
pub fn opening(tokens: &[Token<'_>], start: usize) -> Option<&'static str> {
    at(OPENING, tokens, start)
}

/// What a definition between two tokens should be, where it has words that only other databases
/// know.
pub fn defining(tokens: &[Token<'_>], start: usize, end: usize) -> Option<(usize, &'static str)> {
    (start..end).find_map(|i| at(DEFINING, tokens, i).map(|advice| (i, advice)))
}

/// What to read instead of this DBCC command.
pub fn dbcc(tokens: &[Token<'_>], command: usize) -> Option<&'static str> {
    at(DBCC, tokens, command)
}

/// What to write instead, for a statement that begins at `start` and cannot be
/// derived from `at` on.
pub fn underived(tokens: &[Token<'_>], start: usize, failed: usize) -> Option<&'static str> {
    if let Some(advice) = opening(tokens, start) {
        return Some(advice);
    }
    // Some words before, because what no longer fits comes behind a word that was taken for a name;
    // and a few behind.
    let near = failed.saturating_sub(6).max(start)..(failed + 3).min(tokens.len());
    WITHIN.iter().find_map(|(words, advice)| {
        let (first, rest) = match words {
            [first, rest @ ..] if first.starts_with('^') => (first.strip_prefix('^'), rest),
            all => (None, *all),
        };
        let begins =
            first.is_none_or(|f| tokens.get(start).is_some_and(|t| t.text.eq_ignore_ascii_case(f)));
        (begins && near.clone().any(|i| stand(rest, tokens, i))).then_some(*advice)
    })
}

/// What to write instead, for an error of SQL Server about a text.
pub fn for_error(number: u32, message: &str, sql: &str) -> Option<String> {
    let named = message.split('\'').nth(1)?;
    let last = named.rsplit('.').next().unwrap_or(named);
    let instead = match number {
        195 | 4121 => of(FUNCTIONS, last),
        207 => of(COLUMNS, last),
        102 | 156 => {
            let known =
                WITHIN.iter().find(|(w, _)| w.len() == 1 && w[0].eq_ignore_ascii_case(named));
            // 156 is "near the keyword": it may have been meant as a name.
            let name = (number == 156)
                .then(|| format!("{named} is a reserved word; as a name it is written [{named}]."));
            return known.map(|(_, a)| (*a).to_owned()).or(name);
        }
        _ => None,
    };
    match instead {
        Some(instead) => Some(format!("In T-SQL, write {instead}.")),
        None if number == 207 && sql.contains(&format!("\"{named}\"")) => {
            Some(format!("\"{named}\" is a column's name in T-SQL; a text is written '{named}'."))
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        for list in [FUNCTIONS, COLUMNS] {
            assert!(list.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    #[test]
    fn errors_say_what_to_write() {
        let hint = |n, m: &str, sql: &str| for_error(n, m, sql).unwrap_or_default();
        assert!(
            hint(195, "'NOW' is not a recognized built-in function name.", "SELECT NOW()")
                .contains("GETDATE()")
        );
        assert!(hint(207, "Invalid column name 'true'.", "").contains("1: a bit"));
        assert!(hint(207, "Invalid column name 'open'.", "WHERE s = \"open\"").contains("'open'"));
        assert_eq!(hint(207, "Invalid column name 'open'.", "WHERE s = open"), "");
        assert!(hint(102, "Incorrect syntax near 'LIMIT'.", "").contains("TOP"));
        assert_eq!(
            hint(156, "Incorrect syntax near the keyword 'order'.", "SELECT order FROM t"),
            "order is a reserved word; as a name it is written [order]."
        );
        assert_eq!(hint(208, "Invalid object name 'TRUE'.", ""), "");
    }
}
