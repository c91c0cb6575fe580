//! What a path means: which mount, and which endpoint of it. It is decided once, before anything
//! looks at the path, so that no layer reads it differently from another.
//!
//! Doubled slashes count as one and one at the end as none (clients and proxies make them).
//! A path with `%`, `\`, `;` or dot segments is nobody's: ours have none, and two readers
//! could disagree about them.

use std::borrow::Cow;

use http::{Method, StatusCode};

use crate::config::Config;
use crate::config::settings;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Mcp,
    /// HTTP+SSE by GET, streamable HTTP by POST.
    Sse,
    /// Where HTTP+SSE posts to.
    Messages,
    Health,
    /// What may be known of an endpoint before one connects.
    Card,
    /// The page of a table, column, procedure or row.
    Object,
    /// The page of a kept result, whose handle comes behind.
    View,
    /// The file of a kept result, whose handle comes behind.
    Results,
    Authorize,
    Token,
    Register,
    Revoke,
    Apps,
    /// RFC 9728, about this endpoint of the mount: none for the mount itself.
    Resource(&'static str),
    Server,
    /// The domain proof that OpenAI asks for.
    OpenAi,
}

/// A mount, by its place in the configuration, and an endpoint. At the origin there may be
/// endpoints of sign-in without a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) mount: Option<usize>,
    pub(crate) endpoint: Endpoint,
}

/// A request whose path was read.
#[derive(Debug)]
pub(crate) struct Routed<B> {
    /// What the path means.
    pub(crate) place: Place,
    pub(crate) request: http::Request<B>,
}

/// The paths that there are.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    mounts: Vec<String>,
    mcp: bool,
    sse: bool,
}

impl Place {
    /// The path of the endpoint that a client typed, below its mount.
    pub(crate) fn typed(self) -> &'static str {
        match self.endpoint {
            Endpoint::Mcp => "/mcp",
            Endpoint::Sse | Endpoint::Messages => "/sse",
            Endpoint::Resource(about) => about,
            _ => "",
        }
    }

    /// Whether it is about MCP, for those who are known.
    pub(crate) fn is_mcp(self) -> bool {
        matches!(self.endpoint, Endpoint::Mcp | Endpoint::Sse | Endpoint::Messages)
    }

    /// Whether a capability check without a token is meant: `HEAD /sse`.
    pub(crate) fn is_probe(self, method: &Method) -> bool {
        self.endpoint == Endpoint::Sse && *method == Method::HEAD
    }
}

impl Routes {
    /// Of these mounts, with the transports that are configured.
    pub(crate) fn of(mounts: impl Iterator<Item = String>, config: &Config) -> Self {
        Self::new(
            mounts.collect(),
            config.get(settings::http::MCP),
            config.get(settings::http::SSE),
        )
    }

    /// Of these mounts; each transport can be switched off.
    pub(crate) fn new(mounts: Vec<String>, mcp: bool, sse: bool) -> Self {
        Self { mounts, mcp, sse }
    }

