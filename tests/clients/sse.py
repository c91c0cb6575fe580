"""HTTP+SSE by PyPI mcp 1.x, with a static bearer header: sse.py URL [TOKEN]"""
import asyncio
import sys
from importlib.metadata import version

from mcp import ClientSession
from mcp.client.sse import sse_client

from expect import check


async def main():
    url, token = sys.argv[1], sys.argv[2:]
    headers = {"Authorization": f"Bearer {token[0]}"} if token else {}
    async with sse_client(url, headers=headers) as streams:
        async with ClientSession(*streams) as session:
            await session.initialize()
            await session.send_ping()
            await check(f"PyPI mcp {version('mcp')} sse", session.list_tools, session.call_tool)


asyncio.run(main())
