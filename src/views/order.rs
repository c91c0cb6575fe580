//! How the values of a kept result are ordered and found: by the types of their columns, as the
//! page does it for rows that it has itself (`ui/src/shared/compare.ts`).

use std::borrow::Cow;
use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

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

/// What a column's values are ordered as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Bit,
    /// A moment that says how far from UTC it is.
    Offset,
    /// Moments and bytes, whose texts are in their order.
    Plain,
    #[default]
    Text,
}

/// What a value is ordered by. Every two have an order, or sorting would fail: NULL comes first,
/// and what is not of its column's kind last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SortValue {
    Null,
    Bit(bool),
    Number(Digits),
    Moment(DateTime<Utc>),
    /// Without its case, and as it is.
    Text(String, String),
}

/// Sign, digits before the point without leading zeros, and those behind it without trailing ones:
/// exact where a double is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digits {
    negative: bool,
    whole: String,
    part: String,
}

/// A condition that is ready to be asked of many rows.
#[derive(Debug)]
pub(super) struct Test<'f> {
    filter: &'f RowFilter,
    kind: Kind,
    key: SortValue,
    part: String,
}

/// A value as a person sees it, with the digits that its type has; none of NULL.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Variant<'j> {
        #[serde(borrow)]
        value: &'j RawValue,
    }
    let raw = value.get();
    match raw.as_bytes().first() {
        Some(b'n') => None,
        Some(b'"') => serde_json::from_str(raw).ok().map(Cow::Owned),
        // Within a sql_variant.
        Some(b'{') => match serde_json::from_str::<Variant<'_>>(raw) {
            Ok(variant) => text(variant.value),
            Err(_) => Some(raw.into()),
        },
        _ => Some(raw.into()),
    }
}

// === impl Kind ===

impl Kind {
    pub(super) fn of(sql_type: &str) -> Self {
        match sql_type.split('(').next().unwrap_or_default() {
            "tinyint" | "smallint" | "int" | "bigint" | "decimal" | "numeric" | "money"
            | "smallmoney" | "float" | "real" => Self::Number,
            "bit" => Self::Bit,
            "datetimeoffset" => Self::Offset,
            "date" | "time" | "datetime" | "datetime2" | "smalldatetime" | "binary"
            | "varbinary" | "image" | "timestamp" => Self::Plain,
            _ => Self::Text,
        }
    }

    pub(super) fn key(self, value: Option<&str>) -> SortValue {
        let Some(value) = value else { return SortValue::Null };
        let known = match self {
            Self::Number => Digits::read(value).map(SortValue::Number),
            Self::Bit => Some(SortValue::Bit(value == "true" || value == "1")),
            Self::Offset => {
                DateTime::parse_from_rfc3339(value).ok().map(|m| SortValue::Moment(m.to_utc()))
            }
            Self::Plain => Some(SortValue::Text(String::new(), value.to_owned())),
            Self::Text => None,
        };
        known.unwrap_or_else(|| SortValue::Text(value.to_lowercase(), value.to_owned()))
    }
}

// === impl Digits ===

impl Digits {
    fn read(text: &str) -> Option<Self> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
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
        if whole.len() + part.len() == 0 || !all_digits(whole) || !all_digits(part) {
            return None;
        }
        let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
        let zero = whole.is_empty() && part.is_empty();
        Some(Self { negative: negative && !zero, whole: whole.to_owned(), part: part.to_owned() })
    }
}

