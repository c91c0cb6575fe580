"""The same queries through our server and through four drivers that others wrote: value by value, count by count, error by error.
What may differ stands in the table DIFFERENT, with its reason. Arguments: port, user, password, database, URL of our server, node."""
import datetime
import decimal
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from decimal import Decimal

import mssql_python
import pymssql
import pytds

port, user, password, database, url, node = sys.argv[1:7]

# Literals of each type: the ends of its range, what is easily lost, and NULL.
LITERALS = {
    "bit": ["0", "1", "NULL"],
    "tinyint": ["0", "255", "NULL"],
    "smallint": ["-32768", "32767", "NULL"],
    "int": ["-2147483648", "2147483647", "0", "NULL"],
    "bigint": ["'-9223372036854775808'", "9223372036854775807", "9007199254740993", "-1", "NULL"],
    "decimal(38,0)": ["'99999999999999999999999999999999999999'", "'-99999999999999999999999999999999999999'", "0", "NULL"],
    "decimal(38,10)": ["'1234567890123456789012345678.0123456789'", "-0.0000000001", "12.5", "NULL"],
    "decimal(38,38)": ["'0.00000000000000000000000000000000000001'", "'-0.99999999999999999999999999999999999999'", "NULL"],
    "decimal(5,2)": ["999.99", "-999.99", "0.05", "NULL"],
    "numeric(18,6)": ["'123456789012.345678'", "-0.000001", "NULL"],
    "money": ["285120462981.1456", "12.5", "922337203685477.5807", "'-922337203685477.5808'", "-0.0001", "NULL"],
    "smallmoney": ["214748.3647", "-214748.3648", "0.5", "NULL"],
    "real": ["0.1E0", "3.4028235E38", "-1.17549435E-38", "16777217E0", "NULL"],
    "float": ["0.1E0", "1.7976931348623157E308", "-2.2250738585072014E-308", "123456789.123456789E0", "NULL"],
    "char(5)": ["'ab'", "''", "'é€x'", "NULL"],
    "varchar(50)": ["'naïve “x”'", "''", "' blanks '", "NULL"],
    "varchar(max)": ["REPLICATE(CAST('x' AS varchar(max)), 9001)", "''", "NULL"],
    "nchar(5)": ["N'日本'", "N''", "NULL"],
    "nvarchar(50)": ["N'\U0001F600 \"\\ é'", "N'a\nb\tc'", "N''", "NULL"],
    "nvarchar(max)": ["REPLICATE(CAST(N'ß' AS nvarchar(max)), 5001)", "N''", "NULL"],
    "binary(4)": ["0x00FF10", "0x", "NULL"],
    "varbinary(50)": ["0x00FF1000", "0x", "NULL"],
    "varbinary(max)": ["0x" + "AB" * 3000, "0x", "NULL"],
    "date": ["'0001-01-01'", "'9999-12-31'", "'2024-02-29'", "'1582-10-10'", "NULL"],
    "time(0)": ["'00:00:00'", "'23:59:59'", "NULL"],
    "time(3)": ["'12:34:56.789'", "NULL"],
    "time(7)": ["'23:59:59.9999999'", "'00:00:00.0000001'", "NULL"],
    "smalldatetime": ["'1900-01-01'", "'2079-06-06T23:59:00'", "NULL"],
    "datetime": ["'1753-01-01'", "'9999-12-31T23:59:59.997'", "'2024-02-29T12:34:56.003'", "NULL"],
    "datetime2(0)": ["'0001-01-01'", "'2024-02-29T12:34:56'", "NULL"],
    "datetime2(3)": ["'2024-02-29T12:34:56.789'", "NULL"],
    "datetime2(7)": ["'9999-12-31T23:59:59.9999999'", "'1234-05-06T07:08:09.0123456'", "NULL"],
    "datetimeoffset(0)": ["'2024-02-29T12:34:56+05:30'", "NULL"],
    "datetimeoffset(7)": ["'2024-02-29T00:00:00.0000001-14:00'", "'2024-02-29T12:00:00.1234567+00:00'", "'1999-12-31T23:45:00.5-00:30'", "NULL"],
    "uniqueidentifier": ["'6F9619FF-8B86-D011-B42D-00C04FC964FF'", "NULL"],
}
QUERIES = [
    "SELECT * FROM dbo.AllTypes ORDER BY Id",
    "SELECT 1 AS a; SELECT N'x' AS b, CAST(NULL AS date) AS c; SELECT 2 AS d WHERE 1 = 0; SELECT 3 AS a, 4 AS a, 5",
    "SELECT TOP (300) * FROM sales.Orders ORDER BY OrderId",
    "SELECT TOP (50) * FROM sales.Trades ORDER BY OrderId",
    "SELECT * FROM dbo.Employees ORDER BY EmployeeId",
    "SELECT variants",
]
CHANGES = {
    "UPDATE dbo.Employees SET Title = Title WHERE EmployeeId <= 3": 3,
    "UPDATE dbo.Employees SET Title = Title WHERE 1 = 0": 0,
    "DELETE FROM dbo.Employees WHERE EmployeeId < 0": 0,
    "SET NOCOUNT ON; UPDATE dbo.Employees SET Title = Title": None,
}
ERRORS = ["SELECT 1 / 0 AS a", "SELECT * FROM nope", "SELECT nope FROM dbo.Employees", "RAISERROR('no', 16, 5)", "\n\nSELECT CAST('x' AS int) AS a", "THROW 50001, 'enough', 3"]

