#!/usr/bin/env bash
# DuckDB 2.0.1's CSV sniffer: one line at the end that begins with # changes the values of the lines before it, quoted or not.
#
# A CSV whose values hold a # is read whole. The same with a closing line such as "# 3 rows" is taken to have comments and no quotes: every value is cut
# at its #, without a word, so that x#y is x and #ff0000 is NULL (RFC 4180 has no comments). Quotes, which should protect a value, become a part of it:
# "x#y" is "x with one quotation mark. Only a named dialect (comment and quote both) reads it rightly. The same line at the beginning does no harm.
# Seen: [('red', None), ('blue', 'plain'), ('green', 'x')] and [('red', '"'), ('blue', 'plain'), ('green', '"x')]
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$dir"
printf 'name,code\nred,#ff0000\nblue,plain\ngreen,x#y\n' > without.csv
printf 'name,code\nred,"#ff0000"\nblue,plain\ngreen,"x#y"\n' > rows.csv
{ cat without.csv; echo '# 3 rows'; } > with.csv
{ cat rows.csv; echo '# 3 rows'; } > quoted.csv
{ echo '# 3 rows'; cat rows.csv; } > before.csv
env/bin/python - <<'PY'
import duckdb

whole = [("red", "#ff0000"), ("blue", "plain"), ("green", "x#y")]
read = lambda name, more="": duckdb.sql(f"SELECT * FROM read_csv('{name}.csv'{more})").fetchall()
print("seen:", duckdb.__version__, read("with"), read("quoted"))
assert read("without") == whole and read("before") == whole, "it changed"
assert read("with") == [("red", None), ("blue", "plain"), ("green", "x")], "it changed"
assert read("quoted") == [("red", '"'), ("blue", "plain"), ("green", '"x')], "it changed"
assert read("quoted", """, comment = '#', quote = '"'""") == whole, "it changed"
PY
