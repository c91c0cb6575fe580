//! Chunks are sealed with AES-256-GCM. Each file has a key of its own, made from the process's and
//! the file's id; a nonce is the file's random prefix and the number of the chunk, and what is
//! sealed with it says which chunk of which file it is.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};

use crate::error::Error;

/// Bytes that a chunk grows by.
pub(crate) const TAG: usize = 16;
/// What a file begins with.
const MAGIC: &[u8; 8] = b"MSSPOOL1";
/// Bytes before the first chunk.
pub(crate) const HEADER: usize = 32;
/// The number of the part that says what the others are, which no chunk has.
pub(crate) const INDEX: u32 = u32::MAX;

/// What the keys of files are made from. It is on no disk, unless results are to outlive the
/// process.
pub(crate) struct Master(hmac::Key);

/// Seals and opens what is in one file.
pub(crate) struct FileKey {
    key: LessSafeKey,
    id: [u8; 16],
    prefix: [u8; 8],
}

/// Bytes of the system's randomness.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // getrandom cannot fail once the system has booted; a key must never be one that is known.
    rand::fill(&mut bytes).unwrap_or_else(|_| unreachable!("the system has no randomness"));
    bytes
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

// === impl Master ===

impl Master {
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// For a file that is new.
    pub(crate) fn new_file(&self) -> Result<FileKey, Error> {
        self.file(random(), random())
    }

    /// For a file that begins with these bytes.
    pub(crate) fn known_file(&self, header: &[u8; HEADER]) -> Result<FileKey, Error> {
        let rest = header.strip_prefix(MAGIC).ok_or(Error::Damaged)?;
        let (id, prefix) = rest.split_first_chunk().ok_or(Error::Damaged)?;
        self.file(*id, prefix.try_into().map_err(|_| Error::Damaged)?)
    }

    fn file(&self, id: [u8; 16], prefix: [u8; 8]) -> Result<FileKey, Error> {
        let key = hmac::sign(&self.0, &[b"file ", &id[..]].concat());
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| Error::Damaged)?;
        Ok(FileKey { key: LessSafeKey::new(key), id, prefix })
    }
}

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Master")
    }
}

// === impl FileKey ===

impl FileKey {
    pub(crate) fn id(&self) -> &[u8; 16] {
        &self.id
    }

    pub(crate) fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(MAGIC);
        header[8..24].copy_from_slice(&self.id);
        header[24..].copy_from_slice(&self.prefix);
        header
    }

    fn nonce(&self, number: u32) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&self.prefix);
        nonce[8..].copy_from_slice(&number.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    fn place(&self, number: u32) -> Aad<[u8; 20]> {
        let mut place = [0; 20];
        place[..16].copy_from_slice(&self.id);
        place[16..].copy_from_slice(&number.to_be_bytes());
        Aad::from(place)
    }

    /// Seals in place; `bytes` grows by [`TAG`]. No number may be sealed twice.
    pub(crate) fn seal(&self, number: u32, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let sealed =
            self.key.seal_in_place_append_tag(self.nonce(number), self.place(number), bytes);
        sealed.map_err(|_| Error::Format("a chunk is too long".to_owned()))
    }

    /// Opens in place; `bytes` shrinks by [`TAG`].
    pub(crate) fn open(&self, number: u32, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let opened = self.key.open_in_place(self.nonce(number), self.place(number), bytes);
        let length = opened.map_err(|_| Error::Damaged)?.len();
        bytes.truncate(length);
        Ok(())
    }
}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileKey")
    }
}
