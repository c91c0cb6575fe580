// @openai/agents: its MCP servers, which an agent gets its tools of.
import { MCPServerSSE, MCPServerStdio, MCPServerStreamableHttp } from "@openai/agents";
import { Cannot, ofResult } from "../probes.mjs";

export const packageOf = () => "@openai/agents";

export async function connect(job, timeout) {
  const more = { name: "sql", ...(timeout && { timeout }) };
  const made = { stdio: MCPServerStdio, http: MCPServerStreamableHttp, sse: MCPServerSSE }[job.transport];
  const server = new made(job.transport === "stdio" ? { ...more, command: job.command[0], args: job.command.slice(1) } : { ...more, url: job.url });
  await server.connect();
  return {
    tools: async () => (await server.listTools()).map((t) => t.name),
    call: async (name, args, onprogress) => {
      if (onprogress) throw new Cannot("callTool takes no callback");
      return ofResult(await server.callToolResult(name, args));
    },
    resources: async () => (await server.listResources()).resources.map((r) => r.uri),
    read: async (uri) => (await server.readResource(uri)).contents[0].text,
    close: () => server.close(),
  };
}
