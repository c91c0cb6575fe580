"""One client of Python through the probes: drive.py ADAPTER, with the job as a line of JSON on stdin.

    {"client", "transport": "stdio"|"http"|"sse", "url" or "command": […], "mode", "tools": [[name, arguments], …], "probes": […]}

Each probe prints a line of JSON. What only the runner can do or see is asked of it by a line with "ask", and its answer is
the next line of stdin. Every group of probes has a connection of its own, so that none has to live with what another broke.
"""
import asyncio
import importlib
import json
import os
import sys
import time
from contextlib import asynccontextmanager
from importlib.metadata import version

from probes import Cannot, Said, main_probes, restart_probe, timeout_probe

JOB = json.loads(sys.stdin.readline())
ADAPTER = importlib.import_module(f"adapters.{sys.argv[1]}")
# Longer than any answer takes, shorter than what a probe waits for.
PATIENCE = 15


def out(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def report(probe, outcome, detail="", seen=""):
    out(
        client=JOB["client"], version=version(ADAPTER.PACKAGE), transport=JOB["label"], probe=probe,
        outcome=outcome, detail=detail, seen=str(seen)[:600],
    )


async def ask(what, **more):
    out(ask=what, **more)
    return json.loads(await asyncio.to_thread(sys.stdin.readline))


@asynccontextmanager
async def connected(timeout=None):
    async with ADAPTER.connect(JOB, timeout) as session:
        yield session


def told(error):
    """An exception in a line, with those that a group holds."""
    parts = [f"{type(error).__name__}: {error}"]
    for one in getattr(error, "exceptions", []):
        parts.append(told(one))
    return " / ".join(parts)


def group(names, body):
    """Runs some probes; those that said nothing when it ended, failed."""
    wanted = [n for n in names if n in JOB["probes"]]
    if not wanted:
        return
    done = set()

    def say(probe, outcome, detail="", seen=""):
        if probe in wanted and probe not in done:
            done.add(probe)
            report(probe, outcome, detail, seen)

    async def limited():
        await asyncio.wait_for(body(Said(JOB, say, ask, connected, told, PATIENCE)), 90)

    why = "the connection ended"
    try:
        asyncio.run(limited())
    except Cannot as e:
        for probe in wanted:
            say(probe, "cannot", str(e))
    except BaseException as e:  # noqa: BLE001 what a client throws is what is to be shown
        why = told(e)
    for probe in wanted:
        say(probe, "no", "it ended in an error", why)


began = time.monotonic()
group(["list", "call_all", "tool_error", "exact", "resources", "progress"], main_probes)
group(["timeout"], timeout_probe)
group(["restart"], restart_probe)
out(done=round(time.monotonic() - began, 1))
# Threads and children that a client left behind are not waited for.
os._exit(0)
