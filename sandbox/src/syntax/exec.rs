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

    /// A variable with the equals sign behind it, if both are next.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax;

    fn call(text: &str) -> (Option<String>, Vec<String>, Vec<Arg>) {
        match syntax::batch(text).expect(text).remove(0).kind {
            StatementKind::Exec { into, name, args } => (into, name.0, args),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_call_needs_no_exec_where_it_comes_first() {
        for text in ["EXEC dbo.p 1", "EXECUTE dbo.p 1", "dbo.p 1", "[dbo].p 1"] {
            let (into, name, args) = call(text);
            assert_eq!((into, name.join("."), args.len()), (None, "dbo.p".into(), 1), "{text}");
        }
        assert_eq!(call("EXEC @r = p").0, Some("@r".into()));
    }

    #[test]
    fn arguments() {
        let (_, _, args) =
            call("EXEC p 1, @b = N'x', @c = @v OUTPUT, DEFAULT, NULL, word, [w], -2");
        let shown: Vec<(Option<&str>, bool)> =
            args.iter().map(|a| (a.name.as_deref(), a.output)).collect();
        let plain = (None, false);
        assert_eq!(shown[..4], [plain, (Some("@b"), false), (Some("@c"), true), plain]);
        assert_eq!(args[3].value, None);
        assert_eq!(args[4].value, Some(Expr::Null));
        assert_eq!(args[5].value, Some(Expr::UnicodeText("word".into())));
        assert_eq!(args[6].value, Some(Expr::UnicodeText("w".into())));
        assert!(matches!(args[7].value, Some(Expr::Unary(..))));
        // A word that begins a statement is no argument.
        let batch = syntax::batch("EXEC p SELECT 1").expect("two statements");
        assert_eq!(batch.len(), 2);
    }

    #[test]
    fn texts_and_what_is_refused() {
        let text = syntax::batch("EXEC ('SELECT ' + '1')").expect("a text").remove(0).kind;
        assert!(matches!(text, StatementKind::ExecText(Expr::Binary(..))));
        for text in ["EXEC ('a') AT s", "EXEC ('a') AS USER = 'u'", "EXEC AS USER = 'u'"] {
            assert!(syntax::batch(text).is_err_and(|e| e.is_unsupported()), "{text}");
        }
        for text in ["EXEC", "EXEC (", "EXEC p @a ="] {
            assert!(syntax::batch(text).is_err_and(|e| matches!(e.number, 102 | 156)), "{text}");
        }
    }
}
