//! What goes wrong while a value is computed, and with the arguments of functions.

use crate::error::Error;
use crate::types::Type;

use super::with_state;

pub(crate) fn negative_top() -> Error {
    Error::new(127, 15, "A TOP N or FETCH rowcount value may not be negative.")
}

pub(crate) fn wrong_number_of_arguments(function: &str, needed: usize) -> Error {
    let function = function.to_ascii_lowercase();
    Error::new(174, 15, format!("The {function} function requires {needed} argument(s)."))
}

pub(crate) fn number_of_arguments_out_of_range(function: &str, low: usize, high: usize) -> Error {
    let function = function.to_ascii_lowercase();
    Error::new(189, 15, format!("The {function} function requires {low} to {high} arguments."))
}

/// 232, of a float that is no result of POWER.
pub(crate) fn power_overflow(to: Type, value: f64) -> Error {
    let name = to.name_and_id().0;
    let text = format!("Arithmetic overflow error for type {name}, value = {value:.6}.");
    with_state(3, Error::new(232, 16, text))
}

pub(crate) fn invalid_date_parts(ty: Type) -> Error {
    let name = ty.name_and_id().0;
    Error::new(
        289,
        16,
        format!(
            "Cannot construct data type {name}, some of the arguments have values which are not \
             valid."
        ),
    )
}

pub(crate) fn invalid_escape(escape: &str) -> Error {
    Error::new(
        506,
        16,
        format!("The invalid escape character \"{escape}\" was specified in a LIKE predicate."),
    )
}

pub(crate) fn more_than_one_row() -> Error {
    Error::new(
        512,
        16,
        "Subquery returned more than 1 value. This is not permitted when the subquery follows =, \
         !=, <, <= , >, >= or when the subquery is used as an expression.",
    )
}

pub(crate) fn date_overflow(ty: Type) -> Error {
    let name = ty.name_and_id().0;
    Error::new(517, 16, format!("Adding a value to a '{name}' column caused an overflow."))
}

pub(crate) fn recursion_exhausted(max: u32) -> Error {
    Error::new(
        530,
        16,
        format!(
            "The statement terminated. The maximum recursion {max} has been exhausted before \
             statement completion."
        ),
    )
}

pub(crate) fn invalid_right_length() -> Error {
    Error::new(536, 16, "Invalid length parameter passed to the RIGHT function.")
}

pub(crate) fn invalid_left_length() -> Error {
    let text = "Invalid length parameter passed to the LEFT or SUBSTRING function.";
    with_state(2, Error::new(537, 16, text))
}

pub(crate) fn invalid_percentage() -> Error {
    Error::new(1031, 15, "Percent values must be between 0 and 100.")
}

pub(crate) fn invalid_floating_point_operation() -> Error {
    Error::new(3623, 16, "An invalid floating point operation occurred.")
}

/// 9812. The function's name in lower case.
pub(crate) fn invalid_time_zone(function: &str) -> Error {
    let text = format!("The timezone provided to builtin function {function} is invalid.");
    Error::new(9812, 16, text)
}

pub(crate) fn translation_of_unequal_lengths() -> Error {
    Error::new(
        9828,
        16,
        "The second and third arguments of the TRANSLATE built-in function must contain an equal \
         number of characters.",
    )
}

pub(crate) fn aggregate_too_long() -> Error {
    Error::new(
        9829,
        16,
        "STRING_AGG aggregation result exceeded the limit of 8000 bytes. Use LOB types to avoid \
         result truncation.",
    )
}

pub(crate) fn negative_offset() -> Error {
    Error::new(10742, 15, "The offset specified in a OFFSET clause may not be negative.")
}

pub(crate) fn fetch_of_nothing() -> Error {
    Error::new(
        10744,
        15,
        "The number of rows provided for a FETCH clause must be greater then zero.",
    )
}
