#!/usr/bin/env bash
# mssql 12.7.14 (npm): a connection string's ApplicationIntent=ReadOnly, as Microsoft's documentation spells it, asks for read-write; only `readonly` in small letters is
# heeded. With a blank, `Application Intent=…` and `Multi Subnet Failover=…`, which ADO.NET takes too, are dropped.
#
# Keywords are compared without case, and values are not. Nothing is raised or logged: the login goes to the primary replica, and whoever wanted the secondary finds out
# by its load.
# Seen: ReadOnly:false readonly:true blank:undefined subnet:undefined
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes > /dev/null
npm install --silent --no-audit --no-fund mssql@12.7.14
cat > seen.cjs <<'JS'
const { ConnectionPool } = require("mssql");
const of = (more) => ConnectionPool.parseConnectionString(`Server=db;Database=Shop;User Id=ada;Password=p;${more}`).options;
console.log([
  `ReadOnly:${of("ApplicationIntent=ReadOnly").readOnlyIntent}`,
  `readonly:${of("ApplicationIntent=readonly").readOnlyIntent}`,
  `blank:${of("Application Intent=readonly").readOnlyIntent}`,
  `subnet:${of("Multi Subnet Failover=true").multiSubnetFailover}`,
].join(" "));
JS
seen=$(node seen.cjs)
echo "$seen"
[ "$seen" = "ReadOnly:false readonly:true blank:undefined subnet:undefined" ]
