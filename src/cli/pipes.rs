//! Standard input and output, waited for as connections are. Clients give a pair of pipes or (those
//! made with Node) of sockets, and then no thread stands between them and a call: each would be two
//! wake-ups more. Files and terminals cannot be waited for; tokio's threads read and write those.

use tokio::io::{AsyncRead, AsyncWrite};

/// What stdin is read from.
pub(crate) type Input = Box<dyn AsyncRead + Send + Unpin>;
/// What writes to stdout.
pub(crate) type Output = Box<dyn AsyncWrite + Send + Unpin>;

pub(crate) fn stdin() -> Input {
    #[cfg(unix)]
    if let Some(ready) = waited_for::input() {
        return ready;
    }
    Box::new(tokio::io::stdin())
}

pub(crate) fn stdout() -> Output {
    #[cfg(unix)]
    if let Some(ready) = waited_for::output() {
        return ready;
    }
    Box::new(tokio::io::stdout())
}

/// Waits until nobody reads stdout any more; for ever where that cannot be seen but by writing.
pub(crate) async fn unread() {
    #[cfg(unix)]
    if let Some(pipe) = waited_for::pipe_out() {
        waited_for::unread(&pipe).await;
        return;
    }
    std::future::pending().await
}

#[cfg(unix)]
mod waited_for {
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixStream as Blocking;

    use tokio::io::Interest;
    use tokio::net::UnixStream;
    use tokio::net::unix::pipe::{OpenOptions, Sender};

    use super::{Input, Output};

    /// None where it is neither a pipe nor a socket that is ours. A pipe is opened once more: made
    /// non-blocking, it would be that for everybody who has it.
    pub(super) fn input() -> Option<Input> {
        if let Ok(pipe) = OpenOptions::new().open_receiver("/proc/self/fd/0") {
            return Some(Box::new(pipe));
        }
        socket(io::stdin(), io::stderr()).map(|s| Box::new(s) as Input)
    }

    pub(super) fn output() -> Option<Output> {
        if let Some(pipe) = pipe_out() {
            return Some(Box::new(pipe));
        }
        socket(io::stdout(), io::stderr()).map(|s| Box::new(s) as Output)
    }

    pub(super) fn pipe_out() -> Option<Sender> {
        OpenOptions::new().open_sender("/proc/self/fd/1").ok()
    }

    /// Waits until the other end of a pipe is closed; for ever where that cannot be waited for.
    pub(super) async fn unread(pipe: &Sender) {
        if pipe.ready(Interest::ERROR).await.is_err() {
            std::future::pending().await
        }
    }

    /// A socket cannot be opened again. Whoever makes a pair of them for a process gives it one end
    /// for itself, unless it is that of the log, too, which does not expect to be told to wait.
    pub(super) fn socket(stream: impl AsFd, log: impl AsFd) -> Option<UnixStream> {
        let same = identity(own(&stream)?) == identity(own(&log)?);
        let stream = Blocking::from(own(&stream)?);
        // Fails for what is no socket of this family.
        stream.local_addr().ok()?;
        if same {
            return None;
        }
        stream.set_nonblocking(true).ok()?;
        UnixStream::from_std(stream).ok()
    }

    fn own(fd: &impl AsFd) -> Option<OwnedFd> {
        fd.as_fd().try_clone_to_owned().ok()
    }

    fn identity(fd: OwnedFd) -> Option<(u64, u64)> {
        File::from(fd).metadata().ok().map(|m| (m.dev(), m.ino()))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::waited_for::{socket, unread};

    #[tokio::test]
    async fn a_socket_is_waited_for() {
        const MANY: usize = 1 << 20;
        let (mut here, there) = UnixStream::pair().expect("sockets");
        let log = File::open("/dev/null").expect("a file");
        let mut stream = socket(&there, &log).expect("a socket");
        let reading = tokio::spawn(async move {
            let mut byte = [0];
            stream.read_exact(&mut byte).await.expect("a byte");
            stream.write_all(&vec![byte[0]; MANY]).await.expect("more than a socket holds");
        });
        tokio::task::yield_now().await;
        here.write_all(b"x").expect("written");
        let mut back = socket(&here, &log).expect("a socket");
        let mut all = vec![0; MANY];
        back.read_exact(&mut all).await.expect("all of it");
        reading.await.expect("no panic");
        assert!(all.iter().all(|b| *b == b'x'));
    }

    #[tokio::test]
    async fn it_is_seen_that_nobody_reads_a_pipe() {
        let (mut sender, receiver) = tokio::net::unix::pipe::pipe().expect("a pipe");
        let short = std::time::Duration::from_millis(50);
        let still = tokio::time::timeout(short, unread(&sender)).await;
        assert!(still.is_err(), "somebody may read");
        sender.write_all(b"x").await.expect("written");
        let still = tokio::time::timeout(short, unread(&sender)).await;
        assert!(still.is_err(), "somebody may read");
        drop(receiver);
        unread(&sender).await;
    }

    #[tokio::test]
    async fn what_the_log_has_too_and_what_is_no_socket_stay_as_they_are() {
        let (_here, there) = UnixStream::pair().expect("sockets");
        let again = there.try_clone().expect("a socket");
        assert!(socket(&there, &again).is_none());
        let file = File::open("/dev/null").expect("a file");
        assert!(socket(&file, &there).is_none());
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        assert!(socket(&tcp, &file).is_none());
    }
}
