//! LOGIN7 (MS-TDS §2.2.6.4) and what is answered to it.

use std::io;

use bytes::{Bytes, BytesMut};

use super::{Options, SandboxLogin};
use crate::error::Error;
use crate::faults::Faults;
use crate::messages;
use crate::names::DATABASE;
use crate::run::{Access, Shared};
use crate::tds::encode::COLLATION;
use crate::tds::request::bad;
use crate::tds::token::{self, Done};
use crate::tds::wire::{Reader, utf16};

/// What a login asked for.
#[derive(Debug, Default)]
pub(super) struct Login7 {
    /// As the client wrote it; the answer echoes it.
    pub(super) tds_version: u32,
    pub(super) packet_size: usize,
    pub(super) user: String,
    /// In clear: on the wire its bits are only shuffled.
    pub(super) password: String,
    pub(super) program: String,
    pub(super) host: String,
    /// The database that it asks to begin in; empty for its default.
    pub(super) database: String,
    /// UTF8_SUPPORT is among the features that it asks for.
    pub(super) utf8: bool,
}

/// What UTF8_SUPPORT is among features (§2.2.7.11).
const UTF8_SUPPORT: u8 = 0x0A;

/// Whether a feature is in FeatureExt, of which `ibExtension` tells the place of the offset. A
/// table that ends too early has no further features.
fn asks_for(feature: u8, body: &Bytes, extension: usize) -> bool {
    let read = || -> io::Result<bool> {
        let mut place = Reader { rest: body.slice(extension.min(body.len())..) };
        let at = place.u32()? as usize;
        let mut features = Reader { rest: body.slice(at.min(body.len())..) };
        loop {
            match features.u8()? {
                0xFF => return Ok(false),
                id if id == feature => return Ok(true),
                _ => {
                    let length = features.u32()? as usize;
                    features.take(length)?;
                }
            }
        }
    };
    read().unwrap_or(false)
}

/// Reads a LOGIN7, whose fields are found by offsets from its beginning, and lengths in characters.
pub(super) fn read(body: Bytes) -> io::Result<Login7> {
    let field = |at: usize| -> io::Result<(usize, usize)> {
        let mut r = Reader { rest: body.slice(at.min(body.len())..) };
        Ok((usize::from(r.u16()?), usize::from(r.u16()?)))
    };
    let bytes = |at: usize| -> io::Result<Bytes> {
        let (offset, len) = field(at)?;
        if offset + len * 2 > body.len() {
            return Err(bad("LOGIN7 with a field outside the message"));
        }
        Ok(body.slice(offset..offset + len * 2))
    };
    let mut head = Reader { rest: body.clone() };
    head.u32()?;
    let tds_version = head.u32()?;
    let packet_size = head.u32()? as usize;
    let password: Vec<u8> = bytes(44)?.iter().map(|b| (b ^ 0xA5).rotate_right(4)).collect();
    // OptionFlags3, fExtension: the field of an unused text holds where the offset stands.
    let utf8 = body.get(27).is_some_and(|flags| flags & 0x10 != 0)
        && asks_for(UTF8_SUPPORT, &body, field(56)?.0);
    Ok(Login7 {
        utf8,
        tds_version,
        // 0 leaves it to the server.
        packet_size: if packet_size == 0 { 4096 } else { packet_size.clamp(512, 32_767) },
        host: utf16(&bytes(36)?),
        user: utf16(&bytes(40)?),
        password: utf16(&password),
        program: utf16(&bytes(48)?),
        database: utf16(&bytes(68)?),
    })
}

/// What a login that is not refused may do.
#[derive(Debug, PartialEq)]
pub(super) struct Admitted {
    /// The database that it begins in, as it spells itself.
    pub(super) database: String,
    pub(super) access: Access,
}

/// Whom a login is for, or all that it is told instead.
pub(super) fn admit(
    options: &Options,
    shared: &Shared,
    login: &Login7,
) -> Result<Admitted, Vec<Error>> {
    // Older clients read other tokens, and have no date, time, datetime2 and datetimeoffset.
    if ![0x73, 0x74, 0x08].contains(&(login.tds_version >> 24)) {
        let version = login.tds_version;
        return Err(vec![Error::unsupported(format!(
            "TDS {:x}.{:x}",
            version >> 28,
            version >> 24 & 0xF
        ))]);
    }
    let failed = messages::login_failed(&login.user);
    let is_it = |l: &&SandboxLogin| l.user == login.user && l.password == login.password;
    let (default, access) = match options.logins.iter().find(is_it) {
        _ if login.user == options.user && login.password == options.password => ("", Access::All),
        Some(known) => (known.default_database.as_str(), Access::Some(known.databases.clone())),
        None => return Err(vec![failed]),
    };
    let default = if default.is_empty() { DATABASE } else { default };
    let asked = if login.database.is_empty() { default } else { &login.database };
    let found = shared.position(asked).map(|position| shared.name(position));
    match found.filter(|name| access.allows(name)) {
        Some(database) => Ok(Admitted { database: database.to_owned(), access }),
        None if login.database.is_empty() => {
            Err(vec![messages::cannot_open_default_database(), failed])
        }
        None => Err(vec![messages::cannot_open_database(&login.database), failed]),
    }
}

