//! Managed identities: the instance metadata service of virtual machines, App Service (and
//! Functions, and Container Apps), Azure Arc, and Cloud Shell. All are asked over HTTP, on this
//! machine or on a link-local address.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};

use crate::cloud::Cloud;
use crate::failure::Failure;
use crate::files;
use crate::options::{EntraOptions, Surroundings};
use crate::retry::{self, Deadline, Exchange, ask};
use crate::token::AccessToken;

pub(crate) const IMDS_NAME: &str = "the managed identity (instance metadata)";
pub(crate) const APP_SERVICE: &str = "the managed identity (App Service)";
pub(crate) const ARC: &str = "the managed identity (Azure Arc)";
const CLOUD_SHELL: &str = "the managed identity (Cloud Shell)";

/// Where the instance metadata service is.
const IMDS_HOST: &str = "http://169.254.169.254";
/// Off Azure nobody answers there, and nobody says so.
const PROBE: Duration = Duration::from_secs(1);
/// Where Azure Arc's agent listens.
const ARC_ENDPOINT: &str = "http://127.0.0.1:40342/metadata/identity/oauth2/token";
/// A key of Azure Arc's agent has at most so many bytes.
const ARC_KEY: u64 = 4096;

/// Which identity of a machine that has several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Selector {
    /// The one that the machine itself has, or the only one.
    System,
    Client(String),
    Object(String),
    Resource(String),
}

impl Selector {
    pub(crate) fn of(o: &EntraOptions) -> Result<Self, String> {
        let said = [&o.client_id, &o.object_id, &o.resource_id];
        match said.map(|t| Some(t.trim().to_owned()).filter(|t| !t.is_empty())) {
            [None, None, None] => Ok(Self::System),
            [Some(id), None, None] => Ok(Self::Client(id)),
            [None, Some(id), None] => Ok(Self::Object(id)),
            [None, None, Some(id)] => Ok(Self::Resource(id)),
            _ => Err("entra.client_id, entra.object_id and entra.resource_id each name a managed \
                      identity: keep one"
                .into()),
        }
    }

    /// As a parameter, whose name for an Azure resource differs.
    fn parameter<'a>(&'a self, resource: &'a str) -> Option<(&'a str, &'a str)> {
        match self {
            Selector::System => None,
            Selector::Client(id) => Some(("client_id", id)),
            Selector::Object(id) => Some(("object_id", id)),
            Selector::Resource(id) => Some((resource, id)),
        }
    }
}

/// A managed identity, and where it is asked for.
#[derive(Clone)]
pub(crate) struct Managed {
    at: Endpoint,
    selector: Selector,
    resource: String,
}

#[derive(Clone)]
enum Endpoint {
    Imds(String),
    AppService { url: String, header: String },
    Arc { url: String, keys: PathBuf },
    CloudShell(String),
}

// === impl Managed ===

