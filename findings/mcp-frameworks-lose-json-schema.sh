#!/usr/bin/env bash
# What three Python frameworks make of a tool's input schema that MCP allows (JSON Schema 2020-12), before a model sees it.
#
# google-genai 3.6.1, its own MCP support: "additionalProperties": true in a property, which JSON Schema allows as a boolean, is walked like a schema and ends in
# AttributeError, so that no tool of the server can be used. autogen-ext 0.7.5: a list of types, ["string", "null"], is looked up in a dictionary and ends in TypeError;
# again all tools are lost. llama-index-tools-mcp 0.4.8: the items of an array of objects lose their properties: the model is told "any object", without names or types.
# Seen: google-genai AttributeError 'bool' object has no attribute 'items'; autogen-ext TypeError unhashable type: 'list'; llama-index items {"additionalProperties": true, "type": "object"}
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check mcp==1.30.0 google-genai==3.6.1 llama-index-tools-mcp==0.4.8 'autogen-ext[mcp]==0.7.5'
cat > "$dir/server.py" <<'PY'
import sys
import mcp.types as types
from mcp.server.lowlevel import Server
import anyio
from mcp.server.stdio import stdio_server

SCHEMAS = {
    "boolean": {"type": "object", "properties": {"params": {"type": "object", "additionalProperties": True}}},
    "types": {"type": "object", "properties": {"n": {"type": ["string", "null"], "description": "a name"}}},
    "items": {"type": "object", "properties": {"params": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}}}},
}
server = Server("schemas")


@server.list_tools()
async def tools():
    return [types.Tool(name="t", description="d", inputSchema=SCHEMAS[sys.argv[1]])]


async def main():
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


anyio.run(main)
PY
"$dir/env/bin/python" - "$dir" <<'PY'
import asyncio, sys
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

SERVER = sys.argv[1] + "/server.py"


async def session(which, use):
    async with stdio_client(StdioServerParameters(command=sys.executable, args=[SERVER, which])) as (r, w), ClientSession(r, w) as s:
        await s.initialize()
        return await use(s)


async def genai(s):
    from google.genai._mcp_utils import mcp_to_gemini_tools
    try:
        return mcp_to_gemini_tools((await s.list_tools()).tools)
    except Exception as e:
        return f"{type(e).__name__} {e}"


async def autogen(s):
    from autogen_ext.tools.mcp import StdioServerParams, mcp_server_tools
    try:
        return await mcp_server_tools(StdioServerParams(command=sys.executable, args=[SERVER, "types"]))
    except Exception as e:
        return f"{type(e).__name__} {e}"


async def llama(s):
    from llama_index.tools.mcp import McpToolSpec
    made = (await McpToolSpec(client=s).to_tool_list_async())[0].metadata.to_openai_tool()["function"]
    params = made["parameters"]["properties"]["params"]
    arrays = [one for one in [params, *params.get("anyOf", [])] if one.get("type") == "array"]
    return arrays[0]["items"]


seen = [asyncio.run(session("boolean", genai)), asyncio.run(session("types", autogen)), asyncio.run(session("items", llama))]
print("seen:", seen)
assert seen == ["AttributeError 'bool' object has no attribute 'items'", "TypeError unhashable type: 'list'", {"additionalProperties": True, "type": "object"}], "it changed"
PY
