"""The clients of the matrix, and by which transports each of them can be asked."""

ALL = ("stdio", "http", "sse")
NODE = "node_modules/node/bin/node"


def python(client, venv, adapter, transports=ALL, mode=None, twelve=False):
    return {"client": client, "program": [f"{venv}/bin/python", "python/drive.py", adapter], "transports": transports, "mode": mode, "twelve": twelve}


def node(client, adapter, transports=ALL, mode=None, twelve=False):
    return {"client": client, "program": [NODE, "node/drive.mjs", adapter], "transports": transports, "mode": mode, "twelve": twelve}


def bridge(client, package, argv, client_side, server_side, where="node_modules", twelve=False):
    """A bridge, with the npm SDK at the client's side of it. `argv` has the placeholders URL, COMMAND and PORT."""
    made = node(client, "sdk1", (client_side,), "sdk-1-32", twelve)
    return made | {"bridge": {"argv": argv, "server": server_side, "package": package, "where": where}}


def remote(kind, path):
    argv = [NODE, "node_modules/mcp-remote/dist/proxy.js", "URL", "--allow-http", "--transport", f"{kind}-only"]
    return bridge("mcp-remote", "mcp-remote", argv, "stdio", path, twelve=True)


# supergateway has no option for the address that it listens on.
GATEWAY = [NODE, "--import", "HERE/node/loopback.mjs", "npm-all/node_modules/supergateway/dist/index.js"]
NPM_PROXY = [NODE, "npm-all/node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs"]
PY_PROXY = ["py-mcp-proxy/bin/python", "-m", "mcp_proxy"]
GW, NP, PP = ("supergateway", "supergateway"), ("mcp-proxy (npm)", "mcp-proxy"), ("mcp-proxy (PyPI)", "mcp-proxy")
NPM_ALL = "npm-all/node_modules"



def rmcp(mode):
    return {"client": f"rmcp ({mode})", "program": ["rmcp/debug/matrix-rmcp"], "transports": ("stdio", "http"), "mode": mode, "twelve": False}


CLIENTS = [
    node("@modelcontextprotocol/sdk", "sdk1", ("stdio", "sse"), "sdk-1-9"),
    node("@modelcontextprotocol/sdk", "sdk1", mode="sdk-1-12", twelve=True),
    node("@modelcontextprotocol/sdk", "sdk1", mode="sdk-1-20", twelve=True),
    node("@modelcontextprotocol/sdk", "sdk1", mode="sdk-1-32", twelve=True),
    node("@modelcontextprotocol/client (legacy)", "client2", mode="legacy"),
    node("@modelcontextprotocol/client (auto)", "client2", mode="auto", twelve=True),
    node("@modelcontextprotocol/client (pin)", "client2", ("stdio", "http"), "2026-07-28"),
    python("mcp", "py-mcp-1.2", "mcp1", ("stdio", "sse")),
    python("mcp", "py-mcp-1.8", "mcp1"),
    python("mcp", "py-mcp-1.9", "mcp1", twelve=True),
    python("mcp", "py-mcp-1.12", "mcp1", twelve=True),
    python("mcp", "py-mcp-1.30", "mcp1", twelve=True),
    python("mcp (legacy)", "py-mcp-2.3", "mcp2", mode="legacy"),
    python("mcp (auto)", "py-mcp-2.3", "mcp2", mode="auto", twelve=True),
    python("mcp (pin)", "py-mcp-2.3", "mcp2", ("stdio", "http"), "2026-07-28"),
    python("fastmcp", "py-fastmcp-2", "fastmcp_client", twelve=True),
    python("fastmcp", "py-fastmcp-4", "fastmcp_client"),
    rmcp("legacy"),
    rmcp("auto"),
    rmcp("pin"),
    python("langchain-mcp-adapters", "py-frameworks", "langchain", twelve=True),
    python("openai-agents", "py-frameworks", "openai_agents"),
    python("pydantic-ai", "py-frameworks", "pydantic_ai"),
    python("llama-index-tools-mcp", "py-frameworks-2", "llama_index"),
    python("google-adk", "py-frameworks-3", "google_adk"),
    python("semantic-kernel", "py-frameworks-3", "semantic_kernel"),
    python("autogen-ext", "py-frameworks-2", "autogen"),
    python("mcp-use", "py-mcp-use", "mcp_use"),
    python("smolagents", "py-frameworks-2", "smol"),
    python("strands-agents", "py-frameworks-2", "strands_client"),
    node("@ai-sdk/mcp", "aisdk", mode="@ai-sdk/mcp"),
    node("@ai-sdk/mcp", "aisdk", mode="ai-sdk-mcp-2"),
    node("@langchain/mcp-adapters", "langchain"),
    node("@openai/agents", "openai"),
    node("Inspector CLI", "inspector", twelve=True),
    remote("http", "http"),
    remote("sse", "sse"),
    bridge(*GW, [*GATEWAY, "--streamableHttp", "URL"], "stdio", "http", NPM_ALL),
    bridge(*GW, [*GATEWAY, "--sse", "URL"], "stdio", "sse", NPM_ALL),
    bridge(*GW, [*GATEWAY, "--stdio", "COMMAND", "--port", "PORT"], "sse", "stdio", NPM_ALL),
    bridge(*GW, [*GATEWAY, "--stdio", "COMMAND", "--port", "PORT", "--outputTransport", "streamableHttp", "--stateful"], "http", "stdio", NPM_ALL),
    bridge(*NP, [*NPM_PROXY, "--host", "127.0.0.1", "--port", "PORT", "COMMAND"], "http", "stdio", NPM_ALL),
    bridge(*NP, [*NPM_PROXY, "--host", "127.0.0.1", "--port", "PORT", "COMMAND"], "sse", "stdio", NPM_ALL),
    bridge(*PP, [*PY_PROXY, "--transport", "streamablehttp", "URL"], "stdio", "http", "py-mcp-proxy"),
    bridge(*PP, [*PY_PROXY, "--transport", "sse", "URL"], "stdio", "sse", "py-mcp-proxy"),
    bridge(*PP, [*PY_PROXY, "--port", "PORT", "COMMAND"], "http", "stdio", "py-mcp-proxy"),
    bridge(*PP, [*PY_PROXY, "--port", "PORT", "COMMAND"], "sse", "stdio", "py-mcp-proxy"),
]
