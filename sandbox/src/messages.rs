//! SQL Server's messages ("Database Engine events and errors"), in the order of their numbers: one
//! constructor for each, and the only place that knows its severity, state and wording.

use crate::catalog::DATABASE;
use crate::error::Error;

fn with_state(state: u8, error: Error) -> Error {
    Error { state, ..error }
}

/// 109: more columns are named than values given.
pub(crate) fn fewer_values_than_columns() -> Error {
    Error::new(
        109,
        16,
        "There are more columns in the INSERT statement than values specified in the VALUES clause. \
         The number of values in the VALUES clause must match the number of columns specified in \
         the INSERT statement.",
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

pub(crate) fn variable_declared_twice(name: &str) -> Error {
    Error::new(
        134,
        15,
        format!(
            "The variable name '{name}' has already been declared. Variable names must be unique \
             within a query batch or stored procedure."
        ),
    )
}

pub(crate) fn undeclared_variable(name: &str) -> Error {
    Error::new(137, 15, format!("Must declare the scalar variable \"{name}\"."))
}

pub(crate) fn bad_waitfor_time(text: &str) -> Error {
    Error::new(148, 15, format!("Incorrect time syntax in time string '{text}' used with WAITFOR."))
}

pub(crate) fn not_a_datepart(word: &str) -> Error {
    Error::new(155, 15, format!("'{word}' is not a recognized datepart option."))
}

pub(crate) fn missing_argument(procedure: &str, parameter: &str) -> Error {
    let text = format!(
        "Procedure or function '{procedure}' expects parameter '{parameter}', which was not \
         supplied."
    );
    with_state(4, Error::new(201, 16, text))
}

pub(crate) fn operand_type_clash(from: &str, to: &str) -> Error {
    Error::new(206, 16, format!("Operand type clash: {from} is incompatible with {to}"))
}

pub(crate) fn invalid_column(name: &str) -> Error {
    Error::new(207, 16, format!("Invalid column name '{name}'."))
}

/// 213: neither names columns.
pub(crate) fn values_do_not_match_table() -> Error {
    Error::new(213, 16, "Column name or number of supplied values does not match table definition.")
}

pub(crate) fn nested_too_deeply() -> Error {
    Error::new(
        217,
        16,
        "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).",
    )
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

pub(crate) fn smalldatetime_syntax() -> Error {
    Error::new(
        295,
        16,
        "Conversion failed when converting character string to smalldatetime data type.",
    )
}

/// 515. `table` with its schema.
pub(crate) fn null_not_allowed(column: &str, table: &str, verb: &str) -> Error {
    let text = format!(
        "Cannot insert the value NULL into column '{column}', table '{DATABASE}.{table}'; column \
         does not allow nulls. {verb} fails."
    );
    with_state(2, Error::new(515, 16, text))
}

pub(crate) fn date_add_overflow() -> Error {
    Error::new(517, 16, "Adding a value to a 'datetime' column caused an overflow.")
}

pub(crate) fn explicit_conversion(from: &str, to: &str) -> Error {
    Error::new(
        529,
        16,
        format!("Explicit conversion from data type {from} to {to} is not allowed."),
    )
}

pub(crate) fn date_difference_overflow() -> Error {
    Error::new(
        535,
        16,
        "The datediff function resulted in an overflow. The number of dateparts separating two \
         date/time instances is too large. Try to use datediff with a less precise datepart.",
    )
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

/// 547, of a check. `table` with its schema, as in the two that follow.
pub(crate) fn check_conflict(verb: &str, constraint: &str, table: &str) -> Error {
    Error::new(
        547,
        16,
        format!(
            "The {verb} statement conflicted with the CHECK constraint \"{constraint}\". The \
             conflict occurred in database \"{DATABASE}\", table \"{table}\"."
        ),
    )
}

/// 547, of rows that other rows refer to.
pub(crate) fn reference_conflict(constraint: &str, table: &str) -> Error {
    Error::new(
        547,
        16,
        format!(
            "The DELETE statement conflicted with the REFERENCE constraint \"{constraint}\". The \
             conflict occurred in database \"{DATABASE}\", table \"{table}\"."
        ),
    )
}

/// 547, of rows that refer to others. SQLite does not say which of the constraints it was, so all
/// of the table are named.
pub(crate) fn foreign_key_conflict(verb: &str, constraints: &[String]) -> Error {
    Error::new(
        547,
        16,
        format!(
            "The {verb} statement conflicted with the FOREIGN KEY constraint \"{}\". The conflict \
             occurred in database \"{DATABASE}\".",
            constraints.join("\" or \"")
        ),
    )
}

pub(crate) fn no_such_database(name: &str) -> Error {
    Error::new(
        911,
        16,
        format!("Database '{name}' does not exist. Make sure that the name is entered correctly."),
    )
}

pub(crate) fn length_of_zero() -> Error {
    Error::new(1001, 15, "Line 1: Length or precision specification 0 is invalid.")
}

pub(crate) fn invalid_scale(scale: u16) -> Error {
    Error::new(1002, 15, format!("Line 1: Specified scale {scale} is invalid."))
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

pub(crate) fn lock_timeout() -> Error {
    with_state(51, Error::new(1222, 16, "Lock request time out period exceeded."))
}

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

pub(crate) fn severity_needs_log() -> Error {
    Error::new(
        2754,
        16,
        "Error severity levels greater than 18 can only be specified by members of the sysadmin \
         role, using the WITH LOG option.",
    )
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

pub(crate) fn log_needs_permission() -> Error {
    Error::new(
        2778,
        16,
        "Only System Administrator can specify WITH LOG option for RAISERROR command.",
    )
}

/// 2812. The state is 62 where nothing has the name, 1 where something else has it.
pub(crate) fn no_such_procedure(name: &str, state: u8) -> Error {
    with_state(state, Error::new(2812, 16, format!("Could not find stored procedure '{name}'.")))
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

pub(crate) fn nothing_to_commit() -> Error {
    Error::new(3902, 16, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.")
}

pub(crate) fn nothing_to_roll_back() -> Error {
    Error::new(3903, 16, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.")
}

pub(crate) fn transaction_is_doomed() -> Error {
    Error::new(
        3930,
        16,
        "The current transaction cannot be committed and cannot support operations that write to \
         the log file. Roll back the transaction.",
    )
}

pub(crate) fn cannot_open_database(name: &str) -> Error {
    Error::new(
        4060,
        11,
        format!("Cannot open database \"{name}\" requested by the login. The login failed."),
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

pub(crate) fn untyped_parameter() -> Error {
    Error::new(
        8009,
        16,
        "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is \
         incorrect. Parameter: data type 0x1F is unknown.",
    )
}

pub(crate) fn identity_column_is_fixed(column: &str) -> Error {
    Error::new(8102, 16, format!("Cannot update identity column '{column}'."))
}

pub(crate) fn second_primary_key(table: &str) -> Error {
    Error::new(8110, 16, format!("Cannot add multiple PRIMARY KEY constraints to table '{table}'."))
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

/// 8144. The server leaves the name of a text empty.
pub(crate) fn too_many_arguments(procedure: &str, state: u8) -> Error {
    let text = format!("Procedure or function {procedure} has too many arguments specified.");
    with_state(state, Error::new(8144, 16, text))
}

pub(crate) fn no_such_parameter(parameter: &str, procedure: &str, state: u8) -> Error {
    let text = format!("{parameter} is not a parameter for procedure {procedure}.");
    with_state(state, Error::new(8145, 16, text))
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

pub(crate) fn missing_query_parameter(declarations: &str, sql: &str, parameter: &str) -> Error {
    Error::new(
        8178,
        16,
        format!(
            "The parameterized query '({declarations}){sql}' expects the parameter '{parameter}', \
             which was not supplied."
        ),
    )
}

pub(crate) fn no_such_handle(handle: i64) -> Error {
    Error::new(8179, 16, format!("Could not find prepared statement with handle {handle}."))
}

/// 9806, of DATEDIFF.
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

pub(crate) fn rethrow_outside_catch() -> Error {
    Error::new(
        10704,
        15,
        "To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the \
         THROW statement inside a CATCH block, or add error parameters to the THROW statement.",
    )
}

pub(crate) fn login_failed(user: &str) -> Error {
    Error::new(18456, 14, format!("Login failed for user '{user}'."))
}

pub(crate) fn thrown_number_out_of_range(number: i64) -> Error {
    Error::new(
        35100,
        16,
        format!(
            "Error number {number} in the THROW statement is outside the valid range. Specify an \
             error number in the valid range of 50000 to 2147483647."
        ),
    )
}
