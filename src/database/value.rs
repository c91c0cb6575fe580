//! One value as text: in JSON for `structuredContent`, in CSV where a caller prefers that.
//!
//! A number that a double cannot carry (bigint beyond 2^53, decimals beyond 15 significant digits)
//! is a JSON string. Dates are ISO 8601 in the precision of their type. What the driver cannot give
//! exactly is noted, never hidden. Wire formats: MS-TDS 2.2.5.5 (data types).

use std::borrow::Cow;
use std::io::Write as _;

use tiberius::{ColumnData, ColumnType};

/// The largest integer that a double counts up to.
const SAFE: i64 = 1 << 53;
/// Decimal digits that every double carries.
const DOUBLE: usize = 15;
/// Days from 0001-01-01 to 1900-01-01, where datetime counts from.
const DAYS_TO_1900: i64 = 693_595;

/// What is to be said of a value beside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ValueNote {
    /// A number that had to be a string.
    pub(crate) exact: bool,
    /// Money that the driver rounded: it decodes money to a double.
    pub(crate) rounded: bool,
    /// The cell was longer than the limit.
    pub(crate) cut: bool,
}

/// A value without its quotes.
enum Plain<'a> {
    Null,
    /// A number or a bit, already written.
    Bare,
    /// ASCII without anything to escape, already written; a string in JSON.
    Quoted,
    Text(Cow<'a, str>),
    Binary(&'a [u8]),
}

/// The type as SQL Server names it, as far as the driver tells.
pub(crate) fn type_name(t: ColumnType) -> &'static str {
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

/// The base type of a sql_variant, as far as the driver keeps it: it tells neither varchar from
/// nvarchar nor money from float.
fn base_type(v: &ColumnData<'_>) -> &'static str {
    match v {
        ColumnData::U8(_) => "tinyint",
        ColumnData::I16(_) => "smallint",
        ColumnData::I32(_) => "int",
        ColumnData::I64(_) => "bigint",
        ColumnData::F32(_) => "real",
        ColumnData::F64(_) => "float",
        ColumnData::Bit(_) => "bit",
        ColumnData::String(_) => "nvarchar",
        ColumnData::Guid(_) => "uniqueidentifier",
        ColumnData::Binary(_) => "varbinary",
        ColumnData::Numeric(_) => "decimal",
        ColumnData::Xml(_) => "xml",
        ColumnData::DateTime(_) => "datetime",
        ColumnData::SmallDateTime(_) => "smalldatetime",
        ColumnData::Time(_) => "time",
        ColumnData::Date(_) => "date",
        ColumnData::DateTime2(_) => "datetime2",
        ColumnData::DateTimeOffset(_) => "datetimeoffset",
    }
}

/// Writes a value as JSON. Texts and binaries longer than `max` characters are cut, and say so.
pub(crate) fn json(
    v: &ColumnData<'_>,
    type_name: &str,
    max: usize,
    out: &mut Vec<u8>,
) -> ValueNote {
    let variant = type_name == "sql_variant" && !matches!(v, ColumnData::String(None));
    if variant {
        let _ = write!(out, "{{\"base_type\":\"{}\",\"value\":", base_type(v));
    }
    let start = out.len();
    let mut note = ValueNote::default();
    match plain(v, type_name, out, &mut note) {
        Plain::Null => out.extend_from_slice(b"null"),
        // A double would lose digits: quotes around it.
        Plain::Bare if note.exact => {
            out.insert(start, b'"');
            out.push(b'"');
        }
        Plain::Bare => {}
        Plain::Quoted => {
            out.insert(start, b'"');
            out.push(b'"');
        }
        Plain::Text(t) => {
            let (t, cut) = cut_to(&t, max);
            note.cut = cut;
            // Writing into a Vec cannot fail.
            let _ = serde_json::to_writer(&mut *out, &*t);
        }
        Plain::Binary(b) => {
            out.push(b'"');
            note.cut = hex(b, max, out);
            out.push(b'"');
        }
    }
    if variant {
        out.push(b'}');
    }
    note
}

/// Writes a value as a CSV field (RFC 4180): NULL is nothing, the empty string is `""`.
pub(crate) fn csv(v: &ColumnData<'_>, type_name: &str, max: usize, out: &mut Vec<u8>) {
    match plain(v, type_name, out, &mut ValueNote::default()) {
        Plain::Null | Plain::Bare | Plain::Quoted => {}
        Plain::Text(t) => field(&cut_to(&t, max).0, out),
        Plain::Binary(b) => {
            hex(b, max, out);
        }
    }
}

/// A text as a CSV field. One with a `#` is in quotes: our own lines begin with it, and readers
/// that take it for a comment cut there.
pub(crate) fn field(t: &str, out: &mut Vec<u8>) {
    if !t.is_empty() && !t.contains([',', '"', '\n', '\r', '#']) {
        return out.extend_from_slice(t.as_bytes());
    }
    out.push(b'"');
    for b in t.bytes() {
        out.extend_from_slice(if b == b'"' { b"\"\"" } else { std::slice::from_ref(&b) });
    }
    out.push(b'"');
}

fn cut_to(t: &str, max: usize) -> (Cow<'_, str>, bool) {
    // Bytes are never fewer than characters.
    if t.len() <= max {
        return (t.into(), false);
    }
    match t.char_indices().nth(max) {
        None => (t.into(), false),
        Some((at, _)) => {
            (format!("{}… [cut: {max} of {} characters]", &t[..at], t.chars().count()).into(), true)
        }
    }
}

fn hex(b: &[u8], max: usize, out: &mut Vec<u8>) -> bool {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let shown = &b[..b.len().min(max / 2)];
    out.extend_from_slice(b"0x");
    out.extend(
        shown.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]),
    );
    if shown.len() < b.len() {
        let _ = write!(out, "… [cut: {} of {} bytes]", shown.len(), b.len());
    }
    shown.len() < b.len()
}