impl Managed {
    /// Which kind this is, by what the platform puts into the environment.
    pub(crate) fn found(
        around: &Surroundings,
        selector: Selector,
        cloud: &Cloud,
    ) -> Result<Self, String> {
        let at = match (around.get("IDENTITY_ENDPOINT"), around.get("MSI_ENDPOINT")) {
            (Some(url), _) if around.get("IDENTITY_HEADER").is_some() => {
                if around.get("IDENTITY_SERVER_THUMBPRINT").is_some() {
                    return Err(
                        "IDENTITY_SERVER_THUMBPRINT is set: managed identities of Service \
                                Fabric are not supported; use entra.source = client-certificate"
                            .into(),
                    );
                }
                let header = around.get("IDENTITY_HEADER").unwrap_or_default().to_owned();
                Endpoint::AppService { url: checked(url, "IDENTITY_ENDPOINT")?, header }
            }
            (None, Some(_)) if around.get("MSI_SECRET").is_some() => {
                return Err("MSI_SECRET is set: managed identities of Azure Machine Learning are \
                            not supported; use entra.source = client-secret"
                    .into());
            }
            (None, Some(_)) if selector != Selector::System => {
                return Err(
                    "Cloud Shell has the identity of whoever is signed in there alone: remove \
                            entra.client_id, entra.object_id and entra.resource_id"
                        .into(),
                );
            }
            (None, Some(url)) => Endpoint::CloudShell(checked(url, "MSI_ENDPOINT")?),
            (endpoint, _) if endpoint.is_some() && around.get("IMDS_ENDPOINT").is_some() => {
                let url = checked(endpoint.unwrap_or(ARC_ENDPOINT), "IDENTITY_ENDPOINT")?;
                Endpoint::Arc { url, keys: around.arc_keys.clone() }
            }
            _ if has_arc(&around.arc_keys) => {
                Endpoint::Arc { url: ARC_ENDPOINT.to_owned(), keys: around.arc_keys.clone() }
            }
            // What AKS and its kin put in front of it.
            _ => {
                let host = around.get("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or(IMDS_HOST);
                let host = checked(host, "AZURE_POD_IDENTITY_AUTHORITY_HOST")?;
                let url = format!("{}/metadata/identity/oauth2/token", host.trim_end_matches('/'));
                Endpoint::Imds(url)
            }
        };
        Ok(Self { at, selector, resource: cloud.resource.clone() })
    }

    pub(crate) fn is_imds(&self) -> bool {
        matches!(self.at, Endpoint::Imds(_))
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.at {
            Endpoint::Imds(_) => IMDS_NAME,
            Endpoint::AppService { .. } => APP_SERVICE,
            Endpoint::Arc { .. } => ARC,
            Endpoint::CloudShell(_) => CLOUD_SHELL,
        }
    }

    /// Whether there is an instance metadata service at all.
    pub(crate) async fn probe(
        &self,
        exchange: &dyn Exchange,
        deadline: Deadline,
    ) -> Result<(), String> {
        let Endpoint::Imds(url) = &self.at else { return Ok(()) };
        let request = Request::get(url).body(Bytes::new()).map_err(|e| e.to_string())?;
        let host = request.uri().authority().map_or("", |a| a.as_str()).to_owned();
        let sent = exchange.send(request, PROBE.min(deadline.left())).await;
        let answer = sent.map_err(|why| format!("no instance metadata ({host}: {why})"))?;
        // It refuses what lacks its header, or says something in JSON; a page of somebody else's that
        // answers for every address does neither.
        let json = serde_json::from_slice::<serde_json::Value>(answer.body()).is_ok();
        match answer.status().is_client_error() || json {
            true => Ok(()),
            false => Err(format!("no instance metadata ({host} answers as something else)")),
        }
    }

    pub(crate) async fn fetch(
        &self,
        exchange: &dyn Exchange,
        deadline: Deadline,
    ) -> Result<AccessToken, Failure> {
        let policy = if self.is_imds() { retry::IMDS } else { retry::MANAGED };
        let request = self.request(None)?;
        let host = request.uri().authority().map_or("", |a| a.as_str()).to_owned();
        let mut answer = ask(exchange, self.name(), &request, policy, deadline).await?;
        if let Endpoint::Arc { keys, .. } = &self.at
            && answer.status() == StatusCode::UNAUTHORIZED
        {
            let key = self.arc_key(&answer, keys).await?;
            let again = self.request(Some(key.trim()))?;
            answer = ask(exchange, self.name(), &again, policy, deadline).await?;
        }
        if answer.status() != StatusCode::OK {
            let status = answer.status().as_u16();
            let own = match &self.at {
                Endpoint::AppService { header, .. } => header.as_str(),
                _ => "",
            };
            return Err(Failure::answered(self.name(), &host, status, answer.body(), &[own]));
        }
        self.is_whose(answer.body())?;
        AccessToken::read(answer.body()).map_err(|why| {
            let what = format!("{host}'s answer cannot be used: {why}");
            Failure::new(
                self.name(),
                what,
                "something else answers there: check the endpoint's URL",
            )
        })
    }

    /// The request, with the key that Azure Arc asked for.
    fn request(&self, key: Option<&str>) -> Result<Request<Bytes>, Failure> {
        let query = |version: &str, resource_parameter: &str| {
            let mut q = form_urlencoded::Serializer::new(String::new());
            q.append_pair("api-version", version).append_pair("resource", &self.resource);
            if let Some((name, id)) = self.selector.parameter(resource_parameter) {
                q.append_pair(name, id);
            }
            q.finish()
        };
        let request = match &self.at {
            Endpoint::Imds(url) => {
                let url = format!("{url}?{}", query("2018-02-01", "msi_res_id"));
                Request::get(url).header("Metadata", "true").body(Bytes::new())
            }
            Endpoint::AppService { url, header } => {
                let url = format!("{url}?{}", query("2019-08-01", "mi_res_id"));
                Request::get(url).header("X-IDENTITY-HEADER", header).body(Bytes::new())
            }
            Endpoint::Arc { url, .. } => {
                let url = format!("{url}?{}", query("2020-06-01", "msi_res_id"));
                let mut r = Request::get(url).header("Metadata", "true");
                if let Some(key) = key {
                    r = r.header(header::AUTHORIZATION, format!("Basic {key}"));
                }
                r.body(Bytes::new())
            }
            Endpoint::CloudShell(url) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.append_pair("resource", &self.resource);
                Request::post(url)
                    .header("Metadata", "true")
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(Bytes::from(form.finish()))
            }
        };
        request.map_err(|_| {
            let what = "what the platform says of its endpoint is no URL and header";
            Failure::new(self.name(), what, "check IDENTITY_ENDPOINT and IDENTITY_HEADER")
        })
    }

