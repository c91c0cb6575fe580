//! The page on which a person sees what they granted, and takes it back.

use http::StatusCode;

use super::answer::{Answer, html, redirect, unavailable};
use super::pages::{self, Purpose};
use super::server::{Authority, Request};
use super::store::StoreError;

/// The query of `/apps` after one was taken back. It names none, because anybody can
/// send somebody a link.
const REVOKED: &str = "revoked";

impl Authority {
    pub(super) async fn apps(&self, r: &Request<'_>) -> Answer {
        let user = match self.signed_in(r.headers).await {
            Ok(Some(l)) => l.user,
            Ok(None) => return self.login(r.headers, "/apps", "", Purpose::Apps),
            Err(e) => return unavailable(&e),
        };
        let (csrf, revoked) = (self.csrf(r.headers), r.query == REVOKED);
        let page = match self.grants.of(&user).await {
            Ok(list) => pages::apps(
                &user,
                &list,
                |g| self.label_of(&g.audience).to_owned(),
                revoked,
                &csrf.0,
            ),
            Err(e) => return unavailable(&e),
        };
        self.with_csrf(html(StatusCode::OK, page, None), r.headers, &csrf)
    }

    pub(super) async fn change_apps(&self, r: &Request<'_>) -> Answer {
        let f = match self.posted(r) {
            Ok(f) => f,
            Err(a) => return *a,
        };
        let what = f.get("do").map(String::as_str).unwrap_or_default();
        if what == "login" {
            return self.sign_in(r, &f, "/apps", "/apps", Purpose::Apps).await;
        }
        let user = match self.signed_in(r.headers).await {
            Ok(Some(l)) => l.user,
            Ok(None) => return redirect(StatusCode::SEE_OTHER, "/apps"),
            Err(e) => return unavailable(&e),
        };
        let done = async {
            // Only one's own.
            let all = self.grants.of(&user).await?;
            let named = f.get("grant").and_then(|id| all.iter().find(|(g, _)| g == id));
            Ok::<_, StoreError>(match (what, named) {
                ("ask", Some((id, grant))) => {
                    let csrf = self.csrf(r.headers);
                    let page = pages::revoke(id, grant, self.label_of(&grant.audience), &csrf.0);
                    self.with_csrf(html(StatusCode::OK, page, None), r.headers, &csrf)
                }
                ("revoke", Some((id, _))) => {
                    let given = [("principal", user.as_str()), ("grant", id)];
                    match self.grants.revoke(id).await {
                        Ok(_) => self.audit.event("grant_revoked", &given),
                        Err(e) => {
                            self.audit.event(
                                "revoke_failed",
                                &[&given[..], &[("why", "store")]].concat(),
                            );
                            return Err(e);
                        }
                    }
                    redirect(StatusCode::SEE_OTHER, &format!("/apps?{REVOKED}"))
                }
                ("logout", _) => {
                    self.sign_out(r.headers).await?;
                    redirect(StatusCode::SEE_OTHER, "/apps")
                }
                _ => redirect(StatusCode::SEE_OTHER, "/apps"),
            })
        };
        done.await.unwrap_or_else(|e| unavailable(&e))
    }
}
