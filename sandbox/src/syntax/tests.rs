//! Texts that differ in one token from others, and what they are.

use super::ast::{Arg, Body, ColumnDef, Constraint, Item, Select, StatementKind, Table};
use super::*;
use crate::types::{Len, Type};

fn kinds(text: &str) -> Vec<StatementKind> {
    batch(text).expect(text).into_iter().map(|s| s.kind).collect()
}

/// The number of statements, or that of the error.
fn count(text: &str) -> std::result::Result<usize, u32> {
    batch(text).map(|b| b.len()).map_err(|e| e.number)
}

fn select(text: &str) -> Select {
    match query(text).expect(text).body {
        Body::Select(select) => *select,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_text_ends_where_its_rule_ends() {
    assert_eq!(query("SELECT 1 AS a;").map(|_| ()), Ok(()));
    assert!(query("SELECT 1 AS a b").is_err_and(|e| e.number == 102));
    assert!(params("@a int, @b int").is_ok_and(|p| p.len() == 2));
    assert!(params("@a int b").is_err_and(|e| e.number == 102));
}

#[test]
fn what_stands_side_by_side_is_no_nesting() {
    assert_eq!(count(&format!("SELECT {}", vec!["(1)"; 150].join(","))), Ok(1));
    let pivots = |n: usize| {
        count(&format!("SELECT 1 FROM t{}", " PIVOT (SUM(a) FOR b IN ([1])) AS p".repeat(n)))
    };
    assert_eq!((pivots(250), pivots(251)), (Ok(1), Err(49_999)));
}

/// Where brackets or parentheses stay open, the error is near what stands last.
#[test]
fn what_is_not_closed() {
    for (text, near) in [
        ("SELECT 1 FROM t WITH (NOLOCK", "'NOLOCK'"),
        ("SELECT 1 OPTION (HASH", "'HASH'"),
        ("SELECT 1 OPTION (RECOMPILE, MAXDOP", "'MAXDOP'"),
    ] {
        let e = batch(text).expect_err(text);
        assert_eq!(
            (e.number, e.message),
            (102, format!("Incorrect syntax near {near}.")),
            "{text}"
        );
    }
    assert_eq!(count("SELECT 1 OPTION (OPTIMIZE FOR (@a = 1), MAXDOP 1) SELECT 2"), Ok(2));
    let limit = |text: &str| query(text).map(|q| q.max_recursion);
    assert_eq!(limit("SELECT 1 OPTION (OPTIMIZE FOR (@a = 1), MAXRECURSION 5)"), Ok(5));
}

#[test]
fn lengths_that_are_written_stay() {
    let converted = |text: &str| Parser::new(text).and_then(|mut p| p.converted_type());
    for (text, one, bare) in [
        ("char", Type::Char(1), Type::Char(30)),
        ("nchar", Type::NChar(1), Type::NChar(30)),
        ("binary", Type::Binary(1), Type::Binary(30)),
        ("varchar", Type::VarChar(Len::N(1)), Type::VarChar(Len::N(30))),
        ("nvarchar", Type::NVarChar(Len::N(1)), Type::NVarChar(Len::N(30))),
        ("varbinary", Type::VarBinary(Len::N(1)), Type::VarBinary(Len::N(30))),
    ] {
        assert_eq!(converted(text), Ok(bare), "{text}");
        assert_eq!(converted(&format!("{text}(1)")), Ok(one), "{text}(1)");
    }
    let e = converted("[no such]").expect_err("no type");
    assert_eq!((e.number, e.message.contains("no such")), (243, true));
    let parsed = |text: &str| Parser::new(text).and_then(|mut p| p.data_type());
    assert_eq!(parsed("decimal(5, 5)"), Ok(Type::Decimal(5, 5)));
    assert_eq!(parsed("float(53)"), Ok(Type::Float));
    assert!(parsed("float(54)").is_err_and(|e| e.is_unsupported()));
    assert!(parsed("float(0)").is_err_and(|e| e.number == 1001));
}

#[test]
fn definitions() {
    assert_eq!(count("CREATE SELECT"), Err(156));
    assert_eq!(count("CREATE TABLE t (a int) EXEC ('SELECT 1')"), Ok(2));
    assert_eq!(count("CREATE TABLE t (a int) (SELECT 1)"), Err(49_999));
    let text = "CREATE TABLE t (a int, b int PRIMARY KEY (a, b))";
    let [StatementKind::CreateTable(_, columns, _)] = &kinds(text)[..] else { panic!("a table") };
    let [_, ColumnDef { inline, .. }] = columns.as_slice() else { panic!("{columns:?}") };
    assert!(matches!(&inline[..], [Constraint::Key { columns, .. }] if columns.len() == 2));
    assert_eq!(count("UPDATE STATISTICS t [i] SELECT 1"), Ok(2));
    assert_eq!(count("UPDATE STATISTICS t [i]"), Ok(1));
}

#[test]
fn calls_and_their_arguments() {
    let call = |text: &str| -> (String, Vec<Arg>) {
        match kinds(text).remove(0) {
            StatementKind::Exec { name, args, .. } => (name.0.join("."), args),
            other => panic!("{text}: {other:?}"),
        }
    };
    let (name, args) = call("EXEC @p @a, 2");
    assert_eq!((name.as_str(), args.len()), ("@p", 2));
    assert_eq!(args[0].value, Some(Expr::Variable("@a".into())));
    assert!(args.iter().all(|a| a.name.is_none()));
    for text in ["EXEC p word", "EXEC p NULL", "EXEC p DEFAULT", "EXEC p [w]", "EXEC p -1"] {
        assert_eq!(call(text).1.len(), 1, "{text}");
    }
    for text in ["EXEC p THROW", "EXEC p UPDATE t SET a = 1", "EXEC p SELECT 1"] {
        assert_eq!(call(text).1.len(), 0, "{text}");
    }
    for text in ["EXEC p THROW", "EXEC p UPDATE t SET a = 1"] {
        assert_eq!(count(text), Ok(2), "{text}");
    }
}

/// A procedure may be called without EXEC where the batch begins, and nowhere else.
#[test]
fn a_call_without_exec_comes_first() {
    for text in ["p", "p 1", "[p]", "[p] 1", "level 1"] {
        assert_eq!(count(text), Ok(1), "{text}");
    }
    for text in ["SELECT 1; p", "SELECT 1; [p]", "IF 1 = 1 [p]", "IF 1 = 1 p", "BEGIN [p] END"] {
        assert_eq!(count(text), Err(102), "{text}");
    }
    assert_eq!(count("FROM"), Err(156));
    assert_eq!(count("SELECT 1; FROM"), Err(156));
}

#[test]
fn words_of_functions_are_names_where_nothing_is_called() {
    for name in ["cast", "try_cast", "parse", "try_parse", "iif", "rollup", "cube"] {
        let select = select(&format!("SELECT {name} FROM t GROUP BY {name}"));
        let column = Expr::Column(vec![name.into()]);
        assert_eq!(select.items, [Item::Expr(column.clone(), None)]);
        assert_eq!((select.group, select.grouping_sets), (vec![column], vec![]), "{name}");
    }
    let near = |text: &str| batch(text).expect_err(text).message;
    assert_eq!(near("SELECT left + 1"), "Incorrect syntax near the keyword 'left'.");
    assert_eq!(near("SELECT 1 + where"), "Incorrect syntax near the keyword 'where'.");
}

#[test]
fn grouping_sets_have_a_bound() {
    let sets = |n: usize, before: &str, behind: &str| {
        let columns = (0..n).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",");
        let sql = format!("SELECT 1 FROM t GROUP BY {before}{columns}{behind}");
        query(&sql).map(|q| match q.body {
            Body::Select(select) => select.grouping_sets.len(),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(sets(6, "CUBE (", ")"), Ok(64));
    assert_eq!(sets(6, "", " WITH CUBE"), Ok(64));
    assert_eq!(sets(63, "", " WITH ROLLUP"), Ok(64));
    assert_eq!(sets(64, "GROUPING SETS (", ")"), Ok(64));
    assert_eq!(sets(31, "ROLLUP (a), ROLLUP (", ")"), Ok(64));
    for (n, before, behind) in [
        (7, "CUBE (", ")"),
        (64, "", " WITH ROLLUP"),
        (65, "GROUPING SETS (", ")"),
        (32, "ROLLUP (a), ROLLUP (", ")"),
    ] {
        assert!(sets(n, before, behind).is_err_and(|e| e.is_unsupported()), "{n} {before}{behind}");
    }
}

#[test]
fn aliases() {
    for text in ["SELECT 1 AS a", "SELECT 1 a", "SELECT 1 'a'", "SELECT 1 AS N'a'", "SELECT 1 N'a'"]
    {
        assert!(matches!(&select(text).items[..], [Item::Expr(_, Some(a))] if a == "a"), "{text}");
    }
    for (text, number) in [
        ("SELECT 1 AS FROM t", 156),
        ("SELECT 1 AS 2", 102),
        ("SELECT 1 FROM t 'a'", 102),
        ("SELECT 1 FROM t AS 'a'", 102),
        ("SELECT 1 FROM t INNER u", 156),
        ("SELECT 1 FROM t INNER HASH JOIN u ON 1 = 1", 49_999),
        ("SELECT 1 FROM t LEFT LOOP JOIN u ON 1 = 1", 49_999),
    ] {
        assert_eq!(count(text), Err(number), "{text}");
    }
    let from = select("SELECT 1 FROM t a").from;
    assert!(matches!(&from[..], [Table::Named { alias: Some(a), .. }] if a == "a"));
}

#[test]
fn names_of_transactions_in_brackets() {
    assert_eq!(count("BEGIN TRAN t; ROLLBACK TRAN [t]"), Ok(2));
    assert_eq!(count("BEGIN TRAN [t]; ROLLBACK TRAN t"), Ok(2));
    assert_eq!(count("BEGIN TRAN [t]; ROLLBACK TRAN [u]"), Err(49_999));
}

/// No option has bytes for its value; which error they meet is for what sets it.
#[test]
fn an_option_of_bytes_is_one_without_a_value() {
    let [StatementKind::SetOption(names, value)] = &kinds("SET LOCK_TIMEOUT 0x01")[..] else {
        panic!("an option")
    };
    assert_eq!((names[..] == ["LOCK_TIMEOUT"], value.as_str()), (true, ""));
}
