#!/usr/bin/env bash
# pymssql 2.4.6 (its FreeTDS): a sql_variant comes as bytes of FreeTDS's own memory, and of a decimal the digits are not among them.
#
# A column of sql_variant with the int 7, the nvarchar 'abc' and the decimal(5,2) 1.50 (MS-TDS 2.2.5.5.3). python-tds 1.17.1 gives 7, 'abc' and a Decimal. pymssql
# gives bytes without a word about their type: the int in the machine's byte order, the text without its encoding, and of the decimal the head of a C structure,
# precision and scale, cut to the length that the value had on the wire, so that what it was worth cannot be had.
# Seen: pymssql: b'\x07\x00\x00\x00', b'abc', b'\x05\x02\x00\x00\x00'; python-tds: 7, 'abc', Decimal('1.5')
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check pymssql==2.4.6 python-tds==1.17.1
PYTHONPATH="$here" "$dir/env/bin/python" - <<'PY'
import struct
from decimal import Decimal

import pymssql, pytds
from tds_endpoint import one, start, utf16


def variant(base, properties, value):
    body = bytes([base, len(properties)]) + properties + value
    return one(b"\x62" + struct.pack("<I", 8009), struct.pack("<I", len(body)) + body)


collation = bytes([9, 4, 0xD0, 0, 0x34])
port = start({
    "int": variant(0x38, b"", struct.pack("<i", 7)),
    "text": variant(0xE7, collation + struct.pack("<H", 40), utf16("abc")),
    "decimal": variant(0x6C, bytes([5, 2]), b"\x01" + struct.pack("<i", 150)),
})
makers = {
    "pymssql": lambda: pymssql.connect(server="127.0.0.1", port=str(port), user="u", password="p", database="db", autocommit=True),
    "python-tds": lambda: pytds.connect("127.0.0.1", "db", "u", "p", port=port, autocommit=True),
}
seen = {}
for name, make in makers.items():
    for word in ("int", "text", "decimal"):
        cursor = make().cursor()
        cursor.execute(word)
        seen.setdefault(name, []).append(cursor.fetchone()[0])
print("seen:", seen)
assert seen == {"pymssql": [b"\x07\0\0\0", b"abc", b"\x05\x02\0\0\0"], "python-tds": [7, "abc", Decimal("1.5")]}, "it changed"
PY
