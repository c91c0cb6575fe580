//! The authorization endpoint (RFC 6749 §4.1.1, RFC 9207): sign in, consent, and the way back to
//! the client.

use std::time::Duration;

use http::header::HeaderMap;
use http::{Method, StatusCode};

use super::answer::{Answer, html, redirect};
use super::authorization::{AGAIN, Asked, AuthorizationRequest};
use super::cimd::{self, NoClient};
use super::clients::Client;
use super::error::OAuthError;
use super::grants::{Grant, Login};
use super::pages::{self, Purpose};
use super::server::{Authority, Request};
use super::store::now;
use crate::redirect_uri;

/// When a person may come back who found no place for their program's document.
const BUSY: Duration = Duration::from_secs(4);

impl Authority {
    /// GET /authorize: sign in, then consent.
    pub(super) async fn authorize(&self, r: &Request<'_>) -> Result<Answer, OAuthError> {
        let query = self.with_resource(r);
        let wanted = self.authorization_request(&query, r).await?;
        let Some(Login { user, .. }) = self.signed_in(r.headers).await? else {
            return Ok(self.login(r.headers, "/authorize", &query, self.purpose(&wanted)));
        };
        let csrf = self.csrf(r.headers);
        let page = self.consent(&user, &wanted, r.headers, &query, &csrf.0).await?;
        Ok(self.with_csrf(page, r.headers, &csrf))
    }

    /// The old clients' `/demo/authorize` names the mount in the path; from here on it travels with
    /// the request.
    fn with_resource(&self, r: &Request<'_>) -> String {
        let named = form_urlencoded::parse(r.query.as_bytes())
            .any(|(name, value)| name == "resource" && !value.is_empty());
        if r.place.mount.is_none() || named {
            return r.query.to_owned();
        }
        let resource = format!("{}{}/mcp", self.origin(r.headers), self.path_of(r.place));
        let named = form_urlencoded::Serializer::new(String::new())
            .append_pair("resource", &resource)
            .finish();
        format!("{}&{named}", r.query)
    }

    /// A checked request; errors go to the client only once it is known where that is.
    async fn authorization_request(
        &self,
        query: &str,
        r: &Request<'_>,
    ) -> Result<AuthorizationRequest, OAuthError> {
        let asked = Asked::read(query)?;
        let client = self.client_of(&asked, r).await?;
        let redirects = self.clients.redirects();
        let checked = (!self.clients.is_configured(&asked.client_id)).then_some(redirects);
        let redirect_uri = asked.redirect_uri(&client, checked)?;
        let state = asked.get("state").map(str::to_owned);
        let told = |(error, description)| OAuthError::Redirect {
            redirect_uri: redirect_uri.clone(),
            state: state.clone(),
            error,
            description,
        };
        let challenge = asked.challenge().map_err(told)?;
        let mount = self.mount_of(&asked, r.headers).map_err(told)?;
        let scopes = asked.scopes(self.mounts[mount].scopes);
        let client_id = asked.client_id;
        Ok(AuthorizationRequest {
            client_id,
            client,
            redirect_uri,
            state,
            challenge,
            scopes,
            mount,
        })
    }

    async fn client_of(&self, asked: &Asked, r: &Request<'_>) -> Result<Client, OAuthError> {
        let id = &asked.client_id;
        if cimd::is_url(id) {
            let found = self.documents.client(id, self.clients.redirects(), r.peer).await;
            return found.map_err(|why| match why {
                NoClient::Wrong(why) => OAuthError::page(why, AGAIN),
                NoClient::Busy => OAuthError::Page {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    problem: "Too many programs are being looked up.".into(),
                    mend: "Try again in a few seconds.",
                    wait: Some(BUSY),
                },
            });
        }
        self.clients.find(id).await?.ok_or_else(|| {
            OAuthError::page(
                "This program is not registered here, or its registration has expired.",
                "Remove the connection in the program and connect again: it will register anew.",
            )
        })
    }

    fn mount_of(
        &self,
        asked: &Asked,
        headers: &HeaderMap,
    ) -> Result<usize, (&'static str, String)> {
        match self.resource_of(asked.get("resource"), headers) {
            Ok(Some(mount)) => Ok(mount),
            Ok(None) => {
                let origin = self.origin(headers);
                let all: Vec<String> =
                    self.mounts.iter().map(|m| format!("{origin}{}/mcp", m.path)).collect();
                Err(("invalid_target", format!("resource must be one of {}", all.join(", "))))
            }
            Err(()) => Err(("invalid_target", "resource is not one of this server".into())),
        }
    }

    /// To the client's redirect URI, with `iss` (RFC 9207). After a form a browser asks by GET
    /// (RFC 9110 §15.4.4).
    pub(super) fn send_back(&self, r: &Request<'_>, uri: &str, with: &[(&str, &str)]) -> Answer {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(with);
        query.append_pair("iss", &self.origin(r.headers));
        let join = if uri.contains('?') { '&' } else { '?' };
        let status =
            if *r.method == Method::POST { StatusCode::SEE_OTHER } else { StatusCode::FOUND };
        redirect(status, &format!("{uri}{join}{}", query.finish()))
    }

