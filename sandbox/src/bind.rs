//! T-SQL queries to SQLite's SQL: names resolved, every expression typed, every conversion made
//! explicit.
//!
//! What cannot be typed is refused; SQLite never gets to guess.

use std::collections::HashMap;

use crate::catalog::{Catalog, ObjectKind, TableDef, quote};
use crate::convert::NO_STYLE;
use crate::error::{Error, Result};
use crate::functions::{Call, Calls, signature};
use crate::syntax;
use crate::syntax::ast::*;
use crate::tds::token::Column;
use crate::types::{Len, Type, Value};
use crate::{calendar, decimal};

/// What the binder may ask of the session.
pub trait Env {
    /// The current catalog.
    fn catalog(&self) -> &Catalog;
    /// The interned calls.
    fn calls(&self) -> &Calls;
    /// A variable.
    fn var(&self, name: &str) -> Option<(Type, Value)>;
    /// A temporary table or table variable.
    fn temp(&self, name: &str) -> Option<&TableDef>;
    /// `@@name`, or a function that depends on the session.
    fn session_fn(&self, name: &str, args: &[Value]) -> Result<Option<(Type, Value)>>;
    /// The rows of a system view.
    fn system_view(&self, schema: &str, name: &str) -> Result<Option<crate::catalog::views::Rows>>;
}

/// A bound expression.
#[derive(Debug, Clone)]
pub struct Typed {
    /// SQLite's text.
    pub sql: String,
    /// Its type.
    pub ty: Type,
    /// An integer literal, whose decimal precision is its own length.
    digits: Option<u8>,
    /// COLLATE of another kind than the default.
    sensitive: bool,
    name: Option<String>,
    flags: u16,
    /// Needed by functions that take a constant.
    constant: Option<Value>,
}

/// A bound query.
#[derive(Debug)]
pub struct Bound {
    /// SQLite's text.
    pub sql: String,
    /// Its columns; in SQLite they are called c0, c1, ….
    pub columns: Vec<Column>,
    /// SELECT @v = …: the variables, one per column.
    pub assigns: Vec<String>,
}

#[derive(Debug, Clone)]
struct Source {
    alias: String,
    qualified: Option<(String, String)>,
    columns: Vec<SourceColumn>,
    /// A system view of which the sandbox has not every column.
    partial: bool,
}

#[derive(Debug, Clone)]
struct SourceColumn {
    name: String,
    sql: String,
    ty: Type,
    flags: u16,
}

#[derive(Debug, Default)]
struct Scope {
    sources: Vec<Source>,
    /// In a grouped query: the SQL of the grouping expressions.
    groups: Option<Vec<String>>,
    /// Inside an aggregate, or inside a grouping expression: columns are free.
    free: u32,
}

#[derive(Debug, Clone)]
struct CteRef {
    name: String,
    sql: String,
    columns: Vec<(String, Type)>,
    recursive: Option<u32>,
}

/// Functions of MySQL, PostgreSQL, Oracle and SQLite that models and people try.
const FOREIGN: [&str; 16] = [
    "NOW",
    "CURDATE",
    "LENGTH",
    "CHAR_LENGTH",
    "SUBSTR",
    "INSTR",
    "IFNULL",
    "NVL",
    "TO_CHAR",
    "TO_DATE",
    "TO_NUMBER",
    "DATE_FORMAT",
    "STRFTIME",
    "GROUP_CONCAT",
    "LPAD",
    "RPAD",
];

/// Binds one statement.
pub struct Binder<'a> {
    env: &'a dyn Env,
    /// The values for `?1`, `?2`, ….
    pub binds: Vec<Value>,
    scopes: Vec<Scope>,
    ctes: Vec<CteRef>,
    next: usize,
    depth: u32,
}

fn typed(sql: impl Into<String>, ty: Type) -> Typed {
    Typed {
        sql: sql.into(),
        ty,
        digits: None,
        sensitive: false,
        name: None,
        flags: 1,
        constant: None,
    }
}

fn lit_text(s: &str) -> String {
    format!("'{}'", s.replace('\'', "''"))
}

/// A value as SQLite text.
pub fn literal(v: &Value) -> String {
    match v {
        Value::Null => "NULL".into(),
        Value::Int(i) if *i == i64::MIN => "(-9223372036854775807-1)".into(),
        Value::Int(i) => i.to_string(),
        Value::Float(f) => format!("{f:e}"),
        Value::Str(s) if s.contains('\0') => {
            format!("CAST(x'{}' AS TEXT)", crate::convert::hex(s.as_bytes()))
        }
        Value::Str(s) => lit_text(s),
        v => match v.to_lite() {
            rusqlite::types::Value::Blob(b) => format!("x'{}'", crate::convert::hex(&b)),
            _ => "NULL".into(),
        },
    }
}

/// Which columns of a query are NULL and nothing else.
fn untyped(body: &Body) -> Vec<bool> {
    match body {
        Body::Select(s) if s.items.iter().all(|i| matches!(i, Item::Expr(..))) => {
            s.items.iter().map(|i| matches!(i, Item::Expr(Expr::Null, _))).collect()
        }
        Body::Select(_) => Vec::new(),
        Body::Nested(q) => untyped(&q.body),
        Body::Set { left, right, .. } => {
            untyped(left).into_iter().zip(untyped(right)).map(|(a, b)| a && b).collect()
        }
    }
}

/// The type two operands meet in.
pub fn common(a: Type, b: Type) -> Type {
    if a == b || b == Type::Null {
        return a;
    }
    if a == Type::Null {
        return b;
    }
    let (hi, lo) = if a.precedence() >= b.precedence() { (a, b) } else { (b, a) };
    let longer = |x: i64, y: i64, max: u16| -> Len {
        if x < 0 || y < 0 { Len::Max } else { Len::N((x.max(y)).min(i64::from(max)) as u16) }
    };
    let chars = |t: Type| {
        if t.is_unicode() && t.max_length() > 0 { t.max_length() / 2 } else { t.max_length() }
    };
    match hi {
        Type::Decimal(p, s) => match lo.as_decimal() {
            Some((p2, s2)) => {
                let scale = s.max(s2);
                let whole = (p - s).max(p2 - s2);
                let p = (whole + scale).min(38);
                Type::Decimal(p, scale.min(38 - whole.min(38)))
            }
            None => hi,
        },
        Type::NVarChar(_) | Type::NChar(_) if lo.is_text() => {
            Type::NVarChar(longer(chars(hi), chars(lo), 4000))
        }
        Type::VarChar(_) | Type::Char(_) if lo.is_text() => {
            Type::VarChar(longer(chars(hi), chars(lo), 8000))
        }
        Type::VarBinary(_) | Type::Binary(_) if lo.is_binary() => {
            Type::VarBinary(longer(hi.max_length(), lo.max_length(), 8000))
        }
        Type::DateTime2(s) => match lo {
            Type::DateTime2(s2) | Type::Time(s2) => Type::DateTime2(s.max(s2)),
            Type::DateTime => Type::DateTime2(s.max(7)),
            _ => hi,
        },
        Type::DateTimeOffset(s) => match lo {
            Type::DateTimeOffset(s2) | Type::DateTime2(s2) | Type::Time(s2) => {
                Type::DateTimeOffset(s.max(s2))
            }
            Type::DateTime => Type::DateTimeOffset(7),
            _ => hi,
        },
        Type::Time(s) => match lo {
            Type::Time(s2) => Type::Time(s.max(s2)),
            _ => hi,
        },
        Type::Date => match lo {
            Type::Time(_) => Type::Date,
            _ => hi,
        },
        _ => hi,
    }
}

impl<'a> Binder<'a> {
    /// For one statement.
    pub fn new(env: &'a dyn Env) -> Self {
        Self { env, binds: Vec::new(), scopes: Vec::new(), ctes: Vec::new(), next: 0, depth: 0 }
    }

    /// The id of a shim.
    pub fn intern(&self, call: Call) -> usize {
        self.env.calls().intern(call)
    }

    fn call(&self, call: Call, args: &[&str]) -> String {
        let id = self.intern(call);
        let mut s = format!("f({id}");
        for a in args {
            s.push(',');
            s.push_str(a);
        }
        s.push(')');
        s
    }

    /// Converts to `to`; nothing happens where the representation and the range
    /// are the same already.
    pub fn coerce(&self, e: Typed, to: Type) -> Typed {
        let same = e.ty == to
            || e.ty == Type::Null
            || to == Type::Null
            || e.ty.is_int() && to.is_int() && to.precedence() >= e.ty.precedence()
            || matches!((e.ty, to), (Type::Real, Type::Float))
            || matches!(
                (e.ty, to),
                (
                    Type::VarChar(_) | Type::Char(_),
                    Type::VarChar(Len::Max) | Type::NVarChar(Len::Max)
                )
            )
            || matches!((e.ty, to), (Type::NVarChar(_) | Type::NChar(_), Type::NVarChar(Len::Max)))
            || matches!((e.ty, to), (Type::VarChar(Len::N(a)), Type::VarChar(Len::N(b)) | Type::NVarChar(Len::N(b))) if a <= b)
            || matches!((e.ty, to), (Type::Char(a), Type::VarChar(Len::N(b)) | Type::NVarChar(Len::N(b))) if a <= b)
            || matches!((e.ty, to), (Type::NVarChar(Len::N(a)) | Type::NChar(a), Type::NVarChar(Len::N(b))) if a <= b)
            || matches!((e.ty, to), (Type::VarBinary(Len::N(a)) | Type::Binary(a), Type::VarBinary(Len::N(b))) if a <= b)
            || matches!((e.ty, to), (Type::SmallMoney, Type::Money))
            || matches!((e.ty, to), (Type::SmallDateTime, Type::DateTime | Type::DateTime2(_)))
            || matches!((e.ty, to), (Type::DateTime2(a), Type::DateTime2(b)) if a <= b);
        if same {
            return Typed { ty: if to == Type::Null { e.ty } else { to }, ..e };
        }
        let sql =
            self.call(Call::Cast { from: e.ty, to, style: NO_STYLE, attempt: false }, &[&e.sql]);
        Typed { sql, ty: to, digits: None, ..e }
    }

    /// For an assignment to a column: too long is an error.
    pub fn assign(&self, e: Typed, to: Type) -> Result<Typed> {
        if e.ty == Type::Null
            || e.ty == to
            || e.ty.is_int() && to.is_int() && to.precedence() >= e.ty.precedence()
        {
            return Ok(Typed { ty: to, ..e });
        }
        crate::convert::implicit(e.ty, to)?;
        let sql = self.call(Call::Assign { from: e.ty, to }, &[&e.sql]);
        Ok(Typed { sql, ty: to, ..e })
    }

    /// With its collation, for comparison, grouping and ordering.
    fn collated(e: &Typed) -> String {
        if e.ty.is_text() {
            format!("({} COLLATE {})", e.sql, if e.sensitive { "CS" } else { "CI" })
        } else {
            e.sql.clone()
        }
    }

    fn order_key(&self, e: &Typed) -> String {
        match e.ty {
            Type::Guid => self.call(
                Call::Func { name: "GUIDKEY", args: vec![Type::Guid], out: Type::Binary(16) },
                &[&e.sql],
            ),
            Type::DateTimeOffset(_) => self.instant(e),
            _ => Self::collated(e),
        }
    }

    fn instant(&self, e: &Typed) -> String {
        self.call(Call::Func { name: "INSTANT", args: vec![e.ty], out: Type::BigInt }, &[&e.sql])
    }

    // --- queries

    /// Binds a query; `outer` is whether its rows go to the client, where an ORDER BY needs no TOP.
    pub fn query(&mut self, q: &Query, outer: bool) -> Result<Bound> {
        self.query_inner(q, outer).map_err(Error::compiled)
    }

