//! FeatureExt of LOGIN7 (MS-TDS §2.2.6.4): what else a client asks for, and what it is
//! acknowledged (FEATUREEXTACK, §2.2.7.11).

use std::io;

use bytes::{Bytes, BytesMut};

use super::prelogin::Nonce;
use crate::tds::request::bad;
use crate::tds::token;
use crate::tds::wire::{Reader, utf16};

/// The features that the sandbox knows, by their numbers.
mod id {
    pub(super) const FEDAUTH: u8 = 0x02;
    pub(super) const UTF8_SUPPORT: u8 = 0x0A;
    pub(super) const END: u8 = 0xFF;
}

/// The library of FEDAUTH whose token the client has already ("Security Token").
pub(super) const SECURITY_TOKEN: u8 = 1;

/// What a login asks for beside itself.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Features {
    pub(super) utf8: bool,
    pub(super) fedauth: Option<FedAuth>,
}

/// The data of FEDAUTH. Its Debug leaves the token out, which is a secret.
#[derive(PartialEq)]
pub(super) struct FedAuth {
    pub(super) library: u8,
    /// What it takes the server to have said in FEDAUTHREQUIRED.
    pub(super) echo: bool,
    /// Empty where the library is another than [`SECURITY_TOKEN`].
    pub(super) token: String,
    pub(super) nonce: Option<Nonce>,
}

impl std::fmt::Debug for FedAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FedAuth").field("library", &self.library).finish_non_exhaustive()
    }
}

/// Reads the table at `at`. One that ends too early has no further features; one whose FEDAUTH is
/// malformed is an error, and the connection ends (§3.3.5.5).
pub(super) fn read(body: &Bytes, at: usize) -> io::Result<Features> {
    let mut table = Reader { rest: body.slice(at.min(body.len())..) };
    let mut features = Features::default();
    while let Ok(feature) = table.u8() {
        if feature == id::END {
            break;
        }
        let data = table.u32().and_then(|length| table.take(length as usize));
        match (feature, data) {
            (id::UTF8_SUPPORT, Ok(_)) => features.utf8 = true,
            (id::FEDAUTH, data) => features.fedauth = Some(fedauth(data?)?),
            (_, Ok(_)) => {}
            (_, Err(_)) => break,
        }
    }
    Ok(features)
}

fn fedauth(data: Bytes) -> io::Result<FedAuth> {
    let mut data = Reader { rest: data };
    let options = data.u8()?;
    let (library, echo) = (options >> 1, options & 1 == 1);
    if library != SECURITY_TOKEN {
        return Ok(FedAuth { library, echo, token: String::new(), nonce: None });
    }
    let length = data.u32()? as usize;
    let token = data.take(length)?;
    if token.len() % 2 == 1 {
        return Err(bad("FEDAUTH with half a character in its token"));
    }
    let nonce = match data.rest.len() {
        0 => None,
        _ => Some(Nonce::try_from(&data.rest[..]).map_err(|_| bad("FEDAUTH with a bad nonce"))?),
    };
    Ok(FedAuth { library, echo, token: utf16(&token), nonce })
}

// === impl Features ===

impl Features {
    /// FEATUREEXTACK of all that was asked for; nothing where nothing was. That of a security token
    /// repeats the nonce of the client's PRELOGIN, if that had one, and is empty otherwise; only a
    /// Live ID token has a signature behind it.
    pub(super) fn acknowledge(&self, of_client: Option<Nonce>, out: &mut BytesMut) {
        let mut acknowledged: Vec<(u8, Vec<u8>)> = Vec::new();
        if self.fedauth.is_some() {
            acknowledged.push((id::FEDAUTH, of_client.map_or_else(Vec::new, |n| n.to_vec())));
        }
        if self.utf8 {
            acknowledged.push((id::UTF8_SUPPORT, vec![1]));
        }
        if !acknowledged.is_empty() {
            token::features(&acknowledged, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;

    use super::*;

    /// A table of one feature.
    fn table(feature: u8, data: &[u8]) -> Bytes {
        let mut b = BytesMut::new();
        b.put_u8(feature);
        b.put_u32_le(data.len() as u32);
        b.put_slice(data);
        b.put_u8(id::END);
        b.freeze()
    }

    fn fed(options: u8, token: &str, behind: &[u8]) -> Vec<u8> {
        let wide: Vec<u8> = token.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut data = vec![options];
        data.extend((wide.len() as u32).to_le_bytes());
        data.extend(wide);
        data.extend(behind);
        data
    }

    #[test]
    fn features_are_found_behind_others() {
        let utf8 =
            |bytes: &'static [u8]| read(&Bytes::from_static(bytes), 0).expect("features").utf8;
        assert!(utf8(&[4, 2, 0, 0, 0, 7, 7, id::UTF8_SUPPORT, 0, 0, 0, 0, 0xFF]));
        assert!(!utf8(&[4, 2, 0, 0, 0, id::UTF8_SUPPORT, id::UTF8_SUPPORT, 0xFF]));
        assert!(!utf8(&[4, 9, 0, 0, 0, id::UTF8_SUPPORT]));
        assert!(!utf8(&[]));
    }

    #[test]
    fn a_token_comes_with_its_nonce_and_its_echo() {
        let read = |data: &[u8]| read(&table(id::FEDAUTH, data), 0).map(|f| f.fedauth);
        let got = read(&fed(0x03, "tök.en", &[9; 32])).expect("features").expect("a token");
        assert_eq!((got.library, got.echo), (SECURITY_TOKEN, true));
        assert_eq!((got.token.as_str(), got.nonce), ("tök.en", Some([9; 32])));
        let got = read(&fed(0x02, "t", &[])).expect("features").expect("a token");
        assert_eq!((got.echo, got.nonce), (false, None));
        assert!(!format!("{got:?}").contains("\"t\""));
        // ADAL: a workflow instead of a token.
        let got = read(&[0x05, 1]).expect("features").expect("a library");
        assert_eq!((got.library, got.token.as_str()), (2, ""));
    }

    #[test]
    fn a_malformed_token_is_an_error() {
        let broken: [&[u8]; 5] = [
            &[],
            &[2, 4, 0],
            &[2, 4, 0, 0, 0, b'a', 0],
            &[2, 1, 0, 0, 0, b'a'],
            &fed(2, "a", &[9; 31]),
        ];
        for data in broken {
            assert!(read(&table(id::FEDAUTH, data), 0).is_err(), "{data:?}");
        }
        let cut = table(id::FEDAUTH, &fed(2, "token", &[]));
        assert!(read(&cut.slice(..cut.len() - 2), 0).is_err());
    }

    #[test]
    fn everything_is_acknowledged_in_one_token() {
        let acknowledged = |features: Features, nonce| {
            let mut out = BytesMut::new();
            features.acknowledge(nonce, &mut out);
            out.to_vec()
        };
        let fedauth = |token: &str| {
            let token = token.to_owned();
            Some(FedAuth { library: SECURITY_TOKEN, echo: true, token, nonce: None })
        };
        assert!(acknowledged(Features::default(), None).is_empty());
        let both = acknowledged(Features { utf8: true, fedauth: fedauth("t") }, None);
        assert_eq!(both, [0xAE, 2, 0, 0, 0, 0, 10, 1, 0, 0, 0, 1, 0xFF]);
        let one = acknowledged(Features { utf8: false, fedauth: fedauth("t") }, Some([7; 32]));
        assert_eq!(one[..6], [0xAE, 2, 32, 0, 0, 0]);
        assert_eq!((one[6..38].to_vec(), one[38]), (vec![7; 32], 0xFF));
    }
}
