// An upstream that misbehaves on demand, for the faults that no real server
// can be made to show. It speaks just enough MCP, of both eras, to be listed
// and called. A fault is named by `?fault=` in the URL, then every request has
// it, or by `x` in the arguments of a tool call.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { faults } from "./shared/faults.mjs";
import { announce, endWithParent, parsePort, serve } from "./shared/launcher.mjs";
import { openLog, readAndLog } from "./shared/request_log.mjs";

const REVISION = "2026-07-28";
const INFO = { name: "lychgate-hostile", version: "1.0.0" };
const TOOL = {
  name: "misbehave",
  description: "Answers with the fault named by x",
  inputSchema: {
    type: "object",
    properties: {
      x: { type: "string", enum: Object.keys(faults) },
      n: { type: "integer" },
      to: { type: "string" },
    },
  },
};

const { values } = parseArgs({
  options: { port: { type: "string", default: "0" }, log: { type: "string" } },
});
const log = openLog(values.log);

endWithParent();
const server = createServer(answer);
// A hanging answer must hang for as long as the test likes.
server.requestTimeout = 0;
const port = await serve(server, parsePort(values.port));
announce({ url: `http://127.0.0.1:${port}/mcp`, faults: Object.keys(faults) });

async function answer(request, response) {
  const body = await readAndLog(request, log);
  response.on(
    "close",
    () => response.writableFinished || log({ event: "closed by the other side", url: request.url }),
  );
  const url = new URL(request.url, "http://localhost");
  const message = parse(body);
  const demand = demanded(url, message);
  const result = message?.id === undefined ? undefined : resultFor(message);
  if (demand.fault !== null) return misbehave(demand, { request, response, message, result });
  if (request.method !== "POST") return response.writeHead(405, { allow: "POST" }).end();
  if (message?.id === undefined) return response.writeHead(202).end();
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...result }));
}

function misbehave({ fault, n, to }, { request, response, message, result }) {
  if (!Object.hasOwn(faults, fault)) return response.writeHead(400).end(`no such fault: ${fault}`);
  const id = message?.id ?? null;
  const good = JSON.stringify({ jsonrpc: "2.0", id, ...result });
  faults[fault]({ request, response, id, good, n: Number(n ?? 1_000_000), to });
}

function demanded(url, message) {
  const fromUrl = Object.fromEntries(["fault", "n", "to"].map((name) => [name, url.searchParams.get(name)]));
  if (fromUrl.fault !== null) return fromUrl;
  const given = message?.method === "tools/call" ? (message.params?.arguments ?? {}) : {};
  return { fault: given.x ?? null, n: given.n, to: given.to };
}

function resultFor({ method, params }) {
  const complete = { resultType: "complete", _meta: { "io.modelcontextprotocol/serverInfo": INFO } };
  const capabilities = { tools: {} };
  switch (method) {
    case "initialize":
      return {
        result: { protocolVersion: params?.protocolVersion ?? "2025-11-25", capabilities, serverInfo: INFO },
      };
    case "server/discover":
      return {
        result: { supportedVersions: [REVISION], capabilities, ttlMs: 0, cacheScope: "private", ...complete },
      };
    case "tools/list":
      return { result: { tools: [TOOL], ttlMs: 0, cacheScope: "private", ...complete } };
    case "tools/call":
      return { result: { content: [{ type: "text", text: "no fault was asked for" }], ...complete } };
    case "ping":
      return { result: {} };
    default:
      return { error: { code: -32601, message: "Method not found" } };
  }
}

function parse(body) {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
