// Pages that are mostly text: an error, messages, the SQL, and what is said while a call runs.

import type { Answer, Failure } from "../shared/answer";
import { button, h, type Child } from "../shared/dom";
import { plural, shortened, visible } from "../shared/text";

/** An error as the server explains it. */
export function failurePage(f: Failure): HTMLElement {
  return h("div", { class: "failure", role: "alert" },
    h("p", { class: "message", dir: "auto" }, h("strong", {}, f.code === "" ? "Error" : f.code), ": ", ...visible(shortened(f.message, 4000))),
    f.hint === "" ? null : h("p", { dir: "auto" }, ...visible(shortened(f.hint, 2000))),
    f.facts.length === 0 ? null : h("dl", {}, ...f.facts.flatMap(([name, value]): Child[] => [h("dt", {}, name), h("dd", { dir: "auto" }, ...visible(shortened(value, 1000)))])));
}

const MOST = 500;

export function messagesPage(a: Answer): HTMLElement {
  const changed = a.affected === null ? null : h("p", {}, a.affected.length === 0 ? "No statement counted rows." : `Rows affected: ${a.affected.join(", ")}`);
  const items = a.messages.slice(0, MOST).map((m) => h("li", { dir: "auto" }, ...visible(shortened(m, 4000))));
  const rest = a.messages.length > MOST ? h("p", {}, plural(a.messages.length - MOST, "further message")) : null;
  const nothing = a.messages.length === 0 && a.affected === null ? h("p", {}, a.text === "" ? "It ran, and said nothing." : shortened(a.text, 20_000)) : null;
  return h("div", { class: "messages" }, changed, items.length > 0 ? h("ul", {}, ...items) : null, rest, nothing);
}

export function sqlPage(sql: string, copyIt: () => void): HTMLElement {
  return h("div", { class: "sql" }, h("div", { class: "row" }, button("Copy SQL", "copy-sql", copyIt)), h("pre", { class: "code", tabindex: 0, role: "region", "aria-label": "SQL" }, shortened(sql, 100_000)));
}

export function waitingPage(sql: string, state: string): HTMLElement {
  return h("div", { class: "waiting" }, h("p", { role: "status" }, state === "" ? "Waiting for a result." : state), sql === "" ? null : h("pre", { class: "code", tabindex: 0, role: "region", "aria-label": "SQL" }, shortened(sql, 4000)));
}
