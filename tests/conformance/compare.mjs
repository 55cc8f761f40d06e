// Two runs of the conformance suite, check by check. Knows the files that the suite writes, and nothing of how the
// runs came about.

import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";

// What a check says, the better the higher. A check that was not made is worse than one that says something.
const RANKS = { SUCCESS: 3, INFO: 2, SKIPPED: 2, WARNING: 1, FAILURE: 0, absent: -1 };
// What scenarios write down beside their checks: its number says nothing.
const TRACES = new Set(["outgoing-request", "incoming-response", "incoming-sse-event", "stream-closed"]);

/** The checks of a run, as the suite wrote them below `folder`: for each scenario a list. */
export function readRun(folder) {
  const scenarios = new Map();
  for (const entry of readdirSync(folder).sort()) {
    // Such as server-tools-list-2026-11-25T16-24-32-900Z.
    const name = entry.match(/^server-(.*)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/)?.[1];
    if (name === undefined) continue;
    const checks = JSON.parse(readFileSync(path.join(folder, entry, "checks.json"), "utf8"));
    scenarios.set(name, checks.filter((check) => !TRACES.has(check.id) || check.status === "FAILURE"));
  }
  return scenarios;
}

/** How many checks say what: `{SUCCESS, FAILURE, …}`. */
export function count(run) {
  const counts = { SUCCESS: 0, INFO: 0, SKIPPED: 0, WARNING: 0, FAILURE: 0 };
  for (const check of [...run.values()].flat()) counts[check.status] += 1;
  return counts;
}

/** The checks of a run that found something wrong, in the form of `differences`. */
export function faults(run) {
  const wrong = (check) => ["FAILURE", "WARNING"].includes(check.status);
  return [...run].flatMap(([scenario, checks]) =>
    checks.filter(wrong).map((check) => ({ scenario, check: nameOf(check), status: check.status, why: why(check) })),
  );
}

/** Where two runs differ, with whether the second is worse there. A check that is made several times counts each time. */
export function differences(direct, through) {
  const rows = [];
  for (const scenario of new Set([...direct.keys(), ...through.keys()])) {
    const [ours, theirs] = [direct, through].map((run) => byName(run.get(scenario) ?? []));
    for (const check of new Set([...ours.keys(), ...theirs.keys()])) {
      const [before, after] = [ours.get(check) ?? [], theirs.get(check) ?? []];
      for (let index = 0; index < Math.max(before.length, after.length); index += 1) {
        const [first, second] = [before[index], after[index]].map((made) => made?.status ?? "absent");
        if (first === second) continue;
        rows.push({ scenario, check, direct: first, through: second, worse: isWorse(first, second), why: why(after[index]) });
      }
    }
  }
  return rows;
}

function isWorse(first, second) {
  // What only one run says, and what does not judge, is no loss.
  if (first === "absent") return RANKS[second] < RANKS.INFO;
  if (second === "absent") return first === "SUCCESS";
  return RANKS[second] < RANKS[first];
}

function byName(checks) {
  const groups = new Map();
  for (const check of checks) groups.set(nameOf(check), [...(groups.get(nameOf(check)) ?? []), check]);
  return groups;
}

function nameOf(check) {
  return `${check.id} (${check.name})`;
}

function why(check) {
  return (check?.errorMessage ?? "").split("\n")[0].slice(0, 300);
}
