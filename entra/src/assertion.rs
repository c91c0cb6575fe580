//! The assertion by which an application shows that it has its certificate's key (RFC 7523 §3;
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>).

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaKeyPair};
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

use crate::failure::Failure;
use crate::files;
use crate::token::now;

/// How long it is good for, in seconds: it is sent at once.
const LIFE: u64 = 300;

/// Signs one with the key of a PEM file, for a token endpoint. The file is read anew each time,
/// because certificates are renewed.
pub(crate) async fn signed(
    file: &Path,
    client: &str,
    url: &str,
    source: &'static str,
) -> Result<String, Failure> {
    let mend = "entra.certificate_file is a PEM file with the certificate and its RSA private key \
                (of a .pfx: openssl pkcs12 -in FILE.pfx -nodes -out FILE.pem)";
    let pem = files::small(file, source, mend).await?;
    let wrong = |why: &str| Failure::new(source, format!("{}: {why}", file.display()), mend);
    let certificate = CertificateDer::pem_slice_iter(pem.as_bytes()).next();
    let certificate = certificate
        .and_then(Result::ok)
        .ok_or_else(|| wrong("there is no certificate in the file"))?;
    let key = key_of(&pem)
        .ok_or_else(|| wrong("there is no RSA private key in the file, or it is encrypted"))?;
    let thumbprint = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &certificate));
    let mut id = [0; 16];
    rand::fill(&mut id).map_err(|_| wrong("there is no randomness"))?;
    let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint });
    let now = now();
    let claims = json!({
        "aud": url,
        "iss": client,
        "sub": client,
        "jti": URL_SAFE_NO_PAD.encode(id),
        "nbf": now,
        "iat": now,
        "exp": now + LIFE,
    });
    let part = |v: serde_json::Value| URL_SAFE_NO_PAD.encode(v.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    // A signature takes a millisecond or two: not on a thread that others wait for.
    let signing = tokio::task::spawn_blocking(move || {
        let mut signature = vec![0; key.public_modulus_len()];
        let random = SystemRandom::new();
        key.sign(&RSA_PSS_SHA256, &random, text.as_bytes(), &mut signature).ok()?;
        Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    });
    signing.await.ok().flatten().ok_or_else(|| wrong("its private key cannot sign"))
}

/// The private key of a PEM file (PKCS #8 or PKCS #1), which may stand before or behind the
/// certificate.
fn key_of(pem: &str) -> Option<RsaKeyPair> {
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()? {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
        _ => None,
    }
}
