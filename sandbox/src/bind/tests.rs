//! What queries bind to, where no answer shows it.

use super::aggregate::has_aggregate;
use super::cte::reads;
use super::expr::is_constant;
use super::types::common;
use super::*;
use crate::catalog::{ColumnMeta, Object, ObjectKind};
use crate::syntax;
use crate::types::Len;

/// A session with one table `dbo.t` and the int variable `@n`.
struct Session {
    catalog: Catalog,
    calls: Calls,
}

impl Session {
    fn new() -> Self {
        let column = |name: &str, ty| ColumnMeta {
            name: name.into(),
            ty,
            nullable: false,
            identity: None,
            default: None,
            computed: None,
            description: None,
        };
        let columns = vec![
            ColumnMeta { identity: Some((1, 1)), ..column("id", Type::Int) },
            ColumnMeta { nullable: true, ..column("a", Type::Int) },
            column("b", Type::Char(5)),
            ColumnMeta {
                nullable: true,
                computed: Some(("a".into(), false)),
                ..column("c", Type::Int)
            },
        ];
        let table = TableDef {
            physical: "t".into(),
            columns: std::sync::Arc::new(columns),
            ..TableDef::default()
        };
        let mut catalog = Catalog::new("trading", 5, "main");
        catalog.put(Object {
            id: 1,
            schema: "dbo".into(),
            name: "t".into(),
            description: None,
            kind: ObjectKind::Table(table),
        });
        Self { catalog, calls: Calls::default() }
    }

    fn bound(&self, sql: &str) -> Result<Bound> {
        Binder::new(self).query(&syntax::query(sql)?, true)
    }

    fn types(&self, sql: &str) -> Vec<Type> {
        self.bound(sql).expect(sql).columns.into_iter().map(|c| c.ty).collect()
    }
}

impl Env for Session {
    fn catalog(&self, _: usize) -> &Catalog {
        &self.catalog
    }

    fn current_database(&self) -> usize {
        0
    }

    fn database(&self, _: &str) -> Result<Option<usize>> {
        Ok(None)
    }

    fn calls(&self) -> &Calls {
        &self.calls
    }

    fn var(&self, name: &str) -> Option<(Type, Value)> {
        (name == "@n").then_some((Type::Int, Value::Int(2)))
    }

    fn temp(&self, _: &str) -> Option<&TableDef> {
        None
    }

    fn session_fn(&self, _: &str, _: &[Value]) -> Result<Option<(Type, Value)>> {
        Ok(None)
    }

    fn described(&self, _: usize, _: &str, _: &[Value]) -> Result<Option<Described>> {
        Ok(None)
    }

    fn keep_catalog(&self, _: usize) -> Option<i64> {
        None
    }

    fn system_view(&self, _: usize, _: (&str, &str), _: &[Wanted]) -> Result<Option<Rows>> {
        Ok(None)
    }
}

fn expression(text: &str) -> syntax::ast::Expr {
    syntax::expression(text).expect(text)
}

#[test]
fn literals_of_sqlite() {
    assert_eq!(literal(&Value::Str("it's".into())), "'it''s'");
    // SQLite's own text ends at a character of code 0.
    assert_eq!(literal(&Value::Str("a\0b".into())), "CAST(x'610062' AS TEXT)");
}

#[test]
fn what_a_column_takes_as_it_is_needs_no_call() {
    let session = Session::new();
    let binder = Binder::new(&session);
    let assigned = |from, to| binder.assign(typed("x", from), to).expect("an assignment");
    assert_eq!(assigned(Type::Null, Type::Date), "x");
    assert_eq!(assigned(Type::TinyInt, Type::Int), "x");
    assert_eq!(assigned(Type::Int, Type::TinyInt), "f(0,x)");
    assert!(binder.assign(typed("x", Type::Date), Type::Int).is_err());
}

