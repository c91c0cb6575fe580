//! The driver's loop in the server's place: it asks, and drops its rows.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::driver::{ask, connect};
use crate::endpoint::TEN;
use crate::process::processor;
use crate::{MEASURED, SECONDS, on_core, part as of_myself};

const CONNECTIONS: usize = 8;

async fn calls(port: u16, sql: &str, seconds: f64) -> Vec<u32> {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let sql = sql.to_owned();
            tokio::spawn(async move {
                let mut client = Box::pin(connect(port)).await;
                let (mut took, mut began) = (Vec::new(), Instant::now());
                while began < until {
                    assert!(ask(&mut client, &sql).await > 0);
                    let ended = Instant::now();
                    took.push((ended - began).as_micros() as u32);
                    began = ended;
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for t in tasks {
        took.append(&mut t.await.expect("task"));
    }
    took
}

/// In a process of its own: prints calls in a second, microseconds of its processor time for each,
/// how many there were with those before they were counted, p50 and p99 in milliseconds.
pub async fn part(port: u16, sql: &str) {
    let before = calls(port, sql, SECONDS / 3.0).await.len() as f64;
    let (me, started) = (std::process::id(), Instant::now());
    let used = processor(me);
    let mut took = calls(port, sql, SECONDS).await;
    let (n, seconds) = (took.len() as f64, started.elapsed().as_secs_f64());
    took.sort_unstable();
    let at = |part: f64| f64::from(took[(n * part) as usize]) / 1e3;
    let each = (processor(me) - used) * 1e6 / n;
    println!("{} {each} {} {} {}", n / seconds, n + before, at(0.5), at(0.99));
}

/// What [`crate::over_http`] tells of a server, of the driver's loop; it has no callers.
pub async fn beside(port: u16, endpoint: u32, sql: &str) -> [f64; 7] {
    let used = processor(endpoint);
    let mut command = of_myself(|exe| on_core(MEASURED, exe), "raw", port, sql);
    command.stderr(Stdio::inherit());
    let out = tokio::task::spawn_blocking(move || command.output().expect("run"));
    let text = String::from_utf8(out.await.expect("run").stdout).expect("text");
    let mut all = text.split_whitespace().map(|n| n.parse().unwrap_or(f64::NAN));
    let [rate, own, n, p50, p99] = [(); 5].map(|()| all.next().unwrap_or(f64::NAN));
    let around = (processor(endpoint) - used) * 1e6 / n;
    [rate, own, around, f64::NAN, p50, p99, f64::NAN]
}

/// Microseconds of the driver's call at the median and at p99, one at a time.
pub async fn one_at_a_time(port: u16) -> [f64; 2] {
    let mut command = of_myself(|exe| Command::new(exe), "raw-one", port, TEN);
    command.stderr(Stdio::inherit());
    let out = tokio::task::spawn_blocking(move || command.output().expect("run"));
    let text = String::from_utf8(out.await.expect("run").stdout).expect("text");
    let mut all = text.split_whitespace().map(|n| n.parse().unwrap_or(f64::NAN));
    [(); 2].map(|()| all.next().unwrap_or(f64::NAN))
}

/// In a process of its own: what [`one_at_a_time`] tells.
pub async fn one_part(port: u16) {
    const CALLS: usize = 5000;
    let mut client = Box::pin(connect(port)).await;
    let mut took: Vec<f64> = Vec::new();
    for _ in 0..CALLS {
        let began = Instant::now();
        assert!(ask(&mut client, TEN).await > 0);
        took.push(began.elapsed().as_secs_f64() * 1e6);
    }
    took.sort_by(f64::total_cmp);
    println!("{} {}", took[CALLS / 2], took[CALLS * 99 / 100]);
}
