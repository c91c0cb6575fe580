//! Types, conversions and arithmetic.

use super::with_state;
use crate::error::Error;

pub(crate) fn not_a_datepart(word: &str, function: &str) -> Error {
    let function = function.to_ascii_lowercase();
    Error::new(155, 15, format!("'{word}' is not a recognized {function} option."))
}

pub(crate) fn operand_type_clash(from: &str, to: &str) -> Error {
    Error::new(206, 16, format!("Operand type clash: {from} is incompatible with {to}"))
}

pub(crate) fn small_integer_overflow(ty: &str, value: i64) -> Error {
    let text = format!("Arithmetic overflow error for data type {ty}, value = {value}.");
    with_state(2, Error::new(220, 16, text))
}

pub(crate) fn real_overflow() -> Error {
    Error::new(232, 16, "Arithmetic overflow error for type real.")
}

pub(crate) fn money_syntax() -> Error {
    Error::new(
        235,
        16,
        "Cannot convert a char value to money. The char value has incorrect syntax.",
    )
}

pub(crate) fn date_syntax() -> Error {
    Error::new(241, 16, "Conversion failed when converting date and/or time from character string.")
}

pub(crate) fn date_out_of_range(ty: &str) -> Error {
    Error::new(
        242,
        16,
        format!(
            "The conversion of a varchar data type to a {ty} data type resulted in an out-of-range \
             value."
        ),
    )
}

/// 244. `column` is `INT1` or `INT2`.
pub(crate) fn text_overflows_small_integer(from: &str, value: &str, column: &str) -> Error {
    Error::new(
        244,
        16,
        format!(
            "The conversion of the {from} value '{value}' overflowed an {column} column. Use a \
             larger integer column."
        ),
    )
}

pub(crate) fn text_is_no_value(from: &str, value: &str, to: &str) -> Error {
    Error::new(
        245,
        16,
        format!("Conversion failed when converting the {from} value '{value}' to data type {to}."),
    )
}

pub(crate) fn text_overflows_int(from: &str, value: &str) -> Error {
    Error::new(
        248,
        16,
        format!("The conversion of the {from} value '{value}' overflowed an int column."),
    )
}

pub(crate) fn implicit_conversion(from: &str, to: &str) -> Error {
    Error::new(
        257,
        16,
        format!(
            "Implicit conversion from data type {from} to {to} is not allowed. Use the CONVERT \
             function to run this query."
        ),
    )
}

pub(crate) fn smalldatetime_syntax() -> Error {
    Error::new(
        295,
        16,
        "Conversion failed when converting character string to smalldatetime data type.",
    )
}

pub(crate) fn explicit_conversion(from: &str, to: &str) -> Error {
    Error::new(
        529,
        16,
        format!("Explicit conversion from data type {from} to {to} is not allowed."),
    )
}

pub(crate) fn date_difference_overflow(function: &str) -> Error {
    let function = function.to_ascii_lowercase();
    Error::new(
        535,
        16,
        format!(
            "The {function} function resulted in an overflow. The number of dateparts separating \
             two date/time instances is too large. Try to use {function} with a less precise \
             datepart."
        ),
    )
}

pub(crate) fn length_of_zero() -> Error {
    Error::new(1001, 15, "Line 1: Length or precision specification 0 is invalid.")
}

pub(crate) fn invalid_scale(scale: u16) -> Error {
    Error::new(1002, 15, format!("Line 1: Specified scale {scale} is invalid."))
}

pub(crate) fn no_such_type(name: &str) -> Error {
    Error::new(
        2715,
        16,
        format!("Column, parameter, or variable #1: Cannot find data type {name}."),
    )
}

pub(crate) fn precision_too_large(precision: u16) -> Error {
    Error::new(
        2750,
        16,
        format!(
            "Column or parameter #1: Specified column precision {precision} is greater than the \
             maximum precision of 38."
        ),
    )
}

pub(crate) fn text_is_no_number(from: &str, to: &str) -> Error {
    let text = format!("Error converting data type {from} to {to}.");
    with_state(5, Error::new(8114, 16, text))
}

/// 8115 with what was converted. The state tells the kind of conversion.
pub(crate) fn numeric_overflow(what: &str, state: u8) -> Error {
    let text = format!("Arithmetic overflow error converting {what} to data type numeric.");
    with_state(state, Error::new(8115, 16, text))
}

pub(crate) fn divide_by_zero() -> Error {
    Error::new(8134, 16, "Divide by zero error encountered.")
}

pub(crate) fn truncated() -> Error {
    with_state(30, Error::new(8152, 16, "String or binary data would be truncated."))
}

pub(crate) fn guid_syntax() -> Error {
    let text = "Conversion failed when converting from a character string to uniqueidentifier.";
    with_state(2, Error::new(8169, 16, text))
}

pub(crate) fn guid_needs_space() -> Error {
    Error::new(8170, 16, "Insufficient result space to convert uniqueidentifier value to char.")
}

pub(crate) fn no_difference_by_datepart() -> Error {
    Error::new(9806, 16, "The datepart is not supported by date function datediff.")
}

/// 9810, of DATEADD, whatever the type.
pub(crate) fn no_addition_by_datepart() -> Error {
    Error::new(9810, 16, "The datepart is not supported by date function dateadd.")
}

/// 9810, of a type.
pub(crate) fn datepart_not_of_type(datepart: &str, function: &str, ty: &str) -> Error {
    Error::new(
        9810,
        16,
        format!(
            "The datepart {datepart} is not supported by date function {function} for data type \
             {ty}."
        ),
    )
}

pub(crate) fn date_below_minimum() -> Error {
    let text = "An invalid date value was encountered: The date value is less than the minimum \
                date value allowed for the data type.";
    with_state(3, Error::new(9837, 16, text))
}
