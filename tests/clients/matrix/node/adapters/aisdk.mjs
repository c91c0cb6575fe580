// @ai-sdk/mcp: its tools, executed as its agent executes them. The mode names the package.
import { Cannot, ofResult } from "../probes.mjs";

export const packageOf = (job) => job.mode;

export async function connect(job, timeout) {
  const made = await import(job.mode);
  const create = made.createMCPClient ?? made.experimental_createMCPClient;
  let transport = { type: job.transport, url: job.url };
  if (job.transport === "stdio") {
    const stdio = await import(`${job.mode}/mcp-stdio`);
    const Stdio = stdio.StdioMCPTransport ?? stdio.Experimental_StdioMCPTransport;
    transport = new Stdio({ command: job.command[0], args: job.command.slice(1) });
  }
  const client = await create({ transport });
  const tools = await client.tools();
  return {
    tools: async () => Object.keys(tools),
    call: async (name, args, onprogress) => {
      if (onprogress) throw new Cannot("a tool takes no callback");
      // A tool is stopped by a signal; a time of its own it has none.
      const options = { toolCallId: "1", messages: [], ...(timeout && { abortSignal: AbortSignal.timeout(timeout) }) };
      return ofResult(await tools[name].execute(args, options));
    },
    resources: async () => (await client.listResources()).resources.map((r) => r.uri),
    read: async (uri) => (await client.readResource({ uri })).contents[0].text,
    close: () => client.close(),
  };
}
