//! The catalog on its way into the index.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mssql_mcp_names::{Column, Entry, Index};
use serde_json::Value;

use crate::knowledge::Knowledge;

/// Bytes of descriptions of columns whose words are taken.
const DESCRIPTIONS: usize = 16 << 20;

/// What a type of `sys.objects` is to people.
pub(in crate::database::catalog) fn kind_of(kind: &str) -> &'static str {
    match kind {
        "U" => "table",
        "V" => "view",
        "P" | "PC" => "procedure",
        "SN" => "synonym",
        "SO" => "sequence",
        "TR" | "TA" => "trigger",
        _ => "function",
    }
}

/// The catalog on its way into the index, each name of a column once.
#[derive(Default)]
pub(super) struct Gathered {
    /// Rows that came.
    pub(super) count: u64,
    objects: Vec<GatheredObject>,
    places: HashMap<i64, u32>,
    /// Object, name and description, by their places.
    columns: Vec<(u32, u32, u32)>,
    words: Vec<Arc<str>>,
    known_words: HashMap<Arc<str>, u32>,
    descriptions: Vec<Box<str>>,
    described: usize,
}

struct GatheredObject {
    schema: String,
    name: String,
    kind: &'static str,
    description: Option<String>,
    rows: Option<u64>,
    keys: u32,
}

fn text(row: &[Value], n: usize) -> &str {
    row.get(n).and_then(Value::as_str).unwrap_or_default()
}

fn id(row: &[Value], n: usize) -> i64 {
    row.get(n).and_then(Value::as_i64).unwrap_or_default()
}

impl Gathered {
    pub(super) fn object(&mut self, row: &[Value]) {
        self.places.insert(id(row, 0), self.objects.len() as u32);
        self.objects.push(GatheredObject {
            schema: text(row, 1).to_owned(),
            name: text(row, 2).to_owned(),
            kind: kind_of(text(row, 3)),
            description: row.get(4).and_then(Value::as_str).map(str::to_owned),
            rows: None,
            keys: 0,
        });
    }

    pub(super) fn column(&mut self, row: &[Value]) {
        let Some(object) = self.places.get(&id(row, 0)) else { return };
        let name = text(row, 1);
        let word = match self.known_words.get(name) {
            Some(n) => *n,
            None => {
                let (word, n) = (Arc::<str>::from(name), self.words.len() as u32);
                self.words.push(word.clone());
                self.known_words.insert(word, n);
                n
            }
        };
        let mut description = u32::MAX;
        let said = text(row, 2);
        if !said.is_empty() && self.described + said.len() <= DESCRIPTIONS {
            self.described += said.len();
            description = self.descriptions.len() as u32;
            self.descriptions.push(said.into());
        }
        self.columns.push((*object, word, description));
    }

    pub(super) fn rows(&mut self, row: &[Value]) {
        let rows = row.get(1).and_then(Value::as_u64);
        if let Some(o) =
            self.places.get(&id(row, 0)).and_then(|n| self.objects.get_mut(*n as usize))
        {
            o.rows = rows;
        }
    }

    pub(super) fn key(&mut self, row: &[Value]) {
        for n in [0, 1] {
            let place = self.places.get(&id(row, n));
            if let Some(o) = place.and_then(|n| self.objects.get_mut(*n as usize)) {
                o.keys += 1;
            }
        }
    }

    pub(super) fn index(mut self, knowledge: &Knowledge) -> Index {
        // What only the gathering needed.
        self.places = HashMap::new();
        self.known_words = HashMap::new();
        self.columns.sort_unstable_by_key(|c| c.0);
        // Few of very many objects are named there.
        let named: HashSet<String> = knowledge.own_names();
        let is_named = |o: &GatheredObject| named.contains(&o.name.to_lowercase());
        let known: Vec<(Vec<&str>, Option<&str>)> = self
            .objects
            .iter()
            .map(|o| match is_named(o) {
                true => {
                    let note = knowledge.table(&o.schema, &o.name);
                    let said = note.and_then(|n| n.description.as_deref());
                    (knowledge.called(&o.schema, &o.name), said)
                }
                false => (Vec::new(), None),
            })
            .collect();
        let mut rest = self.columns.as_slice();
        let (words, descriptions) = (&self.words, &self.descriptions);
        Index::build(self.objects.iter().enumerate().map(|(n, o)| {
            let end = rest.iter().position(|c| c.0 != n as u32).unwrap_or(rest.len());
            let (own, after) = rest.split_at(end);
            rest = after;
            let column = |c: &(u32, u32, u32)| Column {
                name: &words[c.1 as usize],
                description: descriptions.get(c.2 as usize).map(|d| &**d),
            };
            Entry {
                schema: o.schema.as_str(),
                name: o.name.as_str(),
                kind: o.kind,
                columns: own.iter().map(column).collect::<Vec<_>>(),
                description: known[n].1.or(o.description.as_deref()),
                rows: o.rows,
                keys: o.keys,
                synonyms: &known[n].0,
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::has;
    use super::*;

    /// `cargo test --lib --release -- --ignored figures --nocapture`
    #[test]
    #[ignore = "it prints figures"]
    fn figures_of_30_000_tables_of_30_columns() {
        let began = Instant::now();
        let mut g = Gathered::default();
        const WORDS: [&str; 12] = [
            "Customer", "Order", "Ledger", "Vendor", "Item", "Posting", "Entry", "Amount", "Group",
            "Header", "Line", "Document",
        ];
        let word = |n: usize| WORDS[n % WORDS.len()];
        for id in 0..30_000_usize {
            let name = format!("{}{}{}{id}", word(id), word(id / 12), word(id / 144));
            g.object(&[id.into(), "erp".into(), name.into(), "U".into(), Value::Null]);
        }
        for id in 0..30_000_usize {
            for c in 0..30 {
                let name =
                    format!("{}{}{}", word(c + id % 5), word(c / 3 + id % 7), (c + id) % 400);
                g.column(&[id.into(), name.into(), Value::Null]);
            }
        }
        let gathered = began.elapsed();
        let index = g.index(&Knowledge::default());
        let built = began.elapsed() - gathered;
        let began = Instant::now();
        let hits = index.search("customer ledger posting", 20, &|_| true).len();
        println!(
            "gathered in {gathered:?}, built in {built:?}, {} MB, {hits} hits in {:?}",
            index.size() >> 20,
            began.elapsed()
        );
        assert!(index.size() < 25 << 20);
    }

    #[test]
    fn what_was_gathered_is_found() {
        let mut g = Gathered::default();
        for (id, name) in [(7, "Orders"), (3, "Customers")] {
            g.object(&[id.into(), "sales".into(), name.into(), "U".into(), Value::Null]);
        }
        for (id, name, about) in
            [(3, "Name", ""), (7, "OrderId", "its number"), (9, "Lost", ""), (3, "Id", "")]
        {
            g.column(&[id.into(), name.into(), about.into()]);
        }
        g.rows(&[7.into(), 20.into()]);
        g.key(&[7.into(), 3.into()]);
        let index = g.index(&Knowledge::default());
        let found = |q: &str| -> Vec<String> {
            index.search(q, 5, &|_| true).iter().map(|h| index.name(h.entry).to_owned()).collect()
        };
        assert_eq!(found("customers"), ["Customers"]);
        assert_eq!(found("name"), ["Customers"]);
        assert_eq!(found("number"), ["Orders"]);
        assert_eq!(found("lost"), [""; 0]);
        assert!(has(&index, "SALES", "orders") && has(&index, "", "Orders"));
        assert!(!has(&index, "dbo", "Orders"));
    }
}
