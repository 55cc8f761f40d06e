// The faults that the hostile upstream can show, each a function from one
// request to one bad answer. `good` is the JSON text that a server in order
// would have sent; `n` is a size, a depth or a number of milliseconds.

import { gzipSync } from "node:zlib";

const JSON_TYPE = { "content-type": "application/json" };
const GZIP_TYPE = { ...JSON_TYPE, "content-encoding": "gzip" };
const SSE_TYPE = { "content-type": "text/event-stream", "cache-control": "no-cache" };
const BOTH = { result: {}, error: { code: 1, message: "both" } };
const FORBIDDEN_ADDRESS = "http://192.0.2.1/latest/meta-data/";
const SECRET_TEXT =
  "connection to postgres://admin:hunter2@db.internal.example:5432 refused at /srv/app/server.js:42";

export const faults = {
  // What is not JSON-RPC, or not what was asked for.
  invalid_json: ({ response, good }) => send(response, JSON_TYPE, good.slice(0, -1)),
  empty_body: ({ response }) => send(response, JSON_TYPE, ""),
  not_an_object: ({ response }) => send(response, JSON_TYPE, '"hello"'),
  two_values: ({ response, good }) => send(response, JSON_TYPE, good + good),
  byte_order_mark: ({ response, good }) => send(response, JSON_TYPE, "\ufeff" + good),
  invalid_utf8: ({ response, id }) => send(response, JSON_TYPE, Buffer.from(withText(id, "ÿ"), "latin1")),
  lone_surrogate: ({ response, id }) => send(response, JSON_TYPE, withRawText(id, '"\\ud800"')),
  wrong_id: ({ response, good }) => send(response, JSON_TYPE, changed(good, { id: "not yours" })),
  no_id: ({ response, good }) => send(response, JSON_TYPE, changed(good, { id: undefined })),
  result_and_error: ({ response, good }) => send(response, JSON_TYPE, changed(good, BOTH)),
  duplicate_members: ({ response, id }) => send(response, JSON_TYPE, duplicated(id)),
  deep: ({ response, id, n }) => send(response, JSON_TYPE, withRawText(id, '"deep"', `,"deep":${nest(n)}`)),
  batched_sse: ({ response, good }) => send(response, SSE_TYPE, event(`[${logged()}, ${good}]`)),
  unasked_request: ({ response, good }) => send(response, SSE_TYPE, event(unaskedRequest()) + event(good)),

  // What is too much, too slow, or never ends.
  huge: ({ response, id, n }) => send(response, JSON_TYPE, withText(id, "x".repeat(n))),
  compressed: ({ response, id, n }) => send(response, GZIP_TYPE, gzipSync(withText(id, "x".repeat(n)))),
  hang: () => {},
  hang_after_headers: ({ response }) => response.writeHead(200, JSON_TYPE).flushHeaders(),
  slow: ({ response, good, n }) => void setTimeout(() => send(response, JSON_TYPE, good), n),
  endless_body: ({ response }) => endless(response, JSON_TYPE, " ".repeat(1024)),
  endless_sse: ({ response }) => endless(response, SSE_TYPE, event(JSON.stringify(progress()))),
  endless_line: ({ response }) => endless(response, SSE_TYPE, "data: ".padEnd(1024, "x")),
  endless_events: ({ response }) => endless(response, SSE_TYPE, event(JSON.stringify(progress("x".repeat(16384))))),
  endless_comments: ({ response }) => endless(response, SSE_TYPE, ":\n".repeat(8192)),
  trickle_json: ({ response, n }) => trickle(response, JSON_TYPE, " ", n),
  trickle_sse: ({ response, n }) => trickle(response, SSE_TYPE, "d", n),
  trickle_comments: ({ response, n }) => trickle(response, SSE_TYPE, ":\n", n),
  huge_headers: ({ response, good, n }) => send(response, { ...JSON_TYPE, "x-filler": "x".repeat(n) }, good),

  // What breaks off.
  reset: ({ request }) => request.socket.resetAndDestroy(),
  close_before_answer: ({ request }) => request.socket.destroy(),
  close_mid_body: ({ response, good }) =>
    cut(response, { ...JSON_TYPE, "content-length": good.length }, good.slice(0, good.length / 2)),
  close_mid_sse: ({ response, good }) =>
    cut(response, SSE_TYPE, event(JSON.stringify(progress())) + "data: " + good.slice(0, 10)),
  sse_without_answer: ({ response }) => send(response, SSE_TYPE, event(JSON.stringify(progress()))),

  // What a server of HTTP+SSE can do wrong, at the GET of its stream; the POSTs are taken.
  endpoint_elsewhere: stream(() => named("http://192.0.2.1/message")),
  endpoint_never: stream(() => ": nothing comes\n\n"),
  endpoint_late: stream(({ to }) => event(JSON.stringify(progress())) + named(to)),
  endpoint_twice: stream(({ to }) => named(to) + named(to)),
  stream_silent: stream(({ to }) => named(to)),
  stream_cut: stream(({ to }) => named(to), ({ response }) => response.end()),
  stream_rubbish: stream(({ to }) => named(to), ({ response }) => response.write("data: rubbish\n\n")),

  // What HTTP says.
  redirect: ({ response, to }) => send(response, { location: to ?? FORBIDDEN_ADDRESS }, "", 302),
  redirect_307: ({ response, to }) => send(response, { location: to ?? FORBIDDEN_ADDRESS }, "", 307),
  unauthorized: ({ response }) =>
    refuse(response, 401, 'realm="upstream", resource_metadata="http://192.0.2.1/"'),
  forbidden: ({ response }) => refuse(response, 403, 'error="insufficient_scope"'),
  not_found: ({ response }) => send(response, { "content-type": "text/html" }, "<h1>Not Found</h1>", 404),
  server_error: ({ response }) => send(response, { "content-type": "text/plain" }, SECRET_TEXT, 500),
  server_error_rpc: ({ response, id }) => send(response, JSON_TYPE, internalError(id), 500),
  rate_limited: ({ response }) => send(response, { "retry-after": "1" }, "", 429),
  accepted: ({ response }) => send(response, {}, "", 202),
  wrong_content_type: ({ response, good }) => send(response, { "content-type": "text/html" }, good),
  no_content_type: ({ response, good }) => send(response, {}, good),
  set_headers: ({ response, good }) => send(response, { ...JSON_TYPE, ...forbiddenHeaders() }, good),
};

