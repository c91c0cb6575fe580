//! T-SQL queries to SQLite's SQL: names resolved, every expression typed, every conversion made
//! explicit.
//!
//! What cannot be typed is refused; SQLite never gets to guess. Table sources are called s1, s2, …,
//! common table expressions w1, w2, …, and the columns of every query c0, c1, ….

mod aggregate;
mod apply;
mod arithmetic;
mod call;
mod change;
mod column;
mod cte;
mod deduce;
mod expr;
mod from;
mod grouping;
mod json;
mod own;
mod percentile;
mod pivot;
mod predicate;
mod query;
mod restrict;
mod select;
mod set_operation;
#[cfg(test)]
mod tests;
mod types;
mod unpivot;

pub(crate) use self::deduce::{Deduced, Deductions};
use self::deduce::{Meets, Pending};
use crate::catalog::many::Wanted;
use crate::catalog::views::Rows;
use crate::catalog::{Catalog, TableDef};
use crate::convert::{NO_STYLE, hex, implicit};
use crate::error::Result;
use crate::functions::{Calls, GUID_ORDER, INSTANT, Invocation, Shim};
use crate::names::Name;
use crate::types::Column;
use crate::types::{Type, Value};

/// What the binder may ask of the session.
pub(crate) trait Env {
    /// Of a database by its place among the others.
    fn catalog(&self, database: usize) -> &Catalog;

    /// The place of the database that the session is in.
    fn current_database(&self) -> usize;

    /// The place of a database that a name means; nothing where there is none, and an error where
    /// the login may not enter it.
    fn database(&self, name: &str) -> Result<Option<usize>>;

    fn calls(&self) -> &Calls;

    /// The type and the value of a variable.
    fn var(&self, name: &str) -> Option<(Type, Value)>;

    /// A temporary table or table variable.
    fn temp(&self, name: &str) -> Option<&TableDef>;

    /// `@@name`, or a function that depends on the session; none where there is none of that name.
    fn session_fn(&self, name: &str, args: &[Value]) -> Result<Option<(Type, Value)>>;

    /// Where the types of undeclared parameters are written down, while a statement is described.
    fn deductions(&self) -> Option<&Deductions> {
        None
    }

    /// What a function of the schema sys tells of statements: none where it is no such function.
    fn described(
        &self,
        database: usize,
        function: &str,
        args: &[Value],
    ) -> Result<Option<Described>>;

    /// The rows of a system view of a database, of which these may be enough.
    fn system_view(
        &self,
        database: usize,
        view: (&str, &str),
        wanted: &[Wanted],
    ) -> Result<Option<Rows>>;

    /// The number of a database's catalog for `catalog_name`, where it has many objects.
    fn keep_catalog(&self, database: usize) -> Option<i64>;
}

/// An expression in SQLite's words, with what its place in a query needs to know of it.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    pub(crate) sql: String,
    pub(crate) ty: Type,
    /// COLLATE of another kind than the default.
    sensitive: bool,
    /// Of a column, or its alias.
    name: Option<String>,
    /// Of COLMETADATA: nullable, identity, computed (MS-TDS §2.2.7.4).
    flags: u16,
    /// The value of a literal or a variable, for functions that take a constant.
    constant: Option<Value>,
    /// Whether the text is that of the constant.
    literal: bool,
    /// Depends on a parameter that nobody declared.
    pending: Option<Box<Pending>>,
}

/// A query in SQLite's words, and what comes out of it.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) sql: String,
    pub(crate) columns: Vec<Column>,
    /// SELECT @v = …: the variables, one per column.
    pub(crate) assigns: Vec<String>,
    /// Whether a column's type depends on a parameter that nobody declared.
    pub(crate) pending: bool,
    /// Whether it ends in a LIMIT.
    pub(crate) limited: bool,
}

/// The columns and the rows of a function of the schema sys.
pub(crate) type Described = (&'static [(&'static str, Type)], Vec<Vec<Value>>);

/// A table source of a FROM clause.
#[derive(Debug, Clone)]
struct Source {
    alias: String,
    /// Database, schema and name of what a catalog knows.
    qualified: Option<[String; 3]>,
    columns: Vec<SourceColumn>,
    /// A system view of which the sandbox has not every column.
    partial: bool,
    /// In the step of a recursive CTE: how deep the rows made of this source will be.
    depth: Option<String>,
}

#[derive(Debug, Clone)]
struct SourceColumn {
    name: String,
    sql: String,
    ty: Type,
    flags: u16,
    /// Compared by code points, whatever the default collation.
    sensitive: bool,
}

/// The names that one query sees by itself.
#[derive(Debug, Default)]
struct Scope {
    sources: Vec<Source>,
    /// Of a grouped query.
    groups: Option<Vec<grouping::Group>>,
    /// Whether it has several grouping sets.
    grouping_sets: bool,
    /// Inside an aggregate, or inside a grouping expression: columns are free.
    free: u32,
}

/// Binds one statement, whose parameters it collects.
pub(crate) struct Binder<'a> {
    env: &'a dyn Env,
    /// The database in which names are looked up: the session's, or that of a view.
    database: usize,
    /// The values for `?1`, `?2`, ….
    pub(crate) binds: Vec<Value>,
    /// Variables by their names, with the numbers of their parameters: the same expression has to
    /// have the same text.
    variables: Vec<(String, usize)>,
    /// The innermost query last.
    scopes: Vec<Scope>,
    ctes: Vec<cte::CteRef>,
    /// The number of the last name of a source or a CTE.
    last_name: usize,
    /// What the WHERE of each query wants of its sources, by their aliases in lower case.
    restrictions: Vec<Vec<(String, Wanted)>>,
    /// Of queries in each other.
    depth: u32,
    /// In a function of one's own: what its parameters stand for.
    arguments: Option<Vec<(String, Typed)>>,
    /// Of functions in each other.
    calls: u32,
    /// The keys of the sequences that the row has taken values of.
    sequences: Vec<i64>,
    /// Above 0 within a clause in which no sequence may be named.
    without_sequences: u32,
}

