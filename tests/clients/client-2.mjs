import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { check, target } from "./expect.mjs";

const t = target();
for (const mode of ["legacy", "auto", { pin: "2026-07-28" }]) {
  const client = new Client({ name: "client-2", version: "1" }, { versionNegotiation: { mode } });
  const transport = t.kind === "http" ? new StreamableHTTPClientTransport(new URL(t.url)) : new StdioClientTransport({ command: t.command, args: t.args, stderr: "inherit" });
  await client.connect(transport);
  await check(`npm client 2.4.0 ${t.kind} ${JSON.stringify(mode)}`, () => client.listTools(), (p) => client.callTool(p));
  await client.close();
}
