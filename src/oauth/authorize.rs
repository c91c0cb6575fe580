//! The authorization endpoint (RFC 6749 §4.1.1, RFC 7636, RFC 8707, RFC 9207): a checked request,
//! consent, and the way back to the client.

use http::StatusCode;
use http::header::HeaderMap;

use super::answer::{Answer, form, html, later, redirect, unavailable};
use super::cimd::{self, NoClient};
use super::clients::Client;
use super::grants::{Grant, Login};
use super::pages::{self, Purpose};
use super::server::{Authority, Request};
use super::store::{StoreError, now};
use crate::redirect_uri;

/// A checked authorization request.
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) client: Client,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) challenge: String,
    pub(super) scopes: Vec<String>,
    pub(super) mount: usize,
}

/// Why an authorization request goes no further.
pub(super) enum AuthorizationError {
    /// The person is told; nothing is sent anywhere, because it is not known to be right
    /// where it would go.
    Page(String, &'static str),
    /// The person is told to come back.
    Busy,
    /// The client is told, at its own redirect URI.
    Client {
        redirect_uri: String,
        state: Option<String>,
        error: &'static str,
        description: String,
    },
    Store(StoreError),
}

impl From<StoreError> for AuthorizationError {
    fn from(e: StoreError) -> Self {
        AuthorizationError::Store(e)
    }
}

impl Authority {
    /// GET /authorize: sign in, then consent.
    pub(super) async fn authorize(&self, r: &Request<'_>) -> Answer {
        let mut query = r.query.to_owned();
        // The old clients' /demo/authorize names the mount in the path; from here on it
        // travels with the request.
        if r.place.mount.is_some()
            && form(query.as_bytes()).is_ok_and(|f| !f.contains_key("resource"))
        {
            let resource = format!("{}{}/mcp", self.origin(r.headers), self.path_of(r.place));
            let named = form_urlencoded::Serializer::new(String::new())
                .append_pair("resource", &resource)
                .finish();
            query = format!("{query}&{named}");
        }
        let wanted = match self.authorization_request(&query, r).await {
            Ok(w) => w,
            Err(s) => return self.stopped(s, r.headers),
        };
        match self.signed_in(r.headers).await {
            Err(e) => unavailable(&e),
            Ok(None) => self.login(r.headers, "/authorize", &query, self.purpose(&wanted)),
            Ok(Some(Login { user, .. })) => {
                let csrf = self.csrf(r.headers);
                let page = self.consent(&user, &wanted, r.headers, &query, &csrf.0).await;
                self.with_csrf(page, r.headers, &csrf)
            }
        }
    }

