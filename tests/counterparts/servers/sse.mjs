// A fixture server on @modelcontextprotocol/sdk 1.x that speaks HTTP+SSE, the
// transport of revision 2024-11-05: an event stream, and an endpoint for
// messages. It logs every request, and how each session ended.

import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { z } from "zod";
import { customers } from "./shared/customers.mjs";
import { announce, endWithParent, parsePort, reserveStdout, serve } from "./shared/launcher.mjs";
import { openLog, readAndLog } from "./shared/request_log.mjs";

const { values } = parseArgs({
  options: { port: { type: "string", default: "0" }, token: { type: "string" }, log: { type: "string" } },
});
const port = parsePort(values.port);
const log = openLog(values.log);
const sessions = new Map();

endWithParent();
reserveStdout();
const bound = await serve(createServer(answer), port);
announce({ url: `http://127.0.0.1:${bound}/sse` });

async function answer(request, response) {
  const body = await readAndLog(request, log);
  const url = new URL(request.url, "http://localhost");
  if (values.token !== undefined && request.headers.authorization !== `Bearer ${values.token}`)
    return response.writeHead(401, { "www-authenticate": "Bearer" }).end();
  if (request.method === "GET" && url.pathname === "/sse") return open(response);
  const session = sessions.get(url.searchParams.get("sessionId"));
  if (request.method !== "POST" || url.pathname !== "/message" || session === undefined)
    return response.writeHead(404).end("no such session");
  await session.handlePostMessage(request, response, JSON.parse(body.toString("utf8")));
}

async function open(response) {
  const transport = new SSEServerTransport("/message", response);
  sessions.set(transport.sessionId, transport);
  response.on("close", () => {
    sessions.delete(transport.sessionId);
    log({ event: "session ended" });
  });
  await newServer().connect(transport);
}

function newServer() {
  const server = new McpServer({ name: "lychgate-sse-fixture", version: "1.0.0" }, { capabilities: { logging: {} } });
  const tool = (name, inputSchema, handler) => server.registerTool(name, { description: name, inputSchema }, handler);
  tool("echo", { message: z.string() }, ({ message }) => text(message));
  tool("customers", {}, () => text(JSON.stringify(customers.slice(0, 2))));
  tool("slow", { milliseconds: z.number() }, async ({ milliseconds }, { signal }) => {
    signal.addEventListener("abort", () => log({ event: "cancelled", tool: "slow" }));
    await sleep(milliseconds, undefined, { signal });
    return text(`done after ${milliseconds} ms`);
  });
  tool("confirm", { action: z.string() }, async ({ action }) => {
    const requestedSchema = { type: "object", properties: { confirm: { type: "boolean" } }, required: ["confirm"] };
    const answer = await server.server.elicitInput({ message: `Really ${action}?`, requestedSchema });
    return text(`${answer.action}: ${action}`);
  });
  const config = { mimeType: "application/json", description: "The first customer" };
  server.registerResource("first-customer", "fixture://customers/1", config, (uri) => ({
    contents: [{ uri: uri.href, mimeType: config.mimeType, text: JSON.stringify(customers[0]) }],
  }));
  return server;
}

function text(value) {
  return { content: [{ type: "text", text: value }] };
}
