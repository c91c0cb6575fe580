// Tabs, as ARIA's authoring practices have them: one stop for the keyboard, arrows between them.

import { h, keepFocus, replace } from "./dom";

export interface Tab {
  key: string;
  label: string;
  panel: HTMLElement;
  shown?(): void;
}

export class Tabs {
  readonly bar = h("div", { class: "tabs", role: "tablist", "aria-label": "Parts of the answer" });
  readonly body = h("div", { class: "body" });
  #tabs: Tab[] = [];
  #at = "";

  get current(): string {
    return this.#at;
  }

  set(tabs: Tab[]): void {
    this.#tabs = tabs;
    const at = tabs.find((t) => t.key === this.#at) ?? tabs[0];
    this.#at = at?.key ?? "";
    for (const t of tabs) {
      t.panel.id = `panel-${t.key}`;
      t.panel.setAttribute("role", "tabpanel");
      t.panel.setAttribute("aria-labelledby", `tab-${t.key}`);
    }
    replace(this.body, ...tabs.map((t) => t.panel));
    this.#draw();
    at?.shown?.();
  }

  /** The next answer begins at its first tab. */
  reset(): void {
    this.#at = "";
  }

  open(key: string): void {
    const tab = this.#tabs.find((t) => t.key === key);
    if (!tab) return;
    this.#at = key;
    this.#draw();
    tab.shown?.();
  }

  #draw(): void {
    keepFocus(() => {
      // One alone needs no bar.
      this.bar.hidden = this.#tabs.length < 2;
      replace(this.bar, ...this.#tabs.map((t) => this.#button(t)));
    });
    for (const t of this.#tabs) t.panel.hidden = t.key !== this.#at;
  }

  #button(t: Tab): HTMLElement {
    const on = t.key === this.#at;
    return h("button", {
      type: "button", role: "tab", id: `tab-${t.key}`, "data-key": `tab-${t.key}`, "aria-selected": on ? "true" : "false", "aria-controls": `panel-${t.key}`, tabindex: on ? 0 : -1,
      click: () => this.open(t.key), keydown: (e: KeyboardEvent) => this.#key(e),
    }, t.label);
  }

  #key(e: KeyboardEvent): void {
    const n = this.#tabs.length;
    const at = this.#tabs.findIndex((t) => t.key === this.#at);
    const to = ({ ArrowRight: at + 1, ArrowLeft: at - 1 + n, Home: 0, End: n - 1 } as Record<string, number>)[e.key];
    if (to === undefined) return;
    e.preventDefault();
    const key = this.#tabs[to % n]!.key;
    this.open(key);
    document.getElementById(`tab-${key}`)?.focus();
  }
}
