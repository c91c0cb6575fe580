// The list of tables, to search and to open.

import { button, h, keepFocus, replace, type Child } from "../shared/dom";
import { count, plural, shortened, visible } from "../shared/text";
import type { Listed } from "./model";

const PAGE = 10;

export class List {
  readonly element = h("div", { class: "set" });
  readonly search = h("input", { type: "search", "aria-label": "Search tables", placeholder: "Search tables", "data-key": "search", input: () => this.#typed() });
  readonly #status: (text: string) => void;
  readonly #open: ((t: Listed) => void) | null;
  readonly #more: (() => void) | null;
  #all: Listed[] = [];
  #first = 0;
  #cursor = "";
  #message = "";
  full = false;

  constructor(status: (text: string) => void, open: ((t: Listed) => void) | null, more: (() => void) | null) {
    this.#status = status;
    this.#open = open;
    this.#more = more;
  }

  get cursor(): string {
    return this.#cursor;
  }

  add(tables: Listed[], cursor: string, message: string): void {
    this.#all.push(...tables);
    this.#cursor = cursor;
    this.#message = message;
    this.render();
  }

  #typed(): void {
    this.#first = 0;
    this.render();
  }

  #matching(): Listed[] {
    const part = this.search.value.trim().toLowerCase();
    return part === "" ? this.#all : this.#all.filter((t) => t.label.toLowerCase().includes(part) || t.description.toLowerCase().includes(part));
  }

  render(): void {
    const found = this.#matching();
    const page = this.full ? 500 : matchMedia("(pointer: coarse)").matches ? 6 : PAGE;
    const shown = found.slice(this.#first, this.#first + page);
    keepFocus(() => replace(this.element, this.#table(shown), this.#pager(found.length, page)));
    const all = this.#all.some((t) => t.type === "view") ? `${count(this.#all.length)} tables and views` : plural(this.#all.length, "table");
    const of = found.length === this.#all.length ? all : `${count(found.length)} of ${all}`;
    this.#status(this.#all.length === 0 ? this.#message || "No tables." : this.#cursor === "" ? of : `${of}; there are more`);
  }

  #table(shown: Listed[]): HTMLElement {
    const row = (t: Listed): HTMLElement => {
      const label = shortened(t.label, 128);
      const name: Child = this.#open ? button(label, `open-${t.label}`, () => this.#open!(t), { class: "link" }) : h("span", {}, ...visible(label));
      return h("tr", {}, h("th", { scope: "row", dir: "auto" }, name), h("td", {}, t.type), h("td", { class: "num" }, t.rows === null ? "" : count(t.rows)), h("td", { class: "wrap", dir: "auto" }, ...visible(shortened(t.description, 300))));
    };
    const head = ["Table", "Kind", "Rows, about", "Description"].map((x) => h("th", { scope: "col", class: x.startsWith("Rows") ? "num" : "" }, x));
    return h("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Tables", "data-key": "rows" }, h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...shown.map(row))), shown.length === 0 ? h("p", { class: "empty" }, "No table fits.") : null);
  }

  #pager(n: number, page: number): HTMLElement | null {
    const last = this.#first + page >= n;
    const turn = (to: number): void => {
      this.#first = to;
      this.render();
    };
    const parts: Child[] = [];
    if (n > page) {
      const step = (label: string, key: string, name: string, to: number, off: boolean): HTMLElement => button(label, key, () => off || turn(to), { class: "quiet", "aria-label": name, "aria-disabled": off ? "true" : null });
      parts.push(step("‹", "previous", "Previous page", this.#first - page, this.#first === 0), h("span", { class: "where" }, `page ${Math.floor(this.#first / page) + 1} of ${Math.ceil(n / page)}`), step("›", "next", "Next page", this.#first + page, last));
    }
    if (this.#cursor !== "" && this.#more) parts.push(button("More tables", "more", this.#more));
    return parts.length === 0 ? null : h("nav", { class: "pager", "aria-label": "Pages" }, ...parts);
  }
}
