-- Statements of SQLite and what they do.

-- effects: Read
SELECT "id", [name], `email` FROM users WHERE id = 1

-- effects: Read
SELECT strftime('%Y', created_at), json_extract(data, '$.a') FROM events

-- effects: Read
SELECT name FROM sqlite_master WHERE type = 'table'

-- effects: Read
PRAGMA table_info('users')

-- effects: Read
PRAGMA table_info(users)

-- effects: Read
pragma main . table_info("users") ; SELECT 1

-- effects: Admin
PRAGMA table_info = users

-- effects: Admin
PRAGMA table_info(users, posts)

-- effects: Admin
PRAGMA journal_mode(wal)

-- effects: Read Schema
PRAGMA index_list(users); DROP TABLE users

-- effects: Read
PRAGMA user_version

-- effects: Admin
PRAGMA writable_schema = 1

-- effects: Admin
PRAGMA user_version = 5

-- effects: Write
INSERT OR REPLACE INTO users (id, name) VALUES (1, 'a')

-- effects: Write
DELETE FROM users WHERE id = 1

-- effects: Write
DELETE FROM users WHERE "name" = 'alice'

-- effects: WriteAll
DELETE FROM users WHERE "a" = 'a'

-- effects: WriteAll
DELETE FROM users WHERE "a" <> 'b'

-- effects: WriteAll
DELETE FROM users WHERE 1

-- effects: WriteAll
DELETE FROM users

-- effects: Admin Write
UPDATE sqlite_master SET sql = 'x' WHERE name = 'users'

-- effects: Schema
CREATE TABLE t (id INTEGER PRIMARY KEY)

-- effects: Schema
CREATE VIRTUAL TABLE t USING fts5(a, b)

-- effects: Exec Exfiltrate Schema
CREATE VIRTUAL TABLE t USING csv(filename)

-- effects: Exfiltrate
ATTACH DATABASE '/tmp/other.db' AS other

-- effects: Exfiltrate
VACUUM INTO '/tmp/copy.db'

-- effects: Admin
VACUUM

-- effects: Exec
SELECT load_extension('evil.so')

-- effects: Exfiltrate
SELECT writefile('/tmp/x', 'y')

-- effects: Exfiltrate
SELECT readfile('/etc/passwd')

-- refused: ]]
SELECT [a]] FROM users; DROP TABLE users; --]

-- refused: not closed
SELECT 1 /* DROP TABLE users

-- refused: a comment in a comment
SELECT 1 /* /* */ ; DROP TABLE users; /* */ */

-- effects: Write
INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x'

-- effects: Write
REPLACE INTO users (id, name) VALUES (1, 'a')

-- effects: Write
WITH x AS (SELECT 1) DELETE FROM users WHERE id IN (SELECT * FROM x)

-- effects: Schema
CREATE VIEW v AS SELECT 1

-- effects: Schema
ALTER TABLE users ADD COLUMN x TEXT

-- effects: Admin
REINDEX

-- effects: Admin
ANALYZE

-- effects: Read
SAVEPOINT a; RELEASE a
