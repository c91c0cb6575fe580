//! How a sandbox is started, and who may log in.

use std::net::SocketAddr;
use std::sync::Arc;

use super::windows::WindowsAcceptor;
use crate::names::{PASSWORD, USER};

/// How to start a sandbox.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; must be a loopback address. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// The login that is accepted, in every database, where nothing is said of others.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Further logins.
    pub logins: Vec<SandboxLogin>,
    /// Whom a token logs in (Microsoft Entra); without any, no login by a token is offered.
    pub principals: Vec<SandboxPrincipal>,
    /// Whom tokens have to be for, their `aud`; a slash at its end does not matter.
    pub audience: String,
    /// Send a NONCE to whoever may log in by a token, which the login has to repeat (MS-TDS
    /// §2.2.6.4). Some clients do not, such as tedious, and cannot log in then.
    pub nonce: bool,
    /// Windows logins, whom an acceptor knows by their names.
    pub windows: Vec<SandboxWindowsLogin>,
    /// What shakes hands with them; without one, 18452 is all that they are told.
    pub windows_acceptor: Option<Arc<dyn WindowsAcceptor>>,
    /// The value of @@SERVERNAME; empty for the sandbox's own name.
    pub server_name: String,
    /// The user databases are read only, as on a secondary replica: what would change one is 3906.
    pub read_only_replica: bool,
    /// Further user databases, ten at most: a name, and a T-SQL script that fills it at the start.
    /// GO on a line of its own ends a batch of the script.
    pub databases: Vec<(String, String)>,
    /// A further database with a large schema; none where nothing is said.
    pub generated: Option<Generated>,
    /// Offer TLS: inside PRELOGIN (1.2), and from the first byte on (1.2 and 1.3).
    pub tls: bool,
    /// The names in its certificate, host names or addresses; where none are given, `localhost`,
    /// `127.0.0.1` and `::1`.
    pub certificate_names: Vec<String>,
    /// The last day of its certificate (year, month, day); none for one that outlives everybody.
    pub expires: Option<(i32, u8, u8)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            user: USER.into(),
            password: PASSWORD.into(),
            logins: Vec::new(),
            principals: Vec::new(),
            audience: "https://database.windows.net".into(),
            nonce: true,
            windows: Vec::new(),
            windows_acceptor: None,
            server_name: String::new(),
            read_only_replica: false,
            databases: Vec::new(),
            generated: None,
            tls: true,
            certificate_names: Vec::new(),
            expires: None,
        }
    }
}

/// A further login ("CREATE LOGIN … WITH PASSWORD").
#[derive(Debug, Clone, Default)]
pub struct SandboxLogin {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Where it begins when it names no database; empty for the sample's.
    pub default_database: String,
    /// The user databases that it may enter. It is a guest in those that every server has.
    pub databases: Vec<String>,
}

/// A principal that logs in by a token ("CREATE LOGIN … FROM EXTERNAL PROVIDER"). The signature of
/// a token is not checked: whoever reaches the sandbox may write one.
#[derive(Debug, Clone, Default)]
pub struct SandboxPrincipal {
    /// What a token's `oid`, `appid` (or `azp`), `upn` or `preferred_username` says; case does not
    /// count.
    pub id: String,
    /// What ORIGINAL_LOGIN() says, such as `app@tenant`; empty for the id.
    pub login: String,
    /// Where it begins when it names no database; empty for the sample's.
    pub default_database: String,
    /// The user databases that it may enter. It is a guest in those that every server has.
    pub databases: Vec<String>,
}

/// A login by a Windows account ("CREATE LOGIN … FROM WINDOWS").
#[derive(Debug, Clone, Default)]
pub struct SandboxWindowsLogin {
    /// Its name, such as `CORP\ada`; case does not count.
    pub name: String,
    /// Where it begins when it names no database; empty for the sample's.
    pub default_database: String,
    /// The user databases that it may enter. It is a guest in those that every server has.
    pub databases: Vec<String>,
}

/// A large schema in a database of its own: tables without rows, which nothing can change, with
/// keys, references between neighbours, and descriptions. It counts as one of the ten further
/// databases.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The name of its database.
    pub database: String,
    /// How many tables it has.
    pub tables: usize,
    /// How many columns each of them has, from 1 to 1,024.
    pub columns: usize,
}

impl Default for Generated {
    fn default() -> Self {
        Self { database: "warehouse".into(), tables: 30_000, columns: 30 }
    }
}
