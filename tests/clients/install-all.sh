#!/usr/bin/env bash
# Installs frameworks beside what install.sh has installed, for `make clients-all`: a gigabyte, so not for every run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${CARGO_TARGET_DIR:-$here/../../target}/clients
stamp=$(sha256sum < "$here/install-all.sh" | cut -c1-16)
if [ "$(cat "$dir/stamp-all" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi

venv() { # name, packages…
  local name=$1
  shift
  python3 -m venv "$dir/$name"
  "$dir/$name/bin/pip" install --quiet --disable-pip-version-check "$@"
}
# smolagents and autogen-ext ask for any mcp, and fail to import with 2.x.
venv py-frameworks-2 mcp==1.30.0 llama-index-tools-mcp==0.4.8 'smolagents[mcp]==1.26.0' strands-agents==1.62.0 'autogen-ext[mcp]==0.7.5'
venv py-frameworks-3 mcp==1.30.0 google-adk==2.13.0 'semantic-kernel[mcp]==1.45.0'
echo "$stamp" > "$dir/stamp-all"
