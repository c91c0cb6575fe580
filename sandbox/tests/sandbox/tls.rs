//! TLS to a sandbox, for drivers that are built without.

use std::io;
use std::sync::Arc;

use mssql_mcp_sandbox::Sandbox;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// TLS from the first byte on, with a server that has the sandbox's certificate and this name.
pub async fn encrypted(sandbox: &Sandbox, name: &'static str) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    let pem = sandbox.certificate().as_bytes();
    roots.add(CertificateDer::from_pem_slice(pem).expect("a certificate")).expect("a root");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"tds/8.0".to_vec()];
    let tcp = TcpStream::connect(sandbox.address()).await?;
    let name = ServerName::try_from(name).expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_has_the_names_that_are_asked_for() {
    use mssql_mcp_sandbox::Options;
    let certificate_names = vec!["*.worker.example".to_owned(), "127.0.0.2".to_owned()];
    let options = Options { certificate_names, ..Options::default() };
    let sandbox = Sandbox::start(options).await.expect("a sandbox");
    for (name, fits) in [("tr1.worker.example", true), ("127.0.0.2", true), ("localhost", false)] {
        assert_eq!(encrypted(&sandbox, name).await.is_ok(), fits, "{name}");
    }
    let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
    for (name, fits) in [("localhost", true), ("127.0.0.1", true), ("127.0.0.2", false)] {
        assert_eq!(encrypted(&sandbox, name).await.is_ok(), fits, "{name}");
    }
}
