-- Statements of Oracle and what they do.

-- effects: Read
SELECT id, name FROM users WHERE ROWNUM <= 10

-- effects: Read
SELECT NVL(note, 'none'), TO_CHAR(created_at, 'YYYY') FROM dual

-- effects: Read
SELECT q'[it's; DROP TABLE users]' FROM dual

-- effects: Write
DELETE FROM users WHERE id = 1

-- effects: WriteAll
DELETE FROM users

-- effects: Write
SELECT orders_seq.nextval FROM dual

-- effects: Schema
DROP TABLE users PURGE

-- effects: Admin
GRANT DBA TO intruder

-- effects: Admin
ALTER SYSTEM SET audit_trail = NONE

-- effects: Exec Read
BEGIN EXECUTE IMMEDIATE 'DROP TABLE users'; END;

-- effects: Exec
SELECT dbms_xmlgen.getxml('SELECT 1 FROM dual') FROM dual

-- effects: Exec
SELECT dbms_scheduler.stime FROM dual

-- effects: Exec
SELECT my_function(1) FROM dual

-- effects: Exfiltrate
SELECT utl_http.request('http://example.com') FROM dual

-- effects: Exfiltrate
SELECT sys.utl_inaddr.get_host_address('example.com') FROM dual

-- effects: Exec Exfiltrate
SELECT httpuritype('http://example.com').getclob() FROM dual

-- effects: Exfiltrate
SELECT * FROM users@other

-- refused: a comment in a comment
SELECT 1 /* /* */ FROM dual
