// What every client must get from the demo, whatever SDK it is made of.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const SNAPSHOT = new URL("../integration/snapshots/integration__wire__tools_list_2026_07_28.snap", import.meta.url);
// The tools that there are, as the snapshot of tools/list has them.
export const TOOLS = JSON.parse(readFileSync(SNAPSHOT, "utf8").split("---\n")[2]).result.tools.map((t) => t.name);

export async function check(name, listTools, callTool) {
  const { tools } = await listTools();
  assert.ok(tools.length >= 4);
  assert.deepEqual(tools.map((t) => t.name), TOOLS);
  const text = async (tool, args) => {
    const r = await callTool({ name: tool, arguments: args });
    assert.ok(!r.isError, `${tool}: ${JSON.stringify(r)}`);
    return JSON.parse(r.content[0].text);
  };
  const tables = await text("list_tables", {});
  assert.equal(tables.tables.find((t) => t.name === "Orders").rows, 20000);
  const described = await text("describe_table", { table_name: "[dbo].[Notes.Archive]" });
  assert.deepEqual(described.columns.map((c) => c.name), ["Note Id", "Note Text", "Created.At"]);
  const rows = await text("execute_sql", { query: "SELECT COUNT(*) AS n FROM sales.Orders WHERE Status = @s", params: { s: "Open" } });
  assert.deepEqual(rows.results[0].rows, [[4000]]);
  const sample = await text("get_table_sample", { table_name: "Employees" });
  assert.equal(sample.results[0].row_count, 5);
  const bad = await callTool({ name: "execute_sql", arguments: { query: "SELECT * FROM nope" } });
  assert.equal(bad.isError, true);
  assert.equal(JSON.parse(bad.content[0].text).error.number, 208);
  console.log(`${name}: ok`);
}

// `http URL` or `stdio COMMAND ARGS…`
export function target() {
  const [kind, first, ...rest] = process.argv.slice(2);
  return { kind, url: first, command: first, args: rest };
}
