//! 200,000 rows in one answer over HTTP.

use std::time::Instant;

use tokio::net::TcpStream;

use crate::endpoint::{MANY, TEN};
use crate::http::{call, exchange};
use crate::serve::start;
use crate::{Line, MEASURED, PAIRS, lines, memory, note, on_core, processor};

const TIMES: u32 = 3;

/// Milliseconds of an answer, milliseconds of the server's processor time, and its peak in MB.
async fn answers(build: &str, port: u16) -> [f64; 3] {
    let raised = ["--limits-max-rows", "1000000", "--limits-max-chars", "1000000000"];
    let server = start(on_core(MEASURED, build), port, &raised);
    let mut tcp = TcpStream::connect(server.1).await.expect("connect");
    let mut buf = Vec::new();
    exchange(&mut tcp, &call(TEN, "json"), &mut buf).await;
    let (began, used) = (Instant::now(), processor(server.0.id()));
    for _ in 0..TIMES {
        let bytes = exchange(&mut tcp, &call(MANY, "json"), &mut buf).await;
        assert!(bytes > 40_000_000, "{bytes} bytes");
    }
    let of_one = |seconds: f64| seconds * 1e3 / f64::from(TIMES);
    [
        of_one(began.elapsed().as_secs_f64()),
        of_one(processor(server.0.id()) - used),
        memory(server.0.id(), "VmHWM"),
    ]
}

pub async fn compare(builds: &[String; 2], port: u16) {
    let mut table =
        lines(&["ms of an answer", "  ms of the server's processor time", "  peak, MB"]);
    for _ in 0..PAIRS {
        for (whose, build) in builds.iter().enumerate() {
            note(&mut table, whose, &answers(build, port).await);
        }
    }
    println!("== 200,000 rows of 8 columns, limits raised");
    table.into_iter().for_each(Line::print);
}
