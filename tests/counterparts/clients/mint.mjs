// Prints an access token of our own making, signed with a key of the identity
// provider's file: a good one, or one with a single fault that a verifier must
// find. Built by hand, since no JWT library makes most of these.

import { constants, createHmac, createPrivateKey, randomUUID, sign } from "node:crypto";
import { parseArgs } from "node:util";
import { newKey, publicKeyOf, readKeys } from "../servers/shared/signing_keys.mjs";

const { values } = parseArgs({
  options: {
    keys: { type: "string" },
    issuer: { type: "string" },
    audience: { type: "string" },
    subject: { type: "string", default: "alice" },
    groups: { type: "string", default: "" },
    claims: { type: "string", default: "{}" },
    fault: { type: "string", default: "none" },
  },
});
for (const name of ["keys", "issuer", "audience"]) {
  if (values[name] === undefined) throw new Error(`--${name} is missing`);
}

const [key] = readKeys(values.keys);
const now = Math.floor(Date.now() / 1000);

/** What each fault changes; `signature` replaces the genuine one. */
const faults = {
  none: {},
  expired: { payload: { iat: now - 7200, exp: now - 3600 } },
  no_expiry: { payload: { exp: undefined } },
  text_expiry: { payload: { exp: String(now + 3600) } },
  not_before_future: { payload: { nbf: now + 3600 } },
  issued_in_future: { payload: { iat: now + 3600, exp: now + 7200 } },
  wrong_issuer: { payload: { iss: "http://127.0.0.1:1" } },
  issuer_with_slash: { payload: { iss: `${values.issuer}/` } },
  wrong_audience: { payload: { aud: "https://other.example.com/mcp" } },
  audience_prefix: { payload: { aud: `${values.audience}.example.com` } },
  no_audience: { payload: { aud: undefined } },
  no_subject: { payload: { sub: undefined } },
  groups_as_text: { payload: { groups: "admins" } },
  wrong_type: { header: { typ: "JWT" } },
  unknown_key: { header: { kid: "unknown" }, signature: (input) => genuine(input, newKey(key.alg)) },
  foreign_key: { signature: (input) => genuine(input, newKey(key.alg)) },
  embedded_key: ownKey((jwk) => ({ jwk })),
  key_by_url: ownKey(() => ({ jku: "http://127.0.0.1:1/jwks" })),
  critical_header: { header: { crit: ["x-unknown"], "x-unknown": true } },
  algorithm_none: { header: { alg: "none" }, signature: () => "" },
  algorithm_none_mixed_case: { header: { alg: "nOnE" }, signature: () => "" },
  hs256_with_public_key: { header: { alg: "HS256" }, signature: hmacWithPublicKey },
  empty_signature: { signature: () => "" },
  changed_payload: { signature: () => genuine(signingInput({}, { sub: "mallory" }), key) },
  psychic_signature: { header: { alg: "ES256" }, signature: () => Buffer.alloc(64).toString("base64url") },
};

if (!Object.hasOwn(faults, values.fault))
  throw new Error(`--fault is one of ${Object.keys(faults).join(", ")}`);
const { header = {}, payload = {}, signature = (input) => genuine(input, key) } = faults[values.fault];
const input = signingInput(header, payload);
console.log(`${input}.${signature(input)}`);

function signingInput(header, payload) {
  const claims = {
    iss: values.issuer,
    aud: values.audience,
    sub: values.subject,
    client_id: values.subject,
    email: `${values.subject}@example.com`,
    groups: values.groups.split(",").filter(Boolean),
    iat: now,
    exp: now + 3600,
    jti: randomUUID(),
    ...JSON.parse(values.claims),
    ...payload,
  };
  return `${encode({ alg: key.alg, typ: "at+jwt", kid: key.kid, ...header })}.${encode(claims)}`;
}

function genuine(input, jwk) {
  const privateKey = createPrivateKey({ key: jwk, format: "jwk" });
  const options = jwk.kty === "EC" ? { dsaEncoding: "ieee-p1363" } : { padding: constants.RSA_PKCS1_PADDING };
  return sign("sha256", Buffer.from(input), { key: privateKey, ...options }).toString("base64url");
}

/** A token that brings the key to verify it with. */
function ownKey(headerFor) {
  const own = newKey(key.alg);
  const jwk = { ...publicKeyOf(own).export({ format: "jwk" }), kid: own.kid, alg: own.alg };
  return { header: { kid: own.kid, ...headerFor(jwk) }, signature: (input) => genuine(input, own) };
}

/** Passes where the verifier lets the token choose between HMAC and a public key. */
function hmacWithPublicKey(input) {
  const pem = publicKeyOf(key).export({ type: "spki", format: "pem" });
  return createHmac("sha256", pem).update(input).digest("base64url");
}

function encode(value) {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
