//! Rows, from the driver straight into JSON bytes. No tree per row: what bounds a call's memory is the budget, not the query.
//!
//! A number that a double cannot carry (bigint beyond 2^53, decimals beyond 15 significant digits) is written as a JSON
//! string, and its column says `"exact": "string"`. Dates are ISO 8601 in the precision of their type.

use std::io::Write as _;

use bytes::Bytes;
use mssql_mcp_transports::Segments;
use tiberius::{Column, ColumnData, ColumnType, Row};

/// A segment is handed over when it has grown to this.
const SEGMENT: usize = 64 << 10;
/// The largest integer that a double counts up to.
const SAFE: i64 = 1 << 53;

/// Why an answer is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncated {
    /// `limits.max_rows` or the caller's `max_rows`.
    Rows,
    /// `limits.max_chars`.
    Chars,
    /// The deadline.
    Time,
}

impl Truncated {
    /// For clients and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Truncated::Rows => "max_rows",
            Truncated::Chars => "max_chars",
            Truncated::Time => "timeout",
        }
    }
    fn advice(self) -> &'static str {
        match self {
            Truncated::Rows => {
                "Ask for fewer rows, or page: ORDER BY a key, then OFFSET n ROWS FETCH NEXT m ROWS ONLY."
            }
            Truncated::Chars => {
                "Select fewer columns, cut long text with LEFT(), or page with ORDER BY … OFFSET … FETCH."
            }
            Truncated::Time => "Narrow the query with WHERE, or aggregate on the server.",
        }
    }
}

/// Writes `[{"columns":…,"rows":[[…]],"row_count":n}, …]` under a budget.
#[derive(Debug)]
pub struct Writer {
    done: Vec<Bytes>,
    buf: Vec<u8>,
    /// Where the current result's head belongs: it is written last, when its columns are known to be exact or not.
    head_at: usize,
    columns: Vec<(String, &'static str, bool)>,
    open: bool,
    results: usize,
    rows: u64,
    /// Rows over all results.
    pub total_rows: u64,
    max_rows: u64,
    max_chars: usize,
    cost: usize,
    /// Set when something was left out.
    pub truncated: Option<Truncated>,
}

impl Writer {
    /// With a budget; `max_chars` counts what is sent, which is the JSON and the same JSON escaped once more.
    pub fn new(max_rows: u64, max_chars: usize) -> Self {
        Self {
            done: Vec::new(),
            buf: Vec::new(),
            head_at: 0,
            columns: Vec::new(),
            open: false,
            results: 0,
            rows: 0,
            total_rows: 0,
            max_rows,
            max_chars,
            cost: 0,
            truncated: None,
        }
    }

    /// A result set begins.
    pub fn begin(&mut self, columns: &[Column]) {
        self.end();
        self.cut_segment();
        self.head_at = self.done.len();
        self.columns = columns.iter().map(|c| (c.name().to_owned(), type_name(c.column_type()), false)).collect();
        self.open = true;
        self.rows = 0;
    }

    /// Adds a row; false once the budget is used up, and then nothing was added.
    pub fn row(&mut self, row: Row) -> bool {
        if self.truncated.is_some() {
            return false;
        }
        if self.total_rows >= self.max_rows {
            self.truncated = Some(Truncated::Rows);
            return false;
        }
        let start = self.buf.len();
        self.buf.extend_from_slice(if self.rows == 0 { b"[" } else { b",[" });
        for (i, v) in row.into_iter().enumerate() {
            if i > 0 {
                self.buf.push(b',');
            }
            // The driver names both types alike; the value tells.
            if matches!(v, ColumnData::SmallDateTime(_))
                && let Some(c) = self.columns.get_mut(i)
            {
                c.1 = "smalldatetime";
            }
            let exact = value(&v, self.columns.get(i).map_or("", |c| c.1), &mut self.buf);
            if exact && let Some(c) = self.columns.get_mut(i) {
                c.2 = true;
            }
        }
        self.buf.push(b']');
        // As it is sent: once plain, once inside a string, where quotes and backslashes take two.
        let added = &self.buf[start..];
        let cost = 2 * added.len() + added.iter().filter(|b| matches!(b, b'"' | b'\\')).count();
        if self.cost + cost > self.max_chars {
            self.buf.truncate(start);
            self.truncated = Some(Truncated::Chars);
            return false;
        }
        self.cost += cost;
        self.rows += 1;
        self.total_rows += 1;
        if self.buf.len() >= SEGMENT {
            self.cut_segment();
        }
        true
    }

