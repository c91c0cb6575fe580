// tedious, Node's TDS driver: proves that the sandbox speaks the protocol as others understand it.
// Arguments: port, user, password, database, the sandbox's certificate as a PEM file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Connection, Request, TYPES } from "tedious";

const [port, userName, password, database, certificate] = process.argv.slice(2);
const ca = readFileSync(certificate);

function connect(encrypt) {
  return new Promise((resolve, reject) => {
    const c = new Connection({
      server: "127.0.0.1",
      authentication: { type: "default", options: { userName, password } },
      options: { port: Number(port), database, encrypt, trustServerCertificate: true, rowCollectionOnRequestCompletion: true, useUTC: true, cryptoCredentialsDetails: { ca }, serverName: "localhost" },
    });
    c.connect((e) => (e ? reject(e) : resolve(c)));
  });
}

function run(c, sql, params = [], how = "execSql") {
  return new Promise((resolve, reject) => {
    const r = new Request(sql, (e, count, rows) => (e ? reject(e) : resolve({ count, rows: rows.map((row) => row.map((x) => x.value)), out })));
    const out = {};
    r.on("returnValue", (name, value) => (out[name] = value));
    for (const [name, type, value, output, options] of params) output ? r.addOutputParameter(name, type, value) : r.addParameter(name, type, value, options);
    c[how](r);
  });
}

for (const encrypt of [true, false, "strict"]) {
  const c = await connect(encrypt);
  const one = async (type, value, cast) => (await run(c, `SELECT ${cast ? `CAST(@p AS ${cast})` : "@p"}`, [["p", type, value]])).rows[0][0];
  assert.equal(await one(TYPES.Int, -5), -5);
  assert.equal(await one(TYPES.BigInt, "9223372036854775807"), "9223372036854775807");
  assert.equal(await one(TYPES.TinyInt, 255), 255);
  assert.equal(await one(TYPES.SmallInt, -32768), -32768);
  assert.equal(await one(TYPES.Bit, true), true);
  assert.equal(await one(TYPES.Float, 0.1), 0.1);
  assert.equal(await one(TYPES.Real, 0.5), 0.5);
  assert.equal((await run(c, "SELECT @p", [["p", TYPES.Decimal, 12.5, false, { precision: 10, scale: 2 }]])).rows[0][0], 12.5);
  assert.equal(await one(TYPES.Money, 12.25), 12.25);
  assert.equal(await one(TYPES.NVarChar, "Zürich 😀"), "Zürich 😀");
  assert.equal(await one(TYPES.VarChar, "naïve"), "naïve");
  assert.equal(await one(TYPES.NVarChar, "x".repeat(9000)), "x".repeat(9000));
  assert.deepEqual(await one(TYPES.VarBinary, Buffer.from([1, 2, 255])), Buffer.from([1, 2, 255]));
  assert.equal(await one(TYPES.UniqueIdentifier, "6F9619FF-8B86-D011-B42D-00C04FC964FF"), "6F9619FF-8B86-D011-B42D-00C04FC964FF");
  const at = new Date("2024-02-29T12:34:56.780Z");
  assert.equal((await one(TYPES.DateTime2, at)).toISOString(), at.toISOString());
  assert.equal((await one(TYPES.DateTime, at)).toISOString(), at.toISOString());
  assert.equal((await one(TYPES.DateTimeOffset, at)).toISOString(), at.toISOString());
  assert.equal((await one(TYPES.Date, at)).toISOString().slice(0, 10), "2024-02-29");
  assert.equal(await one(TYPES.Int, null), null);
  assert.equal(await one(TYPES.NVarChar, null), null);

  // Every type of the sample, values and NULLs.
  const all = await run(c, "SELECT * FROM dbo.AllTypes ORDER BY Id");
  assert.equal(all.rows.length, 3);
  assert.ok(all.rows[2].slice(1).every((v) => v === null));
  assert.equal(all.rows[0][5], "9223372036854775807");

  // Several packets, several result sets, counts, errors, transactions, prepared statements, output parameters.
  const many = await run(c, "SELECT OrderId, Status FROM sales.Orders");
  assert.equal(many.rows.length, 20000);
  await assert.rejects(run(c, "SELECT * FROM nope"), (e) => e.number === 208 && e.lineNumber === 1);
  await assert.rejects(run(c, "SELECT 1/0"), (e) => e.number === 8134);
  assert.deepEqual((await run(c, "SELECT 1", [], "execSqlBatch")).rows, [[1]]);
  const summary = await run(c, "sales.OrderSummary", [["CustomerId", TYPES.Int, 5], ["Count", TYPES.Int, 0, true]], "callProcedure");
  assert.ok(summary.rows.length > 0 && summary.out.Count > 0);
  await new Promise((resolve, reject) => c.beginTransaction((e) => (e ? reject(e) : resolve())));
  assert.equal((await run(c, "UPDATE dbo.Employees SET Title = N'x' WHERE EmployeeId <= @n", [["n", TYPES.Int, 3]])).count, 3);
  await new Promise((resolve, reject) => c.rollbackTransaction((e) => (e ? reject(e) : resolve())));
  assert.equal((await run(c, "SELECT COUNT(*) FROM dbo.Employees WHERE Title = N'x'")).rows[0][0], 0);

  // RESETCONNECTION: what the session held is gone, and it goes on.
  await run(c, "CREATE TABLE #held (a int); SET LOCK_TIMEOUT 77; BEGIN TRANSACTION; UPDATE dbo.Employees SET Title = N'x'", [], "execSqlBatch");
  await new Promise((resolve, reject) => c.reset((e) => (e ? reject(e) : resolve())));
  const left = await run(c, "SELECT @@TRANCOUNT, @@LOCK_TIMEOUT, OBJECT_ID('tempdb..#held'), (SELECT COUNT(*) FROM dbo.Employees WHERE Title = N'x'), DB_NAME()");
  assert.deepEqual(left.rows, [[0, -1, null, 0, database]]);

  await new Promise((resolve) => {
    c.on("end", resolve);
    c.close();
  });
  console.log(`tedious encrypt=${encrypt}: ok`);
}
