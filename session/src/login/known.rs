//! What the server answered to a login, and the part of it that the driver is shown.

use super::features::feature;
use crate::cursor::{Cursor, Stop};
use crate::event::{Environment, LoginAck, Message};
use crate::token::{self, id};

/// Where LOGINACK has its version of TDS: behind the token, its length and the interface.
const LOGINACK_VERSION: std::ops::Range<usize> = 4..8;
/// The version that the driver asks for.
const TDS_7_4: [u8; 4] = [0x74, 0, 0, 4];

/// What is known of a session once it is logged in.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    pub(crate) packet_size: Option<u32>,
    pub(crate) collation: Option<[u8; 5]>,
    pub(crate) database: String,
    pub(crate) ack: LoginAck,
    /// LOGINACK came.
    pub(super) accepted: bool,
    /// The token of a Windows login that came last (MS-TDS 2.2.7.22), which is not the driver's.
    pub(super) sspi: Option<Vec<u8>>,
    pub(crate) errors: Vec<Message>,
    /// The version of DATACLASSIFICATION that was agreed; 0 for none.
    pub(crate) classification: u8,
    pub(crate) utf8: bool,
    pub(crate) json: bool,
    pub(crate) vector: bool,
}

// === impl Known ===

impl Known {
    /// Takes a message of the server in; answers it without the acknowledgements of our features.
    /// From the first thing on that cannot be read, it is the driver's to complain about.
    pub(super) fn take(&mut self, message: &[u8]) -> Vec<u8> {
        let mut shown = Vec::with_capacity(message.len());
        let mut c = Cursor::new(message);
        loop {
            let start = c.position();
            match self.token(&mut c) {
                Ok(Some(instead)) => shown.extend_from_slice(&instead),
                Ok(None) => shown.extend_from_slice(&message[start..c.position()]),
                Err(_) => {
                    shown.extend_from_slice(&message[start..]);
                    return shown;
                }
            }
        }
    }

    /// One token; some bytes where the driver is shown others.
    fn token(&mut self, c: &mut Cursor<'_>) -> Result<Option<Vec<u8>>, Stop> {
        let whole = c.rest();
        match c.u8()? {
            id::ENVCHANGE => match token::environment(c)? {
                Environment::PacketSize(n) => self.packet_size = Some(n),
                Environment::Collation(bytes) => self.collation = Some(bytes),
                Environment::Database(name) => self.database = name,
                _ => {}
            },
            id::INFO => drop(token::message(c)?),
            id::ERROR => self.errors.push(token::message(c)?),
            id::LOGINACK => {
                self.ack = token::login_ack(c)?;
                self.accepted = true;
                // The driver knows no version above 7.4, and of that nothing that matters here.
                let mut shown = whole[..whole.len() - c.rest().len()].to_vec();
                shown[LOGINACK_VERSION].copy_from_slice(&TDS_7_4);
                return Ok(Some(shown));
            }
            id::FEATUREEXTACK => return self.features(c).map(Some),
            id::DONE | id::DONEPROC | id::DONEINPROC => drop(token::done(id::DONE, c)?),
            id::RETURNSTATUS => drop(c.u32()?),
            id::ORDER => drop(token::bounded(c)?),
            id::SSPI => {
                self.sspi = Some(token::bounded(c)?.rest().to_vec());
                return Ok(Some(Vec::new()));
            }
            id::SESSIONSTATE | id::FEDAUTHINFO => {
                let n = c.u32()?;
                c.take(n as usize)?;
            }
            _ => return Err(Stop::Bad("a token that no login has")),
        }
        Ok(None)
    }

    /// FEATUREEXTACK with FEDAUTH alone, or nothing.
    fn features(&mut self, c: &mut Cursor<'_>) -> Result<Vec<u8>, Stop> {
        let mut shown = Vec::new();
        for (id, data) in token::features(c)? {
            let first = data.first().copied().unwrap_or_default();
            match id {
                feature::FEDAUTH => {
                    shown.push(id);
                    shown.extend_from_slice(&(data.len() as u32).to_le_bytes());
                    shown.extend_from_slice(&data);
                }
                // Its version, and whether it is on.
                feature::DATACLASSIFICATION if data.get(1) == Some(&1) => {
                    self.classification = first;
                }
                feature::UTF8_SUPPORT => self.utf8 = first == 1,
                feature::JSONSUPPORT => self.json = first != 0,
                feature::VECTORSUPPORT => self.vector = first != 0,
                _ => {}
            }
        }
        if !shown.is_empty() {
            shown.insert(0, id::FEATUREEXTACK);
            shown.push(0xFF);
        }
        Ok(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: [u8; 13] = [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn acknowledgements_of_ours_are_taken_out_and_kept() {
        let acks = [0xAE, 9, 2, 0, 0, 0, 2, 1, 10, 1, 0, 0, 0, 1, 13, 1, 0, 0, 0, 1, 0xFF];
        let message = [&[0xE3, 3, 0, 18, 0, 0][..], &acks, &DONE].concat();
        let mut answer = Known::default();
        let shown = answer.take(&message);
        assert_eq!(shown, [&[0xE3, 3, 0, 18, 0, 0][..], &DONE].concat());
        assert_eq!((answer.classification, answer.utf8, answer.json), (2, true, true));
        assert!(!answer.vector);
    }

    #[test]
    fn fedauth_is_the_drivers() {
        let message = [&[0xAE, 2, 0, 0, 0, 0, 10, 1, 0, 0, 0, 1, 0xFF][..], &DONE].concat();
        let shown = Known::default().take(&message);
        assert_eq!(shown, [&[0xAE, 2, 0, 0, 0, 0, 0xFF][..], &DONE].concat());
    }

    #[test]
    fn a_newer_version_of_tds_is_not_shown() {
        let ack = |version: u8| [0xAD, 10, 0, 1, version, 0, 0, 4, 0, 17, 0, 0, 1];
        let mut known = Known::default();
        assert_eq!(known.take(&[&ack(8)[..], &DONE].concat()), [&ack(0x74)[..], &DONE].concat());
        assert_eq!((known.ack.tds, known.ack.version), (0x0800_0004, (17, 0, 1)));
    }

    #[test]
    fn the_token_of_a_windows_login_is_kept_from_the_driver() {
        let mut known = Known::default();
        let message = [&[0xED, 3, 0, 1, 2, 3][..], &DONE].concat();
        assert_eq!(known.take(&message), DONE);
        assert_eq!((known.sspi.as_deref(), known.accepted), (Some(&[1, 2, 3][..]), false));
    }

    #[test]
    fn what_cannot_be_read_goes_on_as_it_came() {
        let message = [&DONE[..], &[0x42, 1, 2, 3]].concat();
        assert_eq!(Known::default().take(&message), message);
        assert_eq!(Known::default().take(&DONE[..5]), DONE[..5]);
    }
}
