//! Windows logins (SSPI, MS-TDS §2.2.6.8 and §2.2.7.22): tokens go back and forth until an acceptor
//! knows whose they are. The sandbox itself reads none of them.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_blocking;

use super::stream::Stream;
use crate::error::Error;
use crate::messages;
use crate::tds::token;
use crate::tds::wire::{self, kind, read_message};

/// The server's side of SSPI.
pub trait WindowsAcceptor: fmt::Debug + Send + Sync {
    /// A handshake of one login. It runs where it may block.
    fn begin(&self) -> Box<dyn WindowsHandshake>;
}

/// One handshake.
pub trait WindowsHandshake: Send {
    /// What follows from a client's token; why nothing does, which the client is not told. It runs
    /// where it may block.
    fn step(&mut self, token: &[u8]) -> Result<WindowsStep, String>;
}

/// What follows from a client's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowsStep {
    /// The client is sent this token, of 65,535 bytes at most, and has to answer.
    Continue(Vec<u8>),
    /// The client is known.
    Done {
        /// The last token, if the client needs one.
        token: Option<Vec<u8>>,
        /// The account's name, such as `CORP\ada`.
        name: String,
    },
}

/// Shakes hands with a client whose LOGIN7 brought `first`, in packets of `size` bytes; the name of
/// its account. A last token is a message of its own, and the answer to the login another one behind
/// it: clients read two messages then.
pub(super) async fn shake_hands(
    acceptor: Option<&Arc<dyn WindowsAcceptor>>,
    stream: &mut Stream,
    first: Bytes,
    size: usize,
) -> io::Result<Result<String, Error>> {
    let Some(acceptor) = acceptor else { return Ok(Err(messages::untrusted_domain())) };
    let mut handshake = None;
    let mut token = first;
    loop {
        let acceptor = acceptor.clone();
        let step = spawn_blocking(move || {
            let mut handshake = handshake.unwrap_or_else(|| acceptor.begin());
            (handshake.step(&token), handshake)
        });
        let (step, going_on) = step.await.map_err(io::Error::other)?;
        handshake = Some(going_on);
        match step {
            Ok(WindowsStep::Continue(answer)) => send(stream, &answer, size).await?,
            Ok(WindowsStep::Done { token, name }) => {
                if let Some(last) = token {
                    send(stream, &last, size).await?;
                }
                return Ok(Ok(name));
            }
            Err(why) => {
                tracing::debug!(why, "sandbox refused a Windows login");
                return Ok(Err(messages::untrusted_domain()));
            }
        }
        let Some(message) = read_message(stream).await? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        if message.kind != kind::SSPI {
            let kind = message.kind;
            let what = format!("a message of type {kind} where an SSPI message (17) is due");
            return Ok(Err(Error::unsupported(what)));
        }
        token = message.body.freeze();
    }
}

/// A message that is a token.
async fn send(stream: &mut Stream, token: &[u8], size: usize) -> io::Result<()> {
    let (mut tokens, mut out) = (BytesMut::new(), BytesMut::new());
    token::sspi(token, &mut tokens);
    wire::packets(&tokens, size, &mut 1, true, &mut out);
    stream.write_all(&out).await?;
    stream.flush().await
}
