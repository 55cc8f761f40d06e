//! Statements of PostgreSQL.

use super::{Cases, Pack};

pub(super) const PACK: Pack = Pack {
    name: "postgresql",
    connection: "orders",
    cases: &[
        Cases { rule: "no-ddl", hits: SCHEMA, lookalikes: NO_SCHEMA },
        Cases { rule: "no-admin", hits: ADMIN, lookalikes: NO_ADMIN },
        Cases { rule: "no-code", hits: EXEC, lookalikes: NO_EXEC },
        Cases { rule: "no-exfiltration", hits: EXFILTRATE, lookalikes: NO_EXFILTRATE },
        Cases { rule: "no-bulk-writes", hits: WRITE_ALL, lookalikes: NO_WRITE_ALL },
        Cases { rule: "writes", hits: WRITE, lookalikes: NO_WRITE },
        Cases { rule: "reads", hits: READ, lookalikes: NO_READ },
    ],
    calls: &[
        ("execute_sql", r#"{"sql": "SQL"}"#),
        ("execute_sql_orders", r#"{"sql": "SQL"}"#),
        ("explain_sql", r#"{"sql": "SQL"}"#),
        ("explain_sql_orders", r#"{"sql": "SQL"}"#),
        ("query", r#"{"sql": "SQL"}"#),
        ("run_query", r#"{"sql": "SQL", "query_parameters": [{"name": "id", "value": {"longValue": 3}}]}"#),
        ("run_sql", r#"{"sql": "SQL", "projectId": "p-1", "databaseName": "orders"}"#),
        ("explain_query", r#"{"sql": "SQL", "analyze": true, "hypothetical_indexes": []}"#),
        ("explain_sql_statement", r#"{"sql": "SQL", "projectId": "p-1", "analyze": false}"#),
        ("apply_migration", r#"{"query": "SQL", "name": "add_notes", "project_id": "p-1"}"#),
        ("get_query_plan", r#"{"query": "SQL"}"#),
        ("execute_query", r#"{"query": "SQL", "params": ["3"]}"#),
        ("query_database", r#"{"query": "SQL", "limit": 100}"#),
        ("execute_explain", r#"{"query": "SQL", "format": "text"}"#),
        ("analyze_query_indexes", r#"{"queries": ["SELECT 1", "SQL"], "max_index_size_mb": 100}"#),
        ("run_sql_transaction", r#"{"sqlStatements": ["SELECT 1", "SQL"], "projectId": "p-1"}"#),
    ],
};

const SCHEMA: &[&str] = &[
    "CREATE TABLE notes (id int PRIMARY KEY, body text)",
    "CREATE TABLE big AS SELECT * FROM orders WHERE amount > 100",
    "DROP TABLE IF EXISTS orders CASCADE",
    "DrOp /* tidy up */ TABLE\n orders",
    "ALTER TABLE orders ADD COLUMN note text DEFAULT 'none'",
    "CREATE UNIQUE INDEX CONCURRENTLY by_id ON orders (id)",
    "CREATE OR REPLACE VIEW recent AS SELECT id FROM orders",
    "SELECT * INTO kept FROM orders WHERE id = 3",
    "COMMENT ON TABLE orders IS 'what was sold'",
    "SELECT 'harmless'; DROP SCHEMA sales",
];

const NO_SCHEMA: &[(&str, &str)] = &[
    ("Allow", "SELECT 'DROP TABLE orders'"),
    ("Allow", "SELECT id FROM orders -- DROP TABLE orders"),
    ("Allow", "SELECT \"drop table\", \"create\" FROM \"alter table\""),
    ("Allow", "SELECT $sql$CREATE INDEX i ON orders (id)$sql$ AS advice"),
    ("Allow", "SELECT table_name, column_name FROM information_schema.columns"),
    ("RequireApproval", "INSERT INTO log (text) VALUES ('ALTER TABLE orders')"),
];

const ADMIN: &[&str] = &[
    "GRANT ALL PRIVILEGES ON orders TO PUBLIC",
    "REVOKE SELECT ON orders FROM erin",
    "CREATE ROLE erin LOGIN SUPERUSER",
    "ALTER USER alice PASSWORD 'x'",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "ALTER SYSTEM SET archive_mode = 'off'",
    "CREATE EXTENSION IF NOT EXISTS dblink",
    "CREATE POLICY everyone ON orders USING (true)",
    "VACUUM FULL orders",
    "SELECT pg_terminate_backend(42)",
    "DROP DATABASE sales",
];

const NO_ADMIN: &[(&str, &str)] = &[
    ("Allow", "SELECT 'GRANT ALL PRIVILEGES ON orders TO PUBLIC'"),
    ("Allow", "SET statement_timeout = '5s'"),
    ("Allow", "SHOW work_mem"),
    ("Allow", "SELECT grantee, privilege_type FROM information_schema.role_table_grants"),
    ("Allow", "SELECT \"grant\", vacuum FROM jobs /* SET ROLE postgres */"),
    ("RequireApproval", "UPDATE roles SET name = 'superuser' WHERE id = 3"),
];

const EXEC: &[&str] = &[
    "DO $$ BEGIN DELETE FROM orders; END $$",
    "CALL settle(3)",
    "EXECUTE prepared_before(1, 2)",
    "SELECT settle_all(id) FROM orders",
    "SELECT other.lower('x')",
    "SELECT query_to_xml('DELETE FROM orders', true, false, '')",
    "COPY orders TO PROGRAM 'gzip > /tmp/orders.gz'",
];

const NO_EXEC: &[(&str, &str)] = &[
    ("Allow", "SELECT 'CALL settle(3)', 'DO $$ BEGIN END $$'"),
    ("Allow", "SELECT lower(name), count(*), max(amount) FROM orders GROUP BY 1"),
    ("Allow", "SELECT \"do\", \"call\" FROM orders -- EXECUTE prepared_before(1)"),
    ("Allow", "SELECT to_char(now() - interval '1 day', 'YYYY-MM-DD')"),
    ("RequireApproval", "DELETE FROM jobs WHERE command = 'settle_all()'"),
];

const EXFILTRATE: &[&str] = &[
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT PG_CATALOG.\"pg_read_file\"('/etc/passwd')",
    "SELECT * FROM pg_ls_dir('.') AS name",
    "COPY orders TO '/tmp/orders.csv' WITH (FORMAT csv)",
    "COPY orders FROM '/etc/passwd'",
    "SELECT lo_export(16385, '/tmp/image')",
    "SELECT * FROM dblink('host=db.example.com', 'SELECT 1') AS t(a int)",
];

const NO_EXFILTRATE: &[(&str, &str)] = &[
    ("Allow", "SELECT 'COPY orders TO PROGRAM', 'pg_read_file(1)'"),
    ("Allow", "SELECT pg_read_file FROM settings"),
    ("Allow", "SELECT path FROM files WHERE path LIKE '/etc/%' /* lo_export(1, 'x') */"),
    ("RequireApproval", "INSERT INTO files (path) VALUES ('/etc/passwd')"),
];

const WRITE_ALL: &[&str] = &[
    "DELETE FROM orders",
    "UPDATE orders SET paid = true",
    "TRUNCATE orders, customers RESTART IDENTITY",
    "DELETE FROM orders WHERE true",
    "DELETE FROM orders WHERE 1 = 1 OR id = 3",
    "UPDATE orders SET paid = true WHERE id = id",
    "WITH gone AS (DELETE FROM orders RETURNING id) SELECT count(*) FROM gone",
    "EXPLAIN ANALYZE DELETE FROM orders",
];

const NO_WRITE_ALL: &[(&str, &str)] = &[
    ("RequireApproval", "DELETE FROM orders WHERE id = 3"),
    ("RequireApproval", "UPDATE orders SET paid = true WHERE id IN (3, 4)"),
    (
        "RequireApproval",
        "DELETE FROM orders USING gone WHERE orders.id = gone.id AND gone.day < '2026-01-01'",
    ),
    ("Allow", "SELECT 'DELETE FROM orders', 'TRUNCATE orders'"),
    ("Allow", "SELECT truncate FROM \"delete from orders\""),
    ("Allow", "EXPLAIN DELETE FROM orders"),
];

const WRITE: &[&str] = &[
    "INSERT INTO orders (id, amount) VALUES (3, 10)",
    "INSERT INTO orders (id) VALUES (3) ON CONFLICT (id) DO NOTHING",
    "UPDATE orders SET paid = true WHERE id = 3",
    "DELETE FROM orders WHERE id = 3 RETURNING *",
    "WITH new AS (INSERT INTO orders (id) VALUES (4) RETURNING id) SELECT id FROM new",
    "SELECT * FROM orders WHERE id = 3 FOR UPDATE",
    "SELECT nextval('orders_id_seq')",
    "LOCK TABLE orders IN EXCLUSIVE MODE",
    "NOTIFY orders, 'changed'",
];

const NO_WRITE: &[(&str, &str)] = &[
    ("Allow", "SELECT 'INSERT INTO orders (id) VALUES (3)'"),
    ("Allow", "SELECT updated_at, \"delete\" FROM orders /* UPDATE orders */"),
    ("Allow", "EXPLAIN INSERT INTO orders (id) VALUES (3)"),
    ("Deny", "DELETE FROM orders"),
];

const READ: &[&str] = &[
    "SELECT * FROM orders WHERE id = 3",
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n",
    "VALUES (1, 'one'), (2, 'two')",
    "SELECT \"Order Date\" FROM orders ORDER BY 1 LIMIT 10",
    "SHOW server_version",
    "EXPLAIN SELECT * FROM orders",
    "SELECT 'drop', 'delete' FROM orders -- truncate",
    "BEGIN; SELECT count(*) FROM orders; COMMIT",
];

const NO_READ: &[(&str, &str)] = &[
    ("RequireApproval", "SELECT * FROM orders WHERE id = 3 FOR SHARE"),
    ("RequireApproval", "SELECT setval('orders_id_seq', 1)"),
    ("Deny", "SELECT * INTO kept FROM orders"),
    ("Deny", "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone"),
    ("Deny", "EXPLAIN ANALYZE UPDATE orders SET paid = true"),
];
