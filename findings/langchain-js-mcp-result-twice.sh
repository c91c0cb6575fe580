#!/usr/bin/env bash
# npm @langchain/mcp-adapters 1.1.4 with @langchain/core 1.4.0: a tool that answers with structuredContent beside its text block (which the MCP specification
# asks of servers, for older clients) reaches the model twice in one message, and the text as JSON within JSON.
#
# The content of the ToolMessage is neither the text nor a list of content blocks, but the JSON of one block with structuredContent inside it. The same tool without
# structuredContent gives its text.
# Seen: {"type":"text","text":"{\"rows\":[[\"a\",1]]}","structuredContent":{"rows":[["a",1]]}}
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"type": "module"}' > package.json
npm install --silent --no-audit --no-fund @langchain/mcp-adapters@1.1.4 @langchain/core@1.4.0 >/dev/null
cat > server.mjs <<'JS'
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
const server = new Server({ name: "s", version: "1" }, { capabilities: { tools: {} } });
const tool = (name) => ({ name, description: "d", inputSchema: { type: "object", properties: {} } });
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [tool("both"), tool("text")] }));
server.setRequestHandler(CallToolRequestSchema, ({ params }) => {
  const rows = { rows: [["a", 1]] };
  return { content: [{ type: "text", text: JSON.stringify(rows) }], ...(params.name === "both" && { structuredContent: rows }) };
});
await server.connect(new StdioServerTransport());
JS
cat > client.mjs <<'JS'
import assert from "node:assert/strict";
import { MultiServerMCPClient } from "@langchain/mcp-adapters";
const client = new MultiServerMCPClient({ mcpServers: { s: { transport: "stdio", command: process.execPath, args: ["server.mjs"] } } });
const tools = await client.getTools();
const said = async (name) => (await tools.find((t) => t.name === name).invoke({ type: "tool_call", id: "1", name, args: {} })).content;
const [both, text] = [await said("both"), await said("text")];
await client.close();
console.log("seen:", both);
assert.equal(text, '{"rows":[["a",1]]}', "without structuredContent");
assert.equal(both, JSON.stringify({ type: "text", text, structuredContent: { rows: [["a", 1]] } }), "it changed");
JS
node client.mjs
