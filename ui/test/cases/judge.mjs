// Who watches the watchman: what the other cases rely on to fail, fails.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture, judge, opened } from "../lib/harness.mjs";
import { page } from "../lib/servers.mjs";

test("an address, eval, and a policy that is broken are seen", async () => {
  const bad = page("results").replace("</body>", '<img src="http://127.0.0.1:9/x.png"><script>try { eval("1") } catch (e) {}</script></body>');
  const v = await opened("results", { html: bad });
  await v.settled();
  assert.ok(v.wrong.some((w) => /Content Security Policy/.test(w)), String(v.wrong));
  await v.context.close();
});

test("a message that the schema does not have is seen", () => {
  assert.throws(() => judge([{ jsonrpc: "2.0", method: "ui/message", id: 1, params: { role: "user", content: { type: "text", text: "x" } } }]));
  assert.throws(() => judge([{ jsonrpc: "2.0", method: "ui/unheard-of", params: {} }]));
});

test("the clipboard takes a click where the host grants it", async () => {
  const v = await opened("results", { permissions: true, capabilities: {} });
  await v.show(fixture("texts"));
  await v.click("Actions");
  await v.view.click("[data-key=copy]");
  await v.wait(() => /9 rows copied/.test(document.querySelector(".status").textContent));
  await v.close();
});