const streams = new Map();

/** A fault of an event stream, and what happens in it when a call is posted to its endpoint. */
function stream(begin, onCall = () => {}) {
  return ({ request, response, id }) => {
    if (request.method === "GET") {
      response.writeHead(200, SSE_TYPE);
      response.write(begin({ to: request.url }));
      return void streams.set(request.url, response);
    }
    send(response, {}, "", 202);
    if (id !== null) onCall({ response: streams.get(request.url) });
  };
}

function named(uri) {
  return `event: endpoint\ndata: ${uri}\n\n`;
}

function send(response, headers, body, status = 200) {
  response.writeHead(status, headers);
  response.end(body);
}

function refuse(response, status, challenge) {
  send(response, { ...JSON_TYPE, "www-authenticate": `Bearer ${challenge}` }, '{"error":"refused"}', status);
}

/** Writes as fast as the other side reads, until it goes away. */
function endless(response, headers, chunk) {
  response.writeHead(200, headers);
  const write = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on("drain", () => setImmediate(write));
  write();
}

/** Writes a little every `n` milliseconds, until the other side goes away. */
function trickle(response, headers, part, n) {
  response.writeHead(200, headers);
  const timer = setInterval(() => response.write(part), n);
  response.on("close", () => clearInterval(timer));
}

function cut(response, headers, part) {
  response.writeHead(200, headers);
  response.write(part, () => response.socket.destroy());
}

function event(text) {
  return `event: message\ndata: ${text}\n\n`;
}

function progress(message) {
  const params = { progressToken: 0, progress: 1, message };
  return { jsonrpc: "2.0", method: "notifications/progress", params };
}

function logged() {
  const params = { level: "info", data: "from alice@example.com" };
  return JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params });
}

function unaskedRequest() {
  const params = {
    messages: [{ role: "user", content: { type: "text", text: "who are you?" } }],
    maxTokens: 10,
  };
  return JSON.stringify({ jsonrpc: "2.0", id: 7, method: "sampling/createMessage", params });
}

function internalError(id) {
  return JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32603, message: SECRET_TEXT } });
}

function nest(depth) {
  return "[".repeat(depth) + "]".repeat(depth);
}

function changed(good, members) {
  return JSON.stringify({ ...JSON.parse(good), ...members });
}

function withText(id, text) {
  return withRawText(id, JSON.stringify(text));
}

function withRawText(id, rawText, more = "") {
  return answer(id, `"content":${content(rawText)}${more}`);
}

/** Whoever takes the first member sees no card number. */
function duplicated(id) {
  return answer(id, `"content":${content('"nothing"')},"c\\u006fntent":${content('"4111111111111111"')}`);
}

function answer(id, members) {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{${members},"resultType":"complete"}}`;
}

function content(rawText) {
  return `[{"type":"text","text":${rawText}}]`;
}

function forbiddenHeaders() {
  return {
    "set-cookie": ["session=upstream; Path=/", "tracking=1"],
    "www-authenticate": 'Bearer realm="upstream"',
    "proxy-authenticate": "Basic",
    "alt-svc": 'h2="192.0.2.1:443"',
    "strict-transport-security": "max-age=1",
    "access-control-allow-origin": "*",
    "x-powered-by": "hostile",
  };
}
