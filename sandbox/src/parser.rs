//! Recursive descent over the tokens. Statements need no `;` between them, which is why no general
//! SQL parser serves here: those that were tried read `SELECT 1 COMMIT` as an alias.

use crate::ast::*;
use crate::error::{Error, Result};
use crate::lexer::{Tok, Token, tokens};
use crate::types::{Type, TypeArgument};

/// Words that cannot be an alias or a bare identifier.
const RESERVED: [&str; 98] = [
    "ADD",
    "ALL",
    "ALTER",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "AUTHORIZATION",
    "BEGIN",
    "BETWEEN",
    "BREAK",
    "BY",
    "CASE",
    "CHECK",
    "CLOSE",
    "COLLATE",
    "COLUMN",
    "COMMIT",
    "CONSTRAINT",
    "CONTINUE",
    "CONVERT",
    "CREATE",
    "CROSS",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "DEALLOCATE",
    "DECLARE",
    "DEFAULT",
    "DELETE",
    "DENY",
    "DESC",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXEC",
    "EXECUTE",
    "EXISTS",
    "FETCH",
    "FOR",
    "FOREIGN",
    "FROM",
    "FULL",
    "GOTO",
    "GRANT",
    "GROUP",
    "HAVING",
    "IDENTITY",
    "IF",
    "IN",
    "INDEX",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "KILL",
    "LEFT",
    "LIKE",
    "MERGE",
    "NOT",
    "NULL",
    "OF",
    "ON",
    "OPEN",
    "OPTION",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PIVOT",
    "PRIMARY",
    "PRINT",
    "PROC",
    "PROCEDURE",
    "RAISERROR",
    "RECONFIGURE",
    "REFERENCES",
    "RETURN",
    "REVOKE",
    "RIGHT",
    "ROLLBACK",
    "SAVE",
    "SELECT",
    "SET",
    "SHUTDOWN",
    "SOME",
    "TABLE",
    "THEN",
    "TOP",
    "TRUNCATE",
    "UNION",
    "UNIQUE",
    "UPDATE",
];
const RESERVED_TOO: [&str; 16] = [
    "USE",
    "VALUES",
    "VIEW",
    "WAITFOR",
    "WHEN",
    "WHERE",
    "WHILE",
    "WITH",
    "TRANSACTION",
    "TRAN",
    "TRIGGER",
    "UNPIVOT",
    "BACKUP",
    "RESTORE",
    "CHECKPOINT",
    "DBCC",
];

/// Words of T-SQL that begin what this parser does not know: where one stands unexpected, the
/// text may be right.
const ELSEWHERE: [&str; 46] = [
    "WITH",
    "FOR",
    "AT",
    "OF",
    "CURRENT",
    "NATIONAL",
    "PERCENT",
    "TABLESAMPLE",
    "CROSS",
    "OUTER",
    "HASH",
    "LOOP",
    "MERGE",
    "REMOTE",
    "CONTAINS",
    "FREETEXT",
    "DISTRIBUTED",
    "INDEX",
    "PERIOD",
    "GENERATED",
    "MASKED",
    "ENCRYPTED",
    "HIDDEN",
    "FILESTREAM",
    "REPLICATION",
    "AUTHORIZATION",
    "COMPUTE",
    "BULK",
    "OPENQUERY",
    "OPENROWSET",
    "OPENXML",
    "OPENDATASOURCE",
    "READTEXT",
    "WRITETEXT",
    "UPDATETEXT",
    "WITHIN",
    "ATOMIC",
    "DIALOG",
    "CONVERSATION",
    "DEFAULT",
    "HOLDLOCK",
    "TEXTIMAGE_ON",
    "FILESTREAM_ON",
    "READONLY",
    "LINENO",
    "WINDOW",
];

/// Statements that are no call of a procedure, though nothing reserves their first word.
const STATEMENTS: [&str; 10] = [
    "REVERT",
    "SETUSER",
    "READTEXT",
    "WRITETEXT",
    "UPDATETEXT",
    "LINENO",
    "ENABLE",
    "DISABLE",
    "RECEIVE",
    "SEND",
];

fn reserved(word: &str) -> bool {
    let w = word.to_ascii_uppercase();
    RESERVED.contains(&w.as_str()) || RESERVED_TOO.contains(&w.as_str())
}

/// Parses a whole batch; a syntax error anywhere means that nothing runs.
pub fn batch(sql: &str) -> Result<Vec<Statement>> {
    let mut p = Parser { toks: tokens(sql)?, i: 0, sql, tran: None };
    let mut out = Vec::new();
    while p.skip_semis() {
        out.push(p.statement(true)?);
    }
    Ok(out)
}

/// Parses one expression, for a stored default or check.
pub fn expression(sql: &str) -> Result<Expr> {
    let mut p = Parser { toks: tokens(sql)?, i: 0, sql, tran: None };
    p.predicate()
}

/// Parses a query, for a view's body.
pub fn query(sql: &str) -> Result<Query> {
    let mut p = Parser { toks: tokens(sql)?, i: 0, sql, tran: None };
    let q = p.query()?;
    p.sym(";");
    if p.peek() != &Tok::End {
        return Err(p.unexpected());
    }
    Ok(q)
}

/// Parses `@a int, @b nvarchar(10) = N'x' OUTPUT`, as sp_executesql has them.
pub fn params(sql: &str) -> Result<Vec<ParamDef>> {
    let mut p = Parser { toks: tokens(sql)?, i: 0, sql, tran: None };
    let list = p.param_list()?;
    if p.peek() != &Tok::End {
        return Err(p.unexpected());
    }
    Ok(list)
}

struct Parser<'a> {
    toks: Vec<Token>,
    i: usize,
    sql: &'a str,
    /// The name of the last BEGIN TRANSACTION.
    tran: Option<String>,
}

