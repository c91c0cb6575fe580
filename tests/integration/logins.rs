//! Logging in as people log in: by tokens from real endpoints on loopback, with what passes tried
//! again, across a failover, and as whoever calls.

mod behalf;
mod endpoint;
mod pages;
mod secrets;
mod strings;
mod tokens;
mod ways;
#[cfg(all(feature = "windows-login", feature = "kerberos"))]
mod windows;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mssql_mcp::app::App;
use mssql_mcp::database::{Database, DbError};
use mssql_mcp_sandbox::{DATABASE, Options, Sandbox, SandboxPrincipal};
use serde_json::{Value, json};

use crate::support::limits;

/// What tokens for the sandbox are for.
const AUDIENCE: &str = "https://database.windows.net";

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs()
}

/// A token that says this beside its usual claims; the sandbox reads it and checks no signature.
fn jwt(oid: &str, more: Value) -> String {
    let mut claims = json!({
        "aud": AUDIENCE,
        "oid": oid,
        "appid": "11111111-aaaa",
        "tid": "22222222-bbbb",
        "nbf": now() - 10,
        "exp": now() + 3600,
    });
    for (k, v) in more.as_object().into_iter().flatten() {
        claims[k] = v.clone();
    }
    let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
    format!("{}.{}.c2ln", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(&claims))
}

/// A sandbox that knows these principals, each by its `oid`.
async fn sandbox(known: &[&str]) -> Sandbox {
    let principals = known
        .iter()
        .map(|oid| SandboxPrincipal {
            id: (*oid).to_owned(),
            login: format!("{oid}@corp.example"),
            default_database: DATABASE.to_owned(),
            databases: vec![DATABASE.to_owned()],
        })
        .collect();
    Sandbox::start(Options { principals, ..Options::default() }).await.expect("sandbox")
}

/// The first value of what a text gives.
async fn scalar(db: &Database, sql: &str) -> Result<Value, DbError> {
    let rows = db.fetch(sql, &[], &limits(100, 100_000)).await?;
    Ok(rows[0][0][0].clone())
}

/// As whom the pool of an app is logged in.
async fn who(app: &App) -> Result<Value, DbError> {
    scalar(&app.database, "SELECT ORIGINAL_LOGIN()").await
}
