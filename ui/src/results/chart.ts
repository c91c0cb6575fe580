// A chart where one makes sense, guessed from the columns' types alone; where nothing is sure there is none. SVG of our own, and the same data as a table beside it.

import { h, svg, type Child } from "../shared/dom";
import { cellText, nameOf, numeric, shortened, type Cell, type Column } from "../shared/text";

export type Form = "line" | "bar" | "scatter";

export interface Plan {
  form: Form;
  /** The column along the bottom. */
  x: number;
  ys: number[];
}

const MOST_BARS = 30;
const MOST_SERIES = 4;
const MOST_POINTS = 5000;
const TABLE_ROWS = 200;

const ordered = (c: Column): boolean => c.kind === "moment" || c.kind === "offset";

/** What the columns of a result can be drawn as. */
export function plan(columns: readonly Column[], rows: readonly (readonly Cell[])[]): Plan | null {
  if (rows.length < 2 || columns.length < 2 || columns.length > MOST_SERIES + 1) return null;
  const at = (test: (c: Column) => boolean): number[] => columns.flatMap((c, i) => (test(c) ? [i] : []));
  const [times, numbers, texts] = [at(ordered), at(numeric), at((c) => c.kind === "text" || c.kind === "bit")];
  if (times.length + numbers.length + texts.length !== columns.length || numbers.length === 0) return null;
  if (texts.length === 0 && times.length === 1) return { form: "line", x: times[0]!, ys: numbers };
  if (texts.length === 1 && times.length === 0) {
    const x = texts[0]!;
    const names = new Set(rows.map((r) => cellText(r[x], columns[x]!)));
    return rows.length <= MOST_BARS && names.size === rows.length && !names.has(null) ? { form: "bar", x, ys: numbers } : null;
  }
  if (texts.length > 0 || times.length > 0) return null;
  if (columns[0]!.kind === "integer" && rising(rows)) return { form: "line", x: 0, ys: numbers.slice(1) };
  return numbers.length === 2 ? { form: "scatter", x: 0, ys: [1] } : null;
}

function rising(rows: readonly (readonly Cell[])[]): boolean {
  return rows.every((r, i) => i === 0 || (r[0] !== null && Number(r[0]) > Number(rows[i - 1]![0])));
}

/** Where a value stands on a line; a moment by its time. */
function position(v: Cell, c: Column): number {
  const t = cellText(v, c);
  if (t === null) return NaN;
  if (numeric(c)) return Number(t);
  const [date, time = "00:00:00"] = t.includes("T") ? t.split("T") : t.includes(":") ? ["1970-01-01", t] : [t];
  return Date.parse(`${date}T${time.replace(/(\.\d{3})\d+/, "$1")}${/(Z|[+-]\d\d:\d\d)$/.test(time) ? "" : "Z"}`);
}

/** Round steps between two ends. */
export function ticks(from: number, to: number, about: number): number[] {
  const raw = (to - from) / Math.max(1, about);
  if (!(raw > 0) || !Number.isFinite(raw)) return [from];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  const out: number[] = [];
  const first = Math.ceil(from / step);
  for (let i = first; i * step <= to + step * 1e-9 && out.length < 50; i++) out.push(Number((i * step).toPrecision(12)));
  return out.length > 0 ? out : [from];
}

const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });

function label(n: number, c: Column | undefined, span: number): string {
  if (!c || !ordered(c)) return Math.abs(n) !== 0 && Math.abs(n) < 0.01 ? n.toExponential(1) : short.format(n);
  const d = new Date(n);
  if (Number.isNaN(d.getTime())) return "";
  const iso = d.toISOString();
  if (c.type.startsWith("time(") || c.type === "time") return iso.slice(11, 16);
  const day = 86_400_000;
  return span > 900 * day ? iso.slice(0, 7) : span > 3 * day ? iso.slice(0, 10) : iso.slice(5, 16).replace("T", " ");
}

interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
}

interface Scale {
  from: number;
  to: number;
  at(n: number): number;
}

function scale(values: number[], start: number, length: number, zero: boolean): Scale {
  let [from, to] = [Infinity, -Infinity];
  for (const v of values) {
    if (!Number.isFinite(v)) continue;
    if (v < from) from = v;
    if (v > to) to = v;
  }
  if (from > to) [from, to] = [0, 1];
  if (zero) [from, to] = [Math.min(0, from), Math.max(0, to)];
  if (from === to) [from, to] = [from - 0.5, to + 0.5];
  return { from, to, at: (n) => start + ((n - from) / (to - from)) * length };
}

function axis(f: Frame, y: Scale): SVGElement {
  const g = svg("g", { class: "axis", "aria-hidden": "true" });
  for (const t of ticks(y.from, y.to, Math.max(2, f.height / 45))) {
    g.append(svg("line", { x1: f.left, x2: f.left + f.width, y1: y.at(t), y2: y.at(t) }));
    g.append(svg("text", { x: f.left - 6, y: y.at(t) + 4, "text-anchor": "end" }, label(t, undefined, 0)));
  }
  return g;
}

function along(f: Frame, x: Scale, c: Column): SVGElement {
  const g = svg("g", { class: "axis", "aria-hidden": "true" });
  const marks = ticks(x.from, x.to, Math.max(1, f.width / 110));
  for (const t of marks) g.append(svg("text", { x: x.at(t), y: f.top + f.height + 18, "text-anchor": "middle" }, label(t, c, x.to - x.from)));
  return g;
}

