// What a host may do: too early, too late, too often, or nothing at all.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture, judge, opened } from "../lib/harness.mjs";

const initialized = { protocolVersion: "2026-01-26", hostInfo: { name: "h", version: "1" }, hostCapabilities: {}, hostContext: {} };
const note = (method, params) => ({ jsonrpc: "2.0", method: `ui/notifications/${method}`, params });
const raw = (o) => opened("results", { raw: true, ...o });
const answer = (v, result = initialized) => v.host("post", { jsonrpc: "2.0", id: 1, result });

async function end(v) {
  judge(await v.said());
  await v.close();
}

test("the handshake comes first, and nothing before it", async () => {
  const v = await raw();
  await v.settled();
  const said = await v.said();
  assert.deepEqual(said.map((m) => m.method), ["ui/initialize"]);
  assert.equal(said[0].params.protocolVersion, "2026-01-26");
  await answer(v);
  await v.settled();
  assert.equal((await v.said())[1].method, "ui/notifications/initialized");
  await end(v);
});

test("a result before the handshake, before the input, and without hostContext", async () => {
  const v = await raw();
  await v.host("post", note("tool-result", fixture("orders").result));
  await v.settled();
  assert.match(await v.text(".status"), /of 312/);
  await answer(v, { protocolVersion: "2026-01-26", hostInfo: { name: "h", version: "1" }, hostCapabilities: { serverTools: {} } });
  await v.host("post", note("tool-input", fixture("orders")));
  await v.settled();
  assert.match(await v.text(".status"), /of 312/);
  await end(v);
});

test("a handshake that is refused, or never answered, shows a result all the same", async () => {
  for (const refused of [true, false]) {
    const v = await raw();
    if (refused) await v.host("post", { jsonrpc: "2.0", id: 1, error: { code: -32000, message: "no" } });
    await v.host("post", note("tool-result", fixture("bar").result));
    await v.settled();
    assert.match(await v.text(".status"), /rows 1–4 of 4/);
    await end(v);
  }
});

test("partial input only, then cancelled", async () => {
  const v = await opened("results");
  await v.host("partial", { query: "SELECT <b>" });
  await v.settled();
  assert.match(await v.text(), /SELECT <b>/);
  await v.host("cancelled", "the person stopped it");
  await v.settled();
  assert.match(await v.text(), /cancelled: the person stopped it/);
  await v.close();
});

test("two results: the later one stands", async () => {
  const v = await opened("results");
  await v.show(fixture("orders"));
  await v.show(fixture("bar"));
  assert.match(await v.text(".status"), /of 4/);
  await v.show(fixture("error"));
  assert.match(await v.text(), /sql_error/);
  await v.show(fixture("orders"));
  assert.match(await v.text(".status"), /of 312/);
  await v.close();
});

test("no serverTools: nothing is asked of the server", async () => {
  const v = await opened("results", { capabilities: {} });
  await v.show(fixture("orders"));
  assert.ok(!(await v.text()).includes("Run again"));
  assert.ok(!(await v.said()).some((m) => m.method === "tools/call"));
  await v.close();
});

test("a tool that the host refuses, or answers with an error", async () => {
  const v = await opened("results", { tools: {} });
  await v.show(fixture("orders"));
  await v.click("Run again");
  await v.wait(() => /did not run it/.test(document.querySelector(".notice").textContent));
  assert.equal((await v.rows()).length, 10);
  await v.close();
});

test("teardown during a call is answered at once, and nothing is said after it", async () => {
  const v = await opened("results");
  await v.tab.evaluate(() => (window.answerTool = () => new Promise(() => {})));
  await v.show(fixture("orders"));
  await v.click("Run again");
  const before = Date.now();
  await v.host("teardown");
  assert.ok(Date.now() - before < 1000);
  const said = (await v.said()).length;
  await v.click("Next page");
  await v.click("Fullscreen").catch(() => {});
  assert.equal((await v.said()).length, said);
  await v.close();
});

