// CSV as the server writes it (RFC 4180 with \n): NULL is nothing, an empty text is "", and a field with a # is in quotes because some readers take
// that for a comment. Equal byte for byte, unless an option is chosen. And texts for spreadsheets.

import { cellText, numeric, type Cell, type Column } from "./text";

export interface CsvOptions {
  /** A byte order mark, by which Excel knows UTF-8. */
  bom: boolean;
  /** An apostrophe before a text that a spreadsheet would run as a formula. */
  guard: boolean;
}

export function field(text: string): string {
  return text === "" || /[,"\n\r#]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const FORMULA = /^[=+\-@\t\r]/;

export function csv(columns: readonly Column[], rows: Iterable<readonly Cell[]>, options: CsvOptions): string {
  const guarded = (text: string, c?: Column): string => (options.guard && !(c && numeric(c)) && FORMULA.test(text) ? "'" + text : text);
  const lines = [columns.map((c) => field(guarded(c.name))).join(",")];
  for (const row of rows) {
    lines.push(columns.map((c, i) => {
      const text = cellText(row[i], c);
      return text === null ? "" : field(guarded(text, c));
    }).join(","));
  }
  return (options.bom ? "\ufeff" : "") + lines.join("\n") + "\n";
}

/** Tab-separated, as spreadsheets take it from the clipboard. */
export function tsv(columns: readonly Column[], rows: Iterable<readonly Cell[]>, names: boolean): string {
  const one = (text: string): string => (/[\t\n\r"]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = names ? [columns.map((c) => one(c.name)).join("\t")] : [];
  for (const row of rows) lines.push(columns.map((c, i) => one(cellText(row[i], c) ?? "")).join("\t"));
  return lines.join("\n");
}

/** Reads the server's CSV, with its line of names. What stands in no quotes and is nothing, is NULL. */
export function parse(text: string): { names: string[]; rows: (string | null)[][] } {
  const all: (string | null)[][] = [];
  let row: (string | null)[] = [];
  let at = 0;
  while (at < text.length) {
    let value: string | null;
    if (text[at] === '"') {
      let from = at + 1;
      value = "";
      for (;;) {
        const end = text.indexOf('"', from);
        if (end < 0) {
          value += text.slice(from);
          at = text.length;
          break;
        }
        value += text.slice(from, end);
        at = end + 1;
        if (text[at] !== '"') break;
        value += '"';
        from = at + 1;
      }
    } else {
      const start = at;
      while (at < text.length && text[at] !== "," && text[at] !== "\n") at++;
      value = at === start ? null : text.slice(start, at);
    }
    row.push(value);
    if (text[at] === ",") {
      at++;
      // A comma at the very end has a NULL behind it.
      if (at === text.length || text[at] === "\n") row.push(null);
      if (text[at] !== "\n") continue;
    }
    at++;
    all.push(row);
    row = [];
  }
  if (row.length > 0) all.push(row);
  return { names: (all.shift() ?? []).map((n) => n ?? ""), rows: all };
}
