// The official conformance suite against our fixture, direct and through a gateway with policy, masking and recording
// on, at both revisions; and through two and three replicas behind a balancer that sends each request to the next.
// Every check that differs is shown. Ends with 1 where a gateway is worse than the fixture alone, and where the fixture
// alone is at fault, since that would hide what the gateway does.
//
// Usage: conformance.mjs --binaries FOLDER [--revision REVISION] [--keep FOLDER]

import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Processes } from "../demo/processes.mjs";
import { count, differences, faults, readRun } from "./compare.mjs";

const REVISIONS = ["2025-11-25", "2026-07-28"];
const REPLICAS = [2, 3];
const START_SECONDS = 30;

const { values } = parseArgs({
  options: {
    binaries: { type: "string" },
    revision: { type: "string", multiple: true, default: REVISIONS },
    keep: { type: "string" },
  },
});
if (values.binaries === undefined) throw new Error("--binaries FOLDER is needed: where cargo has built them");
const binary = (name) => path.resolve(values.binaries, name);
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
  const fixture = await processes.startReady("fixture", binary("lychgate-test-fixture"), []);
  const gateway = await startGateway(fixture.url);
  const ways = { "through the gateway": gateway.url };
  for (const count of REPLICAS) ways[`through ${count} replicas`] = await startReplicas(count);
  let failed = false;
  for (const revision of values.revision) {
    // One after the other: some scenarios change the lists that others read.
    const direct = await run(fixture.url, revision, "direct");
    failed = reportDirect(revision, direct) || failed;
    for (const [way, url] of Object.entries(ways)) {
      failed = report(way, direct, await run(url, revision, way.replaceAll(" ", "-"))) || failed;
    }
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
  processes.start("lychgate", binary("lychgate"), ["dev", manifests, "--state", state, ...free]);
  for (const end = Date.now() + START_SECONDS * 1000; Date.now() < end; await pause(50)) {
    processes.assertAlive("lychgate");
    const summary = read(path.join(state, "dev.json"));
    if (summary !== undefined) return { ...summary, url: summary.connections[0].url };
  }
  throw new Error(`lychgate dev does not serve: ${processes.output("lychgate")}`);
}

/** Gateways on what `dev` has written, as pods have it mounted, behind a balancer; gives the connection's URL there. */
async function startReplicas(count) {
  const state = (...names) => path.join(folder, "state", ...names);
  const folders = ["--config-dir", state("volumes", "config"), "--secrets-dir", state("volumes", "secrets"),
    "--config-maps-dir", state("volumes", "config-maps"), "--keys-dir", state("keys"), "--journal-dir", state("records")];
  const free = ["--plaintext", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
  const addresses = [];
  for (let number = 0; number < count; number += 1) {
    const name = `replica-${number}-of-${count}`;
    processes.start(name, binary("lychgate-gateway"), [...folders, ...free, "--replica", name]);
    addresses.push(await addressOf(name));
  }
  const balancer = await processes.startReady(`balancer-${count}`, binary("lychgate-test-balancer"), addresses);
  // The connection answers to this name at any port.
  return `http://localhost:${new URL(balancer.url).port}/fixture/mcp`;
}

/** Where a gateway serves, once it has its documents. */
async function addressOf(name) {
  for (const end = Date.now() + START_SECONDS * 1000; Date.now() < end; await pause(20)) {
    processes.assertAlive(name);
    const lines = processes.output(name).split("\n");
    const serves = lines.find((line) => line.includes("gateway serves"));
    if (serves !== undefined && lines.some((line) => line.includes("policy in use"))) {
      return JSON.parse(serves).fields.address;
    }
  }
  throw new Error(`${name} does not serve: ${processes.output(name)}`);
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

function reportDirect(revision, direct) {
  say(`\n${revision}`);
  tell("direct", direct);
  const ownFaults = faults(direct);
  for (const { scenario, check, status, why } of ownFaults) {
    say(`  the fixture alone: ${scenario}: ${check}: ${status} ${why}`);
  }
  return ownFaults.length > 0;
}

function report(way, direct, through) {
  tell(way, through);
  const rows = differences(direct, through);
  for (const { scenario, check, direct, through, worse, why } of rows) {
    say(`  ${worse ? "WORSE" : "other"}  ${scenario}: ${check}: ${direct} → ${through}${why ? `\n         ${why}` : ""}`);
  }
  if (rows.length === 0) say("    no check differs");
  return rows.some((row) => row.worse);
}

function tell(way, run) {
  const { SUCCESS, FAILURE, WARNING } = count(run);
  say(`  ${way}: ${run.size} scenarios, ${SUCCESS} of ${SUCCESS + FAILURE} checks, ${WARNING} warnings`);
}

/** What went through the gateway is on its record, and the record is whole. */
async function checkRecords(records) {
  const { code, output, errors } = await processes.finish(binary("lychgate"), ["verify", "--records", records]);
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
