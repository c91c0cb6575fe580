// Rows that the server keeps behind a handle: pages, order, filters, whole values, and what is left when the handle has expired.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture, opened } from "../lib/harness.mjs";

const META = "io.github.mssql-mcp/view";
const HANDLE = "0123456789abcdef0123456789abcdef";
const kept = (rows, more = {}) => ({ [META]: { handle: HANDLE, rows_kept: rows, complete: true, expires: "2099-01-01T00:00:00Z", elapsed_ms: 41, sql: "SELECT … FROM sales.Orders", ...more } });

/** The store of the server, as the contract has it. */
function store() {
  window.calls = [];
  window.answerTool = (name, args) => {
    window.calls.push({ name, args });
    const error = (code, message) => ({ isError: true, content: [{ type: "text", text: JSON.stringify({ error: { code, message } }) }] });
    if (window.expired || args.handle !== "0123456789abcdef0123456789abcdef") return error("handle_expired", "expired: run the query again");
    if (name === "view_cell") return { content: [], structuredContent: { value: window.whole } };
    let rows = window.all.map((r, i) => [r, i]);
    for (const f of args.filter ?? []) {
      if (f.op === "search") rows = rows.filter(([r]) => r.some((c) => String(c).toLowerCase().includes(f.value.toLowerCase())));
      else if (f.op === "ge") rows = rows.filter(([r]) => Number(r[f.column]) >= Number(f.value));
      else return error("invalid_arguments", `op ${f.op}`);
    }
    for (const s of args.sort ?? []) rows.sort(([a], [b]) => (a[s.column] - b[s.column]) * (s.desc ? -1 : 1));
    const page = rows.slice(args.offset, args.offset + Math.min(args.limit, 150));
    return { content: [], structuredContent: { columns: window.columns, rows: page.map(([r]) => r), numbers: page.map(([, i]) => i), offset: args.offset, total: window.all.length, matched: rows.length } };
  };
}

async function fifty(more = {}, o = {}) {
  const f = fixture("orders");
  const set = f.result.structuredContent.results[0];
  const v = await opened("results", o);
  await v.tab.evaluate(store);
  await v.tab.evaluate((all, columns) => Object.assign(window, { all, columns }), set.rows, set.columns);
  set.rows = set.rows.slice(0, 50);
  f.result.structuredContent.truncated = { reason: "max_rows", limit: 50, missing: "the rows behind it", advice: "Page." };
  await v.show(f, { _meta: kept(312, more) });
  return v;
}
const calls = (v) => v.tab.evaluate(() => window.calls);

test("pages beyond the result come from the store, and only when they are wanted", async () => {
  const v = await fifty();
  assert.match(await v.text(".status"), /^rows 1–10 of 312 · 41 ms · read-only$/);
  assert.deepEqual(await calls(v), []);
  await v.click("Next page");
  assert.deepEqual(await calls(v), []);
  await v.click("Last page");
  await v.wait(() => document.querySelector(".status").textContent.startsWith("rows 311–312 of 312"));
  assert.equal((await v.rows())[1][0], "312");
  const [first] = await calls(v);
  assert.equal(first.name, "view_rows");
  assert.equal(first.args.result, 0);
  assert.ok(first.args.limit <= 500);
  await v.close();
});

test("order, filters and search are asked of the store", async () => {
  const v = await fifty();
  await v.click("Quantity");
  await v.wait(() => document.querySelector("td:nth-child(5)").innerText === "10");
  assert.deepEqual((await calls(v))[0].args.sort, [{ column: 3, desc: false }]);
  await v.click("Menu of column Quantity");
  await v.view.select("select[aria-label=Condition]", "ge");
  await v.view.type("input[aria-label=Value]", "900");
  await v.tab.keyboard.press("Enter");
  await v.wait(() => / of \d+ of 312/.test(document.querySelector(".status").textContent));
  assert.deepEqual((await calls(v)).at(-1).args.filter, [{ column: 3, op: "ge", value: "900" }]);
  await v.view.type("input[type=search]", "rejected");
  await v.wait(() => [...document.querySelectorAll("tbody tr")].every((r) => r.innerText.includes("Rejected")));
  assert.deepEqual((await calls(v)).at(-1).args.filter.at(-1), { op: "search", value: "rejected" });
  await v.close();
});

test("CSV has all rows that are kept", async () => {
  const v = await fifty();
  await v.click("Actions");
  await v.click("CSV of 312 rows");
  await v.tab.waitForFunction(() => window.host.happened.some((h) => h.what === "download"));
  assert.equal((await v.happened("download"))[0].contents[0].resource.text, fixture("orders").csv.structuredContent.results[0].csv);
  await v.close();
});

