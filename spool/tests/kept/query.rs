//! Conditions and sums are what a naive computation finds.

use std::cmp::Ordering;

use mssql_mcp_spool::{Aggregation, Column, Error, Filter, Measure, Op, Options, Query};
use proptest::prelude::*;

use crate::support::{Cell, Meaning, TYPES, Table, cells, is_exact, keep, pointed, scale, spool};

fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn order(a: &Meaning, b: &Meaning) -> Option<Ordering> {
    match (a, b) {
        (Meaning::Number(a), Meaning::Number(b)) => Some(a.cmp(b)),
        (Meaning::Double(a), Meaning::Double(b)) => a.partial_cmp(b),
        (Meaning::Text(a), Meaning::Text(b)) => Some(lower(a).chars().cmp(lower(b).chars())),
        _ => None,
    }
}

fn fits(op: Op, value: &Cell, wanted: &Cell) -> bool {
    let order = order(&value.meaning, &wanted.meaning);
    match op {
        Op::Eq => order == Some(Ordering::Equal),
        Op::Ne => order.is_some_and(Ordering::is_ne),
        Op::Lt => order == Some(Ordering::Less),
        Op::Le => order.is_some_and(Ordering::is_le),
        Op::Gt => order == Some(Ordering::Greater),
        Op::Ge => order.is_some_and(Ordering::is_ge),
        Op::IsNull => value.meaning == Meaning::Null,
        Op::NotNull => value.meaning != Meaning::Null,
        Op::Like => value.meaning != Meaning::Null && lower(&value.text).contains('b'),
    }
}

const OPS: [Op; 9] =
    [Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge, Op::IsNull, Op::NotNull, Op::Like];

