//! What fails around the server: its collector, the way to its database, the database
//! itself, and its configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use mssql_mcp_sandbox::error::Error;
use mssql_mcp_sandbox::{Attention, Sandbox};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::books::{World, scrape, total};
use super::clients::Dice;
use crate::support::{PATIENCE, signal};

/// A collector that behaves as it is told, and counts what it took.
#[derive(Default)]
pub struct Collector {
    pub mode: AtomicU8,
    pub spans: AtomicU64,
    pub logs: AtomicU64,
}

pub const TAKES: u8 = 0;
const MODES: [&str; 5] = [
    "takes",
    "collector resets",
    "collector hangs",
    "collector answers garbage",
    "collector refuses",
];

impl Collector {
    pub async fn start() -> (Arc<Self>, SocketAddr) {
        let me = Arc::new(Self::default());
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = tcp.local_addr().expect("address");
        let shared = me.clone();
        tokio::spawn(async move {
            loop {
                let (mut io, _) = tcp.accept().await.expect("accept");
                let me = shared.clone();
                match me.mode.load(Ordering::Relaxed) {
                    1 => drop(io),
                    2 => drop(tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_secs(30)).await;
                        drop(io);
                    })),
                    3 => drop(tokio::spawn(async move {
                        let _ = io.read(&mut [0; 4096]).await;
                        let _ = io.write_all(b"\x16\x03\x01 what?\r\n\r\n").await;
                    })),
                    mode => drop(tokio::spawn(async move {
                        let service =
                            hyper::service::service_fn(move |r| me.clone().post(r, mode == TAKES));
                        let io = hyper_util::rt::TokioIo::new(io);
                        let _ = hyper::server::conn::http1::Builder::new()
                            .keep_alive(false)
                            .serve_connection(io, service)
                            .await;
                    })),
                }
            }
        });
        (me, address)
    }

    async fn post(
        self: Arc<Self>,
        r: ::http::Request<hyper::body::Incoming>,
        takes: bool,
    ) -> Result<::http::Response<Full<Bytes>>, std::convert::Infallible> {
        let (parts, body) = r.into_parts();
        let body = body.collect().await.expect("body").to_bytes();
        let mut answer = ::http::Response::new(Full::default());
        if !takes {
            *answer.status_mut() = ::http::StatusCode::SERVICE_UNAVAILABLE;
            return Ok(answer);
        }
        match parts.uri.path() {
            "/v1/traces" => {
                let all = ExportTraceServiceRequest::decode(body).expect("traces");
                let spans = all
                    .resource_spans
                    .iter()
                    .flat_map(|r| &r.scope_spans)
                    .map(|s| s.spans.len() as u64);
                self.spans.fetch_add(spans.sum(), Ordering::Relaxed);
            }
            "/v1/logs" => {
                let all = ExportLogsServiceRequest::decode(body).expect("logs");
                let logs = all
                    .resource_logs
                    .iter()
                    .flat_map(|r| &r.scope_logs)
                    .map(|s| s.log_records.len() as u64);
                self.logs.fetch_add(logs.sum(), Ordering::Relaxed);
            }
            _ => {}
        }
        Ok(answer)
    }
}

/// Between the server and its database: can be cut, and can refuse.
pub struct Wire {
    cut: Mutex<CancellationToken>,
    down: AtomicBool,
}

impl Wire {
    pub async fn start(to: SocketAddr) -> (Arc<Self>, SocketAddr) {
        let me = Arc::new(Self { cut: Mutex::default(), down: AtomicBool::new(false) });
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = tcp.local_addr().expect("address");
        let shared = me.clone();
        tokio::spawn(async move {
            loop {
                let (mut here, _) = tcp.accept().await.expect("accept");
                if shared.down.load(Ordering::Relaxed) {
                    continue;
                }
                let cut = shared.cut.lock().expect("cut").clone();
                tokio::spawn(async move {
                    let Ok(mut there) = TcpStream::connect(to).await else { return };
                    let _ = here.set_nodelay(true);
                    let _ = there.set_nodelay(true);
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut here, &mut there) => {}
                        () = cut.cancelled() => {}
                    }
                });
            }
        });
        (me, address)
    }

    fn cut(&self) {
        std::mem::take(&mut *self.cut.lock().expect("cut")).cancel();
    }
}

