// Shows that a gateway that loses a check is found out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { count, differences, faults } from "./compare.mjs";

const check = (status, name = "Ping") => ({ id: "ping", name, status, errorMessage: status === "FAILURE" ? "no answer" : undefined });
const run = (...checks) => new Map([["ping", checks]]);

test("a check that was lost is worse, and one that was gained or does not judge is not", () => {
  for (const [direct, through, worse] of [
    [check("SUCCESS"), check("FAILURE"), true],
    [check("SUCCESS"), check("WARNING"), true],
    [check("SUCCESS"), check("INFO"), true],
    [check("INFO"), check("FAILURE"), true],
    [check("WARNING"), check("SUCCESS"), false],
    [check("INFO"), check("SUCCESS"), false],
  ]) {
    const [row] = differences(run(direct), run(through));
    assert.equal(row.worse, worse, `${direct.status} to ${through.status}`);
  }
  assert.deepEqual(differences(run(check("SUCCESS")), run(check("SUCCESS"))), []);
});

test("a check that was not made, or a whole scenario, counts as lost if it was a success", () => {
  assert.equal(differences(run(check("SUCCESS")), run())[0].through, "absent");
  assert.ok(differences(run(check("SUCCESS")), new Map())[0].worse);
  assert.ok(!differences(run(check("INFO")), run())[0].worse);
  assert.ok(differences(run(), run(check("FAILURE")))[0].worse);
});

test("of a check that is made several times each time counts", () => {
  const rows = differences(run(check("SUCCESS"), check("SUCCESS")), run(check("SUCCESS"), check("FAILURE")));
  assert.deepEqual(rows.map(({ through, worse, why }) => ({ through, worse, why })), [
    { through: "FAILURE", worse: true, why: "no answer" },
  ]);
});

test("a run is counted, and its faults are named", () => {
  const made = run(check("SUCCESS"), check("FAILURE", "Pong"));
  assert.equal(count(made).SUCCESS, 1);
  assert.deepEqual(faults(made), [{ scenario: "ping", check: "ping (Pong)", status: "FAILURE", why: "no answer" }]);
});