QUERIES += [f"SELECT {', '.join(f'CAST({v} AS {t}) AS c{n}' for n, v in enumerate(values))}" for t, values in LITERALS.items()]
EXACT = ("decimal", "money", "smallmoney")
PYTHON = ("python-tds", "pymssql", "mssql-python")


def seconds_cut(text):
    """Python's times have six digits of a second, and all three drivers cut the seventh."""
    return re.sub(r"(\.\d{6})\d", r"\1", text)


def as_double(text):
    # It divides one double by another, which costs the last digit or two.
    return f"{float(text):.13e}"


def without_zeros(text):
    return text.rstrip("0").rstrip(".") if "." in text else text


def utc(text):
    zone = re.search(r"([+-])(\d\d):(\d\d)$", text)
    ticks = re.search(r"\.(\d+)", text)
    at = datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", text)[:-6])
    shift = datetime.timedelta(hours=int(zone[2]), minutes=int(zone[3]))
    at = at - shift if zone[1] == "+" else at + shift
    return at.isoformat() + (f".{ticks[1]}" if ticks else "")


# Driver and type: what our value becomes in it, and why.
DIFFERENT = {("tedious", t): (as_double, "numbers of JavaScript are doubles") for t in EXACT}
DIFFERENT |= {("python-tds", t): (without_zeros, "it takes the zeros behind the point away") for t in EXACT}
DIFFERENT[("tedious", "datetimeoffset")] = (utc, "a Date of JavaScript has no offset: it is lost")
for driver in PYTHON:
    for t in ("time", "datetime2", "datetimeoffset"):
        DIFFERENT[(driver, t)] = (seconds_cut, "Python's times have microseconds")
# Whole values that a driver does not give.
UNGIVEN = {("pymssql", "sql_variant"): "it gives the bytes of its own C structures"}
COUNTLESS = {"python-tds": -1, "pymssql": -1, "mssql-python": -1, "tedious": 0}


def base(declared):
    return declared.split("(")[0]


def ours(declared, v):
    """A value of our server's, in a form that has no driver's types."""
    t = base(declared)
    if v is None:
        return None
    if isinstance(v, dict):
        return ours(v["base_type"], v["value"])
    if t in ("real", "float"):
        return number(t, float(v))
    if t in EXACT:
        return format(Decimal(v), "f")
    if t == "bit":
        assert isinstance(v, bool)
        return str(v)
    return str(v)


def number(t, x):
    return struct.pack("<f" if t == "real" else "<d", x).hex()


def of_python(t, v):
    if v is None:
        return None
    if t in ("real", "float"):
        return number(t, v)
    if t == "bit":
        return str(bool(v))
    if isinstance(v, Decimal):
        return format(v, "f")
    if isinstance(v, (bytes, bytearray)):
        return "0x" + v.hex().upper()
    if isinstance(v, uuid.UUID):
        return str(v).upper()
    if isinstance(v, datetime.datetime):
        zone = v.strftime("%z") if v.tzinfo else ""
        zone = f"{zone[:3]}:{zone[3:5]}" if zone else ""
        return f"{v.replace(tzinfo=None).isoformat(timespec='microseconds')}{zone}"
    if isinstance(v, datetime.time):
        return v.isoformat(timespec="microseconds")
    return str(v)


def of_tedious(t, v):
    if v is None:
        return None
    if "hex" in v:
        return "0x" + v["hex"].upper()
    if "at" in v:
        day, clock = v["at"].rstrip("Z").split("T")
        # Milliseconds, and what is behind them.
        clock += f"{v['ticks']:04d}"
        return day if t == "date" else clock if t == "time" else f"{day}T{clock}"
    if "number" in v:
        x = float(v["number"])
        if t in ("real", "float"):
            return number(t, x)
        return as_double(v["number"]) if t in EXACT else v["number"]
    if "boolean" in v:
        return str(v["boolean"])
    return v["string"]


def scaled(declared, text):
    """A time of a driver's, which has no scale, with the digits of its type."""
    t, scale = base(declared), re.search(r"\((\d)\)", declared)
    digits = 3 if t == "datetime" else 0 if t == "smalldatetime" else int(scale[1]) if scale and t in ("time", "datetime2", "datetimeoffset") else None
    if text is None or digits is None:
        return text
    return re.sub(r"\.(\d+)", lambda m: f".{m[1][:digits]}" if digits else "", text)


