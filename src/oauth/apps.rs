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
