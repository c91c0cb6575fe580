"""smolagents: tools that block, over a client in a thread."""
import asyncio
from contextlib import asynccontextmanager

from mcp import StdioServerParameters
from smolagents import MCPClient

from probes import Answer, Cannot

PACKAGE = "smolagents"


@asynccontextmanager
async def connect(job, timeout):
    if job["transport"] == "stdio":
        at = StdioServerParameters(command=job["command"][0], args=job["command"][1:])
    else:
        at = {"url": job["url"], "transport": "streamable-http" if job["transport"] == "http" else "sse"}
    more = {"client_session_timeout_seconds": timeout or 60}
    client = await asyncio.to_thread(MCPClient, at, adapter_kwargs=more, structured_output=False)
    try:
        yield Session(client)
    finally:
        await asyncio.to_thread(client.disconnect)


class Session:
    def __init__(self, client):
        self.made = {t.name: t for t in client.get_tools()}

    async def tools(self):
        return list(self.made)

    async def call(self, name, arguments, progress=None):
        if progress:
            raise Cannot("a tool takes no callback")
        # Whether it was an error, the tool does not tell.
        return Answer(await asyncio.to_thread(lambda: self.made[name](**arguments)))

    async def resources(self):
        raise Cannot("a client reads none")

    async def read(self, uri):
        raise Cannot("a client reads none")
