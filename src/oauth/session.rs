//! A browser and its person: the sign-in form, the cookies, and the check that a form is ours.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};

use super::answer::{Answer, Form, form, html, later, media, peer, redirect};
use super::error::OAuthError;
use super::grants::Login;
use super::pages::{self, Problem, Purpose, SignIn};
use super::people::{REMEMBERED, SignInError, check_name};
use super::server::{Authority, Request};
use super::store::{Kind, StoreError, now};
use crate::plural::plural;
use crate::principal::Principal;
use crate::secret::{hashed, secret};
use crate::telemetry::metrics::{instruments, label};

/// A person stays signed in, on the pages, for so many seconds.
const SIGNED_IN: u64 = 3600;

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|c| c.trim().split_once('='))
        .find(|(k, _)| *k == name)
        .map(|(_, v)| v)
}

impl Authority {
    pub(super) async fn signed_in(&self, headers: &HeaderMap) -> Result<Option<Login>, StoreError> {
        let Some(c) = cookie(headers, self.cookie_name(headers, "login").as_str()) else {
            return Ok(None);
        };
        let Some((login, _)) = self.records.get::<Login>(Kind::Login, &hashed(c)).await? else {
            return Ok(None);
        };
        Ok(self.people.still(&login.user, &login.epoch).await?.map(|_| login))
    }

    fn cookie_name(&self, headers: &HeaderMap, what: &str) -> String {
        // A browser takes the prefix only over HTTPS, and then nobody else on the
        // domain can set it.
        if self.origin(headers).starts_with("https://") {
            format!("__Host-mcp_{what}")
        } else {
            format!("mcp_{what}")
        }
    }

    fn set_cookie(
        &self,
        r: &mut Answer,
        headers: &HeaderMap,
        what: &str,
        value: &str,
        same_site: &str,
        age: u64,
    ) {
        let secure = if self.origin(headers).starts_with("https://") { "; Secure" } else { "" };
        let name = self.cookie_name(headers, what);
        let text = format!(
            "{name}={value}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={age}{secure}"
        );
        if let Ok(v) = HeaderValue::from_str(&text) {
            r.headers_mut().append(header::SET_COOKIE, v);
        }
    }

    /// The value that a form carries and a cookie repeats; a page of another site can read neither.
    pub(super) fn csrf(&self, headers: &HeaderMap) -> (String, bool) {
        match cookie(headers, &self.cookie_name(headers, "csrf")).filter(|c| c.len() == 43 + 3) {
            Some(c) => (c.to_owned(), false),
            None => (secret("cf_"), true),
        }
    }

    fn csrf_holds(&self, form: &Form, headers: &HeaderMap) -> bool {
        let cookie = cookie(headers, &self.cookie_name(headers, "csrf")).unwrap_or_default();
        let given = form.get("csrf").map(String::as_str).unwrap_or_default();
        // Their hashes are compared, so that the time tells nothing.
        !cookie.is_empty() && hashed(cookie) == hashed(given)
    }

    pub(super) fn with_csrf(
        &self,
        mut r: Answer,
        headers: &HeaderMap,
        csrf: &(String, bool),
    ) -> Answer {
        if csrf.1 {
            self.set_cookie(&mut r, headers, "csrf", &csrf.0, "Strict", SIGNED_IN);
        }
        r
    }

    pub(super) fn login(
        &self,
        headers: &HeaderMap,
        action: &str,
        request: &str,
        purpose: Purpose<'_>,
    ) -> Answer {
        self.login_again(headers, StatusCode::OK, action, request, purpose, ("", None))
    }

