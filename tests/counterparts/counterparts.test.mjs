// Shows that the counterparts work with one another, with no gateway between
// them, and that no launcher outlives its starter. Run after ./install with
//   target/counterparts/bin/node --test tests/counterparts/counterparts.test.mjs

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createRemoteJWKSet, jwtVerify } from "jose";

const here = dirname(fileURLToPath(import.meta.url));
const python = join(here, "../../target/counterparts/bin/python");
const scratch = mkdtempSync(join(tmpdir(), "counterparts-"));
after(() => rmSync(scratch, { recursive: true }));

const RESOURCE = "http://127.0.0.1:8080/mcp";
const QUERY = {
  op: "callTool",
  name: "execute_sql",
  arguments: { sql: "SELECT email FROM customers WHERE id = 1" },
};

test("clients of both eras query dbhub with its token", async (t) => {
  const database = join(scratch, "customers.db");
  await run("servers/seed-customers.mjs", ["--database", database]);
  const { url } = await start(t, "servers/dbhub.mjs", ["--database", database, "--token", "right"]);
  for (const [client, version] of [
    ["legacy", "2025-11-25"],
    ["modern", "2026-07-28"],
    ["python_client", "2026-07-28"],
  ]) {
    const [connected, tools, rows] = await use(
      client,
      ["--url", url, "--token", "right"],
      [{ op: "listTools" }, QUERY],
    );
    assert.equal(connected.ok.protocolVersion, version, client);
    assert.deepEqual(
      tools.ok.tools.map((tool) => tool.name),
      ["execute_sql", "search_objects"],
    );
    assert.match(rows.ok.content[0].text, /alice@example\.com/);
  }
});

test("dbhub refuses a wrong token with 401", async (t) => {
  const database = join(scratch, "refused.db");
  await run("servers/seed-customers.mjs", ["--database", database]);
  const { url } = await start(t, "servers/dbhub.mjs", ["--database", database, "--token", "right"]);
  for (const client of ["legacy", "modern", "python_client"]) {
    const [connected] = await use(client, ["--url", url, "--token", "wrong"], []);
    assert.equal(connected.error.status, 401, client);
  }
});

test("the everything server asks its clients for sampling", async (t) => {
  const { url } = await start(t, "servers/everything.mjs", []);
  const script = [
    { op: "callTool", name: "trigger-sampling-request", arguments: { prompt: "hi" } },
    { op: "received" },
  ];
  for (const client of ["legacy", "python_client"]) {
    const [connected, sampled, received] = await use(client, ["--url", url, "--answer", "sampling"], script);
    assert.equal(connected.ok.protocolVersion, "2025-11-25");
    assert.match(sampled.ok.content[0].text, /a sampled answer/);
    assert.ok(
      received.ok.some(({ method }) => method === "sampling/createMessage"),
      client,
    );
  }
});

test("clients and servers of HTTP+SSE work with one another, and a client of both transports falls back", async (t) => {
  const old = await start(t, "servers/sse.mjs", ["--token", "right"]);
  const reference = await start(t, "servers/everything.mjs", ["--transport", "sse"]);
  const script = [{ op: "callTool", name: "echo", arguments: { message: "hi" } }];
  for (const { url } of [old, reference]) {
    for (const [client, transport] of [
      ["legacy", "sse"],
      ["legacy", "auto"],
      ["python_client", "sse"],
    ]) {
      const options = ["--url", url, "--token", "right", "--transport", transport];
      const [connected, echoed] = await use(client, options, script);
      assert.equal(connected.ok.protocolVersion, "2025-11-25", client);
      assert.match(echoed.ok.content[0].text, /hi/, client);
    }
  }
});

test("the fixture server speaks both eras and logs what it received", async (t) => {
  const log = join(scratch, "modern.jsonl");
  const server = await start(t, "servers/modern.mjs", ["--token", "first", "--log", log]);
  const script = [
    { op: "callTool", name: "echo", arguments: { message: "hello" } },
    { op: "callTool", name: "slow", arguments: { milliseconds: 50 }, progress: true },
    { op: "callTool", name: "leak", arguments: {} },
    { op: "received" },
  ];
  for (const client of ["legacy", "modern", "python_client"]) {
    const [, echo, slow, leak, received] = await use(
      client,
      ["--url", server.url, "--token", "first"],
      script,
    );
    assert.deepEqual(echo.ok.structuredContent, { arguments: { message: "hello" } });
    assert.equal(slow.ok.content[0].text, "done after 50 ms");
    assert.equal(leak.ok.content[0].text, "I was called with Bearer first");
    assert.ok(
      received.ok.some(({ method }) => method === "notifications/progress"),
      client,
    );
  }
  assert.ok(logged(log).some(({ headers }) => headers?.["mcp-name"] === "echo"));

  await server.command("token second");
  const [refused] = await use("modern", ["--url", server.url, "--token", "first"], []);
  assert.equal(refused.error.status, 401);
});

