//! Grants of the login host (Entra's v2.0 token endpoint, RFC 6749): an application by its secret,
//! its certificate or a federated token; a person who signed in before; and on behalf of a caller.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};

use crate::assertion;
use crate::cloud::Cloud;
use crate::failure::Failure;
use crate::files;
use crate::retry::{self, Deadline, Exchange, ask};
use crate::store::Kept;
use crate::token::AccessToken;

/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How an application shows that it is the one.
#[derive(Clone)]
pub(crate) enum Proof {
    Secret(Arc<str>),
    /// PEM file with certificate and private key.
    Certificate(PathBuf),
    /// File with a token of another issuer.
    Federated(PathBuf),
    /// A public client shows nothing.
    None,
}

/// An application of a tenant.
#[derive(Clone)]
pub(crate) struct Application {
    cloud: Cloud,
    tenant: String,
    client: String,
    proof: Proof,
}

// === impl Application ===

impl Application {
    pub(crate) fn new(cloud: Cloud, tenant: &str, client: &str, proof: Proof) -> Self {
        Self { cloud, tenant: tenant.to_owned(), client: client.to_owned(), proof }
    }

    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.proof {
            Proof::Secret(_) => "the service principal (secret)",
            Proof::Certificate(_) => "the service principal (certificate)",
            Proof::Federated(_) => "the workload identity",
            Proof::None => "the sign-in by device code",
        }
    }

    /// An endpoint of the tenant, such as `token`.
    fn endpoint(&self, name: &str) -> String {
        format!("{}/{}/oauth2/v2.0/{name}", self.cloud.authority, self.tenant)
    }

    fn host(&self) -> &str {
        self.cloud.authority.trim_start_matches("https://")
    }

    /// A token of its own (RFC 6749 §4.4).
    pub(crate) async fn fetch(
        &self,
        exchange: &dyn Exchange,
        deadline: Deadline,
    ) -> Result<AccessToken, Failure> {
        let scope = self.cloud.scope();
        let grant = [("grant_type", "client_credentials"), ("scope", &scope)];
        let answer = self.granted(exchange, &grant, deadline).await?;
        self.token(answer.body())
    }

    /// A token of the person whose own token this is
    /// (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>).
    pub(crate) async fn on_behalf_of(
        &self,
        exchange: &dyn Exchange,
        person: &str,
        deadline: Deadline,
    ) -> Result<AccessToken, Failure> {
        let scope = self.cloud.scope();
        let grant = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", person),
            ("requested_token_use", "on_behalf_of"),
            ("scope", &scope),
        ];
        let answer = self.granted(exchange, &grant, deadline).await?;
        self.token(answer.body())
    }

    /// A token of a person who signed in before (RFC 6749 §6). The refresh token may be another one
    /// afterwards, which is kept.
    pub(crate) async fn refreshed(
        &self,
        exchange: &dyn Exchange,
        kept: &Kept,
        deadline: Deadline,
    ) -> Result<AccessToken, Failure> {
        let old = kept.read().await?;
        let scope = format!("{} offline_access", self.cloud.scope());
        let grant = [("grant_type", "refresh_token"), ("refresh_token", &old), ("scope", &scope)];
        let answer = self.granted(exchange, &grant, deadline).await?;
        let said: serde_json::Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if let Some(new) = said["refresh_token"].as_str().filter(|new| *new != old) {
            // The old one is good for a while: without the new one nothing is lost yet.
            let _ = kept.write(new).await;
        }
        self.token(answer.body())
    }

    /// Asks for a code that a person types in (RFC 8628 §3.1).
    pub(crate) async fn device_code(
        &self,
        exchange: &dyn Exchange,
        deadline: Deadline,
    ) -> Result<Response<Bytes>, Failure> {
        let scope = format!("{} offline_access", self.cloud.scope());
        let form = [("client_id", self.client.as_str()), ("scope", &scope)];
        let request = self.post("devicecode", &form)?;
        let answer = ask(exchange, self.name(), &request, retry::LOGIN, deadline).await?;
        self.good(answer, &[])
    }

    /// Asks whether that person has (RFC 8628 §3.4); the answer may be an error that says to wait.
    pub(crate) async fn device_token(
        &self,
        exchange: &dyn Exchange,
        device_code: &str,
        deadline: Deadline,
    ) -> Result<Response<Bytes>, Failure> {
        let form = [
            ("client_id", self.client.as_str()),
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", device_code),
        ];
        let request = self.post("token", &form)?;
        // Once: whoever polls knows when to do it again.
        ask(exchange, self.name(), &request, retry::ONCE, deadline).await
    }

    /// A refusal in words.
    pub(crate) fn refused(&self, answer: &Response<Bytes>, secrets: &[&str]) -> Failure {
        let status = answer.status().as_u16();
        Failure::answered(self.name(), self.host(), status, answer.body(), secrets)
    }

    /// The answer to a grant, with whatever proves the application.
    async fn granted(
        &self,
        exchange: &dyn Exchange,
        grant: &[(&str, &str)],
        deadline: Deadline,
    ) -> Result<Response<Bytes>, Failure> {
        let url = self.endpoint("token");
        let shown = match &self.proof {
            Proof::None => String::new(),
            Proof::Secret(secret) => secret.to_string(),
            Proof::Certificate(file) => {
                assertion::signed(file, &self.client, &url, self.name()).await?
            }
            Proof::Federated(file) => {
                let mend = "check AZURE_FEDERATED_TOKEN_FILE, which the platform sets";
                files::small(file, self.name(), mend).await?.trim().to_owned()
            }
        };
        let mut form = vec![("client_id", self.client.as_str())];
        match &self.proof {
            Proof::None => {}
            Proof::Secret(_) => form.push(("client_secret", &shown)),
            Proof::Certificate(_) | Proof::Federated(_) => {
                form.push(("client_assertion_type", JWT_BEARER));
                form.push(("client_assertion", &shown));
            }
        }
        form.extend_from_slice(grant);
        let request = self.post("token", &form)?;
        let answer = ask(exchange, self.name(), &request, retry::LOGIN, deadline).await?;
        // Neither what proves the application nor a person's own token.
        let own = grant.iter().filter(|(k, _)| ["assertion", "refresh_token"].contains(k));
        let secrets: Vec<&str> = own.map(|(_, v)| *v).chain([shown.as_str()]).collect();
        self.good(answer, &secrets)
    }

    fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> Result<Request<Bytes>, Failure> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        Request::post(self.endpoint(endpoint))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from(body.finish()))
            .map_err(|_| {
                let what = "authority and tenant make no URL";
                Failure::new(self.name(), what, "check entra.authority and entra.tenant")
            })
    }

    fn good(&self, answer: Response<Bytes>, secrets: &[&str]) -> Result<Response<Bytes>, Failure> {
        match answer.status() {
            StatusCode::OK => Ok(answer),
            _ => Err(self.refused(&answer, secrets)),
        }
    }

    pub(crate) fn token(&self, body: &[u8]) -> Result<AccessToken, Failure> {
        AccessToken::read(body).map_err(|why| {
            let what = format!("{}'s answer cannot be used: {why}", self.host());
            Failure::new(self.name(), what, "check entra.authority")
        })
    }
}
