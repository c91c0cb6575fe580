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
        let top = self.plain_top()?;
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
        let top = self.plain_top()?;
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

    /// A column and its value: `c = v`, `t.c = v`, `c += v`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax;
    use crate::syntax::ast::{BinaryOp, Statement};

    fn statement(text: &str) -> StatementKind {
        match syntax::batch(text).expect(text).as_slice() {
            [Statement { kind, .. }] => kind.clone(),
            other => panic!("{text}: {other:?}"),
        }
    }

    fn insert(text: &str) -> Insert {
        let StatementKind::Insert(insert) = statement(text) else { panic!("{text}") };
        insert
    }

    #[test]
    fn inserts() {
        let one = insert("INSERT INTO t (a, b) OUTPUT inserted.a VALUES (1, DEFAULT), (2, 3)");
        assert_eq!((one.target.0, one.columns.len(), one.output.len()), (vec!["t".into()], 2, 1));
        let Source::Values(rows) = one.source else { panic!("VALUES") };
        assert_eq!(rows.len(), 2);
        assert!(rows[0][0].is_some() && rows[0][1].is_none() && rows[1][1].is_some());

        let two = insert("INSERT t WITH (TABLOCK) DEFAULT VALUES");
        assert!(two.columns.is_empty() && matches!(two.source, Source::Default));
        assert!(matches!(insert("INSERT t EXEC p 1").source, Source::Exec));
        let of_query = insert("WITH w AS (SELECT 1) INSERT t (SELECT 2)");
        assert!(matches!(&of_query.source, Source::Query(q) if q.ctes.len() == 1));
        assert!(of_query.columns.is_empty());
    }

    #[test]
    fn updates_and_deletes() {
        let text = "UPDATE TOP (2) x SET x.a = 1, b += 2 OUTPUT deleted.a FROM t x WHERE c = 3";
        let StatementKind::Update(update) = statement(text) else { panic!("{text}") };
        assert!(update.top.is_some() && update.filter.is_some());
        assert_eq!((update.from.len(), update.output.len()), (1, 1));
        assert_eq!(update.sets[0].0, "a");
        let (column, sum) = &update.sets[1];
        assert_eq!(column, "b");
        let own = |e: &Expr| *e == Expr::Column(vec!["b".into()]);
        assert!(matches!(sum, Expr::Binary(BinaryOp::Add, a, _) if own(a)), "{sum:?}");

        let text = "WITH w AS (SELECT 1) DELETE TOP (1) FROM x OUTPUT deleted.* FROM t x, w";
        let StatementKind::Delete(delete) = statement(text) else { panic!("{text}") };
        assert_eq!((delete.ctes.len(), delete.from.len(), delete.output.len()), (1, 2, 1));
        assert!(delete.top.is_some() && delete.filter.is_none());
        for text in ["UPDATE STATISTICS t", "UPDATE STATISTICS t (i) WITH FULLSCAN"] {
            assert!(matches!(statement(text), StatementKind::UpdateStatistics(_)), "{text}");
        }
    }

    #[test]
    fn what_changes_nothing() {
        let number = |text: &str| syntax::batch(text).map(|_| ()).map_err(|e| e.number);
        for text in ["INSERT", "INSERT t SET a = 1", "UPDATE t", "UPDATE t SET", "DELETE FROM"] {
            assert!(matches!(number(text), Err(102 | 156)), "{text}");
        }
        let elsewhere = [
            "INSERT BULK t",
            "INSERT TOP (1) t VALUES (1)",
            "INSERT t OUTPUT inserted.a INTO u VALUES (1)",
            "UPDATE t SET @v = 1",
            "UPDATE t SET a.WRITE('x', 0, 1)",
            "UPDATE t SET a ^= 1",
        ];
        for text in elsewhere {
            assert_eq!(number(text), Err(49_999), "{text}");
        }
    }
}
