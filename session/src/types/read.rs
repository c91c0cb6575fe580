//! TYPE_INFO from the wire, each length held against its type (MS-TDS 2.2.5.6).

use super::{Collation, Length, Type, TypeInfo};
use crate::cursor::{Cursor, Stop};

/// The length that says (max).
const MAX: u16 = 0xFFFF;
/// Bytes of the longest value that is no (max).
const LONGEST: u16 = 8000;
/// The size of a type without a limit.
pub(crate) const SIZE_MAX: u32 = u32::MAX;
/// Bytes of the longest sql_variant: 8,000 of a value, and its properties.
const VARIANT: u32 = 8016;

/// Reads a TYPE_INFO.
pub(crate) fn read(c: &mut Cursor<'_>) -> Result<TypeInfo, Stop> {
    let token = c.u8()?;
    if let Some((ty, size)) = fixed(token) {
        return Ok(TypeInfo { scale: money_scale(ty), ..TypeInfo::of(ty, Length::Fixed, size) });
    }
    match token {
        0x24 => sized(Type::UniqueIdentifier, c.u8()?, &[16]),
        0x26 => {
            let n = c.u8()?;
            let ty = match n {
                1 => Type::TinyInt,
                2 => Type::SmallInt,
                4 => Type::Int,
                _ => Type::BigInt,
            };
            sized(ty, n, &[1, 2, 4, 8])
        }
        0x68 => sized(Type::Bit, c.u8()?, &[1]),
        0x6D => pick(c.u8()?, Type::Real, Type::Float),
        0x6E => pick(c.u8()?, Type::SmallMoney, Type::Money),
        0x6F => pick(c.u8()?, Type::SmallDateTime, Type::DateTime),
        0x37 | 0x6A => decimal(Type::Decimal, c),
        0x3F | 0x6C => decimal(Type::Numeric, c),
        0x28 => Ok(TypeInfo::of(Type::Date, Length::Byte, 3)),
        0x29..=0x2B => temporal(token, c.u8()?),
        0x25 => Ok(TypeInfo::of(Type::VarBinary, Length::ByteOld, c.u8()?.into())),
        0x2D => Ok(TypeInfo::of(Type::Binary, Length::ByteOld, c.u8()?.into())),
        0x27 => Ok(TypeInfo::of(Type::VarChar, Length::ByteOld, c.u8()?.into())),
        0x2F => Ok(TypeInfo::of(Type::Char, Length::ByteOld, c.u8()?.into())),
        0xA5 => short(Type::VarBinary, true, c),
        0xAD => short(Type::Binary, false, c),
        0xA7 => characters(Type::VarChar, true, c),
        0xAF => characters(Type::Char, false, c),
        0xE7 => characters(Type::NVarChar, true, c),
        0xEF => characters(Type::NChar, false, c),
        0x22 => pointer(Type::Image, c),
        0x23 => pointer(Type::Text, c),
        0x63 => pointer(Type::NText, c),
        0x62 => {
            let n = c.u32()?;
            let size = if n <= VARIANT { n } else { return Err(Stop::Bad("a variant's length")) };
            Ok(TypeInfo::of(Type::Variant, Length::Long, size))
        }
        0xF0 => udt(c),
        0xF1 => xml(c),
        0xF4 => Ok(TypeInfo::of(Type::Json, Length::Plp, SIZE_MAX)),
        0xF5 => vector(c),
        _ => Err(Stop::Bad("a type that MS-TDS does not have")),
    }
}

/// Types of one length (MS-TDS 2.2.5.4.1).
fn fixed(token: u8) -> Option<(Type, u32)> {
    Some(match token {
        0x1F => (Type::Null, 0),
        0x30 => (Type::TinyInt, 1),
        0x32 => (Type::Bit, 1),
        0x34 => (Type::SmallInt, 2),
        0x38 => (Type::Int, 4),
        0x3A => (Type::SmallDateTime, 4),
        0x3B => (Type::Real, 4),
        0x3C => (Type::Money, 8),
        0x3D => (Type::DateTime, 8),
        0x3E => (Type::Float, 8),
        0x7A => (Type::SmallMoney, 4),
        0x7F => (Type::BigInt, 8),
        _ => return None,
    })
}

fn money_scale(ty: Type) -> u8 {
    if matches!(ty, Type::Money | Type::SmallMoney) { 4 } else { 0 }
}

fn sized(ty: Type, size: u8, allowed: &[u8]) -> Result<TypeInfo, Stop> {
    if !allowed.contains(&size) {
        return Err(Stop::Bad("a length that its type cannot have"));
    }
    Ok(TypeInfo { scale: money_scale(ty), ..TypeInfo::of(ty, Length::Byte, size.into()) })
}

fn pick(size: u8, four: Type, eight: Type) -> Result<TypeInfo, Stop> {
    sized(if size == 4 { four } else { eight }, size, &[4, 8])
}

fn decimal(ty: Type, c: &mut Cursor<'_>) -> Result<TypeInfo, Stop> {
    let (size, precision, scale) = (c.u8()?, c.u8()?, c.u8()?);
    if !(1..=38).contains(&precision) || scale > precision {
        return Err(Stop::Bad("a precision or scale that decimal cannot have"));
    }
    let info = sized(ty, size, &[5, 9, 13, 17])?;
    Ok(TypeInfo { precision, scale, ..info })
}