/// Two columns, of which one is compared with a value of its type.
fn questions() -> impl Strategy<Value = (Table, Op, Cell)> {
    let types = (proptest::sample::select(&TYPES[..]), proptest::sample::select(&TYPES[..]));
    types.prop_flat_map(|(a, b)| {
        let rows = proptest::collection::vec((cells(a), cells(b)), 0..60);
        let wanted = cells(a).prop_filter("a value", |c| c.meaning != Meaning::Null);
        (rows, proptest::sample::select(&OPS[..]), wanted).prop_map(move |(rows, op, wanted)| {
            let columns = vec![Column::new("a", a), Column::new("b", b)];
            (
                Table { columns, rows: rows.into_iter().map(|(a, b)| vec![a, b]).collect() },
                op,
                wanted,
            )
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn conditions_let_in_what_a_naive_one_does((table, op, wanted) in questions(), offset in 0..4u64) {
        let (_folder, spool) = spool();
        let kept = keep(&spool, std::slice::from_ref(&table), 200);
        let value = if op == Op::Like { "%B%".to_owned() } else { wanted.text.clone() };
        let filters = vec![Filter { column: 0, op, value }];
        let query = Query { filters: filters.clone(), offset, ..Query::default() };
        let mut rows = kept.rows(0, &query).expect("rows");
        let mut found = Vec::new();
        while let Some(row) = rows.next_row().expect("a row") {
            found.push(row.number as usize);
        }
        let naive: Vec<usize> =
            (0..table.rows.len()).filter(|n| fits(op, &table.rows[*n][0], &wanted)).collect();
        prop_assert_eq!(&found, &naive[naive.len().min(offset as usize)..]);
        let from = Query { from: offset, offset: 0, limit: 3, ..query };
        let page = kept.page(0, &from, 1 << 20).expect("a page");
        let wanted: Vec<u64> =
            naive.iter().map(|n| *n as u64).filter(|n| *n >= offset).collect();
        prop_assert_eq!(page.more, wanted.len() > 3);
        prop_assert_eq!(&page.numbers, &wanted[..wanted.len().min(3)]);

        // Sums of the other column, in the rows that are let in.
        let sql_type = table.columns[1].sql_type.clone();
        let mut measures =
            vec![Measure::Count(None), Measure::Count(Some(1)), Measure::Min(1), Measure::Max(1)];
        if is_exact(&sql_type) {
            measures.extend([Measure::Sum(1), Measure::Avg(1)]);
        }
        let what = Aggregation { filters, measures, ..Aggregation::default() };
        let found = kept.aggregate(0, &what).expect("sums");
        prop_assert_eq!(found.groups.len(), 1);
        let values = &found.groups[0].values;
        let of: Vec<&Cell> = naive.iter().map(|n| &table.rows[*n][1]).collect();
        let of: Vec<&Cell> = of.into_iter().filter(|c| c.meaning != Meaning::Null).collect();
        prop_assert_eq!(values[0].clone(), Some(naive.len().to_string()));
        prop_assert_eq!(values[1].clone(), Some(of.len().to_string()));
        let end = |which| of.iter().copied().reduce(|best, c| {
            if order(&c.meaning, &best.meaning) == Some(which) { c } else { best }
        });
        prop_assert_eq!(&values[2], &end(Ordering::Less).map(|c| c.text.clone()));
        prop_assert_eq!(&values[3], &end(Ordering::Greater).map(|c| c.text.clone()));
        if is_exact(&sql_type) {
            // In units that do not overflow here: at most sixty of 10^38, by their halves.
            let numbers: Vec<i128> = of.iter().map(|c| match c.meaning {
                Meaning::Number(n) => n,
                _ => 0,
            }).collect();
            if let Some(sum) = numbers.iter().try_fold(0i128, |a, b| a.checked_add(*b)) {
                let wanted = (!of.is_empty()).then(|| pointed(sum, scale(&sql_type)));
                prop_assert_eq!(&values[4], &wanted);
                if let Some(million) = sum.checked_mul(1_000_000).filter(|_| !of.is_empty()) {
                    let (count, size) = (of.len() as u128, million.unsigned_abs());
                    let average = ((size * 2 + count) / (count * 2)) as i128;
                    let average = if sum < 0 { -average } else { average };
                    prop_assert_eq!(&values[5], &Some(pointed(average, scale(&sql_type) + 6)));
                }
            }
        }
    }

    #[test]
    fn groups_are_those_of_a_naive_computation((table, ..) in questions()) {
        let (_folder, spool) = spool();
        let kept = keep(&spool, std::slice::from_ref(&table), 200);
        let what = Aggregation {
            group_by: vec![1, 0],
            measures: vec![Measure::Count(None)],
            ..Aggregation::default()
        };
        let found = kept.aggregate(0, &what).expect("groups");
        let key = |c: &Cell| (c.meaning != Meaning::Null).then(|| lower(&c.text));
        let mut naive: Vec<([Option<String>; 2], usize)> = Vec::new();
        for row in &table.rows {
            let key = [key(&row[1]), key(&row[0])];
            match naive.iter_mut().find(|(known, _)| *known == key) {
                Some((_, count)) => *count += 1,
                None => naive.push((key, 1)),
            }
        }
        prop_assert_eq!(found.left_out, 0);
        prop_assert_eq!(found.groups.len(), naive.len());
        for (group, (key, count)) in found.groups.iter().zip(naive) {
            let lower: Vec<_> = group.key.iter().map(|k| k.as_deref().map(lower)).collect();
            prop_assert_eq!(lower, key);
            prop_assert_eq!(&group.values, &vec![Some(count.to_string())]);
        }
    }
}

#[test]
fn what_does_not_fit_the_result_is_told() {
    let (_folder, spool) = spool();
    let mut writer = spool.create("me", Options::default()).expect("a writer");
    writer.begin(vec![Column::new("n", "int"), Column::new("t", "varchar(9)")]);
    let kept = writer.finish_and_wait().expect("kept");
    let filter = |column, op, value: &str| {
        let filters = vec![Filter { column, op, value: value.to_owned() }];
        kept.rows(0, &Query { filters, ..Query::default() }).map(drop)
    };
    assert!(matches!(filter(0, Op::Eq, "x"), Err(Error::Value { column: 0, .. })));
    assert!(matches!(filter(2, Op::IsNull, ""), Err(Error::NoColumn(2))));
    assert!(filter(0, Op::Like, "x").is_ok());
    let columns = Query { columns: Some(vec![0, 5]), ..Query::default() };
    assert!(matches!(kept.rows(0, &columns), Err(Error::NoColumn(5))));
    let of = |measure, by: &[usize]| {
        let what =
            Aggregation { measures: vec![measure], group_by: by.to_vec(), ..Default::default() };
        kept.aggregate(0, &what)
    };
    assert!(matches!(of(Measure::Sum(1), &[]), Err(Error::NoNumbers(1))));
    assert!(matches!(of(Measure::Sum(1), &[0]), Err(Error::NoNumbers(1))));
    assert!(matches!(of(Measure::Max(7), &[]), Err(Error::NoColumn(7))));
    assert!(matches!(of(Measure::Count(None), &[0, 1, 0]), Err(Error::Groups)));
    assert!(matches!(of(Measure::Count(None), &[9]), Err(Error::NoColumn(9))));
    let nothing = of(Measure::Sum(0), &[]).expect("sums");
    assert_eq!(nothing.groups[0].values, [None]);
    assert!(of(Measure::Sum(0), &[1]).expect("groups").groups.is_empty());
}

#[test]
fn there_are_a_thousand_groups_at_most() {
    let (_folder, spool) = spool();
    let kept = crate::support::many(&spool, "me", 1500, 1000);
    let what = Aggregation {
        group_by: vec![0],
        measures: vec![Measure::Sum(0)],
        ..Aggregation::default()
    };
    let found = kept.aggregate(0, &what).expect("groups");
    assert_eq!((found.groups.len(), found.left_out), (1000, 500));
}

#[test]
fn doubles_are_added_up_with_what_rounding_loses() {
    let (_folder, spool) = spool();
    let mut writer = spool.create("me", Options::default()).expect("a writer");
    writer.begin(vec![Column::new("x", "float")]);
    for x in ["1e16", "1.0", "-1e16", "0.5", "null"] {
        writer.push(format!("[{x}]").as_bytes()).expect("a row");
    }
    let kept = writer.finish_and_wait().expect("kept");
    let measures = vec![Measure::Sum(0), Measure::Avg(0)];
    let found = kept.aggregate(0, &Aggregation { measures, ..Default::default() }).expect("sums");
    assert_eq!(found.groups[0].values, [Some("1.5".to_owned()), Some("0.375".to_owned())]);
}
