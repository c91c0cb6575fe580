// For everybody: axe in both themes, the keyboard alone, 320 pixels, fingers, still pictures.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture, opened } from "../lib/harness.mjs";

const STATES = [
  ["results", "orders", []], ["results", "orders", ["Actions"]], ["results", "orders", ["Menu of column Quantity"]], ["results", "orders", ["Fullscreen"]], ["results", "several", ["Messages (1)"]], ["results", "error", []],
  ["results", "texts", ["Whole value of t, row 3"]], ["results", "texts", ["SQL"]], ["schema", "describe-sales-orders", []], ["schema", "describe-sales-orders", ["Keys"]], ["schema", "describe-sales-orders", ["Details"]], ["schema", "tables", []],
];

for (const theme of ["light", "dark"]) {
  for (const width of [320, 760, 1400]) {
    test(`no serious finding of axe, no page that is wider than its frame: ${theme}, ${width}`, async () => {
      // One frame for all of a page: opening is what takes the time.
      for (const page of ["results", "schema"]) {
        const v = await opened(page, { theme, width, still: true });
        for (const [, name, clicks] of STATES.filter((s) => s[0] === page)) {
          await v.show(fixture(name));
          for (const c of clicks) await v.click(c);
          await new Promise((r) => setTimeout(r, 150));
          await v.axe();
          assert.ok(await v.view.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} ${clicks} is wider than ${width}`);
          await v.screenshot(`${page}-${name}${clicks.length ? `-${clicks[0].toLowerCase().replaceAll(/[^a-z]+/g, "-")}` : ""}-${theme}-${width}`);
          if (clicks.includes("Fullscreen")) await v.click("Leave fullscreen");
        }
        await v.close();
      }
    });
  }
}

test("fingers find 44 pixels", async () => {
  for (const page of ["results", "schema"]) {
    const v = await opened(page, { touch: true, width: 390 });
    for (const [, name, clicks] of STATES.filter((s) => s[0] === page)) {
      await v.show(fixture(name));
      for (const c of clicks) await v.click(c);
      const small = await v.view.evaluate(() => [...document.querySelectorAll("button, select, input:not([type=checkbox]), label, summary")].filter((e) => e.offsetParent && !e.closest(".sr") && e.getBoundingClientRect().height < 43.5).map((e) => `${e.outerHTML.slice(0, 90)} ${e.getBoundingClientRect().height}`));
      assert.deepEqual(small, [], `${name} ${clicks}`);
      if (clicks.includes("Fullscreen")) await v.click("Leave fullscreen");
    }
    await v.close();
  }
});

const focused = (v) => v.view.evaluate(() => document.activeElement.getAttribute("data-key") ?? document.activeElement.tagName);
async function tabTo(v, key) {
  for (let i = 0; i < 80; i++) {
    if ((await focused(v)) === key) return;
    await v.tab.keyboard.press("Tab");
  }
  assert.fail(`Tab never comes to ${key}`);
}

test("rows by the keyboard alone", async () => {
  const v = await opened("results");
  await v.show(fixture("orders"));
  await v.view.evaluate(() => document.querySelector("[role=tab]").focus());
  await tabTo(v, "sort-3");
  assert.notEqual(await v.view.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
  await v.tab.keyboard.press("Enter");
  await v.settled();
  assert.equal(await focused(v), "sort-3");
  assert.match(await v.view.$eval("th:nth-child(5)", (t) => t.getAttribute("aria-sort")), /ascending/);
  await tabTo(v, "menu-3");
  await v.tab.keyboard.press("Enter");
  await v.settled();
  await v.tab.keyboard.press("Escape");
  await v.settled();
  assert.equal(await focused(v), "menu-3");
  await tabTo(v, "next");
  await v.tab.keyboard.press("Enter");
  await v.settled();
  assert.equal(await focused(v), "next");
  assert.match(await v.text(".status"), /rows 11–20/);
  await v.close();
});

test("a grid by the keyboard alone", async () => {
  const v = await opened("results", { more: { displayMode: "fullscreen" } });
  await v.host("size", { height: 800 });
  await v.show(fixture("orders"));
  await v.view.focus(".grid");
  const at = () => v.view.$eval(".grid", (g) => document.getElementById(g.getAttribute("aria-activedescendant")).textContent);
  const press = async (...keys) => {
    for (const k of keys.slice(0, -1)) await v.tab.keyboard.down(k);
    await v.tab.keyboard.press(keys.at(-1));
    for (const k of keys.slice(0, -1).reverse()) await v.tab.keyboard.up(k);
    await v.settled();
  };
  await press("ArrowDown");
  await press("ArrowRight");
  assert.equal(await at(), "1042");
  await press("End");
  assert.equal(await at(), "35700.0000");
  await press("Home");
  assert.equal(await at(), "2");
  await press("Control", "End");
  assert.match(await at(), /\d|NULL/);
  assert.match(await v.view.$eval(".grid", (g) => g.getAttribute("aria-activedescendant")), /-311-8$/);
  await press("Control", "Home");
  await v.view.evaluate(() => document.addEventListener("copy", (e) => (window.copied = e.clipboardData.getData("text/plain"))));
  await press("Shift", "ArrowDown");
  await press("Shift", "ArrowRight");
  await press("Control", "c");
  assert.equal(await v.view.evaluate(() => window.copied), "1\t1225\n2\t1042");
  await press("Enter");
  assert.match(await v.text(".value-page"), /AccountId, row 2/);
  await press("Escape");
  assert.equal(await focused(v), "grid");
  await press("Control", "Home");
  await press("ArrowUp");
  await press("Enter");
  assert.equal(await v.view.$eval(".g-name", (g) => g.getAttribute("aria-sort")), "ascending");
  await press("Alt", "ArrowDown");
  assert.match(await v.text(".panel"), /Column OrderId/);
  await v.close();
});

test("a schema by the keyboard alone", async () => {
  const v = await opened("schema", { tools: { view_schema: { content: [], structuredContent: { tables: [{ schema: "sales", name: "Customers", columns: [{ name: "CustomerId", type: "int", key: "PK" }] }], foreign_keys: [{ from: { table: "sales.Accounts", columns: ["CustomerId"] }, to: { table: "sales.Customers", columns: ["CustomerId"] } }] } } } });
  await v.show(fixture("describe-sales-orders"));
  await v.view.evaluate(() => document.querySelector("[role=tab]").focus());
  await v.tab.keyboard.press("ArrowRight");
  await v.settled();
  await tabTo(v, "node-sales\u0001Accounts");
  await v.tab.keyboard.press("Enter");
  await v.wait(() => document.querySelectorAll(".node").length === 5);
  assert.deepEqual(await v.happened("tool"), [{ name: "view_schema", arguments: { table: "sales.Accounts", depth: 1 } }]);
  await v.close();
});

test("who wants it still gets no motion", async () => {
  const v = await opened("results", { still: true });
  await v.show(fixture("orders"));
  assert.deepEqual(await v.view.evaluate(() => [...document.querySelectorAll("*")].filter((e) => getComputedStyle(e).transitionDuration !== "0s" || getComputedStyle(e).animationName !== "none").length), 0);
  await v.close();
});
