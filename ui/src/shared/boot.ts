// One page, two doors. Framed by a host, it speaks to it. Opened by itself, at /view/HANDLE, it reads what the server wrote into it and needs nobody.

import { Bridge, record, type Json, type Listener } from "./bridge";
import { followBrowser, applyTheme } from "./theme";
import { SizeReports } from "./size";
import { setLocale } from "./text";

/** What stands in `<script type="application/json" id="view-data">`. */
export interface Embedded {
  tool: string;
  arguments: Json;
  result: Json;
}

export interface Door {
  bridge: Bridge | null;
  embedded: Embedded | null;
}

const VERSION = "1";
/** The context may come ten thousand times in a row: it is looked at when it has come to rest. */
const REST = 30;

export interface View extends Listener {
  element: HTMLElement;
  setFull(full: boolean): void;
  modeChanged: (() => void) | null;
}

export function embedded(): Embedded | null {
  const text = document.getElementById("view-data")?.textContent?.trim() ?? "";
  if (text === "") return null;
  try {
    const v = record(JSON.parse(text));
    if (Object.keys(record(v.result)).length === 0) return null;
    return { tool: typeof v.tool === "string" ? v.tool : "", arguments: record(v.arguments), result: record(v.result) };
  } catch {
    return null;
  }
}

/** Puts a view into the page, through whichever door it was opened. */
export function start(name: string, make: (bridge: Bridge | null, toolName: () => string) => View, show: (view: View, e: Embedded | null) => void): void {
  if (window.parent === window) {
    document.documentElement.setAttribute("data-door", "tab");
    document.documentElement.setAttribute("data-height", "fill");
    followBrowser();
    setLocale(undefined);
    const view = make(null, () => "");
    document.body.append(view.element);
    view.setFull(true);
    show(view, embedded());
    return;
  }
  let view: View;
  let sizes: SizeReports | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ready = false;
  let early: Json | null = null;
  const apply = (): void => {
    const context = bridge.host.context;
    applyTheme(context);
    setLocale(context.locale);
    sizes?.follow(context);
    view.setFull(context.displayMode === "fullscreen");
  };
  const bridge: Bridge = new Bridge({
    input: (a) => view.input?.(a),
    partial: (a) => view.partial?.(a),
    result: (r) => {
      if (!ready) early = r;
      view.result?.(r);
    },
    cancelled: (r) => view.cancelled?.(r),
    teardown: () => view.teardown?.(),
    context: () => {
      clearTimeout(timer);
      timer = setTimeout(apply, REST);
    },
  });
  applyTheme({});
  const toolName = (): string => {
    const tool = record(record(bridge.host.context.toolInfo).tool).name;
    return typeof tool === "string" ? tool : "";
  };
  view = make(bridge, toolName);
  view.modeChanged = apply;
  document.body.append(view.element);
  const open = (): void => {
    sizes = new SizeReports(bridge, view.element);
    ready = true;
    apply();
    // It was shown before anybody knew what the host can do.
    if (early) view.result?.(early);
  };
  bridge.open(name, VERSION).then(open, () => {
    // A host that refuses the handshake may send a result all the same.
    document.documentElement.setAttribute("data-height", "grow");
  });
}
