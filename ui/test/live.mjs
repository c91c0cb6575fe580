// The views against a server that runs: its own pages in Chromium, its own answers in them, and each call of a View is a call of its tools.
// `node ui/test/live.mjs BINARY`
import assert from "node:assert/strict";
import { begin, end, opened, openedAt } from "./lib/harness.mjs";
import { called, connected, META, serve, Server } from "./lib/live.mjs";
import { page as built } from "./lib/servers.mjs";

const binary = process.argv[2];
assert.ok(binary, "node ui/test/live.mjs BINARY");

const [ROWS, CELL] = [100, 200];
// `Digits` are texts that look like numbers here and there, whose order is easily no order at all.
const QUERY = `SELECT TOP 312 OrderId, AccountId, Side, Quantity, LimitPrice, Status, PlacedAt, Notional,
  CASE WHEN OrderId % 3 = 0 THEN CAST(OrderId AS varchar(10)) WHEN OrderId % 3 = 1 THEN CAST(OrderId AS varchar(10)) + 'a' ELSE '00' + CAST(OrderId AS varchar(10)) END AS Digits,
  CASE WHEN OrderId = 2 OR OrderId = 205 THEN REPLICATE(N'0123456789', 60) WHEN OrderId = 206 THEN REPLICATE(N'abcdefghi ', 15) ELSE N'short' END AS Note
  FROM sales.Orders ORDER BY OrderId`;
const COLUMN = Object.fromEntries(["OrderId", "AccountId", "Side", "Quantity", "LimitPrice", "Status", "PlacedAt", "Notional", "Digits", "Note"].map((name, i) => [name, i]));

let server;
let host;
let plain;
let truth;

/** The server's page in a frame of a host that forwards to the server. */
async function framed(answer, from = host, o = {}) {
  const resource = await from.page(answer.tool);
  const v = await opened("", {
    html: resource.text, permissions: resource._meta.ui.permissions.clipboardWrite !== undefined,
    more: { toolInfo: { tool: from.tools.get(answer.tool) } }, ...o,
  });
  v.calls = [];
  await v.tab.exposeFunction("answerTool", (name, args) => {
    v.calls.push({ name, args });
    return from.fromView(name, args);
  });
  await v.show(answer);
  return v;
}

const status = (v, text) => v.wait((t) => document.querySelector(".status").textContent.includes(t), text);
/** The numbers of the orders that are shown. */
const orders = async (v) => (await v.rows()).map((r) => r[0]);
const numbers = (rows) => rows.map((r) => String(r[0]));

async function filtered(v, column, op, value) {
  await v.click(`Menu of column ${column}`);
  await v.view.select("select[aria-label=Condition]", op);
  await v.view.type("input[aria-label=Value]", value);
  await v.click("Filter", ".panel");
}

async function searched(v, text) {
  await v.view.$eval("input[type=search]", (e, t) => {
    e.value = t;
    e.dispatchEvent(new Event("input", { bubbles: true }));
  }, text);
}

async function csvOf(v) {
  await v.click("Actions");
  await v.click("CSV of");
  await v.tab.waitForFunction(() => window.host.happened.some((h) => h.what === "download"));
  return (await v.happened("download")).at(-1).contents[0].resource.text;
}