impl Ord for Digits {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = self.whole.len().cmp(&other.whole.len());
        let size = size.then_with(|| self.whole.cmp(&other.whole));
        let size = size.then_with(|| self.part.cmp(&other.part));
        match (self.negative, other.negative) {
            (false, false) => size,
            (true, true) => size.reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Digits {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

// === impl Test ===

impl<'f> Test<'f> {
    pub(super) fn new(filter: &'f RowFilter, kinds: &[Kind]) -> Self {
        let kind = filter.column.and_then(|c| kinds.get(c)).copied().unwrap_or_default();
        let wanted = if kind == Kind::Text { filter.value.as_str() } else { filter.value.trim() };
        Self { filter, kind, key: kind.key(Some(wanted)), part: filter.value.to_lowercase() }
    }

    pub(super) fn lets(&self, row: &[&RawValue]) -> bool {
        let contains =
            |v: Option<Cow<'_, str>>| v.is_some_and(|v| v.to_lowercase().contains(&self.part));
        let value = self.filter.column.and_then(|c| row.get(c)).and_then(|v| text(v));
        let order = |fits: fn(Ordering) -> bool| {
            // Nothing is less or more than what is no number.
            let odd = self.kind == Kind::Number && !matches!(self.key, SortValue::Number(_));
            let value = value.as_deref();
            !odd && value.is_some() && fits(self.kind.key(value).cmp(&self.key))
        };
        match self.filter.op {
            FilterOp::Search => row.iter().any(|v| contains(text(v))),
            FilterOp::Contains => contains(value),
            FilterOp::Null => value.is_none(),
            FilterOp::NotNull => value.is_some(),
            FilterOp::Eq => order(Ordering::is_eq),
            FilterOp::Ne => order(Ordering::is_ne),
            FilterOp::Lt => order(Ordering::is_lt),
            FilterOp::Le => order(Ordering::is_le),
            FilterOp::Gt => order(Ordering::is_gt),
            FilterOp::Ge => order(Ordering::is_ge),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(sql_type: &str, values: &[&str]) -> Vec<String> {
        let mut all: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        all.sort_by_key(|v| Kind::of(sql_type).key(Some(v)));
        all
    }

    #[test]
    fn values_are_ordered_by_their_type() {
        assert_eq!(
            sorted("decimal(38,2)", &["10", "x", "-3.50", "9.5", "1e1", "-12"]),
            ["-12", "-3.50", "9.5", "10", "1e1", "x"]
        );
        // Any order that is by digits here and by letters there is a circle: 9, 10, 1a.
        assert_eq!(sorted("varchar(9)", &["9", "1a", "10", "B", "a"]), ["10", "1a", "9", "a", "B"]);
        assert_eq!(
            sorted(
                "datetimeoffset(0)",
                &["2024-01-01T23:00:00-05:00", "2024-01-02T01:00:00+00:00"]
            ),
            ["2024-01-02T01:00:00+00:00", "2024-01-01T23:00:00-05:00"]
        );
        assert_eq!(sorted("bit", &["true", "false"]), ["false", "true"]);
    }

    #[test]
    fn a_condition_is_read_as_its_column_is() {
        let lets = |sql_type: &str, op: &str, wanted: &str, value: &str| {
            let filter = serde_json::json!({ "column": 0, "op": op, "value": wanted });
            let filter: RowFilter = serde_json::from_value(filter).expect("a filter");
            let row: Vec<&RawValue> = serde_json::from_str(value).expect("a row");
            Test::new(&filter, &[Kind::of(sql_type)]).lets(&row)
        };
        // Found by the digits that are shown.
        assert!(lets("decimal(9,4)", "contains", "2.8000", "[142.8000]"));
        assert!(lets("sql_variant", "eq", "5", r#"[{"base_type":"int","value":5}]"#));
        for (wanted, fits) in [("142.8", true), (" +1.428e2 ", true), ("x", false), ("", false)] {
            assert_eq!(lets("decimal(9,4)", "eq", wanted, "[142.8000]"), fits, "{wanted}");
        }
        assert!(lets("int", "gt", ".5", "[1]") && !lets("int", "lt", "abc", "[1]"));
        assert!(!lets("int", "ne", "abc", "[1]"));
        assert!(lets("varchar(9)", "ne", "3", r#"["003"]"#) && lets("bit", "eq", "1", "[true]"));
        assert!(lets("int", "null", "", "[null]") && !lets("int", "ne", "1", "[null]"));
    }
}
