//! What is found, in which order, and that what is hidden has no part in it.

use std::cell::Cell;
use std::time::{Duration, Instant};

use mssql_mcp_names::{Column, Entry, Index, Reason};
use proptest::prelude::*;

#[derive(Debug, Clone, Default)]
struct Table {
    schema: &'static str,
    name: String,
    columns: Vec<String>,
    description: Option<String>,
    rows: Option<u64>,
    keys: u32,
    synonyms: Vec<&'static str>,
}

fn table(name: &str, columns: &[&str]) -> Table {
    let columns = columns.iter().map(|c| (*c).to_owned()).collect();
    Table { schema: "dbo", name: name.to_owned(), columns, ..Table::default() }
}

fn index<'a>(tables: impl IntoIterator<Item = &'a Table>) -> Index {
    Index::build(tables.into_iter().map(|t| Entry {
        schema: t.schema,
        name: &t.name,
        kind: "table",
        columns: t.columns.iter().map(String::as_str),
        description: t.description.as_deref(),
        rows: t.rows,
        keys: t.keys,
        synonyms: &t.synonyms,
    }))
}

/// The names of the hits, and why the first is one.
fn found(tables: &[Table], query: &str) -> (String, Vec<Reason>) {
    let index = index(tables);
    let hits = index.search(query, 50, &|_| true);
    let names: Vec<&str> = hits.iter().map(|h| index.name(h.entry)).collect();
    (names.join(" "), hits.first().map(|h| h.reasons.clone()).unwrap_or_default())
}

fn shop() -> Vec<Table> {
    vec![
        table("tblOrders", &["OrderId", "CustomerId", "PlacedAt"]),
        table("OrderLines", &["OrderId", "ProductId", "Quantity"]),
        table("Orders_old", &["OrderId"]),
        table("Customers", &["CustomerId", "Name", "VatNumber"]),
        Table { synonyms: vec!["client invoice"], ..table("Receivables", &["Id", "DueDate"]) },
        Table {
            description: Some("Who may order, and what for".to_owned()),
            ..table("Approvals", &["Id"])
        },
        Table { schema: "warehouse", ..table("Bins", &["BinId"]) },
    ]
}

#[test]
fn the_whole_name_comes_first_and_copies_last_of_their_kind() {
    let (names, why) = found(&shop(), "orders");
    assert_eq!(names, "tblOrders OrderLines Orders_old Approvals");
    assert_eq!(why, [Reason::NameExact]);
    assert_eq!(found(&shop(), "dbo.tblOrders").1, [Reason::NameExact, Reason::Schema]);
    assert_eq!(found(&shop(), "[dbo].[Orders]").0.split(' ').next(), Some("tblOrders"));
    assert_eq!(found(&shop(), "order_lines").1, [Reason::NameExact]);
    assert_eq!(found(&shop(), "orderlines").1, [Reason::NameExact]);
}

#[test]
fn more_words_come_before_better_words() {
    let (names, why) = found(&shop(), "customer order");
    assert!(names.starts_with("tblOrders Customers"), "{names}");
    assert_eq!(why, [Reason::Column("CustomerId".into()), Reason::NamePrefix]);
    // One word is in the name, the other a column's.
    assert_eq!(
        found(&shop(), "customers with a vat number").0.split(' ').next(),
        Some("Customers")
    );
}

#[test]
fn a_reason_says_where_the_word_is() {
    let first = |query: &str| found(&shop(), query).1;
    assert_eq!(first("cust"), [Reason::NamePrefix]);
    assert_eq!(first("lines"), [Reason::NamePart]);
    assert_eq!(first("custommer"), [Reason::NameAlike]);
    assert_eq!(first("vatnumber"), [Reason::Column("VatNumber".into())]);
    assert_eq!(first("quantities"), [Reason::Column("Quantity".into())]);
    assert_eq!(first("invoices"), [Reason::Term("client invoice".into())]);
    assert_eq!(first("warehouse"), [Reason::Schema]);
    assert_eq!(first("who"), [Reason::Description]);
    assert_eq!(found(&shop(), "zebra"), (String::new(), vec![]));
    assert_eq!(found(&shop(), ""), (String::new(), vec![]));
}

#[test]
fn exact_is_before_prefix_before_misspelt_before_description() {
    let tables = [
        Table { description: Some("every invoice".into()), ..table("Ledger", &[]) },
        table("Invoces", &[]),
        Table { rows: Some(u64::MAX), keys: u32::MAX, ..table("Invoiced", &[]) },
        table("InvoiceLineTaxAreaGroup", &[]),
    ];
    assert_eq!(found(&tables, "invoice").0, "InvoiceLineTaxAreaGroup Invoiced Ledger");
    let tables = [tables[0].clone(), tables[1].clone()];
    assert_eq!(found(&tables, "invoice").0, "Invoces Ledger");
}

