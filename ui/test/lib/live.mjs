// A server that runs, and clients of it: what stands between a View and the tools when nobody plays them.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

export const UI = "io.modelcontextprotocol/ui";
export const META = "io.github.mssql-mcp/view";
const MIME_TYPE = "text/html;profile=mcp-app";

/** Nothing of this machine's own settings reaches the server. */
const environment = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(MSSQL_|MCP_|OTEL_)/.test(name)));

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** The demo over HTTP. `stop` ends this process and no other. */
export async function serve(binary, ...settings) {
  const port = await freePort();
  const child = spawn(binary, ["demo", "--listen", `127.0.0.1:${port}`, "--log-level", "error", ...settings], { env: environment(), stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  let ended = false;
  const end = new Promise((done) => {
    const note = (e) => done(void ((ended = true), e instanceof Error && (said += e.message)));
    child.once("exit", note).once("error", note);
  });
  const origin = `http://127.0.0.1:${port}`;
  const stop = async () => {
    if (!ended) child.kill("SIGTERM");
    await end;
  };
  for (let tries = 0; ; tries++) {
    const health = await fetch(`${origin}/health`).catch(() => null);
    if (health?.ok) return { origin, stop };
    if (ended || tries > 600) {
      await stop();
      throw new Error(`the server did not begin:\n${said}`);
    }
    await new Promise((r) => setTimeout(r, 50));
  }
}

/** A client of one era; one that shows pages says so. */
export async function connected(origin, { shows, mode }) {
  const capabilities = shows ? { extensions: { [UI]: { mimeTypes: [MIME_TYPE] } } } : {};
  const client = new Client({ name: "live", version: "1" }, { capabilities, versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${origin}/mcp`)));
  return client;
}

/** What a host knows of a server: its tools, and the page of each. */
export class Server {
  constructor(client, tools) {
    this.client = client;
    this.tools = new Map(tools.map((t) => [t.name, t]));
  }

  static async of(client) {
    const tools = [];
    let cursor;
    do {
      const page = await client.listTools(cursor ? { cursor } : {});
      tools.push(...page.tools);
      cursor = page.nextCursor;
    } while (cursor);
    return new Server(client, tools);
  }

  /** Whether this caller may see a tool; without a word about it both may. */
  lets(caller, name) {
    const visibility = this.tools.get(name)?._meta?.ui?.visibility ?? ["model", "app"];
    return this.tools.has(name) && visibility.includes(caller);
  }

  /** As the model calls it. */
  async call(name, args) {
    assert.ok(this.lets("model", name), `${name} is no tool of a model`);
    const result = await this.client.callTool({ name, arguments: args });
    assert.ok(!result.isError, JSON.stringify(result));
    return { tool: name, arguments: args, result };
  }

  /** As a View calls it through its host, which must refuse what is not for Views. */
  async fromView(name, args) {
    if (!this.lets("app", name)) throw new Error(`${name} is no tool of a view`);
    return this.client.callTool({ name, arguments: args });
  }

  /** The page of a tool. */
  async page(tool) {
    const { contents } = await this.client.readResource({ uri: this.tools.get(tool)._meta.ui.resourceUri });
    assert.equal(contents.length, 1);
    assert.equal(contents[0].mimeType, MIME_TYPE);
    return contents[0];
  }
}

/** A call of the program by itself, with more rows than the server gives a model. */
export function called(binary, ...args) {
  const out = execFileSync(binary, ["call", "--demo", "--json", ...args], { env: environment(), encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1 << 26 });
  return JSON.parse(out).structuredContent;
}
