//! One JSON-RPC message per line over a pair of pipes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::McpService;
use crate::cancel::Why;
use crate::changes::Changes;
use crate::connection::{Connection, Serving};
use crate::encode::ServerInfo;
use crate::encoded::Encoded;
use crate::error::RpcError;
use crate::long_line::LongLine;

/// How a pair of pipes is served.
#[derive(Debug, Clone)]
pub struct Options {
    /// The longest line that is read, in bytes, without its newline.
    pub max_message: usize,
    /// How long calls in flight may go on after the end of the input or when the server stops.
    pub drain: Duration,
    /// Put into every request's context (the local principal).
    pub extensions: http::Extensions,
    /// What the server says of itself.
    pub info: ServerInfo,
    /// What changes, for those who ask to be told.
    pub changes: Changes,
}

/// What ends the serving beside the end of the input.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Reads no further; calls in flight may go on for the drain. Where they do already, because the
    /// input has ended, they are cancelled: whoever asks then kills soon.
    pub closing: CancellationToken,
    /// Cancels what runs, at once.
    pub now: CancellationToken,
    /// Nobody reads the output any more. A write that fails says the same, but there may be none.
    pub gone: CancellationToken,
}

/// Serves until the input or the output ends or `stop` says so; then waits for calls in flight, and
/// cancels what is left. Fails with what reading or writing failed with.
pub async fn serve<R, W>(
    service: McpService,
    mut input: R,
    output: W,
    options: Options,
    stop: Stop,
) -> io::Result<()>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (out, lines) = mpsc::channel(64);
    let gone = stop.gone.child_token();
    let stop = Stop { gone: gone.clone(), ..stop };
    let writer = tokio::spawn(async move {
        let written = write(output, lines).await;
        gone.cancel();
        written
    });
    let serving = Serving {
        transport: "stdio",
        service,
        info: options.info.clone(),
        // The person at this machine has all scopes: there is nobody to ask for more.
        challenge: Arc::new(|_| None),
        changes: options.changes.clone(),
        assumed: None,
    };
    let connection = Connection::new(serving, out, CancellationToken::new());
    let ended = any(stop.clone());
    let read = ended.run_until_cancelled(read(&connection, &options, &mut input)).await;
    drain(&connection, options.drain, &stop, read.is_some()).await;
    // The writer ends when nobody can write any more.
    drop(connection);
    let result = read.unwrap_or(Ok(()));
    match tokio::time::timeout(Duration::from_secs(1), writer).await {
        Ok(Ok(written)) => result.and(written),
        _ => result,
    }
}

/// Fires with the first of them: each message costs a look at one token instead of three.
fn any(stop: Stop) -> CancellationToken {
    let any = CancellationToken::new();
    let fired = any.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = stop.closing.cancelled() => {}
            () = stop.now.cancelled() => {}
            // The writer has ended, too: the task does not outlive what it is for.
            () = stop.gone.cancelled() => {}
        }
        fired.cancel();
    });
    any
}

/// Lets calls in flight go on for as long as they may, and ends what is left.
async fn drain(connection: &Connection, patience: Duration, stop: &Stop, input_ended: bool) {
    connection.tasks.close();
    let why = tokio::select! {
        biased;
        () = stop.gone.cancelled() => Why::Gone,
        () = connection.tasks.wait() => Why::Closing,
        () = stop.now.cancelled() => Why::Closing,
        () = stop.closing.cancelled(), if input_ended => Why::Closing,
        () = tokio::time::sleep(patience) => Why::Closing,
    };
    // Subscriptions end, too: nobody waits for them.
    connection.end(why);
    // A cancelled call ends by itself soon; the deadline is the backstop.
    let _ = tokio::time::timeout(Duration::from_secs(3), connection.tasks.wait()).await;
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
) -> io::Result<()> {
    let max = options.max_message;
    let mut line = Vec::new();
    // A line that is too long.
    let mut skipped: Option<LongLine> = None;
    loop {
        let chunk = input.fill_buf().await?;
        if chunk.is_empty() {
            // A last line without its newline is a line.
            if let Some(long) = skipped {
                refuse(connection, max, long).await;
            } else if !line.is_empty() {
                handle(connection, options, &line).await;
            }
            return Ok(());
        }
        let (taken, ended) = match chunk.iter().position(|b| *b == b'\n') {
            Some(at) => (at + 1, true),
            None => (chunk.len(), false),
        };
        let piece = &chunk[..taken - usize::from(ended)];
        match &mut skipped {
            None if line.len() + piece.len() > max => {
                let mut long = LongLine::default();
                long.skip(&std::mem::take(&mut line));
                long.skip(piece);
                skipped = Some(long);
            }
            None => line.extend_from_slice(piece),
            Some(long) => long.skip(piece),
        }
        input.consume(taken);
        if !ended {
            continue;
        }
        match skipped.take() {
            Some(long) => refuse(connection, max, long).await,
            None => handle(connection, options, &line).await,
        }
        line.clear();
    }
}

async fn refuse(connection: &Connection, max: usize, long: LongLine) {
    let bytes = long.bytes;
    tracing::warn!(bytes, max, "a line that is too long was skipped");
    let reason = format!("a message of {bytes} bytes; the limit is {max}");
    connection.send(&RpcError::invalid_request(&reason).echoing(long.id())).await;
}

async fn handle(connection: &Arc<Connection>, options: &Options, line: &[u8]) {
    if !line.trim_ascii().is_empty() {
        connection.handle(line, &options.extensions).await;
    }
}
