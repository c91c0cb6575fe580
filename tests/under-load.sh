#!/usr/bin/env bash
# Runs the built tests N times (ten, unless told) with two busy loops beside them, and writes a line for each run into target/under-load.txt:
# when, which commit, what came of it. Over as many sittings as it needs; the lines of all of them stay. Not part of CI.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${CARGO_TARGET_DIR:-target}
runs=${1:-10}
cargo test --workspace --locked --no-run --quiet
busy=()
trap 'kill "${busy[@]}" 2>/dev/null || true' EXIT
for _ in 1 2; do
  # They end by themselves as well, should nobody be left to end them.
  timeout 6h sh -c 'while :; do :; done' &
  busy+=($!)
done
failed=0
for n in $(seq "$runs"); do
  log=$out/under-load-$n.log
  start=$SECONDS
  if RUST_BACKTRACE=0 cargo test --workspace --locked --no-fail-fast >"$log" 2>&1; then was=green; else was=FAILED failed=1; fi
  # shellcheck disable=SC2046 # a line
  echo $(date -u +%FT%TZ) $(git rev-parse --short HEAD) $was $((SECONDS - start)) s, \
    $(awk '/^test result/ {p += $4; f += $6} END {print p " passed, " f " failed"}' "$log") \
    $(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log") | tee -a "$out/under-load.txt"
done
exit $failed
