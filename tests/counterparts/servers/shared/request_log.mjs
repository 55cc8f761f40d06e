// Keeps what reached a server: each request becomes one JSON line in a file,
// written before it is answered, so that a test can read what a gateway sent.

import { appendFileSync } from "node:fs";
import { Readable } from "node:stream";

/** A function that appends a line to the file; without a file it does nothing. */
export function openLog(file) {
  return (entry) => {
    if (file !== undefined) appendFileSync(file, JSON.stringify(entry) + "\n");
  };
}

/** Reads the whole request and logs it: when it was there (milliseconds since the Unix epoch), method, url, headers by lower-case name, raw headers, body as text. */
export async function readAndLog(request, log) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  log({
    at: Date.now(),
    method: request.method,
    url: request.url,
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    body: body.toString("utf8"),
  });
  return body;
}

/** The same request once more, for a handler that wants to read the body itself. */
export function replay(request, body) {
  const again = Readable.from(body.length > 0 ? [body] : [], { objectMode: false });
  const { method, url, headers, rawHeaders, httpVersion, socket } = request;
  return Object.assign(again, { method, url, headers, rawHeaders, httpVersion, socket });
}
