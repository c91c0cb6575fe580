#!/usr/bin/env bash
# Microsoft's mssql-python 1.16.0: an UPDATE of a table with a trigger has the trigger's count, and its own is nowhere.
#
# A trigger that counts (no SET NOCOUNT ON) answers DONEINPROC with 2 rows, and then the statement DONE with 5. rowcount is 2; nextset() says that there is
# another result, and rowcount stays 2, although that is the statement with 5. python-tds 1.17.1 says 2 and after nextset() 5; pymssql 2.4.6 says 5 at once.
# Seen: pymssql [5, 5], python-tds [2, 5], mssql-python [2, 2]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check pymssql==2.4.6 python-tds==1.17.1 mssql-python==1.16.0
PYTHONPATH="$here" "$dir/env/bin/python" - <<'PY'
import mssql_python, pymssql, pytds
from tds_endpoint import COUNT, MORE, UPDATE, done, start

port = start({"trigger": done(MORE | COUNT, UPDATE, 2, token=0xFF) + done(COUNT, UPDATE, 5)})
makers = {
    "pymssql": lambda: pymssql.connect(server="127.0.0.1", port=str(port), user="u", password="p", database="db", autocommit=True),
    "python-tds": lambda: pytds.connect("127.0.0.1", "db", "u", "p", port=port, autocommit=True),
    "mssql-python": lambda: mssql_python.connect(f"Server=127.0.0.1,{port};Database=db;UID=u;PWD=p;Encrypt=no", autocommit=True),
}
seen = {}
for name, make in makers.items():
    cursor = make().cursor()
    cursor.execute("trigger")
    seen[name] = [cursor.rowcount]
    cursor.nextset()
    seen[name].append(cursor.rowcount)
print("seen:", seen)
assert seen == {"pymssql": [5, 5], "python-tds": [2, 5], "mssql-python": [2, 2]}, "it changed"
PY
