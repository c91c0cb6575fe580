// What every case needs: a browser, a host around a View, and a judge who looks at everything that was said, logged, refused or fetched.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import Ajv from "ajv/dist/2020.js";
import puppeteer from "puppeteer-core";
import { page as built, start, ui } from "./servers.mjs";

const require = createRequire(import.meta.url);
export const screens = join(process.env.CARGO_TARGET_DIR ?? join(ui, "../target"), "ui-screens");
mkdirSync(screens, { recursive: true });

export const fixture = (name) => JSON.parse(readFileSync(join(ui, "test/fixtures", `${name}.json`), "utf8"));

// === the messages' schema ===

const schema = require("@modelcontextprotocol/ext-apps/schema.json");
const ajv = new Ajv({ strict: false, validateFormats: false });
const BY_METHOD = new Map();
for (const [name, definition] of Object.entries(schema.$defs)) {
  const method = definition.properties?.method?.const;
  if (method) BY_METHOD.set(method, ajv.compile({ ...definition, $schema: undefined, $id: undefined, title: name }));
}
/** Those of MCP itself, which the schema of the extension does not have. */
const CORE = new Set(["tools/call", "ping", "resources/read", "notifications/message"]);

export function judge(messages) {
  for (const m of messages) {
    assert.equal(m.jsonrpc, "2.0", JSON.stringify(m));
    if (m.method === undefined) {
      assert.ok(m.id !== undefined && (m.result !== undefined || m.error !== undefined), JSON.stringify(m));
      continue;
    }
    const valid = BY_METHOD.get(m.method);
    if (!valid) {
      assert.ok(CORE.has(m.method), `an unknown method: ${m.method}`);
      continue;
    }
    assert.ok(valid({ method: m.method, params: m.params }), `${m.method}: ${ajv.errorsText(valid.errors)} in ${JSON.stringify(m).slice(0, 300)}`);
  }
}

// === browser ===

let browser;
let servers;
export async function begin() {
  servers = await start();
  browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, timeout: 60_000, protocolTimeout: 120_000,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage", "--force-color-profile=srgb", "--font-render-hinting=none", "--enable-precise-memory-info"],
  });
}
export async function end() {
  await browser?.close();
  await servers?.stop();
}

const CAPABILITIES = { openLinks: {}, downloadFile: {}, serverTools: {}, logging: {}, message: { text: {} }, updateModelContext: { text: {} } };
const CONTEXT = { theme: "light", displayMode: "inline", availableDisplayModes: ["inline", "fullscreen"], containerDimensions: { maxHeight: 2000 }, locale: "en-US", platform: "web" };

async function watched(allowed) {
  const context = await browser.createBrowserContext();
  const tab = await context.newPage();
  tab.setDefaultTimeout(60_000);
  const wrong = [];
  const warnings = [];
  tab.on("pageerror", (e) => wrong.push(`error: ${e.message}`));
  tab.on("console", (m) => (m.type() === "error" ? wrong.push(`console: ${m.text()}`) : m.type() === "warn" && warnings.push(m.text())));
  tab.on("request", (q) => {
    const url = q.url();
    if (!allowed.some((a) => url === a || url === `${a}/` || url === `${a}/host.js`) && !/^(about:|data:|blob:)/.test(url)) wrong.push(`request: ${url}`);
  });
  return { tab, context, wrong };
}

/** A View in a host. */
export class Opened {
  constructor(tab, context, wrong) {
    Object.assign(this, { tab, context, wrong });
  }

  /** The frame of the View itself. */
  get view() {
    return this.tab.frames().find((f) => f.url() === "about:srcdoc");
  }

  host(method, ...args) {
    return this.tab.evaluate((m, a) => window.host[m](...a), method, args);
  }

  happened(what) {
    return this.tab.evaluate((w) => window.host.happened.filter((h) => h.what === w).map((h) => h.params), what);
  }

  said() {
    return this.tab.evaluate(() => window.host.said);
  }

  async show(f, extra = {}) {
    await this.host("input", f.arguments);
    await this.host("result", { ...f.result, ...extra });
    await this.settled();
  }

  /** Until the View has drawn what it was sent. */
  async settled() {
    await this.view.evaluate(() => new Promise((done) => setTimeout(done, 60)));
  }

