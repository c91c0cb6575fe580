//! A result that is kept: the JSON of all its rows, and where each row stands in it.

use std::cmp::Ordering;
use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Rows of all result sets, as the writer of rows wrote them.
#[derive(Debug)]
pub(crate) struct KeptRows {
    json: Bytes,
    sets: Vec<KeptSet>,
}

#[derive(Debug)]
struct KeptSet {
    columns: Range<usize>,
    rows: Vec<Range<usize>>,
}

#[derive(Deserialize)]
struct Written<'j> {
    #[serde(borrow)]
    columns: &'j RawValue,
    #[serde(borrow)]
    rows: Vec<&'j RawValue>,
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

/// A sort key: a column and its direction.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct SortKey {
    pub(crate) column: usize,
    #[serde(default)]
    pub(crate) desc: bool,
}

/// A condition on a column, or on all of them (`search`).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RowFilter {
    pub(crate) column: Option<usize>,
    pub(crate) op: FilterOp,
    #[serde(default)]
    pub(crate) value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FilterOp {
    Search,
    Contains,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Null,
    NotNull,
}

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
        let set = |s: &Written<'_>| KeptSet {
            columns: place(s.columns),
            rows: s.rows.iter().map(|row| place(row)).collect(),
        };
        let sets = written.iter().map(set).collect();
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

    /// `results`, all of it.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    fn columns_of(&self, set: &KeptSet) -> usize {
        let columns: Vec<&RawValue> =
            serde_json::from_slice(&self.json[set.columns.clone()]).unwrap_or_default();
        columns.len()
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
            page.shapes.push((count, self.columns_of(set)));
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
        let read = |n: usize| -> Vec<Value> {
            serde_json::from_slice(&self.json[set.rows[n].clone()]).unwrap_or_default()
        };
        let total = set.rows.len();
        if sort.is_empty() && filters.is_empty() {
            let numbers: Vec<usize> = (0..total).skip(offset).take(limit).collect();
            let rows = numbers.iter().map(|n| read(*n).into()).collect();
            return Some(Selection { rows, numbers, total, matched: total });
        }
        let mut found: Vec<(usize, Vec<Value>)> = (0..total)
            .map(|n| (n, read(n)))
            .filter(|(_, row)| filters.iter().all(|f| f.lets(row)))
            .collect();
        found.sort_by(|(a, left), (b, right)| {
            for key in sort {
                let of = |row: &'_ [Value]| row.get(key.column).cloned().unwrap_or_default();
                let order = compare(&of(left), &of(right));
                let order = if key.desc { order.reverse() } else { order };
                if order != Ordering::Equal {
                    return order;
                }
            }
            a.cmp(b)
        });
        let matched = found.len();
        let (numbers, rows) = found
            .into_iter()
            .skip(offset)
            .take(limit)
            .map(|(n, row)| (n, Value::from(row)))
            .unzip();
        Some(Selection { rows, numbers, total, matched })
    }

    /// One value.
    pub(crate) fn cell(&self, set: usize, row: usize, column: usize) -> Option<Value> {
        let place = self.sets.get(set)?.rows.get(row)?.clone();
        let row: Vec<Value> = serde_json::from_slice(&self.json[place]).ok()?;
        row.get(column).cloned()
    }
}

// === impl RowFilter ===

impl RowFilter {
    fn lets(&self, row: &[Value]) -> bool {
        let of = |column: usize| row.get(column).unwrap_or(&Value::Null);
        let contains = |v: &Value| {
            !v.is_null() && shown(v).to_lowercase().contains(&self.value.to_lowercase())
        };
        if self.op == FilterOp::Search {
            return row.iter().any(contains);
        }
        let value = of(self.column.unwrap_or(usize::MAX));
        let wanted = Value::String(self.value.clone());
        let order = |fits: fn(Ordering) -> bool| !value.is_null() && fits(compare(value, &wanted));
        match self.op {
            FilterOp::Search => true,
            FilterOp::Contains => contains(value),
            FilterOp::Null => value.is_null(),
            FilterOp::NotNull => !value.is_null(),
            FilterOp::Eq => order(Ordering::is_eq),
            FilterOp::Ne => order(Ordering::is_ne),
            FilterOp::Lt => order(Ordering::is_lt),
            FilterOp::Le => order(Ordering::is_le),
            FilterOp::Gt => order(Ordering::is_gt),
            FilterOp::Ge => order(Ordering::is_ge),
        }
    }
}

/// As a person sees it.
fn shown(v: &Value) -> String {
    match v {
        Value::String(s) => s.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// NULL first, numbers by their value, also where they are texts because a double has not all of
/// their digits; all else as text, without looking at case.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Less,
        (false, true) => return Ordering::Greater,
        (false, false) => {}
    }
    let (a, b) = (shown(a), shown(b));
    match (digits(&a), digits(&b)) {
        (Some(a), Some(b)) => by_digits(a, b),
        _ => a.to_lowercase().cmp(&b.to_lowercase()).then_with(|| a.cmp(&b)),
    }
}

/// Sign, digits before the point without leading zeros, and those behind it; of a float, those of
/// its plain form.
type Digits = (bool, String, String);

fn digits(text: &str) -> Option<Digits> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let plain;
    let rest = match rest.contains(['e', 'E']) {
        true => {
            plain = format!("{}", rest.parse::<f64>().ok().filter(|f| f.is_finite())?);
            plain.as_str()
        }
        false => rest,
    };
    let (whole, part) = rest.split_once('.').unwrap_or((rest, ""));
    let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    let zero = whole.is_empty() && part.is_empty();
    Some((negative && !zero, whole.to_owned(), part.to_owned()))
}

fn by_digits((neg_a, whole_a, part_a): Digits, (neg_b, whole_b, part_b): Digits) -> Ordering {
    let size = whole_a.len().cmp(&whole_b.len()).then_with(|| whole_a.cmp(&whole_b));
    let size = size.then_with(|| part_a.cmp(&part_b));
    match (neg_a, neg_b) {
        (false, false) => size,
        (true, true) => size.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept() -> KeptRows {
        let sets = json!([
            { "columns": [{ "name": "n" }, { "name": "t" }],
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
        let short = page(100, 90).expect("cut");
        assert!(!short.at_rows && short.rows < 4, "{short:?}");
        serde_json::from_slice::<Value>(&short.json).expect("JSON");
    }
}
