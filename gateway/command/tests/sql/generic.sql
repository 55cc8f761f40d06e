-- Statements of a dialect that is not known, and what they do.

-- effects: Read
SELECT id, "name" FROM users WHERE id = 1

-- effects: Read
SELECT lower(name), count(*) FROM users GROUP BY lower(name)

-- effects: WriteAll
DELETE FROM users

-- effects: Schema
DROP TABLE users

-- effects: Exfiltrate
SELECT LOAD_FILE('/etc/passwd')

-- effects: Exfiltrate
SELECT pg_read_file('x')

-- effects: Exec
SELECT my_function(1)

-- refused: execute
SELECT 1 /*! DROP TABLE users */

-- refused: double the quote
SELECT 'a\' OR 1 = 1'

-- refused: a comment in a comment
SELECT 1 /* /* */ DROP TABLE users */

-- refused: # begins a comment
SELECT 1 # x

-- refused: add a space
SELECT 1 --x

-- refused: dollar sign
SELECT $$a$$

-- refused: begins a statement
SELECT 1 SHUTDOWN
