//! Logins by a token, through a driver that is not the project's own.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mssql_mcp_sandbox::{Options, Sandbox, SandboxPrincipal};
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

use crate::tls::encrypted;

/// With a principal that may enter one database, and is at home in it.
async fn start(change: impl FnOnce(&mut Options)) -> Sandbox {
    let mut options = Options {
        databases: vec![("Ledger".to_owned(), String::new())],
        principals: vec![SandboxPrincipal {
            id: "0f5c1a9e-app".to_owned(),
            login: "app@tenant".to_owned(),
            default_database: "Ledger".to_owned(),
            databases: vec!["Ledger".to_owned()],
        }],
        ..Options::default()
    };
    change(&mut options);
    Sandbox::start(options).await.expect("a sandbox")
}

/// A token of `oid` that is valid for so many seconds.
fn token(oid: &str, seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let expires = now as i64 + seconds;
    let claims =
        format!(r#"{{"aud":"https://database.windows.net/","exp":{expires},"oid":"{oid}"}}"#);
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
}

fn config(token: &str, database: &str) -> Config {
    let mut config = Config::new();
    config.encryption(EncryptionLevel::NotSupported);
    config.authentication(AuthMethod::aad_token(token));
    if !database.is_empty() {
        config.database(database);
    }
    config
}

async fn login(
    sandbox: &Sandbox,
    token: &str,
    database: &str,
) -> tiberius::Result<Client<Compat<TlsStream<TcpStream>>>> {
    let stream = encrypted(sandbox, "localhost").await.expect("TLS").compat();
    Box::pin(Client::connect(config(token, database), stream)).await
}

/// Number and text of a refusal.
fn refusal<T>(result: tiberius::Result<T>) -> (u32, String) {
    match result {
        Err(tiberius::error::Error::Server(e)) => (e.code(), e.message().to_owned()),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a login that should have been refused"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_logs_its_principal_in() {
    for nonce in [true, false] {
        let sandbox = start(|options| options.nonce = nonce).await;
        let token = token("0F5C1A9E-APP", 600);
        let mut client = login(&sandbox, &token, "").await.expect("a login");
        let sql = "SELECT ORIGINAL_LOGIN(), SUSER_SNAME(), DB_NAME()";
        let rows = client.simple_query(sql).await.expect("a query").into_first_result().await;
        let row = &rows.expect("rows")[0];
        let texts: Vec<Option<&str>> = (0..3).map(|at| row.get(at)).collect();
        assert_eq!(texts, [Some("app@tenant"), Some("app@tenant"), Some("Ledger")]);
        assert_eq!(sandbox.tokens(), [token]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_told_why_and_kept() {
    let sandbox = start(|_| {}).await;
    let failed = "Login failed for user '<token-identified principal>'.";
    let cases = [
        (token("nobody", 600), failed.to_owned()),
        (token("0f5c1a9e-app", -1), format!("{failed} Token is expired.")),
        ("opaque".to_owned(), format!("{failed} Incorrect or invalid token.")),
    ];
    for (token, text) in &cases {
        assert_eq!(refusal(login(&sandbox, token, "").await), (18456, text.clone()));
    }
    let elsewhere = token("0f5c1a9e-app", 600);
    let (number, text) = refusal(login(&sandbox, &elsewhere, "trading").await);
    assert_eq!((number, text.contains("\"trading\"")), (4060, true), "{text}");
    let brought: Vec<String> = cases.into_iter().map(|(token, _)| token).collect();
    assert_eq!(sandbox.tokens()[..3], brought);
    assert_eq!(sandbox.tokens()[3..], [elsewhere]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_audience_is_invalid() {
    let sandbox = start(|options| options.audience = "https://sql.example".to_owned()).await;
    let (number, text) = refusal(login(&sandbox, &token("0f5c1a9e-app", 600), "").await);
    assert_eq!(number, 18456);
    assert!(text.ends_with("Incorrect or invalid token."), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_principals_no_token_is_accepted() {
    let sandbox = start(|options| options.principals.clear()).await;
    let (number, text) = refusal(login(&sandbox, &token("0f5c1a9e-app", 600), "").await);
    assert_eq!(number, 18456);
    assert!(text.ends_with("not currently configured to accept this token."), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_clear_is_refused() {
    let sandbox = start(|options| options.tls = false).await;
    let tcp = TcpStream::connect(sandbox.address()).await.expect("connect");
    let config = config(&token("0f5c1a9e-app", 600), "");
    let (number, text) = refusal(Box::pin(Client::connect(config, tcp.compat())).await);
    assert_eq!(number, 49_999);
    assert!(text.contains("without encryption"), "{text}");
}