    fn query_inner(&mut self, q: &Query, outer: bool) -> Result<Bound> {
        self.depth += 1;
        if self.depth > 32 {
            return Err(Error::new(
                191,
                15,
                "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller queries.",
            ));
        }
        let mark = self.ctes.len();
        let mut with = Vec::new();
        for c in &q.ctes {
            with.push(self.cte(c, q.max_recursion)?);
        }
        if !outer
            && !q.order.is_empty()
            && q.offset.is_none()
            && !matches!(&q.body, Body::Select(s) if s.top.is_some())
        {
            return Err(Error::new(
                1033,
                15,
                "The ORDER BY clause is invalid in views, inline functions, derived tables, subqueries, and common table expressions, unless TOP, OFFSET or FOR XML is also specified.",
            ));
        }
        let mut b = match &q.body {
            Body::Select(s) => self.select(s, q)?,
            body => {
                let mut b = self.body(body)?;
                let mut keys = Vec::new();
                for OrderItem { expr: e, descending: desc } in &q.order {
                    let at = match e {
                        Expr::Integer(n) => n.parse::<usize>().ok().and_then(|n| n.checked_sub(1)),
                        Expr::Column(p) => b.columns.iter().position(|c| {
                            Some(&c.name.to_lowercase())
                                == p.last().map(|s| s.to_lowercase()).as_ref()
                        }),
                        _ => None,
                    };
                    let Some(c) = at.filter(|i| *i < b.columns.len()) else {
                        return Err(Error::new(
                            104,
                            16,
                            "ORDER BY items must appear in the select list if the statement contains a UNION, INTERSECT or EXCEPT operator.",
                        ));
                    };
                    let key = self.order_key(&typed(format!("c{c}"), b.columns[c].ty));
                    keys.push(format!("{key}{}", if *desc { " DESC" } else { "" }));
                }
                if !keys.is_empty() || q.offset.is_some() {
                    b.sql = format!("SELECT * FROM ({})", b.sql);
                    if !keys.is_empty() {
                        b.sql += &format!(" ORDER BY {}", keys.join(","));
                    }
                    b.sql += &self.paging(None, q)?;
                }
                b
            }
        };
        if !with.is_empty() {
            b.sql = format!("WITH RECURSIVE {} {}", with.join(","), b.sql);
        }
        self.ctes.truncate(mark);
        self.depth -= 1;
        Ok(b)
    }

