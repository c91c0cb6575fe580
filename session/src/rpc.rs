//! Calls of procedures (RPC, MS-TDS 2.2.6.6), `sp_executesql` above all.

mod declared;
mod encode;
mod number;
mod param;
mod time;

pub use self::declared::ParamType;
pub use self::param::{Param, ParamValue};
use crate::error::Error;
use crate::request::utf16;
use crate::types::Collation;

/// The number of sp_executesql among the procedures that have one.
const SP_EXECUTESQL: u16 = 10;
/// In place of a name's length: a number follows.
const BY_NUMBER: u16 = 0xFFFF;

/// A procedure and its parameters.
#[derive(Debug, Clone)]
pub struct Rpc<'a> {
    procedure: Procedure<'a>,
    params: Vec<Param<'a>>,
}

#[derive(Debug, Clone, Copy)]
enum Procedure<'a> {
    Named(&'a str),
    Numbered(u16),
}

// === impl Rpc ===

impl<'a> Rpc<'a> {
    /// A procedure by its name, as EXECUTE would have it.
    pub fn procedure(name: &'a str) -> Self {
        Self { procedure: Procedure::Named(name), params: Vec::new() }
    }

    /// A text, and the declaration of its parameters, such as `@a int, @b nvarchar(max)`; it may be
    /// empty where there are none.
    pub fn execute_sql(text: &'a str, declaration: &'a str) -> Self {
        let mut rpc = Self { procedure: Procedure::Numbered(SP_EXECUTESQL), params: Vec::new() };
        rpc.params.push(Param::text("", text));
        if !declaration.is_empty() {
            rpc.params.push(Param::text("", declaration));
        }
        rpc
    }

    /// Adds a parameter behind those that are there.
    #[must_use]
    pub fn param(mut self, param: Param<'a>) -> Self {
        self.params.push(param);
        self
    }

    pub(crate) fn write(&self, collation: Collation, out: &mut Vec<u8>) -> Result<(), Error> {
        match self.procedure {
            Procedure::Numbered(n) => {
                out.extend_from_slice(&BY_NUMBER.to_le_bytes());
                out.extend_from_slice(&n.to_le_bytes());
            }
            Procedure::Named(name) => {
                let units = name.encode_utf16().count();
                let length = u16::try_from(units).ok().filter(|n| *n <= 1046);
                let too_long = || Error::Parameter { name: name.into(), why: "a name too long" };
                out.extend_from_slice(&length.ok_or_else(too_long)?.to_le_bytes());
                utf16(name, out);
            }
        }
        // Option flags: none.
        out.extend_from_slice(&[0, 0]);
        self.params.iter().try_for_each(|p| {
            p.write(collation, out).map_err(|why| Error::Parameter { name: p.name.to_owned(), why })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sp_executesql_goes_by_number_with_its_text_first() {
        let mut out = Vec::new();
        let rpc = Rpc::execute_sql("SELECT @a", "@a int").param(Param::new(
            "@a",
            ParamType::Int,
            ParamValue::Int(7),
        ));
        rpc.write(Collation::default(), &mut out).expect("fits");
        assert_eq!(out[..6], [0xFF, 0xFF, 10, 0, 0, 0]);
        // No name, no flags, nvarchar of up to 8,000 bytes in the default collation, 18 bytes.
        assert_eq!(out[6..18], [0, 0, 0xE7, 0x40, 0x1F, 9, 4, 0xD0, 0, 0x34, 18, 0]);
        let end = out.len();
        assert_eq!(out[end - 13..], [2, b'@', 0, b'a', 0, 0, 0x26, 4, 4, 7, 0, 0, 0]);
    }

    #[test]
    fn a_name_that_is_too_long_is_refused() {
        let name = "p".repeat(1047);
        let e = Rpc::procedure(&name).write(Collation::default(), &mut Vec::new());
        assert!(matches!(e, Err(Error::Parameter { .. })));
    }
}
