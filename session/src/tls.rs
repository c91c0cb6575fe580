//! Which TLS a connection has, and whom it trusts. One [`Tls`] is made for a database and shared
//! by all its connections.

mod problem;
mod trust;

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, version};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use self::problem::TlsProblem;
pub use self::trust::Trust;
use crate::error::Error;
use crate::wire::{Prelogged, Wire};

/// When a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encrypt {
    /// Always, from PRELOGIN on: TLS 1.2 within TDS 7.4 (MS-TDS 2.2.6.5).
    On,
    /// Always, before any TDS: TLS 1.2 or 1.3, as TDS 8.0 has it.
    Strict,
    /// For LOGIN7 alone, unless the server demands more.
    LoginOnly,
    /// Never, not even for the password.
    Off,
}

/// TLS as a client of one server does it. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Tls {
    encrypt: Encrypt,
    config: Option<Arc<ClientConfig>>,
    /// The name that the certificate must have, where it is not the host's.
    name: Option<String>,
}

// === impl Tls ===

impl Tls {
    /// Reads the certificates to trust, which may take some milliseconds; `name` is the one that
    /// the certificate must have, where it is not the host's.
    pub fn new(encrypt: Encrypt, trust: &Trust, name: Option<String>) -> Result<Self, Error> {
        if encrypt == Encrypt::Off {
            return Ok(Self::off());
        }
        let strict = encrypt == Encrypt::Strict;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        // Session tickets of TLS 1.3 arrive where TDS 7.4 expects its own packets.
        let versions: &[_] =
            if strict { &[&version::TLS13, &version::TLS12] } else { &[&version::TLS12] };
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .map_err(|e| Error::Tls(TlsProblem::of(&e)))?;
        let mut config = builder
            .dangerous()
            .with_custom_certificate_verifier(trust.verifier(provider, name.is_some())?)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        if strict {
            config.alpn_protocols = vec![b"tds/8.0".to_vec()];
        }
        Ok(Self { encrypt, config: Some(Arc::new(config)), name })
    }

    /// A connection that is not encrypted.
    pub fn off() -> Self {
        Self { encrypt: Encrypt::Off, config: None, name: None }
    }

    /// When connections are encrypted.
    pub(crate) fn encrypt(&self) -> Encrypt {
        self.encrypt
    }

    /// The handshake; `tds` wraps it in PRELOGIN packets (MS-TDS 2.2.6.5), as TDS 7.4 does.
    pub(crate) async fn handshake(
        &self,
        tcp: TcpStream,
        host: &str,
        tds: bool,
    ) -> Result<Wire, Error> {
        let Some(config) = &self.config else { return Ok(Wire::Plain(tcp)) };
        let host = self.name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::Tls(TlsProblem::NoName(host.to_owned())))?;
        let stream = if tds { Prelogged::wrapping(tcp) } else { Prelogged::raw(tcp) };
        let connected = TlsConnector::from(config.clone()).connect(name, stream).await;
        let mut tls = connected.map_err(|e| {
            let problem = match e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
                Some(rustls::Error::InvalidMessage(_)) if self.encrypt != Encrypt::Strict => {
                    TlsProblem::Ended
                }
                Some(e) => TlsProblem::of(e),
                None if self.encrypt == Encrypt::Strict => TlsProblem::EndedStrict,
                None => TlsProblem::Ended,
            };
            Error::Tls(problem.about(host))
        })?;
        tls.get_mut().0.unwrap_packets();
        Ok(Wire::Tls(Box::new(tls)))
    }
}