/// Writes what needs no escaping; hands texts and binaries back.
fn plain<'v>(
    v: &'v ColumnData<'_>,
    type_name: &str,
    out: &mut Vec<u8>,
    note: &mut ValueNote,
) -> Plain<'v> {
    match v {
        ColumnData::U8(Some(x)) => integer(i64::from(*x), out),
        ColumnData::I16(Some(x)) => integer(i64::from(*x), out),
        ColumnData::I32(Some(x)) => integer(i64::from(*x), out),
        ColumnData::I64(Some(x)) => {
            note.exact = !(-SAFE..=SAFE).contains(x);
            integer(*x, out)
        }
        ColumnData::F64(Some(x)) if matches!(type_name, "money" | "smallmoney") => {
            let scaled = (x * 1e4).round();
            note.rounded = scaled.abs() > SAFE as f64;
            note.exact = decimal(scaled as i128, 4, out);
            Plain::Bare
        }
        // The shortest text that reads back as the same value of the same width.
        ColumnData::F32(Some(x)) => {
            let _ = serde_json::to_writer(out, x);
            Plain::Bare
        }
        ColumnData::F64(Some(x)) => {
            let _ = serde_json::to_writer(out, x);
            Plain::Bare
        }
        ColumnData::Bit(Some(x)) => {
            out.extend_from_slice(if *x { b"true" } else { b"false" });
            Plain::Bare
        }
        ColumnData::Numeric(Some(x)) => {
            note.exact = decimal(x.value(), x.scale(), out);
            Plain::Bare
        }
        ColumnData::Guid(Some(x)) => {
            let _ = write!(out, "{:X}", x.as_hyphenated());
            Plain::Quoted
        }
        ColumnData::Date(Some(x)) => {
            date(i64::from(x.days()), out);
            Plain::Quoted
        }
        ColumnData::Time(Some(x)) => {
            clock(x.increments(), x.scale(), out);
            Plain::Quoted
        }
        ColumnData::DateTime2(Some(x)) => {
            moment(i64::from(x.date().days()), x.time().increments(), x.time().scale(), out)
        }
        ColumnData::DateTimeOffset(Some(x)) => zoned(x, out),
        // 1/300 s, shown as .000, .003 and .007 as SQL Server does.
        ColumnData::DateTime(Some(x)) => moment(
            i64::from(x.days()) + DAYS_TO_1900,
            (u64::from(x.seconds_fragments()) * 10 + 1) / 3,
            3,
            out,
        ),
        ColumnData::SmallDateTime(Some(x)) => moment(
            i64::from(x.days()) + DAYS_TO_1900,
            u64::from(x.seconds_fragments()) * 60,
            0,
            out,
        ),
        ColumnData::String(Some(x)) => Plain::Text(Cow::Borrowed(x)),
        ColumnData::Xml(Some(x)) => Plain::Text(Cow::Owned(x.to_string())),
        ColumnData::Binary(Some(x)) => Plain::Binary(x),
        _ => Plain::Null,
    }
}

/// The wire has UTC (MS-TDS §2.2.5.5.1.9); people want the local time that was stored, with its
/// zone.
fn zoned<'a>(x: &tiberius::time::DateTimeOffset, out: &mut Vec<u8>) -> Plain<'a> {
    let t = x.datetime2();
    let scale = t.time().scale();
    let unit = 10i128.pow(u32::from(scale.min(7)));
    let day = 86_400 * unit;
    let local = i128::from(t.date().days()) * day
        + i128::from(t.time().increments())
        + i128::from(x.offset()) * 60 * unit;
    moment(local.div_euclid(day) as i64, local.rem_euclid(day) as u64, scale, out);
    let offset = u64::from(x.offset().unsigned_abs());
    out.push(if x.offset() < 0 { b'-' } else { b'+' });
    pad(offset / 60, 2, out);
    out.push(b':');
    pad(offset % 60, 2, out);
    Plain::Quoted
}

