//! CREATE, ALTER and DROP.

use super::with_state;
use crate::error::Error;

pub(crate) fn duplicate_key_for_index(table: &str, index: &str) -> Error {
    Error::new(
        1505,
        16,
        format!(
            "The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for \
             the object name '{table}' and the index name '{index}'."
        ),
    )
}

pub(crate) fn foreign_key_to_another_database(constraint: &str) -> Error {
    let text = format!(
        "Cross-database foreign key references are not supported. Foreign key '{constraint}'."
    );
    Error::new(1763, 16, text)
}

pub(crate) fn invalid_referenced_table(constraint: &str, table: &str) -> Error {
    Error::new(1767, 16, format!("Foreign key '{constraint}' references invalid table '{table}'."))
}

pub(crate) fn referenced_object_is_no_table() -> Error {
    Error::new(1768, 16, "A foreign key must reference a user table.")
}

pub(crate) fn no_candidate_key(table: &str) -> Error {
    Error::new(
        1776,
        16,
        format!(
            "There are no primary or candidate keys in the referenced table '{table}' that match \
             the referencing column list in the foreign key."
        ),
    )
}

pub(crate) fn no_such_key_column(name: &str) -> Error {
    Error::new(
        1911,
        16,
        format!("Column name '{name}' does not exist in the target table or view."),
    )
}

pub(crate) fn index_exists(index: &str, table: &str) -> Error {
    Error::new(
        1913,
        16,
        format!(
            "The operation failed because an index or statistics with name '{index}' already \
             exists on table '{table}'."
        ),
    )
}

pub(crate) fn column_specified_twice(column: &str, table: &str) -> Error {
    Error::new(
        2705,
        16,
        format!(
            "Column names in each table must be unique. Column name '{column}' in table '{table}' \
             is specified more than once."
        ),
    )
}

/// 2714. The state tells what was to be created: 1 a schema, 3 a module, 6 a table.
pub(crate) fn object_exists(name: &str, state: u8) -> Error {
    let text = format!("There is already an object named '{name}' in the database.");
    with_state(state, Error::new(2714, 16, text))
}

pub(crate) fn no_such_schema(name: &str) -> Error {
    Error::new(
        2760,
        16,
        format!(
            "The specified schema name \"{name}\" either does not exist or you do not have \
             permission to use it."
        ),
    )
}

/// 3701. `what` in lower case.
pub(crate) fn cannot_drop(what: &str, name: &str) -> Error {
    let text = format!(
        "Cannot drop the {what} '{name}', because it does not exist or you do not have permission."
    );
    with_state(5, Error::new(3701, 11, text))
}

pub(crate) fn dropped_table_is_referenced(table: &str) -> Error {
    Error::new(
        3726,
        16,
        format!(
            "Could not drop object '{table}' because it is referenced by a FOREIGN KEY constraint."
        ),
    )
}

pub(crate) fn dropped_schema_is_used(schema: &str) -> Error {
    Error::new(
        3729,
        16,
        format!("Cannot drop schema '{schema}' because it is being referenced by an object."),
    )
}

/// 4511. `position` from 1.
pub(crate) fn unnamed_view_column(position: usize) -> Error {
    Error::new(
        4511,
        16,
        format!(
            "Create View or Function failed because no column name was specified for column \
             {position}."
        ),
    )
}

pub(crate) fn added_column_needs_value(column: &str, table: &str) -> Error {
    Error::new(
        4901,
        16,
        format!(
            "ALTER TABLE only allows columns to be added that can contain nulls, or have a DEFAULT \
             definition specified, or the column being added is an identity or timestamp column, \
             or alternatively if none of the previous conditions are satisfied the table must be \
             empty to allow addition of this column. Column '{column}' cannot be added to \
             non-empty table '{table}' because it does not satisfy these conditions."
        ),
    )
}

pub(crate) fn no_column_to_drop(column: &str, table: &str) -> Error {
    Error::new(
        4924,
        16,
        format!(
            "ALTER TABLE DROP COLUMN failed because column '{column}' does not exist in table \
             '{table}'."
        ),
    )
}

pub(crate) fn second_primary_key(table: &str) -> Error {
    Error::new(8110, 16, format!("Cannot add multiple PRIMARY KEY constraints to table '{table}'."))
}
