// How many tokens (o200k_base) ten standard answers and the list of tools cost a model, in every form. Prints the table of
// docs/tokens.md, and fails where a figure is more than a tenth over the one that stands there.
//
//   node tokens.mjs URL-OF-A-DEMO URL-OF-ONE-WITH-BRIEF-TEXT docs/tokens.md [--write]
import { readFileSync, writeFileSync } from "node:fs";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";

const [plain, brief, file, write] = process.argv.slice(2);
const BEGIN = "<!-- figures -->\n";
const END = "<!-- end -->\n";
const MORE = 1.1;

async function ask(url, method, params) {
  const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28", "mcp-method": method };
  if (params.name) headers["mcp-name"] = params.name;
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta } }) });
  const { result } = await answer.json();
  if (!result || result.isError) throw new Error(`${method} ${JSON.stringify(params)}: ${JSON.stringify(result)}`);
  return result;
}

const sql = (query, more = {}) => ["execute_sql", { query, ...more }];
const ANSWERS = [
  ["all tables", ["list_tables", { include_views: true }]],
  ["a table with keys and indexes", ["describe_table", { table_name: "sales.Orders" }]],
  ["a table of all types", ["describe_table", { table_name: "dbo.AllTypes" }]],
  ["a sample of five rows", ["get_table_sample", { table_name: "sales.Orders" }]],
  ["one number", sql("SELECT COUNT(*) AS Orders FROM sales.Orders WHERE Status = 'Open'")],
  ["ten groups", sql("SELECT TOP 10 AccountId, COUNT(*) AS Orders, SUM(Quantity) AS Quantity FROM sales.Orders GROUP BY AccountId ORDER BY AccountId")],
  ["20 whole rows", sql("SELECT TOP 20 * FROM sales.Orders ORDER BY OrderId")],
  ["200 rows of three numbers", sql("SELECT TOP 200 OrderId, AccountId, Quantity FROM sales.Orders ORDER BY OrderId")],
  ["1000 rows, the most", sql("SELECT OrderId, Status, PlacedAt FROM sales.Orders ORDER BY OrderId")],
  ["two result sets", sql("SELECT TOP 5 OrderId, LimitPrice FROM sales.Orders ORDER BY OrderId; SELECT TOP 5 TradeId, OrderId FROM sales.Trades ORDER BY TradeId")],
];

const rows = [];
for (const [name, [tool, args]] of ANSWERS) {
  const call = (url, more) => ask(url, "tools/call", { name: tool, arguments: { ...args, ...more } });
  const tokens = (r) => [countTokens(r.content[0].text), countTokens(JSON.stringify(r.structuredContent))];
  const rowsets = tool === "execute_sql" || tool === "get_table_sample";
  const [json] = tokens(await call(plain));
  const [csv, csvStructured] = rowsets ? tokens(await call(plain, { format: "csv" })) : ["–", "–"];
  const [line] = tokens(await call(brief));
  rows.push([name, json, csv, csvStructured, line]);
}
const { tools } = await ask(plain, "tools/list", {});
const shown = tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));
rows.push(["the list of tools: names, descriptions, arguments", countTokens(JSON.stringify(shown)), "–", "–", "–"]);
rows.push(["the list of tools, as it is sent", countTokens(JSON.stringify(tools)), "–", "–", "–"]);

const line = (cells) => `| ${cells.join(" | ")} |\n`;
const table = line(["answer", "JSON: text, or structuredContent", "CSV: text", "CSV: structuredContent", "brief: text"]) + line(["---", "--:", "--:", "--:", "--:"]) + rows.map(line).join("");
const text = readFileSync(file, "utf8");
const [from, to] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
if (write) {
  writeFileSync(file, text.slice(0, from) + table + text.slice(to));
} else {
  const before = new Map(text.slice(from, to).trim().split("\n").map((l) => l.slice(2, -2).split(" | ")).map(([name, ...cells]) => [name, cells]));
  for (const [name, ...cells] of rows) {
    const old = before.get(name);
    if (!old) throw new Error(`${file} has no figures of ${name}:\n${table}`);
    cells.forEach((n, i) => {
      if (n > Number(old[i]) * MORE) {
        console.log(`${name}: ${n} tokens, and ${old[i]} in ${file}`);
        process.exitCode = 1;
      }
    });
  }
}
console.log(table);