#[test]
fn columns_have_their_flags() {
    let session = Session::new();
    let columns = session.bound("SELECT id, a, b, c, a + 1 FROM t").expect("a query").columns;
    let flags: Vec<u16> = columns.iter().map(|c| c.flags).collect();
    assert_eq!(flags, [0x10, 9, 8, 0x29, 1]);
}

#[test]
fn null_alone_is_an_int() {
    let session = Session::new();
    assert_eq!(session.types("SELECT NULL"), [Type::Int]);
    assert_eq!(session.types("SELECT NULL UNION SELECT NULL"), [Type::Int]);
    assert_eq!(session.types("SELECT NULL UNION SELECT 'a'"), [Type::VarChar(Len::N(1))]);
}

#[test]
fn a_text_of_more_than_its_most_characters_is_a_max() {
    let session = Session::new();
    let of = |prefix: &str, n: usize| {
        session.types(&format!("SELECT {prefix}'{}'", "a".repeat(n))).remove(0)
    };
    assert_eq!(of("", 8000), Type::VarChar(Len::N(8000)));
    assert_eq!(of("", 8001), Type::VarChar(Len::Max));
    assert_eq!(of("N", 4000), Type::NVarChar(Len::N(4000)));
    assert_eq!(of("N", 4001), Type::NVarChar(Len::Max));
    assert_eq!(of("", 0), Type::VarChar(Len::N(1)));
}

#[test]
fn a_query_knows_whether_it_ends_in_a_limit() {
    let session = Session::new();
    let limited = |sql: &str| session.bound(sql).expect(sql).limited;
    for sql in [
        "SELECT TOP 1 a FROM t",
        "SELECT a FROM t ORDER BY a OFFSET 1 ROWS",
        "SELECT TOP 1 a FROM t GROUP BY ROLLUP (a)",
        "SELECT 1 UNION SELECT 2 ORDER BY 1 OFFSET 1 ROWS",
    ] {
        assert!(limited(sql), "{sql}");
    }
    for sql in [
        "SELECT a FROM t ORDER BY a",
        "SELECT TOP 10 PERCENT a FROM t",
        "SELECT a FROM t GROUP BY ROLLUP (a)",
        "SELECT 1 UNION SELECT 2 ORDER BY 1",
    ] {
        assert!(!limited(sql), "{sql}");
    }
}

#[test]
fn queries_stand_in_each_other_up_to_a_bound() {
    let session = Session::new();
    let nested = |n: usize| {
        let sql = format!("SELECT 1{}{}", " WHERE EXISTS (SELECT 1".repeat(n), ")".repeat(n));
        session.bound(&sql).map(|_| ()).map_err(|e| e.number)
    };
    assert_eq!(nested(31), Ok(()));
    assert_eq!(nested(32), Err(191));
    let side_by_side = vec!["(SELECT 1)"; 40].join(",");
    assert!(session.bound(&format!("SELECT {side_by_side}")).is_ok());
}

/// Each is bound once, and not once more on every level.
#[test]
fn grouped_queries_in_each_other_are_bound_in_time() {
    let session = Session::new();
    let deep = format!(
        "SELECT {}COUNT(*) FROM t{}",
        "(SELECT ".repeat(30),
        ") + COUNT(*) FROM t".repeat(30)
    );
    assert!(session.bound(&deep).is_ok());
}

