//! Statements of MySQL.

use super::{Cases, Pack};

pub(super) const PACK: Pack = Pack {
    name: "mysql",
    connection: "shop",
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
        ("mysql_query", r#"{"sql": "SQL"}"#),
        ("explain_sql", r#"{"sql": "SQL"}"#),
        ("explain_sql_orders", r#"{"sql": "SQL"}"#),
        ("query", r#"{"sql": "SQL"}"#),
        ("run_query", r#"{"sql": "SQL", "query_parameters": [{"name": "id", "value": {"longValue": 3}}]}"#),
        ("execute_query", r#"{"query": "SQL", "params": ["3"]}"#),
        ("get_query_plan", r#"{"sql_statement": "SQL"}"#),
    ],
};

const SCHEMA: &[&str] = &[
    "CREATE TABLE notes (id INT PRIMARY KEY AUTO_INCREMENT, body TEXT) ENGINE=InnoDB",
    "CREATE TABLE big AS SELECT * FROM orders WHERE amount > 100",
    "DROP TABLE IF EXISTS orders, customers",
    "DrOp /* tidy up */ TABLE\n orders",
    "ALTER TABLE `orders` ADD COLUMN note VARCHAR(20)",
    "CREATE INDEX by_amount ON orders (amount)",
    "CREATE OR REPLACE VIEW recent AS SELECT id FROM orders",
    "RENAME TABLE orders TO old_orders",
    "SELECT 'harmless'; DROP VIEW recent",
];

const NO_SCHEMA: &[(&str, &str)] = &[
    ("Allow", "SELECT 'DROP TABLE orders', \"ALTER TABLE orders\""),
    ("Allow", "SELECT id FROM orders # DROP TABLE orders"),
    ("Allow", "SELECT `drop table`, `create` FROM `alter table`"),
    ("Allow", "SHOW TABLES"),
    ("Allow", "SELECT table_name, column_name FROM information_schema.columns"),
    ("RequireApproval", "INSERT INTO log (text) VALUES ('CREATE INDEX i ON orders (id)')"),
];

const ADMIN: &[&str] = &[
    "GRANT ALL PRIVILEGES ON shop.* TO 'erin'@'%'",
    "REVOKE SELECT ON shop.orders FROM 'erin'@'%'",
    "CREATE USER 'erin'@'%' IDENTIFIED BY 'x'",
    "DROP USER 'erin'@'%'",
    "SET GLOBAL max_connections = 1",
    "SET sql_mode = 'ANSI_QUOTES'",
    "FLUSH PRIVILEGES",
    "KILL 42",
    "DROP DATABASE shop",
    "INSTALL PLUGIN audit SONAME 'audit.so'",
];

const NO_ADMIN: &[(&str, &str)] = &[
    ("Allow", "SELECT 'GRANT ALL PRIVILEGES ON shop.* TO erin'"),
    ("Allow", "SHOW VARIABLES LIKE 'max_connections'"),
    ("Allow", "SELECT `grant`, `kill` FROM jobs /* FLUSH PRIVILEGES */"),
    ("Allow", "SELECT grantee, privilege_type FROM information_schema.table_privileges"),
    ("RequireApproval", "UPDATE users SET role = 'admin' WHERE id = 3"),
];

const EXEC: &[&str] = &[
    "CALL settle(3)",
    "EXECUTE prepared_before USING @a",
    "SELECT settle_all(id) FROM orders",
    "SELECT shop.lower('x')",
    "SELECT sys_exec('id')",
    "DO settle_all(3)",
];

const NO_EXEC: &[(&str, &str)] = &[
    ("Allow", "SELECT 'CALL settle(3)', \"EXECUTE prepared_before\""),
    ("Allow", "SELECT LOWER(name), COUNT(*), MAX(amount) FROM orders GROUP BY 1"),
    ("Allow", "SELECT `do`, `call` FROM orders -- EXECUTE prepared_before"),
    ("Allow", "SELECT DATE_FORMAT(NOW(), '%Y-%m-%d')"),
    ("RequireApproval", "DELETE FROM jobs WHERE command = 'settle_all()'"),
];

const EXFILTRATE: &[&str] = &[
    "SELECT LOAD_FILE('/etc/passwd')",
    "SELECT id FROM orders WHERE note = load_file('/etc/passwd')",
    "INSERT INTO notes (body) VALUES (LOAD_FILE('/etc/passwd'))",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE notes",
    "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE notes",
];

const NO_EXFILTRATE: &[(&str, &str)] = &[
    ("Allow", "SELECT 'LOAD DATA INFILE', 'LOAD_FILE(1)'"),
    ("Allow", "SELECT `load_file`, `outfile` FROM settings"),
    ("Allow", "SELECT path FROM files WHERE path LIKE '/etc/%' /* INTO OUTFILE 'x' */"),
    ("RequireApproval", "INSERT INTO files (path) VALUES ('/etc/passwd')"),
];

const WRITE_ALL: &[&str] = &[
    "DELETE FROM orders",
    "UPDATE orders SET paid = 1",
    "TRUNCATE TABLE orders",
    "DELETE FROM orders WHERE 1",
    "DELETE FROM orders WHERE 1 = 1 OR id = 3",
    "UPDATE orders SET paid = 1 WHERE id = id",
    "DELETE orders FROM orders JOIN customers",
];

const NO_WRITE_ALL: &[(&str, &str)] = &[
    ("RequireApproval", "DELETE FROM orders WHERE id = 3"),
    ("RequireApproval", "UPDATE orders SET paid = 1 WHERE id IN (3, 4)"),
    ("Allow", "SELECT 'DELETE FROM orders', \"TRUNCATE orders\""),
    ("Allow", "SELECT TRUNCATE(1.999, 1), `truncate` FROM `delete from orders`"),
    ("Allow", "EXPLAIN DELETE FROM orders"),
];

const WRITE: &[&str] = &[
    "INSERT INTO orders (id, amount) VALUES (3, 10)",
    "INSERT IGNORE INTO orders (id) VALUES (3)",
    "INSERT INTO orders (id) VALUES (3) ON DUPLICATE KEY UPDATE amount = 10",
    "REPLACE INTO orders (id, amount) VALUES (3, 10)",
    "UPDATE orders SET paid = 1 WHERE id = 3",
    "DELETE FROM orders WHERE id = 3 LIMIT 1",
    "SELECT * FROM orders WHERE id = 3 FOR UPDATE",
    "LOCK TABLES orders WRITE",
];

const NO_WRITE: &[(&str, &str)] = &[
    ("Allow", "SELECT 'INSERT INTO orders (id) VALUES (3)'"),
    ("Allow", "SELECT updated_at, `delete` FROM orders /* UPDATE orders */"),
    ("Allow", "SELECT REPLACE(name, 'a', 'b'), INSERT(name, 1, 1, 'x') FROM orders"),
    ("Deny", "DELETE FROM orders"),
];

const READ: &[&str] = &[
    "SELECT * FROM orders WHERE id = 3 LIMIT 10",
    "WITH n AS (SELECT 1 AS i UNION ALL SELECT 2) SELECT SUM(i) FROM n",
    "SHOW CREATE TABLE orders",
    "SHOW COLUMNS FROM orders",
    "DESCRIBE orders",
    "EXPLAIN SELECT * FROM orders",
    "SELECT 'drop', \"delete\" FROM orders -- truncate",
];

const NO_READ: &[(&str, &str)] = &[
    ("RequireApproval", "SELECT * FROM orders WHERE id = 3 FOR SHARE"),
    ("RequireApproval", "SELECT GET_LOCK('orders', 10)"),
    ("Deny", "SELECT id FROM orders INTO OUTFILE '/tmp/orders'"),
    ("Deny", "SELECT 1 /*! + sys_exec('id') */"),
    ("Deny", "EXPLAIN ANALYZE DELETE FROM orders"),
];
