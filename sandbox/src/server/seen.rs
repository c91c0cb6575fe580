//! What the sandbox remembers of logins, for tests.

use super::admit::Admitted;
use super::login::Login7;
use crate::error::Error;

/// A login that came (MS-TDS §2.2.6.4), without what it proved itself by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenLogin {
    /// Who it is: the value of ORIGINAL_LOGIN(), or of a refused one the user name that it sent.
    pub user: String,
    /// The application's name.
    pub program: String,
    /// The client's machine.
    pub host: String,
    /// Of the server that the client means to reach.
    pub server_name: String,
    /// The database that it names; empty for its default.
    pub database: String,
    /// It only means to read (fReadOnlyIntent).
    pub read_intent: bool,
    /// Bytes of a packet that it asks for, from 512 to 32,767.
    pub packet_size: usize,
    /// The number of the first error that it was refused with.
    pub refused: Option<u32>,
}

// === impl SeenLogin ===

impl SeenLogin {
    pub(super) fn new(login: &Login7, outcome: &Result<Admitted, Vec<Error>>) -> Self {
        Self {
            user: outcome.as_ref().map_or(&login.user, |admitted| &admitted.login).clone(),
            program: login.program.clone(),
            host: login.host.clone(),
            server_name: login.server_name.clone(),
            database: login.database.clone(),
            read_intent: login.read_intent,
            packet_size: login.packet_size,
            refused: outcome.as_ref().err().and_then(|told| told.first()).map(|e| e.number),
        }
    }
}
