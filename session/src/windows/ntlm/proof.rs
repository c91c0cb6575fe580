//! The proof that somebody knows a password (MS-NLMP 3.3.2), and what it covers.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use super::super::account::{Account, utf16};
use super::challenge::{Challenge, av};

/// Bit of MsvAvFlags: AUTHENTICATE has a MIC.
const HAS_MIC: u32 = 2;

/// The responses to a challenge, and the key that goes with them.
pub(super) struct Proof {
    pub(super) lm: Vec<u8>,
    pub(super) nt: Vec<u8>,
    key: [u8; 16],
}

// === impl Proof ===

impl Proof {
    /// `time` is in 100 ns from 1601.
    pub(super) fn new(
        account: &Account,
        challenge: &Challenge,
        target: &str,
        nonce: [u8; 8],
        time: u64,
    ) -> Self {
        let covered = covered(challenge, target);
        let mut temp = vec![1, 1, 0, 0, 0, 0, 0, 0];
        temp.extend_from_slice(&time.to_le_bytes());
        temp.extend_from_slice(&nonce);
        temp.extend_from_slice(&[0; 4]);
        temp.extend_from_slice(&covered);
        temp.extend_from_slice(&[0; 4]);
        Self::over(account, challenge, nonce, temp)
    }

    fn over(account: &Account, challenge: &Challenge, nonce: [u8; 8], temp: Vec<u8>) -> Self {
        let who = [utf16(&upper(&account.user)), utf16(&account.domain)].concat();
        let secret = hmac(&account.hash, &[&who]);
        let proof = hmac(&secret, &[&challenge.nonce, &temp]);
        let lm = match challenge.time() {
            Some(_) => vec![0; 24],
            None => [&hmac(&secret, &[&challenge.nonce, &nonce])[..], &nonce].concat(),
        };
        Self { lm, nt: [&proof[..], &temp].concat(), key: hmac(&secret, &[&proof]) }
    }

    /// Over the three messages, with zeros where the MIC itself is.
    pub(super) fn mic(&self, messages: &[&[u8]]) -> [u8; 16] {
        hmac(&self.key, messages)
    }
}

/// The server's pairs and ours: there is a MIC, no channel is bound, and the service is named.
fn covered(challenge: &Challenge, target: &str) -> Vec<u8> {
    let ours = [av::TARGET_NAME, av::CHANNEL_BINDINGS];
    let mut flags = None;
    let mut pairs: Vec<(u16, Vec<u8>)> = Vec::new();
    for (id, data) in &challenge.pairs {
        if *id == av::FLAGS {
            flags = <[u8; 4]>::try_from(&data[..]).ok().map(u32::from_le_bytes);
        } else if !ours.contains(id) {
            pairs.push((*id, data.clone()));
        }
    }
    if challenge.time().is_some() {
        flags = Some(flags.unwrap_or_default() | HAS_MIC);
    }
    if let Some(f) = flags {
        pairs.push((av::FLAGS, f.to_le_bytes().to_vec()));
    }
    pairs.push((av::CHANNEL_BINDINGS, vec![0; 16]));
    pairs.push((av::TARGET_NAME, utf16(target)));
    pairs.push((av::EOL, Vec::new()));
    let mut out = Vec::new();
    for (id, data) in pairs {
        out.extend_from_slice(&id.to_le_bytes());
        out.extend_from_slice(&(data.len() as u16).to_le_bytes());
        out.extend_from_slice(&data);
    }
    out
}

/// Upper case as Windows has it: a character for a character.
fn upper(text: &str) -> String {
    let one = |c: char| {
        let mut up = c.to_uppercase();
        match (up.next(), up.next()) {
            (Some(u), None) => u,
            _ => c,
        }
    };
    text.chars().map(one).collect()
}

fn hmac(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    // A key shorter than MD5's block is filled up with zeros (RFC 2104).
    let mut block = [0; 64];
    block[..16].copy_from_slice(key);
    let mut mac = <Hmac<Md5> as KeyInit>::new(&block.into());
    block.fill(0);
    parts.iter().for_each(|p| mac.update(p));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of MS-NLMP 4.2.4: its account, its challenge and its times.
    fn example() -> (Account, Challenge) {
        let account = Account::new("Domain\\User", "Password").expect("an account");
        let challenge = Challenge {
            flags: 0,
            nonce: [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef],
            pairs: vec![(2, utf16("Domain")), (1, utf16("Server"))],
        };
        (account, challenge)
    }

    #[test]
    fn the_example_of_the_specification_comes_out() {
        let (account, challenge) = example();
        assert_eq!(account.hash[..4], [0xa4, 0xf4, 0x9c, 0x40]);
        let mut temp = vec![1, 1, 0, 0, 0, 0, 0, 0];
        temp.extend([0; 8]);
        temp.extend([0xaa; 8]);
        temp.extend([0; 4]);
        for (id, data) in &challenge.pairs {
            temp.extend(id.to_le_bytes());
            temp.extend((data.len() as u16).to_le_bytes());
            temp.extend(data);
        }
        temp.extend([0; 4]);
        temp.extend([0; 4]);
        let proof = Proof::over(&account, &challenge, [0xaa; 8], temp);
        // 4.2.4.1.2 (session key), 4.2.4.2.1 (LMv2) and 4.2.4.2.2 (NTLMv2).
        assert_eq!(
            proof.key,
            [
                0x8d, 0xe4, 0x0c, 0xca, 0xdb, 0xc1, 0x4a, 0x82, 0xf1, 0x5c, 0xb0, 0xad, 0x0d, 0xe9,
                0x5c, 0xa3
            ]
        );
        assert_eq!(
            proof.lm,
            [
                0x86, 0xc3, 0x50, 0x97, 0xac, 0x9c, 0xec, 0x10, 0x25, 0x54, 0x76, 0x4a, 0x57, 0xcc,
                0xcc, 0x19, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa
            ]
        );
        assert_eq!(
            proof.nt[..16],
            [
                0x68, 0xcd, 0x0a, 0xb8, 0x51, 0xe5, 0x1c, 0x96, 0xaa, 0xbc, 0x92, 0x7b, 0xeb, 0xef,
                0x6a, 0x1c
            ]
        );
    }

    #[test]
    fn the_servers_time_brings_a_mic_and_takes_the_lm_response_away() {
        let (account, mut challenge) = example();
        challenge.pairs.push((av::TIMESTAMP, vec![7; 8]));
        let proof = Proof::new(&account, &challenge, "MSSQLSvc/db:1433", [0xaa; 8], 7);
        assert_eq!(proof.lm, [0; 24]);
        assert!(proof.nt.windows(8).any(|w| w == [6, 0, 4, 0, 2, 0, 0, 0]));
    }

    #[test]
    fn letters_without_one_upper_case_stay() {
        assert_eq!(upper("straße é"), "STRAßE É");
    }
}