pub struct Around {
    pub sandbox: Sandbox,
    pub wire: Arc<Wire>,
    pub collector: Arc<Collector>,
    pub server: u32,
    pub admin: SocketAddr,
    pub config: PathBuf,
}

/// The settings that a reload changes, and an error if there is to be one.
pub fn settings(max_rows: u64, wrong: &str) -> String {
    format!(
        "[limits]\nmax_rows = {max_rows}\nmax_chars = 600000\nquery_timeout = \
         \"2s\"\npeer_requests = 1000000\ncatalog_calls = 1000000\nconcurrent_calls = \
         1000\n{wrong}\n\
         [tasks]\nlongest = \"4s\"\n\
         [[quota]]\nprincipals = [\"token:soak\"]\ncalls = 1000000\ncatalog_calls = \
         1000000\nconcurrent_calls = 1000\nrows_per_hour = 4000000000\nbytes_per_hour = \
         4000000000000\n\
         [[quota]]\nprincipals = [\"token:limited\"]\ncalls = 60\n"
    )
}

/// One fault after the other, each taken back, until told to stop.
pub async fn faults(world: World, around: Arc<Around>) {
    let (sandbox, wire, mut dice) = (&around.sandbox, &around.wire, Dice(42));
    for n in 0.. {
        let rest = Duration::from_millis(300 + dice.below(700));
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = world.stop.cancelled() => return,
        }
        // Four that misbehave, each beside every other fault in time, and a while of peace.
        let mode = if n % 9 < 4 { (n % 9) as u8 + 1 } else { TAKES };
        around.collector.mode.store(mode, Ordering::Relaxed);
        let short = Duration::from_millis(50 + dice.below(250));
        let fault = match n % 8 {
            0 => {
                wire.cut();
                "all database connections cut"
            }
            1 => {
                wire.down.store(true, Ordering::Relaxed);
                wire.cut();
                tokio::time::sleep(short).await;
                wire.down.store(false, Ordering::Relaxed);
                "database away"
            }
            2 => {
                sandbox.faults(|f| f.drop_after_rows = Some(3));
                tokio::time::sleep(short).await;
                sandbox.faults(|f| f.drop_after_rows = None);
                "connections cut in mid-row"
            }
            3 => {
                sandbox.faults(|f| {
                    f.error =
                        Some(Error::new(1205, 13, "Transaction (Process ID 52) was deadlocked."))
                });
                "deadlock victim"
            }
            4 => {
                sandbox.faults(|f| {
                    (f.attention, f.row_delay) = (Attention::Lost, Some(Duration::from_millis(2)))
                });
                tokio::time::sleep(short).await;
                sandbox.faults(|f| (f.attention, f.row_delay) = (Attention::Normal, None));
                "slow rows, cancels lost"
            }
            5 => {
                sandbox.faults(|f| f.login_delay = Some(short));
                wire.cut();
                tokio::time::sleep(short).await;
                sandbox.faults(|f| f.login_delay = None);
                "slow logins"
            }
            // The one after the other: a signal that comes while another waits would be one.
            6 => {
                reload(&world, &around, "ok", &settings(200 + dice.below(600), "")).await;
                "reload"
            }
            _ => {
                reload(&world, &around, "refused", &settings(7, "max_cel = 7")).await;
                "reload with an error"
            }
        };
        let collector = MODES[usize::from(around.collector.mode.load(Ordering::Relaxed))];
        world.with(|b| {
            [fault, collector].into_iter().for_each(|f| *b.faults.entry(f).or_default() += 1)
        });
    }
}

async fn reload(world: &World, around: &Around, result: &'static str, text: &str) {
    std::fs::write(&around.config, text).expect("write");
    let wanted = world.with(|b| {
        let n = b.reloads.entry(result).or_default();
        *n += 1;
        *n
    });
    signal("-HUP", around.server);
    let give_up = Instant::now() + PATIENCE;
    while total(
        &scrape(around.admin).await,
        "mssql_mcp_reloads_total",
        &[("mssql_mcp_result", result)],
    ) < wanted
    {
        assert!(Instant::now() < give_up, "it was not reloaded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
