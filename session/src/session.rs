//! A session.

use std::time::Duration;

use crate::connect::Target;
use crate::error::Error;
use crate::login::Answer;
use crate::wire::Wire;

/// One connection.
#[derive(Debug)]
pub struct Session {
    wire: Wire,
    known: Answer,
    version: (u8, u8, u16),
    write_timeout: Duration,
}

impl Session {
    pub(crate) fn new(
        wire: Wire,
        known: Answer,
        version: (u8, u8, u16),
        write_timeout: Duration,
    ) -> Self {
        Self { wire, known, version, write_timeout }
    }

    /// Connects and logs in.
    pub async fn connect(target: &Target) -> Result<Self, Error> {
        target.session().await
    }
}
