//! A column of a result set.

use super::Type;

/// A column of a result set.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Empty where the expression has none.
    pub name: String,
    /// The type of its values.
    pub ty: Type,
    /// COLMETADATA flags: nullable, identity, computed.
    pub flags: u16,
}

impl Column {
    /// A column that may be NULL.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self { name: name.into(), ty, flags: 1 }
    }
}
