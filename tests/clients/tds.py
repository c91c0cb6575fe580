"""python-tds in full and pymssql (FreeTDS) as a smoke test, against the sandbox. Arguments: port, user, password, database, CA file."""
import datetime
import decimal
import sys
import uuid

import pymssql
import pytds

port, user, password, database, ca = sys.argv[1:6]


def connect(**more):
    return pytds.connect("127.0.0.1", port=int(port), user=user, password=password, database=database, autocommit=True, **more)


for more in ({}, {"cafile": ca, "validate_host": False}):
    with connect(**more) as c:
        cur = c.cursor()

        def one(sql, *params):
            cur.execute(sql, params)
            return cur.fetchone()[0]

        for value in (5, -(2**40), "Zürich 😀", None, True, 0.1, decimal.Decimal("12.50"), datetime.date(2024, 2, 29),
                      datetime.datetime(2024, 2, 29, 12, 34, 56, 789000), uuid.UUID("6F9619FF-8B86-D011-B42D-00C04FC964FF")):
            got = one("SELECT %s", value)
            assert got == value, (value, got)
        assert one("SELECT %s", pytds.Binary(b"\x01\xff")) == b"\x01\xff"
        cur.execute("SELECT * FROM dbo.AllTypes ORDER BY Id")
        rows = cur.fetchall()
        assert len(rows) == 3 and all(v is None for v in rows[2][1:])
        assert rows[0][6] == decimal.Decimal("1234567890123456789012345678.0123456789"), rows[0][6]
        assert rows[0][8] == decimal.Decimal("922337203685477.5807")
        cur.execute("SELECT 1; SELECT 2, 3")
        assert cur.fetchall() == [(1,)] and cur.nextset() and cur.fetchall() == [(2, 3)]
        try:
            cur.execute("SELECT * FROM nope")
            raise SystemExit("no error")
        except pytds.ProgrammingError as e:
            assert "Invalid object name 'nope'" in str(e)
        assert cur.callproc("sales.OrderSummary", (5, pytds.output(param_type="int"))) is not None
        while cur.nextset():
            pass
        cur.execute("SELECT COUNT(*) FROM sales.Orders")
        assert cur.fetchone() == (20000,)
    with pytds.connect("127.0.0.1", port=int(port), user=user, password=password, database=database) as c:
        cur = c.cursor()
        cur.execute("UPDATE dbo.Employees SET Title = N'y'")
        c.rollback()
        cur.execute("SELECT COUNT(*) FROM dbo.Employees WHERE Title = N'y'")
        assert cur.fetchone() == (0,)
    print("python-tds", "with TLS" if more else "without TLS", ": ok")

for wrong, text in (
    (("nobody", password, database), "Login failed for user 'nobody'"),
    ((user, "wrong", database), "Login failed"),
    ((user, password, "nope"), 'Cannot open database "nope"'),
):
    try:
        pytds.connect("127.0.0.1", port=int(port), user=wrong[0], password=wrong[1], database=wrong[2], login_timeout=1)
    except (pytds.Error, TimeoutError) as e:
        # The driver tries again until its timeout, and gives the server's word as the cause.
        assert text in f"{e} {e.__cause__}", e
    else:
        raise SystemExit("a wrong login was let in")

with pymssql.connect(server="127.0.0.1", port=port, user=user, password=password, database=database, tds_version="7.4") as c:
    cur = c.cursor()
    cur.execute("SELECT Name, Salary FROM dbo.Employees WHERE EmployeeId = %d", (5,))
    assert cur.fetchall() == [("山田 太郎", decimal.Decimal("97500.25"))]
print("pymssql : ok")
