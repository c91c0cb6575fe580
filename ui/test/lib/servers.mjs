// Two origins on the loopback: the host's page, and the proxy in which the View runs with no rights but those of the specification. And a tab of its own, with a policy
// that lets nothing run but what was built.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
export const ui = join(here, "../..");

/** What a host sets for a resource without domains of its own. */
export const POLICY = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self' data:; connect-src 'none'";

const PROXY = `<!doctype html><meta charset="utf-8"><style>html,body{margin:0;height:100%;overflow:hidden}iframe{border:0;width:100%;height:100%;display:block}</style><body><script>
let inner = null;
addEventListener("message", (e) => {
  if (e.source === window.parent) {
    const m = e.data;
    if (m && m.method === "ui/notifications/sandbox-resource-ready") {
      inner = document.createElement("iframe");
      inner.title = "inner";
      inner.setAttribute("sandbox", m.params.sandbox || "allow-scripts");
      if (m.params.permissions && m.params.permissions.clipboardWrite) inner.setAttribute("allow", "clipboard-write");
      const meta = '<meta http-equiv="Content-Security-Policy" content="' + POLICY + '">';
      inner.srcdoc = m.params.html.replace(/<head>/i, (h) => h + meta);
      document.body.append(inner);
    } else if (inner) inner.contentWindow.postMessage(m, "*");
  } else if (inner && e.source === inner.contentWindow) window.parent.postMessage(e.data, "*");
});
window.parent.postMessage({ jsonrpc: "2.0", method: "ui/notifications/sandbox-proxy-ready", params: {} }, "*");
</script>`.replace("let inner", () => `const POLICY = ${JSON.stringify(POLICY)};\nlet inner`);

const listen = (handler) => new Promise((done) => {
  const server = createServer(handler).listen(0, "127.0.0.1", () => done(server));
});

const origin = (server) => `http://127.0.0.1:${server.address().port}`;

export const page = (name) => readFileSync(join(ui, "dist", `${name}.html`), "utf8");

/** The policy of a tab of its own, from the hashes that the build wrote. */
export function tabPolicy(name) {
  const line = readFileSync(join(ui, "dist/hashes.txt"), "utf8").split("\n").find((l) => l.startsWith(`${name} `));
  const [, script, style] = /script ('[^']+') style ('[^']+')/.exec(line);
  return `default-src 'none'; script-src ${script}; style-src ${style}; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

/** What the Rust side does with the marker. */
export function withData(html, data) {
  const marker = '<script type="application/json" id="view-data"></script>';
  const json = JSON.stringify(data).replaceAll("<", "\\u003c");
  return html.replace(marker, () => marker.replace("></", `>${json}</`));
}

export async function start() {
  const made = await build({ entryPoints: [join(here, "host.ts")], bundle: true, format: "iife", target: "es2022", write: false, logLevel: "warning" });
  const script = made.outputFiles[0].text;
  const host = await listen((q, r) => {
    if (q.url === "/host.js") return r.writeHead(200, { "Content-Type": "text/javascript" }).end(script);
    if (q.url === "/") return r.writeHead(200, { "Content-Type": "text/html" }).end('<!doctype html><html lang="en"><meta charset="utf-8"><title>host</title><link rel="icon" href="data:,"><style>body{margin:0}</style><body><script src="/host.js"></script>');
    r.writeHead(404).end();
  });
  const proxy = await listen((_, r) => r.writeHead(200, { "Content-Type": "text/html", "Content-Security-Policy": POLICY }).end(PROXY));
  const tabs = new Map();
  const tab = await listen((q, r) => {
    const t = tabs.get(q.url);
    if (!t) return r.writeHead(q.url === "/favicon.ico" ? 204 : 404).end();
    r.writeHead(200, { "Content-Type": "text/html", "Content-Security-Policy": tabPolicy(t.name) }).end(withData(page(t.name), t.data));
  });
  return {
    host: origin(host), proxy: origin(proxy), tab: origin(tab), tabs,
    stop: () => Promise.all([host, proxy, tab].map((s) => new Promise((done) => { s.closeAllConnections(); s.close(done); }))),
  };
}
