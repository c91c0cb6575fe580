"""semantic-kernel: an MCP plugin, its functions called as a kernel calls them."""
from contextlib import asynccontextmanager

from semantic_kernel.connectors.mcp import MCPSsePlugin, MCPStdioPlugin, MCPStreamableHttpPlugin

from probes import Answer, Cannot

PACKAGE = "semantic-kernel"


@asynccontextmanager
async def connect(job, timeout):
    more = {"name": "sql", "request_timeout": int(timeout) if timeout else None}
    if job["transport"] == "stdio":
        made = MCPStdioPlugin(command=job["command"][0], args=job["command"][1:], **more)
    else:
        made = (MCPStreamableHttpPlugin if job["transport"] == "http" else MCPSsePlugin)(url=job["url"], **more)
    async with made as plugin:
        yield Session(plugin)


class Session:
    def __init__(self, plugin):
        self.plugin = plugin

    async def tools(self):
        return [remote for kind, remote in self.plugin._mcp_registered_names.values() if kind == "tool"]

    async def call(self, name, arguments, progress=None):
        if progress:
            raise Cannot("call_tool takes no callback")
        # Whether it was an error, the plugin does not tell.
        return Answer("\n".join(c.text for c in await getattr(self.plugin, name)(**arguments)))

    async def resources(self):
        raise Cannot("a plugin reads none")

    async def read(self, uri):
        raise Cannot("a plugin reads none")
