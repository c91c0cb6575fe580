#!/usr/bin/env bash
# python-tds 1.17.1: a decimal(10,2) loses the zeros behind its point, and with them its scale.
#
# A column of decimal(10,2) with 12.50 and 1000.00 (MS-TDS 2.2.5.5.1.6: sign and digits; the scale stands in the column). pymssql 2.4.6 gives Decimal('12.50') and
# Decimal('1000.00'), as T-SQL prints them; python-tds gives Decimal('12.5') and Decimal('1000'). They compare equal, so no test of equality shows it; text, JSON
# and CSV made of them differ, and so does as_tuple().exponent, from which others derive the type of a column.
# Seen: pymssql ['12.50', '1000.00'], python-tds ['12.5', '1000']
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check pymssql==2.4.6 python-tds==1.17.1
PYTHONPATH="$here" "$dir/env/bin/python" - <<'PY'
import pymssql, pytds
from tds_endpoint import one, start

answers = {word: one(bytes([0x6A, 9, 10, 2]), bytes([9, 1]) + digits.to_bytes(8, "little")) for word, digits in (("some", 1250), ("whole", 100_000))}
port = start(answers)
makers = {
    "pymssql": lambda: pymssql.connect(server="127.0.0.1", port=str(port), user="u", password="p", database="db", autocommit=True),
    "python-tds": lambda: pytds.connect("127.0.0.1", "db", "u", "p", port=port, autocommit=True),
}
seen = {}
for name, make in makers.items():
    for word in answers:
        cursor = make().cursor()
        cursor.execute(word)
        seen.setdefault(name, []).append(str(cursor.fetchone()[0]))
print("seen:", seen)
assert seen == {"pymssql": ["12.50", "1000.00"], "python-tds": ["12.5", "1000"]}, "it changed"
PY
