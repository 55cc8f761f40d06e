// The official conformance suite against our fixture, direct and through a gateway with policy, masking and recording
// on, at both revisions. Every check that differs is shown. Ends with 1 where the gateway is worse than the fixture
// alone, and where the fixture alone is at fault, since that would hide what the gateway does.
//
// Usage: conformance.mjs --lychgate BINARY --fixture BINARY [--revision REVISION] [--keep FOLDER]

import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Processes } from "../demo/processes.mjs";
import { count, differences, faults, readRun } from "./compare.mjs";

const REVISIONS = ["2025-11-25", "2026-07-28"];
const START_SECONDS = 30;

const { values } = parseArgs({
  options: {
    lychgate: { type: "string" },
    fixture: { type: "string" },
    revision: { type: "string", multiple: true, default: REVISIONS },
    keep: { type: "string" },
  },
});
if (values.lychgate === undefined || values.fixture === undefined) {
  throw new Error("--lychgate BINARY and --fixture BINARY are needed");
}
const counterparts = path.resolve(import.meta.dirname, "../counterparts");
const suite = path.join(counterparts, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
const folder = mkdtempSync(path.join(tmpdir(), "lychgate-conformance-"));
const processes = new Processes();

try {
  const failed = await main();
  process.exitCode = failed ? 1 : 0;
} finally {
  await processes.endAll();
  if (values.keep !== undefined) cpSync(folder, values.keep, { recursive: true });
  rmSync(folder, { recursive: true, force: true });
}

async function main() {
  const fixture = await processes.startReady("fixture", path.resolve(values.fixture), []);
  const gateway = await startGateway(fixture.url);
  let failed = false;
  for (const revision of values.revision) {
    // One after the other: some scenarios change the lists that others read.
    const direct = await run(fixture.url, revision, "direct");
    const through = await run(gateway.url, revision, "gateway");
    failed = report(revision, direct, through) || failed;
  }
  await checkRecords(gateway.records);
  return failed;
}

async function startGateway(upstream) {
  const [manifests, state] = ["manifests", "state"].map((name) => path.join(folder, name));
  const text = readFileSync(path.join(import.meta.dirname, "manifests.yaml"), "utf8");
  mkdirSync(manifests);
  writeFileSync(path.join(manifests, "all.yaml"), text.replace("UPSTREAM", upstream));
  const free = ["--listen", "127.0.0.1:0", "--issuer-listen", "127.0.0.1:0"];
  processes.start("lychgate", path.resolve(values.lychgate), ["dev", manifests, "--state", state, ...free]);
  for (const end = Date.now() + START_SECONDS * 1000; Date.now() < end; await pause(50)) {
    processes.assertAlive("lychgate");
    const summary = read(path.join(state, "dev.json"));
    if (summary !== undefined) return { ...summary, url: summary.connections[0].url };
  }
  throw new Error(`lychgate dev does not serve: ${processes.output("lychgate")}`);
}

/** Runs the suite once. That scenarios fail is for the comparison to say. */
async function run(url, revision, name) {
  const results = path.join(folder, `${name}-${revision}`);
  const args = [suite, "server", "--url", url, "--requirements", revision, "--output-dir", results];
  const { output, errors } = await processes.finish(process.execPath, args);
  writeFileSync(path.join(folder, `${name}-${revision}.txt`), output + errors);
  assert.match(output, /=== SUMMARY ===/, `the suite ended before its end: ${errors}`);
  return readRun(results);
}

function report(revision, direct, through) {
  say(`\n${revision}`);
  for (const [name, run] of Object.entries({ direct, "through the gateway": through })) {
    const { SUCCESS, FAILURE, WARNING } = count(run);
    say(`  ${name}: ${run.size} scenarios, ${SUCCESS} of ${SUCCESS + FAILURE} checks, ${WARNING} warnings`);
  }
  const ownFaults = faults(direct);
  for (const { scenario, check, status, why } of ownFaults) {
    say(`  the fixture alone: ${scenario}: ${check}: ${status} ${why}`);
  }
  const rows = differences(direct, through);
  for (const { scenario, check, direct, through, worse, why } of rows) {
    say(`  ${worse ? "WORSE" : "other"}  ${scenario}: ${check}: ${direct} → ${through}${why ? `\n         ${why}` : ""}`);
  }
  if (rows.length === 0) say("  no check differs");
  return ownFaults.length > 0 || rows.some((row) => row.worse);
}

/** What went through the gateway is on its record, and the record is whole. */
async function checkRecords(records) {
  const { code, output, errors } = await processes.finish(path.resolve(values.lychgate), ["verify", "--records", records]);
  assert.equal(code, 0, output + errors);
  assert.match(output, /intact; \d{3,} entries/, "what went through the gateway is on its record");
  say(`\nThe record of it: ${output.trim().split("\n").at(-1)}`);
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
