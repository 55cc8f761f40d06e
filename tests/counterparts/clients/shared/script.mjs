// Runs a script of operations, read as JSON from stdin, against a connected
// MCP client and prints one JSON line for each. Both generations of the
// TypeScript SDK share the methods used here; what differs is handed in.

import { Console } from "node:console";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

// The SDKs log with console.debug, which would land between our lines.
globalThis.console = new Console(process.stderr);

/** Reads `--url`, `--token` (or MCP_TOKEN, or the file MCP_TOKEN_FILE), `--header`, `--answer` and what else the client names. */
export function readOptions(extra = {}) {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      token: { type: "string", default: process.env.MCP_TOKEN ?? tokenOfFile() },
      header: { type: "string", multiple: true, default: [] },
      answer: { type: "string", default: "" },
      ...extra,
    },
  });
  if (values.url === undefined) throw new Error("--url is missing");
  return values;
}

/** A kubelet mounts tokens as files. */
function tokenOfFile() {
  const { MCP_TOKEN_FILE } = process.env;
  return MCP_TOKEN_FILE === undefined ? undefined : readFileSync(MCP_TOKEN_FILE, "utf8");
}

/** The headers that a user of the SDK would set by `requestInit`. */
export function requestHeaders({ token, header }) {
  const headers = {};
  if (token !== undefined) headers.Authorization = `Bearer ${token}`;
  for (const line of header) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
  }
  return headers;
}

/** The client capabilities for `--answer sampling,elicitation,roots`. */
export function capabilitiesFor(answer) {
  const names = answer.split(",").filter(Boolean);
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** Canned answers to what a server asks of its client, by method. */
export const cannedAnswers = {
  sampling: [
    "sampling/createMessage",
    () => ({
      role: "assistant",
      content: { type: "text", text: "a sampled answer" },
      model: "canned",
      stopReason: "endTurn",
    }),
  ],
  elicitation: [
    "elicitation/create",
    (request) => ({
      action: "accept",
      content: elicitedContent(request.params?.requestedSchema),
    }),
  ],
  roots: ["roots/list", () => ({ roots: [{ uri: "file:///tmp/root", name: "root" }] })],
};

/**
 * Connects, runs the script, closes. `connect` resolves with what to print of
 * the connection; `call` hides where each SDK wants its request options.
 */
export async function runScript({ connect, client, transport, received, call }) {
  const script = JSON.parse(await readStandardInput());
  if (!(await attempt("connect", connect))) return finish(client, false);
  let open = true;
  for (const step of script) {
    if (step.op === "close") open = false;
    await attempt(step.op, () => perform({ client, transport, received, call }, step));
  }
  await finish(client, open);
}

async function perform({ client, transport, received, call }, step) {
  const { op, timeout_milliseconds, cancel_after_milliseconds, progress, cacheMode, ...params } = step;
  const options = { timeout: timeout_milliseconds, cacheMode };
  if (progress) options.onprogress = (params) => received.push({ method: "notifications/progress", params });
  if (cancel_after_milliseconds !== undefined) options.signal = cancelAfter(cancel_after_milliseconds);
  switch (op) {
    case "callTool":
      return call(params, options);
    case "listTools":
      return client.listTools(orUndefined(params), options);
    case "listResources":
      return client.listResources(orUndefined(params), options);
    case "listResourceTemplates":
      return client.listResourceTemplates(orUndefined(params), options);
    case "readResource":
      return client.readResource(params, options);
    case "subscribeResource":
      return client.subscribeResource(params, options);
    case "unsubscribeResource":
      return client.unsubscribeResource(params, options);
    case "listPrompts":
      return client.listPrompts(orUndefined(params), options);
    case "getPrompt":
      return client.getPrompt(params, options);
    case "complete":
      return client.complete(params, options);
    case "setLoggingLevel":
      return client.setLoggingLevel(params.level, options);
    case "ping":
      return client.ping(options);
    case "sleep":
      return sleep(params.milliseconds, {});
    // What the server sent of its own accord since the last such step.
    case "received":
      return received.splice(0);
    // Waits until the server has told of that; what was told stays for `received`.
    case "hear":
      while (!received.some(({ method }) => method === params.method)) await sleep(20);
      return {};
    case "listen":
      return { honored: (await client.listen(params)).honoredFilter };
    case "terminateSession":
      return transport.terminateSession();
    case "close":
      return client.close();
    default:
      throw new Error(`no such op: ${op}`);
  }
}

async function attempt(op, action) {
  try {
    print({ op, ok: (await action()) ?? {} });
    return true;
  } catch (error) {
    print({ op, error: describe(error) });
    return false;
  }
}

/** `status` is the HTTP status where the failure was one of HTTP. */
function describe(error) {
  const causes = [];
  for (let cause = error.cause; cause; cause = cause.cause) causes.push(cause.code ?? cause.message);
  return {
    code: error.code,
    message: error.message,
    name: error.constructor?.name ?? error.name,
    data: error.data,
    // The 2.x SDK has it as a member, the 1.x one as the code.
    status: error.status ?? [error.code].find((code) => code >= 100 && code <= 599),
    causes: causes.length > 0 ? causes : undefined,
  };
}

/** An accepted form needs a value for each required member. */
function elicitedContent(schema) {
  const content = {};
  for (const [name, member] of Object.entries(schema?.properties ?? {})) {
    if (member.default !== undefined) content[name] = member.default;
    else if (member.enum) content[name] = member.enum[0];
    else if (member.type === "boolean") content[name] = true;
    else if (member.type === "number" || member.type === "integer") content[name] = member.minimum ?? 1;
    else if (member.type === "string" && member.format === undefined) content[name] = "alice";
  }
  return content;
}

function cancelAfter(milliseconds) {
  const controller = new AbortController();
  setTimeout(() => controller.abort("cancelled by the script"), milliseconds);
  return controller.signal;
}

function orUndefined(params) {
  return Object.keys(params).length > 0 ? params : undefined;
}

function print(value) {
  process.stdout.write(JSON.stringify(value) + "\n");
}

async function readStandardInput() {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  return text;
}

/** A stream that the server keeps open must not keep the client from ending. */
async function finish(client, open) {
  if (open) await client.close().catch(() => {});
  process.stdout.write("", () => process.exit(0));
}
