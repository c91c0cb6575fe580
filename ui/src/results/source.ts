// Where a table's rows come from: those that the result holds, or those that the server keeps behind a handle. Either answers the same few questions.

import { failure, readRows, structured, type ResultSet } from "../shared/answer";
import { record, type Bridge, type Json } from "../shared/bridge";
import { passes, sorted, type Filter } from "../shared/compare";
import { cellText, type Cell } from "../shared/text";

export interface Query {
  search: string;
  sort: { column: number; desc: boolean } | null;
  filters: Filter[];
}

export const EVERYTHING: Query = { search: "", sort: null, filters: [] };

export interface Source {
  /** Rows that there are. */
  readonly total: number;
  /** Rows that the query leaves. */
  readonly matched: number;
  /** A row of the query's order, if it is here. */
  row(at: number): readonly Cell[] | undefined;
  /** Its place in the unsorted result; none where nobody said. */
  place(at: number): number | null;
  /** Changes the query; what is not here yet comes by `need`. */
  ask(query: Query): Promise<void>;
  /** Brings these rows here. */
  need(from: number, to: number): Promise<void>;
}

export class Expired extends Error {}

// === rows that are here ===

export class Held implements Source {
  readonly total: number;
  #order: Uint32Array;
  #texts: string[] | null = null;
  readonly #set: ResultSet;

  constructor(set: ResultSet) {
    this.#set = set;
    this.total = set.rows.length;
    this.#order = places(this.total);
  }

  get matched(): number {
    return this.#order.length;
  }

  row(at: number): readonly Cell[] | undefined {
    const i = this.#order[at];
    return i === undefined ? undefined : this.#set.rows[i];
  }

  place(at: number): number | null {
    return this.#order[at] ?? null;
  }

  async need(): Promise<void> {}

  async ask(q: Query): Promise<void> {
    const { columns, rows } = this.#set;
    let order = places(this.total);
    const part = q.search.trim().toLowerCase();
    if (part !== "") {
      const texts = this.#searchable();
      order = order.filter((i) => texts[i]!.includes(part));
    }
    for (const f of q.filters) {
      const c = columns[f.column];
      if (!c) continue;
      const holds = passes(f, c);
      order = order.filter((i) => holds(rows[i]?.[f.column]));
    }
    const c = q.sort && columns[q.sort.column];
    if (q.sort && c) order = sorted(order, rows, c, q.sort.column, q.sort.desc);
    this.#order = order;
  }

  /** A row as one text, for the search box; made when somebody first searches. */
  #searchable(): string[] {
    const { columns, rows } = this.#set;
    return (this.#texts ??= rows.map((r) => columns.map((c, i) => cellText(r[i], c) ?? "").join("\u0001").toLowerCase()));
  }
}

function places(n: number): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  return order;
}

// === rows that the server keeps ===

const PAGE = 200;
const MOST = 500;

export class Remote implements Source {
  total: number;
  matched: number;
  #rows: (readonly Cell[] | undefined)[];
  #places: (number | undefined)[] = [];
  #query: Query = EVERYTHING;
  #version = 0;
  #busy: Promise<void> = Promise.resolve();
  readonly #set: ResultSet;
  readonly #bridge: Bridge;
  readonly #handle: string;
  readonly #result: number;

  constructor(set: ResultSet, bridge: Bridge, handle: string, result: number) {
    this.#set = set;
    this.#bridge = bridge;
    this.#handle = handle;
    this.#result = result;
    this.total = this.matched = set.kept;
    this.#rows = set.rows.slice();
  }

  row(at: number): readonly Cell[] | undefined {
    return this.#rows[at];
  }

  place(at: number): number | null {
    return isWhole(this.#query) ? at : (this.#places[at] ?? null);
  }

  async ask(query: Query): Promise<void> {
    this.#version++;
    this.#query = query;
    this.#places = [];
    if (isWhole(query)) {
      this.#rows = this.#set.rows.slice();
      this.matched = this.total;
      return;
    }
    this.#rows = [];
    // How many match is known from the first page.
    await this.#load(0, PAGE);
  }

  /** One after the other, so that a fast scroll asks for what is wanted last and not for all between. */
  need(from: number, to: number): Promise<void> {
    const next = this.#busy.catch(() => {}).then(() => this.#fill(from, to));
    this.#busy = next;
    return next;
  }

  async #fill(from: number, to: number): Promise<void> {
    const version = this.#version;
    for (let at = from; at < Math.min(to, this.matched); ) {
      if (this.#rows[at]) {
        at++;
        continue;
      }
      const got = await this.#load(at, Math.min(MOST, Math.max(PAGE, to - at)));
      if (version !== this.#version || got === 0) return;
      at += got;
    }
  }

  /** One page; a server may give fewer rows than asked for, but not none. */
  async #load(offset: number, limit: number): Promise<number> {
    const version = this.#version;
    const q = this.#query;
    const args: Json = { handle: this.#handle, result: this.#result, offset, limit };
    if (q.sort) args.sort = [q.sort];
    const filter: Json[] = q.filters.map((f) => (f.op === "null" || f.op === "not_null" ? { column: f.column, op: f.op } : { ...f }));
    if (q.search.trim() !== "") filter.push({ op: "search", value: q.search.trim() });
    if (filter.length > 0) args.filter = filter;
    const answer = await this.#bridge.callTool("view_rows", args);
    if (answer.isError === true) throw refused(answer);
    if (version !== this.#version) return 0;
    const s = structured(answer);
    const rows = readRows(s.rows);
    const numbers = Array.isArray(s.numbers) ? s.numbers : [];
    rows.forEach((r, i) => {
      this.#rows[offset + i] = r;
      if (typeof numbers[i] === "number") this.#places[offset + i] = numbers[i];
    });
    if (typeof s.total === "number" && s.total >= 0) this.total = s.total;
    if (typeof s.matched === "number" && s.matched >= 0) this.matched = s.matched;
    else if (rows.length === 0) this.matched = offset;
    return rows.length;
  }
}

const isWhole = (q: Query): boolean => q.sort === null && q.filters.length === 0 && q.search.trim() === "";

function refused(answer: Json): Error {
  const f = failure(answer);
  return f.code === "handle_expired" ? new Expired(f.message) : new Error(f.message);
}

/** The whole of a value that was cut. */
export async function wholeCell(bridge: Bridge, handle: string, result: number, row: number, column: number): Promise<Cell> {
  const answer = await bridge.callTool("view_cell", { handle, result, row, column });
  if (answer.isError === true) throw refused(answer);
  return record(structured(answer)).value;
}
