//! Apache Parquet, written column by column in groups of rows.

use std::sync::Arc;

use ::parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    FloatType, Int32Type, Int64Type,
};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;

use super::Write;
use crate::column::Kind;
use crate::decimal::Decimal;
use crate::error::Error;
use crate::kept::Set;
use crate::moment::{DAY, Moment, clock};
use crate::scan::Cells;

/// Rows of a group.
const GROUP: usize = 65_536;
/// Bytes of rows in a group, beyond which it ends earlier: it is in memory until then.
const GROUP_BYTES: usize = 32 << 20;
/// Days from 0001-01-01 to 1970-01-01.
const EPOCH: i64 = 719_162;

#[derive(Debug)]
pub(super) struct Parquet {
    writer: SerializedFileWriter<Vec<u8>>,
    columns: Vec<ColumnOut>,
    rows: usize,
    bytes: usize,
}

/// The values of a column in the group that is not yet written.
#[derive(Debug)]
struct ColumnOut {
    name: String,
    kind: Kind,
    /// Moments are in nanoseconds.
    nanos: bool,
    values: Values,
    /// 0 where a row has NULL, 1 where it has a value.
    levels: Vec<i16>,
}

#[derive(Debug)]
enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

impl From<ParquetError> for Error {
    fn from(e: ParquetError) -> Self {
        Self::Format(e.to_string())
    }
}

/// What a kind of column is in Parquet.
fn column_type(kind: Kind, nanos: bool) -> (Physical, Option<LogicalType>) {
    let unit = if nanos { TimeUnit::NANOS } else { TimeUnit::MICROS };
    match kind {
        // tinyint alone has no sign.
        Kind::Int(8) => (Physical::INT32, Some(LogicalType::integer(8, false))),
        Kind::Int(16) => (Physical::INT32, Some(LogicalType::integer(16, true))),
        Kind::Int(32) => (Physical::INT32, Some(LogicalType::integer(32, true))),
        Kind::Int(_) => (Physical::INT64, Some(LogicalType::integer(64, true))),
        Kind::Decimal { precision, scale } => {
            let physical = match precision {
                0..=9 => Physical::INT32,
                10..=18 => Physical::INT64,
                _ => Physical::FIXED_LEN_BYTE_ARRAY,
            };
            (physical, Some(LogicalType::decimal(scale.into(), precision.into())))
        }
        Kind::Real => (Physical::FLOAT, None),
        Kind::Float => (Physical::DOUBLE, None),
        Kind::Bit => (Physical::BOOLEAN, None),
        Kind::Date => (Physical::INT32, Some(LogicalType::Date)),
        Kind::Time { .. } => (Physical::INT64, Some(LogicalType::time(false, unit))),
        Kind::Moment { .. } => (Physical::INT64, Some(LogicalType::timestamp(false, unit))),
        Kind::Offset { .. } => (Physical::INT64, Some(LogicalType::timestamp(true, unit))),
        Kind::Binary => (Physical::BYTE_ARRAY, None),
        Kind::Guid | Kind::Text | Kind::Other => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    }
}

/// Whether the moments of a column are written in nanoseconds: their type has a seventh digit, and
/// it is known that all of them are within what nanoseconds of 64 bits reach.
fn in_nanos(kind: Kind, set: &Set, column: usize) -> bool {
    let reach = |text: &str| {
        let moment = Moment::read(text).map(Moment::utc);
        moment.and_then(|ticks| (ticks - EPOCH * DAY).checked_mul(100)).is_some()
    };
    match kind {
        Kind::Time { scale } => scale > 6,
        Kind::Moment { scale } | Kind::Offset { scale } if scale > 6 => {
            let profile = set.profile.as_ref().and_then(|p| p.get(column));
            profile.is_some_and(|p| {
                [&p.min, &p.max].into_iter().all(|end| end.as_ref().is_none_or(|e| reach(&e.text)))
            })
        }
        _ => false,
    }
}

// === impl Parquet ===

impl Parquet {
    pub(super) fn new(set: &Set, picked: &[usize], names: &[String]) -> Result<Self, Error> {
        let mut columns = Vec::with_capacity(picked.len());
        let mut fields = Vec::with_capacity(picked.len());
        for (column, name) in picked.iter().zip(names) {
            let kind = set.kind(*column)?;
            let nanos = in_nanos(kind, set, *column);
            let (physical, logical) = column_type(kind, nanos);
            let mut field = Type::primitive_type_builder(name, physical)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(logical);
            if let Kind::Decimal { precision, scale } = kind {
                field = field.with_precision(precision.into()).with_scale(scale.into());
            }
            if physical == Physical::FIXED_LEN_BYTE_ARRAY {
                field = field.with_length(16);
            }
            fields.push(Arc::new(field.build()?));
            let values = Values::new(physical);
            columns.push(ColumnOut { name: name.clone(), kind, nanos, values, levels: Vec::new() });
        }
        let schema = Type::group_type_builder("schema").with_fields(fields).build()?;
        let properties = WriterProperties::builder().set_created_by("mssql-mcp".to_owned()).build();
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
        Ok(Self { writer, columns, rows: 0, bytes: 0 })
    }

