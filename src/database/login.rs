//! As whom a session is logged in: what the driver is given, anew for each connection, because a
//! token is good for an hour and a connection may be made later.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use mssql_mcp_entra::{AccessToken, Credential, Exchange, Surroundings};
use mssql_mcp_session::{AuthMethod, WindowsLogin};

use super::{ConnectKind, DbError};
use crate::config::Config;
use crate::config::settings::{self, database::LoginKind};
use crate::fetch::Getter;

/// Answers of those who give tokens have a few kilobytes.
const MAX_ANSWER: usize = 256 << 10;

/// As whom sessions of one database are logged in.
#[derive(Clone)]
pub(crate) enum LoginMethod {
    Sql { user: String, password: String },
    Entra(Credential),
    Ntlm { user: String, password: String },
    Kerberos,
}

/// What one login brings.
pub(super) struct Brought {
    pub(super) auth: AuthMethod,
    pub(super) windows: Option<WindowsLogin>,
    /// The token in it, where there is one.
    pub(super) token: Option<Arc<AccessToken>>,
}

/// Requests of a credential, by our own client: to whatever the operator or the platform names, and
/// without TLS only where that says so, as on link-local addresses.
struct Requests;

impl Exchange for Requests {
    fn send(
        &self,
        request: Request<Bytes>,
        within: Duration,
    ) -> BoxFuture<'_, Result<Response<Bytes>, String>> {
        /// Reading the system's certificates takes some milliseconds: once, and when they are needed.
        static GETTER: LazyLock<Result<Getter, String>> =
            LazyLock::new(|| Getter::inside(&[], Duration::from_secs(15)));
        Box::pin(async move {
            let made = tokio::task::spawn_blocking(|| GETTER.clone()).await;
            let getter = made.map_err(|e| e.to_string())??;
            getter.patient(within).send(request, MAX_ANSWER).await
        })
    }
}

/// Requests of credentials.
pub(crate) fn exchange() -> Arc<dyn Exchange> {
    Arc::new(Requests)
}

// === impl Brought ===

impl Brought {
    fn of(windows: Result<WindowsLogin, mssql_mcp_session::Error>) -> Result<Self, DbError> {
        let windows = windows
            .map_err(|e| DbError::Connect(e.to_string(), ConnectKind::Ticket { for_now: false }))?;
        Ok(Self { auth: AuthMethod::None, windows: Some(windows), token: None })
    }
}

// === impl LoginMethod ===

impl std::fmt::Debug for LoginMethod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

impl LoginMethod {
    /// As the configuration says it, for a server of this name. Nobody is asked for a token yet.
    pub(super) fn from_config(c: &Config, server: &str) -> Result<Self, String> {
        let user = c.get(settings::database::USER).to_owned();
        let password = c.get(settings::database::PASSWORD).to_owned();
        Ok(match c.login() {
            LoginKind::Sql => Self::Sql { user, password },
            LoginKind::Ntlm => Self::Ntlm { user, password },
            LoginKind::Kerberos => Self::Kerberos,
            LoginKind::Entra => {
                let around = Surroundings::of_process();
                Self::Entra(Credential::new(c.entra(server), around, exchange())?)
            }
        })
    }

    /// Which account failed logins count against, where one can be locked.
    pub(super) fn account(&self) -> Option<&str> {
        match self {
            Self::Sql { user, .. } | Self::Ntlm { user, .. } => Some(user),
            Self::Entra(_) | Self::Kerberos => None,
        }
    }

    /// For people.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Sql { user, .. } => user.clone(),
            Self::Ntlm { user, .. } => format!("{user} (NTLM)"),
            Self::Kerberos => "the holder of the Kerberos ticket".to_owned(),
            Self::Entra(credential) => match credential.source() {
                Some(source) => format!("{source} (Entra ID)"),
                None => "Entra ID".to_owned(),
            },
        }
    }

    /// What the next login brings.
    pub(super) async fn bring(&self, within: Duration) -> Result<Brought, DbError> {
        let auth = match self {
            Self::Sql { user, password } => AuthMethod::sql_server(user, password),
            Self::Ntlm { user, password } => {
                return Brought::of(WindowsLogin::password(user, password));
            }
            Self::Kerberos => return Brought::of(WindowsLogin::ticket()),
            Self::Entra(credential) => {
                let token = Box::pin(credential.token(within)).await.map_err(|e| {
                    let what = match e.mend.is_empty() {
                        true => e.to_string(),
                        false => format!("{e} ({})", e.mend),
                    };
                    DbError::Connect(what, ConnectKind::Token { for_now: e.retryable })
                })?;
                let auth = AuthMethod::aad_token(token.secret());
                return Ok(Brought { auth, windows: None, token: Some(token) });
            }
        };
        Ok(Brought { auth, windows: None, token: None })
    }

    /// SQL Server refused this token; whether the next login brings another one.
    pub(super) fn refused(&self, token: &AccessToken, expired: bool) -> bool {
        matches!(self, Self::Entra(credential) if credential.refused(token, expired))
    }
}
