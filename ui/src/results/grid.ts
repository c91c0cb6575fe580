// All rows in a grid of fixed height, of which only what is seen is in the document: rows of one height, columns of a width that the first rows suggest. One stop for
// the keyboard; arrows go on from there.

import { h, replace } from "../shared/dom";
import { cellText, nameOf } from "../shared/text";
import { cellClass, content } from "./cells";
import type { SetView } from "./set-view";
import { ARROWS, sortState } from "./table";

const NARROW = 72;
const WIDE = 340;
const CHARACTER = 8.3;
const SAMPLE = 50;
/** Rows drawn beyond what is seen, so that a scroll has no gaps. */
const BEYOND = 8;

let made = 0;

export class Grid {
  readonly element: HTMLElement;
  readonly #id = `g${++made}`;
  readonly #head = h("div", { class: "g-row g-head", role: "row", "aria-rowindex": 1 });
  readonly #body = h("div", { class: "g-body", role: "rowgroup" });
  readonly #view: SetView;
  #lefts: number[] = [];
  #shown: number[] = [];
  #scheduled = false;
  #at = { row: 0, column: 0 };
  #anchor = { row: 0, column: 0 };

  constructor(view: SetView) {
    this.#view = view;
    this.element = h("div", {
      class: "grid", role: "grid", tabindex: 0, "data-key": "grid", "aria-multiselectable": "true", "aria-label": `Rows of result ${view.number + 1}`,
      "aria-description": "Arrows move, Shift with arrows selects, Ctrl+C copies, Enter shows a whole value or sorts by a column, Alt+Down is the column's menu",
      scroll: () => this.#later(), keydown: (e: KeyboardEvent) => this.#key(e), mousedown: (e: MouseEvent) => this.#press(e), dblclick: (e: MouseEvent) => this.#open(e),
      copy: (e: ClipboardEvent) => this.#copy(e),
    }, h("div", { role: "rowgroup", class: "g-top" }, this.#head), this.#body);
    new ResizeObserver(() => this.#later()).observe(this.element);
  }

  reset(): void {
    this.#at = this.#anchor = { row: 0, column: 0 };
    this.element.scrollTop = 0;
  }

  render(): void {
    this.#shown = this.#view.shown();
    this.#measure();
    const { matched } = this.#view.source;
    this.element.setAttribute("aria-rowcount", String(matched + 1));
    this.element.setAttribute("aria-colcount", String(this.#shown.length));
    const width = `${this.#lefts[this.#shown.length]}px`;
    this.#body.style.width = this.#head.style.width = width;
    this.#body.style.height = `${matched * this.#height}px`;
    this.#draw();
  }

  get #height(): number {
    return matchMedia("(pointer: coarse)").matches ? 44 : 28;
  }

  #measure(): void {
    const { set, source } = this.#view;
    let left = 0;
    this.#lefts = [0];
    for (const i of this.#shown) {
      const c = set.columns[i]!;
      let most = Math.min(40, nameOf(c, i).length * 1.15 + 6);
      for (let r = 0; r < Math.min(SAMPLE, source.matched); r++) {
        const row = source.row(r);
        if (row) most = Math.max(most, Math.min(60, cellText(row[i], c)?.length ?? 4) + 2);
      }
      left += Math.round(Math.min(WIDE, Math.max(NARROW, most * CHARACTER)));
      this.#lefts.push(left);
    }
  }

  #later(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  /** The columns that are seen, and the first, which stays. */
  #columns(): number[] {
    const from = this.element.scrollLeft;
    const to = from + this.element.clientWidth;
    const seen = this.#shown.map((_, n) => n).filter((n) => this.#lefts[n + 1]! > from - 200 && this.#lefts[n]! < to + 200);
    return seen[0] === 0 || this.#shown.length === 0 ? seen : [0, ...seen];
  }

  #draw(): void {
    const { source } = this.#view;
    const high = this.#height;
    const columns = this.#columns();
    const from = Math.max(0, Math.floor(this.element.scrollTop / high) - BEYOND);
    const to = Math.min(source.matched, Math.ceil((this.element.scrollTop + this.element.clientHeight) / high) + BEYOND);
    replace(this.#head, ...columns.map((n) => this.#heading(n)));
    const rows: HTMLElement[] = [];
    let missing = false;
    for (let r = from; r < to; r++) {
      missing ||= source.row(r) === undefined;
      rows.push(this.#row(r, columns, high));
    }
    replace(this.#body, ...rows);
    this.#point();
    if (missing) void this.#view.bring(from, to).then(() => this.#view.around.fullscreen() && this.#later());
  }

  #place(e: HTMLElement, n: number): void {
    e.id = `${this.#id}-${e.dataset.row}-${n}`;
    e.style.width = `${this.#lefts[n + 1]! - this.#lefts[n]!}px`;
    if (n > 0) e.style.left = `${this.#lefts[n]}px`;
    else e.classList.add("g-first");
  }

  #heading(n: number): HTMLElement {
    const i = this.#shown[n]!;
    const c = this.#view.set.columns[i]!;
    const state = sortState(this.#view, i);
    const cell = h("div", { class: `g-cell g-name ${cellClass(c)}`, role: "columnheader", "aria-sort": state, "aria-colindex": n + 1, "data-row": -1, "data-column": n, title: [c.type, ...c.notes].join("; ") },
      h("span", { class: "value" }, nameOf(c, i)), this.#view.filterOf(i) ? " ⧩" : null, h("span", { class: "arrow", "aria-hidden": "true" }, ARROWS[state]), h("span", { class: "g-menu", "aria-hidden": "true", "data-menu": true }, "⋮"));
    this.#place(cell, n);
    return cell;
  }

  #row(r: number, columns: number[], high: number): HTMLElement {
    const values = this.#view.source.row(r);
    const row = h("div", { class: "g-row", role: "row", "aria-rowindex": r + 2 });
    row.style.transform = `translateY(${r * high}px)`;
    row.style.height = `${high}px`;
    for (const n of columns) {
      const i = this.#shown[n]!;
      const c = this.#view.set.columns[i]!;
      const picked = this.#inside(r, n);
      const cell = h("div", { class: `g-cell ${cellClass(c)}${picked ? " picked" : ""}`, role: "gridcell", "aria-colindex": n + 1, "aria-selected": picked ? "true" : "false", "data-row": r, "data-column": n, dir: "auto" },
        ...(values ? content(values[i], c) : ["…"]));
      this.#place(cell, n);
      row.append(cell);
    }
    return row;
  }

  #inside(r: number, n: number): boolean {
    const [a, b] = [this.#anchor, this.#at];
    return r >= Math.min(a.row, b.row) && r <= Math.max(a.row, b.row) && n >= Math.min(a.column, b.column) && n <= Math.max(a.column, b.column);
  }

  #point(): void {
    for (const e of this.element.querySelectorAll(".active")) e.classList.remove("active");
    const cell = this.element.querySelector(`#${this.#id}-${this.#at.row}-${this.#at.column}`);
    if (!cell) return this.element.removeAttribute("aria-activedescendant");
    cell.classList.add("active");
    this.element.setAttribute("aria-activedescendant", cell.id);
  }

  #go(row: number, column: number, extend: boolean): void {
    const last = this.#view.source.matched - 1;
    this.#at = { row: Math.max(-1, Math.min(row, last)), column: Math.max(0, Math.min(column, this.#shown.length - 1)) };
    if (!extend || this.#at.row < 0) this.#anchor = this.#at;
    this.#reveal();
    this.#draw();
    this.#pickRows();
  }

  /** Rows of a selection are what "ask" and "copy" are about. */
  #pickRows(): void {
    const picked = this.#view.picked;
    picked.clear();
    const [a, b] = [this.#anchor.row, this.#at.row].sort((x, y) => x - y) as [number, number];
    if (a >= 0 && (a !== b || this.#anchor.column !== this.#at.column)) for (let r = a; r <= b; r++) picked.add(r);
    this.#view.around.changed();
  }

  #reveal(): void {
    const e = this.element;
    const high = this.#height;
    const head = this.#head.offsetHeight;
    const top = this.#at.row * high;
    if (top < e.scrollTop) e.scrollTop = Math.max(0, top);
    else if (top + high > e.scrollTop + e.clientHeight - head) e.scrollTop = top + high - e.clientHeight + head;
    const [left, right] = [this.#lefts[this.#at.column]!, this.#lefts[this.#at.column + 1]!];
    const stays = this.#at.column === 0 ? 0 : this.#lefts[1]!;
    if (left < e.scrollLeft + stays) e.scrollLeft = Math.max(0, left - stays);
    else if (right > e.scrollLeft + e.clientWidth) e.scrollLeft = right - e.clientWidth;
  }

  #key(e: KeyboardEvent): void {
    const { row, column } = this.#at;
    const whole = e.ctrlKey || e.metaKey;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#height) - 2);
    const last = this.#view.source.matched - 1;
    const to: Record<string, [number, number]> = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      PageUp: [Math.max(0, row - page), column], PageDown: [row + page, column],
      Home: [whole ? 0 : row, 0], End: [whole ? last : row, this.#shown.length - 1],
    };
    const target = to[e.key];
    if (e.altKey && e.key === "ArrowDown") this.#menu(column);
    else if (target && !e.altKey) this.#go(target[0], target[1], e.shiftKey);
    else if (whole && e.key.toLowerCase() === "a") this.#all();
    else if (e.key === "Enter") this.#enter();
    else return;
    e.preventDefault();
  }

  #all(): void {
    this.#anchor = { row: 0, column: 0 };
    this.#at = { row: this.#view.source.matched - 1, column: this.#shown.length - 1 };
    this.#draw();
    this.#pickRows();
  }

  #enter(): void {
    const i = this.#shown[this.#at.column];
    if (i === undefined) return;
    if (this.#at.row < 0) void this.#view.sortBy(i);
    else this.#view.around.wholeValue(this.#view, this.#at.row, i);
  }

  #menu(n: number): void {
    const i = this.#shown[n];
    if (i !== undefined) this.#view.around.columnMenu(this.#view, i);
  }

  #press(e: MouseEvent): void {
    const target = e.target as HTMLElement;
    const cell = target.closest<HTMLElement>("[data-row]");
    if (!cell || e.button !== 0) return;
    const [row, n] = [Number(cell.dataset.row), Number(cell.dataset.column)];
    e.preventDefault();
    this.element.focus({ preventScroll: true });
    this.#go(row, n, e.shiftKey);
    if (row >= 0) return;
    if (target.hasAttribute("data-menu")) this.#menu(n);
    else this.#enter();
  }

  #open(e: MouseEvent): void {
    const cell = (e.target as HTMLElement).closest<HTMLElement>("[data-row]");
    if (cell && Number(cell.dataset.row) >= 0) this.#enter();
  }

  /** The selection as it goes to a spreadsheet; the event needs no permission. */
  #copy(e: ClipboardEvent): void {
    const [a, b] = [this.#anchor, this.#at];
    const between = (x: number, y: number): number[] => Array.from({ length: Math.abs(x - y) + 1 }, (_, i) => Math.min(x, y) + i);
    const rows = between(a.row, b.row).filter((r) => r >= 0);
    const columns = between(a.column, b.column).map((n) => this.#shown[n]!);
    const text = this.#view.around.copied(this.#view, rows, columns);
    e.clipboardData?.setData("text/plain", text);
    e.preventDefault();
  }
}
