// A host of our own, in the page of a test: the sandbox of the specification (a proxy on another origin, the View in a frame of it), and in front of it either the SDK's
// AppBridge, which judges each message, or nothing at all, so that a test can be as hostile as it likes.

import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";

interface Options {
  html: string;
  proxy: string;
  capabilities: Record<string, unknown>;
  context: Record<string, unknown>;
  /** No bridge: the test speaks for itself. */
  raw?: boolean;
  /** Answers of tools, by name; a list is one answer after the other. */
  tools?: Record<string, unknown>;
  refuse?: string[];
  width?: number;
  permissions?: boolean;
}

declare global {
  interface Window {
    host: unknown;
    /** A test's own way to answer a tool. */
    answerTool?: (name: string, args: unknown) => unknown;
  }
}

const said: unknown[] = [];
const happened: { what: string; params: unknown }[] = [];
let frame: HTMLIFrameElement;
let bridge: AppBridge | null = null;

const note = (what: string, params: unknown): void => void happened.push({ what, params });

/** Everything that the View says, before anybody judges it. */
function listen(): void {
  addEventListener("message", (e) => {
    if (e.source !== frame.contentWindow) return;
    const method = String((e.data as { method?: unknown })?.method ?? "");
    if (!method.startsWith("ui/notifications/sandbox")) said.push(e.data);
  });
}

function judged(o: Options): AppBridge {
  const b = new AppBridge(null, { name: "test-host", version: "1" }, o.capabilities as never, { hostContext: o.context as never });
  b.oninitialized = () => note("initialized", null);
  b.onsizechange = (p) => {
    note("size", p);
    if (typeof p.height === "number" && frame.dataset.fixed !== "yes") frame.style.height = `${p.height}px`;
  };
  const or = <T>(what: string, params: unknown, answer: T): T => {
    note(what, params);
    if (o.refuse?.includes(what)) throw new Error(`${what} is refused`);
    return answer;
  };
  b.onmessage = async (p) => or("message", p, {});
  b.onupdatemodelcontext = async (p) => or("context", p, {});
  b.ondownloadfile = async (p) => or("download", p, {});
  b.onopenlink = async (p) => or("link", p, {});
  b.onrequestdisplaymode = async (p) => {
    note("mode", p);
    const mode = p.mode === "fullscreen" || p.mode === "inline" ? p.mode : "inline";
    size(mode === "fullscreen" ? { height: 800 } : {});
    void b.sendHostContextChange({ displayMode: mode });
    return { mode };
  };
  b.oncalltool = async (p) => {
    note("tool", p);
    if (window.answerTool) return window.answerTool(p.name, p.arguments) as never;
    const answer = o.tools?.[p.name];
    if (answer === undefined) throw new Error(`no tool ${p.name}`);
    return answer as never;
  };
  return b;
}

function size(to: { width?: number; height?: number }): void {
  if (to.width !== undefined) frame.style.width = `${to.width}px`;
  if (to.height !== undefined) {
    frame.style.height = `${to.height}px`;
    frame.dataset.fixed = "yes";
  } else {
    frame.dataset.fixed = "no";
  }
}

async function open(o: Options): Promise<void> {
  frame = document.createElement("iframe");
  frame.title = "view";
  frame.style.cssText = `border:0;display:block;width:${o.width ?? 760}px;height:300px`;
  frame.setAttribute("sandbox", "allow-scripts allow-same-origin");
  if (o.permissions) frame.setAttribute("allow", "clipboard-write");
  document.body.append(frame);
  listen();
  const ready = new Promise<void>((done) => {
    addEventListener("message", (e) => e.source === frame.contentWindow && (e.data as { method?: string })?.method === "ui/notifications/sandbox-proxy-ready" && done());
  });
  frame.src = o.proxy;
  await ready;
  const resource = { html: o.html, sandbox: "allow-scripts", permissions: o.permissions ? { clipboardWrite: {} } : {} };
  if (o.raw) return frame.contentWindow!.postMessage({ jsonrpc: "2.0", method: "ui/notifications/sandbox-resource-ready", params: resource }, "*");
  bridge = judged(o);
  await bridge.connect(new PostMessageTransport(frame.contentWindow!, frame.contentWindow!));
  await bridge.sendSandboxResourceReady(resource as never);
}

window.host = {
  open,
  size,
  said,
  happened,
  post: (m: unknown) => frame.contentWindow!.postMessage(m, "*"),
  input: (args: Record<string, unknown>) => bridge!.sendToolInput({ arguments: args }),
  partial: (args: Record<string, unknown>) => bridge!.sendToolInputPartial({ arguments: args }),
  result: (r: unknown) => bridge!.sendToolResult(r as never),
  cancelled: (reason: string) => bridge!.sendToolCancelled({ reason }),
  context: (c: unknown) => bridge!.sendHostContextChange(c as never),
  teardown: () => bridge!.teardownResource({}),
};
