//! Whom a login is for, and whether it may come in.

use super::features::{FedAuth, SECURITY_TOKEN};
use super::jwt;
use super::login::Login7;
use super::options::{Options, SandboxLogin};
use super::prelogin::TokenTerms;
use crate::error::Error;
use crate::messages;
use crate::names::DATABASE;
use crate::run::{Access, Shared};

/// What a login that is not refused may do.
#[derive(Debug, PartialEq)]
pub(super) struct Admitted {
    /// The value of ORIGINAL_LOGIN().
    pub(super) login: String,
    /// The database that it begins in, as it spells itself.
    pub(super) database: String,
    pub(super) access: Access,
}

/// Somebody who is known, before a database is.
struct Known<'a> {
    login: &'a str,
    default_database: &'a str,
    access: Access,
    /// What is told behind 4060 and 4064.
    failed: Error,
}

/// Whom a login is for, or all that it is told instead.
pub(super) fn admit(
    options: &Options,
    shared: &Shared,
    login: &Login7,
    terms: &TokenTerms,
) -> Result<Admitted, Vec<Error>> {
    let known = match &login.features.fedauth {
        Some(fedauth) => by_token(options, login, fedauth, terms),
        None => by_password(options, login),
    };
    known.map_err(|e| vec![e]).and_then(|known| known.enter(shared, &login.database))
}

/// The same of a Windows account, by its name.
pub(super) fn admit_windows(
    options: &Options,
    shared: &Shared,
    login: &Login7,
    name: &str,
) -> Result<Admitted, Vec<Error>> {
    let failed = messages::login_failed(name);
    match options.windows.iter().find(|l| l.name.eq_ignore_ascii_case(name)) {
        None => Err(vec![failed]),
        Some(found) => Known {
            login: &found.name,
            default_database: &found.default_database,
            access: Access::Some(found.databases.clone()),
            failed,
        }
        .enter(shared, &login.database),
    }
}

/// Older clients read other tokens, and have no date, time, datetime2 and datetimeoffset.
pub(super) fn check_version(tds_version: u32) -> Result<(), Error> {
    if [0x73, 0x74, 0x08].contains(&(tds_version >> 24)) {
        return Ok(());
    }
    let (major, minor) = (tds_version >> 28, tds_version >> 24 & 0xF);
    Err(Error::unsupported(format!("TDS {major:x}.{minor:x}")))
}

fn by_password<'a>(options: &'a Options, login: &'a Login7) -> Result<Known<'a>, Error> {
    let failed = messages::login_failed(&login.user);
    let is_it = |l: &&SandboxLogin| l.user == login.user && l.password == login.password;
    let (default_database, access) = match options.logins.iter().find(is_it) {
        _ if login.user == options.user && login.password == options.password => ("", Access::All),
        Some(known) => (known.default_database.as_str(), Access::Some(known.databases.clone())),
        None => return Err(failed),
    };
    Ok(Known { login: &login.user, default_database, access, failed })
}

/// In the order of MS-TDS §3.3.5.5: what was agreed in PRELOGIN, and then the token.
fn by_token<'a>(
    options: &'a Options,
    login: &Login7,
    fedauth: &FedAuth,
    terms: &TokenTerms,
) -> Result<Known<'a>, Error> {
    if !terms.encrypted {
        return Err(Error::unsupported("a token over a connection without encryption"));
    }
    if fedauth.library != SECURITY_TOKEN {
        let library = fedauth.library;
        return Err(Error::unsupported(format!("FEDAUTH with library {library} instead of 1")));
    }
    if !login.user.is_empty() || !login.password.is_empty() {
        return Err(Error::unsupported("a token beside a user name or a password"));
    }
    if fedauth.echo != terms.required || fedauth.nonce != terms.nonce {
        return Err(messages::token_invalid());
    }
    if options.principals.is_empty() {
        return Err(messages::tokens_not_configured());
    }
    let principal = jwt::principal(&fedauth.token, &options.audience, &options.principals)?;
    let login = if principal.login.is_empty() { &principal.id } else { &principal.login };
    Ok(Known {
        login,
        default_database: &principal.default_database,
        access: Access::Some(principal.databases.clone()),
        failed: messages::no_principal_of_token(),
    })
}

// === impl Known ===

