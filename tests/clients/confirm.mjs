// A client whose person is asked before data is changed: yes once, then no.
// `confirm.mjs sdk|legacy|modern http URL` or `… stdio COMMAND ARGS…`
import assert from "node:assert/strict";

const [which, kind, first, ...rest] = process.argv.slice(2);
let answer = "accept";
const asked = [];
const person = async (request) => {
  asked.push(request.params.message);
  return answer === "accept" ? { action: "accept", content: { apply: true } } : { action: answer };
};

let client, transport;
if (which === "sdk") {
  const { Client } = await import("sdk-1-32/client/index.js");
  const { StdioClientTransport } = await import("sdk-1-32/client/stdio.js");
  const { StreamableHTTPClientTransport } = await import("sdk-1-32/client/streamableHttp.js");
  const { ElicitRequestSchema } = await import("sdk-1-32/types.js");
  client = new Client({ name: "confirm", version: "1" }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, person);
  transport = kind === "http" ? new StreamableHTTPClientTransport(new URL(first)) : new StdioClientTransport({ command: first, args: rest, stderr: "inherit" });
} else {
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  const mode = which === "modern" ? { pin: "2026-07-28" } : "legacy";
  client = new Client({ name: "confirm", version: "1" }, { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode } });
  client.setRequestHandler("elicitation/create", person);
  transport = kind === "http" ? new StreamableHTTPClientTransport(new URL(first)) : new StdioClientTransport({ command: first, args: rest, stderr: "inherit" });
}
await client.connect(transport);
const run = async (query) => {
  const r = await client.callTool({ name: "execute_sql", arguments: { query } });
  return { isError: r.isError, ...JSON.parse(r.content[0].text) };
};
const count = async (status) => (await run(`SELECT COUNT(*) AS n FROM sales.Orders WHERE Status = '${status}'`)).results[0].rows[0][0];

const open = await count("Open");
const before = await count("Void");
const update = "UPDATE sales.Orders SET Status = 'Void' WHERE OrderId IN (SELECT TOP (7) OrderId FROM sales.Orders WHERE Status = 'Open' ORDER BY OrderId)";
let r = await run(update);
assert.ok(!r.isError && r.committed === true, JSON.stringify(r));
assert.deepEqual(r.rows_affected, [7]);
assert.ok(asked[0].startsWith("UPDATE sales.Orders: 7 of 20,000 rows change. Apply?"), asked[0]);
assert.equal(await count("Void"), before + 7);

for (answer of ["decline", "cancel"]) {
  r = await run(update);
  assert.ok(r.isError && r.error.code === "declined", JSON.stringify(r));
}
assert.equal(await count("Open"), open - 7);
assert.equal(asked.length, 3);
await client.close();
console.log(`confirm ${which} ${kind}: ok`);
