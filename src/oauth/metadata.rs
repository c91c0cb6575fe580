//! Metadata of the authorization server (RFC 8414) and of the resources (RFC 9728).

use http::StatusCode;
use http::header::HeaderMap;
use serde_json::json;

use super::answer::{Answer, json_answer};
use super::server::{Authority, Request};

impl Authority {
    pub(super) fn server_metadata(&self, headers: &HeaderMap) -> Answer {
        let o = self.origin(headers);
        json_answer(
            StatusCode::OK,
            &json!({
                "issuer": o,
                "authorization_endpoint": format!("{o}/authorize"),
                "token_endpoint": format!("{o}/token"),
                "registration_endpoint": format!("{o}/register"),
                "revocation_endpoint": format!("{o}/revoke"),
                "scopes_supported": self.scopes(),
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
                "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
                "code_challenge_methods_supported": ["S256"],
                "client_id_metadata_document_supported": true,
                "authorization_response_iss_parameter_supported": true,
            }),
        )
    }

    /// RFC 9728: at the root for the origin, and path-inserted for each endpoint, because clients
    /// compare with what was typed.
    pub(super) fn resource_metadata(&self, r: &Request<'_>) -> Answer {
        let scopes = r.place.mount.map_or(self.scopes(), |m| self.mounts[m].scopes);
        let path = format!("{}{}", self.path_of(r.place), r.place.typed());
        let o = self.origin(r.headers);
        json_answer(
            StatusCode::OK,
            &json!({
                "resource": format!("{o}{path}"),
                "authorization_servers": [self.external.as_ref().map_or(o.as_str(), |e| e.issuer.as_str())],
                "scopes_supported": scopes.iter().map(|s| self.outward(s)).collect::<Vec<_>>(),
                "bearer_methods_supported": ["header"],
                "resource_name": "Microsoft SQL Server over MCP",
            }),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::oauth::lab::{Lab, ORIGIN, at};
    use crate::route::{Endpoint, Place};

    #[tokio::test]
    async fn the_server_names_its_endpoints_at_the_origin() {
        let mut lab = Lab::new().await;
        let said = lab.visit(Endpoint::Server, "").await.json();
        assert_eq!(said["issuer"], ORIGIN);
        for (name, path) in [
            ("authorization_endpoint", "/authorize"),
            ("token_endpoint", "/token"),
            ("registration_endpoint", "/register"),
            ("revocation_endpoint", "/revoke"),
        ] {
            assert_eq!(said[name], format!("{ORIGIN}{path}"));
        }
        assert_eq!(said["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(said["scopes_supported"], json!(["mssql:read", "mssql:write"]));
    }

    #[tokio::test]
    async fn a_resource_is_what_was_typed() {
        let mut lab = Lab::new().await;
        let mut of = async |mount, about: &'static str| -> Value {
            let place = Place { mount, endpoint: Endpoint::Resource(about) };
            lab.visit_at(place, "").await.json()["resource"].take()
        };
        assert_eq!(of(None, "").await, ORIGIN);
        assert_eq!(of(Some(0), "/mcp").await, format!("{ORIGIN}/mcp"));
        assert_eq!(of(Some(1), "/sse").await, format!("{ORIGIN}/demo/sse"));
        let said = lab.visit_at(at(Endpoint::Resource("")), "").await.json();
        assert_eq!(said["authorization_servers"], json!([ORIGIN]));
        assert_eq!(said["scopes_supported"], json!(["mssql:read", "mssql:write"]));
    }
}