    fn write_group(&mut self) -> Result<(), Error> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for of in &mut self.columns {
            let Some(mut column) = group.next_column()? else { break };
            let levels = Some(&of.levels[..]);
            match &of.values {
                Values::Bool(v) => column.typed::<BoolType>().write_batch(v, levels, None),
                Values::Int32(v) => column.typed::<Int32Type>().write_batch(v, levels, None),
                Values::Int64(v) => column.typed::<Int64Type>().write_batch(v, levels, None),
                Values::Float(v) => column.typed::<FloatType>().write_batch(v, levels, None),
                Values::Double(v) => column.typed::<DoubleType>().write_batch(v, levels, None),
                Values::Bytes(v) => column.typed::<ByteArrayType>().write_batch(v, levels, None),
                Values::Fixed(v) => {
                    column.typed::<FixedLenByteArrayType>().write_batch(v, levels, None)
                }
            }?;
            column.close()?;
            of.levels.clear();
            of.values.clear();
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }

    /// What was written goes out; the writer counts bytes on its own.
    fn hand_over(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.writer.flush()?;
        out.append(self.writer.inner_mut());
        Ok(())
    }
}

impl Write for Parquet {
    fn row(&mut self, row: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        for (cell, column) in Cells::new(row).zip(&mut self.columns) {
            column.add(cell.bare().text().as_deref())?;
        }
        self.rows += 1;
        self.bytes += row.len();
        if self.rows >= GROUP || self.bytes >= GROUP_BYTES {
            self.write_group()?;
            self.hand_over(out)?;
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.write_group()?;
        self.writer.finish()?;
        self.hand_over(out)
    }
}

// === impl Values ===

impl Values {
    fn new(physical: Physical) -> Self {
        match physical {
            Physical::BOOLEAN => Self::Bool(Vec::new()),
            Physical::INT32 => Self::Int32(Vec::new()),
            Physical::INT64 => Self::Int64(Vec::new()),
            Physical::FLOAT => Self::Float(Vec::new()),
            Physical::DOUBLE => Self::Double(Vec::new()),
            Physical::FIXED_LEN_BYTE_ARRAY => Self::Fixed(Vec::new()),
            _ => Self::Bytes(Vec::new()),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Bool(v) => v.clear(),
            Self::Int32(v) => v.clear(),
            Self::Int64(v) => v.clear(),
            Self::Float(v) => v.clear(),
            Self::Double(v) => v.clear(),
            Self::Bytes(v) => v.clear(),
            Self::Fixed(v) => v.clear(),
        }
    }
}

// === impl ColumnOut ===

impl ColumnOut {
    fn add(&mut self, text: Option<&str>) -> Result<(), Error> {
        self.levels.push(i16::from(text.is_some()));
        let Some(text) = text else { return Ok(()) };
        self.value(text).ok_or_else(|| {
            let short: String = text.chars().take(40).collect();
            Error::Format(format!("{short:?} in column {:?} is not of its type", self.name))
        })
    }

    /// None where a value is not of its column's type.
    fn value(&mut self, text: &str) -> Option<()> {
        match &mut self.values {
            Values::Bool(v) => v.push(match text {
                "true" | "1" => true,
                "false" | "0" => false,
                _ => return None,
            }),
            Values::Float(v) => v.push(text.parse().ok()?),
            Values::Double(v) => v.push(text.parse().ok()?),
            Values::Int32(v) => v.push(i32::try_from(integer(self.kind, self.nanos, text)?).ok()?),
            Values::Int64(v) => v.push(i64::try_from(integer(self.kind, self.nanos, text)?).ok()?),
            Values::Fixed(v) => {
                let bytes = integer(self.kind, self.nanos, text)?.to_be_bytes();
                v.push(bytes.to_vec().into());
            }
            Values::Bytes(v) if self.kind == Kind::Binary => v.push(bytes(text)?.into()),
            Values::Bytes(v) => v.push(text.into()),
        }
        Some(())
    }
}

/// A value of a type that Parquet has as an integer.
fn integer(kind: Kind, nanos: bool, text: &str) -> Option<i128> {
    let ticks = |ticks: i64| {
        let ticks = i128::from(ticks);
        // What has no place for its seventh digit goes without it.
        if nanos { ticks * 100 } else { ticks.div_euclid(10) }
    };
    match kind {
        Kind::Int(_) => Decimal::read(text)?.at_scale(0),
        Kind::Decimal { scale, .. } => Decimal::read(text)?.at_scale(scale),
        Kind::Date => Some(i128::from(Moment::read(text)?.local.div_euclid(DAY) - EPOCH)),
        Kind::Time { .. } => Some(ticks(clock(text.as_bytes())?)),
        Kind::Moment { .. } => Some(ticks(Moment::read(text)?.local - EPOCH * DAY)),
        Kind::Offset { .. } => Some(ticks(Moment::read(text)?.utc() - EPOCH * DAY)),
        _ => None,
    }
}

/// The bytes of `0x…`.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let digits = text.strip_prefix("0x")?.as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
