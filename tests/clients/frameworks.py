"""What a model is told of our tools by frameworks that read MCP: each converts the list in its own way, and every
argument must come through with its type and its description, without a warning. Needs no key: no model is asked.

    frameworks.py NAME,NAME… mssql-mcp demo --stdio …
"""
import asyncio
import json
import logging
import sys
import warnings
from importlib.metadata import version

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

COMMAND, ARGS = sys.argv[2], sys.argv[3:]
SERVER = StdioServerParameters(command=COMMAND, args=ARGS)


def variants(schema, root):
    """A schema and what it refers to or chooses from."""
    seen = [schema]
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        seen += variants(target, root)
    for key in ("anyOf", "any_of", "oneOf", "allOf"):
        for one in schema.get(key) or []:
            seen += variants(one, root)
    return seen


def types(schema, root):
    found = set()
    for one in variants(schema, root):
        kinds = one.get("type")
        found |= {str(k).lower() for k in (kinds if isinstance(kinds, list) else [kinds]) if k}
    return found


def first(schema, root, key):
    return next((one[key] for one in variants(schema, root) if one.get(key)), None)


def compare(ours, theirs, root, at):
    """Yields where theirs says less than ours."""
    # Null is said in several ways: `nullable`, not required, a default.
    missing = types(ours, ours) - {"null"} - types(theirs, root)
    if missing:
        yield f"{at}: no {sorted(missing)} in {json.dumps(theirs)[:200]}"
    if "description" in ours and ours["description"] not in (first(theirs, root, "description") or ""):
        yield f"{at}: without its description: {json.dumps(theirs)[:200]}"
    if "enum" in ours and not set(ours["enum"]) <= set(first(theirs, root, "enum") or []):
        yield f"{at}: without its words: {json.dumps(theirs)[:200]}"
    if ours.get("type") == "object":
        given = first(theirs, root, "properties") or {}
        if not given:
            yield f"{at}: an object in which nothing may be: {json.dumps(theirs)[:200]}"
        for name, one in ours.get("properties", {}).items():
            if name not in given:
                yield f"{at}.{name} is lost"
            else:
                yield from compare(one, given[name], root, f"{at}.{name}")
        needed = set(ours.get("required", [])) - set(first(theirs, root, "required") or [])
        if needed:
            yield f"{at}: {sorted(needed)} are not required"
    if ours.get("type") == "array":
        items = first(theirs, root, "items") or {}
        if first(items, root, "additionalProperties") is True and not first(items, root, "properties"):
            # llama-index tells no more of an item than that it is an object; then the description has to show one.
            if not all(f'"{name}"' in ours["description"] for name in ("name", "type", "value")):
                yield f"{at}: nothing says what an item is"
        else:
            yield from compare(ours["items"], items, root, f"{at}[]")


def listed(tool):
    return getattr(tool, "input_schema", None) or tool.inputSchema


async def langchain(session, tools):
    from langchain_core.utils.function_calling import convert_to_openai_tool
    from langchain_mcp_adapters.tools import load_mcp_tools

    for strict in (None, True):
        for tool in await load_mcp_tools(session):
            made = convert_to_openai_tool(tool, strict=strict)["function"]
            yield tool.name, made["description"], made["parameters"]


async def pydantic_ai(session, tools):
    from pydantic_ai.mcp import MCPToolset, StdioTransport
    from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer

    async with MCPToolset(StdioTransport(command=COMMAND, args=ARGS)) as toolset:
        for tool in await toolset.list_tools():
            for strict in (None, True):
                schema = OpenAIJsonSchemaTransformer(listed(tool), strict=strict).walk()
                yield tool.name, tool.description, schema


async def openai_agents(session, tools):
    from agents.mcp import MCPServerStdio, MCPUtil

    async with MCPServerStdio(params={"command": COMMAND, "args": ARGS}) as server:
        for tool in await server.list_tools():
            for strict in (False, True):
                made = MCPUtil.to_function_tool(tool, server, strict)
                assert made.strict_json_schema == strict, f"{tool.name} could not be made strict"
                yield tool.name, made.description, made.params_json_schema


async def google_genai(session, tools):
    from google.genai._mcp_utils import mcp_to_gemini_tools

    for tool in mcp_to_gemini_tools(tools):
        for made in tool.function_declarations:
            schema = made.parameters.model_dump(mode="json", exclude_none=True)
            yield made.name, made.description, schema


