//! Windows logins (integrated security): an account and its password by NTLM, or a ticket by
//! Kerberos. The driver logs nobody in; what it writes and reads gets the tokens on the way
//! (MS-TDS 2.2.6.4, 2.2.6.8, 2.2.7.22), so that neither its crates nor its blocking are needed.

#[cfg(feature = "ntlm")]
mod account;
#[cfg(all(unix, feature = "kerberos"))]
mod kerberos;
#[cfg(any(all(unix, feature = "kerberos"), test))]
mod mend;
#[cfg(feature = "ntlm")]
mod ntlm;
mod spn;

use std::fmt;

pub use self::spn::{Spn, service_principal_name};
use crate::error::Error;

/// A Windows account that logs in, instead of a login of the server's own. Its Debug shows no
/// secret.
#[derive(Clone)]
pub struct WindowsLogin(Kind);

#[derive(Clone)]
enum Kind {
    #[cfg(feature = "ntlm")]
    Password(account::Account),
    #[cfg(all(unix, feature = "kerberos"))]
    Ticket,
}

/// One login's side of the exchange: tokens in turn, ours first.
pub(crate) trait Handshake: Send {
    /// The token that goes with LOGIN7.
    fn first(&mut self) -> Vec<u8>;

    /// What answers the server's token; empty where there is nothing more to say.
    fn next(&mut self, token: &[u8]) -> Result<Vec<u8>, Error>;

    /// The server need not say more before the login may be taken for good.
    fn complete(&self) -> bool;
}

// === impl WindowsLogin ===

impl WindowsLogin {
    /// By NTLM, with `DOMAIN\user` or `user@domain`; an account of the server's own machine has
    /// the name of that machine as its domain. Of the password only its hash is kept (MS-NLMP
    /// 3.3.2, NTOWFv2).
    ///
    /// [`Error::Credentials`] where the domain, the user or the password is missing, and where
    /// this build has no NTLM.
    #[cfg_attr(not(feature = "ntlm"), allow(unused_variables))]
    pub fn password(account: &str, password: &str) -> Result<Self, Error> {
        #[cfg(feature = "ntlm")]
        return account::Account::new(account, password).map(|a| Self(Kind::Password(a)));
        #[cfg(not(feature = "ntlm"))]
        Err(Error::Credentials(
            "this build has no Windows logins by password: build with --features windows-login"
                .into(),
        ))
    }

    /// By Kerberos, with the ticket that the system has: of the credential cache (`KRB5CCNAME`), or
    /// one that the library gets by itself with a keytab (`KRB5_CLIENT_KTNAME`), as `KRB5_CONFIG`
    /// says. These variables are read by MIT's library at each login.
    ///
    /// [`Error::Credentials`] where this build has no Kerberos.
    pub fn ticket() -> Result<Self, Error> {
        #[cfg(all(unix, feature = "kerberos"))]
        return Ok(Self(Kind::Ticket));
        #[cfg(not(all(unix, feature = "kerberos")))]
        Err(Error::Credentials(
            "this build has no Kerberos: build with --features kerberos, on Unix".into(),
        ))
    }

    /// Gets what the first token takes: for a ticket that may be answers of a KDC, for a password
    /// nothing.
    #[cfg_attr(
        not(any(feature = "ntlm", all(unix, feature = "kerberos"))),
        allow(unused_variables)
    )]
    pub(crate) async fn begin(
        &self,
        host: &str,
        port: u16,
        spn: Option<&Spn>,
    ) -> Result<Box<dyn Handshake>, Error> {
        match self.0 {
            #[cfg(feature = "ntlm")]
            Kind::Password(ref a) => {
                let target = spn.cloned().unwrap_or_else(|| Spn::typed(host, port));
                Ok(Box::new(ntlm::Client::new(a.clone(), target.name())?))
            }
            #[cfg(all(unix, feature = "kerberos"))]
            Kind::Ticket => {
                Ok(Box::new(kerberos::ticket(host.to_owned(), port, spn.cloned()).await?))
            }
        }
    }
}

impl fmt::Debug for WindowsLogin {
    #[cfg_attr(
        not(any(feature = "ntlm", all(unix, feature = "kerberos"))),
        allow(unused_variables)
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            #[cfg(feature = "ntlm")]
            Kind::Password(ref a) => f.debug_tuple("Password").field(a).finish(),
            #[cfg(all(unix, feature = "kerberos"))]
            Kind::Ticket => f.write_str("Ticket"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_a_kind_of_login_says_which_feature_has_it() {
        for (made, on, feature) in [
            (
                WindowsLogin::password("CORP\\ada", "s3cret"),
                cfg!(feature = "ntlm"),
                "--features windows-login",
            ),
            (WindowsLogin::ticket(), cfg!(all(unix, feature = "kerberos")), "--features kerberos"),
        ] {
            match made {
                Ok(_) => assert!(on),
                Err(e) => assert!(!on && e.to_string().contains(feature), "{e}"),
            }
        }
    }
}
