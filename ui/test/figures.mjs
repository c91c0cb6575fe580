// How long a large result takes: 5,000 rows of 50 columns, from the host's message to the first picture, and what sorting, filtering, searching, scrolling and memory cost after it.
// `node ui/test/figures.mjs`; the bounds are those of the acceptance list, and a quiet machine is far below them.
import { begin, end, opened } from "./lib/harness.mjs";

const ROWS = 5000;
const TYPES = ["int", "nvarchar(60)", "decimal(18,4)", "datetime2(3)", "bit"];
const BOUNDS = { "first paint": 300, sort: 200, filter: 200, search: 200, heap: 100 };

function made() {
  const columns = Array.from({ length: 50 }, (_, i) => ({ name: `Column${i}`, type: TYPES[i % 5] }));
  const value = (r, c) => [(r * 7919 + c) % 100_000, `value ${(r * 31 + c) % 977} of row ${r}`, ((r * 104_729 + c) % 1_000_000) / 100, new Date(1.7e12 + r * 61_000 + c).toISOString().slice(0, 23), r % 3 === 0][c % 5];
  return { columns, rows: Array.from({ length: ROWS }, (_, r) => columns.map((_, c) => value(r, c))), row_count: ROWS };
}

/** Two frames after the work, so that it is on the screen. */
const painted = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";

async function timed(v, act, until) {
  return v.view.evaluate(`(async () => { const t = performance.now(); ${act}; while (!(${until})) await new Promise((r) => setTimeout(r, 0)); await ${painted}; return performance.now() - t; })()`);
}

const median = (all) => all.sort((a, b) => a - b)[all.length >> 1];

async function once() {
  const v = await opened("results", { more: { displayMode: "fullscreen" }, width: 1400 });
  await v.host("size", { height: 800 });
  await v.tab.evaluate((set) => (window.big = { content: [{ type: "text", text: "5000 rows" }], structuredContent: { results: [set] } }), made());
  // Both ends look at one clock: a message is sent, and the View says when it has painted.
  await v.view.evaluate(`addEventListener("message", () => (window.came ??= performance.timeOrigin + performance.now()), true); window.done = new Promise((done) => { const o = new MutationObserver(() => { if (!document.querySelector(".grid .g-cell[data-row='0']")) return; o.disconnect(); ${painted}.then(() => done(performance.timeOrigin + performance.now())); }); o.observe(document.body, { childList: true, subtree: true }); }); 0`);
  const sent = await v.tab.evaluate(() => {
    const at = performance.timeOrigin + performance.now();
    window.host.post({ jsonrpc: "2.0", method: "ui/notifications/tool-result", params: window.big });
    return at;
  });
  const first = (await v.view.evaluate("window.done")) - sent;
  const own = first - ((await v.view.evaluate("window.came")) - sent);
  const header = (n) => `document.querySelector("[data-row='-1'][data-column='${n}']")`;
  const press = (n) => `${header(n)}.dispatchEvent(new MouseEvent("mousedown", { bubbles: true, button: 0 }))`;
  const sort = await timed(v, press(2), `${header(2)}.getAttribute("aria-sort") === "ascending"`);
  const texts = await timed(v, press(1), `${header(1)}.getAttribute("aria-sort") === "ascending"`);
  const search = await timed(v, `const box = document.querySelector("input[type=search]"); box.value = "row 4999"; box.dispatchEvent(new Event("input"))`, `/^1 of/.test(document.querySelector(".status").textContent)`);
  await timed(v, `const box = document.querySelector("input[type=search]"); box.value = ""; box.dispatchEvent(new Event("input"))`, `/^5,000 rows/.test(document.querySelector(".status").textContent)`);
  await v.view.evaluate(`${header(0)}.querySelector("[data-menu]").dispatchEvent(new MouseEvent("mousedown", { bubbles: true, button: 0 }))`);
  const filter = await timed(v, `document.querySelector("select[aria-label=Condition]").value = "lt"; document.querySelector("input[aria-label=Value]").value = "500"; document.querySelector("[data-key=apply-filter]").click()`, `/ of 5,000/.test(document.querySelector(".status").textContent)`);
  await v.view.evaluate(`${header(0)}.querySelector("[data-menu]").dispatchEvent(new MouseEvent("mousedown", { bubbles: true, button: 0 }))`);
  await timed(v, `document.querySelector("[data-key=clear-filter]").click()`, `/^5,000 rows/.test(document.querySelector(".status").textContent)`);
  const scroll = await timed(v, `document.querySelector(".grid").scrollTop = 2500 * 28`, `document.querySelector(".g-cell[data-row='2500']")`);
  const client = await v.tab.createCDPSession();
  await client.send("HeapProfiler.collectGarbage");
  await v.tab.evaluate(() => delete window.big);
  await client.send("HeapProfiler.collectGarbage");
  const heap = (await client.send("Runtime.getHeapUsage")).usedSize / 1e6;
  await v.context.close();
  return { "first paint": first, "of it in the view": own, sort, "sort of texts": texts, filter, search, scroll, heap };
}

await begin();
const runs = [];
for (let i = 0; i < 5; i++) runs.push(await once());
await end();
let over = false;
for (const name of Object.keys(runs[0])) {
  const value = median(runs.map((r) => r[name]));
  const bound = BOUNDS[name];
  if (bound !== undefined && value > bound) over = true;
  console.log(`${name}: ${value.toFixed(0)} ${name === "heap" ? "MB" : "ms"}${bound === undefined ? "" : ` (at most ${bound})`}`);
}
process.exitCode = over ? 1 : 0;
