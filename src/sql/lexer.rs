//! T-SQL tokens, as far as a verdict needs them. Anything that SQL Server might read differently than we do is an error.

/// A token and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text, quotes included.
    pub text: &'a str,
    /// Where it starts, in bytes.
    pub at: usize,
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

/// Reads token after token.
struct Lexer<'a> {
    sql: &'a str,
    at: usize,
    line: u32,
    /// Where the line starts, and the bytes since then that are not the first of a character.
    line_start: usize,
    inner: usize,
}

impl<'a> Lexer<'a> {
    fn peek(&self) -> Option<char> {
        match self.sql.as_bytes().get(self.at) {
            // Most of any text.
            Some(b) if b.is_ascii() => Some(char::from(*b)),
            Some(_) => self.sql[self.at..].chars().next(),
            None => None,
        }
    }
    fn column(&self) -> u32 {
        (self.at - self.line_start - self.inner + 1) as u32
    }
    fn rest(&self) -> &'a str {
        &self.sql[self.at..]
    }
    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        self.inner += c.len_utf8() - 1;
        if c == '\n' {
            self.line += 1;
            self.line_start = self.at;
            self.inner = 0;
        }
        Some(c)
    }
    fn skip_while(&mut self, f: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&f) {
            self.bump();
        }
    }
    fn fail(&self, reason: impl Into<String>) -> Unreadable {
        Unreadable { line: self.line, column: self.column(), reason: reason.into() }
    }
    /// From an opening quote to behind its closing one; a doubled closer stands for itself.
    fn quoted(&mut self, close: char) -> Result<(), Unreadable> {
        let (line, column) = (self.line, self.column());
        self.bump();
        while let Some(c) = self.bump() {
            if c == close {
                if self.peek() != Some(close) {
                    return Ok(());
                }
                self.bump();
            }
        }
        Err(Unreadable { line, column, reason: "a quote that is never closed".into() })
    }
    /// Ends where SQL Server's number ends: `1DROP` is `1` and `DROP`, `1.DROP` is `1.` and `DROP`. An exponent without digits that
    /// touches what follows (`1eDROP`, `1e--`) could be read in two ways.
    fn number(&mut self) -> Result<(), Unreadable> {
        self.skip_while(|n| n.is_ascii_digit());
        if self.peek() == Some('.') {
            self.bump();
            self.skip_while(|n| n.is_ascii_digit());
        }
        if self.rest().starts_with(['e', 'E']) {
            let (line, column) = (self.line, self.column());
            self.bump();
            let digits = self.rest().strip_prefix(['+', '-']).unwrap_or(self.rest());
            if digits.starts_with(|n: char| n.is_ascii_digit()) {
                self.bump();
                self.skip_while(|n| n.is_ascii_digit());
            } else if !self.rest().starts_with("/*") && self.peek().is_some_and(|n| !" \t\r\n,;)".contains(n)) {
                return Err(Unreadable { line, column, reason: "a number whose exponent has no digits".into() });
            }
        }
        Ok(())
    }
    /// The rest of a word.
    fn word(&mut self, start: usize, line: u32, column: u32) -> Result<(), Unreadable> {
        let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'@' | b'#' | b'$');
        self.at += self.sql.as_bytes()[self.at..].iter().take_while(|b| part(b)).count();
        if self.peek().is_none_or(|c| c.is_ascii()) && self.sql[start..self.at].is_ascii() {
            return Ok(());
        }
        self.skip_while(|n| word_part(n) && !deceptive(n));
        if folds_to_ascii(&self.sql[start..self.at]) {
            return Err(Unreadable { line, column, reason: "a word of look-alike characters".into() });
        }
        Ok(())
    }
    /// To the end of the line. What some reader might take for a line end is no part of a comment.
    fn line_comment(&mut self) -> Result<(), Unreadable> {
        while let Some(n) = self.peek() {
            if n == '\r' && !self.rest().starts_with("\r\n")
                || matches!(n, '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
            {
                return Err(self.fail("a comment with a character that may end its line"));
            }
            if n == '\n' {
                break;
            }
            self.bump();
        }
        Ok(())
    }
    fn comment(&mut self) -> Result<(), Unreadable> {
        let (line, column) = (self.line, self.column());
        let mut depth = 0;
        loop {
            if self.rest().starts_with("/*") {
                depth += 1;
            } else if self.rest().starts_with("*/") {
                depth -= 1;
            } else if self.bump().is_none() {
                return Err(Unreadable { line, column, reason: "a comment that is never closed".into() });
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

/// What stands alone between words. The backslash, the backtick and the question mark are not among them.
const SYMBOLS: &str = "!%&()*+,-./:;<=>^{|}~";

fn word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '#'
}

fn word_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$')
}

/// Letters that look like ASCII and may be folded to it: full-width, letter-like, enclosed, and all beyond the basic plane.
fn deceptive(c: char) -> bool {
    matches!(c as u32, 0x2071 | 0x207F | 0x2090..=0x209C | 0x2100..=0x214F | 0x2460..=0x24FF | 0xFB00..=0xFB06 | 0xFF01..=0xFFEE | 0x1_0000..)
}

/// A word that becomes ASCII when its case changes (the Kelvin sign is a k, the long s an S) might be taken for a keyword.
fn folds_to_ascii(word: &str) -> bool {
    !word.is_ascii() && (word.to_uppercase().is_ascii() || word.to_lowercase().is_ascii())
}

/// Splits a text into tokens; white space and comments are left out.
pub fn tokens(sql: &str) -> Result<Vec<Token<'_>>, Unreadable> {
    let mut lexer = Lexer::new(sql);
    let mut out = Vec::with_capacity(sql.len() / 5);
    while let Some(t) = lexer.next()? {
        out.push(t);
    }
    Ok(out)
}

/// The batches of a script, split at lines that hold only `GO` or `GO n`, each with the line it starts at. Lines are taken as they
/// stand, even inside of quotes and comments: a quote that is never closed spoils its own batch and no other.
pub fn batches(script: &str) -> Vec<(u32, &str)> {
    let mut out = Vec::new();
    let (mut from, mut at, mut first) = (0, 0, 1);
    for (n, line) in (1..).zip(script.split_inclusive('\n')) {
        let go = line.trim_matches([' ', '\t', '\r', '\n']);
        let count = go.get(..2).filter(|g| g.eq_ignore_ascii_case("GO")).map(|_| go[2..].trim_start());
        let alone = count
            .is_some_and(|c| c.is_empty() || go[2..].starts_with([' ', '\t']) && c.bytes().all(|b| b.is_ascii_digit()));
        if alone {
            out.push((first, &script[from..at]));
            from = at + line.len();
            first = n + 1;
        }
        at += line.len();
    }
    out.push((first, &script[from..]));
    out.retain(|(_, b)| !b.trim().is_empty());
    out
}

impl<'a> Lexer<'a> {
    fn new(sql: &'a str) -> Self {
        Self { sql, at: 0, line: 1, line_start: 0, inner: 0 }
    }

    /// The next token; none at the end.
    fn next(&mut self) -> Result<Option<Token<'a>>, Unreadable> {
        while let Some(ch) = self.peek() {
            let (start, line, column) = (self.at, self.line, self.column());
            let ahead = self.sql.as_bytes().get(start + 1).copied().unwrap_or(0);
            let kind = match ch {
                // Most words are ASCII.
                'a'..='z' | 'A'..='Z' | '_' | '#' if ahead != b'\'' || !matches!(ch, 'n' | 'N') => {
                    self.bump();
                    self.word(start, line, column)?;
                    Kind::Word
                }
                '\r' if !self.rest().starts_with("\r\n") => {
                    return Err(self.fail("a carriage return without a line feed"));
                }
                ' ' | '\t' | '\n' | '\r' => {
                    self.bump();
                    continue;
                }
                '-' if self.rest().starts_with("--") => {
                    self.line_comment()?;
                    continue;
                }
                '/' if self.rest().starts_with("/*") => {
                    self.comment()?;
                    continue;
                }
                '\'' => {
                    self.quoted('\'')?;
                    Kind::Text
                }
                'N' | 'n' if self.rest()[1..].starts_with('\'') => {
                    self.bump();
                    self.quoted('\'')?;
                    Kind::Text
                }
                '[' => {
                    self.quoted(']')?;
                    Kind::Quoted
                }
                '"' => {
                    self.quoted('"')?;
                    Kind::Quoted
                }
                '0' if self.rest()[1..].starts_with(['x', 'X']) => {
                    self.bump();
                    self.bump();
                    self.skip_while(|n| n.is_ascii_hexdigit());
                    Kind::Number
                }
                '0'..='9' => {
                    self.number()?;
                    Kind::Number
                }
                '.' if self.rest()[1..].starts_with(|n: char| n.is_ascii_digit()) => {
                    self.number()?;
                    Kind::Number
                }
                '$' => {
                    self.bump();
                    self.number()?;
                    Kind::Number
                }
                '@' => {
                    self.bump();
                    self.skip_while(word_part);
                    Kind::Variable
                }
                _ if deceptive(ch) => {
                    return Err(self.fail(format!("the look-alike character U+{:04X}", ch as u32)));
                }
                _ if word_start(ch) => {
                    self.bump();
                    self.word(start, line, column)?;
                    Kind::Word
                }
                _ if SYMBOLS.contains(ch) => {
                    self.bump();
                    Kind::Symbol
                }
                _ => return Err(self.fail(format!("the character U+{:04X} outside a string", ch as u32))),
            };
            return Ok(Some(Token { kind, text: &self.sql[start..self.at], at: start, line, column }));
        }
        Ok(None)
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
        assert_eq!(words("SELECT 1e5DELETE FROM t"), "SELECT 1e5 DELETE FROM t");
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
            "SELECT 1eDELETE FROM t",
            "SELECT 1e--2",
            "BAC\u{212a}UP",
        ] {
            assert!(words(sql).starts_with('!'), "{sql:?}");
        }
    }
}
