//! One parameter on the wire: its name, its type, and its value or a NULL of that type
//! (MS-TDS 2.2.6.6, 2.2.5.5).

use super::ParamType;
use super::encode::{bytes_of, info};
use crate::request::utf16;
use crate::types::Collation;

/// Bytes that a value holds which is no (max).
const SHORT: usize = 8000;
/// The flag of an output parameter (fByRefValue).
const BY_REFERENCE: u8 = 0x01;

/// A parameter of a call.
#[derive(Debug, Clone, Copy)]
pub struct Param<'a> {
    /// With its `@`; empty where its place says which it is.
    pub(super) name: &'a str,
    ty: ParamType,
    value: ParamValue<'a>,
    output: bool,
}

/// A value, not yet of a type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamValue<'a> {
    /// NULL of the parameter's type.
    Null,
    /// For bit and the whole numbers.
    Bit(bool),
    /// For every type of numbers, and as text.
    Int(i64),
    /// For real and float alone: it has lost digits already.
    Float(f64),
    /// For every type: numbers, dates in ISO 8601, identifiers; but not bytes.
    Text(&'a str),
    /// For binary and varbinary.
    Binary(&'a [u8]),
}

/// What is wrong with a value, for whoever has given it.
pub(super) type Why = &'static str;

// === impl Param ===

impl<'a> Param<'a> {
    /// A value of a type.
    pub fn new(name: &'a str, ty: ParamType, value: ParamValue<'a>) -> Self {
        Self { name, ty, value, output: false }
    }

    pub(super) fn text(name: &'a str, text: &'a str) -> Self {
        Self::new(name, ParamType::NVarChar, ParamValue::Text(text))
    }

    /// What the procedure leaves in it comes back as [`crate::Event::ReturnValue`].
    #[must_use]
    pub fn output(self) -> Self {
        Self { output: true, ..self }
    }

    /// Whether its type can hold the value.
    pub fn fits(&self) -> bool {
        self.write(Collation::default(), &mut Vec::new()).is_ok()
    }

    pub(super) fn write(&self, collation: Collation, out: &mut Vec<u8>) -> Result<(), Why> {
        let units = self.name.encode_utf16().count();
        out.push(u8::try_from(units).ok().filter(|n| *n <= 128).ok_or("its name is too long")?);
        utf16(self.name, out);
        out.push(if self.output { BY_REFERENCE } else { 0 });
        match (self.ty, self.value) {
            (ParamType::NVarChar | ParamType::NVarCharMax, value) => {
                self.characters(value, collation, out)
            }
            (ParamType::VarBinary | ParamType::VarBinaryMax, value) => self.bytes(value, out),
            (ty, value) => {
                let (info, bytes) = (info(ty), bytes_of(ty, value)?);
                out.extend_from_slice(&info);
                // No value of these types is longer than 17 bytes.
                out.push(bytes.len() as u8);
                out.extend_from_slice(&bytes);
                Ok(())
            }
        }
    }

    fn characters(
        &self,
        value: ParamValue<'_>,
        collation: Collation,
        out: &mut Vec<u8>,
    ) -> Result<(), Why> {
        let number;
        let text = match value {
            ParamValue::Null => None,
            ParamValue::Text(t) => Some(t),
            ParamValue::Int(n) => {
                number = n.to_string();
                Some(number.as_str())
            }
            _ => return Err("it is to be given as text"),
        };
        // Most have no more bytes of UTF-8 than fit; only long ones are counted.
        let long = |t: &str| t.len() * 2 > SHORT && t.encode_utf16().count() * 2 > SHORT;
        let max = self.ty == ParamType::NVarCharMax || text.is_some_and(long);
        head(0xE7, max, out);
        out.extend_from_slice(&collation.0);
        body(text.map(|t| |out: &mut Vec<u8>| utf16(t, out)), max, out)
    }

    fn bytes(&self, value: ParamValue<'_>, out: &mut Vec<u8>) -> Result<(), Why> {
        let bytes = match value {
            ParamValue::Null => None,
            ParamValue::Binary(b) => Some(b),
            _ => return Err("it is to be given as bytes"),
        };
        let max = self.ty == ParamType::VarBinaryMax || bytes.is_some_and(|b| b.len() > SHORT);
        head(0xA5, max, out);
        body(bytes.map(|b| |out: &mut Vec<u8>| out.extend_from_slice(b)), max, out)
    }
}

/// A type with two bytes of length, or (max).
fn head(token: u8, max: bool, out: &mut Vec<u8>) {
    out.push(token);
    out.extend_from_slice(&if max { 0xFFFF } else { SHORT as u16 }.to_le_bytes());
}

/// Its value: behind a length, or as PLP in one chunk (MS-TDS 2.2.5.2.3).
fn body(write: Option<impl FnOnce(&mut Vec<u8>)>, max: bool, out: &mut Vec<u8>) -> Result<(), Why> {
    let Some(write) = write else {
        out.extend_from_slice(if max { &[0xFF; 8] } else { &[0xFF; 2] });
        return Ok(());
    };
    let at = out.len();
    if !max {
        out.extend_from_slice(&[0; 2]);
        write(out);
        let n = u16::try_from(out.len() - at - 2).map_err(|_| "it is too long")?;
        out[at..at + 2].copy_from_slice(&n.to_le_bytes());
        return Ok(());
    }
    out.extend_from_slice(&[0; 12]);
    write(out);
    let n = u32::try_from(out.len() - at - 12).map_err(|_| "it is longer than 4 GB")?;
    out[at..at + 8].copy_from_slice(&u64::from(n).to_le_bytes());
    out[at + 8..at + 12].copy_from_slice(&n.to_le_bytes());
    // A chunk of no bytes would be the end already.
    if n == 0 {
        out.truncate(at + 8);
    }
    out.extend_from_slice(&[0; 4]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::ParamType as T;
    use super::*;

    fn written(ty: T, value: ParamValue<'_>) -> Result<Vec<u8>, Why> {
        let mut out = Vec::new();
        Param::new("", ty, value).write(Collation::default(), &mut out)?;
        Ok(out[2..].to_vec())
    }

    fn text(ty: T, t: &str) -> Vec<u8> {
        written(ty, ParamValue::Text(t)).unwrap_or_else(|e| panic!("{ty:?} {t}: {e}"))
    }

    #[test]
    fn every_null_has_its_type() {
        for (ty, bytes) in [
            (T::Bit, &[0x68, 1, 0][..]),
            (T::TinyInt, &[0x26, 1, 0]),
            (T::BigInt, &[0x26, 8, 0]),
            (T::Real, &[0x6D, 4, 0]),
            (T::Float, &[0x6D, 8, 0]),
            (T::Decimal { precision: 38, scale: 10 }, &[0x6A, 17, 38, 10, 0]),
            (T::Money, &[0x6E, 8, 0]),
            (T::Date, &[0x28, 0]),
            (T::Time(3), &[0x29, 3, 0]),
            (T::DateTimeOffset(7), &[0x2B, 7, 0]),
            (T::DateTime, &[0x6F, 8, 0]),
            (T::SmallDateTime, &[0x6F, 4, 0]),
            (T::UniqueIdentifier, &[0x24, 16, 0]),
            (T::NVarChar, &[0xE7, 0x40, 0x1F, 9, 4, 0xD0, 0, 0x34, 0xFF, 0xFF]),
            (T::VarBinary, &[0xA5, 0x40, 0x1F, 0xFF, 0xFF]),
            (T::VarBinaryMax, &[0xA5, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]),
        ] {
            assert_eq!(written(ty, ParamValue::Null).as_deref(), Ok(bytes), "{ty:?}");
        }
    }

    #[test]
    fn numbers_arrive_to_the_last_digit() {
        let decimal = T::Decimal { precision: 38, scale: 10 };
        let bytes = text(decimal, "1234567890123456789.123456789");
        assert_eq!(bytes[..6], [0x6A, 17, 38, 10, 17, 1]);
        let digits = u128::from_le_bytes(bytes[6..].try_into().expect("16 bytes"));
        assert_eq!(digits, 12_345_678_901_234_567_891_234_567_890);
        let small = T::Decimal { precision: 5, scale: 2 };
        assert_eq!(text(small, "-1.5"), [0x6A, 5, 5, 2, 5, 0, 150, 0, 0, 0]);
        assert!(written(small, ParamValue::Text("1000")).is_err());
        assert!(written(small, ParamValue::Float(1.5)).is_err());
        // 922337203685477.5807, the higher half first.
        let most = [0x6E, 8, 8, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF];
        assert_eq!(text(T::Money, "922337203685477.5807"), most);
        assert!(written(T::Money, ParamValue::Text("922337203685477.5808")).is_err());
        assert_eq!(written(T::Int, ParamValue::Int(1 << 31)), Err("it is beyond its type's range"));
        assert!(written(T::Float, ParamValue::Float(f64::NAN)).is_err());
        assert!(written(T::Real, ParamValue::Float(1e39)).is_err());
        assert_eq!(text(T::TinyInt, "255"), [0x26, 1, 1, 255]);
    }

    #[test]
    fn dates_are_those_of_the_specification() {
        assert_eq!(text(T::Date, "9999-12-31"), [0x28, 3, 0xDA, 0xB9, 0x37]);
        assert_eq!(text(T::Time(0), "00:00:01"), [0x29, 0, 3, 1, 0, 0]);
        assert_eq!(text(T::Time(7), "23:59:59.9999999")[2..], [5, 0xFF, 0xBF, 0x69, 0x2A, 0xC9]);
        assert_eq!(text(T::DateTime2(0), "0001-01-02")[2..], [6, 0, 0, 0, 1, 0, 0]);
        let zoned = text(T::DateTimeOffset(0), "0001-01-02T00:00:00-00:30");
        assert_eq!(zoned[2..], [8, 8, 7, 0, 1, 0, 0, 0xE2, 0xFF]);
        assert_eq!(text(T::DateTime, "1900-01-02T00:00:00.003")[2..], [8, 1, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(text(T::DateTime, "1753-01-01")[3..7], (-53_690i32).to_le_bytes());
        assert_eq!(text(T::SmallDateTime, "2079-06-06T23:59")[2..], [4, 0xFF, 0xFF, 0x9F, 5]);
        for (ty, bad) in [
            (T::DateTime, "1752-12-31"),
            (T::SmallDateTime, "2079-06-07"),
            (T::Date, "12:30"),
            (T::Time(7), "2024-02-29"),
            (T::DateTime2(7), "2024-02-29T12:30Z"),
        ] {
            assert!(written(ty, ParamValue::Text(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn long_texts_and_bytes_go_in_chunks() {
        let short = text(T::NVarChar, &"é".repeat(4000));
        assert_eq!(short[1..3], [0x40, 0x1F]);
        assert_eq!(short[8..10], [0x40, 0x1F]);
        let long = text(T::NVarChar, &"é".repeat(4001));
        assert_eq!(long[1..3], [0xFF, 0xFF]);
        assert_eq!(long[8..20], [0x42, 0x1F, 0, 0, 0, 0, 0, 0, 0x42, 0x1F, 0, 0]);
        assert_eq!(long[long.len() - 4..], [0; 4]);
        assert_eq!(text(T::NVarCharMax, "")[8..], [0; 12]);
        let bytes = written(T::VarBinary, ParamValue::Binary(&[7; 8001])).expect("fits");
        assert_eq!(bytes[..3], [0xA5, 0xFF, 0xFF]);
        assert!(written(T::VarBinary, ParamValue::Text("0x")).is_err());
    }

    #[test]
    fn identifiers_have_their_first_groups_turned() {
        let bytes = text(T::UniqueIdentifier, "{04030201-0605-0807-090a-0b0c0d0e0f10}");
        assert_eq!(bytes[3..], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        for bad in [
            "",
            "04030201",
            "0403020-10605-0807-090a-0b0c0d0e0f10",
            "x4030201-0605-0807-090a-0b0c0d0e0f10",
        ] {
            assert!(written(T::UniqueIdentifier, ParamValue::Text(bad)).is_err(), "{bad}");
        }
    }
}