impl Known<'_> {
    /// The database that is asked for, or the default where none is.
    fn enter(self, shared: &Shared, asked: &str) -> Result<Admitted, Vec<Error>> {
        let default =
            if self.default_database.is_empty() { DATABASE } else { self.default_database };
        let wanted = if asked.is_empty() { default } else { asked };
        let found = shared.position(wanted).map(|position| shared.name(position));
        match found.filter(|name| self.access.allows(name)) {
            Some(database) => Ok(Admitted {
                login: self.login.to_owned(),
                database: database.to_owned(),
                access: self.access,
            }),
            None if asked.is_empty() => {
                Err(vec![messages::cannot_open_default_database(), self.failed])
            }
            None => Err(vec![messages::cannot_open_database(asked), self.failed]),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::features::Features;
    use super::super::login::{self, tests::login7};
    use super::super::options::SandboxPrincipal;
    use super::*;
    use crate::names::{PASSWORD, USER};

    fn refusal(login: Bytes) -> Option<u32> {
        let login = login::read(login).expect("a login");
        let shared = Shared::new("/login");
        if let Err(e) = check_version(login.tds_version) {
            return Some(e.number);
        }
        let told = admit(&Options::default(), &shared, &login, &TokenTerms::default()).err()?;
        told.first().map(|e| e.number)
    }

    #[test]
    fn who_is_refused() {
        assert_eq!(refusal(login7(0x7400_0004, 0, USER, "wrong")), Some(18456));
        assert_eq!(refusal(login7(0x7400_0004, 0, "sa", PASSWORD)), Some(18456));
        let too_old = refusal(login7(0x7200_0002, 0, USER, PASSWORD));
        assert_eq!(too_old, Some(crate::error::UNSUPPORTED));
    }

    #[test]
    fn where_a_login_begins() {
        let options = Options {
            logins: vec![SandboxLogin {
                user: "anna".to_owned(),
                password: "A".to_owned(),
                default_database: "Ledger".to_owned(),
                databases: vec!["ledger".to_owned()],
            }],
            ..Options::default()
        };
        let further = ["Ledger".to_owned(), "Stock".to_owned()];
        let shared = Shared::with("/begins", "", &further).expect("databases");
        let begins = |user: &str, password: &str, database: &str| {
            let login = Login7 {
                tds_version: 0x7400_0004,
                user: user.to_owned(),
                password: password.to_owned(),
                database: database.to_owned(),
                ..Login7::default()
            };
            let admitted =
                admit(&options, &shared, &login, &TokenTerms::default()).map(|a| a.database);
            admitted.map_err(|told| told.iter().map(|e| e.number).collect::<Vec<_>>())
        };
        assert_eq!(begins(USER, PASSWORD, "").as_deref(), Ok(DATABASE));
        assert_eq!(begins(USER, PASSWORD, "STOCK").as_deref(), Ok("Stock"));
        assert_eq!(begins("anna", "A", "").as_deref(), Ok("Ledger"));
        assert_eq!(begins("anna", "A", "MASTER").as_deref(), Ok("master"));
        assert_eq!(begins("anna", "A", "Stock"), Err(vec![4060, 18456]));
        assert_eq!(begins("anna", "A", "nothing"), Err(vec![4060, 18456]));
        assert_eq!(begins("anna", "B", ""), Err(vec![18456]));
    }

    #[test]
    fn a_token_is_held_against_what_was_agreed_before_it() {
        let options =
            Options { principals: vec![SandboxPrincipal::default()], ..Options::default() };
        let shared = Shared::new("/tokens");
        let agreed =
            TokenTerms { encrypted: true, required: true, nonce: Some([1; 32]), of_client: None };
        let told = |library, echo, nonce, user: &str, terms: &TokenTerms| {
            let token = "not a token".to_owned();
            let login = Login7 {
                tds_version: 0x7400_0004,
                user: user.to_owned(),
                features: Features {
                    fedauth: Some(FedAuth { library, echo, token, nonce }),
                    ..Features::default()
                },
                ..Login7::default()
            };
            let told = admit(&options, &shared, &login, terms).expect_err("no token");
            told[0].message.clone()
        };
        let nonce = Some([1; 32]);
        let invalid =
            "Login failed for user '<token-identified principal>'. Incorrect or invalid token.";
        assert_eq!(told(1, true, nonce, "", &agreed), invalid);
        assert_eq!(told(1, false, nonce, "", &agreed), invalid);
        assert_eq!(told(1, true, None, "", &agreed), invalid);
        assert!(told(2, true, nonce, "", &agreed).contains("library 2"));
        assert!(told(1, true, nonce, "ada", &agreed).contains("beside a user name"));
        let open = TokenTerms { encrypted: false, ..agreed };
        assert!(told(1, true, nonce, "", &open).contains("without encryption"));
    }
}
