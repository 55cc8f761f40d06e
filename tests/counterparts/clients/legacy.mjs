// An unmodified client on @modelcontextprotocol/sdk 1.x: revision 2025-11-25,
// `initialize`, sessions. Over Streamable HTTP with a GET stream, over HTTP+SSE,
// or over the first that the server speaks, as the specification has it.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { cannedAnswers, capabilitiesFor, readOptions, requestHeaders, runScript } from "./shared/script.mjs";

const schemas = {
  sampling: CreateMessageRequestSchema,
  elicitation: ElicitRequestSchema,
  roots: ListRootsRequestSchema,
};

const options = readOptions({ transport: { type: "string", default: "http" } });
const capabilities = capabilitiesFor(options.answer);
const received = [];
const transports = { http: StreamableHTTPClientTransport, sse: SSEClientTransport };
const newTransport = (name) =>
  new transports[name](new URL(options.url), { requestInit: { headers: requestHeaders(options) } });

const client = new Client({ name: "legacy-client", version: "1.0.0" }, { capabilities });
let transport = newTransport(options.transport === "auto" ? "http" : options.transport);

client.fallbackNotificationHandler = async (notification) => void received.push(notification);
for (const name of Object.keys(capabilities)) {
  client.setRequestHandler(schemas[name], async (request) => {
    received.push(request);
    return cannedAnswers[name][1](request);
  });
}

await runScript({
  client,
  // Only this one has sessions that a client can end.
  transport,
  received,
  connect: async () => {
    await connect();
    return {
      serverInfo: client.getServerVersion(),
      protocolVersion: transport.protocolVersion ?? transport._protocolVersion,
      capabilities: client.getServerCapabilities(),
      instructions: client.getInstructions(),
      sessionId: transport.sessionId,
    };
  },
  call: (params, requestOptions) => client.callTool(params, undefined, requestOptions),
});

/** MCP 2025-11-25, Transports, Backwards Compatibility: POST first, and after an HTTP error of the client's, GET. */
async function connect() {
  try {
    await client.connect(transport);
  } catch (error) {
    if (options.transport !== "auto" || !(error.code >= 400 && error.code < 500)) throw error;
    transport = newTransport("sse");
    await client.connect(transport);
  }
}
