//! Logins, calls, variables, transactions and errors that statements raise.

use super::with_state;
use crate::error::Error;

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

pub(crate) fn use_in_a_module() -> Error {
    Error::new(
        154,
        15,
        "a USE database statement is not allowed in a procedure, function or trigger.",
    )
}

pub(crate) fn missing_argument(procedure: &str, parameter: &str) -> Error {
    let text = format!(
        "Procedure or function '{procedure}' expects parameter '{parameter}', which was not \
         supplied."
    );
    with_state(4, Error::new(201, 16, text))
}

pub(crate) fn nested_too_deeply() -> Error {
    Error::new(
        217,
        16,
        "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).",
    )
}

pub(crate) fn permission_denied(statement: &str, database: &str) -> Error {
    let text = format!("{statement} permission denied in database '{database}'.");
    Error::new(262, 14, text)
}

pub(crate) fn no_such_database(name: &str) -> Error {
    Error::new(
        911,
        16,
        format!("Database '{name}' does not exist. Make sure that the name is entered correctly."),
    )
}

pub(crate) fn database_not_accessible(login: &str, database: &str) -> Error {
    let text = format!(
        "The server principal \"{login}\" is not able to access the database \"{database}\" under \
         the current security context."
    );
    Error::new(916, 14, text)
}

pub(crate) fn lock_timeout() -> Error {
    with_state(51, Error::new(1222, 16, "Lock request time out period exceeded."))
}

pub(crate) fn severity_needs_log() -> Error {
    Error::new(
        2754,
        16,
        "Error severity levels greater than 18 can only be specified by members of the sysadmin \
         role, using the WITH LOG option.",
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

pub(crate) fn nothing_to_commit() -> Error {
    Error::new(3902, 16, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.")
}

pub(crate) fn nothing_to_roll_back() -> Error {
    Error::new(3903, 16, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.")
}

pub(crate) fn database_is_read_only(name: &str) -> Error {
    let text = format!("Failed to update database \"{name}\" because the database is read-only.");
    Error::new(3906, 16, text)
}

pub(crate) fn transaction_is_doomed() -> Error {
    Error::new(
        3930,
        16,
        "The current transaction cannot be committed and cannot support operations that write to \
         the log file. Roll back the transaction.",
    )
}

pub(crate) fn uncommittable_transaction() -> Error {
    Error::new(
        3998,
        16,
        "Uncommittable transaction is detected at the end of the batch. The transaction is rolled \
         back.",
    )
}

pub(crate) fn cannot_open_database(name: &str) -> Error {
    Error::new(
        4060,
        11,
        format!("Cannot open database \"{name}\" requested by the login. The login failed."),
    )
}

pub(crate) fn cannot_open_default_database() -> Error {
    Error::new(4064, 11, "Cannot open user default database. Login failed.")
}

pub(crate) fn untyped_parameter() -> Error {
    Error::new(
        8009,
        16,
        "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is \
         incorrect. Parameter: data type 0x1F is unknown.",
    )
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

pub(crate) fn rethrow_outside_catch() -> Error {
    Error::new(
        10704,
        15,
        "To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the \
         THROW statement inside a CATCH block, or add error parameters to the THROW statement.",
    )
}

pub(crate) fn object_does_not_exist(object: &str, database: &str) -> Error {
    Error::new(
        15009,
        16,
        format!(
            "The object '{object}' does not exist in database '{database}' or is invalid for this \
             operation."
        ),
    )
}

pub(crate) fn no_text_of_object(object: &str) -> Error {
    Error::new(15197, 16, format!("There is no text for object '{object}'."))
}

pub(crate) fn object_of_another_database() -> Error {
    Error::new(
        15250,
        16,
        "The database name component of the object qualifier must be the name of the current \
         database.",
    )
}

pub(crate) fn untrusted_domain() -> Error {
    Error::new(
        18452,
        14,
        "Login failed. The login is from an untrusted domain and cannot be used with Integrated \
         authentication.",
    )
}

pub(crate) fn login_failed(user: &str) -> Error {
    Error::new(18456, 14, format!("Login failed for user '{user}'."))
}

/// 18456 of whoever brings a token; what is behind the name says what was wrong with it.
fn token_login_failed(why: &str) -> Error {
    let failed = login_failed("<token-identified principal>");
    Error { message: format!("{}{why}", failed.message), ..failed }
}

pub(crate) fn no_principal_of_token() -> Error {
    token_login_failed("")
}

pub(crate) fn token_expired() -> Error {
    token_login_failed(" Token is expired.")
}

pub(crate) fn token_invalid() -> Error {
    token_login_failed(" Incorrect or invalid token.")
}

pub(crate) fn tokens_not_configured() -> Error {
    token_login_failed(" The server is not currently configured to accept this token.")
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

// Messages of severity 10, which are no errors.

pub(crate) fn no_constraints(object: &str) -> Error {
    let text =
        format!("No constraints are defined on object '{object}', or you do not have permissions.");
    Error::new(15469, 10, text)
}

pub(crate) fn no_references(object: &str) -> Error {
    let text = format!(
        "No foreign keys reference table '{object}', or you do not have permissions on \
         referencing tables."
    );
    Error::new(15470, 10, text)
}

pub(crate) fn no_indexes(object: &str) -> Error {
    let text =
        format!("The object '{object}' does not have any indexes, or you do not have permissions.");
    Error::new(15472, 10, text)
}

pub(crate) fn no_bound_views(object: &str) -> Error {
    Error::new(15647, 10, format!("No views with schema binding reference table '{object}'."))
}
