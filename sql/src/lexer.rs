//! T-SQL tokens, as far as a verdict needs them. Anything that SQL Server might read differently
//! than we do is an error.
//!
//! Source: "Transact-SQL syntax conventions", "Database identifiers", "Constants" and "Comment"
//! in SQL Server's documentation.

use crate::characters::{CURRENCIES, deceptive, in_word};

/// A token and where it starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Token<'a> {
    /// What it is to the grammar.
    pub kind: TokenKind,
    /// Its text, quotes included.
    pub text: &'a str,
    /// Where it starts, in bytes.
    pub at: usize,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A bare word: a keyword or a name.
    Word,
    /// A name in `[…]` or `"…"`.
    Quoted,
    /// A text in single quotes, with `N` or without.
    Text,
    /// A number, `0x…`, or money: `$1`, `€1`.
    Number,
    /// `@name`, or `@@name` of the system.
    Variable,
    /// A pseudo-column, such as `$action`.
    Pseudo,
    /// A punctuation character, or `::`.
    Symbol,
}

/// What cannot be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    /// Where it stands, in bytes.
    pub at: usize,
    /// What stands there, in words.
    pub reason: String,
    /// How to write it.
    pub advice: &'static str,
}

impl Token<'_> {
    /// Where it ends, in bytes.
    pub fn end(&self) -> usize {
        self.at + self.text.len()
    }

    /// A name without its quotes; doubled closing quotes stay doubled.
    pub fn bare(&self) -> &str {
        match self.kind {
            TokenKind::Quoted => &self.text[1..self.text.len() - 1],
            _ => self.text,
        }
    }
}

/// Line and column of a place in a text, both from 1, the column in characters.
pub fn position(sql: &str, at: usize) -> (u32, u32) {
    let before = &sql[..at.min(sql.len())];
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    (before.matches('\n').count() as u32 + 1, before[line_start..].chars().count() as u32 + 1)
}

/// Splits a text into tokens; white space and comments are left out.
pub fn tokens(sql: &str) -> Result<Vec<Token<'_>>, Unreadable> {
    let mut lexer = Lexer { sql, bytes: sql.as_bytes(), at: 0 };
    let mut out = Vec::with_capacity((sql.len() / 5 + 4).min(1 << 10));
    while let Some(t) = lexer.next()? {
        if out.len() >= MOST {
            let reason = format!("more than {MOST} words and signs");
            return Err(Unreadable {
                at: t.at,
                reason,
                advice: "Send it in parts; long texts and lists go into params.",
            });
        }
        out.push(t);
    }
    Ok(out)
}

/// Tokens of one text: with all that is made of each, they take about 20 MB.
const MOST: usize = 100_000;

/// Reads token after token.
struct Lexer<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    at: usize,
}

const PLAIN: &str = "Write it in plain characters, and close every quote and comment.";

/// All that may stand behind a `$` as one word; any other word behind it is a word of its own.
const PSEUDO: [&str; 9] = [
    "action",
    "cuid",
    "edge_id",
    "from_id",
    "identity",
    "node_id",
    "partition",
    "rowguid",
    "to_id",
];

/// What a word goes on with, in ASCII.
const PARTS: [bool; 256] = {
    let mut parts = [false; 256];
    let mut b = 0;
    while b < 256 {
        parts[b] =
            (b as u8).is_ascii_alphanumeric() || matches!(b as u8, b'_' | b'@' | b'#' | b'$');
        b += 1;
    }
    parts
};

fn is_part(b: u8) -> bool {
    PARTS[usize::from(b)]
}

impl<'a> Lexer<'a> {
    fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn char(&self) -> Option<char> {
        self.sql[self.at..].chars().next()
    }

    fn fail<T>(&self, at: usize, reason: impl Into<String>) -> Result<T, Unreadable> {
        Err(Unreadable { at, reason: reason.into(), advice: PLAIN })
    }

