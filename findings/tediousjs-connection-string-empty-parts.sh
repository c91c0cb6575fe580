#!/usr/bin/env bash
# @tediousjs/connection-string 1.1.0 (which the npm package mssql 12.7.14 reads connection strings with): an empty part between two semicolons becomes a
# part of the value before it, or of the keyword behind it.
#
# ADO.NET skips empty parts, so that `Server=db;;Database=Shop` and a doubled semicolon at the end are common where strings are put together by templates. Here `;;`
# is taken for an escaped semicolon: the server is called `db;Database=Shop` and no database is named, or the password gets a semicolon that nobody wrote. Nothing is
# raised; the connection then fails with a name that does not resolve, or a login that is refused.
# Seen: server=db;Database=Shop | password=x; | ;;server=db
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes > /dev/null
npm install --silent --no-audit --no-fund @tediousjs/connection-string@1.1.0
cat > seen.cjs <<'JS'
const { parse } = require("@tediousjs/connection-string");
const of = (text, wanted) => [...parse(text)].filter(([key]) => key.includes(wanted)).map((pair) => pair.join("=")).join(",");
console.log([
  of("Server=db;;Database=Shop;User Id=ada", "server"),
  of("Server=db;Password=x;;", "password"),
  of(";;Server=db;User Id=ada", "server"),
].join(" | "));
JS
seen=$(node seen.cjs)
echo "$seen"
[ "$seen" = "server=db;Database=Shop | password=x; | ;;server=db" ]
