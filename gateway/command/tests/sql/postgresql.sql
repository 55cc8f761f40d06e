-- Statements of PostgreSQL and what they do. Each has a line before it with the kinds of its effects, or with
-- `refused` and a part of the reason. The tables are those of postgresql-fixture.sql.

-- effects: Read
SELECT id, name FROM users WHERE id = 1

-- effects: Read
SELECT count(*), max(total) FROM orders GROUP BY status HAVING count(*) > 1

-- effects: Read
SELECT u.name, o.total FROM users u JOIN orders o ON o.user_id = u.id ORDER BY o.total DESC LIMIT 10

-- effects: Read
WITH big AS (SELECT * FROM orders WHERE total > 100) SELECT count(*) FROM big

-- effects: Read
WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t

-- effects: Read
SELECT name, row_number() OVER (PARTITION BY active ORDER BY id) FROM users

-- effects: Read
VALUES (1, 'one'), (2, 'two')

-- effects: Read
SELECT * FROM users WHERE email LIKE '%@example.com' AND created_at > now() - interval '7 days'

-- effects: Read
SELECT to_char(created_at, 'YYYY-MM'), date_trunc('month', created_at) FROM users

-- effects: Read
SELECT jsonb_build_object('id', id, 'name', name) ->> 'name' FROM users

-- effects: Read
SELECT CASE WHEN active THEN 'yes' ELSE 'no' END FROM users

-- effects: Read
SELECT EXISTS (SELECT 1 FROM orders WHERE orders.user_id = users.id) FROM users

-- effects: Read
SELECT * FROM generate_series(1, 3) AS n, LATERAL (SELECT n * 2) AS d

-- effects: Read
SELECT array_agg(name ORDER BY id) FILTER (WHERE active) FROM users

-- effects: Read
SELECT string_agg(DISTINCT status, ', ') FROM orders

-- effects: Read
SELECT coalesce(note, 'none'), nullif(name, ''), greatest(1, 2) FROM users

-- effects: Read
SELECT current_user, session_user, current_database(), version()

-- effects: Read
SELECT current_setting('server_version')

-- effects: Read
SELECT gen_random_uuid(), random(), clock_timestamp()

-- effects: Read
SELECT pg_size_pretty(pg_total_relation_size('users'))

-- effects: Read
SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'

-- effects: Read
SELECT relname FROM pg_catalog.pg_class WHERE relkind = 'r'

-- effects: Read
SELECT pg_catalog.lower('A'), "pg_catalog"."upper"('b')

-- effects: Read
SELECT 'pg_read_file'::regproc

-- effects: Read
SELECT ARRAY[1, 2, 3] @> ARRAY[2], '{"a":1}'::jsonb -> 'a'

-- effects: Read
SELECT id FROM users UNION SELECT user_id FROM orders EXCEPT SELECT 3

-- effects: Read
(SELECT 1) UNION ALL (SELECT 2)

-- effects: Read
SELECT * FROM users TABLESAMPLE SYSTEM (10)

-- effects: Read
SELECT $1::int

-- effects: Read
SELECT $tag$a text; DROP TABLE users$tag$

-- effects: Read
EXPLAIN SELECT * FROM users

-- effects: Read
EXPLAIN DELETE FROM users

-- effects: Read
EXPLAIN (COSTS false, ANALYZE false) UPDATE users SET name = 'x'

-- effects: Read
EXPLAIN ANALYZE SELECT * FROM users

-- effects: WriteAll
EXPLAIN ANALYZE DELETE FROM users

-- effects: Write
EXPLAIN (ANALYZE, BUFFERS) UPDATE users SET name = 'x' WHERE id = 1

-- effects: WriteAll
EXPLAIN (ANALYZE true) DELETE FROM users WHERE true

-- effects: WriteAll
EXPLAIN (VERBOSE, ANALYZE on) DELETE FROM users

-- effects: Exec
EXPLAIN SELECT wipe()

-- effects: Read
SHOW search_path

-- effects: Read
SHOW ALL

-- effects: Read
BEGIN

-- effects: Read
BEGIN TRANSACTION READ ONLY

-- effects: Read
START TRANSACTION ISOLATION LEVEL SERIALIZABLE

-- effects: Admin
BEGIN READ WRITE

