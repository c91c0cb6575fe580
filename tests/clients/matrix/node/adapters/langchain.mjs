// @langchain/mcp-adapters: tools, invoked as a graph invokes them.
import { MultiServerMCPClient } from "@langchain/mcp-adapters";

export const packageOf = () => "@langchain/mcp-adapters";

export async function connect(job, timeout) {
  const at = job.transport === "stdio" ? { transport: "stdio", command: job.command[0], args: job.command.slice(1) } : { transport: job.transport, url: job.url, automaticSSEFallback: false };
  let heard;
  const client = new MultiServerMCPClient({
    mcpServers: { sql: at }, throwOnLoadError: true, onProgress: (p) => heard?.(p), ...(timeout && { defaultToolTimeout: timeout }),
  });
  const tools = Object.fromEntries((await client.getTools()).map((t) => [t.name, t]));
  return {
    tools: async () => Object.keys(tools),
    call: async (name, args, onprogress) => {
      heard = onprogress;
      const message = await tools[name].invoke({ type: "tool_call", id: "1", name, args });
      return { ...unwrapped(message.content), error: message.status === "error" };
    },
    resources: async () => (await client.listResources()).sql.map((r) => r.uri),
    read: async (uri) => (await client.readResource("sql", uri))[0].text,
    close: () => client.close(),
  };
}

// With structuredContent beside it, a text comes as the JSON of its whole block.
function unwrapped(content) {
  if (typeof content !== "string") return { text: content.map((c) => c.text ?? "").join("\n") };
  try {
    const block = JSON.parse(content);
    if (block.type === "text") return { text: block.text, structured: block.structuredContent };
  } catch {
    // An error is a sentence.
  }
  return { text: content };
}
