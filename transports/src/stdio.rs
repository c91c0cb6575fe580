//! One JSON-RPC message per line over a pair of pipes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::McpService;
use crate::connection::{Connection, Told};
use crate::encode::{Encoded, ServerInfo, error};
use crate::jsonrpc::INVALID_REQUEST;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// The longest line that is read.
    pub max_message: usize,
    /// How long calls in flight may go on after the end of input or a shutdown.
    pub drain: Duration,
    /// Put into every request's context (the local principal).
    pub extensions: http::Extensions,
    /// This server.
    pub info: ServerInfo,
}

/// Serves until the input ends or `shutdown` fires; then waits for calls in flight, and
/// cancels what is left.
pub async fn serve<R, W>(
    service: McpService,
    mut input: R,
    output: W,
    options: Options,
    shutdown: CancellationToken,
) -> io::Result<()>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (out, lines) = mpsc::channel(64);
    let writer = tokio::spawn(write(output, lines));
    let drain = options.drain;
    // The person at this machine has all scopes: there is nobody to ask for more.
    let told: Told = Arc::new(|_| None);
    let shared = Connection::new(
        "stdio",
        service,
        options.info.clone(),
        out,
        told,
        CancellationToken::new(),
    );
    let result = read(&shared, &options, &mut input, &shutdown).await;
    shared.tasks.close();
    if tokio::time::timeout(drain, shared.tasks.wait()).await.is_err() {
        shared.stop.cancel();
        // A cancelled call ends by itself soon; the deadline is the backstop.
        let _ = tokio::time::timeout(Duration::from_secs(3), shared.tasks.wait()).await;
    }
    drop(shared);
    match tokio::time::timeout(Duration::from_secs(1), writer).await {
        Ok(Ok(w)) => result.and(w),
        _ => result,
    }
}

async fn write<W: AsyncWrite + Unpin>(
    mut output: W,
    mut lines: mpsc::Receiver<Encoded>,
) -> io::Result<()> {
    while let Some(mut e) = lines.recv().await {
        if e.rough_len() <= 64 << 10 {
            let mut line = BytesMut::from(&e.into_bytes()[..]);
            line.extend_from_slice(b"\n");
            output.write_all(&line).await?;
        } else {
            while let Some(piece) = e.next_piece() {
                output.write_all(&piece).await?;
            }
            output.write_all(b"\n").await?;
        }
        output.flush().await?;
    }
    Ok(())
}

async fn read<R: AsyncBufRead + Unpin>(
    shared: &Arc<Connection>,
    options: &Options,
    input: &mut R,
    shutdown: &CancellationToken,
) -> io::Result<()> {
    let max = options.max_message;
    let mut line = Vec::new();
    let mut too_long = 0usize;
    loop {
        let chunk = tokio::select! {
            c = input.fill_buf() => c?,
            () = shutdown.cancelled() => return Ok(()),
        };
        if chunk.is_empty() {
            // A last line without its newline is a line.
            if !line.is_empty() {
                handle(shared, options, &line).await;
            }
            return Ok(());
        }
        let (taken, ended) = match chunk.iter().position(|b| *b == b'\n') {
            Some(i) => (i + 1, true),
            None => (chunk.len(), false),
        };
        if too_long == 0 && line.len() + taken > max + 1 {
            too_long = line.len();
            line = Vec::new();
        }
        if too_long > 0 {
            too_long += taken;
        } else {
            line.extend_from_slice(&chunk[..taken]);
        }
        input.consume(taken);
        if !ended {
            continue;
        }
        if too_long > 0 {
            tracing::warn!(bytes = too_long, max, "a line that is too long was skipped");
            let text =
                format!("Invalid Request: a message of {too_long} bytes; the limit is {max}");
            shared.send(&error(None, INVALID_REQUEST, &text, None)).await;
            too_long = 0;
        } else {
            handle(shared, options, &line).await;
        }
        line.clear();
    }
}

async fn handle(shared: &Arc<Connection>, options: &Options, line: &[u8]) {
    if !line.trim_ascii().is_empty() {
        shared.handle(line, &options.extensions).await;
    }
}
