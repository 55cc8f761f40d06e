// Starts the real @bytebase/dbhub over Streamable HTTP on loopback, in front
// of a SQLite file (or any other database it has a driver for), asking for a
// bearer token. dbhub runs inside this process, so there is no child to lose.

import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { announce, endWithParent, listenOnLoopback, parsePort, reserveStdout } from "./shared/launcher.mjs";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    database: { type: "string" },
    dsn: { type: "string" },
    config: { type: "string" },
    token: { type: "string", default: process.env.DBHUB_AUTH_TOKEN },
  },
});

const port = parsePort(values.port);
const source = sourceArguments(values);

endWithParent();
reserveStdout();

// dbhub reads its token once, at start. It goes by the environment of this
// process alone, so that it shows in no list of processes.
if (values.token === undefined) delete process.env.DBHUB_AUTH_TOKEN;
else process.env.DBHUB_AUTH_TOKEN = values.token;

// dbhub also looks for .env and dbhub.toml in the working directory.
const here = dirname(fileURLToPath(import.meta.url));
process.chdir(here);

listenOnLoopback(port, (bound) => announce({ url: `http://127.0.0.1:${bound}/mcp` }));

const entry = fileURLToPath(import.meta.resolve("@bytebase/dbhub"));
process.argv = [process.argv[0], entry, "--transport=http", "--host=127.0.0.1", `--port=${port}`, ...source];
await import("@bytebase/dbhub");

function sourceArguments({ database, dsn, config }) {
  if (database !== undefined) return [`--dsn=sqlite://${resolve(database)}`];
  if (dsn !== undefined) return [`--dsn=${dsn}`];
  if (config !== undefined) return [`--config=${resolve(config)}`];
  throw new Error("give one of --database FILE, --dsn DSN, --config FILE.toml");
}
