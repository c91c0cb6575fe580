#!/usr/bin/env bash
# Fetches the outside corpora of T-SQL by their lock files into target/corpora and writes batches.jsonl there, one batch a line
# with what the outside parse tree says of it. Nothing of their text is ours to keep. Does nothing when it is there already.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
dir=${CARGO_TARGET_DIR:-$root/target}/corpora
mkdir -p "$dir"
stamp=$(cat "$here"/*.py "$here"/*.txt "$here/install.sh" "$here"/microsoft/* "$here/crates/Cargo.lock" | sha256sum | cut -c1-16)
if [ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ] && [ -s "$dir/batches.jsonl" ]; then
  cat "$dir/summary.txt"
  exit 0
fi

if ! python3 -c 'import ensurepip' 2>/dev/null; then
  sudo=""
  [ "$(id -u)" = 0 ] || sudo="sudo"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq python3-venv >/dev/null
fi

packages=$(cat "$here"/*.txt | sha256sum | cut -c1-16)
if [ "$(cat "$dir/packages" 2>/dev/null)" != "$packages" ]; then
  rm -rf "$dir/venv" "$dir/sdists" "$dir/wheels"
  mkdir -p "$dir/sdists" "$dir/wheels"
  python3 -m venv "$dir/venv"
  pip="$dir/venv/bin/pip --quiet --disable-pip-version-check"
  $pip install --require-hashes --no-deps --only-binary :all: -r "$here/requirements.txt"
  # Without isolation pip builds the metadata with what the line above has pinned.
  $pip download --require-hashes --no-deps --no-binary :all: --no-build-isolation -d "$dir/sdists" -r "$here/sdists.txt"
  for archive in "$dir"/sdists/*.tar.gz; do
    tar -xzf "$archive" -C "$dir/sdists"
    rm "$archive"
  done
  $pip download --require-hashes --no-deps --only-binary :all: -d "$dir/wheels" -r "$here/wheels.txt"
  (cd "$dir/wheels" && python3 -m zipfile -e ./*.whl . && rm ./*.whl)
  echo "$packages" > "$dir/packages"
fi

"$here/microsoft/build.sh" "$dir/wheels/mssqlcli/mssqltoolsservice/bin" "$dir/microsoft"

cargo fetch --quiet --locked --manifest-path "$here/crates/Cargo.toml"
cargo metadata --quiet --locked --offline --format-version 1 --manifest-path "$here/crates/Cargo.toml" > "$dir/crates.json"

export PYTHONDONTWRITEBYTECODE=1
sqlglot=$(echo "$dir"/sdists/sqlglot-*)
sqlalchemy=$(echo "$dir"/sdists/sqlalchemy-*)
(cd "$sqlalchemy" && CORPORA_RECORD="$dir/sqlalchemy.json" PYTHONPATH="$sqlalchemy/lib:$here" \
  "$dir/venv/bin/python" -m pytest --quiet -p alchemy -p no:cacheprovider test/dialect/mssql > "$dir/sqlalchemy.log" 2>&1) \
  || { tail -n 20 "$dir/sqlalchemy.log" >&2; exit 1; }
PYTHONPATH="$sqlglot" "$dir/venv/bin/python" "$here/extract.py" "$dir" "$sqlglot" > "$dir/summary.part" 2> "$dir/extract.log" \
  || { tail -n 20 "$dir/extract.log" >&2; exit 1; }
mv "$dir/summary.part" "$dir/summary.txt"
cat "$dir/summary.txt"
echo "$stamp" > "$dir/stamp"
