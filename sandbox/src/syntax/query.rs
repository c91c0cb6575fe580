//! Queries: SELECT and what combines it, CTEs, table sources, ORDER BY, hints.

use super::ast::{
    Body, Cte, Expr, Item, JoinKind, Name, OrderItem, Pivot, Query, Select, SetOp, Table, Top,
    Unpivot,
};
use super::cursor::Parser;
use super::keyword::Keyword;
use super::lexer::TokenKind;
use crate::error::{Error, Result};

impl Parser<'_> {
    pub(super) fn query(&mut self) -> Result<Query> {
        self.nested(Self::query_expression)
    }

    fn query_expression(&mut self) -> Result<Query> {
        let ctes = if self.at(Keyword::With) { self.ctes()? } else { Vec::new() };
        let mut query = Query { ctes, ..Query::of(self.set_operations()?) };
        if self.eat_all(&[Keyword::Order, Keyword::By]) {
            query.order = self.order_list()?;
            if self.eat(Keyword::Offset) {
                query.offset = Some(self.expr()?);
                self.eat_any(&[Keyword::Rows, Keyword::Row]);
                query.fetch = self.fetch()?;
            }
        }
        query.json = self.for_json()?;
        if let Some(max) = self.option()? {
            query.max_recursion = max;
        }
        Ok(query)
    }

    /// `FETCH NEXT n ROWS ONLY`
    fn fetch(&mut self) -> Result<Option<Expr>> {
        if !self.eat(Keyword::Fetch) {
            return Ok(None);
        }
        self.eat_any(&[Keyword::Next, Keyword::First]);
        let count = self.expr()?;
        self.eat_any(&[Keyword::Rows, Keyword::Row]);
        self.expect(Keyword::Only)?;
        Ok(Some(count))
    }

    /// OPTION (…): MAXRECURSION counts, hints for the optimizer change no answer.
    pub(super) fn option(&mut self) -> Result<Option<u32>> {
        let mut max_recursion = None;
        if !self.eat(Keyword::Option) {
            return Ok(None);
        }
        self.expect_symbol("(")?;
        let mut depth = 1;
        while depth > 0 {
            if self.eat(Keyword::Maxrecursion) {
                max_recursion = Some(self.integer()? as u32);
                continue;
            }
            match self.next() {
                TokenKind::Symbol("(") => depth += 1,
                TokenKind::Symbol(")") => depth -= 1,
                TokenKind::End => return Err(self.unexpected()),
                _ => {}
            }
        }
        Ok(max_recursion)
    }

    /// WITH (NOLOCK, …): hints about locks change no answer here.
    pub(super) fn hints(&mut self) -> Result<()> {
        if !self.at(Keyword::With) || !self.symbol_at(1, "(") {
            return Ok(());
        }
        self.position += 2;
        let mut depth = 1;
        while depth > 0 {
            match self.next() {
                TokenKind::Symbol("(") => depth += 1,
                TokenKind::Symbol(")") => depth -= 1,
                TokenKind::End => return Err(self.unexpected()),
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn ctes(&mut self) -> Result<Vec<Cte>> {
        self.expect(Keyword::With)?;
        if self.at(Keyword::Xmlnamespaces) {
            return Err(Error::unsupported("WITH XMLNAMESPACES"));
        }
        self.comma_separated(|p| {
            let name = p.identifier()?;
            let columns = if p.at_symbol("(") { p.name_list()? } else { Vec::new() };
            p.expect(Keyword::As)?;
            let query = p.parenthesized(Self::query)?;
            Ok(Cte { name, columns, query })
        })
    }

    pub(super) fn order_list(&mut self) -> Result<Vec<OrderItem>> {
        self.comma_separated(|p| {
            let expr = p.expr()?;
            Ok(OrderItem { expr, descending: p.descending() })
        })
    }

    /// UNION, EXCEPT and INTERSECT, of which the last binds tighter than the others.
    fn set_operations(&mut self) -> Result<Body> {
        let set = |op, left, right| Body::Set { op, left: Box::new(left), right: Box::new(right) };
        let mut left = self.intersections()?;
        for length in 1.. {
            let op = if self.eat(Keyword::Union) {
                if self.eat(Keyword::All) { SetOp::UnionAll } else { SetOp::Union }
            } else if self.eat(Keyword::Except) {
                SetOp::Except
            } else {
                break;
            };
            self.check_chain(length)?;
            left = set(op, left, self.intersections()?);
        }
        Ok(left)
    }

    fn intersections(&mut self) -> Result<Body> {
        let (mut left, mut length) = (self.set_operand()?, 0);
        while self.eat(Keyword::Intersect) {
            length += 1;
            self.check_chain(length)?;
            let right = Box::new(self.set_operand()?);
            left = Body::Set { op: SetOp::Intersect, left: Box::new(left), right };
        }
        Ok(left)
    }

    fn set_operand(&mut self) -> Result<Body> {
        if self.at_symbol("(") {
            return Ok(Body::Nested(Box::new(self.parenthesized(Self::query)?)));
        }
        Ok(Body::Select(Box::new(self.select()?)))
    }

    fn select(&mut self) -> Result<Select> {
        self.expect(Keyword::Select)?;
        let mut select = Select { distinct: self.eat(Keyword::Distinct), ..Select::default() };
        self.eat(Keyword::All);
        select.top = self.top()?;
        select.items = self.items()?;
        if self.eat(Keyword::Into) {
            select.into = Some(self.name()?);
        }
        if self.eat(Keyword::From) {
            select.from = self.tables()?;
        }
        if self.eat(Keyword::Where) {
            select.filter = Some(self.predicate()?);
        }
        if self.eat_all(&[Keyword::Group, Keyword::By]) {
            (select.group, select.grouping_sets) = self.group_by()?;
        }
        if self.eat(Keyword::Having) {
            select.having = Some(self.predicate()?);
        }
        Ok(select)
    }

    /// TOP of an UPDATE or a DELETE.
    pub(super) fn plain_top(&mut self) -> Result<Option<Expr>> {
        match self.top()? {
            Some(top) if top.percent => Err(Error::unsupported("TOP … PERCENT of a change")),
            Some(top) if top.with_ties => Err(Error::unsupported("TOP … WITH TIES of a change")),
            top => Ok(top.map(|t| t.count)),
        }
    }

    fn top(&mut self) -> Result<Option<Top>> {
        if !self.eat(Keyword::Top) {
            return Ok(None);
        }
        let count =
            if self.at_symbol("(") { self.parenthesized(Self::expr)? } else { self.primary()? };
        let percent = self.eat(Keyword::Percent);
        let with_ties = self.eat_all(&[Keyword::With, Keyword::Ties]);
        Ok(Some(Top { count, percent, with_ties }))
    }

    // --- select items

    pub(super) fn items(&mut self) -> Result<Vec<Item>> {
        self.comma_separated(Self::item)
    }

    fn item(&mut self) -> Result<Item> {
        if self.eat_symbol("*") {
            return Ok(Item::Star(Vec::new()));
        }
        if matches!(self.peek(), TokenKind::Word(_) | TokenKind::Quoted(_)) {
            if let Some(prefix) = self.star_prefix() {
                return Ok(Item::Star(prefix));
            }
            // alias = expr
            if self.symbol_at(1, "=") {
                let alias = self.identifier()?;
                self.position += 1;
                return Ok(Item::Expr(self.expr()?, Some(alias)));
            }
        }
        if matches!(self.peek(), TokenKind::Variable(v) if !v.starts_with("@@"))
            && ["=", "+=", "-="].iter().any(|s| self.symbol_at(1, s))
        {
            let variable = self.variable()?;
            let plain = self.at_symbol("=");
            let value = self.assigned(Expr::Variable(variable.clone()))?;
            if !plain {
                return Err(Error::unsupported("SELECT @v += …"));
            }
            return Ok(Item::Assign(variable, value));
        }
        let expr = self.expr()?;
        Ok(Item::Expr(expr, self.alias(true)?))
    }

    /// The prefix of `a.b.*`; looks ahead, because `a.b` is an expression too.
    fn star_prefix(&mut self) -> Option<Vec<String>> {
        let (mark, mut parts) = (self.position, Vec::new());
        while let Ok(part) = self.identifier() {
            parts.push(part);
            if !self.eat_symbol(".") {
                break;
            }
            if self.eat_symbol("*") {
                return Some(parts);
            }
        }
        self.position = mark;
        None
    }

    /// An alias, if one is next. Of a column it may be written as a text.
    fn alias(&mut self, of_column: bool) -> Result<Option<String>> {
        let explicit = self.eat(Keyword::As);
        let alias = match self.peek() {
            TokenKind::Quoted(name) => name.clone(),
            TokenKind::Text(text) | TokenKind::UnicodeText(text) if of_column => text.clone(),
            TokenKind::Word(word)
                if !word.is_reserved() && (explicit || !self.follows_source()) =>
            {
                word.text.clone()
            }
            _ if explicit => return Err(self.unexpected()),
            _ => return Ok(None),
        };
        self.position += 1;
        Ok(Some(alias))
    }

    /// Words that are not reserved, and still no alias without AS.
    fn follows_source(&self) -> bool {
        self.at_any(&[
            Keyword::Output,
            Keyword::Offset,
            Keyword::Throw,
            Keyword::Apply,
            Keyword::Tablesample,
        ])
    }

    // --- table sources

    pub(super) fn tables(&mut self) -> Result<Vec<Table>> {
        self.comma_separated(Self::joined)
    }

    fn joined(&mut self) -> Result<Table> {
        let (mut left, mut length) = (self.pivoted()?, 0);
        while let Some(kind) = self.join_kind()? {
            length += 1;
            self.check_chain(length)?;
            let right = self.pivoted()?;
            let on = if kind == JoinKind::Cross || kind.is_apply() {
                None
            } else {
                // `a JOIN b JOIN c ON … ON …` would nest to the right.
                if !self.at(Keyword::On) {
                    return Err(if self.at_end() {
                        self.unexpected()
                    } else {
                        Error::unsupported("a join whose ON does not follow its table")
                    });
                }
                self.position += 1;
                Some(self.predicate()?)
            };
            left = Table::Join { kind, left: Box::new(left), right: Box::new(right), on };
        }
        Ok(left)
    }

    fn join_kind(&mut self) -> Result<Option<JoinKind>> {
        const KINDS: [(&[Keyword], JoinKind); 11] = [
            (&[Keyword::Cross, Keyword::Join], JoinKind::Cross),
            (&[Keyword::Cross, Keyword::Apply], JoinKind::CrossApply),
            (&[Keyword::Outer, Keyword::Apply], JoinKind::OuterApply),
            (&[Keyword::Inner, Keyword::Join], JoinKind::Inner),
            (&[Keyword::Join], JoinKind::Inner),
            (&[Keyword::Left, Keyword::Join], JoinKind::Left),
            (&[Keyword::Left, Keyword::Outer, Keyword::Join], JoinKind::Left),
            (&[Keyword::Right, Keyword::Join], JoinKind::Right),
            (&[Keyword::Right, Keyword::Outer, Keyword::Join], JoinKind::Right),
            (&[Keyword::Full, Keyword::Join], JoinKind::Full),
            (&[Keyword::Full, Keyword::Outer, Keyword::Join], JoinKind::Full),
        ];
        if let Some((_, kind)) = KINDS.iter().find(|(words, _)| self.eat_all(words)) {
            return Ok(Some(*kind));
        }
        let next = self.keyword_at(1);
        let unsupported = match self.keyword() {
            Some(Keyword::Inner | Keyword::Left | Keyword::Right | Keyword::Full)
                if matches!(
                    next,
                    Some(Keyword::Hash | Keyword::Loop | Keyword::Merge | Keyword::Remote)
                ) =>
            {
                "a join with a hint"
            }
            _ => return Ok(None),
        };
        Err(Error::unsupported(unsupported))
    }

    /// A table source, and the PIVOTs and UNPIVOTs behind it.
    fn pivoted(&mut self) -> Result<Table> {
        let (mut table, mut length) = (self.table()?, 0);
        while let Some(word) = self.eat_any(&[Keyword::Pivot, Keyword::Unpivot]) {
            length += 1;
            self.check_chain(length)?;
            table = if word == Keyword::Pivot {
                Table::Pivot(Box::new(self.pivot(table)?))
            } else {
                Table::Unpivot(Box::new(self.unpivot(table)?))
            };
        }
        Ok(table)
    }

    /// `(value FOR name IN (a, b)) AS alias`, behind its word.
    fn unpivot(&mut self, source: Table) -> Result<Unpivot> {
        self.expect_symbol("(")?;
        let value = self.identifier()?;
        self.expect(Keyword::For)?;
        let name = self.identifier()?;
        self.expect(Keyword::In)?;
        let columns = self.name_list()?;
        self.expect_symbol(")")?;
        let alias = self.table_alias()?;
        Ok(Unpivot { source, value, name, columns, alias })
    }

    /// `(SUM(value) FOR column IN ([a], [b])) AS alias`, behind its word.
    fn pivot(&mut self, source: Table) -> Result<Pivot> {
        self.expect_symbol("(")?;
        let function = self.identifier()?.to_ascii_uppercase();
        let value = self.parenthesized(Self::column_name)?;
        self.expect(Keyword::For)?;
        let spread = self.column_name()?;
        self.expect(Keyword::In)?;
        let columns = self.name_list()?;
        self.expect_symbol(")")?;
        let alias = self.table_alias()?;
        Ok(Pivot { source, function, value, spread, columns, alias })
    }

    /// The last part of a column's name: PIVOT has one source.
    fn column_name(&mut self) -> Result<String> {
        self.name()?.0.pop().ok_or_else(|| self.unexpected())
    }

    fn table(&mut self) -> Result<Table> {
        if self.eat_symbol("(") {
            return self.nested(Self::table_in_parentheses);
        }
        let name = self.name()?;
        if self.at_symbol("(") {
            return self.table_function(&name);
        }
        let alias = self.alias(false)?;
        self.hints()?;
        if self.at(Keyword::Tablesample) {
            return Err(Error::unsupported("TABLESAMPLE"));
        }
        Ok(Table::Named { name, alias })
    }

    /// Its arguments and its alias, behind its name.
    fn table_function(&mut self, name: &Name) -> Result<Table> {
        let name = match name.0.as_slice() {
            [name] if name.eq_ignore_ascii_case("OPENJSON") => return self.open_json(),
            [name] if name.eq_ignore_ascii_case("STRING_SPLIT") => name.to_ascii_uppercase(),
            _ => {
                let (name, args) = (name.clone(), self.own_arguments()?);
                let (alias, columns) = self.function_alias()?;
                return Ok(Table::OwnFunction { name, args, alias, columns });
            }
        };
        let args = self.parenthesized(Self::expressions)?;
        let (alias, columns) = self.function_alias()?;
        Ok(Table::Function { name, args, alias, columns })
    }

    fn function_alias(&mut self) -> Result<(Option<String>, Vec<String>)> {
        let alias = self.alias(false)?;
        let named = alias.is_some() && self.at_symbol("(");
        Ok((alias, if named { self.name_list()? } else { Vec::new() }))
    }

    /// Behind its opening parenthesis: VALUES, a derived table, or a join.
    fn table_in_parentheses(&mut self) -> Result<Table> {
        if self.eat(Keyword::Values) {
            let rows = self.comma_separated(|p| p.parenthesized(Self::expressions))?;
            self.expect_symbol(")")?;
            let alias = self.table_alias()?;
            return Ok(Table::Values { rows, alias, columns: self.name_list()? });
        }
        if self.at_any(&[Keyword::Select, Keyword::With]) || self.at_symbol("(") {
            let query = Box::new(self.query()?);
            self.expect_symbol(")")?;
            let alias = self.table_alias()?;
            let columns = if self.at_symbol("(") { self.name_list()? } else { Vec::new() };
            return Ok(Table::Derived { query, alias, columns });
        }
        let join = self.joined()?;
        self.expect_symbol(")")?;
        Ok(join)
    }

    /// The alias of a table source, if it has one.
    pub(super) fn source_alias(&mut self) -> Result<Option<String>> {
        self.alias(false)
    }

    fn table_alias(&mut self) -> Result<String> {
        self.alias(false)?.ok_or_else(|| self.unexpected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax;

    fn body(text: &str) -> Body {
        syntax::query(text).expect(text).body
    }

    fn select(text: &str) -> Select {
        match body(text) {
            Body::Select(select) => *select,
            other => panic!("{text}: {other:?}"),
        }
    }

    /// Set operations as nested lists, of queries that select one number.
    fn shape(body: &Body) -> String {
        match body {
            Body::Select(select) => match select.items.as_slice() {
                [Item::Expr(Expr::Integer(n), None)] => n.clone(),
                other => panic!("{other:?}"),
            },
            Body::Nested(query) => format!("[{}]", shape(&query.body)),
            Body::Set { op, left, right } => {
                format!("({} {} {})", op.sql(), shape(left), shape(right))
            }
        }
    }

    fn refused(text: &str) -> u32 {
        match syntax::batch(text) {
            Ok(tree) => panic!("{text}: {tree:?}"),
            Err(e) => e.number,
        }
    }

    #[test]
    fn intersect_binds_tighter_than_the_others() {
        let cases = [
            ("SELECT 1 UNION SELECT 2 UNION ALL SELECT 3", "(UNION ALL (UNION 1 2) 3)"),
            ("SELECT 1 UNION SELECT 2 INTERSECT SELECT 3", "(UNION 1 (INTERSECT 2 3))"),
            (
                "SELECT 1 INTERSECT SELECT 2 EXCEPT SELECT 3 INTERSECT SELECT 4",
                "(EXCEPT (INTERSECT 1 2) (INTERSECT 3 4))",
            ),
            ("(SELECT 1 UNION SELECT 2) INTERSECT SELECT 3", "(INTERSECT [(UNION 1 2)] 3)"),
        ];
        for (text, expected) in cases {
            assert_eq!(shape(&body(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_select_has_its_clauses() {
        let text = "SELECT DISTINCT TOP (3) a.*, b AS x, c y, z = d, e 'w', @v FROM t \
                    WHERE f = 1 GROUP BY g, h HAVING i = 2";
        let select = select(text);
        assert!(select.distinct);
        let count = Expr::Integer("3".into());
        assert_eq!(select.top, Some(Top { count, percent: false, with_ties: false }));
        let names: Vec<Option<&str>> = select
            .items
            .iter()
            .map(|item| match item {
                Item::Expr(_, alias) => alias.as_deref(),
                Item::Star(prefix) => Some(prefix[0].as_str()),
                Item::Assign(..) => None,
            })
            .collect();
        assert_eq!(names, [Some("a"), Some("x"), Some("y"), Some("z"), Some("w"), None]);
        assert_eq!((select.from.len(), select.group.len()), (1, 2));
        assert!(select.filter.is_some() && select.having.is_some() && select.into.is_none());
    }

    #[test]
    fn order_and_paging() {
        let query = syntax::query(
            "SELECT 1 ORDER BY a DESC, b ASC, c OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY \
             OPTION (MAXDOP 1, MAXRECURSION 7);",
        )
        .expect("a query");
        let descending: Vec<bool> = query.order.iter().map(|o| o.descending).collect();
        assert_eq!(descending, [true, false, false]);
        assert_eq!(query.offset, Some(Expr::Integer("1".into())));
        assert_eq!(query.fetch, Some(Expr::Integer("2".into())));
        assert_eq!(query.max_recursion, 7);
        assert_eq!(syntax::query("SELECT 1").map(|q| q.max_recursion), Ok(100));
    }

    #[test]
    fn joins_nest_to_the_left() {
        let kinds = [
            ("CROSS JOIN b", JoinKind::Cross),
            ("JOIN b ON 1=1", JoinKind::Inner),
            ("INNER JOIN b ON 1=1", JoinKind::Inner),
            ("LEFT JOIN b ON 1=1", JoinKind::Left),
            ("LEFT OUTER JOIN b ON 1=1", JoinKind::Left),
            ("RIGHT JOIN b ON 1=1", JoinKind::Right),
            ("RIGHT OUTER JOIN b ON 1=1", JoinKind::Right),
            ("FULL JOIN b ON 1=1", JoinKind::Full),
            ("FULL OUTER JOIN b ON 1=1", JoinKind::Full),
        ];
        for (join, expected) in kinds {
            let select = select(&format!("SELECT 1 FROM a {join} CROSS JOIN c"));
            let [Table::Join { kind: JoinKind::Cross, left, right, on: None }] =
                select.from.as_slice()
            else {
                panic!("{join}: {:?}", select.from)
            };
            assert!(matches!(&**right, Table::Named { name, .. } if name.0 == ["c"]));
            let Table::Join { kind, on, .. } = &**left else { panic!("{left:?}") };
            assert_eq!((*kind, on.is_none()), (expected, expected == JoinKind::Cross), "{join}");
        }
    }

    #[test]
    fn table_sources() {
        let text = "SELECT 1 FROM a AS x WITH (NOLOCK, INDEX (i)), b..c y, \
                    (VALUES (1, 2), (3, 4)) v (p, q), (SELECT 1) AS d (r), @t";
        let from = select(text).from;
        assert!(matches!(&from[0], Table::Named { alias: Some(a), .. } if a == "x"));
        assert!(matches!(&from[1], Table::Named { name, .. } if name.0 == ["b", "", "c"]));
        let Table::Values { rows, alias, columns } = &from[2] else { panic!("{:?}", from[2]) };
        assert_eq!((rows.len(), alias.as_str(), columns.len()), (2, "v", 2));
        let Table::Derived { alias, columns, .. } = &from[3] else { panic!("{:?}", from[3]) };
        assert_eq!((alias.as_str(), columns.as_slice()), ("d", &["r".to_owned()][..]));
        assert!(matches!(&from[4], Table::Named { name, .. } if name.0 == ["@t"]));
    }

    #[test]
    fn pivots() {
        let text = "SELECT 1 FROM a x PIVOT (sum(x.b) FOR x.c IN ([1], d)) AS p JOIN e ON 1=1";
        let from = select(text).from;
        let [Table::Join { left, .. }] = from.as_slice() else { panic!("{from:?}") };
        let Table::Pivot(pivot) = &**left else { panic!("{left:?}") };
        let words = [&pivot.function, &pivot.value, &pivot.spread, &pivot.alias];
        assert_eq!(words, ["SUM", "b", "c", "p"]);
        assert_eq!(pivot.columns, ["1", "d"]);
    }

    #[test]
    fn common_table_expressions() {
        let query = syntax::query("WITH a AS (SELECT 1), b (c, d) AS (SELECT 2) SELECT 3");
        let ctes = query.expect("a query").ctes;
        let names: Vec<(&str, usize)> =
            ctes.iter().map(|c| (c.name.as_str(), c.columns.len())).collect();
        assert_eq!(names, [("a", 0), ("b", 2)]);
    }

    #[test]
    fn what_is_no_query() {
        let wrong = [
            "SELECT",
            "SELECT 1 FROM",
            "SELECT 1 UNION",
            "SELECT a b c",
            "SELECT 1 FROM (SELECT 1)",
            "SELECT 1 FROM (VALUES (1)) v",
            "SELECT 1 FROM a JOIN b",
            "SELECT 1 FROM a PIVOT (MAX(b) FOR c IN (d))",
            "SELECT 1 FROM a PIVOT (COUNT(*) FOR c IN (d)) p",
            "SELECT 1 ORDER a",
            "WITH a SELECT 1",
            "SELECT 1 AS 2",
            "SELECT 1 FROM a OPTION (MAXDOP",
            "SELECT 1 ORDER BY a OFFSET 1 ROWS FETCH NEXT 1 ROWS",
        ];
        for text in wrong {
            assert!(matches!(refused(text), 102 | 156), "{text}: {}", refused(text));
        }
        let elsewhere = [
            "SELECT 1 FOR XML AUTO",
            "UPDATE TOP (1) PERCENT t SET a = 1",
            "DELETE TOP (1) WITH TIES FROM t",
            "SELECT 1 FROM a GROUP BY ALL b",
            "SELECT 1 FROM a GROUP BY CUBE (b, c, d, e, f, g, h)",
            "SELECT 1 FROM dbo.f(DEFAULT)",
            "SELECT 1 FROM a INNER HASH JOIN b ON 1=1",
            "SELECT 1 FROM a TABLESAMPLE (1 ROWS)",
            "SELECT 1 FROM a JOIN b JOIN c ON 1=1 ON 1=1",
            "WITH XMLNAMESPACES ('u' AS n) SELECT 1",
            "DECLARE @v int SELECT @v += 1",
        ];
        for text in elsewhere {
            assert_eq!(refused(text), 49_999, "{text}");
        }
    }
}
