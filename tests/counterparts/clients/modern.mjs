// An unmodified client on @modelcontextprotocol/client 2.x over Streamable
// HTTP. By default it insists on revision 2026-07-28; `--mode auto` probes for
// it and falls back to `initialize`, `--mode legacy` does not probe.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { cannedAnswers, capabilitiesFor, readOptions, requestHeaders, runScript } from "./shared/script.mjs";

const REVISION = "2026-07-28";
const modes = { pin: { pin: REVISION }, auto: "auto", legacy: "legacy" };

const options = readOptions({ mode: { type: "string", default: "pin" } });
if (!(options.mode in modes)) throw new Error("--mode is one of pin, auto, legacy");
const capabilities = capabilitiesFor(options.answer);
const received = [];

const client = new Client(
  { name: "modern-client", version: "1.0.0" },
  { capabilities, versionNegotiation: { mode: modes[options.mode] } },
);
const transport = new StreamableHTTPClientTransport(new URL(options.url), {
  requestInit: { headers: requestHeaders(options) },
});

client.fallbackNotificationHandler = async (notification) => void received.push(notification);
for (const name of Object.keys(capabilities)) {
  const [method, answer] = cannedAnswers[name];
  client.setRequestHandler(method, async (request) => {
    received.push(request);
    return answer(request);
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
      protocolVersion: client.getNegotiatedProtocolVersion(),
      capabilities: client.getServerCapabilities(),
      instructions: client.getInstructions(),
      sessionId: transport.sessionId,
    };
  },
  call: (params, requestOptions) => client.callTool(params, requestOptions),
});
