"""Runs the Python examples of docs/reading-results.md as they stand, over answers that have everything in them that readers get wrong."""
import datetime
import re
import sys
from decimal import Decimal
from pathlib import Path

page = Path(sys.argv[1]).read_text(encoding="utf-8")
blocks = re.findall(r"^## (.+?)$.*?^```python\n(.*?)^```", page, re.S | re.M)
assert len(blocks) == 4, [title for title, _ in blocks]


def rows(frame):
    if hasattr(frame, "fetchall"):
        return frame.fetchall()
    if hasattr(frame, "rows"):
        return frame.rows()
    return [tuple(r) for r in frame.itertuples(index=False)]


def plain(v):
    """A value without its library's own types; what is missing is None."""
    if v is None or v != v:
        return None
    if hasattr(v, "to_pydatetime"):
        return v.to_pydatetime(warn=False)
    return v


WANTED = [
    (1, 235.6849, b"\x00\x00\x00\x01", "# 3 rows"),
    (2, 142.8, b"\x00\x00\x00\x02", 'a "b", c\nd'),
    (3, None, b"\x00\x00\x00\x03", None),
    (4, Decimal("1234567890123456789.1234"), b"\x00\x00\x00\x04", "x # y"),
]
for title, code in blocks:
    scope = {}
    exec(compile(code, title, "exec"), scope)
    got = [[plain(v) for v in r] for r in rows(scope["frame"])]
    assert len(got) == len(WANTED), (title, got)
    for (number, placed, price, raw, status), (n, p, b, s) in zip(got, WANTED):
        assert (number, bytes(raw), status) == (n, b, s), (title, got)
        assert price == (p if p is None or isinstance(p, Decimal) else Decimal(str(p))), (title, price, p)
        moment = datetime.datetime.fromisoformat(str(placed)[:26])
        year = 9999 if n == 4 else 2024
        assert moment == datetime.datetime(year, 2, 28, 12, 34, 56, 123456), (title, placed)
    print(f"{title}: ok")
