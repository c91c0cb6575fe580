//! macOS's Keychain, which asks by itself whether this program may read a secret, where it may.

use security_framework::base::Error;
use security_framework::passwords::{
    PasswordOptions, delete_generic_password, generic_password, set_generic_password,
};

use super::{Kept, KeyStoreError, MayAsk, SERVICE};

pub(super) fn read(name: &str, _: MayAsk) -> Kept<Vec<u8>> {
    Ok(generic_password(PasswordOptions::new_generic_password(SERVICE, name))?)
}

pub(super) fn write(name: &str, secret: &str) -> Kept<()> {
    Ok(set_generic_password(SERVICE, name, secret.as_bytes())?)
}

pub(super) fn remove(name: &str) -> Kept<()> {
    Ok(delete_generic_password(SERVICE, name)?)
}

impl From<Error> for KeyStoreError {
    /// By the numbers of Security's `SecBase.h`.
    fn from(e: Error) -> Self {
        match e.code() {
            // errSecItemNotFound
            -25300 => Self::NoSecret,
            // errSecInteractionNotAllowed, errSecAuthFailed, errSecUserCanceled
            -25308 | -25293 | -128 => Self::Locked,
            // errSecNotAvailable, errSecNoSuchKeychain, errSecNoDefaultKeychain
            -25291 | -25294 | -25307 => Self::NoStore(e.to_string()),
            _ => Self::Unusable(e.to_string()),
        }
    }
}