#[test]
fn rows_and_keys_decide_among_equals_and_names_after_them() {
    let tables = [
        table("SalesB", &[]),
        table("SalesA", &[]),
        Table { rows: Some(1_000_000), ..table("SalesD", &[]) },
        Table { keys: 9, ..table("SalesC", &[]) },
    ];
    assert_eq!(found(&tables, "sale").0, "SalesD SalesC SalesA SalesB");
}

#[test]
fn descriptions_of_columns_count_and_the_filter_is_asked_once() {
    let columns = [Column { name: "X1", description: Some("the shipping address") }];
    let index = Index::build([Entry {
        schema: "s",
        name: "T",
        kind: "view",
        columns,
        description: None,
        rows: None,
        keys: 0,
        synonyms: &[],
    }]);
    let asked = Cell::new(0);
    let hits = index.search("shipping addresses", 5, &|_| {
        asked.set(asked.get() + 1);
        true
    });
    assert_eq!((hits.len(), asked.get()), (1, 1));
    assert_eq!(hits[0].reasons, [Reason::Description]);
    assert_eq!((index.schema(0), index.name(0), index.kind(0)), ("s", "T", "view"));
    assert_eq!((index.schema(1), index.name(1), index.kind(1)), ("", "", ""));
}

fn any_table() -> impl Strategy<Value = Table> {
    let word = || {
        prop::sample::select(vec![
            "Order", "order", "Orders", "Oder", "Border", "Customer", "Custmer", "Line", "old",
            "tbl", "Fact", "2023", "Id", "x", "Invoice", "Invoices", "Größe", "S",
        ])
    };
    let name = || prop::collection::vec((word(), prop::sample::select(vec!["", "_", " "])), 1..4);
    let joined = |parts: Vec<(&str, &str)>| {
        parts.into_iter().map(|(w, between)| format!("{w}{between}")).collect::<String>()
    };
    (
        name(),
        prop::collection::vec(name(), 0..4),
        prop::option::of(prop::collection::vec(word(), 0..4)),
        prop::option::of(0_u64..1_000_000),
        0_u32..9,
        prop::collection::vec(word(), 0..2),
        prop::sample::select(vec!["dbo", "Sales", "order"]),
    )
        .prop_map(move |(name, columns, description, rows, keys, synonyms, schema)| Table {
            schema,
            name: joined(name),
            columns: columns.into_iter().map(joined).collect(),
            description: description.map(|d| d.join(" ")),
            rows,
            keys,
            synonyms,
        })
}

fn any_query() -> impl Strategy<Value = String> {
    prop_oneof![
        any_table().prop_map(|t| t.name),
        any_table().prop_map(|t| t.columns.join(" ")),
        "[a-zA-Z .]{0,20}",
        "\\PC{0,60}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A search that hides some is a search where these were never indexed.
    #[test]
    fn what_is_hidden_has_no_part(
        tables in prop::collection::vec((any_table(), any::<bool>()), 0..25),
        query in any_query(),
        limit in 0_usize..12,
    ) {
        let all = index(tables.iter().map(|(t, _)| t));
        let shown: Vec<u32> = (0..tables.len() as u32).filter(|i| tables[*i as usize].1).collect();
        let alone = index(tables.iter().filter(|(_, shown)| *shown).map(|(t, _)| t));
        let hits = all.search(&query, limit, &|e| tables[e as usize].1);
        let mut expected = alone.search(&query, limit, &|_| true);
        for hit in &mut expected {
            hit.entry = shown[hit.entry as usize];
        }
        prop_assert!(hits.len() <= limit);
        prop_assert_eq!(hits, expected);
    }

    /// A shorter list is the beginning of a longer one.
    #[test]
    fn a_limit_only_cuts(tables in prop::collection::vec(any_table(), 0..25), query in any_query()) {
        let index = index(&tables);
        let all = index.search(&query, usize::MAX, &|_| true);
        for limit in 0..all.len() {
            prop_assert_eq!(&index.search(&query, limit, &|_| true)[..], &all[..limit]);
        }
    }

    #[test]
    fn any_text_is_answered(query in ".{0,2000}", name in ".{0,300}", column in ".{0,300}") {
        let tables = [table(&name, &[&column]), table("Orders", &["Id"])];
        let index = index(&tables);
        index.search(&query, 10, &|_| true);
        for own in [&name, &column] {
            index.search(own, 10, &|_| true);
        }
    }
}

#[test]
fn long_and_odd_questions_end_soon() {
    let index = index(&shop());
    let started = Instant::now();
    for query in
        ["a".repeat(1_000_000), "order ".repeat(100_000), "İ".repeat(5000), "_.[]".repeat(9999)]
    {
        index.search(&query, 10, &|_| true);
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}
