#!/usr/bin/env bash
# opentelemetry_sdk 0.33.1 (Rust) does not decode OTEL_RESOURCE_ATTRIBUTES, as opentelemetry-sdk (Python) does.
#
# The specification ("Resource SDK", "Specifying resource information via an environment variable") has the values percent-encoded: a comma in a value can
# be written in no other way. With the same variable a Rust and a Python process of one system report different resources.
# Seen: rust team=a%2Cb%20c, python team=a,b c
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/rust/src"
cat > "$dir/rust/Cargo.toml" <<'TOML'
[package]
name = "seen"
version = "0.1.0"
edition = "2021"

[dependencies]
opentelemetry = { version = "=0.33.1", default-features = false }
opentelemetry_sdk = { version = "=0.33.1", default-features = false, features = ["trace"] }
TOML
cat > "$dir/rust/src/main.rs" <<'RUST'
use opentelemetry_sdk::resource::{EnvResourceDetector, ResourceDetector};

fn main() {
    let resource = EnvResourceDetector::new().detect();
    let team = resource.get(&opentelemetry::Key::from_static_str("team")).expect("team");
    print!("{team}");
}
RUST
export OTEL_RESOURCE_ATTRIBUTES='team=a%2Cb%20c'
rust=$(cd "$dir/rust" && cargo run --quiet)
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check opentelemetry-sdk==1.37.0
python=$("$dir/env/bin/python" -c 'from opentelemetry.sdk.resources import OTELResourceDetector; print(OTELResourceDetector().detect().attributes["team"], end="")')
echo "seen: rust $rust, python $python"
[ "$rust" = 'a%2Cb%20c' ] && [ "$python" = 'a,b c' ]
