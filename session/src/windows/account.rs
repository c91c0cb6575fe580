//! An account of Windows and its password, as NTLM has them.

use std::fmt;

use md4::{Digest, Md4};

use crate::error::Error;

/// Who logs in. The password is not kept: what NTLM needs of it is its hash, which is as good as
/// the password and as secret.
#[derive(Clone)]
pub(super) struct Account {
    /// Empty where the user's name has it (`user@domain`).
    pub(super) domain: String,
    pub(super) user: String,
    /// MD4 of the password (MS-NLMP 3.3.1, NTOWFv1).
    pub(super) hash: [u8; 16],
}

// === impl Account ===

impl Account {
    pub(super) fn new(account: &str, password: &str) -> Result<Self, Error> {
        let bad = |what: &str| Err(Error::Credentials(what.into()));
        let (domain, user) = match account.split_once('\\') {
            Some((domain, user)) => (domain, user),
            None if account
                .split_once('@')
                .is_some_and(|(u, d)| !u.is_empty() && !d.is_empty()) =>
            {
                ("", account)
            }
            None => {
                return bad(
                    "a Windows login has no domain: write DOMAIN\\user or user@domain; an \
                            account of the server's own machine is MACHINE\\user",
                );
            }
        };
        if user.is_empty() || user.contains('\\') {
            return bad("a Windows login has no user, or two backslashes: write DOMAIN\\user");
        }
        if account.starts_with('\\') || domain == "." {
            return bad("a Windows login has no domain in front of its backslash: write \
                        DOMAIN\\user; an account of the server's own machine is MACHINE\\user");
        }
        if password.is_empty() {
            return bad("a Windows login has no password: give one, or log in by a ticket \
                        (Kerberos), which takes none");
        }
        let mut wide = utf16(password);
        let hash = Md4::digest(&wide).into();
        wide.fill(0);
        Ok(Self { domain: domain.to_owned(), user: user.to_owned(), hash })
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.hash.fill(0);
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, user, hash: _ } = self;
        f.debug_struct("Account")
            .field("domain", domain)
            .field("user", user)
            .finish_non_exhaustive()
    }
}

/// Text as NTLM has it: UTF-16, little-endian.
pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_a_domain_and_a_user() {
        for (text, domain, user) in [
            ("CORP\\ada", "CORP", "ada"),
            ("corp.example\\ada", "corp.example", "ada"),
            ("ada@corp.example", "", "ada@corp.example"),
        ] {
            let a = Account::new(text, "s3cret").expect(text);
            assert_eq!((&*a.domain, &*a.user), (domain, user));
        }
    }

    #[test]
    fn what_is_missing_is_named_and_the_password_is_not() {
        for (account, password, what) in [
            ("ada", "s3cret", "no domain"),
            ("", "s3cret", "no domain"),
            ("@corp", "s3cret", "no domain"),
            ("\\ada", "s3cret", "no domain"),
            (".\\ada", "s3cret", "MACHINE\\user"),
            ("CORP\\", "s3cret", "no user"),
            ("CORP\\a\\b", "s3cret", "two backslashes"),
            ("CORP\\ada", "", "no password"),
        ] {
            let e = Account::new(account, password).expect_err(account).to_string();
            assert!(e.contains(what) && !e.contains("s3cret"), "{account}: {e}");
        }
    }

    #[test]
    fn debug_shows_neither_password_nor_hash() {
        let a = Account::new("CORP\\ada", "s3cret").expect("an account");
        let shown = format!("{a:?}");
        assert!(shown.contains("ada") && !shown.contains("s3cret"), "{shown}");
        assert!(!shown.contains(&a.hash[0].to_string()), "{shown}");
    }
}
