//! Functions, triggers, synonyms, sequences and extended properties.

use super::with_state;
use crate::error::Error;

pub(crate) fn function_without_parentheses(name: &str) -> Error {
    Error::new(216, 16, format!("Parameters were not supplied for the function '{name}'."))
        .compiled()
}

pub(crate) fn missing_function_argument(function: &str) -> Error {
    let text = format!(
        "An insufficient number of arguments were supplied for the procedure or function {function}."
    );
    Error::new(313, 16, text).compiled()
}

pub(crate) fn synonym_of_a_synonym(synonym: &str, base: &str) -> Error {
    let text = format!(
        "The synonym \"{synonym}\" referenced synonym \"{base}\". Synonym chaining is not allowed."
    );
    Error::new(470, 16, text)
}

/// 4121. `name` as it is called, and its first part.
pub(crate) fn no_such_function(column: &str, name: &str) -> Error {
    let text = format!(
        "Cannot find either column \"{column}\" or the user-defined function or aggregate \
         \"{name}\", or the name is ambiguous."
    );
    Error::new(4121, 16, text).compiled()
}

pub(crate) fn synonym_of_nothing(name: &str) -> Error {
    Error::new(5313, 16, format!("Synonym '{name}' refers to an invalid object.")).compiled()
}

pub(crate) fn trigger_without_table(table: &str) -> Error {
    let text = format!("The object '{table}' does not exist or is invalid for this operation.");
    with_state(4, Error::new(8197, 16, text))
}

pub(crate) fn sequence_without_increment(name: &str) -> Error {
    Error::new(11700, 16, format!("The increment for sequence object '{name}' cannot be zero."))
}

pub(crate) fn bad_sequence_type(name: &str) -> Error {
    let text = format!(
        "The sequence object '{name}' must be of data type int, bigint, smallint, tinyint, or \
         decimal or numeric with a scale of 0, or any user-defined data type that is based on one \
         of the above integer data types."
    );
    with_state(2, Error::new(11702, 16, text))
}

pub(crate) fn sequence_start_out_of_range(name: &str) -> Error {
    let text = format!(
        "The start value for sequence object '{name}' must be between the minimum and maximum \
         value of the sequence object."
    );
    Error::new(11703, 16, text)
}

pub(crate) fn sequence_without_range(name: &str) -> Error {
    let text = format!(
        "The minimum value for sequence object '{name}' must be less than its maximum value."
    );
    with_state(2, Error::new(11705, 16, text))
}

pub(crate) fn sequence_within_a_query() -> Error {
    Error::new(
        11719,
        15,
        "NEXT VALUE FOR function is not allowed in check constraints, default objects, computed \
         columns, views, user-defined functions, user-defined aggregates, user-defined table \
         types, sub-queries, common table expressions, derived tables or return statements.",
    )
}

pub(crate) fn sequence_in_a_clause() -> Error {
    Error::new(
        11720,
        15,
        "NEXT VALUE FOR function is not allowed in the TOP, OVER, OUTPUT, ON, WHERE, GROUP BY, \
         HAVING, or ORDER BY clauses.",
    )
}

pub(crate) fn sequence_in_a_set() -> Error {
    Error::new(
        11721,
        15,
        "NEXT VALUE FOR function cannot be used directly in a statement that uses a DISTINCT, \
         UNION, UNION ALL, EXCEPT or INTERSECT operator.",
    )
}

pub(crate) fn sequence_in_order() -> Error {
    Error::new(
        11723,
        15,
        "NEXT VALUE FOR function cannot be used directly in a statement that contains an ORDER BY \
         clause unless the OVER clause is specified.",
    )
}

pub(crate) fn no_sequence(name: &str) -> Error {
    Error::new(11726, 16, format!("Object '{name}' is not a sequence object.")).compiled()
}

pub(crate) fn sequence_exhausted(name: &str) -> Error {
    let text = format!(
        "The sequence object '{name}' has reached its minimum or maximum value. Restart the \
         sequence object to allow new values to be generated."
    );
    Error::new(11728, 16, text)
}

pub(crate) fn no_object_for_property(object: &str) -> Error {
    let text = format!(
        "Object is invalid. Extended properties are not permitted on '{object}', or the object \
         does not exist."
    );
    Error::new(15135, 16, text)
}

pub(crate) fn no_such_property(property: &str, object: &str) -> Error {
    let text = format!(
        "Property cannot be updated or deleted. Property '{property}' does not exist for \
         '{object}'."
    );
    with_state(2, Error::new(15217, 16, text))
}

pub(crate) fn property_exists(property: &str, object: &str) -> Error {
    let text =
        format!("Property cannot be added. Property '{property}' already exists for '{object}'.");
    Error::new(15233, 16, text)
}

pub(crate) fn bad_property_arguments(procedure: &str) -> Error {
    let text = format!("An invalid parameter or option was specified for procedure '{procedure}'.");
    Error::new(15600, 15, text)
}