impl Parser<'_> {
    // --- tokens

    fn peek(&self) -> &Tok {
        &self.toks[self.i.min(self.toks.len() - 1)].tok
    }

    fn peek_at(&self, n: usize) -> &Tok {
        &self.toks[(self.i + n).min(self.toks.len() - 1)].tok
    }

    fn line(&self) -> u32 {
        self.toks[self.i.min(self.toks.len() - 1)].line
    }

    fn at(&self) -> usize {
        self.toks[self.i.min(self.toks.len() - 1)].at
    }

    fn next(&mut self) -> Tok {
        let t = self.peek().clone();
        self.i += 1;
        t
    }

    fn is_word(t: &Tok, w: &str) -> bool {
        matches!(t, Tok::Word(x) if x.eq_ignore_ascii_case(w))
    }

    fn at_word(&self, w: &str) -> bool {
        Self::is_word(self.peek(), w)
    }

    fn word(&mut self, w: &str) -> bool {
        let hit = self.at_word(w);
        self.i += usize::from(hit);
        hit
    }

    fn words(&mut self, ws: &[&str]) -> bool {
        let hit = ws.iter().enumerate().all(|(n, w)| Self::is_word(self.peek_at(n), w));
        if hit {
            self.i += ws.len();
        }
        hit
    }

    fn need_word(&mut self, w: &str) -> Result<()> {
        if self.word(w) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn sym(&mut self, s: &str) -> bool {
        let hit = matches!(self.peek(), Tok::Sym(x) if *x == s);
        self.i += usize::from(hit);
        hit
    }

    fn at_sym(&self, s: &str) -> bool {
        matches!(self.peek(), Tok::Sym(x) if *x == s)
    }

    fn need(&mut self, s: &str) -> Result<()> {
        if self.sym(s) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn skip_semis(&mut self) -> bool {
        while self.sym(";") {}
        self.peek() != &Tok::End
    }

    /// 156 near a keyword, 102 near anything else.
    fn unexpected(&self) -> Error {
        let line = self.line();
        match self.peek() {
            Tok::Word(w) if ELSEWHERE.iter().any(|x| w.eq_ignore_ascii_case(x)) => {
                Error::unsupported(format!("{} in this place", w.to_ascii_uppercase())).at(line)
            }
            Tok::Word(w) if reserved(w) => {
                Error::new(156, 15, format!("Incorrect syntax near the keyword '{w}'.")).at(line)
            }
            Tok::Word(w)
            | Tok::Quoted(w)
            | Tok::Str(w)
            | Tok::NStr(w)
            | Tok::Number(w)
            | Tok::Money(w)
            | Tok::Var(w) => Error::syntax(w, line),
            Tok::Sym(s) => Error::syntax(s, line),
            Tok::Hex(_) => Error::syntax("0x", line),
            Tok::End => {
                match self.i.checked_sub(1).map(|i| &self.toks[i.min(self.toks.len() - 1)].tok) {
                    Some(Tok::Word(w)) if reserved(w) => {
                        Error::new(156, 15, format!("Incorrect syntax near the keyword '{w}'."))
                            .at(line)
                    }
                    Some(
                        Tok::Word(w) | Tok::Quoted(w) | Tok::Str(w) | Tok::Number(w) | Tok::Var(w),
                    ) => Error::syntax(w, line),
                    Some(Tok::Sym(s)) => Error::syntax(s, line),
                    _ => Error::syntax("", line),
                }
            }
        }
    }

    fn ident(&mut self) -> Result<String> {
        match self.peek().clone() {
            Tok::Quoted(q) => {
                self.i += 1;
                Ok(q)
            }
            Tok::Word(w) if !reserved(&w) => {
                self.i += 1;
                Ok(w)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn name(&mut self) -> Result<Name> {
        if let Tok::Var(v) = self.peek().clone() {
            self.i += 1;
            return Ok(Name(vec![v]));
        }
        let mut parts = vec![self.ident()?];
        while self.sym(".") {
            if self.at_sym(".") {
                parts.push(String::new());
            } else {
                parts.push(self.ident()?);
            }
        }
        Ok(Name(parts))
    }

    fn name_list(&mut self) -> Result<Vec<String>> {
        self.need("(")?;
        let mut out = vec![self.ident()?];
        while self.sym(",") {
            out.push(self.ident()?);
        }
        self.need(")")?;
        Ok(out)
    }

    fn var(&mut self) -> Result<String> {
        match self.peek().clone() {
            Tok::Var(v) => {
                self.i += 1;
                Ok(v)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn ty(&mut self) -> Result<Type> {
        let line = self.line();
        let mut name = match self.next() {
            Tok::Word(w) | Tok::Quoted(w) => w,
            _ => {
                self.i -= 1;
                return Err(self.unexpected());
            }
        };
        if self.sym(".") {
            name = self.ident()?;
        }
        if name.eq_ignore_ascii_case("double") && self.word("precision") {
            name = "float".into();
        }
        if self.word("varying") {
            name = format!("var{name}");
        }
        let mut args = Vec::new();
        if self.sym("(") {
            loop {
                args.push(match self.next() {
                    Tok::Word(w) if w.eq_ignore_ascii_case("max") => TypeArgument::Max,
                    Tok::Number(n) => {
                        TypeArgument::N(n.parse().map_err(|_| Error::syntax(&n, line))?)
                    }
                    _ => {
                        self.i -= 1;
                        return Err(self.unexpected());
                    }
                });
                if !self.sym(",") {
                    break;
                }
            }
            self.need(")")?;
        }
        Type::parse(&name, &args).map_err(|e| e.at(line))
    }

    /// The text between two token positions, for what is stored as text.
    fn text_from(&self, start: usize) -> String {
        self.sql[start..self.at()].trim().trim_end_matches(';').trim().to_owned()
    }

    // --- statements

    fn statement(&mut self, top: bool) -> Result<Statement> {
        let line = self.line();
        let kind = self.statement_kind(top).map_err(|e| e.at(line))?;
        self.sym(";");
        Ok(Statement { line, kind })
    }

    fn statement_kind(&mut self, top: bool) -> Result<StatementKind> {
        let word = match self.peek() {
            Tok::Word(w) => w.to_ascii_uppercase(),
            Tok::Sym("(") => return Ok(StatementKind::Query(Box::new(self.query()?))),
            Tok::Quoted(_) if top => return self.exec_call(None),
            _ => return Err(self.unexpected()),
        };
        if STATEMENTS.contains(&word.as_str()) {
            return Err(Error::unsupported(format!("the statement {word}")));
        }
        match word.as_str() {
            "SELECT" => Ok(StatementKind::Query(Box::new(self.query()?))),
            "WITH" => self.with_statement(),
            "INSERT" | "UPDATE" | "DELETE" => self.dml(Vec::new()),
            "TRUNCATE" => {
                self.i += 1;
                self.need_word("TABLE")?;
                Ok(StatementKind::Truncate(self.name()?))
            }
            "CREATE" => self.create(),
            "ALTER" => self.alter(),
            "DROP" => self.drop(),
            "DECLARE" => self.declare(),
            "SET" => self.set(),
            "IF" => {
                self.i += 1;
                let cond = self.predicate()?;
                let yes = Box::new(self.statement(false)?);
                let mark = self.i;
                self.skip_semis();
                let no = if self.word("ELSE") {
                    Some(Box::new(self.statement(false)?))
                } else {
                    self.i = mark;
                    None
                };
                Ok(StatementKind::If(cond, yes, no))
            }
            "WHILE" => {
                self.i += 1;
                let cond = self.predicate()?;
                Ok(StatementKind::While(cond, Box::new(self.statement(false)?)))
            }
            "BEGIN" => self.begin(),
            "BREAK" => {
                self.i += 1;
                Ok(StatementKind::Break)
            }
            "CONTINUE" => {
                self.i += 1;
                Ok(StatementKind::Continue)
            }
            "RETURN" => {
                self.i += 1;
                let value = match self.peek() {
                    Tok::Number(_) | Tok::Var(_) | Tok::Sym("-" | "(") => Some(self.expr()?),
                    _ => None,
                };
                Ok(StatementKind::Return(value))
            }
            "PRINT" => {
                self.i += 1;
                Ok(StatementKind::Print(self.expr()?))
            }
            "RAISERROR" => {
                self.i += 1;
                self.need("(")?;
                let args = self.list()?;
                self.need(")")?;
                let mut log = false;
                if self.word("WITH") {
                    loop {
                        log |= self.at_word("LOG");
                        if self.at_word("SETERROR") {
                            return Err(Error::unsupported("RAISERROR WITH SETERROR"));
                        }
                        self.ident()?;
                        if !self.sym(",") {
                            break;
                        }
                    }
                }
                Ok(StatementKind::RaisError(args, log))
            }
            "THROW" => {
                self.i += 1;
                if matches!(self.peek(), Tok::Number(_) | Tok::Var(_)) {
                    let a = self.expr()?;
                    self.need(",")?;
                    let b = self.expr()?;
                    self.need(",")?;
                    return Ok(StatementKind::Throw(Some(Box::new([a, b, self.expr()?]))));
                }
                Ok(StatementKind::Throw(None))
            }
            "COMMIT" | "ROLLBACK" => {
                self.i += 1;
                if self.word("TRAN") || self.word("TRANSACTION") || self.word("WORK") {
                    let named = matches!(self.peek(), Tok::Word(w) if !reserved(w) && !self.starts_statement())
                        || matches!(self.peek(), Tok::Quoted(_) | Tok::Var(_));
                    if named {
                        // A name may be that of a savepoint, or of no transaction.
                        let name = match self.next() {
                            Tok::Word(w) | Tok::Quoted(w) => Some(w),
                            _ => None,
                        };
                        if word == "ROLLBACK" && (name.is_none() || name != self.tran) {
                            return Err(Error::unsupported(
                                "ROLLBACK of a name that the batch did not begin",
                            ));
                        }
                    }
                }
                Ok(if word == "COMMIT" { StatementKind::Commit } else { StatementKind::Rollback })
            }
            "USE" => {
                self.i += 1;
                Ok(StatementKind::Use(self.ident()?))
            }
            "WAITFOR" => {
                self.i += 1;
                if !self.word("DELAY") {
                    return Err(Error::unsupported("WAITFOR other than DELAY"));
                }
                Ok(StatementKind::Delay(self.expr()?))
            }
            "EXEC" | "EXECUTE" => self.exec(),
            _ if reserved(&word)
                || matches!(
                    word.as_str(),
                    "SAVE" | "MERGE" | "GRANT" | "DENY" | "REVOKE" | "KILL"
                ) =>
            {
                if matches!(
                    word.as_str(),
                    "MERGE"
                        | "GRANT"
                        | "DENY"
                        | "REVOKE"
                        | "KILL"
                        | "SAVE"
                        | "GOTO"
                        | "OPEN"
                        | "CLOSE"
                        | "FETCH"
                        | "DEALLOCATE"
                        | "BACKUP"
                        | "RESTORE"
                        | "CHECKPOINT"
                        | "DBCC"
                        | "SHUTDOWN"
                        | "RECONFIGURE"
                ) {
                    return Err(Error::unsupported(format!("the statement {word}")));
                }
                Err(self.unexpected())
            }
            _ if top && self.i == 0 => self.exec_call(None),
            _ => Err(self.unexpected()),
        }
    }

    fn starts_statement(&self) -> bool {
        ["THROW", "IF", "SELECT", "END", "ELSE", "PRINT", "SET"].iter().any(|w| self.at_word(w))
    }

    fn with_statement(&mut self) -> Result<StatementKind> {
        let ctes = self.ctes()?;
        if self.at_word("SELECT") || self.at_sym("(") {
            let mut q = self.query()?;
            q.ctes = ctes;
            return Ok(StatementKind::Query(Box::new(q)));
        }
        self.dml(ctes)
    }

    fn ctes(&mut self) -> Result<Vec<Cte>> {
        let mut out = Vec::new();
        if !self.word("WITH") {
            return Ok(out);
        }
        if self.at_word("XMLNAMESPACES") {
            return Err(Error::unsupported("WITH XMLNAMESPACES"));
        }
        loop {
            let name = self.ident()?;
            let columns = if self.at_sym("(") { self.name_list()? } else { Vec::new() };
            self.need_word("AS")?;
            self.need("(")?;
            let query = self.query()?;
            self.need(")")?;
            out.push(Cte { name, columns, query });
            if !self.sym(",") {
                return Ok(out);
            }
        }
    }

    fn dml(&mut self, ctes: Vec<Cte>) -> Result<StatementKind> {
        if self.word("INSERT") {
            if self.at_word("BULK") {
                return Err(Error::unsupported("INSERT BULK"));
            }
            if self.at_word("TOP") {
                return Err(Error::unsupported("INSERT TOP"));
            }
            self.word("INTO");
            let target = self.name()?;
            self.hints()?;
            let columns = if self.at_sym("(")
                && !matches!(self.peek_at(1), Tok::Word(w) if w.eq_ignore_ascii_case("SELECT"))
            {
                self.name_list()?
            } else {
                Vec::new()
            };
            let output = self.output()?;
            let source = if self.words(&["DEFAULT", "VALUES"]) {
                Source::Default
            } else if self.word("VALUES") {
                let mut rows = Vec::new();
                loop {
                    self.need("(")?;
                    let mut row = Vec::new();
                    loop {
                        row.push(if self.word("DEFAULT") { None } else { Some(self.expr()?) });
                        if !self.sym(",") {
                            break;
                        }
                    }
                    self.need(")")?;
                    rows.push(row);
                    if !self.sym(",") {
                        break;
                    }
                }
                Source::Values(rows)
            } else if self.at_word("EXEC") || self.at_word("EXECUTE") {
                {
                    self.statement(false)?;
                    Source::Exec
                }
            } else {
                let mut q = self.query()?;
                q.ctes.splice(0..0, ctes);
                Source::Query(Box::new(q))
            };
            return Ok(StatementKind::Insert(Insert { target, columns, source, output }));
        }
        if self.word("UPDATE") {
            if self.word("STATISTICS") {
                let table = self.name()?;
                if self.at_sym("(") {
                    self.name_list()?;
                } else if matches!(self.peek(), Tok::Quoted(_)) {
                    self.i += 1;
                }
                if self.word("WITH") {
                    self.ident()?;
                }
                return Ok(StatementKind::UpdateStatistics(table));
            }
            let top = self.top()?;
            let target = self.name()?;
            self.hints()?;
            self.need_word("SET")?;
            let mut sets = Vec::new();
            loop {
                if matches!(self.peek(), Tok::Var(_)) {
                    return Err(Error::unsupported("UPDATE that assigns a variable"));
                }
                let mut col = self.name()?;
                let Some(column) = col.0.pop() else { return Err(self.unexpected()) };
                if self.at_sym("(") {
                    return Err(Error::unsupported("UPDATE by a method of a column"));
                }
                let op = self.assign_op()?;
                let value = self.expr()?;
                let value = match op {
                    None => value,
                    Some(op) => Expr::Binary(
                        op,
                        Box::new(Expr::Column(vec![column.clone()])),
                        Box::new(value),
                    ),
                };
                sets.push((column, value));
                if !self.sym(",") {
                    break;
                }
            }
            let output = self.output()?;
            let from = if self.word("FROM") { self.tables()? } else { Vec::new() };
            let filter = if self.word("WHERE") { Some(self.predicate()?) } else { None };
            self.option()?;
            return Ok(StatementKind::Update(Update {
                ctes,
                target,
                top,
                sets,
                from,
                filter,
                output,
            }));
        }
        self.need_word("DELETE")?;
        let top = self.top()?;
        self.word("FROM");
        let target = self.name()?;
        self.hints()?;
        let output = self.output()?;
        let from = if self.word("FROM") { self.tables()? } else { Vec::new() };
        let filter = if self.word("WHERE") { Some(self.predicate()?) } else { None };
        self.option()?;
        Ok(StatementKind::Delete(Delete { ctes, target, top, from, filter, output }))
    }

    fn assign_op(&mut self) -> Result<Option<&'static str>> {
        for (s, op) in [
            ("=", None),
            ("+=", Some("+")),
            ("-=", Some("-")),
            ("*=", Some("*")),
            ("/=", Some("/")),
            ("%=", Some("%")),
        ] {
            if self.sym(s) {
                return Ok(op);
            }
        }
        if ["&", "|", "^"].iter().any(|s| self.at_sym(s)) {
            return Err(Error::unsupported("assignment with an operator on bits"));
        }
        Err(self.unexpected())
    }

    fn output(&mut self) -> Result<Vec<Item>> {
        if !self.word("OUTPUT") {
            return Ok(Vec::new());
        }
        let items = self.items()?;
        if self.at_word("INTO") {
            return Err(Error::unsupported("OUTPUT … INTO"));
        }
        Ok(items)
    }

    fn create(&mut self) -> Result<StatementKind> {
        self.need_word("CREATE")?;
        let replace = self.words(&["OR", "ALTER"]);
        if self.word("TABLE") {
            let name = self.name()?;
            let (columns, constraints) = self.table_body()?;
            if self.word("ON") {
                self.ident()?;
            }
            if self.at_sym("(") || self.at_word("WITH") && matches!(self.peek_at(1), Tok::Sym("("))
            {
                return Err(Error::unsupported("partitions and options of a table"));
            }
            return Ok(StatementKind::CreateTable(name, columns, constraints));
        }
        if self.word("VIEW") {
            let name = self.name()?;
            if self.at_sym("(") {
                return Err(Error::unsupported("a view with a column list"));
            }
            self.need_word("AS")?;
            let start = self.at();
            self.query()?;
            return Ok(StatementKind::CreateView(name, self.text_from(start), replace));
        }
        if self.word("PROCEDURE") || self.word("PROC") {
            return self.procedure(replace);
        }
        if self.word("SCHEMA") {
            return Ok(StatementKind::CreateSchema(self.ident()?));
        }
        let unique = self.word("UNIQUE");
        let _ = self.word("CLUSTERED") || self.word("NONCLUSTERED");
        if self.word("INDEX") {
            let name = self.ident()?;
            self.need_word("ON")?;
            let table = self.name()?;
            let columns = self.key_columns()?;
            if self.word("INCLUDE") {
                self.name_list()?;
            }
            if self.at_word("WHERE") {
                return Err(Error::unsupported("a filtered index"));
            }
            self.hints()?;
            return Ok(StatementKind::CreateIndex { name, table, columns, unique });
        }
        match self.peek().clone() {
            Tok::Word(w)
                if !reserved(&w)
                    || ["TRIGGER", "USER"].contains(&w.to_ascii_uppercase().as_str()) =>
            {
                Err(Error::unsupported(format!("CREATE {}", w.to_ascii_uppercase())))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn procedure(&mut self, replace: bool) -> Result<StatementKind> {
        let name = self.name()?;
        let parens = self.sym("(");
        let params =
            if matches!(self.peek(), Tok::Var(_)) { self.param_list()? } else { Vec::new() };
        if parens {
            self.need(")")?;
        }
        self.need_word("AS")?;
        let start = self.at();
        while self.skip_semis() {
            self.statement(false)?;
        }
        Ok(StatementKind::CreateProc(name, params, self.text_from(start), replace))
    }

    fn param_list(&mut self) -> Result<Vec<ParamDef>> {
        let mut out = Vec::new();
        loop {
            let name = self.var()?;
            self.word("AS");
            let ty = self.ty()?;
            let default = if self.sym("=") { Some(self.expr()?) } else { None };
            let output = self.word("OUTPUT") || self.word("OUT");
            out.push(ParamDef { name, ty, default, output });
            if !self.sym(",") {
                return Ok(out);
            }
        }
    }

    fn table_body(&mut self) -> Result<(Vec<ColumnDef>, Vec<Constraint>)> {
        self.need("(")?;
        let (mut columns, mut constraints) = (Vec::new(), Vec::new());
        loop {
            if self.at_sym(")") {
                break;
            }
            self.table_item(&mut columns, &mut constraints)?;
            if !self.sym(",") {
                break;
            }
        }
        // Options of keys and constraints have many words.
        if let Tok::Word(w) = self.peek() {
            return Err(Error::unsupported(format!(
                "{} in the definition of a table",
                w.to_ascii_uppercase()
            )));
        }
        self.need(")")?;
        Ok((columns, constraints))
    }

    fn table_item(
        &mut self,
        columns: &mut Vec<ColumnDef>,
        constraints: &mut Vec<Constraint>,
    ) -> Result<()> {
        let named = if self.word("CONSTRAINT") { Some(self.ident()?) } else { None };
        if named.is_some()
            || ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"].iter().any(|w| self.at_word(w))
        {
            constraints.push(self.constraint(named, None)?);
            return Ok(());
        }
        let name = self.ident()?;
        let mut c = ColumnDef {
            name,
            ty: None,
            nullable: None,
            identity: None,
            default: None,
            computed: None,
            inline: Vec::new(),
        };
        if self.word("AS") {
            let start = self.at();
            let e = self.expr()?;
            let text = self.text_from(start);
            c.computed = Some((e, text, self.word("PERSISTED")));
        } else {
            c.ty = Some(self.ty()?);
        }
        loop {
            let named = if self.word("CONSTRAINT") { Some(self.ident()?) } else { None };
            if self.words(&["NOT", "NULL"]) {
                c.nullable = Some(false);
            } else if self.word("NULL") {
                c.nullable = Some(true);
            } else if self.word("IDENTITY") {
                let mut pair = (1, 1);
                if self.sym("(") {
                    pair.0 = self.integer()?;
                    self.need(",")?;
                    pair.1 = self.integer()?;
                    self.need(")")?;
                }
                c.identity = Some(pair);
            } else if self.word("DEFAULT") {
                let start = self.at();
                let e = self.expr()?;
                c.default = Some((named, e, self.text_from(start)));
            } else if self.word("COLLATE") {
                let name = self.ident()?;
                if !["SQL_Latin1_General_CP1_CI_AS", "DATABASE_DEFAULT"]
                    .iter()
                    .any(|c| name.eq_ignore_ascii_case(c))
                {
                    return Err(Error::unsupported(format!("a column of the collation {name}")));
                }
            } else if self.word("ROWGUIDCOL") || self.word("SPARSE") {
            } else if ["PRIMARY", "UNIQUE", "REFERENCES", "FOREIGN", "CHECK"]
                .iter()
                .any(|w| self.at_word(w))
            {
                let k = self.constraint(named, Some(&c.name.clone()))?;
                c.inline.push(k);
            } else {
                break;
            }
        }
        columns.push(c);
        Ok(())
    }

    fn integer(&mut self) -> Result<i64> {
        let neg = self.sym("-");
        match self.next() {
            Tok::Number(n) => n
                .parse::<i64>()
                .map(|n| if neg { -n } else { n })
                .map_err(|_| Error::syntax(&n, self.line())),
            _ => {
                self.i -= 1;
                Err(self.unexpected())
            }
        }
    }

    fn key_columns(&mut self) -> Result<Vec<(String, bool)>> {
        self.need("(")?;
        let mut out = Vec::new();
        loop {
            let c = self.ident()?;
            let desc = self.word("DESC");
            self.word("ASC");
            out.push((c, desc));
            if !self.sym(",") {
                break;
            }
        }
        self.need(")")?;
        Ok(out)
    }

    fn constraint(&mut self, name: Option<String>, column: Option<&str>) -> Result<Constraint> {
        let primary = self.words(&["PRIMARY", "KEY"]);
        if primary || self.word("UNIQUE") {
            let _ = self.word("CLUSTERED") || self.word("NONCLUSTERED");
            let columns = match column {
                Some(c) if !self.at_sym("(") => vec![(c.to_owned(), false)],
                _ => self.key_columns()?,
            };
            return Ok(Constraint::Key { name, primary, columns });
        }
        if self.word("CHECK") {
            self.need("(")?;
            let start = self.at();
            let expr = self.predicate()?;
            let text = self.text_from(start);
            self.need(")")?;
            return Ok(Constraint::Check { name, expr, text });
        }
        let mut columns: Vec<String> = column.map(str::to_owned).into_iter().collect();
        if self.words(&["FOREIGN", "KEY"]) && self.at_sym("(") {
            columns = self.name_list()?;
        }
        self.need_word("REFERENCES")?;
        let table = self.name()?;
        let refs = if self.at_sym("(") { self.name_list()? } else { Vec::new() };
        let (mut on_delete, mut on_update) = ("NO_ACTION".to_owned(), "NO_ACTION".to_owned());
        while self.word("ON") {
            let delete = self.word("DELETE");
            if !delete {
                self.need_word("UPDATE")?;
            }
            let action = if self.words(&["NO", "ACTION"]) {
                "NO_ACTION"
            } else if self.word("CASCADE") {
                "CASCADE"
            } else if self.words(&["SET", "NULL"]) {
                "SET_NULL"
            } else {
                self.need_word("SET")?;
                self.need_word("DEFAULT")?;
                "SET_DEFAULT"
            };
            *(if delete { &mut on_delete } else { &mut on_update }) = action.to_owned();
        }
        Ok(Constraint::Foreign { name, columns, table, refs, on_delete, on_update })
    }

    fn alter(&mut self) -> Result<StatementKind> {
        self.need_word("ALTER")?;
        if self.word("VIEW") {
            self.i -= 2;
            self.toks[self.i].tok = Tok::Word("CREATE".into());
            return match self.create()? {
                StatementKind::CreateView(n, t, _) => Ok(StatementKind::CreateView(n, t, true)),
                k => Ok(k),
            };
        }
        if self.word("PROCEDURE") || self.word("PROC") {
            return self.procedure(true);
        }
        if let Tok::Word(w) = self.peek()
            && !w.eq_ignore_ascii_case("TABLE")
        {
            return Err(Error::unsupported(format!("ALTER {}", w.to_ascii_uppercase())));
        }
        self.need_word("TABLE")?;
        let name = self.name()?;
        self.words(&["WITH", "CHECK"]);
        if self.words(&["DROP", "COLUMN"]) {
            return Ok(StatementKind::DropColumn(name, self.ident()?));
        }
        if !self.word("ADD") {
            return Err(Error::unsupported("ALTER TABLE other than ADD and DROP COLUMN"));
        }
        let (mut columns, mut constraints) = (Vec::new(), Vec::new());
        loop {
            self.table_item(&mut columns, &mut constraints)?;
            if !self.sym(",") {
                break;
            }
        }
        Ok(StatementKind::AddColumns(name, columns, constraints))
    }

    fn drop(&mut self) -> Result<StatementKind> {
        self.need_word("DROP")?;
        let what = [
            ("TABLE", "TABLE"),
            ("VIEW", "VIEW"),
            ("PROCEDURE", "PROCEDURE"),
            ("PROC", "PROCEDURE"),
            ("INDEX", "INDEX"),
            ("SCHEMA", "SCHEMA"),
        ]
        .iter()
        .find(|(w, _)| self.at_word(w))
        .map(|(_, k)| *k);
        let Some(what) = what else {
            return Err(match self.peek() {
                Tok::Word(w) => Error::unsupported(format!("DROP {}", w.to_ascii_uppercase())),
                _ => self.unexpected(),
            });
        };
        self.i += 1;
        let if_exists = self.words(&["IF", "EXISTS"]);
        let mut names = vec![self.name()?];
        while self.sym(",") {
            names.push(self.name()?);
        }
        let on = if what == "INDEX" && self.word("ON") { Some(self.name()?) } else { None };
        Ok(StatementKind::Drop { what, names, if_exists, on })
    }

    fn declare(&mut self) -> Result<StatementKind> {
        self.need_word("DECLARE")?;
        let mut out = Vec::new();
        loop {
            if !matches!(self.peek(), Tok::Var(_)) {
                return Err(if Self::is_word(self.peek_at(1), "CURSOR") {
                    Error::unsupported("cursors")
                } else {
                    self.unexpected()
                });
            }
            let name = self.var()?;
            self.word("AS");
            if self.word("TABLE") {
                let (columns, constraints) = self.table_body()?;
                return Ok(StatementKind::DeclareTable(name, columns, constraints));
            }
            let ty = self.ty()?;
            let init = if self.sym("=") { Some(self.expr()?) } else { None };
            out.push((name, ty, init));
            if !self.sym(",") {
                return Ok(StatementKind::Declare(out));
            }
        }
    }

    fn set(&mut self) -> Result<StatementKind> {
        self.need_word("SET")?;
        if matches!(self.peek(), Tok::Var(_)) {
            let name = self.var()?;
            let op = self.assign_op()?;
            let value = self.expr()?;
            let value = match op {
                None => value,
                Some(op) => Expr::Binary(op, Box::new(Expr::Var(name.clone())), Box::new(value)),
            };
            return Ok(StatementKind::SetVar(name, value));
        }
        if self.words(&["TRANSACTION", "ISOLATION", "LEVEL"])
            || self.words(&["TRAN", "ISOLATION", "LEVEL"])
        {
            let mut level = vec![self.ident()?];
            if self.word("COMMITTED") || self.word("UNCOMMITTED") {
                level.push("COMMITTED".into());
            } else {
                self.words(&["READ"]);
            }
            return Ok(StatementKind::SetOption(
                vec!["TRANSACTION ISOLATION LEVEL".into()],
                level.join(" "),
            ));
        }
        let mut names = vec![self.option_word()?];
        if names[0].eq_ignore_ascii_case("IDENTITY_INSERT") {
            let table = self.name()?;
            let value = self.option_word()?;
            return Ok(StatementKind::SetOption(vec![names.remove(0), table.0.join(".")], value));
        }
        if names[0].eq_ignore_ascii_case("CONTEXT_INFO") {
            return Ok(StatementKind::ContextInfo(self.expr()?));
        }
        while self.sym(",") {
            names.push(self.option_word()?);
        }
        if ["STATISTICS", "OFFSETS"].iter().any(|w| names[0].eq_ignore_ascii_case(w)) {
            self.option_word()?;
        }
        let value = match self.next() {
            Tok::Word(w) | Tok::Number(w) | Tok::Str(w) | Tok::NStr(w) | Tok::Var(w) => w,
            Tok::Hex(_) => String::new(),
            Tok::Sym("-") => format!("-{}", self.integer()?),
            _ => {
                self.i -= 1;
                return Err(self.unexpected());
            }
        };
        Ok(StatementKind::SetOption(names, value))
    }

    fn option_word(&mut self) -> Result<String> {
        match self.next() {
            Tok::Word(w) => Ok(w),
            _ => {
                self.i -= 1;
                Err(self.unexpected())
            }
        }
    }

    fn begin(&mut self) -> Result<StatementKind> {
        self.need_word("BEGIN")?;
        if self.word("TRAN") || self.word("TRANSACTION") {
            let named = matches!(self.peek(), Tok::Quoted(_))
                || matches!(self.peek(), Tok::Word(w) if !reserved(w) && !self.starts_statement());
            if named && let Tok::Word(w) | Tok::Quoted(w) = self.next() {
                self.tran = Some(w);
            }
            if self.words(&["WITH", "MARK"]) || matches!(self.peek(), Tok::Var(_)) {
                return Err(Error::unsupported(
                    "a marked transaction, or one whose name is a variable",
                ));
            }
            return Ok(StatementKind::Begin);
        }
        if self.word("TRY") {
            let body = self.until_end("TRY")?;
            self.skip_semis();
            if !self.words(&["BEGIN", "CATCH"]) {
                return Err(self.unexpected());
            }
            return Ok(StatementKind::Try(body, self.until_end("CATCH")?));
        }
        let mut out = Vec::new();
        while self.skip_semis() && !self.at_word("END") {
            out.push(self.statement(false)?);
        }
        if out.is_empty() {
            return Err(self.unexpected());
        }
        self.need_word("END")?;
        Ok(StatementKind::Block(out))
    }

    fn until_end(&mut self, what: &str) -> Result<Vec<Statement>> {
        let mut out = Vec::new();
        while self.skip_semis() && !self.words(&["END", what]) {
            out.push(self.statement(false)?);
        }
        if !Self::is_word(&self.toks[self.i.saturating_sub(1).min(self.toks.len() - 1)].tok, what) {
            return Err(self.unexpected());
        }
        Ok(out)
    }

    fn exec(&mut self) -> Result<StatementKind> {
        self.i += 1;
        if self.sym("(") {
            let e = self.expr()?;
            self.need(")")?;
            if self.at_word("AT") || self.at_word("AS") {
                return Err(Error::unsupported("EXECUTE of a text elsewhere or as somebody else"));
            }
            return Ok(StatementKind::ExecText(e));
        }
        if self.at_word("AS") {
            return Err(Error::unsupported("EXECUTE AS"));
        }
        let into = if matches!(self.peek(), Tok::Var(_)) && matches!(self.peek_at(1), Tok::Sym("="))
        {
            let v = self.var()?;
            self.i += 1;
            Some(v)
        } else {
            None
        };
        self.exec_call(into)
    }

    fn exec_call(&mut self, into: Option<String>) -> Result<StatementKind> {
        let name = self.name()?;
        let mut args = Vec::new();
        let starts = |p: &Self| match p.peek() {
            Tok::Var(_)
            | Tok::Str(_)
            | Tok::NStr(_)
            | Tok::Number(_)
            | Tok::Money(_)
            | Tok::Hex(_)
            | Tok::Sym("-")
            | Tok::Quoted(_) => true,
            Tok::Word(w) => {
                ["NULL", "DEFAULT"].iter().any(|x| w.eq_ignore_ascii_case(x))
                    || !reserved(w) && !p.starts_statement()
            }
            _ => false,
        };
        if starts(self) {
            loop {
                let arg_name = if matches!(self.peek(), Tok::Var(_))
                    && matches!(self.peek_at(1), Tok::Sym("="))
                {
                    let v = self.var()?;
                    self.i += 1;
                    Some(v)
                } else {
                    None
                };
                let value = if self.word("DEFAULT") {
                    None
                } else if let Tok::Word(w) = self.peek().clone() {
                    self.i += 1;
                    Some(if w.eq_ignore_ascii_case("NULL") { Expr::Null } else { Expr::NStr(w) })
                } else if let Tok::Quoted(w) = self.peek().clone() {
                    self.i += 1;
                    Some(Expr::NStr(w))
                } else {
                    Some(self.unary()?)
                };
                let output = self.word("OUTPUT") || self.word("OUT");
                args.push(Arg { name: arg_name, value, output });
                if !self.sym(",") {
                    break;
                }
            }
        }
        Ok(StatementKind::Exec { into, name, args })
    }

    // --- queries

    fn query(&mut self) -> Result<Query> {
        let ctes = if self.at_word("WITH") { self.ctes()? } else { Vec::new() };
        let body = self.set_body()?;
        let mut q =
            Query { ctes, body, order: Vec::new(), offset: None, fetch: None, max_recursion: 100 };
        if self.words(&["ORDER", "BY"]) {
            q.order = self.order_list()?;
            if self.word("OFFSET") {
                q.offset = Some(self.expr()?);
                let _ = self.word("ROWS") || self.word("ROW");
                if self.word("FETCH") {
                    let _ = self.word("NEXT") || self.word("FIRST");
                    q.fetch = Some(self.expr()?);
                    let _ = self.word("ROWS") || self.word("ROW");
                    self.need_word("ONLY")?;
                }
            }
        }
        if self.at_word("FOR") {
            return Err(Error::unsupported("FOR XML, FOR JSON and FOR BROWSE"));
        }
        if let Some(n) = self.option()? {
            q.max_recursion = n;
        }
        Ok(q)
    }

    /// OPTION (…): MAXRECURSION counts, hints for the optimiser change no answer.
    fn option(&mut self) -> Result<Option<u32>> {
        let mut found = None;
        if self.word("OPTION") {
            self.need("(")?;
            let mut depth = 1;
            while depth > 0 {
                if self.word("MAXRECURSION") {
                    found = Some(self.integer()? as u32);
                    continue;
                }
                match self.next() {
                    Tok::Sym("(") => depth += 1,
                    Tok::Sym(")") => depth -= 1,
                    Tok::End => return Err(self.unexpected()),
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    fn set_body(&mut self) -> Result<Body> {
        let mut left = self.set_operand()?;
        loop {
            let op = if self.word("UNION") {
                if self.word("ALL") { "UNION ALL" } else { "UNION" }
            } else if self.word("EXCEPT") {
                "EXCEPT"
            } else if self.at_word("INTERSECT") {
                self.i += 1;
                // INTERSECT binds tighter than the others.
                let right = self.set_operand()?;
                left = match left {
                    Body::Set { op, left: l, right: r } if op != "INTERSECT" => Body::Set {
                        op,
                        left: l,
                        right: Box::new(Body::Set {
                            op: "INTERSECT",
                            left: r,
                            right: Box::new(right),
                        }),
                    },
                    l => Body::Set { op: "INTERSECT", left: Box::new(l), right: Box::new(right) },
                };
                continue;
            } else {
                return Ok(left);
            };
            let right = self.set_operand()?;
            left = Body::Set { op, left: Box::new(left), right: Box::new(right) };
        }
    }

    fn set_operand(&mut self) -> Result<Body> {
        if self.sym("(") {
            let q = self.query()?;
            self.need(")")?;
            return Ok(Body::Nested(Box::new(q)));
        }
        Ok(Body::Select(Box::new(self.select()?)))
    }

    fn top(&mut self) -> Result<Option<Expr>> {
        if !self.word("TOP") {
            return Ok(None);
        }
        let e = if self.sym("(") {
            let e = self.expr()?;
            self.need(")")?;
            e
        } else {
            self.primary()?
        };
        if self.at_word("PERCENT") {
            return Err(Error::unsupported("TOP … PERCENT"));
        }
        if self.words(&["WITH", "TIES"]) {
            return Err(Error::unsupported("TOP … WITH TIES"));
        }
        Ok(Some(e))
    }

    fn select(&mut self) -> Result<Select> {
        self.need_word("SELECT")?;
        let mut s = Select { distinct: self.word("DISTINCT"), ..Select::default() };
        self.word("ALL");
        s.top = self.top()?;
        s.items = self.items()?;
        if self.word("INTO") {
            s.into = Some(self.name()?);
        }
        if self.word("FROM") {
            s.from = self.tables()?;
        }
        if self.word("WHERE") {
            s.filter = Some(self.predicate()?);
        }
        if self.words(&["GROUP", "BY"]) {
            if self.at_word("ROLLUP") || self.at_word("CUBE") || self.at_word("GROUPING") {
                return Err(Error::unsupported("GROUPING SETS, ROLLUP and CUBE"));
            }
            if self.at_word("ALL") || self.at_sym("(") && matches!(self.peek_at(1), Tok::Sym(")")) {
                return Err(Error::unsupported("GROUP BY ALL and GROUP BY ()"));
            }
            s.group = self.list()?;
            if self.at_word("WITH")
                && ["ROLLUP", "CUBE"].iter().any(|w| Self::is_word(self.peek_at(1), w))
            {
                return Err(Error::unsupported("WITH ROLLUP and WITH CUBE"));
            }
        }
        if self.word("HAVING") {
            s.having = Some(self.predicate()?);
        }
        Ok(s)
    }

    fn items(&mut self) -> Result<Vec<Item>> {
        let mut out = vec![self.item()?];
        while self.sym(",") {
            out.push(self.item()?);
        }
        Ok(out)
    }

    fn item(&mut self) -> Result<Item> {
        if self.sym("*") {
            return Ok(Item::Star(Vec::new()));
        }
        // a.b.* looks ahead, because a.b is an expression too.
        let mark = self.i;
        if matches!(self.peek(), Tok::Word(_) | Tok::Quoted(_)) {
            let mut parts = Vec::new();
            while let Ok(p) = self.ident() {
                parts.push(p);
                if !self.sym(".") {
                    break;
                }
                if self.sym("*") {
                    return Ok(Item::Star(parts));
                }
            }
            self.i = mark;
            // alias = expr
            if matches!(self.peek_at(1), Tok::Sym("=")) {
                let alias = self.ident()?;
                self.i += 1;
                return Ok(Item::Expr(self.expr()?, Some(alias)));
            }
        }
        if matches!(self.peek(), Tok::Var(v) if !v.starts_with("@@"))
            && matches!(self.peek_at(1), Tok::Sym("=" | "+=" | "-="))
        {
            let v = self.var()?;
            let op = self.assign_op()?;
            let e = self.expr()?;
            let e = match op {
                None => e,
                Some(_) => return Err(Error::unsupported("SELECT @v += …")),
            };
            return Ok(Item::Assign(v, e));
        }
        let e = self.expr()?;
        Ok(Item::Expr(e, self.alias(true)?))
    }

    fn alias(&mut self, strings: bool) -> Result<Option<String>> {
        if self.word("AS") {
            return match self.peek().clone() {
                Tok::Str(s) | Tok::NStr(s) if strings => {
                    self.i += 1;
                    Ok(Some(s))
                }
                _ => self.ident().map(Some),
            };
        }
        match self.peek().clone() {
            Tok::Quoted(q) => {
                self.i += 1;
                Ok(Some(q))
            }
            Tok::Word(w)
                if !reserved(&w)
                    && !["OUTPUT", "OFFSET", "THROW", "APPLY", "TABLESAMPLE"]
                        .iter()
                        .any(|x| w.eq_ignore_ascii_case(x)) =>
            {
                self.i += 1;
                Ok(Some(w))
            }
            Tok::Str(s) if strings => {
                self.i += 1;
                Ok(Some(s))
            }
            _ => Ok(None),
        }
    }

    /// WITH (NOLOCK, …): lock hints change no answer here.
    fn hints(&mut self) -> Result<()> {
        if Self::is_word(self.peek(), "WITH") && matches!(self.peek_at(1), Tok::Sym("(")) {
            self.i += 2;
            while !self.sym(")") {
                if self.next() == Tok::End {
                    return Err(self.unexpected());
                }
            }
        }
        Ok(())
    }

    fn tables(&mut self) -> Result<Vec<Table>> {
        let mut out = vec![self.joined()?];
        while self.sym(",") {
            out.push(self.joined()?);
        }
        Ok(out)
    }

    fn joined(&mut self) -> Result<Table> {
        let mut left = self.table()?;
        loop {
            let kind = if self.words(&["CROSS", "JOIN"]) {
                "CROSS"
            } else if self.words(&["CROSS", "APPLY"]) || self.words(&["OUTER", "APPLY"]) {
                return Err(Error::unsupported("APPLY"));
            } else if ["HASH", "LOOP", "MERGE", "REMOTE"]
                .iter()
                .any(|h| Self::is_word(self.peek_at(1), h))
                && ["INNER", "LEFT", "RIGHT", "FULL"].iter().any(|k| self.at_word(k))
            {
                return Err(Error::unsupported("a join with a hint"));
            } else if self.words(&["INNER", "JOIN"]) || self.word("JOIN") {
                "INNER"
            } else if self.words(&["LEFT", "JOIN"]) || self.words(&["LEFT", "OUTER", "JOIN"]) {
                "LEFT"
            } else if self.words(&["RIGHT", "JOIN"]) || self.words(&["RIGHT", "OUTER", "JOIN"]) {
                "RIGHT"
            } else if self.words(&["FULL", "JOIN"]) || self.words(&["FULL", "OUTER", "JOIN"]) {
                "FULL"
            } else {
                if self.at_word("PIVOT") || self.at_word("UNPIVOT") {
                    return Err(Error::unsupported("PIVOT and UNPIVOT"));
                }
                return Ok(left);
            };
            let right = self.table()?;
            let on = if kind == "CROSS" {
                None
            } else {
                // `a JOIN b JOIN c ON … ON …` nests to the right.
                let right_nested = self.at_word("ON");
                if !right_nested {
                    return Err(if self.peek() == &Tok::End {
                        self.unexpected()
                    } else {
                        Error::unsupported("a join whose ON does not follow its table")
                    });
                }
                self.need_word("ON")?;
                Some(self.predicate()?)
            };
            left = Table::Join { kind, left: Box::new(left), right: Box::new(right), on };
        }
    }

    fn table(&mut self) -> Result<Table> {
        if self.sym("(") {
            if self.word("VALUES") {
                let mut rows = Vec::new();
                loop {
                    self.need("(")?;
                    rows.push(self.list()?);
                    self.need(")")?;
                    if !self.sym(",") {
                        break;
                    }
                }
                self.need(")")?;
                let Some(alias) = self.alias(false)? else { return Err(self.unexpected()) };
                let columns = self.name_list()?;
                return Ok(Table::Values { rows, alias, columns });
            }
            if self.at_word("SELECT") || self.at_word("WITH") || self.at_sym("(") {
                let query = self.query()?;
                self.need(")")?;
                let Some(alias) = self.alias(false)? else { return Err(self.unexpected()) };
                let columns = if self.at_sym("(") { self.name_list()? } else { Vec::new() };
                return Ok(Table::Derived { query: Box::new(query), alias, columns });
            }
            let t = self.joined()?;
            self.need(")")?;
            return Ok(t);
        }
        let name = self.name()?;
        if self.at_sym("(") {
            return Err(Error::unsupported(format!("the table function {}", name.0.join("."))));
        }
        let alias = self.alias(false)?;
        self.hints()?;
        if self.at_word("TABLESAMPLE") {
            return Err(Error::unsupported("TABLESAMPLE"));
        }
        Ok(Table::Named { name, alias })
    }

    fn order_list(&mut self) -> Result<Vec<(Expr, bool)>> {
        let mut out = Vec::new();
        loop {
            let e = self.expr()?;
            let desc = self.word("DESC");
            self.word("ASC");
            out.push((e, desc));
            if !self.sym(",") {
                return Ok(out);
            }
        }
    }

    // --- expressions

    fn list(&mut self) -> Result<Vec<Expr>> {
        let mut out = vec![self.expr()?];
        while self.sym(",") {
            out.push(self.expr()?);
        }
        Ok(out)
    }

    fn predicate(&mut self) -> Result<Expr> {
        let mut left = self.and()?;
        while self.word("OR") {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr> {
        let mut left = self.not()?;
        while self.word("AND") {
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr> {
        if self.word("NOT") {
            return Ok(Expr::Not(Box::new(self.not()?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expr> {
        if self.word("EXISTS") {
            self.need("(")?;
            let q = self.query()?;
            self.need(")")?;
            return Ok(Expr::Exists(Box::new(q)));
        }
        // A parenthesis may open a predicate or a value: try the predicate first.
        if self.at_sym("(") && !Self::is_word(self.peek_at(1), "SELECT") {
            let mark = self.i;
            self.i += 1;
            if let Ok(p) = self.predicate()
                && self.sym(")")
                && is_predicate(&p)
            {
                return Ok(p);
            }
            self.i = mark;
        }
        let left = self.expr()?;
        for (s, op) in [
            ("=", "="),
            ("<>", "<>"),
            ("!=", "<>"),
            ("<=", "<="),
            (">=", ">="),
            ("!<", ">="),
            ("!>", "<="),
            ("<", "<"),
            (">", ">"),
        ] {
            if self.sym(s) {
                let all = self.at_word("ALL");
                if (all || self.at_word("ANY") || self.at_word("SOME"))
                    && matches!(self.peek_at(1), Tok::Sym("("))
                {
                    self.i += 2;
                    let q = self.query()?;
                    self.need(")")?;
                    return Ok(Expr::Quantified(op, Box::new(left), all, Box::new(q)));
                }
                return Ok(Expr::Compare(op, Box::new(left), Box::new(self.expr()?)));
            }
        }
        if self.word("IS") {
            let not = self.word("NOT");
            if self.words(&["DISTINCT", "FROM"]) {
                return Err(Error::unsupported("IS DISTINCT FROM"));
            }
            self.need_word("NULL")?;
            return Ok(Expr::IsNull(Box::new(left), not));
        }
        let not = self.word("NOT");
        if self.word("IN") {
            self.need("(")?;
            if self.at_word("SELECT") || self.at_word("WITH") {
                let q = self.query()?;
                self.need(")")?;
                return Ok(Expr::InQuery(Box::new(left), Box::new(q), not));
            }
            let list = self.list()?;
            self.need(")")?;
            return Ok(Expr::In(Box::new(left), list, not));
        }
        if self.word("BETWEEN") {
            let low = self.expr()?;
            self.need_word("AND")?;
            return Ok(Expr::Between(Box::new(left), Box::new(low), Box::new(self.expr()?), not));
        }
        if self.word("LIKE") {
            let pattern = self.expr()?;
            let escape = if self.word("ESCAPE") { Some(Box::new(self.expr()?)) } else { None };
            return Ok(Expr::Like(Box::new(left), Box::new(pattern), escape, not));
        }
        if not {
            return Err(self.unexpected());
        }
        Ok(left)
    }

    fn expr(&mut self) -> Result<Expr> {
        let mut left = self.term()?;
        loop {
            let op = match self.peek() {
                Tok::Sym(s @ ("+" | "-" | "&" | "|" | "^")) => *s,
                _ => return Ok(left),
            };
            self.i += 1;
            left = Expr::Binary(op, Box::new(left), Box::new(self.term()?));
        }
    }

    fn term(&mut self) -> Result<Expr> {
        let mut left = self.unary()?;
        loop {
            let op = match self.peek() {
                Tok::Sym(s @ ("*" | "/" | "%")) => *s,
                _ => return Ok(left),
            };
            self.i += 1;
            left = Expr::Binary(op, Box::new(left), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Result<Expr> {
        for (s, c) in [("-", '-'), ("+", '+'), ("~", '~')] {
            if self.sym(s) {
                return Ok(Expr::Unary(c, Box::new(self.unary()?)));
            }
        }
        let mut e = self.primary()?;
        while self.word("COLLATE") {
            e = Expr::Collate(Box::new(e), self.ident()?);
        }
        if self.words(&["AT", "TIME", "ZONE"]) {
            return Err(Error::unsupported("AT TIME ZONE"));
        }
        Ok(e)
    }

    fn primary(&mut self) -> Result<Expr> {
        let line = self.line();
        match self.peek().clone() {
            Tok::Number(n) => {
                self.i += 1;
                Ok(if n.contains(['e', 'E']) {
                    Expr::Float(n)
                } else if n.contains('.') {
                    Expr::Decimal(n)
                } else {
                    Expr::Int(n)
                })
            }
            Tok::Money(n) => {
                self.i += 1;
                Ok(Expr::Money(n))
            }
            Tok::Str(s) => {
                self.i += 1;
                Ok(Expr::Str(s))
            }
            Tok::NStr(s) => {
                self.i += 1;
                Ok(Expr::NStr(s))
            }
            Tok::Hex(b) => {
                self.i += 1;
                Ok(Expr::Hex(b))
            }
            Tok::Var(v) => {
                self.i += 1;
                Ok(Expr::Var(v))
            }
            Tok::Sym("(") => {
                self.i += 1;
                if self.at_word("SELECT") || self.at_word("WITH") {
                    let q = self.query()?;
                    self.need(")")?;
                    return Ok(Expr::Subquery(Box::new(q)));
                }
                let e = self.expr()?;
                self.need(")")?;
                Ok(e)
            }
            Tok::Quoted(_) => self.column_or_call(),
            Tok::Word(w) => match w.to_ascii_uppercase().as_str() {
                "NULL" => {
                    self.i += 1;
                    Ok(Expr::Null)
                }
                "CASE" => self.case(),
                "CAST" | "TRY_CAST" if matches!(self.peek_at(1), Tok::Sym("(")) => {
                    let attempt = w.len() > 4;
                    self.i += 2;
                    let value = Box::new(self.expr()?);
                    self.need_word("AS")?;
                    let ty = self.default_len()?;
                    self.need(")")?;
                    Ok(Expr::Cast { value, ty, style: None, attempt })
                }
                "CONVERT" | "TRY_CONVERT" => {
                    let attempt = w.len() > 7;
                    self.i += 1;
                    self.need("(")?;
                    let ty = self.default_len()?;
                    self.need(",")?;
                    let value = Box::new(self.expr()?);
                    let style = if self.sym(",") { Some(Box::new(self.expr()?)) } else { None };
                    self.need(")")?;
                    Ok(Expr::Cast { value, ty, style, attempt })
                }
                "PARSE" | "TRY_PARSE" if matches!(self.peek_at(1), Tok::Sym("(")) => {
                    Err(Error::unsupported(format!("the function {}", w.to_ascii_uppercase())))
                }
                "NEXT" if Self::is_word(self.peek_at(1), "VALUE") => {
                    Err(Error::unsupported("NEXT VALUE FOR"))
                }
                "LEFT" | "RIGHT" if matches!(self.peek_at(1), Tok::Sym("(")) => {
                    self.i += 1;
                    self.call(w)
                }
                "CURRENT_TIMESTAMP" | "CURRENT_USER" | "SESSION_USER" | "SYSTEM_USER" | "USER"
                    if !matches!(self.peek_at(1), Tok::Sym("(" | ".")) =>
                {
                    self.i += 1;
                    Ok(Expr::Call {
                        name: w.to_ascii_uppercase(),
                        args: Vec::new(),
                        distinct: false,
                        star: false,
                        over: None,
                        within: Vec::new(),
                    })
                }
                "IIF" if matches!(self.peek_at(1), Tok::Sym("(")) => {
                    self.i += 2;
                    let cond = self.predicate()?;
                    self.need(",")?;
                    let yes = self.expr()?;
                    self.need(",")?;
                    let no = self.expr()?;
                    self.need(")")?;
                    Ok(Expr::Case(None, vec![(cond, yes)], Some(Box::new(no))))
                }
                _ if reserved(&w) => Err(self.unexpected().at(line)),
                _ => self.column_or_call(),
            },
            _ => Err(self.unexpected()),
        }
    }

    /// In CAST and CONVERT a length that is left out is 30, not 1.
    fn default_len(&mut self) -> Result<Type> {
        let bare = !matches!(self.peek_at(1), Tok::Sym("("));
        let name = match self.peek() {
            Tok::Word(w) | Tok::Quoted(w) => w.clone(),
            _ => String::new(),
        };
        let ty = self.ty().map_err(|e| match e.number {
            2715 => Error {
                line: e.line,
                ..Error::new(243, 16, format!("Type {name} is not a defined system type."))
            },
            _ => e,
        })?;
        Ok(match ty {
            Type::Char(1) if bare => Type::Char(30),
            Type::NChar(1) if bare => Type::NChar(30),
            Type::VarChar(crate::types::Len::N(1)) if bare => {
                Type::VarChar(crate::types::Len::N(30))
            }
            Type::NVarChar(crate::types::Len::N(1)) if bare => {
                Type::NVarChar(crate::types::Len::N(30))
            }
            Type::VarBinary(crate::types::Len::N(1)) if bare => {
                Type::VarBinary(crate::types::Len::N(30))
            }
            Type::Binary(1) if bare => Type::Binary(30),
            t => t,
        })
    }

    fn case(&mut self) -> Result<Expr> {
        self.need_word("CASE")?;
        let operand = if self.at_word("WHEN") { None } else { Some(Box::new(self.expr()?)) };
        let mut whens = Vec::new();
        while self.word("WHEN") {
            let cond = if operand.is_some() { self.expr()? } else { self.predicate()? };
            self.need_word("THEN")?;
            whens.push((cond, self.expr()?));
        }
        let other = if self.word("ELSE") { Some(Box::new(self.expr()?)) } else { None };
        self.need_word("END")?;
        if whens.is_empty() {
            return Err(self.unexpected());
        }
        Ok(Expr::Case(operand, whens, other))
    }

    fn column_or_call(&mut self) -> Result<Expr> {
        let mut parts = vec![self.ident()?];
        while self.sym(".") {
            parts.push(self.ident()?);
        }
        if self.at_sym("::") {
            return Err(Error::unsupported(format!(
                "{}::, a method of a CLR type",
                parts.join(".")
            )));
        }
        if self.at_sym("(") {
            if parts.len() > 1 {
                return Err(Error::unsupported(format!("the function {}", parts.join("."))));
            }
            return self.call(parts.swap_remove(0));
        }
        Ok(Expr::Column(parts))
    }

    fn call(&mut self, name: String) -> Result<Expr> {
        self.need("(")?;
        let distinct = self.word("DISTINCT");
        if !distinct {
            self.word("ALL");
        }
        if name.eq_ignore_ascii_case("TRIM")
            && ["LEADING", "TRAILING", "BOTH"].iter().any(|w| self.at_word(w))
        {
            return Err(Error::unsupported("TRIM of one side"));
        }
        let mut star = false;
        let mut args = Vec::new();
        if self.sym("*") {
            star = true;
        } else if !self.at_sym(")") {
            args = self.list()?;
        }
        if self.at_word("FROM") || self.at_word("USING") {
            return Err(Error::unsupported(format!(
                "this form of the function {}",
                name.to_ascii_uppercase()
            )));
        }
        if ["RESPECT", "IGNORE"].iter().any(|w| self.at_word(w)) {
            return Err(Error::unsupported("IGNORE NULLS"));
        }
        self.need(")")?;
        if ["RESPECT", "IGNORE"].iter().any(|w| self.at_word(w)) {
            return Err(Error::unsupported("IGNORE NULLS"));
        }
        let mut within = Vec::new();
        if self.words(&["WITHIN", "GROUP"]) {
            self.need("(")?;
            if !self.words(&["ORDER", "BY"]) {
                return Err(self.unexpected());
            }
            within = self.order_list()?;
            self.need(")")?;
        }
        let over = if self.word("OVER") { Some(Box::new(self.over()?)) } else { None };
        Ok(Expr::Call { name: name.to_ascii_uppercase(), args, distinct, star, over, within })
    }

    fn over(&mut self) -> Result<Over> {
        self.need("(")?;
        let mut o = Over { partition: Vec::new(), order: Vec::new(), frame: None };
        if self.words(&["PARTITION", "BY"]) {
            o.partition = self.list()?;
        }
        if self.words(&["ORDER", "BY"]) {
            o.order = self.order_list()?;
        }
        if self.at_word("ROWS") || self.at_word("RANGE") {
            let start = self.at();
            while !self.at_sym(")") {
                if !matches!(self.next(), Tok::Word(_) | Tok::Number(_)) {
                    self.i -= 1;
                    return Err(self.unexpected());
                }
            }
            o.frame = Some(self.text_from(start));
        }
        self.need(")")?;
        Ok(o)
    }
}

fn is_predicate(e: &Expr) -> bool {
    matches!(
        e,
        Expr::Compare(..)
            | Expr::Quantified(..)
            | Expr::And(..)
            | Expr::Or(..)
            | Expr::Not(_)
            | Expr::IsNull(..)
            | Expr::In(..)
            | Expr::InQuery(..)
            | Expr::Between(..)
            | Expr::Like(..)
            | Expr::Exists(_)
    )
}
