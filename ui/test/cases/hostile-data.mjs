// What a database may hold: nothing of it becomes markup, an address, or an exception.
import assert from "node:assert/strict";
import { test } from "node:test";
import { opened } from "../lib/harness.mjs";

const answer = (columns, rows, more = {}) => ({ arguments: { query: "SELECT 1" }, result: { content: [], structuredContent: { results: [{ columns, rows, row_count: rows.length }], ...more } } });
const text = (name) => ({ name, type: "nvarchar(max)" });

const NASTY = [
  "<script>window.pwned = 1</script>", "</script><img src=x onerror=window.pwned=1>", "<svg onload=window.pwned=1>", "javascript:window.pwned=1", "{{constructor.constructor('window.pwned=1')()}}",
  "\u202eevil\u202c", "a\u0000b", "\ud800 half", "half \udc00", "&lt;b&gt;", "<!-- ", "]]>", "data:text/html,<script>1</script>", "\u2028\u2029", "🏳️‍🌈 e\u0301",
];

test("markup in values, names, messages and SQL stays text", async () => {
  const v = await opened("results");
  for (const bad of NASTY) {
    const f = answer([text(bad), { name: bad, type: bad }], [[bad, bad], [bad, null]], { messages: [bad] });
    f.arguments.query = bad;
    f.result._meta = { "io.github.mssql-mcp/view": { handle: "", sql: bad, elapsed_ms: 1 } };
    await v.show(f);
    for (const tab of await v.view.$$("[role=tab]")) await tab.evaluate((t) => t.click());
    await v.view.evaluate(() => document.querySelectorAll("[role=tab]")[0].click());
    await v.view.evaluate(() => document.querySelector(".menu")?.click());
  }
  assert.equal(await v.view.evaluate(() => window.pwned), undefined);
  assert.equal(await v.view.evaluate(() => document.querySelectorAll("main script, main img, main a, main iframe, main form").length), 0);
  await v.close();
});

test("markup in errors stays text", async () => {
  const v = await opened("results");
  for (const bad of NASTY) {
    await v.show({ arguments: { query: "q" }, result: { isError: true, content: [{ type: "text", text: JSON.stringify({ error: { code: bad, message: bad, hint: bad, closest: [bad], number: 1 } }) }] } });
  }
  await v.show({ arguments: {}, result: { isError: true, content: [{ type: "text", text: "<b>no JSON" }] } });
  assert.match(await v.text(), /<b>no JSON/);
  assert.equal(await v.view.evaluate(() => window.pwned), undefined);
  await v.close();
});

test("what is hidden in a text is shown by its name", async () => {
  const v = await opened("results");
  await v.show(answer([text("t")], [["ab\u202ecd"], ["x\u200by"], ["l1\nl2"]]));
  const rows = (await v.rows()).map((r) => r[0]);
  assert.equal(rows[0], "abU+202Ecd");
  assert.equal(rows[1], "xU+200By");
  assert.match(rows[2], /^l1↵l2/);
  await v.close();
});

test("a value of a megabyte is cut in the table and whole on demand", async () => {
  const v = await opened("results");
  const big = "<i>é</i> ".repeat(130_000);
  await v.show(answer([text("t")], [[big], ["x".repeat(1_000_000)]]));
  assert.ok((await v.rows())[0][0].length < 200);
  await v.click("Whole value of t, row 1");
  assert.equal(await v.view.$eval(".whole-value", (e) => e.textContent.length), big.length);
  await v.close();
});

test("1,024 columns", async () => {
  const v = await opened("results");
  const columns = Array.from({ length: 1024 }, (_, i) => ({ name: `c${i}`, type: "int" }));
  await v.show(answer(columns, Array.from({ length: 30 }, (_, r) => columns.map((_, i) => r * i))));
  assert.match(await v.text(".status"), /824 columns hidden/);
  await v.click("Fullscreen");
  await v.wait(() => document.querySelector(".grid .g-cell"));
  assert.ok((await v.view.$$(".g-cell")).length < 1500);
  await v.click("Actions");
  await v.click("Columns: 200 of 1024 shown");
  await v.view.evaluate(() => [...document.querySelectorAll(".checks label")].find((l) => l.textContent === "c1023").querySelector("input").click());
  assert.match(await v.text(".status"), /823 columns hidden/);
  await v.close();
});

