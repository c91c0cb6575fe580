//! What a client sees from outside: the certificate of the public URL, the discovery documents of
//! every endpoint (RFC 9728, RFC 8414), and the challenge that leads to them (RFC 6750). They are
//! asked for over the network, through whatever proxy is in front.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde_json::Value;

use super::certificate::{Wrapped, days_left};
use super::{Finding, Level};
use crate::config::Config;
use crate::config::settings::{self, auth::AuthMode};
use crate::fetch::Getter;

const MAX: usize = 1 << 20;
const RENEW: &str = "renew it (certbot renew), and reload the proxy";

/// All that there is to say; nothing where there is no public URL.
pub(crate) async fn examine(config: &Config) -> Vec<Finding> {
    let mode = config.get(settings::auth::MODE);
    let Some(origin) = config.public_url().filter(|_| mode != AuthMode::Off) else {
        return Vec::new();
    };
    let origin = origin.to_owned();
    let getter = Getter::from_operator();
    let mut all = Vec::new();
    if let Ok(uri) = origin.parse::<http::Uri>()
        && uri.scheme_str() == Some("https")
        && let Some(host) = uri.host()
    {
        let host = host.trim_matches(['[', ']']);
        match days_left(host, uri.port_u16().unwrap_or(443), Wrapped::Plain, Duration::MAX).await {
            Ok(days) => all.push(super::days_left("public certificate", days, RENEW)),
            Err(e) => all.push(
                Finding::fail("public certificate", format!("{origin} does not show one: {e}"))
                    .mend("check DNS, the firewall (443) and that the proxy runs"),
            ),
        }
    }
    let health = Request::get(format!("{origin}/health")).body(Bytes::new());
    let reached = match health {
        Ok(r) => getter.send(r, MAX).await.map(drop),
        Err(e) => Err(e.to_string()),
    };
    if let Err(e) = reached {
        all.push(Finding::fail("public URL", format!("{origin} cannot be used: {e}")).mend(
            "start the server and its proxy; where TLS failed, the certificate's name, chain or \
             authority is wrong",
        ));
        return all;
    }
    let issuer = if mode == AuthMode::External {
        config.get(settings::auth::ISSUER).trim_end_matches('/').to_owned()
    } else {
        origin.clone()
    };
    let before = all.len();
    for (path, _) in config.served() {
        let endpoints = [(settings::http::MCP, "/mcp"), (settings::http::SSE, "/sse")];
        for (_, endpoint) in endpoints.into_iter().filter(|(served, _)| config.get(*served)) {
            let url = format!("{origin}{path}{endpoint}");
            if let Err(f) = resource(&getter, &origin, &url, &issuer).await {
                all.push(f.of(&path));
            }
        }
    }
    all.extend(issued(&getter, &issuer, mode == AuthMode::External).await.err());
    if all.len() == before {
        all.push(Finding::ok("discovery", format!("the documents of {origin} lead to {issuer}")));
    }
    all
}

/// The challenge of an endpoint and the document that it names.
async fn resource(getter: &Getter, origin: &str, url: &str, issuer: &str) -> Result<(), Finding> {
    let wrong = |what: String| {
        Finding::fail("discovery", what).mend(
            "the proxy must hand on the path as it is, and http.public_url must be what \
                   clients type",
        )
    };
    let document = format!("{origin}/.well-known/oauth-protected-resource{}", &url[origin.len()..]);
    let ask = Request::post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from_static(b"{}"));
    let answer = getter
        .send(ask.map_err(|e| wrong(e.to_string()))?, MAX)
        .await
        .map_err(|e| wrong(format!("{url}: {e}")))?;
    let challenge = answer
        .headers()
        .get(header::WWW_AUTHENTICATE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    if answer.status() != StatusCode::UNAUTHORIZED {
        return Err(wrong(format!(
            "{url} answers {} without a token, instead of 401",
            answer.status().as_u16()
        )));
    }
    if !challenge.contains(&format!("resource_metadata=\"{document}\"")) {
        return Err(wrong(format!("the challenge of {url} does not name {document}: {challenge}")));
    }
    let got = getter.get(&document, MAX).await.map_err(|e| wrong(format!("{document}: {e}")))?;
    let v: Value =
        serde_json::from_slice(&got.body).map_err(|_| wrong(format!("{document} is no JSON")))?;
    if v["resource"] != url {
        return Err(wrong(format!(
            "{document} is about {}, and clients compare that with {url}",
            v["resource"]
        )));
    }
    let servers = v["authorization_servers"].as_array().cloned().unwrap_or_default();
    if !servers.iter().any(|s| s.as_str().is_some_and(|s| s.trim_end_matches('/') == issuer)) {
        return Err(wrong(format!("{document} does not lead to {issuer}")));
    }
    Ok(())
}

/// The authorization server's own document; of an external one its clock too, because
/// its tokens carry times.
async fn issued(getter: &Getter, issuer: &str, external: bool) -> Result<(), Finding> {
    let mut last = String::new();
    for name in ["oauth-authorization-server", "openid-configuration"] {
        let url = format!("{issuer}/.well-known/{name}");
        match getter.get(&url, MAX).await {
            Ok(got) => {
                let v: Value = serde_json::from_slice(&got.body).unwrap_or_default();
                if v["issuer"].as_str().map(|i| i.trim_end_matches('/')) != Some(issuer) {
                    return Err(Finding::fail(
                        "discovery",
                        format!("{url} names another issuer: {}", v["issuer"]),
                    )
                    .mend(
                        "clients refuse it (RFC 8414 §3.3): make http.public_url or \
                            auth.issuer the same",
                    ));
                }
                let apart =
                    got.headers.get(header::DATE).and_then(|d| d.to_str().ok()).and_then(apart);
                return match apart.filter(|s| external && *s >= 5) {
                    None => Ok(()),
                    Some(s) => {
                        let level = if s >= 60 { Level::Fail } else { Level::Warn };
                        Err(Finding::new(
                            level,
                            "clock",
                            format!("the issuer's clock and this machine's are {s} s apart"),
                        )
                        .mend(
                            "let this machine follow NTP: tokens are refused that are not valid \
                            yet, or no longer",
                        ))
                    }
                };
            }
            Err(e) => last = format!("{url}: {e}"),
        }
    }
    Err(Finding::fail("discovery", last)
        .mend("check that the issuer is right and can be reached from here"))
}

/// Seconds between an HTTP date and now.
fn apart(date: &str) -> Option<u64> {
    let theirs = chrono::DateTime::parse_from_rfc2822(date).ok()?.timestamp();
    Some(chrono::Utc::now().timestamp().abs_diff(theirs))
}