async def llama_index(session, tools):
    from llama_index.tools.mcp import McpToolSpec

    for tool in await McpToolSpec(client=session).to_tool_list_async():
        made = tool.metadata.to_openai_tool()["function"]
        yield tool.metadata.name, made["description"], made["parameters"]


async def smolagents(session, tools):
    from mcpadapt.smolagents_adapter import SmolAgentsAdapter
    from smolagents.models import get_tool_json_schema

    for tool in tools:
        made = get_tool_json_schema(SmolAgentsAdapter().adapt(lambda _: None, tool))["function"]
        yield tool.name, made["description"], made["parameters"]


async def strands(session, tools):
    from strands.tools.mcp.mcp_agent_tool import MCPAgentTool

    for tool in tools:
        made = MCPAgentTool(tool, None).tool_spec
        yield tool.name, made["description"], made["inputSchema"]["json"]


async def autogen(session, tools):
    from autogen_ext.tools.mcp import StdioServerParams, mcp_server_tools

    for tool in await mcp_server_tools(StdioServerParams(command=COMMAND, args=ARGS)):
        made = tool.schema
        yield made["name"], made["description"], made["parameters"]


async def google_adk(session, tools):
    from google.adk.tools.mcp_tool.mcp_session_manager import MCPSessionManager, StdioConnectionParams
    from google.adk.tools.mcp_tool.mcp_tool import McpTool

    manager = MCPSessionManager(StdioConnectionParams(server_params=SERVER))
    for tool in tools:
        made = McpTool(mcp_tool=tool, mcp_session_manager=manager)._get_declaration()
        schema = made.parameters.model_dump(mode="json", exclude_none=True) if made.parameters else made.parameters_json_schema
        yield made.name, made.description, schema


async def semantic_kernel(session, tools):
    from semantic_kernel.connectors.ai.function_calling_utils import kernel_function_metadata_to_function_call_format
    from semantic_kernel.connectors.mcp import MCPStdioPlugin
    from semantic_kernel.functions import KernelFunctionFromMethod

    async with MCPStdioPlugin(name="sql", command=COMMAND, args=ARGS) as plugin:
        for tool in tools:
            function = KernelFunctionFromMethod(getattr(plugin, tool.name), plugin_name="sql")
            made = kernel_function_metadata_to_function_call_format(function.metadata)["function"]
            yield tool.name, made["description"], made["parameters"]


PACKAGES = {
    "langchain": "langchain-mcp-adapters", "pydantic_ai": "pydantic-ai-slim", "openai_agents": "openai-agents",
    "google_genai": "google-genai", "llama_index": "llama-index-tools-mcp", "smolagents": "smolagents",
    "strands": "strands-agents", "autogen": "autogen-ext", "google_adk": "google-adk", "semantic_kernel": "semantic-kernel",
}


class Said(logging.Handler):
    """What is logged as a warning or worse."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(f"{record.name}: {record.getMessage()}")


async def main():
    failed = False
    logged = Said()
    logging.getLogger().addHandler(logged)
    async with stdio_client(SERVER) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools
        ours = {tool.name: tool for tool in tools}
        for name in sys.argv[1].split(","):
            wrong, seen = [], set()
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                try:
                    # To its end first: what fails amid would leave a server of the framework's open.
                    made = [one async for one in globals()[name](session, tools)]
                    for tool, description, parameters in made:
                        seen.add(tool)
                        if (ours[tool].description or "?") not in description:
                            wrong.append(f"{tool}: without its description")
                        wrong += compare(listed(ours[tool]), parameters, parameters, tool)
                except Exception as e:  # noqa: BLE001 what a framework throws is what is to be shown
                    wrong.append(f"{type(e).__name__}: {e}")
            # Those of a framework about itself are none of ours.
            wrong += [str(w.message) for w in said if not issubclass(w.category, (DeprecationWarning, FutureWarning, ResourceWarning))]
            wrong += logged.texts
            logged.texts = []
            if not wrong and seen != set(ours):
                wrong.append(f"only {sorted(seen)}")
            failed |= bool(wrong)
            where = f"{PACKAGES[name]} {version(PACKAGES[name])}"
            print(f"{where}: ok" if not wrong else "\n  ".join([f"{where}:", *dict.fromkeys(wrong)]), flush=True)
    sys.exit(failed)


asyncio.run(main())
