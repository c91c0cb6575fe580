//! Which of the forms a text has, by its shape alone.

use std::fmt;

use crate::grammar::is_pasted_quoted;
use crate::keywords::{Means, find, normal};

/// How a connection string is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `Server=…;User ID=…`, as `Microsoft.Data.SqlClient` reads it.
    AdoNet,
    /// `Driver={…};Server=…;UID=…`, as msodbcsql reads it (MS-ODBCSTR).
    Odbc,
    /// `jdbc:sqlserver://HOST:PORT;databaseName=…`; Prisma's `sqlserver://HOST:PORT;database=…` is
    /// written by the same rules.
    Jdbc,
    /// `sqlserver://USER:PASSWORD@HOST:PORT/…?…` and its like (RFC 3986).
    Url,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AdoNet => "ADO.NET",
            Self::Odbc => "ODBC",
            Self::Jdbc => "JDBC",
            Self::Url => "URL",
        })
    }
}

/// A text whose form is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) form: Form,
    /// Where its grammar begins: behind `odbc:` and `://`.
    pub(crate) start: usize,
    /// What stands before `://`; empty for the others.
    pub(crate) scheme: Scheme,
}

/// The schemes differ in what a path means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    None,
    /// `odbc:`, the ODBC form of go-mssqldb, which has its own words for yes and no.
    GoOdbc,
    /// go-mssqldb and dbhub.
    SqlServer,
    /// tedious and others.
    Mssql,
    /// `mssql+DRIVER` of SQLAlchemy.
    SqlAlchemy,
}

// === impl Form ===

impl Form {
    /// The form of a text without blanks around it.
    ///
    /// The error is one line, for a text that is no connection string of SQL Server's.
    pub(crate) fn of(text: &str) -> Result<Shape, String> {
        if starts(text, "jdbc:") {
            return jdbc(text);
        }
        if starts(text, "odbc:") {
            return Ok(Shape { form: Self::Odbc, start: 5, scheme: Scheme::GoOdbc });
        }
        if let Some(start) = behind_scheme(text) {
            return url(text, start);
        }
        if is_pasted_quoted(text) {
            return Err("the string stands in quotation marks: paste what is between them".into());
        }
        if !text.contains('=') {
            return Err(
                "this is no connection string: expected KEYWORD=VALUE;…, jdbc:sqlserver://… \
                        or sqlserver://…"
                    .into(),
            );
        }
        let form = if is_odbc(text) { Self::Odbc } else { Self::AdoNet };
        Ok(Shape { form, start: 0, scheme: Scheme::None })
    }
}

fn starts(text: &str, with: &str) -> bool {
    text.get(..with.len()).is_some_and(|t| t.eq_ignore_ascii_case(with))
}

fn jdbc(text: &str) -> Result<Shape, String> {
    const PREFIX: &str = "jdbc:sqlserver://";
    if starts(text, PREFIX) {
        return Ok(Shape { form: Form::Jdbc, start: PREFIX.len(), scheme: Scheme::None });
    }
    Err(if starts(text, "jdbc:jtds:") {
        "jdbc:jtds: is not read: write jdbc:sqlserver://HOST:PORT;databaseName=NAME;user=…;password=…"
            .into()
    } else {
        "jdbc: only jdbc:sqlserver:// is SQL Server's".into()
    })
}

/// Where a text goes on behind its scheme (RFC 3986 §3.1) and `://`.
fn behind_scheme(text: &str) -> Option<usize> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))?;
    let letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
    (letter && text[end..].starts_with("://")).then_some(end + 3)
}

fn url(text: &str, start: usize) -> Result<Shape, String> {
    let name = text[..start - 3].to_ascii_lowercase();
    let scheme = match name.as_str() {
        "sqlserver" => Scheme::SqlServer,
        "mssql" => Scheme::Mssql,
        n if n.starts_with("mssql+") => Scheme::SqlAlchemy,
        _ => {
            return Err(
                "the scheme before :// is not one of SQL Server's: expected sqlserver, mssql \
                        or mssql+DRIVER"
                    .into(),
            );
        }
    };
    let form = if is_prismas(&text[start..]) { Form::Jdbc } else { Form::Url };
    Ok(Shape { form, start, scheme })
}

/// `HOST:PORT;KEYWORD=…`: semicolons before anything that a URL has, and a known keyword behind.
fn is_prismas(rest: &str) -> bool {
    let Some(at) = rest.find([';', '/', '?', '#', '@']) else { return false };
    let Some(behind) = rest[at..].strip_prefix(';') else { return false };
    behind.split_once('=').is_some_and(|(key, _)| find(key.trim()).is_some())
}

/// Whether there is a keyword of ODBC's driver manager, or braces around a value. Braces are plain
/// characters to ADO.NET, so they count only where no keyword says that it is ADO.NET's.
fn is_odbc(text: &str) -> bool {
    let (mut braces, mut ado) = (false, false);
    let mut unclosed = Vec::new();
    let mut rest = text;
    while let Some((key, value)) = rest.split_once('=') {
        let key = normal(key.trim_start_matches(|c: char| c == ';' || c.is_whitespace()));
        match find(&key).map(|k| k.means) {
            Some(Means::Dsn) => return true,
            _ if key == "driver" => return true,
            _ => {}
        }
        ado |= matches!(
            key.as_str(),
            "datasource" | "initialcatalog" | "userid" | "user" | "password" | "integratedsecurity"
        );
        let value = value.trim_start();
        braces |= value.starts_with('{');
        rest = &value[ahead(value, &mut unclosed)..];
    }
    braces && !ado
}

/// How much of a text belongs to the value at its beginning, whichever quotes are around it. A mark
/// that is once found to be never closed is no quote to whoever reads on, and not looked for again.
fn ahead(value: &str, unclosed: &mut Vec<char>) -> usize {
    let end = |from: usize| value[from..].find(';').map_or(value.len(), |at| from + at);
    let close = match value.chars().next() {
        Some('{') => '}',
        Some(quote @ ('"' | '\'')) => quote,
        _ => return end(0),
    };
    if unclosed.contains(&close) {
        return end(0);
    }
    let mut at = 1;
    while let Some(found) = value[at..].find(close) {
        at += found + 1;
        if !value[at..].starts_with(close) {
            return end(at);
        }
        at += 1;
    }
    unclosed.push(close);
    end(0)
}
