//! What is wrong with JSON, and with what JSON is to be made of.

use super::with_state;
use crate::error::Error;

pub(crate) fn json_without_a_table() -> Error {
    Error::new(
        13600,
        16,
        "FOR JSON AUTO requires at least one table for generating JSON objects. Use FOR JSON PATH \
         or add a FROM clause with a table name.",
    )
}

pub(crate) fn json_conflict(property: &str) -> Error {
    Error::new(
        13601,
        16,
        format!(
            "Property '{property}' cannot be generated in JSON output due to a conflict with \
             another column name or alias. Use different names and aliases for each column in \
             SELECT list."
        ),
    )
}

pub(crate) fn json_name_with_dots(property: &str) -> Error {
    Error::new(
        13603,
        16,
        format!(
            "Property '{property}' cannot be generated in JSON output due to invalid character in \
             the column name or alias. Column name or alias that contains '..', starts or ends \
             with '.' is not allowed in query that has FOR JSON clause."
        ),
    )
}

pub(crate) fn json_without_a_name() -> Error {
    Error::new(
        13605,
        16,
        "Column expressions and data sources without names or aliases cannot be formatted as JSON \
         text using FOR JSON clause. Add alias to the unnamed column or table.",
    )
}

/// 13608. `state` tells which path it was: 1 that of OPENJSON, 6 that of one of its columns.
pub(crate) fn json_property_not_found(state: u8) -> Error {
    let text = "Property cannot be found on the specified JSON path.";
    with_state(state, Error::new(13608, 16, text))
}

/// 13609, of a text that ends too early with a point as what was found. The position is in UTF-16
/// units from 0; the state tells which function it was.
pub(crate) fn improper_json(found: char, position: usize, state: u8) -> Error {
    let text = format!(
        "JSON text is not properly formatted. Unexpected character '{found}' is found at position \
         {position}."
    );
    with_state(state, Error::new(13609, 16, text))
}

/// 13611, of OPENJSON with a schema or without one.
pub(crate) fn json_no_container(has_schema: bool) -> Error {
    let text = "Value referenced by JSON path is not an array or object and cannot be opened with \
                OPENJSON.";
    with_state(if has_schema { 2 } else { 1 }, Error::new(13611, 16, text))
}

pub(crate) fn as_json_of_another_type() -> Error {
    Error::new(
        13618,
        16,
        "AS JSON option can be specified only for column of nvarchar(max) type in WITH clause.",
    )
}

pub(crate) fn root_without_wrapper() -> Error {
    Error::new(
        13620,
        16,
        "ROOT option and WITHOUT_ARRAY_WRAPPER option cannot be used together in FOR JSON. Remove \
         one of these options.",
    )
}

pub(crate) fn json_no_object() -> Error {
    Error::new(13624, 16, "Object or array cannot be found in the specified JSON path.")
}
