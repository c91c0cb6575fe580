// A page of rows as a table of HTML, for a frame in a conversation.

import { button, h, type Child } from "../shared/dom";
import { cellText, count, nameOf, shortened } from "../shared/text";
import { cellClass, content, isLong } from "./cells";
import type { SetView } from "./set-view";

export function table(view: SetView): HTMLElement {
  const shown = view.shown();
  const head = h("tr", {}, pickAll(view), ...shown.map((i) => heading(view, i)));
  const body: HTMLElement[] = [];
  for (let at = view.first; at < view.last; at++) body.push(line(view, at, shown));
  const caption = h("caption", { class: "sr" }, `Result ${view.number + 1}, ${view.described()}`);
  const grid = h("table", { "aria-rowcount": view.source.matched + 1 }, caption, h("thead", {}, head), h("tbody", {}, ...body));
  const empty = view.source.matched === 0 ? h("p", { class: "empty" }, view.source.total === 0 ? "No rows." : "No row fits the search and the filters.") : null;
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Rows of result ${view.number + 1}`, "data-key": "rows" }, grid, empty);
}

function pickAll(view: SetView): HTMLElement {
  const places = Array.from({ length: Math.max(0, view.last - view.first) }, (_, i) => view.first + i);
  const all = places.length > 0 && places.every((p) => view.picked.has(p));
  const change = (e: Event): void => {
    for (const p of places) view.pick(p, (e.target as HTMLInputElement).checked);
    view.render();
  };
  const box = h("input", { type: "checkbox", "aria-label": "Select the rows of this page", change, "data-key": "pick-all" });
  box.checked = all;
  return h("th", { scope: "col", class: "pick" }, h("label", {}, box));
}

export function sortState(view: SetView, column: number): "ascending" | "descending" | "none" {
  const s = view.query.sort;
  return s?.column !== column ? "none" : s.desc ? "descending" : "ascending";
}

export const ARROWS = { ascending: "▲", descending: "▼", none: "" };

function heading(view: SetView, i: number): HTMLElement {
  const c = view.set.columns[i]!;
  const name = nameOf(c, i);
  const state = sortState(view, i);
  const about = [c.type, ...c.notes].filter((t) => t !== "").join("; ");
  const sort = h("button", { type: "button", class: "sort", title: about, "data-key": `sort-${i}`, click: () => void view.sortBy(i) },
    h("span", { class: "name" }, name), view.filterOf(i) ? h("span", { class: "filtered", title: "filtered" }, "⧩") : null, h("span", { class: "arrow", "aria-hidden": "true" }, ARROWS[state]));
  const menu = button("⋮", `menu-${i}`, () => view.around.columnMenu(view, i), { class: "menu", "aria-label": `Menu of column ${name}` });
  return h("th", { scope: "col", "aria-sort": state, class: cellClass(c) }, h("div", { class: "head" }, sort, menu));
}

function line(view: SetView, at: number, shown: number[]): HTMLElement {
  const row = view.source.row(at);
  const box = h("input", { type: "checkbox", "aria-label": `Select row ${at + 1}`, "data-key": `pick-${at}` });
  box.checked = view.picked.has(at);
  const tr = h("tr", { "aria-rowindex": at + 2, class: box.checked ? "picked" : "" },
    h("th", { scope: "row", class: "pick" }, h("label", {}, box, h("span", { "aria-hidden": "true" }, count(at + 1)))));
  box.addEventListener("change", () => {
    tr.className = box.checked ? "picked" : "";
    view.pick(at, box.checked);
  });
  for (const i of shown) {
    const c = view.set.columns[i]!;
    if (!row) {
      tr.append(h("td", { class: "null" }, "…"));
      continue;
    }
    const text = cellText(row[i], c);
    const more: Child = isLong(text, c)
      ? button("⋯", `whole-${at}-${i}`, () => view.around.wholeValue(view, at, i), { class: "whole", "aria-label": `Whole value of ${shortened(nameOf(c, i), 40)}, row ${at + 1}` })
      : null;
    tr.append(h("td", { class: cellClass(c), dir: "auto" }, h("div", { class: "cell" }, h("span", { class: "value" }, ...content(row[i], c)), more)));
  }
  return tr;
}

/** Pages, where there is more than one. */
export function pager(view: SetView): HTMLElement | null {
  const { matched } = view.source;
  if (matched <= view.pageSize) return null;
  const turn = (label: string, key: string, to: number, off: boolean, name: string): HTMLElement =>
    button(label, key, () => void view.turn(to), { "aria-disabled": off ? "true" : null, "aria-label": name, class: "quiet" });
  const lastPage = matched - 1 - ((matched - 1) % view.pageSize);
  return h("nav", { class: "pager", "aria-label": "Pages" },
    turn("«", "first", 0, view.first === 0, "First page"),
    turn("‹", "previous", view.first - view.pageSize, view.first === 0, "Previous page"),
    h("span", { class: "where" }, `page ${count(Math.floor(view.first / view.pageSize) + 1)} of ${count(Math.ceil(matched / view.pageSize))}`),
    turn("›", "next", view.last >= matched ? view.first : view.first + view.pageSize, view.last >= matched, "Next page"),
    turn("»", "last", lastPage, view.last >= matched, "Last page"));
}
