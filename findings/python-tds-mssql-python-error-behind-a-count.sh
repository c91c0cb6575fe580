#!/usr/bin/env bash
# python-tds 1.17.1 and Microsoft's mssql-python 1.16.0: execute() succeeds although the batch failed, if a statement before had a count.
#
# UPDATE …; and then an error: SQL Server answers DONE with a count, ERROR, and DONE with its error bit. Both drivers return from execute() with rowcount 2 and
# read no further; the error is raised by nextset(), which nobody calls after an UPDATE, and never if nobody does. pymssql 2.4.6 raises in execute() for the
# same bytes. A program that moves from one to the other commits the half of a batch that worked.
# Seen: pymssql raises in execute(); python-tds and mssql-python: execute() ok, rowcount 2, nextset() raises
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check pymssql==2.4.6 python-tds==1.17.1 mssql-python==1.16.0
PYTHONPATH="$here" "$dir/env/bin/python" - <<'PY'
import mssql_python, pymssql, pytds
from tds_endpoint import COUNT, ERROR, MORE, OTHER, UPDATE, done, message, start

failing = done(MORE | COUNT, UPDATE, 2) + message(50000, 16, "the second statement failed") + done(ERROR, OTHER)
port = start({"half": failing})
makers = {
    "pymssql": lambda: pymssql.connect(server="127.0.0.1", port=str(port), user="u", password="p", database="db", autocommit=True),
    "python-tds": lambda: pytds.connect("127.0.0.1", "db", "u", "p", port=port, autocommit=True),
    "mssql-python": lambda: mssql_python.connect(f"Server=127.0.0.1,{port};Database=db;UID=u;PWD=p;Encrypt=no", autocommit=True),
}
seen = {}
for name, make in makers.items():
    cursor = make().cursor()
    try:
        cursor.execute("half")
        seen[name] = [cursor.rowcount]
        cursor.nextset()
    except Exception as error:
        seen.setdefault(name, []).append("second statement failed" in str(error))
print("seen:", seen)
assert seen == {"pymssql": [True], "python-tds": [2, True], "mssql-python": [2, True]}, "it changed"
PY
