//! A person signs in at another device (RFC 8628), once, at a terminal; what is left of it is kept
//! for the server.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::failure::Failure;
use crate::identity::TokenIdentity;
use crate::options::{EntraOptions, Surroundings};
use crate::retry::{Deadline, Exchange};
use crate::source::login::Application;
use crate::source::{Source, SourceKind};
use crate::store::Kept;

/// A code is good for a quarter of an hour; nobody waits longer than this for one.
const LONGEST: Duration = Duration::from_secs(3600);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A request to the login host takes no longer.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a person is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCode {
    /// To be typed in.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// How long it is good for.
    pub expires_in: Duration,
}

/// A sign-in that has begun.
pub struct SignIn {
    application: Application,
    kept: Kept,
    device_code: String,
    interval: Duration,
    /// What the person is shown.
    pub shown: DeviceCode,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("shown", &self.shown).finish_non_exhaustive()
    }
}

// === impl SignIn ===

impl SignIn {
    /// Asks for a code.
    ///
    /// # Errors
    /// Where the application or the tenant are not named or not known, or allow no public clients.
    pub async fn begin(
        options: &EntraOptions,
        around: &Surroundings,
        exchange: &dyn Exchange,
    ) -> Result<Self, Failure> {
        const NAME: &str = "the sign-in by device code";
        let options = EntraOptions { source: SourceKind::DeviceCode, ..options.clone() }.or(around);
        let wrong = |e: String| Failure::new(NAME, e, "");
        options.check().map_err(wrong)?;
        let source = Source::named(&options, around).map_err(wrong)?;
        let Some(Source::SignedIn(application, kept)) = source else {
            return Err(wrong("there is no application".into()));
        };
        let answer = application.device_code(exchange, Deadline::within(PATIENCE)).await?;
        let said: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let text = |key: &str| {
            // It goes to a terminal, where control characters do things.
            let good = |t: &&str| !t.is_empty() && t.len() <= 2000 && !t.contains(char::is_control);
            said[key].as_str().filter(good).map(str::to_owned).ok_or_else(|| {
                Failure::new(NAME, format!("the login host's answer has no {key}"), "")
            })
        };
        let seconds =
            |key: &str, usual: u64| Duration::from_secs(said[key].as_u64().unwrap_or(usual));
        Ok(Self {
            device_code: text("device_code")?,
            interval: seconds("interval", 5).clamp(Duration::from_secs(1), LONGEST_PAUSE),
            shown: DeviceCode {
                user_code: text("user_code")?,
                verification_uri: text("verification_uri")?,
                expires_in: seconds("expires_in", 900).min(LONGEST),
            },
            application,
            kept,
        })
    }

    /// Waits until the person has signed in, and keeps that. Whose sign-in it is.
    ///
    /// # Errors
    /// Where the person declined, or the code expired, or the file cannot be written.
    pub async fn finish(mut self, exchange: &dyn Exchange) -> Result<TokenIdentity, Failure> {
        let deadline = Deadline::within(self.shown.expires_in);
        loop {
            tokio::time::sleep(self.interval).await;
            let within = Deadline::within(PATIENCE);
            let asked = self.application.device_token(exchange, &self.device_code, within).await;
            let answer = match asked {
                // RFC 8628 §3.5: a connection that fails is no reason to give up, but to wait longer.
                Err(e) if e.retryable && !deadline.left().is_zero() => {
                    self.interval = (self.interval * 2).min(LONGEST_PAUSE);
                    continue;
                }
                asked => asked?,
            };
            if answer.status().is_server_error() && !deadline.left().is_zero() {
                self.interval = (self.interval * 2).min(LONGEST_PAUSE);
                continue;
            }
            let said: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            if answer.status() == StatusCode::OK {
                let token = self.application.token(answer.body())?;
                let name = self.application.name();
                let refresh = said["refresh_token"].as_str().ok_or_else(|| {
                    let what = "the login host gave no refresh token";
                    Failure::new(name, what, "the application must be allowed offline_access")
                })?;
                let kept = self.kept.write(refresh).await;
                kept.map_err(|e| Failure::new(name, e, "check entra.sign_in_file"))?;
                return Ok(token.identity());
            }
            let again = "run mssql-mcp login again";
            let ended = |what: &str| Failure::new(self.application.name(), what, again);
            match said["error"].as_str().unwrap_or_default() {
                "authorization_pending" => {}
                // RFC 8628 §3.5
                "slow_down" => self.interval += Duration::from_secs(5),
                "authorization_declined" | "access_denied" => return Err(ended("it was declined")),
                "expired_token" | "code_expired" => return Err(ended("the code has expired")),
                _ => return Err(self.application.refused(&answer, &[&self.device_code])),
            }
            if deadline.left().is_zero() {
                return Err(ended("the code has expired"));
            }
        }
    }
}
