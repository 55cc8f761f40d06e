// A fixture server on @modelcontextprotocol/server 2.x. It speaks revision
// 2026-07-28, the older ones, or both, logs every request, and can be told on
// stdin to change its token or its tools while it runs.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import { fixtureServer } from "./shared/fixture_tools.mjs";
import { announce, endWithParent, onCommand, parsePort, reserveStdout, serve } from "./shared/launcher.mjs";
import { openLog, readAndLog, replay } from "./shared/request_log.mjs";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    era: { type: "string", default: "both" },
    token: { type: "string" },
    log: { type: "string" },
  },
});

const port = parsePort(values.port);
const log = openLog(values.log);
const descriptions = new Map();
const newServer = () => fixtureServer({ descriptions, log });
let token = values.token;

endWithParent();
reserveStdout();

const handler = handlerFor(values.era);
const nodeHandler = toNodeHandler(handler);
const server = createServer(async (request, response) => {
  const body = await readAndLog(request, log);
  if (new URL(request.url, "http://localhost").pathname !== "/mcp") return response.writeHead(404).end();
  if (token !== undefined && request.headers.authorization !== `Bearer ${token}`)
    return unauthorized(response);
  await nodeHandler(replay(request, body), response);
});
const bound = await serve(server, port);
announce({ url: `http://127.0.0.1:${bound}/mcp` });

onCommand({
  token: (value) => void (token = value),
  describe: (rest) => {
    const [, name, description] = rest.match(/^(\S+) (.*)$/);
    descriptions.set(name, description);
    handler.notify?.toolsChanged();
  },
});

function handlerFor(era) {
  switch (era) {
    case "both":
      return createMcpHandler(newServer);
    case "modern":
      return createMcpHandler(newServer, { legacy: "reject" });
    case "legacy":
      return sessionHandler();
    default:
      throw new Error("--era is one of both, modern, legacy");
  }
}

/** The older revisions with sessions; `both` serves them without. */
function sessionHandler() {
  const sessions = new Map();
  const open = async () => {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await newServer().connect(transport);
    return transport;
  };
  return {
    async fetch(request, options) {
      const id = request.headers.get("mcp-session-id");
      if (id !== null && !sessions.has(id)) return unknownSession();
      const transport = id === null ? await open() : sessions.get(id);
      return transport.handleRequest(request, options);
    },
  };
}

function unknownSession() {
  const error = { code: -32001, message: "Session not found" };
  return Response.json({ jsonrpc: "2.0", error, id: null }, { status: 404 });
}

function unauthorized(response) {
  response.writeHead(401, {
    "content-type": "application/json",
    "www-authenticate": 'Bearer realm="fixture", error="invalid_token"',
  });
  response.end(JSON.stringify({ error: "invalid_token" }));
}
