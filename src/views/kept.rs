//! A result that is kept: the JSON of all its rows, and where each row stands in it.

use std::cmp::Ordering;
use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::order::{Kind, RowFilter, SortKey, SortValue, Test, text};

/// Rows of all result sets, as the writer of rows wrote them.
#[derive(Debug)]
pub(crate) struct KeptRows {
    json: Bytes,
    sets: Vec<KeptSet>,
}

#[derive(Debug)]
struct KeptSet {
    columns: Range<usize>,
    kinds: Vec<Kind>,
    rows: Vec<Range<usize>>,
}

#[derive(Deserialize)]
struct Written<'j> {
    #[serde(borrow)]
    columns: &'j RawValue,
    #[serde(borrow)]
    rows: Vec<&'j RawValue>,
}

#[derive(Deserialize)]
struct WrittenColumn {
    #[serde(default, rename = "type")]
    sql_type: String,
}

/// How much of a result its model sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageBounds {
    pub(crate) rows: u64,
    pub(crate) chars: usize,
}

/// The first part of a result.
#[derive(Debug)]
pub(crate) struct FirstPage {
    /// `results`, an array.
    pub(crate) json: Vec<u8>,
    pub(crate) rows: u64,
    /// Rows and columns of each result set.
    pub(crate) shapes: Vec<(u64, usize)>,
    /// It was cut at the number of rows, and not at the characters.
    pub(crate) at_rows: bool,
}

/// What the first part says of itself where it is cut.
pub(crate) type CutText = fn(at_rows: bool) -> String;

/// Rows that were asked for.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(crate) rows: Vec<Value>,
    /// Their places in the whole result set.
    pub(crate) numbers: Vec<usize>,
    pub(crate) total: usize,
    pub(crate) matched: usize,
}

fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| **b & 0xC0 != 0x80).count()
}

// === impl KeptRows ===

