// The page of a schema: one table with its columns and keys, or the list of tables from which one is opened.

import { failure, structured, textOf } from "../shared/answer";
import { HostError, record, type Bridge, type Json } from "../shared/bridge";
import { button, h, replace, say } from "../shared/dom";
import { Tabs, type Tab } from "../shared/tabs";
import { plural, shortened } from "../shared/text";
import { failurePage, waitingPage } from "../results/texts";
import { drawing, chosen, MOST_TABLES } from "./graph";
import { List } from "./list";
import { described, listed, text, type Graph, type Listed, type Table } from "./model";
import { columnsTable, details, keysList } from "./texts";

export class SchemaPage {
  readonly element: HTMLElement;
  modeChanged: (() => void) | null = null;
  readonly #bridge: Bridge | null;
  readonly #tabs = new Tabs();
  readonly #tools = h("div", { class: "tools" });
  readonly #title = h("h1", { class: "title" }, "Schema");
  readonly #about = h("p", { class: "about", hidden: true, dir: "auto" });
  readonly #notice = h("p", { class: "notice", hidden: true });
  readonly #status = h("p", { class: "status", role: "status" });
  #args: Json = {};
  #database = "";
  #list: List | null = null;
  #full = false;
  #shown = false;

  constructor(bridge: Bridge | null) {
    this.#bridge = bridge;
    this.element = h("main", { class: "page" }, h("div", { class: "top" }, this.#title, this.#tools), this.#about, this.#notice, this.#tabs.bar, this.#tabs.body, this.#status);
    this.#plain(waitingPage("", ""));
  }

  input(args: Json): void {
    this.#args = args;
    if (!this.#shown) this.#plain(waitingPage("", "Reading the catalog…"));
  }

  cancelled(reason: string): void {
    if (!this.#shown) this.#plain(waitingPage("", reason === "" ? "The call was cancelled." : `The call was cancelled: ${shortened(reason, 300)}`));
  }

  result(result: Json): void {
    this.#shown = true;
    this.#list = null;
    this.#show(result);
  }

  setFull(full: boolean): void {
    if (this.#full === full) return;
    this.#full = full;
    document.documentElement.toggleAttribute("data-full", full);
    if (this.#list) {
      this.#list.full = full;
      this.#list.render();
    }
    this.#drawTools();
  }

  // === what is shown ===

  #show(result: Json): void {
    this.#trouble("");
    this.#tabs.reset();
    if (result.isError === true) return this.#plain(failurePage(failure(result)));
    const s = structured(result);
    // What is asked from here is of the same database.
    const source = s.source as Json | undefined;
    this.#database = typeof source?.label === "string" ? source.label : this.#database;
    if (Array.isArray(s.tables)) return this.#listing(s);
    if (Array.isArray(s.databases)) return this.#databases(s.databases as Json[]);
    if (Array.isArray(s.columns)) return this.#table(s);
    this.#plain(h("p", {}, shortened(textOf(result), 4000) || "Nothing was told."));
  }

  #databases(all: Json[]): void {
    replace(this.#title, "Databases");
    const one = (d: Json): HTMLElement => h("li", {}, shortened([text(d.name), text(d.access), text(d.description)].filter((t) => t !== "").join(" · "), 400));
    this.#plain(h("ul", {}, ...all.map(one)));
  }

  #listing(s: Json): void {
    const call = this.#mayCall();
    this.#list = new List((t) => say(this.#status, t), call ? (t) => void this.#open(t) : null, call ? () => void this.#more() : null);
    this.#list.full = this.#full;
    this.#list.add(listed(s), text(s.next_cursor), text(s.message));
    this.#showList();
  }

  #showList(): void {
    replace(this.#title, "Tables");
    this.#about.hidden = true;
    this.#tabs.set([{ key: "list", label: "Tables", panel: h("div", {}, this.#list!.element) }]);
    this.#list!.render();
    this.#drawTools();
  }

  #table(s: Json): void {
    const { graph, center } = described(s);
    replace(this.#title, shortened(center.label, 80));
    const about = text(s.description);
    this.#about.hidden = about === "";
    say(this.#about, shortened(about, 500));
    const keys = h("div", { class: "keys-panel" });
    const draw = (): void => this.#drawKeys(keys, graph, center);
    const tabs: Tab[] = [
      { key: "columns", label: `Columns (${center.columns.length})`, panel: h("div", {}, columnsTable(s, center)), shown: () => this.#say(s, center) },
      { key: "keys", label: `Keys (${graph.keys.length})`, panel: keys, shown: draw },
      { key: "details", label: "Details", panel: h("div", {}, details(s)), shown: () => this.#say(s, center) },
    ];
    this.#tabs.set(tabs);
    this.#drawTools();
  }

  #say(s: Json, center: Table): void {
    const kind = text(s.type) || "table";
    const rows = typeof s.rows === "number" ? ` · about ${plural(s.rows, "row")}` : "";
    say(this.#status, `${kind} ${shortened(center.label, 80)} · ${plural(center.columns.length, "column")}${rows}`);
  }

  #drawKeys(panel: HTMLElement, graph: Graph, center: Table): void {
    const key = document.activeElement?.getAttribute("data-key");
    const expand = this.#mayCall() ? (t: Table): void => void this.#expand(t, graph, () => this.#drawKeys(panel, graph, center)) : null;
    const picture = graph.keys.length === 0 ? null : h("div", { class: "scroll drawing", tabindex: 0, role: "region", "aria-label": "Drawing of the keys" }, drawing(graph, center, expand));
    replace(panel, picture, keysList(graph, center, expand));
    if (key) [...panel.querySelectorAll<HTMLElement>("[data-key]")].find((e) => e.getAttribute("data-key") === key)?.focus({ preventScroll: true });
    const shown = chosen(graph, center.id).length;
    const all = graph.tables.size > shown ? ` of ${graph.tables.size}, at most ${MOST_TABLES} are drawn` : "";
    say(this.#status, `${plural(shown, "table")}${all} · ${plural(graph.keys.length, "foreign key")}`);
  }

  // === what is asked of the server ===

  #mayCall(): boolean {
    return this.#bridge?.can("serverTools") === true;
  }

  async #ask(tool: string, args: Json): Promise<Json | null> {
    this.#trouble("");
    say(this.#status, "reading…");
    try {
      const answer = await this.#bridge!.callTool(tool, this.#database === "" ? args : { ...args, database: this.#database });
      if (answer.isError !== true) return answer;
      this.#trouble(failure(answer).message);
    } catch (e) {
      this.#trouble(e instanceof HostError ? `The host did not ask the server: ${e.message}` : "It could not be read.");
    }
    return null;
  }

  async #expand(t: Table, graph: Graph, draw: () => void): Promise<void> {
    const answer = await this.#ask("view_schema", { table: t.label, depth: 1 });
    if (answer) {
      graph.add(answer);
      t.whole = true;
    }
    draw();
  }

  async #open(t: Listed): Promise<void> {
    const answer = await this.#ask("describe_table", { table_name: t.label });
    if (!answer) return;
    this.#show(answer);
    this.#tools.querySelector<HTMLElement>("[data-key=back]")?.focus({ preventScroll: true });
  }

  async #more(): Promise<void> {
    const list = this.#list;
    const answer = list && (await this.#ask("list_tables", { ...this.#args, cursor: list.cursor }));
    if (!answer) return;
    const s = structured(answer);
    list.add(listed(s), text(s.next_cursor), text(s.message));
  }

  async #mode(mode: string): Promise<void> {
    try {
      const answer = await this.#bridge!.request("ui/request-display-mode", { mode });
      if (typeof answer.mode !== "string") return;
      this.#bridge!.host.context.displayMode = answer.mode;
      this.modeChanged?.();
    } catch {
      this.#trouble("The host did not change the size.");
    }
  }

  #drawTools(): void {
    const onList = this.#tabs.current === "list";
    const modes = record(this.#bridge?.host.context).availableDisplayModes;
    const full = Array.isArray(modes) && modes.includes("fullscreen") ? button(this.#full ? "Leave fullscreen" : "Fullscreen", "fullscreen", () => void this.#mode(this.#full ? "inline" : "fullscreen")) : null;
    const back = this.#list && !onList ? button("← Tables", "back", () => {
      this.#trouble("");
      this.#showList();
    }) : null;
    replace(this.#tools, onList && this.#list ? this.#list.search : null, back, full);
  }

  #plain(body: HTMLElement): void {
    this.#about.hidden = true;
    this.#tabs.set([{ key: "plain", label: "", panel: body }]);
    this.#drawTools();
    say(this.#status, "");
  }

  #trouble(message: string): void {
    this.#notice.hidden = message === "";
    say(this.#notice, shortened(message, 500));
  }
}
