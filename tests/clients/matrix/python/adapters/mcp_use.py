"""mcp-use: a session of its client."""
from contextlib import asynccontextmanager
from datetime import timedelta

from mcp_use import MCPClient

from probes import Cannot, of_result

PACKAGE = "mcp-use"


@asynccontextmanager
async def connect(job, timeout):
    if job["transport"] == "stdio":
        at = {"command": job["command"][0], "args": job["command"][1:]}
    else:
        at = {"url": job["url"], "transport": "streamable-http" if job["transport"] == "http" else "sse"}
    client = MCPClient.from_dict({"mcpServers": {"sql": at}})
    try:
        yield Session(await client.create_session("sql"), timeout)
    finally:
        await client.close_all_sessions()


class Session:
    def __init__(self, session, timeout):
        self.session, self.timeout = session, timeout

    async def tools(self):
        return [t.name for t in await self.session.list_tools()]

    async def call(self, name, arguments, progress=None):
        if progress:
            raise Cannot("call_tool takes no callback")
        more = {"read_timeout_seconds": timedelta(seconds=self.timeout)} if self.timeout else {}
        return of_result(await self.session.call_tool(name, arguments, **more))

    async def resources(self):
        return [r.uri for r in await self.session.list_resources()]

    async def read(self, uri):
        return (await self.session.read_resource(uri)).contents[0].text
