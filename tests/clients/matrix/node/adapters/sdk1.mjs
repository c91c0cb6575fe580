// npm @modelcontextprotocol/sdk 1.x; which one, the mode says by its alias.
import { ofResult } from "../probes.mjs";

export const packageOf = (job) => job.mode;

async function opened(job) {
  const sdk = job.mode;
  if (job.transport === "stdio") {
    const { StdioClientTransport } = await import(`${sdk}/client/stdio.js`);
    return new StdioClientTransport({ command: job.command[0], args: job.command.slice(1), stderr: "inherit" });
  }
  if (job.transport === "sse") {
    const { SSEClientTransport } = await import(`${sdk}/client/sse.js`);
    return new SSEClientTransport(new URL(job.url));
  }
  const { StreamableHTTPClientTransport } = await import(`${sdk}/client/streamableHttp.js`);
  return new StreamableHTTPClientTransport(new URL(job.url));
}

export async function connect(job, timeout) {
  const { Client } = await import(`${job.mode}/client/index.js`);
  const client = new Client({ name: "matrix", version: "1" });
  await client.connect(await opened(job));
  return session(client, timeout, (params, options) => client.callTool(params, undefined, options));
}

// What SDKs of both generations do alike.
export function session(client, timeout, call) {
  return {
    tools: async () => (await client.listTools()).tools.map((t) => t.name),
    call: async (name, args, onprogress) => ofResult(await call({ name, arguments: args }, { ...(timeout && { timeout }), ...(onprogress && { onprogress }) })),
    resources: async () => (await client.listResources()).resources.map((r) => r.uri),
    read: async (uri) => (await client.readResource({ uri })).contents[0].text,
    close: () => client.close(),
  };
}
