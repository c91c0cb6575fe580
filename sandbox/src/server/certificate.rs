//! The sandbox's TLS: a certificate of its own, made at each start.

use std::io;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

/// An acceptor, and its self-signed certificate as PEM. `expires` is the last day of that: year,
/// month, day.
pub(super) fn acceptor(expires: Option<(i32, u8, u8)>) -> io::Result<(TlsAcceptor, String)> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let mut params = rcgen::CertificateParams::new(names).map_err(io::Error::other)?;
    if let Some((year, month, day)) = expires {
        params.not_after = rcgen::date_time_ymd(year, month, day);
    }
    let signing_key = rcgen::KeyPair::generate().map_err(io::Error::other)?;
    let certificate = params.self_signed(&signing_key).map_err(io::Error::other)?;
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    // TLS 1.3 would send session tickets after the handshake, where TDS 7.4 expects none.
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .map_err(io::Error::other)?;
    Ok((TlsAcceptor::from(Arc::new(config)), certificate.pem()))
}
