"""fastmcp 2.x and 4.x, as a client."""
from contextlib import asynccontextmanager

from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport

from probes import of_result

PACKAGE = "fastmcp"


@asynccontextmanager
async def connect(job, timeout):
    if job["transport"] == "stdio":
        # Otherwise the process outlives the client that started it.
        where = StdioTransport(command=job["command"][0], args=job["command"][1:], keep_alive=False)
    else:
        where = (StreamableHttpTransport if job["transport"] == "http" else SSETransport)(job["url"])
    more = {"mode": job["mode"]} if job.get("mode") else {}
    async with Client(where, **more) as client:
        yield Session(client, timeout)


class Session:
    def __init__(self, client, timeout):
        self.client, self.timeout = client, timeout

    async def tools(self):
        return [t.name for t in await self.client.list_tools()]

    async def call(self, name, arguments, progress=None):
        async def heard(*args):
            progress(*args)

        more = {"progress_handler": heard} if progress else {}
        return of_result(await self.client.call_tool(name, arguments, raise_on_error=False, timeout=self.timeout, **more))

    async def resources(self):
        return [str(r.uri) for r in await self.client.list_resources()]

    async def read(self, uri):
        return (await self.client.read_resource(uri))[0].text
