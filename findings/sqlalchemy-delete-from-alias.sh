#!/usr/bin/env bash
# SQLAlchemy 2.1.9 compiles a DELETE from an alias for SQL Server to a form that T-SQL does not have.
#
# T-SQL's DELETE takes an alias only as the name that a second FROM declares: `DELETE a1 FROM t1 AS a1` (Microsoft's page
# "DELETE (Transact-SQL)"; AS stands nowhere else in its syntax). SQLAlchemy's mssql dialect writes the alias behind the target.
# Seen: DELETE FROM t1 AS a1
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check sqlalchemy==2.1.9
"$dir/env/bin/python" - <<'PY'
from sqlalchemy import Column, Integer, MetaData, Table, delete
from sqlalchemy.dialects import mssql

t1 = Table("t1", MetaData(), Column("id", Integer))
sql = " ".join(str(delete(t1.alias("a1")).compile(dialect=mssql.dialect())).split())
print("seen:", sql)
assert sql == "DELETE FROM t1 AS a1", "it changed"
PY