    /// Checks an authorization request, in the order that RFC 6749 §4.1.2.1 asks for:
    /// client and redirect first.
    async fn authorization_request(
        &self,
        query: &str,
        r: &Request<'_>,
    ) -> Result<AuthorizationRequest, AuthorizationError> {
        let headers = r.headers;
        let page = |what: &str, mend| AuthorizationError::Page(what.to_owned(), mend);
        const AGAIN: &str = "Begin again in the program that sent you here.";
        let q = form(query.as_bytes()).map_err(|e| page(&e, AGAIN))?;
        let get = |k: &str| q.get(k).cloned();
        let client_id = get("client_id").ok_or_else(|| page("client_id is missing.", AGAIN))?;
        let client = if cimd::is_url(&client_id) {
            let client = self.documents.client(&client_id, self.clients.redirects(), r.peer).await;
            client.map_err(|why| match why {
                NoClient::Wrong(why) => AuthorizationError::Page(why, AGAIN),
                NoClient::Busy => AuthorizationError::Busy,
            })?
        } else {
            self.clients.find(&client_id).await?.ok_or_else(|| {
                page(
                    "This program is not registered here, or its registration has expired.",
                    "Remove the connection in the program and connect again: it will register \
                     anew.",
                )
            })?
        };
        let redirect_uri = match (get("redirect_uri"), client.redirect_uris.as_slice()) {
            (Some(u), _) => u,
            (None, [only]) => only.clone(),
            (None, _) => return Err(page("redirect_uri is missing.", AGAIN)),
        };
        // Asked again, because the operator may have taken back since what was registered; and what
        // was left out then is told with its reason, which only they can mend.
        if !self.clients.is_configured(&client_id)
            && let Err(why) = self.clients.redirects().check(&redirect_uri)
        {
            return Err(page(
                &format!("The answer to this program may not be sent to {why}."),
                AGAIN,
            ));
        }
        if !client.redirect_uris.iter().any(|known| redirect_uri::matches(known, &redirect_uri)) {
            return Err(page("redirect_uri is not one that this program registered.", AGAIN));
        }
        let state = get("state");
        let stop = |error, description: String| AuthorizationError::Client {
            redirect_uri: redirect_uri.clone(),
            state: state.clone(),
            error,
            description,
        };
        let missing: Vec<&str> = ["response_type", "code_challenge"]
            .into_iter()
            .filter(|k| !q.contains_key(*k))
            .collect();
        if !missing.is_empty() {
            let description = format!("missing: {}", missing.join(" and "));
            return Err(stop("invalid_request", description));
        }
        if get("response_type").as_deref() != Some("code") {
            return Err(stop("unsupported_response_type", "response_type must be code".into()));
        }
        if get("code_challenge_method").as_deref() != Some("S256") {
            return Err(stop("invalid_request", "code_challenge_method must be S256".into()));
        }
        let challenge = get("code_challenge").unwrap_or_default();
        if challenge.len() != 43
            || !challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        {
            return Err(stop(
                "invalid_request",
                "code_challenge is no S256 challenge (43 characters)".into(),
            ));
        }
        let mount = match self.resource_of(q.get("resource").map(String::as_str), headers) {
            Ok(Some(m)) => m,
            Ok(None) => {
                let all: Vec<String> = self
                    .mounts
                    .iter()
                    .map(|m| format!("{}{}/mcp", self.origin(headers), m.path))
                    .collect();
                return Err(stop(
                    "invalid_target",
                    format!("resource must be one of {}", all.join(", ")),
                ));
            }
            Err(()) => {
                return Err(stop("invalid_target", "resource is not one of this server".into()));
            }
        };
        // Unknown scopes (offline_access, openid …) are left out, not refused:
        // hosts append their own.
        let asked: Vec<String> =
            get("scope").unwrap_or_default().split(' ').map(str::to_owned).collect();
        let mut scopes: Vec<String> =
            asked.into_iter().filter(|s| self.mounts[mount].scopes.contains(&s.as_str())).collect();
        if scopes.is_empty() {
            scopes.push("mssql:read".into());
        }
        scopes.sort();
        scopes.dedup();
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

    fn stopped(&self, s: AuthorizationError, headers: &HeaderMap) -> Answer {
        match s {
            AuthorizationError::Page(what, mend) => {
                html(StatusCode::BAD_REQUEST, pages::error(&what, mend), None)
            }
            AuthorizationError::Busy => {
                let text = pages::error(
                    "Too many programs are being looked up.",
                    "Try again in a few seconds.",
                );
                later(html(StatusCode::SERVICE_UNAVAILABLE, text, None), 5)
            }
            AuthorizationError::Store(e) => unavailable(&e),
            AuthorizationError::Client { redirect_uri, state, error, description } => self
                .send_back(
                    StatusCode::FOUND,
                    &redirect_uri,
                    &[
                        ("error", Some(error)),
                        ("error_description", Some(&description)),
                        ("state", state.as_deref()),
                    ],
                    headers,
                ),
        }
    }

    /// To the client's redirect URI, with `iss` (RFC 9207).
    fn send_back(
        &self,
        status: StatusCode,
        uri: &str,
        with: &[(&str, Option<&str>)],
        headers: &HeaderMap,
    ) -> Answer {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (k, v) in with {
            if let Some(v) = v {
                query.append_pair(k, v);
            }
        }
        query.append_pair("iss", &self.origin(headers));
        let join = if uri.contains('?') { '&' } else { '?' };
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
    ) -> Result<Vec<String>, StoreError> {
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
    ) -> Answer {
        let scopes = match self.grantable(user, w).await {
            Ok(s) => s,
            Err(e) => return unavailable(&e),
        };
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
            return html(StatusCode::FORBIDDEN, pages::not_yours(&what, &mend, query, csrf), None);
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
        html(StatusCode::OK, pages::consent(&asked, query, csrf), also.as_deref())
    }

    /// POST /authorize: the sign-in form, or the decision.
    pub(super) async fn decide(&self, r: &Request<'_>) -> Answer {
        let f = match self.posted(r) {
            Ok(f) => f,
            Err(a) => return *a,
        };
        let query = f.get("request").cloned().unwrap_or_default();
        // Checked anew: what a form carries is the browser's word.
        let wanted = match self.authorization_request(&query, r).await {
            Ok(w) => w,
            Err(s) => return self.stopped(s, r.headers),
        };
        let what = f.get("do").map(String::as_str).unwrap_or_default();
        if what == "login" {
            return self
                .sign_in(r, &f, "/authorize", &format!("/authorize?{query}"), self.purpose(&wanted))
                .await;
        }
        if what == "switch" {
            return match self.sign_out(r.headers).await {
                Ok(()) => redirect(StatusCode::SEE_OTHER, &format!("/authorize?{query}")),
                Err(e) => unavailable(&e),
            };
        }
        let login = match self.signed_in(r.headers).await {
            Ok(Some(l)) => l,
            Ok(None) => return redirect(StatusCode::SEE_OTHER, &format!("/authorize?{query}")),
            Err(e) => return unavailable(&e),
        };
        let user = &login.user;
        let state = wanted.state.as_deref();
        if what != "approve" {
            self.audit
                .event("consent_denied", &[("principal", user), ("client_id", &wanted.client_id)]);
            let with = [
                ("error", Some("access_denied")),
                ("error_description", Some("the person said no")),
                ("state", state),
            ];
            return self.send_back(StatusCode::SEE_OTHER, &wanted.redirect_uri, &with, r.headers);
        }
        if let Err(wait) = self.codes.check(user.clone(), 1) {
            let text =
                format!("too many codes were asked for; try again in {} s", wait.as_secs() + 1);
            let with = [
                ("error", Some("temporarily_unavailable")),
                ("error_description", Some(text.as_str())),
                ("state", state),
            ];
            return self.send_back(StatusCode::SEE_OTHER, &wanted.redirect_uri, &with, r.headers);
        }
        match self.grant(&login, &wanted).await {
            Ok(code) => {
                let with = [("code", Some(code.as_str())), ("state", state)];
                self.send_back(StatusCode::SEE_OTHER, &wanted.redirect_uri, &with, r.headers)
            }
            Err(e) => unavailable(&e),
        }
    }

    async fn grant(&self, login: &Login, w: &AuthorizationRequest) -> Result<String, StoreError> {
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
