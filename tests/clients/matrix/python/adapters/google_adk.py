"""google-adk: a toolset's tools, run as its agent runs them."""
from contextlib import asynccontextmanager
from types import SimpleNamespace

from google.adk.tools.mcp_tool.mcp_session_manager import SseConnectionParams, StdioConnectionParams, StreamableHTTPConnectionParams
from google.adk.tools.mcp_tool.mcp_toolset import McpToolset
from mcp import StdioServerParameters

from probes import Answer

PACKAGE = "google-adk"


@asynccontextmanager
async def connect(job, timeout):
    more = {"timeout": timeout or 30.0}
    if job["transport"] == "stdio":
        at = StdioConnectionParams(server_params=StdioServerParameters(command=job["command"][0], args=job["command"][1:]), **more)
    elif job["transport"] == "http":
        at = StreamableHTTPConnectionParams(url=job["url"], sse_read_timeout=timeout or 300.0, **more)
    else:
        at = SseConnectionParams(url=job["url"], sse_read_timeout=timeout or 300.0, **more)
    session = Session(at)
    try:
        yield session
    finally:
        await session.toolset.close()


class Session:
    def __init__(self, at):
        async def heard(progress, total, message):
            if self.heard:
                self.heard(progress, total, message)

        self.heard, self.made = None, None
        self.toolset = McpToolset(connection_params=at, progress_callback=heard)

    async def tools(self):
        self.made = {t.name: t for t in await self.toolset.get_tools()}
        return list(self.made)

    async def call(self, name, arguments, progress=None):
        self.heard = progress
        if self.made is None:
            await self.tools()
        # What it wants of an agent is nothing that a tool without credentials looks at.
        context = SimpleNamespace(tool_confirmation=None, custom_metadata={}, _invocation_context=None)
        made = await self.made[name].run_async(args=arguments, tool_context=context)
        if "content" not in made:
            return Answer(str(made.get("error", made)), None, True)
        text = "\n".join(c.get("text", "") for c in made["content"])
        return Answer(text, made.get("structuredContent"), bool(made.get("isError")))

    async def resources(self):
        return await self.toolset.list_resources()

    async def read(self, name):
        return (await self.toolset.read_resource(name))[0].text
