"""PyPI mcp 1.x as a client whose person is asked before data is changed: yes once, then no."""
import asyncio
import json

from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client

from expect import target

asked = []
answers = ["accept", "decline"]


async def person(context, params):
    asked.append(params.message)
    answer = answers[len(asked) - 1]
    return types.ElicitResult(action=answer, content={"apply": True} if answer == "accept" else None)


async def main():
    kind, first, rest = target()
    opened = streamablehttp_client(first) if kind == "http" else stdio_client(StdioServerParameters(command=first, args=rest))
    async with opened as streams:
        async with ClientSession(streams[0], streams[1], elicitation_callback=person) as session:
            await session.initialize()

            async def run(query):
                r = await session.call_tool("execute_sql", {"query": query})
                return r.isError, json.loads(r.content[0].text)

            query = "DELETE FROM sales.Trades WHERE TradeId < 5000000003"
            failed, r = await run(query)
            assert not failed and r["committed"] and r["rows_affected"] == [3], r
            assert asked[0].startswith("DELETE sales.Trades: 3 of "), asked
            failed, r = await run("DELETE FROM sales.Trades WHERE TradeId < 5000000005")
            assert failed and r["error"]["code"] == "declined", r
            _, r = await run("SELECT COUNT(*) AS n FROM sales.Trades WHERE TradeId < 5000000005")
            assert r["results"][0]["rows"] == [[2]], r
            print(f"confirm mcp 1.30 {kind}: ok")


asyncio.run(main())