    fn cte(&mut self, c: &Cte, max: u32) -> Result<String> {
        self.next += 1;
        let sql = format!("w{}", self.next);
        let name_columns = |found: &[Column]| -> Result<Vec<(String, Type)>> {
            if !c.columns.is_empty() && c.columns.len() != found.len() {
                return Err(Error::new(
                    8159,
                    16,
                    format!(
                        "'{}' has fewer columns than were specified in the column list.",
                        c.name
                    ),
                ));
            }
            found
                .iter()
                .enumerate()
                .map(|(i, f)| {
                    let name = c.columns.get(i).unwrap_or(&f.name).clone();
                    if name.is_empty() {
                        return Err(Error::new(
                            8155,
                            16,
                            format!(
                                "No column name was specified for column {} of '{}'.",
                                i + 1,
                                c.name
                            ),
                        ));
                    }
                    Ok((name, f.ty))
                })
                .collect()
        };
        let refers =
            format!("{:?}", c.query.body).contains(&format!("Named {{ name: Name([{:?}])", c.name));
        if let (Body::Set { op: SetOp::UnionAll, left, right }, true) = (&c.query.body, refers) {
            let anchor = self.body(left)?;
            let columns = name_columns(&anchor.columns)?;
            self.ctes.push(CteRef {
                name: c.name.clone(),
                sql: sql.clone(),
                columns: columns.clone(),
                recursive: Some(max),
            });
            let step = self.body(right)?;
            if let Some(r) = self.ctes.last_mut() {
                r.recursive = None;
            }
            if step.columns.len() != columns.len() {
                return Err(Error::new(
                    205,
                    16,
                    "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their target lists.",
                ));
            }
            for (a, b) in anchor.columns.iter().zip(&step.columns) {
                if self.coerce(typed("", b.ty), a.ty).sql.starts_with("f(") && !b.ty.is_text() {
                    return Err(Error::new(
                        240,
                        16,
                        format!(
                            "Types don't match between the anchor and the recursive part in column \"{}\" of recursive query \"{}\".",
                            a.name, c.name
                        ),
                    ));
                }
            }
            let list = (0..columns.len()).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",");
            // The step carries its depth in a column of its own, which `select` adds where
            // the CTE is read.
            return Ok(format!(
                "{sql}({list},depth) AS (SELECT {list},0 FROM ({}) UNION ALL {})",
                anchor.sql, step.sql
            ));
        }
        let b = self.query(&c.query, false)?;
        let columns = name_columns(&b.columns)?;
        let list: Vec<String> = (0..columns.len()).map(|i| format!("c{i}")).collect();
        self.ctes.push(CteRef { name: c.name.clone(), sql: sql.clone(), columns, recursive: None });
        Ok(format!("{sql}({}) AS ({})", list.join(","), b.sql))
    }

    fn body(&mut self, body: &Body) -> Result<Bound> {
        match body {
            Body::Select(s) => {
                let plain = Query::of(Body::Select(Box::default()));
                self.select(s, &plain)
            }
            Body::Nested(q) => self.query(q, false),
            Body::Set { op, left, right } => {
                let (l, r) = (self.body(left)?, self.body(right)?);
                if l.columns.len() != r.columns.len() {
                    return Err(Error::new(
                        205,
                        16,
                        "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their target lists.",
                    ));
                }
                // A NULL of its own has no type here: it takes that of the other side.
                let (none_l, none_r) = (untyped(left), untyped(right));
                let is = |n: &[bool], i: usize| n.get(i) == Some(&true);
                let types: Vec<Type> = (l.columns.iter().zip(&r.columns).enumerate())
                    .map(|(i, (a, b))| match (is(&none_l, i), is(&none_r, i)) {
                        (true, false) => b.ty,
                        (false, true) => a.ty,
                        _ => common(a.ty, b.ty),
                    })
                    .collect();
                let sides = [none_l, none_r];
                if *op != SetOp::UnionAll
                    && types.iter().any(|t| matches!(t, Type::DateTimeOffset(_)))
                {
                    return Err(Error::unsupported(format!("{} of datetimeoffset", op.sql())));
                }
                let side = |b: &Bound, n: usize, me: &Self| -> String {
                    let list: Vec<String> = b
                        .columns
                        .iter()
                        .zip(&types)
                        .enumerate()
                        .map(|(i, (c, t))| {
                            let of = if is(&sides[n], i) { Type::Null } else { c.ty };
                            let e = me.coerce(typed(format!("c{i}"), of), *t);
                            format!(
                                "{} AS c{i}",
                                if *op == SetOp::UnionAll { e.sql } else { Self::collated(&e) }
                            )
                        })
                        .collect();
                    format!("SELECT {} FROM ({})", list.join(","), b.sql)
                };
                let sql = format!("{} {} {}", side(&l, 0, self), op.sql(), side(&r, 1, self));
                let columns = l
                    .columns
                    .iter()
                    .zip(types)
                    .map(|(c, ty)| Column { name: c.name.clone(), ty, flags: 1 })
                    .collect();
                Ok(Bound { sql, columns, assigns: Vec::new() })
            }
        }
    }

    fn paging(&mut self, top: Option<&Expr>, q: &Query) -> Result<String> {
        let mut out = String::new();
        if let Some(t) = top {
            out = format!(" LIMIT {}", self.row_count(t, "TOP")?);
        }
        if let Some(o) = &q.offset {
            if top.is_some() {
                let what = "A TOP can not be used in the same query or sub-query as a OFFSET.";
                return Err(Error::new(10741, 15, what));
            }
            let limit = match &q.fetch {
                Some(f) => self.row_count(f, "FETCH")?,
                None => "-1".into(),
            };
            out = format!(" LIMIT {limit} OFFSET {}", self.row_count(o, "OFFSET")?);
        }
        Ok(out)
    }

    /// A number of rows, in a shim that refuses what is negative.
    fn row_count(&mut self, e: &Expr, what: &'static str) -> Result<String> {
        let e = self.expr(e)?;
        if matches!(e.constant, Some(Value::Null)) || e.ty == Type::Null {
            return Err(Error::new(1014, 15, "A TOP or FETCH clause contains an invalid value."));
        }
        if !e.ty.is_int() || e.ty == Type::Bit {
            let what = if what == "TOP" { "TOP or FETCH row count parameter" } else { what };
            return Err(Error::new(
                1060,
                15,
                format!("The number of rows provided for a {what} clause must be an integer."),
            ));
        }
        Ok(self.call(
            Call::Func { name: what, args: vec![Type::BigInt], out: Type::BigInt },
            &[&e.sql],
        ))
    }

    fn select(&mut self, s: &Select, q: &Query) -> Result<Bound> {
        let (from, sources) = self.from(&s.from)?;
        let recursive = sources.iter().find_map(|src| {
            src.columns.iter().find(|c| c.name == "\u{1}depth").map(|c| c.sql.clone())
        });
        self.scopes.push(Scope { sources, ..Scope::default() });
        let out = self.select_in_scope(s, q, &from, recursive.as_deref());
        self.scopes.pop();
        out
    }

    fn select_in_scope(
        &mut self,
        s: &Select,
        q: &Query,
        from: &str,
        recursive: Option<&str>,
    ) -> Result<Bound> {
        let filter = match &s.filter {
            Some(f) => format!(" WHERE {}", self.predicate(f)?),
            None => String::new(),
        };
        let mut groups = Vec::new();
        for g in &s.group {
            if constant(g) {
                return Err(Error::new(
                    164,
                    15,
                    "Each GROUP BY expression must contain at least one column that is not an outer reference.",
                ));
            }
            let e = self.expr(g)?;
            // Of a datetimeoffset the instant makes the group.
            groups.push((e.sql.clone(), self.order_key(&e)));
        }
        let any_aggregate = s
            .items
            .iter()
            .any(|i| matches!(i, Item::Expr(e, _) | Item::Assign(_, e) if has_aggregate(e)))
            || s.having.as_ref().is_some_and(has_aggregate)
            || q.order.iter().any(|o| has_aggregate(&o.expr));
        let grouped = !groups.is_empty() || any_aggregate || s.having.is_some();
        if grouped && let Some(scope) = self.scopes.last_mut() {
            scope.groups = Some(groups.iter().map(|g| g.0.clone()).collect());
        }
        let mut items: Vec<Typed> = Vec::new();
        let mut assigns = Vec::new();
        for item in &s.items {
            match item {
                Item::Star(prefix) => items.extend(self.star(prefix)?),
                Item::Expr(e, alias) => {
                    let mut b = self.expr(e)?;
                    if b.ty == Type::Bool {
                        return Err(Error::syntax("=", 0));
                    }
                    b.name = alias.clone().or(b.name);
                    items.push(b);
                }
                Item::Assign(v, e) => {
                    let (ty, _) = self.env.var(v).ok_or_else(|| undeclared(v))?;
                    let b = self.expr(e)?;
                    items.push(self.coerce(b, ty));
                    assigns.push(v.clone());
                }
            }
        }
        if !assigns.is_empty() && assigns.len() != items.len() {
            return Err(Error::new(
                141,
                15,
                "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations.",
            ));
        }
        if s.distinct && items.iter().any(|i| matches!(i.ty, Type::DateTimeOffset(_))) {
            return Err(Error::unsupported("DISTINCT of datetimeoffset"));
        }
        let having = match &s.having {
            Some(h) => format!(" HAVING {}", self.predicate(h)?),
            None => String::new(),
        };
        let mut order = Vec::new();
        for OrderItem { expr: e, descending: desc } in &q.order {
            let ordinal = match e {
                Expr::Integer(n) => Some(n.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|i| *i < items.len()).ok_or_else(|| {
                    Error::new(108, 16, format!("The ORDER BY position number {n} is out of range of the number of items in the select list."))
                })?),
                Expr::Column(p) if p.len() == 1 => {
                    let named = |i: &Typed| i.name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(&p[0]));
                    let first = items.iter().position(named);
                    if let Some(i) = first && items.iter().any(|x| named(x) && x.sql != items[i].sql) {
                        return Err(Error::new(209, 16, format!("Ambiguous column name '{}'.", p[0])));
                    }
                    first
                }
                e if constant(e) => return Err(constant_order(e, order.len() + 1)),
                _ => None,
            };
            let bound = match ordinal {
                Some(i) => items[i].clone(),
                None => {
                    let b = self.expr(e)?;
                    if s.distinct && !items.iter().any(|i| i.sql == b.sql) {
                        return Err(Error::new(
                            145,
                            15,
                            "ORDER BY items must appear in the select list if SELECT DISTINCT is specified.",
                        ));
                    }
                    b
                }
            };
            order.push(format!("{}{}", self.order_key(&bound), if *desc { " DESC" } else { "" }));
        }
        let mut list: Vec<String> = items
            .iter()
            .enumerate()
            .map(|(i, e)| {
                format!("{} AS c{i}", if s.distinct { Self::collated(e) } else { e.sql.clone() })
            })
            .collect();
        if let Some(depth) = recursive {
            list.push(format!("{depth} AS depth"));
        }
        let group = if groups.is_empty() {
            String::new()
        } else {
            format!(
                " GROUP BY {}",
                groups.iter().map(|g| g.1.as_str()).collect::<Vec<_>>().join(",")
            )
        };
        // HAVING without GROUP BY is one group over everything; SQLite wants to see
        // an aggregate for that.
        let having = if !having.is_empty() && group.is_empty() && !any_aggregate {
            format!(" GROUP BY NULL{having}")
        } else {
            having
        };
        let order =
            if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(",")) };
        let paging = self.paging(s.top.as_ref(), q)?;
        let sql = format!(
            "SELECT {}{}{from}{filter}{group}{having}{order}{paging}",
            if s.distinct { "DISTINCT " } else { "" },
            list.join(",")
        );
        let columns = items
            .into_iter()
            .map(|e| Column {
                name: e.name.unwrap_or_default(),
                ty: if e.ty == Type::Null { Type::Int } else { e.ty },
                flags: e.flags,
            })
            .collect();
        Ok(Bound { sql, columns, assigns })
    }

    fn star(&self, prefix: &[String]) -> Result<Vec<Typed>> {
        let Some(scope) = self.scopes.last() else { return Ok(Vec::new()) };
        if scope.sources.is_empty() {
            return Err(Error::new(263, 16, "Must specify table to select from."));
        }
        let mut out = Vec::new();
        for s in scope.sources.iter().filter(|s| prefix.is_empty() || matches(s, prefix)) {
            if let Some((schema, view)) = s.qualified.as_ref().filter(|_| s.partial) {
                return Err(Error::unsupported(format!(
                    "every column of {schema}.{view}; name those that you want"
                )));
            }
            for c in s.columns.iter().filter(|c| c.name != "\u{1}depth") {
                let mut e = typed(c.sql.clone(), c.ty);
                e.name = Some(c.name.clone());
                e.flags = c.flags;
                if let Some(g) = &scope.groups
                    && !g.contains(&c.sql)
                {
                    return Err(not_grouped(&s.alias, &c.name));
                }
                out.push(e);
            }
        }
        if out.is_empty() {
            return Err(Error::new(
                107,
                15,
                format!(
                    "The column prefix '{}' does not match with a table name or alias name used in the query.",
                    prefix.join(".")
                ),
            ));
        }
        Ok(out)
    }

    // --- FROM

    fn from(&mut self, tables: &[Table]) -> Result<(String, Vec<Source>)> {
        let mut sources = Vec::new();
        let mut parts = Vec::new();
        for t in tables {
            parts.push(self.table(t, &mut sources)?);
        }
        for (i, a) in sources.iter().enumerate() {
            if sources[..i].iter().any(|b| b.alias.eq_ignore_ascii_case(&a.alias)) {
                return Err(Error::new(
                    1011,
                    16,
                    format!(
                        "The correlation name '{}' is specified multiple times in a FROM clause.",
                        a.alias
                    ),
                ));
            }
        }
        let sql = if parts.is_empty() {
            String::new()
        } else {
            format!(" FROM {}", parts.join(" CROSS JOIN "))
        };
        Ok((sql, sources))
    }

    fn fresh(&mut self) -> String {
        self.next += 1;
        format!("s{}", self.next)
    }

    fn table(&mut self, t: &Table, sources: &mut Vec<Source>) -> Result<String> {
        match t {
            Table::Join { kind, left, right, on } => {
                let start = sources.len();
                let l = self.table(left, sources)?;
                let r = self.table(right, sources)?;
                let Some(on) = on else { return Ok(format!("{l} CROSS JOIN {r}")) };
                self.scopes.push(Scope { sources: sources[start..].to_vec(), ..Scope::default() });
                let on = self.predicate(on);
                self.scopes.pop();
                let r = if matches!(**right, Table::Join { .. }) { format!("({r})") } else { r };
                Ok(format!("{l} {} {r} ON {}", kind.sql(), on?))
            }
            Table::Derived { query, alias, columns } => {
                // A derived table sees the queries around it, but not its neighbours.
                let b = self.query(query, false)?;
                let s = self.fresh();
                let columns = self.rename(&b.columns, columns, alias, &s)?;
                sources.push(Source {
                    alias: alias.clone(),
                    qualified: None,
                    columns,
                    partial: false,
                });
                Ok(format!("({}) AS {s}", b.sql))
            }
            Table::Values { rows, alias, columns } => {
                let (sql, types) = self.values(rows)?;
                let s = self.fresh();
                let found: Vec<Column> = types.iter().map(|t| Column::new("", *t)).collect();
                let cols = self.rename(&found, columns, alias, &s)?;
                sources.push(Source {
                    alias: alias.clone(),
                    qualified: None,
                    columns: cols,
                    partial: false,
                });
                Ok(format!("({sql}) AS {s}"))
            }
            Table::Named { name, alias } => self.named(name, alias.as_deref(), sources),
        }
    }

    fn rename(
        &self,
        found: &[Column],
        names: &[String],
        alias: &str,
        s: &str,
    ) -> Result<Vec<SourceColumn>> {
        if !names.is_empty() && names.len() != found.len() {
            return Err(Error::new(
                8158,
                16,
                format!(
                    "'{alias}' has {} columns than were specified in the column list.",
                    if names.len() < found.len() { "more" } else { "fewer" }
                ),
            ));
        }
        found
            .iter()
            .enumerate()
            .map(|(i, c)| {
                let name = names.get(i).unwrap_or(&c.name).clone();
                if name.is_empty() {
                    return Err(Error::new(
                        8155,
                        16,
                        format!("No column name was specified for column {} of '{alias}'.", i + 1),
                    ));
                }
                Ok(SourceColumn { name, sql: format!("{s}.c{i}"), ty: c.ty, flags: 1 })
            })
            .collect()
    }

    /// `VALUES` rows brought to one type per column.
    pub fn values(&mut self, rows: &[Vec<Expr>]) -> Result<(String, Vec<Type>)> {
        let mut bound = Vec::new();
        for r in rows {
            bound.push(r.iter().map(|e| self.expr(e)).collect::<Result<Vec<_>>>()?);
        }
        let n = bound.first().map_or(0, Vec::len);
        if bound.iter().any(|r| r.len() != n) {
            return Err(Error::new(
                10709,
                16,
                "The number of columns for each row in a table value constructor must be the same.",
            ));
        }
        let types: Vec<Type> = (0..n)
            .map(|i| bound.iter().fold(Type::Null, |t, r| common(t, r[i].ty)))
            .map(|t| if t == Type::Null { Type::Int } else { t })
            .collect();
        let names: Vec<String> = (0..n).map(|i| format!("column{} AS c{i}", i + 1)).collect();
        let rows: Vec<String> = bound
            .into_iter()
            .map(|r| {
                format!(
                    "({})",
                    r.into_iter()
                        .zip(&types)
                        .map(|(e, t)| self.coerce(e, *t).sql)
                        .collect::<Vec<_>>()
                        .join(",")
                )
            })
            .collect();
        Ok((format!("SELECT {} FROM (VALUES {})", names.join(","), rows.join(",")), types))
    }

    fn named(
        &mut self,
        name: &Name,
        alias: Option<&str>,
        sources: &mut Vec<Source>,
    ) -> Result<String> {
        let last = name.0.last().map_or("", String::as_str);
        let alias_text = alias.unwrap_or(last).to_owned();
        if name.0.len() == 1 {
            if let Some(c) =
                self.ctes.iter().rev().find(|c| c.name.eq_ignore_ascii_case(last)).cloned()
            {
                let s = self.fresh();
                let mut columns: Vec<SourceColumn> = c
                    .columns
                    .iter()
                    .enumerate()
                    .map(|(i, (n, t))| SourceColumn {
                        name: n.clone(),
                        sql: format!("{s}.c{i}"),
                        ty: *t,
                        flags: 1,
                    })
                    .collect();
                if let Some(max) = c.recursive {
                    let sql = self.call(Call::Depth(max), &[&format!("{s}.depth+1")]);
                    columns.push(SourceColumn {
                        name: "\u{1}depth".into(),
                        sql,
                        ty: Type::Int,
                        flags: 0,
                    });
                }
                sources.push(Source {
                    alias: alias_text,
                    qualified: None,
                    columns,
                    partial: false,
                });
                return Ok(format!("{} AS {s}", c.sql));
            }
            if last.starts_with(['#', '@']) {
                let table = self.env.temp(last).cloned().ok_or_else(|| invalid_object(name))?;
                return Ok(self.base(&table, alias_text, None, sources));
            }
        }
        let env = self.env;
        if let Some(object) = env.catalog().find(name) {
            let qualified = Some((object.schema.clone(), object.name.clone()));
            return match &object.kind {
                ObjectKind::Table(t) => Ok(self.base(t, alias_text, qualified, sources)),
                ObjectKind::View(text) => {
                    let q = syntax::query(text)?;
                    // A view sees neither the scopes nor the CTEs of the query that uses it.
                    let (scopes, ctes) =
                        (std::mem::take(&mut self.scopes), std::mem::take(&mut self.ctes));
                    let b = self.query(&q, false);
                    (self.scopes, self.ctes) = (scopes, ctes);
                    let b = b?;
                    let s = self.fresh();
                    let columns = self.rename(&b.columns, &[], &alias_text, &s)?;
                    sources.push(Source { alias: alias_text, qualified, columns, partial: false });
                    Ok(format!("({}) AS {s}", b.sql))
                }
                ObjectKind::Procedure(..) => Err(Error::new(
                    2809,
                    18,
                    format!(
                        "The request for procedure '{}' failed because '{}' is a procedure object.",
                        object.name, object.name
                    ),
                )),
            };
        }
        let parts: Vec<&str> = name.0.iter().map(String::as_str).collect();
        let (schema, object) = match parts.as_slice() {
            [s, o] => (*s, *o),
            [d, s, o]
                if ["trading", "master", "tempdb"].iter().any(|x| d.eq_ignore_ascii_case(x)) =>
            {
                (*s, *o)
            }
            [_, _, _, _] => {
                return Err(Error::unsupported(format!("the linked server {}", name.0[0])));
            }
            [d, _, _]
                if ["master", "msdb", "model", "tempdb"]
                    .iter()
                    .any(|x| d.eq_ignore_ascii_case(x)) =>
            {
                return Err(Error::unsupported(name.0.join(".")));
            }
            [o] if crate::catalog::views::is_compatibility_view(o) => {
                return Err(Error::unsupported(format!("the view {o}")));
            }
            _ => return Err(invalid_object(name)),
        };
        let system = ["sys", "INFORMATION_SCHEMA"].iter().any(|s| schema.eq_ignore_ascii_case(s));
        let Some((cols, rows)) = env.system_view(schema, object)? else {
            return Err(if system || crate::catalog::views::is_compatibility_view(object) {
                Error::unsupported(format!("the view {schema}.{object}")).compiled()
            } else {
                invalid_object(name)
            });
        };
        let s = self.fresh();
        let columns: Vec<SourceColumn> = cols
            .iter()
            .enumerate()
            .map(|(i, (n, t))| SourceColumn {
                name: (*n).to_owned(),
                sql: format!("{s}.c{i}"),
                ty: *t,
                flags: 1,
            })
            .collect();
        let partial = !crate::catalog::views::is_complete(schema, object);
        sources.push(Source {
            alias: alias_text,
            qualified: Some((schema.to_owned(), object.to_owned())),
            columns,
            partial,
        });
        let names: Vec<String> =
            (0..cols.len()).map(|i| format!("column{} AS c{i}", i + 1)).collect();
        if rows.is_empty() {
            let nulls: Vec<String> = (0..cols.len()).map(|i| format!("NULL AS c{i}")).collect();
            return Ok(format!("(SELECT {} WHERE 0) AS {s}", nulls.join(",")));
        }
        let rows: Vec<String> = rows
            .iter()
            .map(|r| format!("({})", r.iter().map(literal).collect::<Vec<_>>().join(",")))
            .collect();
        Ok(format!("(SELECT {} FROM (VALUES {})) AS {s}", names.join(","), rows.join(",")))
    }

    fn base(
        &mut self,
        t: &TableDef,
        alias: String,
        qualified: Option<(String, String)>,
        sources: &mut Vec<Source>,
    ) -> String {
        let s = self.fresh();
        let columns = t
            .columns
            .iter()
            .map(|c| SourceColumn {
                name: c.name.clone(),
                sql: format!("{s}.{}", quote(&c.name)),
                ty: c.ty,
                flags: u16::from(c.nullable)
                    | if c.identity.is_some() { 0x10 } else { 8 }
                    | if c.computed.is_some() { 0x20 } else { 0 },
            })
            .collect();
        sources.push(Source { alias, qualified, columns, partial: false });
        format!("{} AS {s}", t.physical)
    }

    // --- UPDATE and DELETE

    /// The rows of `target` that FROM and WHERE pick: `SELECT rowid, values… FROM …`.
    pub fn target_rows(
        &mut self,
        ctes: &[Cte],
        target: &Name,
        from: &[Table],
        filter: Option<&Expr>,
        top: Option<&Expr>,
        values: &[(Type, Expr)],
    ) -> Result<String> {
        let mut with = Vec::new();
        for c in ctes {
            with.push(self.cte(c, 100)?);
        }
        let own = vec![Table::Named { name: target.clone(), alias: None }];
        let from = if from.is_empty() { &own } else { from };
        let (from_sql, sources) = self.from(from)?;
        let pick = sources
            .iter()
            .find(|s| target.0.len() == 1 && s.alias.eq_ignore_ascii_case(&target.0[0]))
            .or_else(|| {
                let (schema, name) = crate::catalog::split(target)?;
                sources.iter().find(|s| {
                    s.qualified.as_ref().is_some_and(|(q, n)| {
                        q.eq_ignore_ascii_case(schema) && n.eq_ignore_ascii_case(name)
                    })
                })
            })
            .ok_or_else(|| invalid_object(target))?;
        let first = pick
            .columns
            .first()
            .map(|c| c.sql.split('.').next().unwrap_or("").to_owned())
            .unwrap_or_default();
        self.scopes.push(Scope { sources, ..Scope::default() });
        let mut list = vec![format!("{first}.rowid AS r")];
        for (i, (ty, e)) in values.iter().enumerate() {
            let b = self.expr(e)?;
            list.push(format!("{} AS v{i}", self.assign(b, *ty)?.sql));
        }
        let filter = match filter {
            Some(f) => format!(" WHERE {}", self.predicate(f)?),
            None => String::new(),
        };
        let limit = match top {
            Some(t) => format!(" LIMIT {}", self.row_count(t, "TOP")?),
            None => String::new(),
        };
        self.scopes.pop();
        let with = if with.is_empty() {
            String::new()
        } else {
            format!("WITH RECURSIVE {} ", with.join(","))
        };
        Ok(format!("{with}SELECT {}{from_sql}{filter}{limit}", list.join(",")))
    }

    /// OUTPUT: the items over one pseudo table, as RETURNING columns.
    pub fn returning(
        &mut self,
        items: &[Item],
        table: &TableDef,
        pseudo: &str,
    ) -> Result<(String, Vec<Column>)> {
        let columns = table
            .columns
            .iter()
            .map(|c| SourceColumn { name: c.name.clone(), sql: quote(&c.name), ty: c.ty, flags: 1 })
            .collect();
        self.scopes.push(Scope {
            sources: vec![Source {
                alias: pseudo.to_owned(),
                qualified: None,
                columns,
                partial: false,
            }],
            ..Scope::default()
        });
        let mut out = Vec::new();
        for i in items {
            match i {
                Item::Star(p) => out.extend(self.star(p)?),
                Item::Expr(e, alias) => {
                    if let Expr::Column(p) = e
                        && p.len() == 2
                        && !p[0].eq_ignore_ascii_case(pseudo)
                    {
                        return Err(Error::unsupported(format!(
                            "OUTPUT {}.{} in this statement",
                            p[0], p[1]
                        )));
                    }
                    let mut b = self.expr(e)?;
                    b.name = alias.clone().or(b.name);
                    out.push(b);
                }
                Item::Assign(..) => return Err(Error::syntax("=", 0)),
            }
        }
        self.scopes.pop();
        let sql = out.iter().map(|e| e.sql.as_str()).collect::<Vec<_>>().join(",");
        Ok((
            sql,
            out.into_iter()
                .map(|e| Column { name: e.name.unwrap_or_default(), ty: e.ty, flags: e.flags })
                .collect(),
        ))
    }

    /// An expression over one table's columns by their bare names, for checks and computed columns.
    pub fn over_table(&mut self, e: &Expr, table: &TableDef, predicate: bool) -> Result<Typed> {
        let columns = table
            .columns
            .iter()
            .map(|c| SourceColumn { name: c.name.clone(), sql: quote(&c.name), ty: c.ty, flags: 1 })
            .collect();
        self.scopes.push(Scope {
            sources: vec![Source {
                alias: String::new(),
                qualified: None,
                columns,
                partial: false,
            }],
            ..Scope::default()
        });
        let out =
            if predicate { self.predicate(e).map(|s| typed(s, Type::Bool)) } else { self.expr(e) };
        self.scopes.pop();
        out
    }

    // --- predicates

    /// A predicate, as a condition.
    pub fn predicate(&mut self, e: &Expr) -> Result<String> {
        let b = self.expr(e)?;
        if b.ty != Type::Bool {
            return Err(Error::new(
                4145,
                15,
                "An expression of non-boolean type specified in a context where a condition is expected, near ')'.",
            ));
        }
        Ok(b.sql)
    }

    fn compare(&mut self, op: CompareOp, a: Typed, b: Typed) -> Result<Typed> {
        let (kind, op) = (op, op.symbol());
        if a.ty == Type::Bool || b.ty == Type::Bool {
            return Err(Error::syntax(op, 0));
        }
        let mut t = common(a.ty, b.ty);
        if matches!(t, Type::Xml | Type::Variant) {
            return Err(Error::new(
                402,
                16,
                format!(
                    "The data types {} and {} are incompatible in the {op} operator.",
                    a.ty.name_and_id().0,
                    b.ty.name_and_id().0
                ),
            ));
        }
        if t.is_temporal()
            && (a.ty.is_number() || b.ty.is_number())
            && !matches!(t, Type::DateTime | Type::SmallDateTime)
        {
            return Err(Error::new(
                206,
                16,
                format!(
                    "Operand type clash: {} is incompatible with {}",
                    a.ty.name_and_id().0,
                    b.ty.name_and_id().0
                ),
            ));
        }
        if let (Type::Date, Type::Time(_)) | (Type::Time(_), Type::Date) = (a.ty, b.ty) {
            return Err(Error::unsupported("comparing date with time"));
        }
        let mixed =
            |a: Type, b: Type| a.is_binary() && (b.is_text() || b.is_scaled() || b.is_float());
        if mixed(a.ty, b.ty) || mixed(b.ty, a.ty) {
            return Err(Error::unsupported(format!("comparing {} with {}", a.ty, b.ty)));
        }
        if t == Type::Guid && kind.is_ordering() {
            return Err(Error::unsupported("ordering comparisons of uniqueidentifier"));
        }
        let sensitive = a.sensitive || b.sensitive;
        if t.is_text() {
            // Lengths do not matter to a comparison, and cutting would.
            t = if t.is_unicode() { Type::NVarChar(Len::Max) } else { Type::VarChar(Len::Max) };
        }
        if let (Type::Decimal(..), Some((_, s1)), Some((_, s2))) =
            (t, a.ty.as_decimal(), b.ty.as_decimal())
        {
            t = Type::Decimal(38, s1.max(s2));
        }
        let (mut a, b) = (self.coerce(a, t), self.coerce(b, t));
        a.sensitive = sensitive;
        let (l, r) = if matches!(t, Type::DateTimeOffset(_)) {
            (self.instant(&a), self.instant(&b))
        } else {
            (Self::collated(&a), b.sql)
        };
        Ok(typed(format!("({l} {op} {r})"), Type::Bool))
    }

    // --- expressions

    /// Binds an expression.
    pub fn expr(&mut self, e: &Expr) -> Result<Typed> {
        // In a grouped query an expression that is a grouping expression stands for itself.
        let groups = self.scopes.last().filter(|s| s.free == 0).and_then(|s| s.groups.clone());
        if let Some(groups) = groups
            && !matches!(
                e,
                Expr::Column(_) | Expr::Subquery(_) | Expr::Exists(_) | Expr::InQuery { .. }
            )
            && !has_aggregate(e)
        {
            self.free(1);
            let (next, binds) = (self.next, self.binds.len());
            let plain = self.expr_inner(e);
            self.free(-1);
            if let Ok(p) = plain
                && groups.contains(&p.sql)
            {
                return Ok(p);
            }
            self.next = next;
            self.binds.truncate(binds);
        }
        self.expr_inner(e).map_err(Error::compiled)
    }

    fn free(&mut self, by: i32) {
        if let Some(s) = self.scopes.last_mut() {
            s.free = s.free.saturating_add_signed(by);
        }
    }

    fn bind(&mut self, v: Value, ty: Type) -> Typed {
        self.binds.push(v.clone());
        Typed { constant: Some(v), ..typed(format!("?{}", self.binds.len()), ty) }
    }

    fn expr_inner(&mut self, e: &Expr) -> Result<Typed> {
        Ok(match e {
            Expr::Null => Typed { constant: Some(Value::Null), ..typed("NULL", Type::Null) },
            Expr::Integer(n) => match n.parse::<i64>() {
                Ok(i) => {
                    let (ty, v) = if i32::try_from(i).is_ok() {
                        (Type::Int, Value::Int(i))
                    } else {
                        (Type::Decimal(n.len() as u8, 0), Value::Dec(i128::from(i)))
                    };
                    Typed {
                        digits: Some(n.trim_start_matches('0').len().max(1) as u8),
                        constant: Some(v.clone()),
                        ..typed(literal(&v), ty)
                    }
                }
                Err(_) => return self.decimal_literal(n),
            },
            Expr::Decimal(n) => return self.decimal_literal(n),
            Expr::Float(n) => {
                let Ok(f) = n.parse::<f64>() else {
                    return Err(Error::unsupported(format!("the number {n}")));
                };
                if !f.is_finite() {
                    return Err(Error::new(
                        168,
                        15,
                        format!(
                            "The floating point value '{n}' is out of the range of computer representation (8 bytes)."
                        ),
                    ));
                }
                Typed {
                    constant: Some(Value::Float(f)),
                    ..typed(literal(&Value::Float(f)), Type::Float)
                }
            }
            Expr::Money(n) => {
                let (d, s) = decimal::parse(n)
                    .ok_or_else(|| Error::unsupported(format!("the money constant ${n}")))?;
                let d = decimal::fit_money(decimal::rescale(d, s, 4)?, Type::Money)?;
                typed(literal(&Value::Dec(d)), Type::Money)
            }
            Expr::Text(s) => {
                let n = s.encode_utf16().count();
                let ty = Type::VarChar(if n > 8000 { Len::Max } else { Len::N(n.max(1) as u16) });
                let v = Value::Str(crate::convert::narrow(s)?);
                Typed { constant: Some(v.clone()), ..typed(literal(&v), ty) }
            }
            Expr::UnicodeText(s) => {
                let n = s.encode_utf16().count();
                let v = Value::Str(s.clone());
                Typed {
                    constant: Some(v.clone()),
                    ..typed(
                        literal(&v),
                        Type::NVarChar(if n > 4000 { Len::Max } else { Len::N(n.max(1) as u16) }),
                    )
                }
            }
            Expr::Bytes(b) => typed(
                literal(&Value::Bin(b.clone())),
                Type::VarBinary(Len::N(b.len().max(1) as u16)),
            ),
            Expr::Variable(v) if v.starts_with("@@") => {
                let found = self.env.session_fn(&v.to_ascii_uppercase(), &[])?;
                let (ty, val) = found.ok_or_else(|| Error::unsupported(v))?;
                self.bind(val, ty)
            }
            Expr::Variable(v) => {
                let (ty, val) = self.env.var(v).ok_or_else(|| undeclared(v))?;
                self.bind(val, ty)
            }
            Expr::Column(parts) => return self.column(parts),
            Expr::Unary(op, inner) => return self.unary(*op, inner),
            Expr::Binary(op, a, b) => {
                let (a, b) = (self.expr(a)?, self.expr(b)?);
                return self.binary(*op, a, b);
            }
            Expr::Compare(op, a, b) => {
                let (a, b) = (self.expr(a)?, self.expr(b)?);
                return self.compare(*op, a, b);
            }
            Expr::Quantified { op: CompareOp::Equal, value: a, all: false, query: q } => {
                return self.expr_inner(&Expr::InQuery {
                    value: a.clone(),
                    query: q.clone(),
                    negated: false,
                });
            }
            Expr::Quantified { op: CompareOp::NotEqual, value: a, all: true, query: q } => {
                return self.expr_inner(&Expr::InQuery {
                    value: a.clone(),
                    query: q.clone(),
                    negated: true,
                });
            }
            Expr::Quantified { op, .. } => {
                return Err(Error::unsupported(format!("{} with ANY or ALL", op.symbol())));
            }
            Expr::And(a, b) => {
                typed(format!("({} AND {})", self.predicate(a)?, self.predicate(b)?), Type::Bool)
            }
            Expr::Or(a, b) => {
                typed(format!("({} OR {})", self.predicate(a)?, self.predicate(b)?), Type::Bool)
            }
            Expr::Not(a) => typed(format!("(NOT {})", self.predicate(a)?), Type::Bool),
            Expr::IsNull { value: a, negated: not } => typed(
                format!("({} IS {}NULL)", self.expr(a)?.sql, if *not { "NOT " } else { "" }),
                Type::Bool,
            ),
            Expr::Between { value: a, low, high, negated: not } => {
                let (v, l) = (self.expr(a)?, self.expr(low)?);
                let first = self.compare(CompareOp::GreaterOrEqual, v.clone(), l)?;
                let h = self.expr(high)?;
                let second = self.compare(CompareOp::LessOrEqual, v, h)?;
                typed(
                    format!(
                        "({}({} AND {}))",
                        if *not { "NOT " } else { "" },
                        first.sql,
                        second.sql
                    ),
                    Type::Bool,
                )
            }
            Expr::In { value: a, list, negated: not } => {
                let v = self.expr(a)?;
                let mut parts = Vec::new();
                for e in list {
                    let e = self.expr(e)?;
                    parts.push(self.compare(CompareOp::Equal, v.clone(), e)?.sql);
                }
                typed(
                    format!("({}({}))", if *not { "NOT " } else { "" }, parts.join(" OR ")),
                    Type::Bool,
                )
            }
            Expr::InQuery { value: a, query: q, negated: not } => {
                let v = self.expr(a)?;
                let b = self.query(q, false)?;
                let [c] = b.columns.as_slice() else {
                    return Err(Error::new(
                        116,
                        16,
                        "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.",
                    ));
                };
                let mut t = common(v.ty, c.ty);
                if matches!(t, Type::DateTimeOffset(_)) {
                    return Err(Error::unsupported("IN (SELECT …) of datetimeoffset"));
                }
                if t.is_text() {
                    t = Type::NVarChar(Len::Max);
                }
                let inner = self.coerce(typed("c0", c.ty), t);
                let v = self.coerce(v, t);
                typed(
                    format!(
                        "({} {}IN (SELECT {} FROM ({})))",
                        Self::collated(&v),
                        if *not { "NOT " } else { "" },
                        inner.sql,
                        b.sql
                    ),
                    Type::Bool,
                )
            }
            Expr::Like { value: a, pattern: p, escape, negated: not } => {
                let mut args = vec![self.expr(a)?, self.expr(p)?];
                if let Some(e) = escape {
                    args.push(self.expr(e)?);
                }
                if args.iter().any(|a| a.sensitive) {
                    return Err(Error::unsupported("LIKE with a case-sensitive COLLATE"));
                }
                if let Some(a) = args.iter().find(|a| {
                    a.ty.is_binary() || matches!(a.ty, Type::Xml | Type::Money | Type::SmallMoney)
                }) {
                    return Err(Error::unsupported(format!("LIKE of {}", a.ty)));
                }
                // One argument of Unicode makes all of them so.
                let text = if args.iter().any(|a| a.ty.is_unicode()) {
                    Type::NVarChar(Len::Max)
                } else {
                    Type::VarChar(Len::Max)
                };
                let args: Vec<String> =
                    args.into_iter().map(|a| self.coerce(a, text).sql).collect();
                let refs: Vec<&str> = args.iter().map(String::as_str).collect();
                let call = self.call(
                    Call::Func { name: "LIKE", args: vec![text; refs.len()], out: Type::Bit },
                    &refs,
                );
                typed(format!("({}{call})", if *not { "NOT " } else { "" }), Type::Bool)
            }
            Expr::Exists(q) => typed(format!("EXISTS ({})", self.query(q, false)?.sql), Type::Bool),
            Expr::Subquery(q) => {
                let b = self.query(q, false)?;
                let [c] = b.columns.as_slice() else {
                    return Err(Error::new(
                        116,
                        16,
                        "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.",
                    ));
                };
                // More than one row is an error on the server; SQLite would take the first.
                let sure = matches!(&q.body, Body::Select(s) if s.group.is_empty() && s.items.iter().any(|i| matches!(i, Item::Expr(e, _) if has_aggregate(e))) || matches!(s.top, Some(Expr::Integer(ref n)) if n == "1"));
                if sure {
                    typed(format!("({})", b.sql), c.ty)
                } else {
                    let one = self.call(
                        Call::Func { name: "ONE", args: vec![Type::Int], out: Type::Int },
                        &["count(*)"],
                    );
                    typed(format!("(SELECT CASE WHEN {one} THEN c0 END FROM ({}))", b.sql), c.ty)
                }
            }
            Expr::Case { operand, whens, otherwise: other } => {
                let mut conds = Vec::new();
                let mut results = Vec::new();
                for (w, r) in whens {
                    conds.push(match operand {
                        Some(o) => {
                            let (o, w) = (self.expr(o)?, self.expr(w)?);
                            self.compare(CompareOp::Equal, o, w)?.sql
                        }
                        None => self.predicate(w)?,
                    });
                    results.push(self.expr(r)?);
                }
                if let Some(o) = other {
                    results.push(self.expr(o)?);
                }
                let ty = results.iter().fold(Type::Null, |t, r| common(t, r.ty));
                if ty == Type::Bool {
                    return Err(Error::syntax("=", 0));
                }
                // A typed NULL is an expression; the word alone is none.
                if ty == Type::Null {
                    return Err(Error::new(
                        8133,
                        16,
                        "At least one of the result expressions in a CASE specification must be an expression other than the NULL constant.",
                    ));
                }
                let mut results = results.into_iter().map(|r| self.coerce(r, ty).sql);
                let mut sql = String::from("CASE");
                for c in conds {
                    sql += &format!(" WHEN {c} THEN {}", results.next().unwrap_or_default());
                }
                if let Some(o) = results.next() {
                    sql += &format!(" ELSE {o}");
                }
                typed(format!("({sql} END)"), ty)
            }
            Expr::Cast { value, ty, style, attempt } => {
                let v = self.expr(value)?;
                if v.ty == Type::Bool {
                    return Err(Error::syntax("=", 0));
                }
                let style = match style {
                    None => NO_STYLE,
                    Some(s) => match self.expr(s)?.constant {
                        Some(Value::Int(i)) if i >= 0 => i,
                        Some(Value::Null) => return Ok(typed("NULL", *ty)),
                        _ => {
                            return Err(Error::unsupported(
                                "CONVERT with a style that is not a constant",
                            ));
                        }
                    },
                };
                if v.ty == Type::Null {
                    return Ok(typed("NULL", *ty));
                }
                if *ty == Type::Xml && v.ty != Type::Xml {
                    return Err(Error::unsupported(
                        "the conversion of a text to xml, which would check it",
                    ));
                }
                crate::convert::allowed(v.ty, *ty)?;
                let sql = self
                    .call(Call::Cast { from: v.ty, to: *ty, style, attempt: *attempt }, &[&v.sql]);
                typed(sql, *ty)
            }
            Expr::Collate(inner, name) => {
                let mut v = self.expr(inner)?;
                if !v.ty.is_text() {
                    return Err(Error::new(
                        447,
                        16,
                        format!(
                            "Expression type {} is invalid for COLLATE clause.",
                            v.ty.name_and_id().0
                        ),
                    ));
                }
                let n = name.to_ascii_uppercase();
                v.sensitive = n.contains("_CS") || n.contains("_BIN");
                if !v.sensitive
                    && !n.contains("_CI_AS")
                    && n != "DATABASE_DEFAULT"
                    && n != "CATALOG_DEFAULT"
                {
                    return Err(Error::unsupported(format!("the collation {name}")));
                }
                v
            }
            Expr::Call(syntax::ast::Call {
                name,
                args,
                distinct,
                star,
                over,
                within_group: within,
            }) => {
                return self.function(name, args, *distinct, *star, over.as_deref(), within);
            }
        })
    }

    fn decimal_literal(&self, n: &str) -> Result<Typed> {
        let (d, s) = decimal::parse(n).ok_or_else(|| {
            Error::new(
                1007,
                15,
                format!("The number '{n}' is out of the range for numeric representation (maximum precision 38)."),
            )
        })?;
        let whole = n.split('.').next().unwrap_or("").trim_start_matches('0').len() as u8;
        Ok(Typed {
            constant: Some(Value::Dec(d)),
            ..typed(literal(&Value::Dec(d)), Type::Decimal((whole + s).max(1), s))
        })
    }

    fn column(&mut self, parts: &[String]) -> Result<Typed> {
        let Some((column, prefix)) = parts.split_last() else {
            return Err(Error::internal("a column without a name"));
        };
        for i in (0..self.scopes.len()).rev() {
            let scope = &self.scopes[i];
            let hits: Vec<(&Source, &SourceColumn)> = scope
                .sources
                .iter()
                .filter(|s| prefix.is_empty() || matches(s, prefix))
                .flat_map(|s| {
                    s.columns
                        .iter()
                        .filter(|c| c.name.eq_ignore_ascii_case(column))
                        .map(move |c| (s, c))
                })
                .collect();
            match hits.as_slice() {
                [] => {
                    let partial =
                        |s: &&Source| s.partial && (prefix.is_empty() || matches(s, prefix));
                    if let Some((schema, view)) =
                        scope.sources.iter().find(partial).and_then(|s| s.qualified.as_ref())
                    {
                        return Err(Error::unsupported(format!(
                            "the column {column} of {schema}.{view}"
                        )));
                    }
                    if !prefix.is_empty() && scope.sources.iter().any(|s| matches(s, prefix)) {
                        return Err(Error::new(
                            207,
                            16,
                            format!("Invalid column name '{column}'."),
                        ));
                    }
                }
                [(s, c)] => {
                    if scope.free == 0
                        && let Some(g) = &scope.groups
                        && !g.contains(&c.sql)
                    {
                        return Err(not_grouped(&s.alias, &c.name));
                    }
                    return Ok(Typed {
                        name: Some(c.name.clone()),
                        flags: c.flags,
                        ..typed(c.sql.clone(), c.ty)
                    });
                }
                _ => return Err(Error::new(209, 16, format!("Ambiguous column name '{column}'."))),
            }
        }
        if prefix.is_empty() {
            return Err(Error::new(207, 16, format!("Invalid column name '{column}'.")));
        }
        Err(Error::new(
            4104,
            16,
            format!("The multi-part identifier \"{}\" could not be bound.", parts.join(".")),
        ))
    }

    fn unary(&mut self, op: UnaryOp, inner: &Expr) -> Result<Typed> {
        let mut v = self.expr(inner)?;
        if op == UnaryOp::Plus {
            return Ok(v);
        }
        if let (Some(c), UnaryOp::Minus) = (&v.constant, op) {
            let negated = match (c, v.ty) {
                (Value::Int(i), Type::Int | Type::BigInt) => Some(Value::Int(-i)),
                // -2147483648 is an int after all.
                (Value::Dec(2_147_483_648), Type::Decimal(10, 0)) => {
                    v.ty = Type::Int;
                    Some(Value::Int(-2_147_483_648))
                }
                (Value::Dec(d), _) => Some(Value::Dec(-d)),
                (Value::Float(f), _) => Some(Value::Float(-f)),
                _ => None,
            };
            if let Some(n) = negated
                && !v.sql.starts_with('?')
            {
                return Ok(Typed { sql: literal(&n), constant: Some(n), name: None, ..v });
            }
        }
        let ok = if op == UnaryOp::Minus {
            v.ty.is_number() && v.ty != Type::Bit || v.ty == Type::Null
        } else {
            v.ty.is_int() || v.ty == Type::Null
        };
        if !ok {
            return Err(Error::new(
                8117,
                16,
                format!(
                    "Operand data type {} is invalid for {} operator.",
                    v.ty.name_and_id().0,
                    if op == UnaryOp::Minus { "minus" } else { "'~'" }
                ),
            ));
        }
        let out = if v.ty == Type::TinyInt && op == UnaryOp::Minus { Type::SmallInt } else { v.ty };
        let name = if op == UnaryOp::Minus { "NEG" } else { "NOT" };
        Ok(typed(self.call(Call::Func { name, args: vec![v.ty], out }, &[&v.sql]), out))
    }

    fn binary(&mut self, op: BinaryOp, a: Typed, b: Typed) -> Result<Typed> {
        let (kind, op) = (op, op.symbol());
        let c = op.chars().next().unwrap_or('+');
        let clash = |a: Type, b: Type| {
            Error::new(
                402,
                16,
                format!(
                    "The data types {} and {} are incompatible in the {} operator.",
                    a.name_and_id().0,
                    b.name_and_id().0,
                    kind.verb()
                ),
            )
        };
        if a.ty == Type::Bool || b.ty == Type::Bool {
            return Err(Error::syntax(op, 0));
        }
        let t = common(a.ty, b.ty);
        if t == Type::Null {
            return Ok(typed("NULL", Type::Int));
        }
        let (at, bt) =
            (if a.ty == Type::Null { t } else { a.ty }, if b.ty == Type::Null { t } else { b.ty });
        if t.is_text() || t.is_binary() {
            if at.is_text() != bt.is_text()
                || at == Type::Xml
                || bt == Type::Xml
                || c != '+' && !at.is_text()
            {
                return Err(Error::unsupported(format!("{at} {op} {bt}")));
            }
            if c != '+' {
                if kind.is_bitwise() {
                    return Err(clash(at, bt));
                }
                let verb = kind.verb();
                let name = at.name_and_id().0;
                return Err(Error::new(
                    8117,
                    16,
                    format!("Operand data type {name} is invalid for {verb} operator."),
                ));
            }
            let sum = |n: u16| -> Len {
                let chars =
                    |t: Type| if t.is_unicode() { t.max_length() / 2 } else { t.max_length() };
                if at.max_length() < 0 || bt.max_length() < 0 {
                    Len::Max
                } else {
                    Len::N((chars(at) + chars(bt)).clamp(1, i64::from(n)) as u16)
                }
            };
            let out = if t.is_unicode() {
                Type::NVarChar(sum(4000))
            } else if t.is_text() {
                Type::VarChar(sum(8000))
            } else {
                Type::VarBinary(sum(8000))
            };
            return Ok(typed(
                self.call(Call::Arith { op: c, a: at, b: bt, out }, &[&a.sql, &b.sql]),
                out,
            ));
        }
        if t.is_temporal() {
            let (date, number) = if at.is_temporal() { (a, b) } else { (b, a) };
            let classic = |t: Type| matches!(t, Type::DateTime | Type::SmallDateTime);
            if !classic(date.ty)
                || !number.ty.is_int()
                || number.ty == Type::Bit
                || !matches!(c, '+' | '-')
            {
                let (l, r) = (at.name_and_id().0, bt.name_and_id().0);
                return Err(if at == bt && !classic(at) && matches!(c, '+' | '-') {
                    let verb = if c == '-' { "subtract" } else { "add" };
                    Error::new(
                        8117,
                        16,
                        format!("Operand data type {l} is invalid for {verb} operator."),
                    )
                } else if at.is_number() != bt.is_number()
                    && !classic(at)
                    && !classic(bt)
                    && matches!(c, '+' | '-')
                {
                    Error::new(206, 16, format!("Operand type clash: {l} is incompatible with {r}"))
                } else {
                    Error::unsupported(format!("{at} {op} {bt}"))
                });
            }
            if c == '-' && !at.is_temporal() {
                return Err(Error::unsupported(format!("{at} {op} {bt}")));
            }
            let n = if c == '-' { format!("-({})", number.sql) } else { number.sql };
            let call = Call::Date {
                name: "DATEADD",
                part: calendar::Part::Day,
                args: vec![Type::Int, date.ty],
                out: date.ty,
            };
            return Ok(typed(self.call(call, &[&n, &date.sql]), date.ty));
        }
        if !t.is_number() {
            return Err(clash(at, bt));
        }
        if matches!(c, '&' | '|' | '^') && !t.is_int() {
            return Err(clash(at, bt));
        }
        let dec = |e: &Typed, t: Type| match e.digits {
            Some(d) if e.ty.is_int() => Some((d, 0)),
            _ => t.as_decimal(),
        };
        if let Type::Decimal(..) = t {
            let text_operand = |ty: Type| !ty.is_number();
            if text_operand(at) || text_operand(bt) {
                let (l, r) = (self.coerce(a, t), self.coerce(b, t));
                return self.binary(kind, l, r);
            }
            let (Some(p1), Some(p2)) = (dec(&a, at), dec(&b, bt)) else {
                return Err(clash(at, bt));
            };
            let (p, s) = decimal::result_type(c, p1, p2);
            let (l, r) = (
                self.coerce(a, Type::Decimal(p1.0.max(1), p1.1)),
                self.coerce(b, Type::Decimal(p2.0.max(1), p2.1)),
            );
            let out = Type::Decimal(p, s);
            return Ok(typed(
                self.call(Call::Arith { op: c, a: l.ty, b: r.ty, out }, &[&l.sql, &r.sql]),
                out,
            ));
        }
        if matches!(c, '%') && t.is_float() {
            return Err(clash(at, bt));
        }
        let t = if t == Type::Bit && !matches!(c, '&' | '|' | '^') {
            return Err(Error::new(
                8117,
                16,
                format!(
                    "Operand data type bit is invalid for {} operator.",
                    match c {
                        '+' => "add",
                        '-' => "subtract",
                        '*' => "multiply",
                        '/' => "divide",
                        _ => "modulo",
                    }
                ),
            ));
        } else {
            t
        };
        let (l, r) = (self.coerce(a, t), self.coerce(b, t));
        Ok(typed(self.call(Call::Arith { op: c, a: t, b: t, out: t }, &[&l.sql, &r.sql]), t))
    }

    // --- functions

    fn function(
        &mut self,
        name: &str,
        args: &[Expr],
        distinct: bool,
        star: bool,
        over: Option<&Over>,
        within: &[OrderItem],
    ) -> Result<Typed> {
        if is_aggregate(name) || is_window(name) {
            return self.aggregate(name, args, distinct, star, over, within);
        }
        if over.is_some() || !within.is_empty() || distinct || star {
            return Err(Error::unsupported(format!(
                "{name} with OVER, WITHIN GROUP, DISTINCT or *"
            )));
        }
        match name {
            "COALESCE" => {
                let mut bound = Vec::new();
                for a in args {
                    bound.push(self.expr(a)?);
                }
                let ty = bound.iter().fold(Type::Null, |t, b| common(t, b.ty));
                if bound.len() < 2 {
                    return Err(Error::unsupported("COALESCE of fewer than two"));
                }
                if ty == Type::Null {
                    return Err(Error::new(
                        4127,
                        16,
                        "At least one of the arguments to COALESCE must be an expression that is not the NULL constant.",
                    ));
                }
                let list: Vec<String> = bound.into_iter().map(|b| self.coerce(b, ty).sql).collect();
                return Ok(typed(
                    if list.len() == 1 {
                        list[0].clone()
                    } else {
                        format!("coalesce({})", list.join(","))
                    },
                    ty,
                ));
            }
            "ISNULL" => {
                let [a, b] = args else {
                    return Err(Error::new(174, 15, "The isnull function requires 2 argument(s)."));
                };
                let (a, b) = (self.expr(a)?, self.expr(b)?);
                let ty = if a.ty == Type::Null { b.ty } else { a.ty };
                let b = self.coerce(b, ty);
                return Ok(typed(format!("ifnull({},{})", a.sql, b.sql), ty));
            }
            "NULLIF" => {
                let [a, b] = args else {
                    return Err(Error::new(174, 15, "The nullif function requires 2 argument(s)."));
                };
                let (a, b) = (self.expr(a)?, self.expr(b)?);
                if a.ty == Type::Null {
                    return Err(Error::new(
                        4151,
                        16,
                        "The type of the first argument to NULLIF cannot be the NULL constant because the type of the first argument has to be known.",
                    ));
                }
                let same = self.compare(CompareOp::Equal, a.clone(), b)?;
                return Ok(typed(
                    format!("(CASE WHEN {} THEN NULL ELSE {} END)", same.sql, a.sql),
                    a.ty,
                ));
            }
            "CHOOSE" => {
                let Some((i, rest)) = args.split_first() else { return Err(Error::syntax(")", 0)) };
                let whens = rest
                    .iter()
                    .enumerate()
                    .map(|(n, e)| (Expr::Integer((n + 1).to_string()), e.clone()))
                    .collect();
                // An index of another type is converted to int, which cuts.
                let i = Expr::Cast {
                    value: Box::new(i.clone()),
                    ty: Type::Int,
                    style: None,
                    attempt: false,
                };
                return self.expr_inner(&Expr::Case {
                    operand: Some(Box::new(i)),
                    whens,
                    otherwise: None,
                });
            }
            "NEWID" => return Ok(typed("newid()", Type::Guid)),
            "DATEADD" | "DATEDIFF" | "DATEDIFF_BIG" | "DATEPART" | "DATENAME" => {
                return self.date_function(name, args);
            }
            _ => {}
        }
        let mut bound = Vec::new();
        for a in args {
            // Of a function that is not there, the arguments may be words of its own, like the
            // part of a date.
            bound.push(self.expr(a).map_err(|e| {
                match (signature(name, &[]), self.env.session_fn(name, &[])) {
                    (Ok(None), Ok(None)) => Error::unsupported(format!("the function {name}")),
                    _ => e,
                }
            })?);
        }
        if bound.iter().any(|b| b.ty == Type::Bool) {
            return Err(Error::syntax("=", 0));
        }
        let types: Vec<Type> = bound.iter().map(|b| b.ty).collect();
        if let Some(sig) = signature(name, &types)? {
            let any_sensitive = bound.iter().any(|b| b.sensitive);
            if any_sensitive
                && matches!(sig.name, "CHARINDEX" | "REPLACE" | "PATINDEX" | "TRANSLATE")
            {
                return Err(Error::unsupported(format!("{name} with a case-sensitive COLLATE")));
            }
            let mut extra = bound.iter().skip(sig.args.len()).count();
            for (b, t) in bound.iter().zip(&sig.args) {
                crate::convert::allowed(b.ty, *t)?;
            }
            let list: Vec<Typed> =
                bound.into_iter().zip(&sig.args).map(|(b, t)| self.coerce(b, *t)).collect();
            extra += list.len();
            if extra != types.len() {
                return Err(Error::new(
                    174,
                    15,
                    format!(
                        "The {} function requires {} argument(s).",
                        name.to_ascii_lowercase(),
                        sig.args.len()
                    ),
                ));
            }
            let refs: Vec<&str> = list.iter().map(|l| l.sql.as_str()).collect();
            let mut out = sig.out;
            // A literal length narrows the result, as on the server.
            if let ("LEFT" | "RIGHT" | "SUBSTRING", Some(Value::Int(n))) =
                (sig.name, list.last().and_then(|l| l.constant.clone()))
            {
                let n = n.clamp(1, 8000) as u16;
                out = match out {
                    Type::VarChar(Len::N(m)) => Type::VarChar(Len::N(n.min(m))),
                    Type::NVarChar(Len::N(m)) => Type::NVarChar(Len::N(n.min(m))),
                    t => t,
                };
            }
            let call = Call::Func { name: sig.name, args: sig.args.clone(), out };
            return Ok(typed(self.call(call, &refs), out));
        }
        let mut constants = Vec::new();
        for b in &bound {
            match &b.constant {
                Some(c) => constants.push(c.clone()),
                // The one login has the same rights on every object that there is.
                None if name == "HAS_PERMS_BY_NAME" => constants.push(Value::Null),
                None => {
                    // Catalog functions over a column: one CASE arm per object that there is.
                    return self.catalog_function(name, &bound);
                }
            }
        }
        match self.env.session_fn(name, &constants)? {
            Some((ty, v)) => Ok(self.bind(v, ty)),
            // Other products' names, which SQL Server has never had.
            None if FOREIGN.contains(&name) => Err(Error::new(
                195,
                15,
                format!("'{name}' is not a recognized built-in function name."),
            )),
            None => Err(Error::unsupported(format!("the function {name}"))),
        }
    }

    /// OBJECT_NAME(id), SCHEMA_NAME(id), TYPE_NAME(id), COL_NAME(id, n) … with
    /// a column as argument.
    fn catalog_function(&mut self, name: &str, args: &[Typed]) -> Result<Typed> {
        let catalog = self.env.catalog();
        let (ty, arms): (Type, Vec<(i64, String)>) = match name {
            "OBJECT_NAME" => (
                Type::NVarChar(Len::N(128)),
                catalog.objects.iter().map(|o| (o.id, lit_text(&o.name))).collect(),
            ),
            "OBJECT_SCHEMA_NAME" => (
                Type::NVarChar(Len::N(128)),
                catalog.objects.iter().map(|o| (o.id, lit_text(&o.schema))).collect(),
            ),
            "SCHEMA_NAME" => (
                Type::NVarChar(Len::N(128)),
                catalog.schemas.iter().map(|(s, id)| (*id, lit_text(s))).collect(),
            ),
            "TYPE_NAME" => (
                Type::NVarChar(Len::N(128)),
                crate::catalog::describe::ALL_TYPES
                    .iter()
                    .map(|t| {
                        let (n, id) = t.name_and_id();
                        (id, lit_text(n))
                    })
                    .collect(),
            ),
            "OBJECT_DEFINITION" => (
                Type::NVarChar(Len::Max),
                catalog
                    .objects
                    .iter()
                    .filter_map(|o| match &o.kind {
                        ObjectKind::View(t) => Some((
                            o.id,
                            lit_text(&format!("CREATE VIEW {}.{} AS {t}", o.schema, o.name)),
                        )),
                        _ => None,
                    })
                    .collect(),
            ),
            _ => {
                return Err(Error::unsupported(format!(
                    "{name} of something that is not a constant"
                )));
            }
        };
        let arg = &args[0].sql;
        let arms: Vec<String> =
            arms.into_iter().map(|(id, v)| format!("WHEN {id} THEN {v}")).collect();
        if arms.is_empty() {
            return Ok(typed("NULL", ty));
        }
        Ok(typed(format!("(CASE {arg} {} END)", arms.join(" ")), ty))
    }

    fn date_function(&mut self, name: &str, args: &[Expr]) -> Result<Typed> {
        let need = if matches!(name, "DATEADD" | "DATEDIFF" | "DATEDIFF_BIG") { 3 } else { 2 };
        let Some(Expr::Column(p)) = args.first().filter(|_| args.len() == need) else {
            return Err(Error::new(
                174,
                15,
                format!("The {} function requires {need} argument(s).", name.to_ascii_lowercase()),
            ));
        };
        let part = calendar::Part::parse(&p[0])?;
        let mut rest = Vec::new();
        for a in &args[1..] {
            rest.push(self.expr(a)?);
        }
        let temporal = |e: Typed, me: &Self| {
            let t = match e.ty {
                t if t.is_temporal() => t,
                t if t.is_int() => Type::DateTime,
                _ if name == "DATEADD" => Type::DateTime,
                // With an offset, where the text has one.
                _ => Type::DateTimeOffset(7),
            };
            me.coerce(e, t)
        };
        if let Some(e) = rest.iter().skip(usize::from(name == "DATEADD")).find(|e| {
            !(e.ty.is_temporal()
                || e.ty.is_int() && e.ty != Type::Bit
                || e.ty.is_text() && e.ty != Type::Xml
                || e.ty == Type::Null)
        }) {
            return Err(Error::unsupported(format!("{name} of {}", e.ty)));
        }
        if matches!(name, "DATEADD" | "DATEPART" | "DATENAME")
            && let Some(d) = rest.last()
        {
            let checked = if name == "DATEADD" { "DATEADD" } else { "DATEPART" };
            part.check(checked, if d.ty.is_temporal() { d.ty } else { Type::DateTimeOffset(7) })
                .map_err(|e| Error {
                    message: e
                        .message
                        .replace("function datepart", &format!("function {}", name.to_lowercase())),
                    ..e
                })?;
        }
        let (name, bound, out): (&'static str, Vec<Typed>, Type) = match name {
            "DATEADD" => {
                let d = rest.pop().map(|d| temporal(d, self));
                let n = rest.pop().map(|n| self.coerce(n, Type::Int));
                let (Some(n), Some(d)) = (n, d) else { return Err(Error::internal("DATEADD")) };
                let ty = d.ty;
                ("DATEADD", vec![n, d], ty)
            }
            "DATEDIFF" => {
                ("DATEDIFF", rest.into_iter().map(|r| temporal(r, self)).collect(), Type::Int)
            }
            "DATEDIFF_BIG" => return Err(Error::unsupported("DATEDIFF_BIG")),
            "DATEPART" => {
                ("DATEPART", rest.into_iter().map(|r| temporal(r, self)).collect(), Type::Int)
            }
            _ => (
                "DATENAME",
                rest.into_iter().map(|r| temporal(r, self)).collect(),
                Type::NVarChar(Len::N(30)),
            ),
        };
        let refs: Vec<&str> = bound.iter().map(|b| b.sql.as_str()).collect();
        let call = Call::Date { name, part, args: bound.iter().map(|b| b.ty).collect(), out };
        Ok(typed(self.call(call, &refs), out))
    }

    fn aggregate(
        &mut self,
        name: &str,
        args: &[Expr],
        distinct: bool,
        star: bool,
        over: Option<&Over>,
        within: &[OrderItem],
    ) -> Result<Typed> {
        let (low, high) = match name {
            "STRING_AGG" => (2, 2),
            "LAG" | "LEAD" => (1, 3),
            "ROW_NUMBER" | "RANK" | "DENSE_RANK" | "PERCENT_RANK" | "CUME_DIST" => (0, 0),
            _ => (1, 1),
        };
        if star && (distinct || !matches!(name, "COUNT" | "COUNT_BIG")) {
            return Err(Error::syntax("*", 0));
        }
        if !star && !(low..=high).contains(&args.len()) {
            let name = name.to_ascii_lowercase();
            return Err(if low == high {
                Error::new(174, 15, format!("The {name} function requires {low} argument(s)."))
            } else {
                Error::new(
                    189,
                    15,
                    format!("The {name} function requires {low} to {high} arguments."),
                )
            });
        }
        if over.is_none() {
            if is_window(name) {
                return Err(Error::new(
                    10753,
                    15,
                    format!("The function '{name}' must have an OVER clause."),
                ));
            }
            match self.scopes.last() {
                Some(s) if s.groups.is_some() && s.free == 0 => {}
                Some(s) if s.groups.is_some() => {
                    return Err(Error::new(
                        130,
                        16,
                        "Cannot perform an aggregate function on an expression containing an aggregate or a subquery.",
                    ));
                }
                _ => {
                    return Err(Error::new(
                        147,
                        15,
                        "An aggregate may not appear in the WHERE clause unless it is in a subquery contained in a HAVING clause or a select list, and the column being aggregated is an outer reference.",
                    ));
                }
            }
            self.free(1);
        }
        let bound = args.iter().map(|a| self.expr(a)).collect::<Result<Vec<_>>>();
        let order = within
            .iter()
            .map(|o| Ok((self.expr(&o.expr)?, o.descending)))
            .collect::<Result<Vec<_>>>();
        if over.is_none() {
            self.free(-1);
        }
        let (bound, order) = (bound?, order?);
        let window = match over {
            None => String::new(),
            Some(o) => self.over(name, o)?,
        };
        if distinct && over.is_some() {
            return Err(Error::new(
                10759,
                15,
                "Use of DISTINCT is not allowed with the OVER clause.",
            ));
        }
        if let Some(b) = bound.first().filter(|b| b.ty == Type::Null && is_aggregate(name)) {
            let _ = b;
            let name = name.to_ascii_lowercase();
            return Err(Error::new(
                8117,
                16,
                format!("Operand data type NULL is invalid for {name} operator."),
            ));
        }
        if within.iter().any(|o| constant(&o.expr)) || !within.is_empty() && name != "STRING_AGG" {
            return Err(Error::unsupported(format!(
                "{name} WITHIN GROUP by a constant, or at all"
            )));
        }
        if name == "STRING_AGG" && (distinct || over.is_some()) {
            return Err(Error::unsupported("STRING_AGG with DISTINCT or OVER"));
        }
        if distinct && bound.first().is_some_and(|b| matches!(b.ty, Type::DateTimeOffset(_))) {
            return Err(Error::unsupported("DISTINCT of datetimeoffset"));
        }
        let d = if distinct { "DISTINCT " } else { "" };
        let first = bound.first().cloned();
        let arg = || {
            first.clone().ok_or_else(|| {
                Error::new(
                    174,
                    15,
                    format!("The {} function requires 1 argument(s).", name.to_ascii_lowercase()),
                )
            })
        };
        let invalid = |t: Type| {
            Error::new(
                8117,
                16,
                format!(
                    "Operand data type {} is invalid for {} operator.",
                    t.name_and_id().0,
                    name.to_ascii_lowercase()
                ),
            )
        };
        Ok(match name {
            "COUNT" | "COUNT_BIG" | "APPROX_COUNT_DISTINCT" => {
                let ty = if name == "COUNT" { Type::Int } else { Type::BigInt };
                let d = if name == "APPROX_COUNT_DISTINCT" { "DISTINCT " } else { d };
                if star {
                    typed(format!("count(*){window}"), ty)
                } else {
                    typed(format!("count({d}{}){window}", Self::collated(&arg()?)), ty)
                }
            }
            "MIN" | "MAX" => {
                let a = arg()?;
                if matches!(a.ty, Type::Bit | Type::Xml) {
                    return Err(invalid(a.ty));
                }
                if a.ty == Type::Guid {
                    return Err(Error::unsupported("MIN and MAX of uniqueidentifier"));
                }
                typed(
                    format!("{}({}){window}", name.to_ascii_lowercase(), Self::collated(&a)),
                    a.ty,
                )
            }
            "SUM" | "AVG" => {
                let a = arg()?;
                let out = match (a.ty, name) {
                    (Type::TinyInt | Type::SmallInt | Type::Int, _) => Type::Int,
                    (Type::BigInt, _) => Type::BigInt,
                    (Type::Money | Type::SmallMoney, _) => Type::Money,
                    (Type::Real | Type::Float, _) => Type::Float,
                    (Type::Decimal(_, s), "SUM") => Type::Decimal(38, s),
                    (Type::Decimal(_, s), _) => Type::Decimal(38, s.max(6)),
                    (t, _) => return Err(invalid(t)),
                };
                let sum = if a.ty.is_scaled() {
                    format!("dsum({d}{}){window}", a.sql)
                } else if a.ty.is_float() {
                    return Ok(typed(
                        format!("{}({d}{}){window}", name.to_ascii_lowercase(), a.sql),
                        out,
                    ));
                } else {
                    format!("sum({d}{}){window}", a.sql)
                };
                let from = match a.ty {
                    Type::Decimal(_, s) => Type::Decimal(38, s),
                    Type::SmallMoney => Type::Money,
                    t => t,
                };
                if name == "SUM" {
                    typed(
                        self.call(Call::Func { name: "FIT", args: vec![from], out }, &[&sum]),
                        out,
                    )
                } else {
                    let count = format!("count({d}{}){window}", a.sql);
                    typed(
                        self.call(
                            Call::Func { name: "AVG", args: vec![from, Type::Int], out },
                            &[&sum, &count],
                        ),
                        out,
                    )
                }
            }
            "STDEV" | "STDEVP" | "VAR" | "VARP" => {
                if over.is_some() || distinct {
                    return Err(Error::unsupported(format!("{name} with OVER or DISTINCT")));
                }
                let a = arg()?;
                if !a.ty.is_number() {
                    return Err(invalid(a.ty));
                }
                let a = self.coerce(a, Type::Float);
                let mode = i32::from(name.ends_with('P')) + 2 * i32::from(name.starts_with('S'));
                typed(format!("variance({},{mode})", a.sql), Type::Float)
            }
            "STRING_AGG" => {
                let [a, sep] = bound.as_slice() else {
                    return Err(Error::new(
                        174,
                        15,
                        "The string_agg function requires 2 argument(s).",
                    ));
                };
                let out = match a.ty {
                    Type::NVarChar(Len::Max) => Type::NVarChar(Len::Max),
                    Type::VarChar(Len::Max) => Type::VarChar(Len::Max),
                    t if t.is_unicode() || !t.is_text() => Type::NVarChar(Len::N(4000)),
                    _ => Type::VarChar(Len::N(8000)),
                };
                let a = if a.ty.is_text() {
                    a.clone()
                } else {
                    self.coerce(a.clone(), Type::NVarChar(Len::N(4000)))
                };
                let mut keys = Vec::new();
                for (e, desc) in &order {
                    keys.push(format!("{}{}", self.order_key(e), if *desc { " DESC" } else { "" }));
                }
                let by = if keys.is_empty() {
                    String::new()
                } else {
                    format!(" ORDER BY {}", keys.join(","))
                };
                let inner = format!("group_concat({},{}{by})", a.sql, sep.sql);
                // Over the limit is error 9829 on the server.
                typed(
                    self.call(Call::Func { name: "AGGLEN", args: vec![out], out }, &[&inner]),
                    out,
                )
            }
            "ROW_NUMBER" | "RANK" | "DENSE_RANK" => {
                typed(format!("{}(){window}", name.to_ascii_lowercase()), Type::BigInt)
            }
            "NTILE" if !matches!(arg()?.constant, Some(Value::Int(1..))) => {
                return Err(Error::unsupported("NTILE of anything but a positive constant"));
            }
            "NTILE" => typed(format!("ntile({}){window}", arg()?.sql), Type::BigInt),
            "PERCENT_RANK" | "CUME_DIST" => {
                typed(format!("{}(){window}", name.to_ascii_lowercase()), Type::Float)
            }
            "FIRST_VALUE" | "LAST_VALUE" => {
                let a = arg()?;
                typed(format!("{}({}){window}", name.to_ascii_lowercase(), a.sql), a.ty)
            }
            _ => {
                let a = arg()?;
                if bound.get(1).is_some_and(|o| !matches!(o.constant, Some(Value::Int(0..)))) {
                    return Err(Error::unsupported(format!(
                        "{name} with an offset that is not a constant of 0 or more"
                    )));
                }
                let offset = bound.get(1).map_or("1".to_owned(), |o| o.sql.clone());
                let default = match bound.get(2) {
                    Some(d) => self.coerce(d.clone(), a.ty).sql,
                    None => "NULL".into(),
                };
                typed(
                    format!("{}({},{offset},{default}){window}", name.to_ascii_lowercase(), a.sql),
                    a.ty,
                )
            }
        })
    }

    fn over(&mut self, name: &str, o: &Over) -> Result<String> {
        let mut parts = Vec::new();
        if !o.partition.is_empty() {
            let mut keys = Vec::new();
            for p in &o.partition {
                let e = self.expr(p)?;
                keys.push(Self::collated(&e));
            }
            parts.push(format!("PARTITION BY {}", keys.join(",")));
        }
        if !o.order.is_empty() {
            let mut keys = Vec::new();
            for OrderItem { expr: e, descending: desc } in &o.order {
                // In OVER a constant is no ordinal.
                if matches!(e, Expr::Integer(_)) {
                    let what = "Windowed functions, aggregates and NEXT VALUE FOR functions do not support integer indices as ORDER BY clause expressions.";
                    return Err(Error::new(5308, 16, what));
                }
                if constant(e) {
                    let what = "Windowed functions, aggregates and NEXT VALUE FOR functions do not support constants as ORDER BY clause expressions.";
                    return Err(Error::new(5309, 16, what));
                }
                let e = self.expr(e)?;
                keys.push(format!("{}{}", self.order_key(&e), if *desc { " DESC" } else { "" }));
            }
            parts.push(format!("ORDER BY {}", keys.join(",")));
        } else if is_window(name) {
            return Err(Error::new(
                4112,
                15,
                format!("The function '{name}' must have an OVER clause with ORDER BY."),
            ));
        }
        if let Some(f) = &o.frame {
            let words: Vec<String> = f.split_whitespace().map(str::to_ascii_uppercase).collect();
            let known = [
                "ROWS",
                "RANGE",
                "BETWEEN",
                "AND",
                "UNBOUNDED",
                "PRECEDING",
                "FOLLOWING",
                "CURRENT",
                "ROW",
            ];
            let number = |w: &String| w.bytes().all(|b| b.is_ascii_digit());
            if words.iter().any(|w| !known.contains(&w.as_str()) && !number(w)) {
                return Err(Error::unsupported(format!("the frame {f}")));
            }
            if words.first().is_some_and(|w| w == "RANGE") && words.iter().any(number) {
                let what = "RANGE is only supported with UNBOUNDED and CURRENT ROW window frame delimiters.";
                return Err(Error::new(4194, 16, what));
            }
            if o.order.is_empty()
                || is_window(name) && !matches!(name, "FIRST_VALUE" | "LAST_VALUE")
            {
                return Err(Error::unsupported(format!(
                    "{name} with a frame but without what a frame needs"
                )));
            }
            parts.push(f.clone());
        }
        Ok(format!(" OVER ({})", parts.join(" ")))
    }
}

