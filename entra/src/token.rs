//! A token, and when the next one is due.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::time::Instant;

use crate::identity::TokenIdentity;

/// Before its end a token is not used any more: it may be on its way for a while, and clocks differ.
const MARGIN: Duration = Duration::from_secs(30);
/// Less than this is left when the next one is fetched.
const EARLY: Duration = Duration::from_secs(300);
/// Of a life that is longer than this, half is enough.
const LONG: Duration = Duration::from_secs(2 * 3600);

/// An access token with its times. Neither Debug nor anything else but [`AccessToken::secret`]
/// shows it.
#[derive(Clone)]
pub struct AccessToken {
    secret: String,
    /// As others write it (`exp`).
    expires: SystemTime,
    /// By our clock, which nobody sets: from here on it is not used.
    end: Instant,
    /// From here on the next one is fetched.
    due: Instant,
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessToken").field("identity", &self.identity()).finish_non_exhaustive()
    }
}

// === impl AccessToken ===

impl AccessToken {
    /// With so much left of its life.
    pub(crate) fn new(secret: String, life: Duration) -> Self {
        let now = Instant::now();
        // Of a life that is shorter than that, half: or each login would ask for the next one.
        let early = if life > LONG || life < 2 * EARLY { life / 2 } else { life - EARLY };
        Self {
            secret,
            expires: SystemTime::now() + life,
            end: now + life.saturating_sub(MARGIN),
            due: now + early,
        }
    }

    /// From an answer of any of the sources: `access_token` or `token` or `accessToken`, and its end
    /// as `expires_in` (seconds), `expires_on` (seconds since 1970) or what the token itself says.
    /// Numbers come as texts, too.
    pub(crate) fn read(body: &[u8]) -> Result<Self, &'static str> {
        let said: Value = serde_json::from_slice(body).map_err(|_| "it is no JSON")?;
        let secret = ["access_token", "accessToken", "token"]
            .iter()
            .find_map(|k| said[*k].as_str())
            .filter(|t| !t.is_empty())
            .ok_or("there is no token in it")?;
        Self::of(secret.to_owned(), number(&said["expires_in"]), number(&said["expires_on"]))
    }

    /// Of a text that may end in a line feed, as files do; its end is what it says itself.
    pub(crate) fn bare(text: &str) -> Result<Self, &'static str> {
        Self::of(text.trim_start_matches('\u{feff}').trim().to_owned(), None, None)
    }

    fn of(secret: String, left: Option<u64>, end: Option<u64>) -> Result<Self, &'static str> {
        let good = |c: char| c.is_ascii_graphic();
        if secret.is_empty() || !secret.chars().all(good) {
            return Err("what stands in the token's place is none");
        }
        let end = end.or_else(|| TokenIdentity::of(&secret).expires);
        let left = match (left, end) {
            (Some(left), _) => left,
            (None, Some(end)) => end.saturating_sub(now()),
            (None, None) => return Err("it does not say when the token expires"),
        };
        if left == 0 {
            return Err("the token has expired");
        }
        // A life of years is a mistake, and no reason to overflow.
        Ok(Self::new(secret, Duration::from_secs(left.min(366 * 86_400))))
    }

    /// What goes to SQL Server.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// When it expires.
    pub fn expires(&self) -> SystemTime {
        self.expires
    }

    /// Whose it is.
    pub fn identity(&self) -> TokenIdentity {
        TokenIdentity::of(&self.secret)
    }

    /// Whether a login may still bring it.
    pub(crate) fn is_good(&self) -> bool {
        Instant::now() < self.end
    }

    /// Whether it is time for the next one.
    pub(crate) fn is_due(&self) -> bool {
        Instant::now() >= self.due
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

fn number(v: &Value) -> Option<u64> {
    v.as_u64().or_else(|| v.as_f64().map(|n| n as u64)).or_else(|| v.as_str()?.trim().parse().ok())
}

#[cfg(test)]
pub(crate) mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    /// A token that says this of itself.
    pub(crate) fn jwt(claims: &Value) -> String {
        let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
        format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(claims))
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_next_one_is_due() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        for (life, due, end) in [(60, 55, 59), (90, 85, 89), (24 * 60, 12 * 60, 24 * 60 - 1)] {
            let t = AccessToken::new("t".into(), minutes(life));
            tokio::time::advance(minutes(due) - Duration::from_secs(1)).await;
            assert!(!t.is_due() && t.is_good(), "{life}");
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(t.is_due() && t.is_good(), "{life}");
            tokio::time::advance(minutes(end - due)).await;
            assert!(t.is_good(), "{life}");
            tokio::time::advance(Duration::from_secs(30)).await;
            assert!(!t.is_good(), "{life}");
        }
    }

    #[tokio::test]
    async fn the_end_is_read_from_each_form() {
        let left = |body: &Value| {
            let t = AccessToken::read(body.to_string().as_bytes())?;
            Ok::<_, &str>(t.expires().duration_since(SystemTime::now()).expect("later").as_secs())
        };
        let about = |body: Value, seconds: u64| {
            let left = left(&body).expect("a token");
            assert!(left.abs_diff(seconds) < 5, "{body}: {left}");
        };
        about(json!({ "access_token": "t", "expires_in": 3599 }), 3599);
        about(json!({ "access_token": "t", "expires_in": "3599" }), 3599);
        about(json!({ "access_token": "t", "expires_on": (now() + 600).to_string() }), 600);
        about(json!({ "accessToken": "t", "expires_on": now() + 600 }), 600);
        about(json!({ "token": jwt(&json!({ "exp": now() + 700 })), "expiresOn": "x" }), 700);
        for (bad, why) in [
            (json!({ "access_token": "t" }), "does not say"),
            (json!({ "access_token": "", "expires_in": 10 }), "no token"),
            (json!({ "access_token": "a b", "expires_in": 10 }), "none"),
            (json!({ "access_token": "t", "expires_on": 10 }), "expired"),
            (json!([]), "no token"),
        ] {
            assert!(left(&bad).is_err_and(|e| e.contains(why)), "{bad}");
        }
    }

    #[tokio::test]
    async fn debug_shows_whose_it_is_and_nothing_more() {
        let secret = jwt(&json!({ "oid": "o-1", "exp": now() + 100 }));
        let shown = format!("{:?}", AccessToken::bare(&secret).expect("a token"));
        assert!(shown.contains("o-1") && !shown.contains(&secret) && !shown.contains("c2ln"));
    }
}
