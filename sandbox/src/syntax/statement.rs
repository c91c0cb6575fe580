//! Statements: which rule one belongs to, control of flow, variables, options, transactions.

use super::ast::{BinaryOp, Expr, Statement, StatementKind};
use super::cursor::Parser;
use super::keyword::Keyword;
use super::lexer::TokenKind;
use crate::error::{Error, Result};
use crate::messages;

impl Parser<'_> {
    /// `top` where a procedure may be called without EXEC.
    pub(super) fn statement(&mut self, top: bool) -> Result<Statement> {
        let (line, start) = (self.line(), self.offset());
        let kind = self.nested(|p| p.statement_kind(top)).map_err(|e| e.at(line))?;
        let range = (start, self.offset());
        self.eat_symbol(";");
        Ok(Statement { line, range, kind })
    }

    fn statement_kind(&mut self, top: bool) -> Result<StatementKind> {
        match self.peek() {
            TokenKind::Word(_) => {}
            TokenKind::Symbol("(") => return Ok(StatementKind::Query(Box::new(self.query()?))),
            TokenKind::Quoted(_) if top && self.position == 0 => return self.exec_call(None),
            _ => return Err(self.unexpected()),
        }
        if let Some(refused) = self.keyword().filter(|k| k.is_refused()) {
            return Err(Error::unsupported(format!("the statement {}", refused.text())));
        }
        match self.keyword() {
            Some(Keyword::Select) => Ok(StatementKind::Query(Box::new(self.query()?))),
            Some(Keyword::With) => self.with_statement(),
            Some(Keyword::Insert | Keyword::Update | Keyword::Delete) => self.dml(Vec::new()),
            Some(Keyword::Truncate) => self.truncate(),
            Some(Keyword::Create) => self.create(),
            Some(Keyword::Alter) => self.alter(),
            Some(Keyword::Drop) => self.drop(),
            Some(Keyword::Declare) => self.declare(),
            Some(Keyword::Set) => self.set(),
            Some(Keyword::If) => self.if_statement(),
            Some(Keyword::While) => self.while_statement(),
            Some(Keyword::Begin) => self.begin(),
            Some(Keyword::Break) => Ok(self.bare(StatementKind::Break)),
            Some(Keyword::Continue) => Ok(self.bare(StatementKind::Continue)),
            Some(Keyword::Return) => self.return_statement(),
            Some(Keyword::Print) => {
                self.position += 1;
                Ok(StatementKind::Print(self.expr()?))
            }
            Some(Keyword::Raiserror) => self.raiserror(),
            Some(Keyword::Throw) => self.throw(),
            Some(Keyword::Commit) => self.commit(),
            Some(Keyword::Rollback) => self.rollback(),
            Some(Keyword::Use) if self.in_module => Err(messages::use_in_a_module()),
            Some(Keyword::Use) => {
                self.position += 1;
                Ok(StatementKind::Use(self.identifier()?))
            }
            Some(Keyword::Waitfor) => self.waitfor(),
            Some(Keyword::Exec | Keyword::Execute) => self.exec(),
            _ if top && self.position == 0 => self.exec_call(None),
            _ => Err(self.unexpected()),
        }
    }

    /// A statement that is one word.
    fn bare(&mut self, kind: StatementKind) -> StatementKind {
        self.position += 1;
        kind
    }

    /// Words that are not reserved, or begin a statement, where a name might stand.
    pub(super) fn starts_statement(&self) -> bool {
        self.at_any(&[
            Keyword::Throw,
            Keyword::If,
            Keyword::Select,
            Keyword::End,
            Keyword::Else,
            Keyword::Print,
            Keyword::Set,
        ])
    }

    fn with_statement(&mut self) -> Result<StatementKind> {
        let ctes = self.ctes()?;
        if self.at(Keyword::Select) || self.at_symbol("(") {
            let mut query = self.query()?;
            query.ctes = ctes;
            return Ok(StatementKind::Query(Box::new(query)));
        }
        self.dml(ctes)
    }

    fn truncate(&mut self) -> Result<StatementKind> {
        self.position += 1;
        self.expect(Keyword::Table)?;
        Ok(StatementKind::Truncate(self.name()?))
    }

    // --- control of flow

    fn if_statement(&mut self) -> Result<StatementKind> {
        self.position += 1;
        let condition = self.predicate()?;
        let yes = Box::new(self.statement(false)?);
        let mark = self.position;
        self.skip_semicolons();
        let no = if self.eat(Keyword::Else) {
            Some(Box::new(self.statement(false)?))
        } else {
            self.position = mark;
            None
        };
        Ok(StatementKind::If(condition, yes, no))
    }

    fn while_statement(&mut self) -> Result<StatementKind> {
        self.position += 1;
        let condition = self.predicate()?;
        Ok(StatementKind::While(condition, Box::new(self.statement(false)?)))
    }

    fn return_statement(&mut self) -> Result<StatementKind> {
        self.position += 1;
        let value = match self.peek() {
            TokenKind::Number(_) | TokenKind::Variable(_) | TokenKind::Symbol("-" | "(") => {
                Some(self.expr()?)
            }
            _ => None,
        };
        Ok(StatementKind::Return(value))
    }

    fn raiserror(&mut self) -> Result<StatementKind> {
        self.position += 1;
        let args = self.parenthesized(Self::expressions)?;
        let mut log = false;
        if self.eat(Keyword::With) {
            loop {
                log |= self.at(Keyword::Log);
                if self.at(Keyword::Seterror) {
                    return Err(Error::unsupported("RAISERROR WITH SETERROR"));
                }
                self.identifier()?;
                if !self.eat_symbol(",") {
                    break;
                }
            }
        }
        Ok(StatementKind::RaisError(args, log))
    }

    fn throw(&mut self) -> Result<StatementKind> {
        self.position += 1;
        if !matches!(self.peek(), TokenKind::Number(_) | TokenKind::Variable(_)) {
            return Ok(StatementKind::Throw(None));
        }
        let number = self.expr()?;
        self.expect_symbol(",")?;
        let message = self.expr()?;
        self.expect_symbol(",")?;
        Ok(StatementKind::Throw(Some(Box::new([number, message, self.expr()?]))))
    }

    fn waitfor(&mut self) -> Result<StatementKind> {
        self.position += 1;
        if !self.eat(Keyword::Delay) {
            return Err(Error::unsupported("WAITFOR other than DELAY"));
        }
        Ok(StatementKind::Delay(self.expr()?))
    }

    /// BEGIN … END, BEGIN TRY, BEGIN TRANSACTION.
    fn begin(&mut self) -> Result<StatementKind> {
        self.expect(Keyword::Begin)?;
        if self.eat_any(&[Keyword::Tran, Keyword::Transaction]).is_some() {
            return self.begin_transaction();
        }
        if self.eat(Keyword::Try) {
            let body = self.until_end(Keyword::Try)?;
            self.skip_semicolons();
            if !self.eat_all(&[Keyword::Begin, Keyword::Catch]) {
                return Err(self.unexpected());
            }
            return Ok(StatementKind::Try(body, self.until_end(Keyword::Catch)?));
        }
        let mut out = Vec::new();
        while self.skip_semicolons() && !self.at(Keyword::End) {
            out.push(self.statement(false)?);
        }
        if out.is_empty() {
            return Err(self.unexpected());
        }
        self.expect(Keyword::End)?;
        Ok(StatementKind::Block(out))
    }

    /// The statements before END TRY or END CATCH, and those words.
    fn until_end(&mut self, what: Keyword) -> Result<Vec<Statement>> {
        let mut out = Vec::new();
        while self.skip_semicolons() {
            if self.eat_all(&[Keyword::End, what]) {
                return Ok(out);
            }
            out.push(self.statement(false)?);
        }
        Err(self.unexpected())
    }

    // --- transactions

    fn begin_transaction(&mut self) -> Result<StatementKind> {
        if self.at_transaction_name()
            && let Some(name) = self.transaction_name()
        {
            self.transaction = Some(name);
        }
        if self.eat_all(&[Keyword::With, Keyword::Mark])
            || matches!(self.peek(), TokenKind::Variable(_))
        {
            return Err(Error::unsupported(
                "a marked transaction, or one whose name is a variable",
            ));
        }
        Ok(StatementKind::Begin)
    }

    fn at_transaction_name(&self) -> bool {
        match self.peek() {
            TokenKind::Quoted(_) => true,
            TokenKind::Word(word) => !word.is_reserved() && !self.starts_statement(),
            _ => false,
        }
    }

    /// The next token, which names a transaction; none where that is a variable.
    fn transaction_name(&mut self) -> Option<String> {
        match self.next() {
            TokenKind::Word(word) => Some(word.text),
            TokenKind::Quoted(name) => Some(name),
            _ => None,
        }
    }

    fn commit(&mut self) -> Result<StatementKind> {
        self.position += 1;
        self.transaction_word_and_name();
        Ok(StatementKind::Commit)
    }

    /// A name may be that of a savepoint, or of no transaction.
    fn rollback(&mut self) -> Result<StatementKind> {
        self.position += 1;
        if let Some(name) = self.transaction_word_and_name()
            && (name.is_none() || name != self.transaction)
        {
            return Err(Error::unsupported("ROLLBACK of a name that the batch did not begin"));
        }
        Ok(StatementKind::Rollback)
    }

    /// TRAN, TRANSACTION or WORK and what names it: a name, or `None` for a variable.
    fn transaction_word_and_name(&mut self) -> Option<Option<String>> {
        self.eat_any(&[Keyword::Tran, Keyword::Transaction, Keyword::Work])?;
        let named = self.at_transaction_name() || matches!(self.peek(), TokenKind::Variable(_));
        named.then(|| self.transaction_name())
    }

    // --- variables and options

    fn declare(&mut self) -> Result<StatementKind> {
        self.expect(Keyword::Declare)?;
        let mut out = Vec::new();
        loop {
            if !matches!(self.peek(), TokenKind::Variable(_)) {
                return Err(if self.keyword_at(1) == Some(Keyword::Cursor) {
                    Error::unsupported("cursors")
                } else {
                    self.unexpected()
                });
            }
            let name = self.variable()?;
            self.eat(Keyword::As);
            if self.eat(Keyword::Table) {
                let (columns, constraints) = self.table_body()?;
                return Ok(StatementKind::DeclareTable(name, columns, constraints));
            }
            let ty = self.data_type()?;
            let value = if self.eat_symbol("=") { Some(self.expr()?) } else { None };
            out.push((name, ty, value));
            if !self.eat_symbol(",") {
                return Ok(StatementKind::Declare(out));
            }
        }
    }

    fn set(&mut self) -> Result<StatementKind> {
        self.expect(Keyword::Set)?;
        if matches!(self.peek(), TokenKind::Variable(_)) {
            let name = self.variable()?;
            let value = self.assigned(Expr::Variable(name.clone()))?;
            return Ok(StatementKind::SetVar(name, value));
        }
        if self.eat_all(&[Keyword::Transaction, Keyword::Isolation, Keyword::Level])
            || self.eat_all(&[Keyword::Tran, Keyword::Isolation, Keyword::Level])
        {
            return self.isolation_level();
        }
        let at_context_info = self.at(Keyword::ContextInfo);
        let identity_insert = self.at(Keyword::IdentityInsert);
        let statistics = self.at_any(&[Keyword::Statistics, Keyword::Offsets]);
        let mut names = vec![self.option_word()?];
        if identity_insert {
            names.push(self.name()?.0.join("."));
            return Ok(StatementKind::SetOption(names, self.option_word()?));
        }
        if at_context_info {
            return Ok(StatementKind::ContextInfo(self.expr()?));
        }
        while self.eat_symbol(",") {
            names.push(self.option_word()?);
        }
        if statistics {
            self.option_word()?;
        }
        Ok(StatementKind::SetOption(names, self.option_value()?))
    }

    fn isolation_level(&mut self) -> Result<StatementKind> {
        let mut level = self.identifier()?;
        if self.eat_any(&[Keyword::Committed, Keyword::Uncommitted]).is_some() {
            level += " COMMITTED";
        } else {
            self.eat(Keyword::Read);
        }
        Ok(StatementKind::SetOption(vec!["TRANSACTION ISOLATION LEVEL".into()], level))
    }

    fn option_word(&mut self) -> Result<String> {
        let TokenKind::Word(word) = self.peek() else { return Err(self.unexpected()) };
        let text = word.text.clone();
        self.position += 1;
        Ok(text)
    }

    fn option_value(&mut self) -> Result<String> {
        let value = match self.peek() {
            TokenKind::Word(word) => word.text.clone(),
            TokenKind::Number(text)
            | TokenKind::Text(text)
            | TokenKind::UnicodeText(text)
            | TokenKind::Variable(text) => text.clone(),
            TokenKind::Bytes(_) => String::new(),
            TokenKind::Symbol("-") => {
                self.position += 1;
                return Ok(format!("-{}", self.integer()?));
            }
            _ => return Err(self.unexpected()),
        };
        self.position += 1;
        Ok(value)
    }

    /// `= value`, or `+= value` and its like, which compute with what the target holds.
    pub(super) fn assigned(&mut self, target: Expr) -> Result<Expr> {
        const OPERATORS: [(&str, Option<BinaryOp>); 6] = [
            ("=", None),
            ("+=", Some(BinaryOp::Add)),
            ("-=", Some(BinaryOp::Subtract)),
            ("*=", Some(BinaryOp::Multiply)),
            ("/=", Some(BinaryOp::Divide)),
            ("%=", Some(BinaryOp::Modulo)),
        ];
        let Some((_, op)) = OPERATORS.iter().find(|(symbol, _)| self.eat_symbol(symbol)) else {
            return Err(if ["&", "|", "^"].iter().any(|s| self.at_symbol(s)) {
                Error::unsupported("assignment with an operator on bits")
            } else {
                self.unexpected()
            });
        };
        let value = self.expr()?;
        Ok(match op {
            None => value,
            Some(op) => Expr::Binary(*op, Box::new(target), Box::new(value)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax;

    fn kinds(text: &str) -> Vec<StatementKind> {
        syntax::batch(text).expect(text).into_iter().map(|s| s.kind).collect()
    }

    fn kind(text: &str) -> StatementKind {
        let mut all = kinds(text);
        assert_eq!(all.len(), 1, "{text}: {all:?}");
        all.remove(0)
    }

    #[test]
    fn statements_need_no_semicolon_between_them() {
        let all = syntax::batch(";SELECT 1\nCOMMIT SELECT 2;;PRINT 'a'\n\nBREAK").expect("a batch");
        let lines: Vec<u32> = all.iter().map(|s| s.line).collect();
        assert_eq!(lines, [1, 2, 2, 2, 4]);
        assert!(matches!(all[1].kind, StatementKind::Commit));
    }

    #[test]
    fn an_else_belongs_to_the_if_before_it() {
        let StatementKind::If(_, yes, Some(_)) = kind("IF 1=1 SELECT 1; ELSE SELECT 2") else {
            panic!("an IF with an ELSE")
        };
        assert!(matches!(yes.kind, StatementKind::Query(_)));
        let StatementKind::If(_, yes, None) = kind("IF 1=1 IF 2=2 BREAK ELSE CONTINUE") else {
            panic!("an IF without an ELSE")
        };
        assert!(matches!(yes.kind, StatementKind::If(_, _, Some(_))));
        assert_eq!(kinds("IF 1=1 BREAK; SELECT 1").len(), 2);
    }

    #[test]
    fn blocks_and_handlers() {
        let block = kind("WHILE 1=1 BEGIN BREAK; CONTINUE END");
        assert!(matches!(block, StatementKind::While(_, body)
            if matches!(&body.kind, StatementKind::Block(all) if all.len() == 2)));
        let tried = kind("BEGIN TRY SELECT 1 END TRY; BEGIN CATCH END CATCH");
        assert!(matches!(tried, StatementKind::Try(body, handler)
            if body.len() == 1 && handler.is_empty()));
    }

    #[test]
    fn a_return_a_throw_and_a_raiserror_have_their_values() {
        assert!(matches!(kind("RETURN"), StatementKind::Return(None)));
        assert!(matches!(kind("RETURN -1"), StatementKind::Return(Some(_))));
        assert!(matches!(kind("RETURN (1)"), StatementKind::Return(Some(_))));
        assert!(matches!(kind("THROW"), StatementKind::Throw(None)));
        assert!(matches!(kind("THROW 50000, 'a', 1"), StatementKind::Throw(Some(_))));
        for (text, log) in [
            ("RAISERROR('a', 1, 2)", false),
            ("RAISERROR('a', 1, 2) WITH NOWAIT", false),
            ("RAISERROR('a', 1, 2) WITH NOWAIT, LOG", true),
        ] {
            let StatementKind::RaisError(args, with_log) = kind(text) else { panic!("{text}") };
            assert_eq!((args.len(), with_log), (3, log), "{text}");
        }
    }

    #[test]
    fn transactions_may_have_names() {
        let begun = ["BEGIN TRAN", "BEGIN TRANSACTION t", "BEGIN TRAN [t]"];
        for text in begun {
            assert!(matches!(kind(text), StatementKind::Begin), "{text}");
        }
        for text in ["COMMIT", "COMMIT TRAN t", "COMMIT WORK", "COMMIT TRANSACTION @t"] {
            assert!(matches!(kind(text), StatementKind::Commit), "{text}");
        }
        assert_eq!(kinds("BEGIN TRAN t ROLLBACK TRAN t").len(), 2);
        assert_eq!(kinds("COMMIT TRAN THROW").len(), 2);
        for text in ["ROLLBACK TRAN t", "BEGIN TRAN t ROLLBACK TRAN u", "ROLLBACK TRAN @t"] {
            assert!(syntax::batch(text).is_err_and(|e| e.is_unsupported()), "{text}");
        }
    }

    #[test]
    fn variables_and_options() {
        let StatementKind::Declare(list) = kind("DECLARE @a AS int = 1, @b varchar(5)") else {
            panic!("DECLARE")
        };
        let shown: Vec<(&str, bool)> =
            list.iter().map(|(name, _, value)| (name.as_str(), value.is_some())).collect();
        assert_eq!(shown, [("@a", true), ("@b", false)]);
        assert!(matches!(kind("DECLARE @t TABLE (a int)"), StatementKind::DeclareTable(..)));
        for (symbol, op) in [
            ("+=", BinaryOp::Add),
            ("-=", BinaryOp::Subtract),
            ("*=", BinaryOp::Multiply),
            ("/=", BinaryOp::Divide),
            ("%=", BinaryOp::Modulo),
        ] {
            let set = kind(&format!("SET @a {symbol} 2"));
            assert!(matches!(set, StatementKind::SetVar(_, Expr::Binary(o, ..)) if o == op));
        }
        let option = |text: &str| match kind(text) {
            StatementKind::SetOption(names, value) => (names, value),
            other => panic!("{text}: {other:?}"),
        };
        let named = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let level = "TRANSACTION ISOLATION LEVEL";
        for (text, names, value) in [
            ("SET NOCOUNT ON", vec!["NOCOUNT"], "ON"),
            ("SET a, b OFF", vec!["a", "b"], "OFF"),
            ("SET LOCK_TIMEOUT -1", vec!["LOCK_TIMEOUT"], "-1"),
            ("SET STATISTICS IO ON", vec!["STATISTICS"], "ON"),
            ("SET IDENTITY_INSERT a.b ON", vec!["IDENTITY_INSERT", "a.b"], "ON"),
            ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", vec![level], "READ COMMITTED"),
            ("SET TRAN ISOLATION LEVEL REPEATABLE READ", vec![level], "REPEATABLE"),
        ] {
            assert_eq!(option(text), (named(&names), value.to_owned()), "{text}");
        }
        assert!(matches!(kind("SET CONTEXT_INFO 0x01"), StatementKind::ContextInfo(_)));
    }

    #[test]
    fn what_is_no_statement() {
        let number = |text: &str| syntax::batch(text).map(|_| ()).map_err(|e| e.number);
        let wrong = [
            "1",
            "BEGIN END",
            "BEGIN TRY SELECT 1",
            "BEGIN TRY SELECT 1 END TRY",
            "BEGIN TRY SELECT 1 END TRY SELECT 2",
            "DECLARE",
            "DECLARE @a",
            "SET",
            "SET @a",
            "IF",
            "WHILE 1=1",
            "TRUNCATE t",
            "SELECT 1; dbo.p 2",
            "THROW 1",
        ];
        for text in wrong {
            assert!(matches!(number(text), Err(102 | 156)), "{text}: {:?}", number(text));
        }
        let elsewhere = [
            "MERGE t USING u ON 1=1",
            "GRANT SELECT ON t TO u",
            "SAVE TRAN t",
            "GOTO l",
            "REVERT",
            "DECLARE c CURSOR FOR SELECT 1",
            "WAITFOR TIME '1:00'",
            "RAISERROR('a', 1, 1) WITH SETERROR",
            "BEGIN TRAN t WITH MARK 'm'",
            "BEGIN TRAN @t",
            "SET @a ^= 1",
        ];
        for text in elsewhere {
            assert_eq!(number(text), Err(49_999), "{text}");
        }
    }
}
