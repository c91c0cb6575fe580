//! Statements: which rule one belongs to, control of flow, variables, options, transactions.

use super::ast::{BinaryOp, Expr, Statement, StatementKind};
use super::cursor::Parser;
use super::keyword::Keyword;
use super::lexer::TokenKind;
use crate::error::{Error, Result};

impl Parser<'_> {
    /// `top` where a procedure may be called without EXEC.
    pub(super) fn statement(&mut self, top: bool) -> Result<Statement> {
        let line = self.line();
        let kind = self.nested(|p| p.statement_kind(top)).map_err(|e| e.at(line))?;
        self.eat_symbol(";");
        Ok(Statement { line, kind })
    }

    fn statement_kind(&mut self, top: bool) -> Result<StatementKind> {
        match self.peek() {
            TokenKind::Word(_) => {}
            TokenKind::Symbol("(") => return Ok(StatementKind::Query(Box::new(self.query()?))),
            TokenKind::Quoted(_) if top => return self.exec_call(None),
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
            Some(Keyword::Use) => {
                self.position += 1;
                Ok(StatementKind::Use(self.identifier()?))
            }
            Some(Keyword::Waitfor) => self.waitfor(),
            Some(Keyword::Exec | Keyword::Execute) => self.exec(),
            Some(keyword) if keyword.is_reserved() => Err(self.unexpected()),
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