/// Whether nothing in an expression depends on a row: literals and variables, and what
/// is computed of them.
fn constant(e: &Expr) -> bool {
    match e {
        Expr::Null
        | Expr::Integer(_)
        | Expr::Decimal(_)
        | Expr::Float(_)
        | Expr::Money(_)
        | Expr::Text(_)
        | Expr::UnicodeText(_) => true,
        Expr::Bytes(_) | Expr::Variable(_) => true,
        Expr::Unary(_, a) | Expr::Collate(a, _) => constant(a),
        Expr::Binary(_, a, b) => constant(a) && constant(b),
        Expr::Cast { value, .. } => constant(value),
        _ => false,
    }
}

/// Why a constant is no order.
fn constant_order(e: &Expr, position: usize) -> Error {
    if matches!(e, Expr::Unary(_, a) if matches!(**a, Expr::Integer(_))) {
        return Error::unsupported("ORDER BY a number with a sign");
    }

    fn variable(e: &Expr) -> bool {
        match e {
            Expr::Variable(_) => true,
            Expr::Unary(_, a) | Expr::Collate(a, _) => variable(a),
            Expr::Binary(_, a, b) => variable(a) || variable(b),
            Expr::Cast { value, .. } => variable(value),
            _ => false,
        }
    }
    if variable(e) {
        return Error::new(
            1008,
            16,
            format!(
                "The SELECT item identified by the ORDER BY number {position} contains a variable as part of the expression identifying a column position. Variables are only allowed when ordering by an expression referencing a column name."
            ),
        );
    }
    Error::new(
        408,
        16,
        format!("A constant expression was encountered in the ORDER BY list, position {position}."),
    )
}