impl KeptRows {
    /// Reads what the writer of rows wrote; none where that is no JSON of rows.
    pub(crate) fn new(json: Bytes) -> Option<Self> {
        let written: Vec<Written<'_>> = serde_json::from_slice(&json).ok()?;
        let start = json.as_ptr() as usize;
        let place = |raw: &RawValue| {
            let from = raw.get().as_ptr() as usize - start;
            from..from + raw.get().len()
        };
        let set = |s: &Written<'_>| {
            let columns: Vec<WrittenColumn> = serde_json::from_str(s.columns.get()).ok()?;
            Some(KeptSet {
                columns: place(s.columns),
                kinds: columns.iter().map(|c| Kind::of(&c.sql_type)).collect(),
                rows: s.rows.iter().map(|row| place(row)).collect(),
            })
        };
        let sets = written.iter().map(set).collect::<Option<_>>()?;
        Some(Self { json, sets })
    }

    /// Bytes that it takes.
    pub(crate) fn len(&self) -> usize {
        let places: usize = self.sets.iter().map(|s| s.rows.len()).sum();
        self.json.len() + places * size_of::<Range<usize>>()
    }

    pub(crate) fn total_rows(&self) -> u64 {
        self.sets.iter().map(|s| s.rows.len() as u64).sum()
    }

    /// Says how many rows each result set has, where there are several; and the columns of those
    /// that come after the first `shown`, which a view has from nowhere else.
    pub(crate) fn tell_sets(&self, shown: usize, meta: &mut Value) {
        let set = |(n, set): (usize, &KeptSet)| {
            let mut out = json!({ "rows": set.rows.len() });
            if n >= shown {
                let columns = &self.json[set.columns.clone()];
                out["columns"] = serde_json::from_slice(columns).unwrap_or_default();
            }
            out
        };
        if self.sets.len() > 1 {
            meta["sets"] = self.sets.iter().enumerate().map(set).collect();
        }
    }

    /// `results`, all of it.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    /// The part that fits; none where all of it does.
    pub(crate) fn first_page(&self, bounds: PageBounds, cut_text: CutText) -> Option<FirstPage> {
        if self.total_rows() <= bounds.rows && characters(&self.json) <= bounds.chars {
            return None;
        }
        let (mut json, mut cost, mut left) = (b"[".to_vec(), 2, bounds.rows);
        let mut page = FirstPage { json: Vec::new(), rows: 0, shapes: Vec::new(), at_rows: true };
        for (n, set) in self.sets.iter().enumerate() {
            let columns = &self.json[set.columns.clone()];
            cost += characters(columns) + 40;
            if cost > bounds.chars {
                page.at_rows = false;
                break;
            }
            if n > 0 {
                json.push(b',');
            }
            json.extend_from_slice(b"{\"columns\":");
            json.extend_from_slice(columns);
            json.extend_from_slice(b",\"rows\":[");
            let (mut count, mut cut) = (0, false);
            for row in &set.rows {
                let row = &self.json[row.clone()];
                cost += characters(row) + 1;
                if left == 0 || cost > bounds.chars {
                    (cut, page.at_rows) = (true, left == 0);
                    break;
                }
                if count > 0 {
                    json.push(b',');
                }
                json.extend_from_slice(row);
                (count, left) = (count + 1, left - 1);
            }
            json.extend_from_slice(format!("],\"row_count\":{count}").as_bytes());
            if cut {
                json.extend_from_slice(
                    format!(",\"truncated\":{}", cut_text(page.at_rows)).as_bytes(),
                );
            }
            json.push(b'}');
            page.rows += count;
            page.shapes.push((count, set.kinds.len()));
            if cut {
                break;
            }
        }
        json.push(b']');
        Some(FirstPage { json, ..page })
    }

    /// Rows of a result set; none where there is no such set.
    pub(crate) fn select(
        &self,
        set: usize,
        (offset, limit): (usize, usize),
        sort: &[SortKey],
        filters: &[RowFilter],
    ) -> Option<Selection> {
        let set = self.sets.get(set)?;
        let row = |n: usize| &self.json[set.rows[n].clone()];
        let value = |n: &usize| serde_json::from_slice(row(*n)).unwrap_or_default();
        let page = |numbers: &[usize]| -> Vec<usize> {
            numbers.iter().skip(offset).take(limit).copied().collect()
        };
        let total = set.rows.len();
        let mut numbers: Vec<usize> = (0..total).collect();
        if !sort.is_empty() || !filters.is_empty() {
            let tests: Vec<Test<'_>> = filters.iter().map(|f| Test::new(f, &set.kinds)).collect();
            let mut found: Vec<(usize, Vec<SortValue>)> = Vec::new();
            for n in numbers {
                let cells: Vec<&RawValue> = serde_json::from_slice(row(n)).unwrap_or_default();
                if tests.iter().all(|t| t.lets(&cells)) {
                    let key = |key: &SortKey| {
                        let kind = set.kinds.get(key.column).copied().unwrap_or_default();
                        kind.key(cells.get(key.column).and_then(|v| text(v)).as_deref())
                    };
                    found.push((n, sort.iter().map(key).collect()));
                }
            }
            found.sort_by(|(a, left), (b, right)| {
                let orders = sort
                    .iter()
                    .zip(left.iter().zip(right))
                    .map(|(key, (a, b))| if key.desc { b.cmp(a) } else { a.cmp(b) });
                orders.fold(Ordering::Equal, Ordering::then).then(a.cmp(b))
            });
            numbers = found.into_iter().map(|(n, _)| n).collect();
        }
        let matched = numbers.len();
        let numbers = page(&numbers);
        let rows = numbers.iter().map(value).collect();
        Some(Selection { rows, numbers, total, matched })
    }

    /// One value.
    pub(crate) fn cell(&self, set: usize, row: usize, column: usize) -> Option<Value> {
        let place = self.sets.get(set)?.rows.get(row)?.clone();
        let row: Vec<Value> = serde_json::from_slice(&self.json[place]).ok()?;
        row.get(column).cloned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept() -> KeptRows {
        let sets = json!([
            { "columns": [{ "name": "n", "type": "decimal(30,1)" }, { "name": "t", "type": "nvarchar(9)" }],
              "rows": [[10, "b"], ["99999999999999999999.5", null], [9, "Ä"], [-3, "a"]], "row_count": 4 },
            { "columns": [{ "name": "x" }], "rows": [[1]], "row_count": 1 },
        ]);
        KeptRows::new(sets.to_string().into()).expect("rows")
    }

    fn numbers(sort: Value, filters: Value) -> Vec<usize> {
        let sort: Vec<SortKey> = serde_json::from_value(sort).expect("keys");
        let filters: Vec<RowFilter> = serde_json::from_value(filters).expect("filters");
        kept().select(0, (0, 100), &sort, &filters).expect("a set").numbers
    }

    #[test]
    fn rows_are_sorted_by_their_values_and_filtered() {
        assert_eq!(numbers(json!([{ "column": 0 }]), json!([])), [3, 2, 0, 1]);
        assert_eq!(numbers(json!([{ "column": 1, "desc": true }]), json!([])), [2, 0, 3, 1]);
        let filtered = |f: Value| numbers(json!([]), json!([f]));
        assert_eq!(filtered(json!({ "column": 0, "op": "gt", "value": "9.0" })), [0, 1]);
        assert_eq!(filtered(json!({ "column": 0, "op": "le", "value": "-3" })), [3]);
        assert_eq!(filtered(json!({ "column": 1, "op": "null" })), [1]);
        assert_eq!(filtered(json!({ "column": 1, "op": "ne", "value": "a" })), [0, 2]);
        assert_eq!(filtered(json!({ "op": "search", "value": "ä" })), [2]);
        assert_eq!(filtered(json!({ "op": "search", "value": "99" })), [1]);
        assert_eq!(filtered(json!({ "column": 7, "op": "contains", "value": "" })), [0; 0]);
        let some = kept().select(0, (1, 2), &[], &[]).expect("a set");
        assert_eq!((some.numbers, some.total, some.matched), (vec![1, 2], 4, 4));
        assert!(kept().select(2, (0, 1), &[], &[]).is_none());
        let mut meta = json!({});
        kept().tell_sets(1, &mut meta);
        let sets = json!([{ "rows": 4 }, { "rows": 1, "columns": [{ "name": "x" }] }]);
        assert_eq!(meta, json!({ "sets": sets }));
        assert_eq!(kept().cell(0, 1, 0), Some(json!("99999999999999999999.5")));
        assert_eq!(
            (kept().cell(0, 9, 0), kept().cell(0, 0, 9), kept().cell(9, 0, 0)),
            (None, None, None)
        );
    }

    #[test]
    fn the_first_page_is_whole_rows_and_says_that_it_is_cut() {
        let cut: CutText =
            |rows| json!({ "reason": if rows { "max_rows" } else { "max_chars" } }).to_string();
        let page = |rows, chars| kept().first_page(PageBounds { rows, chars }, cut);
        assert!(page(5, 1000).is_none());
        let two = page(2, 1000).expect("cut");
        let json: Value = serde_json::from_slice(&two.json).expect("JSON");
        assert_eq!((two.rows, two.at_rows, two.shapes), (2, true, vec![(2, 2)]));
        assert_eq!(json[0]["rows"], json!([[10, "b"], ["99999999999999999999.5", null]]));
        assert_eq!(
            (&json[0]["truncated"]["reason"], &json[0]["row_count"]),
            (&json!("max_rows"), &json!(2))
        );
        assert_eq!(json.as_array().map(Vec::len), Some(1));
        let short = page(100, 150).expect("cut");
        assert!(!short.at_rows && short.rows < 4, "{short:?}");
        serde_json::from_slice::<Value>(&short.json).expect("JSON");
    }
}
