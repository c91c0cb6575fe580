// Tables and the keys between them, as describe_table, list_tables and view_schema tell of them.

import { structured } from "../shared/answer";
import { record, type Json } from "../shared/bridge";

export interface TableColumn {
  name: string;
  type: string;
  /** "PK", "FK", or both. */
  key: string;
}

export interface Table {
  id: string;
  /** As it is written in T-SQL. */
  label: string;
  columns: TableColumn[];
  /** Its own keys are known, and not only those that lead to it. */
  whole: boolean;
}

export interface ForeignKey {
  name: string;
  from: { table: string; columns: string[] };
  to: { table: string; columns: string[] };
  actions: string;
}

export interface Listed {
  label: string;
  type: string;
  rows: number | null;
  description: string;
}

const list = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);
export const text = (v: unknown): string => (typeof v === "string" ? v : "");
export const strings = (v: unknown): string[] => list(v).filter((x): x is string => typeof x === "string");
export const records = (v: unknown): Json[] => list(v).map(record);

/** The parts of a written name: `dbo.[Notes.Archive]` has two. */
export function parts(written: string): string[] {
  const out: string[] = [];
  const one = /\s*(?:\[((?:[^\]]|\]\])*)\]|([^.[\]]+))\s*(?:\.|$)/y;
  for (let m = one.exec(written); m; m = one.exec(written)) {
    out.push(m[1] !== undefined ? m[1].replaceAll("]]", "]") : (m[2] ?? "").trim());
    if (one.lastIndex >= written.length) break;
  }
  return out.length > 0 ? out : [written];
}

const idOf = (written: string): string => parts(written).join("\u0001");
const part = (name: string): string => (/^[\p{L}_][\p{L}\p{N}_@#$]*$/u.test(name) ? name : `[${name.replaceAll("]", "]]")}]`);

function written(v: unknown): string {
  if (typeof v === "string") return v;
  const t = record(v);
  return text(t.sql_name) || [text(t.schema), text(t.name)].filter((p) => p !== "").map(part).join(".");
}

export class Graph {
  readonly tables = new Map<string, Table>();
  readonly keys: ForeignKey[] = [];
  readonly #seen = new Set<string>();

  table(label: string, columns: TableColumn[] = [], whole = false): Table {
    const id = idOf(label);
    const there = this.tables.get(id);
    if (!there) {
      const made = { id, label, columns, whole };
      this.tables.set(id, made);
      return made;
    }
    if (columns.length > there.columns.length) there.columns = columns;
    there.whole ||= whole;
    return there;
  }

  key(k: ForeignKey): void {
    const same = JSON.stringify([idOf(k.from.table), k.from.columns, idOf(k.to.table), k.to.columns]);
    if (this.#seen.has(same)) return;
    this.#seen.add(same);
    this.keys.push(k);
    for (const end of [k.from, k.to]) {
      const t = this.table(end.table);
      end.table = t.id;
      for (const name of end.columns) if (!t.columns.some((c) => c.name === name)) t.columns.push({ name, type: "", key: end === k.from ? "FK" : "PK" });
    }
  }

  /** What view_schema found around a table. */
  add(result: Json): void {
    const s = structured(result);
    for (const t of records(s.tables)) {
      const label = written(t);
      if (label === "") continue;
      const columns = records(t.columns).map((c) => ({ name: text(c.name), type: text(c.type), key: keyOf(c.key) }));
      this.table(label, columns);
    }
    for (const k of records(s.foreign_keys)) {
      const [from, to] = [record(k.from), record(k.to)];
      const [a, b] = [written(from.table), written(to.table)];
      if (a !== "" && b !== "") this.key({ name: text(k.name), from: { table: a, columns: strings(from.columns) }, to: { table: b, columns: strings(to.columns) }, actions: actions(k) });
    }
  }
}

function keyOf(v: unknown): string {
  const said = typeof v === "string" ? v : strings(v).join(" ");
  const up = said.toUpperCase();
  return [/\bPK\b|PRIMARY/.test(up) ? "PK" : "", /\bFK\b|FOREIGN/.test(up) ? "FK" : ""].filter((k) => k !== "").join(" ");
}

function actions(k: Json): string {
  const one = (what: string, v: unknown): string => (text(v) === "" || text(v) === "NO_ACTION" ? "" : `${what} ${text(v).replaceAll("_", " ").toLowerCase()}`);
  return [one("on delete", k.on_delete), one("on update", k.on_update)].filter((t) => t !== "").join(", ");
}

/** The graph of a table's own answer: itself, and those on the other side of its keys. */
export function described(s: Json): { graph: Graph; center: Table } {
  const graph = new Graph();
  const label = written(s);
  const primary = new Set(strings(record(s.primary_key).columns));
  const foreign = new Set(records(s.foreign_keys).flatMap((k) => strings(k.columns)));
  const key = (name: string): string => [primary.has(name) ? "PK" : "", foreign.has(name) ? "FK" : ""].filter((k) => k !== "").join(" ");
  const columns = records(s.columns).map((c) => ({ name: text(c.name), type: text(c.type), key: key(text(c.name)) }));
  const center = graph.table(label, columns, true);
  for (const [keys, outward] of [[records(s.foreign_keys), true], [records(s.referenced_by), false]] as const) {
    for (const k of keys) {
      const other = written(outward ? k.references : k.table);
      const own = { table: label, columns: strings(k.columns) };
      const named = strings(k.referenced_columns);
      const there = { table: other, columns: named.length > 0 ? named : strings(k.columns) };
      if (other === "") continue;
      if (outward) graph.key({ name: text(k.name), from: own, to: there, actions: actions(k) });
      else graph.key({ name: text(k.name), from: { table: other, columns: strings(k.columns) }, to: { table: label, columns: there.columns }, actions: actions(k) });
    }
  }
  return { graph, center };
}

export function listed(s: Json): Listed[] {
  return records(s.tables).map((t) => ({
    label: written(t),
    type: text(t.type),
    rows: typeof t.rows === "number" ? t.rows : null,
    description: text(t.description),
  }));
}
