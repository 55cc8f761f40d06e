// The processes of the demo: started, listened to, and ended by their id, also when the demo fails.

import { spawn } from "node:child_process";
import { once } from "node:events";

export class Processes {
  #running = new Map();

  // Starts a process that goes on; what it prints is kept.
  start(name, binary, args, environment = {}) {
    const child = spawn(binary, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...environment } });
    const process_ = { child, output: "", ended: once(child, "exit") };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (chunk) => { process_.output += chunk; });
    }
    this.#running.set(name, process_);
    return process_;
  }

  // Starts a counterpart, and waits for its one line that says where it serves.
  async startReady(name, binary, args) {
    const process_ = this.start(name, binary, args);
    const ready = new Promise((resolve) => {
      process_.child.stdout.on("data", () => {
        const line = process_.output.split("\n").find((line) => line.startsWith('{"ready":true'));
        if (line !== undefined) resolve(JSON.parse(line));
      });
    });
    const gone = process_.ended.then(() => { throw new Error(`${name} ended: ${process_.output}`); });
    const facts = await Promise.race([ready, gone]);
    gone.catch(() => {});
    return { ...facts, end: () => this.end(name) };
  }

  // Runs a process to its end, in the given folder or where the demo runs.
  async finish(binary, args, input = "", environment = {}, cwd = undefined) {
    const env = { ...process.env, ...environment };
    const child = spawn(binary, args, { stdio: ["pipe", "pipe", "pipe"], env, cwd });
    let [output, errors] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (chunk) => { output += chunk; });
    child.stderr.setEncoding("utf8").on("data", (chunk) => { errors += chunk; });
    // A command that reads no input may end before it was written.
    child.stdin.on("error", () => {}).end(input);
    const [code] = await once(child, "close");
    return { code, output, errors };
  }

  output(name) {
    return this.#running.get(name).output;
  }

  assertAlive(name) {
    const { child, output } = this.#running.get(name);
    if (child.exitCode !== null) throw new Error(`${name} ended: ${output}`);
  }

  async end(name) {
    const process_ = this.#running.get(name);
    this.#running.delete(name);
    if (process_.child.exitCode === null) process_.child.kill("SIGTERM");
    await process_.ended;
  }

  async endAll() {
    for (const name of [...this.#running.keys()]) await this.end(name);
  }
}
