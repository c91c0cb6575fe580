// One result set: its rows, what the reader asked of them, and either a page of ten in a table or all of them in a grid.

import type { ResultSet } from "../shared/answer";
import type { Bridge } from "../shared/bridge";
import type { Filter } from "../shared/compare";
import { h, keepFocus, replace } from "../shared/dom";
import { count, type Cell, type Column } from "../shared/text";
import { Grid } from "./grid";
import { EVERYTHING, Expired, Held, Remote, type Query, type Source } from "./source";
import { pager, table } from "./table";

/** What a result set asks of the page around it. */
export interface Around {
  readonly bridge: Bridge | null;
  fullscreen(): boolean;
  /** The status line is to be written again. */
  changed(): void;
  trouble(text: string): void;
  expired(): void;
  columnMenu(view: SetView, column: number): void;
  wholeValue(view: SetView, row: number, column: number): void;
  /** The text for the clipboard, and a word about it. */
  copied(view: SetView, rows: number[], columns: number[]): string;
}

/** Columns shown at first; the others can be chosen. */
const MOST_COLUMNS = 200;

/** Rows of a page: fewer where a finger needs higher ones, so that the page stays as high (hosts want at most 500 pixels). */
const pageSize = (): number => (!matchMedia("(pointer: coarse)").matches ? 10 : innerWidth < 480 ? 5 : 6);

export class SetView {
  readonly element = h("div", { class: "set" });
  readonly hidden = new Set<number>();
  readonly picked = new Set<number>();
  query: Query = EVERYTHING;
  first = 0;
  source: Source;
  #grid: Grid | null = null;
  readonly set: ResultSet;
  readonly number: number;
  readonly around: Around;

  constructor(set: ResultSet, number: number, around: Around, handle: string) {
    this.set = set;
    this.number = number;
    this.around = around;
    const more = around.bridge?.can("serverTools") === true && handle !== "" && set.kept > set.rows.length;
    this.source = more ? new Remote(set, around.bridge!, handle, number) : new Held(set);
    for (let i = MOST_COLUMNS; i < set.columns.length; i++) this.hidden.add(i);
  }

  get pageSize(): number {
    return pageSize();
  }

  get last(): number {
    return Math.min(this.first + this.pageSize, this.source.matched);
  }

  shown(): number[] {
    return this.set.columns.flatMap((_, i) => (this.hidden.has(i) ? [] : [i]));
  }

  filterOf(column: number): Filter | undefined {
    return this.query.filters.find((f) => f.column === column);
  }

  render(): void {
    keepFocus(() => {
      if (this.around.fullscreen()) {
        this.#grid ??= new Grid(this);
        this.#grid.render();
        if (this.element.firstChild !== this.#grid.element) replace(this.element, this.#grid.element);
      } else {
        this.#grid = null;
        replace(this.element, table(this), pager(this));
      }
    });
    this.around.changed();
  }

  /** What the reader wants to see of the rows. */
  async ask(change: Partial<Query>): Promise<void> {
    const before = this.query;
    this.query = { ...this.query, ...change };
    this.first = 0;
    this.picked.clear();
    this.#grid?.reset();
    await this.#waited(async () => {
      try {
        await this.source.ask(this.query);
      } catch (e) {
        // What the server would not do is taken back, so that what was there before stands there still.
        if (!(e instanceof Expired)) await this.source.ask((this.query = before));
        throw e;
      }
      await this.source.need(0, this.pageSize);
    });
  }

  sortBy(column: number): Promise<void> {
    const s = this.query.sort;
    const next = s?.column !== column ? { column, desc: false } : s.desc ? null : { column, desc: true };
    return this.ask({ sort: next });
  }

  async turn(first: number): Promise<void> {
    this.first = Math.max(0, Math.min(first, Math.max(0, this.source.matched - 1)));
    this.first -= this.first % this.pageSize;
    await this.#waited(() => this.source.need(this.first, this.first + this.pageSize));
  }

  /** Rows that a grid scrolled to. */
  async bring(from: number, to: number): Promise<void> {
    try {
      await this.source.need(from, to);
    } catch (e) {
      this.failed(e);
    }
  }

  pick(row: number, on: boolean): void {
    if (on) this.picked.add(row);
    else this.picked.delete(row);
    this.around.changed();
  }

  /** All rows that the query leaves, in the columns that are shown. */
  async all(): Promise<{ columns: Column[]; rows: Cell[][] }> {
    await this.source.need(0, this.source.matched);
    return this.part(Array.from({ length: this.source.matched }, (_, i) => i));
  }

  part(places: readonly number[], columns = this.shown()): { columns: Column[]; rows: Cell[][] } {
    const rows: Cell[][] = [];
    for (const at of places) {
      const row = this.source.row(at);
      if (row) rows.push(columns.map((i) => row[i]));
    }
    return { columns: columns.map((i) => this.set.columns[i]!), rows };
  }

  failed(e: unknown): void {
    if (e instanceof Expired) {
      // What the result itself holds stays, with what was asked of it.
      this.source = new Held(this.set);
      this.first = 0;
      void this.source.ask(this.query);
      this.around.expired();
      this.render();
      return;
    }
    this.around.trouble(e instanceof Error ? e.message : String(e));
  }

  /** What the rows are, in words. */
  described(): string {
    const { matched, total } = this.source;
    const all = matched === total ? count(total) : `${count(matched)} of ${count(total)}`;
    if (matched === 0) return total === 0 ? "no rows" : `no row of ${count(total)} fits`;
    if (this.around.fullscreen()) return matched === 1 ? `${all} row` : `${all} rows`;
    return `rows ${count(this.first + 1)}–${count(this.last)} of ${all}`;
  }

  async #waited(work: () => Promise<void>): Promise<void> {
    this.element.setAttribute("aria-busy", "true");
    try {
      await work();
    } catch (e) {
      this.failed(e);
    }
    this.element.removeAttribute("aria-busy");
    this.render();
  }
}
