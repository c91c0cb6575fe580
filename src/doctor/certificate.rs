//! The certificate that a server shows, whoever signed it: over plain TLS, or inside PRELOGIN
//! (MS-TDS 2.2.6.5), which is where TDS 7.4 has it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use x509_cert::der::Decode;

const PATIENCE: Duration = Duration::from_secs(10);
const PRELOGIN: u8 = 0x12;

/// Looks and does not judge: nothing is sent to a server that was only looked at.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        m: &[u8],
        c: &CertificateDer<'_>,
        d: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(m, c, d, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        m: &[u8],
        c: &CertificateDer<'_>,
        d: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(m, c, d, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// How TLS is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapped {
    Plain,
    /// As it is, for TDS 8.0.
    Strict,
    Prelogin,
}

/// Days until the certificate of `host` expires; negative once it has.
pub(crate) async fn days_left(
    host: &str,
    port: u16,
    how: Wrapped,
    patience: Duration,
) -> Result<i64, String> {
    let look = async {
        let mut tcp = TcpStream::connect((host, port)).await.map_err(|e| e.to_string())?;
        if how == Wrapped::Prelogin {
            prelogin(&mut tcp).await?;
        }
        shown(tcp, host, how).await
    };
    let certificate = tokio::time::timeout(PATIENCE.min(patience), look)
        .await
        .map_err(|_| "it took too long".to_owned())??;
    days_of(&certificate)
}

fn days_of(der: &[u8]) -> Result<i64, String> {
    let c = x509_cert::Certificate::from_der(der)
        .map_err(|e| format!("its certificate cannot be read: {e}"))?;
    let end = c.tbs_certificate().validity().not_after.to_unix_duration().as_secs() as i64;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
    Ok((end - now).div_euclid(24 * 3600))
}

/// Handshakes until the certificate is there.
async fn shown(mut tcp: TcpStream, host: &str, how: Wrapped) -> Result<Vec<u8>, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        .with_no_client_auth();
    if how == Wrapped::Strict {
        config.alpn_protocols = vec![b"tds/8.0".to_vec()];
    }
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| "its host is no name".to_owned())?;
    let mut tls = ClientConnection::new(Arc::new(config), name).map_err(|e| e.to_string())?;
    loop {
        let mut out = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut out).map_err(|e| e.to_string())?;
        }
        if !out.is_empty() {
            let bytes = if how == Wrapped::Prelogin { packet(&out) } else { out };
            tcp.write_all(&bytes).await.map_err(|e| e.to_string())?;
        }
        if let Some([first, ..]) = tls.peer_certificates() {
            return Ok(first.to_vec());
        }
        let read = if how == Wrapped::Prelogin {
            payload(&mut tcp).await?
        } else {
            some(&mut tcp).await?
        };
        let mut rest = read.as_slice();
        while !rest.is_empty() {
            tls.read_tls(&mut rest).map_err(|e| e.to_string())?;
            tls.process_new_packets().map_err(|e| format!("TLS: {e}"))?;
        }
    }
}

async fn some(tcp: &mut TcpStream) -> Result<Vec<u8>, String> {
    let mut b = vec![0; 16 << 10];
    let n = tcp.read(&mut b).await.map_err(|e| e.to_string())?;
    b.truncate(n);
    if b.is_empty() { Err("it closed the connection".into()) } else { Ok(b) }
}

/// Asks for encryption; an answer without it ends here.
async fn prelogin(tcp: &mut TcpStream) -> Result<(), String> {
    const ENCRYPTION: u8 = 1;
    // VERSION at 11 for 6 bytes, ENCRYPTION (on) at 17 for 1, and the end.
    let mut ask = vec![0, 0, 11, 0, 6, ENCRYPTION, 0, 17, 0, 1, 0xFF];
    ask.extend([0, 0, 0, 0, 0, 0, 1]);
    tcp.write_all(&packet(&ask)).await.map_err(|e| e.to_string())?;
    let answer = payload(tcp).await?;
    let option = answer.chunks_exact(5).take_while(|o| o[0] != 0xFF).find(|o| o[0] == ENCRYPTION);
    let at = option.map(|o| usize::from(u16::from_be_bytes([o[1], o[2]])));
    match at.and_then(|at| answer.get(at)) {
        // ENCRYPT_NOT_SUP
        Some(2) => Err("it has no encryption".into()),
        Some(_) => Ok(()),
        None => Err("its PRELOGIN answer cannot be read".into()),
    }
}

fn packet(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() + 8) as u16;
    let [high, low] = length.to_be_bytes();
    [&[PRELOGIN, 1, high, low, 0, 0, 0, 0], payload].concat()
}

async fn payload(tcp: &mut TcpStream) -> Result<Vec<u8>, String> {
    let mut head = [0; 8];
    tcp.read_exact(&mut head).await.map_err(|_| "it closed the connection".to_owned())?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let mut b = vec![0; length.saturating_sub(8)];
    tcp.read_exact(&mut b).await.map_err(|_| "it closed the connection".to_owned())?;
    Ok(b)
}
