//! PRELOGIN (MS-TDS §2.2.6.5): what a client says before its login, and what it is answered.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};

/// What a client or a server says about encryption.
pub(super) mod encryption {
    /// Encryption of LOGIN7 alone.
    pub(in crate::server) const OFF: u8 = 0;
    pub(in crate::server) const ON: u8 = 1;
    pub(in crate::server) const NOT_SUPPORTED: u8 = 2;
}

/// The options of PRELOGIN.
mod option {
    pub(super) const VERSION: u8 = 0;
    pub(super) const ENCRYPTION: u8 = 1;
    pub(super) const INSTANCE: u8 = 2;
    pub(super) const THREAD: u8 = 3;
    pub(super) const MARS: u8 = 4;
    pub(super) const FEDERATED: u8 = 6;
    pub(super) const NONCE: u8 = 7;
    pub(super) const END: u8 = 0xFF;
}

/// 32 random bytes, which bind a token to a connection.
pub(super) type Nonce = [u8; 32];

/// What a client's PRELOGIN says.
#[derive(Debug, PartialEq)]
pub(super) struct Hello {
    /// What it wants; a client that says nothing has no encryption.
    pub(super) encryption: u8,
    /// FEDAUTHREQUIRED: it would log in by a token.
    pub(super) federated: bool,
    pub(super) nonce: Option<Nonce>,
}

/// What was agreed before a login about one by a token.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct TokenTerms {
    /// LOGIN7 comes encrypted.
    pub(super) encrypted: bool,
    /// FEDAUTHREQUIRED was answered with 1, which the login has to repeat (fFedAuthEcho).
    pub(super) required: bool,
    /// The server's nonce, which the login has to repeat.
    pub(super) nonce: Option<Nonce>,
    /// The client's, which the answer to the login repeats.
    pub(super) of_client: Option<Nonce>,
}

/// Reads what a client says. An option that lies outside the message was not sent.
pub(super) fn read(body: &[u8]) -> Hello {
    let mut hello = Hello { encryption: encryption::NOT_SUPPORTED, federated: false, nonce: None };
    for entry in body.chunks_exact(5).take_while(|entry| entry[0] != option::END) {
        let offset = usize::from(u16::from_be_bytes([entry[1], entry[2]]));
        let length = usize::from(u16::from_be_bytes([entry[3], entry[4]]));
        let Some(value) = body.get(offset..offset + length) else { continue };
        match (entry[0], value) {
            (option::ENCRYPTION, [wanted, ..]) => hello.encryption = *wanted,
            (option::FEDERATED, [required, ..]) => hello.federated = *required == 1,
            (option::NONCE, value) => hello.nonce = value.try_into().ok(),
            _ => {}
        }
    }
    hello
}

/// A nonce of a connection.
pub(super) fn new_nonce() -> io::Result<Nonce> {
    let mut nonce = Nonce::default();
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    random.fill(&mut nonce).map_err(|_| io::Error::other("no random bytes for a nonce"))?;
    Ok(nonce)
}

/// The PRELOGIN of the server, which offers one version.
pub(super) fn answer(encryption: u8, terms: &TokenTerms) -> Bytes {
    let mut options: Vec<(u8, &[u8])> = vec![
        (option::VERSION, &[16, 0, 0x03, 0xE8, 0, 0]),
        (option::ENCRYPTION, std::slice::from_ref(&encryption)),
        (option::INSTANCE, &[0]),
        (option::THREAD, &[]),
        (option::MARS, &[0]),
    ];
    if terms.required {
        options.push((option::FEDERATED, &[1]));
    }
    if let Some(nonce) = &terms.nonce {
        options.push((option::NONCE, nonce));
    }
    let mut b = BytesMut::new();
    let mut offset = options.len() * 5 + 1;
    for (token, value) in &options {
        b.put_u8(*token);
        b.put_u16(offset as u16);
        b.put_u16(value.len() as u16);
        offset += value.len();
    }
    b.put_u8(option::END);
    options.iter().for_each(|(_, value)| b.put_slice(value));
    b.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_wants_is_behind_its_table() {
        // ENCRYPTION (1) at offset 6, one byte.
        let hello = [1, 0, 6, 0, 1, 0xFF, encryption::ON];
        assert_eq!(read(&hello).encryption, encryption::ON);
        // VERSION (0) comes first.
        let hello = [0, 0, 11, 0, 0, 1, 0, 11, 0, 1, 0xFF, encryption::OFF];
        assert_eq!(read(&hello).encryption, encryption::OFF);
        for silent in [&[0xFF][..], &[], &[1, 0, 60, 0, 1, 0xFF]] {
            assert_eq!(read(silent).encryption, encryption::NOT_SUPPORTED);
        }
    }

    #[test]
    fn the_answer_can_be_read_as_a_client_does() {
        for wanted in [encryption::OFF, encryption::ON, encryption::NOT_SUPPORTED] {
            let plain = Hello { encryption: wanted, federated: false, nonce: None };
            assert_eq!(read(&answer(wanted, &TokenTerms::default())), plain);
        }
        let nonce = new_nonce().expect("a nonce");
        let terms = TokenTerms { required: true, nonce: Some(nonce), ..TokenTerms::default() };
        let answered = read(&answer(encryption::ON, &terms));
        assert!(answered.federated);
        assert_eq!(answered.nonce, Some(nonce));
    }

    #[test]
    fn nonces_of_two_connections_differ() {
        assert_ne!(new_nonce().expect("a nonce"), new_nonce().expect("another"));
    }

    #[test]
    fn a_nonce_of_another_length_is_none() {
        let mut hello = vec![7, 0, 6, 0, 31, 0xFF];
        hello.extend([1; 31]);
        assert_eq!(read(&hello).nonce, None);
        hello[4] = 32;
        hello.push(1);
        assert_eq!(read(&hello).nonce, Some([1; 32]));
    }
}
