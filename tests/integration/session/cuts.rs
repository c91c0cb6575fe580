//! Connections that break at every byte, and such as give a byte at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mssql_mcp::database::DbError;
use mssql_mcp::database::run::Mode;
use mssql_mcp_sandbox::{Options, Sandbox};
use mssql_mcp_session::{Encrypt, Error, Session, Target, Tls, Trust};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::{rows, target};
use crate::support::{Lab, PATIENCE};

/// No more than this stands in the way: to the client and to the server.
#[derive(Debug, Clone, Copy)]
struct Limits {
    down: usize,
    up: usize,
    /// Bytes that are passed on at once.
    piece: usize,
}

const WHOLE: Limits = Limits { down: usize::MAX, up: usize::MAX, piece: usize::MAX };

/// Stands in front of a sandbox.
struct Relay {
    port: u16,
    limits: Arc<std::sync::Mutex<Limits>>,
    /// Bytes that went to the client and to the server.
    passed: Arc<[AtomicUsize; 2]>,
}

impl Relay {
    async fn new(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let limits = Arc::new(std::sync::Mutex::new(WHOLE));
        let passed = Arc::<[AtomicUsize; 2]>::default();
        let (at, count) = (limits.clone(), passed.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let limits = *at.lock().expect("limits");
                tokio::spawn(carry(client, to, limits, count.clone()));
            }
        });
        Self { port, limits, passed }
    }

    fn set(&self, limits: Limits) {
        *self.limits.lock().expect("limits") = limits;
        self.passed.iter().for_each(|n| n.store(0, Ordering::Relaxed));
    }

    fn passed(&self, which: usize) -> usize {
        self.passed[which].load(Ordering::Relaxed)
    }
}

async fn carry(client: TcpStream, to: SocketAddr, limits: Limits, passed: Arc<[AtomicUsize; 2]>) {
    let server = TcpStream::connect(to).await.expect("the sandbox");
    for tcp in [&client, &server] {
        tcp.set_nodelay(true).expect("a socket");
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pass(from_server, to_client, limits.down, limits.piece, &passed[0]) => (),
        () = pass(from_client, to_server, limits.up, limits.piece, &passed[1]) => (),
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut left: usize,
    piece: usize,
    passed: &AtomicUsize,
) {
    let mut some = [0; 4096];
    loop {
        let n = from.read(&mut some).await.unwrap_or(0).min(left);
        if n == 0 {
            return;
        }
        for bytes in some[..n].chunks(piece.min(4096)) {
            if to.write_all(bytes).await.is_err() {
                return;
            }
        }
        passed.fetch_add(n, Ordering::Relaxed);
        left -= n;
        if left == 0 {
            // What was passed on is read before the end.
            let _ = to.shutdown().await;
            return;
        }
    }
}

fn tls(sandbox: &Sandbox, encrypt: Encrypt) -> Tls {
    let trust = Trust::These(sandbox.certificate().as_bytes().to_vec());
    Tls::new(encrypt, &trust, None).expect("TLS")
}

/// A login, and a query with a long cell and a number; never longer than anybody's patience.
async fn ask(target: &Target) -> Result<String, Error> {
    let work = async {
        let mut session = Session::connect(target).await?;
        rows(&mut session, "SELECT N'日' AS a, 7 AS n; PRINT 'so'").await
    };
    tokio::time::timeout(PATIENCE, work).await.expect("no hang")
}

const ANSWER: &str = "[\"日\",7]";

async fn cut_everywhere(encrypt: Encrypt, step: usize) {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let relay = Relay::new(sandbox.address()).await;
    let mut target = target(relay.port, tls(&sandbox, encrypt));
    target.connect_timeout = Duration::from_secs(600);
    assert_eq!(ask(&target).await.as_deref(), Ok(ANSWER));
    let whole = [relay.passed(0), relay.passed(1)];
    for (which, whole) in whole.into_iter().enumerate() {
        // The last bytes may be those with which TLS says that it ends.
        for n in (1..whole - 40).step_by(step) {
            relay.set(match which {
                0 => Limits { down: n, ..WHOLE },
                _ => Limits { up: n, ..WHOLE },
            });
            let cut = ask(&target).await.expect_err("it was cut");
            assert!(
                matches!(cut, Error::Lost(_) | Error::Tls(_)),
                "{encrypt:?}, {n} of {whole}: {cut:?}"
            );
            let said = cut.to_string();
            assert!(
                said.contains("closed the connection")
                    || said.contains("ended the connection")
                    || said.contains("reset")
                    || said.contains("does not answer with TLS"),
                "{said}"
            );
        }
    }
    relay.set(WHOLE);
    assert_eq!(ask(&target).await.as_deref(), Ok(ANSWER));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_at_any_byte_is_told_as_that() {
    cut_everywhere(Encrypt::Off, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_one_within_tls() {
    cut_everywhere(Encrypt::On, 7).await;
    cut_everywhere(Encrypt::Strict, 23).await;
    cut_everywhere(Encrypt::LoginOnly, 29).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_at_a_time_is_the_same_answer() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let relay = Relay::new(sandbox.address()).await;
    sandbox.faults(|f| f.write_size = Some(1));
    relay.set(Limits { piece: 1, ..WHOLE });
    for encrypt in [Encrypt::Off, Encrypt::LoginOnly, Encrypt::On, Encrypt::Strict] {
        let target = target(relay.port, tls(&sandbox, encrypt));
        assert_eq!(ask(&target).await.as_deref(), Ok(ANSWER), "{encrypt:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_anywhere_is_no_answer_and_the_next_call_is_fine() {
    let lab = Lab::new(&[("pool.max_size", "1")]).await;
    let text = "SELECT OrderId FROM sales.Orders WHERE OrderId <= 3; PRINT 'so'";
    let call = async || {
        let limits = lab.limits();
        let work = lab.app.database.run(text.into(), Mode::Read, &limits);
        tokio::time::timeout(PATIENCE, work).await.expect("no hang")
    };
    let own = call().await.expect("an answer").results.concat();
    let shown = String::from_utf8_lossy(&own).into_owned();
    assert!(shown.contains("[[1],[2],[3]]"), "{shown}");
    let mut lost = 0;
    for n in 0.. {
        lab.sandbox.faults(|f| f.cut_answer_at = Some(n));
        let answer = call().await;
        lab.sandbox.faults(|f| f.cut_answer_at = None);
        match answer {
            Err(f) => assert!(matches!(f.error, DbError::Lost(_)), "{n}: {:?}", f.error),
            Ok(whole) => {
                assert_eq!(whole.results.concat(), own, "{n}");
                break;
            }
        }
        lost += 1;
        assert_eq!(call().await.expect("the next call").results.concat(), own, "{n}");
    }
    assert!(lost > 100, "{lost} bytes");
    let change = Mode::Change;
    lab.sandbox.faults(|f| f.cut_answer_at = Some(20));
    let limits = lab.limits();
    let failed = lab.app.database.run(text.into(), change, &limits).await.expect_err("cut");
    assert!(matches!(failed.error, DbError::Lost(_)), "{failed:?}");
    let rows = serde_json::from_slice::<Value>(&own).expect("JSON")[0]["rows"].clone();
    assert_eq!(rows, json!([[1], [2], [3]]));
}
