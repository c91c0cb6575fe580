import { start, type Embedded, type View } from "../shared/boot";
import { SchemaPage } from "./page";

start("mssql-mcp-schema", (bridge): View => new SchemaPage(bridge), (view: View, e: Embedded | null) => {
  if (!e) return view.cancelled?.("this page has no schema in it; it may have expired");
  view.input?.(e.arguments);
  view.result?.(e.result);
});
