-- Statements of MySQL 8.4 and what they do.

-- effects: Read
SELECT `id`, `name` FROM `users` WHERE `id` = 1

-- effects: Read
SELECT "a text; DROP TABLE users", 'another'

-- effects: Read
SELECT COUNT(*), GROUP_CONCAT(name SEPARATOR ', ') FROM users GROUP BY active

-- effects: Read
SELECT IFNULL(note, 'none'), DATE_FORMAT(created_at, '%Y-%m') FROM users LIMIT 10, 20

-- effects: Read
SELECT JSON_EXTRACT(data, '$.a'), data->>'$.b' FROM events

-- effects: Read
SELECT @@version, @@global.max_connections

-- effects: Read
SELECT DATABASE(), USER(), CONNECTION_ID()

-- effects: Read
SHOW TABLES

-- effects: Read
SHOW CREATE TABLE users

-- effects: Read
SHOW VARIABLES LIKE 'max%'

-- effects: Read
SHOW PROCESSLIST

-- effects: Read
DESCRIBE users

-- effects: Read
EXPLAIN SELECT * FROM users

-- effects: Read
EXPLAIN DELETE FROM users

-- effects: Read
USE shop

-- effects: Read
SET @a = 1

-- effects: Read
SET NAMES utf8mb4

-- effects: Read
SET SESSION max_execution_time = 1000

-- effects: Read
START TRANSACTION READ ONLY

-- effects: Read
SELECT 1 -- DROP TABLE users

-- effects: Read
SELECT 1 # DROP TABLE users

-- effects: Read
SELECT /*+ MAX_EXECUTION_TIME(1000) */ id FROM users

-- effects: Read
SELECT id INTO @x FROM users LIMIT 1

-- effects: Write
INSERT INTO users (name) VALUES ('a'), ('b')

-- effects: Write
INSERT INTO users (id, name) VALUES (1, 'a') ON DUPLICATE KEY UPDATE name = VALUES(name)

-- effects: Write
INSERT IGNORE INTO users (name) SELECT name FROM people

-- effects: Write
REPLACE INTO users (id, name) VALUES (1, 'a')

-- effects: Write
UPDATE users SET name = 'x' WHERE id = 1 LIMIT 1

-- effects: Write
UPDATE users u JOIN orders o ON o.user_id = u.id SET u.note = 'x' WHERE o.total > 10

-- effects: Write
DELETE FROM users WHERE id = 1

-- effects: Write
DELETE u FROM users u JOIN orders o ON o.user_id = u.id WHERE o.total > 10

-- effects: Write
SELECT * FROM users WHERE id = 1 FOR UPDATE

-- effects: Write
SELECT GET_LOCK('a', 10)

-- effects: Write
LOCK TABLES users WRITE

-- effects: WriteAll
DELETE FROM users

-- effects: WriteAll
DELETE FROM users LIMIT 1000000

-- effects: WriteAll
DELETE FROM users WHERE 1

-- effects: WriteAll
DELETE FROM users WHERE id

-- effects: WriteAll
DELETE FROM users WHERE 'a' = 'A'

-- effects: WriteAll
DELETE FROM users WHERE "a" = "a"

-- effects: WriteAll
DELETE FROM users WHERE @a = @a

-- effects: WriteAll
DELETE FROM users WHERE id = 1 || 1

-- effects: WriteAll
DELETE FROM users WHERE id = 1 OR 1 = 1

-- effects: WriteAll
DELETE FROM users WHERE id = 5 XOR id <> 5

-- effects: WriteAll
DELETE FROM users WHERE id <=> id

-- effects: WriteAll
DELETE FROM users WHERE name RLIKE '.*'

-- effects: WriteAll
DELETE u FROM users u JOIN users v ON u.id = v.id WHERE u.id = v.id

-- effects: WriteAll
UPDATE users SET active = 0 WHERE (id = 1) = 0 OR (id = 1) = 1

-- effects: WriteAll
TRUNCATE TABLE users

-- effects: Schema
CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE = InnoDB

-- effects: Schema
ALTER TABLE users ADD COLUMN age INT

-- effects: Schema
DROP TABLE users

-- effects: Schema
RENAME TABLE users TO people

-- effects: Schema
CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW SET NEW.name = 'x'

-- effects: Schema
CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM users

-- effects: Admin
CREATE USER 'intruder'@'%' IDENTIFIED BY 'x'

-- effects: Admin
GRANT ALL PRIVILEGES ON *.* TO 'intruder'@'%'

-- effects: Admin
REVOKE SELECT ON shop.* FROM 'reader'@'%'

-- effects: Admin
SET GLOBAL general_log = 1

-- effects: Admin
SET @@global.local_infile = 1

-- effects: Admin
SET PERSIST max_connections = 1

-- effects: Admin
SET sql_mode = 'NO_BACKSLASH_ESCAPES'

-- effects: Admin
SET NAMES gbk

-- effects: Admin
SET PASSWORD = 'x'

-- effects: Admin
SET ROLE ALL

-- effects: Admin
FLUSH PRIVILEGES

-- effects: Admin
KILL 5

-- effects: Admin
SHUTDOWN

-- effects: Admin Write
UPDATE mysql.user SET Super_priv = 'Y' WHERE User = 'x'

-- effects: Admin Exec
INSTALL PLUGIN p SONAME 'p.so'

-- effects: Exec Schema
CREATE FUNCTION sys_exec RETURNS INTEGER SONAME 'udf.so'

-- effects: Exec
SELECT sys_exec('id')

-- effects: Exec
SELECT my_function(1)

-- effects: Exec
SELECT shop.my_function(1)

-- effects: Exec
CALL do_it()

-- effects: Exec
DO SLEEP(1)

-- effects: Exec
PREPARE s FROM 'DROP TABLE users'; EXECUTE s

-- effects: Exfiltrate
SELECT LOAD_FILE('/etc/passwd')

-- effects: Exfiltrate
SELECT load_file /* x */ ('/etc/passwd')

-- effects: Exfiltrate Write
LOAD DATA INFILE '/etc/passwd' INTO TABLE users

-- effects: Exfiltrate Write
LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE users

-- effects: Read Schema
SELECT 1; DROP TABLE users

-- refused: execute
SELECT 1 /*! UNION SELECT LOAD_FILE('/etc/passwd') */

-- refused: execute
/*!50000 DROP TABLE users */

-- refused: execute
SELECT 1 /*!99999 x */

-- refused: execute
SELECT /*! /* nested */ DROP TABLE users */ 1

-- refused: execute
SELECT 1 /*M!100100 DROP TABLE users */

-- refused: a comment in a comment
SELECT 1 /* /* */ DROP TABLE users -- */

-- refused: add a space
SELECT 1 --1

-- refused: double the quote
SELECT 'a\' OR 1 = 1 -- '

-- refused: double the quote
SELECT "a\" OR 1 = 1 -- "

-- refused: a command of a client
SELECT 1 \G

-- refused: Expected
DELIMITER //

-- refused: Expected
SELECT * FROM users INTO OUTFILE '/tmp/x'

-- refused: Expected
SELECT 'x' INTO DUMPFILE '/tmp/x'

-- refused: Expected
HANDLER users OPEN
