//! T-SQL text to tokens. The server's own lexer in `mssql-mcp` judges text; this one feeds a
//! parser, and the crates share no edge.

use crate::error::{Error, Result};

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub enum Tok {
    /// A bare word: keyword or identifier.
    Word(String),
    /// A bracketed or double-quoted identifier.
    Quoted(String),
    /// `'…'`.
    Str(String),
    /// `N'…'`.
    NStr(String),
    /// Digits with or without a point or an exponent.
    Number(String),
    /// `$1.50`.
    Money(String),
    /// `0x…`.
    Hex(Vec<u8>),
    /// `@name` or `@@name`.
    Var(String),
    /// Punctuation and operators.
    Sym(&'static str),
    /// End of text.
    End,
}

/// A token and the line it starts in.
#[derive(Debug, Clone)]
pub struct Token {
    /// What it is.
    pub tok: Tok,
    /// From 1.
    pub line: u32,
    /// Byte offset of its start.
    pub at: usize,
}

const SYMBOLS: [&str; 29] = [
    "<>", "!=", "<=", ">=", "!<", "!>", "+=", "-=", "*=", "/=", "%=", "::", "(", ")", ",", ";",
    ".", "=", "<", ">", "+", "-", "*", "/", "%", "&", "|", "^", "~",
];

/// Splits a batch.
pub fn tokens(sql: &str) -> Result<Vec<Token>> {
    let b = sql.as_bytes();
    let (mut i, mut line) = (0, 1);
    let mut out = Vec::new();
    while i < b.len() {
        let c = b[i];
        let (start, first_line) = (i, line);
        let rest = &sql[i..];
        let tok = match c {
            b'\n' => {
                line += 1;
                i += 1;
                continue;
            }
            _ if c.is_ascii_whitespace()
                || rest.starts_with('\u{feff}')
                || rest.starts_with('\u{a0}') =>
            {
                i += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            }
            b'-' if rest.starts_with("--") => {
                i += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            b'/' if rest.starts_with("/*") => {
                let mut depth = 0;
                loop {
                    let r = &b[i..];
                    if r.is_empty() {
                        return Err(
                            Error::new(113, 15, "Missing end comment mark '*/'.").at(first_line)
                        );
                    }
                    if r.starts_with(b"/*") {
                        depth += 1;
                        i += 2;
                    } else if r.starts_with(b"*/") {
                        depth -= 1;
                        i += 2;
                        if depth == 0 {
                            break;
                        }
                    } else {
                        line += u32::from(r[0] == b'\n');
                        i += 1;
                    }
                }
                continue;
            }
            b'\'' => Tok::Str(quoted(sql, &mut i, '\'', &mut line)?),
            b'N' | b'n' if b.get(i + 1) == Some(&b'\'') => {
                i += 1;
                Tok::NStr(quoted(sql, &mut i, '\'', &mut line)?)
            }
            b'[' => Tok::Quoted(quoted(sql, &mut i, ']', &mut line)?),
            b'"' => Tok::Quoted(quoted(sql, &mut i, '"', &mut line)?),
            b'0' if matches!(b.get(i + 1), Some(b'x' | b'X')) => {
                let hex: String = rest[2..].chars().take_while(char::is_ascii_hexdigit).collect();
                i += 2 + hex.len();
                let even = if hex.len() % 2 == 1 { format!("0{hex}") } else { hex };
                Tok::Hex(
                    (0..even.len())
                        .step_by(2)
                        .filter_map(|k| u8::from_str_radix(&even[k..k + 2], 16).ok())
                        .collect(),
                )
            }
            _ if c.is_ascii_digit()
                || c == b'.' && b.get(i + 1).is_some_and(u8::is_ascii_digit) =>
            {
                Tok::Number(number(b, &mut i))
            }
            b'$' if rest[1..]
                .trim_start_matches(['+', '-'])
                .starts_with(|d: char| d.is_ascii_digit() || d == '.') =>
            {
                i += 1;
                let sign = rest[1..].chars().take_while(|c| "+-".contains(*c)).collect::<String>();
                i += sign.len();
                let money = sign + &number(b, &mut i);
                // Whether the server reads on behind a comma, its page of constants does not tell.
                if b.get(i) == Some(&b',') && b.get(i + 1).is_some_and(u8::is_ascii_digit) {
                    return Err(Error::unsupported(format!(
                        "the money constant ${money}, with a comma"
                    ))
                    .at(line));
                }
                Tok::Money(money)
            }
            // ODBC escapes, labels, $IDENTITY and its like, constants in other currencies.
            b'{' | b'}' | b':' | b'$' if !rest.starts_with("::") => {
                return Err(Error::unsupported(format!("the character {}", char::from(c))).at(line));
            }
            b'@' => {
                i += 1;
                word(sql, &mut i);
                Tok::Var(sql[start..i].to_owned())
            }
            _ => match rest.chars().next() {
                Some(ch) if ch.is_alphabetic() || ch == '_' || ch == '#' => {
                    word(sql, &mut i);
                    Tok::Word(sql[start..i].to_owned())
                }
                _ => match SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
                    Some(s) => {
                        i += s.len();
                        Tok::Sym(s)
                    }
                    None if rest.starts_with(crate::convert::currency) => {
                        return Err(
                            Error::unsupported("a money constant in this currency").at(line)
                        );
                    }
                    None => {
                        return Err(Error::syntax(&rest.chars().take(1).collect::<String>(), line));
                    }
                },
            },
        };
        out.push(Token { tok, line: first_line, at: start });
    }
    out.push(Token { tok: Tok::End, line, at: sql.len() });
    Ok(out)
}

fn word(sql: &str, i: &mut usize) {
    let tail = &sql[*i..];
    *i += tail
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$')))
        .unwrap_or(tail.len());
}

fn number(b: &[u8], i: &mut usize) -> String {
    let start = *i;
    let digits = |i: &mut usize| {
        while b.get(*i).is_some_and(u8::is_ascii_digit) {
            *i += 1;
        }
    };
    digits(i);
    if b.get(*i) == Some(&b'.') {
        *i += 1;
        digits(i);
    }
    if matches!(b.get(*i), Some(b'e' | b'E')) {
        *i += 1;
        if matches!(b.get(*i), Some(b'+' | b'-')) {
            *i += 1;
        }
        digits(i);
    }
    String::from_utf8_lossy(&b[start..*i]).into_owned()
}

/// From the opening quote at `i` to behind the closing one; doubled closers stand for one.
fn quoted(sql: &str, i: &mut usize, close: char, line: &mut u32) -> Result<String> {
    let mut out = String::new();
    let first = *line;
    let mut chars = sql[*i + 1..].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        *line += u32::from(c == '\n');
        if c != close {
            out.push(c);
        } else if chars.peek().is_some_and(|(_, n)| *n == close) {
            chars.next();
            out.push(c);
        } else {
            *i += at + 2;
            return Ok(out);
        }
    }
    Err(Error::new(105, 15, format!("Unclosed quotation mark after the character string '{out}'."))
        .at(first))
}
