//! NTLMv2 as a client (MS-NLMP): NEGOTIATE with LOGIN7, then AUTHENTICATE for the server's
//! CHALLENGE. No session security is asked for: what follows the login is TLS's to protect.

mod challenge;
mod proof;

use rustls::crypto::SecureRandom;

use self::challenge::Challenge;
use self::proof::Proof;
use super::Handshake;
use super::account::{Account, utf16};
use crate::error::Error;

/// What every message begins with (MS-NLMP 2.2.1).
const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";
/// Types of the messages.
mod kind {
    pub(super) const NEGOTIATE: u32 = 1;
    pub(super) const CHALLENGE: u32 = 2;
    pub(super) const AUTHENTICATE: u32 = 3;
}
/// Flags (MS-NLMP 2.2.2.5).
mod flag {
    pub(super) const UNICODE: u32 = 0x1;
    pub(super) const REQUEST_TARGET: u32 = 0x4;
    pub(super) const NTLM: u32 = 0x200;
    pub(super) const ALWAYS_SIGN: u32 = 0x8000;
    pub(super) const EXTENDED_SESSION_SECURITY: u32 = 0x8_0000;
    pub(super) const TARGET_INFO: u32 = 0x80_0000;
    pub(super) const BITS_128: u32 = 0x2000_0000;
    pub(super) const BITS_56: u32 = 0x8000_0000;
}
const ASKED: u32 = flag::UNICODE
    | flag::REQUEST_TARGET
    | flag::NTLM
    | flag::ALWAYS_SIGN
    | flag::EXTENDED_SESSION_SECURITY
    | flag::TARGET_INFO
    | flag::BITS_128
    | flag::BITS_56;

/// Bytes of AUTHENTICATE in front of its fields' data: with version and MIC (MS-NLMP 2.2.1.3).
const AUTHENTICATE: usize = 88;
/// Where the MIC is in it.
const MIC: std::ops::Range<usize> = 72..88;
/// 100 ns from 1601 to 1970: Windows counts time from there.
const TO_1970: u64 = 116_444_736_000_000_000;

/// One login.
pub(super) struct Client {
    account: Account,
    /// The service principal name, which the server compares with its own where it is told to.
    target: String,
    nonce: [u8; 8],
    now: u64,
    done: bool,
}

// === impl Client ===

impl Client {
    pub(super) fn new(account: Account, target: String) -> Result<Self, Error> {
        let mut nonce = [0; 8];
        let random: &dyn SecureRandom = rustls::crypto::aws_lc_rs::default_provider().secure_random;
        random
            .fill(&mut nonce)
            .map_err(|_| Error::Credentials("the system has no random numbers for NTLM".into()))?;
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = since.map_or(0, |t| t.as_nanos() / 100) as u64 + TO_1970;
        Ok(Self { account, target, nonce, now, done: false })
    }
}

impl Handshake for Client {
    fn first(&mut self) -> Vec<u8> {
        negotiate()
    }

    fn next(&mut self, token: &[u8]) -> Result<Vec<u8>, Error> {
        if std::mem::replace(&mut self.done, true) {
            return Err(Error::protocol("it asks for a second proof of the same Windows login"));
        }
        let challenge = Challenge::read(token)?;
        let proof = Proof::new(
            &self.account,
            &challenge,
            &self.target,
            self.nonce,
            challenge.time().unwrap_or(self.now),
        );
        let Account { domain, user, hash: _ } = &self.account;
        let fields: [&[u8]; 6] = [&proof.lm, &proof.nt, &utf16(domain), &utf16(user), &[], &[]];
        let mut message = Vec::with_capacity(AUTHENTICATE + 512);
        message.extend_from_slice(SIGNATURE);
        message.extend_from_slice(&kind::AUTHENTICATE.to_le_bytes());
        let mut at = AUTHENTICATE as u32;
        for data in fields {
            field(&mut message, data.len(), at)?;
            at += data.len() as u32;
        }
        message.extend_from_slice(&(ASKED & challenge.flags).to_le_bytes());
        message.resize(AUTHENTICATE, 0);
        fields.iter().for_each(|data| message.extend_from_slice(data));
        // A server that says what time it is takes no message without it (3.1.5.1.2).
        if challenge.time().is_some() {
            let mic = proof.mic(&[&negotiate(), token, &message]);
            message[MIC].copy_from_slice(&mic);
        }
        Ok(message)
    }

    /// The server proves nothing in NTLM.
    fn complete(&self) -> bool {
        true
    }
}

/// NEGOTIATE (MS-NLMP 2.2.1.1), with neither domain nor workstation, and without a version's digits.
fn negotiate() -> Vec<u8> {
    let head = [&SIGNATURE[..], &kind::NEGOTIATE.to_le_bytes(), &ASKED.to_le_bytes()];
    let mut out = head.concat();
    out.resize(40, 0);
    out
}

/// A field: its length twice, and where its data are.
fn field(out: &mut Vec<u8>, length: usize, at: u32) -> Result<(), Error> {
    let length = u16::try_from(length)
        .map_err(|_| Error::protocol("its NTLM challenge is too long to be answered"))?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&at.to_le_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        let account = Account::new("Domain\\User", "Password").expect("an account");
        Client::new(account, "MSSQLSvc/db:1433".into()).expect("random numbers")
    }

    #[test]
    fn a_server_gets_one_proof_and_no_second() {
        let mut c = client();
        assert_eq!(c.first()[..12], *b"NTLMSSP\0\x01\0\0\0");
        let challenge = challenge::tests::example(&[(2, b"D\0"), (7, &[9; 8])]);
        let proof = c.next(&challenge).expect("a proof");
        assert_eq!(proof[..12], *b"NTLMSSP\0\x03\0\0\0");
        assert_ne!(proof[MIC], [0; 16]);
        assert!(matches!(c.next(&challenge), Err(Error::Protocol(_))));
    }

    #[test]
    fn without_the_servers_time_there_is_no_mic() {
        let proof = client().next(&challenge::tests::example(&[(2, b"D\0")])).expect("a proof");
        assert_eq!(proof[MIC], [0; 16]);
    }

    #[test]
    fn the_fields_of_a_proof_are_where_it_says() {
        let proof = client().next(&challenge::tests::example(&[(2, b"D\0")])).expect("a proof");
        let of = |at: usize| {
            let n = usize::from(u16::from_le_bytes([proof[at], proof[at + 1]]));
            let start = u32::from_le_bytes(proof[at + 4..at + 8].try_into().expect("4 bytes"));
            &proof[start as usize..][..n]
        };
        assert_eq!(of(12).len(), 24);
        assert_eq!((of(28), of(36)), (&utf16("Domain")[..], &utf16("User")[..]));
        assert!(of(44).is_empty() && of(52).is_empty());
        // The name of the service is in what the proof covers.
        assert!(of(20).windows(32).any(|w| w == utf16("MSSQLSvc/db:1433")));
    }
}
