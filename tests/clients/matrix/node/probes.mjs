// What each client is asked: the same as in python/probes.py, in the same words.
import { readFileSync } from "node:fs";

const EXACT = JSON.parse(readFileSync(new URL("../exact.json", import.meta.url), "utf8"));
const wait = (seconds) => ({ query: `WAITFOR DELAY '00:00:${String(seconds).padStart(2, "0")}'; SELECT 1 AS a` });
const ONE = { query: "SELECT 1 AS a" };
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// The client has no way to do this.
export class Cannot extends Error {}

// The answer in a CallToolResult.
export function ofResult(r) {
  const text = (r.content ?? []).map((c) => c.text ?? "").join("\n");
  return { text, structured: r.structuredContent, error: Boolean(r.isError) };
}

function rows(answer) {
  for (const form of [answer.text, answer.structured]) {
    try {
      const made = typeof form === "string" ? JSON.parse(form) : form;
      if (made?.results?.[0]?.rows) return made.results[0].rows;
    } catch {
      continue;
    }
  }
}

// A call that must end: its answer, or the exception as an answer.
async function attempt(t, call) {
  try {
    return await t.within(call());
  } catch (e) {
    if (e instanceof Cannot) throw e;
    return { text: e?.message === "no answer" ? "no answer" : `exception: ${e?.name}: ${e?.message}`, error: true };
  }
}

export async function mainProbes(t) {
  await t.connected(undefined, async (session) => {
    const wanted = t.job.tools.map(([name]) => name);
    const got = await t.within(session.tools());
    const lost = [...wanted.filter((n) => !got.includes(n)), ...got.filter((n) => !wanted.includes(n))];
    t.say("list", lost.length ? "no" : "yes", lost.length ? "not all tools" : "", lost);
    const bad = [];
    for (const [name, args] of t.job.tools.filter(([, args]) => args !== null)) {
      const answer = await attempt(t, () => session.call(name, args));
      if (answer.error || !(answer.text || answer.structured)) bad.push(`${name}: ${answer.text.slice(0, 200)}`);
    }
    t.say("call_all", bad.length ? "no" : "yes", bad.length ? "not every call" : "", bad);
    let answer = await attempt(t, () => session.call("execute_sql", { query: "SELECT * FROM nope" }));
    const told = answer.text.includes("Invalid object name") && answer.text.includes("208");
    const how = answer.text.startsWith("exception: ") ? "as an exception" : answer.error ? "as an error" : "as if it were an answer";
    t.say("tool_error", told ? "yes" : "no", told ? how : "the caller is not told why", answer.text);
    answer = await attempt(t, () => session.call("execute_sql", { query: EXACT.query }));
    const same = JSON.stringify(rows(answer)) === JSON.stringify([EXACT.row]);
    t.say("exact", same ? "yes" : "no", same ? "" : "the values are not what they were", answer.text);
    await resources(t, session);
    await progress(t, session);
  });
}

async function resources(t, session) {
  try {
    const found = await t.within(session.resources());
    if (!found.length) return t.say("resources", "no", "the list is empty");
    const text = await t.within(session.read(found[0]));
    t.say("resources", text ? "yes" : "no", text ? "" : "nothing is read", found[0]);
  } catch (e) {
    if (e instanceof Cannot) t.say("resources", "cannot", e.message);
    else t.say("resources", "no", "the list is refused", String(e));
  }
}

async function progress(t, session) {
  const heard = [];
  let answer;
  try {
    answer = await attempt(t, () => session.call("execute_sql", wait(3), (p) => heard.push(p)));
  } catch (e) {
    return t.say("progress", "cannot", e.message);
  }
  await sleep(200);
  if (answer.error) t.say("progress", "no", "the call failed", answer.text);
  else t.say("progress", heard.length ? "yes" : "no", heard.length ? "" : "none came", heard.slice(0, 3));
}

export async function timeoutProbe(t) {
  await t.connected(2000, async (session) => {
    // What is only done once is not part of the time.
    await attempt(t, () => session.call("execute_sql", ONE));
    await t.ask("mark");
    const began = Date.now();
    const answer = await attempt(t, () => session.call("execute_sql", wait(12)));
    const took = (Date.now() - began) / 1000;
    const seen = `${took.toFixed(1)} s ${answer.text}`;
    if (!answer.error) return t.say("timeout", "no", "it waits for the answer", seen);
    if (took > 8) return t.say("timeout", "no", "it does not return", seen);
    const { ended } = await t.ask("ended");
    const after = await attempt(t, () => session.call("execute_sql", ONE));
    const alive = after.error ? ", and the connection is of no more use" : "";
    t.say("timeout", ended ? "yes" : "no", (ended ? "the query stops" : "the query runs on") + alive, `${seen} / ${JSON.stringify(ended)} / ${after.text}`);
  });
}

export async function restartProbe(t) {
  await t.connected(undefined, async (session) => {
    const before = await attempt(t, () => session.call("execute_sql", ONE));
    if (before.error) return t.say("restart", "no", "there was no connection", before.text);
    await t.ask("restart");
    const ending = [];
    for (const words of ["by itself", "after one retry"]) {
      const answer = await attempt(t, () => session.call("execute_sql", ONE));
      if (!answer.error) return t.say("restart", "yes", words, ending);
      ending.push(answer.text);
      // An event stream that ended is opened again after three seconds.
      await sleep(t.job.label.includes("sse") ? 4000 : 1000);
    }
    // Over stdio it cannot get over it, but it must say so.
    const told = t.job.transport === "stdio" && !t.job.bridge;
    if (ending.every((text) => text === "no answer")) t.say("restart", "no", "it hangs", ending);
    else t.say("restart", told ? "yes" : "no", told ? "the end is told" : "a new connection is needed", ending);
  });
}
