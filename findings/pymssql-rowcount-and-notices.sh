#!/usr/bin/env bash
# pymssql 2.4.6 (its FreeTDS): RAISERROR of a severity from 6 to 9, which T-SQL calls information, is an exception, and takes the rows behind it along.
#
# RAISERROR(N'a note', 9, 1); SELECT …: an INFO token and a result set. python-tds 1.17.1 gives the row; pymssql raises OperationalError in execute(), and what
# came behind can no longer be read, although nextset() says that there is something. Severity 5 and below is silent in both. And the count of rows is 32 bits
# wide: an UPDATE of 3,000,000,000 rows is reported as -1294967296, where DONE has 64 (MS-TDS 2.2.7.6).
# Seen: pymssql: severity 5 [(1,)], severity 9 raises and fetchall() is [], rowcount -1294967296; python-tds: [(1,)], [(1,)], 3000000000
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check pymssql==2.4.6 python-tds==1.17.1
PYTHONPATH="$here" "$dir/env/bin/python" - <<'PY'
import pymssql, pytds
from tds_endpoint import COUNT, MORE, OTHER, SELECT, UPDATE, done, message, rows, start

noted = lambda severity: message(50000, severity, "a note") + done(MORE, OTHER) + rows(1) + done(COUNT, SELECT, 1)
port = start({"five": noted(5), "nine": noted(9), "many": done(COUNT, UPDATE, 3_000_000_000)})
makers = {
    "pymssql": lambda: pymssql.connect(server="127.0.0.1", port=str(port), user="u", password="p", database="db", autocommit=True),
    "python-tds": lambda: pytds.connect("127.0.0.1", "db", "u", "p", port=port, autocommit=True),
}
seen = {}
for name, make in makers.items():
    told = seen[name] = []
    for word in ("five", "nine"):
        cursor = make().cursor()
        try:
            cursor.execute(word)
            told.append(cursor.fetchall())
        except Exception as error:
            cursor.nextset()
            told.append(("a note" in str(error), cursor.fetchall()))
    cursor = make().cursor()
    cursor.execute("many")
    told.append(cursor.rowcount)
print("seen:", seen)
assert seen == {"pymssql": [[(1,)], (True, []), -1294967296], "python-tds": [[(1,)], [(1,)], 3_000_000_000]}, "it changed"
PY
