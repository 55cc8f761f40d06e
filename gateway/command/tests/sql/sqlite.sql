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
