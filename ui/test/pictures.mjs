// The pictures of docs/apps.md, made of the fixtures: `node ui/test/pictures.mjs`.
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { begin, end, fixture, opened } from "./lib/harness.mjs";
import { ui } from "./lib/servers.mjs";

const MOST = 120_000;
const folder = join(ui, "../docs/pictures");
mkdirSync(folder, { recursive: true });

const kept = { "io.github.mssql-mcp/view": { handle: "", rows_kept: 312, complete: true, elapsed_ms: 41, sql: "SELECT TOP 312 * FROM sales.Orders ORDER BY OrderId" } };
const PICTURES = [
  ["results", "orders", async (v) => {
    await v.click("Quantity");
    await v.view.evaluate(() => [...document.querySelectorAll("tbody .pick input")].slice(1, 3).forEach((b) => b.click()));
  }],
  ["chart", "line", (v) => v.click("Chart"), "results"],
  ["schema", "describe-sales-orders", (v) => v.click("Keys")],
];

await begin();
for (const [name, data, act, page = name] of PICTURES) {
  for (const theme of ["light", "dark"]) {
    const v = await opened(page, { theme, still: true });
    await v.show(fixture(data), data === "orders" ? { _meta: kept } : {});
    await act(v);
    await new Promise((r) => setTimeout(r, 300));
    await v.view.evaluate(() => document.activeElement.blur());
    const height = await v.view.$eval("main", (m) => Math.ceil(m.getBoundingClientRect().height));
    const path = join(folder, `${name}-${theme}.png`);
    await v.tab.screenshot({ path, clip: { x: 0, y: 0, width: 760, height } });
    const bytes = statSync(path).size;
    console.log(`${name}-${theme}.png ${bytes} bytes`);
    if (bytes > MOST) process.exitCode = 1;
    await v.close();
  }
}
await end();
