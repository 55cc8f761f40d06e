// What every launcher here has in common: it reports one JSON line on stdout
// when it serves, and it ends with whoever started it. Nothing in this file
// knows about MCP or OpenID Connect.

import { fstatSync, writeSync } from "node:fs";
import net from "node:net";
import { createInterface } from "node:readline";

const PARENT_CHECK_MILLISECONDS = 250;
const LOOPBACK = "127.0.0.1";

/** Ends this process at a signal, when stdin closes, and when the parent dies. */
export function endWithParent({ signals = ["SIGTERM", "SIGINT", "SIGHUP"] } = {}) {
  for (const signal of signals) process.on(signal, () => process.exit(0));
  // Only a pipe says something by closing: /dev/null is at its end from the start.
  if (stdinIsPipe()) {
    process.stdin.on("end", () => process.exit(0));
    process.stdin.on("error", () => process.exit(0));
    process.stdin.resume();
  }
  // A grandchild of the test can hold the pipe open after the test itself was killed.
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(0);
  }, PARENT_CHECK_MILLISECONDS).unref();
}

/**
 * Runs `handlers[word](rest of the line)` for each line on stdin and reports
 * `{"done":word}` with what the handler returns, or `{"failed":word}`.
 */
export function onCommand(handlers) {
  createInterface({ input: process.stdin }).on("line", async (line) => {
    const [, word, rest] = line.match(/^(\S*)\s*(.*)$/);
    try {
      if (!Object.hasOwn(handlers, word)) throw new Error("no such command");
      printLine({ done: word, ...(await handlers[word](rest)) });
    } catch (error) {
      printLine({ failed: word, message: error.message });
    }
  });
}

/** Sends everything that packages print to stdout to stderr: stdout carries only our lines. */
export function reserveStdout() {
  process.stdout.write = process.stderr.write.bind(process.stderr);
}

/** Prints one JSON line on the real stdout, also after `reserveStdout`. */
export function printLine(value) {
  writeSync(1, JSON.stringify(value) + "\n");
}

/** Tells the starter that the server accepts connections. */
export function announce(fields) {
  printLine({ ready: true, ...fields });
}

/**
 * Makes the next server that listens in this process listen on loopback only,
 * and passes on the port it got. Asking the kernel for port 0 in the serving
 * process itself leaves no gap in which another process could take the port.
 */
export function listenOnLoopback(port, onListening) {
  const listen = net.Server.prototype.listen;
  net.Server.prototype.listen = function listenOnce(...given) {
    net.Server.prototype.listen = listen;
    const callback = given.findLast((argument) => typeof argument === "function");
    this.once("listening", () => onListening(this.address().port));
    return listen.call(this, { port, host: LOOPBACK }, callback);
  };
}

/** Serves a request handler on loopback and resolves with the port. */
export function serve(server, port) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: LOOPBACK }, () => resolve(server.address().port));
  });
}

export function parsePort(text) {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error(`--port takes a number from 0 to 65535, not ${text}`);
  }
  return port;
}

function stdinIsPipe() {
  try {
    const status = fstatSync(0);
    return status.isFIFO() || status.isSocket();
  } catch {
    return false;
  }
}
