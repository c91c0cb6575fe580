//! What is wrong with a text. 102 is [`Error::syntax`].

use crate::error::Error;
use crate::types::Type;

/// 105. `text` as far as it reaches.
pub(crate) fn unclosed_quotation_mark(text: &str) -> Error {
    let what = format!("Unclosed quotation mark after the character string '{text}'.");
    Error::new(105, 15, what)
}

pub(crate) fn unclosed_comment() -> Error {
    Error::new(113, 15, "Missing end comment mark '*/'.")
}

pub(crate) fn syntax_near_keyword(keyword: &str) -> Error {
    Error::new(156, 15, format!("Incorrect syntax near the keyword '{keyword}'."))
}

pub(crate) fn no_system_type(name: &str) -> Error {
    Error::new(243, 16, format!("Type {name} is not a defined system type."))
}

/// 2748. `parameter` of RAISERROR, from 1.
pub(crate) fn invalid_substitution_type(ty: Type, parameter: usize) -> Error {
    let name = ty.name_and_id().0;
    Error::new(
        2748,
        16,
        format!(
            "Cannot specify {name} data type (parameter {parameter}) as a substitution parameter."
        ),
    )
}

/// 2786. `position` among the values, from 1.
pub(crate) fn substitution_does_not_match(position: usize) -> Error {
    Error::new(
        2786,
        16,
        format!(
            "The data type of substitution parameter {position} does not match the expected type \
             of the format specification."
        ),
    )
}
