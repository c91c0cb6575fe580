#!/usr/bin/env node
// Starts the binary of this platform. It writes nothing to stdout, ever: that is the channel of the protocol.
'use strict';

const { spawn } = require('node:child_process');

const ROOT = 'mssql-mcp-rs';

// Where both were installed, by an npm that does not know `libc`, the static one runs everywhere.
function names() {
  const here = `${ROOT}-${process.platform}-${process.arch}`;
  return process.platform === 'linux' ? [`${here}-musl`, here] : [here];
}

function find() {
  if (process.env.MSSQL_MCP_BINARY) return process.env.MSSQL_MCP_BINARY;
  const file = process.platform === 'win32' ? 'mssql-mcp.exe' : 'mssql-mcp';
  for (const name of names()) {
    try {
      return require.resolve(`${name}/${file}`);
    } catch {
      // the next one, or the text below
    }
  }
  console.error(
    `${ROOT}: the package ${names().at(-1)} is not installed, which has the program for ${process.platform} ${process.arch}.\n` +
      'Usual reasons: --no-optional or omit=optional, a lock file that was made on another system, or a platform without a release.\n' +
      `Mend: npm install ${ROOT} --include=optional, or set MSSQL_MCP_BINARY to the path of the program (docs/install.md has the other ways).`,
  );
  process.exit(1);
}

const binary = find();
const child = spawn(binary, process.argv.slice(2), { stdio: 'inherit', windowsHide: true });

// The terminal sends Ctrl-C to both; a client that stops us sends it to us alone. A second one is no harm, so all are passed on.
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
for (const signal of signals) process.on(signal, () => child.kill(signal));

child.on('error', (error) => {
  console.error(`${ROOT}: ${binary} cannot be started: ${error.message}. If the file is there, its mode must allow running it (chmod 755).`);
  process.exit(1);
});

child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code);
  if (signal === 'SIGKILL' && process.platform === 'darwin') {
    console.error(`${ROOT}: macOS ended ${binary} (SIGKILL), as it does with programs that it does not trust: xattr -d com.apple.quarantine on the file.`);
  } else if (!signals.includes(signal)) {
    console.error(`${ROOT}: ${binary} was ended by ${signal}.`);
  }
  // As the child ended, so do we: by the same signal, once our own handler is out of the way.
  for (const one of signals) process.removeAllListeners(one);
  process.kill(process.pid, signal);
  setTimeout(() => process.exit(128 + (require('node:os').constants.signals[signal] ?? 0)), 200);
});
