"""PyPI mcp 1.x: the handshake era, over streamable HTTP and stdio."""
import asyncio
from importlib.metadata import version

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client

from expect import check, target


async def main():
    kind, first, rest = target()
    opened = streamablehttp_client(first) if kind == "http" else stdio_client(StdioServerParameters(command=first, args=rest))
    async with opened as streams:
        async with ClientSession(streams[0], streams[1]) as session:
            await session.initialize()
            await session.send_ping()
            await check(f"PyPI mcp {version('mcp')} {kind}", session.list_tools, session.call_tool)


asyncio.run(main())
