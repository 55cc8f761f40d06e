-- Harmless statements of PostgreSQL that look like harm.

-- effects: Read
SELECT 'DROP TABLE users'

-- effects: Read
SELECT "delete" FROM t

-- effects: Read
SELECT "drop", "truncate", "grant" FROM t

-- effects: Read
SELECT deleted_at FROM users WHERE deleted_at IS NULL

-- effects: Read
SELECT updated_at, created_by, dropped FROM users

-- effects: Read
SELECT * FROM updates

-- effects: Read
SELECT * FROM deletes WHERE insert_count > 1

-- effects: Read
SELECT * FROM audit WHERE action = 'DELETE'

-- effects: Read
SELECT * FROM audit WHERE action IN ('INSERT', 'UPDATE', 'TRUNCATE')

-- effects: Read
SELECT * FROM logs WHERE message LIKE '%; DROP TABLE%'

-- effects: Read
SELECT 1 -- DROP TABLE users

-- effects: Read
SELECT 1 /* DELETE FROM users; */

-- effects: Read
/* UPDATE users SET x = 1 */ SELECT 1

-- effects: Read
-- TRUNCATE users
SELECT 1

-- effects: Read
SELECT $$DELETE FROM users$$

-- effects: Read
SELECT $sql$ DO $$ BEGIN END $$ $sql$

-- effects: Read
SELECT count(*) AS "insert into" FROM users

-- effects: Read
SELECT id AS delete_me FROM users

-- effects: Read
SELECT u.update_count FROM users u

-- effects: Read
SELECT grant_type FROM oauth_tokens

-- effects: Read
SELECT * FROM public.grants

-- effects: Read
SELECT * FROM "create"

-- effects: Read
SELECT execute_at FROM jobs WHERE execute_at < now()

-- effects: Read
SELECT call_id, called_at FROM calls

-- effects: Read
SELECT copy FROM texts

-- effects: Read
SELECT copy_count, program FROM copies

-- effects: Read
SELECT 'COPY users TO PROGRAM ''x'''

-- effects: Read
SELECT lock FROM doors

-- effects: Read
SELECT * FROM locks WHERE held_for > interval '1 hour'

-- effects: Read
SELECT vacuum_at FROM schedule

-- effects: Read
SELECT replace(name, 'drop', 'keep') FROM users

-- effects: Read
SELECT regexp_replace(name, 'delete.*', '') FROM users

-- effects: Read
SELECT overlay('abc' placing 'x' from 1 for 1)

-- effects: Read
SELECT position('insert' IN body) FROM mails

-- effects: Read
SELECT 'pg_read_file(''/etc/passwd'')'

-- effects: Read
SELECT proname FROM pg_proc WHERE proname = 'pg_read_file'

-- effects: Read
SELECT pg_get_functiondef('f'::regproc)

-- effects: Read
SELECT has_table_privilege('users', 'DELETE')

-- effects: Read
SELECT has_table_privilege(current_user, 'users', 'INSERT')

-- effects: Read
SELECT obj_description('users'::regclass)

-- effects: Read
SELECT setting FROM pg_settings WHERE name = 'role'

-- effects: Read
SELECT rolname, rolsuper FROM pg_roles

-- effects: Read
SELECT query FROM pg_stat_activity WHERE query ILIKE 'delete%'

-- effects: Read
SELECT last_value FROM orders_seq

-- effects: Read
SELECT currval('orders_seq')

-- effects: Read
SELECT 1 AS set, 2 AS reset

-- effects: Read
SELECT * FROM t WHERE a = 'x'';DELETE FROM users;--'

-- effects: Read
SELECT E'\n\tDROP TABLE users'

-- effects: Read
SELECT '--', '/*', '*/', ';'

-- effects: Read
SELECT "a;b" FROM t

-- effects: Read
SELECT "--" FROM t

-- effects: Read
SELECT 'C:\Temp\x'

-- effects: Read
SELECT '\\server\share'

-- effects: Read
SELECT * FROM t WHERE path = '/etc/passwd'

-- effects: Read
SELECT url, file FROM downloads

-- effects: Read
SELECT * FROM remote

-- effects: Read
SELECT data #>> '{a,b}', data ? 'delete' FROM events

-- effects: Read
SELECT a - -1, a--1
FROM t

-- effects: Read
SELECT - - 1

-- effects: Read
SELECT 'ünïcödé', "größe" FROM maße

-- effects: Read
SELECT 名前 FROM 利用者 WHERE 状態 = '削除'

-- effects: Read
EXPLAIN UPDATE users SET name = 'x'

-- effects: Read
SHOW role

-- effects: Read
SELECT json_build_object('exec', 'xp_cmdshell')

-- effects: Read
SELECT row_to_json(u) FROM (SELECT id AS "drop" FROM users) u

-- effects: Read
SELECT unnest(ARRAY['DELETE', 'DROP'])

-- effects: Read
SELECT * FROM json_to_recordset('[{"delete":1}]') AS x("delete" int)

-- effects: Read
WITH "delete" AS (SELECT 1) SELECT * FROM "delete"

-- effects: Read
WITH inserted AS (SELECT 1 AS id) SELECT id FROM inserted

-- effects: Read
SELECT CASE action WHEN 'drop' THEN 'DROP' ELSE 'keep' END FROM audit

-- effects: Read
SELECT 1;

-- effects: Read
SET application_name = 'DROP TABLE users'

-- effects: Read
SELECT (SELECT 'TRUNCATE')::text

-- effects: Read
SELECT date_part('epoch', deleted_at), truncated, trunc(amount) FROM payments