fn integer<'a>(x: i64, out: &mut Vec<u8>) -> Plain<'a> {
    if x < 0 {
        out.push(b'-');
    }
    pad(x.unsigned_abs(), 1, out);
    Plain::Bare
}

/// Digits, with zeros in front up to a width.
fn pad(x: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [0; 40];
    let n = digits_of(u128::from(x), width, &mut digits);
    out.extend_from_slice(&digits[40 - n..]);
}

/// Writes digits to the end of `to`, at least `least` of them; tells how many.
fn digits_of(mut x: u128, least: usize, to: &mut [u8; 40]) -> usize {
    let mut n = 0;
    // Dividing 128 bits is slow, and seldom needed.
    while x > u128::from(u64::MAX) {
        n += 1;
        to[40 - n] = b'0' + (x % 10) as u8;
        x /= 10;
    }
    let mut x = x as u64;
    while x > 0 || n < least.min(40) {
        n += 1;
        to[40 - n] = b'0' + (x % 10) as u8;
        x /= 10;
    }
    n
}

/// A decimal with its point; true when it has more digits than a double carries. Zeros at either
/// end do not count.
fn decimal(v: i128, scale: u8, out: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 40];
    let scale = usize::from(scale.min(38));
    let n = digits_of(v.unsigned_abs(), scale + 1, &mut buffer);
    let digits = &buffer[40 - n..];
    if v < 0 {
        out.push(b'-');
    }
    let (whole, fraction) = digits.split_at(n - scale);
    out.extend_from_slice(whole);
    if scale > 0 {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
    let zeros = digits.iter().take_while(|d| **d == b'0').count();
    n - zeros > DOUBLE
        && n - zeros - digits.iter().rev().take_while(|d| **d == b'0').count() > DOUBLE
}

/// `yyyy-mm-dd` from days since 0001-01-01 (the civil-from-days algorithm).
fn date(days: i64, out: &mut Vec<u8>) {
    let z = days + 306;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    pad((yoe + era * 400 + i64::from(m <= 2)).unsigned_abs(), 4, out);
    out.push(b'-');
    pad(m.unsigned_abs(), 2, out);
    out.push(b'-');
    pad((doy - (153 * mp + 2) / 5 + 1).unsigned_abs(), 2, out);
}

/// `hh:mm:ss` with `scale` digits, from increments of 10^-scale seconds.
fn clock(increments: u64, scale: u8, out: &mut Vec<u8>) {
    let unit = 10u64.pow(u32::from(scale.min(7)));
    let (s, f) = (increments / unit, increments % unit);
    for (part, after) in [(s / 3600, b':'), (s / 60 % 60, b':'), (s % 60, b'.')] {
        pad(part, 2, out);
        out.push(after);
    }
    if scale == 0 {
        out.pop();
    } else {
        pad(f, usize::from(scale), out);
    }
}

