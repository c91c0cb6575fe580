//! Secrets in the key store of whoever runs this: macOS's Keychain, Windows' Credential Manager, or the
//! Secret Service of a desktop on Linux (GNOME Keyring, KWallet, KeePassXC). A setting has one as
//! `keyring:NAME`; the store knows it by the service `mssql-mcp` and the account NAME. Behind the
//! feature `key-store`.
//!
//! Every function waits for the store, whatever thread it is called on.

#[cfg(all(feature = "key-store", windows))]
mod credential_manager;
#[cfg(all(feature = "key-store", target_os = "macos"))]
mod keychain;
#[cfg(all(feature = "key-store", unix, not(target_os = "macos")))]
mod secret_service;

#[cfg(all(feature = "key-store", windows))]
use credential_manager as system;
#[cfg(all(feature = "key-store", target_os = "macos"))]
use keychain as system;
use mssql_mcp_client_setup::{IN_KEY_STORE, is_key_store_name};
#[cfg(all(feature = "key-store", unix, not(target_os = "macos")))]
use secret_service as system;

#[cfg(not(all(feature = "key-store", any(unix, windows))))]
use absent as system;

/// Whether this program can reach a store at all.
pub(crate) const IS_BUILT: bool = cfg!(all(feature = "key-store", any(unix, windows)));

/// What the secrets of this program are filed under.
#[cfg(all(feature = "key-store", any(unix, windows)))]
const SERVICE: &str = "mssql-mcp";

/// What a secret is called in the store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SecretName(String);

/// Whether a person may be asked to unlock the store: a server asks nobody.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum MayAsk {
    Yes,
    No,
}

/// Why a secret cannot be had. No text of it is ever made of a secret.
#[derive(Debug, PartialEq)]
// Not each store meets each of them.
#[cfg_attr(any(not(feature = "key-store"), windows), allow(dead_code))]
pub(crate) enum KeyStoreError {
    /// There is none of this name.
    NoSecret,
    /// No store runs, and why that is known.
    NoStore(String),
    /// It would have to be unlocked first.
    Locked,
    /// It answered, and not as it should.
    Unusable(String),
    /// This program was built without.
    NotBuilt,
}

type Kept<T> = Result<T, KeyStoreError>;

/// The secret.
pub(crate) fn read(name: &SecretName, ask: MayAsk) -> Kept<String> {
    let secret = String::from_utf8(system::read(&name.0, ask)?)
        .map_err(|_| KeyStoreError::Unusable("what it has is no text".into()))?;
    match secret.is_empty() {
        true => Err(KeyStoreError::Unusable("what it has is empty".into())),
        false => Ok(secret),
    }
}

/// Puts it there, in place of the one before.
pub(crate) fn write(name: &SecretName, secret: &str) -> Kept<()> {
    system::write(&name.0, secret)
}

/// Takes it out of there.
pub(crate) fn remove(name: &SecretName) -> Kept<()> {
    system::remove(&name.0)
}

/// A build without.
#[cfg(not(all(feature = "key-store", any(unix, windows))))]
mod absent {
    use super::{Kept, KeyStoreError, MayAsk};

    pub(super) fn read(_: &str, _: MayAsk) -> Kept<Vec<u8>> {
        Err(KeyStoreError::NotBuilt)
    }

    pub(super) fn write(_: &str, _: &str) -> Kept<()> {
        Err(KeyStoreError::NotBuilt)
    }

    pub(super) fn remove(_: &str) -> Kept<()> {
        Err(KeyStoreError::NotBuilt)
    }
}

// === impl SecretName ===

impl SecretName {
    /// A name, if it is one.
    pub(crate) fn new(name: &str) -> Result<Self, &'static str> {
        match is_key_store_name(name) {
            true => Ok(Self(name.to_owned())),
            false => Err("a name in the key store has letters, digits, - _ and ., and at most 64"),
        }
    }

    /// The name in a setting's text, where that is `keyring:` and something.
    pub(crate) fn in_setting(text: &str) -> Option<Result<Self, &'static str>> {
        text.strip_prefix(IN_KEY_STORE).map(Self::new)
    }
}

impl std::fmt::Display for SecretName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl KeyStoreError ===

impl KeyStoreError {
    /// What is wrong and how it is mended: with a secret of this name, which the variable would have
    /// from a file.
    pub(crate) fn with_mend(&self, name: &SecretName, variable: &str) -> String {
        let file = format!("put the secret into a file and set {variable}_FILE to its path");
        match self {
            Self::NoSecret => format!(
                "the key store has no secret {name}; `mssql-mcp secret set {name}` puts it there"
            ),
            Self::NoStore(why) => format!(
                "no key store runs here, where secret {name} would be ({why}); on a server without \
                 a desktop session, {file}"
            ),
            Self::Locked => format!(
                "the key store with secret {name} is locked; sign in to the desktop, or run \
                 `mssql-mcp secret check {name}` there, which asks to unlock it"
            ),
            Self::Unusable(why) => format!("secret {name} in the key store: {why}"),
            Self::NotBuilt => format!(
                "secret {name} would be in the key store, which this build cannot read: build it \
                 with `--features key-store`, or {file}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_names_a_secret_by_the_whole_of_its_text() {
        let named = |text| SecretName::in_setting(text).map(|n| n.map(|n| n.to_string()));
        assert_eq!(named("keyring:shop-1_a.b"), Some(Ok("shop-1_a.b".into())));
        for other in ["shop", " keyring:shop", "Keyring:shop", "Server=x;Password=keyring:shop"] {
            assert_eq!(named(other), None, "{other}");
        }
        let long = format!("keyring:{}", "x".repeat(65));
        for wrong in ["keyring:", "keyring:a b", "keyring:a ", "keyring:ä", long.as_str()] {
            assert!(named(wrong).is_some_and(|n| n.is_err()), "{wrong}");
        }
        assert!(named(&long[..long.len() - 1]).is_some_and(|n| n.is_ok()));
    }
    #[test]
    fn each_failure_says_how_it_is_mended() {
        let name = SecretName::new("shop").expect("a name");
        for (e, mend) in [
            (KeyStoreError::NoSecret, "`mssql-mcp secret set shop`"),
            (KeyStoreError::NoStore("no bus".into()), "MSSQL_PASSWORD_FILE"),
            (KeyStoreError::Locked, "`mssql-mcp secret check shop`"),
            (KeyStoreError::Unusable("why".into()), "why"),
            (KeyStoreError::NotBuilt, "--features key-store"),
        ] {
            let told = e.with_mend(&name, "MSSQL_PASSWORD");
            assert!(told.contains("shop") && told.contains(mend), "{told}");
        }
    }
}
