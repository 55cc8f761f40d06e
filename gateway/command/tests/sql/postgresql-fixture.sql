-- What the statements of postgresql.sql are about.
CREATE TABLE users (
  id int PRIMARY KEY DEFAULT 999, name text, email text, active boolean NOT NULL DEFAULT true, note text,
  created_at timestamptz NOT NULL DEFAULT '2020-01-01'
);
CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users (id) ON DELETE CASCADE, total numeric, status text);
INSERT INTO users (id, name, email) VALUES (1, 'alice', 'alice@example.com'), (2, 'bob', NULL), (3, 'erin', NULL);
INSERT INTO users VALUES (4, 'carol', NULL, false, 'stays', '2999-01-01');
INSERT INTO orders VALUES (1, 1, 10, 'open'), (2, 1, 200, 'paid'), (3, 2, 30, 'open'), (4, NULL, 7, 'open');
CREATE SEQUENCE orders_seq;
CREATE MATERIALIZED VIEW totals AS SELECT user_id, sum(total) AS total FROM orders GROUP BY user_id;
CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; RETURN 1; END $$;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION lower(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE PROCEDURE wipe_all() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; END $$;
