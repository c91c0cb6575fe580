#!/usr/bin/env bash
# npm @langchain/mcp-adapters 1.1.4: a property of a tool that is one of several scalar types ("anyOf": string, number) reaches the model without any type.
#
# The description stays; the same property with a single "type" keeps that.
# Seen: {"value":{"description":"a value"},"one":{"description":"a value","type":"string"}}
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"type": "module"}' > package.json
npm install --silent --no-audit --no-fund @langchain/mcp-adapters@1.1.4 @langchain/core@1.4.0 >/dev/null
cat > server.mjs <<'JS'
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
const server = new Server({ name: "s", version: "1" }, { capabilities: { tools: {} } });
const value = { description: "a value", anyOf: [{ type: "string" }, { type: "number" }] };
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [{ name: "t", description: "d", inputSchema: { type: "object", properties: { value, one: { description: "a value", type: "string" } } } }] }));
await server.connect(new StdioServerTransport());
JS
cat > client.mjs <<'JS'
import assert from "node:assert/strict";
import { convertToOpenAITool } from "@langchain/core/utils/function_calling";
import { MultiServerMCPClient } from "@langchain/mcp-adapters";
const client = new MultiServerMCPClient({ mcpServers: { s: { transport: "stdio", command: process.execPath, args: ["server.mjs"] } } });
const [tool] = await client.getTools();
const seen = JSON.stringify(convertToOpenAITool(tool).function.parameters.properties);
await client.close();
console.log("seen:", seen);
assert.deepEqual(JSON.parse(seen), { value: { description: "a value" }, one: { description: "a value", type: "string" } }, "it changed");
JS
node client.mjs
