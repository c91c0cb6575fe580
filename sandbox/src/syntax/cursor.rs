//! Where the parser stands in its tokens, and what it may ask of the next ones.

use super::ast::Name;
use super::data_type::TypeArgument;
use super::keyword::Keyword;
use super::lexer::{Token, TokenKind, tokens};
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Len, Type};

/// How deep expressions, queries and statements may stand in each other: what is deeper would not
/// fit on the stack of a session's thread.
const DEEPEST: u32 = 100;
/// Operators, set operations or joins one after the other: each is a level of the tree.
const LONGEST_CHAIN: u32 = 250;

/// A recursive-descent parser over the tokens of one text; each file of this module has the rules
/// of one part of the grammar.
pub(super) struct Parser<'a> {
    tokens: Vec<Token>,
    /// Of the next token.
    pub(super) position: usize,
    sql: &'a str,
    depth: u32,
    /// The name of the last BEGIN TRANSACTION.
    pub(super) transaction: Option<String>,
    /// In the body of a procedure, a function or a trigger.
    pub(super) in_module: bool,
}

impl<'a> Parser<'a> {
    pub(super) fn new(sql: &'a str) -> Result<Self> {
        Ok(Self {
            tokens: tokens(sql)?,
            position: 0,
            sql,
            depth: 0,
            transaction: None,
            in_module: false,
        })
    }

    fn token(&self, ahead: usize) -> &Token {
        &self.tokens[(self.position + ahead).min(self.tokens.len() - 1)]
    }

