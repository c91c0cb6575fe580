//! Which of a name's addresses answers: a TCP connection to each, one after the other or all at
//! once, and the first that is made is kept.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::error::Error;

/// How long one attempt is alone before the next address is tried beside it (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);
/// The most addresses that are tried, as Microsoft's drivers have it.
const MOST: usize = 64;

/// Connects to a name. With `at_once` every address is tried at the same time, as is right for a
/// listener whose name has an address in each of several networks (MultiSubnetFailover).
pub(crate) async fn open(host: &str, port: u16, at_once: bool) -> Result<TcpStream, Error> {
    let no_address = |why: String| Error::Dns(format!("the name {host} has no address{why}"));
    let addresses =
        tokio::net::lookup_host((host, port)).await.map_err(|e| no_address(format!(": {e}")))?;
    let addresses = in_turn(addresses.collect());
    let stagger = if at_once { Duration::ZERO } else { STAGGER };
    match first(&addresses, stagger).await {
        Ok(tcp) => Ok(tcp),
        Err(None) => Err(no_address(String::new())),
        Err(Some((a, e))) => Err(match e.kind() {
            io::ErrorKind::ConnectionRefused => {
                Error::Refused(format!("nothing listens on {a} ({host}): connection refused"))
            }
            io::ErrorKind::TimedOut => Error::Unreachable(format!("{a} ({host}) does not answer")),
            _ => Error::Unreachable(format!("{a} ({host}): {e}")),
        }),
    }
}

/// The addresses in their order, but with both families by turns (RFC 8305 §4): one that is not
/// routed here does not hold up the other.
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (one, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|a| a.is_ipv6() == first_is_v6);
    let mut all = Vec::with_capacity(one.len() + other.len());
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    loop {
        match (one.next(), other.next()) {
            (None, None) => break,
            (a, b) => all.extend(a.into_iter().chain(b)),
        }
    }
    all.truncate(MOST);
    all
}

/// The first connection that is made; the other attempts are dropped. Where there is none, why the
/// last one failed.
async fn first(
    addresses: &[SocketAddr],
    stagger: Duration,
) -> Result<TcpStream, Option<(SocketAddr, io::Error)>> {
    let mut attempts = JoinSet::new();
    let mut last = None;
    for next in addresses.iter().copied() {
        attempts.spawn(async move { (next, TcpStream::connect(next).await) });
        let alone = tokio::time::timeout(stagger, attempts.join_next());
        // Where one has failed, the next one need not wait.
        match alone.await {
            Ok(Some(Ok((_, Ok(tcp))))) => return Ok(tcp),
            Ok(Some(Ok((a, Err(e))))) => last = Some((a, e)),
            _ => {}
        }
    }
    while let Some(done) = attempts.join_next().await {
        match done {
            Ok((_, Ok(tcp))) => return Ok(tcp),
            Ok((a, Err(e))) => last = Some((a, e)),
            Err(_) => {}
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// An address that keeps silent: its listener's queue is full, and packets beyond are dropped.
    async fn silent() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
        let listener = socket.listen(1).expect("listening");
        let at = listener.local_addr().expect("an address");
        let mut queued = Vec::new();
        let soon = Duration::from_millis(200);
        while let Ok(Ok(tcp)) = tokio::time::timeout(soon, TcpStream::connect(at)).await {
            queued.push(tcp);
        }
        (at, listener, queued)
    }

    async fn listening() -> (SocketAddr, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        (listener.local_addr().expect("an address"), listener)
    }

    #[tokio::test]
    async fn a_silent_address_does_not_hide_one_that_answers() {
        let (silent, _listener, _queue) = silent().await;
        let (there, _there) = listening().await;
        for (addresses, stagger) in [
            (vec![silent, there], Duration::ZERO),
            (vec![silent, there], STAGGER),
            (vec![there, silent], STAGGER),
            (vec![silent, silent, silent, there], Duration::ZERO),
        ] {
            let made = first(&addresses, stagger).await.expect("a connection");
            assert_eq!(made.peer_addr().expect("a peer"), there);
        }
    }

    #[tokio::test]
    async fn one_that_refuses_costs_no_time_and_all_that_refuse_are_an_error() {
        let (gone, listener) = listening().await;
        drop(listener);
        let (there, _there) = listening().await;
        // The stagger is longer than any test: only a refusal ends it.
        let long = Duration::from_secs(3600);
        assert!(first(&[gone, there], long).await.is_ok());
        let (a, e) = first(&[gone, gone], long).await.expect_err("refused").expect("why");
        assert_eq!((a, e.kind()), (gone, io::ErrorKind::ConnectionRefused));
        assert!(first(&[], long).await.is_err_and(|e| e.is_none()));
    }

    #[test]
    fn families_take_turns() {
        let v6 = |n: u16| SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, n], 1433));
        let v4 = |n: u8| SocketAddr::from(([10, 0, 0, n], 1433));
        let all = in_turn(vec![v6(1), v6(2), v6(3), v4(1)]);
        assert_eq!(all, [v6(1), v4(1), v6(2), v6(3)]);
        assert_eq!(in_turn((0..200).map(v4).collect()).len(), MOST);
    }
}
