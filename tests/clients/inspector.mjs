// MCP Inspector's CLI signs in through the real pages (registered, or by its metadata document): the four tools, refresh, revocation.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LINK, signIn } from "./person.mjs";
import { TOOLS } from "./expect.mjs";

const [url, user, password, metadata] = process.argv.slice(2);
const home = mkdtempSync(join(tmpdir(), "inspector-"));
const script = join(dirname(fileURLToPath(import.meta.url)), "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js");
const port = await new Promise((done) => {
  const s = createServer().listen(0, "127.0.0.1", () => {
    const { port } = s.address();
    s.close(() => done(port));
  });
});
let asked = [];

async function inspector(...args) {
  const child = spawn(
    process.execPath,
    [script, "--cli", url, "--format", "json", "--callback-url", `http://127.0.0.1:${port}/oauth/callback`, ...(metadata ? ["--client-metadata-url", metadata] : []), ...args],
    { env: { ...process.env, HOME: home, MCP_AUTO_OPEN_ENABLED: "true", MCP_INSPECTOR_SECRET_STORE: "file", MCP_STORAGE_DIR: home, BROWSER: "/bin/true" }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let out = "", err = "", seen = false;
  child.stdout.on("data", (d) => (out += d));
  child.stderr.on("data", (d) => {
    err += d;
    const link = err.match(LINK)?.[0];
    if (!seen && link && /\s/.test(err[err.indexOf(link) + link.length] ?? "")) {
      seen = true;
      asked.push(link);
      signIn(link, user, password).catch((e) => console.error(e));
    }
  });
  const code = await new Promise((done) => child.on("close", done));
  assert.equal(code, 0, out + err);
  const answer = JSON.parse(out);
  return answer.result ?? answer;
}

/** The token of this kind that the Inspector keeps, wherever in its files. */
function stored(prefix) {
  for (const file of readdirSync(home, { recursive: true, withFileTypes: true }).filter((f) => f.isFile())) {
    const found = readFileSync(join(file.parentPath, file.name), "utf8").match(new RegExp(`\\b${prefix}_[\\w-]+`));
    if (found) return found[0];
  }
  throw new Error(`nothing under ${home} begins with ${prefix}_`);
}

const tool = (name, args) => inspector("--method", "tools/call", "--tool-name", name, "--tool-args-json", JSON.stringify(args));
try {
  const { tools } = await inspector("--method", "tools/list");
  assert.ok(tools.length >= 4);
  assert.deepEqual(tools.map((t) => t.name), TOOLS);
  assert.equal(asked.length, 1);
  const id = new URL(asked[0]).searchParams.get("client_id");
  assert.equal(id, metadata ?? id);
  assert.ok(metadata || id.startsWith("dcr_"), id);
  for (const [name, args] of [
    ["list_tables", {}],
    ["describe_table", { table_name: "sales.Orders" }],
    ["execute_sql", { query: "SELECT COUNT(*) AS n FROM sales.Orders" }],
    ["get_table_sample", { table_name: "Employees" }],
  ]) {
    const r = await tool(name, args);
    assert.ok(!r.isError && r.content.length > 0, `${name}: ${JSON.stringify(r)}`);
    if (name === "execute_sql") assert.deepEqual(JSON.parse(r.content[0].text).results[0].rows, [[20000]]);
  }
  console.log("four tools: ok");
  // An access token that has ended: revoked, and not waited for, so that no clock decides. The grant outlives it.
  const end = await fetch(new URL("/revoke", url), { method: "POST", body: new URLSearchParams({ token: stored("mat"), client_id: id }) });
  assert.equal(end.status, 200);
  const before = stored("mrt");
  await tool("list_tables", {});
  assert.notEqual(stored("mrt"), before);
  assert.equal(asked.length, 1, "the person was not asked again");
  console.log("refresh: ok");
  // --relogin revokes the grant (RFC 7009) and asks the person anew.
  await inspector("--relogin", "--method", "tools/list");
  assert.equal(asked.length, 2);
  console.log("revoke: ok");
} finally {
  rmSync(home, { recursive: true, force: true });
}
