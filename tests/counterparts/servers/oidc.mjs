// Starts the real oidc-provider on loopback as an OpenID Connect issuer whose
// clients are the test's personas. A persona gets, by client_credentials, a JWT
// access token (RFC 9068) for a resource (RFC 8707) that names its groups.
// Keys can be rotated while it runs, by a line on stdin or SIGHUP.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import Provider from "oidc-provider";
import {
  announce,
  endWithParent,
  onCommand,
  parsePort,
  printLine,
  reserveStdout,
  serve,
} from "./shared/launcher.mjs";
import { newKey, readKeys, writeKeys } from "./shared/signing_keys.mjs";

const SCOPE = "mcp";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    persona: { type: "string", multiple: true, default: [] },
    algorithm: { type: "string", default: "RS256" },
    keys: { type: "string" },
    "lifetime-seconds": { type: "string", default: "3600" },
  },
});
if (!["RS256", "ES256"].includes(values.algorithm)) throw new Error("--algorithm is RS256 or ES256");

const port = parsePort(values.port);
const personas = new Map(values.persona.map(parsePersona));
let keys = readKeys(values.keys);
if (keys.length === 0) keys = [newKey(values.algorithm)];
writeKeys(values.keys, keys);

endWithParent({ signals: ["SIGTERM", "SIGINT"] });
reserveStdout();

let answer;
const server = createServer((request, response) => answer(request, response));
const issuer = `http://127.0.0.1:${await serve(server, port)}`;
useKeys(keys);
announce({ issuer, jwks: `${issuer}/jwks`, kid: keys[0].kid, personas: [...personas.keys()] });

let prepared;
const commands = {
  // Announces a key that signs nothing yet.
  prepare: () => {
    prepared = newKey(values.algorithm);
    return useKeys([...keys, prepared]);
  },
  // Signs with the prepared key or a new one; the key before stays published.
  rotate: () => {
    const next = prepared ?? newKey(values.algorithm);
    prepared = undefined;
    return useKeys([next, ...keys.filter((key) => key !== next)]);
  },
  // Leaves only the key that signs.
  retire: () => useKeys(keys.slice(0, 1)),
};
onCommand(commands);
process.on("SIGHUP", () => printLine({ done: "rotate", ...commands.rotate() }));

/** The provider takes its keys when it is made; client credentials leave no state to carry over. */
function useKeys(next) {
  keys = next;
  writeKeys(values.keys, keys);
  answer = newProvider(keys).callback();
  return { kid: keys[0].kid, kids: keys.map((key) => key.kid) };
}

function newProvider(jwks) {
  return new Provider(issuer, {
    clients: [...personas.keys()].map(clientFor),
    jwks: { keys: jwks },
    scopes: [SCOPE],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
    },
    extraTokenClaims: (_context, token) => personas.get(token.clientId),
  });
}

function clientFor(name) {
  return {
    client_id: name,
    client_secret: `${name}-secret`,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: values.algorithm,
    scope: SCOPE,
  };
}

/** Any resource may be asked for: which ones a gateway accepts is the gateway's affair. */
function resourceServer(_context, resource) {
  return {
    scope: SCOPE,
    audience: resource,
    accessTokenFormat: "jwt",
    accessTokenTTL: Number(values["lifetime-seconds"]),
    jwt: { sign: { alg: values.algorithm } },
  };
}

function parsePersona(text) {
  const [name, groups = ""] = text.split("=");
  return [name, { sub: name, email: `${name}@example.com`, groups: groups.split(",").filter(Boolean) }];
}
