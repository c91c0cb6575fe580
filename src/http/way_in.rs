//! For people who came with a browser to what is for programs.

use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use mssql_mcp_transports::body::Body;
use serde_json::Value;

use super::Mount;
use super::open::OpenLayer;
use crate::answer::Answer;
use crate::oauth::answer::html;
use crate::oauth::pages;
use crate::oauth::server::Authority;

impl OpenLayer {
    /// The page for a person who came with a browser to what is none: all databases, or those of
    /// one mount, with their addresses.
    pub(super) fn way_in(
        &self,
        status: StatusCode,
        problem: Option<&str>,
        of: Option<usize>,
        host: &str,
    ) -> Answer {
        let title = match (status, problem) {
            (StatusCode::NOT_FOUND, None) => "There is nothing here",
            (_, None) => "Microsoft SQL Server over MCP",
            _ => "This did not work",
        };
        let origin = match &*self.public_url {
            "" => format!("http://{host}"),
            url => url.to_owned(),
        };
        let mounts = self.mounts_at(of);
        let address = |m: &Mount| (m.label(), format!("{origin}{}", self.routes.main(&m.path)));
        let addresses: Vec<_> = mounts.iter().map(address).collect();
        html(status, pages::way_in(title, problem, &addresses, self.signs_in()), None)
    }

    /// Whether there are pages to sign in on.
    fn signs_in(&self) -> bool {
        self.served.authority.as_ref().is_some_and(Authority::has_pages)
    }

    /// An answer for a person: what is said to programs as JSON, as a page.
    pub(super) fn for_people(&self, answer: Answer, host: &str) -> Answer {
        let json =
            answer.headers().get(header::CONTENT_TYPE).is_some_and(|t| t == "application/json");
        let (status, Body::Full(body)) = (answer.status(), answer.body()) else { return answer };
        if !json || !(status.is_client_error() || status.is_server_error()) {
            return answer;
        }
        let v: Value = serde_json::from_slice(body).unwrap_or_default();
        let said = v["error_description"].as_str().or(v["error"].as_str());
        let mut page =
            self.way_in(status, said.filter(|_| status != StatusCode::NOT_FOUND), None, host);
        if let Some(wait) = answer.headers().get(header::RETRY_AFTER) {
            page.headers_mut().insert(header::RETRY_AFTER, wait.clone());
        }
        page
    }
}

/// Whether a page is wanted. An event stream is what programs ask for.
pub(super) fn browses<B>(request: &Request<B>) -> bool {
    let accept = request.headers().get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok());
    let accept: Vec<&str> = accept
        .flat_map(|v| v.split(','))
        .filter_map(|v| v.split(';').next())
        .map(str::trim)
        .collect();
    accept.contains(&"text/html") && !accept.contains(&"text/event-stream")
}

/// What a browser calls us, as the guard let it through.
pub(super) fn host<B>(request: &Request<B>) -> String {
    request
        .headers()
        .get(header::HOST)
        .and_then(|h| h.to_str().ok())
        .unwrap_or("localhost")
        .to_owned()
}

/// For browsers that ask whether or not a page has one.
pub(super) fn icon() -> Answer {
    let mut r = Response::new(Body::Full(pages::ICON.into()));
    let h = r.headers_mut();
    h.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    h.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    r
}
