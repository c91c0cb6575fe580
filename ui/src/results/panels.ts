// What opens between the toolbar and the rows: the menu of a column, actions, a question to the model. In the flow of the page and not above it, so that a small frame
// does not cut it off.

import type { Filter, Op } from "../shared/compare";
import { button, h, replace, type Child } from "../shared/dom";
import { cellText, nameOf, numeric, shortened, visible, type Cell, type Column } from "../shared/text";
import type { SetView } from "./set-view";

export class Panel {
  readonly element = h("section", { class: "panel", hidden: true, tabindex: -1, keydown: (e: KeyboardEvent) => this.#key(e) });
  #key_ = "";
  #back = "";

  get open(): string {
    return this.#key_;
  }

  /** Shows something, or hides it when it is shown already; the keyboard comes back to where it was. */
  toggle(key: string, title: string, back: string, ...children: Child[]): void {
    if (this.#key_ === key) return this.close();
    this.#key_ = key;
    this.#back = back;
    this.element.setAttribute("aria-label", title);
    replace(this.element, h("div", { class: "panel-head" }, h("h2", {}, title), button("✕", "close-panel", () => this.close(), { class: "quiet", "aria-label": "Close" })), ...children);
    this.element.hidden = false;
    this.element.querySelector<HTMLElement>("input, select, button:not([data-key=close-panel]), textarea")?.focus({ preventScroll: true });
  }

  close(): void {
    if (this.#key_ === "") return;
    this.#key_ = "";
    this.element.hidden = true;
    replace(this.element);
    const back = [...document.querySelectorAll<HTMLElement>("[data-key]")].find((e) => e.getAttribute("data-key") === this.#back);
    back?.focus({ preventScroll: true });
  }

  #key(e: KeyboardEvent): void {
    if (e.key !== "Escape") return;
    e.preventDefault();
    e.stopPropagation();
    this.close();
  }
}

const OPS: Record<Op, string> = {
  contains: "contains", eq: "is", ne: "is not", lt: "is less than", le: "is at most", gt: "is more than", ge: "is at least", null: "is NULL", not_null: "is not NULL",
};

const opsOf = (c: Column): Op[] => (c.kind === "text" || c.kind === "binary" ? ["contains", "eq", "ne", "null", "not_null"] : ["eq", "ne", "lt", "le", "gt", "ge", "contains", "null", "not_null"]);

/** Enter in a field. A form would do that, but a frame without `allow-forms` submits none. */
export const onEnter = (f: () => void) => (e: KeyboardEvent): void => {
  if (e.key !== "Enter" || !(e.target instanceof HTMLInputElement)) return;
  e.preventDefault();
  f();
};

/** A column's menu. */
export function columnPanel(view: SetView, i: number, panel: Panel, copyName: (name: string) => void): Child[] {
  const c = view.set.columns[i]!;
  const now = view.filterOf(i);
  const op = h("select", { "aria-label": "Condition" }, ...opsOf(c).map((o) => h("option", { value: o }, OPS[o])));
  op.value = now?.op ?? opsOf(c)[0]!;
  const value = h("input", { type: "text", "aria-label": "Value", value: now?.value ?? "", inputmode: numeric(c) ? "decimal" : null, placeholder: "value" });
  const apply = (): void => {
    const filter: Filter = { column: i, op: op.value as Op, value: value.value };
    panel.close();
    void view.ask({ filters: [...view.query.filters.filter((f) => f.column !== i), filter] });
  };
  const clear = (): void => {
    panel.close();
    void view.ask({ filters: view.query.filters.filter((f) => f.column !== i) });
  };
  const sort = (desc: boolean) => (): void => {
    panel.close();
    void view.ask({ sort: { column: i, desc } });
  };
  const hide = (): void => {
    view.hidden.add(i);
    panel.close();
    view.render();
  };
  return [
    h("p", { class: "about" }, [c.type, ...c.notes].filter((t) => t !== "").join("; ")),
    h("div", { class: "row", keydown: onEnter(apply) }, h("span", {}, "Rows where it"), op, value, button("Filter", "apply-filter", apply), now ? button("Clear", "clear-filter", clear) : null),
    h("div", { class: "row" }, button("Sort ascending", "sort-up", sort(false)), button("Sort descending", "sort-down", sort(true)),
      view.shown().length > 1 ? button("Hide column", "hide", hide) : null, button("Copy name", "copy-name", () => copyName(c.name))),
  ];
}

/** Which columns are shown. */
export function columnsChoice(view: SetView): HTMLElement {
  const boxes = view.set.columns.map((c, i) => {
    const box = h("input", { type: "checkbox", change: () => {
      if (box.checked) view.hidden.delete(i);
      else if (view.shown().length > 1) view.hidden.add(i);
      box.checked = !view.hidden.has(i);
      view.render();
    } });
    box.checked = !view.hidden.has(i);
    return h("label", { class: "check" }, box, nameOf(c, i));
  });
  return h("details", { class: "columns" }, h("summary", {}, `Columns: ${view.shown().length} of ${view.set.columns.length} shown`), h("div", { class: "checks" }, ...boxes));
}

/** The whole of a value, in place of the rows. */
export function valuePage(view: SetView, at: number, i: number, value: Cell, note: string, tools: Child[], back: () => void): HTMLElement {
  const c = view.set.columns[i]!;
  const text = cellText(value, c);
  const title = `${shortened(nameOf(c, i), 60)}, row ${at + 1}`;
  const about = text === null ? "NULL" : `${text.length} characters`;
  const body = text === null ? h("span", { class: "null" }, "NULL") : null;
  const pre = h("pre", { class: "whole-value", tabindex: 0, role: "region", "aria-label": `Value of ${title}`, dir: "auto" }, body);
  // A million spans would stand still; a very long text is shown as it is.
  if (text !== null) pre.append(...(text.length < 20_000 ? lines(text) : [text]));
  return h("section", { class: "value-page", "aria-label": title, keydown: (e: KeyboardEvent) => {
    if (e.key === "Escape") back();
  } }, h("div", { class: "row" }, button("← Rows", "value-back", back), h("strong", {}, title), h("span", { class: "about" }, [c.type, about, note].filter((t) => t !== "").join(" · ")), ...tools), pre);
}

/** Line ends stay what they are; all else that is hidden is shown. */
function lines(text: string): (Node | string)[] {
  return text.split(/(\r?\n)/).flatMap((part) => (/^\r?\n$/.test(part) ? [part] : (visible(part) as (Node | string)[])));
}
