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
        let asked = pages::ConsentPage {
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

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::oauth::lab::{
        CALLBACK, Lab, ORIGIN, PASSWORD, authorization, encoded, headers, is_unavailable,
    };
    use crate::oauth::people::{User, hash};
    use crate::route::{Endpoint, Place};

    #[tokio::test]
    async fn a_person_signs_in_allows_and_goes_back_with_a_code() {
        let mut lab = Lab::new().await;
        let client = lab.client().await;
        let query = authorization(&client, &[]);
        let form = lab.visit(Endpoint::Authorize, &query).await;
        assert!(form.page().contains("Claude") && form.page().contains("Password"));
        let login =
            [("do", "login"), ("request", &*query), ("username", "ada"), ("password", PASSWORD)];
        let signed = lab.submit(Endpoint::Authorize, &login).await;
        assert_eq!((signed.status, signed.location()), (303, &*format!("/authorize?{query}")));
        let consent = lab.visit(Endpoint::Authorize, &query).await;
        assert!(consent.page().contains("mssql:write") && consent.page().contains("claude.ai"));
        let policy = consent.headers["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("form-action 'self' https://claude.ai"), "{policy}");
        let back = lab.submit(Endpoint::Authorize, &[("do", "approve"), ("request", &query)]).await;
        assert_eq!(back.status, 303);
        assert!(back.location().starts_with(&format!("{CALLBACK}?code=mac_")), "{back:?}");
        assert_eq!(back.parameter("state").as_deref(), Some("s t"));
        assert_eq!(back.parameter("iss").as_deref(), Some(ORIGIN));
    }

    #[tokio::test]
    async fn who_says_no_sends_no_code() {
        let mut lab = Lab::new().await;
        let client = lab.client().await;
        lab.sign_in("ada", PASSWORD).await;
        let query = authorization(&client, &[("state", "")]);
        for said in ["deny", "", "anything"] {
            let back = lab.submit(Endpoint::Authorize, &[("do", said), ("request", &query)]).await;
            assert_eq!(back.parameter("error").as_deref(), Some("access_denied"), "{said}");
            assert_eq!((back.parameter("code"), back.parameter("state")), (None, None));
        }
        let form = [("do", "switch"), ("request", query.as_str())];
        let again = lab.submit(Endpoint::Authorize, &form).await;
        assert_eq!((again.status, again.location()), (303, &*format!("/authorize?{query}")));
        // Now nobody is signed in, and a decision is nobody's.
        let form = [("do", "approve"), ("request", query.as_str())];
        let nobody = lab.submit(Endpoint::Authorize, &form).await;
        assert_eq!((nobody.status, nobody.location()), (303, &*format!("/authorize?{query}")));
    }

    #[tokio::test]
    async fn errors_go_to_the_person_until_it_is_known_where_the_client_is() {
        let mut lab = Lab::new().await;
        let client = lab.client().await;
        for (other, said) in [
            (("client_id", ""), "client_id is missing."),
            (("client_id", "dcr_unknown"), "not registered here"),
            (("redirect_uri", "https://claude.ai/elsewhere"), "not one that this program"),
            (("redirect_uri", "https://evil.example/"), "may not be sent to"),
        ] {
            let reply = lab.visit(Endpoint::Authorize, &authorization(&client, &[other])).await;
            assert_eq!((reply.status, reply.location()), (400, ""), "{other:?}");
            assert!(reply.page().contains(said), "{other:?}: {}", reply.text);
        }
        for (other, error) in [
            (("response_type", "token"), "unsupported_response_type"),
            (("code_challenge", ""), "invalid_request"),
            (("code_challenge_method", "plain"), "invalid_request"),
            (("resource", "https://other.example/mcp"), "invalid_target"),
            (("resource", "https://mcp.example.com/nowhere"), "invalid_target"),
        ] {
            let reply = lab.visit(Endpoint::Authorize, &authorization(&client, &[other])).await;
            assert_eq!(reply.status, 302, "{other:?}");
            assert!(reply.location().starts_with(CALLBACK), "{reply:?}");
            assert_eq!(reply.parameter("error").as_deref(), Some(error), "{other:?}");
            assert_eq!(reply.parameter("state").as_deref(), Some("s t"));
            assert_eq!(reply.parameter("iss").as_deref(), Some(ORIGIN));
        }
    }

    #[tokio::test]
    async fn the_path_names_the_mount_unless_the_request_does() {
        let mut lab = Lab::new().await;
        let client = lab.client().await;
        lab.sign_in("ada", PASSWORD).await;
        let demo = Place { mount: Some(1), endpoint: Endpoint::Authorize };
        for (resource, carried) in [
            // Left out, in both ways (RFC 6749 §3.1).
            (vec![], "https://mcp.example.com/demo/mcp"),
            (vec![("resource", "")], "https://mcp.example.com/demo/mcp"),
            (vec![("resource", "https://mcp.example.com/mcp")], "https://mcp.example.com/mcp"),
        ] {
            let rest = authorization(&client, &[("resource", "")]);
            let query = format!("{rest}&{}", encoded(&resource));
            let page = lab.visit_at(demo, query.trim_end_matches('&')).await;
            assert_eq!(page.status, 200, "{resource:?}: {}", page.text);
            let (_, request) = page.page().split_once("name=\"request\" value=\"").expect("form");
            let request = request.split('"').next().expect("a value").replace("&amp;", "&");
            let form = [("do", "approve"), ("request", request.as_str())];
            let code = lab.submit(Endpoint::Authorize, &form).await.parameter("code");
            let code = code.expect("a code");
            let mut fields = crate::oauth::lab::exchange(&client, &code).to_vec();
            fields.push(("resource", carried));
            let tokens = lab.post(Endpoint::Token, &fields).await;
            assert_eq!(tokens.status, 200, "{resource:?}: {}", tokens.text);
        }
    }

    #[tokio::test]
    async fn only_what_the_person_has_is_granted() {
        let mut lab = Lab::new().await;
        let client = lab.client().await;
        let reader = User::new(hash(PASSWORD).expect("hash"), vec!["mssql:read".into()]);
        lab.authority.people().put("bob", &reader).await.expect("a person");
        lab.sign_in("bob", PASSWORD).await;
        let tokens = lab.tokens(&client).await;
        assert_eq!(tokens["scope"], "mssql:read");
        let query = authorization(&client, &[("scope", "mssql:write")]);
        let none = lab.visit(Endpoint::Authorize, &query).await;
        assert_eq!(none.status, 403);
        assert!(none.page().contains("mssql-mcp user scopes bob mssql:write"), "{}", none.text);
    }

    #[tokio::test(start_paused = true)]
    async fn codes_of_one_person_are_bounded() {
        let mut lab = Lab::new().await;
        let client = lab.client().await;
        lab.sign_in("ada", PASSWORD).await;
        for _ in 0..20 {
            lab.code(&client).await;
        }
        let query = authorization(&client, &[]);
        let form = [("do", "approve"), ("request", query.as_str())];
        let full = lab.submit(Endpoint::Authorize, &form).await;
        assert_eq!(full.parameter("error").as_deref(), Some("temporarily_unavailable"));
        let text = full.parameter("error_description").expect("why");
        assert!(text.ends_with("try again in 7 s"), "{text}");
        tokio::time::advance(Duration::from_secs(7)).await;
        lab.code(&client).await;
    }

    #[tokio::test]
    async fn a_store_that_is_lost_is_said_at_every_step() {
        let mut lab = Lab::new().await;
        let client = lab.client().await;
        lab.sign_in("ada", PASSWORD).await;
        let query = authorization(&client, &[]);
        lab.visit(Endpoint::Authorize, &query).await;
        lab.lose_the_store();
        assert!(is_unavailable(&lab.visit(Endpoint::Authorize, &query).await));
        let form = [("do", "approve"), ("request", query.as_str())];
        assert!(is_unavailable(&lab.submit(Endpoint::Authorize, &form).await));
    }

    #[tokio::test]
    async fn a_redirect_uri_with_a_query_keeps_it() {
        let lab = Lab::new().await;
        let all = headers(&[]);
        let of = |method: &Method, uri: &str| {
            let place = crate::oauth::lab::at(Endpoint::Authorize);
            let r = Request { method, place, query: "", headers: &all, body: b"", peer: None };
            let answer = lab.authority.send_back(&r, uri, &[("code", "c")]);
            let to = answer.headers()["location"].to_str().expect("text").to_owned();
            (answer.status().as_u16(), to)
        };
        let iss = "iss=https%3A%2F%2Fmcp.example.com";
        assert_eq!(of(&Method::GET, "https://a/cb"), (302, format!("https://a/cb?code=c&{iss}")));
        assert_eq!(
            of(&Method::POST, "https://a/cb?x=1"),
            (303, format!("https://a/cb?x=1&code=c&{iss}"))
        );
    }
}
