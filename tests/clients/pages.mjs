// The pages of sign-in in a real Chromium: keyboard only, wrong password, another account, deny, allow, revoke, an expired form, a program
// with a scheme of its own; the contrast of all that is on each page, in light and in dark; a screenshot of each at the width of a phone and of a desk. `pages.mjs ORIGIN PASSWORD SCREENSHOTS CHROMIUM`
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import puppeteer from "puppeteer-core";

const [origin, password, shots, executablePath] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });

// The client's side: what comes back to its redirect URI.
const returned = [];
const server = createServer((q, r) => {
  if (q.url.startsWith("/callback")) returned.push(Object.fromEntries(new URL(q.url, "http://x").searchParams));
  r.end("back at the client");
}).listen(0, "127.0.0.1");
await new Promise((ok) => server.once("listening", ok));
const callback = `http://127.0.0.1:${server.address().port}/callback`;
const registered = await fetch(`${origin}/register`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ client_name: "A program with a rather long name", redirect_uris: [callback], token_endpoint_auth_method: "none" }),
});
const { client_id } = await registered.json();
const verifier = randomBytes(48).toString("base64url");
const query = new URLSearchParams({
  response_type: "code", client_id, redirect_uri: callback, state: "s1", scope: "mssql:read mssql:write",
  code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256", resource: `${origin}/mcp`,
});