    fn purpose<'w>(&'w self, w: &'w AuthorizationRequest) -> Purpose<'w> {
        Purpose::Client { client: &w.client.name, label: &self.mounts[w.mount].label }
    }

    /// What of the asked scopes this person has.
    async fn grantable(
        &self,
        user: &str,
        w: &AuthorizationRequest,
    ) -> Result<Vec<String>, OAuthError> {
        let has = self.people.active(user).await?.map(|u| u.scopes).unwrap_or_default();
        Ok(w.scopes.iter().filter(|s| has.contains(s)).cloned().collect())
    }

    async fn consent(
        &self,
        user: &str,
        w: &AuthorizationRequest,
        headers: &HeaderMap,
        query: &str,
        csrf: &str,
    ) -> Result<Answer, OAuthError> {
        let scopes = self.grantable(user, w).await?;
        if scopes.is_empty() {
            let what = format!(
                "{user} has none of the rights that {} asks for ({}).",
                w.client.name,
                w.scopes.join(", ")
            );
            let mend = format!(
                "The operator can give them: mssql-mcp user scopes {user} {}",
                w.scopes.join(",")
            );
            let page = pages::not_yours(&what, &mend, query, csrf);
            return Ok(html(StatusCode::FORBIDDEN, page, None));
        }
        let (host, loopback) = redirect_uri::host_of(&w.redirect_uri).unwrap_or_default();
        let server = self.server(headers);
        let asked = pages::Asked {
            user,
            label: &self.mounts[w.mount].label,
            server: &server,
            client: &w.client.name,
            client_id: &w.client_id,
            host: &host,
            loopback,
            scopes: &scopes,
        };
        let also = redirect_uri::origin_of(&w.redirect_uri);
        Ok(html(StatusCode::OK, pages::consent(&asked, query, csrf), also.as_deref()))
    }

    /// POST /authorize: a form of ours. Which of them it is, it says itself: the address stays that
    /// of the request, so that a page which is loaded again begins where it was.
    pub(super) async fn authorize_form(&self, r: &Request<'_>) -> Result<Answer, OAuthError> {
        let form = self.posted(r)?;
        let query = form.get("request").cloned().unwrap_or_default();
        // Checked anew: what a form carries is the browser's word.
        let wanted = self.authorization_request(&query, r).await?;
        let again = format!("/authorize?{query}");
        match form.get("do").map(String::as_str) {
            Some("login") => {
                self.sign_in(r, &form, "/authorize", &again, self.purpose(&wanted)).await
            }
            Some("switch") => {
                self.sign_out(r.headers).await?;
                Ok(redirect(StatusCode::SEE_OTHER, &again))
            }
            decision => match self.signed_in(r.headers).await? {
                Some(login) => self.decide(r, &login, &wanted, decision == Some("approve")).await,
                None => Ok(redirect(StatusCode::SEE_OTHER, &again)),
            },
        }
    }

    /// What the person decided.
    async fn decide(
        &self,
        r: &Request<'_>,
        login: &Login,
        wanted: &AuthorizationRequest,
        approved: bool,
    ) -> Result<Answer, OAuthError> {
        let told = |error, description: String| OAuthError::Redirect {
            redirect_uri: wanted.redirect_uri.clone(),
            state: wanted.state.clone(),
            error,
            description,
        };
        let user = &login.user;
        if !approved {
            let denied = [("principal", user.as_str()), ("client_id", &*wanted.client_id)];
            self.audit.event("consent_denied", &denied);
            return Err(told("access_denied", "the person said no".into()));
        }
        if let Err(wait) = self.codes.check(user.clone(), 1) {
            let seconds = wait.as_secs() + 1;
            let text = format!("too many codes were asked for; try again in {seconds} s");
            return Err(told("temporarily_unavailable", text));
        }
        let code = self.grant(login, wanted).await?;
        let mut with = vec![("code", code.as_str())];
        with.extend(wanted.state.as_deref().map(|s| ("state", s)));
        Ok(self.send_back(r, &wanted.redirect_uri, &with))
    }

    async fn grant(&self, login: &Login, w: &AuthorizationRequest) -> Result<String, OAuthError> {
        let user = login.user.as_str();
        let scopes = self.grantable(user, w).await?;
        let (mount, said) = (self.mounts[w.mount].path.clone(), scopes.join(" "));
        self.clients.keep(&w.client_id).await?;
        let content = Grant {
            user: user.to_owned(),
            client: w.client_id.clone(),
            client_name: w.client.name.clone(),
            scopes,
            audience: mount.clone(),
            created: now(),
            used: 0,
            until: 0,
            host: redirect_uri::host_of(&w.redirect_uri).unwrap_or_default().0,
            // The session's, and not the person's of this moment: what ended it ends this, too.
            epoch: login.epoch.clone(),
        };
        let code = self.grants.code(content, &w.redirect_uri, &w.challenge).await?;
        let granted = [
            ("principal", user),
            ("client_id", w.client_id.as_str()),
            ("scopes", &*said),
            ("mount", &*mount),
        ];
        self.audit.event("consent", &granted);
        Ok(code)
    }
}
