//! Columns of a result set (COLMETADATA, MS-TDS 2.2.7.4) and what is classified in them
//! (DATACLASSIFICATION, MS-TDS 2.2.7.5).

use std::fmt::Write as _;

use crate::cursor::{Cursor, Stop};
use crate::types::{self, Type, TypeInfo};

/// A column of a result set, as COLMETADATA describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Empty where an expression was given none; half of a surrogate pair is U+FFFD.
    pub name: String,
    /// Its type; `Display` declares it.
    pub ty: TypeInfo,
    /// It may be NULL.
    pub nullable: bool,
    /// It is an IDENTITY.
    pub identity: bool,
    /// It is computed, or an expression of the query.
    pub computed: bool,
    /// The table of text, ntext and image, in its parts.
    pub table: Vec<String>,
    /// How sensitive it is, where that was agreed and said.
    pub labels: Vec<Label>,
    declared: String,
}

/// Sensitivity of a column, from ADD SENSITIVITY CLASSIFICATION.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The label's name, such as "Confidential".
    pub label: Option<String>,
    /// The type's name, such as "Financial".
    pub information_type: Option<String>,
    /// 0 none, 10 low, 20 medium, 30 high, 40 critical; none where it is not said.
    pub rank: Option<i32>,
}

/// Characters of a declared type; only the names of UDTs are longer.
const LONG_ENOUGH: usize = 24;
/// The user type of timestamp.
const TIMESTAMP: u32 = 0x50;
/// Of a SELECT ("Maximum capacity specifications for SQL Server").
const MAX_COLUMNS: u16 = 4096;
/// Labels or information types that one token may name.
const MAX_LABELS: u16 = 4096;

// === impl Column ===

impl Column {
    /// The type as T-SQL declares it: `decimal(10,2)`, `varchar(20)`, `timestamp`.
    pub fn declared(&self) -> &str {
        &self.declared
    }

    /// One column of COLMETADATA.
    pub(crate) fn read(c: &mut Cursor<'_>) -> Result<Self, Stop> {
        let (user_type, flags) = (c.u32()?, c.u16()?);
        let ty = types::read(c)?;
        let mut table = Vec::new();
        if matches!(ty.ty, Type::Text | Type::NText | Type::Image) {
            for _ in 0..c.u8()? {
                table.push(c.us_varchar()?);
            }
        }
        let name = c.b_varchar()?;
        let mut declared = String::with_capacity(LONG_ENOUGH);
        // A rowversion is a binary(8) of a user type. Writing into a String cannot fail.
        let _ = match user_type == TIMESTAMP && ty.ty == Type::Binary {
            true => declared.write_str("timestamp"),
            false => write!(declared, "{ty}"),
        };
        Ok(Self {
            name,
            declared,
            nullable: flags & 0x01 != 0,
            identity: flags & 0x10 != 0,
            computed: flags & 0x20 != 0,
            table,
            labels: Vec::new(),
            ty,
        })
    }
}

/// The first three bytes of COLMETADATA: how many columns follow; none where it says that no result
/// set does (0xFFFF).
pub(crate) fn count(c: &mut Cursor<'_>) -> Result<Option<u16>, Stop> {
    c.u8()?;
    match c.u16()? {
        0xFFFF => Ok(None),
        n if n > MAX_COLUMNS => Err(Stop::Bad("more columns than a result set has")),
        n => Ok(Some(n)),
    }
}

/// COLMETADATA that is there as a whole.
pub(crate) fn read_all(c: &mut Cursor<'_>) -> Result<Option<Vec<Column>>, Stop> {
    let Some(n) = count(c)? else { return Ok(None) };
    (0..n).map(|_| Column::read(c)).collect::<Result<_, _>>().map(Some)
}

/// DATACLASSIFICATION, behind its first byte, as version 1 or 2 of the feature has it: the labels of
/// each column in turn. It has no length in front.
pub(crate) fn labels(c: &mut Cursor<'_>, version: u8) -> Result<Vec<Vec<Label>>, Stop> {
    let names = |c: &mut Cursor<'_>| {
        let n = c.u16()?;
        if n > MAX_LABELS {
            return Err(Stop::Bad("too many sensitivity labels"));
        }
        // Behind each name stands its id.
        (0..n).map(|_| Ok((c.b_varchar()?, c.b_varchar()?).0)).collect::<Result<Vec<_>, Stop>>()
    };
    let (labels, types) = (names(c)?, names(c)?);
    let rank = |c: &mut Cursor<'_>| match version {
        0 | 1 => Ok(None),
        _ => Ok(Some(c.u32()? as i32).filter(|r| *r >= 0)),
    };
    rank(c)?;
    let mut columns = Vec::new();
    for _ in 0..c.u16()? {
        let mut of_column = Vec::new();
        for _ in 0..c.u16()? {
            // 0xFFFF for none.
            let (label, information_type) = (c.u16()?, c.u16()?);
            of_column.push(Label {
                label: labels.get(usize::from(label)).cloned(),
                information_type: types.get(usize::from(information_type)).cloned(),
                rank: rank(c)?,
            });
        }
        columns.push(of_column);
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_go_to_their_columns() {
        let name = |n: u8| [1, n, 0, 0];
        let token = [
            &[1, 0][..],
            &name(b'C'),
            &[1, 0],
            &name(b'F'),
            &20i32.to_le_bytes(),
            &[2, 0, 0, 0, 1, 0, 0, 0, 0xFF, 0xFF],
            &30i32.to_le_bytes(),
        ]
        .concat();
        let read = labels(&mut Cursor::new(&token), 2).expect("well-formed");
        let label = Label { label: Some("C".into()), information_type: None, rank: Some(30) };
        assert_eq!(read, [vec![], vec![label]]);
        for end in 0..token.len() {
            assert_eq!(labels(&mut Cursor::new(&token[..end]), 2), Err(Stop::More));
        }
    }
}
