//! EXEC: of a procedure, which needs no EXEC where it comes first, and of a text.

use super::ast::{Arg, Expr, StatementKind};
use super::cursor::Parser;
use super::keyword::Keyword;
use super::lexer::TokenKind;
use crate::error::{Error, Result};

impl Parser<'_> {
    pub(super) fn exec(&mut self) -> Result<StatementKind> {
        self.position += 1;
        if self.at_symbol("(") {
            let text = self.parenthesized(Self::expr)?;
            if self.at_any(&[Keyword::At, Keyword::As]) {
                return Err(Error::unsupported("EXECUTE of a text elsewhere or as somebody else"));
            }
            return Ok(StatementKind::ExecText(text));
        }
        if self.at(Keyword::As) {
            return Err(Error::unsupported("EXECUTE AS"));
        }
        let into = self.variable_to_assign()?;
        self.exec_call(into)
    }

    /// `@name =`
    fn variable_to_assign(&mut self) -> Result<Option<String>> {
        if !matches!(self.peek(), TokenKind::Variable(_)) || !self.symbol_at(1, "=") {
            return Ok(None);
        }
        let name = self.variable()?;
        self.position += 1;
        Ok(Some(name))
    }

    pub(super) fn exec_call(&mut self, into: Option<String>) -> Result<StatementKind> {
        let name = self.name()?;
        let args =
            if self.at_argument() { self.comma_separated(Self::argument)? } else { Vec::new() };
        Ok(StatementKind::Exec { into, name, args })
    }

    fn at_argument(&self) -> bool {
        match self.peek() {
            TokenKind::Variable(_)
            | TokenKind::Text(_)
            | TokenKind::UnicodeText(_)
            | TokenKind::Number(_)
            | TokenKind::Money(_)
            | TokenKind::Bytes(_)
            | TokenKind::Symbol("-")
            | TokenKind::Quoted(_) => true,
            TokenKind::Word(word) => {
                self.at_any(&[Keyword::Null, Keyword::Default])
                    || !word.is_reserved() && !self.starts_statement()
            }
            _ => false,
        }
    }

    /// A bare word is a text here.
    fn argument(&mut self) -> Result<Arg> {
        let name = self.variable_to_assign()?;
        let value = if self.eat(Keyword::Default) {
            None
        } else if self.eat(Keyword::Null) {
            Some(Expr::Null)
        } else {
            Some(match self.peek().clone() {
                TokenKind::Word(word) => {
                    self.position += 1;
                    Expr::UnicodeText(word.text)
                }
                TokenKind::Quoted(word) => {
                    self.position += 1;
                    Expr::UnicodeText(word)
                }
                _ => self.unary()?,
            })
        };
        let output = self.eat_any(&[Keyword::Output, Keyword::Out]).is_some();
        Ok(Arg { name, value, output })
    }
}
