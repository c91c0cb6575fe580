//! Tokens, codes and secrets: 256 bits of the system's randomness, URL-safe, and kept
//! only as their SHA-256.

use std::sync::LazyLock;

use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

/// A new secret with a prefix that people and scanners recognise.
pub(crate) fn secret(prefix: &str) -> String {
    let mut bytes = [0; 32];
    // getrandom cannot fail once the system has booted; a guessable secret must never be given out.
    rand::fill(&mut bytes).unwrap_or_else(|_| unreachable!("the system has no randomness"));
    format!("{prefix}{}", BASE64.encode(bytes))
}

/// A password of 80 bits that can be read off a screen and typed: lower case and digits, none that
/// looks like another, in fours.
#[cfg(feature = "sandbox")]
pub(crate) fn typeable() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).unwrap_or_else(|_| unreachable!("the system has no randomness"));
    let letters = bytes.map(|b| char::from(LETTERS[usize::from(b % 32)]));
    letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-")
}

/// A name that nobody has, for the log and the records: the same for the same text, by a key that
/// ends with the process, because it may have been a password.
pub(crate) fn unknown_name(name: &str) -> String {
    static KEY: LazyLock<hmac::Key> =
        LazyLock::new(|| hmac::Key::new(hmac::HMAC_SHA256, secret("").as_bytes()));
    let tag = hmac::sign(&KEY, name.as_bytes());
    format!("unknown:{}", &BASE64.encode(tag.as_ref())[..16])
}

/// What a secret is stored as.
pub(crate) fn hashed(secret: &str) -> String {
    BASE64.encode(digest::digest(&digest::SHA256, secret.as_bytes()))
}
