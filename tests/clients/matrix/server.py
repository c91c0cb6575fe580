"""The server under test: over HTTP, or as the command of a client over stdio. Both leave their log in a file, which says what
the server itself has seen of a call: by which transport and version it came, and how it ended."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

# WAITFOR is a query that runs for as long as one wants; search and fetch are tools as well.
OPTIONS = ["--access-allow", "WAITFOR", "--tools-search", "yes", "--log-format", "json", "--log-level", "info"]


def environment():
    """This machine's settings are none of the test's."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("MSSQL_", "MCP_", "OTEL_"))}


class Log:
    def __init__(self, path):
        self.path = path
        path.touch()
        self.at = 0

    def calls(self, since=0):
        """The calls that ended, from this place of the file on."""
        with self.path.open("rb") as file:
            file.seek(since)
            lines = file.read().decode("utf-8", "replace").splitlines()
        made = []
        for line in lines:
            try:
                fields = json.loads(line)["fields"]
            except (ValueError, KeyError):
                continue
            if "method" in fields:
                made.append(fields)
        return made

    def mark(self):
        self.at = self.path.stat().st_size

    def ended(self, seconds):
        """How the query since the mark ended, if it does within so many seconds."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            for fields in self.calls(self.at):
                if fields.get("tool") == "execute_sql":
                    return {k: fields[k] for k in ("outcome", "ms") if k in fields}
            time.sleep(0.1)
        return None


class Http:
    """A server over HTTP, which comes back at its port."""

    def __init__(self, binary, folder):
        self.binary, self.folder, self.port, self.process = binary, folder, 0, None
        self.log = Log(folder / "server.log")
        self.start()

    def start(self):
        listen = ["--listen", f"127.0.0.1:{self.port}"]
        with self.log.path.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "demo", *listen, *OPTIONS],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment(), start_new_session=True,
            )
        # Something that never speaks is not waited for.
        watch = threading.Timer(30, self.process.kill)
        watch.start()
        for line in self.process.stdout:
            found = re.search(rb"MCP endpoint +http://127\.0\.0\.1:(\d+)/mcp", line)
            if found:
                self.port = int(found[1])
            if b"Ctrl-C" in line:
                break
        watch.cancel()
        self.process.stdout.close()
        assert self.port and self.process.poll() is None, self.log.path.read_text()[-2000:]

    def url(self, transport):
        return f"http://127.0.0.1:{self.port}/{'sse' if transport == 'sse' else 'mcp'}"

    def restart(self):
        self.stop()
        self.start()

    def stop(self):
        self.process.kill()
        self.process.wait()


class Stdio:
    """A command that starts the server, and leaves its number where it can be killed."""

    def __init__(self, binary, folder):
        self.binary = os.path.realpath(binary)
        self.log = Log(folder / "server.log")
        self.numbers = folder / "numbers"
        script = folder / "server.sh"
        words = " ".join(f"'{w}'" for w in [binary, "demo", "--stdio", *OPTIONS])
        script.write_text(f"#!/bin/sh\necho $$ >> '{self.numbers}'\nexec {words} 2>> '{self.log.path}'\n")
        script.chmod(0o700)
        self.command = [str(script)]

    def restart(self):
        """Ends those that run: starting one is the client's part."""
        self.stop()

    def stop(self):
        for number in self.numbers.read_text().split() if self.numbers.exists() else []:
            try:
                # A number may have become another's since.
                if os.path.realpath(f"/proc/{number}/exe") == self.binary:
                    os.kill(int(number), signal.SIGKILL)
            except OSError:
                continue


class Bridge:
    """A program that speaks HTTP or SSE to the client and stdio to the server."""

    def __init__(self, argv, stdio, port, folder):
        self.stdio, self.log, self.port = stdio, stdio.log, port
        self.said = (folder / "bridge.log").open("wb")
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said, env=environment(), start_new_session=True
        )
        self.wait()

    def wait(self):
        give_up = time.monotonic() + 30
        while time.monotonic() < give_up and self.process.poll() is None:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"{self.process.args} does not listen: see {self.said.name}")

    def url(self, transport):
        return f"http://127.0.0.1:{self.port}/{'sse' if transport == 'sse' else 'mcp'}"

    def restart(self):
        self.stdio.stop()

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except OSError:
            pass
        self.process.wait()
        self.stdio.stop()
        self.said.close()
