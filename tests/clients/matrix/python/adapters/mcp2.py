"""PyPI mcp 2.x: a client of both eras."""
from contextlib import asynccontextmanager

from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client

from adapters.mcp1 import Session

PACKAGE = "mcp"


@asynccontextmanager
async def connect(job, timeout):
    if job["transport"] == "stdio":
        where = stdio_client(StdioServerParameters(command=job["command"][0], args=job["command"][1:]))
    else:
        where = job["url"] if job["transport"] == "http" else sse_client(job["url"])
    async with Client(where, mode=job["mode"]) as client:
        yield Session(client, timeout)
