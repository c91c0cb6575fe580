//! The sandbox's TLS: a certificate of its own, made at each start.

use std::io;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

/// TLS as the two versions of TDS have it, with one certificate.
pub(super) struct Acceptors {
    /// Inside PRELOGIN packets (TDS 7.4).
    pub(super) in_prelogin: TlsAcceptor,
    /// From the first byte on (TDS 8.0, "strict").
    pub(super) strict: TlsAcceptor,
    /// The certificate, which is self-signed, as PEM.
    pub(super) certificate: String,
}

/// `expires` is the last day of the certificate: year, month, day.
pub(super) fn acceptors(expires: Option<(i32, u8, u8)>) -> io::Result<Acceptors> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let mut params = rcgen::CertificateParams::new(names).map_err(io::Error::other)?;
    if let Some((year, month, day)) = expires {
        params.not_after = rcgen::date_time_ymd(year, month, day);
    }
    let signing_key = rcgen::KeyPair::generate().map_err(io::Error::other)?;
    let certificate = params.self_signed(&signing_key).map_err(io::Error::other)?;
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = |versions: &[&'static rustls::SupportedProtocolVersion]| {
        rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.clone_key())
            .map_err(io::Error::other)
    };
    // TLS 1.3 would send session tickets after the handshake, where TDS 7.4 expects none.
    let in_prelogin = config(&[&rustls::version::TLS12])?;
    let mut strict = config(&[&rustls::version::TLS12, &rustls::version::TLS13])?;
    strict.alpn_protocols = vec![b"tds/8.0".to_vec()];
    Ok(Acceptors {
        in_prelogin: TlsAcceptor::from(Arc::new(in_prelogin)),
        strict: TlsAcceptor::from(Arc::new(strict)),
        certificate: certificate.pem(),
    })
}