    fn cut_segment(&mut self) {
        if !self.buf.is_empty() {
            let next = Vec::with_capacity(if self.buf.len() >= SEGMENT { SEGMENT + 4096 } else { 0 });
            self.done.push(std::mem::replace(&mut self.buf, next).into());
        }
    }

    /// The current result set is over.
    pub fn end(&mut self) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let mut head = Vec::with_capacity(32 * self.columns.len() + 32);
        head.extend_from_slice(if self.results == 0 { b"{\"columns\":[" } else { b",{\"columns\":[" });
        for (i, (name, ty, exact)) in self.columns.iter().enumerate() {
            if i > 0 {
                head.push(b',');
            }
            head.extend_from_slice(b"{\"name\":");
            text(name, &mut head);
            let _ = write!(head, ",\"type\":\"{ty}\"{}}}", if *exact { ",\"exact\":\"string\"" } else { "" });
        }
        head.extend_from_slice(b"],\"rows\":[");
        self.cost += 2 * head.len();
        self.cut_segment();
        self.done.insert(self.head_at, head.into());
        let _ = write!(self.buf, "],\"row_count\":{}", self.rows);
        if let Some(t) = self.truncated {
            let _ = write!(self.buf, ",\"truncated\":{{\"reason\":\"{}\",\"advice\":\"{}\"}}", t.as_str(), t.advice());
        }
        self.buf.push(b'}');
        self.results += 1;
    }

    /// The whole array.
    pub fn finish(mut self) -> Segments {
        self.end();
        self.buf.push(b']');
        self.cut_segment();
        let mut all = Vec::with_capacity(self.done.len() + 1);
        all.push(Bytes::from_static(b"["));
        all.extend(self.done);
        // Small answers are common and cheap to join.
        if all.iter().map(Bytes::len).sum::<usize>() <= SEGMENT {
            Segments(vec![all.concat().into()])
        } else {
            Segments(all)
        }
    }
}

/// The type as SQL Server names it, as far as the driver tells.
fn type_name(t: ColumnType) -> &'static str {
    match t {
        ColumnType::Null => "null",
        ColumnType::Bit | ColumnType::Bitn => "bit",
        ColumnType::Int1 => "tinyint",
        ColumnType::Int2 => "smallint",
        ColumnType::Int4 | ColumnType::Intn => "int",
        ColumnType::Int8 => "bigint",
        ColumnType::Datetime4 => "smalldatetime",
        ColumnType::Datetime | ColumnType::Datetimen => "datetime",
        ColumnType::Float4 => "real",
        ColumnType::Float8 | ColumnType::Floatn => "float",
        ColumnType::Money => "money",
        ColumnType::Money4 => "smallmoney",
        ColumnType::Guid => "uniqueidentifier",
        ColumnType::Decimaln | ColumnType::Numericn => "decimal",
        ColumnType::Daten => "date",
        ColumnType::Timen => "time",
        ColumnType::Datetime2 => "datetime2",
        ColumnType::DatetimeOffsetn => "datetimeoffset",
        ColumnType::BigVarBin => "varbinary",
        ColumnType::BigVarChar => "varchar",
        ColumnType::BigBinary => "binary",
        ColumnType::BigChar => "char",
        ColumnType::NVarchar => "nvarchar",
        ColumnType::NChar => "nchar",
        ColumnType::Xml => "xml",
        ColumnType::Udt => "udt",
        ColumnType::Text => "text",
        ColumnType::Image => "image",
        ColumnType::NText => "ntext",
        ColumnType::SSVariant => "sql_variant",
    }
}

/// A JSON string.
fn text(s: &str, out: &mut Vec<u8>) {
    // Writing into a Vec cannot fail.
    let _ = serde_json::to_writer(out, s);
}

fn double(f: f64, out: &mut Vec<u8>) {
    // JSON has no infinities; SQL Server has none either.
    let _ = serde_json::to_writer(out, &f);
}

