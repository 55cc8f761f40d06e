// Gets an access token from an OpenID Connect issuer as a client would:
// discovery, then client_credentials for a resource. Prints the token.

import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    issuer: { type: "string" },
    client: { type: "string" },
    secret: { type: "string" },
    resource: { type: "string" },
    scope: { type: "string", default: "mcp" },
  },
});
for (const name of ["issuer", "client", "resource"]) {
  if (values[name] === undefined) throw new Error(`--${name} is missing`);
}

const secret = values.secret ?? `${values.client}-secret`;
const { token_endpoint } = await json(`${values.issuer}/.well-known/openid-configuration`);
const { access_token } = await json(token_endpoint, {
  method: "POST",
  headers: { authorization: `Basic ${Buffer.from(`${values.client}:${secret}`).toString("base64")}` },
  body: new URLSearchParams({
    grant_type: "client_credentials",
    resource: values.resource,
    scope: values.scope,
  }),
});
console.log(access_token);

async function json(url, options) {
  const response = await fetch(url, options);
  if (response.ok) return response.json();
  console.error(`${url} answered ${response.status}: ${await response.text()}`);
  process.exit(1);
}
