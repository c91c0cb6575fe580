//! Where rows go: straight from the wire, value by value, without a heap value per cell.

mod csv;
mod digits;
mod float;
mod json;
mod plain;

pub use self::csv::Csv;
pub use self::json::{Json, Note};
use crate::types::TypeInfo;

/// A value that has come whole; characters and bytes come in pieces instead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// NULL of any type.
    Null,
    /// bit, 0 being false.
    Bit(bool),
    /// tinyint, smallint, int and bigint.
    Int(i64),
    /// real, four bytes of IEEE 754.
    Real(f32),
    /// float, eight bytes of IEEE 754.
    Float(f64),
    /// decimal, numeric and money: digits, of which `scale` are behind the point.
    Decimal {
        /// Below zero, or a zero with a minus before it.
        negative: bool,
        /// The digits as a number.
        digits: u128,
        /// Digits behind the point.
        scale: u8,
    },
    /// In the order of its text's groups.
    UniqueIdentifier([u8; 16]),
    /// date, in days from 0001-01-01.
    Date(u32),
    /// Units of 10^-scale seconds from midnight.
    Time {
        /// Units from midnight, of 10^-scale seconds.
        ticks: u64,
        /// Digits of fractions of a second.
        scale: u8,
    },
    /// Date and time; datetime has 1/300 s rounded to three digits, smalldatetime has none.
    Moment {
        /// Days from 0001-01-01; before it for what no SQL Server has.
        days: i64,
        /// Units of 10^-scale seconds from midnight.
        ticks: u64,
        /// Digits of fractions of a second.
        scale: u8,
        /// Minutes from UTC; date and time are local.
        offset: Option<i16>,
    },
    /// Numbers of four bytes, or of two where `half`, little-endian.
    Vector {
        /// The numbers, one behind the other.
        numbers: &'a [u8],
        /// They are binary16, of two bytes each.
        half: bool,
    },
}

/// What pieces are pieces of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Characters; lengths are in Unicode scalar values.
    Text,
    /// Bytes, which lengths are in.
    Binary,
}

/// The end of a value that came in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// What the pieces were of.
    pub kind: Kind,
    /// Characters or bytes that were handed over.
    pub kept: u64,
    /// Characters or bytes that there are; more than `kept` where the value was cut.
    pub total: u64,
    /// `total` is not all either: the server has cut the value before (SET TEXTSIZE).
    pub at_least: bool,
    /// Places that could not be decoded, each a U+FFFD; those behind a cut count, too.
    pub replaced: u64,
}

/// What rows are written to. Columns are counted from 0.
pub trait Sink {
    /// A row begins; its values follow in the order of their columns.
    fn row(&mut self);
    /// A value that came whole.
    fn value(&mut self, column: usize, ty: &TypeInfo, value: Value<'_>);
    /// The next value or pieces are of a sql_variant that is not NULL, with this base type.
    fn variant(&mut self, column: usize, base: &TypeInfo);
    /// Pieces of a value begin; there may be none.
    fn begin(&mut self, column: usize, kind: Kind);
    /// Characters; lengths are in Unicode scalar values.
    fn text(&mut self, piece: &str);
    /// Bytes, which lengths are in.
    fn binary(&mut self, piece: &[u8]);
    /// The pieces of a value end.
    fn end(&mut self, column: usize, end: End);
    /// A row is whole.
    fn row_end(&mut self);
}

// === impl End ===

impl End {
    /// Whether something was left out.
    pub fn cut(&self) -> bool {
        self.kept < self.total || self.at_least
    }

    /// What stands behind a value that was cut.
    fn mark(&self, out: &mut Vec<u8>) {
        let unit = if self.kind == Kind::Text { "characters" } else { "bytes" };
        let more = if self.at_least { "more than " } else { "" };
        let (kept, total) = (self.kept, self.total);
        out.extend_from_slice(format!("… [cut: {kept} of {more}{total} {unit}]").as_bytes());
    }
}

/// Rows that nobody wants.
#[derive(Debug, Clone, Copy)]
pub struct Discard;

impl Sink for Discard {
    fn row(&mut self) {}
    fn value(&mut self, _: usize, _: &TypeInfo, _: Value<'_>) {}
    fn variant(&mut self, _: usize, _: &TypeInfo) {}
    fn begin(&mut self, _: usize, _: Kind) {}
    fn text(&mut self, _: &str) {}
    fn binary(&mut self, _: &[u8]) {}
    fn end(&mut self, _: usize, _: End) {}
    fn row_end(&mut self) {}
}

/// A form that is not always wanted.
impl<S: Sink> Sink for Option<S> {
    fn row(&mut self) {
        self.iter_mut().for_each(S::row);
    }

    fn value(&mut self, column: usize, ty: &TypeInfo, value: Value<'_>) {
        self.iter_mut().for_each(|s| s.value(column, ty, value));
    }

    fn variant(&mut self, column: usize, base: &TypeInfo) {
        self.iter_mut().for_each(|s| s.variant(column, base));
    }

    fn begin(&mut self, column: usize, kind: Kind) {
        self.iter_mut().for_each(|s| s.begin(column, kind));
    }

    fn text(&mut self, piece: &str) {
        self.iter_mut().for_each(|s| s.text(piece));
    }

    fn binary(&mut self, piece: &[u8]) {
        self.iter_mut().for_each(|s| s.binary(piece));
    }

    fn end(&mut self, column: usize, end: End) {
        self.iter_mut().for_each(|s| s.end(column, end));
    }

    fn row_end(&mut self) {
        self.iter_mut().for_each(S::row_end);
    }
}

/// Two forms of the same rows.
impl<A: Sink, B: Sink> Sink for (A, B) {
    fn row(&mut self) {
        self.0.row();
        self.1.row();
    }

    fn value(&mut self, column: usize, ty: &TypeInfo, value: Value<'_>) {
        self.0.value(column, ty, value);
        self.1.value(column, ty, value);
    }

    fn variant(&mut self, column: usize, base: &TypeInfo) {
        self.0.variant(column, base);
        self.1.variant(column, base);
    }

    fn begin(&mut self, column: usize, kind: Kind) {
        self.0.begin(column, kind);
        self.1.begin(column, kind);
    }

    fn text(&mut self, piece: &str) {
        self.0.text(piece);
        self.1.text(piece);
    }

    fn binary(&mut self, piece: &[u8]) {
        self.0.binary(piece);
        self.1.binary(piece);
    }

    fn end(&mut self, column: usize, end: End) {
        self.0.end(column, end);
        self.1.end(column, end);
    }

    fn row_end(&mut self) {
        self.0.row_end();
        self.1.row_end();
    }
}
