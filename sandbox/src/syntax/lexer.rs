//! T-SQL text to tokens. The guard's own lexer, in the crate `sql`, judges text; this one feeds a
//! parser, and the crates share no edge.

use super::keyword::Keyword;
use crate::error::{Error, Result};
use crate::messages;
use crate::types::currency;

/// A bare word: keyword or identifier.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    /// As it is written.
    pub(crate) text: String,
    pub(crate) keyword: Option<Keyword>,
}

impl Word {
    pub(crate) fn is_reserved(&self) -> bool {
        self.keyword.is_some_and(Keyword::is_reserved)
    }
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    Word(Word),
    /// An identifier in brackets or double quotation marks, without them.
    Quoted(String),
    /// A constant between apostrophes.
    Text(String),
    /// The same, with an N before it.
    UnicodeText(String),
    /// Digits with or without a point or an exponent.
    Number(String),
    /// `$1.50`, without its sign of currency.
    Money(String),
    /// A constant of hexadecimal digits.
    Bytes(Vec<u8>),
    /// With its `@`, or its two of them.
    Variable(String),
    /// Punctuation or an operator.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// A token and where it starts.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    /// The number of its line, from 1.
    pub(crate) line: u32,
    /// In bytes of the text.
    pub(crate) offset: usize,
}

/// The longer ones first, where one begins with another.
const SYMBOLS: [&str; 29] = [
    "<>", "!=", "<=", ">=", "!<", "!>", "+=", "-=", "*=", "/=", "%=", "::", "(", ")", ",", ";",
    ".", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|", "^", "~",
];

/// Splits a text; the last token is [`TokenKind::End`].
pub(crate) fn tokens(sql: &str) -> Result<Vec<Token>> {
    let mut lexer = Lexer { sql, at: 0, line: 1 };
    let mut out = Vec::new();
    loop {
        lexer.skip_blanks_and_comments()?;
        let (line, offset) = (lexer.line, lexer.at);
        let kind = lexer.token()?;
        let end = kind == TokenKind::End;
        out.push(Token { kind, line, offset });
        if end {
            return Ok(out);
        }
    }
}

