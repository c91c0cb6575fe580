// Tables and foreign keys as SVG: a box for each table with its key columns, a line for each key with its arrow at what is referred to.

import { svg } from "../shared/dom";
import { shortened } from "../shared/text";
import { arrange, type Box } from "./layout";
import type { ForeignKey, Graph, Table } from "./model";

/** More are a picture that nobody reads. */
export const MOST_TABLES = 40;
const MOST_COLUMNS = 7;
const LINE = 18;
const HEAD = 26;
const CHARACTER = 7.1;
const MARGIN = 26;

/** Those around the center, nearest first. */
export function chosen(graph: Graph, center: string): Table[] {
  const distance = new Map<string, number>([[center, 0]]);
  const queue = [center];
  for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
    for (const k of graph.keys) {
      const other = k.from.table === id ? k.to.table : k.to.table === id ? k.from.table : null;
      if (other !== null && !distance.has(other)) {
        distance.set(other, distance.get(id)! + 1);
        queue.push(other);
      }
    }
  }
  return [...distance.keys()].slice(0, MOST_TABLES).map((id) => graph.tables.get(id)!).filter(Boolean);
}

interface Drawn extends Box {
  table: Table;
  columns: string[];
}

function boxed(table: Table): Drawn {
  const keys = table.columns.filter((c) => c.key !== "");
  const columns = keys.slice(0, MOST_COLUMNS).map((c) => `${shortened(c.name, 26)} ${c.key}`);
  if (keys.length > MOST_COLUMNS) columns.push(`and ${keys.length - MOST_COLUMNS} more`);
  const longest = Math.max(shortened(table.label, 34).length * 1.12, ...columns.map((c) => c.length));
  return { id: table.id, table, columns, width: Math.round(Math.min(280, Math.max(120, longest * CHARACTER + 24))), height: HEAD + columns.length * LINE + 8, x: 0, y: 0 };
}

function line(k: ForeignKey, a: Drawn, b: Drawn, nth: number): SVGElement {
  const title = svg("title", {}, `${a.table.label} (${k.from.columns.join(", ")}) → ${b.table.label} (${k.to.columns.join(", ")})`);
  const shift = (nth % 5) * 7;
  if (a === b) {
    const [x, y] = [a.x + a.width - 30, a.y];
    return svg("path", { class: "edge", "marker-end": "url(#arrow)", d: `M${x} ${y}C${x} ${y - 24} ${x + 54} ${y - 24} ${a.x + a.width + 2} ${y + 14}` }, title);
  }
  const forward = b.x >= a.x + a.width;
  const level = !forward && b.x + b.width > a.x;
  const [x1, x2] = forward ? [a.x + a.width, b.x] : level ? [a.x + a.width, b.x + b.width] : [a.x, b.x + b.width];
  const [y1, y2] = [a.y + HEAD / 2 + shift, b.y + HEAD / 2 + shift];
  const bend = level ? 40 : (x2 - x1) / 2;
  const end = level ? x2 + bend : x2 - bend;
  return svg("path", { class: "edge", "marker-end": "url(#arrow)", d: `M${x1} ${y1}C${x1 + bend} ${y1} ${end} ${y2} ${x2} ${y2}` }, title);
}

function node(b: Drawn, center: boolean, expand: ((t: Table) => void) | null): SVGElement {
  const open = expand && !b.table.whole ? expand : null;
  const g = svg("g", {
    class: `node${center ? " center" : ""}${open ? " more" : ""}`, transform: `translate(${b.x} ${b.y})`, "data-key": `node-${b.id}`,
    ...(open ? { role: "button", tabindex: 0, "aria-label": `${[shortened(b.table.label, 34), ...b.columns].join(" ")}: show the tables around it`, click: () => open(b.table), keydown: (e: KeyboardEvent) => {
      if (e.key !== "Enter" && e.key !== " ") return;
      e.preventDefault();
      open(b.table);
    } } : {}),
  });
  g.append(svg("rect", { width: b.width, height: b.height, rx: 5 }));
  g.append(svg("text", { class: "table-name", x: 10, y: 17 }, shortened(b.table.label, 34)));
  if (open) g.append(svg("text", { class: "plus", x: b.width - 14, y: 17, "aria-hidden": "true" }, "+"));
  b.columns.forEach((c, i) => g.append(svg("text", { class: "table-column", x: 10, y: HEAD + 12 + i * LINE }, c)));
  return g;
}

/** The whole drawing. */
export function drawing(graph: Graph, center: Table, expand: ((t: Table) => void) | null): SVGElement {
  const boxes = chosen(graph, center.id).map(boxed);
  const box = new Map(boxes.map((b) => [b.id, b]));
  const keys = graph.keys.filter((k) => box.has(k.from.table) && box.has(k.to.table));
  const size = arrange(boxes, keys.map((k) => [k.from.table, k.to.table]));
  const arrow = svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto-start-reverse" }, svg("path", { class: "arrow-head", d: "M0 0L8 4L0 8Z" }));
  const [width, height] = [size.width + MARGIN * 2, size.height + MARGIN * 2];
  return svg("svg", { class: "schema", role: "group", "aria-label": `Foreign keys around ${center.label}; the same as a list below`, width, height, viewBox: `${-MARGIN} ${-MARGIN} ${width} ${height}` },
    svg("defs", {}, arrow), ...keys.map((k, i) => line(k, box.get(k.from.table)!, box.get(k.to.table)!, i)), ...boxes.map((b) => node(b, b.id === center.id, expand)));
}
