// A question to the model: only when the reader sends it, with the rows that were selected.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture, opened } from "../lib/harness.mjs";

const pick = (v, n) => v.view.evaluate((k) => [...document.querySelectorAll("tbody .pick input")].slice(0, k).forEach((b) => b.click()), n);

test("the rows go to the context, and then the question", async () => {
  const v = await opened("results");
  await v.show(fixture("orders"));
  await pick(v, 2);
  assert.deepEqual(await v.happened("context"), []);
  await v.click("Ask about 2 rows");
  await v.view.$eval("input[aria-label=Question]", (i) => (i.value = "Why so high?"));
  await v.click("Ask", ".panel");
  await v.tab.waitForFunction(() => window.host.happened.some((h) => h.what === "message"));
  const [context] = await v.happened("context");
  assert.match(context.content[0].text, /OrderId,AccountId[^\n]*\n1,[^\n]*\n2,[^\n]*\n$/);
  assert.deepEqual(await v.happened("message"), [{ role: "user", content: [{ type: "text", text: "Why so high?" }] }]);
  await v.close();
});

test("at most fifty rows", async () => {
  const v = await opened("results", { more: { displayMode: "fullscreen" } });
  await v.host("size", { height: 800 });
  await v.show(fixture("orders"));
  await v.view.focus(".grid");
  await v.tab.keyboard.down("Control");
  await v.tab.keyboard.press("a");
  await v.tab.keyboard.up("Control");
  await v.settled();
  await v.click("Ask about 312 rows");
  await v.click("Ask", ".panel");
  await v.tab.waitForFunction(() => window.host.happened.some((h) => h.what === "message"));
  assert.equal((await v.happened("context"))[0].content[0].text.trim().split("\n").length, 52);
  await v.close();
});

test("a host that takes none is asked once", async () => {
  const v = await opened("results", { refuse: ["context"] });
  await v.show(fixture("orders"));
  await pick(v, 1);
  await v.click("Ask about 1 row");
  await v.click("Ask", ".panel");
  await v.wait(() => !document.querySelector(".tools").textContent.includes("Ask about"));
  assert.deepEqual(await v.happened("message"), []);
  await v.close();
});
