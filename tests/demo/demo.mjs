// The demo: a real MCP server with a real credential behind `lychgate dev`, and an unmodified MCP client
// that meets the rules of examples/quickstart. Each step prints what happened and checks it; the first
// check that fails ends the demo with exit code 1.
//
// Usage: demo.mjs --lychgate BINARY

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import { Processes } from "./processes.mjs";

// This Node calls its SQLite experimental with each run.
process.removeAllListeners("warning");

const { values } = parseArgs({ options: { lychgate: { type: "string" } } });
if (values.lychgate === undefined) throw new Error("--lychgate BINARY is missing");
const lychgate = path.resolve(values.lychgate);
const repository = path.resolve(import.meta.dirname, "../..");
const counterparts = path.join(repository, "tests/counterparts");
const folder = mkdtempSync(path.join(tmpdir(), "lychgate-demo-"));
const manifests = path.join(folder, "quickstart");
// Where `lychgate dev` puts it by itself, so that commands in this folder need no path.
const state = path.join(folder, ".lychgate");
const database = path.join(folder, "customers.sqlite");
const processes = new Processes();

const QUERY = "select name, email, card, ssn from customers order by id limit 2";
const ORDER = 3;
const FIRST_TOKEN = "quickstart-token-1";
const SECOND_TOKEN = "quickstart-token-2";
let step = 0;

