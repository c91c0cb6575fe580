#!/usr/bin/env bash
# PyPI mcp-proxy 0.13.0, between a client over streamable HTTP and a server over stdio: a client's notifications/cancelled does not reach the server, so that what it
# gave up runs on there; and once the server has ended, every call is answered as a tool's error with an empty text, for good.
#
# The client is npm @modelcontextprotocol/sdk 1.32.2, which sends the notification when its time is over. Through npm mcp-proxy 6.7.19 the same client and server lose
# neither: the server hears of the cancellation, and a call after its end is a JSON-RPC error, "Not connected".
# Seen: ["initialize","notifications/initialized","tools/list","tools/call","tools/call"] {"content":[{"type":"text","text":""}],"isError":true}
set -euo pipefail
dir=$(mktemp -d)
proxy=""
trap '[ -z "$proxy" ] || kill "$proxy"; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check mcp-proxy==0.13.0
echo '{"type": "module"}' > package.json
npm install --silent --no-audit --no-fund @modelcontextprotocol/sdk@1.32.2 >/dev/null
cat > server.mjs <<'JS'
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  appendFileSync("heard", method + "\n");
  const say = (result) => console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
  if (method === "initialize") say({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } });
  if (method === "tools/list") say({ tools: [{ name: "t", inputSchema: { type: "object" } }] });
  if (method === "tools/call" && params.arguments?.end) process.exit(1);
}
JS
cat > client.mjs <<'JS'
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
const client = new Client({ name: "c", version: "1" });
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])));
await client.listTools();
const call = (args) => client.callTool({ name: "t", arguments: args }, undefined, { timeout: 2000 });
await assert.rejects(call({}), /timed out/);
await new Promise((done) => setTimeout(done, 1500));
await call({ end: true });
const after = JSON.stringify(await call({}));
const heard = readFileSync("heard", "utf8").trim().split("\n");
console.log("seen:", JSON.stringify(heard), after);
assert.ok(!heard.includes("notifications/cancelled"), "it changed: the server hears of the cancellation");
assert.equal(after, '{"content":[{"type":"text","text":""}],"isError":true}', "it changed");
process.exit(0);
JS
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
env/bin/mcp-proxy --port "$port" -- node server.mjs > proxy.log 2>&1 &
proxy=$!
for _ in $(seq 60); do
  (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
  sleep 0.5
done
node client.mjs "http://127.0.0.1:$port/mcp"
