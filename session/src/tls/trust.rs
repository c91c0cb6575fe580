//! Whose certificates are taken. A certificate that was given is trusted as an authority and, byte
//! for byte, as the server's own: SQL Server makes one for itself that no authority has signed.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};

use super::TlsProblem;
use crate::error::Error;

/// Whose certificates a server may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Those of the authorities that the system trusts.
    System,
    /// Those of these authorities, or these very certificates: PEM, or one in DER.
    These(Vec<u8>),
    /// Any, which protects from listeners alone.
    Anyone,
}

/// What asks about a certificate. Signatures of the handshake are always checked.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// None where no authority can be used, or none is asked.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    exact: Vec<CertificateDer<'static>>,
    anyone: bool,
}

// === impl Trust ===

impl Trust {
    pub(super) fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        let mut roots = RootCertStore::empty();
        let mut exact = Vec::new();
        match self {
            Trust::System => {
                // What cannot be read of the system's store is not trusted.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            Trust::These(given) => {
                exact = certificates(given)?;
                // One that is no authority, or of version 1, can still be the server's own.
                roots.add_parsable_certificates(exact.iter().cloned());
            }
            Trust::Anyone => {}
        }
        let authorities = (!roots.is_empty())
            .then(|| {
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                    .build()
            })
            .transpose()
            .map_err(|e| Error::Tls(TlsProblem::Other(e.to_string())))?;
        let anyone = *self == Trust::Anyone;
        Ok(Arc::new(Verifier { provider, authorities, exact, anyone }))
    }
}

fn certificates(given: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let none = || Error::Tls(TlsProblem::NothingToTrust);
    // A SEQUENCE with a length of two bytes, which no text begins with.
    if given.starts_with(&[0x30, 0x82]) {
        return Ok(vec![CertificateDer::from(given.to_vec())]);
    }
    let all: Vec<_> =
        CertificateDer::pem_slice_iter(given).collect::<Result<_, _>>().map_err(|_| none())?;
    if all.is_empty() { Err(none()) } else { Ok(all) }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        // Neither name nor dates of a certificate that was given as a whole say more than it does.
        if self.anyone || self.exact.iter().any(|c| c.as_ref() == end_entity.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.authorities {
            Some(a) => a.verify_server_cert(end_entity, intermediates, name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_certificate_is_said() {
        for bad in [&b""[..], b"-----BEGIN CERTIFICATE-----\n", b"no PEM"] {
            let e = certificates(bad).expect_err("no certificate");
            assert_eq!(e, Error::Tls(TlsProblem::NothingToTrust));
        }
    }

    #[test]
    fn pem_and_der_are_both_read() {
        let made = rcgen::generate_simple_self_signed(vec!["db".into()]).expect("a certificate");
        let der = certificates(made.cert.der()).expect("DER");
        assert_eq!(der, certificates(made.cert.pem().as_bytes()).expect("PEM"));
    }
}
