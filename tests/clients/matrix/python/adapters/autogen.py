"""autogen-ext: a workbench."""
from contextlib import asynccontextmanager

from autogen_ext.tools.mcp import McpWorkbench, SseServerParams, StdioServerParams, StreamableHttpServerParams

from probes import Answer, Cannot

PACKAGE = "autogen-ext"


@asynccontextmanager
async def connect(job, timeout):
    if job["transport"] == "stdio":
        at = StdioServerParams(command=job["command"][0], args=job["command"][1:], read_timeout_seconds=timeout or 60)
    else:
        of = StreamableHttpServerParams if job["transport"] == "http" else SseServerParams
        at = of(url=job["url"], **({"sse_read_timeout": timeout} if timeout else {}))
    async with McpWorkbench(at) as workbench:
        yield Session(workbench)


class Session:
    def __init__(self, workbench):
        self.workbench = workbench

    async def tools(self):
        return [t["name"] for t in await self.workbench.list_tools()]

    async def call(self, name, arguments, progress=None):
        if progress:
            raise Cannot("call_tool takes no callback")
        made = await self.workbench.call_tool(name, arguments)
        return Answer("\n".join(r.content for r in made.result), None, made.is_error)

    async def resources(self):
        return [str(r.uri) for r in (await self.workbench.list_resources()).resources]

    async def read(self, uri):
        return (await self.workbench.read_resource(uri)).contents[0].text
