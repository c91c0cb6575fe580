// The queries of a file through tedious, as JSON lines on stdout: what differential.py compares with what our server says.
// Arguments: port, user, password, database, a JSON file with an array of texts.
import { readFileSync } from "node:fs";
import { Connection, Request } from "tedious";

const [port, userName, password, database, file] = process.argv.slice(2);
const c = new Connection({
  server: "127.0.0.1",
  authentication: { type: "default", options: { userName, password } },
  options: { port: Number(port), database, encrypt: false, useUTC: true, useColumnNames: false },
});
await new Promise((resolve, reject) => c.connect((e) => (e ? reject(e) : resolve())));

// A value in a form that JSON keeps, and its kind.
function told(v) {
  if (v === null || v === undefined) return null;
  if (v instanceof Date) return { at: v.toISOString(), ticks: Math.round((v.nanosecondsDelta ?? 0) * 1e7) };
  if (Buffer.isBuffer(v)) return { hex: v.toString("hex") };
  if (typeof v === "number") return { number: Object.is(v, -0) ? "-0.0" : String(v) };
  return { [typeof v]: v };
}

function run(text) {
  return new Promise((resolve) => {
    const sets = [];
    const r = new Request(text, (e, count) => {
      const first = e?.errors?.[0] ?? e;
      resolve({ sets, count, error: first ? { number: first.number, text: first.message, line: first.lineNumber, state: first.state, severity: first.class } : null });
    });
    r.on("columnMetadata", () => sets.push([]));
    r.on("row", (row) => sets.at(-1).push(row.map((x) => told(x.value))));
    c.execSqlBatch(r);
  });
}

for (const text of JSON.parse(readFileSync(file, "utf8"))) console.log(JSON.stringify(await run(text)));
c.close();
