#!/usr/bin/env bash
# Compiles Types.cs against the parser in an unpacked mssql-cli. The runtime that comes with it has one door, the program that it is shipped for:
# ours takes its place in a copy.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
from=$1 # mssqlcli/mssqltoolsservice/bin of the wheel
to=$2
command -v mcs >/dev/null || {
  sudo=""
  [ "$(id -u)" = 0 ] || sudo="sudo"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends mono-mcs >/dev/null
}
references=()
for name in System.Private.CoreLib System.Runtime netstandard System.Runtime.Extensions System.Collections System.IO.FileSystem \
  System.Text.Encoding.Extensions mscorlib Microsoft.SqlServer.TransactSql.ScriptDom; do
  [ ! -f "$from/$name.dll" ] || references+=("-r:$from/$name.dll")
done
rm -rf "$to"
cp -r "$from" "$to"
mcs -nologo -nowarn:1702 -nostdlib -noconfig "${references[@]}" -out:"$to/Types.exe" "$here/Types.cs"
mv "$to/Types.exe" "$to/MicrosoftSqlToolsServiceLayer.dll"
chmod +x "$to/MicrosoftSqlToolsServiceLayer"
