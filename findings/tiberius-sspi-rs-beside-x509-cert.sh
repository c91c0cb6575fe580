#!/usr/bin/env bash
# tiberius 0.13.0 (crates.io): its feature `sspi-rs`, Windows logins by a password on Unix, cannot be in one lock file with x509-cert 0.3, not even as a feature of one's own
# that is off.
#
# sspi 0.18 asks for pre-releases of RustCrypto by exact versions (`spki =0.8.0-rc.4` and others), and the released x509-cert 0.3 for the released ones; Cargo counts both as
# 0.8 and may take one of them. An optional feature is resolved whether it is on or not, so a program that only offers it does not build at all.
# Seen: sspi-rs beside x509-cert: no lock; sspi-rs alone: a lock; x509-cert alone: a lock
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir src
echo 'fn main() {}' > src/main.rs
resolves() { # feature line, dependency line
  rm -f Cargo.lock
  printf '[package]\nname = "seen"\nversion = "0.1.0"\nedition = "2021"\n[features]\n%s\n[dependencies]\ntiberius = { version = "=0.13.0", default-features = false }\n%s\n' "$1" "$2" > Cargo.toml
  if cargo generate-lockfile --quiet 2> said; then
    echo "a lock"
  elif grep -q 'failed to select a version' said; then
    echo "no lock"
  else
    cat said
  fi
}
feature='ntlm = ["tiberius/sspi-rs"]'
x509='x509-cert = "=0.3.0"'
both=$(resolves "$feature" "$x509")
one=$(resolves "$feature" "")
other=$(resolves "" "$x509")
echo "sspi-rs beside x509-cert: $both; sspi-rs alone: $one; x509-cert alone: $other"
[ "$both" = "no lock" ] && [ "$one" = "a lock" ] && [ "$other" = "a lock" ]
