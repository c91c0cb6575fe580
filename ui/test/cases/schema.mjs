// Tables, columns and keys.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture, opened } from "../lib/harness.mjs";

test("columns with keys, types, NULL, defaults and descriptions", async () => {
  const v = await opened("schema");
  await v.show(fixture("describe-sales-orders"));
  const rows = await v.view.$$eval("tbody tr", (all) => all.map((r) => r.innerText.split("\t").map((t) => t.trim())));
  assert.deepEqual(rows[0], ["OrderId", "int", "PK", "NOT NULL", "identity(1, 1)", ""]);
  assert.equal(rows[1][2], "FK");
  assert.match(rows[5][5], /worst acceptable price/);
  assert.equal(rows[9][4], "= ((Quantity * LimitPrice))");
  assert.match(await v.text(".status"), /about 20,000 rows/);
  await v.close();
});

test("keys both ways, as a drawing and as a list", async () => {
  const v = await opened("schema");
  await v.show(fixture("describe-sales-orders"));
  await v.click("Keys (3)");
  assert.equal((await v.view.$$(".edge")).length, 3);
  assert.match(await v.text(".keys"), /sales.Trades \(OrderId\) refers to sales.Orders \(OrderId\), on delete cascade/);
  const x = (label) => v.view.$$eval(".node", (all, l) => Number(/translate\((-?[\d.]+)/.exec(all.find((n) => n.textContent.startsWith(l)).getAttribute("transform"))[1]), label);
  assert.ok((await x("sales.Trades")) < (await x("sales.Orders")) && (await x("sales.Orders")) < (await x("sales.Accounts")));
  await v.close();
});

test("a table that refers to itself, one without keys, a view, a name in brackets", async () => {
  const v = await opened("schema");
  await v.show(fixture("describe-dbo-employees"));
  await v.click("Keys (1)");
  assert.equal((await v.view.$$(".node")).length, 1);
  assert.equal((await v.view.$$(".edge")).length, 1);
  await v.show(fixture("describe-sales-openorders"));
  await v.click("Keys (0)");
  assert.match(await v.text(".keys"), /No foreign key/);
  await v.show(fixture("describe-dbo-notes-archive"));
  assert.match(await v.text("h1"), /dbo.\[Notes.Archive\]/);
  await v.close();
});

test("the list is searched, opened, left and continued", async () => {
  const next = { content: [], structuredContent: { tables: [{ schema: "zoo", name: "Animals", type: "table", rows: 1, description: null }] } };
  const v = await opened("schema", { tools: { describe_table: fixture("describe-sales-orders").result, list_tables: next } });
  const f = fixture("tables");
  f.result.structuredContent.next_cursor = "after:200";
  await v.show(f);
  await v.click("More tables");
  await v.wait(() => document.querySelector(".status").textContent.includes("13 tables"));
  await v.view.type("input[type=search]", "order");
  await v.settled();
  assert.deepEqual(await v.view.$$eval("tbody th", (all) => all.map((t) => t.textContent)), ["sales.OpenOrders", "sales.Orders", "sales.Trades"]);
  await v.click("sales.Orders");
  await v.wait(() => document.querySelector("h1").textContent === "sales.Orders");
  assert.deepEqual((await v.happened("tool")).at(-1), { name: "describe_table", arguments: { table_name: "sales.Orders" } });
  await v.click("← Tables");
  assert.equal(await v.text("h1"), "Tables");
  await v.close();
});

test("without serverTools the list is only a list, and the drawing only a drawing", async () => {
  const v = await opened("schema", { capabilities: {} });
  await v.show(fixture("tables"));
  assert.equal(await v.view.$("tbody button"), null);
  await v.show(fixture("describe-sales-orders"));
  await v.click("Keys");
  assert.equal(await v.view.$("[role=button]"), null);
  await v.close();
});

test("at most forty tables are drawn, in little time, circles among them", async () => {
  const keys = [];
  for (let i = 0; i < 120; i++) keys.push({ name: `k${i}`, columns: ["a"], references: `s.t${i}`, referenced_columns: ["b"] });
  const around = { tables: [], foreign_keys: [] };
  for (let i = 0; i < 60; i++) around.foreign_keys.push({ from: { table: `s.t${i}`, columns: ["x"] }, to: { table: `s.t${(i * 7 + 1) % 60}`, columns: ["y"] } });
  const v = await opened("schema", { tools: { view_schema: { content: [], structuredContent: around } } });
  await v.show({ arguments: {}, result: { content: [], structuredContent: { schema: "s", name: "hub", columns: [{ name: "a", type: "int", nullable: false }], foreign_keys: keys } } });
  await v.click("Keys (120)");
  assert.equal((await v.view.$$(".node")).length, 40);
  const before = Date.now();
  await v.click("s.t3", ".keys");
  await v.wait(() => document.querySelector(".status").textContent.includes("180 foreign keys"));
  assert.ok(Date.now() - before < 2000);
  assert.equal((await v.view.$$(".node")).length, 40);
  await v.close();
});

test("an error of the catalog is shown", async () => {
  const v = await opened("schema");
  await v.show(fixture("error"));
  assert.match(await v.text(), /sql_error/);
  await v.close();
});
