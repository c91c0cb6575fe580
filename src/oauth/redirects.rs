//! Where clients that are not written into the configuration may have codes sent to.

use std::sync::Arc;

use serde_json::Value;

use crate::config::Config;
use crate::config::settings;
use crate::redirect_uri::{loopback, parts, private};

/// Where clients that are not written into the configuration may have codes sent to.
#[derive(Debug, Clone)]
pub(crate) struct Redirects {
    pub(super) hosts: Arc<[String]>,
    pub(super) schemes: Arc<[String]>,
}

const MAX_URIS: usize = 20;
const MAX_ALL: usize = 5000;
/// Refused URIs that an answer or a log line gives reasons for.
const TOLD: usize = 5;
impl Redirects {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            hosts: config.get(settings::auth::REDIRECT_HOSTS).into(),
            schemes: config.get(settings::auth::REDIRECT_SCHEMES).into(),
        }
    }

    /// Whether a redirect URI may be used: HTTPS at a host of the list, compared whole; HTTP on
    /// loopback (RFC 8252 §7.3); a private scheme of the other list (§7.1). The error names it.
    pub(crate) fn check(&self, uri: &str) -> Result<(), String> {
        let p = parts(uri).map_err(|why| format!("{}: {why}", uri.escape_debug()))?;
        match p.scheme {
            "http" if loopback(&p.host) => Ok(()),
            "https"
                if loopback(&p.host)
                    || self.hosts.iter().any(|h| h.eq_ignore_ascii_case(&p.host)) =>
            {
                Ok(())
            }
            "https" => Err(format!(
                "{uri}: the host {} is not allowed here; the operator can add it to \
                 auth.redirect_hosts",
                p.host
            )),
            own if self.schemes.iter().any(|s| s == own) => Ok(()),
            own if private(own) => Err(format!(
                "{uri}: the scheme {own} is not allowed here; the operator can add it to \
                 auth.redirect_schemes"
            )),
            _ => Err(format!("{uri}: it must be https://, or http:// on loopback")),
        }
    }

    /// What of a client's `redirect_uris` may be used, and why the rest may not; an error where
    /// nothing is left. RFC 7591 §3.2.1 lets a server register less than it was asked for: desktop
    /// programs name a loopback URI, a page of their maker's and a scheme of their own in one list,
    /// and use whichever is registered.
    pub(crate) fn keep(&self, uris: Option<&Value>) -> Result<(Vec<String>, Vec<String>), String> {
        let Some(uris) = uris.and_then(Value::as_array).filter(|u| !u.is_empty()) else {
            return Err(
                "redirect_uris is missing: a list of the URIs that codes may be sent to".into()
            );
        };
        if uris.len() > MAX_URIS {
            return Err(format!("redirect_uris has more than {MAX_URIS} entries"));
        }
        // Of what strangers leave here, each is small, so that as many as there may
        // be are not much.
        if uris.iter().filter_map(Value::as_str).map(str::len).sum::<usize>() > MAX_ALL {
            return Err(format!("redirect_uris are longer than {MAX_ALL} characters together"));
        }
        let (mut kept, mut refused) = (Vec::new(), Vec::new());
        for u in uris {
            let u = u.as_str().ok_or("redirect_uris must hold strings")?;
            match self.check(u) {
                Ok(()) if kept.iter().any(|k| k == u) => {}
                Ok(()) => kept.push(u.to_owned()),
                Err(why) => refused.push(why),
            }
        }
        let more = refused.len().saturating_sub(TOLD);
        refused.truncate(TOLD);
        if more > 0 {
            refused.push(format!("and {more} more"));
        }
        if kept.is_empty() { Err(refused.join("; ")) } else { Ok((kept, refused)) }
    }
}

/// The operator learns why a client may not do what it says it can.
pub(crate) fn log_refused(client: &str, refused: &[String]) {
    if !refused.is_empty() {
        tracing::info!(
            client,
            left_out = refused.join("; "),
            "some redirect URIs of a client are not allowed"
        );
    }
}
