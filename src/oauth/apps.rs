//! The page on which a person sees what they granted, and takes it back.

use http::StatusCode;

use super::answer::{Answer, html, redirect};
use super::error::OAuthError;
use super::pages::{self, Purpose};
use super::server::{Authority, Request};

/// The query of `/apps` after one was taken back. It names none, because anybody can send somebody
/// a link.
const REVOKED: &str = "revoked";

impl Authority {
    pub(super) async fn apps(&self, r: &Request<'_>) -> Result<Answer, OAuthError> {
        let Some(login) = self.signed_in(r.headers).await? else {
            return Ok(self.login(r.headers, "/apps", "", Purpose::Apps));
        };
        let (user, revoked) = (login.user, r.query == REVOKED);
        let list = self.grants.of(&user).await?;
        let csrf = self.csrf(r.headers);
        let label = |g: &super::grants::Grant| self.label_of(&g.audience).to_owned();
        let page = pages::apps(&user, &list, label, revoked, &csrf.0);
        Ok(self.with_csrf(html(StatusCode::OK, page, None), r.headers, &csrf))
    }

    /// POST /apps: a form of that page, or the sign-in before it.
    pub(super) async fn apps_form(&self, r: &Request<'_>) -> Result<Answer, OAuthError> {
        let form = self.posted(r)?;
        let what = form.get("do").map(String::as_str).unwrap_or_default();
        if what == "login" {
            return self.sign_in(r, &form, "/apps", "/apps", Purpose::Apps).await;
        }
        let Some(login) = self.signed_in(r.headers).await? else {
            return Ok(redirect(StatusCode::SEE_OTHER, "/apps"));
        };
        // Only one's own.
        let all = self.grants.of(&login.user).await?;
        let named = form.get("grant").and_then(|id| all.iter().find(|(g, _)| g == id));
        Ok(match (what, named) {
            ("ask", Some((id, grant))) => {
                let csrf = self.csrf(r.headers);
                let page = pages::revoke(id, grant, self.label_of(&grant.audience), &csrf.0);
                self.with_csrf(html(StatusCode::OK, page, None), r.headers, &csrf)
            }
            ("revoke", Some((id, _))) => {
                let given = [("principal", login.user.as_str()), ("grant", id)];
                if let Err(e) = self.grants.revoke(id).await {
                    let why = [("why", "store")];
                    self.audit.event("revoke_failed", &[&given[..], &why].concat());
                    return Err(e.into());
                }
                self.audit.event("grant_revoked", &given);
                redirect(StatusCode::SEE_OTHER, &format!("/apps?{REVOKED}"))
            }
            ("logout", _) => {
                self.sign_out(r.headers).await?;
                redirect(StatusCode::SEE_OTHER, "/apps")
            }
            _ => redirect(StatusCode::SEE_OTHER, "/apps"),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::oauth::lab::{Lab, PASSWORD, is_unavailable};
    use crate::oauth::people::{User, hash};
    use crate::route::Endpoint;

    /// The id of a grant, as the page's form has it.
    fn grant_on(page: &str) -> String {
        let (_, rest) = page.split_once("name=\"grant\" value=\"").expect("a grant");
        rest.split('"').next().expect("an id").to_owned()
    }

    #[tokio::test]
    async fn a_person_sees_what_they_granted_and_takes_it_back() {
        let mut lab = Lab::new().await;
        assert!(lab.visit(Endpoint::Apps, "").await.page().contains("Sign in"));
        assert_eq!(lab.sign_in("ada", PASSWORD).await.location(), "/apps");
        assert!(lab.visit(Endpoint::Apps, "").await.page().contains("<p>None.</p>"));
        let client = lab.client().await;
        let tokens = lab.tokens(&client).await;
        let access = tokens["access_token"].as_str().expect("a token").to_owned();
        let page = lab.visit(Endpoint::Apps, "").await;
        assert!(page.page().contains("Claude") && !page.page().contains("Revoked."));
        let grant = grant_on(page.page());
        let ask = lab.submit(Endpoint::Apps, &[("do", "ask"), ("grant", &grant)]).await;
        assert!(ask.page().contains("Claude"), "{}", ask.text);
        assert!(lab.is_good(&access).await, "asking ends nothing");
        let done = lab.submit(Endpoint::Apps, &[("do", "revoke"), ("grant", &grant)]).await;
        assert_eq!((done.status, done.location()), (303, "/apps?revoked"));
        assert!(!lab.is_good(&access).await);
        let page = lab.visit(Endpoint::Apps, "revoked").await;
        assert!(page.page().contains("Revoked.") && page.page().contains("<p>None.</p>"));
    }

    #[tokio::test]
    async fn nobody_ends_what_another_granted() {
        let mut lab = Lab::new().await;
        lab.sign_in("ada", PASSWORD).await;
        let client = lab.client().await;
        let access = lab.tokens(&client).await["access_token"].as_str().expect("one").to_owned();
        let grant = grant_on(lab.visit(Endpoint::Apps, "").await.page());
        let bob = User::new(hash(PASSWORD).expect("hash"), vec!["mssql:read".into()]);
        lab.authority.people().put("bob", &bob).await.expect("a person");
        lab.cookies.remove("__Host-mcp_login");
        let stranger = lab.submit(Endpoint::Apps, &[("do", "revoke"), ("grant", &grant)]).await;
        assert_eq!((stranger.status, stranger.location()), (303, "/apps"));
        lab.sign_in("bob", PASSWORD).await;
        assert!(lab.visit(Endpoint::Apps, "").await.page().contains("<p>None.</p>"));
        for what in ["ask", "revoke"] {
            let reply = lab.submit(Endpoint::Apps, &[("do", what), ("grant", &grant)]).await;
            assert_eq!((reply.status, reply.location()), (303, "/apps"), "{what}");
        }
        assert!(lab.is_good(&access).await);
    }

    #[tokio::test]
    async fn after_the_log_out_the_page_asks_who_it_is() {
        let mut lab = Lab::new().await;
        lab.sign_in("ada", PASSWORD).await;
        let out = lab.submit(Endpoint::Apps, &[("do", "logout")]).await;
        assert_eq!((out.status, out.location()), (303, "/apps"));
        // The browser still shows its cookie; nobody is behind it.
        assert!(lab.visit(Endpoint::Apps, "").await.page().contains("Password"));
        lab.sign_in("ada", PASSWORD).await;
        let other = lab.submit(Endpoint::Apps, &[("do", "something else")]).await;
        assert_eq!((other.status, other.location()), (303, "/apps"));
        lab.lose_the_store();
        assert!(is_unavailable(&lab.visit(Endpoint::Apps, "").await));
    }
}