/// Writes a value; true when it is a number that had to be written as a string.
pub fn value(v: &ColumnData<'_>, type_name: &str, out: &mut Vec<u8>) -> bool {
    macro_rules! or_null {
        ($o:expr, $f:expr) => {
            match $o {
                Some(x) => $f(x),
                None => out.extend_from_slice(b"null"),
            }
        };
    }
    let mut exact = false;
    match v {
        ColumnData::U8(o) => or_null!(o, |x: &u8| {
            let _ = write!(out, "{x}");
        }),
        ColumnData::I16(o) => or_null!(o, |x: &i16| {
            let _ = write!(out, "{x}");
        }),
        ColumnData::I32(o) => or_null!(o, |x: &i32| {
            let _ = write!(out, "{x}");
        }),
        ColumnData::I64(o) => or_null!(o, |x: &i64| {
            exact = !(-SAFE..=SAFE).contains(x);
            let _ = if exact { write!(out, "\"{x}\"") } else { write!(out, "{x}") };
        }),
        // The shortest text that reads back as the same float, not as the double next to it.
        ColumnData::F32(o) => or_null!(o, |x: &f32| {
            let _ = serde_json::to_writer(&mut *out, x);
        }),
        ColumnData::F64(o) if matches!(type_name, "money" | "smallmoney") => or_null!(o, |x: &f64| {
            let _ = write!(out, "{x:.4}");
        }),
        ColumnData::F64(o) => or_null!(o, |x: &f64| double(*x, out)),
        ColumnData::Bit(o) => or_null!(o, |x: &bool| out.extend_from_slice(if *x { b"true" } else { b"false" })),
        ColumnData::String(o) => or_null!(o, |x: &std::borrow::Cow<'_, str>| text(x, out)),
        ColumnData::Guid(o) => or_null!(o, |x: &tiberius::Uuid| {
            let _ = write!(out, "\"{:X}\"", x.as_hyphenated());
        }),
        ColumnData::Binary(o) => or_null!(o, |x: &std::borrow::Cow<'_, [u8]>| {
            out.extend_from_slice(b"\"0x");
            for b in x.iter() {
                out.push(b"0123456789ABCDEF"[usize::from(b >> 4)]);
                out.push(b"0123456789ABCDEF"[usize::from(b & 15)]);
            }
            out.push(b'"');
        }),
        ColumnData::Numeric(o) => or_null!(o, |x: &tiberius::numeric::Numeric| {
            let t = decimal(x.value(), x.scale());
            exact = significant(x.value()) > 15;
            let _ = if exact { write!(out, "\"{t}\"") } else { write!(out, "{t}") };
        }),
        ColumnData::Xml(o) => or_null!(o, |x: &std::borrow::Cow<'_, tiberius::xml::XmlData>| text(&x.to_string(), out)),
        ColumnData::Date(o) => or_null!(o, |x: &tiberius::time::Date| {
            let _ = write!(out, "\"{}\"", date(i64::from(x.days())));
        }),
        ColumnData::Time(o) => or_null!(o, |x: &tiberius::time::Time| {
            let _ = write!(out, "\"{}\"", clock(x.increments(), x.scale()));
        }),
        ColumnData::DateTime2(o) => or_null!(o, |x: &tiberius::time::DateTime2| {
            let _ = write!(
                out,
                "\"{}T{}\"",
                date(i64::from(x.date().days())),
                clock(x.time().increments(), x.time().scale())
            );
        }),
        ColumnData::DateTimeOffset(o) => or_null!(o, |x: &tiberius::time::DateTimeOffset| {
            // The wire has UTC; people want the local time that was stored, with its zone.
            let t = x.datetime2();
            let scale = t.time().scale();
            let unit = 10i128.pow(u32::from(scale.min(7)));
            let day = 86_400 * unit;
            let local = i128::from(t.date().days()) * day
                + i128::from(t.time().increments())
                + i128::from(x.offset()) * 60 * unit;
            let (days, rest) = (local.div_euclid(day), local.rem_euclid(day));
            let o = x.offset();
            let _ = write!(
                out,
                "\"{}T{}{}{:02}:{:02}\"",
                date(days as i64),
                clock(rest as u64, scale),
                if o < 0 { '-' } else { '+' },
                o.abs() / 60,
                o.abs() % 60
            );
        }),
        ColumnData::DateTime(o) => or_null!(o, |x: &tiberius::time::DateTime| {
            // 1/300 s, shown as .000, .003 and .007 as SQL Server does.
            let ms = (u64::from(x.seconds_fragments()) * 10 + 1) / 3;
            let _ = write!(out, "\"{}T{}\"", date(i64::from(x.days()) + 693_595), clock(ms, 3));
        }),
        ColumnData::SmallDateTime(o) => or_null!(o, |x: &tiberius::time::SmallDateTime| {
            let minutes = u64::from(x.seconds_fragments());
            let _ = write!(out, "\"{}T{}\"", date(i64::from(x.days()) + 693_595), clock(minutes * 60, 0));
        }),
    }
    exact
}

fn decimal(v: i128, scale: u8) -> String {
    let digits = v.unsigned_abs().to_string();
    let s = usize::from(scale);
    let sign = if v < 0 { "-" } else { "" };
    if s == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = s + 1);
    let at = padded.len() - s;
    format!("{sign}{}.{}", &padded[..at], &padded[at..])
}

