// A person at the pages: opens a program's sign-in link, fills in the forms, and lets the browser go back to the program.
import assert from "node:assert/strict";

export const LINK = /https?:\/\/[^\s"']+\/authorize\?[^\s"']+/;

export async function signIn(link, user, password) {
  const origin = new URL(link).origin;
  const cookies = new Map();
  let url = link, form = null;
  const pages = [];
  for (let step = 0; step < 8; step++) {
    const r = await fetch(url, {
      method: form ? "POST" : "GET",
      body: form ?? undefined,
      redirect: "manual",
      headers: { cookie: [...cookies].map(([k, v]) => `${k}=${v}`).join("; "), ...(form && { origin }) },
    });
    for (const c of r.headers.getSetCookie()) {
      const [k, ...v] = c.split(";")[0].split("=");
      cookies.set(k, v.join("="));
    }
    form = null;
    if (r.status === 302 || r.status === 303) {
      url = new URL(r.headers.get("location"), origin).href;
      if (!url.startsWith(origin)) {
        // Back to the program, which waits for it on this machine.
        const back = await fetch(url);
        await back.text();
        return { pages, back: url };
      }
      continue;
    }
    const text = await r.text();
    assert.equal(r.status, 200, text);
    const plain = (t) => t.replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
    form = new URLSearchParams([...text.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, k, v]) => [k, plain(v)]));
    if (text.includes('type="password"')) {
      pages.push("login");
      form.set("username", user);
      form.set("password", password);
    } else {
      pages.push("consent");
      form.set("do", "approve");
    }
    url = origin + "/authorize";
  }
  throw new Error("the pages lead nowhere");
}
