//! The profile is what a naive computation finds.

use std::collections::HashMap;

use mssql_mcp_spool::{Column, Distinct, Options, Short};
use proptest::prelude::*;

use crate::support::{Meaning, keep, many, spool, tables};

/// What two values are compared by.
fn order(a: &Meaning, b: &Meaning) -> std::cmp::Ordering {
    match (a, b) {
        (Meaning::Number(a), Meaning::Number(b)) => a.cmp(b),
        (Meaning::Double(a), Meaning::Double(b)) => a.partial_cmp(b).expect("finite"),
        (Meaning::Text(a), Meaning::Text(b)) => {
            let lower = |t: &str| t.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
            lower(a).cmp(&lower(b))
        }
        _ => panic!("{a:?} and {b:?}"),
    }
}

fn short(text: &str) -> Short {
    Short { text: text.chars().take(80).collect(), cut: text.chars().count() > 80 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn it_is_what_a_naive_computation_finds(table in tables(80), chunk in 1..500usize) {
        let (_folder, spool) = spool();
        let kept = keep(&spool, std::slice::from_ref(&table), chunk);
        let profile = kept.sets()[0].profile.as_ref().expect("a profile");
        for (n, of) in profile.iter().enumerate() {
            let column = table.rows.iter().map(|row| &row[n]);
            let values: Vec<_> = column.filter(|c| c.meaning != Meaning::Null).collect();
            prop_assert_eq!(of.values, values.len() as u64);
            prop_assert_eq!(of.nulls, (table.rows.len() - values.len()) as u64);
            let mut counts: HashMap<&str, u64> = HashMap::new();
            values.iter().for_each(|v| *counts.entry(&v.text).or_default() += 1);
            prop_assert_eq!(of.distinct, Some(Distinct { count: counts.len() as u64, exact: true }));
            // The first of those that are equal.
            let first = |better: std::cmp::Ordering| {
                let mut best: Option<&&crate::support::Cell> = None;
                for value in &values {
                    if best.is_none_or(|b| order(&value.meaning, &b.meaning) == better) {
                        best = Some(value);
                    }
                }
                best.map(|v| short(&v.text))
            };
            // Whoever has more than eighty characters is compared by these.
            if values.iter().all(|v| v.text.chars().count() <= 80) {
                prop_assert_eq!(&of.min, &first(std::cmp::Ordering::Less));
                prop_assert_eq!(&of.max, &first(std::cmp::Ordering::Greater));
            }
            let mut most: Vec<u64> = counts.values().copied().collect();
            most.sort_by(|a, b| b.cmp(a));
            most.truncate(5);
            prop_assert_eq!(of.top.iter().map(|t| t.count).collect::<Vec<_>>(), most);
            for top in &of.top {
                prop_assert_eq!(top.off_by, 0);
                let is = |(t, count): (&&str, &u64)| short(t) == top.value && *count == top.count;
                prop_assert!(counts.iter().any(is));
            }
        }
    }
}

#[test]
fn many_different_values_are_an_estimate_which_says_so() {
    let (_folder, spool) = spool();
    let mut writer = spool.create("me", Options::default()).expect("a writer");
    writer.begin(vec![
        Column::new("n", "int"),
        Column::new("t", "varchar(9)"),
        Column::new("k", "int"),
    ]);
    for n in 0..60_000 {
        let t = if n % 4 == 0 { "often".to_owned() } else { format!("v{n}") };
        writer.push_and_wait(format!("[{n},\"{t}\",{}]", n % 4096).as_bytes()).expect("a row");
    }
    let kept = writer.finish_and_wait().expect("kept");
    let profile = kept.sets()[0].profile.as_ref().expect("a profile");
    let [n, t, k] = &profile[..] else { panic!("three columns") };
    let near = |of: &Option<Distinct>, truth: f64| {
        let of = of.expect("detailed");
        // Five standard errors.
        !of.exact && (of.count as f64 / truth - 1.0).abs() < 0.04
    };
    assert!(near(&n.distinct, 60_000.0) && near(&t.distinct, 45_001.0), "{n:?} {t:?}");
    assert_eq!(k.distinct, Some(Distinct { count: 4096, exact: true }));
    assert!(n.top.is_empty(), "{:?}", n.top);
    assert_eq!(
        (n.min.as_ref().expect("one").text.as_str(), n.max.as_ref().expect("one").text.as_str()),
        ("0", "59999")
    );
    assert_eq!(t.top.len(), 1);
    assert_eq!(t.top[0].value, short("often"));
    let (count, off_by) = (t.top[0].count, t.top[0].off_by);
    assert!(off_by > 0 && (15_000..=15_000 + off_by).contains(&count), "{count} ± {off_by}");
    assert!(
        k.top.iter().all(|t| t.count == 15 && t.off_by == 0) && k.top.len() == 5,
        "{:?}",
        k.top
    );
}

#[test]
fn later_columns_have_less_said_of_them() {
    let (_folder, spool) = spool();
    let mut writer = spool.create("me", Options::default()).expect("a writer");
    writer.begin((0..70).map(|n| Column::new(format!("c{n}"), "int")).collect());
    let row: Vec<String> = (0..70).map(|n| n.to_string()).collect();
    writer.push(format!("[{}]", row.join(",")).as_bytes()).expect("a row");
    let kept = writer.finish_and_wait().expect("kept");
    let profile = kept.sets()[0].profile.as_ref().expect("a profile");
    assert!(profile[63].distinct.is_some() && profile[64].distinct.is_none());
    assert_eq!(profile[69].max, Some(short("69")));
}

#[test]
fn there_is_none_where_it_was_not_asked_for() {
    let (_folder, spool) = spool();
    let options = Options { profile: false, ..Options::default() };
    let mut writer = spool.create("me", options).expect("a writer");
    writer.begin(vec![Column::new("n", "int")]);
    assert!(writer.finish_and_wait().expect("kept").sets()[0].profile.is_none());
    assert!(many(&spool, "me", 1, 10).sets()[0].profile.is_some());
}
