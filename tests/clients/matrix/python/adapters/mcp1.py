"""PyPI mcp 1.x, from 1.2 on: a session over streams."""
from contextlib import asynccontextmanager
from datetime import timedelta
import inspect

from mcp import ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client

from probes import Cannot, of_result

PACKAGE = "mcp"


def opened(job):
    if job["transport"] == "stdio":
        return stdio_client(StdioServerParameters(command=job["command"][0], args=job["command"][1:]))
    if job["transport"] == "sse":
        return sse_client(job["url"])
    from mcp.client.streamable_http import streamablehttp_client

    return streamablehttp_client(job["url"])


@asynccontextmanager
async def connect(job, timeout):
    # Where a call has no time of its own, the session has one.
    whole = timeout and "read_timeout_seconds" not in inspect.signature(ClientSession.call_tool).parameters
    more = {"read_timeout_seconds": timedelta(seconds=timeout)} if whole else {}
    async with opened(job) as streams, ClientSession(streams[0], streams[1], **more) as session:
        await session.initialize()
        yield Session(session, timedelta(seconds=timeout) if timeout and not whole else None)


class Session:
    def __init__(self, session, timeout):
        self.session, self.timeout = session, timeout

    async def tools(self):
        return [t.name for t in (await self.session.list_tools()).tools]

    async def call(self, name, arguments, progress=None):
        more = {"read_timeout_seconds": self.timeout} if self.timeout else {}
        if progress:
            if "progress_callback" not in inspect.signature(self.session.call_tool).parameters:
                raise Cannot("call_tool takes no callback")

            async def heard(*args):
                progress(*args)

            more["progress_callback"] = heard
        return of_result(await self.session.call_tool(name, arguments, **more))

    async def resources(self):
        return [r.uri for r in (await self.session.list_resources()).resources]

    async def read(self, uri):
        return (await self.session.read_resource(uri)).contents[0].text
