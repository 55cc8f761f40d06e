-- Statements of Snowflake and what they do.

-- effects: Read
SELECT id, name FROM users QUALIFY row_number() OVER (PARTITION BY name ORDER BY id) = 1

-- effects: Read
SELECT parse_json('{"a": 1}'):a::int

-- effects: Read
SELECT 'it\'s; DROP TABLE users'

-- effects: Read
SELECT 1 // DROP TABLE users

-- effects: Read
SHOW TABLES

-- effects: Read
USE WAREHOUSE small

-- effects: Admin
USE ROLE accountadmin

-- effects: Write
INSERT INTO users (id) VALUES (1)

-- effects: WriteAll
INSERT OVERWRITE INTO users SELECT * FROM people

-- effects: WriteAll
DELETE FROM users

-- effects: Schema
CREATE OR REPLACE TABLE t AS SELECT 1 AS a

-- effects: Exfiltrate
PUT file:///tmp/x @stage

-- effects: Exfiltrate
GET @stage file:///tmp

-- effects: Exfiltrate Write
COPY INTO users FROM @stage

-- effects: Exfiltrate Write
COPY INTO users FROM t

-- effects: Exfiltrate Read Write
COPY INTO users FROM @stage; SELECT 1

-- effects: Exfiltrate Schema Write
COPY INTO users FROM @stage;DROP TABLE t

-- effects: Exfiltrate Write
COPY INTO users FROM- t

-- effects: Exfiltrate
COPY INTO @stage FROM users

-- effects: Exfiltrate Read
COPY INTO @stage FROM users; SELECT 1

-- effects: Exfiltrate Schema
COPY INTO @stage FROM users;;DROP TABLE t

-- effects: Exfiltrate Write
COPY INTO @stage FROM- users

-- effects: Exfiltrate
COPY FILES INTO @stage FROM @other

-- effects: Exfiltrate
SELECT $1 FROM @stage/x.csv

-- effects: Exec
CALL do_it()

-- effects: Exec
EXECUTE IMMEDIATE 'DROP TABLE users'

-- effects: Exec
SELECT my_function(1)

-- refused: # begins a comment
SELECT 1 # x