    /// The next token; none at the end.
    fn next(&mut self) -> Result<Option<Token<'a>>, Unreadable> {
        loop {
            if self.at >= self.bytes.len() {
                return Ok(None);
            }
            let start = self.at;
            let kind = match self.bytes[start] {
                b' ' | b'\t' | b'\n' => {
                    self.at += 1;
                    continue;
                }
                b'\r' if self.byte(1) == b'\n' => {
                    self.at += 2;
                    continue;
                }
                b'\r' => return self.fail(start, "a carriage return without a line feed"),
                b'-' if self.byte(1) == b'-' => {
                    self.line_comment()?;
                    continue;
                }
                b'/' if self.byte(1) == b'*' => {
                    self.comment()?;
                    continue;
                }
                b'N' | b'n' if self.byte(1) == b'\'' => {
                    self.at += 1;
                    self.quoted(start, b'\'')?;
                    TokenKind::Text
                }
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'#' => self.word(),
                b'\'' => {
                    self.quoted(start, b'\'')?;
                    TokenKind::Text
                }
                b'[' => {
                    self.quoted(start, b']')?;
                    TokenKind::Quoted
                }
                b'"' => {
                    self.quoted(start, b'"')?;
                    TokenKind::Quoted
                }
                b'0' if matches!(self.byte(1), b'x' | b'X') => {
                    self.at += 2;
                    self.skip(|b| b.is_ascii_hexdigit());
                    TokenKind::Number
                }
                b'0'..=b'9' => self.number()?,
                b'.' if self.byte(1).is_ascii_digit() => self.number()?,
                b'$' => self.dollar()?,
                b'@' => {
                    self.at += 1;
                    self.word();
                    TokenKind::Variable
                }
                b':' if self.byte(1) == b':' => {
                    self.at += 2;
                    TokenKind::Symbol
                }
                // What stands alone between words.
                b'!' | b'%' | b'&' | b'(' | b')' | b'*' | b'+' | b',' | b'-' | b'.' | b'/'
                | b':' | b';' | b'<' | b'=' | b'>' | b'^' | b'{' | b'|' | b'}' | b'~' => {
                    self.at += 1;
                    TokenKind::Symbol
                }
                b if b.is_ascii() => return Err(self.no_sign(start, b)),
                _ => self.beyond_ascii(start)?,
            };
            return Ok(Some(Token { kind, text: &self.sql[start..self.at], at: start }));
        }
    }

    /// A character of ASCII that T-SQL has no use for outside of a text.
    fn no_sign(&self, at: usize, b: u8) -> Unreadable {
        let (reason, advice) = match b {
            b'`' if self.bytes[at..].starts_with(b"```") => {
                ("a backtick", "Send the text without the fence around it.")
            }
            b'`' => ("a backtick", "T-SQL quotes a name as [name] or \"name\"."),
            b'\\' => (
                "a backslash outside a string",
                "A command of a client (\\d, \\dt) is none of T-SQL: use list_tables and \
                 describe_table. In a text a quote is doubled: 'it''s'.",
            ),
            b'?' => ("a question mark", "Write a parameter as @name, and its value in params."),
            b => {
                let reason = format!("the character U+{b:04X} outside a string");
                return Unreadable { at, reason, advice: PLAIN };
            }
        };
        Unreadable { at, reason: reason.into(), advice }
    }

    fn beyond_ascii(&mut self, start: usize) -> Result<TokenKind, Unreadable> {
        let c = self.char().unwrap_or_default();
        if CURRENCIES.contains(&c) {
            self.at += c.len_utf8();
            return self.number();
        }
        if deceptive(c) {
            return self.fail(start, format!("the look-alike character {c} (U+{:04X})", c as u32));
        }
        if c.is_alphabetic() {
            return Ok(self.word());
        }
        let advice = if c.is_whitespace()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
        {
            "It is a blank of another kind, perhaps from a page or a document: write a plain one."
        } else {
            PLAIN
        };
        Err(Unreadable {
            at: start,
            reason: format!("the character U+{:04X} outside a string", c as u32),
            advice,
        })
    }

    fn skip(&mut self, f: impl Fn(u8) -> bool) {
        while self.bytes.get(self.at).is_some_and(|b| f(*b)) {
            self.at += 1;
        }
    }

    /// The rest of a word.
    fn word(&mut self) -> TokenKind {
        self.skip(is_part);
        while let Some(c) =
            self.char().filter(|c| if c.is_ascii() { is_part(*c as u8) } else { in_word(*c) })
        {
            self.at += c.len_utf8();
        }
        TokenKind::Word
    }

    /// From an opening quote to behind its closing one; a doubled closer stands for itself.
    fn quoted(&mut self, start: usize, close: u8) -> Result<(), Unreadable> {
        self.at += 1;
        loop {
            match self.bytes[self.at..].iter().position(|b| *b == close) {
                None => {
                    let advice = "Close every quote; inside a text a quote is doubled, as in \
                        'it''s', and a backslash does nothing.";
                    return Err(Unreadable {
                        at: start,
                        reason: "a quote that is never closed".into(),
                        advice,
                    });
                }
                Some(n) => self.at += n + 1,
            }
            if self.byte(0) != close {
                return Ok(());
            }
            self.at += 1;
        }
    }

    /// `$` before a pseudo-column's name, or before a constant's digits.
    fn dollar(&mut self) -> Result<TokenKind, Unreadable> {
        self.at += 1;
        let word = self.bytes[self.at..].iter().take_while(|b| is_part(**b)).count();
        if self.bytes.get(self.at + word).is_none_or(u8::is_ascii)
            && PSEUDO.iter().any(|p| p.eq_ignore_ascii_case(&self.sql[self.at..self.at + word]))
        {
            self.at += word;
            return Ok(TokenKind::Pseudo);
        }
        self.number()
    }

    /// Ends where SQL Server's number ends: `1DROP` is `1` and `DROP`, `1.DROP` is `1.` and `DROP`.
    /// An exponent may lack its digits (`9E`, `9E+`); one that then touches something else
    /// (`1eDROP`, `1e--`) could be read in two ways.
    fn number(&mut self) -> Result<TokenKind, Unreadable> {
        self.skip(|b| b.is_ascii_digit());
        if self.byte(0) == b'.' {
            self.at += 1;
            self.skip(|b| b.is_ascii_digit());
        }
        if matches!(self.byte(0), b'e' | b'E') {
            let e = self.at;
            self.at += 1;
            if matches!(self.byte(0), b'+' | b'-') && self.byte(0) != self.byte(1) {
                self.at += 1;
            }
            let digits = self.at;
            self.skip(|b| b.is_ascii_digit());
            let ended = self.at == self.bytes.len()
                || matches!(self.byte(0), b' ' | b'\t' | b'\r' | b'\n' | b',' | b';' | b')')
                || self.byte(0) == b'/' && self.byte(1) == b'*';
            if self.at == digits && !ended {
                return self.fail(e, "a number whose exponent has no digits");
            }
        }
        Ok(TokenKind::Number)
    }

    /// To the end of the line. What some reader might take for a line end is no part of a comment.
    fn line_comment(&mut self) -> Result<(), Unreadable> {
        while let Some(b) = self.bytes.get(self.at) {
            let ends = match b {
                b'\n' => return Ok(()),
                b'\r' => self.byte(1) != b'\n',
                0xb | 0xc => true,
                0xc2 => self.byte(1) == 0x85,
                0xe2 => self.byte(1) == 0x80 && matches!(self.byte(2), 0xa8 | 0xa9),
                _ => false,
            };
            if ends {
                return self.fail(self.at, "a comment with a character that may end its line");
            }
            self.at += 1;
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<(), Unreadable> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match (self.byte(0), self.byte(1)) {
                (b'/', b'*') => depth += 1,
                (b'*', b'/') => depth -= 1,
                _ if self.at >= self.bytes.len() => {
                    return self.fail(start, "a comment that is never closed");
                }
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::characters::look_alike;

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
        assert_eq!(words("SELECT $DELETE FROM t"), "SELECT $ DELETE FROM t");
        assert_eq!(words("'a'DROP [a]DROP N'a'DROP"), "'a' DROP [a] DROP N'a' DROP");
        assert_eq!(words("/* a /* b */ c */ x -- y\nz"), "x z");
        assert_eq!(words("[a]]]x"), "[a]]] x");
        assert_eq!(words("'it''s'"), "'it''s'");
        assert_eq!(words("geography::Point a:b"), "geography :: Point a : b");
        assert_eq!(words("$action $edge_id $5 €2.50 £ 3"), "$action $edge_id $5 €2.50 £ 3");
        assert_eq!(words("9E+ 9E- 9E, 9E/**/-1"), "9E+ 9E- 9E , 9E - 1");
        assert_eq!(
            words("straße Adı İl ＩＤ ﾌﾗｸﾞ ชื่อ cafe\u{301} ﬁeld"),
            "straße Adı İl ＩＤ ﾌﾗｸﾞ ชื่อ cafe\u{301} ﬁeld"
        );
        assert_eq!(look_alike("ＤＲＯＰ").as_deref(), Some("DROP"));
        for (word, plain) in [
            ("\u{130}ı", "ii"),
            ("ſet", "set"),
            ("\u{212a}ill", "kill"),
            ("o\u{fb00}", "off"),
            ("\u{fb01}ll", "fill"),
            ("\u{fb02}ush", "flush"),
            ("o\u{fb03}ce", "office"),
            ("wa\u{fb04}e", "waffle"),
            ("ca\u{fb05}", "cast"),
            ("ca\u{fb06}", "cast"),
        ] {
            assert_eq!(look_alike(word).as_deref(), Some(plain), "{word}");
        }
        assert_eq!((look_alike("Größe"), look_alike("DROP")), (None, None));
        assert_eq!(words("@größe @@ROWCOUNT @"), "@größe @@ROWCOUNT @");
    }

    #[test]
    fn what_could_be_read_two_ways_is_refused() {
        for sql in [
            "SELECT 1 --\rDROP TABLE t",
            "SELECT\u{3000}1",
            "SELECT\u{200b}1",
            "x\u{85}y",
            "'open",
            "/* open",
            "[open",
            "a\rb",
            "SELECT\u{a0}1",
            "SELECT 1eDELETE FROM t",
            "SELECT 1e--2",
            "SELECT 1e+DELETE FROM t",
            "`a`",
            "a = ?",
        ] {
            assert!(words(sql).starts_with('!'), "{sql:?}");
        }
    }

    #[test]
    fn a_position_is_counted_in_characters() {
        assert_eq!(position("äb\ncd", 4), (2, 1));
        assert_eq!(position("äb", 2), (1, 2));
        assert_eq!(position("", 9), (1, 1));
    }
}
