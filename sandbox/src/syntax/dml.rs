//! INSERT, UPDATE and DELETE.

use super::ast::{Cte, Delete, Expr, Insert, Item, Name, Source, StatementKind, Table, Update};
use super::cursor::Parser;
use super::keyword::Keyword;
use super::lexer::TokenKind;
use crate::error::{Error, Result};

impl Parser<'_> {
    /// The statement behind WITH and its CTEs, or one without them.
    pub(super) fn dml(&mut self, ctes: Vec<Cte>) -> Result<StatementKind> {
        if self.eat(Keyword::Insert) {
            return self.insert(ctes);
        }
        if self.eat(Keyword::Update) {
            return self.update(ctes);
        }
        self.expect(Keyword::Delete)?;
        let top = self.top()?;
        self.eat(Keyword::From);
        let target = self.name()?;
        self.hints()?;
        let output = self.output()?;
        let (from, filter) = self.sources_and_filter()?;
        self.option()?;
        Ok(StatementKind::Delete(Delete { ctes, target, top, from, filter, output }))
    }

    fn insert(&mut self, ctes: Vec<Cte>) -> Result<StatementKind> {
        if self.at(Keyword::Bulk) {
            return Err(Error::unsupported("INSERT BULK"));
        }
        if self.at(Keyword::Top) {
            return Err(Error::unsupported("INSERT TOP"));
        }
        self.eat(Keyword::Into);
        let target = self.name()?;
        self.hints()?;
        let named = self.at_symbol("(") && self.keyword_at(1) != Some(Keyword::Select);
        let columns = if named { self.name_list()? } else { Vec::new() };
        let output = self.output()?;
        let source = if self.eat_all(&[Keyword::Default, Keyword::Values]) {
            Source::Default
        } else if self.eat(Keyword::Values) {
            Source::Values(self.comma_separated(|p| {
                p.parenthesized(|p| p.comma_separated(Self::value_or_default))
            })?)
        } else if self.at_any(&[Keyword::Exec, Keyword::Execute]) {
            self.statement(false)?;
            Source::Exec
        } else {
            let mut query = self.query()?;
            query.ctes.splice(0..0, ctes);
            Source::Query(Box::new(query))
        };
        Ok(StatementKind::Insert(Insert { target, columns, source, output }))
    }

    fn value_or_default(&mut self) -> Result<Option<Expr>> {
        if self.eat(Keyword::Default) { Ok(None) } else { self.expr().map(Some) }
    }

    fn update(&mut self, ctes: Vec<Cte>) -> Result<StatementKind> {
        if self.eat(Keyword::Statistics) {
            return self.update_statistics();
        }
        let top = self.top()?;
        let target = self.name()?;
        self.hints()?;
        self.expect(Keyword::Set)?;
        let sets = self.comma_separated(Self::assignment)?;
        let output = self.output()?;
        let (from, filter) = self.sources_and_filter()?;
        self.option()?;
        Ok(StatementKind::Update(Update { ctes, target, top, sets, from, filter, output }))
    }

    fn update_statistics(&mut self) -> Result<StatementKind> {
        let table: Name = self.name()?;
        if self.at_symbol("(") {
            self.name_list()?;
        } else if matches!(self.peek(), TokenKind::Quoted(_)) {
            self.position += 1;
        }
        if self.eat(Keyword::With) {
            self.identifier()?;
        }
        Ok(StatementKind::UpdateStatistics(table))
    }

    /// `column = value`
    fn assignment(&mut self) -> Result<(String, Expr)> {
        if matches!(self.peek(), TokenKind::Variable(_)) {
            return Err(Error::unsupported("UPDATE that assigns a variable"));
        }
        let Some(column) = self.name()?.0.pop() else { return Err(self.unexpected()) };
        if self.at_symbol("(") {
            return Err(Error::unsupported("UPDATE by a method of a column"));
        }
        let value = self.assigned(Expr::Column(vec![column.clone()]))?;
        Ok((column, value))
    }

    fn sources_and_filter(&mut self) -> Result<(Vec<Table>, Option<Expr>)> {
        let from = if self.eat(Keyword::From) { self.tables()? } else { Vec::new() };
        let filter = if self.eat(Keyword::Where) { Some(self.predicate()?) } else { None };
        Ok((from, filter))
    }

    fn output(&mut self) -> Result<Vec<Item>> {
        if !self.eat(Keyword::Output) {
            return Ok(Vec::new());
        }
        let items = self.items()?;
        if self.at(Keyword::Into) {
            return Err(Error::unsupported("OUTPUT … INTO"));
        }
        Ok(items)
    }
}