test("fullscreen brings rows as it scrolls", async () => {
  const v = await fifty();
  await v.click("Fullscreen");
  await v.wait(() => document.querySelector(".grid"));
  await v.view.$eval(".grid", (g) => (g.scrollTop = 200 * 28));
  await v.wait(() => [...document.querySelectorAll(".g-cell[data-row='205']")].some((c) => c.textContent === "206"));
  await v.close();
});

test("an expired handle leaves what the result holds, and says what to do", async () => {
  const v = await fifty();
  await v.tab.evaluate(() => (window.expired = true));
  await v.click("Last page");
  await v.wait(() => /expired: run the query again/.test(document.querySelector(".status").textContent));
  assert.match(await v.text(".notice"), /expired: run the query again/);
  assert.match(await v.text(".status"), /^rows 1–10 of 50 /);
  assert.equal((await v.rows()).length, 10);
  assert.ok((await v.text(".tools")).includes("Run again"));
  await v.close();
});

test("a replay a day later, without a server, shows the stored page", async () => {
  const v = await fifty({ expires: "2020-01-01T00:00:00Z" }, { capabilities: {} });
  assert.match(await v.text(".status"), /^rows 1–10 of 50 /);
  assert.match(await v.text(".notice"), /run the query again/);
  await v.click("Last page");
  assert.match(await v.text(".status"), /^rows 41–50 of 50/);
  assert.deepEqual(await calls(v), []);
  await v.close();
});

test("a value that was cut is read whole from the store", async () => {
  const f = fixture("cut");
  const v = await opened("results");
  await v.tab.evaluate(store);
  await v.tab.evaluate(() => (window.whole = "lorem ipsum ".repeat(4000)));
  const set = f.result.structuredContent.results[0];
  set.columns[1].cut_cells = 1;
  set.rows[0][1] = "lorem ipsum … [cut: 12 of 48000 characters]";
  await v.show(f, { _meta: kept(2) });
  await v.click("Whole value of long, row 1");
  await v.wait(() => document.querySelector(".whole-value").textContent.length === 48000);
  assert.deepEqual((await calls(v))[0], { name: "view_cell", args: { handle: HANDLE, result: 0, row: 0, column: 1 } });
  await v.close();
});

test("a value that the store has no more of either is called cut", async () => {
  const f = fixture("cut");
  const v = await opened("results");
  await v.tab.evaluate(store);
  const cut = "lorem ipsum … [cut: 12 of 48000 characters]";
  await v.tab.evaluate((whole) => Object.assign(window, { whole }), cut);
  const set = f.result.structuredContent.results[0];
  set.columns[1].cut_cells = 1;
  set.rows[0][1] = cut;
  await v.show(f, { _meta: kept(2) });
  await v.click("Whole value of long, row 1");
  await v.wait(() => /the server cut it/.test(document.querySelector(".value-page .about").textContent));
  assert.equal(await v.text(".whole-value"), cut);
  await v.close();
});

/** Two hundred rows, and a hundred of a set of which none came. */
const behind = (set) => kept(300, { sets: [{ rows: 200 }, { rows: 100, columns: set.columns }] });

test("a result set of which no row came is asked for when it is looked at", async () => {
  const f = fixture("orders");
  const set = f.result.structuredContent.results[0];
  const v = await opened("results");
  await v.tab.evaluate(store);
  await v.tab.evaluate((all, columns) => Object.assign(window, { all, columns }), set.rows.slice(0, 100), set.columns);
  set.rows = set.rows.slice(0, 50);
  await v.show(f, { _meta: behind(set) });
  assert.match(await v.text(".status"), /^rows 1–10 of 200 /);
  assert.deepEqual(await calls(v), []);
  await v.click("Result 2 (100)");
  await v.wait(() => document.querySelector("[role=tabpanel]:not([hidden]) tbody td")?.innerText === "1");
  assert.equal((await calls(v))[0].args.result, 1);
  await v.close();
});

test("without a server there is no such set", async () => {
  const f = fixture("orders");
  const v = await opened("results", { capabilities: {} });
  await v.show(f, { _meta: behind(f.result.structuredContent.results[0]) });
  assert.match(await v.text(".status"), /^rows 1–10 of 312/);
  assert.ok(!(await v.text(".top")).includes("Result 2"));
  await v.close();
});

test("what a store refuses is said, and taken back", async () => {
  const v = await fifty();
  await v.click("Menu of column Status");
  await v.view.type("input[aria-label=Value]", "x");
  await v.click("Filter");
  await v.wait(() => !document.querySelector(".notice").hidden && /op contains/.test(document.querySelector(".notice").textContent));
  assert.match(await v.text(".status"), /^rows 1–10 of 312/);
  assert.equal((await v.rows())[0][0], "1");
  await v.close();
});
