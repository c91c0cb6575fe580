// Rows in a table: what is shown, in which order, and what is found.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture, opened } from "../lib/harness.mjs";

const state = (v, name) => v.view.$$eval("th[aria-sort]", (all, n) => all.find((t) => t.querySelector(".name").textContent === n).getAttribute("aria-sort"), name);
const one = (type, values, name = "n") => ({ arguments: { query: "SELECT" }, result: { content: [], structuredContent: { results: [{ columns: [{ name, type }], rows: values.map((x) => [x]), row_count: values.length }] } } });
const first = async (v) => (await v.rows()).map((r) => r[0]);

test("rows come ten to a page, and turn", async () => {
  const v = await opened("results");
  await v.show(fixture("orders"));
  assert.equal((await v.rows()).length, 10);
  assert.match(await v.text(".status"), /^rows 1–10 of 312 · read-only$/);
  await v.click("Next page");
  assert.match(await v.text(".status"), /^rows 11–20 of 312/);
  assert.equal((await v.rows())[0][0], "11");
  await v.click("Last page");
  assert.match(await v.text(".status"), /^rows 311–312 of 312/);
  await v.close();
});

test("a click on a column's name orders by it, and says so", async () => {
  const v = await opened("results");
  await v.show(fixture("orders"));
  assert.equal(await state(v, "Quantity"), "none");
  await v.click("Quantity");
  assert.equal(await state(v, "Quantity"), "ascending");
  assert.equal((await v.rows())[0][3], "10");
  await v.click("Quantity");
  assert.equal(await state(v, "Quantity"), "descending");
  await v.click("Quantity");
  assert.equal(await state(v, "Quantity"), "none");
  await v.close();
});

test("numbers are ordered as numbers, to their last digit", async () => {
  for (const [type, given, expected] of [
    ["bigint", ["9007199254740993", 9007199254740992, "-9007199254740993", 5, null, "9223372036854775807"], ["NULL", "-9007199254740993", "5", "9007199254740992", "9007199254740993", "9223372036854775807"]],
    ["decimal(38,20)", ["0.10000000000000000002", "0.10000000000000000001", "-0.10000000000000000002", 10, 9], ["-0.10000000000000000002", "0.10000000000000000001", "0.10000000000000000002", "9.00000000000000000000", "10.00000000000000000000"]],
    ["varchar(9)", ["10", "9", "", null], ["NULL", "", "10", "9"]],
    ["datetimeoffset(7)", ["2024-01-01T00:30:00.0000002+01:00", "2023-12-31T23:30:00.0000001+00:00", "2024-01-01T00:00:00.0000000+02:00"], ["2024-01-01T00:00:00.0000000+02:00", "2023-12-31T23:30:00.0000001+00:00", "2024-01-01T00:30:00.0000002+01:00"]],
    ["float", [1e300, -0.5, 2, "3"], ["-0.5", "2.0", "3", "1e+300"]],
  ]) {
    const v = await opened("results");
    await v.show(one(type, given));
    await v.click("n");
    assert.deepEqual((await first(v)).map((t) => t.replace("empty text", "")), expected, type);
    await v.close();
  }
});

test("the search box finds in all columns, and says how many", async () => {
  const v = await opened("results");
  await v.show(fixture("orders"));
  await v.view.type("input[type=search]", "cancelled");
  await v.wait(() => [...document.querySelectorAll(".set tbody tr")].every((r) => r.innerText.includes("Cancelled")));
  assert.match(await v.text(".status"), /^rows 1–10 of \d+ of 312/);
  assert.equal(await v.view.evaluate(() => document.activeElement.type), "search");
  await v.close();
});

test("a column's menu filters, orders, hides and copies", async () => {
  const v = await opened("results", { permissions: true });
  await v.show(fixture("orders"));
  await v.click("Menu of column Quantity");
  await v.view.select("select[aria-label=Condition]", "ge");
  await v.view.type("input[aria-label=Value]", "900");
  await v.click("Filter");
  const rows = await v.rows();
  assert.ok(rows.length > 0 && rows.every((r) => Number(r[3]) >= 900));
  await v.click("Menu of column LimitPrice");
  await v.view.select("select[aria-label=Condition]", "null");
  await v.click("Filter");
  assert.ok((await v.rows()).every((r) => r[4] === "NULL"));
  await v.click("Menu of column Side");
  await v.click("Hide column");
  assert.ok(!(await v.text("thead")).includes("Side"));
  assert.match(await v.text(".status"), /1 column hidden/);
  await v.click("Actions");
  await v.click("Clear search, filters and order");
  assert.match(await v.text(".status"), /of 312/);
  await v.close();
});

