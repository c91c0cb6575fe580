//! What to write instead, where a text was written for another database: for a text that cannot be derived, and for the errors of SQL Server
//! that come of the same habit (102, 195, 207, 4121).

use crate::lexer::{Kind, Token};

/// Words that open a statement elsewhere.
const OPENING: &[(&str, &str)] = &[
    ("ANALYZE", "SQL Server keeps its statistics itself; SET STATISTICS IO, TIME ON tells what a query costs."),
    ("CALL", "A procedure is called with EXEC name @parameter = value."),
    ("DESC", "EXEC sp_help 'schema.table' or the tool describe_table tells a table's columns."),
    ("DESCRIBE", "EXEC sp_help 'schema.table' or the tool describe_table tells a table's columns."),
    ("EXPLAIN", "SET STATISTICS XML ON before the query returns its plan with its rows."),
    ("FROM", "A query begins with SELECT."),
    ("HELP", "EXEC sp_help, or the tools list_tables and describe_table."),
    ("LIST", "The tool list_tables, or SELECT from sys.tables."),
    ("PRAGMA", "The catalog is in sys.tables, sys.columns and INFORMATION_SCHEMA."),
    ("REPLACE", "Use MERGE, or UPDATE and then INSERT."),
    ("SHOW", "The tool list_tables, or SELECT from sys.databases, sys.tables and sys.columns."),
    ("TABLE", "Write SELECT * FROM the table."),
    ("UPSERT", "Use MERGE, or UPDATE and then INSERT."),
    ("VACUUM", "SQL Server frees its pages itself."),
    ("VALUES", "Write SELECT * FROM (VALUES (1), (2)) AS v (n)."),
];

/// Words that stand elsewhere in a statement, near where it fails.
const WITHIN: &[(&str, &str)] = &[
    (
        "::",
        "A value is converted with CAST(value AS type); only a type has :: before its methods, as in geography::Point.",
    ),
    ("AUTO_INCREMENT", "A column counts by itself with IDENTITY(1, 1)."),
    ("CONFLICT", "Use MERGE, or UPDATE and then INSERT."),
    ("DUPLICATE", "Use MERGE, or UPDATE and then INSERT."),
    ("FETCH", "FETCH needs ORDER BY … OFFSET n ROWS before it; or write SELECT TOP (n)."),
    ("ILIKE", "LIKE compares as the column's collation does, mostly without case; LOWER(a) LIKE LOWER(b) always."),
    ("INTERVAL", "Dates are moved with DATEADD(day, 1, d)."),
    ("LIMIT", "Write SELECT TOP (n) …, or ORDER BY … OFFSET n ROWS FETCH NEXT m ROWS ONLY."),
    ("MINUS", "The difference of two queries is EXCEPT."),
    ("NATURAL", "Write JOIN … ON with the columns."),
    ("NULLS", "NULL sorts first; order by CASE WHEN a IS NULL THEN 1 ELSE 0 END before a to turn that."),
    ("OFFSET", "OFFSET needs ORDER BY before it: ORDER BY … OFFSET n ROWS FETCH NEXT m ROWS ONLY."),
    (
        "QUALIFY",
        "Filter a window function in an outer query: SELECT * FROM (SELECT …, ROW_NUMBER() OVER (…) AS n FROM …) AS q WHERE n = 1.",
    ),
    ("REGEXP", "SQL Server 2025 has REGEXP_LIKE(a, pattern); LIKE knows %, _ and [a-z]."),
    ("REPLACE", "Write CREATE OR ALTER."),
    ("RETURNING", "Changed rows are returned with OUTPUT inserted.* or deleted.*, before FROM, WHERE or VALUES."),
    ("RLIKE", "SQL Server 2025 has REGEXP_LIKE(a, pattern); LIKE knows %, _ and [a-z]."),
    ("SERIAL", "A column counts by itself with IDENTITY(1, 1)."),
    ("SIMILAR", "LIKE knows %, _ and [a-z]."),
    ("USING", "Write JOIN … ON with the columns."),
    (
        "{",
        "Only the ODBC escapes {d '…'}, {t '…'}, {ts '…'}, {fn …}, {guid '…'} and {oj …} are known; leave the braces out.",
    ),
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

/// What a statement that begins like this should be.
pub fn opening(word: &str) -> Option<&'static str> {
    of(OPENING, word)
}

/// What to write instead, for a statement that begins at `start` and cannot be derived from `at` on.
pub fn underived(tokens: &[Token<'_>], start: usize, at: usize) -> Option<&'static str> {
    if start == at
        && let Some(advice) = tokens.get(at).filter(|t| t.kind == Kind::Word).and_then(|t| opening(t.text))
    {
        return Some(advice);
    }
    // The word that no longer fits, the one before it that was taken for a name, and the one behind.
    let near = [Some(at), at.checked_sub(1), Some(at + 1), at.checked_sub(2)];
    let near = near.into_iter().flatten().filter(|i| *i >= start).filter_map(|i| tokens.get(i));
    near.filter(|t| matches!(t.kind, Kind::Word | Kind::Symbol)).find_map(|t| of(WITHIN, t.text))
}

/// What to write instead, for an error of SQL Server about a text.
pub fn for_error(number: u32, message: &str, sql: &str) -> Option<String> {
    let named = message.split('\'').nth(1)?;
    let last = named.rsplit('.').next().unwrap_or(named);
    let instead = match number {
        195 | 4121 => of(FUNCTIONS, last),
        207 => of(COLUMNS, last),
        102 | 156 => return of(WITHIN, named).map(str::to_owned),
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
        for list in [OPENING, WITHIN, FUNCTIONS, COLUMNS] {
            assert!(list.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    #[test]
    fn errors_say_what_to_write() {
        let hint = |n, m: &str, sql: &str| for_error(n, m, sql).unwrap_or_default();
        assert!(hint(195, "'NOW' is not a recognized built-in function name.", "SELECT NOW()").contains("GETDATE()"));
        assert!(hint(207, "Invalid column name 'true'.", "").contains("1: a bit"));
        assert!(hint(207, "Invalid column name 'open'.", "WHERE s = \"open\"").contains("'open'"));
        assert_eq!(hint(207, "Invalid column name 'open'.", "WHERE s = open"), "");
        assert!(hint(102, "Incorrect syntax near 'LIMIT'.", "").contains("TOP"));
        assert_eq!(hint(208, "Invalid object name 'TRUE'.", ""), "");
    }
}