/// 0x29 time, 0x2A datetime2, 0x2B datetimeoffset.
fn temporal(token: u8, scale: u8) -> Result<TypeInfo, Stop> {
    let time = match scale {
        0..=2 => 3,
        3..=4 => 4,
        5..=7 => 5,
        _ => return Err(Stop::Bad("a scale that times cannot have")),
    };
    let (ty, size) = match token {
        0x29 => (Type::Time, time),
        0x2A => (Type::DateTime2, time + 3),
        _ => (Type::DateTimeOffset, time + 5),
    };
    Ok(TypeInfo { scale, ..TypeInfo::of(ty, Length::Byte, size) })
}

fn short(ty: Type, may_be_max: bool, c: &mut Cursor<'_>) -> Result<TypeInfo, Stop> {
    match c.u16()? {
        MAX if may_be_max => Ok(TypeInfo::of(ty, Length::Plp, SIZE_MAX)),
        n if n <= LONGEST => Ok(TypeInfo::of(ty, Length::Short, n.into())),
        _ => Err(Stop::Bad("a length above 8,000 that is not (max)")),
    }
}

fn characters(ty: Type, may_be_max: bool, c: &mut Cursor<'_>) -> Result<TypeInfo, Stop> {
    let info = short(ty, may_be_max, c)?;
    Ok(TypeInfo { collation: Collation(c.five()?), ..info })
}

fn pointer(ty: Type, c: &mut Cursor<'_>) -> Result<TypeInfo, Stop> {
    let info = TypeInfo::of(ty, Length::Pointer, c.u32()?);
    if ty == Type::Image {
        return Ok(info);
    }
    Ok(TypeInfo { collation: Collation(c.five()?), ..info })
}

/// UDT_INFO: the most bytes, the names of database, schema and type, and the assembly's.
fn udt(c: &mut Cursor<'_>) -> Result<TypeInfo, Stop> {
    c.u16()?;
    let (_database, schema, name) = (c.b_varchar()?, c.b_varchar()?, c.b_varchar()?);
    c.us_varchar()?;
    let name = if schema.is_empty() || schema == "sys" { name } else { format!("{schema}.{name}") };
    let name = (!name.is_empty()).then(|| name.into_boxed_str());
    Ok(TypeInfo { name, ..TypeInfo::of(Type::Udt, Length::Plp, SIZE_MAX) })
}

/// XML_INFO: where there is a schema, its database, its owner and its collection.
fn xml(c: &mut Cursor<'_>) -> Result<TypeInfo, Stop> {
    match c.u8()? {
        0 => {}
        1 => {
            c.b_varchar()?;
            c.b_varchar()?;
            c.us_varchar()?;
        }
        _ => return Err(Stop::Bad("an xml that has neither a schema nor none")),
    }
    Ok(TypeInfo::of(Type::Xml, Length::Plp, SIZE_MAX))
}

/// VECTOR: the most bytes, and the type of its numbers, 0 for four bytes and 1 for two.
fn vector(c: &mut Cursor<'_>) -> Result<TypeInfo, Stop> {
    let (size, scale) = (c.u16()?, c.u8()?);
    if !(8..=LONGEST + 8).contains(&size) || scale > 1 {
        return Err(Stop::Bad("a vector's length or type"));
    }
    Ok(TypeInfo { scale, ..TypeInfo::of(Type::Vector, Length::Short, size.into()) })
}

