// The second door: the same page in a tab of its own, at /view/HANDLE, under a policy that runs nothing but what was built.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture, openedTab } from "../lib/harness.mjs";

for (const theme of ["light", "dark"]) {
  test(`a tab of its own needs no host (${theme})`, async () => {
    const v = await openedTab("results", fixture("orders"), { theme });
    assert.match(await v.text(".status"), /^312 rows · read-only$/);
    assert.equal(await v.view.$eval(".grid", (g) => g.getAttribute("aria-rowcount")), "313");
    assert.equal(await v.view.evaluate(() => document.documentElement.dataset.theme), theme);
    assert.ok(!/Run again|Ask about|Fullscreen/.test(await v.text()));
    await v.axe();
    await v.screenshot(`tab-${theme}`);
    await v.close();
  });
}

test("data that would end the script stays data", async () => {
  const f = fixture("texts");
  f.result.structuredContent.results[0].rows[0][1] = "</script><script>window.pwned=1</script><!--";
  const v = await openedTab("results", f);
  assert.equal(await v.view.evaluate(() => window.pwned), undefined);
  assert.ok((await v.text(".grid")).includes("</script>"));
  await v.close();
});

test("without data it says so", async () => {
  const v = await openedTab("results", null);
  assert.match(await v.text(), /no result in it/);
  await v.close();
});

test("a schema too", async () => {
  const v = await openedTab("schema", fixture("describe-sales-orders"));
  await v.click("Keys");
  assert.equal((await v.view.$$(".node")).length, 4);
  await v.close();
});
