// MCP Inspector's command line: each call is a process of its own.
import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Cannot, ofResult } from "../probes.mjs";

export const packageOf = () => "@modelcontextprotocol/inspector";

const script = fileURLToPath(new URL("../../../node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js", import.meta.url));

export async function connect(job, timeout) {
  if (timeout) throw new Cannot("it has no time limit for a call");
  const home = job.home ?? mkdtempSync(join(tmpdir(), "inspector-"));
  const target = job.transport === "stdio" ? job.command : [job.url, "--transport", job.transport];
  async function run(method, ...args) {
    const child = spawn(process.execPath, [script, "--cli", ...target, "--quiet", "--format", "json", "--method", method, ...args], {
      env: { ...process.env, HOME: home, MCP_STORAGE_DIR: home, MCP_AUTO_OPEN_ENABLED: "false" }, stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "", err = "";
    child.stdout.on("data", (d) => (out += d));
    child.stderr.on("data", (d) => (err += d));
    await new Promise((done) => child.on("close", done));
    try {
      const made = JSON.parse(out);
      return made.result ?? made;
    } catch {
      throw new Error(`${out}${err}`.trim().slice(-400));
    }
  }
  return {
    tools: async () => (await run("tools/list")).tools.map((t) => t.name),
    call: async (name, args, onprogress) => {
      if (onprogress) throw new Cannot("it shows no progress");
      return ofResult(await run("tools/call", "--tool-name", name, "--tool-args-json", JSON.stringify(args)));
    },
    resources: async () => (await run("resources/list")).resources.map((r) => r.uri),
    read: async (uri) => (await run("resources/read", "--uri", uri)).contents[0].text,
    close: () => {},
  };
}
