"""langchain-mcp-adapters: tools as a graph calls them, each call in a session of its own, which is how get_tools makes them."""
from contextlib import asynccontextmanager
from datetime import timedelta

from langchain_mcp_adapters.callbacks import Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient

from probes import Answer

PACKAGE = "langchain-mcp-adapters"


@asynccontextmanager
async def connect(job, timeout):
    if job["transport"] == "stdio":
        at = {"transport": "stdio", "command": job["command"][0], "args": job["command"][1:]}
    else:
        at = {"transport": "streamable_http" if job["transport"] == "http" else "sse", "url": job["url"]}
    if timeout:
        at["session_kwargs"] = {"read_timeout_seconds": timedelta(seconds=timeout)}
    yield Session(at)


class Session:
    def __init__(self, at):
        self.heard = lambda *_: None

        async def on_progress(progress, total, message, context):
            self.heard(progress, total, message)

        self.client = MultiServerMCPClient({"sql": at}, callbacks=Callbacks(on_progress=on_progress))
        self.made = None

    async def get(self):
        if self.made is None:
            self.made = {t.name: t for t in await self.client.get_tools()}
        return self.made

    async def tools(self):
        return list(await self.get())

    async def call(self, name, arguments, progress=None):
        self.heard = progress or (lambda *_: None)
        call = {"type": "tool_call", "id": "1", "name": name, "args": arguments}
        message = await (await self.get())[name].ainvoke(call)
        content = message.content
        text = content if isinstance(content, str) else "\n".join(c.get("text", "") for c in content)
        structured = (message.artifact or {}).get("structured_content")
        return Answer(text, structured, message.status == "error")

    async def resources(self):
        self.blobs = await self.client.get_resources()
        return [str(b.metadata["uri"]) for b in self.blobs]

    async def read(self, uri):
        return self.blobs[0].as_string()
