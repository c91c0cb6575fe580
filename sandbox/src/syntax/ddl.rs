//! CREATE, ALTER and DROP.

use super::ast::{ColumnDef, Constraint, ObjectClass, ParamDef, ReferentialAction, StatementKind};
use super::cursor::Parser;
use super::keyword::Keyword;
use super::lexer::TokenKind;
use crate::error::{Error, Result};

impl Parser<'_> {
    pub(super) fn create(&mut self) -> Result<StatementKind> {
        let start = self.offset();
        self.expect(Keyword::Create)?;
        let replace = self.eat_all(&[Keyword::Or, Keyword::Alter]);
        if self.eat(Keyword::Table) {
            return self.create_table();
        }
        if self.eat(Keyword::View) {
            return self.view(replace);
        }
        if self.eat_any(&[Keyword::Procedure, Keyword::Proc]).is_some() {
            return self.procedure(replace);
        }
        if self.eat(Keyword::Schema) {
            return Ok(StatementKind::CreateSchema(self.identifier()?));
        }
        if let Some(module) = self.module(start, replace) {
            return module;
        }
        let unique = self.eat(Keyword::Unique);
        self.eat_any(&[Keyword::Clustered, Keyword::Nonclustered]);
        if self.eat(Keyword::Index) {
            return self.create_index(unique);
        }
        match self.peek() {
            TokenKind::Word(word) if !word.is_reserved() => {
                Err(Error::unsupported(format!("CREATE {}", word.text.to_ascii_uppercase())))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn create_table(&mut self) -> Result<StatementKind> {
        let name = self.name()?;
        let (columns, constraints) = self.table_body()?;
        if self.eat(Keyword::On) {
            self.identifier()?;
        }
        if self.at_symbol("(") || self.at(Keyword::With) && self.symbol_at(1, "(") {
            return Err(Error::unsupported("partitions and options of a table"));
        }
        Ok(StatementKind::CreateTable(name, columns, constraints))
    }

    fn view(&mut self, replace: bool) -> Result<StatementKind> {
        let name = self.name()?;
        if self.at_symbol("(") {
            return Err(Error::unsupported("a view with a column list"));
        }
        self.expect(Keyword::As)?;
        let start = self.offset();
        self.query()?;
        Ok(StatementKind::CreateView(name, self.text_from(start), replace))
    }

    /// Its body reaches to the end of the batch.
    fn procedure(&mut self, replace: bool) -> Result<StatementKind> {
        let name = self.name()?;
        let parentheses = self.eat_symbol("(");
        let has_parameters = matches!(self.peek(), TokenKind::Variable(_));
        let parameters = if has_parameters { self.parameters()? } else { Vec::new() };
        if parentheses {
            self.expect_symbol(")")?;
        }
        self.expect(Keyword::As)?;
        let start = self.offset();
        self.in_module = true;
        while self.skip_semicolons() {
            self.statement(false)?;
        }
        Ok(StatementKind::CreateProc(name, parameters, self.text_from(start), replace))
    }

    pub(super) fn parameters(&mut self) -> Result<Vec<ParamDef>> {
        self.comma_separated(|p| {
            let name = p.variable()?;
            p.eat(Keyword::As);
            let ty = p.data_type()?;
            let start = p.offset() + 1;
            let default = if p.eat_symbol("=") {
                let value = p.expr()?;
                Some((value, p.text_from(start)))
            } else {
                None
            };
            let output = p.eat_any(&[Keyword::Output, Keyword::Out]).is_some();
            Ok(ParamDef { name, ty, default, output })
        })
    }

    fn create_index(&mut self, unique: bool) -> Result<StatementKind> {
        let name = self.identifier()?;
        self.expect(Keyword::On)?;
        let table = self.name()?;
        let columns = self.key_columns()?;
        if self.eat(Keyword::Include) {
            self.name_list()?;
        }
        if self.at(Keyword::Where) {
            return Err(Error::unsupported("a filtered index"));
        }
        self.hints()?;
        Ok(StatementKind::CreateIndex { name, table, columns, unique })
    }

    pub(super) fn alter(&mut self) -> Result<StatementKind> {
        let start = self.offset();
        self.expect(Keyword::Alter)?;
        if let Some(module) = self.module(start, true) {
            return module;
        }
        if self.eat(Keyword::View) {
            return self.view(true);
        }
        if self.eat_any(&[Keyword::Procedure, Keyword::Proc]).is_some() {
            return self.procedure(true);
        }
        if let TokenKind::Word(word) = self.peek()
            && word.keyword != Some(Keyword::Table)
        {
            return Err(Error::unsupported(format!("ALTER {}", word.text.to_ascii_uppercase())));
        }
        self.expect(Keyword::Table)?;
        let name = self.name()?;
        self.eat_all(&[Keyword::With, Keyword::Check]);
        if self.eat_all(&[Keyword::Drop, Keyword::Column]) {
            return Ok(StatementKind::DropColumn(name, self.identifier()?));
        }
        if !self.eat(Keyword::Add) {
            return Err(Error::unsupported("ALTER TABLE other than ADD and DROP COLUMN"));
        }
        let (mut columns, mut constraints) = (Vec::new(), Vec::new());
        self.comma_separated(|p| p.table_item(&mut columns, &mut constraints))?;
        Ok(StatementKind::AddColumns(name, columns, constraints))
    }

    pub(super) fn drop(&mut self) -> Result<StatementKind> {
        self.expect(Keyword::Drop)?;
        let what = match self.keyword() {
            Some(Keyword::Table) => ObjectClass::Table,
            Some(Keyword::View) => ObjectClass::View,
            Some(Keyword::Procedure | Keyword::Proc) => ObjectClass::Procedure,
            Some(Keyword::Index) => ObjectClass::Index,
            Some(Keyword::Schema) => ObjectClass::Schema,
            Some(Keyword::Trigger) => ObjectClass::Trigger,
            _ if self.at_word("FUNCTION") => ObjectClass::Function,
            _ if self.at_word("SYNONYM") => ObjectClass::Synonym,
            _ if self.at_word("SEQUENCE") => ObjectClass::Sequence,
            _ => {
                return Err(match self.peek() {
                    TokenKind::Word(word) => {
                        Error::unsupported(format!("DROP {}", word.text.to_ascii_uppercase()))
                    }
                    _ => self.unexpected(),
                });
            }
        };
        self.position += 1;
        let if_exists = self.eat_all(&[Keyword::If, Keyword::Exists]);
        let names = self.comma_separated(Self::name)?;
        let on = if what == ObjectClass::Index && self.eat(Keyword::On) {
            Some(self.name()?)
        } else {
            None
        };
        Ok(StatementKind::Drop { what, names, if_exists, on })
    }

    // --- columns and constraints

    /// `(column, constraint, …)`, where a comma may stand last.
    pub(super) fn table_body(&mut self) -> Result<(Vec<ColumnDef>, Vec<Constraint>)> {
        self.expect_symbol("(")?;
        let (mut columns, mut constraints) = (Vec::new(), Vec::new());
        while !self.at_symbol(")") {
            self.table_item(&mut columns, &mut constraints)?;
            if !self.eat_symbol(",") {
                break;
            }
        }
        // Options of keys and constraints have many words.
        if let TokenKind::Word(word) = self.peek() {
            let word = word.text.to_ascii_uppercase();
            return Err(Error::unsupported(format!("{word} in the definition of a table")));
        }
        self.expect_symbol(")")?;
        Ok((columns, constraints))
    }

    fn table_item(
        &mut self,
        columns: &mut Vec<ColumnDef>,
        constraints: &mut Vec<Constraint>,
    ) -> Result<()> {
        let named = self.constraint_name()?;
        let of_table = [Keyword::Primary, Keyword::Unique, Keyword::Foreign, Keyword::Check];
        if named.is_some() || self.at_any(&of_table) {
            constraints.push(self.constraint(named, None)?);
        } else {
            columns.push(self.column()?);
        }
        Ok(())
    }

    fn constraint_name(&mut self) -> Result<Option<String>> {
        if self.eat(Keyword::Constraint) { self.identifier().map(Some) } else { Ok(None) }
    }

    fn column(&mut self) -> Result<ColumnDef> {
        let mut column = ColumnDef {
            name: self.identifier()?,
            ty: None,
            nullable: None,
            identity: None,
            default: None,
            computed: None,
            inline: Vec::new(),
        };
        if self.eat(Keyword::As) {
            let start = self.offset();
            let value = self.expr()?;
            let text = self.text_from(start);
            column.computed = Some((value, text, self.eat(Keyword::Persisted)));
        } else {
            column.ty = Some(self.data_type()?);
        }
        while self.column_property(&mut column)? {}
        Ok(column)
    }

    /// One of a column's properties, if another follows.
    fn column_property(&mut self, column: &mut ColumnDef) -> Result<bool> {
        let named = self.constraint_name()?;
        if self.eat_all(&[Keyword::Not, Keyword::Null]) {
            column.nullable = Some(false);
        } else if self.eat(Keyword::Null) {
            column.nullable = Some(true);
        } else if self.eat(Keyword::Identity) {
            column.identity = Some(self.identity()?);
        } else if self.eat(Keyword::Default) {
            let start = self.offset();
            let value = self.expr()?;
            column.default = Some((named, value, self.text_from(start)));
        } else if self.eat(Keyword::Collate) {
            let name = self.identifier()?;
            if !["SQL_Latin1_General_CP1_CI_AS", "DATABASE_DEFAULT"]
                .iter()
                .any(|c| name.eq_ignore_ascii_case(c))
            {
                return Err(Error::unsupported(format!("a column of the collation {name}")));
            }
        } else if self.at_any(&[
            Keyword::Primary,
            Keyword::Unique,
            Keyword::References,
            Keyword::Foreign,
            Keyword::Check,
        ]) {
            let constraint = self.constraint(named, Some(&column.name))?;
            column.inline.push(constraint);
        } else {
            return Ok(self.eat_any(&[Keyword::Rowguidcol, Keyword::Sparse]).is_some());
        }
        Ok(true)
    }

    /// `(seed, increment)`, which may be left out.
    fn identity(&mut self) -> Result<(i64, i64)> {
        if !self.at_symbol("(") {
            return Ok((1, 1));
        }
        self.parenthesized(|p| {
            let seed = p.integer()?;
            p.expect_symbol(",")?;
            Ok((seed, p.integer()?))
        })
    }

    /// Columns between parentheses, each with whether it is descending.
    fn key_columns(&mut self) -> Result<Vec<(String, bool)>> {
        self.parenthesized(|p| {
            p.comma_separated(|p| {
                let column = p.identifier()?;
                Ok((column, p.descending()))
            })
        })
    }

    /// ASC or DESC, if one is next.
    pub(super) fn descending(&mut self) -> bool {
        let descending = self.eat(Keyword::Desc);
        self.eat(Keyword::Asc);
        descending
    }

    /// Of a table, or of `column`.
    fn constraint(&mut self, name: Option<String>, column: Option<&str>) -> Result<Constraint> {
        let primary = self.eat_all(&[Keyword::Primary, Keyword::Key]);
        if primary || self.eat(Keyword::Unique) {
            self.eat_any(&[Keyword::Clustered, Keyword::Nonclustered]);
            let columns = match column {
                Some(column) if !self.at_symbol("(") => vec![(column.to_owned(), false)],
                _ => self.key_columns()?,
            };
            return Ok(Constraint::Key { name, primary, columns });
        }
        if self.eat(Keyword::Check) {
            self.expect_symbol("(")?;
            let start = self.offset();
            let expr = self.predicate()?;
            let text = self.text_from(start);
            self.expect_symbol(")")?;
            return Ok(Constraint::Check { name, expr, text });
        }
        self.foreign_key(name, column)
    }

    fn foreign_key(&mut self, name: Option<String>, column: Option<&str>) -> Result<Constraint> {
        let mut columns: Vec<String> = column.map(str::to_owned).into_iter().collect();
        if self.eat_all(&[Keyword::Foreign, Keyword::Key]) && self.at_symbol("(") {
            columns = self.name_list()?;
        }
        self.expect(Keyword::References)?;
        let table = self.name()?;
        let refs = if self.at_symbol("(") { self.name_list()? } else { Vec::new() };
        let (mut on_delete, mut on_update) = Default::default();
        while self.eat(Keyword::On) {
            let delete = self.eat(Keyword::Delete);
            if !delete {
                self.expect(Keyword::Update)?;
            }
            *(if delete { &mut on_delete } else { &mut on_update }) = self.referential_action()?;
        }
        Ok(Constraint::Foreign { name, columns, table, refs, on_delete, on_update })
    }

    fn referential_action(&mut self) -> Result<ReferentialAction> {
        if self.eat_all(&[Keyword::No, Keyword::Action]) {
            return Ok(ReferentialAction::NoAction);
        }
        if self.eat(Keyword::Cascade) {
            return Ok(ReferentialAction::Cascade);
        }
        self.expect(Keyword::Set)?;
        if self.eat(Keyword::Null) {
            return Ok(ReferentialAction::SetNull);
        }
        self.expect(Keyword::Default)?;
        Ok(ReferentialAction::SetDefault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax;
    use crate::syntax::ast::Statement;
    use crate::types::{Len, Type};

    fn statement(text: &str) -> StatementKind {
        match syntax::batch(text).expect(text).as_slice() {
            [Statement { kind, .. }] => kind.clone(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn tables() {
        let text = "CREATE TABLE t (a int NOT NULL IDENTITY(5, -2) PRIMARY KEY, \
                    b varchar(9) NULL CONSTRAINT d DEFAULT 'x', c AS (a + 1) PERSISTED, \
                    e int REFERENCES u (f) ON DELETE CASCADE ON UPDATE SET NULL, \
                    CONSTRAINT k UNIQUE NONCLUSTERED (b DESC, a ASC), CHECK (a > 0), \
                    FOREIGN KEY (e, a) REFERENCES v ON DELETE SET DEFAULT,) ON [PRIMARY]";
        let StatementKind::CreateTable(_, columns, constraints) = statement(text) else {
            panic!("a table")
        };
        let [a, b, c, e] = columns.as_slice() else { panic!("{columns:?}") };
        assert_eq!((a.nullable, a.identity, a.ty), (Some(false), Some((5, -2)), Some(Type::Int)));
        assert!(matches!(&a.inline[..], [Constraint::Key { primary: true, columns, .. }]
            if columns[..] == [("a".to_owned(), false)]));
        assert_eq!((b.nullable, b.ty), (Some(true), Some(Type::VarChar(Len::N(9)))));
        assert!(matches!(&b.default, Some((Some(name), _, text)) if name == "d" && text == "'x'"));
        assert!(matches!(&c.computed, Some((_, text, true)) if text == "(a + 1)"));
        assert!(matches!(&e.inline[..], [Constraint::Foreign {
            columns, refs, on_delete: ReferentialAction::Cascade,
            on_update: ReferentialAction::SetNull, .. }] if columns[..] == ["e"] && refs[..] == ["f"]));
        let [key, check, foreign] = constraints.as_slice() else { panic!("{constraints:?}") };
        assert!(matches!(key, Constraint::Key { name: Some(k), primary: false, columns }
            if k == "k" && columns[..] == [("b".to_owned(), true), ("a".to_owned(), false)]));
        assert!(matches!(check, Constraint::Check { name: None, text, .. } if text == "a > 0"));
        assert!(matches!(foreign, Constraint::Foreign { columns, refs,
            on_delete: ReferentialAction::SetDefault, on_update: ReferentialAction::NoAction, .. }
            if columns.len() == 2 && refs.is_empty()));
    }

    #[test]
    fn views_procedures_and_indexes() {
        for (text, replaces) in [
            ("CREATE VIEW v AS SELECT 1 AS a;", false),
            ("CREATE OR ALTER VIEW v AS SELECT 1 AS a", true),
            ("ALTER VIEW v AS SELECT 1 AS a", true),
        ] {
            let StatementKind::CreateView(_, query, replace) = statement(text) else {
                panic!("{text}")
            };
            assert_eq!((query.as_str(), replace), ("SELECT 1 AS a", replaces), "{text}");
        }
        let text = "CREATE PROC p (@a int, @b AS varchar(3) = 'x' OUTPUT) AS SELECT 1; SELECT 2";
        let StatementKind::CreateProc(_, params, body, replace) = statement(text) else {
            panic!("a procedure")
        };
        assert_eq!((body.as_str(), replace), ("SELECT 1; SELECT 2", false));
        let outputs: Vec<(bool, bool)> =
            params.iter().map(|p| (p.default.is_some(), p.output)).collect();
        assert_eq!(outputs, [(false, false), (true, true)]);
        let text =
            "CREATE UNIQUE CLUSTERED INDEX i ON t (a DESC, b) INCLUDE (c) WITH (ONLINE = ON)";
        let StatementKind::CreateIndex { columns, unique: true, .. } = statement(text) else {
            panic!("an index")
        };
        assert_eq!(columns, [("a".to_owned(), true), ("b".to_owned(), false)]);
    }

    #[test]
    fn alterations_and_drops() {
        let add = statement("ALTER TABLE t WITH CHECK ADD a int NULL, CONSTRAINT c CHECK (a > 1)");
        assert!(matches!(add, StatementKind::AddColumns(_, columns, constraints)
            if columns.len() == 1 && constraints.len() == 1));
        let drop = statement("ALTER TABLE t DROP COLUMN a");
        assert!(matches!(drop, StatementKind::DropColumn(_, column) if column == "a"));
        for (text, class) in [
            ("DROP TABLE IF EXISTS a, b.c", ObjectClass::Table),
            ("DROP VIEW IF EXISTS a, b", ObjectClass::View),
            ("DROP PROC IF EXISTS a, b", ObjectClass::Procedure),
            ("DROP PROCEDURE IF EXISTS a, b", ObjectClass::Procedure),
            ("DROP SCHEMA IF EXISTS a, b", ObjectClass::Schema),
        ] {
            let StatementKind::Drop { what, names, if_exists: true, on: None } = statement(text)
            else {
                panic!("{text}")
            };
            assert_eq!((what, names.len()), (class, 2), "{text}");
        }
        let index = statement("DROP INDEX i ON t");
        assert!(matches!(index, StatementKind::Drop { what: ObjectClass::Index, on: Some(_), .. }));
    }

    #[test]
    fn what_defines_nothing() {
        let number = |text: &str| syntax::batch(text).map(|_| ()).map_err(|e| e.number);
        let wrong = [
            "CREATE",
            "CREATE TABLE t",
            "CREATE TABLE t (a)",
            "CREATE TABLE t (a int",
            "CREATE INDEX i",
            "ALTER TABLE t ADD",
            "DROP",
            "DROP TABLE",
            "CREATE VIEW v SELECT 1",
        ];
        for text in wrong {
            assert!(matches!(number(text), Err(102 | 156)), "{text}: {:?}", number(text));
        }
        let elsewhere = [
            "CREATE TRIGGER t ON DATABASE AFTER CREATE_TABLE AS SELECT 1",
            "CREATE USER u",
            "CREATE VIEW v (a) AS SELECT 1",
            "CREATE TABLE t (a int) WITH (DATA_COMPRESSION = ROW)",
            "CREATE TABLE t (a int MASKED)",
            "CREATE TABLE t (a int COLLATE Latin1_General_BIN)",
            "CREATE INDEX i ON t (a) WHERE a > 1",
            "ALTER DATABASE d SET x ON",
            "ALTER TABLE t ALTER COLUMN a int",
            "DROP DATABASE d",
        ];
        for text in elsewhere {
            assert_eq!(number(text), Err(49_999), "{text}");
        }
    }
}
