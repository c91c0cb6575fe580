"""A client in a few lines: starts a command, does the handshake, calls a tool, closes stdin, and looks what is left."""

import json
import os
import pathlib
import subprocess
import threading
import time

# From the end of stdin to the end of the process.
END_SECONDS = 2
# A machine that is busy starts slowly; this is no measure.
PATIENCE = 60


def ask(number, method, **params):
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def of_session(session):
    """Processes of a session that are not dead."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = entry.read_text().rsplit(")", 1)
        except OSError:
            continue
        state, _, _, its_session = rest.split()[:4]
        if int(its_session) == session and state not in "ZX":
            found.append(f"{name})")
    return found


class Client:
    """One start of a server over stdio; leaves nothing behind."""

    def __init__(self, command, env, cwd="/"):
        self.process = subprocess.Popen(
            [str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=cwd, start_new_session=True
        )
        self.stderr = []
        self.reader = threading.Thread(target=lambda: self.stderr.extend(self.process.stderr), daemon=True)
        self.reader.start()
        self.patience = threading.Timer(PATIENCE, self.kill)
        self.patience.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.patience.cancel()
        self.kill()
        self.process.wait()
        self.reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass

    def kill(self):
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass

    def say(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def hear(self, number):
        """The answer to a request; whatever else stdout has must be JSON as well."""
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == number and "method" not in message:
                return message
        raise AssertionError(f"stdout ended before the answer to {number}; stderr: {''.join(self.stderr)}")

    def call(self, number, method, **params):
        self.say(ask(number, method, **params))
        answer = self.hear(number)
        assert "result" in answer, answer
        return answer["result"]

    def begin(self):
        hello = self.call(1, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "dist", "version": "1"})
        self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return hello

    def finish(self):
        """Closes stdin: the rest of stdout is JSON lines, the exit is clean and in time, and nobody is left."""
        self.process.stdin.close()
        began = time.monotonic()
        for line in self.process.stdout:
            json.loads(line)
        code = self.process.wait(END_SECONDS)
        assert time.monotonic() - began <= END_SECONDS, "the server went on after the end of stdin"
        assert code == 0, f"exit code {code}; stderr: {''.join(self.stderr)}"
        left = of_session(self.process.pid)
        assert not left, f"still running: {left}"


def demo(command, env, cwd="/", args=("demo", "--stdio")):
    """The whole of it against the sandbox. Gives the server's name and version."""
    with Client([*command, *args], env, cwd) as client:
        server = client.begin()["serverInfo"]
        tools = [tool["name"] for tool in client.call(2, "tools/list")["tools"]]
        assert "execute_sql" in tools, tools
        answer = client.call(3, "tools/call", name="execute_sql", arguments={"query": "SELECT COUNT(*) AS n FROM sales.Orders"})
        assert not answer.get("isError"), answer
        client.finish()
        return server
