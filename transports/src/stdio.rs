//! One JSON-RPC message per line over a pair of pipes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::McpService;
use crate::cancel::Why;
use crate::connection::Connection;
use crate::encode::{Encoded, ServerInfo};
use crate::error::RpcError;

/// How a pair of pipes is served.
#[derive(Debug, Clone)]
pub struct Options {
    /// The longest line that is read, in bytes, without its newline.
    pub max_message: usize,
    /// How long calls in flight may go on after the end of input or a shutdown.
    pub drain: Duration,
    /// Put into every request's context (the local principal).
    pub extensions: http::Extensions,
    /// What the server says of itself.
    pub info: ServerInfo,
}

/// Serves until the input ends or `shutdown` fires; then waits for calls in flight, and cancels
/// what is left. Fails with what reading or writing failed with.
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
    let connection = Connection::new(
        "stdio",
        service,
        options.info.clone(),
        out,
        // The person at this machine has all scopes: there is nobody to ask for more.
        Arc::new(|_| None),
        CancellationToken::new(),
    );
    let result = read(&connection, &options, &mut input, &shutdown).await;
    connection.tasks.close();
    let drained = tokio::time::timeout(options.drain, connection.tasks.wait()).await;
    // Subscriptions end, too: nobody waits for them.
    connection.end(Why::Closing);
    if drained.is_err() {
        // A cancelled call ends by itself soon; the deadline is the backstop.
        let _ = tokio::time::timeout(Duration::from_secs(3), connection.tasks.wait()).await;
    }
    // The writer ends when nobody can write any more.
    drop(connection);
    match tokio::time::timeout(Duration::from_secs(1), writer).await {
        Ok(Ok(written)) => result.and(written),
        _ => result,
    }
}

async fn write<W: AsyncWrite + Unpin>(
    mut output: W,
    mut lines: mpsc::Receiver<Encoded>,
) -> io::Result<()> {
    while let Some(mut message) = lines.recv().await {
        if message.is_small() {
            output.write_all(&message.into_bytes_between(b"", b"\n")).await?;
        } else {
            while let Some(piece) = message.next_piece() {
                output.write_all(&piece).await?;
            }
            output.write_all(b"\n").await?;
        }
        output.flush().await?;
    }
    Ok(())
}

async fn read<R: AsyncBufRead + Unpin>(
    connection: &Arc<Connection>,
    options: &Options,
    input: &mut R,
    shutdown: &CancellationToken,
) -> io::Result<()> {
    let max = options.max_message;
    let mut line = Vec::new();
    // The bytes of a line that is too long, while it is skipped.
    let mut skipped: Option<usize> = None;
    loop {
        let chunk = tokio::select! {
            chunk = input.fill_buf() => chunk?,
            () = shutdown.cancelled() => return Ok(()),
        };
        if chunk.is_empty() {
            // A last line without its newline is a line.
            if !line.is_empty() {
                handle(connection, options, &line).await;
            }
            return Ok(());
        }
        let (taken, ended) = match chunk.iter().position(|b| *b == b'\n') {
            Some(at) => (at + 1, true),
            None => (chunk.len(), false),
        };
        // One more for the newline.
        match skipped {
            None if line.len() + taken > max + 1 => {
                skipped = Some(line.len() + taken);
                line = Vec::new();
            }
            None => line.extend_from_slice(&chunk[..taken]),
            Some(bytes) => skipped = Some(bytes + taken),
        }
        input.consume(taken);
        if !ended {
            continue;
        }
        if let Some(bytes) = skipped.take() {
            let bytes = bytes - 1;
            tracing::warn!(bytes, max, "a line that is too long was skipped");
            let reason = format!("a message of {bytes} bytes; the limit is {max}");
            connection.send(&RpcError::invalid_request(&reason).answer(None)).await;
        } else {
            handle(connection, options, &line).await;
        }
        line.clear();
    }
}

async fn handle(connection: &Arc<Connection>, options: &Options, line: &[u8]) {
    if !line.trim_ascii().is_empty() {
        connection.handle(line, &options.extensions).await;
    }
}