fn matches(s: &Source, prefix: &[String]) -> bool {
    match prefix {
        [a] => s.alias.eq_ignore_ascii_case(a),
        [.., q, n] => s.qualified.as_ref().is_some_and(|(sq, sn)| {
            sq.eq_ignore_ascii_case(q)
                && sn.eq_ignore_ascii_case(n)
                && s.alias.eq_ignore_ascii_case(sn)
        }),
        [] => true,
    }
}

fn not_grouped(alias: &str, column: &str) -> Error {
    Error::new(
        8120,
        16,
        format!(
            "Column '{alias}.{column}' is invalid in the select list because it is not contained in either an aggregate function or the GROUP BY clause."
        ),
    )
}

fn undeclared(v: &str) -> Error {
    Error::new(137, 15, format!("Must declare the scalar variable \"{v}\"."))
}

/// 208.
pub fn invalid_object(name: &Name) -> Error {
    Error::new(208, 16, format!("Invalid object name '{}'.", name.0.join(".")))
}

fn is_aggregate(name: &str) -> bool {
    matches!(
        name,
        "COUNT"
            | "COUNT_BIG"
            | "SUM"
            | "AVG"
            | "MIN"
            | "MAX"
            | "STRING_AGG"
            | "STDEV"
            | "STDEVP"
            | "VAR"
            | "VARP"
            | "APPROX_COUNT_DISTINCT"
    )
}

