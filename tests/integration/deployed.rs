//! The shipped nginx configuration as a test (or the benchmark) runs it: other paths and ports, a
//! certificate of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub fn free_port() -> u16 {
    // Below the ports that systems give to outgoing connections, which would take one before its
    // program has bound it; and each only once in a process, so that two tests never get the same.
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    // Its UDP twin is kept for as long as the process lives: two runs of the tests beside each
    // other would otherwise get the same one before either has bound it, and one of them speak
    // with the other's server.
    static CLAIMED: std::sync::Mutex<Vec<std::net::UdpSocket>> = std::sync::Mutex::new(Vec::new());
    loop {
        let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let port = (10_000 + (std::process::id().wrapping_mul(613) + n) % 20_000) as u16;
        let Ok(claim) = std::net::UdpSocket::bind(("127.0.0.1", port)) else { continue };
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            CLAIMED.lock().expect("no panic holds it").push(claim);
            return port;
        }
    }
}

/// The shipped configuration in a folder of the test's own.
pub fn configure(dir: &Path, port: u16, plain: u16, upstream: SocketAddr) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/nginx");
    std::fs::create_dir_all(dir.join("conf.d")).expect("dir");
    let here = dir.to_str().expect("path");
    let main = std::fs::read_to_string(root.join("nginx.conf")).expect("nginx.conf");
    let main = main
        .replace(" /tmp/", &format!(" {here}/"))
        .replace("/etc/nginx/conf.d", &format!("{here}/conf.d"))
        .replace("/dev/stderr", &format!("{here}/error.log"))
        .replace("/dev/stdout", &format!("{here}/access.log"));
    std::fs::write(dir.join("nginx.conf"), main).expect("write");
    let mut site =
        std::fs::read_to_string(root.join("templates/mcp.conf.template")).expect("template");
    for (name, value) in [
        ("DOMAIN", "localhost".to_owned()),
        ("MCP_UPSTREAM", upstream.to_string()),
        ("NGINX_HTTP", format!("127.0.0.1:{plain}")),
        ("NGINX_HTTPS", format!("127.0.0.1:{port}")),
        ("TLS_CERTIFICATE", format!("{here}/cert.pem")),
        ("TLS_KEY", format!("{here}/key.pem")),
        ("ACME_ROOT", here.to_owned()),
    ] {
        site = site.replace(&format!("${{{name}}}"), &value);
    }
    assert!(!site.contains("${"), "{site}");
    std::fs::write(dir.join("conf.d/mcp.conf"), site).expect("write");
}

/// A CA and a certificate for localhost, good for so many days.
pub fn certificates(dir: &Path, days: u64) -> rustls::RootCertStore {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let ca_key = KeyPair::generate().expect("key");
    let mut ca = CertificateParams::new(Vec::new()).expect("params");
    ca.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, "test CA");
    let ca_cert = ca.self_signed(&ca_key).expect("CA");
    let key = KeyPair::generate().expect("key");
    let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("params");
    leaf.use_authority_key_identifier_extension = true;
    leaf.not_after = (std::time::SystemTime::now() + Duration::from_secs(days * 86_400)).into();
    let cert = leaf.signed_by(&key, &Issuer::from_params(&ca, &ca_key)).expect("certificate");
    std::fs::write(dir.join("ca.pem"), ca_cert.pem()).expect("write");
    std::fs::write(dir.join("cert.pem"), cert.pem()).expect("write");
    std::fs::write(dir.join("key.pem"), key.serialize_pem()).expect("write");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca_cert.der().clone()).expect("root");
    roots
}

pub fn trusting(roots: rustls::RootCertStore) -> tokio_rustls::TlsConnector {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tokio_rustls::TlsConnector::from(Arc::new(tls))
}

pub fn program() -> &'static str {
    if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" }
}
