// The View's half of MCP Apps 2026-01-26: JSON-RPC over postMessage with the host that framed us. It is small enough to be read in full, and
// the SDK's own host is its judge in the tests. Whatever it does not know, it leaves alone; whoever is not our parent, it does not hear.

export type Json = Record<string, unknown>;

/** What the host says of itself; every part of it may be missing. */
export interface Host {
  name: string;
  capabilities: Json;
  context: Json;
}

export interface Listener {
  input?(args: Json): void;
  partial?(args: Json): void;
  result?(result: Json): void;
  cancelled?(reason: string): void;
  context?(changed: Json): void;
  teardown?(): void;
}

export class HostError extends Error {}

/** A call of ours that the host may never answer must not wait for ever. */
const PATIENCE = 120_000;

export const record = (v: unknown): Json => (typeof v === "object" && v !== null && !Array.isArray(v) ? (v as Json) : {});

interface Waiting {
  done(result: Json): void;
  fail(e: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

export class Bridge {
  readonly host: Host = { name: "", capabilities: {}, context: {} };
  #next = 1;
  #over = false;
  readonly #waiting = new Map<unknown, Waiting>();
  readonly #listener: Listener;

  constructor(listener: Listener) {
    this.#listener = listener;
    addEventListener("message", (e) => this.#receive(e));
  }

  /** The handshake. A host that refuses it may still send a result, so a failure here is no end. */
  async open(name: string, version: string): Promise<void> {
    const answer = await this.request("ui/initialize", {
      appInfo: { name, version },
      appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
      protocolVersion: "2026-01-26",
    });
    const info = record(answer.hostInfo).name;
    this.host.name = typeof info === "string" ? info : "";
    this.host.capabilities = record(answer.hostCapabilities);
    this.host.context = record(answer.hostContext);
    this.notify("ui/notifications/initialized", {});
  }

  /** Whether the host said that it can do this. */
  can(capability: string): boolean {
    return typeof this.host.capabilities[capability] === "object" && this.host.capabilities[capability] !== null;
  }

  request(method: string, params: Json, patience = PATIENCE): Promise<Json> {
    if (this.#over) return Promise.reject(new HostError("the view is being closed"));
    const id = this.#next++;
    return new Promise((done, fail) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        fail(new HostError(`no answer to ${method}`));
      }, patience);
      this.#waiting.set(id, { done, fail, timer });
      this.#post({ jsonrpc: "2.0", id, method, params });
    });
  }

  notify(method: string, params: Json): void {
    if (!this.#over) this.#post({ jsonrpc: "2.0", method, params });
  }

  /** A tool of the server that we came from, through the host. */
  callTool(name: string, args: Json): Promise<Json> {
    return this.request("tools/call", { name, arguments: args });
  }

  #post(message: Json): void {
    // The host's origin cannot be known here, and nothing of this is a secret from whoever framed us: it sent the data.
    window.parent.postMessage(message, "*");
  }

  #receive(e: MessageEvent): void {
    if (e.source !== window.parent || window.parent === window) return;
    const m = record(e.data);
    if (m.jsonrpc !== "2.0") return;
    if (typeof m.method !== "string") this.#answered(m);
    else if (m.id === undefined) this.#notified(m.method, record(m.params));
    else this.#asked(m.id, m.method);
  }

  #answered(m: Json): void {
    const waiting = this.#waiting.get(m.id);
    if (!waiting) return;
    this.#waiting.delete(m.id);
    clearTimeout(waiting.timer);
    if (m.error === undefined) return waiting.done(record(m.result));
    const text = record(m.error).message;
    waiting.fail(new HostError(typeof text === "string" && text !== "" ? text : "the host refused"));
  }

  #notified(method: string, params: Json): void {
    switch (method) {
      case "ui/notifications/tool-input":
        return this.#listener.input?.(record(params.arguments));
      case "ui/notifications/tool-input-partial":
        return this.#listener.partial?.(record(params.arguments));
      case "ui/notifications/tool-result":
        return this.#listener.result?.(params);
      case "ui/notifications/tool-cancelled":
        return this.#listener.cancelled?.(typeof params.reason === "string" ? params.reason : "");
      case "ui/notifications/host-context-changed":
        Object.assign(this.host.context, params);
        return this.#listener.context?.(params);
    }
  }

  #asked(id: unknown, method: string): void {
    if (method === "ping" || method === "ui/resource-teardown") {
      this.#post({ jsonrpc: "2.0", id, result: {} });
      if (method === "ping") return;
      // What we still wait for will not come: the frame is about to go.
      this.#over = true;
      for (const w of this.#waiting.values()) {
        clearTimeout(w.timer);
        w.fail(new HostError("the view is being closed"));
      }
      this.#waiting.clear();
      this.#listener.teardown?.();
      return;
    }
    this.#post({ jsonrpc: "2.0", id, error: { code: -32601, message: "Method not found" } });
  }
}
