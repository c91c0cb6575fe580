// Elements without markup: data of a database only ever becomes a text node or an attribute, so nothing in it can become HTML.

export type Child = Node | string | number | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | ((e: never) => void)>;

const SVG = "http://www.w3.org/2000/svg";

function fill(e: Element, attributes: Attributes, children: Child[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") e.addEventListener(name, value as EventListener);
    else if (value === true) e.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) e.setAttribute(name, String(value));
  }
  for (const c of children) {
    if (c !== null && c !== undefined && c !== false) e.append(typeof c === "number" ? String(c) : c);
  }
}

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  fill(e, attributes, children);
  return e;
}

export function svg(tag: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  const e = document.createElementNS(SVG, tag);
  fill(e, attributes, children);
  return e;
}

/** A button; `key` is what it is found by when what surrounds it is drawn anew. */
export function button(label: string, key: string, click: (e: MouseEvent) => void, attributes: Attributes = {}): HTMLButtonElement {
  return h("button", { type: "button", "data-key": key, click, ...attributes }, label);
}

/** Draws something anew and leaves the keyboard where it was. */
export function keepFocus(draw: () => void): void {
  const key = document.activeElement?.getAttribute("data-key");
  draw();
  if (!key || document.activeElement?.getAttribute("data-key") === key) return;
  for (const e of document.querySelectorAll<HTMLElement>("[data-key]")) {
    if (e.getAttribute("data-key") === key) return e.focus({ preventScroll: true });
  }
}

export function replace(e: Element, ...children: Child[]): void {
  e.replaceChildren();
  fill(e, {}, children);
}

/** Something that was not there before is told to those who do not see it. */
export function say(e: HTMLElement, text: string): void {
  if (e.textContent !== text) e.textContent = text;
}
