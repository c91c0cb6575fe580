// npm mcp-remote signs in through the real pages and bridges stdio to the hosted server: the four tools, refresh, revocation.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "sdk-1-32/client/index.js";
import { StdioClientTransport } from "sdk-1-32/client/stdio.js";
import { check } from "./expect.mjs";
import { LINK, signIn } from "./person.mjs";

const [url, user, password] = process.argv.slice(2);
const home = mkdtempSync(join(tmpdir(), "mcp-remote-"));
const script = join(dirname(fileURLToPath(import.meta.url)), "node_modules/mcp-remote/dist/proxy.js");
let said = "", signedIn = 0;
const transport = new StdioClientTransport({
  command: process.execPath,
  args: [script, url, "--allow-http", ...process.argv.slice(5)],
  env: { ...process.env, HOME: home, MCP_REMOTE_CONFIG_DIR: home },
  stderr: "pipe",
});
transport.stderr.on("data", (d) => {
  said += d;
  const link = said.match(LINK)?.[0];
  if (link && /\s/.test(said[said.indexOf(link) + link.length] ?? "")) {
    said = "";
    signedIn += 1;
    signIn(link, user, password).catch((e) => console.error(e));
  }
});
try {
  const client = new Client({ name: "behind mcp-remote", version: "1" });
  await client.connect(transport);
  await check("npm mcp-remote signed in", () => client.listTools(), (p) => client.callTool(p));
  assert.equal(signedIn, 1);
  const stored = () => {
    const dir = readdirSync(home, { recursive: true }).filter((f) => f.endsWith("tokens.json"));
    const tokens = JSON.parse(readFileSync(join(home, dir[0])));
    const info = JSON.parse(readFileSync(join(home, dir[0].replace("tokens.json", "client_info.json"))));
    return { ...tokens, client_id: info.client_id };
  };
  const before = stored();
  if (process.env.BUSY) {
    // The server of this test gives access tokens a life of a few seconds: it is asked all the while (not too often: each call refreshes a
    // token that lives so short), and for some looks at streams longer.
    const over = Date.now() + 1000 * before.expires_in + 500 + Number(process.env.BUSY);
    while (Date.now() < over) {
      await new Promise((r) => setTimeout(r, 1500));
      assert.ok(!(await client.callTool({ name: "list_tables", arguments: {} })).isError);
    }
  } else {
    // An access token that has ended: revoked, and not waited for, so that no clock decides.
    const end = await fetch(new URL("/revoke", url), { method: "POST", body: new URLSearchParams({ token: before.access_token, client_id: before.client_id }) });
    assert.equal(end.status, 200);
  }
  const again = await client.callTool({ name: "list_tables", arguments: {} });
  assert.ok(!again.isError);
  const after = stored();
  assert.notEqual(after.refresh_token, before.refresh_token);
  assert.equal(signedIn, 1, "the person was not asked again");
  console.log("refresh: ok");
  const r = await fetch(new URL("/revoke", url), { method: "POST", body: new URLSearchParams({ token: after.refresh_token, client_id: after.client_id }) });
  assert.equal(r.status, 200);
  const dead = await fetch(url, { method: "POST", body: "{}", headers: { authorization: `Bearer ${after.access_token}` } });
  assert.equal(dead.status, 401);
  console.log("revoke: ok");
  await client.close();
} finally {
  rmSync(home, { recursive: true, force: true });
}
