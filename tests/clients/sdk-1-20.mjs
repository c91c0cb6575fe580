import { Client } from "sdk-1-20/client/index.js";
import { StdioClientTransport } from "sdk-1-20/client/stdio.js";
import { StreamableHTTPClientTransport } from "sdk-1-20/client/streamableHttp.js";
import { check, target } from "./expect.mjs";

const t = target();
const client = new Client({ name: "sdk-1-20", version: "1" });
const transport = t.kind === "http" ? new StreamableHTTPClientTransport(new URL(t.url)) : new StdioClientTransport({ command: t.command, args: t.args, stderr: "inherit" });
await client.connect(transport);
await check("npm sdk 1.20.2 " + t.kind, () => client.listTools(), (p) => client.callTool(p));
await client.close();
