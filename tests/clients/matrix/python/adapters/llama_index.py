"""llama-index-tools-mcp: its tools, each call in a session of its own."""
from contextlib import asynccontextmanager

from llama_index.tools.mcp import BasicMCPClient, McpToolSpec

from probes import Answer, of_result

PACKAGE = "llama-index-tools-mcp"


@asynccontextmanager
async def connect(job, timeout):
    more = {"timeout": timeout} if timeout else {}
    if job["transport"] == "stdio":
        yield Session(BasicMCPClient(job["command"][0], args=job["command"][1:], **more))
    else:
        yield Session(BasicMCPClient(job["url"], **more))


class Session:
    def __init__(self, client):
        self.client, self.made = client, None

    async def tools(self):
        self.made = {t.metadata.name: t for t in await McpToolSpec(client=self.client).to_tool_list_async()}
        return list(self.made)

    async def call(self, name, arguments, progress=None):
        if progress:
            # A tool takes none, but its client does.
            async def heard(*args):
                progress(*args)

            return of_result(await self.client.call_tool(name, arguments, progress_callback=heard))
        if self.made is None:
            await self.tools()
        output = await self.made[name].acall(**arguments)
        raw = of_result(output.raw_output)
        return Answer(raw.text, raw.structured, raw.error or output.is_error)

    async def resources(self):
        return [r.uri for r in (await self.client.list_resources()).resources]

    async def read(self, uri):
        return (await self.client.read_resource(uri)).contents[0].text
