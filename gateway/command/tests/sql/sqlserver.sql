-- Statements of Transact-SQL and what they do.

-- effects: Read
SELECT TOP 10 [id], [name] FROM [dbo].[users] WITH (NOLOCK) WHERE id = 1

-- effects: Read
SELECT 'C:\', GETDATE(), LEN(name), ISNULL(note, '') FROM users

-- effects: Read
SELECT name FROM sys.objects

-- effects: Read
SET NOCOUNT ON

-- effects: Read
SELECT 1 /* a /* nested */ DROP TABLE users */

-- effects: Write
UPDATE users SET name = N'x' WHERE id = 1

-- effects: WriteAll
DELETE FROM users

-- effects: WriteAll
DELETE FROM users WHERE @a = @a

-- effects: Write
INSERT INTO users (name) OUTPUT inserted.id VALUES ('a')

-- effects: WriteAll
MERGE users AS u USING people AS p ON u.id = p.id WHEN NOT MATCHED BY SOURCE THEN DELETE;

-- effects: Schema
SELECT * INTO copied FROM users

-- effects: Schema
DROP TABLE users

-- effects: Exec
EXEC xp_cmdshell 'dir'

-- effects: Exec
EXECUTE sp_executesql N'DROP TABLE users'

-- effects: Exec
EXEC ('DROP TABLE users')

-- effects: Exec
SELECT dbo.my_function(1)

-- effects: Exfiltrate
SELECT * FROM OPENROWSET('SQLNCLI', 'Server=other', 'SELECT 1') AS t

-- refused: Expected
SELECT * FROM OPENROWSET(BULK 'C:\x.txt', SINGLE_CLOB) AS t

-- effects: Exfiltrate
SELECT * FROM OPENQUERY(other, 'SELECT 1')

-- effects: Exfiltrate
SELECT * FROM other.shop.dbo.users

-- effects: Admin
GRANT SELECT ON users TO reader

-- effects: Admin Exec
DBCC DROPCLEANBUFFERS

-- effects: Admin Exec
SHUTDOWN WITH NOWAIT

-- effects: Admin Exec Exfiltrate
BACKUP DATABASE shop TO DISK = 'C:\x.bak'

-- refused: begins a statement
SELECT 1 SHUTDOWN

-- refused: Expected
SELECT 1 DELETE FROM users

-- refused: begins a statement
SELECT 1 REVERT FROM users

-- refused: Expected
SELECT 1
GO
DROP TABLE users

-- refused: GO is a command
SELECT 1
GO

-- refused: Expected
SELECT 1 DROP TABLE users

-- refused: Expected
xp_cmdshell 'dir'
