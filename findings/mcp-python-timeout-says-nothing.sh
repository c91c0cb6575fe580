#!/usr/bin/env bash
# PyPI mcp 1.30.0: a call whose read_timeout_seconds is over raises McpError in the client, and nothing is sent: the server hears no notifications/cancelled and works on
# for nobody. The specification (2025-11-25, basic/lifecycle, Timeouts) says that the sender SHOULD issue it; npm's SDK does.
# Seen: ["initialize", "notifications/initialized", "tools/call", "ping"]
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check mcp==1.30.0
cat > server.py <<'PY'
import json
import sys

for line in sys.stdin:
    message = json.loads(line)
    with open("heard", "a") as heard:
        heard.write(message["method"] + "\n")
    result = {"initialize": lambda: {
        "protocolVersion": message["params"]["protocolVersion"],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "s", "version": "1"},
    }, "ping": dict}.get(message["method"])
    if result:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result()}), flush=True)
PY
cat > client.py <<'PY'
import asyncio
import json
from datetime import timedelta

from mcp import ClientSession, McpError, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main():
    server = StdioServerParameters(command="python3", args=["server.py"])
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        try:
            await session.call_tool("t", {}, read_timeout_seconds=timedelta(seconds=1))
            raise SystemExit("it changed: no timeout")
        except McpError as error:
            assert "Timed out" in str(error), error
        await asyncio.sleep(1)
        # Whatever was sent before this has arrived.
        await session.send_ping()
    heard = open("heard").read().split()
    print("seen:", json.dumps(heard))
    assert heard[-2:] == ["tools/call", "ping"], "it changed: the server hears of it"


asyncio.run(main())
PY
env/bin/python client.py
