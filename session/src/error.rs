//! Why there is no session, or none any more.

use std::fmt;

use crate::event::Message;
use crate::tls::TlsProblem;

/// What ended a connection, or the attempt to make one.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// The host's name has no address.
    Dns(String),
    /// Nothing listens at the address.
    Refused(String),
    /// The system says why there is no connection.
    Unreachable(String),
    /// The connection was not ready in time; the stage that it was in.
    Slow(Stage),
    /// TLS could not be agreed, or the certificate is not trusted.
    Tls(TlsProblem),
    /// One side wants TLS and the other does not have it.
    Encryption(&'static str),
    /// The server refused the login, in its own words.
    Login(Box<Message>),
    /// A Windows login cannot be made on our side, and how that is mended: no ticket, an account
    /// without domain, a build without the kind of login.
    Credentials(String),
    /// The login belongs to another server (MS-TDS 2.2.7.9, ENVCHANGE 20).
    Routing {
        /// Name or address of the other server.
        host: String,
        /// The TCP port of that server.
        port: u16,
    },
    /// The connection broke, or was closed.
    Lost(String),
    /// The server took no bytes for the write timeout.
    Stalled,
    /// What came is not what MS-TDS has in that place.
    Protocol(String),
    /// A parameter has no value that its type can hold; nothing was sent.
    Parameter {
        /// Its name, with its `@`.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The session cannot be used any more, and why.
    Unusable(&'static str),
}

/// What a connection that is being made was waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The name's address, and TCP.
    Connect,
    /// The answer to PRELOGIN (MS-TDS 2.2.6.5).
    Prelogin,
    /// The handshake of TLS.
    Tls,
    /// A Kerberos ticket for the server (RFC 4120).
    Ticket,
    /// The answer to LOGIN7 (MS-TDS 2.2.6.4).
    Login,
}

// === impl Error ===

impl Error {
    pub(crate) fn protocol(what: impl Into<String>) -> Self {
        Error::Protocol(what.into())
    }

    pub(crate) fn lost(e: &std::io::Error) -> Self {
        match e.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                Error::Lost("the server closed the connection".into())
            }
            _ => Error::Lost(e.to_string()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Dns(t)
            | Error::Refused(t)
            | Error::Unreachable(t)
            | Error::Credentials(t)
            | Error::Lost(t) => f.write_str(t),
            Error::Slow(stage) => f.write_str(match stage {
                Stage::Connect => "the server did not accept the connection in time",
                Stage::Prelogin => {
                    "the server accepted the connection and said nothing: it may be no SQL \
                     Server, or one that speaks another kind of TLS (database.encrypt)"
                }
                Stage::Tls => {
                    "the server did not answer the TLS handshake; where database.encrypt is \
                     strict, this is what one does that has only TDS 7 (before SQL Server 2022)"
                }
                Stage::Ticket => {
                    "no Kerberos ticket for the server came in time: look whether the KDC of the \
                     realm can be reached, and at KRB5_CONFIG (krb5.conf, [realms])"
                }
                Stage::Login => "the server did not answer the login in time",
            }),
            Error::Tls(p) => p.fmt(f),
            Error::Encryption(what) | Error::Unusable(what) => f.write_str(what),
            Error::Login(m) => write!(
                f,
                "{} (error {}, state {})",
                m.text.trim_end_matches('.'),
                m.number,
                m.state
            ),
            Error::Routing { host, port } => write!(f, "the login belongs to {host},{port}"),
            Error::Parameter { name, why } => write!(f, "{name}: {why}"),
            Error::Stalled => f.write_str("the server stopped reading what was sent to it"),
            Error::Protocol(what) => write!(f, "the server's answer cannot be read: {what}"),
        }
    }
}

impl std::error::Error for Error {}
