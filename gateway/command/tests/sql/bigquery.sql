-- Statements of BigQuery and what they do.

-- effects: Read
SELECT `id`, name FROM `project.dataset.users` WHERE id = 1

-- effects: Read
SELECT "a text; DROP TABLE users", 'it\'s', """three "quotes" here"""

-- effects: Read
SELECT SAFE_DIVIDE(a, b), ARRAY_LENGTH(c) FROM t # DROP TABLE t

-- effects: Read
SELECT * EXCEPT (email) FROM users

-- effects: Write
DELETE FROM users WHERE id = 1

-- effects: WriteAll
DELETE FROM users WHERE true

-- effects: WriteAll
TRUNCATE TABLE users

-- effects: Schema
CREATE OR REPLACE TABLE d.t AS SELECT 1 AS a

-- effects: Exfiltrate
EXPORT DATA OPTIONS (uri = 'gs://bucket/*.csv', format = 'CSV') AS SELECT * FROM users

-- effects: Exfiltrate
SELECT * FROM EXTERNAL_QUERY('connection', 'SELECT 1')

-- effects: Exfiltrate Write
LOAD DATA INTO d.t FROM FILES (format = 'CSV', uris = ['gs://bucket/x.csv'])

-- effects: Exec
CALL d.do_it()

-- effects: Exec
EXECUTE IMMEDIATE 'DROP TABLE d.t'

-- effects: Exec
SELECT d.my_function(1)

-- refused: these quotes
SELECT r'\'; DROP TABLE users; --'

-- refused: a comment in a comment
SELECT 1 /* /* */ ; DROP TABLE users -- */
