// Makes ui/dist/*.html of the sources: one file each with everything inside, and the same bytes whenever and wherever it runs. `--check` writes nothing and fails
// where what is committed is not what the sources make.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const PAGES = { results: "Results of mssql-mcp", schema: "Schema of mssql-mcp" };
/** A page must stay far below what hosts take. */
const MOST = 150_000;
/** Where the server puts data for a tab of its own: behind this, and nowhere else. */
const MARKER = '<script type="application/json" id="view-data"></script>';

async function bundle(contents, loader) {
  const made = await build({
    stdin: { contents, loader, resolveDir: join(here, "src"), sourcefile: "page" },
    bundle: true, minify: true, format: "iife", target: "es2022", charset: "utf8", write: false, legalComments: "none", logLevel: "warning",
  });
  return made.outputFiles[0].text.trim();
}

/** Nothing in a script may end it, or begin a comment of HTML. */
const inline = (js) => js.replaceAll(/<\/(script)/gi, "<\\/$1").replaceAll("<!--", "<\\!--");

async function page(name) {
  const js = inline(await bundle(`import "./${name}/main";`, "ts"));
  const css = await bundle(`@import "./shared/common.css"; @import "./${name}/${name}.css";`, "css");
  const template = readFileSync(join(here, "src/template.html"), "utf8");
  const html = template.replace("{{title}}", () => PAGES[name]).replace("{{css}}", () => css).replace("{{js}}", () => js);
  const hash = (text) => `sha256-${createHash("sha256").update(text).digest("base64")}`;
  return { html, policy: `${name} script '${hash(js)}' style '${hash(css)}'\n` };
}

function wrong(name, html) {
  if (html.split(MARKER).length !== 2) return "the marker for data is there other than once";
  if (Buffer.byteLength(html) > MOST) return `more than ${MOST} bytes`;
  const outside = html.replaceAll("http://www.w3.org/2000/svg", "").match(/https?:\/\/[^"'`\s]*/i);
  if (outside) return `an address: ${outside[0]}`;
  const banned = html.match(/\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|new Worker/);
  return banned ? `not allowed here: ${banned[0]}` : "";
}

const check = process.argv.includes("--check");
let policies = "";
let failed = false;
const put = (file, text) => {
  const path = join(here, "dist", file);
  if (!check) return writeFileSync(path, text);
  let there = "";
  try {
    there = readFileSync(path, "utf8");
  } catch {
    // Then it differs.
  }
  if (there !== text) {
    console.error(`ui/dist/${file} is not what the sources make: run node ui/build.mjs`);
    failed = true;
  }
};
mkdirSync(join(here, "dist"), { recursive: true });
for (const name of Object.keys(PAGES)) {
  const { html, policy } = await page(name);
  const why = wrong(name, html);
  if (why) {
    console.error(`${name}.html: ${why}`);
    failed = true;
  }
  policies += policy;
  put(`${name}.html`, html);
  console.log(`${name}.html ${Buffer.byteLength(html)} bytes`);
}
put("hashes.txt", policies);
process.exitCode = failed ? 1 : 0;
