// The pages of sign-in in a real Chromium: keyboard only, wrong password, deny, allow, revoke, an expired form; a screenshot of each page
// at the width of a phone and of a desk. `pages.mjs ORIGIN PASSWORD SCREENSHOTS CHROMIUM`
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

const browser = await puppeteer.launch({ executablePath, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage();
const complaints = [];
page.on("pageerror", (e) => complaints.push(String(e)));
page.on("console", (m) => m.type() === "error" && !/Failed to load resource/.test(m.text()) && complaints.push(m.text()));
const shoot = async (name) => {
  for (const [width, height, kind] of [[390, 844, "phone"], [1280, 800, "desk"]]) {
    await page.setViewport({ width, height });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${name} is ${wide} pixels too wide on a ${kind}`);
    await page.screenshot({ path: `${shots}/${name}-${kind}.png` });
  }
};
const heading = () => page.$eval("h1", (h) => h.textContent);
const enter = async (name, secret) => {
  // The name has the focus when the page opens; the rest is Tab and Enter.
  const field = await page.evaluate(() => document.activeElement.id);
  assert.equal(field, "name");
  await page.evaluate(() => document.activeElement.select());
  await page.keyboard.type(name);
  await page.keyboard.press("Tab");
  await page.keyboard.type(secret);
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
};

await page.goto(`${origin}/authorize?${query}`);
assert.equal(await heading(), "Sign in");
await shoot("sign-in");
await enter("demo", "not the password");
assert.match(await page.$eval("[role=alert]", (e) => e.textContent), /wrong/);
await shoot("wrong-password");
await enter("demo", password);
assert.match(await heading(), /^Let A program with a rather long name use this database\?$/);
await shoot("consent");
assert.match(await page.$eval(".warn", (e) => e.textContent), /computer in front of you/);

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
await Promise.all([page.waitForNavigation(), page.click("li button")]);
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
assert.deepEqual(complaints, [], "the browser complains of nothing, the content policy included");
await browser.close();
server.close();
console.log("pages: ok");
