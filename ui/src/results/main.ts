import { start, type Embedded, type View } from "../shared/boot";
import type { Bridge, Json } from "../shared/bridge";
import { Page } from "./page";

function make(bridge: Bridge | null, toolName: () => string): View {
  const page = new Page(bridge);
  const view: View = {
    element: page.element,
    input: (args: Json) => page.input(args, toolName()),
    partial: (args: Json) => page.partial(args),
    result: (result: Json) => page.result(result),
    cancelled: (reason: string) => page.cancelled(reason),
    setFull: (full: boolean) => page.setFull(full),
    get modeChanged() {
      return page.modeChanged;
    },
    set modeChanged(f) {
      page.modeChanged = f;
    },
  };
  return view;
}

start("mssql-mcp-results", make, (view: View, e: Embedded | null) => {
  if (!e) return view.cancelled?.("this page has no result in it; it may have expired");
  view.input?.(e.arguments);
  view.result?.(e.result);
});