#[test]
fn aggregates_are_found_wherever_they_stand() {
    let with = [
        "COUNT(*)",
        "ABS(MAX(a))",
        "-MAX(a)",
        "NOT MAX(a) = 1",
        "MAX(b) COLLATE Latin1_General_CI_AS",
        "MAX(a) IS NULL",
        "MAX(a) IN (SELECT 1)",
        "MAX(a) = ANY (SELECT 1)",
        "CAST(MAX(a) AS bigint)",
        "MAX(a) + 1",
        "1 + MAX(a)",
        "MAX(a) = 1",
        "1 = MAX(a)",
        "1 = 1 AND MAX(a) = 1",
        "1 = 1 OR MAX(a) = 1",
        "MAX(a) IN (1)",
        "1 IN (2, MAX(a))",
        "MAX(a) BETWEEN 1 AND 2",
        "1 BETWEEN MAX(a) AND 2",
        "1 BETWEEN 1 AND MAX(a)",
        "MAX(b) LIKE 'a'",
        "'a' LIKE MAX(b)",
        "'a' LIKE 'b' ESCAPE MAX(b)",
        "CASE MAX(a) WHEN 1 THEN 2 END",
        "CASE WHEN MAX(a) = 1 THEN 2 END",
        "CASE WHEN 1 = 1 THEN MAX(a) END",
        "CASE WHEN 1 = 1 THEN 2 ELSE MAX(a) END",
        "SUM(MAX(a)) OVER ()",
        "ROW_NUMBER() OVER (PARTITION BY MAX(a) ORDER BY b)",
        "ROW_NUMBER() OVER (ORDER BY MAX(a))",
    ];
    for text in with {
        assert!(has_aggregate(&expression(text)), "{text}");
    }
    for text in
        ["a", "ABS(a)", "SUM(a) OVER ()", "(SELECT MAX(a) FROM t)", "CASE a WHEN 1 THEN 2 END"]
    {
        assert!(!has_aggregate(&expression(text)), "{text}");
    }
}

#[test]
fn constants_depend_on_no_row() {
    for text in
        ["NULL", "1", "-1", "1 + @n", "CAST(1 AS bigint)", "'a' COLLATE Latin1_General_CI_AS"]
    {
        assert!(is_constant(&expression(text)), "{text}");
    }
    for text in ["a", "-a", "1 + a", "a + 1", "CAST(a AS bigint)", "ABS(1)"] {
        assert!(!is_constant(&expression(text)), "{text}");
    }
}

#[test]
fn a_query_reads_what_its_from_names() {
    let body = |sql: &str| syntax::query(sql).expect(sql).body;
    for sql in [
        "SELECT 1 FROM C",
        "SELECT 1 FROM a, c",
        "SELECT 1 FROM a JOIN c ON 1 = 1",
        "SELECT 1 FROM c JOIN a ON 1 = 1",
        "SELECT 1 FROM (SELECT 1 AS a FROM c) AS d",
        "SELECT 1 FROM c PIVOT (SUM(a) FOR b IN ([1])) AS p",
        "SELECT 1 UNION SELECT 1 FROM c",
        "SELECT 1 FROM c UNION SELECT 1",
        "(SELECT 1 FROM c) UNION SELECT 1",
    ] {
        assert!(reads(&body(sql), "c"), "{sql}");
    }
    for sql in [
        "SELECT 1",
        "SELECT 1 FROM a",
        "SELECT 1 FROM dbo.c",
        "SELECT 1 FROM a JOIN b ON 1 = 1",
        "SELECT 1 FROM (VALUES (1)) AS c (a)",
        "SELECT 1 UNION SELECT 2",
    ] {
        assert!(!reads(&body(sql), "c"), "{sql}");
    }
}

#[test]
fn types_meet_in_the_longer_one() {
    let cases = [
        (Type::Char(5), Type::Char(5), Type::Char(5)),
        (Type::NVarChar(Len::N(5)), Type::VarChar(Len::Max), Type::NVarChar(Len::Max)),
        (Type::NVarChar(Len::Max), Type::VarChar(Len::N(5)), Type::NVarChar(Len::Max)),
        (Type::VarBinary(Len::N(5)), Type::Binary(9), Type::VarBinary(Len::N(9))),
        (Type::VarChar(Len::N(5)), Type::Null, Type::VarChar(Len::N(5))),
    ];
    for (a, b, expected) in cases {
        assert_eq!(common(a, b), expected, "{a} and {b}");
        assert_eq!(common(b, a), expected, "{b} and {a}");
    }
}
