//! A value, and how it is kept in SQLite.

use rusqlite::types::{ToSqlOutput, Value as Stored, ValueRef};

use super::Type;
use crate::error::{Error, Result};

/// A value. Which variant stands for which type is the table in the documentation of
/// [`types`](super).
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are SQLite's representations")]
pub enum Value {
    Null,
    Int(i64),
    Dec(i128),
    Float(f64),
    Str(String),
    Bin(Vec<u8>),
    /// UTC ticks and the offset in minutes.
    Offset(i64, i16),
}

impl Value {
    /// From SQLite, read as a value of `ty`.
    pub(crate) fn from_lite(value: ValueRef<'_>, ty: Type) -> Result<Value> {
        Ok(match (value, ty) {
            (ValueRef::Null, _) => Value::Null,
            (ValueRef::Integer(n), ty) if ty.is_float() => Value::Float(n as f64),
            (ValueRef::Integer(n), _) => Value::Int(n),
            (ValueRef::Real(f), _) => Value::Float(f),
            (ValueRef::Text(t), _) => Value::Str(String::from_utf8_lossy(t).into_owned()),
            (ValueRef::Blob(b), t) if t.is_scaled() => Value::Dec(dec_from_key(b)?),
            (ValueRef::Blob(b), Type::DateTimeOffset(_)) => {
                let (Some(t), Some(o)) = (b.first_chunk::<8>(), b.get(8..10)) else {
                    return Err(Error::internal("a datetimeoffset of the wrong size"));
                };
                Value::Offset(i64::from_be_bytes(*t), i16::from_be_bytes([o[0], o[1]]))
            }
            (ValueRef::Blob(b), _) => Value::Bin(b.to_vec()),
        })
    }

    pub(crate) fn to_lite(&self) -> Stored {
        match self {
            Value::Null => Stored::Null,
            Value::Int(i) => Stored::Integer(*i),
            Value::Dec(d) => Stored::Blob(dec_key(*d).to_vec()),
            Value::Float(f) => Stored::Real(*f),
            Value::Str(s) => Stored::Text(s.clone()),
            Value::Bin(b) => Stored::Blob(b.clone()),
            Value::Offset(t, o) => {
                let mut b = t.to_be_bytes().to_vec();
                b.extend_from_slice(&o.to_be_bytes());
                Stored::Blob(b)
            }
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(self.to_lite()))
    }
}

/// The 16 bytes whose `memcmp` order is the order of the number.
pub(crate) fn dec_key(d: i128) -> [u8; 16] {
    (d as u128 ^ (1u128 << 127)).to_be_bytes()
}

pub(crate) fn dec_from_key(b: &[u8]) -> Result<i128> {
    let a: [u8; 16] = b.try_into().map_err(|_| Error::internal("a decimal of the wrong size"))?;
    Ok((u128::from_be_bytes(a) ^ (1u128 << 127)) as i128)
}
