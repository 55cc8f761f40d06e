// Signing keys as JSON Web Keys in a file: the identity provider writes it,
// mint.mjs reads it, so that hostile tokens can carry a genuine signature.

import { createHash, createPublicKey, generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

/** A new private key as a JWK with `kid`, `alg` and `use`. */
export function newKey(algorithm) {
  const { privateKey } =
    algorithm === "ES256"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = privateKey.export({ format: "jwk" });
  const kid = createHash("sha256")
    .update(jwk.n ?? jwk.x)
    .digest("base64url")
    .slice(0, 16);
  return { ...jwk, kid, alg: algorithm, use: "sig" };
}

/** The keys of the file, newest first; none if there is no file yet. */
export function readKeys(file) {
  if (file === undefined || !existsSync(file)) return [];
  return JSON.parse(readFileSync(file, "utf8")).keys;
}

/** A reader of the file sees the old keys or the new ones, never half of them. */
export function writeKeys(file, keys) {
  if (file === undefined) return;
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify({ keys }), { mode: 0o600 });
  renameSync(draft, file);
}

export function publicKeyOf(jwk) {
  return createPublicKey({ key: jwk, format: "jwk" });
}
