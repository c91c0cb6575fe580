//! The description of statements.

use super::with_state;
use crate::error::Error;

pub(crate) fn batch_not_analyzed() -> Error {
    with_state(
        2,
        Error::new(11501, 16, "The batch could not be analyzed because of compile errors."),
    )
}

pub(crate) fn parameter_without_type(name: &str) -> Error {
    let text = format!("The type for parameter '{name}' cannot be deduced in this context.");
    Error::new(11502, 16, text)
}

pub(crate) fn two_parameters_without_types(a: &str, b: &str) -> Error {
    let text = format!(
        "The parameter type cannot be deduced because a single expression contains two untyped \
         parameters, '{a}' and '{b}'."
    );
    Error::new(11503, 16, text)
}

pub(crate) fn parameter_used_twice(name: &str) -> Error {
    let text = format!(
        "The undeclared parameter '{name}' is used more than once in the batch being analyzed."
    );
    Error::new(11508, 16, text)
}

/// Why the metadata of a statement could not be determined; in a procedure with its name.
fn undetermined(statement: &str, procedure: &str, numbers: [u32; 2], why: [&str; 2]) -> Error {
    let (at, place) = match procedure {
        "" => (0, String::new()),
        name => (1, format!(" in procedure '{name}'")),
    };
    let text = format!(
        "The metadata could not be determined because statement '{statement}'{place} {}",
        why[at]
    );
    Error::new(numbers[at], 16, text)
}

pub(crate) fn incompatible_results(a: &str, b: &str) -> Error {
    let text = format!(
        "The metadata could not be determined because the statement '{a}' is not compatible with \
         the statement '{b}'."
    );
    Error::new(11509, 16, text)
}

/// 11513, in a procedure 11514.
pub(crate) fn dynamic_sql(statement: &str, procedure: &str) -> Error {
    const WHY: &str = "contains dynamic SQL. Consider using the WITH RESULT SETS clause to \
                       explicitly describe the result set.";
    undetermined(statement, procedure, [11513, 11514], [WHY; 2])
}

/// 11521, in a procedure 11522.
pub(crate) fn undeclared_in_result(statement: &str, procedure: &str) -> Error {
    const WHY: &str = "uses an undeclared parameter in a context that affects its metadata.";
    undetermined(statement, procedure, [11521, 11522], [WHY; 2])
}

/// 11523, in a procedure 11524.
pub(crate) fn recursive_result(statement: &str, procedure: &str) -> Error {
    undetermined(statement, procedure, [11523, 11524], ["causes indirect recursion."; 2])
}

/// 11525, in a procedure 11526.
pub(crate) fn temporary_table_in_result(statement: &str, procedure: &str) -> Error {
    const WHY: [&str; 2] = [
        "uses a temp table. Metadata discovery only supports temp tables when analyzing a \
         single-statement batch.",
        "uses a temp table.",
    ];
    undetermined(statement, procedure, [11525, 11526], WHY)
}

pub(crate) fn object_without_results(id: &str) -> Error {
    let text = format!(
        "The object id '{id}' passed to sys.dm_exec_describe_first_result_set_for_object refers to \
         an object which is not a T-SQL procedure or trigger."
    );
    Error::new(11531, 16, text)
}

pub(crate) fn no_object_to_describe(id: i64) -> Error {
    let text = format!(
        "The object id '{id}' passed to sys.dm_exec_describe_first_result_set_for_object was \
         invalid."
    );
    Error::new(11532, 16, text)
}

pub(crate) fn bad_browse_mode() -> Error {
    let text = "The @browse_information_mode parameter expects a tinyint with values 0, 1 or 2.";
    Error::new(11552, 16, text)
}