fn is_window(name: &str) -> bool {
    matches!(
        name,
        "ROW_NUMBER"
            | "RANK"
            | "DENSE_RANK"
            | "NTILE"
            | "LAG"
            | "LEAD"
            | "FIRST_VALUE"
            | "LAST_VALUE"
            | "PERCENT_RANK"
            | "CUME_DIST"
    )
}

/// Whether an aggregate of this very query (not of a subquery, not windowed) stands in `e`.
fn has_aggregate(e: &Expr) -> bool {
    match e {
        Expr::Call(call) => {
            is_aggregate(&call.name) && call.over.is_none()
                || call.args.iter().any(has_aggregate)
                || call.within_group.iter().any(|o| has_aggregate(&o.expr))
                || call.over.as_ref().is_some_and(|o| {
                    o.partition.iter().any(has_aggregate)
                        || o.order.iter().any(|o| has_aggregate(&o.expr))
                })
        }
        Expr::Unary(_, a)
        | Expr::Not(a)
        | Expr::IsNull { value: a, .. }
        | Expr::Collate(a, _)
        | Expr::InQuery { value: a, .. }
        | Expr::Quantified { value: a, .. } => has_aggregate(a),
        Expr::Binary(_, a, b) | Expr::Compare(_, a, b) | Expr::And(a, b) | Expr::Or(a, b) => {
            has_aggregate(a) || has_aggregate(b)
        }
        Expr::In { value, list, .. } => has_aggregate(value) || list.iter().any(has_aggregate),
        Expr::Between { value, low, high, .. } => {
            has_aggregate(value) || has_aggregate(low) || has_aggregate(high)
        }
        Expr::Like { value, pattern, escape, .. } => {
            has_aggregate(value)
                || has_aggregate(pattern)
                || escape.as_deref().is_some_and(has_aggregate)
        }
        Expr::Case { operand, whens, otherwise } => {
            operand.as_deref().is_some_and(has_aggregate)
                || whens.iter().any(|(a, b)| has_aggregate(a) || has_aggregate(b))
                || otherwise.as_deref().is_some_and(has_aggregate)
        }
        Expr::Cast { value, .. } => has_aggregate(value),
        _ => false,
    }
}

/// The distinct values of a name list, for duplicate checks.
pub fn duplicate(names: &[String]) -> Option<&String> {
    let mut seen = HashMap::new();
    names.iter().find(|n| seen.insert(n.to_lowercase(), ()).is_some())
}
