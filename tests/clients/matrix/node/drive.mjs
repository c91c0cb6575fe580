// One client of Node through the probes: drive.mjs ADAPTER, with the job as a line of JSON on stdin. See python/drive.py, which is the same for Python.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Cannot, mainProbes, restartProbe, timeoutProbe } from "./probes.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const job = JSON.parse((await lines.next()).value);
const adapter = await import(`./adapters/${process.argv[2]}.mjs`);
// Longer than any answer takes, shorter than what a probe waits for.
const PATIENCE = 15_000;

const out = (line) => process.stdout.write(JSON.stringify(line) + "\n");
// Clients talk to the console too.
for (const level of ["log", "info", "debug", "warn"]) console[level] = (...words) => console.error(...words);

function version(name) {
  for (const up of ["../", "../../"]) {
    try {
      return JSON.parse(readFileSync(new URL(`${up}node_modules/${name}/package.json`, import.meta.url), "utf8")).version;
    } catch {
      continue;
    }
  }
  throw new Error(`${name} is not installed`);
}
const about = { client: job.client, version: job.version ?? version(adapter.packageOf(job)), transport: job.label };

async function ask(what, more = {}) {
  out({ ask: what, ...more });
  return JSON.parse((await lines.next()).value);
}

// Within its time, or an error that says so.
function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("no answer")), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function connected(timeout, body) {
  const session = await within(30_000, adapter.connect(job, timeout));
  try {
    return await body(session);
  } finally {
    await within(5000, Promise.resolve(session.close())).catch(() => {});
  }
}

// Runs some probes; those that said nothing when it ended, failed.
async function group(names, body) {
  const wanted = names.filter((n) => job.probes.includes(n));
  if (!wanted.length) return;
  const done = new Set();
  const say = (probe, outcome, detail = "", seen = "") => {
    if (!wanted.includes(probe) || done.has(probe)) return;
    done.add(probe);
    out({ ...about, probe, outcome, detail, seen: (typeof seen === "string" ? seen : JSON.stringify(seen)).slice(0, 600) });
  };
  let why = "the connection ended";
  try {
    await within(90_000, body({ job, say, ask, connected, within: (p) => within(PATIENCE, p) }));
  } catch (e) {
    if (e instanceof Cannot) for (const probe of wanted) say(probe, "cannot", e.message);
    why = `${e?.name}: ${e?.message}`;
  }
  for (const probe of wanted) say(probe, "no", "it ended in an error", why);
}

// What a client throws where nobody can catch it is no end of the test.
process.on("uncaughtException", (e) => console.error("uncaught:", e));
process.on("unhandledRejection", (e) => console.error("unhandled:", e));
const began = Date.now();
await group(["list", "call_all", "tool_error", "exact", "resources", "progress"], mainProbes);
await group(["timeout"], timeoutProbe);
await group(["restart"], restartProbe);
process.stdout.write(JSON.stringify({ done: Math.round((Date.now() - began) / 100) / 10 }) + "\n", () => process.exit(0));