test("10,000 changes of the context, with rubbish among them", async () => {
  const v = await raw();
  await answer(v);
  await v.host("post", note("tool-result", fixture("orders").result));
  await v.tab.evaluate(() => {
    for (let i = 0; i < 10_000; i++) window.host.post({ jsonrpc: "2.0", method: "ui/notifications/host-context-changed", params: { theme: i % 2 ? "dark" : "light", styles: { variables: { "--color-text-primary": "x".repeat(20), "--evil": "1", "--color-x": "url(x)" } }, locale: i % 3 ? "en" : "no such locale!", containerDimensions: i % 5 ? { maxHeight: 400 } : "x", safeAreaInsets: { top: "9", left: -1 } } });
  });
  await v.wait(() => document.documentElement.dataset.theme === "dark");
  await new Promise((r) => setTimeout(r, 300));
  assert.match(await v.text(".status"), /of 312/);
  const sizes = (await v.said()).filter((m) => m.method === "ui/notifications/size-changed");
  assert.ok(sizes.length < 6, `${sizes.length} sizes`);
  assert.equal(await v.view.evaluate(() => document.documentElement.style.getPropertyValue("--evil")), "");
  await end(v);
});

test("messages that are none, unknown methods, answers to nobody", async () => {
  const v = await raw();
  for (const m of [null, 5, "x", [], {}, { jsonrpc: "1.0", method: "x" }, { jsonrpc: "2.0" }, { jsonrpc: "2.0", id: 99, result: {} }, { jsonrpc: "2.0", method: "ui/notifications/unheard-of", params: {} }, { jsonrpc: "2.0", method: "__proto__", params: {} }, { jsonrpc: "2.0", method: "ui/notifications/tool-input" }]) await v.host("post", m);
  await answer(v);
  await v.host("post", { jsonrpc: "2.0", id: "q1", method: "ping" });
  await v.host("post", { jsonrpc: "2.0", id: "q2", method: "tools/list", params: {} });
  await v.settled();
  const said = await v.said();
  assert.deepEqual(said.find((m) => m.id === "q1").result, {});
  assert.equal(said.find((m) => m.id === "q2").error.code, -32601);
  await end(v);
});

test("who is not the parent is not heard", async () => {
  const v = await opened("results");
  await v.show(fixture("bar"));
  await v.view.evaluate((r) => window.postMessage({ jsonrpc: "2.0", method: "ui/notifications/tool-result", params: r }, "*"), fixture("orders").result);
  await v.settled();
  assert.match(await v.text(".status"), /of 4/);
  await v.close();
});

test("a frame of fixed height is filled, and no height is told; one that grows is told, once", async () => {
  const v = await opened("results", { more: { containerDimensions: { height: 420, width: 760 } } });
  await v.host("size", { height: 420 });
  await v.show(fixture("orders"));
  await new Promise((r) => setTimeout(r, 300));
  assert.deepEqual(await v.happened("size"), []);
  assert.equal(await v.view.$eval("main", (m) => m.getBoundingClientRect().height), 420);
  await v.close();
  const w = await opened("results", { more: { containerDimensions: { maxHeight: 300 } } });
  await w.show(fixture("orders"));
  await new Promise((r) => setTimeout(r, 500));
  assert.equal((await w.happened("size")).at(-1).height, 300);
  await w.close();
});

test("inline, a page of ten rows is at most 500 pixels high, with a finger too", async () => {
  for (const touch of [false, true]) {
    for (const width of [320, 760]) {
      const v = await opened("results", { width, touch });
      await v.show(fixture("orders"));
      await new Promise((r) => setTimeout(r, 400));
      const { height } = (await v.happened("size")).at(-1);
      assert.ok(height <= 500, `${height} at ${width}${touch ? ", touch" : ""}`);
      await v.close();
    }
  }
});

test("the host's variables are taken, light-dark() too", async () => {
  const v = await opened("results", { theme: "dark", more: { styles: { variables: { "--color-text-primary": "light-dark(rgb(1, 2, 3), rgb(250, 251, 252))", "--font-sans": "serif" } } } });
  await v.show(fixture("bar"));
  assert.equal(await v.view.$eval("body", (b) => getComputedStyle(b).color), "rgb(250, 251, 252)");
  assert.equal(await v.view.$eval("html", (e) => e.style.colorScheme), "");
  await v.close();
});

test("a mode that the host does not give is not taken for granted", async () => {
  const v = await raw();
  await answer(v, { ...initialized, hostContext: { displayMode: "inline", availableDisplayModes: ["inline", "fullscreen"] } });
  await v.host("post", note("tool-result", fixture("orders").result));
  await v.settled();
  await v.click("Fullscreen");
  const asked = (await v.said()).find((m) => m.method === "ui/request-display-mode");
  await v.host("post", { jsonrpc: "2.0", id: asked.id, result: { mode: "inline" } });
  await v.settled();
  assert.equal(await v.view.$(".grid"), null);
  await end(v);
});