fn moment<'a>(days: i64, increments: u64, scale: u8, out: &mut Vec<u8>) -> Plain<'a> {
    date(days, out);
    out.push(b'T');
    clock(increments, scale, out);
    Plain::Quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(v: ColumnData<'_>, ty: &str) -> (String, ValueNote) {
        let mut out = Vec::new();
        let note = json(&v, ty, 20, &mut out);
        (String::from_utf8(out).expect("UTF-8"), note)
    }

    fn text(v: ColumnData<'_>, ty: &str) -> String {
        one(v, ty).0
    }

    #[test]
    fn numbers_that_a_double_cannot_carry_are_strings() {
        let exact = ValueNote { exact: true, ..ValueNote::default() };
        assert_eq!(
            one(ColumnData::I64(Some(SAFE)), "bigint"),
            ("9007199254740992".into(), ValueNote::default())
        );
        assert_eq!(
            one(ColumnData::I64(Some(SAFE + 1)), "bigint"),
            ("\"9007199254740993\"".into(), exact)
        );
        assert_eq!(text(ColumnData::I64(Some(i64::MIN)), "bigint"), "\"-9223372036854775808\"");
        let n = |v, s| ColumnData::Numeric(Some(tiberius::numeric::Numeric::new_with_scale(v, s)));
        assert_eq!(
            one(n(123_456_789_012_345, 2), "decimal"),
            ("1234567890123.45".into(), ValueNote::default())
        );
        assert_eq!(
            one(n(1_234_567_890_123_456, 2), "decimal"),
            ("\"12345678901234.56\"".into(), exact)
        );
        assert_eq!(text(n(-5, 3), "decimal"), "-0.005");
        assert_eq!(text(n(0, 4), "decimal"), "0.0000");
        assert_eq!(text(n(10i128.pow(20), 0), "decimal"), "100000000000000000000");
        assert_eq!(
            text(n(99_999_999_999_999_999_999_999_999_999_999_999_999, 37), "decimal"),
            "\"9.9999999999999999999999999999999999999\""
        );
        assert_eq!(text(ColumnData::F32(Some(0.1)), "real"), "0.1");
        assert_eq!(text(ColumnData::F64(Some(0.1 + 0.2)), "float"), "0.30000000000000004");
    }

    #[test]
    fn money_is_exact_below_what_a_double_counts_and_says_so_beyond() {
        assert_eq!(
            one(ColumnData::F64(Some(12.5)), "money"),
            ("12.5000".into(), ValueNote::default())
        );
        assert_eq!(text(ColumnData::F64(Some(-214_748.364_8)), "smallmoney"), "-214748.3648");
        assert!(!one(ColumnData::F64(Some(900_719_925_474.099)), "money").1.rounded);
        assert!(one(ColumnData::F64(Some(922_337_203_685_477.6)), "money").1.rounded);
    }

    #[test]
    fn dates_keep_their_precision_and_zone() {
        use tiberius::time::{Date, DateTime, DateTime2, DateTimeOffset, SmallDateTime, Time};
        let d2 = DateTime2::new(Date::new(738_579), Time::new(452_967_890_123, 7));
        assert_eq!(text(ColumnData::DateTime2(Some(d2)), ""), "\"2023-03-01T12:34:56.7890123\"");
        // 2024-02-29 12:34:56 +05:30 is 07:04:56 UTC.
        let dto =
            DateTimeOffset::new(DateTime2::new(Date::new(738_944), Time::new(25_496, 0)), 330);
        assert_eq!(
            text(ColumnData::DateTimeOffset(Some(dto)), ""),
            "\"2024-02-29T12:34:56+05:30\""
        );
        assert_eq!(
            text(ColumnData::DateTime(Some(DateTime::new(0, 1))), ""),
            "\"1900-01-01T00:00:00.003\""
        );
        assert_eq!(
            text(ColumnData::SmallDateTime(Some(SmallDateTime::new(1, 61))), ""),
            "\"1900-01-02T01:01:00\""
        );
        assert_eq!(text(ColumnData::Date(Some(Date::new(0))), ""), "\"0001-01-01\"");
        assert_eq!(text(ColumnData::Date(Some(Date::new(3_652_058))), ""), "\"9999-12-31\"");
        assert_eq!(text(ColumnData::Time(Some(Time::new(1, 7))), ""), "\"00:00:00.0000001\"");
        assert_eq!(text(ColumnData::Time(None), ""), "null");
    }

    #[test]
    fn long_cells_are_cut_and_say_so() {
        let cut = ValueNote { cut: true, ..ValueNote::default() };
        let long = "é".repeat(21);
        let (t, note) = one(ColumnData::String(Some(long.into())), "nvarchar");
        assert_eq!((t, note), (format!("\"{}… [cut: 20 of 21 characters]\"", "é".repeat(20)), cut));
        assert_eq!(
            one(ColumnData::String(Some("é".repeat(20).into())), "nvarchar").1,
            ValueNote::default()
        );
        let (t, note) = one(ColumnData::Binary(Some(vec![0xAB; 11].into())), "varbinary");
        assert_eq!((t, note), (format!("\"0x{}… [cut: 10 of 11 bytes]\"", "AB".repeat(10)), cut));
    }

    #[test]
    fn a_variant_names_its_base_type() {
        assert_eq!(
            text(ColumnData::I32(Some(7)), "sql_variant"),
            "{\"base_type\":\"int\",\"value\":7}"
        );
        assert_eq!(text(ColumnData::String(None), "sql_variant"), "null");
    }

    #[test]
    fn csv_fields_follow_rfc_4180() {
        let mut out = Vec::new();
        for v in [
            ColumnData::String(None),
            ColumnData::String(Some("".into())),
            ColumnData::String(Some("a,\"b\"\n".into())),
            ColumnData::I64(Some(i64::MAX)),
        ] {
            csv(&v, "", 100, &mut out);
            out.push(b'|');
        }
        assert_eq!(String::from_utf8_lossy(&out), "|\"\"|\"a,\"\"b\"\"\n\"|9223372036854775807|");
    }
}
