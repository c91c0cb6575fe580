#!/usr/bin/env bash
# clap_complete 4.6.11: the script for bash completes nothing behind a subcommand of a program that has a dash in its name.
#
# The same command generated for `mytool` and for `my-tool`: behind `add --colour` the one offers both values, the other nothing, and says nothing. The
# subcommands themselves are completed by both. A name with an underscore is well, so a program can generate for that and bind the function to its own name.
# Seen: mytool: red green; my-tool: (nothing)
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
clap = { version = "=4.6.9", default-features = false, features = ["std"] }
clap_complete = { version = "=4.6.11", default-features = false }
TOML
cat > "$dir/src/main.rs" <<'RUST'
use clap::{Arg, Command};

fn main() {
    let name: &'static str = Box::leak(std::env::args().nth(1).expect("a name").into_boxed_str());
    let colour = Arg::new("colour").long("colour").value_parser(["red", "green"]);
    let mut command = Command::new(name).subcommand(Command::new("add").arg(colour));
    clap_complete::generate(clap_complete::Shell::Bash, &mut command, name, &mut std::io::stdout());
}
RUST
cd "$dir"
cargo build --quiet
offered() { # program
  ./target/debug/seen "$1" > "$1.bash"
  # shellcheck disable=SC1090 # just written
  source "./$1.bash"
  local function
  function=$(complete -p "$1" | sed 's/.*-F \([^ ]*\).*/\1/')
  declare -F "$function" > /dev/null || { echo "no function"; return; }
  COMP_WORDS=("$1" add --colour '') COMP_CWORD=3 COMPREPLY=()
  "$function" "$1" '' --colour
  echo "${COMPREPLY[*]}"
}
without=$(offered mytool)
with=$(offered my-tool)
echo "seen: mytool: $without; my-tool: ${with:-(nothing)}"
[ "$without" = 'red green' ] && [ -z "$with" ]
