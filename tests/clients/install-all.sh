#!/usr/bin/env bash
# Installs frameworks beside what install.sh has installed, for `make clients-all`: a gigabyte, so not for every run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${CARGO_TARGET_DIR:-$here/../../target}/clients
stamp=$(cat "$here/package-all.json" "$here/venv.sh" "$here/install-all.sh" | sha256sum | cut -c1-16)
if [ "$(cat "$dir/stamp-all" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi

# shellcheck source=tests/clients/venv.sh
. "$here/venv.sh"
# smolagents and autogen-ext ask for any mcp, and fail to import with 2.x.
venv py-frameworks-2 mcp==1.30.0 llama-index-tools-mcp==0.4.8 'smolagents[mcp]==1.26.0' strands-agents==1.62.0 'autogen-ext[mcp]==0.7.5'
venv py-frameworks-3 mcp==1.30.0 google-adk==2.13.0 'semantic-kernel[mcp]==1.45.0'
# What only the matrix needs: SDKs of other ages, and bridges. mcp 1.2 knows no newer pydantic either.
venv py-mcp-1.2 mcp==1.2.1 pydantic==2.11.10 'pydantic-settings<2.12'
venv py-fastmcp-4 fastmcp==4.2.3
venv py-mcp-use mcp-use==1.7.1
venv py-mcp-proxy mcp-proxy==0.13.0

mkdir -p "$dir/npm-all"
cp "$here/package-all.json" "$dir/npm-all/package.json"
(cd "$dir/npm-all" && npm install --silent --no-audit --no-fund --engine-strict=false)
# ES modules look for packages beside themselves, and then a folder further up, where install.sh's are.
ln -sfn "$dir/npm-all/node_modules" "$here/matrix/node_modules"
echo "$stamp" > "$dir/stamp-all"