/// What a login is answered; with a route among the faults, that it should go there.
pub(super) fn greet(login: &Login7, database: &str, faults: &Faults, b: &mut BytesMut) {
    token::env_text(1, database, "master", b);
    token::info(5701, 0, 2, 1, &format!("Changed database context to '{database}'."), b);
    token::env_bytes(7, &COLLATION, &[], b);
    token::env_text(2, "us_english", "", b);
    token::info(5703, 0, 1, 1, "Changed language setting to us_english.", b);
    token::login_ack(login.tds_version, b);
    token::env_text(4, &login.packet_size.to_string(), "4096", b);
    if login.utf8 {
        token::utf8_support(b);
    }
    if let Some((host, port)) = &faults.route_to {
        token::env_routing(host, *port, b);
    }
    b.extend_from_slice(&faults.login_tokens);
    token::done(Done::Statement, 0, 0, 0, b);
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;

    use super::*;
    use crate::names::{PASSWORD, USER};

    /// A LOGIN7 with a user and a password, and otherwise empty.
    fn login7(tds_version: u32, packet_size: u32, user: &str, password: &str) -> Bytes {
        let mut body = BytesMut::zeroed(94);
        body[4..8].copy_from_slice(&tds_version.to_le_bytes());
        body[8..12].copy_from_slice(&packet_size.to_le_bytes());
        for (at, text, hide) in [(40, user, false), (44, password, true)] {
            let offset = body.len() as u16;
            body[at..at + 2].copy_from_slice(&offset.to_le_bytes());
            body[at + 2..at + 4].copy_from_slice(&(text.len() as u16).to_le_bytes());
            for byte in text.encode_utf16().flat_map(u16::to_le_bytes) {
                body.put_u8(if hide { byte.rotate_left(4) ^ 0xA5 } else { byte });
            }
        }
        body.freeze()
    }

    fn refusal(login: Bytes) -> Option<u32> {
        let login = read(login).expect("a login");
        let shared = Shared::new("/login");
        let told = admit(&Options::default(), &shared, &login).err()?;
        told.first().map(|e| e.number)
    }

    #[test]
    fn a_login_is_read_and_accepted() {
        let login = read(login7(0x7400_0004, 0, USER, PASSWORD)).expect("a login");
        assert_eq!((login.user.as_str(), login.password.as_str()), (USER, PASSWORD));
        assert_eq!((login.packet_size, login.database.as_str()), (4096, ""));
        assert!(!login.utf8);
        assert_eq!(refusal(login7(0x7400_0004, 0, USER, PASSWORD)), None);
        let tiny = read(login7(0x7400_0004, 1, USER, PASSWORD)).expect("a login");
        assert_eq!(tiny.packet_size, 512);
    }

    #[test]
    fn who_is_refused() {
        assert_eq!(refusal(login7(0x7400_0004, 0, USER, "wrong")), Some(18456));
        assert_eq!(refusal(login7(0x7400_0004, 0, "sa", PASSWORD)), Some(18456));
        let too_old = refusal(login7(0x7200_0002, 0, USER, PASSWORD));
        assert_eq!(too_old, Some(crate::error::UNSUPPORTED));
    }

    #[test]
    fn where_a_login_begins() {
        let options = Options {
            logins: vec![SandboxLogin {
                user: "anna".to_owned(),
                password: "A".to_owned(),
                default_database: "Ledger".to_owned(),
                databases: vec!["ledger".to_owned()],
            }],
            ..Options::default()
        };
        let further = ["Ledger".to_owned(), "Stock".to_owned()];
        let shared = Shared::with("/begins", "", &further).expect("databases");
        let begins = |user: &str, password: &str, database: &str| {
            let login = Login7 {
                tds_version: 0x7400_0004,
                user: user.to_owned(),
                password: password.to_owned(),
                database: database.to_owned(),
                ..Login7::default()
            };
            let admitted = admit(&options, &shared, &login).map(|a| a.database);
            admitted.map_err(|told| told.iter().map(|e| e.number).collect::<Vec<_>>())
        };
        assert_eq!(begins(USER, PASSWORD, "").as_deref(), Ok(DATABASE));
        assert_eq!(begins(USER, PASSWORD, "STOCK").as_deref(), Ok("Stock"));
        assert_eq!(begins("anna", "A", "").as_deref(), Ok("Ledger"));
        assert_eq!(begins("anna", "A", "MASTER").as_deref(), Ok("master"));
        assert_eq!(begins("anna", "A", "Stock"), Err(vec![4060, 18456]));
        assert_eq!(begins("anna", "A", "nothing"), Err(vec![4060, 18456]));
        assert_eq!(begins("anna", "B", ""), Err(vec![18456]));
    }

    #[test]
    fn features_are_found_behind_others() {
        let with = |features: &[u8]| {
            let mut body = BytesMut::from(&login7(0x7400_0004, 0, USER, PASSWORD)[..]);
            body[27] |= 0x10;
            let place = body.len() as u16;
            body[56..58].copy_from_slice(&place.to_le_bytes());
            body[58..60].copy_from_slice(&4u16.to_le_bytes());
            body.put_u32_le(u32::from(place) + 4);
            body.put_slice(features);
            read(body.freeze()).expect("a login").utf8
        };
        assert!(with(&[4, 2, 0, 0, 0, 7, 7, UTF8_SUPPORT, 0, 0, 0, 0, 0xFF]));
        assert!(!with(&[4, 2, 0, 0, 0, UTF8_SUPPORT, UTF8_SUPPORT, 0xFF]));
        assert!(!with(&[4, 9, 0, 0, 0, UTF8_SUPPORT]));
        assert!(!with(&[]));
    }

    #[test]
    fn a_field_outside_the_message_is_an_error() {
        let whole = login7(0x7400_0004, 0, USER, PASSWORD);
        assert!(read(whole.slice(..whole.len() - 1)).is_err());
        assert!(read(whole.slice(..20)).is_err());
    }
}
