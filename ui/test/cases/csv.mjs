// What goes out: CSV is the server's own, byte for byte; and there is a way out on every host.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture, opened, openedTab } from "../lib/harness.mjs";

const NAMES = ["types", "floats", "decimals", "texts", "one_null", "names", "orders", "bar", "cut", "none", "line"];

async function downloaded(v) {
  await v.click("Actions");
  await v.click("CSV of");
  await v.tab.waitForFunction(() => window.host.happened.some((h) => h.what === "download"));
  const all = await v.happened("download");
  return all[all.length - 1].contents[0].resource;
}

for (const name of NAMES) {
  test(`CSV of ${name} is the server's`, async () => {
    const f = fixture(name);
    const server = f.csv.structuredContent.results[0].csv;
    for (const result of [f.result, f.csv]) {
      const v = await opened("results");
      await v.show({ arguments: f.arguments, result });
      const r = await downloaded(v);
      assert.equal(r.text, server);
      assert.equal(r.mimeType, "text/csv");
      await v.close();
    }
  });
}

test("byte order mark and formula guard are the reader's choice", async () => {
  const v = await opened("results");
  await v.show(fixture("texts"));
  await v.click("Actions");
  await v.view.evaluate(() => document.querySelectorAll(".panel .row input[type=checkbox]").forEach((b) => b.click()));
  await v.click("CSV of");
  await v.tab.waitForFunction(() => window.host.happened.some((h) => h.what === "download"));
  const { text } = (await v.happened("download"))[0].contents[0].resource;
  assert.ok(text.startsWith("\ufeffid,t\n"));
  assert.ok(text.includes("\n7,'=1+1\n"));
  await v.close();
});

test("only what is found, in the columns that are shown and in their order", async () => {
  const v = await opened("results");
  await v.show(fixture("bar"));
  await v.click("orders");
  await v.click("Menu of column Status");
  await v.view.type("input[aria-label=Value]", "led");
  await v.click("Filter");
  const r = await downloaded(v);
  assert.match(r.text, /^Status,orders\n(Cancelled,\d+\n)?(Filled,\d+\n)?/);
  assert.ok(!r.text.includes("Open"));
  await v.close();
});

test("without downloads the clipboard takes it, and without that a selected text", async () => {
  const f = fixture("texts");
  const server = f.csv.structuredContent.results[0].csv;
  const v = await opened("results", { capabilities: { serverTools: {} } });
  await v.show(f);
  // No permission and no way by a command: what is left is to show it.
  await v.view.evaluate(() => {
    document.execCommand = () => false;
  });
  await v.click("Actions");
  await v.click("Copy 9 rows as CSV");
  await v.wait(() => document.querySelector(".manual textarea"));
  assert.equal(await v.view.$eval(".manual textarea", (a) => a.value), server);
  assert.equal(await v.view.$eval(".manual textarea", (a) => a.value.slice(a.selectionStart, a.selectionEnd)), server);
  assert.match(await v.text(".status"), /selected: press Ctrl\+C/);
  await v.close();
});

test("a host that says it can save and cannot, is not the end", async () => {
  const v = await opened("results", { refuse: ["download"] });
  await v.show(fixture("texts"));
  await v.click("Actions");
  await v.click("CSV of");
  await v.wait(() => /copied|selected/.test(document.querySelector(".status").textContent));
  await v.close();
});

test("a tab of its own saves by a link", async () => {
  const f = fixture("types");
  const v = await openedTab("results", f);
  await v.view.evaluate(() => {
    window.saved = [];
    const make = URL.createObjectURL;
    URL.createObjectURL = (b) => {
      b.text().then((t) => window.saved.push(t));
      return make.call(URL, b);
    };
  });
  await v.click("Actions");
  await v.click("CSV of");
  await v.wait(() => window.saved.length > 0);
  assert.equal((await v.view.evaluate(() => window.saved))[0], f.csv.structuredContent.results[0].csv);
  await v.close();
});
