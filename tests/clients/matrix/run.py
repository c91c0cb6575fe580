#!/usr/bin/env python3
"""The clients that none of us wrote, each by each of its transports, against the server: what works of what they are asked.

    run.py BINARY CLIENTS [--only twelve|NAME…] [--write] [--jobs N] [--verbose]

BINARY is the server, CLIENTS the folder of install.sh. It fails where something is not as expected.json has it: a change for
the worse is a fault, and one for the better is to be written down, by --write, with docs/compatibility.md.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import report
from clients import CLIENTS
from server import Bridge, Http, Stdio, environment

HERE = Path(__file__).parent
PROBES = ["list", "call_all", "tool_error", "exact", "resources", "progress", "timeout", "restart"]
# Each tool once, with arguments that are good in the sandbox. A tool that is not here stops the run: it would not be asked.
ARGUMENTS = json.loads((HERE / "arguments.json").read_text())
# A driver that takes longer is ended, and what it has not said is "no".
DRIVER = 150
# How long a query may go on after its client has given it up.
STOPS = 4


def ask_tools(url):
    """The tools that there are, asked without a client."""
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    headers = {
        "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list",
    }
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        names = [t["name"] for t in json.load(answer)["result"]["tools"]]
    missing = [n for n in names if n not in ARGUMENTS]
    if missing:
        sys.exit(f"{missing} have no arguments in {HERE / 'arguments.json'}")
    # Without arguments: it needs what another answered, so that it is only listed.
    return [[n, ARGUMENTS[n]] for n in names]


class Job:
    """A client by a transport."""

    def __init__(self, options, client, transport):
        self.options, self.client, self.transport = options, client, transport
        bridge = client.get("bridge")
        self.label = f"{transport} → {bridge['server']}" if bridge else transport
        self.lines, self.version, self.seconds = [], "?", 0.0

    def name(self):
        return f"{self.client['client']} {self.version} {self.label}"

    def path(self, word):
        """A program of the clients' folder, or a placeholder that stays."""
        word = word.replace("HERE", str(HERE))
        at = Path(self.options.clients) / word
        return str(at) if "/" in word and not word.startswith("/") and at.exists() else word

    def served(self, folder):
        """The server that the client meets, and what it is told of it."""
        bridge = self.client.get("bridge")
        if not bridge:
            if self.transport == "stdio":
                made = Stdio(self.options.binary, folder)
                return made, {"command": made.command}
            made = Http(self.options.binary, folder)
            return made, {"url": made.url(self.transport)}
        argv = [self.path(w) for w in bridge["argv"]]
        if bridge["server"] == "stdio":
            stdio, port = Stdio(self.options.binary, folder), report.free_port()
            argv = [{"COMMAND": stdio.command[0], "PORT": str(port)}.get(w, w) for w in argv]
            made = Bridge(argv, stdio, port, folder)
            return made, {"url": made.url(self.transport), "bridge": True}
        made = Http(self.options.binary, folder)
        return made, {"command": [made.url(bridge["server"]) if w == "URL" else w for w in argv], "bridge": True}

    def run(self, tools):
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
            try:
                server, told = self.served(Path(folder))
            except (RuntimeError, AssertionError) as e:
                self.lines = [self.line(p, "no", "it did not start", str(e)) for p in PROBES]
                return self
            try:
                self.drive(server, told, tools, Path(folder))
            finally:
                server.stop()
            versions = [c["version"] for c in server.log.calls() if c.get("method") == "tools/call" and "version" in c]
        spoken = max(set(versions), key=versions.count) if versions else "?"
        for line in self.lines:
            line["protocol"] = spoken
        self.seconds = time.monotonic() - began
        return self

    def line(self, probe, outcome, detail, seen):
        return {
            "client": self.client["client"], "version": self.version, "transport": self.label, "protocol": "?",
            "probe": probe, "outcome": outcome, "detail": detail, "seen": seen,
        }

    def drive(self, server, told, tools, folder):
        job = {
            "client": self.client["client"], "transport": self.transport, "label": self.label, "mode": self.client["mode"],
            "tools": tools, "probes": PROBES, "home": str(folder), **told,
        }
        if bridge := self.client.get("bridge"):
            job["version"] = report.package_version(Path(self.options.clients) / bridge["where"], bridge["package"])
        program, *rest = self.client["program"]
        argv = [str(Path(self.options.clients) / program), *[str(HERE / w) if "/" in w else w for w in rest]]
        more = {"HOME": str(folder), "MCP_REMOTE_CONFIG_DIR": str(folder), "MCP_USE_ANONYMIZED_TELEMETRY": "false", "PYTHONDONTWRITEBYTECODE": "1"}
        with (folder / "driver.log").open("wb") as noise:
            process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=noise, env=environment() | more, start_new_session=True,
            )
            watch = threading.Timer(DRIVER, lambda: end(process))
            watch.start()
            try:
                self.converse(process, server, job)
            finally:
                watch.cancel()
                end(process)
                process.wait()
        said = (folder / "driver.log").read_text("utf-8", "replace")
        if self.options.verbose:
            print(f"--- {self.name()}\n{said[-3000:]}", file=sys.stderr)
        told_of = {line["probe"] for line in self.lines}
        for probe in PROBES:
            if probe not in told_of:
                self.lines.append(self.line(probe, "no", "the driver did not get there", said[-400:]))

    def converse(self, process, server, job):
        """Reads what the driver says, and does what it asks for."""
        def tell(answer):
            try:
                process.stdin.write(json.dumps(answer).encode() + b"\n")
                process.stdin.flush()
            except BrokenPipeError:
                pass

        tell(job)
        for raw in process.stdout:
            try:
                line = json.loads(raw)
            except ValueError:
                # Some frameworks print what they like.
                continue
            if not isinstance(line, dict):
                continue
            if "probe" in line:
                self.version = line["version"]
                self.lines.append(line | {"protocol": "?"})
            elif line.get("ask") == "mark":
                server.log.mark()
                tell({})
            elif line.get("ask") == "ended":
                tell({"ended": server.log.ended(STOPS)})
            elif line.get("ask") == "restart":
                server.restart()
                tell({})
            elif "done" in line:
                return


def end(process):
    """The driver and what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def wanted(only):
    if not only:
        return CLIENTS
    if only == ["twelve"]:
        return [c for c in CLIENTS if c["twelve"]]
    return [c for c in CLIENTS if any(w in f"{c['client']} {c['program']} {c['mode']}" for w in only)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=os.path.abspath)
    parser.add_argument("clients", type=os.path.abspath)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--transport", choices=["stdio", "http", "sse"])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        first = Http(options.binary, Path(folder))
        try:
            tools = ask_tools(first.url("http"))
        finally:
            first.stop()
    jobs = [Job(options, c, t) for c in wanted(options.only) for t in c["transports"] if options.transport in (None, t)]
    with ThreadPoolExecutor(options.jobs) as pool:
        for job in pool.map(lambda j: j.run(tools), jobs):
            report.show(job, options.verbose)
    # What is not as it was, and no better, is asked once more, alone: that the machine was busy is no client's fault, and a fault comes again.
    for n, job in enumerate(jobs):
        if not options.write and report.doubtful(job.lines):
            jobs[n] = Job(options, job.client, job.transport).run(tools)
            report.show(jobs[n], options.verbose, again=True)
    lines = [line for job in jobs for line in job.lines]
    print(f"{len(jobs)} clients by their transports in {time.monotonic() - began:.0f} s")
    sys.exit(report.finish(lines, options.write, whole=not options.only and not options.transport))


if __name__ == "__main__":
    main()
