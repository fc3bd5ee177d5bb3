#!/usr/bin/env node
// Runs the lpipe of the package for this platform, which npm installed beside this one.
const { spawn } = require("node:child_process");

const name = `lpipe-${process.platform}-${process.arch}`;
let program;
try {
  program = require.resolve(`${name}/lpipe`);
} catch {
  console.error(`lpipe: error: the package ${name} is not installed`);
  console.error("lpipe: why:   there is none for this platform, or npm was told to leave out optional dependencies");
  console.error("lpipe: fix:   on Linux or macOS: npm install --include=optional lpipe");
  process.exit(2);
}
const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
// A terminal sends its signals to both; lpipe decides when it ends. What was sent to this one alone is handed on.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) {
  process.on(signal, () => child.kill(signal));
}
child.on("error", (error) => {
  console.error(`lpipe: error: ${error.message}`);
  process.exit(2);
});
child.on("exit", (code, signal) => {
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  } else {
    process.exit(code);
  }
});
