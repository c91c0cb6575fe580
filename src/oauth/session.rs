//! A browser and its person: the sign-in form, the cookies, and the check that a form is ours.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};

use super::answer::{Answer, Form, form, html, later, media, peer, redirect};
use super::error::OAuthError;
use super::grants::Login;
use super::pages::{self, Purpose, SignIn, SignInProblem};
use super::people::{REMEMBERED, SignInError, check_name};
use super::server::{Authority, Request};
use super::store::{RecordKind, StoreError, now};
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
        let Some((login, _)) = self.records.get::<Login>(RecordKind::Login, &hashed(c)).await?
        else {
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
        (name, problem): (&str, Option<SignInProblem<'_>>),
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
            let problem = SignInProblem { text, name: check_name(name).is_err() };
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
        self.records.put(RecordKind::Login, &hashed(&value), &login, now() + SIGNED_IN).await?;
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
        self.records.remove(RecordKind::Login, &hashed(cookie)).await.map(drop)
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
        Ok(Ok(Principal { subject: user, scopes, ..Principal::default() }))
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use http::header;

    use super::*;
    use crate::oauth::lab::{Lab, PASSWORD, at, headers, is_unavailable};
    use crate::oauth::people::{User, hash};
    use crate::route::{Endpoint, Place};

    fn set(reply: &crate::oauth::lab::Reply, name: &str) -> Option<String> {
        let all = reply.headers.get_all(header::SET_COOKIE);
        let mut all = all.iter().filter_map(|v| v.to_str().ok());
        all.find(|c| c.starts_with(name)).map(str::to_owned)
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let of = |texts: &[&str], name| {
            let mut all = HeaderMap::new();
            for text in texts {
                all.append(header::COOKIE, text.parse().expect("a header"));
            }
            cookie(&all, name).map(str::to_owned)
        };
        assert_eq!(of(&["a=1; login=2;b=3"], "login").as_deref(), Some("2"));
        assert_eq!(of(&["a=1", "login=2"], "login").as_deref(), Some("2"));
        assert_eq!(of(&["xlogin=1; login2=3; login"], "login"), None);
        assert_eq!(of(&["login=a=b"], "login").as_deref(), Some("a=b"));
    }

    #[tokio::test]
    async fn cookies_are_bound_to_the_host_and_out_of_reach_for_scripts() {
        let mut lab = Lab::new().await;
        let page = lab.visit(Endpoint::Apps, "").await;
        let csrf = set(&page, "__Host-mcp_csrf=cf_").expect("a cookie");
        assert!(
            csrf.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=3600; Secure"),
            "{csrf}"
        );
        assert!(page.page().contains(&format!("value=\"{}\"", lab.cookies["__Host-mcp_csrf"])));
        assert_eq!(set(&lab.visit(Endpoint::Apps, "").await, "__Host-mcp_csrf"), None, "kept");
        let signed = lab.sign_in("ada", PASSWORD).await;
        let login = set(&signed, "__Host-mcp_login=ml_").expect("a cookie");
        assert!(login.contains("; HttpOnly; SameSite=Lax; Max-Age=3600; Secure"), "{login}");
        let until = lab.store().until.lock().expect("no panic")[&RecordKind::Login];
        assert!((now()..=now() + SIGNED_IN).contains(&until), "{until}");
        let browser = set(&signed, "__Host-mcp_browser=").expect("a cookie");
        assert!(browser.contains("SameSite=Strict; Max-Age=7776000"), "{browser}");
        let again = lab.sign_in("ada", PASSWORD).await;
        assert_eq!(set(&again, "__Host-mcp_browser"), None, "it is known");
    }

    #[tokio::test]
    async fn without_tls_cookies_have_no_prefix_that_needs_it() {
        let mut lab = Lab::with(&[("http.public_url", "http://127.0.0.1:8008")]).await;
        let page = lab.visit(Endpoint::Apps, "").await;
        let csrf = set(&page, "mcp_csrf=").expect("a cookie");
        assert!(!csrf.contains("Secure"), "{csrf}");
    }

    #[tokio::test]
    async fn a_form_must_repeat_the_cookie() {
        let mut lab = Lab::new().await;
        lab.visit(Endpoint::Apps, "").await;
        let mine = lab.cookies["__Host-mcp_csrf"].clone();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let send = async |cookie: &str, given: &str, media: &HeaderValue| {
            let mut all = headers(&[(header::COOKIE, &format!("__Host-mcp_csrf={cookie}"))]);
            all.insert(header::CONTENT_TYPE, media.clone());
            let body = format!("do=logout&csrf={given}");
            lab.send(Method::POST, at(Endpoint::Apps), "", &all, body.as_bytes()).await
        };
        assert_eq!(send(&mine, &mine, &form).await.status, 303);
        for (cookie, given) in [(&*mine, ""), ("", &*mine), (&*mine, "cf_other"), ("", "")] {
            let refused = send(cookie, given, &form).await;
            assert_eq!(refused.status, 403, "{cookie} {given}");
            assert!(refused.page().contains("This form has expired."));
        }
        let twice = send(&mine, &format!("{mine}&csrf={mine}"), &form).await;
        assert_eq!(twice.status, 400);
        let json = HeaderValue::from_static("application/json");
        let other = send(&mine, &mine, &json).await;
        assert!(other.status == 400 && other.page().contains("not the form"), "{other:?}");
    }

    #[tokio::test]
    async fn a_wrong_password_leaves_the_name_and_no_session() {
        let mut lab = Lab::new().await;
        for (name, password) in [("ada", "wrong, and long enough"), ("nobody", PASSWORD)] {
            let reply = lab.sign_in(name, password).await;
            assert_eq!(reply.status, 401);
            let page = reply.page();
            assert!(page.contains("User name or password is wrong."), "{page}");
            assert!(page.contains(&format!("value=\"{name}\"")), "{page}");
            assert!(!lab.cookies.contains_key("__Host-mcp_login"));
        }
    }

    #[tokio::test]
    async fn guesses_have_to_wait() {
        let mut lab = Lab::new().await;
        let mut last = 401;
        for _ in 0..30 {
            let reply = lab.sign_in("ada", "wrong, and long enough").await;
            last = reply.status;
            if last != 401 {
                assert!(reply.page().contains("Too many attempts."), "{}", reply.text);
                assert!(reply.headers.contains_key(header::RETRY_AFTER));
                break;
            }
        }
        assert_eq!(last, 429);
    }

    #[tokio::test]
    async fn a_session_ends_with_what_it_stood_on() {
        let mut lab = Lab::new().await;
        lab.sign_in("ada", PASSWORD).await;
        let in_session = async |lab: &mut Lab| {
            lab.visit(Endpoint::Apps, "").await.page().contains("value=\"logout\"")
        };
        assert!(in_session(&mut lab).await);
        let other = User::new(hash("another long password").expect("hash"), vec![]);
        lab.authority.people().put("ada", &other).await.expect("a person");
        assert!(!in_session(&mut lab).await, "the password was changed");
        lab.sign_in("ada", "another long password").await;
        assert!(in_session(&mut lab).await);
        lab.cookies.insert("__Host-mcp_login".into(), "ml_made_up".into());
        assert!(!in_session(&mut lab).await);
    }

    #[tokio::test]
    async fn a_visitor_signs_in_and_comes_back_to_the_page() {
        let mut lab = Lab::new().await;
        lab.visit(Endpoint::Apps, "").await;
        let place = Place { mount: Some(0), endpoint: Endpoint::Object };
        let csrf = lab.cookies["__Host-mcp_csrf"].clone();
        let ask = async |lab: &Lab, method: &Method, body: &str| {
            let login = lab.cookies.get("__Host-mcp_login").cloned().unwrap_or_default();
            let cookies = format!("__Host-mcp_csrf={csrf}; __Host-mcp_login={login}");
            let all = headers(&[
                (header::COOKIE, &cookies),
                (header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
            ]);
            let (query, body) = ("id=table%3Aa", body.as_bytes());
            let r = Request { method, place, query, headers: &all, body, peer: None };
            lab.authority.visitor(&r, "/object").await
        };
        let form = ask(&lab, &Method::GET, "").await.expect_err("nobody is signed in");
        assert_eq!(form.status(), StatusCode::OK);
        let form = format!(
            "username=ada&password={}&request=id%3Dtable%253Aa&csrf={csrf}",
            PASSWORD.replace(' ', "+")
        );
        let next = ask(&lab, &Method::POST, &form).await.expect_err("and on");
        assert_eq!(next.status(), StatusCode::SEE_OTHER);
        assert_eq!(next.headers()[header::LOCATION], "/object?id=table%3Aa");
        lab.sign_in("ada", PASSWORD).await;
        let ada = ask(&lab, &Method::GET, "").await.ok().expect("a person");
        assert_eq!((ada.subject.as_str(), ada.client), ("ada", None));
        assert_eq!(ada.scopes, ["mssql:read", "mssql:write"]);
        lab.lose_the_store();
        let lost = ask(&lab, &Method::GET, "").await.expect_err("no store");
        assert_eq!(lost.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(is_unavailable(&lab.visit(Endpoint::Apps, "").await));
    }
}
