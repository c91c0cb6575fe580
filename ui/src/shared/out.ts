// Ways out of the frame, from the best that there is to the one that is always there: a file through the host (or, in a tab of our own, the browser), the clipboard,
// a text that is selected for the reader to copy.

import type { Bridge } from "./bridge";
import { h, replace } from "./dom";

export type Way = "file" | "clipboard" | "selected" | "refused";

/** Asking for what the host did not grant would be an error in its console. Browsers that do not tell are asked. */
function granted(): boolean {
  const policy = (document as { featurePolicy?: { allowsFeature(name: string): boolean } }).featurePolicy;
  return policy?.allowsFeature("clipboard-write") ?? true;
}

/** To the clipboard, or into `place`, where the reader copies it. */
export async function copy(text: string, place: HTMLElement): Promise<Way> {
  if (granted()) {
    try {
      await navigator.clipboard.writeText(text);
      return "clipboard";
    } catch {
      // Granted to the frame, but not by the reader or at this moment: the older way, which needs a selection.
    }
  }
  const area = h("textarea", { readonly: true, rows: 4, "aria-label": "Text to copy" });
  area.value = text;
  replace(place, h("p", {}, "The host gives no way to the clipboard. The text is selected: press Ctrl+C or ⌘C."), area);
  place.hidden = false;
  area.focus();
  area.select();
  let copied = false;
  try {
    copied = document.execCommand("copy");
  } catch {
    copied = false;
  }
  if (!copied) return "selected";
  replace(place);
  place.hidden = true;
  return "clipboard";
}

/** Saves a text as a file; the clipboard is next. */
export async function save(text: string, name: string, mimeType: string, bridge: Bridge | null, place: HTMLElement): Promise<Way> {
  if (!bridge) {
    const url = URL.createObjectURL(new Blob([text], { type: `${mimeType};charset=utf-8` }));
    const link = h("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    // The browser has it by then, or never.
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    return "file";
  }
  if (bridge.can("downloadFile")) {
    try {
      const contents = [{ type: "resource", resource: { uri: `file:///${name}`, mimeType, text } }];
      const answer = await bridge.request("ui/download-file", { contents });
      if (answer.isError !== true) return "file";
      return "refused";
    } catch {
      // It said that it can, and cannot.
    }
  }
  return copy(text, place);
}

export function told(way: Way, what: string): string {
  switch (way) {
    case "file":
      return `${what} given to save`;
    case "clipboard":
      return `${what} copied`;
    case "selected":
      return `${what} selected: press Ctrl+C or ⌘C`;
    case "refused":
      return "the host did not save it";
  }
}
