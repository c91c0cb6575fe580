// A CallToolResult of execute_sql or get_table_sample, read as one reads what strangers send: whatever is not of the shape that the output schema says is
// left out, and never trusted to be there.

import { record, type Json } from "./bridge";
import { parse } from "./csv";
import { column, type Cell, type Column } from "./text";

export interface ResultSet {
  columns: Column[];
  rows: Cell[][];
  /** Rows that the server keeps of it, where it keeps more than it sent. */
  kept: number;
  /** Why it is not whole. */
  cut: string;
}

/** Where the server keeps more: `_meta["io.github.mssql-mcp/view"]`. */
export interface Kept {
  handle: string;
  rows: number;
  complete: boolean;
  expires: number;
  elapsed: number | null;
  sql: string;
  /** Each result set, where there are several; with columns, where the set itself did not come. */
  sets: { rows: number; columns: Column[] }[];
}

export interface Failure {
  code: string;
  message: string;
  hint: string;
  facts: [string, string][];
}

export interface Answer {
  sets: ResultSet[];
  messages: string[];
  cut: string;
  affected: number[] | null;
  committed: boolean | null;
  dryRun: boolean;
  failure: Failure | null;
  kept: Kept | null;
  /** Its text, where there is nothing else. */
  text: string;
}

const META = "io.github.mssql-mcp/view";

const list = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);
const text = (v: unknown): string => (typeof v === "string" ? v : "");
const strings = (v: unknown): string[] => list(v).filter((x): x is string => typeof x === "string");
const natural = (v: unknown): number | null => (typeof v === "number" && Number.isFinite(v) && v >= 0 ? Math.floor(v) : null);

/** The text blocks of a result, joined. */
export function textOf(result: Json): string {
  return list(result.content).map((c) => text(record(c).text)).filter((t) => t !== "").join("\n");
}

function json(from: string): Json {
  if (!from.trimStart().startsWith("{")) return {};
  try {
    return record(JSON.parse(from));
  } catch {
    return {};
  }
}

/** What is structured; from the text where a host kept only that. */
export function structured(result: Json): Json {
  const s = record(result.structuredContent);
  return Object.keys(s).length > 0 ? s : json(textOf(result));
}

/** The refusal in a result with `isError`. */
export function failure(result: Json): Failure {
  const whole = textOf(result);
  const e = record(structured(result).error);
  const facts: [string, string][] = [];
  for (const name of ["number", "severity", "state", "line", "procedure", "statement", "column", "retry_after_s"]) {
    const v = e[name];
    if (typeof v === "string" || typeof v === "number") facts.push([name.replaceAll("_", " "), String(v)]);
  }
  const closest = strings(e.closest);
  if (closest.length > 0) facts.push(["close to it", closest.join(", ")]);
  for (const m of strings(e.messages)) facts.push(["message", m]);
  return { code: text(e.code), message: text(e.message) || whole || "The call failed, and nothing was said of why.", hint: text(e.hint), facts };
}

export function readColumn(v: unknown): Column {
  const c = record(v);
  const out = column(text(c.name), text(c.type));
  out.cut = natural(c.cut_cells) ?? 0;
  if (c.exact === "string") out.notes.push("digits that a double cannot carry, exact");
  if (out.cut > 0) out.notes.push(`${out.cut} cut`);
  const replaced = natural(c.replaced);
  if (replaced) out.notes.push(`${replaced} places could not be decoded`);
  for (const label of list(c.sensitivity).map(record)) {
    const said = [text(label.label), text(label.information_type)].filter((t) => t !== "").join(", ");
    if (said !== "") out.notes.push(`classified: ${said}`);
  }
  return out;
}

/** Rows as arrays; one that is none has no values. */
export const readRows = (v: unknown): Cell[][] => list(v).map((r) => (Array.isArray(r) ? (r as Cell[]) : []));

function cutText(v: unknown): string {
  const t = record(v);
  if (text(t.reason) === "") return "";
  const limit = natural(t.limit);
  const missing = text(t.missing);
  return `cut at ${text(t.reason)}${limit === null ? "" : ` (${limit})`}${missing === "" ? "" : `: ${missing} are not here`}. ${text(t.advice)}`;
}

function readSet(v: unknown): ResultSet {
  const r = record(v);
  let columns = list(r.columns).map(readColumn);
  let rows: Cell[][];
  if (typeof r.csv === "string") {
    const read = parse(r.csv);
    if (columns.length === 0) columns = read.names.map((n) => column(n, ""));
    rows = read.rows;
  } else {
    rows = readRows(r.rows);
  }
  return { columns, rows, kept: rows.length, cut: cutText(r.truncated) };
}

function readKept(result: Json): Kept | null {
  const k = record(record(result._meta)[META]);
  const handle = text(k.handle);
  if (handle === "" && k.sql === undefined && k.elapsed_ms === undefined) return null;
  return {
    handle,
    rows: natural(k.rows_kept) ?? 0,
    complete: k.complete === true,
    expires: Date.parse(text(k.expires)),
    elapsed: natural(k.elapsed_ms),
    sql: text(k.sql),
    sets: list(k.sets).map(record).map((s) => ({ rows: natural(s.rows) ?? 0, columns: list(s.columns).map(readColumn) })),
  };
}

/** What is kept of each result set, and those of which nothing came. Where nobody tells, rows beyond those that came belong to the last. */
function share(sets: ResultSet[], kept: Kept | null): void {
  if (!kept || kept.handle === "") return;
  if (kept.sets.length >= sets.length && kept.sets.length > 0) {
    kept.sets.forEach((k, i) => {
      const set = sets[i];
      if (set) set.kept = Math.max(set.rows.length, k.rows);
      else sets.push({ columns: k.columns, rows: [], kept: k.rows, cut: "" });
    });
    return;
  }
  const before = sets.slice(0, -1).reduce((n, s) => n + s.rows.length, 0);
  const last = sets[sets.length - 1];
  if (last) last.kept = Math.max(last.rows.length, kept.rows - before);
}

export function readAnswer(result: Json): Answer {
  const s = structured(result);
  const sets = list(s.results).map(readSet);
  const kept = readKept(result);
  share(sets, kept);
  const affected = Array.isArray(s.rows_affected) ? s.rows_affected.filter((n): n is number => typeof n === "number") : null;
  return {
    sets,
    messages: [...strings(s.messages), ...strings(s.notes)],
    cut: cutText(s.truncated),
    affected,
    committed: typeof s.committed === "boolean" ? s.committed : null,
    dryRun: s.dry_run === true,
    failure: result.isError === true ? failure(result) : null,
    kept,
    text: sets.length === 0 ? textOf(result) : "",
  };
}
