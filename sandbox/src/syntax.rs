//! T-SQL text to a syntax tree, by recursive descent over the tokens. Statements need no `;`
//! between them, which is why no general SQL parser serves here: those that were tried read
//! `SELECT 1 COMMIT` as an alias.

pub(crate) mod ast;
mod cursor;
mod data_type;
mod ddl;
mod dml;
mod exec;
mod expr;
mod grouping;
mod json;
mod keyword;
mod lexer;
mod module;
mod query;
mod statement;
#[cfg(test)]
mod tests;

use self::ast::{Expr, ParamDef, Query, Statement};
use self::cursor::Parser;
use crate::error::Result;

/// Parses a whole batch; a syntax error anywhere means that nothing runs.
pub(crate) fn batch(sql: &str) -> Result<Vec<Statement>> {
    let mut parser = Parser::new(sql)?;
    let mut out = Vec::new();
    while parser.skip_semicolons() {
        out.push(parser.statement(true)?);
    }
    Ok(out)
}

/// Parses one expression, for a stored default or computed column.
pub(crate) fn expression(sql: &str) -> Result<Expr> {
    Parser::new(sql)?.predicate()
}

/// Parses a query, for a view's body.
pub(crate) fn query(sql: &str) -> Result<Query> {
    let mut parser = Parser::new(sql)?;
    let query = parser.query()?;
    parser.eat_symbol(";");
    parser.expect_end()?;
    Ok(query)
}

/// The variables of a text, as often as they occur, without those of the server.
pub(crate) fn variables(sql: &str) -> Result<Vec<String>> {
    let variable = |t: lexer::Token| match t.kind {
        lexer::TokenKind::Variable(name) if !name.starts_with("@@") => Some(name),
        _ => None,
    };
    Ok(lexer::tokens(sql)?.into_iter().filter_map(variable).collect())
}

/// Parses `@a int, @b nvarchar(10) = N'x' OUTPUT`, as sp_executesql has them.
pub(crate) fn params(sql: &str) -> Result<Vec<ParamDef>> {
    let mut parser = Parser::new(sql)?;
    let list = parser.parameters()?;
    parser.expect_end()?;
    Ok(list)
}
