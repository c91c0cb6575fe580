//! Certificates in words for those who set them up, and TLS that comes first.

use mssql_mcp::app::App;
use mssql_mcp::config::{Config, Inputs};
use mssql_mcp::database::run::Mode;
use mssql_mcp::database::{ConnectKind, DbError};
use mssql_mcp_sandbox::{Options, Sandbox};
use tokio::net::TcpListener;

use crate::support::{PATIENCE, fixed, limits};

/// One row of a server, or why there is none; with these settings alone.
async fn one(port: u16, more: &[(&'static str, &str)]) -> Result<u64, DbError> {
    let fixed = fixed(port, more);
    let config = Config::load(&Inputs { fixed, ..Inputs::default() }).expect("config");
    let app = App::new(&config).expect("app");
    let limits = limits(10, 10_000);
    let work = app.database.run("SELECT 1 AS a".into(), Mode::Read, &limits);
    let answer = tokio::time::timeout(PATIENCE, work).await.expect("an answer");
    answer.map(|a| a.rows).map_err(|f| f.error)
}

/// For people who do not write Rust.
fn said(answer: Result<u64, DbError>) -> String {
    match answer.expect_err("refused") {
        DbError::Connect(what, ConnectKind::Tls | ConnectKind::Timeout) => {
            for rust in ["UnknownIssuer", "InvalidCertificate", "BadSignature", "{", "webpki"] {
                assert!(!what.contains(rust), "{what}");
            }
            what
        }
        other => panic!("{other:?}"),
    }
}

/// A file that is there as long as this is.
struct Pem(std::path::PathBuf);

impl Pem {
    fn new(name: &str, text: &str) -> Self {
        let file = format!("mssql-mcp-session-{name}-{}.pem", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, text).expect("write");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path")
    }
}

impl Drop for Pem {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_certificate_is_trusted_where_it_is_given() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let other = Sandbox::start(Options::default()).await.expect("sandbox");
    let port = sandbox.address().port();
    let its = Pem::new("its", sandbox.certificate());
    let others = Pem::new("others", other.certificate());
    for encrypt in ["on", "strict", "login-only"] {
        let with =
            async |ca| one(port, &[("database.encrypt", encrypt), ("database.ca_file", ca)]).await;
        assert_eq!(with(its.path()).await, Ok(1), "{encrypt}");
        let refused = said(with(others.path()).await);
        // It names the same authority, which has not signed it.
        assert!(refused.contains("is not signed by the authority"), "{refused}");
        assert!(refused.contains("database.ca_file"), "{refused}");
        let refused = said(one(port, &[("database.encrypt", encrypt)]).await);
        assert!(refused.contains("signed") && refused.contains("MSSQL_CA_FILE"), "{refused}");
        let named = [
            ("database.encrypt", encrypt),
            ("database.ca_file", its.path()),
            ("database.certificate_host", "db.example.org"),
        ];
        // A certificate that is given as a whole is trusted whatever name it has, unless one is set.
        let refused = said(one(port, &named).await);
        assert!(refused.contains("another name than db.example.org"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_no_certificate_is_told_as_that() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let nothing = Pem::new("nothing", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
    let port = sandbox.address().port();
    let refused = said(one(port, &[("database.ca_file", nothing.path())]).await);
    assert!(refused.contains("signed"), "{refused}");
    let plain = Options { tls: false, ..Options::default() };
    let sandbox = Sandbox::start(plain).await.expect("sandbox");
    match one(sandbox.address().port(), &[]).await {
        Err(DbError::Connect(what, ConnectKind::NoTls)) => {
            assert!(what.contains("does not offer TLS"), "{what}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_says_what_is_wrong_with_a_server_that_has_it_not() {
    // Longer than anybody waits, so that it is not what ends the attempt.
    let strict = [
        ("database.encrypt", "strict"),
        ("database.trust_server_certificate", "yes"),
        ("pool.connect_timeout", "300s"),
        ("pool.wait", "300s"),
    ];
    // One of TDS 7 takes a TLS record for a part of a packet, and waits for the rest.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let waits = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Ok((tcp, _)) = listener.accept().await {
            all.push(tcp);
        }
    });
    let refused = said(one(port, &strict).await);
    assert!(refused.contains("strict") && refused.contains("TDS 7"), "{refused}");
    waits.abort();
    // Another closes the connection.
    let plain = Options { tls: false, ..Options::default() };
    let sandbox = Sandbox::start(plain).await.expect("sandbox");
    let refused = said(one(sandbox.address().port(), &strict).await);
    assert!(refused.contains("strict") && refused.contains("SQL Server 2022"), "{refused}");
}
