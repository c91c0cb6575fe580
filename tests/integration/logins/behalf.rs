//! On behalf of whoever calls: each person has connections of their own, and nobody has one of
//! anybody else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use mssql_mcp::config::{Config, Inputs};
use serde_json::{Value, json};

use super::endpoint::Endpoint;
use super::{jwt, now, sandbox};
use crate::support::{Folder, command, fixed, free, http, modern, requested, until};

/// An issuer that people sign in with, as far as its keys are asked for.
struct Issuer {
    endpoint: Endpoint,
    key: rcgen::KeyPair,
}

impl Issuer {
    async fn new() -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        // An uncompressed point (SEC 1 §2.3.3): 4, x and y.
        let point = key.public_key_raw();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (x, y) = (part(&point[1..33]), part(&point[33..65]));
        let jwk =
            json!({ "kty": "EC", "crv": "P-256", "kid": "k", "alg": "ES256", "x": x, "y": y });
        let endpoint = Endpoint::new(false, Duration::ZERO, move |_, asked| {
            let host = asked
                .lines()
                .find_map(|l| l.to_lowercase().strip_prefix("host: ").map(str::to_owned));
            let issuer = format!("http://{}", host.unwrap_or_default());
            let body = match asked.starts_with("GET /jwks") {
                true => json!({ "keys": [jwk] }),
                false => json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") }),
            };
            (200, body.to_string())
        })
        .await;
        Self { endpoint, key }
    }

    fn name(&self) -> String {
        format!("http://{}", self.endpoint.address)
    }

    /// A person's token for this server. All of them have the same address.
    fn token(&self, oid: &str, nonce: &str) -> String {
        let header = Header { kid: Some("k".into()), ..Header::new(Algorithm::ES256) };
        let claims = json!({
            "iss": self.name(), "aud": "api://mcp", "sub": oid, "oid": oid, "tid": "t-1",
            "email": "team@corp.example", "scp": "mssql:read", "exp": now() + 600, "jti": nonce,
        });
        let key = EncodingKey::from_ec_der(&self.key.serialize_der());
        encode(&header, &claims, &key).expect("a token")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_a_connection_of_anybody_else() {
    let sandbox = sandbox(&["ada", "bob"]).await;
    let (folder, issuer) = (Folder::new("behalf"), Issuer::new().await);
    let ca = folder.file("ca.pem", sandbox.certificate());
    let login = Endpoint::new(true, Duration::ZERO, |_, asked| {
        let body = asked.split("\r\n\r\n").nth(1).unwrap_or_default();
        let form: BTreeMap<_, _> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let payload = form["assertion"].split('.').nth(1).unwrap_or_default().to_owned();
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64"))
                .expect("JSON");
        let token = jwt(claims["oid"].as_str().expect("whose"), json!({}));
        (200, json!({ "access_token": token, "expires_in": 3599 }).to_string())
    })
    .await;
    let (authority, at) = (folder.file("authority.pem", &login.certificate), free());
    let mut c = command(&["serve"]);
    c.env("MSSQL_HOST", "127.0.0.1")
        .env("MSSQL_PORT", sandbox.address().port().to_string())
        .env("MSSQL_DATABASE", "Trading")
        .env("MSSQL_CA_FILE", &ca)
        .env("MSSQL_LOGIN", "entra")
        .env("MSSQL_MCP_ENTRA_SOURCE", "on-behalf-of")
        .env("MSSQL_MCP_ENTRA_TENANT", "t-1")
        .env("MSSQL_MCP_ENTRA_CLIENT_ID", "c-1")
        .env("MSSQL_MCP_ENTRA_CLIENT_SECRET", "s-1")
        .env("MSSQL_MCP_AUTH_MODE", "external")
        .env("MSSQL_MCP_AUTH_ISSUER", issuer.name())
        .env("MSSQL_MCP_AUTH_AUDIENCE", "api://mcp")
        .env("MSSQL_MCP_AUTH_STORE", "memory")
        // A claim that two people share: it tells nobody apart.
        .env("MSSQL_MCP_AUTH_SUBJECT_CLAIM", "email")
        .env("MSSQL_MCP_HTTP_LISTEN", at.to_string())
        .env("AZURE_AUTHORITY_HOST", format!("https://localhost:{}", login.address.port()))
        .env("SSL_CERT_FILE", &authority);
    let mut child = c.spawn().expect("spawn");
    until("it listens", async || tokio::net::TcpStream::connect(at).await.is_ok()).await;
    let tool = async |token: String, name: &str, arguments: Value| {
        let params = modern(json!({ "name": name, "arguments": arguments }));
        let a = requested(at, Some(&token), "tools/call", params).await;
        assert_eq!(a.status, 200, "{}", a.body);
        a.json()["result"].clone()
    };
    let call = async |token: String| {
        let query = json!({ "query": "SELECT ORIGINAL_LOGIN() AS who, @@SPID AS spid" });
        let result = tool(token, "execute_sql", query).await;
        result["structuredContent"].clone()
    };
    let tokens = ["ada", "bob"].map(|who| issuer.token(who, "1"));
    // By turns and at once, so that each pool has several connections that the other could want.
    let calls = (0..16).map(|n| call(tokens[n % 2].clone()));
    let answers = futures_util::future::join_all(calls).await;
    let mut spids: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for (n, answer) in answers.iter().enumerate() {
        let row = &answer["results"][0]["rows"][0];
        let who = row[0].as_str().unwrap_or_else(|| panic!("{answer} of {n}")).to_owned();
        assert_eq!(who, format!("{}@corp.example", ["ada", "bob"][n % 2]));
        spids.entry(who).or_default().insert(row[1].as_i64().expect("a number"));
    }
    let all: Vec<_> = spids.values().collect();
    assert!(all[0].is_disjoint(all[1]), "{spids:?}");
    assert_eq!(login.asked().len(), 2, "one exchange for each person");
    for (asked, n) in login.asked().iter().zip(0..) {
        assert!(asked.contains("requested_token_use=on_behalf_of"), "{n}: {asked}");
    }
    // A later token of the same person is theirs too, and costs no other pool.
    let connections = sandbox.connections();
    let later = call(issuer.token("ada", "2")).await;
    assert_eq!(later["results"][0]["rows"][0][0], "ada@corp.example");
    assert_eq!(sandbox.connections(), connections);
    // What is kept for one is nobody else's, though both have the same subject.
    let all = json!({ "query": "SELECT OrderId FROM sales.Orders", "output": "handle" });
    let kept = tool(tokens[0].clone(), "execute_sql", all).await.to_string();
    let begins = kept.find("res_").unwrap_or_else(|| panic!("a handle: {kept}"));
    let is_of_handle = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let end = kept[begins..].find(|c| !is_of_handle(c)).map_or(kept.len(), |n| begins + n);
    let handle = json!({ "handle": &kept[begins..end] });
    let own = tool(tokens[0].clone(), "get_result", handle.clone()).await;
    assert_ne!(own["isError"], true, "{own}");
    let others = tool(tokens[1].clone(), "get_result", handle).await;
    assert_eq!(others["isError"], true, "{others}");
    // Whom SQL Server does not know is refused, whoever else is connected.
    let stranger = call(issuer.token("eve", "1")).await;
    assert!(stranger["results"].is_null(), "{stranger}");
    // Nobody is logged in as the server itself, and it is ready all the same.
    assert!(sandbox.logins().iter().all(|l| l.refused.is_some() || l.user.contains('@')));
    let health = http(at, "GET", "/health", &[], b"").await;
    assert_eq!(health.status, 200, "{}", health.body);
    child.start_kill().expect("ended");
}

#[test]
fn it_is_refused_where_nobody_signs_in_with_entra() {
    let more = [
        ("database.login", "entra"),
        ("entra.source", "on-behalf-of"),
        ("entra.tenant", "t"),
        ("entra.client_id", "c"),
        ("entra.client_secret", "s"),
    ];
    let load = |more: &[(&'static str, &str)]| {
        Config::load(&Inputs { fixed: fixed(1433, more), ..Inputs::default() })
    };
    let e = load(&more).expect_err("refused").to_string();
    assert!(e.contains("on-behalf-of") && e.contains("auth.mode"), "{e}");
    let external = [("auth.mode", "external"), ("auth.issuer", "https://login.example/t/v2.0")];
    assert!(load(&[&more[..], &external].concat()).is_ok());
    let by_name = [&more[..], &external, &[("auth.subject_claim", "name")]].concat();
    let e = load(&by_name).expect_err("refused").to_string();
    assert!(e.contains("auth.subject_claim: \"name\" need not tell people apart"), "{e}");
}
