//! Types of columns and parameters: TYPE_INFO on the wire (MS-TDS 2.2.5.4 to 2.2.5.6), and as
//! T-SQL declares them.

mod collation;
mod oem;
mod read;

use std::fmt;

pub use self::collation::{Collation, Encoding};
#[cfg(test)]
pub(crate) use self::collation::{OEM_437, OEM_850};
pub(crate) use self::oem::OEM;
pub(crate) use self::read::{SIZE_MAX, read, variant_base};

/// A type, without its lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// NULLTYPE: nothing but NULL.
    Null,
    /// 0 or 1 (BITTYPE, BITNTYPE).
    Bit,
    /// From 0 to 255, in one byte.
    TinyInt,
    /// Whole numbers in two bytes.
    SmallInt,
    /// Whole numbers in four bytes.
    Int,
    /// Whole numbers in eight bytes.
    BigInt,
    /// Four bytes, IEEE 754.
    Real,
    /// Eight bytes, IEEE 754.
    Float,
    /// Four bytes, in units of 1/10,000.
    SmallMoney,
    /// Eight bytes, in units of 1/10,000.
    Money,
    /// Up to 38 digits.
    Decimal,
    /// Another name of the same.
    Numeric,
    /// Days and minutes from 1900 on.
    SmallDateTime,
    /// Days and 1/300 s, from 1753 on.
    DateTime,
    /// Days, from year 1 on.
    Date,
    /// A time of day.
    Time,
    /// Date and time, up to seven digits of a second.
    DateTime2,
    /// Date, time and offset from UTC.
    DateTimeOffset,
    /// Sixteen bytes, the first three groups turned.
    UniqueIdentifier,
    /// In a code page, padded with spaces.
    Char,
    /// In a code page, or UTF-8 by its collation.
    VarChar,
    /// UTF-16, padded with spaces.
    NChar,
    /// UTF-16 of up to 4,000 units, or any number.
    NVarChar,
    /// Bytes, padded with zeros.
    Binary,
    /// Bytes, up to 8,000 or any number.
    VarBinary,
    /// Long text in a code page, before 2005.
    Text,
    /// Long UTF-16, before 2005.
    NText,
    /// Long bytes, before 2005.
    Image,
    /// XML, which comes as UTF-16.
    Xml,
    /// A type of the CLR, such as hierarchyid or geography: bytes.
    Udt,
    /// A value of one of the other types, which says of which.
    Variant,
    /// UTF-8, well-formed JSON (2025).
    Json,
    /// Floating-point numbers of four or two bytes (2025).
    Vector,
}

/// How the length of a value stands before it (MS-TDS 2.2.5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// None: the type has one length alone, and no NULL.
    Fixed,
    /// One byte; 0 is NULL.
    Byte,
    /// One byte; 0xFF is NULL: only types of before SQL Server 7.
    ByteOld,
    /// Two bytes; 0xFFFF is NULL.
    Short,
    /// Four bytes behind a text pointer, whose length 0 is NULL.
    Pointer,
    /// Four bytes; 0 is NULL.
    Long,
    /// Chunks behind eight bytes; 2^64 - 1 is NULL (MS-TDS 2.2.5.2.3).
    Plp,
}

/// A type with everything that TYPE_INFO says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeInfo {
    /// Which type it is.
    pub ty: Type,
    /// The most bytes of a value; of PLP none is known.
    pub(crate) size: u32,
    /// Digits of decimal and numeric.
    pub precision: u8,
    /// Digits behind the point, or of fractions of a second.
    pub scale: u8,
    /// Of characters in a code page or in UTF-16; of other types the default.
    pub collation: Collation,
    pub(crate) length: Length,
    /// The name of a UDT, with its schema where that is not `sys`.
    pub(crate) name: Option<Box<str>>,
}

// === impl Type ===

impl Type {
    /// The name without lengths, as SQL_VARIANT_PROPERTY gives a base type.
    pub fn name(self) -> &'static str {
        match self {
            Type::Null => "null",
            Type::Bit => "bit",
            Type::TinyInt => "tinyint",
            Type::SmallInt => "smallint",
            Type::Int => "int",
            Type::BigInt => "bigint",
            Type::Real => "real",
            Type::Float => "float",
            Type::SmallMoney => "smallmoney",
            Type::Money => "money",
            Type::Decimal => "decimal",
            Type::Numeric => "numeric",
            Type::SmallDateTime => "smalldatetime",
            Type::DateTime => "datetime",
            Type::Date => "date",
            Type::Time => "time",
            Type::DateTime2 => "datetime2",
            Type::DateTimeOffset => "datetimeoffset",
            Type::UniqueIdentifier => "uniqueidentifier",
            Type::Char => "char",
            Type::VarChar => "varchar",
            Type::NChar => "nchar",
            Type::NVarChar => "nvarchar",
            Type::Binary => "binary",
            Type::VarBinary => "varbinary",
            Type::Text => "text",
            Type::NText => "ntext",
            Type::Image => "image",
            Type::Xml => "xml",
            Type::Udt => "udt",
            Type::Variant => "sql_variant",
            Type::Json => "json",
            Type::Vector => "vector",
        }
    }

    /// Whether SET TEXTSIZE cuts its values on the server.
    pub(crate) fn has_text_size(self) -> bool {
        matches!(
            self,
            Type::VarChar
                | Type::NVarChar
                | Type::VarBinary
                | Type::Text
                | Type::NText
                | Type::Image
        )
    }
}

// === impl TypeInfo ===

impl TypeInfo {
    pub(crate) fn of(ty: Type, length: Length, size: u32) -> Self {
        let collation = Collation::default();
        Self { ty, size, precision: 0, scale: 0, collation, length, name: None }
    }

    /// How characters of this type are written; none for other types.
    pub(crate) fn encoding(&self) -> Option<Encoding> {
        match self.ty {
            Type::Char | Type::VarChar | Type::Text => Some(self.collation.encoding()),
            Type::NChar | Type::NVarChar | Type::NText | Type::Xml => Some(Encoding::Utf16),
            Type::Json => Some(Encoding::Utf8),
            _ => None,
        }
    }

    fn write_length(&self, unit: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length {
            Length::Plp => f.write_str("(max)"),
            _ => write!(f, "({})", (self.size / unit).max(1)),
        }
    }
}

/// As T-SQL declares it: `decimal(10,2)`, `nvarchar(max)`, `datetime2(3)`.
impl fmt::Display for TypeInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            return f.write_str(name);
        }
        f.write_str(self.ty.name())?;
        match self.ty {
            Type::Decimal | Type::Numeric => write!(f, "({},{})", self.precision, self.scale),
            Type::Time | Type::DateTime2 | Type::DateTimeOffset => write!(f, "({})", self.scale),
            Type::Char | Type::VarChar | Type::Binary | Type::VarBinary => self.write_length(1, f),
            Type::NChar | Type::NVarChar => self.write_length(2, f),
            // Eight bytes of header, then numbers of four or two bytes (scale 1: float16).
            Type::Vector if self.scale == 1 => {
                write!(f, "({},float16)", self.size.saturating_sub(8) / 2)
            }
            Type::Vector => write!(f, "({})", self.size.saturating_sub(8) / 4),
            _ => Ok(()),
        }
    }
}
