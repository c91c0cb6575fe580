// The page: tabs of result sets, chart, messages and SQL over a line of tools, and what it says while nothing is there, or when something failed.

import { readAnswer, type Answer } from "../shared/answer";
import { HostError, type Bridge, type Json } from "../shared/bridge";
import { tsv } from "../shared/csv";
import { button, h, replace, say, type Child } from "../shared/dom";
import { copy, told } from "../shared/out";
import { Tabs, type Tab } from "../shared/tabs";
import { count, plural, shortened } from "../shared/text";
import { actionsPanel, askPanel, mayAsk, type Surroundings } from "./actions";
import { wasCut } from "./cells";
import { asTable, draw, legend, plan } from "./chart";
import { columnPanel, Panel, valuePage } from "./panels";
import { SetView, type Around } from "./set-view";
import { wholeCell } from "./source";
import { failurePage, messagesPage, sqlPage, waitingPage } from "./texts";

/** What the model saw is cut; this view is not, or elsewhere. */
const keptText = (kept: { rows: number; complete: boolean }): string => (kept.complete ? "" : `The server keeps the first ${plural(kept.rows, "row")} for this view; the query has more.`);

export class Page implements Around {
  readonly element: HTMLElement;
  readonly bridge: Bridge | null;
  #args: Json = {};
  #tool = "";
  #answer: Answer | null = null;
  #views: SetView[] = [];
  #at = 0;
  #full = false;
  #expired = false;
  readonly #tabs = new Tabs();
  readonly #panel = new Panel();
  readonly #tools = h("div", { class: "tools" });
  readonly #status = h("p", { class: "status", role: "status" });
  readonly #notice = h("p", { class: "notice", hidden: true });
  readonly #manual = h("div", { class: "manual", hidden: true });
  readonly #search = h("input", { type: "search", "aria-label": "Search in all columns", placeholder: "Search", "data-key": "search", input: () => this.#typed() });
  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor(bridge: Bridge | null) {
    this.bridge = bridge;
    this.element = h("main", { class: "page" }, h("h1", { class: "sr" }, "Result of a query"),
      h("div", { class: "top" }, this.#tabs.bar, this.#tools), this.#panel.element, this.#manual, this.#notice, this.#tabs.body, this.#status);
    this.#plainPage(waitingPage("", ""));
  }

  // === what arrives ===

  input(args: Json, tool: string): void {
    this.#args = args;
    this.#tool = tool || (typeof args.table_name === "string" ? "get_table_sample" : "execute_sql");
    if (!this.#answer) this.#plainPage(waitingPage(this.#sql(), "Running…"));
  }

  partial(args: Json): void {
    if (!this.#answer) this.#plainPage(waitingPage(typeof args.query === "string" ? args.query : "", "Being written…"));
  }

  cancelled(reason: string): void {
    if (!this.#answer) this.#plainPage(waitingPage(this.#sql(), reason === "" ? "The call was cancelled." : `The call was cancelled: ${shortened(reason, 300)}`));
  }

  result(result: Json): void {
    const a = readAnswer(result);
    this.#answer = a;
    this.#expired = false;
    this.#panel.close();
    this.#search.value = "";
    const held = a.sets.reduce((n, s) => n + s.rows.length, 0);
    if (a.kept && a.kept.rows > held) a.cut = this.bridge?.can("serverTools") ? keptText(a.kept) : "Only the rows that came with the answer are here. For the others run the query again.";
    // A set of which nothing came is for those who can ask for it.
    const reached = this.bridge?.can("serverTools") === true;
    this.#views = a.sets.filter((s) => s.columns.length > 0 && (reached || s.rows.length > 0 || s.kept === 0)).map((s) => new SetView(s, a.sets.indexOf(s), this, a.kept?.handle ?? ""));
    this.#at = 0;
    this.#tabs.reset();
    this.#build();
    void this.#current()?.source.need(0, 0);
  }

  /** In a tab of our own, and in fullscreen, all rows stand in a grid. */
  setFull(full: boolean): void {
    if (this.#full === full) return;
    this.#full = full;
    document.documentElement.toggleAttribute("data-full", full);
    if (this.#answer) this.#build();
  }

  // === what a result set asks ===

  fullscreen(): boolean {
    return this.#full;
  }

  changed(): void {
    this.#drawTools();
    say(this.#status, this.#statusText());
  }

  trouble(text: string): void {
    this.#notice.hidden = text === "";
    say(this.#notice, shortened(text, 500));
  }

  expired(): void {
    this.#expired = true;
    this.trouble("The rows beyond those here have expired: run the query again.");
    this.changed();
  }

  columnMenu(view: SetView, column: number): void {
    const copyName = (name: string): void => void copy(name, this.#manual).then((w) => this.#say(told(w, "name")));
    this.#panel.toggle(`column-${column}`, `Column ${shortened(view.set.columns[column]?.name || `${column + 1}`, 60)}`, this.#full ? "grid" : `menu-${column}`, ...columnPanel(view, column, this.#panel, copyName));
  }

  wholeValue(view: SetView, row: number, column: number): void {
    const value = view.source.row(row)?.[column];
    const back = (): void => {
      this.#build();
      const key = this.#full ? "grid" : `whole-${row}-${column}`;
      document.querySelector<HTMLElement>(`[data-key="${key}"]`)?.focus({ preventScroll: true });
    };
    const show = (v: unknown, note: string): void => {
      const copyIt = button("Copy", "copy-value", () => void copy(typeof v === "string" ? v : JSON.stringify(v), this.#manual).then((w) => this.#say(told(w, "value"))));
      replace(view.element, valuePage(view, row, column, v, note, [copyIt], back));
      view.element.querySelector<HTMLElement>("[data-key=value-back]")?.focus({ preventScroll: true });
    };
    const place = view.source.place(row);
    const handle = this.#answer?.kept?.handle ?? "";
    const cut = (v: unknown): boolean => typeof v === "string" && wasCut(v, view.set.columns[column]!);
    if (!cut(value)) return show(value, "");
    if (!this.bridge?.can("serverTools") || handle === "" || this.#expired) return show(value, "the server cut it");
    if (place === null) return show(value, "cut; clear order and filters to read all of it");
    show(value, "reading all of it…");
    wholeCell(this.bridge, handle, view.number, place, column).then((v) => show(v, cut(v) ? "the server cut it" : ""), (e: unknown) => {
      show(value, "the server cut it");
      view.failed(e);
    });
  }

  copied(view: SetView, rows: number[], columns: number[]): string {
    const { columns: c, rows: r } = view.part(rows, columns);
    this.#say(`${plural(r.length * c.length, "value")} copied`);
    return tsv(c, r, false);
  }

  // === parts of the page ===

  #current(): SetView | undefined {
    return this.#views[this.#at];
  }

  #sql(): string {
    const q = this.#args.query;
    return this.#answer?.kept?.sql || (typeof q === "string" ? q : "");
  }

  #plainPage(body: HTMLElement): void {
    this.#tabs.set([{ key: "plain", label: "", panel: body }]);
    replace(this.#tools);
    say(this.#status, "");
  }

  #build(): void {
    const a = this.#answer!;
    this.trouble(this.#expired ? "The rows beyond those here have expired: run the query again." : a.failure ? "" : a.cut);
    const tabs: Tab[] = [];
    if (a.failure) tabs.push({ key: "failure", label: "Error", panel: failurePage(a.failure), shown: () => this.changed() });
    this.#views.forEach((view, n) => {
      const label = this.#views.length === 1 ? "Rows" : `Result ${view.number + 1} (${count(view.source.total)})`;
      const panel = h("div", {}, view.element);
      tabs.push({ key: `set-${n}`, label, panel, shown: () => this.#shown(n) });
    });
    const chart = this.#chartTab();
    if (chart) tabs.push(chart);
    const said = a.messages.length + (a.affected?.length ?? 0);
    if (said > 0 || (this.#views.length === 0 && !a.failure)) tabs.push({ key: "messages", label: said > 0 ? `Messages (${said})` : "Messages", panel: messagesPage(a), shown: () => this.changed() });
    const sql = this.#sql();
    if (sql !== "") tabs.push({ key: "sql", label: "SQL", panel: sqlPage(sql, () => void copy(sql, this.#manual).then((w) => this.#say(told(w, "SQL")))), shown: () => this.changed() });
    this.#tabs.set(tabs);
  }

  #shown(n: number): void {
    if (this.#at !== n) this.#panel.close();
    this.#at = n;
    const view = this.#views[n]!;
    this.#search.value = view.query.search;
    view.render();
    // Of a later set perhaps no row came with the answer.
    if (view.source.matched > 0 && !view.source.row(view.first)) void view.turn(view.first);
  }

  /** The chart is of the rows as they are shown: searched, filtered and ordered. */
  #chartTab(): Tab | null {
    const first = this.#views.findIndex((v) => plan(v.set.columns, v.set.rows) !== null);
    if (first < 0) return null;
    const panel = h("div", { class: "chart-panel" });
    const paint = (): void => {
      const view = this.#views[plan(this.#current()?.set.columns ?? [], this.#current()?.set.rows ?? []) ? this.#at : first]!;
      const p = plan(view.set.columns, view.set.rows)!;
      const places = Array.from({ length: view.source.matched }, (_, i) => i);
      const { columns, rows } = view.part(places, view.set.columns.map((_, i) => i));
      replace(panel, draw(p, columns, rows, Math.max(260, panel.clientWidth || 600), this.#full ? 420 : 240), legend(p, columns), asTable(p, columns, rows));
      this.changed();
    };
    let width = 0;
    new ResizeObserver(() => {
      if (panel.clientWidth === width || panel.hidden) return;
      width = panel.clientWidth;
      if (this.#tabs.current === "chart") paint();
    }).observe(panel);
    return { key: "chart", label: "Chart", panel, shown: paint };
  }

  #surroundings(): Surroundings {
    return { bridge: this.bridge, panel: this.#panel, place: this.#manual, say: (t) => this.#say(t), again: null, title: this.#tool || "a query" };
  }

  #drawTools(): void {
    const view = this.#current();
    const onRows = view !== undefined && this.#tabs.current.startsWith("set-");
    const s = this.#surroundings();
    const tools: Child[] = [];
    if (onRows) {
      tools.push(this.#search);
      if (view.picked.size > 0 && mayAsk(s)) {
        tools.push(button(`Ask about ${plural(view.picked.size, "row")}`, "ask", () => this.#panel.toggle("ask", "Ask about this", "ask", ...askPanel(s, view))));
      }
      tools.push(button("Actions", "actions", () => this.#panel.toggle("actions", "Actions", "actions", ...actionsPanel(s, view))));
    }
    if (this.#mayRunAgain()) tools.push(button("Run again", "again", () => void this.#again()));
    const modes = this.bridge?.host.context.availableDisplayModes;
    if (Array.isArray(modes) && modes.includes("fullscreen")) {
      tools.push(button(this.#full ? "Leave fullscreen" : "Fullscreen", "fullscreen", () => void this.#mode(this.#full ? "inline" : "fullscreen")));
    }
    const key = document.activeElement?.getAttribute("data-key");
    const kept = [...this.#tools.childNodes];
    // The search box itself stays where it is, so that whoever types in it goes on.
    if (kept.includes(this.#search) && onRows) {
      for (const e of kept) if (e !== this.#search) e.remove();
      this.#tools.append(...(tools.slice(1).filter(Boolean) as Node[]));
    } else replace(this.#tools, ...tools);
    if (key && document.activeElement === document.body) this.#tools.querySelector<HTMLElement>(`[data-key="${key}"]`)?.focus({ preventScroll: true });
  }

  #typed(): void {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => void this.#current()?.ask({ search: this.#search.value }), 60);
  }

  /** Only what changed nothing may be run again from here, with the arguments that it had. */
  #mayRunAgain(): boolean {
    const a = this.#answer;
    if (!a || !this.bridge?.can("serverTools") || a.committed !== null || a.affected !== null || a.dryRun || this.#args.dry_run === true) return false;
    if (a.failure && a.failure.code !== "timeout" && a.failure.code !== "busy") return false;
    return typeof this.#args.query === "string" || typeof this.#args.table_name === "string";
  }

  async #again(): Promise<void> {
    this.#say("running…");
    try {
      this.result(await this.bridge!.callTool(this.#tool, this.#args));
    } catch (e) {
      this.trouble(e instanceof HostError ? `The host did not run it: ${e.message}` : "It could not be run.");
    }
  }

  async #mode(mode: string): Promise<void> {
    try {
      const answer = await this.bridge!.request("ui/request-display-mode", { mode });
      if (typeof answer.mode === "string") this.#onMode(answer.mode);
    } catch {
      this.trouble("The host did not change the size.");
    }
  }

  #onMode(mode: string): void {
    this.bridge!.host.context.displayMode = mode;
    this.modeChanged?.();
    this.setFull(mode === "fullscreen");
  }

  /** Set by whoever reports sizes. */
  modeChanged: (() => void) | null = null;

  #say(text: string): void {
    say(this.#status, text);
  }

  #statusText(): string {
    const a = this.#answer;
    if (!a) return "";
    const parts: string[] = [];
    const view = this.#current();
    if (view && this.#tabs.current.startsWith("set-")) parts.push(view.described());
    if (view && view.hidden.size > 0) parts.push(`${plural(view.hidden.size, "column")} hidden`);
    if (a.kept?.elapsed !== null && a.kept?.elapsed !== undefined) parts.push(`${count(a.kept.elapsed)} ms`);
    if (!a.failure) parts.push(a.dryRun ? "dry run, rolled back" : a.committed === true ? "committed" : a.committed === false ? "not committed" : "read-only");
    if (this.#expired) parts.push("expired: run the query again");
    return parts.join(" · ");
  }
}
