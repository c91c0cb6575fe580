// One value as it stands in a table, whether in pages or in a grid.

import { h, type Child } from "../shared/dom";
import { cellText, numeric, shortened, visible, type Cell, type Column } from "../shared/text";

/** Characters of a value that a table shows; the whole is a click away. */
export const SHOWN = 100;

const CUT = /… \[cut: [^\]]*\]$/;

/** Whether the server sent less than the value has. */
export const wasCut = (text: string, c: Column): boolean => c.cut > 0 && CUT.test(text);

/** Whether a table shows less than there is. */
export function isLong(text: string | null, c: Column): boolean {
  return text !== null && (text.length > SHOWN || text.includes("\n") || wasCut(text, c));
}

export function content(value: Cell, c: Column): Child[] {
  const text = cellText(value, c);
  if (text === null) return [h("span", { class: "null" }, "NULL")];
  // Nothing to see, but not NULL.
  if (text === "") return [h("span", { class: "sr" }, "empty text")];
  return visible(shortened(text, SHOWN));
}

export const cellClass = (c: Column): string => (numeric(c) ? "num" : c.kind === "binary" ? "mono" : "");
