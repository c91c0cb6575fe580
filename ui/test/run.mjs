// All tests of the views, in Debian's Chromium: `node ui/test/run.mjs [PART OF A FILE'S NAME]`.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { begin, end } from "./lib/harness.mjs";
import { ui } from "./lib/servers.mjs";

before(begin);
after(end);

const only = process.argv[2] ?? "";
const node = (...args) => execFileSync(process.execPath, args, { cwd: ui, stdio: "pipe" });

if (only === "") {
  test("the types are right", () => void node("node_modules/typescript/bin/tsc", "-p", "."));
  test("what is committed is what the sources make", () => void node("build.mjs", "--check"));
}
for (const file of readdirSync(join(ui, "test/cases")).sort()) {
  if (file.endsWith(".mjs") && file.includes(only)) await import(`./cases/${file}`);
}
