"""pydantic-ai: a toolset, called as its agent calls it."""
from contextlib import asynccontextmanager
import json

from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport
from pydantic_ai.mcp import MCPToolset

from probes import Answer

PACKAGE = "pydantic-ai-slim"


@asynccontextmanager
async def connect(job, timeout):
    heard = Heard()
    if job["transport"] == "stdio":
        where = StdioTransport(command=job["command"][0], args=job["command"][1:], keep_alive=False)
    else:
        where = (StreamableHttpTransport if job["transport"] == "http" else SSETransport)(job["url"])
    more = {"read_timeout": timeout} if timeout else {}
    async with MCPToolset(where, progress_handler=heard, **more) as toolset:
        yield Session(toolset, heard)


class Heard:
    """Progress is a matter of the toolset, not of a call."""

    to = None

    async def __call__(self, *args):
        if self.to:
            self.to(*args)


class Session:
    def __init__(self, toolset, heard):
        self.toolset, self.heard = toolset, heard

    async def tools(self):
        return [t.name for t in await self.toolset.list_tools()]

    async def call(self, name, arguments, progress=None):
        self.heard.to = progress
        made = await self.toolset.direct_call_tool(name, arguments)
        return Answer(made if isinstance(made, str) else json.dumps(made), made)

    async def resources(self):
        return [r.uri for r in await self.toolset.list_resources()]

    async def read(self, uri):
        return await self.toolset.read_resource(uri)