-- effects: Admin
SET TRANSACTION READ WRITE

-- effects: Read
COMMIT

-- effects: Read
ROLLBACK

-- effects: Read
SAVEPOINT a

-- effects: Read
SET search_path = app, public

-- effects: Read
SET LOCAL statement_timeout = '5s'

-- effects: Read
SET TIME ZONE 'UTC'

-- effects: Read
SELECT set_config('statement_timeout', '1000', true)

-- effects: Admin
SET search_path = evil, pg_catalog

-- effects: Admin
SET ROLE reader

-- effects: Admin
SET LOCAL ROLE reader

-- effects: Admin
SET SESSION AUTHORIZATION reader

-- effects: Admin
RESET SESSION AUTHORIZATION

-- effects: Admin
RESET ROLE

-- effects: Admin
SET standard_conforming_strings = off

-- effects: Admin
SET client_encoding = 'SJIS'

-- effects: Admin
SET session_replication_role = replica

-- effects: Admin
SET default_transaction_read_only = off

-- effects: Admin
SET app.tenant = '7'

-- effects: Admin
SELECT set_config('role', 'reader', false)

-- effects: Admin
SELECT set_config('ro' || 'le', 'reader', false)

-- effects: Admin
SELECT pg_catalog.set_config('session_replication_role', 'replica', true)

-- effects: Admin
DISCARD ALL

-- effects: Write
INSERT INTO users (id, name) VALUES (100, 'erin')

-- effects: Write
INSERT INTO users (id, name) SELECT id + 1000, name FROM users

