//! Windows' Credential Manager, which is open while its user is signed in.

use std::collections::HashMap;

use keyring_core::api::CredentialStoreApi as _;
use keyring_core::{Entry, Error};
use windows_native_keyring_store::Store;

use super::{Kept, KeyStoreError, MayAsk, SERVICE};

pub(super) fn read(name: &str, _: MayAsk) -> Kept<Vec<u8>> {
    Ok(entry(name)?.get_password()?.into_bytes())
}

pub(super) fn write(name: &str, secret: &str) -> Kept<()> {
    Ok(entry(name)?.set_password(secret)?)
}

pub(super) fn remove(name: &str) -> Kept<()> {
    Ok(entry(name)?.delete_credential()?)
}

/// On this machine alone: it does not go with the user to others.
fn entry(name: &str) -> Kept<Entry> {
    let here = HashMap::from([("persistence", "Local")]);
    Ok(Store::new()?.build(SERVICE, name, Some(&here))?)
}

impl From<Error> for KeyStoreError {
    /// What holds bytes of a secret in the library's error is left there.
    fn from(e: Error) -> Self {
        match e {
            Error::NoEntry => Self::NoSecret,
            Error::NoStorageAccess(why) => Self::NoStore(why.to_string()),
            Error::PlatformFailure(why) => Self::Unusable(why.to_string()),
            Error::TooLong(..) => Self::Unusable("Windows keeps no secret as long as this".into()),
            _ => Self::Unusable("what it has is no text".into()),
        }
    }
}
