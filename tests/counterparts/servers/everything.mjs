// Starts the real @modelcontextprotocol/server-everything over Streamable
// HTTP, or over HTTP+SSE, on loopback, inside this process. It speaks the
// revisions up to 2025-11-25, keeps sessions, and knows no authorization.

import { parseArgs } from "node:util";
import { announce, endWithParent, listenOnLoopback, parsePort, reserveStdout } from "./shared/launcher.mjs";

const { values } = parseArgs({
  options: { port: { type: "string", default: "0" }, transport: { type: "string", default: "streamableHttp" } },
});
const port = parsePort(values.port);
const path = { streamableHttp: "/mcp", sse: "/sse" }[values.transport];
if (path === undefined) throw new Error("--transport is streamableHttp or sse");

endWithParent();
reserveStdout();

// Left alone it would listen on every interface.
listenOnLoopback(port, (bound) => announce({ url: `http://127.0.0.1:${bound}${path}` }));

process.argv[2] = values.transport;
process.env.PORT = String(port);
await import("@modelcontextprotocol/server-everything/dist/index.js");
