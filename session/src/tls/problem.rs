//! What can be wrong with TLS or a certificate, in words that say what to set.

use std::fmt;

use rustls::{AlertDescription, CertificateError, Error};

/// Why there is no TLS with a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsProblem {
    /// Nobody who is trusted has signed the certificate.
    Untrusted,
    /// It is not signed by what it says.
    Signature,
    /// It is for other names than this one.
    Name(String),
    /// This can be no name of a certificate.
    NoName(String),
    /// Its time is over, or it was revoked.
    Expired,
    /// Its time has not begun.
    Early,
    /// It is an authority's own.
    Authority,
    /// It is not for servers.
    Purpose,
    /// It is not X.509 of version 3.
    Unreadable,
    /// What was given to be trusted holds no certificate.
    NothingToTrust,
    /// There is no version or cipher in common.
    Incompatible,
    /// The server closed the connection in the handshake.
    Ended,
    /// It closed the connection where TLS comes first.
    EndedStrict,
    /// Anything else, as the TLS library has it.
    Other(String),
}

// === impl TlsProblem ===

impl TlsProblem {
    pub(crate) fn of(e: &Error) -> Self {
        match e {
            Error::InvalidCertificate(c) => Self::of_certificate(c),
            Error::AlertReceived(
                AlertDescription::HandshakeFailure
                | AlertDescription::ProtocolVersion
                | AlertDescription::InsufficientSecurity
                | AlertDescription::NoApplicationProtocol,
            )
            | Error::PeerIncompatible(_)
            | Error::NoApplicationProtocol => TlsProblem::Incompatible,
            Error::NoCertificatesPresented => TlsProblem::Ended,
            Error::InvalidMessage(_) => TlsProblem::EndedStrict,
            other => TlsProblem::Other(other.to_string()),
        }
    }

    fn of_certificate(c: &CertificateError) -> Self {
        use CertificateError as C;
        match c {
            C::UnknownIssuer => TlsProblem::Untrusted,
            C::BadSignature
            | C::UnsupportedSignatureAlgorithmContext { .. }
            | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => TlsProblem::Signature,
            C::NotValidForName | C::NotValidForNameContext { .. } => {
                TlsProblem::Name(String::new())
            }
            C::Expired | C::ExpiredContext { .. } | C::Revoked => TlsProblem::Expired,
            C::NotValidYet | C::NotValidYetContext { .. } => TlsProblem::Early,
            C::InvalidPurpose | C::InvalidPurposeContext { .. } => TlsProblem::Purpose,
            C::BadEncoding | C::UnhandledCriticalExtension => TlsProblem::Unreadable,
            // The verifier has no kind of its own for these two.
            C::Other(e) if e.to_string().contains("CaUsedAsEndEntity") => TlsProblem::Authority,
            C::Other(e) if e.to_string().contains("Version") => TlsProblem::Unreadable,
            other => TlsProblem::Other(other.to_string()),
        }
    }

    /// With the name that was asked for, where it belongs into the text.
    pub(crate) fn about(self, host: &str) -> Self {
        match self {
            TlsProblem::Name(_) => TlsProblem::Name(host.to_owned()),
            other => other,
        }
    }
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TlsProblem::Name(host) => {
                return write!(
                    f,
                    "its certificate is for another name than {host}; connect by a name that it \
                     has, or set database.certificate_host to one"
                );
            }
            TlsProblem::NoName(host) => {
                return write!(
                    f,
                    "{host} can be no name of a certificate; set database.certificate_host to one"
                );
            }
            TlsProblem::Other(e) => return write!(f, "the handshake failed: {e}"),
            TlsProblem::Untrusted => {
                "its certificate is signed by an authority that is not trusted here, or by \
                 itself; database.ca_file (MSSQL_CA_FILE) names an authority, or that very \
                 certificate, to trust"
            }
            TlsProblem::Signature => {
                "its certificate is not signed by the authority that it names; database.ca_file \
                 (MSSQL_CA_FILE) names one to trust"
            }
            TlsProblem::Expired => "its certificate has expired, or was revoked",
            TlsProblem::Early => "its certificate is not valid yet; the clocks may differ",
            TlsProblem::Authority => {
                "its certificate is that of an authority (basicConstraints CA:TRUE); put that very \
                 certificate into database.ca_file (MSSQL_CA_FILE), or make one with CA:FALSE"
            }
            TlsProblem::Purpose => {
                "its certificate is not for servers (extendedKeyUsage serverAuth)"
            }
            TlsProblem::Unreadable => {
                "its certificate cannot be read; one of version 3 (X.509) is needed, or put that \
                 very certificate into database.ca_file (MSSQL_CA_FILE)"
            }
            TlsProblem::NothingToTrust => {
                "database.ca_file (MSSQL_CA_FILE) holds no certificate in PEM"
            }
            TlsProblem::Incompatible => {
                "it offers no version of TLS from 1.2 on that both sides know"
            }
            TlsProblem::Ended => {
                "it ended the connection in the handshake; it may have no certificate, or no TLS \
                 from 1.2 on"
            }
            TlsProblem::EndedStrict => {
                "it does not answer with TLS; database.encrypt (MSSQL_ENCRYPT) is strict, which \
                 SQL Server 2022 and Azure SQL alone speak"
            }
        })
    }
}