class Ours:
    def run(self, text):
        call = {"name": "execute_sql", "arguments": {"query": text, "max_rows": 1000}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}).encode()
        head = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "execute_sql"}
        with urllib.request.urlopen(urllib.request.Request(url, body, head)) as answer:
            whole = answer.read().decode()
        whole = whole[whole.rfind("data: ") + 6 :] if "data: " in whole[:200] else whole
        # The digits of a number as they stand.
        result = json.loads(whole, parse_float=str)["result"]
        if result["isError"]:
            return {"error": json.loads(result["content"][0]["text"])["error"]}
        return result["structuredContent"]


class Python:
    def __init__(self, name):
        self.name = name
        if name == "python-tds":
            self.c = pytds.connect("127.0.0.1", port=int(port), user=user, password=password, database=database, autocommit=True)
        elif name == "pymssql":
            self.c = pymssql.connect(server="127.0.0.1", port=port, user=user, password=password, database=database, tds_version="7.4", charset="UTF-8", autocommit=True)
        else:
            self.c = mssql_python.connect(f"Server=127.0.0.1,{port};Database={database};UID={user};PWD={password};Encrypt=no;", autocommit=True)

    def run(self, text):
        cur = self.c.cursor()
        try:
            cur.execute(text)
            sets, count = [], cur.rowcount
            while True:
                if cur.description:
                    sets.append([tuple(r) for r in cur.fetchall()])
                if not cur.nextset():
                    return {"sets": sets, "count": count, "error": None}
        except Exception as e:
            return {"sets": [], "count": None, "error": self.error(e)}
        finally:
            cur.close()

    def error(self, e):
        if self.name == "python-tds":
            return {"number": e.msg_no, "text": str(e), "line": e.line, "state": e.state, "severity": e.severity}
        if self.name == "pymssql":
            return {"number": e.args[0], "text": e.args[1].decode()}
        return {"text": str(e)}


def tedious(texts):
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as f:
        json.dump(texts, f)
        f.flush()
        script = pathlib.Path(__file__).with_name("differential.mjs")
        out = subprocess.run([node, script, port, user, password, database, f.name], check=True, capture_output=True, text=True).stdout
    return dict(zip(texts, map(json.loads, out.splitlines()), strict=True))


compared, used, wrong = 0, set(), []


def compare(driver, text, got, own):
    global compared
    if len(got["sets"]) != len(own["results"]):
        wrong.append((driver, text, f"{len(got['sets'])} result sets", len(own["results"]), got["error"]))
        return
    for rows, result in zip(got["sets"], own["results"]):
        if len(rows) != len(result["rows"]):
            wrong.append((driver, text, f"{len(rows)} rows", len(result["rows"])))
        for theirs, mine in zip(rows, result["rows"]):
            for a, b, column in zip(theirs, mine, result["columns"], strict=True):
                compared += 1
                declared = b["base_type"] if isinstance(b, dict) else column["type"]
                if (driver, base(column["type"])) in UNGIVEN and b is not None:
                    used.add((driver, base(column["type"])))
                    continue
                t = base(declared)
                expected = ours(declared, b)
                told = of_tedious(t, a) if driver == "tedious" else of_python(t, a)
                told = scaled(declared, told)
                change = DIFFERENT.get((driver, t))
                if told != expected and change and expected is not None:
                    used.add((driver, t))
                    expected = scaled(declared, change[0](expected))
                if told != expected:
                    wrong.append((driver, declared, text[:60], told, expected))


def compare_error(driver, text, got, own):
    if got["error"] is None:
        wrong.append((driver, text, "no error"))
        return
    for key in ("number", "line", "state", "severity"):
        if key in got["error"] and got["error"][key] != own[key]:
            wrong.append((driver, text, key, got["error"][key], own[key]))
    words = own["message"].split(": ", 1)[-1].rstrip(".")
    if words[:40] not in got["error"]["text"]:
        wrong.append((driver, text, got["error"]["text"], own["message"]))


def main():
    server = Ours()
    mine = {text: server.run(text) for text in [*QUERIES, *CHANGES, *ERRORS]}
    for text in [*QUERIES, *CHANGES]:
        assert "error" not in mine[text], (text, mine[text])
    for text, count in CHANGES.items():
        assert mine[text]["rows_affected"] == ([] if count is None else [count]), (text, mine[text])
    drivers = {name: Python(name).run for name in PYTHON}
    drivers["tedious"] = tedious([*QUERIES, *CHANGES, *ERRORS]).__getitem__
    for name, run in drivers.items():
        for text in QUERIES:
            compare(name, text, run(text), mine[text])
        for text, count in CHANGES.items():
            got = run(text)
            expected = COUNTLESS[name] if count is None else count
            if got["error"] or (got["count"] or 0) != expected:
                wrong.append((name, text, got, expected))
        for text in ERRORS:
            compare_error(name, text, run(text), mine[text]["error"])
        print(name, ": ok" if not [w for w in wrong if w[0] == name] else ": differs")
    shown = set()
    for w in wrong:
        if w[:2] not in shown:
            print(*w, sep=" | ")
        shown.add(w[:2])
    unused = (set(DIFFERENT) | set(UNGIVEN)) - used
    print(compared, "values compared; exceptions that were not needed:", sorted(unused))
    sys.exit(bool(wrong or unused or compared < 10_000))


main()
