// What a model is told of our tools by frameworks of npm: see frameworks.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createMCPClient } from "@ai-sdk/mcp";
import { Experimental_StdioMCPTransport as Stdio } from "@ai-sdk/mcp/mcp-stdio";
import { convertToOpenAITool } from "@langchain/core/utils/function_calling";
import { MultiServerMCPClient } from "@langchain/mcp-adapters";

const [command, ...args] = process.argv.slice(2);
const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), "utf8")).version;
// What is said beside, a framework says to the console.
const said = [];
process.on("warning", (w) => w.name !== "DeprecationWarning" && said.push(w.message));
for (const level of ["warn", "error"]) console[level] = (...words) => said.push(words.join(" "));

// Where theirs says less than ours.
function* compare(ours, theirs, at) {
  const kinds = (s) => [s?.type ?? (s?.anyOf ?? []).flatMap(kinds)].flat();
  const missing = kinds(ours).filter((k) => k !== "null" && !kinds(theirs).includes(k));
  if (missing.length) yield `${at}: no ${missing} in ${JSON.stringify(theirs)}`;
  if (ours.description && ours.description !== theirs?.description) yield `${at}: without its description`;
  if (ours.enum && !ours.enum.every((w) => theirs?.enum?.includes(w))) yield `${at}: without its words`;
  if (ours.type === "object") {
    if (!Object.keys(theirs?.properties ?? {}).length) yield `${at}: an object in which nothing may be: ${JSON.stringify(theirs)}`;
    for (const [name, one] of Object.entries(ours.properties ?? {})) yield* compare(one, theirs?.properties?.[name], `${at}.${name}`);
    for (const name of ours.required ?? []) if (!theirs?.required?.includes(name)) yield `${at}.${name} is not required`;
  }
  if (ours.type === "array") yield* compare(ours.items, theirs?.items, `${at}[]`);
}

function check(name, ours, made) {
  const wrong = made.flatMap(([tool, description, parameters]) => {
    const own = ours.find((t) => t.name === tool);
    return [...(description.includes(own.description) ? [] : [`${tool}: without its description`]), ...compare(own.inputSchema, parameters, tool)];
  });
  assert.deepEqual([...new Set(made.map(([tool]) => tool))].sort(), ours.map((t) => t.name).sort(), name);
  wrong.push(...said.splice(0));
  console.log(wrong.length ? [`${name} ${version(name)}:`, ...wrong].join("\n  ") : `${name} ${version(name)}: ok`);
  if (wrong.length) process.exitCode = 1;
}

const sdk = await createMCPClient({ transport: new Stdio({ command, args }) });
const ours = (await sdk.listTools()).tools;
check("@ai-sdk/mcp", ours, Object.entries(await sdk.tools()).map(([name, t]) => [name, t.description, t.inputSchema.jsonSchema]));
await sdk.close();

const langchain = new MultiServerMCPClient({ mcpServers: { sql: { transport: "stdio", command, args } }, throwOnLoadError: true });
const tools = await langchain.getTools();
check("@langchain/mcp-adapters", ours, [undefined, true].flatMap((strict) => tools.map((t) => convertToOpenAITool(t, { strict }).function).map((f) => [f.name, f.description, f.parameters])));
await langchain.close();