/// Significant digits: trailing zeros do not count, because a double carries them.
fn significant(v: i128) -> usize {
    let mut v = v.unsigned_abs();
    if v == 0 {
        return 1;
    }
    while v.is_multiple_of(10) {
        v /= 10;
    }
    v.to_string().len()
}

/// `yyyy-mm-dd` from days since 0001-01-01 (the civil-from-days algorithm).
fn date(days: i64) -> String {
    let z = days + 306;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    format!("{:04}-{m:02}-{:02}", yoe + era * 400 + i64::from(m <= 2), doy - (153 * mp + 2) / 5 + 1)
}

/// `hh:mm:ss` with `scale` digits, from increments of 10^-scale seconds.
fn clock(increments: u64, scale: u8) -> String {
    let unit = 10u64.pow(u32::from(scale.min(7)));
    let (s, f) = (increments / unit, increments % unit);
    let base = format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    if scale == 0 { base } else { format!("{base}.{f:0width$}", width = usize::from(scale)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(v: ColumnData<'_>, ty: &str) -> (String, bool) {
        let mut out = Vec::new();
        let exact = value(&v, ty, &mut out);
        (String::from_utf8(out).expect("UTF-8"), exact)
    }

    #[test]
    fn numbers_that_a_double_cannot_carry_are_strings() {
        assert_eq!(json(ColumnData::I64(Some(SAFE)), "bigint"), ("9007199254740992".into(), false));
        assert_eq!(json(ColumnData::I64(Some(SAFE + 1)), "bigint"), ("\"9007199254740993\"".into(), true));
        let n = |v, s| ColumnData::Numeric(Some(tiberius::numeric::Numeric::new_with_scale(v, s)));
        assert_eq!(json(n(123_456_789_012_345, 2), "decimal"), ("1234567890123.45".into(), false));
        assert_eq!(json(n(1_234_567_890_123_456, 2), "decimal"), ("\"12345678901234.56\"".into(), true));
        assert_eq!(json(n(-5, 3), "decimal"), ("-0.005".into(), false));
        assert_eq!(json(ColumnData::F32(Some(0.1)), "real"), ("0.1".into(), false));
        assert_eq!(json(ColumnData::F64(Some(12.5)), "money"), ("12.5000".into(), false));
    }

    #[test]
    fn dates_keep_their_precision_and_zone() {
        use tiberius::time::{Date, DateTime, DateTime2, DateTimeOffset, SmallDateTime, Time};
        let d2 = DateTime2::new(Date::new(738_579), Time::new(452_967_890_123, 7));
        assert_eq!(json(ColumnData::DateTime2(Some(d2)), "").0, "\"2023-03-01T12:34:56.7890123\"");
        // 2024-02-29 12:34:56 +05:30 is 07:04:56 UTC.
        let dto = DateTimeOffset::new(DateTime2::new(Date::new(738_944), Time::new(25_496, 0)), 330);
        assert_eq!(json(ColumnData::DateTimeOffset(Some(dto)), "").0, "\"2024-02-29T12:34:56+05:30\"");
        assert_eq!(json(ColumnData::DateTime(Some(DateTime::new(0, 1))), "").0, "\"1900-01-01T00:00:00.003\"");
        assert_eq!(json(ColumnData::SmallDateTime(Some(SmallDateTime::new(1, 61))), "").0, "\"1900-01-02T01:01:00\"");
        assert_eq!(json(ColumnData::Date(Some(Date::new(0))), "").0, "\"0001-01-01\"");
        assert_eq!(json(ColumnData::Time(None), "").0, "null");
    }
}
