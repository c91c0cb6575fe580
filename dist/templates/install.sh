#!/bin/sh
# Installs mssql-mcp @VERSION@ for the person who runs it: curl -LsSf @DOWNLOAD@/install.sh | sh
#   MSSQL_MCP_BIN        the folder to put it into (~/.local/bin)
#   MSSQL_MCP_DOWNLOAD   where the archives are (@DOWNLOAD@)
#   MSSQL_MCP_TARGET     the platform, where the guess is wrong (x86_64-unknown-linux-musl runs on every Linux)
# Nothing is installed whose checksum is not the one in SHA256SUMS.
set -eu

# All of it is read before any of it runs, so that a broken download does nothing.
main() {
  base=${MSSQL_MCP_DOWNLOAD:-@DOWNLOAD@}
  bin=${MSSQL_MCP_BIN:-${HOME:?HOME is not set: set MSSQL_MCP_BIN to the folder to install into}/.local/bin}
  target=${MSSQL_MCP_TARGET:-$(guess)}
  folder=mssql-mcp-$target
  archive=$folder.tar.gz

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  fetch "$base/SHA256SUMS" "$work/SHA256SUMS"
  fetch "$base/$archive" "$work/$archive"
  wanted=$(awk -v name="$archive" '$2 == name { print $1 }' "$work/SHA256SUMS")
  [ -n "$wanted" ] || fail "SHA256SUMS does not name $archive: there is no build for this platform; docs/install.md has the other ways"
  found=$(checksum "$work/$archive")
  [ "$wanted" = "$found" ] || fail "the checksum of $archive is $found, and SHA256SUMS says $wanted: nothing was installed; try again, and report it if it stays"

  tar -xzf "$work/$archive" -C "$work"
  mkdir -p "$bin"
  # Renamed into place: a server that runs keeps its own file.
  cp "$work/$folder/mssql-mcp" "$bin/.mssql-mcp.new"
  chmod 755 "$bin/.mssql-mcp.new"
  mv -f "$bin/.mssql-mcp.new" "$bin/mssql-mcp"
  echo "installed $("$bin/mssql-mcp" --version) as $bin/mssql-mcp"
  case ":$PATH:" in
    *":$bin:"*) ;;
    *) echo "$bin is not in PATH: add it, or write the whole path in your client's configuration" ;;
  esac
}

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

guess() {
  case "$(uname -m)" in
    x86_64 | amd64) cpu=x86_64 ;;
    aarch64 | arm64) cpu=aarch64 ;;
    *) fail "there is no build for $(uname -m): cargo install --locked builds it" ;;
  esac
  case "$(uname -s)" in
    Linux) echo "$cpu-unknown-linux-$(libc)" ;;
    Darwin) echo "$cpu-apple-darwin" ;;
    *) fail "there is no build for $(uname -s); on Windows it is install.ps1" ;;
  esac
}

# gnu where glibc is @GLIBC@ or newer, else the static build.
libc() {
  have=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
  if [ -n "$have" ] && [ "${have% *}" -eq @GLIBC_MAJOR@ ] && [ "${have#* }" -ge @GLIBC_MINOR@ ]; then echo gnu; else echo musl; fi
}

fetch() {
  if command -v curl >/dev/null 2>&1; then
    curl --fail --silent --show-error --location --output "$2" "$1" || fail "$1 cannot be downloaded"
  elif command -v wget >/dev/null 2>&1; then
    wget -q -O "$2" "$1" || fail "$1 cannot be downloaded"
  else
    fail "neither curl nor wget is there: install one of them"
  fi
}

checksum() {
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum "$1" | cut -d' ' -f1
  elif command -v shasum >/dev/null 2>&1; then
    shasum -a 256 "$1" | cut -d' ' -f1
  else
    fail "neither sha256sum nor shasum is there, so the download cannot be checked"
  fi
}

main