  text(selector = "main") {
    return this.view.$eval(selector, (e) => e.innerText);
  }

  async click(name, root = "main") {
    const done = await this.view.evaluate((n, r) => {
      const all = [...document.querySelectorAll(`${r} button, ${r} summary, ${r} [role=tab]`)];
      const e = all.find((b) => (b.getAttribute("aria-label") ?? b.textContent) === n) ?? all.find((b) => (b.getAttribute("aria-label") ?? b.textContent).startsWith(n));
      e?.click();
      return !!e;
    }, name, root);
    assert.ok(done, `no button "${name}"`);
    await this.settled();
  }

  rows() {
    return this.view.$$eval(".set tbody tr", (all) => all.map((r) => [...r.querySelectorAll("td")].map((d) => d.innerText)));
  }

  async wait(test, ...args) {
    await this.view.waitForFunction(test, { polling: 20 }, ...args);
  }

  async screenshot(name) {
    await this.tab.screenshot({ path: join(screens, `${name}.png`) });
  }

  /** Serious findings of axe in the View. */
  async axe() {
    const source = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
    if (!(await this.view.evaluate(() => !!window.axe))) await this.view.evaluate(source);
    // axe cannot see through the frame to what the host has behind it.
    await this.view.evaluate(() => {
      if (getComputedStyle(document.body).backgroundColor === "rgba(0, 0, 0, 0)") document.documentElement.style.background = document.documentElement.dataset.theme === "dark" ? "#17191c" : "#ffffff";
    });
    const found = await this.view.evaluate(async () => (await window.axe.run(document, { resultTypes: ["violations"] })).violations
      .filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${n.any[0]?.message ?? ""}`).join(" | ")}`));
    assert.deepEqual(found, []);
  }

  async close() {
    const said = this.raw || this.top ? [] : await this.said();
    judge(said);
    await this.context.close();
    assert.deepEqual(this.wrong, []);
  }
}

export async function opened(name, o = {}) {
  const { tab, context, wrong } = await watched([servers.host, servers.proxy]);
  const width = o.width ?? 760;
  await tab.setViewport({ width, height: o.height ?? 800, hasTouch: o.touch ?? false, isMobile: false, deviceScaleFactor: 1 });
  const features = [{ name: "prefers-color-scheme", value: o.theme ?? "light" }];
  if (o.still) features.push({ name: "prefers-reduced-motion", value: "reduce" });
  await tab.emulateMediaFeatures(features);
  await tab.goto(servers.host);
  await tab.evaluate((t) => { document.body.style.background = t === "dark" ? "#17191c" : "#ffffff"; }, o.theme);
  const made = new Opened(tab, context, wrong);
  made.raw = o.raw;
  await made.host("open", {
    html: o.html ?? built(name), proxy: servers.proxy, capabilities: o.capabilities ?? CAPABILITIES, raw: o.raw, tools: o.tools, refuse: o.refuse, width, permissions: o.permissions,
    context: o.context ?? { ...CONTEXT, theme: o.theme ?? "light", ...o.more },
  });
  await tab.waitForFunction(() => true);
  for (let i = 0; i < 500 && !made.view; i++) await new Promise((r) => setTimeout(r, 10));
  await made.view.waitForSelector("main");
  if (!o.raw) await tab.waitForFunction(() => window.host.happened.some((h) => h.what === "initialized"));
  return made;
}

/** A page that is opened by its address, as whoever follows a link does; it may fetch nothing besides. */
export async function openedAt(url, o = {}) {
  const { tab, context, wrong } = await watched([url, ...(o.allowed ?? [])]);
  await tab.setViewport({ width: o.width ?? 1000, height: o.height ?? 700 });
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: o.theme ?? "light" }]);
  const response = await tab.goto(url);
  const made = new Opened(tab, context, wrong);
  Object.defineProperty(made, "view", { get: () => tab.mainFrame() });
  made.top = true;
  made.response = response;
  return made;
}

/** A View in a tab of its own, as a server gives it at /view/HANDLE. */
export async function openedTab(name, data, o = {}) {
  const path = `/view/${Math.random().toString(36).slice(2)}`;
  servers.tabs.set(path, { name, data });
  return openedAt(servers.tab + path, { ...o, allowed: [`${servers.tab}/favicon.ico`] });
}
