//! The driver's values as JSON, written with nothing of the session's own.

use chrono::NaiveDate;
use mssql_mcp_sandbox::types::Type;
use tiberius::ColumnData;

/// JSON of a value, as docs/types.md has it.
pub(super) fn told(cell: &ColumnData<'_>, ty: Type) -> String {
    let known = match cell {
        ColumnData::U8(v) => v.map(|n| n.to_string()),
        ColumnData::I16(v) => v.map(|n| n.to_string()),
        ColumnData::I32(v) => v.map(|n| n.to_string()),
        ColumnData::I64(v) => v.map(|n| whole(n.into())),
        ColumnData::F32(v) => v.map(|x| format!("{x:e}")),
        ColumnData::F64(v) => v.map(|x| format!("{x:e}")),
        ColumnData::Bit(v) => v.map(|b| b.to_string()),
        ColumnData::String(v) => v.as_ref().map(|t| quoted(t)),
        ColumnData::Guid(v) => v.map(|g| quoted(&g.to_string().to_uppercase())),
        ColumnData::Binary(v) => v.as_ref().map(|b| {
            let hex: String = b.iter().map(|b| format!("{b:02X}")).collect();
            quoted(&format!("0x{hex}"))
        }),
        ColumnData::Numeric(v) => v.map(|n| exact(n.value(), n.scale())),
        ColumnData::Xml(v) => v.as_ref().map(|x| quoted(&x.to_string())),
        ColumnData::Date(v) => v.map(|d| quoted(&day(d.days().into()))),
        ColumnData::Time(v) => {
            v.map(|t| quoted(&clock(nanoseconds(t.increments(), t.scale()), t.scale())))
        }
        _ => moment(cell),
    };
    known.unwrap_or_else(|| {
        assert!(format!("{cell:?}").ends_with("(None)"), "{ty:?}: {cell:?}");
        "null".to_owned()
    })
}

fn moment(cell: &ColumnData<'_>) -> Option<String> {
    let (days, ns, scale, zone) = match cell {
        // 1/300 s to the nearest millisecond.
        ColumnData::DateTime(Some(d)) => {
            let ms = (u64::from(d.seconds_fragments()) * 10 + 1) / 3;
            (i64::from(d.days()) + DAYS_1900, ms * 1_000_000, 3, None)
        }
        ColumnData::SmallDateTime(Some(d)) => {
            let minutes = u64::from(d.seconds_fragments());
            (i64::from(d.days()) + DAYS_1900, minutes * 60_000_000_000, 0, None)
        }
        ColumnData::DateTime2(Some(d)) => {
            let t = d.time();
            (d.date().days().into(), nanoseconds(t.increments(), t.scale()), t.scale(), None)
        }
        ColumnData::DateTimeOffset(Some(d)) => {
            let (t, date) = (d.datetime2().time(), d.datetime2().date());
            (
                date.days().into(),
                nanoseconds(t.increments(), t.scale()),
                t.scale(),
                Some(i64::from(d.offset())),
            )
        }
        _ => return None,
    };
    // On the wire it is UTC.
    let shift = zone.unwrap_or(0) * 60_000_000_000;
    let local = ns as i64 + shift;
    let days = days + local.div_euclid(DAY);
    let clock = clock(local.rem_euclid(DAY) as u64, scale);
    let zone = zone.map(|z| {
        let sign = if z < 0 { '-' } else { '+' };
        format!("{sign}{:02}:{:02}", z.abs() / 60, z.abs() % 60)
    });
    Some(quoted(&format!("{}T{clock}{}", day(days), zone.unwrap_or_default())))
}

/// Nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;
/// Days from 0001-01-01 to 1900-01-01.
const DAYS_1900: i64 = 693_595;

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string")
}

/// In quotes where a double has no such number.
fn whole(n: i128) -> String {
    if n.unsigned_abs() > 1 << 53 { quoted(&n.to_string()) } else { n.to_string() }
}

/// In quotes from 16 digits on, which a double need not keep.
fn exact(n: i128, scale: u8) -> String {
    let digits = format!("{:0>width$}", n.unsigned_abs(), width = usize::from(scale) + 1);
    let (before, behind) = digits.split_at(digits.len() - usize::from(scale));
    let point = if scale > 0 { "." } else { "" };
    let sign = if n < 0 { "-" } else { "" };
    let text = format!("{sign}{before}{point}{behind}");
    let significant = digits.trim_matches('0').len();
    if significant > 15 { quoted(&text) } else { text }
}

fn nanoseconds(increments: u64, scale: u8) -> u64 {
    increments * 10u64.pow(9 - u32::from(scale))
}

fn day(days: i64) -> String {
    let from_ce = i32::try_from(days + 1).expect("a day");
    let date = NaiveDate::from_num_days_from_ce_opt(from_ce).expect("a day");
    date.format("%Y-%m-%d").to_string()
}

fn clock(ns: u64, scale: u8) -> String {
    let seconds = ns / 1_000_000_000;
    let whole = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if scale == 0 {
        return whole;
    }
    let fraction = format!("{:09}", ns % 1_000_000_000);
    format!("{whole}.{}", &fraction[..usize::from(scale)])
}
