// An unmodified client on @modelcontextprotocol/sdk 1.x over Streamable HTTP:
// revision 2025-11-25, `initialize`, sessions, a GET stream.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
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

const options = readOptions();
const capabilities = capabilitiesFor(options.answer);
const received = [];

const client = new Client({ name: "legacy-client", version: "1.0.0" }, { capabilities });
const transport = new StreamableHTTPClientTransport(new URL(options.url), {
  requestInit: { headers: requestHeaders(options) },
});

client.fallbackNotificationHandler = async (notification) => void received.push(notification);
for (const name of Object.keys(capabilities)) {
  client.setRequestHandler(schemas[name], async (request) => {
    received.push(request);
    return cannedAnswers[name][1](request);
  });
}

await runScript({
  client,
  transport,
  received,
  connect: async () => {
    await client.connect(transport);
    return {
      serverInfo: client.getServerVersion(),
      protocolVersion: transport.protocolVersion,
      capabilities: client.getServerCapabilities(),
      instructions: client.getInstructions(),
      sessionId: transport.sessionId,
    };
  },
  call: (params, requestOptions) => client.callTool(params, undefined, requestOptions),
});
