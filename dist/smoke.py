"""One handshake with the demo, on any system: python3 dist/smoke.py COMMAND…

The tests of dist/tests look closer, and need Linux."""

import json
import subprocess
import sys

ASKED = [
    {"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "smoke", "version": "1"}}},
    {"method": "notifications/initialized"},
    {"id": 2, "method": "tools/list"},
    {"id": 3, "method": "tools/call", "params": {"name": "execute_sql", "arguments": {"query": "SELECT COUNT(*) AS n FROM sales.Orders"}}},
]

server = subprocess.Popen([*sys.argv[1:], "demo", "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
answers = {}
for message in ASKED:
    server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    server.stdin.flush()
    while message.get("id", 0) not in {0, *answers}:
        line = server.stdout.readline()
        if not line:
            sys.exit(f"stdout ended before the answer to {message['method']}")
        answer = json.loads(line)
        if "method" not in answer:
            answers[answer["id"]] = answer.get("result")
rest, _ = server.communicate(timeout=30)
for line in rest.splitlines():
    json.loads(line)
if server.returncode != 0 or not answers[2]["tools"] or answers[3].get("isError"):
    sys.exit(f"exit code {server.returncode}, {answers}")
print(f"{answers[1]['serverInfo']['name']} {answers[1]['serverInfo']['version']}: {len(answers[2]['tools'])} tools")