try {
  await demo();
  say(`\nThe demo is over, and every step was checked. On your own: README.md, "By hand".`);
} catch (error) {
  say(`\nStep ${step} failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await processes.endAll();
  rmSync(folder, { recursive: true, force: true });
}

async function demo() {
  title("A real MCP server, dbhub, serves a database and wants a bearer token");
  await node("servers/seed-customers.mjs", ["--database", database]);
  cpSync(path.join(repository, "examples/quickstart"), manifests, { recursive: true });
  edit("dbhub.toml", "/tmp/customers.sqlite", database);
  let server = await startServer(0, FIRST_TOKEN);
  const bare = await fetch(server.url, { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
  assert.equal(bare.status, 401, "the server refuses a request without its token");
  say(`dbhub serves ${server.url} and answers 401 without its token.`);

  title("Lychgate stands in front of it, by the manifests of examples/quickstart");
  edit("customers.yaml", "http://127.0.0.1:8931/mcp", server.url);
  const gateway = await startGateway();
  say(`${gateway.url} serves; tokens for ${gateway.personas.map((persona) => persona.user).join(", ")}.`);

  title("alice, an analyst, lists tools and sees only hers");
  const tools = names(await call("alice", gateway, { op: "listTools" }));
  assert.deepEqual(tools, ["execute_sql", "refund"]);
  const everything = names(await call("bob", gateway, { op: "listTools" }));
  assert.deepEqual(everything, ["execute_sql", "refund", "search_objects"]);
  say(`alice sees ${tools.join(", ")}; bob, a database administrator, sees ${everything.join(", ")}.`);

  title("alice queries customers; what is personal comes back masked");
  const before = await direct(server.url, FIRST_TOKEN);
  const masked = text(await call("alice", gateway, { op: "callTool", name: "execute_sql", arguments: { sql: QUERY } }));
  const address = /[a-z.]+@example\.com/;
  assert.match(before, address, "the server itself answers with e-mail addresses");
  assert.doesNotMatch(masked, address, "no e-mail address passes");
  assert.match(masked, /\[REDACTED:Email\]/);
  const card = JSON.parse(before).data.statements[0].rows[0].card;
  assert.ok(!masked.includes(card), "no whole card number passes");
  const row = JSON.parse(masked).data.statements[0].rows[0];
  assert.ok(row.card.endsWith(card.slice(-4)), "the last four digits of a card stay");
  say(`before: ${JSON.stringify(JSON.parse(before).data.statements[0].rows[0])}`);
  say(`masked: ${JSON.stringify(row)}`);

  title("alice calls a tool that is not hers; mallory, who has no grant, calls anything");
  const refused = await call("alice", gateway, { op: "callTool", name: "search_objects", arguments: { object_type: "table" } });
  assert.match(refused.error.message, /Unknown tool: search_objects/);
  const stranger = await run("mallory", gateway, [{ op: "listTools" }]);
  assert.equal(stranger.at(-1).error.status ?? stranger.at(-1).error.code, 403);
  say(`alice: ${refused.error.message}`);
  say(`mallory: ${stranger.at(-1).error.message}`);

  await statements(gateway);
  await approvals(gateway);

  title("dbhub's token was injected on the way, and shown to nobody");
  const seen = JSON.stringify([tools, masked, refused, stranger]) + processes.output("lychgate");
  assert.ok(!seen.includes(FIRST_TOKEN), "the token is in no answer and in no log");
  assert.ok(!records().includes(FIRST_TOKEN), "the token is not in the record");
  assert.match(records(), /"kind":"Injected"/);
  say("The record says which version of which credential went where, and never its value.");

  title("dbhub's token is rotated");
  const port = Number(new URL(server.url).port);
  await server.end();
  server = await startServer(port, SECOND_TOKEN);
  const old = await call("alice", gateway, { op: "callTool", name: "execute_sql", arguments: { sql: "select 1" } }, "connect");
  assert.match(old.error.message, /refused the gateway's credential/);
  say(`With the old token: ${old.error.message}`);
  edit("customers.yaml", FIRST_TOKEN, SECOND_TOKEN);
  const fresh = await eventually(async () => {
    const answer = await call("alice", gateway, { op: "callTool", name: "execute_sql", arguments: { sql: "select 1 as one" } }, "connect");
    return answer.error === undefined ? text(answer) : undefined;
  });
  assert.match(fresh, /"one": 1/);
  say("The Secret was changed in its manifest; the next call went through. Nothing was restarted but dbhub.");

  title("The session is replayed, and the record is verified");
  const listed = await command(["sessions", "list", "--records", gateway.records]);
  const session = listed.split("\n").find((line) => line.includes("alice") && !line.includes(", 0 masked"))?.match(/s-[0-9a-f]{16}/)?.[0];
  assert.ok(session, "the session in which alice's answer was masked is in the list");
  say(listed.trimEnd());
  const replay = await command(["replay", session, "--records", gateway.records, "--width", "140"]);
  assert.match(replay, /tools\/call execute_sql/);
  assert.doesNotMatch(replay, address, "the record is masked too");
  say(replay.trimEnd());
  await eventually(async () => /, 0 entries after the last head/.test(await command(["verify", "--records", gateway.records])) || undefined);
  say((await command(["verify", "--records", gateway.records])).trimEnd());
  const segment = path.join(gateway.records, "dev", readdirSync(path.join(gateway.records, "dev")).find((name) => name.endsWith(".jsonl")));
  const forged = path.join(folder, "forged");
  cpSync(gateway.records, path.join(forged, "records"), { recursive: true });
  cpSync(path.join(state, "signing.pub"), path.join(forged, "signing.pub"));
  const copy = path.join(forged, "records/dev", path.basename(segment));
  writeFileSync(copy, readFileSync(copy, "utf8").replace("search_objects", "search_nothing"));
  const caught = await processes.finish(lychgate, ["verify", "--records", path.join(forged, "records")]);
  assert.equal(caught.code, 1, "a changed record is found out");
  say(`And with one word changed in a copy: ${caught.output.split("\n").find((line) => line.includes("DAMAGED"))}`);
}

async function statements(gateway) {
  title("alice's statements are judged by what they would do, before the server sees them");
  const send = (sql) => call("alice", gateway, { op: "callTool", name: "execute_sql", arguments: { sql } });
  const before = rows();
  for (const [sql, words] of [
    ["DROP TABLE customers", /Schema changes go through migrations/],
    ["DELETE FROM orders", /It would change every row/],
  ]) {
    const denied = await send(sql);
    assert.equal(denied.ok?.isError, true, `${sql}: ${JSON.stringify(denied)}`);
    assert.match(text(denied), words);
    say(`${sql}\n  ${text(denied)}`);
  }
  const harmless = "SELECT 'DROP TABLE customers' AS one, 'DELETE FROM orders' AS other";
  const answered = text(await send(harmless));
  assert.match(answered, /DELETE FROM orders/, "words in a text do nothing");
  assert.deepEqual(rows(), before, "nothing has changed");
  say(`${harmless}\n  ${JSON.stringify(JSON.parse(answered).data.statements[0].rows[0])}`);
}

async function approvals(gateway) {
  title("alice asks for a refund, which changes the database; her call waits until bob has approved it");
  const refund = () => call("alice", gateway, { op: "callTool", name: "refund", arguments: { order: ORDER } });
  const before = refunds();
  const waiting = refund();
  // If a check fails below, that is what the demo ends with.
  waiting.catch(() => {});
  const first = await pending();
  say(await shell(["approvals", "list", "--dev"]));
  const shown = await shell(["approvals", "show", first, "--dev"]);
  assert.match(shown, /Arguments: +\{"order":3\}/, "what is asked is shown whole");
  say(shown);
  const own = await refusal(["approvals", "approve", first, "--dev", "--as", "alice", "--reason", "it is mine"]);
  assert.match(own, /nobody decides on a call of his own/);
  say(own);
  assert.deepEqual([before, refunds()], [0, 0], "nothing happens before it is approved");
  say(await shell(["approvals", "approve", first, "--dev", "--as", "bob", "--reason", "INC-42, charged twice"]));
  assert.equal(JSON.parse(text(await waiting)).success, true, "the call that waited has its answer");
  assert.equal(refunds(), 1, "the refund was written, and once only");
  say(`\nalice's call went through. Refunds in the database: ${before} before, ${refunds()} now.`);

  title("alice sends the very same call again; the approval was good for one, so this one waits anew");
  const repeated = refund();
  repeated.catch(() => {});
  const second = await pending();
  assert.notEqual(second, first);
  say(await shell(["approvals", "list", "--dev", "--all"]));
  say(await shell(["approvals", "deny", second, "--dev", "--as", "bob", "--reason", "it was paid back already"]));
  const denied = await repeated;
  assert.equal(denied.ok.isError, true, "the caller is told");
  assert.match(text(denied), /was denied and not made.*it was paid back already/);
  assert.equal(refunds(), 1, "and nothing was written");
  say(`\nalice: ${text(denied)}.\nRefunds in the database: ${refunds()}, as before.`);
}

// How many orders the database itself has of less than nothing.
function refunds() {
  return count("orders WHERE amount_cents < 0");
}

// How many customers and orders the database itself has.
function rows() {
  return [count("customers"), count("orders")];
}

function count(what) {
  const file = new DatabaseSync(database, { readOnly: true });
  const { count } = file.prepare(`SELECT count(*) AS count FROM ${what}`).get();
  file.close();
  return count;
}

// The name of the Approval that waits.
function pending() {
  return eventually(async () => {
    const listed = await command(["approvals", "list", "--dev"]);
    return listed.split("\n").find((line) => line.includes("Pending"))?.split(" ")[0];
  });
}

function startServer(port, token) {
  const args = ["--config", path.join(manifests, "dbhub.toml"), "--token", token, "--port", String(port)];
  return processes.startReady("dbhub", process.execPath, [path.join(counterparts, "servers/dbhub.mjs"), ...args]);
}

async function startGateway() {
  const free = ["--listen", "127.0.0.1:0", "--issuer-listen", "127.0.0.1:0"];
  processes.start("lychgate", lychgate, ["dev", manifests, "--state", state, ...free]);
  const summary = await eventually(() => {
    processes.assertAlive("lychgate");
    try {
      return JSON.parse(readFileSync(path.join(state, "dev.json"), "utf8"));
    } catch {
      return undefined;
    }
  });
  return { ...summary, url: summary.connections[0].url };
}

// Runs an unmodified client (@modelcontextprotocol/sdk) as a persona.
async function run(user, gateway, script) {
  const persona = gateway.personas.find((persona) => persona.user === user);
  const environment = { MCP_TOKEN: readFileSync(persona.tokenFile, "utf8") };
  return node("clients/legacy.mjs", ["--url", gateway.url], JSON.stringify(script), environment);
}

async function call(user, gateway, operation, alsoFailing) {
  const lines = await run(user, gateway, [operation]);
  const answer = lines.at(-1);
  assert.ok(answer.op === operation.op || answer.op === alsoFailing, `${user}: ${JSON.stringify(answer)}`);
  return answer;
}

async function direct(url, token) {
  const script = [{ op: "callTool", name: "execute_sql", arguments: { sql: QUERY } }];
  return text((await node("clients/legacy.mjs", ["--url", url], JSON.stringify(script), { MCP_TOKEN: token })).at(-1));
}

async function node(script, args, input = "", environment = {}) {
  const finished = await processes.finish(process.execPath, [path.join(counterparts, script), ...args], input, environment);
  assert.equal(finished.code, 0, `${script}: ${finished.errors}`);
  return finished.output.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

async function command(args) {
  const finished = await processes.finish(lychgate, args, "", {}, folder);
  assert.equal(finished.code, 0, `lychgate ${args.join(" ")}: ${finished.output}${finished.errors}`);
  return finished.output;
}

// A command as one types it, and what it prints.
async function shell(args) {
  return `\n${typed(args)}\n${(await command(args)).trimEnd()}`;
}

// A command that is refused, and what it says.
async function refusal(args) {
  const finished = await processes.finish(lychgate, args, "", {}, folder);
  assert.equal(finished.code, 2, `lychgate ${args.join(" ")}: ${finished.output}`);
  return `\n${typed(args)}\n${finished.errors.trimEnd()}`;
}

function typed(args) {
  return `$ lychgate ${args.map((arg) => (arg.includes(" ") ? `'${arg}'` : arg)).join(" ")}`;
}

function edit(file, from, to) {
  const target = path.join(manifests, file);
  const content = readFileSync(target, "utf8");
  assert.ok(content.includes(from), `${file} holds ${from}`);
  writeFileSync(target, content.replaceAll(from, to));
}

function records() {
  const journal = path.join(state, "records/dev");
  const segments = readdirSync(journal).filter((name) => name.endsWith(".jsonl"));
  return segments.map((name) => readFileSync(path.join(journal, name), "utf8")).join("");
}

async function eventually(attempt) {
  for (let tries = 0; tries < 150; tries += 1) {
    const found = await attempt();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("waited 15 seconds for what did not come");
}

function names(answer) {
  assert.equal(answer.error, undefined, JSON.stringify(answer.error));
  return answer.ok.tools.map((tool) => tool.name).sort();
}

function text(answer) {
  assert.equal(answer.error, undefined, JSON.stringify(answer.error));
  return answer.ok.content[0].text;
}

function title(words) {
  step += 1;
  say(`\n${step}. ${words}`);
}

function say(words) {
  console.log(words);
}
