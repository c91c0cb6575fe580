// What is told of one table: its columns, its keys as a list, and the rest.

import { record, type Json } from "../shared/bridge";
import { h, type Child } from "../shared/dom";
import { count, shortened, visible } from "../shared/text";
import { records, strings, text, type ForeignKey, type Graph, type Table } from "./model";

const said = (t: string, most = 400): Child[] => visible(shortened(t, most));

function made(c: Json): string {
  const identity = record(c.identity);
  if (Object.keys(identity).length > 0) return `identity(${identity.seed ?? "?"}, ${identity.increment ?? "?"})`;
  return text(c.computed) !== "" ? `= ${text(c.computed)}` : text(c.default);
}

/** Columns with all that is known of each. */
export function columnsTable(s: Json, center: Table): HTMLElement {
  const unique = new Set(records(s.unique_constraints).filter((u) => strings(u.columns).length === 1).flatMap((u) => strings(u.columns)));
  const rows = records(s.columns).map((c, i) => {
    const key = center.columns[i]?.key ?? "";
    const badges = [...key.split(" "), unique.has(text(c.name)) ? "UQ" : ""].filter((k) => k !== "");
    return h("tr", {}, h("th", { scope: "row", dir: "auto" }, ...said(text(c.name), 128)), h("td", { class: "mono" }, text(c.type)),
      h("td", {}, ...badges.map((b) => h("span", { class: "badge", title: BADGES[b] ?? b }, b))), h("td", {}, c.nullable === true ? "NULL" : "NOT NULL"),
      h("td", { class: "mono", dir: "auto" }, ...said(made(c), 120)), h("td", { class: "wrap", dir: "auto" }, ...said(text(c.description))));
  });
  const head = ["Column", "Type", "Key", "NULL", "Default", "Description"].map((t) => h("th", { scope: "col" }, t));
  return h("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Columns" },
    h("table", {}, h("caption", { class: "sr" }, `Columns of ${center.label}`), h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)));
}

const BADGES: Record<string, string> = { PK: "primary key", FK: "foreign key", UQ: "unique" };

const names = (v: string[]): string => v.map((n) => shortened(n, 60)).join(", ");

/** The keys as sentences, for those who do not see the drawing. */
export function keysList(graph: Graph, center: Table, more: ((t: Table) => void) | null): HTMLElement {
  const label = (id: string): string => shortened(graph.tables.get(id)?.label ?? id, 80);
  const one = (k: ForeignKey): HTMLElement =>
    h("li", { dir: "auto" }, h("strong", {}, label(k.from.table)), ` (${names(k.from.columns)}) refers to `, h("strong", {}, label(k.to.table)), ` (${names(k.to.columns)})`, k.actions === "" ? null : `, ${k.actions}`);
  const own = graph.keys.filter((k) => k.from.table === center.id);
  const others = graph.keys.filter((k) => k.from.table !== center.id && k.to.table === center.id);
  const rest = graph.keys.filter((k) => k.from.table !== center.id && k.to.table !== center.id);
  const section = (title: string, keys: ForeignKey[]): Child[] => (keys.length === 0 ? [] : [h("h2", {}, title), h("ul", {}, ...keys.map(one))]);
  const open = more ? [...graph.tables.values()].filter((t) => !t.whole && t.id !== center.id) : [];
  return h("div", { class: "keys" }, ...section("It refers to", own), ...section("It is referred to by", others), ...section("Further keys", rest), graph.keys.length === 0 ? h("p", {}, "No foreign key leads from or to it.") : null,
    open.length === 0 ? null : h("div", { class: "row" }, h("span", {}, "Show what is around"), ...open.slice(0, 12).map((t) => h("button", { type: "button", "data-key": `around-${t.id}`, click: () => more!(t) }, shortened(t.label, 40)))));
}

/** Indexes, constraints and what else there is. */
export function details(s: Json): HTMLElement {
  const facts: [string, string][] = [];
  if (text(s.type) !== "") facts.push(["kind", text(s.type)]);
  if (typeof s.rows === "number") facts.push(["rows", `about ${count(s.rows)}`]);
  if (text(s.collation) !== "") facts.push(["collation", text(s.collation)]);
  const primary = record(s.primary_key);
  if (text(primary.name) !== "") facts.push(["primary key", `${text(primary.name)} (${names(strings(primary.columns))})`]);
  for (const u of records(s.unique_constraints)) facts.push(["unique", `${text(u.name)} (${names(strings(u.columns))})`]);
  for (const c of records(s.check_constraints)) facts.push(["check", `${text(c.name)}: ${text(c.definition)}`]);
  for (const i of records(s.indexes)) {
    const down = new Set(strings(i.descending));
    const columns = strings(i.columns).map((c) => (down.has(c) ? `${c} DESC` : c));
    const included = strings(i.included);
    const more = [i.unique === true ? "unique" : "", text(i.type), included.length > 0 ? `includes ${names(included)}` : "", text(i.filter) === "" ? "" : `where ${text(i.filter)}`];
    facts.push(["index", `${text(i.name)} (${names(columns)})${more.filter((t) => t !== "").map((t) => `, ${t}`).join("")}`]);
  }
  return h("dl", { class: "details" }, ...facts.flatMap(([name, value]): Child[] => [h("dt", {}, name), h("dd", { dir: "auto" }, ...said(value, 1000))]));
}
