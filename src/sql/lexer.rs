//! T-SQL tokens, as far as a verdict needs them. Anything that SQL Server might read differently than we do is an error.

/// A token and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text, quotes included.
    pub text: &'a str,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A bare word: a keyword or a name.
    Word,
    /// `[name]` or `"name"`.
    Quoted,
    /// `'…'` or `N'…'`.
    Text,
    /// A number, `0x…` or `$1`.
    Number,
    /// `@name` or `@@name`.
    Variable,
    /// A single punctuation character.
    Symbol,
}

/// What cannot be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// What and why.
    pub reason: String,
}

struct Cursor<'a> {
    sql: &'a str,
    at: usize,
    line: u32,
    column: u32,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<char> {
        self.sql[self.at..].chars().next()
    }
    fn rest(&self) -> &'a str {
        &self.sql[self.at..]
    }
    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }
    fn skip_while(&mut self, f: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&f) {
            self.bump();
        }
    }
    fn fail(&self, reason: impl Into<String>) -> Unreadable {
        Unreadable { line: self.line, column: self.column, reason: reason.into() }
    }
    /// From an opening quote to behind its closing one; a doubled closer stands for itself.
    fn quoted(&mut self, close: char) -> Result<(), Unreadable> {
        let open = self.fail("a quote that is never closed");
        self.bump();
        while let Some(c) = self.bump() {
            if c == close {
                if self.peek() != Some(close) {
                    return Ok(());
                }
                self.bump();
            }
        }
        Err(open)
    }
    fn comment(&mut self) -> Result<(), Unreadable> {
        let open = self.fail("a comment that is never closed");
        let mut depth = 0;
        loop {
            if self.rest().starts_with("/*") {
                depth += 1;
            } else if self.rest().starts_with("*/") {
                depth -= 1;
            } else if self.bump().is_none() {
                return Err(open);
            } else {
                continue;
            }
            self.bump();
            self.bump();
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

fn word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '#'
}

fn word_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$')
}

/// Full-width forms look like ASCII and may be folded to it.
fn deceptive(c: char) -> bool {
    matches!(c as u32, 0xFF01..=0xFFEE)
}

/// Splits a batch into tokens; white space and comments are left out.
pub fn tokens(sql: &str) -> Result<Vec<Token<'_>>, Unreadable> {
    let mut c = Cursor { sql, at: 0, line: 1, column: 1 };
    let mut out = Vec::new();
    while let Some(ch) = c.peek() {
        let (start, line, column) = (c.at, c.line, c.column);
        let kind = match ch {
            '\r' if !c.rest().starts_with("\r\n") => return Err(c.fail("a carriage return without a line feed")),
            ' ' | '\t' | '\n' | '\r' => {
                c.bump();
                continue;
            }
            '-' if c.rest().starts_with("--") => {
                while let Some(n) = c.peek() {
                    if n == '\r' && !c.rest().starts_with("\r\n") || matches!(n, '\u{85}' | '\u{2028}' | '\u{2029}') {
                        return Err(c.fail("a comment with a character that may end its line"));
                    }
                    if n == '\n' {
                        break;
                    }
                    c.bump();
                }
                continue;
            }
            '/' if c.rest().starts_with("/*") => {
                c.comment()?;
                continue;
            }
            '\'' => {
                c.quoted('\'')?;
                Kind::Text
            }
            'N' | 'n' if c.rest()[1..].starts_with('\'') => {
                c.bump();
                c.quoted('\'')?;
                Kind::Text
            }
            '[' => {
                c.quoted(']')?;
                Kind::Quoted
            }
            '"' => {
                c.quoted('"')?;
                Kind::Quoted
            }
            '0' if c.rest()[1..].starts_with(['x', 'X']) => {
                c.bump();
                c.bump();
                c.skip_while(|n| n.is_ascii_hexdigit());
                Kind::Number
            }
            '0'..='9' => {
                number(&mut c);
                Kind::Number
            }
            '.' if c.rest()[1..].starts_with(|n: char| n.is_ascii_digit()) => {
                number(&mut c);
                Kind::Number
            }
            '$' => {
                c.bump();
                number(&mut c);
                Kind::Number
            }
            '@' => {
                c.bump();
                c.skip_while(word_part);
                Kind::Variable
            }
            _ if deceptive(ch) => return Err(c.fail(format!("the full-width character U+{:04X}", ch as u32))),
            _ if word_start(ch) => {
                c.bump();
                c.skip_while(|n| word_part(n) && !deceptive(n));
                Kind::Word
            }
            _ if ch.is_ascii_graphic() => {
                c.bump();
                Kind::Symbol
            }
            _ => return Err(c.fail(format!("the character U+{:04X} outside a string", ch as u32))),
        };
        out.push(Token { kind, text: &sql[start..c.at], line, column });
    }
    Ok(out)
}

/// Ends where SQL Server's number ends: `1DROP` is `1` and `DROP`, `1e` takes its e, `1.` its point.
fn number(c: &mut Cursor<'_>) {
    c.skip_while(|n| n.is_ascii_digit());
    if c.peek() == Some('.') {
        c.bump();
        c.skip_while(|n| n.is_ascii_digit());
    }
    if c.rest().starts_with(['e', 'E']) {
        c.bump();
        if c.rest().starts_with(['+', '-']) {
            c.bump();
        }
        c.skip_while(|n| n.is_ascii_digit());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(sql: &str) -> String {
        tokens(sql)
            .map(|t| t.iter().map(|t| t.text).collect::<Vec<_>>().join(" "))
            .unwrap_or_else(|e| format!("! {}", e.reason))
    }

    #[test]
    fn tokens_end_where_the_servers_do() {
        assert_eq!(words("SELECT 1DROP TABLE t"), "SELECT 1 DROP TABLE t");
        assert_eq!(words("SELECT 1.DELETE FROM t"), "SELECT 1. DELETE FROM t");
        assert_eq!(words("SELECT 1eDELETE FROM t"), "SELECT 1e DELETE FROM t");
        assert_eq!(words("SELECT $.DELETE FROM t"), "SELECT $. DELETE FROM t");
        assert_eq!(words("'a'DROP [a]DROP N'a'DROP"), "'a' DROP [a] DROP N'a' DROP");
        assert_eq!(words("/* a /* b */ c */ x -- y\nz"), "x z");
        assert_eq!(words("[a]]]x"), "[a]]] x");
        assert_eq!(words("'it''s'"), "'it''s'");
    }

    #[test]
    fn what_could_be_read_two_ways_is_refused() {
        for sql in [
            "SELECT 1 --\rDROP TABLE t",
            "SELECT\u{3000}1",
            "SELECT\u{200b}1",
            "ＤＲＯＰ TABLE t",
            "x\u{85}y",
            "'open",
            "/* open",
            "[open",
            "a\rb",
            "SELECT\u{a0}1",
        ] {
            assert!(words(sql).starts_with('!'), "{sql:?}");
        }
    }
}