const CHECKS = {
  async "the server gives the pages that were built, and they need nothing from anywhere"() {
    for (const [tool, name] of [["execute_sql", "results"], ["get_table_sample", "results"], ["describe_table", "schema"], ["list_tables", "schema"]]) {
      const resource = await host.page(tool);
      assert.equal(resource.text, built(name));
      // That is what the harness's policy is for: a host that sets no domain of the resource.
      assert.deepEqual(resource._meta.ui.csp, {});
    }
    assert.equal(plain.tools.get("execute_sql")._meta?.ui, undefined);
  },

  async "pages beyond the model's come from the server"() {
    const answer = await host.call("execute_sql", { query: QUERY });
    assert.equal(answer.result.structuredContent.results[0].row_count, ROWS);
    const v = await framed(answer);
    assert.match(await v.text(".status"), /^rows 1–10 of 312 · [\d,]+ ms · read-only$/);
    assert.deepEqual(v.calls, []);
    for (let page = 1; page <= ROWS / 10; page++) await v.click("Next page");
    await status(v, "rows 101–110 of 312");
    assert.deepEqual(await orders(v), numbers(truth.rows.slice(100, 110)));
    assert.deepEqual(v.calls.map((c) => [c.name, c.args.offset]), [["view_rows", 100]]);
    await v.click("Last page");
    await status(v, "rows 311–312 of 312");
    assert.deepEqual(await orders(v), numbers(truth.rows.slice(310)));
    await v.click("Fullscreen");
    await v.wait(() => document.querySelector(".grid"));
    await v.view.$eval(".grid", (g) => (g.scrollTop = 250 * 28));
    await v.wait(() => [...document.querySelectorAll(".g-cell[data-row='255']")].some((c) => c.textContent === "256"));
    await v.close();
  },

  async "a host of the older protocol shows the same"() {
    const client = await connected(server.origin, { shows: true, mode: "legacy" });
    const older = await Server.of(client);
    const v = await framed(await older.call("execute_sql", { query: QUERY }), older);
    await v.click("Last page");
    await status(v, "rows 311–312 of 312");
    assert.deepEqual(await orders(v), numbers(truth.rows.slice(310)));
    await v.close();
    await client.close();
  },

  async "the order is that of the values"() {
    const v = await framed(await host.call("execute_sql", { query: QUERY }));
    await v.click("OrderId");
    await v.click("OrderId");
    await v.wait(() => document.querySelector("th[aria-sort=descending]") && document.querySelector("tbody td").innerText === "312");
    assert.deepEqual(await orders(v), numbers(truth.rows.slice(-10).reverse()));
    // A decimal: by its value, and NULL first.
    const price = (r) => (r[COLUMN.LimitPrice] === null ? -Infinity : Number(r[COLUMN.LimitPrice]));
    await v.click("LimitPrice");
    await v.wait(() => document.querySelector("th[aria-sort=ascending]"));
    assert.deepEqual(await orders(v), numbers(truth.rows.toSorted((a, b) => price(a) - price(b) || a[0] - b[0]).slice(0, 10)));
    // A text: as texts are ordered, whatever they look like.
    await v.click("Digits");
    await v.wait((n) => document.querySelectorAll("thead th[aria-sort]")[n].getAttribute("aria-sort") === "ascending", COLUMN.Digits);
    assert.equal(await v.text(".notice"), "");
    const text = (r) => r[COLUMN.Digits];
    assert.deepEqual(await orders(v), numbers(truth.rows.toSorted((a, b) => (text(a) < text(b) ? -1 : 1)).slice(0, 10)));
    await v.close();
  },

  async "search and filters find what is beyond the model's page"() {
    const v = await framed(await host.call("execute_sql", { query: QUERY }));
    const fits = async (rows) => {
      await status(v, `of ${rows.length} of 312`);
      assert.deepEqual(await orders(v), numbers(rows.slice(0, 10)));
    };
    await searched(v, "cancelled");
    await fits(truth.rows.filter((r) => r.some((c) => String(c).toLowerCase().includes("cancelled"))));
    // A number is found by the digits that are shown, with the zeros at its end.
    const digits = truth.csv.find((r) => /0$/.test(r[COLUMN.LimitPrice]) && Number(r[0]) > ROWS)[COLUMN.LimitPrice];
    await searched(v, digits);
    await fits(truth.rows.filter((_, i) => truth.csv[i].some((c) => c.includes(digits))));
    await searched(v, "");
    await filtered(v, "Quantity", "ge", "900");
    await fits(truth.rows.filter((r) => r[COLUMN.Quantity] >= 900));
    await filtered(v, "Status", "eq", "Filled");
    await fits(truth.rows.filter((r) => r[COLUMN.Quantity] >= 900 && r[COLUMN.Status] === "Filled"));
    await v.close();
  },

  async "a condition means the same whether the rows are here or kept"() {
    const query = QUERY.replace("TOP 312", "TOP 90");
    const [held, kept] = [await framed(await host.call("execute_sql", { query })), await framed(await host.call("execute_sql", { query: QUERY }))];
    // The first ninety are in both.
    await filtered(kept, "OrderId", "le", "90");
    for (const [column, op, value] of [["Digits", "eq", "3"], ["Digits", "ne", "3"], ["Quantity", "lt", "abc"], ["Quantity", "eq", " 100 "], ["LimitPrice", "gt", "+1.5e2"], ["LimitPrice", "contains", ".80"], ["LimitPrice", "null", ""], ["Notional", "lt", ".5"], ["PlacedAt", "ge", "2024-01-03"]]) {
      const found = [];
      for (const v of [held, kept]) {
        await filtered(v, column, op, value);
        await v.wait(() => !document.querySelector(".set").hasAttribute("aria-busy"));
        found.push([await v.text(".status"), await orders(v)].map((x) => (typeof x === "string" ? (/of (\d+)/.exec(x)?.[1] ?? x) : x)));
        await v.click(`Menu of column ${column}`);
        await v.click("Clear", ".panel");
        await v.wait(() => !document.querySelector(".set").hasAttribute("aria-busy"));
      }
      const n = (f) => (f[1].length === 0 ? "none" : f[0]);
      assert.deepEqual([n(found[1]), found[1][1]], [n(found[0]), found[0][1]], `${column} ${op} "${value}"`);
    }
    await held.close();
    await kept.close();
  },

  async "a long value is shown whole, and one that the server cut says so"() {
    const v = await framed(await host.call("execute_sql", { query: QUERY }));
    await v.click("Whole value of Note, row 2");
    await v.wait(() => /the server cut it/.test(document.querySelector(".value-page .about").textContent));
    assert.match(await v.text(".whole-value"), new RegExp(`^0123456789.*\\[cut: ${CELL} of 600 characters\\]$`));
    assert.deepEqual(v.calls.at(-1).args.row, 1);
    await v.click("← Rows");
    await searched(v, "abcdefghi");
    await status(v, "rows 1–1 of 1 of 312");
    await v.click("Whole value of Note, row 1");
    assert.equal(await v.view.$eval(".whole-value", (e) => e.textContent), "abcdefghi ".repeat(15));
    await v.click("← Rows");
    // Of an order that the server made: it knows the place of each row.
    await searched(v, "0123456789");
    await status(v, "rows 1–2 of 2 of 312");
    await v.click("Whole value of Note, row 2");
    await v.wait(() => /the server cut it/.test(document.querySelector(".value-page .about").textContent));
    assert.equal(v.calls.at(-1).args.row, 204);
    await v.close();
  },

  async "CSV of the rows that are kept is that of the program"() {
    const v = await framed(await host.call("execute_sql", { query: QUERY }));
    assert.equal(await csvOf(v), truth.text);
    await v.close();
  },

  async "several results, each with its own rows"() {
    const one = (name, from, to) => `SELECT OrderId AS ${name}, Status FROM sales.Orders WHERE OrderId BETWEEN ${from} AND ${to} ORDER BY OrderId;`;
    const v = await framed(await host.call("execute_sql", { query: one("a", 1, 40) + one("b", 1001, 1150) + one("c", 2001, 2120) }));
    const shown = "[role=tabpanel]:not([hidden])";
    const last = () => v.view.$eval(`${shown} tbody tr:last-child td`, (e) => e.innerText);
    await v.click("Result 2 (150)");
    await v.click("Last page", shown);
    await status(v, "rows 141–150 of 150");
    assert.equal(await last(), "1150");
    // Of this one the model's page has nothing.
    await v.click("Result 3 (120)");
    await status(v, "rows 1–10 of 120");
    await v.wait((p) => document.querySelector(`${p} tbody td`)?.innerText === "2001", shown);
    await v.click("Last page", shown);
    await status(v, "rows 111–120 of 120");
    assert.equal(await last(), "2120");
    await v.close();
  },

  async "what the server has let go says to run the query again, and that brings it back"() {
    const answer = await host.call("execute_sql", { query: QUERY });
    const v = await framed(answer);
    // Of one reader the server keeps a few results; the oldest makes room.
    for (let n = 0; n < 5; n++) await host.call("execute_sql", { query: QUERY });
    await v.click("Last page");
    await status(v, "expired: run the query again");
    assert.match(await v.text(".status"), /^rows 1–10 of 100 /);
    assert.match(await v.text(".notice"), /expired: run the query again/);
    await v.click("Run again");
    await status(v, "rows 1–10 of 312");
    await v.click("Last page");
    await status(v, "rows 311–312 of 312");
    await v.close();
    const unknown = structuredClone(answer);
    unknown.result._meta[META].handle = "view_unknown";
    const other = await framed(unknown);
    await searched(other, "cancelled");
    await status(other, "expired: run the query again");
    await other.close();
  },

  async "a sample is shown like a result"() {
    const v = await framed(await host.call("get_table_sample", { table_name: "sales.Orders", limit: 12 }));
    assert.match(await v.text(".status"), /^rows 1–10 of 12/);
    await v.click("Run again");
    await status(v, "rows 1–10 of 12");
    assert.deepEqual(v.calls, [{ name: "get_table_sample", args: { table_name: "sales.Orders", limit: 12 } }]);
    await v.close();
  },

  async "a drawing of keys grows by what the server says"() {
    const v = await framed(await host.call("describe_table", { table_name: "sales.Orders" }));
    assert.equal(await v.text("h1"), "sales.Orders");
    await v.click("Keys (3)");
    const before = (await v.view.$$(".node")).length;
    await v.click("sales.Accounts", ".keys");
    await v.wait((n) => document.querySelectorAll(".node").length > n, before);
    assert.deepEqual(v.calls, [{ name: "view_schema", args: { database: "sandbox", table: "sales.Accounts", depth: 1 } }]);
    assert.match(await v.text(".keys"), /sales\.Accounts \(CustomerId\) refers to sales\.Customers \(CustomerId\)/);
    assert.equal(await v.text(".notice"), "");
    await v.close();
  },

  async "a table of the list is opened"() {
    const v = await framed(await host.call("list_tables", {}));
    assert.equal(await v.text("h1"), "Tables");
    await v.view.type("input[type=search]", "archive");
    await v.settled();
    await v.click("dbo.[Notes.Archive]");
    await v.wait(() => document.querySelector("h1").textContent === "dbo.[Notes.Archive]");
    assert.ok((await v.text()).includes("Note Text"));
    await v.click("← Tables");
    assert.equal(await v.text("h1"), "Tables");
    await v.close();
  },

  async "no tool that is not for views answers one"() {
    const shut = [...host.tools.keys()].filter((name) => !host.lets("app", name));
    for (const name of [...shut, "no_such_tool"]) await assert.rejects(host.fromView(name, {}), /no tool of a view/);
    for (const name of ["view_rows", "view_cell", "view_schema"]) {
      assert.ok(host.lets("app", name) && !host.lets("model", name) && !plain.tools.has(name), name);
    }
  },

  async "the second door: a link, for whoever's client shows no pages"() {
    const { result } = await plain.call("execute_sql", { query: QUERY });
    assert.equal(result._meta?.[META], undefined);
    const said = result.structuredContent.messages.find((m) => m.includes("/view/"));
    const url = /http\S+\/view\/[\w-]+/.exec(said)[0];
    assert.ok(url.startsWith(server.origin), url);
    const v = await openedAt(url);
    assert.match(v.response.headers()["content-security-policy"], /script-src 'sha256-/);
    assert.match(await v.text(".status"), /^312 rows/);
    assert.equal(await v.view.$eval(".grid", (g) => g.getAttribute("aria-rowcount")), "313");
    await v.view.evaluate(() => {
      window.saved = [];
      const make = URL.createObjectURL;
      URL.createObjectURL = (b) => {
        b.text().then((t) => window.saved.push(t));
        return make.call(URL, b);
      };
    });
    await v.click("Actions");
    await v.click("CSV of 312 rows");
    await v.wait(() => window.saved.length > 0);
    assert.equal((await v.view.evaluate(() => window.saved))[0], truth.text);
    await v.view.$eval(".grid", (g) => (g.scrollTop = g.scrollHeight));
    await v.wait(() => [...document.querySelectorAll(".g-cell[data-row='311']")].some((c) => c.textContent === "312"));
    await v.axe();
    await v.close();
    // Where pages are shown, there is no link.
    const shown = await host.call("execute_sql", { query: QUERY });
    assert.ok(!JSON.stringify(shown.result.structuredContent).includes("/view/"));
  },
};

async function all() {
  const settings = ["--limits-max-cell", `${CELL}`];
  const whole = (format) => called(binary, "execute_sql", QUERY, "--format", format, "--limits-max-rows", "5000", ...settings).results[0];
  const text = whole("csv").csv;
  truth = { rows: whole("json").rows, text, csv: text.trimEnd().split("\n").slice(1).map((l) => l.split(",")) };
  assert.equal(truth.rows.length, 312);
  server = await serve(binary, "--limits-max-rows", `${ROWS}`, "--tools-view-links", "yes", ...settings);
  const clients = [];
  try {
    for (const shows of [true, false]) clients.push(await connected(server.origin, { shows, mode: { pin: "2026-07-28" } }));
    [host, plain] = await Promise.all(clients.map((c) => Server.of(c)));
    await begin();
    let failed = 0;
    for (const [name, check] of Object.entries(CHECKS)) {
      if (process.argv[3] && !name.includes(process.argv[3])) continue;
      try {
        await check();
        console.log(`${name}: ok`);
      } catch (e) {
        failed++;
        console.log(`${name}: FAILED\n${e.stack}`);
      }
    }
    process.exitCode = failed === 0 ? 0 : 1;
  } finally {
    await end();
    await Promise.all(clients.map((c) => c.close()));
    await server.stop();
  }
}

await all();
