// Values as the server's own texts have them: what JSON makes a double of gets the digits back that its type has, so that what is shown, copied and
// written as CSV is the same everywhere.

import { h, type Child } from "./dom";

export type Cell = unknown;

export type Kind = "integer" | "decimal" | "float" | "bit" | "moment" | "offset" | "binary" | "text";

export interface Column {
  name: string;
  type: string;
  kind: Kind;
  /** Digits behind the point; none where the type does not say. */
  scale: number | null;
  /** A real has four bytes, and so fewer digits than a float. */
  real: boolean;
  cut: number;
  notes: string[];
}

const KINDS: Record<string, Kind> = Object.assign(Object.create(null), {
  tinyint: "integer", smallint: "integer", int: "integer", bigint: "integer",
  decimal: "decimal", numeric: "decimal", money: "decimal", smallmoney: "decimal",
  float: "float", real: "float", bit: "bit",
  date: "moment", time: "moment", datetime: "moment", datetime2: "moment", smalldatetime: "moment", datetimeoffset: "offset",
  binary: "binary", varbinary: "binary", image: "binary", timestamp: "binary",
});

export function column(name: string, type: string): Column {
  const base = (type.split("(", 1)[0] ?? "").trim().toLowerCase();
  const kind = KINDS[base] ?? "text";
  let scale: number | null = null;
  if (base === "money" || base === "smallmoney") scale = 4;
  else if (kind === "decimal") scale = Number(/,\s*(\d{1,2})\s*\)/.exec(type)?.[1] ?? (type.includes("(") ? 0 : NaN));
  return { name, type, kind, scale: scale === null || Number.isNaN(scale) ? null : scale, real: base === "real", cut: 0, notes: [] };
}

export const numeric = (c: Column): boolean => c.kind === "integer" || c.kind === "decimal" || c.kind === "float";

/** Digits and the place of the point: 1234e-2 is ["1234", 2]. */
function digits(n: number): [string, number] {
  const [mantissa = "", exponent = "0"] = Math.abs(n).toExponential().split("e");
  return [mantissa.replace(".", ""), Number(exponent) + 1];
}

/** A number without an exponent. */
function plain(n: number, scale: number | null): string {
  const [d, point] = digits(n);
  const whole = point > 0 ? d.slice(0, point).padEnd(point, "0") : "0";
  let fraction = point > 0 ? d.slice(point) : "0".repeat(-point) + d;
  if (/^0*$/.test(fraction)) fraction = "";
  if (scale !== null && fraction.length < scale) fraction = fraction.padEnd(scale, "0");
  return (n < 0 ? "-" : "") + whole + (fraction === "" ? "" : "." + fraction);
}

/** A double as the server's JSON has it: always with a point or an exponent, which begins sooner for four bytes than for eight. */
function double(n: number, real: boolean): string {
  const sign = n < 0 || Object.is(n, -0) ? "-" : "";
  const [d, point] = digits(n);
  if (n === 0) return sign + "0.0";
  if (point > (real ? 13 : 16) || point < (real ? -5 : -4)) {
    const e = point - 1;
    return sign + d[0] + (d.length > 1 ? "." + d.slice(1) : "") + "e" + (e < 0 ? "" : "+") + e;
  }
  const text = plain(Math.abs(n), null);
  return sign + text + (text.includes(".") ? "" : ".0");
}

/** What a value is as text; null for NULL. */
export function cellText(value: Cell, c: Column): string | null {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      return c.kind === "float" ? double(value, c.real) : plain(value, c.scale);
    case "boolean":
    case "bigint":
      return String(value);
    case "object":
      if (value === null) return null;
      if (Array.isArray(value)) return "[" + value.map((n) => (typeof n === "number" ? double(n, true) : String(n))).join(",") + "]";
      if ("base_type" in value) return cellText((value as { value?: Cell }).value ?? null, column(c.name, String(value.base_type)));
      return JSON.stringify(value);
    default:
      return null;
  }
}

// Control characters, marks of direction and what has no width: a text that hides something shows that it does.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const NAMES: Record<string, string> = { "\n": "↵", "\r": "␍", "\t": "⇥", "\0": "␀" };

/** A text for people: what nobody would see stands there by its name. */
export function visible(text: string): Child[] {
  const out: Child[] = [];
  let from = 0;
  for (const m of text.matchAll(HIDDEN)) {
    if (m.index > from) out.push(text.slice(from, m.index));
    const code = m[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    out.push(h("span", { class: "hidden-char", title: `U+${code}` }, NAMES[m[0]] ?? `U+${code}`));
    from = m.index + 1;
  }
  if (from < text.length) out.push(text.slice(from));
  return out;
}

/** A column's name, or that it has none. */
export function nameOf(c: Column, at: number): string {
  return c.name === "" ? `(column ${at + 1}, no name)` : shortened(c.name, 128);
}

export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  // Not in the middle of a pair.
  const end = /[\ud800-\udbff]/.test(text[most - 1] ?? "") ? most - 1 : most;
  return text.slice(0, end) + "…";
}

let format: Intl.NumberFormat | undefined;

/** How this reader writes a count. */
export function setLocale(locale: unknown): void {
  try {
    format = new Intl.NumberFormat(typeof locale === "string" ? locale : undefined);
  } catch {
    format = undefined;
  }
}

export const count = (n: number): string => format?.format(n) ?? String(n);

export const plural = (n: number, one: string, many = one + "s"): string => `${count(n)} ${n === 1 ? one : many}`;
