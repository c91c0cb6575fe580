//! INSERT, UPDATE and DELETE, and the constraints that they meet.

use super::with_state;
use crate::error::Error;

/// 109: more columns are named than values given.
pub(crate) fn fewer_values_than_columns() -> Error {
    Error::new(
        109,
        16,
        "There are more columns in the INSERT statement than values specified in the VALUES \
         clause. The number of values in the VALUES clause must match the number of columns \
         specified in the INSERT statement.",
    )
}

/// 110: more values are given than columns named.
pub(crate) fn more_values_than_columns() -> Error {
    Error::new(
        110,
        16,
        "There are fewer columns in the INSERT statement than values specified in the VALUES \
         clause. The number of values in the VALUES clause must match the number of columns \
         specified in the INSERT statement.",
    )
}

pub(crate) fn fewer_items_than_columns() -> Error {
    Error::new(
        120,
        15,
        "The select list for the INSERT statement contains fewer items than the insert list. The \
         number of SELECT values must match the number of INSERT columns.",
    )
}

pub(crate) fn more_items_than_columns() -> Error {
    Error::new(
        121,
        15,
        "The select list for the INSERT statement contains more items than the insert list. The \
         number of SELECT values must match the number of INSERT columns.",
    )
}

pub(crate) fn invalid_column(name: &str) -> Error {
    Error::new(207, 16, format!("Invalid column name '{name}'."))
}

/// 213: neither names columns.
pub(crate) fn values_do_not_match_table() -> Error {
    Error::new(213, 16, "Column name or number of supplied values does not match table definition.")
}

pub(crate) fn computed_column(name: &str) -> Error {
    Error::new(
        271,
        16,
        format!(
            "The column \"{name}\" cannot be modified because it is either a computed column or is \
             the result of a UNION operator."
        ),
    )
}

/// 515. `table` with its database and its schema.
pub(crate) fn null_not_allowed(column: &str, table: &str, verb: &str) -> Error {
    let text = format!(
        "Cannot insert the value NULL into column '{column}', table '{table}'; column \
         does not allow nulls. {verb} fails."
    );
    with_state(2, Error::new(515, 16, text))
}

pub(crate) fn identity_insert_is_off(table: &str) -> Error {
    Error::new(
        544,
        16,
        format!(
            "Cannot insert explicit value for identity column in table '{table}' when \
             IDENTITY_INSERT is set to OFF."
        ),
    )
}

pub(crate) fn identity_must_be_given(table: &str) -> Error {
    Error::new(
        545,
        16,
        format!(
            "Explicit value must be specified for identity column in table '{table}' either when \
             IDENTITY_INSERT is set to ON or when a replication user is inserting into a NOT FOR \
             REPLICATION identity column."
        ),
    )
}

/// 547, of a check. `table` with its schema, as in the two that follow.
pub(crate) fn check_conflict(verb: &str, constraint: &str, database: &str, table: &str) -> Error {
    Error::new(
        547,
        16,
        format!(
            "The {verb} statement conflicted with the CHECK constraint \"{constraint}\". The \
             conflict occurred in database \"{database}\", table \"{table}\"."
        ),
    )
}

/// 547, of rows that other rows refer to.
pub(crate) fn reference_conflict(constraint: &str, database: &str, table: &str) -> Error {
    Error::new(
        547,
        16,
        format!(
            "The DELETE statement conflicted with the REFERENCE constraint \"{constraint}\". The \
             conflict occurred in database \"{database}\", table \"{table}\"."
        ),
    )
}

/// 547, of rows that refer to others. SQLite does not say which of the constraints it was, so all
/// of the table are named.
pub(crate) fn foreign_key_conflict(verb: &str, database: &str, constraints: &[String]) -> Error {
    Error::new(
        547,
        16,
        format!(
            "The {verb} statement conflicted with the FOREIGN KEY constraint \"{}\". The conflict \
             occurred in database \"{database}\".",
            constraints.join("\" or \"")
        ),
    )
}

/// 1038. `position` from 1.
pub(crate) fn unnamed_column(position: usize) -> Error {
    Error::new(
        1038,
        15,
        format!(
            "An object or column name is missing or empty. For SELECT INTO statements, verify each \
             column has a name (column {position})."
        ),
    )
}

pub(crate) fn duplicate_in_unique_index(table: &str, index: &str) -> Error {
    Error::new(
        2601,
        14,
        format!("Cannot insert duplicate key row in object '{table}' with unique index '{index}'."),
    )
}

/// 2627. `kind` is `PRIMARY KEY` or `UNIQUE KEY`.
pub(crate) fn duplicate_in_constraint(kind: &str, constraint: &str, table: &str) -> Error {
    Error::new(
        2627,
        14,
        format!(
            "Violation of {kind} constraint '{constraint}'. Cannot insert duplicate key in object \
             '{table}'."
        ),
    )
}

pub(crate) fn truncated_table_is_referenced(table: &str) -> Error {
    Error::new(
        4712,
        16,
        format!(
            "Cannot truncate table '{table}' because it is being referenced by a FOREIGN KEY \
             constraint."
        ),
    )
}

pub(crate) fn identity_column_is_fixed(column: &str) -> Error {
    Error::new(8102, 16, format!("Cannot update identity column '{column}'."))
}

pub(crate) fn table_without_identity(table: &str) -> Error {
    Error::new(
        8106,
        16,
        format!(
            "Table '{table}' does not have the identity property. Cannot perform SET operation."
        ),
    )
}

/// 8107. `on` with its database and schema.
pub(crate) fn identity_insert_is_on(on: &str, table: &str) -> Error {
    Error::new(
        8107,
        16,
        format!(
            "IDENTITY_INSERT is already ON for table '{on}'. Cannot perform SET operation for \
             table '{table}'."
        ),
    )
}
