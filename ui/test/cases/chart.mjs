// A chart where one makes sense, and none where it does not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture, opened } from "../lib/harness.mjs";

for (const [name, mark, least] of [["line", "path[class^=line]", 2], ["bar", "rect[class^=fill]", 4], ["scatter", "circle", 80]]) {
  for (const theme of ["light", "dark"]) {
    test(`${name} (${theme})`, async () => {
      const v = await opened("results", { theme });
      await v.show(fixture(name));
      await v.click("Chart");
      assert.ok((await v.view.$$(`.chart ${mark}`)).length >= least);
      assert.match(await v.view.$eval(".chart", (e) => e.getAttribute("aria-label")), new RegExp(`${name} chart of \\d+ rows`));
      await v.click("Data as a table");
      assert.ok((await v.view.$$(".as-table tbody tr")).length > 0);
      await v.axe();
      await v.screenshot(`chart-${name}-${theme}`);
      await v.close();
    });
  }
}

for (const name of ["orders", "types", "texts", "several", "none", "names", "sample"]) {
  test(`no chart of ${name}`, async () => {
    const v = await opened("results");
    await v.show(fixture(name));
    assert.ok(!(await v.view.$$eval("[role=tab]", (all) => all.map((t) => t.textContent))).includes("Chart"));
    await v.close();
  });
}

test("NULL is a gap", async () => {
  const v = await opened("results");
  await v.show({ arguments: { query: "q" }, result: { content: [], structuredContent: { results: [{ columns: [{ name: "d", type: "date" }, { name: "n", type: "int" }], rows: [["2024-01-01", 1], ["2024-01-02", null], ["2024-01-03", 3], ["2024-01-04", 4]], row_count: 4 }] } } });
  await v.click("Chart");
  assert.equal((await v.view.$eval(".chart path.line-0", (p) => p.getAttribute("d"))).match(/M/g).length, 2);
  await v.close();
});
