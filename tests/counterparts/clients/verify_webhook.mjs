// Verifies a message with the package `standardwebhooks`: takes {"key", "headers", "body"} as JSON on stdin, and
// prints {"ok": MESSAGE} or {"error": WHY}.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const { key, headers, body } = JSON.parse(readFileSync(0, "utf8"));
try {
  console.log(JSON.stringify({ ok: new Webhook(key).verify(body, headers) }));
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}