    /// [`Self::login`], with the name of the last try and what was wrong with it.
    fn login_again(
        &self,
        headers: &HeaderMap,
        status: StatusCode,
        action: &str,
        request: &str,
        purpose: Purpose<'_>,
        (name, problem): (&str, Option<Problem<'_>>),
    ) -> Answer {
        let (csrf, server) = (self.csrf(headers), self.server(headers));
        let form =
            SignIn { action, request, csrf: &csrf.0, server: &server, purpose, name, problem };
        self.with_csrf(html(status, pages::login(&form), None), headers, &csrf)
    }

    /// Signs a person in; the answer is where they go next, or the form again.
    pub(super) async fn sign_in(
        &self,
        r: &Request<'_>,
        f: &Form,
        action: &str,
        then: &str,
        purpose: Purpose<'_>,
    ) -> Result<Answer, OAuthError> {
        let text = |k: &str| f.get(k).map(String::as_str).unwrap_or_default();
        let (name, request) = (text("username"), text("request"));
        // It is not said which of the two was wrong; the name stays, so that the
        // password is typed again.
        let again = |status, text: &str| {
            let problem = Problem { text, name: check_name(name).is_err() };
            self.login_again(r.headers, status, action, request, purpose, (name, Some(problem)))
        };
        let browser = cookie(r.headers, &self.cookie_name(r.headers, "browser")).map(str::to_owned);
        let signed = self.people.sign_in(name, text("password"), r.peer, browser.as_deref()).await;
        let result = match &signed {
            Ok(_) => "ok",
            Err(SignInError::Wrong) => "wrong",
            Err(SignInError::Wait(_)) => "throttled",
            Err(SignInError::Busy) => "busy",
            Err(SignInError::Store(_)) => "store",
        };
        instruments().sign_ins.add(1, &[label("mssql_mcp.result", result)]);
        Ok(match signed {
            Ok(user) => self.opened(r, name, user.epoch, browser.as_deref(), then).await?,
            Err(SignInError::Wrong) => {
                self.record_failure(r, name).await;
                again(StatusCode::UNAUTHORIZED, "User name or password is wrong.")
            }
            Err(SignInError::Wait(d)) => {
                let wait = d.as_secs().max(1);
                let what = format!("Too many attempts. Try again in {}.", plural(wait, "second"));
                later(again(StatusCode::TOO_MANY_REQUESTS, &what), wait)
            }
            Err(SignInError::Busy) => {
                let what = "Too many people sign in at this moment. Try again in a few seconds.";
                later(again(StatusCode::SERVICE_UNAVAILABLE, what), 5)
            }
            Err(SignInError::Store(e)) => return Err(e.into()),
        })
    }

    /// A session for this browser, and the way on.
    async fn opened(
        &self,
        r: &Request<'_>,
        name: &str,
        epoch: String,
        browser: Option<&str>,
        then: &str,
    ) -> Result<Answer, OAuthError> {
        let value = secret("ml_");
        let login = Login { user: name.to_owned(), epoch };
        self.records.put(Kind::Login, &hashed(&value), &login, now() + SIGNED_IN).await?;
        self.audit.event("sign_in", &[("principal", name), ("peer", &peer(r))]);
        let mut next = redirect(StatusCode::SEE_OTHER, then);
        self.set_cookie(&mut next, r.headers, "login", &value, "Lax", SIGNED_IN);
        match self.people.remember_browser(name, browser).await {
            Ok(Some(new)) => {
                self.set_cookie(&mut next, r.headers, "browser", &new, "Strict", REMEMBERED)
            }
            Ok(None) => {}
            Err(e) => tracing::warn!(error = %e, "a browser is not remembered"),
        }
        Ok(next)
    }

    /// Who is nobody may have typed a password there.
    async fn record_failure(&self, r: &Request<'_>, name: &str) {
        let peer = peer(r);
        match self.people.is_known(name).await {
            // Of one name there are few: the throttle sees to that.
            true => self.audit.event("sign_in_failed", &[("principal", name), ("peer", &peer)]),
            false => {
                let unknown = crate::secret::unknown_name(name);
                self.audit.strange("sign_in_failed", &[("principal", &unknown), ("peer", &peer)]);
            }
        }
    }

    /// A form of ours, from a page of ours.
    pub(super) fn posted(&self, r: &Request<'_>) -> Result<Form, OAuthError> {
        const AGAIN: &str = "Go back, reload the page and try again; cookies must be allowed.";
        if media(r.headers) != "application/x-www-form-urlencoded" {
            return Err(OAuthError::page("This is not the form of this page.", AGAIN));
        }
        let f = form(r.body).map_err(|e| OAuthError::page(e, AGAIN))?;
        if !self.csrf_holds(&f, r.headers) {
            return Err(OAuthError::Page {
                status: StatusCode::FORBIDDEN,
                problem: "This form has expired.".into(),
                mend: AGAIN,
                wait: None,
            });
        }
        Ok(f)
    }

    /// Ends the browser's session here.
    pub(super) async fn sign_out(&self, headers: &HeaderMap) -> Result<(), StoreError> {
        let cookie = cookie(headers, &self.cookie_name(headers, "login")).unwrap_or_default();
        self.records.remove(Kind::Login, &hashed(cookie)).await.map(drop)
    }

    /// The person whose browser asks for a page of ours, or what the browser is answered instead:
    /// the sign-in form, or where it goes after that.
    pub(crate) async fn visitor(&self, r: &Request<'_>, path: &str) -> Result<Principal, Answer> {
        match self.principal_or_page(r, path).await {
            Ok(found) => found,
            Err(e) => Err(self.respond(r, e)),
        }
    }

    async fn principal_or_page(
        &self,
        r: &Request<'_>,
        path: &str,
    ) -> Result<Result<Principal, Answer>, OAuthError> {
        if self.external.is_some() {
            return Err(OAuthError::elsewhere("pages need the built-in sign-in"));
        }
        let purpose = Purpose::Object { label: self.label_of(self.path_of(r.place)) };
        if *r.method == Method::POST {
            let f = self.posted(r)?;
            let query = f.get("request").map(String::as_str).unwrap_or_default();
            let then = format!("{path}?{query}");
            return Ok(Err(self.sign_in(r, &f, path, &then, purpose).await?));
        }
        let Some(Login { user, .. }) = self.signed_in(r.headers).await? else {
            return Ok(Err(self.login(r.headers, path, r.query, purpose)));
        };
        let scopes = self.people.active(&user).await?.map(|u| u.scopes).unwrap_or_default();
        Ok(Ok(Principal { subject: user, scopes, client: None }))
    }
}
