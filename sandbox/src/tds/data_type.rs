//! The first byte of a TYPE_INFO (MS-TDS §2.2.5.4), by the names that the specification gives
//! without their ending TYPE.

// Without a length: of parameters, never of an answer.
pub(super) const NULL: u8 = 0x1F;
pub(super) const INT1: u8 = 0x30;
pub(super) const BIT: u8 = 0x32;
pub(super) const INT2: u8 = 0x34;
pub(super) const INT4: u8 = 0x38;
pub(super) const FLT4: u8 = 0x3B;
pub(super) const FLT8: u8 = 0x3E;
pub(super) const INT8: u8 = 0x7F;

// With a length of one byte, where 0 is NULL.
pub(super) const GUID: u8 = 0x24;
pub(super) const INTN: u8 = 0x26;
pub(super) const DATEN: u8 = 0x28;
pub(super) const TIMEN: u8 = 0x29;
pub(super) const DATETIME2N: u8 = 0x2A;
pub(super) const DATETIMEOFFSETN: u8 = 0x2B;
pub(super) const BITN: u8 = 0x68;
pub(super) const DECIMALN: u8 = 0x6A;
pub(super) const NUMERICN: u8 = 0x6C;
pub(super) const FLTN: u8 = 0x6D;
pub(super) const MONEYN: u8 = 0x6E;
pub(super) const DATETIMEN: u8 = 0x6F;

// With a length of two bytes, where 0xFFFF is NULL; as the type's own length it means (max).
pub(super) const BIGVARBINARY: u8 = 0xA5;
pub(super) const BIGVARCHAR: u8 = 0xA7;
pub(super) const BIGBINARY: u8 = 0xAD;
pub(super) const BIGCHAR: u8 = 0xAF;
pub(super) const NVARCHAR: u8 = 0xE7;
pub(super) const NCHAR: u8 = 0xEF;

// With a length of four bytes.
pub(super) const IMAGE: u8 = 0x22;
pub(super) const TEXT: u8 = 0x23;
pub(super) const SSVARIANT: u8 = 0x62;
pub(super) const NTEXT: u8 = 0x63;

// In pieces (PLP, §2.2.5.2.3).
pub(super) const UDT: u8 = 0xF0;
pub(super) const XML: u8 = 0xF1;
