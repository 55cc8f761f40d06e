// What the fixture server offers: the tools, the resources and the prompt that
// show what a gateway did to a call on its way in and to a result on its way
// out. Nothing in this file knows about HTTP servers or ports. An error thrown
// by a tool becomes a result with isError; one thrown by a resource stays a
// JSON-RPC error, so fixture://customers/leak is the way to leak in one.

import { setTimeout as sleep } from "node:timers/promises";
import {
  McpServer,
  ProtocolError,
  ResourceTemplate,
  acceptedContent,
  inputRequired,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { customers, orders } from "./customers.mjs";

/** `descriptions` overrides tool descriptions, so that a tool can change under a gateway that pinned it. */
export function fixtureServer({ descriptions, log }) {
  const server = new McpServer({ name: "lychgate-fixture", version: "1.0.0" });
  const tool = (name, config, handler) =>
    server.registerTool(
      name,
      { ...config, description: descriptions.get(name) ?? config.description },
      handler,
    );

  registerPlainTools(tool);
  registerSlow(tool, log);
  registerConfirm(tool);
  registerResources(server);
  registerPrompt(server);
  return server;
}

function registerPlainTools(tool) {
  tool(
    "echo",
    {
      description: "Returns its arguments",
      inputSchema: z.looseObject({ message: z.string().optional() }),
      outputSchema: z.object({ arguments: z.looseObject({}) }),
      annotations: { readOnlyHint: true },
    },
    (given) => both({ arguments: given }),
  );

  tool(
    "customers",
    {
      description: "Lists customers with their orders",
      inputSchema: z.object({ limit: z.number().int().optional() }),
      outputSchema: z.object({ total: z.number(), customers: z.array(z.looseObject({})) }),
      annotations: { readOnlyHint: true },
    },
    ({ limit }) => both({ total: customers.length, customers: customers.slice(0, limit).map(nested) }),
  );

  tool(
    "strict",
    {
      description: "Returns a customer for whom its schema asks much",
      inputSchema: z.object({}),
      outputSchema: strictCustomer,
      annotations: { readOnlyHint: true },
    },
    () =>
      both({
        id: 7,
        email: "erin@example.com",
        contact: null,
        phone: "+12025550105",
        born: "1980-02-29",
        salary: 75_000,
        tier: "gold",
        note: "vip",
        tags: ["alice@example.com", "bob@example.com"],
        address: { street: "Way 1", zip: "94107" },
        secret: "s3",
      }),
  );

  tool(
    "headers",
    {
      description: "Returns the HTTP headers that the server received",
      // The member is mirrored by clients of revision 2026-07-28 as Mcp-Param-Region.
      inputSchema: z.object({ region: z.string().meta({ "x-mcp-header": "Region" }).optional() }),
      outputSchema: z.object({ headers: z.record(z.string(), z.string()) }),
      annotations: { readOnlyHint: true },
    },
    (_given, context) => both({ headers: receivedHeaders(context) }),
  );

  tool(
    "leak",
    {
      description: "Returns the Authorization header that the server received",
      inputSchema: z.object({ where: z.enum(["text", "structured", "base64", "error"]).default("text") }),
      annotations: { readOnlyHint: true },
    },
    ({ where }, context) => leak(where, receivedHeaders(context).authorization ?? "none"),
  );
}

const strictCustomer = z.object({
  id: z.number().int().min(1),
  email: z.email(),
  contact: z.email().nullable(),
  phone: z.string().regex(/^\+[1-9][0-9]{9,14}$/),
  born: z.iso.date(),
  salary: z.number().int().min(1000).multipleOf(500),
  tier: z.enum(["gold", "silver"]),
  note: z.enum(["vip", "none"]).optional(),
  tags: z.array(z.email()).min(2),
  address: z.object({ street: z.string().max(12), zip: z.string().length(5) }),
  secret: z.string(),
});

function leak(where, authorization) {
  switch (where) {
    case "text":
      return text(`I was called with ${authorization}`);
    case "structured":
      return { ...text("see structuredContent"), structuredContent: { authorization } };
    case "base64":
      return text(Buffer.from(authorization).toString("base64"));
    case "error":
      throw new ProtocolError(-32050, `refused ${authorization}`, { authorization });
  }
}

function registerSlow(tool, log) {
  tool(
    "slow",
    {
      description: "Takes its time and reports progress",
      inputSchema: z.object({ milliseconds: z.number().default(1000), steps: z.number().int().default(4) }),
      annotations: { readOnlyHint: true },
    },
    async ({ milliseconds, steps }, context) => {
      const { _meta, id, notify, signal } = context.mcpReq;
      const progressToken = _meta?.progressToken;
      signal.addEventListener("abort", () => log({ event: "cancelled", tool: "slow", id }));
      for (let step = 1; step <= steps; step += 1) {
        await sleep(milliseconds / steps, undefined, { signal });
        if (progressToken === undefined) continue;
        const message = `step ${step} for alice@example.com`;
        await notify({
          method: "notifications/progress",
          params: { progressToken, progress: step, total: steps, message },
        });
      }
      return text(`done after ${milliseconds} ms`);
    },
  );
}

function registerConfirm(tool) {
  const schema = z.object({ confirm: z.boolean() });
  tool(
    "confirm",
    {
      description: "Asks the user, through the client, before it answers",
      inputSchema: z.object({ action: z.string() }),
      annotations: { destructiveHint: true },
    },
    ({ action }, context) => {
      const answer = acceptedContent(context.mcpReq.inputResponses, "confirm", schema);
      if (answer?.confirm) return text(`confirmed: ${action}`);
      const message = `Really ${action}? Asked for alice@example.com`;
      return inputRequired({
        inputRequests: { confirm: inputRequired.elicit({ message, requestedSchema: schema }) },
      });
    },
  );
}

function registerResources(server) {
  const config = { mimeType: "application/json", description: "One customer" };
  const read = (uri, id, context) => {
    if (id === "leak") leak("error", receivedHeaders(context).authorization ?? "none");
    const found = customers.find((customer) => customer.id === Number(id));
    if (found === undefined)
      throw new ProtocolError(-32602, `Resource not found: ${uri.href}`, { uri: uri.href });
    return { contents: [{ uri: uri.href, mimeType: config.mimeType, text: JSON.stringify(nested(found)) }] };
  };
  server.registerResource("first-customer", "fixture://customers/1", config, (uri, context) =>
    read(uri, 1, context),
  );
  const template = new ResourceTemplate("fixture://customers/{id}", { list: undefined });
  server.registerResource("customer", template, config, (uri, { id }, context) => read(uri, id, context));
}

function registerPrompt(server) {
  server.registerPrompt(
    "summarize",
    {
      description: "A prompt that names a customer",
      argsSchema: z.object({ name: z.string() }),
    },
    ({ name }) => ({
      messages: [
        { role: "user", content: { type: "text", text: `Summarize the orders of ${name}@example.com.` } },
      ],
    }),
  );
}

function nested({ id, name, email, phone, card, iban, ssn, notes }) {
  const own = orders.filter((order) => order.customer_id === id);
  return { id, name, contact: { email, phone }, payment: [{ card }, { iban }], ssn, notes, orders: own };
}

function receivedHeaders(context) {
  return Object.fromEntries(context.http?.req?.headers ?? []);
}

function both(value) {
  return { ...text(JSON.stringify(value)), structuredContent: value };
}

function text(value) {
  return { content: [{ type: "text", text: value }] };
}
