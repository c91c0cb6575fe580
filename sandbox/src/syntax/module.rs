//! CREATE FUNCTION, TRIGGER, SYNONYM and SEQUENCE.

use super::ast::{
    FunctionBody, FunctionDef, Module, SequenceDef, StatementKind, TriggerDef, TriggerEvent,
};
use super::cursor::Parser;
use super::keyword::Keyword;
use super::lexer::TokenKind;
use crate::error::{Error, Result};
use crate::messages;
use crate::types::Type;

impl Parser<'_> {
    /// What comes behind CREATE or ALTER, if it is one of these; `start` is where the statement
    /// begins.
    pub(super) fn module(&mut self, start: usize, replace: bool) -> Option<Result<StatementKind>> {
        if self.eat_word("FUNCTION") {
            return Some(self.function(start, replace));
        }
        if self.eat(Keyword::Trigger) {
            return Some(self.trigger(start, replace));
        }
        if !replace && self.eat_word("SYNONYM") {
            return Some(self.synonym());
        }
        if !replace && self.eat_word("SEQUENCE") {
            return Some(self.sequence());
        }
        None
    }

    pub(super) fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(w) if w.text.eq_ignore_ascii_case(word))
    }

    /// A word that is a keyword nowhere else.
    fn eat_word(&mut self, word: &str) -> bool {
        let hit = self.at_word(word);
        self.position += usize::from(hit);
        hit
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The statement as the catalog keeps it: as CREATE, whichever it was.
    fn module_text(&self, start: usize) -> String {
        let text = self.text_from(start);
        match text.split_once(char::is_whitespace) {
            Some((first, rest)) if first.eq_ignore_ascii_case("ALTER") => format!("CREATE {rest}"),
            Some((first, rest)) => {
                let mut words = rest.split_whitespace();
                let or_alter = words.next().is_some_and(|w| w.eq_ignore_ascii_case("OR"))
                    && words.next().is_some_and(|w| w.eq_ignore_ascii_case("ALTER"));
                if !or_alter {
                    return text;
                }
                let behind = rest.trim_start()[2..].trim_start();
                format!("{first} {}", behind[5..].trim_start())
            }
            None => text,
        }
    }

    // --- functions

    fn function(&mut self, start: usize, replace: bool) -> Result<StatementKind> {
        let name = self.name()?;
        self.expect_symbol("(")?;
        let params = if self.at_symbol(")") { Vec::new() } else { self.parameters()? };
        self.expect_symbol(")")?;
        self.expect_word("RETURNS")?;
        self.in_module = true;
        let (body, schema_bound) = if self.eat(Keyword::Table) {
            let bound = self.function_options()?;
            self.eat(Keyword::As);
            self.expect(Keyword::Return)?;
            let from = self.offset();
            self.query()?;
            (FunctionBody::Inline(self.text_from(from)), bound)
        } else if matches!(self.peek(), TokenKind::Variable(_)) {
            self.variable()?;
            self.expect(Keyword::Table)?;
            let (columns, _) = self.table_body()?;
            let bound = self.function_options()?;
            self.eat(Keyword::As);
            self.function_statements()?;
            (FunctionBody::Table(columns), bound)
        } else {
            let ty = self.data_type()?;
            let bound = self.function_options()?;
            self.eat(Keyword::As);
            (FunctionBody::Scalar(ty, self.function_statements()?), bound)
        };
        self.eat_symbol(";");
        let text = self.module_text(start);
        let function = FunctionDef { params, body, schema_bound, text };
        Ok(StatementKind::CreateModule(name, Module::Function(function), replace))
    }

    /// WITH SCHEMABINDING, of which alone something is left in the catalog.
    fn function_options(&mut self) -> Result<bool> {
        if !self.eat(Keyword::With) {
            return Ok(false);
        }
        if self.eat_word("SCHEMABINDING") && !self.at_symbol(",") {
            return Ok(true);
        }
        Err(Error::unsupported("a function WITH anything but SCHEMABINDING"))
    }

    /// BEGIN … END, and the text of the value where RETURN is the only statement.
    fn function_statements(&mut self) -> Result<Option<String>> {
        self.expect(Keyword::Begin)?;
        let (mut count, mut only) = (0, None);
        while self.skip_semicolons() && !self.at(Keyword::End) {
            count += 1;
            if self.eat(Keyword::Return) {
                if self.at(Keyword::End) || self.at_symbol(";") {
                    continue;
                }
                let from = self.offset();
                self.expr()?;
                only = Some(self.text_from(from));
            } else {
                self.statement(false)?;
            }
        }
        self.expect(Keyword::End)?;
        Ok(only.filter(|_| count == 1))
    }

    // --- triggers

    /// Its body reaches to the end of the batch.
    fn trigger(&mut self, start: usize, replace: bool) -> Result<StatementKind> {
        let name = self.name()?;
        self.expect(Keyword::On)?;
        if self.at(Keyword::All) || self.at_word("DATABASE") {
            return Err(Error::unsupported("a trigger on a database or a server"));
        }
        let table = self.name()?;
        if self.at(Keyword::With) {
            return Err(Error::unsupported("options of a trigger"));
        }
        let instead_of = self.eat_word("INSTEAD");
        if instead_of {
            self.expect(Keyword::Of)?;
        } else if !self.eat_word("AFTER") {
            self.expect(Keyword::For)?;
        }
        let events = self.comma_separated(|p| {
            let event = match p.keyword() {
                Some(Keyword::Insert) => TriggerEvent::Insert,
                Some(Keyword::Update) => TriggerEvent::Update,
                Some(Keyword::Delete) => TriggerEvent::Delete,
                _ => return Err(p.unexpected()),
            };
            p.position += 1;
            Ok(event)
        })?;
        if self.at_word("NOT") {
            return Err(Error::unsupported("a trigger NOT FOR REPLICATION"));
        }
        self.expect(Keyword::As)?;
        self.in_module = true;
        while self.skip_semicolons() {
            self.statement(false)?;
        }
        let trigger = TriggerDef { events, instead_of, text: self.module_text(start) };
        Ok(StatementKind::CreateModule(name, Module::Trigger(table, trigger), replace))
    }

    // --- synonyms and sequences

    fn synonym(&mut self) -> Result<StatementKind> {
        let name = self.name()?;
        self.expect(Keyword::For)?;
        Ok(StatementKind::CreateModule(name, Module::Synonym(self.name()?), false))
    }

    fn sequence(&mut self) -> Result<StatementKind> {
        let name = self.name()?;
        let ty = if self.eat(Keyword::As) { self.data_type()? } else { Type::BigInt };
        let (lowest, highest) = match ty {
            Type::TinyInt => (0, 255),
            Type::SmallInt => (i64::from(i16::MIN), i64::from(i16::MAX)),
            Type::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
            Type::BigInt => (i64::MIN, i64::MAX),
            Type::Decimal(..) => {
                return Err(Error::unsupported("a sequence of a decimal type"));
            }
            _ => return Err(messages::bad_sequence_type(&name.0.join("."))),
        };
        let (mut start, mut increment, mut cycle, mut cache) = (None, 1, false, None);
        let (mut minimum, mut maximum) = (lowest, highest);
        loop {
            if self.eat_word("START") {
                self.expect(Keyword::With)?;
                start = Some(self.integer()?);
            } else if self.eat_word("INCREMENT") {
                self.expect(Keyword::By)?;
                increment = self.integer()?;
            } else if self.eat_word("MINVALUE") {
                minimum = self.integer()?;
            } else if self.eat_word("MAXVALUE") {
                maximum = self.integer()?;
            } else if self.eat_word("CYCLE") {
                cycle = true;
            } else if self.eat_word("CACHE") {
                if matches!(self.peek(), TokenKind::Number(_)) {
                    cache = Some(self.integer()?);
                }
            } else if self.eat_word("NO") {
                if self.eat_word("CACHE") {
                    cache = Some(0);
                } else if !(self.eat_word("MINVALUE")
                    || self.eat_word("MAXVALUE")
                    || self.eat_word("CYCLE"))
                {
                    return Err(self.unexpected());
                }
            } else {
                break;
            }
        }
        let shown = name.0.last().cloned().unwrap_or_default();
        if increment == 0 {
            return Err(messages::sequence_without_increment(&shown));
        }
        if minimum >= maximum {
            return Err(messages::sequence_without_range(&shown));
        }
        let start = start.unwrap_or(if increment > 0 { minimum } else { maximum });
        if !(minimum..=maximum).contains(&start) {
            return Err(messages::sequence_start_out_of_range(&shown));
        }
        let sequence = SequenceDef { ty, start, increment, minimum, maximum, cycle, cache };
        Ok(StatementKind::CreateModule(name, Module::Sequence(sequence), false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax;

    fn module(text: &str) -> Module {
        match syntax::batch(text).expect(text).remove(0).kind {
            StatementKind::CreateModule(_, module, _) => module,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn functions() {
        let body = |text: &str| match module(text) {
            Module::Function(f) => f.body,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(
            body("CREATE FUNCTION f (@a int, @b int = 2) RETURNS int AS BEGIN RETURN @a + @b; END"),
            FunctionBody::Scalar(Type::Int, Some("@a + @b".to_owned()))
        );
        assert_eq!(
            body("CREATE FUNCTION f () RETURNS int BEGIN DECLARE @x int = 1; RETURN @x END"),
            FunctionBody::Scalar(Type::Int, None)
        );
        for text in [
            "CREATE FUNCTION f () RETURNS TABLE AS RETURN (SELECT 1 AS a)",
            "CREATE FUNCTION f () RETURNS TABLE WITH SCHEMABINDING RETURN (SELECT 1 AS a);",
        ] {
            assert_eq!(body(text), FunctionBody::Inline("(SELECT 1 AS a)".to_owned()), "{text}");
        }
        let text = "CREATE FUNCTION f () RETURNS @t TABLE (a int) AS BEGIN \
                    INSERT @t VALUES (1); RETURN END";
        assert!(matches!(body(text), FunctionBody::Table(columns) if columns.len() == 1));
    }

    #[test]
    fn the_text_is_kept_as_a_create() {
        let end = "TRIGGER t ON u AFTER INSERT, DELETE AS PRINT 1";
        for start in ["CREATE", "ALTER", "CREATE OR ALTER", "create  or  alter"] {
            let Module::Trigger(table, trigger) = module(&format!("{start} {end}")) else {
                panic!("a trigger")
            };
            assert_eq!(table.0, ["u"]);
            assert!(trigger.text.eq_ignore_ascii_case(&format!("CREATE {end}")), "{trigger:?}");
            assert_eq!(trigger.events, [TriggerEvent::Insert, TriggerEvent::Delete]);
        }
    }

    #[test]
    fn sequences() {
        let Module::Sequence(s) = module("CREATE SEQUENCE s AS tinyint INCREMENT BY -1 NO CACHE")
        else {
            panic!("a sequence")
        };
        assert_eq!((s.start, s.minimum, s.maximum, s.cache), (255, 0, 255, Some(0)));
        let number = |text: &str| syntax::batch(text).map(|_| ()).map_err(|e| e.number);
        assert_eq!(number("CREATE SEQUENCE s AS float"), Err(11702));
        assert_eq!(number("CREATE SEQUENCE s INCREMENT BY 0"), Err(11700));
        assert_eq!(number("CREATE SEQUENCE s MINVALUE 5 MAXVALUE 5"), Err(11705));
        assert_eq!(number("CREATE SEQUENCE s START WITH 1 MINVALUE 2"), Err(11703));
    }
}
