//! An endpoint that gives tokens, as far as a test needs one: HTTP on loopback, with or without TLS,
//! which keeps every request and answers as it is told.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

type Answer = dyn Fn(usize, &str) -> (u16, String) + Send + Sync;

pub(super) struct Endpoint {
    pub(super) address: SocketAddr,
    /// PEM of its certificate, where it has TLS.
    pub(super) certificate: String,
    asked: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Endpoint {
    /// Answers the nth request with a status and a body, after a while.
    pub(super) async fn new(
        tls: bool,
        after: Duration,
        answer: impl Fn(usize, &str) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("address");
        let (mut acceptor, mut certificate) = (None, String::new());
        if tls {
            let CertifiedKey { cert, signing_key } =
                generate_simple_self_signed(vec!["localhost".to_owned()]).expect("certificate");
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = rustls::ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_no_client_auth()
                .with_single_cert(vec![cert.der().clone()], key)
                .expect("a certificate");
            acceptor = Some(TlsAcceptor::from(Arc::new(config)));
            certificate = cert.pem();
        }
        let (asked, connections) = (Arc::<Mutex<Vec<String>>>::default(), Arc::default());
        let me = Self { address, certificate, asked: asked.clone(), connections };
        let (answer, connections): (Arc<Answer>, _) = (Arc::new(answer), me.connections.clone());
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                let (acceptor, asked, answer) = (acceptor.clone(), asked.clone(), answer.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => one(tcp, &asked, &*answer, after).await,
                        Some(acceptor) => {
                            if let Ok(tls) = acceptor.accept(tcp).await {
                                one(tls, &asked, &*answer, after).await;
                            }
                        }
                    }
                });
            }
        });
        me
    }

    /// Every request so far, as it came.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("requests").clone()
    }
}

async fn one(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    asked: &Mutex<Vec<String>>,
    answer: &Answer,
    after: Duration,
) {
    let mut text = String::new();
    let mut part = vec![0; 16 << 10];
    loop {
        let Ok(n) = stream.read(&mut part).await else { return };
        if n == 0 {
            return;
        }
        text.push_str(&String::from_utf8_lossy(&part[..n]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|l| {
            l.to_ascii_lowercase().strip_prefix("content-length: ").and_then(|n| n.parse().ok())
        });
        if body.len() >= length.unwrap_or(0) {
            break;
        }
    }
    let (status, body) = {
        let mut all = asked.lock().expect("requests");
        all.push(text.clone());
        answer(all.len(), &text)
    };
    tokio::time::sleep(after).await;
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
