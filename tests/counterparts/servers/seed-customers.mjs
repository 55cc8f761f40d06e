// Writes the SQLite file that dbhub serves: tables `customers` and `orders`,
// the same rows each time. An existing file is replaced.

import { rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import { customers, orders } from "./shared/customers.mjs";

// This Node calls its SQLite experimental with each run.
process.removeAllListeners("warning");

const { values } = parseArgs({ options: { database: { type: "string" } } });
if (values.database === undefined) throw new Error("--database FILE is missing");

for (const suffix of ["", "-journal", "-wal", "-shm"]) rmSync(values.database + suffix, { force: true });

const database = new DatabaseSync(values.database);
database.exec(`
  BEGIN;
  CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    phone TEXT NOT NULL,
    card TEXT NOT NULL,
    iban TEXT NOT NULL,
    ssn TEXT NOT NULL,
    notes TEXT
  );
  CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    amount_cents INTEGER NOT NULL,
    currency TEXT NOT NULL,
    ordered_on TEXT NOT NULL
  );
`);
insertAll("customers", customers);
insertAll("orders", orders);
database.exec("COMMIT");
database.close();

function insertAll(table, rows) {
  const columns = Object.keys(rows[0]);
  const placeholders = columns.map(() => "?").join(", ");
  const statement = database.prepare(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${placeholders})`);
  for (const row of rows) statement.run(...columns.map((column) => row[column]));
}
