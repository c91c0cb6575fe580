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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Inputs;

    fn redirects() -> Redirects {
        let fixed = vec![
            settings::auth::REDIRECT_HOSTS.fixed("claude.ai"),
            settings::auth::REDIRECT_SCHEMES.fixed("cursor"),
        ];
        Redirects::new(&Config::load(&Inputs { fixed, ..Inputs::default() }).expect("valid"))
    }

    #[test]
    fn what_is_refused_says_who_could_allow_it() {
        let r = redirects();
        for good in ["https://Claude.AI/cb", "https://127.0.0.1/cb", "http://[::1]:1/", "cursor:/x"]
        {
            assert_eq!(r.check(good), Ok(()), "{good}");
        }
        for (bad, said) in [
            ("https://evil.example/cb", "auth.redirect_hosts"),
            ("http://claude.ai/cb", "it must be https://"),
            ("com.example.app:/cb", "auth.redirect_schemes"),
            ("ftp://claude.ai/cb", "it must be https://"),
        ] {
            let why = r.check(bad).expect_err(bad);
            assert!(why.starts_with(bad) && why.contains(said), "{why}");
        }
    }

    #[test]
    fn what_may_be_used_is_kept_once_and_the_rest_is_told() {
        let keep = |uris: Value| redirects().keep(Some(&uris));
        let (kept, refused) = keep(json!([
            "https://claude.ai/cb",
            "https://evil.example/",
            "https://claude.ai/cb",
            "cursor://cb"
        ]))
        .expect("two are good");
        assert_eq!(kept, ["https://claude.ai/cb", "cursor://cb"]);
        assert_eq!(refused.len(), 1);
        let many = |n: usize| -> Vec<String> {
            (0..n).map(|i| format!("https://evil.example/{i}")).collect()
        };
        for (n, told) in [(TOLD, TOLD), (TOLD + 1, TOLD + 1), (TOLD + 3, TOLD + 1)] {
            let all = [vec!["https://claude.ai/cb".to_owned()], many(n)].concat();
            let (_, refused) = keep(json!(all)).expect("one is good");
            assert_eq!(refused.len(), told, "{n}");
            let last = refused.last().expect("some");
            let more = format!("and {} more", n - TOLD);
            assert_eq!(*last == more, n > TOLD, "{last}");
        }
        assert!(keep(json!(many(1))).expect_err("none is good").contains("auth.redirect_hosts"));
        assert!(keep(json!([1])).expect_err("no text").contains("strings"));
    }

    #[test]
    fn a_list_is_bounded_in_number_and_length() {
        let at = |path: usize| format!("https://claude.ai/{}", "x".repeat(path));
        let keep = |uris: Vec<String>| redirects().keep(Some(&json!(uris)));
        let numbered = |n: usize| (0..n).map(|i| format!("https://claude.ai/{i}")).collect();
        assert_eq!(keep(numbered(MAX_URIS)).expect("as many").0.len(), MAX_URIS);
        assert!(keep(numbered(MAX_URIS + 1)).expect_err("more").contains("20 entries"));
        // One by itself may have 2,000.
        let rest = MAX_ALL - at(1900).len() - at(1901).len() - at(0).len();
        let of = |rest| keep(vec![at(1900), at(1901), at(rest)]);
        assert_eq!(of(rest).expect("as long").0.len(), 3);
        assert!(of(rest + 1).expect_err("longer").contains("5000 characters"));
        for missing in [None, Some(json!([])), Some(json!("https://claude.ai/"))] {
            let why = redirects().keep(missing.as_ref()).expect_err("no list");
            assert!(why.contains("is missing"), "{why}");
        }
    }
}