test("the fixture server asks through the client and changes a tool on command", async (t) => {
  const server = await start(t, "servers/modern.mjs", ["--era", "modern"]);
  const confirm = { op: "callTool", name: "confirm", arguments: { action: "delete" } };
  const [, confirmed] = await use("modern", ["--url", server.url, "--answer", "elicitation"], [confirm]);
  assert.equal(confirmed.ok.content[0].text, "confirmed: delete");

  await server.command("describe echo another text");
  const [, tools] = await use("modern", ["--url", server.url], [{ op: "listTools" }]);
  assert.equal(tools.ok.tools[0].description, "another text");
  const [refused] = await use("legacy", ["--url", server.url], []);
  assert.equal(refused.error.status, 400);
});

test("the fixture server keeps sessions in the legacy era", async (t) => {
  const { url } = await start(t, "servers/modern.mjs", ["--era", "legacy"]);
  const script = [
    { op: "readResource", uri: "fixture://customers/1" },
    { op: "terminateSession" },
    { op: "ping" },
  ];
  const [connected, read, terminated, gone] = await use("legacy", ["--url", url], script);
  assert.match(connected.ok.sessionId, /^[0-9a-f-]{36}$/);
  assert.match(read.ok.contents[0].text, /4111111111111111/);
  assert.deepEqual(terminated.ok, {});
  assert.ok(gone.error);
});

test("servers that speak stdio answer clients of every kind through the bridge", async (t) => {
  const memory = await start(t, "servers/stdio.mjs", ["--server", "memory", "--folder", scratch]);
  const time = await start(t, "servers/stdio.mjs", ["--server", "time"]);
  const noon = { source_timezone: "Etc/UTC", time: "12:00", target_timezone: "Asia/Tokyo" };
  for (const [client, options] of [
    ["legacy", []],
    ["modern", ["--mode", "auto"]],
    ["python_client", []],
  ]) {
    const graph = { op: "callTool", name: "read_graph", arguments: {} };
    const [connected, read] = await use(client, ["--url", memory.url, ...options], [graph]);
    assert.equal(connected.ok.protocolVersion, "2025-11-25", client);
    assert.deepEqual(read.ok.structuredContent, { entities: [], relations: [] }, client);
    const convert = { op: "callTool", name: "convert_time", arguments: noon };
    const [, converted] = await use(client, ["--url", time.url, ...options], [convert]);
    assert.match(converted.ok.content[0].text, /T21:00:00\+09:00/, client);
  }
});

test("the hostile server shows the fault that is asked for", async (t) => {
  const { url, faults } = await start(t, "servers/hostile.mjs", []);
  assert.ok(faults.length > 30);
  const call = (x) => ({ op: "callTool", name: "misbehave", arguments: { x }, timeout_milliseconds: 300 });
  const script = [call(undefined), call("server_error"), call("hang"), call("invalid_json")];
  const [, good, failed, hung, invalid] = await use("modern", ["--url", url], script);
  assert.equal(good.ok.content[0].text, "no fault was asked for");
  assert.equal(failed.error.status, 500);
  assert.equal(hung.error.code, "REQUEST_TIMEOUT");
  assert.equal(invalid.error.name, "SyntaxError");
  assert.equal((await fetch(`${url}?fault=redirect`, { method: "POST", redirect: "manual" })).status, 302);
});

for (const algorithm of ["RS256", "ES256"]) {
  test(`tokens of the identity provider verify before and after a rotation, ${algorithm}`, async (t) => {
    const provider = await start(t, "servers/oidc.mjs", [
      "--algorithm",
      algorithm,
      "--persona",
      "alice=analysts,staff",
    ]);
    const token = async () =>
      (
        await run("clients/token.mjs", [
          "--issuer",
          provider.issuer,
          "--client",
          "alice",
          "--resource",
          RESOURCE,
        ])
      ).trim();
    const first = await token();
    await provider.command("rotate");
    const second = await token();
    for (const each of [first, second]) {
      const { payload, protectedHeader } = await verify(provider.issuer, each);
      assert.equal(protectedHeader.alg, algorithm);
      assert.deepEqual(
        [payload.sub, payload.email, payload.groups],
        ["alice", "alice@example.com", ["analysts", "staff"]],
      );
    }
    await provider.command("retire");
    await assert.rejects(verify(provider.issuer, first), { code: "ERR_JWKS_NO_MATCHING_KEY" });
  });
}

