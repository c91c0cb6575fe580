// Makes the fixtures by real calls of the server's demo: `node ui/test/make-fixtures.mjs target/debug/mssql-mcp`. What is checked in is what the server said.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const binary = process.argv[2];
const here = join(dirname(fileURLToPath(import.meta.url)), "fixtures");

const SQL = {
  types: "SELECT * FROM dbo.AllTypes ORDER BY Id",
  floats:
    "SELECT v.n, CAST(v.n AS real) AS r FROM (SELECT CAST(1e15 AS float) AS n UNION ALL SELECT 1e16 UNION ALL SELECT 1.2345678901234567e17 UNION ALL SELECT 1e-5 UNION ALL SELECT 1e-6 UNION ALL " +
    "SELECT 1.5e-6 UNION ALL SELECT 1e12 UNION ALL SELECT 1e13 UNION ALL SELECT 3 UNION ALL SELECT 0 UNION ALL SELECT -1e-7 UNION ALL SELECT 0.1 UNION ALL SELECT 123456789012 UNION ALL SELECT NULL) AS v",
  decimals:
    "SELECT CAST(v.n AS decimal(38,0)) AS whole, CAST(v.s AS decimal(18,8)) AS small, CAST(v.s AS money) AS m FROM (SELECT '100000000000000000000000000' AS n, '0.00000010' AS s UNION ALL SELECT '-5', '-12.5' UNION ALL SELECT '12345678901234567890', '0' UNION ALL SELECT '1000000000000000000000', NULL) AS v",
  texts:
    "SELECT 1 AS id, N'a,b' AS t UNION ALL SELECT 2, N'say \"hi\"' UNION ALL SELECT 3, N'two' + CHAR(10) + N'lines' UNION ALL SELECT 4, N'' UNION ALL SELECT 5, NULL UNION ALL SELECT 6, N'# no comment' UNION ALL SELECT 7, N'=1+1' UNION ALL SELECT 8, N' blanks ' UNION ALL SELECT 9, N'日本 😀'",
  one_null: "SELECT CAST(NULL AS int) AS n UNION ALL SELECT 1 UNION ALL SELECT NULL",
  names: "SELECT 1 AS [a,b], 2 AS [a,b], 3, 4 AS [__proto__], 5 AS [constructor], 6 AS [#tag]",
  orders: "SELECT TOP 312 OrderId, AccountId, Side, Quantity, LimitPrice, Status, PlacedAt, UpdatedAt, Notional FROM sales.Orders ORDER BY OrderId",
  several: "PRINT 'two results follow'; SELECT TOP 3 Name, Country FROM sales.Customers ORDER BY CustomerId; SELECT COUNT(*) AS orders FROM sales.Orders; SELECT TOP 0 * FROM market.Prices",
  line: "SELECT TOP 60 p.PriceDate, p.ClosePrice, p.HighPrice FROM market.Prices AS p WHERE p.InstrumentId = 1 ORDER BY p.PriceDate",
  bar: "SELECT Status, COUNT(*) AS orders FROM sales.Orders GROUP BY Status ORDER BY orders DESC",
  scatter: "SELECT TOP 80 Quantity, LimitPrice FROM sales.Orders WHERE LimitPrice IS NOT NULL ORDER BY OrderId",
  cut: "SELECT 1 AS id, REPLICATE(CAST(N'lorem ipsum ' AS nvarchar(max)), 4000) AS long UNION ALL SELECT 2, N'short'",
  none: "SELECT OrderId, Status FROM sales.Orders WHERE 1 = 0",
};

const call = (tool, args, form) => {
  const out = execFileSync(binary, ["call", "--demo", "--json", tool, ...args, ...(form ? ["--format", form] : [])], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1 << 26 });
  return JSON.parse(out);
};
/** A refusal is an exit code too. */
const refused = (tool, args) => {
  try {
    return call(tool, args);
  } catch (e) {
    return JSON.parse(e.stdout);
  }
};
const put = (name, value) => writeFileSync(join(here, `${name}.json`), JSON.stringify(value) + "\n");

for (const [name, sql] of Object.entries(SQL)) {
  put(name, { tool: "execute_sql", arguments: { query: sql }, result: call("execute_sql", [sql]), csv: call("execute_sql", [sql], "csv") });
}
for (const [name, sql] of Object.entries({ error: "SELECT Nme FROM sales.Customers", refused: "DROP TABLE sales.Orders" })) {
  put(name, { tool: "execute_sql", arguments: { query: sql }, result: refused("execute_sql", [sql]) });
}
put("sample", { tool: "get_table_sample", arguments: { table_name: "sales.Orders" }, result: call("get_table_sample", ["sales.Orders"]) });
put("tables", { tool: "list_tables", arguments: {}, result: call("list_tables", ["--include-views"]) });
for (const table of ["sales.Orders", "market.Instruments", "dbo.Employees", "dbo.[Notes.Archive]", "sales.OpenOrders", "sales.Accounts", "sales.Trades", "sales.Customers"]) {
  put(`describe-${table.toLowerCase().replaceAll(/[^a-z]+/g, "-").replace(/-$/, "")}`, { tool: "describe_table", arguments: { table_name: table }, result: call("describe_table", [table]) });
}
