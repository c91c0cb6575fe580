//! LOGIN7 (MS-TDS §2.2.6.4) and what is answered to it.

use std::io;

use bytes::{Bytes, BytesMut};

use super::features::{self, Features};
use super::prelogin::Nonce;
use crate::faults::Faults;
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
    /// Of the server that the client means to reach.
    pub(super) server_name: String,
    /// The database that it asks to begin in; empty for its default.
    pub(super) database: String,
    /// It only means to read (ApplicationIntent=ReadOnly).
    pub(super) read_intent: bool,
    pub(super) features: Features,
    /// The first token of a handshake, of a login with integrated security.
    pub(super) sspi: Option<Bytes>,
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
    let features = match body.get(27) {
        Some(flags) if flags & 0x10 != 0 => {
            let mut place = Reader { rest: body.slice(field(56)?.0.min(body.len())..) };
            place
                .u32()
                .map_or_else(|_| Ok(Features::default()), |at| features::read(&body, at as usize))?
        }
        _ => Features::default(),
    };
    // OptionFlags2, fIntSecurity.
    let sspi = match body.get(25) {
        Some(flags) if flags & 0x80 != 0 => Some(first_token(&body)?),
        _ => None,
    };
    Ok(Login7 {
        features,
        sspi,
        tds_version,
        // 0 leaves it to the server.
        packet_size: if packet_size == 0 { 4096 } else { packet_size.clamp(512, 32_767) },
        host: utf16(&bytes(36)?),
        user: utf16(&bytes(40)?),
        password: utf16(&password),
        program: utf16(&bytes(48)?),
        server_name: utf16(&bytes(52)?),
        database: utf16(&bytes(68)?),
        // TypeFlags, fReadOnlyIntent.
        read_intent: body.get(26).is_some_and(|flags| flags & 0x20 != 0),
    })
}

/// ibSSPI and cbSSPI, which is in bytes; where two of them are too few for the length, it is in
/// cbSSPILong.
fn first_token(body: &Bytes) -> io::Result<Bytes> {
    let mut place = Reader { rest: body.slice(78.min(body.len())..) };
    let (offset, short) = (usize::from(place.u16()?), usize::from(place.u16()?));
    let mut long = Reader { rest: body.slice(90.min(body.len())..) };
    let length = match (short, long.u32()? as usize) {
        (0xFFFF, long) if long > 0 => long,
        (short, _) => short,
    };
    if length > body.len() || offset > body.len() - length {
        return Err(bad("LOGIN7 with an SSPI token outside the message"));
    }
    Ok(body.slice(offset..offset + length))
}

/// Where a login is sent on to: one that only reads, in a database that it names, where readers go.
pub(super) fn route<'f>(login: &Login7, faults: &'f Faults) -> Option<&'f (String, u16)> {
    let reads = login.read_intent && !login.database.is_empty();
    faults.route_reads_to.as_ref().filter(|_| reads).or(faults.route_to.as_ref())
}

/// What a login is answered; with a route, that it should go there.
pub(super) fn greet(
    login: &Login7,
    database: &str,
    of_client: Option<Nonce>,
    route: Option<&(String, u16)>,
    faults: &Faults,
    b: &mut BytesMut,
) {
    token::env_text(1, database, "master", b);
    token::info(5701, 0, 2, 1, &format!("Changed database context to '{database}'."), b);
    token::env_bytes(7, &COLLATION, &[], b);
    token::env_text(2, "us_english", "", b);
    token::info(5703, 0, 1, 1, "Changed language setting to us_english.", b);
    token::login_ack(login.tds_version, b);
    token::env_text(4, &login.packet_size.to_string(), "4096", b);
    login.features.acknowledge(of_client, b);
    if let Some((host, port)) = route {
        token::env_routing(host, *port, b);
    }
    b.extend_from_slice(&faults.login_tokens);
    token::done(Done::Statement, 0, 0, 0, b);
}

#[cfg(test)]
pub(super) mod tests {
    use bytes::BufMut;

    use super::*;
    use crate::names::{PASSWORD, USER};

    /// A LOGIN7 with a user and a password, and otherwise empty.
    pub(in crate::server) fn login7(
        tds_version: u32,
        packet_size: u32,
        user: &str,
        password: &str,
    ) -> Bytes {
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

    #[test]
    fn a_login_is_read() {
        let login = read(login7(0x7400_0004, 0, USER, PASSWORD)).expect("a login");
        assert_eq!((login.user.as_str(), login.password.as_str()), (USER, PASSWORD));
        assert_eq!((login.packet_size, login.database.as_str()), (4096, ""));
        assert_eq!(login.features, Features::default());
        let tiny = read(login7(0x7400_0004, 1, USER, PASSWORD)).expect("a login");
        assert_eq!(tiny.packet_size, 512);
    }

    #[test]
    fn features_are_found_where_the_extension_says() {
        let with = |features: &[u8]| {
            let mut body = BytesMut::from(&login7(0x7400_0004, 0, USER, PASSWORD)[..]);
            body[27] |= 0x10;
            let place = body.len() as u16;
            body[56..58].copy_from_slice(&place.to_le_bytes());
            body[58..60].copy_from_slice(&4u16.to_le_bytes());
            body.put_u32_le(u32::from(place) + 4);
            body.put_slice(features);
            read(body.freeze()).expect("a login").features.utf8
        };
        assert!(with(&[0x0A, 1, 0, 0, 0, 1, 0xFF]));
        assert!(!with(&[4, 1, 0, 0, 0, 0x0A, 0xFF]));
        assert!(!with(&[]));
    }

    #[test]
    fn the_first_token_of_a_handshake_may_be_long() {
        let with = |short: u16, long: u32, token: &[u8]| {
            let mut body = BytesMut::from(&login7(0x7400_0004, 0, "", "")[..]);
            body[25] |= 0x80;
            let place = body.len() as u16;
            body[78..80].copy_from_slice(&place.to_le_bytes());
            body[80..82].copy_from_slice(&short.to_le_bytes());
            body[90..94].copy_from_slice(&long.to_le_bytes());
            body.put_slice(token);
            read(body.freeze()).map(|login| login.sspi.map(|token| token.len()))
        };
        assert_eq!(with(3, 0, b"abc").ok(), Some(Some(3)));
        assert_eq!(with(0, 0, b"").ok(), Some(Some(0)));
        assert_eq!(with(0xFFFF, 0, &[1; 0xFFFF]).ok(), Some(Some(0xFFFF)));
        assert_eq!(with(0xFFFF, 70_000, &[1; 70_000]).ok(), Some(Some(70_000)));
        assert_eq!(with(3, 70_000, b"abc").ok(), Some(Some(3)));
        assert!(with(4, 0, b"abc").is_err());
        let plain = read(login7(0x7400_0004, 0, USER, PASSWORD)).expect("a login");
        assert_eq!(plain.sspi, None);
    }

    #[test]
    fn a_field_outside_the_message_is_an_error() {
        let whole = login7(0x7400_0004, 0, USER, PASSWORD);
        assert!(read(whole.slice(..whole.len() - 1)).is_err());
        assert!(read(whole.slice(..20)).is_err());
    }
}
