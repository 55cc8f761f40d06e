// Puts a real server that speaks stdio behind Streamable HTTP on loopback: each
// session gets a server process of its own, and the transports of
// @modelcontextprotocol/sdk carry the messages both ways as they are. It speaks
// the revisions up to 2025-11-25, keeps sessions, and knows no authorization.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { announce, endWithParent, parsePort, reserveStdout, serve } from "./shared/launcher.mjs";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    server: { type: "string" },
    folder: { type: "string" },
  },
});

const here = dirname(fileURLToPath(import.meta.url));
const python = resolve(here, "../../../target/counterparts/bin/python");
const folder = values.folder === undefined ? undefined : resolve(values.folder);

/** How each server is started; what it works on is in `--folder`. */
const servers = {
  filesystem: () => node("@modelcontextprotocol/server-filesystem", [needed(folder)]),
  memory: () => ({
    ...node("@modelcontextprotocol/server-memory", []),
    env: { MEMORY_FILE_PATH: join(needed(folder), "memory.jsonl") },
  }),
  git: () => ({ command: python, args: ["-m", "mcp_server_git", "--repository", needed(folder)] }),
  time: () => ({ command: python, args: ["-m", "mcp_server_time", "--local-timezone=Etc/UTC"] }),
};
if (!Object.hasOwn(servers, values.server ?? "")) {
  throw new Error(`--server takes one of ${Object.keys(servers).join(", ")}`);
}

// The server processes end with this one: what they read from closes.
endWithParent();
reserveStdout();

const sessions = new Map();
const http = createServer(async (request, response) => {
  const known = request.headers["mcp-session-id"];
  const transport = known === undefined ? await begin() : sessions.get(known);
  if (transport === undefined) return response.writeHead(404).end();
  await transport.handleRequest(request, response);
  // What was no initialize began nothing.
  if (transport.sessionId === undefined) await transport.close();
});
const bound = await serve(http, parsePort(values.port));
announce({ url: `http://127.0.0.1:${bound}/mcp` });

/** A transport with a server process behind it, which becomes a session with its first message. */
async function begin() {
  const server = new StdioClientTransport({ stderr: "inherit", ...servers[values.server]() });
  const client = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, client),
  });
  const carry = (to) => (message) => to.send(message).catch((error) => console.error(error.message));
  client.onmessage = carry(server);
  client.onclose = () => {
    sessions.delete(client.sessionId);
    void server.close();
  };
  server.onmessage = carry(client);
  await Promise.all([server.start(), client.start()]);
  return client;
}

/** The program of an npm package, run by the interpreter that runs this. */
function node(name, args) {
  return { command: process.execPath, args: [join(here, "../node_modules", name, "dist/index.js"), ...args] };
}

function needed(path) {
  if (path === undefined) throw new Error(`the server ${values.server} needs --folder DIRECTORY`);
  return path;
}
