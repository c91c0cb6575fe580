// HTTP+SSE by the SDKs of its age, with a static bearer header, because they know no sign-in: sse.mjs SDK URL [TOKEN]
import { check } from "./expect.mjs";

const [sdk, url, token] = process.argv.slice(2);
const { Client } = await import(`${sdk}/client/index.js`);
const { SSEClientTransport } = await import(`${sdk}/client/sse.js`);
const headers = token ? { Authorization: `Bearer ${token}` } : {};
const client = new Client({ name: sdk, version: "1" });
await client.connect(
  new SSEClientTransport(new URL(url), {
    requestInit: { headers },
    eventSourceInit: { fetch: (u, init) => fetch(u, { ...init, headers: { ...init?.headers, ...headers, Accept: "text/event-stream" } }) },
  }),
);
await check(`npm ${sdk} sse`, () => client.listTools(), (p) => client.callTool(p));
await client.close();
