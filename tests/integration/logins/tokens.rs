//! Logins by tokens of Entra ID.

use std::time::Duration;

use mssql_mcp::database::{ConnectKind, DbError};
use serde_json::json;
use tokio::process::Command;

use super::endpoint::Endpoint;
use super::{jwt, sandbox, scalar, who};
use crate::support::{Folder, Lab, command, free, http, stateless, until};

/// Settings of a login by the token in this file.
fn by_file(path: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("database.login", "entra"),
        ("database.user", ""),
        ("database.password", ""),
        ("entra.source", "token-file"),
        ("entra.token_file", path),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_a_session_of_its_principal() {
    let folder = Folder::new("token");
    let token = jwt("ada", json!({}));
    let path = folder.file("token", &format!("{token}\n"));
    for encrypt in ["on", "strict", "login-only"] {
        let more = [&by_file(&path)[..], &[("database.encrypt", encrypt)]].concat();
        let lab = Lab::around(sandbox(&["ada"]).await, &more);
        assert_eq!(lab.sandbox.connections(), 0, "nothing connects before it is needed");
        assert_eq!(who(&lab.app).await, Ok(json!("ada@corp.example")), "{encrypt}");
        assert_eq!(lab.sandbox.tokens(), std::slice::from_ref(&token));
        assert_eq!(lab.sandbox.logins()[0].user, "ada@corp.example");
    }
}

#[tokio::test]
async fn seventy_minutes_later_a_login_brings_another_token() {
    let folder = Folder::new("seventy");
    let (first, second) = (jwt("ada", json!({ "jti": "1" })), jwt("ada", json!({ "jti": "2" })));
    let path = folder.file("token", &first);
    let lab = Lab::around(sandbox(&["ada"]).await, &by_file(&path));
    assert!(who(&lab.app).await.is_ok());
    std::fs::write(&path, &second).expect("renewed");
    let spid = "SELECT @@SPID";
    let before = scalar(&lab.app.database, spid).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(70 * 60)).await;
    tokio::time::resume();
    // The connection is open, and stays so: a token counts at the login alone.
    assert_eq!(scalar(&lab.app.database, spid).await, before);
    assert_eq!(lab.sandbox.tokens(), std::slice::from_ref(&first));
    // Two at once need another connection.
    let both = [spid; 2].map(|sql| scalar(&lab.app.database, sql));
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(200)));
    assert!(futures_util::future::join_all(both).await.iter().all(Result::is_ok));
    assert_eq!(lab.sandbox.tokens(), [first, second]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_says_what_is_wrong_with_it() {
    let folder = Folder::new("refused");
    for (token, part, mend) in [
        (jwt("stranger", json!({})), "token-identified principal", "CREATE USER [name] FROM"),
        (
            jwt("ada", json!({ "aud": "https://vault.azure.net" })),
            "invalid token",
            "entra.resource",
        ),
    ] {
        let path = folder.file("token", &token);
        let more = [&by_file(&path)[..], &[("http.show_server", "yes")]].concat();
        let lab = Lab::around(sandbox(&["ada"]).await, &more);
        let e = who(&lab.app).await.expect_err("refused");
        assert!(
            matches!(&e, DbError::Connect(what, ConnectKind::Login) if what.contains(part)),
            "{e}"
        );
        // With a token that is fetched anew, once, and not again and again.
        assert_eq!(lab.sandbox.tokens().len(), 2);
        let (at, _stop) = lab.serve().await;
        let call = json!({ "name": "execute_sql", "arguments": { "query": "SELECT 1" } });
        let said = stateless(at, "tools/call", call).await.body;
        assert!(said.contains(mend), "{said}");
        if mend.starts_with("CREATE") {
            assert!(said.contains("in trading an administrator"), "{said}");
        }
        assert!(!said.contains(&token));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_server_takes_for_expired_is_renewed_once() {
    let folder = Folder::new("renewed");
    let old = jwt("ada", json!({ "exp": super::now() - 5, "jti": "old" }));
    // Whoever wrote it says that it is good for longer than the server finds.
    let wrapped = json!({ "access_token": old, "expires_in": 900 }).to_string();
    let path = folder.file("token", &wrapped);
    let lab = Lab::around(sandbox(&["ada"]).await, &by_file(&path));
    let e = who(&lab.app).await.expect_err("refused");
    assert!(e.to_string().contains("expired"), "{e}");
    let new = jwt("ada", json!({ "jti": "new" }));
    std::fs::write(&path, &new).expect("renewed");
    assert!(who(&lab.app).await.is_ok());
    assert_eq!(lab.sandbox.tokens(), [old.clone(), old, new]);
}

/// A server of its own, whose managed identity is at this endpoint.
fn served(
    sandbox: &mssql_mcp_sandbox::Sandbox,
    ca: &str,
    imds: &Endpoint,
    at: std::net::SocketAddr,
) -> Command {
    let mut c = command(&["serve"]);
    c.env("MSSQL_HOST", "127.0.0.1")
        .env("MSSQL_PORT", sandbox.address().port().to_string())
        .env("MSSQL_DATABASE", "Trading")
        .env("MSSQL_CA_FILE", ca)
        .env("MSSQL_LOGIN", "entra")
        .env("MSSQL_MCP_ENTRA_SOURCE", "managed-identity")
        .env("MSSQL_MCP_HTTP_SHOW_SERVER", "yes")
        .env("MSSQL_MCP_POOL_MAX_SIZE", "50")
        .env("MSSQL_MCP_HTTP_LISTEN", at.to_string())
        .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", format!("http://{}", imds.address));
    c
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_connections_at_once_cost_one_request() {
    let sandbox = sandbox(&["vm"]).await;
    let folder = Folder::new("fifty");
    let ca = folder.file("ca.pem", sandbox.certificate());
    let imds = Endpoint::new(false, Duration::from_millis(300), |_, _| {
        let end = (super::now() + 3600).to_string();
        (200, json!({ "access_token": jwt("vm", json!({})), "expires_on": end }).to_string())
    })
    .await;
    let at = free();
    let mut child = served(&sandbox, &ca, &imds, at).spawn().expect("spawn");
    until("it listens", async || tokio::net::TcpStream::connect(at).await.is_ok()).await;
    assert!(imds.asked().is_empty(), "no token is fetched at the start");
    sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(1500)));
    let call =
        json!({ "name": "execute_sql", "arguments": { "query": "SELECT ORIGINAL_LOGIN() AS w" } });
    let calls = (0..50).map(|_| stateless(at, "tools/call", call.clone()));
    for answer in futures_util::future::join_all(calls).await {
        assert!(answer.body.contains("vm@corp.example"), "{}", answer.body);
    }
    assert!(sandbox.tokens().len() >= 40, "{}", sandbox.tokens().len());
    let asked = imds.asked();
    assert_eq!(asked.len(), 1, "{asked:#?}");
    let line = "GET /metadata/identity/oauth2/token?api-version=2018-02-01&\
                resource=https%3A%2F%2Fdatabase.windows.net HTTP/1.1";
    let request = asked[0].to_ascii_lowercase();
    assert!(asked[0].starts_with(line) && request.contains("metadata: true"), "{}", asked[0]);
    assert!(!request.contains("x-forwarded-for"), "{request}");
    child.start_kill().expect("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_is_named_with_its_mend_and_holds_nobody() {
    let sandbox = sandbox(&["vm"]).await;
    let folder = Folder::new("imds-fails");
    let ca = folder.file("ca.pem", sandbox.certificate());
    let silent = Duration::from_secs(3600);
    for (status, after, part) in [
        (400, Duration::ZERO, "Identity not found"),
        (410, Duration::ZERO, "answered 410"),
        (429, Duration::ZERO, "answered 429"),
        (200, silent, "took too long"),
    ] {
        let imds = Endpoint::new(false, after, move |_, _| {
            let said =
                json!({ "error": "invalid_request", "error_description": "Identity not found" });
            (status, said.to_string())
        })
        .await;
        let at = free();
        let mut child = served(&sandbox, &ca, &imds, at)
            .env("MSSQL_MCP_POOL_CONNECT_TIMEOUT", "3s")
            .spawn()
            .expect("spawn");
        until("it listens", async || tokio::net::TcpStream::connect(at).await.is_ok()).await;
        let call = json!({ "name": "execute_sql", "arguments": { "query": "SELECT 1" } });
        let waiting = tokio::spawn(stateless(at, "tools/call", call));
        // Whoever needs no database is answered meanwhile.
        assert_eq!(http(at, "GET", "/health", &[], b"").await.status, 200);
        let said = waiting.await.expect("an answer").body;
        assert!(said.contains(&imds.address.to_string()) && said.contains(part), "{said}");
        assert!(said.contains("instance metadata"), "{said}");
        child.start_kill().expect("ended");
    }
    assert_eq!(sandbox.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_how_a_login_is_made() {
    let sandbox = sandbox(&["vm"]).await;
    let folder = Folder::new("doctor-token");
    let ca = folder.file("ca.pem", sandbox.certificate());
    let path = folder.file("token", &jwt("vm", json!({})));
    let run = async |more: &[(&str, &str)]| {
        let mut c = command(&["doctor"]);
        c.env("MSSQL_HOST", format!("localhost,{}", sandbox.address().port()))
            .envs([("MSSQL_DATABASE", "Trading"), ("MSSQL_CA_FILE", &ca), ("MSSQL_LOGIN", "entra")])
            .envs([("MSSQL_MCP_ENTRA_SOURCE", "token-file"), ("MSSQL_MCP_ENTRA_TOKEN_FILE", &path)])
            .envs(more.iter().copied());
        String::from_utf8(c.output().await.expect("run").stdout).expect("text")
    };
    let said = run(&[("MSSQL_MCP_DATABASE_READ_INTENT", "yes")]).await;
    for part in [
        "address: localhost is ",
        "credential: a token from the token file: appid 11111111-aaaa, oid vm, tid 22222222-bbbb",
        "59 minutes left, until 20",
        "tls: TLS 1.2; certificate of CN=",
        "login: vm@corp.example at ",
        "[warn] read intent: it is not honoured",
        "database trading, login vm@corp.example",
    ] {
        assert!(said.contains(part), "{part}\nnot in\n{said}");
    }
    assert!(!said.contains(&std::fs::read_to_string(&path).expect("token")), "{said}");
    let strict = run(&[("MSSQL_ENCRYPT", "strict")]).await;
    assert!(strict.contains("tls: TLS 1.3"), "{strict}");
    std::fs::write(&path, "no token").expect("broken");
    let said = run(&[]).await;
    assert!(said.contains("[fail] credential: no token from the token file"), "{said}");
    assert!(!said.contains("no token\n       → see"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_never_travels_in_the_clear() {
    let folder = Folder::new("clear");
    let path = folder.file("token", &jwt("ada", json!({})));
    let mut fixed = crate::support::fixed(1433, &by_file(&path));
    fixed.push(("database.encrypt", "off".to_owned()));
    let inputs = mssql_mcp::config::Inputs { fixed, ..Default::default() };
    let e = mssql_mcp::config::Config::load(&inputs).expect_err("refused").to_string();
    assert!(e.contains("a token would travel in the clear"), "{e}");
}

#[test]
fn a_source_without_the_login_that_uses_it_is_told() {
    let load = |more: &[(&'static str, &str)]| {
        let fixed = crate::support::fixed(1433, more);
        mssql_mcp::config::Config::load(&mssql_mcp::config::Inputs { fixed, ..Default::default() })
    };
    let e = load(&[("entra.source", "azure-cli")]).expect_err("refused").to_string();
    assert!(e.contains("entra.source: only database.login = entra uses it"), "{e}");
    assert!(load(&[("entra.source", "azure-cli"), ("database.login", "entra")]).is_ok());
}