struct Lexer<'a> {
    sql: &'a str,
    /// The bytes that were read.
    at: usize,
    line: u32,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.sql[self.at..]
    }

    /// The byte `ahead` of the next one; 0 behind the end.
    fn byte(&self, ahead: usize) -> u8 {
        self.sql.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn skip_blanks_and_comments(&mut self) -> Result<()> {
        while let Some(c) = self.rest().chars().next() {
            if c.is_ascii_whitespace() || matches!(c, '\u{feff}' | '\u{a0}') {
                self.line += u32::from(c == '\n');
                self.at += c.len_utf8();
            } else if self.rest().starts_with("--") {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else if self.rest().starts_with("/*") {
                self.skip_comment()?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// `/* … */`, which nests.
    fn skip_comment(&mut self) -> Result<()> {
        let (mut depth, first_line) = (0, self.line);
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return Ok(());
                }
            } else {
                let Some(c) = rest.chars().next() else {
                    return Err(messages::unclosed_comment().at(first_line));
                };
                self.line += u32::from(c == '\n');
                self.at += c.len_utf8();
            }
        }
    }

    fn token(&mut self) -> Result<TokenKind> {
        let Some(first) = self.rest().chars().next() else { return Ok(TokenKind::End) };
        match first {
            '\'' => self.quoted('\'').map(TokenKind::Text),
            'N' | 'n' if self.byte(1) == b'\'' => {
                self.at += 1;
                self.quoted('\'').map(TokenKind::UnicodeText)
            }
            '[' => self.quoted(']').map(TokenKind::Quoted),
            '"' => self.quoted('"').map(TokenKind::Quoted),
            '0' if matches!(self.byte(1), b'x' | b'X') => Ok(self.bytes()),
            '0'..='9' => Ok(TokenKind::Number(self.number())),
            '.' if self.byte(1).is_ascii_digit() => Ok(TokenKind::Number(self.number())),
            '$' if self.money_follows() => self.money(),
            // ODBC escapes, labels, $IDENTITY and its like.
            '{' | '}' | ':' | '$' if !self.rest().starts_with("::") => {
                Err(Error::unsupported(format!("the character {first}")).at(self.line))
            }
            '@' => {
                let start = self.at;
                self.skip_word();
                Ok(TokenKind::Variable(self.sql[start..self.at].to_owned()))
            }
            c if c.is_alphabetic() || c == '_' || c == '#' => Ok(self.word()),
            c => self.symbol(c),
        }
    }

    fn symbol(&mut self, first: char) -> Result<TokenKind> {
        if let Some(symbol) = SYMBOLS.iter().find(|s| self.rest().starts_with(**s)) {
            self.at += symbol.len();
            return Ok(TokenKind::Symbol(symbol));
        }
        if currency(first) {
            return Err(Error::unsupported("a money constant in this currency").at(self.line));
        }
        Err(Error::syntax(&first.to_string(), self.line))
    }

    fn word(&mut self) -> TokenKind {
        let start = self.at;
        self.skip_word();
        let text = self.sql[start..self.at].to_owned();
        TokenKind::Word(Word { keyword: Keyword::of(&text), text })
    }

    fn skip_word(&mut self) {
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$');
        self.at += self.rest().find(|c| !inside(c)).unwrap_or(self.rest().len());
    }

    /// `0x` and its digits, of which an odd number gets a zero in front.
    fn bytes(&mut self) -> TokenKind {
        let digits: String = self.rest()[2..].chars().take_while(char::is_ascii_hexdigit).collect();
        self.at += 2 + digits.len();
        let even = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits };
        let pairs = (0..even.len()).step_by(2);
        TokenKind::Bytes(
            pairs.filter_map(|at| u8::from_str_radix(&even[at..at + 2], 16).ok()).collect(),
        )
    }

    fn number(&mut self) -> String {
        let start = self.at;
        self.skip_digits();
        if self.byte(0) == b'.' {
            self.at += 1;
            self.skip_digits();
        }
        if matches!(self.byte(0), b'e' | b'E') {
            self.at += 1;
            if matches!(self.byte(0), b'+' | b'-') {
                self.at += 1;
            }
            self.skip_digits();
        }
        self.sql[start..self.at].to_owned()
    }

    fn skip_digits(&mut self) {
        while self.byte(0).is_ascii_digit() {
            self.at += 1;
        }
    }

    fn money_follows(&self) -> bool {
        let number = self.rest()[1..].trim_start_matches(['+', '-']);
        number.starts_with(|c: char| c.is_ascii_digit() || c == '.')
    }

    fn money(&mut self) -> Result<TokenKind> {
        self.at += 1;
        let sign: String = self.rest().chars().take_while(|c| "+-".contains(*c)).collect();
        self.at += sign.len();
        let money = sign + &self.number();
        // Whether the server reads on behind a comma, its page of constants does not tell.
        if self.byte(0) == b',' && self.byte(1).is_ascii_digit() {
            let what = format!("the money constant ${money}, with a comma");
            return Err(Error::unsupported(what).at(self.line));
        }
        Ok(TokenKind::Money(money))
    }

    /// From the opening quote to behind the closing one; doubled closers stand for one.
    fn quoted(&mut self, close: char) -> Result<String> {
        let (mut out, first_line) = (String::new(), self.line);
        self.at += 1;
        let mut chars = self.rest().char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            self.line += u32::from(c == '\n');
            if c == close && chars.next_if(|(_, next)| *next == close).is_none() {
                self.at += offset + 1;
                return Ok(out);
            }
            out.push(c);
        }
        Err(messages::unclosed_quotation_mark(&out).at(first_line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(sql: &str) -> Vec<TokenKind> {
        let mut kinds: Vec<TokenKind> =
            tokens(sql).expect(sql).into_iter().map(|t| t.kind).collect();
        assert_eq!(kinds.pop(), Some(TokenKind::End));
        kinds
    }

    fn refused(sql: &str) -> (u32, u32) {
        let e = tokens(sql).expect_err(sql);
        (e.number, e.line)
    }

    #[test]
    fn words_know_which_keyword_they_are() {
        let words = kinds("sElect a_1@#$");
        let [TokenKind::Word(select), TokenKind::Word(name)] = words.as_slice() else {
            panic!("two words: {words:?}")
        };
        assert_eq!((select.text.as_str(), select.keyword), ("sElect", Some(Keyword::Select)));
        assert!(select.is_reserved() && !name.is_reserved());
        assert_eq!(name.text, "a_1@#$");
    }

    #[test]
    fn quotes_are_doubled_inside_themselves() {
        use TokenKind::{Quoted, Text, UnicodeText};
        let quoted = [
            ("'it''s'", Text("it's".into())),
            ("N'東京'", UnicodeText("東京".into())),
            ("n''", UnicodeText(String::new())),
            ("[a]]b]", Quoted("a]b".into())),
            ("\"a\"\"b\"", Quoted("a\"b".into())),
            ("[a''b]", Quoted("a''b".into())),
        ];
        for (sql, kind) in quoted {
            assert_eq!(kinds(sql), [kind], "{sql}");
        }
    }

    #[test]
    fn numbers_money_and_bytes() {
        use TokenKind::{Bytes, Money, Number};
        let constants = [
            ("12", Number("12".into())),
            ("1.5", Number("1.5".into())),
            (".5", Number(".5".into())),
            ("5.", Number("5.".into())),
            ("1e3", Number("1e3".into())),
            ("1.5E-2", Number("1.5E-2".into())),
            ("1e+2", Number("1e+2".into())),
            ("$1.50", Money("1.50".into())),
            ("$-2", Money("-2".into())),
            ("0x", Bytes(vec![])),
            ("0xABC", Bytes(vec![0x0A, 0xBC])),
            ("0X10", Bytes(vec![0x10])),
        ];
        for (sql, kind) in constants {
            assert_eq!(kinds(sql), [kind], "{sql}");
        }
    }

    #[test]
    fn symbols_are_as_long_as_they_can_be() {
        let symbols: Vec<TokenKind> =
            ["<>", "<=", "!<", "+=", "::", "<", "-", "."].map(TokenKind::Symbol).into();
        assert_eq!(kinds("<> <= !< += :: < - ."), symbols);
        assert_eq!(kinds("a.@b")[2], TokenKind::Variable("@b".into()));
    }

    #[test]
    fn blanks_and_comments_separate_and_lines_are_counted() {
        let all = tokens("a\u{feff}\u{a0}-- b\n/* c /* d */\n*/ e '\n' f").expect("tokens");
        let places: Vec<(u32, usize)> = all.iter().map(|t| (t.line, t.offset)).collect();
        assert_eq!(places, [(1, 0), (3, 27), (3, 29), (4, 33), (4, 34)]);
    }

    #[test]
    fn what_is_not_closed_or_not_known_is_an_error_in_its_line() {
        assert_eq!(refused("\n/* /* */"), (113, 2));
        assert_eq!(refused("\n'a\n"), (105, 2));
        assert_eq!(refused("[a"), (105, 1));
        assert_eq!(refused("\n?"), (102, 2));
        for sql in ["{fn x}", ":label", "$identity", "£5", "$1,000"] {
            assert_eq!(refused(sql), (49_999, 1), "{sql}");
        }
    }
}
