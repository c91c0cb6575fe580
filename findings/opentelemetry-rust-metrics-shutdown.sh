#!/usr/bin/env bash
# opentelemetry_sdk 0.33.1 (Rust): SdkMeterProvider::shutdown_with_timeout does not heed its timeout.
#
# Behind a periodic reader whose exporter hangs it returns after five seconds, whatever was asked for; SdkTracerProvider, asked the same of a batch processor
# whose exporter hangs, returns in time. A process that stops within a grace of its own overruns it by way of its metrics alone.
# Seen: traces within 100 ms asked: 0 s, metrics: 5 s
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "seen"
version = "0.1.0"
edition = "2021"

[dependencies]
opentelemetry = { version = "=0.33.1", default-features = false, features = ["trace", "metrics"] }
opentelemetry_sdk = { version = "=0.33.1", default-features = false, features = ["trace", "metrics"] }
TOML
cat > "$dir/src/main.rs" <<'RUST'
use std::time::{Duration, Instant};

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};

#[derive(Debug)]
struct Hangs;

fn hang() -> OTelSdkResult {
    std::thread::sleep(Duration::from_secs(30));
    Ok(())
}

impl PushMetricExporter for Hangs {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        hang()
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

impl SpanExporter for Hangs {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        hang()
    }
}

fn main() {
    let asked = Duration::from_millis(100);
    let traces = SdkTracerProvider::builder().with_batch_exporter(Hangs).build();
    traces.tracer("seen").start("span").end();
    let began = Instant::now();
    let _ = traces.shutdown_with_timeout(asked);
    let of_traces = began.elapsed().as_secs();
    let metrics = SdkMeterProvider::builder().with_periodic_exporter(Hangs).build();
    metrics.meter("seen").u64_counter("one").build().add(1, &[]);
    let began = Instant::now();
    let _ = metrics.shutdown_with_timeout(asked);
    println!("{of_traces} {}", began.elapsed().as_secs());
    std::process::exit(0);
}
RUST
read -r traces metrics < <(cd "$dir" && cargo run --quiet)
echo "seen: asked for 100 ms, traces end within $traces s, metrics after $metrics s"
[ "$traces" = 0 ] && [ "$metrics" = 5 ]
