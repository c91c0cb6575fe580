//! LOGIN7 with the first token of a Windows login (MS-TDS 2.2.6.4), and what its end must have.

use crate::error::Error;
use crate::windows::Handshake;

/// Where LOGIN7 has OptionFlags2, and in it the bit for a Windows login (fIntSecurity).
const OPTION_FLAGS_2: usize = 25;
const INTEGRATED: u8 = 0x80;
/// Where it has ibSSPI and cbSSPI, ibAtchDBFile, ibChangePassword, and cbSSPILong.
const IB_SSPI: usize = 78;
const BEHIND: [usize; 2] = [82, 86];
const CB_SSPI_LONG: usize = 90;
/// Bytes of the part that has a fixed length.
const FIXED: usize = 94;

/// Puts a token into a LOGIN7 that has none. What lies behind it moves.
///
/// [`Error::Credentials`] where it is too large for the message, whose places have two bytes.
pub(super) fn attach(login: &mut Vec<u8>, token: &[u8]) -> Result<(), Error> {
    let place = |login: &[u8], at: usize| {
        login.get(at..at + 2).map_or(0, |b| usize::from(u16::from_le_bytes([b[0], b[1]])))
    };
    let at = place(login, IB_SSPI);
    if login.len() < FIXED || !(FIXED..=login.len()).contains(&at) {
        return Err(Error::protocol("the driver's LOGIN7 has no place for a Windows login"));
    }
    // The place of the features, which come last, must be a number of two bytes, too.
    let room = usize::from(u16::MAX - 1).saturating_sub(login.len());
    if token.len() > room {
        return Err(Error::Credentials(format!(
            "the token of the Windows login has {} bytes, and LOGIN7 has room for {room}: the \
             account is in too many groups; log in with one that is in fewer",
            token.len()
        )));
    }
    login.splice(at..at, token.iter().copied());
    for p in BEHIND {
        let moved = place(login, p);
        if moved >= at {
            login[p..p + 2].copy_from_slice(&((moved + token.len()) as u16).to_le_bytes());
        }
    }
    login[IB_SSPI + 2..IB_SSPI + 4].copy_from_slice(&(token.len() as u16).to_le_bytes());
    login[CB_SSPI_LONG..FIXED].fill(0);
    login[OPTION_FLAGS_2] |= INTEGRATED;
    let length = (login.len() as u32).to_le_bytes();
    login[..4].copy_from_slice(&length);
    Ok(())
}

/// A server that has taken the login must have said who it is, where the kind of login has that.
pub(super) fn proven(handshake: &dyn Handshake) -> Result<(), Error> {
    if handshake.complete() {
        return Ok(());
    }
    Err(Error::Credentials(
        "the server took the login and did not prove that it is the service that the ticket is \
         for: look whether something stands between this machine and the server"
            .into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A LOGIN7 with a database's name, and nothing behind it.
    fn bare() -> Vec<u8> {
        let mut login = vec![0; FIXED];
        login.extend(*b"d\0b\0");
        for p in [IB_SSPI, BEHIND[0], BEHIND[1]] {
            login[p] = 98;
        }
        login[0] = 98;
        login
    }

    #[test]
    fn a_token_goes_behind_what_is_there_and_what_follows_moves() {
        let mut login = bare();
        attach(&mut login, &[7; 300]).expect("room");
        let place = |at: usize| u16::from_le_bytes([login[at], login[at + 1]]);
        assert_eq!((place(IB_SSPI), place(IB_SSPI + 2)), (98, 300));
        assert_eq!((place(BEHIND[0]), place(BEHIND[1])), (398, 398));
        assert_eq!((place(0), login.len(), login[OPTION_FLAGS_2]), (398, 398, INTEGRATED));
        assert_eq!((&login[94..98], &login[98..]), (&b"d\0b\0"[..], &[7; 300][..]));
    }

    #[test]
    fn a_token_without_room_is_refused_with_its_size() {
        let mut login = bare();
        let e = attach(&mut login, &[7; 65_500]).expect_err("no room").to_string();
        assert!(e.contains("65500 bytes") && e.contains("groups"), "{e}");
        assert_eq!(login, bare());
        attach(&mut login, &[7; 65_436]).expect("the last that has room");
    }
}