test("names that objects have, one name twice, and none at all", async () => {
  const v = await opened("results");
  const names = ["__proto__", "constructor", "toString", "a", "a", "", "hasOwnProperty"];
  await v.show(answer(names.map(text), [names.map((_, i) => `v${i}`), names.map(() => null)]));
  assert.deepEqual((await v.rows())[0], ["v0", "v1", "v2", "v3", "v4", "v5", "v6"]);
  assert.match(await v.text("thead"), /\(column 6, no name\)/);
  for (const name of ["__proto__", "constructor"]) await v.click(`Menu of column ${name}`);
  await v.click("Sort descending");
  assert.deepEqual((await v.rows())[0][0], "v0");
  await v.close();
});

test("types that nobody knows, objects, and numbers that are none", async () => {
  const v = await opened("results");
  const types = ["sql_variant", "vector(2)", "__proto__", "decimal", "decimal(99,99)", "int", "float", ""];
  const columns = types.map((type, i) => ({ name: `c${i}`, type }));
  await v.show(answer(columns, [
    [{ base_type: "decimal", value: 7.5 }, [1.5, -2], { a: 1 }, 1.5, 1, "not a number", "NaN", true],
    [{ base_type: "nvarchar", value: "x" }, "[1]", 3, "1e5", null, 1e21, -0, false],
    [{ base_type: "bit", value: null }, [], [[]], -1e-9, 0, -5, 5e-324, 0],
  ]));
  const rows = await v.rows();
  assert.deepEqual(rows[0].slice(0, 3), ["7.5", "[1.5,-2.0]", '{"a":1}']);
  assert.equal(rows[1][5], "1000000000000000000000");
  assert.equal(rows[2][3], "-0.000000001");
  for (let i = 0; i < types.length; i++) await v.click(`c${i}`);
  await v.close();
});

const SHAPES = [
  {}, { structuredContent: null }, { structuredContent: [] }, { structuredContent: { results: null } }, { structuredContent: { results: [null, 1, "x", {}] } },
  { structuredContent: { results: [{ columns: null, rows: null }] } }, { structuredContent: { results: [{ columns: [null, 3, {}], rows: [null, 5, {}, [1], [1, 2, 3, 4, 5]] }] } },
  { structuredContent: { results: [{ columns: [{ name: 5, type: 6 }], rows: [[undefined]], truncated: 5 }], truncated: "x", messages: { a: 1 }, rows_affected: "x", committed: "y" } },
  { structuredContent: { results: [{ columns: [{ name: "a", type: "int" }], csv: 'a\n"unfinished' }] } }, { structuredContent: { results: [{ columns: [], csv: "" }] } },
  { content: "x", isError: true }, { content: [{ type: "image", data: "x", mimeType: "image/png" }] }, { content: [{ type: "text", text: '{"results": [' }] }, { content: [null] },
  { _meta: { "io.github.mssql-mcp/view": 5 } }, { _meta: { "io.github.mssql-mcp/view": { handle: {}, rows_kept: -1, expires: [], elapsed_ms: "x", sql: {} } }, structuredContent: { results: [{ columns: [{ name: "a", type: "int" }], rows: [[1]] }] } },
];

test("shapes that the output schema does not have", async () => {
  for (const name of ["results", "schema"]) {
    const v = await opened(name, { raw: true });
    await v.host("post", { jsonrpc: "2.0", id: 1, result: { protocolVersion: "2026-01-26", hostInfo: { name: "h", version: "1" }, hostCapabilities: { serverTools: {} }, hostContext: {} } });
    for (const shape of SHAPES) {
      await v.host("post", { jsonrpc: "2.0", method: "ui/notifications/tool-result", params: shape });
      await v.settled();
      assert.ok((await v.text()).length > 0);
    }
    await v.close();
  }
});

test("a schema with names and shapes of its own", async () => {
  const v = await opened("schema");
  for (const bad of NASTY) {
    const fk = { name: bad, columns: [bad], references: bad, table: bad };
    await v.show({ arguments: {}, result: { content: [], structuredContent: { schema: bad, name: bad, type: bad, description: bad, columns: [{ name: bad, type: bad, nullable: true, default: bad, description: bad }], primary_key: { name: bad, columns: [bad] }, foreign_keys: [fk], referenced_by: [fk], indexes: [{ name: bad, columns: [bad] }], check_constraints: [{ name: bad, definition: bad }] } } });
    for (const tab of await v.view.$$("[role=tab]")) await tab.evaluate((t) => t.click());
    await v.show({ arguments: {}, result: { content: [], structuredContent: { tables: [{ schema: bad, name: bad, type: "table", rows: null, description: bad }], message: bad } } });
  }
  assert.equal(await v.view.evaluate(() => window.pwned), undefined);
  assert.equal(await v.view.evaluate(() => document.querySelectorAll("main script, main img, main a").length), 0);
  await v.close();
});
