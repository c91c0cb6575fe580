// The authorization scenarios of the MCP conformance suite; it prints a link, and a person opens it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LINK, signIn } from "./person.mjs";

const [issuer, client, port, user, password] = process.argv.slice(2);
const script = join(dirname(fileURLToPath(import.meta.url)), "node_modules/@modelcontextprotocol/conformance/dist/index.js");
const child = spawn(process.execPath, [script, "authorization", "--url", issuer, "--client-id", client, "--resource", issuer + "/mcp", "-p", port], {
  stdio: ["ignore", "pipe", "pipe"],
});
let said = "", all = "", opened = 0;
const hear = (d) => {
  said += d;
  all += d;
  const link = said.match(LINK)?.[0];
  if (link && /\s/.test(said[said.indexOf(link) + link.length] ?? "")) {
    said = "";
    opened += 1;
    signIn(link, user, password).catch((e) => console.error(e));
  }
};
child.stdout.on("data", hear);
child.stderr.on("data", hear);
const code = await new Promise((done) => child.on("close", done));
assert.equal(code, 0, all);
assert.ok(opened > 0, all);
console.log(all);
console.log("all scenarios: ok");