    /// What there is, for a person who got lost.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        let of = |m: &String| {
            let (mcp, sse) = (format!("{m}/mcp"), format!("{m}/sse"));
            [self.mcp.then_some(mcp), self.sse.then_some(sse)]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
        };
        self.mounts.iter().flat_map(of).collect()
    }

    /// The endpoint that clients of a mount are given.
    pub(crate) fn main(&self, mount: &str) -> String {
        format!("{mount}{}", if self.mcp { "/mcp" } else { "/sse" })
    }

    /// Whether a path is that of the server itself, or of a mount, where there is nothing but
    /// a page for people.
    pub(crate) fn home(&self, path: &str) -> Option<Option<usize>> {
        let path = path.trim_matches('/');
        if path.is_empty() {
            return Some(None);
        }
        self.mounts.iter().position(|m| m.trim_start_matches('/') == path).map(Some)
    }

    /// What a path means; 404 where there is nothing, 400 where it cannot be read in one way.
    pub(crate) fn find(&self, path: &str) -> Result<Place, StatusCode> {
        if path.contains(['%', '\\', ';']) || path.split('/').any(|s| s == "." || s == "..") {
            return Err(StatusCode::BAD_REQUEST);
        }
        let mut plain = Cow::Borrowed(path);
        if !path.starts_with('/') || path.ends_with('/') || path.contains("//") {
            let segments = path.split('/').filter(|s| !s.is_empty());
            plain = segments.flat_map(|s| ["/", s]).collect();
        }
        let place = match plain.split_once("/.well-known/") {
            Some((before, rest)) => self.document(before, rest),
            None => self.below(&plain),
        };
        place.filter(|p| self.is_on(p.endpoint)).ok_or(StatusCode::NOT_FOUND)
    }

    /// The plain path of a place, whatever was typed: `http.route`.
    pub(crate) fn path_of(&self, p: Place) -> Cow<'static, str> {
        let mount = p.mount.and_then(|m| self.mounts.get(m)).map_or("", String::as_str);
        let endpoint = match p.endpoint {
            Endpoint::Mcp => "/mcp",
            Endpoint::Sse => "/sse",
            Endpoint::Messages => "/messages",
            Endpoint::Health => "/health",
            Endpoint::Card => "/mcp/server-card",
            Endpoint::Object => "/object",
            Endpoint::View => "/view",
            Endpoint::Results => "/results",
            Endpoint::Authorize => "/authorize",
            Endpoint::Token => "/token",
            Endpoint::Register => "/register",
            Endpoint::Revoke => "/revoke",
            Endpoint::Apps => "/apps",
            Endpoint::Resource(about) => {
                return format!("/.well-known/oauth-protected-resource{mount}{about}").into();
            }
            Endpoint::Server => {
                return format!("/.well-known/oauth-authorization-server{mount}").into();
            }
            Endpoint::OpenAi => "/.well-known/openai-apps-challenge",
        };
        // Nearly every request has one of these, and needs a label of it.
        if mount.is_empty() { endpoint.into() } else { format!("{mount}{endpoint}").into() }
    }

    fn is_on(&self, e: Endpoint) -> bool {
        match e {
            Endpoint::Mcp | Endpoint::Card | Endpoint::Resource("/mcp") => self.mcp,
            Endpoint::Sse | Endpoint::Messages | Endpoint::Resource("/sse") => self.sse,
            _ => true,
        }
    }

    fn mount(&self, path: &str) -> Option<usize> {
        self.mounts.iter().position(|m| m == path)
    }

    /// `/.well-known/NAME/demo/sse` (RFC 8615 with a path inserted), `/demo/.well-known/NAME`, and
    /// `/demo/sse/.well-known/NAME`, which is nobody's rule but seen.
    fn document(&self, before: &str, rest: &str) -> Option<Place> {
        let (name, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let about = format!("{before}{after}");
        let found = ["/mcp", "/sse", ""]
            .iter()
            .find_map(|e| Some((self.mount(about.strip_suffix(e)?)?, *e)));
        let (mount, endpoint) = match (name, found) {
            ("oauth-protected-resource", Some((m, e))) => (Some(m), Endpoint::Resource(e)),
            // The origin itself is described even where nothing is mounted at it: it is the issuer,
            // and clients look there first.
            ("oauth-protected-resource", None) if about.is_empty() => {
                (None, Endpoint::Resource(""))
            }
            ("oauth-authorization-server", _) if found.is_some() || about.is_empty() => {
                (found.map(|f| f.0), Endpoint::Server)
            }
            ("openai-apps-challenge", _) if found.is_some() || about.is_empty() => {
                (None, Endpoint::OpenAi)
            }
            _ => return None,
        };
        Some(Place { mount, endpoint })
    }

    fn below(&self, path: &str) -> Option<Place> {
        let (head, tail) = path.rsplit_once('/')?;
        // Three have one more part: a card is that of an endpoint, a page and a file have a handle.
        for (before, endpoint, is) in [
            ("/mcp", Endpoint::Card, tail == "server-card"),
            ("/view", Endpoint::View, tail.starts_with("view_")),
            ("/results", Endpoint::Results, tail.starts_with("res_")),
        ] {
            if let Some(mount) = head.strip_suffix(before).filter(|_| is) {
                return Some(Place { mount: Some(self.mount(mount)?), endpoint });
            }
        }
        let endpoint = match tail {
            "mcp" => Endpoint::Mcp,
            "sse" => Endpoint::Sse,
            "messages" => Endpoint::Messages,
            "health" => Endpoint::Health,
            "object" => Endpoint::Object,
            "authorize" => Endpoint::Authorize,
            "token" => Endpoint::Token,
            "register" => Endpoint::Register,
            "revoke" => Endpoint::Revoke,
            "apps" => Endpoint::Apps,
            _ => return None,
        };
        let of_a_mount = matches!(
            endpoint,
            Endpoint::Mcp | Endpoint::Sse | Endpoint::Messages | Endpoint::Object
        );
        match self.mount(head) {
            Some(m) => Some(Place { mount: Some(m), endpoint }),
            None if head.is_empty() && !of_a_mount => Some(Place { mount: None, endpoint }),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        Routes::new(vec![String::new(), "/demo".into(), "/demo/two".into()], true, true)
    }

    fn at(mount: usize, endpoint: Endpoint) -> Result<Place, StatusCode> {
        Ok(Place { mount: Some(mount), endpoint })
    }

    #[test]
    fn every_mount_has_its_endpoints_and_the_odd_probes_are_answered() {
        let r = routes();
        for (path, place) in [
            ("/mcp", at(0, Endpoint::Mcp)),
            ("/mcp/", at(0, Endpoint::Mcp)),
            ("//mcp", at(0, Endpoint::Mcp)),
            ("/demo/sse", at(1, Endpoint::Sse)),
            ("/demo//sse/", at(1, Endpoint::Sse)),
            ("/demo/two/messages", at(2, Endpoint::Messages)),
            ("/mcp/server-card", at(0, Endpoint::Card)),
            ("/demo/mcp/server-card/", at(1, Endpoint::Card)),
            ("/demo/view/view_x-1", at(1, Endpoint::View)),
            ("/demo/results/res_x-1.csv", at(1, Endpoint::Results)),
            ("/demo/register", at(1, Endpoint::Register)),
            ("/.well-known/oauth-protected-resource", at(0, Endpoint::Resource(""))),
            ("/.well-known/oauth-protected-resource/sse", at(0, Endpoint::Resource("/sse"))),
            ("/.well-known/oauth-protected-resource/demo/sse", at(1, Endpoint::Resource("/sse"))),
            ("/demo/.well-known/oauth-protected-resource", at(1, Endpoint::Resource(""))),
            ("/demo/sse/.well-known/oauth-protected-resource", at(1, Endpoint::Resource("/sse"))),
            ("/.well-known/oauth-authorization-server/demo/two", at(2, Endpoint::Server)),
            ("/demo/mcp/.well-known/oauth-authorization-server", at(1, Endpoint::Server)),
        ] {
            assert_eq!(r.find(path), place, "{path}");
        }
        let named = Routes::new(vec!["/demo".into()], true, false);
        assert_eq!(
            named.find("/authorize"),
            Ok(Place { mount: None, endpoint: Endpoint::Authorize })
        );
        assert_eq!(
            named.find("/.well-known/oauth-authorization-server").map(|p| p.mount),
            Ok(None)
        );
        assert_eq!(named.endpoints(), ["/demo/mcp"]);
        for none in [
            "/mcp",
            "/demo/sse",
            "/demo/messages",
            "/.well-known/oauth-protected-resource/demo/sse",
        ] {
            assert_eq!(named.find(none), Err(StatusCode::NOT_FOUND), "{none}");
        }
    }

    #[test]
    fn people_come_to_the_server_or_to_a_mount() {
        let r = routes();
        for (path, home) in [
            ("/", Some(None)),
            ("//", Some(None)),
            ("/demo", Some(Some(1))),
            ("/demo/two/", Some(Some(2))),
            ("/dem", None),
            ("/demo/three", None),
        ] {
            assert_eq!(r.home(path), home, "{path}");
        }
    }

    #[test]
    fn tricks_with_paths_lead_nowhere() {
        for (path, status) in [
            ("/demo2/mcp", 404),
            ("/dem/mcp", 404),
            ("/demo/three/mcp", 404),
            ("/DEMO/mcp", 404),
            ("/", 404),
            ("", 404),
            ("/mcp/x", 404),
            ("/server-card", 404),
            ("/sse/server-card", 404),
            ("/view/x", 404),
            ("/view", 404),
            ("/nothing/view/view_x", 404),
            ("/demo/mcp/mcp", 404),
            ("/.well-known/oauth-protected-resource/demo2/mcp", 404),
            ("/.well-known/oauth-protected-resource/mcp/demo", 404),
            ("/.well-known/openid-configuration", 404),
            ("/.well-known/", 404),
            ("/demo/../mcp", 400),
            ("/./mcp", 400),
            ("/demo%2fmcp", 400),
            ("/%6dcp", 400),
            ("/demo/%2e%2e/mcp", 400),
            ("/demo\\mcp", 400),
            ("/mcp;x=1", 400),
        ] {
            assert_eq!(routes().find(path).map_err(|s| s.as_u16()), Err(status), "{path}");
        }
    }
}
