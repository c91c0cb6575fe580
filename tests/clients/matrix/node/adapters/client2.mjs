// npm @modelcontextprotocol/client 2.x, in the mode that the job names.
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { session } from "./sdk1.mjs";

export const packageOf = () => "@modelcontextprotocol/client";

function opened(job) {
  if (job.transport === "stdio") return new StdioClientTransport({ command: job.command[0], args: job.command.slice(1), stderr: "inherit" });
  return job.transport === "sse" ? new SSEClientTransport(new URL(job.url)) : new StreamableHTTPClientTransport(new URL(job.url));
}

export async function connect(job, timeout) {
  const mode = job.mode.startsWith("2") ? { pin: job.mode } : job.mode;
  const client = new Client({ name: "matrix", version: "1" }, { versionNegotiation: { mode } });
  await client.connect(opened(job));
  return session(client, timeout, (params, options) => client.callTool(params, options));
}
