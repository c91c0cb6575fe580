"""strands-agents: a client that blocks, over a session in a thread."""
import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

from mcp import StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client
from strands.tools.mcp import MCPClient

from probes import Answer

PACKAGE = "strands-agents"


def opened(job):
    if job["transport"] == "stdio":
        return stdio_client(StdioServerParameters(command=job["command"][0], args=job["command"][1:]))
    return (streamablehttp_client if job["transport"] == "http" else sse_client)(job["url"])


@asynccontextmanager
async def connect(job, timeout):
    client = MCPClient(lambda: opened(job))
    await asyncio.to_thread(client.start)
    try:
        yield Session(client, timeout)
    finally:
        await asyncio.to_thread(client.stop, None, None, None)


class Session:
    def __init__(self, client, timeout):
        self.client, self.timeout = client, timeout

    async def tools(self):
        return [t.tool_name for t in await asyncio.to_thread(self.client.list_tools_sync)]

    async def call(self, name, arguments, progress=None):
        async def heard(*args):
            progress(*args)

        more = {"progress_callback": heard} if progress else {}
        if self.timeout:
            more["read_timeout_seconds"] = timedelta(seconds=self.timeout)
        made = await self.client.call_tool_async("1", name, arguments, **more)
        text = "\n".join(c.get("text", "") for c in made["content"])
        return Answer(text, made.get("structuredContent"), made["status"] == "error")

    async def resources(self):
        return [str(r.uri) for r in (await asyncio.to_thread(self.client.list_resources_sync)).resources]

    async def read(self, uri):
        return (await asyncio.to_thread(self.client.read_resource_sync, uri)).contents[0].text
