//! What of a LOGIN7 must be within its first packet, where TLS ends behind that (MS-TDS 2.2.6.5):
//! the password, or the access token of FEDAUTH.

use super::features::{EXTENSION, OPTION_FLAGS_3};
use crate::error::Error;

/// Where LOGIN7 has ibPassword and cchPassword.
const PASSWORD: usize = 44;

/// Looks before our features are added: the driver's own is FEDAUTH, which ends the message.
pub(super) fn within(login: &[u8], first_packet: usize) -> Result<(), Error> {
    let place = |at: usize| {
        login.get(at..at + 2).map_or(0, |b| usize::from(u16::from_le_bytes([b[0], b[1]])))
    };
    let token = login.get(OPTION_FLAGS_3).is_some_and(|f| f & EXTENSION != 0);
    let password = place(PASSWORD) + 2 * place(PASSWORD + 2);
    let end = if token { login.len() } else { password };
    if end <= first_packet {
        return Ok(());
    }
    Err(Error::Encryption(
        "the login's secret does not fit into the one packet that is encrypted where the server \
         encrypts the login alone: set database.encrypt (MSSQL_ENCRYPT) to on",
    ))
}
