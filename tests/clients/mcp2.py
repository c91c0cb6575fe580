"""PyPI mcp 2.x: both eras, over streamable HTTP and stdio."""
import asyncio
from importlib.metadata import version

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from expect import check, target


async def main():
    kind, first, rest = target()
    for mode in ("legacy", "auto", "2026-07-28"):
        where = first if kind == "http" else stdio_client(StdioServerParameters(command=first, args=rest))
        async with Client(where, mode=mode) as client:
            await check(f"PyPI mcp {version('mcp')} {kind} {mode}", client.list_tools, client.call_tool)


asyncio.run(main())