test("NULL is a word, and an empty text is not", async () => {
  const v = await opened("results");
  await v.show(fixture("texts"));
  const rows = await v.rows();
  assert.equal(rows[4][1], "NULL");
  assert.equal(await v.view.$eval("tbody tr:nth-child(5) td:nth-child(3) .null", (e) => e.textContent), "NULL");
  assert.equal(await v.view.$eval("tbody tr:nth-child(4) td:nth-child(3)", (e) => e.querySelector(".null")), null);
  await v.close();
});

test("the whole of a long value is there on demand, and the keyboard comes back", async () => {
  const v = await opened("results");
  await v.show(fixture("texts"));
  await v.click("Whole value of t, row 3");
  assert.equal(await v.text(".whole-value"), "two\nlines");
  assert.equal(await v.view.evaluate(() => document.activeElement.dataset.key), "value-back");
  await v.tab.keyboard.press("Escape");
  await v.settled();
  assert.equal(await v.view.evaluate(() => document.activeElement.dataset.key), "whole-2-1");
  await v.close();
});

test("several results, messages and SQL have tabs", async () => {
  const v = await opened("results");
  await v.show(fixture("several"));
  assert.deepEqual(await v.view.$$eval("[role=tab]", (all) => all.map((t) => t.textContent)), ["Result 1 (3)", "Result 2 (1)", "Result 3 (0)", "Messages (1)", "SQL"]);
  await v.view.focus("#tab-set-0");
  await v.tab.keyboard.press("ArrowRight");
  await v.settled();
  assert.deepEqual((await v.view.$$eval("#panel-set-1 td", (all) => all.map((t) => t.innerText))), ["20000"]);
  await v.click("Result 3 (0)");
  assert.match(await v.text("#panel-set-2"), /No rows/);
  await v.click("Messages (1)");
  assert.match(await v.text("#panel-messages"), /two results follow/);
  await v.click("SQL");
  assert.match(await v.text("#panel-sql"), /PRINT/);
  await v.close();
});

test("an error shows code, message, hint, and where", async () => {
  const v = await opened("results");
  await v.show(fixture("error"));
  const text = await v.text();
  for (const part of ["sql_error", "Invalid column name 'Nme'.", "Did you mean Name?", "207"]) assert.ok(text.includes(part), part);
  assert.ok(!text.includes("Run again"));
  await v.close();
});

test("what changed something is told, and is not run again from here", async () => {
  const v = await opened("results");
  await v.show({ arguments: { query: "DELETE" }, result: { content: [], structuredContent: { results: [], rows_affected: [3, 0], messages: ["done"], committed: true } } });
  const text = await v.text();
  assert.match(text, /Rows affected: 3, 0/);
  assert.match(text, /committed/);
  assert.ok(!text.includes("Run again"));
  await v.close();
});

test("what was cut is said at once", async () => {
  const v = await opened("results");
  const f = fixture("orders");
  f.result.structuredContent.truncated = { reason: "max_rows", limit: 312, missing: "the rows behind it", advice: "Page with OFFSET." };
  await v.show(f);
  assert.match(await v.text(".notice"), /cut at max_rows \(312\): the rows behind it are not here. Page with OFFSET./);
  await v.close();
});

test("a read-only call is run again with the arguments that it had", async () => {
  const again = fixture("bar").result;
  const v = await opened("results", { tools: { execute_sql: again } });
  const f = fixture("orders");
  await v.show(f);
  await v.click("Run again");
  await v.wait(() => document.querySelector(".status").textContent.includes("of 4"));
  assert.deepEqual(await v.happened("tool"), [{ name: "execute_sql", arguments: f.arguments }]);
  await v.close();
});
