//! Secrets and tokens are nowhere: not in the log at its most talkative, a span, an audit record,
//! an answer, a metric or what the doctor says.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use super::endpoint::Endpoint;
use super::{jwt, sandbox};
use crate::support::{Folder, command, free, http, stateless, until};

const SECRET: &str = "S3cret-of-the-application";

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_secret_nor_a_token_is_told_anywhere() {
    let sandbox = sandbox(&["app"]).await;
    let folder = Folder::new("secrets");
    let ca = folder.file("ca.pem", sandbox.certificate());
    let token = jwt("app", json!({}));
    let given = token.clone();
    // The first request is refused, with the secret in what is said.
    let login = Endpoint::new(true, Duration::ZERO, move |n, asked| match n {
        1 => {
            let body = asked.split("\r\n\r\n").nth(1).unwrap_or_default();
            let said = format!("AADSTS7000215: Invalid client secret {SECRET} provided: {body}");
            (401, json!({ "error": "invalid_client", "error_description": said }).to_string())
        }
        _ => (200, json!({ "access_token": given, "expires_in": 3599 }).to_string()),
    })
    .await;
    let authority = folder.file("authority.pem", &login.certificate);
    let (at, admin, audit) = (free(), free(), folder.0.join("audit"));
    let environment = |c: &mut tokio::process::Command| {
        c.env("MSSQL_HOST", "127.0.0.1")
            .env("MSSQL_PORT", sandbox.address().port().to_string())
            .env("MSSQL_DATABASE", "Trading")
            .env("MSSQL_CA_FILE", &ca)
            .env("MSSQL_LOGIN", "entra")
            .env("MSSQL_MCP_ENTRA_SOURCE", "client-secret")
            .env("MSSQL_MCP_ENTRA_TENANT", "t-1")
            .env("MSSQL_MCP_ENTRA_CLIENT_ID", "c-1")
            .env("MSSQL_MCP_ENTRA_CLIENT_SECRET", SECRET)
            .env("MSSQL_MCP_HTTP_LISTEN", at.to_string())
            .env("MSSQL_MCP_HTTP_SHOW_SERVER", "yes")
            .env("MSSQL_MCP_ADMIN_LISTEN", admin.to_string())
            .env("MSSQL_MCP_AUDIT_DIR", &audit)
            .env("MSSQL_MCP_LOG_LEVEL", "trace")
            .env("MSSQL_MCP_LOG_FORMAT", "json")
            .env("AZURE_AUTHORITY_HOST", format!("https://localhost:{}", login.address.port()))
            // The login host's authority is trusted as a company's own would be.
            .env("SSL_CERT_FILE", &authority);
    };
    let mut c = command(&["serve"]);
    environment(&mut c);
    let log = std::fs::File::create(folder.0.join("log")).expect("log");
    c.stdout(Stdio::null()).stderr(log);
    let mut child = c.spawn().expect("spawn");
    until("it listens", async || tokio::net::TcpStream::connect(at).await.is_ok()).await;
    let call =
        json!({ "name": "execute_sql", "arguments": { "query": "SELECT ORIGINAL_LOGIN() AS w" } });
    let refused = stateless(at, "tools/call", call.clone()).await.body;
    assert!(refused.contains("not its id"), "{refused}");
    let mut answers = vec![refused];
    until("a token comes after the pause", async || {
        answers.push(stateless(at, "tools/call", call.clone()).await.body);
        answers.last().is_some_and(|a| a.contains("app@corp.example"))
    })
    .await;
    answers.push(http(admin, "GET", "/metrics", &[], b"").await.body);
    let mut c = command(&["doctor", "--json"]);
    environment(&mut c);
    let doctor = c.output().await.expect("run");
    answers.push(String::from_utf8_lossy(&doctor.stdout).into_owned());
    assert!(answers.last().is_some_and(|a| a.contains("oid app")), "{answers:?}");
    child.start_kill().expect("ended");
    let _ = child.wait().await;
    answers.push(std::fs::read_to_string(folder.0.join("log")).expect("log"));
    assert!(answers.last().is_some_and(|a| a.lines().count() > 20), "it says little: {answers:?}");
    for file in std::fs::read_dir(audit).expect("audit") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("audit");
        answers.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    assert!(answers.iter().any(|a| a.contains("\"prev\"") || a.contains("execute_sql")));
    let signature = token.rsplit('.').next().expect("a part");
    for text in &answers {
        assert!(!text.contains(SECRET) && !text.contains(&token), "{text}");
        let payload = token.split('.').nth(1).expect("a part");
        assert!(!text.contains(payload), "{text}");
    }
    assert!(!signature.is_empty());
    let asked = login.asked();
    assert!(asked[0].contains(SECRET), "it goes to the login host: {}", asked[0]);
    assert_eq!(sandbox.tokens()[0], token);
}