    pub(super) fn peek(&self) -> &TokenKind {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> &TokenKind {
        &self.token(ahead).kind
    }

    /// Of the next token, from 1.
    pub(super) fn line(&self) -> u32 {
        self.token(0).line
    }

    /// Of the next token, in bytes of the text.
    pub(super) fn offset(&self) -> usize {
        self.token(0).offset
    }

    /// The next token, which is read; the end stays where it is.
    pub(super) fn next(&mut self) -> TokenKind {
        let kind = self.peek().clone();
        self.position += usize::from(kind != TokenKind::End);
        kind
    }

    pub(super) fn at_end(&self) -> bool {
        self.peek() == &TokenKind::End
    }

    pub(super) fn expect_end(&self) -> Result<()> {
        if self.at_end() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// One level deeper, if that still fits.
    pub(super) fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= DEEPEST {
            let what = format!("a text that is nested more than {DEEPEST} deep");
            return Err(Error::unsupported(what).at(self.line()));
        }
        self.depth += 1;
        let out = rule(self);
        self.depth -= 1;
        out
    }

    /// Refuses a chain of operators that is longer than what fits.
    pub(super) fn check_chain(&self, length: u32) -> Result<()> {
        if length > LONGEST_CHAIN {
            let what = format!("more than {LONGEST_CHAIN} operators in a row");
            return Err(Error::unsupported(what).at(self.line()));
        }
        Ok(())
    }

    // --- keywords

    /// The keyword that the next token is.
    pub(super) fn keyword(&self) -> Option<Keyword> {
        self.keyword_at(0)
    }

    pub(super) fn keyword_at(&self, ahead: usize) -> Option<Keyword> {
        match self.peek_at(ahead) {
            TokenKind::Word(word) => word.keyword,
            _ => None,
        }
    }

    pub(super) fn at(&self, keyword: Keyword) -> bool {
        self.keyword() == Some(keyword)
    }

    pub(super) fn at_any(&self, keywords: &[Keyword]) -> bool {
        self.keyword().is_some_and(|k| keywords.contains(&k))
    }

    pub(super) fn eat(&mut self, keyword: Keyword) -> bool {
        self.eat_all(&[keyword])
    }

    /// The first of these that is next.
    pub(super) fn eat_any(&mut self, keywords: &[Keyword]) -> Option<Keyword> {
        let found = self.keyword().filter(|k| keywords.contains(k))?;
        self.position += 1;
        Some(found)
    }

    /// All of them one after the other, or none.
    pub(super) fn eat_all(&mut self, keywords: &[Keyword]) -> bool {
        let hit = keywords.iter().enumerate().all(|(n, k)| self.keyword_at(n) == Some(*k));
        if hit {
            self.position += keywords.len();
        }
        hit
    }

    pub(super) fn expect(&mut self, keyword: Keyword) -> Result<()> {
        if self.eat(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    // --- symbols

    pub(super) fn at_symbol(&self, symbol: &str) -> bool {
        self.symbol_at(0, symbol)
    }

    pub(super) fn symbol_at(&self, ahead: usize, symbol: &str) -> bool {
        matches!(self.peek_at(ahead), TokenKind::Symbol(s) if *s == symbol)
    }

    pub(super) fn eat_symbol(&mut self, symbol: &str) -> bool {
        let hit = self.at_symbol(symbol);
        self.position += usize::from(hit);
        hit
    }

    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.eat_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Whether more follows than semicolons.
    pub(super) fn skip_semicolons(&mut self) -> bool {
        while self.eat_symbol(";") {}
        !self.at_end()
    }

    /// One item or several, with a comma between them.
    pub(super) fn comma_separated<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut out = vec![item(self)?];
        while self.eat_symbol(",") {
            out.push(item(self)?);
        }
        Ok(out)
    }

    /// An item between parentheses.
    pub(super) fn parenthesized<T>(
        &mut self,
        item: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.expect_symbol("(")?;
        let out = item(self)?;
        self.expect_symbol(")")?;
        Ok(out)
    }

    // --- errors

    /// 156 near a keyword, 102 near anything else.
    pub(super) fn unexpected(&self) -> Error {
        let line = self.line();
        let near = match self.peek() {
            TokenKind::Word(word) => match word.keyword.filter(|k| k.is_elsewhere()) {
                Some(keyword) => {
                    let what = format!("{} in this place", keyword.text());
                    return Error::unsupported(what).at(line);
                }
                None => return near_word(word.is_reserved(), &word.text, line),
            },
            // Behind the last token, the error is near that.
            TokenKind::End => match self.position.checked_sub(1) {
                Some(before) => match &self.tokens[before].kind {
                    TokenKind::Word(w) => return near_word(w.is_reserved(), &w.text, line),
                    TokenKind::UnicodeText(_) | TokenKind::Money(_) | TokenKind::Bytes(_) => "",
                    kind => shown(kind),
                },
                None => "",
            },
            kind => shown(kind),
        };
        Error::syntax(near, line)
    }

    // --- names and types

    pub(super) fn identifier(&mut self) -> Result<String> {
        let name = match self.peek() {
            TokenKind::Quoted(name) => name.clone(),
            TokenKind::Word(word) if !word.is_reserved() => word.text.clone(),
            _ => return Err(self.unexpected()),
        };
        self.position += 1;
        Ok(name)
    }

    /// Up to four parts; `a..b` has an empty one. A table variable is a name too.
    pub(super) fn name(&mut self) -> Result<Name> {
        if let TokenKind::Variable(_) = self.peek() {
            return Ok(Name(vec![self.variable()?]));
        }
        let mut parts = vec![self.identifier()?];
        while self.eat_symbol(".") {
            let omitted = self.at_symbol(".");
            parts.push(if omitted { String::new() } else { self.identifier()? });
        }
        Ok(Name(parts))
    }

    /// Names between parentheses, with a comma between them.
    pub(super) fn name_list(&mut self) -> Result<Vec<String>> {
        self.parenthesized(|p| p.comma_separated(Self::identifier))
    }

    pub(super) fn variable(&mut self) -> Result<String> {
        let TokenKind::Variable(name) = self.peek() else { return Err(self.unexpected()) };
        let name = name.clone();
        self.position += 1;
        Ok(name)
    }

    pub(super) fn integer(&mut self) -> Result<i64> {
        let negative = self.eat_symbol("-");
        let TokenKind::Number(digits) = self.peek() else { return Err(self.unexpected()) };
        let digits = digits.clone();
        self.position += 1;
        match digits.parse::<i64>() {
            Ok(n) => Ok(if negative { -n } else { n }),
            Err(_) => Err(Error::syntax(&digits, self.line())),
        }
    }

    /// A type as a declaration has it; a length that is left out is 1.
    pub(super) fn data_type(&mut self) -> Result<Type> {
        let line = self.line();
        let mut name = match self.peek() {
            TokenKind::Word(word) => word.text.clone(),
            TokenKind::Quoted(name) => name.clone(),
            _ => return Err(self.unexpected()),
        };
        self.position += 1;
        if self.eat_symbol(".") {
            name = self.identifier()?;
        }
        if name.eq_ignore_ascii_case("double") && self.eat(Keyword::Precision) {
            name = "float".into();
        }
        if self.eat(Keyword::Varying) {
            name = format!("var{name}");
        }
        let arguments = if self.at_symbol("(") {
            self.parenthesized(|p| p.comma_separated(|p| p.type_argument(line)))?
        } else {
            Vec::new()
        };
        Type::parse(&name, &arguments).map_err(|e| e.at(line))
    }

    fn type_argument(&mut self, line: u32) -> Result<TypeArgument> {
        if self.eat(Keyword::Max) {
            return Ok(TypeArgument::Max);
        }
        let TokenKind::Number(digits) = self.peek() else { return Err(self.unexpected()) };
        let argument = digits.parse().map_err(|_| Error::syntax(digits, line));
        self.position += 1;
        argument.map(TypeArgument::N)
    }

    /// A type as CAST and CONVERT have it: a length that is left out is 30.
    pub(super) fn converted_type(&mut self) -> Result<Type> {
        let bare = !self.symbol_at(1, "(");
        let name = match self.peek() {
            TokenKind::Word(word) => word.text.clone(),
            TokenKind::Quoted(name) => name.clone(),
            _ => String::new(),
        };
        let ty = self.data_type().map_err(|e| match e.number {
            2715 => messages::no_system_type(&name).at(e.line),
            _ => e,
        })?;
        Ok(match ty {
            Type::Char(1) if bare => Type::Char(30),
            Type::NChar(1) if bare => Type::NChar(30),
            Type::Binary(1) if bare => Type::Binary(30),
            Type::VarChar(Len::N(1)) if bare => Type::VarChar(Len::N(30)),
            Type::NVarChar(Len::N(1)) if bare => Type::NVarChar(Len::N(30)),
            Type::VarBinary(Len::N(1)) if bare => Type::VarBinary(Len::N(30)),
            ty => ty,
        })
    }

    /// The text from an offset to the next token, for what is stored as text.
    pub(super) fn text_from(&self, start: usize) -> String {
        self.sql[start..self.offset()].trim().trim_end_matches(';').trim().to_owned()
    }
}

fn near_word(reserved: bool, word: &str, line: u32) -> Error {
    if reserved {
        return messages::syntax_near_keyword(word).at(line);
    }
    Error::syntax(word, line)
}

/// A token as errors name it.
fn shown(kind: &TokenKind) -> &str {
    match kind {
        TokenKind::Word(word) => &word.text,
        TokenKind::Quoted(text)
        | TokenKind::Text(text)
        | TokenKind::UnicodeText(text)
        | TokenKind::Number(text)
        | TokenKind::Money(text)
        | TokenKind::Variable(text) => text,
        TokenKind::Symbol(symbol) => symbol,
        TokenKind::Bytes(_) => "0x",
        TokenKind::End => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(text: &str) -> String {
        let mut parser = Parser::new(text).expect(text);
        parser.next();
        parser.unexpected().message
    }

    #[test]
    fn an_error_is_near_the_next_token_or_the_last_one() {
        let cases = [
            ("x FROM", "Incorrect syntax near the keyword 'FROM'."),
            ("x y", "Incorrect syntax near 'y'."),
            ("x [y]", "Incorrect syntax near 'y'."),
            ("x 'y'", "Incorrect syntax near 'y'."),
            ("x N'y'", "Incorrect syntax near 'y'."),
            ("x 1.5", "Incorrect syntax near '1.5'."),
            ("x $2", "Incorrect syntax near '2'."),
            ("x @y", "Incorrect syntax near '@y'."),
            ("x 0xAB", "Incorrect syntax near '0x'."),
            ("x ,", "Incorrect syntax near ','."),
            ("x", "Incorrect syntax near 'x'."),
            ("FROM", "Incorrect syntax near the keyword 'FROM'."),
            ("'x'", "Incorrect syntax near 'x'."),
            (",", "Incorrect syntax near ','."),
            ("N'x'", "Incorrect syntax near ''."),
            ("0x01", "Incorrect syntax near ''."),
        ];
        for (text, expected) in cases {
            assert_eq!(near(text), expected, "{text}");
        }
        assert!(near("x PERCENT").contains("PERCENT in this place"));
        let mut empty = Parser::new("").expect("nothing");
        assert_eq!(empty.unexpected().message, "Incorrect syntax near ''.");
        assert!(empty.integer().is_err() && empty.identifier().is_err());
    }

    #[test]
    fn names_and_types() {
        let name = |text: &str| Parser::new(text).and_then(|mut p| p.name()).map(|n| n.0);
        let parts = |list: &[&str]| Ok(list.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
        assert_eq!(name("a.[b c].\"d\""), parts(&["a", "b c", "d"]));
        assert_eq!(name("a..b"), parts(&["a", "", "b"]));
        assert_eq!(name("@t"), parts(&["@t"]));
        assert!(name("a.select").is_err());

        let ty = |text: &str| {
            let parsed = Parser::new(text).and_then(|mut p| p.data_type());
            parsed.map(|t| t.to_string()).map_err(|e| e.number)
        };
        let cases = [
            ("int", Ok("int")),
            ("sys.int", Ok("int")),
            ("[int]", Ok("int")),
            ("varchar", Ok("varchar(1)")),
            ("varchar(max)", Ok("varchar(max)")),
            ("decimal(5, 2)", Ok("decimal(5,2)")),
            ("double precision", Ok("float")),
            ("char varying(3)", Ok("varchar(3)")),
            ("decimal(5, 2", Err(102)),
            ("varchar(x)", Err(102)),
            ("varchar(99999)", Err(102)),
            ("nosuch", Err(2715)),
            ("1", Err(102)),
        ];
        for (text, expected) in cases {
            assert_eq!(ty(text), expected.map(str::to_owned), "{text}");
        }
        let converted = |text: &str| Parser::new(text).and_then(|mut p| p.converted_type());
        assert_eq!(converted("nchar"), Ok(Type::NChar(30)));
        assert_eq!(converted("nchar(1)"), Ok(Type::NChar(1)));
        assert_eq!(converted("binary"), Ok(Type::Binary(30)));
        assert!(converted("nosuch").is_err_and(|e| e.number == 243));
    }

    #[test]
    fn chains_and_nesting_have_their_bounds() {
        let chain = |n: usize| crate::syntax::batch(&format!("SELECT 1{}", "+1".repeat(n)));
        assert!(chain(LONGEST_CHAIN as usize).is_ok());
        assert!(chain(LONGEST_CHAIN as usize + 1).is_err_and(|e| e.is_unsupported()));
        // The statement and its query are levels too.
        let nested =
            |n: usize| crate::syntax::batch(&format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n)));
        assert!(nested(DEEPEST as usize - 2).is_ok());
        assert!(nested(DEEPEST as usize - 1).is_err_and(|e| e.is_unsupported()));
    }
}
