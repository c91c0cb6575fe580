"""openai-agents: its MCP servers, which an agent gets its tools of."""
from contextlib import asynccontextmanager

from agents.mcp import MCPServerSse, MCPServerStdio, MCPServerStreamableHttp

from probes import Cannot, of_result

PACKAGE = "openai-agents"


@asynccontextmanager
async def connect(job, timeout):
    more = {"client_session_timeout_seconds": timeout or 60}
    if job["transport"] == "stdio":
        made = MCPServerStdio(params={"command": job["command"][0], "args": job["command"][1:]}, **more)
    else:
        made = (MCPServerStreamableHttp if job["transport"] == "http" else MCPServerSse)(params={"url": job["url"]}, **more)
    async with made as server:
        yield Session(server)


class Session:
    def __init__(self, server):
        self.server = server

    async def tools(self):
        return [t.name for t in await self.server.list_tools()]

    async def call(self, name, arguments, progress=None):
        if progress:
            raise Cannot("call_tool takes no callback")
        return of_result(await self.server.call_tool(name, arguments))

    async def resources(self):
        return [str(r.uri) for r in (await self.server.list_resources()).resources]

    async def read(self, uri):
        return (await self.server.read_resource(uri)).contents[0].text
