"""Microsoft's own driver (mssql-python), SQLAlchemy over python-tds and over pymssql, and large packets within TLS, against
the sandbox. Arguments: port, user, password, database, CA file."""
import datetime
import decimal
import sys

import mssql_python
import pytds
import sqlalchemy as sa

port, user, password, database, ca = sys.argv[1:6]
MIDNIGHT = datetime.datetime(2024, 2, 29)


def refused(call, number_or_text):
    try:
        call()
    except Exception as e:
        assert number_or_text in str(e), e
    else:
        raise SystemExit(f"{number_or_text} was not refused")


for encrypt in ("no", "yes"):
    c = mssql_python.connect(
        f"Server=127.0.0.1,{port};Database={database};UID={user};PWD={password};Encrypt={encrypt};TrustServerCertificate=yes;"
    )
    cur = c.cursor()
    assert [tuple(r)[1:4] for r in cur.tables(schema="market").fetchall()] == [
        ("market", "Exchanges", "TABLE"),
        ("market", "Instruments", "TABLE"),
        ("market", "Prices", "TABLE"),
        ("market", "LatestPrices", "VIEW"),
    ]
    assert [tuple(r)[2] for r in cur.tables(table="Emp%", tableType="TABLE").fetchall()] == ["Employees"]
    found = {r[3]: (r[4], r[5], r[6], r[8], r[10], r[17]) for r in cur.columns(table="Employees", schema="dbo").fetchall()}
    assert found["EmployeeId"] == (4, "int", 10, 0, 0, "NO"), found
    assert found["Name"] == (-9, "nvarchar", 80, None, 0, "NO"), found
    assert found["Salary"][:2] == (3, "decimal") and found["HiredOn"][:3] == (91, "date", 10), found
    assert len(cur.columns(table="AllTypes", schema="dbo").fetchall()) > 25
    assert [tuple(r)[3:6] for r in cur.primaryKeys(table="Employees", schema="dbo").fetchall()] == [("EmployeeId", 1, "PK_Employees")]
    # A list of parameters goes out as several RPCs in one message.
    cur.execute("CREATE TABLE #many (a int, b nvarchar(20), c decimal(10, 2), d datetime2, e float)")
    cur.executemany(
        "INSERT INTO #many VALUES (?, ?, ?, ?, ?)",
        [(i, f"n{i}", decimal.Decimal(i) / 4, MIDNIGHT, i / 2) for i in range(50)] + [(None, None, None, None, None)],
    )
    cur.execute("SELECT COUNT(*), SUM(a), MIN(b), SUM(c), MAX(d), MAX(e) FROM #many")
    assert tuple(cur.fetchone()) == (51, 1225, "n0", decimal.Decimal("306.25"), MIDNIGHT, 24.5)
    # One that fails in the middle of a list fails the call, and the connection stays.
    cur.execute("CREATE TABLE #keyed (a int PRIMARY KEY)")
    refused(lambda: cur.executemany("INSERT INTO #keyed VALUES (?)", [(1,), (1,), (2,)]), "PRIMARY KEY")
    refused(lambda: cur.statistics(table="Employees", schema="dbo"), "Not in the sandbox")
    cur.execute("SELECT ?, ?, ?", (1, "é", MIDNIGHT))
    assert tuple(cur.fetchone()) == (1, "é", MIDNIGHT)
    c.close()
    print("mssql-python", encrypt, ": ok")

for dialect in ("pytds", "pymssql"):
    engine = sa.create_engine(f"mssql+{dialect}://{user}:{password}@127.0.0.1:{port}/{database}")
    look = sa.inspect(engine)
    assert {"dbo", "market", "sales"} <= set(look.get_schema_names())
    assert look.get_table_names(schema="sales") == ["Accounts", "Customers", "Orders", "Trades"]
    assert look.get_view_names(schema="sales") == ["OpenOrders"]
    columns = {c["name"]: c for c in look.get_columns("AllTypes", schema="dbo")}
    assert columns["ADecimal"]["type"].precision == 38 and columns["ADecimal"]["type"].scale == 10
    assert look.get_pk_constraint("Employees", schema="dbo")["constrained_columns"] == ["EmployeeId"]
    assert [f["referred_table"] for f in look.get_foreign_keys("Orders", schema="sales")] == ["Accounts", "Instruments"]
    assert look.get_sequence_names() == []
    assert sa.Table("Employees", sa.MetaData(), autoload_with=engine).columns.keys()[:2] == ["EmployeeId", "ManagerId"]
    t = sa.Table(
        f"Made_{dialect}",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Unicode(20)),
        sa.Column("d", sa.DateTime),
        sa.Column("v", sa.Numeric(10, 2)),
    )
    t.create(engine)
    with engine.begin() as conn:
        r = conn.execute(t.insert().values(n="ü", d=MIDNIGHT, v=decimal.Decimal("1.5")))
        assert tuple(r.inserted_primary_key) == (1,)
        conn.execute(t.insert(), [dict(n=f"m{i}", d=MIDNIGHT, v=decimal.Decimal(i)) for i in range(5)])
        conn.execute(t.update().where(t.c.id == 1).values(n="z"))
        conn.execute(t.delete().where(t.c.id == 2))
    with engine.connect() as conn:
        assert conn.execute(sa.select(t).order_by(t.c.id).limit(1)).fetchall() == [(1, "z", MIDNIGHT, decimal.Decimal("1.50"))]
        assert conn.execute(sa.select(t.c.id).order_by(t.c.id).limit(2).offset(1)).fetchall() == [(3,), (4,)]
        # What the sandbox lacks is told as that, and what was done before stays.
        conn.rollback()
        conn.execute(t.delete().where(t.c.id == 3))
        refused(conn.begin_nested, "Not in the sandbox: the statement SAVE")
        assert conn.execute(sa.select(sa.func.count()).select_from(t)).scalar() == 4
        conn.rollback()
        assert conn.execute(sa.select(sa.func.count()).select_from(t)).scalar() == 5
    t.drop(engine)
    print("SQLAlchemy over", dialect, ": ok")

for size in (512, 16_384, 32_767):
    with pytds.connect(
        "127.0.0.1", port=int(port), user=user, password=password, database=database, cafile=ca, validate_host=False, blocksize=size
    ) as c:
        cur = c.cursor()
        cur.execute("SELECT REPLICATE(CAST('a' AS varchar(max)), 100000), %s", ("b" * 50_000,))
        assert [len(v) for v in cur.fetchone()] == [100_000, 50_000]
print("packets within TLS : ok")