/// The base type of a sql_variant: its token, and its properties as far as it has any
/// (MS-TDS 2.2.5.5.3).
pub(crate) fn variant_base(token: u8, properties: &[u8]) -> Result<TypeInfo, Stop> {
    const BAD: Stop = Stop::Bad("a variant's base type or its properties");
    let bare = |ty, size| match properties {
        [] => Ok(TypeInfo { scale: money_scale(ty), ..TypeInfo::of(ty, Length::Fixed, size) }),
        _ => Err(BAD),
    };
    if let Some((ty, size)) = fixed(token).filter(|(ty, _)| *ty != Type::Null) {
        return bare(ty, size);
    }
    match (token, properties) {
        (0x24, _) => bare(Type::UniqueIdentifier, 16),
        (0x28, _) => bare(Type::Date, 3),
        (0x29..=0x2B, [scale]) => temporal(token, *scale),
        (0x6A | 0x6C, [precision, scale]) => {
            let ty = if token == 0x6A { Type::Decimal } else { Type::Numeric };
            decimal(ty, &mut Cursor::new(&[17, *precision, *scale])).map_err(|_| BAD)
        }
        (0xA5 | 0xAD, [low, high]) => {
            let ty = if token == 0xA5 { Type::VarBinary } else { Type::Binary };
            short(ty, false, &mut Cursor::new(&[*low, *high])).map_err(|_| BAD)
        }
        (0xA7 | 0xAF | 0xE7 | 0xEF, [collation @ .., low, high]) => {
            let collation = Collation(collation.try_into().map_err(|_| BAD)?);
            let ty = match token {
                0xA7 => Type::VarChar,
                0xAF => Type::Char,
                0xE7 => Type::NVarChar,
                _ => Type::NChar,
            };
            let info = short(ty, false, &mut Cursor::new(&[*low, *high])).map_err(|_| BAD)?;
            Ok(TypeInfo { collation, ..info })
        }
        _ => Err(BAD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(bytes: &[u8]) -> String {
        let mut c = Cursor::new(bytes);
        let info = read(&mut c).unwrap_or_else(|e| panic!("{bytes:02X?}: {e:?}"));
        assert!(c.rest().is_empty(), "{bytes:02X?}");
        for end in 0..bytes.len() {
            assert_eq!(read(&mut Cursor::new(&bytes[..end])), Err(Stop::More), "{bytes:02X?}");
        }
        info.to_string()
    }

    #[test]
    fn types_are_declared_as_t_sql_writes_them() {
        let c = [9, 4, 0xD0, 0, 0x34];
        let with = |head: &[u8]| declared(&[head, &c].concat());
        for (bytes, text) in [
            (&[0x26, 1][..], "tinyint"),
            (&[0x26, 2], "smallint"),
            (&[0x38], "int"),
            (&[0x26, 8], "bigint"),
            (&[0x68, 1], "bit"),
            (&[0x6D, 4], "real"),
            (&[0x3E], "float"),
            (&[0x6E, 4], "smallmoney"),
            (&[0x6E, 8], "money"),
            (&[0x6A, 9, 10, 2], "decimal(10,2)"),
            (&[0x6C, 17, 38, 38], "numeric(38,38)"),
            (&[0x6F, 4], "smalldatetime"),
            (&[0x6F, 8], "datetime"),
            (&[0x28], "date"),
            (&[0x29, 0], "time(0)"),
            (&[0x2A, 3], "datetime2(3)"),
            (&[0x2B, 7], "datetimeoffset(7)"),
            (&[0x24, 16], "uniqueidentifier"),
            (&[0xA5, 0xFF, 0xFF], "varbinary(max)"),
            (&[0xAD, 8, 0], "binary(8)"),
            (&[0x22, 0, 0, 0, 0x80], "image"),
            (&[0x62, 0x49, 0x1F, 0, 0], "sql_variant"),
            (&[0xF1, 0], "xml"),
            (&[0xF1, 1, 1, b'd', 0, 0, 1, 0, b's', 0], "xml"),
            (&[0xF4], "json"),
            (&[0xF5, 20, 0, 0], "vector(3)"),
        ] {
            assert_eq!(declared(bytes), text);
        }
        assert_eq!(with(&[0xA7, 20, 0]), "varchar(20)");
        assert_eq!(with(&[0xE7, 40, 0]), "nvarchar(20)");
        assert_eq!(with(&[0xE7, 0xFF, 0xFF]), "nvarchar(max)");
        assert_eq!(with(&[0xEF, 10, 0]), "nchar(5)");
        assert_eq!(with(&[0x23, 0xFF, 0xFF, 0xFF, 0x7F]), "text");
        let udt = |schema: u8| {
            let name = [b'P', 0];
            [&[0xF0, 0xFF, 0xFF, 0, 1, schema, 0, 1][..], &name, &[0, 0]].concat()
        };
        assert_eq!(declared(&udt(b's')), "s.P");
    }

    #[test]
    fn a_length_that_its_type_cannot_have_is_refused() {
        for bad in [
            &[0x26, 3][..],
            &[0x68, 2],
            &[0x6D, 0],
            &[0x24, 15],
            &[0x6A, 9, 0, 0],
            &[0x6A, 9, 39, 0],
            &[0x6A, 9, 5, 6],
            &[0x6A, 10, 5, 2],
            &[0x2A, 8],
            &[0xA5, 0x41, 0x1F],
            &[0xAD, 0xFF, 0xFF],
            &[0x62, 0, 0, 1, 0],
            &[0xF1, 2],
            &[0xF5, 7, 0, 0],
            &[0x00],
        ] {
            let read = read(&mut Cursor::new(bad));
            assert!(matches!(read, Err(Stop::Bad(_))), "{bad:02X?}: {read:?}");
        }
    }

    #[test]
    fn a_base_type_needs_the_properties_that_it_has() {
        let name = |t, p: &[u8]| variant_base(t, p).map(|i| i.to_string());
        assert_eq!(name(0x38, &[]).as_deref(), Ok("int"));
        assert_eq!(name(0x6C, &[10, 2]).as_deref(), Ok("numeric(10,2)"));
        assert_eq!(name(0xA7, &[9, 4, 0xD0, 0, 0x34, 5, 0]).as_deref(), Ok("varchar(5)"));
        assert_eq!(name(0x2B, &[7]).as_deref(), Ok("datetimeoffset(7)"));
        for (t, p) in [(0x38, &[1][..]), (0x6A, &[1]), (0xA7, &[1, 2]), (0xF1, &[0]), (0x1F, &[])] {
            assert!(variant_base(t, p).is_err(), "{t:02X}");
        }
    }
}