type Rows = readonly (readonly Cell[])[];

function bars(p: Plan, columns: readonly Column[], rows: Rows, f: Frame): SVGElement[] {
  const values = p.ys.map((y) => rows.map((r) => position(r[y], columns[y]!)));
  const y = scale(values.flat(), f.top + f.height, -f.height, true);
  const band = f.width / rows.length;
  const width = (band * 0.8) / p.ys.length;
  const out = [axis(f, y)];
  const names = svg("g", { class: "axis", "aria-hidden": "true" });
  const every = Math.ceil(rows.length / Math.max(1, f.width / 60));
  rows.forEach((r, i) => {
    const name = cellText(r[p.x], columns[p.x]!) ?? "NULL";
    values.forEach((v, s) => {
      const n = v[i]!;
      if (!Number.isFinite(n)) return;
      const [a, b] = [y.at(0), y.at(n)];
      const bar = svg("rect", { class: `fill-${s}`, x: f.left + band * (i + 0.1) + width * s, width: Math.max(1, width - 1), y: Math.min(a, b), height: Math.max(1, Math.abs(a - b)) });
      bar.append(svg("title", {}, `${shortened(name, 80)}: ${cellText(r[p.ys[s]!], columns[p.ys[s]!]!)}`));
      out.push(bar);
    });
    if (i % every === 0) {
      const room = Math.max(3, Math.floor((band * every) / 7));
      names.append(svg("text", { x: f.left + band * (i + 0.5), y: f.top + f.height + 18, "text-anchor": "middle" }, shortened(name, room)));
    }
  });
  out.push(names);
  return out;
}

function points(p: Plan, columns: readonly Column[], rows: Rows, f: Frame): SVGElement[] {
  const c = columns[p.x]!;
  const order = rows.map((r) => ({ r, at: position(r[p.x], c) })).filter((o) => Number.isFinite(o.at));
  if (p.form === "line") order.sort((a, b) => a.at - b.at);
  const shown = order.slice(0, MOST_POINTS);
  const x = scale(shown.map((o) => o.at), f.left, f.width, false);
  const series = p.ys.map((s) => shown.map((o) => position(o.r[s], columns[s]!)));
  const y = scale(series.flat(), f.top + f.height, -f.height, false);
  const out = [axis(f, y), along(f, x, c)];
  series.forEach((values, s) => {
    let path = "";
    let pen = "M";
    const dots: SVGElement[] = [];
    values.forEach((v, i) => {
      // NULL is a gap and not a zero.
      if (!Number.isFinite(v)) return void (pen = "M");
      const [px, py] = [x.at(shown[i]!.at).toFixed(1), y.at(v).toFixed(1)];
      path += `${pen}${px} ${py}`;
      pen = "L";
      if (p.form === "scatter" || values.length <= 60) dots.push(svg("circle", { class: `fill-${s}`, cx: px, cy: py, r: 3 }));
    });
    if (p.form === "line") out.push(svg("path", { class: `line-${s}`, d: path || "M0 0" }));
    out.push(...dots);
  });
  return out;
}

/** The drawing for a width in pixels. */
export function draw(p: Plan, columns: readonly Column[], rows: Rows, width: number, height = 260): SVGElement {
  const f: Frame = { left: 52, top: 12, width: Math.max(120, width - 64), height: height - 44 };
  const parts = p.form === "bar" ? bars(p, columns, rows, f) : points(p, columns, rows, f);
  const what = `${p.ys.map((y) => nameOf(columns[y]!, y)).join(", ")} by ${nameOf(columns[p.x]!, p.x)}: ${p.form} chart of ${rows.length} rows; the same data is in the table below`;
  return svg("svg", { class: "chart", role: "img", "aria-label": what, width: f.left + f.width + 12, height, viewBox: `0 0 ${f.left + f.width + 12} ${height}` }, ...parts);
}

/** Names of the series, by colour and by dash. */
export function legend(p: Plan, columns: readonly Column[]): HTMLElement {
  const mark = (s: number): SVGElement =>
    svg("svg", { width: 24, height: 12, "aria-hidden": "true" }, svg(p.form === "line" ? "path" : "rect", p.form === "line" ? { class: `line-${s}`, d: "M0 6L24 6" } : { class: `fill-${s}`, x: 6, width: 12, height: 12 }));
  return h("ul", { class: "legend" }, ...p.ys.map((y, s): Child => h("li", {}, mark(s), nameOf(columns[y]!, y))));
}

/** The same data for those who cannot see the chart, or do not trust it. */
export function asTable(p: Plan, columns: readonly Column[], rows: Rows): HTMLElement {
  const at = [p.x, ...p.ys];
  const head = h("tr", {}, ...at.map((i) => h("th", { scope: "col" }, nameOf(columns[i]!, i))));
  const body = rows.slice(0, TABLE_ROWS).map((r) => h("tr", {}, ...at.map((i) => h("td", {}, shortened(cellText(r[i], columns[i]!) ?? "NULL", 200)))));
  const rest = rows.length > TABLE_ROWS ? h("p", {}, `The first ${TABLE_ROWS} of ${rows.length} rows; all of them are under Rows.`) : null;
  return h("details", { class: "as-table" }, h("summary", {}, "Data as a table"), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Data of the chart" }, h("table", {}, h("thead", {}, head), h("tbody", {}, ...body))), rest);
}