/// A bound expression that is neither a constant nor a column.
fn typed(sql: impl Into<String>, ty: Type) -> Typed {
    Typed {
        sql: sql.into(),
        ty,
        sensitive: false,
        name: None,
        flags: 1,
        constant: None,
        literal: false,
        pending: None,
    }
}

fn literal_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A value as SQLite's text.
pub(crate) fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Int(i64::MIN) => "(-9223372036854775807-1)".into(),
        Value::Int(n) => n.to_string(),
        Value::Float(f) => format!("{f:e}"),
        Value::Str(text) if text.contains('\0') => {
            format!("CAST(x'{}' AS TEXT)", hex(text.as_bytes()))
        }
        Value::Str(text) => literal_text(text),
        value => match value.to_lite() {
            rusqlite::types::Value::Blob(bytes) => format!("x'{}'", hex(&bytes)),
            _ => "NULL".into(),
        },
    }
}

/// The first name that occurs before, whatever its case.
pub(crate) fn duplicate(names: &[String]) -> Option<&String> {
    names.iter().enumerate().find_map(|(at, name)| {
        let before = names[..at].iter().any(|n| n.to_lowercase() == name.to_lowercase());
        before.then_some(name)
    })
}

impl Typed {
    /// With its collation, for comparison, grouping and ordering.
    fn collated(&self) -> String {
        if self.ty.is_text() {
            format!("({} COLLATE {})", self.sql, if self.sensitive { "CS" } else { "CI" })
        } else {
            self.sql.clone()
        }
    }

    fn into_column(self) -> Column {
        Column { name: self.name.unwrap_or_default(), ty: self.ty, flags: self.flags }
    }
}

impl<'a> Binder<'a> {
    pub(crate) fn new(env: &'a dyn Env) -> Self {
        Self {
            env,
            database: env.current_database(),
            binds: Vec::new(),
            variables: Vec::new(),
            scopes: Vec::new(),
            ctes: Vec::new(),
            last_name: 0,
            restrictions: Vec::new(),
            depth: 0,
            arguments: None,
            calls: 0,
            sequences: Vec::new(),
            without_sequences: 0,
        }
    }

    /// The same in another database than the session's.
    pub(crate) fn of_database(env: &'a dyn Env, database: usize) -> Self {
        Self { database, ..Self::new(env) }
    }

    /// The catalog of the database in which names are looked up.
    fn catalog(&self) -> &'a Catalog {
        self.env.catalog(self.database)
    }

    /// The place of the database that a name means; nothing where there is none.
    fn database_of(&self, name: &Name) -> Result<Option<usize>> {
        name.database().map_or(Ok(Some(self.database)), |d| self.env.database(d))
    }

    /// The id of a shim.
    pub(crate) fn intern(&self, call: Invocation) -> usize {
        self.env.calls().intern(call)
    }

    fn call(&self, call: Invocation, args: &[&str]) -> String {
        let id = self.intern(call);
        let mut sql = format!("f({id}");
        for arg in args {
            sql.push(',');
            sql.push_str(arg);
        }
        sql.push(')');
        sql
    }

    /// A shim over arguments that are of these types already.
    fn shim(&self, shim: &'static Shim, args: &[(&str, Type)], out: Type) -> Typed {
        let types = args.iter().map(|(_, ty)| *ty).collect();
        let sql: Vec<&str> = args.iter().map(|(sql, _)| *sql).collect();
        typed(self.call(Invocation::Function { shim, args: types, out }, &sql), out)
    }

    /// The next name for a source or a CTE.
    fn fresh(&mut self, prefix: char) -> String {
        self.last_name += 1;
        format!("{prefix}{}", self.last_name)
    }

    /// Converts to `to`; nothing happens where the representation and the range are the same
    /// already.
    pub(crate) fn coerce(&self, e: Typed, to: Type) -> Typed {
        if !types::needs_conversion(e.ty, to) {
            return Typed { ty: to, ..e };
        }
        let cast = Invocation::Cast { from: e.ty, to, style: NO_STYLE, attempt: false };
        typed(self.call(cast, &[&e.sql]), to)
    }

    /// For an assignment to a column: too long is an error.
    pub(crate) fn assign(&self, e: Typed, to: Type) -> Result<String> {
        self.settle(&e, Meets::Exactly(to), None);
        if e.ty == Type::Null || types::is_assignable(e.ty, to) {
            return Ok(e.sql);
        }
        implicit(e.ty, to)?;
        Ok(self.call(Invocation::Assign { from: e.ty, to }, &[&e.sql]))
    }

    /// A variable or a value of the session, as a parameter of the statement.
    fn parameter(&mut self, value: Value, ty: Type) -> Typed {
        self.binds.push(value.clone());
        Typed { constant: Some(value), ..typed(format!("?{}", self.binds.len()), ty) }
    }

    /// What rows are ordered and grouped by.
    fn order_key(&self, e: &Typed) -> String {
        match e.ty {
            Type::Guid => self.shim(&GUID_ORDER, &[(&e.sql, e.ty)], Type::Binary(16)).sql,
            Type::DateTimeOffset(_) => self.instant(e),
            _ => e.collated(),
        }
    }

    fn instant(&self, e: &Typed) -> String {
        self.shim(&INSTANT, &[(&e.sql, e.ty)], Type::BigInt).sql
    }
}