    /// The key that the agent names in its refusal. Only a file of its own folder is read: whatever
    /// else could answer on that port would have any file of this process's sent to it.
    async fn arc_key(&self, refusal: &Response<Bytes>, keys: &Path) -> Result<String, Failure> {
        let group = "the process must be in the group himds";
        let wrong = |what: &str| Failure::new(ARC, what.to_owned(), group);
        let challenge = refusal.headers().get(header::WWW_AUTHENTICATE);
        let challenge = challenge.and_then(|v| v.to_str().ok()).unwrap_or_default();
        let path = challenge
            .strip_prefix("Basic realm=")
            .map(|p| Path::new(p.trim().trim_matches('"')))
            .ok_or_else(|| wrong("the agent's refusal names no key"))?;
        let is_key = path.extension().is_some_and(|e| e == "key") && path.parent() == Some(keys);
        if !is_key {
            return Err(wrong("the agent names a key outside of its own folder"));
        }
        // No link leads out of it, and nothing large is sent anywhere.
        let about = tokio::fs::symlink_metadata(path)
            .await
            .map_err(|e| wrong(&format!("the agent's key cannot be read: {e}")))?;
        if !about.is_file() || about.len() > ARC_KEY {
            return Err(wrong("the agent's key is no small file"));
        }
        files::small(path, ARC, group).await
    }

    /// An agent that knows one identity alone may give that, whichever was asked for.
    fn is_whose(&self, body: &[u8]) -> Result<(), Failure> {
        let Endpoint::Arc { .. } = &self.at else { return Ok(()) };
        let Some((name, id)) = self.selector.parameter("msi_res_id") else { return Ok(()) };
        let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        if said[name].as_str().is_some_and(|said| said.eq_ignore_ascii_case(id)) {
            return Ok(());
        }
        let what = "the agent gave another identity than the one that was asked for";
        Err(Failure::new(
            ARC,
            what,
            "Azure Arc has the machine's own identity alone: remove \
                                     entra.client_id, entra.object_id and entra.resource_id",
        ))
    }
}

/// Whether Azure Arc's agent is installed.
fn has_arc(keys: &Path) -> bool {
    keys.is_dir()
}

/// A URL that the platform set.
fn checked(url: &str, variable: &str) -> Result<String, String> {
    let good = url.parse::<http::Uri>().is_ok_and(|u| {
        matches!(u.scheme_str(), Some("http" | "https"))
            && u.authority().is_some_and(|a| !a.as_str().contains('@'))
            && u.query().is_none()
    });
    if good {
        Ok(url.to_owned())
    } else {
        Err(format!("{variable}: this is no URL of an endpoint"))
    }
}