test("a minted token verifies, and no longer with a fault", async (t) => {
  const keys = join(scratch, "keys.json");
  const { issuer } = await start(t, "servers/oidc.mjs", ["--keys", keys]);
  const mint = async (fault) =>
    (
      await run("clients/mint.mjs", [
        "--keys",
        keys,
        "--issuer",
        issuer,
        "--audience",
        RESOURCE,
        "--fault",
        fault,
      ])
    ).trim();
  assert.equal((await verify(issuer, await mint("none"))).payload.sub, "alice");
  for (const fault of [
    "expired",
    "wrong_audience",
    "wrong_issuer",
    "not_before_future",
    "algorithm_none",
    "hs256_with_public_key",
    "foreign_key",
    "embedded_key",
    "changed_payload",
    "critical_header",
  ]) {
    await assert.rejects(
      mint(fault).then((token) => verify(issuer, token)),
      undefined,
      fault,
    );
  }
});

for (const launcher of ["dbhub.mjs", "everything.mjs", "modern.mjs", "sse.mjs", "stdio.mjs", "hostile.mjs", "oidc.mjs"]) {
  test(`${launcher} ends with its starter`, async (t) => {
    const needed = { "dbhub.mjs": ["--dsn", "sqlite:///:memory:"], "stdio.mjs": ["--server", "time"] };
    const options = needed[launcher] ?? [];
    const closed = await start(t, `servers/${launcher}`, options);
    closed.child.stdin.end();
    assert.equal(await closed.ended(), 0);

    const terminated = await start(t, `servers/${launcher}`, options);
    terminated.child.kill("SIGTERM");
    assert.equal(await terminated.ended(), 0);

    // Killed, a starter closes nothing where its child never had its pipe.
    const shell = spawn("/bin/sh", [
      "-c",
      '"$0" "$@" </dev/null & wait',
      process.execPath,
      join(here, "servers", launcher),
      ...options,
    ]);
    const { url, issuer } = JSON.parse(await firstLine(shell.stdout));
    shell.kill("SIGKILL");
    await refusesConnections(url ?? `${issuer}/jwks`);
  });
}

/** Starts a launcher and waits for its ready line; the test's end ends it. */
async function start(t, script, options) {
  const child = spawn(process.execPath, [join(here, script), ...options], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const ended = new Promise((resolve) => child.on("exit", (code) => resolve(code)));
  t.after(() => child.kill("SIGKILL"));
  const output = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await output.next()).value);
  const ready = await next();
  assert.equal(ready.ready, true);
  const command = async (line) => {
    child.stdin.write(line + "\n");
    const answer = await next();
    assert.equal(answer.done, line.split(" ")[0]);
    return answer;
  };
  return { ...ready, child, command, ended: () => ended };
}

/** Runs a client with a script; its lines, the one of the connection first. */
async function use(client, options, script) {
  const [program, file] =
    client === "python_client" ? [python, "python_client.py"] : [process.execPath, `${client}.mjs`];
  const output = await execute(program, [join(here, "clients", file), ...options], JSON.stringify(script));
  return output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function run(script, options) {
  return execute(process.execPath, [join(here, script), ...options], "");
}

function execute(program, parameters, input) {
  return new Promise((resolve, reject) => {
    const child = execFile(program, parameters, (error, stdout) => (error ? reject(error) : resolve(stdout)));
    child.stdin.end(input);
  });
}

async function firstLine(stream) {
  for await (const line of createInterface({ input: stream })) return line;
  throw new Error("the stream ended early");
}

async function refusesConnections(url) {
  for (let attempt = 0; attempt < 40; attempt += 1) {
    const error = await fetch(url).then(
      (response) => response.body?.cancel(),
      (error) => error,
    );
    if (error) return;
    await sleep(50);
  }
  throw new Error(`${url} still answers`);
}

function verify(issuer, token) {
  const options = { issuer, audience: RESOURCE, typ: "at+jwt", requiredClaims: ["exp", "sub"] };
  return jwtVerify(token, createRemoteJWKSet(new URL(`${issuer}/jwks`)), options);
}

function logged(file) {
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}