-- effects: Write
INSERT INTO users (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name

-- effects: Write
INSERT INTO users (id, name) VALUES (101, 'x') ON CONFLICT DO NOTHING RETURNING id

-- effects: Write
INSERT INTO users DEFAULT VALUES

-- effects: Write
UPDATE users SET name = 'x' WHERE id = 1

-- effects: Write
UPDATE users SET name = 'x' WHERE id IN (1, 2) AND active

-- effects: Write
UPDATE orders SET status = 'paid' FROM users WHERE users.id = orders.user_id AND users.name = 'alice'

-- effects: Write
UPDATE orders SET status = 'paid' FROM users u WHERE u.id = orders.user_id

-- effects: Write
DELETE FROM users WHERE id = 3

-- effects: Write
DELETE FROM orders USING users WHERE users.id = orders.user_id AND users.name = 'alice'

-- effects: Write
DELETE FROM orders WHERE user_id IN (SELECT id FROM users WHERE active)

-- effects: Write
DELETE FROM orders o WHERE EXISTS (SELECT 1 FROM users WHERE users.id = o.user_id)

-- effects: Write
DELETE FROM users WHERE created_at < now() - interval '30 days'

-- effects: Write
DELETE FROM users WHERE lower(name) = 'bob'

-- effects: Write
DELETE FROM users WHERE note IS NULL OR id > 100

-- effects: Write
DELETE FROM users WHERE id < 1 OR id > 100

-- effects: Write
DELETE FROM users WHERE id = (SELECT max(id) FROM users)

-- effects: Write
DELETE FROM users WHERE false

-- effects: Write
DELETE FROM users WHERE id = 1 AND true

-- effects: Write
DELETE FROM users WHERE name LIKE 'a%'

-- effects: Write
DELETE FROM users WHERE NOT (id <> 3)

-- effects: WriteAll
DELETE FROM users

-- effects: WriteAll
DELETE FROM ONLY users

-- effects: WriteAll
UPDATE users SET active = false

-- effects: WriteAll
DELETE FROM users WHERE true

-- effects: WriteAll
DELETE FROM users WHERE 1 = 1

-- effects: WriteAll
DELETE FROM users WHERE 2 > 1

-- effects: WriteAll
DELETE FROM users WHERE 'a' = 'a'

-- effects: WriteAll
DELETE FROM users WHERE NOT false

-- effects: WriteAll
DELETE FROM users WHERE id = id

-- effects: WriteAll
DELETE FROM users WHERE users.id = id

-- effects: WriteAll
DELETE FROM users WHERE id IN (id)

-- effects: WriteAll
DELETE FROM users WHERE id BETWEEN id AND id

-- effects: WriteAll
DELETE FROM users WHERE id = 1 OR true

-- effects: WriteAll
DELETE FROM users WHERE id = 1 OR 1 = 1

-- effects: WriteAll
DELETE FROM users WHERE note IS NULL OR note IS NOT NULL

-- effects: WriteAll
DELETE FROM users WHERE id = 1 OR id <> 1

-- effects: WriteAll
DELETE FROM users WHERE id <> 1 OR id <> 2

-- effects: WriteAll
DELETE FROM users WHERE id > 5 OR id <= 5

-- effects: WriteAll
DELETE FROM users WHERE NOT (id = 1) OR id = 1

-- effects: WriteAll
DELETE FROM users WHERE NOT (id = 1 AND id <> 1)

-- effects: WriteAll
DELETE FROM users WHERE (id = 1 AND active) OR id <> 1 OR NOT active

-- effects: WriteAll
DELETE FROM users WHERE (id = 1) IS NOT NULL

-- effects: WriteAll
DELETE FROM users WHERE (id = 1) IN (true, false)

-- effects: WriteAll
DELETE FROM users WHERE name LIKE '%'

-- effects: WriteAll
DELETE FROM users WHERE name ~ '.*'

-- effects: WriteAll
DELETE FROM users WHERE name || '' = name

-- effects: WriteAll
DELETE FROM users WHERE id + 0 = id

-- effects: WriteAll
DELETE FROM users WHERE id * 0 = 0

-- effects: WriteAll
DELETE FROM users WHERE id - id = 0

-- effects: WriteAll
DELETE FROM users WHERE coalesce(id, 1) = 1

-- effects: WriteAll
DELETE FROM users WHERE EXISTS (SELECT 1)

-- effects: WriteAll
DELETE FROM users WHERE EXISTS (SELECT 1 FROM orders)

-- effects: WriteAll
DELETE FROM users WHERE id IN (SELECT id FROM users)

-- effects: WriteAll
DELETE FROM users WHERE id = (SELECT id)

-- effects: WriteAll
DELETE FROM users USING users AS other WHERE users.id = other.id

-- effects: WriteAll
DELETE FROM users WHERE CASE WHEN id = 1 THEN true ELSE true END

-- effects: WriteAll
DELETE FROM users WHERE now() > '2000-01-01'

-- effects: WriteAll
DELETE FROM users WHERE $1 = $1

-- effects: WriteAll
DELETE FROM users WHERE (true)

-- effects: WriteAll
DELETE FROM users WHERE NOT NOT true

-- effects: WriteAll
DELETE FROM users WHERE true IS TRUE

-- effects: WriteAll
DELETE FROM users WHERE id IS NOT DISTINCT FROM id

-- effects: WriteAll
WITH gone AS (DELETE FROM orders RETURNING *) SELECT count(*) FROM gone

-- effects: WriteAll
WITH gone AS MATERIALIZED (DELETE FROM orders RETURNING *) SELECT count(*) FROM gone

-- effects: Write
WITH moved AS (UPDATE orders SET status = 'old' WHERE id = 1 RETURNING id) SELECT * FROM moved

-- effects: Write
WITH a AS (SELECT 1), b AS (INSERT INTO users (id, name) VALUES (102, 'x') RETURNING id) SELECT * FROM a, b

-- effects: WriteAll
WITH a AS (SELECT 1) DELETE FROM users

-- effects: WriteAll
TRUNCATE orders

-- effects: WriteAll
TRUNCATE TABLE ONLY orders, users RESTART IDENTITY CASCADE

-- effects: Write
MERGE INTO users u USING orders o ON u.id = o.user_id WHEN MATCHED THEN UPDATE SET note = o.status WHEN NOT MATCHED THEN DO NOTHING

-- effects: WriteAll
MERGE INTO users u USING orders o ON true WHEN MATCHED THEN DELETE

-- effects: Write
SELECT * FROM users WHERE id = 1 FOR UPDATE

-- effects: Write
SELECT * FROM users FOR SHARE SKIP LOCKED

-- effects: Write
SELECT nextval('orders_seq')

-- effects: Write
SELECT setval('orders_seq', 500)

-- effects: Write
SELECT pg_notify('news', 'x')

-- effects: Write
NOTIFY news, 'x'

-- effects: Read
LISTEN news

-- effects: Write
LOCK TABLE users IN ACCESS EXCLUSIVE MODE

-- effects: Write
SELECT pg_advisory_lock(1)

-- effects: Write
REFRESH MATERIALIZED VIEW totals

-- effects: Write
SELECT lo_create(0)

-- effects: Schema
SELECT * INTO copied FROM users

-- effects: Schema
SELECT id INTO TEMP copied FROM users

-- effects: Schema
CREATE TABLE t (id int PRIMARY KEY)

-- effects: Schema
CREATE TABLE t AS SELECT * FROM users

-- effects: Schema
CREATE TEMP TABLE t (id int)

-- effects: Schema
CREATE INDEX ON users (name)

-- effects: Schema
CREATE VIEW v AS SELECT * FROM users

-- effects: Schema
CREATE SCHEMA s

-- effects: Schema
CREATE SEQUENCE s

-- effects: Schema
CREATE TYPE mood AS ENUM ('sad', 'ok')

-- effects: Schema
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'

-- effects: Schema
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM users; RETURN 1; END $$

-- effects: Schema
CREATE RULE r AS ON INSERT TO users DO ALSO (DELETE FROM orders; DELETE FROM users)

-- effects: Schema
CREATE TRIGGER t AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION touch()

-- effects: Schema
ALTER TABLE users ADD COLUMN age int

-- effects: Schema
ALTER TABLE users DROP COLUMN note

-- effects: Schema
ALTER TABLE users RENAME TO people

-- effects: Schema
DROP TABLE orders CASCADE

-- effects: Schema
DROP TABLE IF EXISTS orders, users CASCADE

-- effects: Schema
DROP SCHEMA public CASCADE

-- effects: Schema
DROP FUNCTION wipe

-- effects: Schema
COMMENT ON TABLE users IS 'x'

-- effects: Admin
CREATE ROLE intruder LOGIN SUPERUSER

-- effects: Admin
CREATE USER intruder PASSWORD 'x'

-- effects: Admin
ALTER ROLE reader SUPERUSER

-- effects: Admin
ALTER USER reader WITH PASSWORD 'x'

-- effects: Admin
DROP ROLE reader

-- effects: Admin
GRANT ALL ON users TO PUBLIC

-- effects: Admin
GRANT reader TO CURRENT_USER

-- effects: Admin
REVOKE SELECT ON users FROM reader

-- effects: Admin
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC

-- effects: Admin
ALTER SYSTEM SET shared_preload_libraries = 'x'

-- effects: Admin
CREATE EXTENSION IF NOT EXISTS plpgsql

-- effects: Admin
CREATE POLICY p ON users USING (true)

-- effects: Admin
CREATE DATABASE other

-- effects: Admin
SELECT pg_terminate_backend(1)

-- effects: Admin
SELECT pg_reload_conf()

-- effects: Admin
VACUUM users

-- effects: Admin
ANALYZE users

-- effects: Admin
REINDEX TABLE users

-- effects: Admin
CHECKPOINT

-- effects: Admin Write
UPDATE pg_authid SET rolsuper = true WHERE rolname = 'reader'

-- effects: Admin WriteAll
DELETE FROM pg_catalog.pg_statistic

-- effects: Exec
DO $$ BEGIN DELETE FROM users; END $$

-- effects: Exec
DO LANGUAGE plpgsql 'BEGIN PERFORM wipe(); END'

-- effects: Exec
SELECT wipe()

-- effects: Exec
SELECT public.wipe()

-- effects: Exec
SELECT * FROM wipe()

-- effects: Exec
SELECT id FROM users WHERE wipe() IS NOT NULL

-- effects: Exec
SELECT (SELECT wipe())

-- effects: Exec
SELECT count(*) FROM users ORDER BY wipe()

-- effects: Exec
SELECT 1 LIMIT (SELECT 1 FROM wipe())

-- effects: Exec
VALUES (wipe())

-- effects: Exec
SELECT lower(lower(CASE WHEN true THEN wipe()::text END))

-- effects: Exec
SELECT public.lower('a')

-- effects: Exec
SELECT "LOWER"('a')

-- effects: Exec
SELECT 1 OPERATOR(public.+) 2

-- effects: Exec Write
INSERT INTO users (id, name) VALUES (103, wipe()::text)

-- effects: Exec
CALL wipe_all()

-- effects: Exec
PREPARE p AS SELECT wipe()

-- effects: WriteAll
PREPARE p AS DELETE FROM users

-- effects: Exec
EXECUTE p

-- effects: Exec
SELECT query_to_xml('DELETE FROM users', true, true, '')

-- effects: Exec
SELECT ts_stat('DELETE FROM users')

-- effects: Exec
LOAD 'auto_explain'

-- effects: Exec
COPY users TO PROGRAM 'cat > /dev/null'

-- effects: Exec Write
COPY users FROM PROGRAM 'true'

-- effects: Read
COPY users TO STDOUT

-- effects: Read
COPY (SELECT id FROM users) TO STDOUT WITH (FORMAT csv)

-- effects: Exec
COPY (SELECT wipe()) TO STDOUT

-- effects: Exfiltrate
COPY users TO '/tmp/lychgate-copied'

-- effects: Exfiltrate Write
COPY users FROM '/tmp/lychgate-missing'

-- effects: Exfiltrate
SELECT pg_read_file('postgresql.conf')

-- effects: Exfiltrate
SELECT PG_READ_FILE('postgresql.conf')

-- effects: Exfiltrate
SELECT "pg_catalog"."pg_read_file"('postgresql.conf')

-- effects: Exfiltrate
SELECT pg_catalog . pg_read_file /* here */ ('postgresql.conf')

-- effects: Exfiltrate
SELECT * FROM pg_ls_dir('.')

-- effects: Exfiltrate Write
SELECT lo_import('/etc/hostname')

-- effects: Exfiltrate
SELECT lo_export(1, '/tmp/lychgate-exported')

-- effects: Exfiltrate
SELECT * FROM dblink('dbname=postgres', 'SELECT 1') AS t(a int)

-- effects: Exfiltrate
SELECT pg_stat_file('postgresql.conf')

-- effects: Exfiltrate
WITH f AS (SELECT pg_read_binary_file('postgresql.conf') AS b) SELECT length(b) FROM f

-- effects: Exfiltrate
EXPLAIN ANALYZE SELECT pg_read_file('postgresql.conf')

-- effects: Admin Exfiltrate
CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p

-- effects: Schema WriteAll
DROP TABLE orders CASCADE; DELETE FROM users

-- effects: Read Schema
SELECT 1; DROP TABLE orders CASCADE

-- effects: Read WriteAll
BEGIN; DELETE FROM users; COMMIT

-- effects: Read WriteAll
SELECT 1;;; DELETE FROM users;

-- effects: Exec Read WriteAll
SELECT 1; DO $$ BEGIN NULL; END $$; DELETE FROM users

-- effects: WriteAll
DELETE/**/FROM/* WHERE id = 1 */users

-- effects: WriteAll
DELETE FROM users -- WHERE id = 1

-- effects: WriteAll
/* SELECT */ dElEtE fRoM users

-- effects: Read
/* one /* two */ DELETE FROM users */ SELECT 1

-- effects: Read
SELECT 'it''s; DROP TABLE users'

-- effects: Read
SELECT E'it\'s; DROP TABLE users'

-- effects: Read WriteAll
SELECT E'\\'; DELETE FROM users --'

-- refused: a setting of the server
SELECT 'a\'; DELETE FROM users; --'

-- refused: a setting of the server
SELECT '\'; DELETE FROM users; --'

-- refused: U&
SELECT U&'\0061'

-- refused: U&
SELECT U&"p\0067_read_file"('x')

-- refused: not closed
SELECT 'abc

-- refused: not closed
SELECT 1 /* DELETE FROM users

-- refused: not closed
SELECT $a$ DELETE FROM users $b$

-- refused: not closed
SELECT "abc

-- refused: a command of a client
\copy users TO '/tmp/x'

-- refused: a command of a client
SELECT 1 \g /tmp/x

-- refused: Expected
DELETE users

-- refused: Expected
SELECT 1 FROM

-- effects: Read
SELECT @/* x */ 2

-- refused: a backtick
SELECT `id` FROM users

-- refused: COPY
COPY users FROM STDIN; DROP TABLE users

-- refused: Expected
ſELECT 1

-- refused: Expected
DELETE FROM users aſ u

-- refused: right behind a word
SELECT abc'x'
