//! CHALLENGE, which the server sends (MS-NLMP 2.2.1.2), and its AV_PAIRs (2.2.2.1).

use super::{SIGNATURE, flag, kind};
use crate::cursor::{Cursor, Stop};
use crate::error::Error;

/// Ids of AV_PAIRs.
pub(super) mod av {
    pub(crate) const EOL: u16 = 0;
    pub(crate) const FLAGS: u16 = 6;
    pub(crate) const TIMESTAMP: u16 = 7;
    pub(crate) const TARGET_NAME: u16 = 9;
    pub(crate) const CHANNEL_BINDINGS: u16 = 10;
}

/// What of it matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) flags: u32,
    pub(super) nonce: [u8; 8],
    /// What the server says of itself, in its order and without the end.
    pub(super) pairs: Vec<(u16, Vec<u8>)>,
}

// === impl Challenge ===

impl Challenge {
    pub(super) fn read(token: &[u8]) -> Result<Self, Error> {
        let read =
            Self::parse(token).map_err(|_| Error::protocol("its NTLM challenge is malformed"))?;
        if read.flags & flag::UNICODE == 0 || read.pairs.is_empty() {
            return Err(Error::Credentials(
                "the server's NTLM knows no NTLMv2, and nothing older is spoken here: log in by \
                 Kerberos, or by a login of the server's own"
                    .into(),
            ));
        }
        Ok(read)
    }

    fn parse(token: &[u8]) -> Result<Self, Stop> {
        let bad = Stop::Bad("NTLM");
        let mut c = Cursor::new(token);
        if c.take(8)? != SIGNATURE || c.u32()? != kind::CHALLENGE {
            return Err(bad);
        }
        // The name of the target: its pairs say more.
        c.take(8)?;
        let flags = c.u32()?;
        let nonce = c.take(8)?.try_into().map_err(|_| bad)?;
        c.take(8)?;
        let length = usize::from(c.u16()?);
        c.u16()?;
        let at = c.u32()? as usize;
        let end = at.checked_add(length);
        let info = end.and_then(|end| token.get(at..end)).ok_or(Stop::Bad("NTLM"))?;
        let mut c = Cursor::new(info);
        let mut pairs = Vec::new();
        // Without pairs there is no end of them, either.
        while !c.rest().is_empty() {
            let (id, n) = (c.u16()?, c.u16()?);
            let data = c.take(usize::from(n))?;
            if id == av::EOL {
                break;
            }
            pairs.push((id, data.to_vec()));
        }
        Ok(Self { flags, nonce, pairs })
    }

    /// What time it is at the server, in 100 ns from 1601.
    pub(super) fn time(&self) -> Option<u64> {
        let pair = self.pairs.iter().find(|p| p.0 == av::TIMESTAMP)?;
        pair.1[..].try_into().ok().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A challenge with these pairs, and the nonce of MS-NLMP's examples.
    pub(crate) fn example(pairs: &[(u16, &[u8])]) -> Vec<u8> {
        let mut info = Vec::new();
        for (id, data) in pairs {
            info.extend_from_slice(&id.to_le_bytes());
            info.extend_from_slice(&(data.len() as u16).to_le_bytes());
            info.extend_from_slice(data);
        }
        if !pairs.is_empty() {
            info.extend([0; 4]);
        }
        let n = (info.len() as u16).to_le_bytes();
        [
            &SIGNATURE[..],
            &[2, 0, 0, 0, 0, 0, 0, 0, 48, 0, 0, 0],
            &super::super::ASKED.to_le_bytes(),
            &[0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef],
            &[0; 8],
            &n,
            &n,
            &[48, 0, 0, 0],
            &info,
        ]
        .concat()
    }

    #[test]
    fn a_challenge_has_a_nonce_and_pairs() {
        let read = Challenge::read(&example(&[(2, b"D\0"), (7, &[1, 0, 0, 0, 0, 0, 0, 0])]));
        let read = read.expect("a challenge");
        assert_eq!(read.nonce, [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]);
        assert_eq!((read.pairs.len(), read.time()), (2, Some(1)));
    }

    #[test]
    fn a_challenge_that_ends_early_is_malformed_wherever_it_does() {
        let whole = example(&[(2, b"D\0"), (7, &[0; 8])]);
        for end in 0..whole.len() {
            let e = Challenge::read(&whole[..end]);
            assert!(matches!(e, Err(Error::Protocol(_))), "{end}: {e:?}");
        }
    }

    #[test]
    fn a_server_without_ntlmv2_is_not_answered() {
        let e = Challenge::read(&example(&[])).expect_err("nothing to prove").to_string();
        assert!(e.contains("NTLMv2"), "{e}");
    }
}
