// How the host looks: its theme and its variables on <html>. Every variable that our style sheet uses has a default there.

import { record, type Json } from "./bridge";

/** `light-dark(a, b)` follows `color-scheme`, which a framed page must not set: browsers then paint a backdrop behind it. So it is resolved here. */
export function resolved(value: string, dark: boolean): string {
  const at = value.indexOf("light-dark(");
  if (at < 0) return value;
  let depth = 0;
  let comma = -1;
  const from = at + "light-dark(".length;
  for (let i = from; i < value.length; i++) {
    const c = value[i];
    if (c === "(") depth++;
    else if (c === "," && depth === 0 && comma < 0) comma = i;
    else if (c === ")" && depth-- === 0) {
      if (comma < 0) return value;
      const chosen = dark ? value.slice(comma + 1, i) : value.slice(from, comma);
      return value.slice(0, at) + chosen.trim() + resolved(value.slice(i + 1), dark);
    }
  }
  return value;
}

const NAME = /^--(color|font|border|shadow)-[a-z0-9-]+$/;

export function applyTheme(context: Json): void {
  const root = document.documentElement;
  const dark = context.theme === "dark" || (context.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.setAttribute("data-theme", dark ? "dark" : "light");
  for (const [name, value] of Object.entries(record(record(context.styles).variables))) {
    if (typeof value === "string" && NAME.test(name) && !/url\(/i.test(value)) root.style.setProperty(name, resolved(value, dark));
  }
  const insets = record(context.safeAreaInsets);
  for (const side of ["top", "right", "bottom", "left"]) {
    const px = insets[side];
    if (typeof px === "number" && px >= 0 && px < 500) root.style.setProperty(`--inset-${side}`, `${px}px`);
  }
}

/** Top-level, the browser alone says which theme it is. */
export function followBrowser(): void {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const apply = (): void => {
    applyTheme({});
    document.documentElement.style.colorScheme = query.matches ? "dark" : "light";
  };
  query.addEventListener("change", apply);
  apply();
}