// No step has a time of its own: whoever runs this gives up in the end, and a busy machine is none of its business.
const browser = await puppeteer.launch({ executablePath, headless: true, timeout: 0, protocolTimeout: 0, args: ["--no-sandbox", "--disable-gpu"] });
const opened = async () => {
  const tab = await browser.newPage();
  tab.setDefaultTimeout(0);
  return tab;
};
const page = await opened();
const complaints = [];
page.on("pageerror", (e) => complaints.push(String(e)));
page.on("console", (m) => m.type() === "error" && !/Failed to load resource/.test(m.text()) && complaints.push(m.text()));
// Contrast as WCAG 2.2 counts it: of each text to what is behind it (4.5), of each field's and button's edge and of the focus ring (3).
const poor = () => page.evaluate(() => {
  const rgb = (c) => (c.match(/[\d.]+/g) ?? []).map(Number);
  const seen = (c) => rgb(c).length === 3 || rgb(c)[3] === 1;
  const light = (c) => {
    const [r, g, b] = rgb(c).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (seen(c)) return c;
    }
    return "rgb(255, 255, 255)";
  };
  const bad = [];
  const check = (what, a, b, least) => {
    if (ratio(a, b) < least) bad.push(`${what}: ${a} on ${b} is ${ratio(a, b).toFixed(2)}`);
  };
  for (const e of document.querySelectorAll("body *")) {
    const style = getComputedStyle(e);
    const words = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
    if (words) check(`<${e.tagName}> ${e.textContent.slice(0, 30)}`, style.color, behind(e), 4.5);
    if (!e.matches("a, button, input:not([type=hidden])")) continue;
    const around = behind(e.parentElement);
    if (!e.matches("a")) {
      check(`the edge of ${e.outerHTML.slice(0, 60)}`, style.borderTopColor, around, 3);
    }
    const before = document.activeElement;
    e.focus();
    const ring = getComputedStyle(e);
    if (ring.outlineStyle === "none" || parseFloat(ring.outlineWidth) < 2) bad.push(`no ring at ${e.outerHTML.slice(0, 60)}`);
    check(`the ring of ${e.outerHTML.slice(0, 60)}`, ring.outlineColor, around, 3);
    if (before === document.body) e.blur();
    else before.focus();
  }
  return bad;
});
const grounds = new Set();
const shoot = async (name) => {
  const focused = await page.evaluate(() => document.activeElement.id);
  // Whoever uses the keyboard sees the ring.
  await page.evaluate(() => { globalThis.here = document.activeElement; });
  await page.keyboard.press("Tab");
  await page.evaluate(() => (globalThis.here === document.body ? document.activeElement.blur() : globalThis.here.focus()));
  for (const scheme of ["dark", "light"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    assert.deepEqual(await poor(), [], `${name} in ${scheme}`);
    grounds.add(`${scheme} ${await page.evaluate(() => getComputedStyle(document.body).backgroundColor)}`);
    await page.screenshot({ path: `${shots}/${name}-${scheme}.png` });
  }
  assert.equal(await page.evaluate(() => document.activeElement.id), focused, "looking moves nothing");
  assert.match(await page.$eval("link[rel=icon]", (l) => l.href), /^data:image\/svg\+xml;base64,/);
  for (const [width, height, kind] of [[390, 844, "phone"], [1280, 800, "desk"]]) {
    await page.setViewport({ width, height });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${name} is ${wide} pixels too wide on a ${kind}`);
    await page.screenshot({ path: `${shots}/${name}-${kind}.png` });
  }
};
const heading = () => page.$eval("h1", (h) => h.textContent);
const enter = async (name, secret) => {
  // The name has the focus when the page opens, the password when it was wrong; the rest is Tab and Enter.
  const field = await page.evaluate(() => document.activeElement.id);
  assert.equal(field, name ? "name" : "password");
  if (name) {
    await page.keyboard.type(name);
    await page.keyboard.press("Tab");
  }
  await page.keyboard.type(secret);
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
};

await page.goto(`${origin}/authorize?${query}`);
assert.equal(await heading(), "Sign in");
const about = await page.$eval("main p", (e) => e.textContent);
for (const part of ["A program with a rather long name", "sandbox", new URL(origin).host]) assert.ok(about.includes(part), about);
await shoot("sign-in");
await enter("demo", "not the password");
assert.match(await page.$eval("[role=alert]", (e) => e.textContent), /wrong/);
assert.deepEqual(await page.$eval("#password", (e) => [e.ariaInvalid, e.getAttribute("aria-describedby")]), ["true", "problem"]);
assert.equal(await page.$eval("#name", (e) => e.value), "demo");
await shoot("wrong-password");
await enter("", password);
assert.match(await heading(), /^Let A program with a rather long name use this database\?$/);
await shoot("consent");
assert.match(await page.$eval(".warn", (e) => e.textContent), /computer in front of you/);
assert.match(await page.$eval("dl", (e) => e.textContent), /^DatabasesandboxServer127/);

// As somebody else, and back.
await Promise.all([page.waitForNavigation(), page.click("button[value=switch]")]);
assert.equal(await heading(), "Sign in");
await enter("demo", password);
assert.match(await heading(), /^Let A program/);

// Deny, with the keyboard: Allow comes first, then Deny.
await page.keyboard.press("Tab");
await page.keyboard.press("Tab");
assert.equal(await page.evaluate(() => document.activeElement.value), "deny");
await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
assert.equal(page.url().startsWith(callback), true, page.url());
assert.deepEqual([returned[0].error, returned[0].state, returned[0].iss], ["access_denied", "s1", origin]);

// Allow: signed in already, so consent comes at once.
await page.goto(`${origin}/authorize?${query}`);
await Promise.all([page.waitForNavigation(), page.click("button.go")]);
assert.ok(returned[1].code, JSON.stringify(returned));
const form = new URLSearchParams({ grant_type: "authorization_code", code: returned[1].code, client_id, redirect_uri: callback, code_verifier: verifier });
const given = await (await fetch(`${origin}/token`, { method: "POST", body: form })).json();
assert.equal(given.scope, "mssql:read mssql:write", JSON.stringify(given));
const ping = () => fetch(`${origin}/mcp`, { method: "POST", headers: { Authorization: `Bearer ${given.access_token}`, "Content-Type": "application/json", Accept: "application/json, text/event-stream" }, body: "{}" });
assert.equal((await ping()).status, 400, "known, and the message is refused for what it is");

await page.goto(`${origin}/apps`);
assert.equal(await heading(), "Connected apps");
await shoot("connected-apps");
const row = await page.$eval("tbody tr", (e) => e.textContent);
for (const part of ["A program with a rather long name", "sandbox", "127.0.0.1", "UTC", "Read data", "Add, change"]) assert.ok(row.includes(part), row);
// A question, a no, the question again, a yes, and a word.
await Promise.all([page.waitForNavigation(), page.click("tbody button")]);
assert.equal(await heading(), "Revoke A program with a rather long name?");
await shoot("revoke");
await Promise.all([page.waitForNavigation(), page.click("button[value=keep]")]);
assert.equal((await page.$$("tbody tr")).length, 1);
assert.equal((await ping()).status, 400, "kept");
await Promise.all([page.waitForNavigation(), page.click("tbody button")]);
await Promise.all([page.waitForNavigation(), page.click("button[value=revoke]")]);
assert.match(await page.$eval("[role=status]", (e) => e.textContent), /^Revoked\./);
await shoot("revoked");
assert.match(await page.$eval("main", (e) => e.textContent), /None\./);
assert.equal((await ping()).status, 401, "revoked");

// A form whose cookie has gone does nothing.
await page.goto(`${origin}/authorize?${query}`);
await page.deleteCookie(...(await page.cookies()).filter((c) => c.name.endsWith("csrf")));
await Promise.all([page.waitForNavigation(), page.click("button.go")]);
assert.match(await page.$eval("[role=alert]", (e) => e.textContent), /expired/);
await shoot("expired-form");
assert.equal(returned.length, 2);

await page.goto(`${origin}/authorize?client_id=nobody`);
assert.equal(await heading(), "This did not work");
await shoot("error");
// People who come to the server itself, or to nothing.
for (const [path, title] of [["/", "Microsoft SQL Server over MCP"], ["/mcp", "Microsoft SQL Server over MCP"], ["/nowhere", "There is nothing here"]]) {
  await page.goto(origin + path);
  assert.equal(await heading(), title);
  assert.ok((await page.$eval("main", (e) => e.textContent)).includes(`${origin}/mcp`));
  await shoot(`way-in${path.replace("/", "-")}`);
}
assert.deepEqual([...grounds].map((g) => g.split(" ")[0]).sort(), ["dark", "light"], "one ground for each scheme");
assert.deepEqual(complaints, [], "the browser complains of nothing, the content policy included");
// A program with a scheme of its own: the policy lets the form lead there, and nothing on this machine answers.
const own = await fetch(`${origin}/register`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ client_name: "Cursor", redirect_uris: ["cursor://anysphere.cursor-mcp/oauth/callback"], token_endpoint_auth_method: "none" }),
});
const ask = new URLSearchParams(query);
ask.set("client_id", (await own.json()).client_id);
ask.set("redirect_uri", "cursor://anysphere.cursor-mcp/oauth/callback");
// In a tab of its own: what becomes of it there is between the browser and the system.
const tab = await opened();
await tab.goto(`${origin}/authorize?${ask}`);
await tab.evaluate(() => {
  globalThis.refused = [];
  document.addEventListener("securitypolicyviolation", (e) => globalThis.refused.push(e.violatedDirective));
});
const devtools = await tab.createCDPSession();
await devtools.send("Network.enable");
const led = new Promise((ok) => {
  devtools.on("Network.requestWillBeSent", (e) => e.redirectResponse && ok(e.request.url));
  devtools.on("Network.responseReceivedExtraInfo", (e) => (e.headers.location ?? e.headers.Location) && ok(e.headers.location ?? e.headers.Location));
});
await tab.click("button.go");
assert.match(await led, /^cursor:\/\/anysphere\.cursor-mcp\/oauth\/callback\?code=/);
// A violation would be told beside it.
await new Promise((ok) => setTimeout(ok, 1000));
assert.deepEqual(await tab.evaluate(() => globalThis.refused), [], "the policy refuses the way back");
await browser.close();
server.close();
console.log("pages: ok");
