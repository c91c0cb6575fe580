// Order and filters by what a column's type says. Digits that a double cannot carry are compared as digits.

import { cellText, type Cell, type Column } from "./text";

export type Op = "contains" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "null" | "not_null";

export interface Filter {
  column: number;
  op: Op;
  value: string;
}

/** What a value is ordered by, made once for each. */
interface Key {
  n: number;
  text: string;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Two texts of digits, by their value and not by their double. */
export function compareDigits(a: string, b: string): number {
  const [x, y] = [parts(a), parts(b)];
  if (x.sign !== y.sign) return x.sign - y.sign;
  const size = x.whole.length - y.whole.length || order(x.whole, y.whole) || order(x.fraction, y.fraction);
  return Math.sign(size) * x.sign;
}

function parts(text: string): { sign: number; whole: string; fraction: string } {
  const digits = text.replace(/^[+-]/, "");
  const [before = "", after = ""] = digits.split(".", 2);
  const whole = before.replace(/^0+/, "");
  const fraction = after.replace(/0+$/, "");
  if (whole === "" && fraction === "") return { sign: 0, whole, fraction };
  return { sign: text.startsWith("-") ? -1 : 1, whole, fraction };
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A moment with an offset, as seconds of UTC and the digits behind them. */
function moment(text: string): Key {
  const m = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?([+-]\d\d:\d\d|Z)$/.exec(text);
  return m ? { n: Date.parse(m[1]! + m[3]!), text: (m[2] ?? "").padEnd(7, "0") } : { n: NaN, text };
}

function key(value: Cell, c: Column): Key | null {
  const text = cellText(value, c);
  if (text === null) return null;
  switch (c.kind) {
    case "integer":
    case "decimal":
    case "float":
      return { n: Number(text), text };
    case "bit":
      return { n: text === "true" || text === "1" ? 1 : 0, text: "" };
    case "offset":
      return moment(text);
    default:
      return { n: 0, text };
  }
}

/** Compares texts as people order them; made once, because it is dear to make. */
const collator = new Intl.Collator(undefined, { numeric: false });

function compareKeys(a: Key, b: Key, c: Column): number {
  if (a.n !== b.n) {
    // What is no number stands behind those that are.
    if (Number.isNaN(a.n) || Number.isNaN(b.n)) return Number(Number.isNaN(a.n)) - Number(Number.isNaN(b.n)) || order(a.text, b.text);
    return a.n < b.n ? -1 : 1;
  }
  if (c.kind === "integer" || c.kind === "decimal") return a.text === b.text ? 0 : compareDigits(a.text, b.text);
  if (c.kind === "float") return 0;
  if (c.kind === "text") return collator.compare(a.text, b.text) || order(a.text, b.text);
  return order(a.text, b.text);
}

/** The places of the rows in order. NULL comes first, as in SQL Server; equal rows stay as they were. */
export function sorted(places: Uint32Array, rows: readonly Cell[][], c: Column, at: number, desc: boolean): Uint32Array {
  const keys = new Map<number, Key | null>();
  for (const i of places) keys.set(i, key(rows[i]?.[at], c));
  const sign = desc ? -1 : 1;
  return places.sort((i, j) => {
    const [a, b] = [keys.get(i), keys.get(j)];
    if (!a || !b) return (Number(!!a) - Number(!!b)) * sign || i - j;
    return compareKeys(a, b, c) * sign || i - j;
  });
}

/** Whether a row passes. A value that is no number is equal to none. */
export function passes(f: Filter, c: Column): (value: Cell) => boolean {
  if (f.op === "null") return (v) => cellText(v, c) === null;
  if (f.op === "not_null") return (v) => cellText(v, c) !== null;
  const wanted = f.value.trim();
  if (f.op === "contains") {
    const part = f.value.toLowerCase();
    return (v) => cellText(v, c)?.toLowerCase().includes(part) ?? false;
  }
  const number = c.kind === "integer" || c.kind === "decimal" || c.kind === "float";
  if (number && !NUMBER.test(wanted)) return () => false;
  const of = key(number && /e/i.test(wanted) ? Number(wanted) : c.kind === "text" ? f.value : wanted, c);
  const holds = TESTS[f.op];
  return (v) => {
    const k = key(v, c);
    if (!k || !of) return false;
    // A text equals another by its characters, not by the order of a language.
    if (c.kind === "text" && (f.op === "eq" || f.op === "ne")) return (k.text === of.text) === (f.op === "eq");
    return holds(compareKeys(k, of, c));
  };
}

const TESTS: Record<"eq" | "ne" | "lt" | "le" | "gt" | "ge", (n: number) => boolean> = {
  eq: (n) => n === 0, ne: (n) => n !== 0, lt: (n) => n < 0, le: (n) => n <= 0, gt: (n) => n > 0, ge: (n) => n >= 0,
};
