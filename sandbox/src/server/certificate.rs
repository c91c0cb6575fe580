//! The sandbox's TLS: a certificate of its own, made at each start.

use std::io;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

use super::options::Options;

/// TLS as the two versions of TDS have it, with one certificate.
pub(super) struct Acceptors {
    /// Inside PRELOGIN packets (TDS 7.4).
    pub(super) in_prelogin: TlsAcceptor,
    /// From the first byte on (TDS 8.0, "strict").
    pub(super) strict: TlsAcceptor,
    /// The certificate, which is self-signed, as PEM.
    pub(super) certificate: String,
}

/// The names where the options have none.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// With the names and the last day of the certificate that the options say.
pub(super) fn acceptors(options: &Options) -> io::Result<Acceptors> {
    let names = match options.certificate_names.as_slice() {
        [] => NAMES.map(str::to_owned).to_vec(),
        given => given.to_vec(),
    };
    let mut params = rcgen::CertificateParams::new(names).map_err(io::Error::other)?;
    if let Some((year, month, day)) = options.expires {
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
