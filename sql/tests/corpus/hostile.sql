-- write
DELETE FROM sales.Orders
GO
-- write
delete sales.Orders where 1 = 1
GO
-- write
UPDATE sales.Orders SET Status = 'x'
GO
-- write
INSERT INTO sales.Orders (a) VALUES (1)
GO
-- write
INSERT sales.Orders DEFAULT VALUES
GO
-- write
MERGE sales.Orders AS d USING s ON d.id = s.id WHEN MATCHED THEN DELETE;
GO
-- write
TRUNCATE TABLE sales.Orders
GO
-- write
SELECT * INTO sales.Copy FROM sales.Orders
GO
-- write
SELECT 1 AS a INTO x
GO
-- write
SELECT * INTO ##everybody FROM sales.Orders
GO
-- write
INSERT ##t VALUES (1)
GO
-- write
SELECT NEXT VALUE FOR sales.Numbers
GO
-- write
SELECT NEXT/**/VALUE FOR sales.Numbers AS n
GO
-- write
SELECT 1DELETE FROM t
GO
-- write
SELECT 1.DELETE FROM t
GO
-- unknown
SELECT 1eDELETE FROM t
GO
-- write
SELECT 1e5DELETE FROM t
GO
-- write
SELECT $.DELETE FROM t
GO
-- write
SELECT .5DELETE t
GO
-- write
SELECT 0xFFUPDATE t SET a = 1
GO
-- write
SELECT 'a'DELETE FROM t
GO
-- write
SELECT N'a'DELETE t
GO
-- write
SELECT 1 AS [a]DELETE t
GO
-- write
SELECT 1 AS "a"UPDATE t SET a=1
GO
-- write
SELECT(1)DELETE t
GO
-- write
SELECT @a DELETE t
GO
-- write
SELECT 1/**/DELETE/**/FROM/**/t
GO
-- write
SELECT 1--
DELETE t
GO
-- write
SELECT 1 /* /* */ */ DELETE t /* */
GO
-- write
WITH c AS (SELECT 1 AS n) DELETE FROM c
GO
-- write
WITH c AS (SELECT * FROM t) UPDATE c SET a = 1
GO
-- write
SELECT * FROM (DELETE FROM t OUTPUT deleted.*) AS d
GO
-- write
INSERT INTO #t SELECT * FROM (UPDATE t SET a = 1 OUTPUT inserted.a) AS d
GO
-- write
DELETE FROM t OUTPUT deleted.id INTO @ids
GO
-- write
DELETE FROM #t OUTPUT deleted.id INTO dbo.log
GO
-- write
UPDATE #a SET x = 1 FROM sales.Orders AS #a
GO
-- write
UPDATE #a SET x = 1 FROM sales.Orders #a
GO
-- write
DELETE #a FROM sales.Orders AS [#a]
GO
-- write
WITH #c AS (SELECT * FROM sales.Orders) DELETE FROM #c
GO
-- write
WITH a AS (SELECT 1 AS n), #c (n) AS (SELECT n FROM t) UPDATE #c SET n = 1
GO
-- write
DECLARE @x int UPDATE t SET @x = a = 1
GO
-- write
IF 1 = 1 DELETE t
GO
-- write
IF EXISTS (SELECT 1) BEGIN UPDATE t SET a = 1 END
GO
-- write
WHILE 1 = 1 INSERT t VALUES (1)
GO
-- write
BEGIN TRY DELETE t END TRY BEGIN CATCH END CATCH
GO
-- write
SET IDENTITY_INSERT dbo.t ON
GO
-- write
SELECT 1 WHERE 1 = 1 UPDATE t SET a = 1 WHERE 1 = 1
GO
-- write
UPDATE t SET x.modify('delete /a')
GO
-- write
UPDATETEXT t.c @p 0 NULL 'x'
GO
-- write
DECLARE c CURSOR FOR SELECT a FROM t FOR UPDATE OF a
GO
-- schema
CREATE TABLE t (a int)
GO
-- schema
CREATE TABLE ##t (a int)
GO
-- schema
CREATE OR ALTER PROCEDURE p AS SELECT 1
GO
-- schema
CREATE UNIQUE NONCLUSTERED INDEX ix ON t (a)
GO
-- schema
CREATE VIEW v AS SELECT 1 AS a
GO
-- schema
ALTER TABLE t ADD b int
GO
-- schema
ALTER TABLE t DROP COLUMN b
GO
-- schema
ALTER TABLE #t SWITCH TO dbo.t
GO
-- schema
DROP TABLE t
GO
-- schema
DROP TABLE #a, dbo.t
GO
-- schema
DROP TABLE IF EXISTS dbo.t
GO
-- schema
SELECT 1DROP TABLE t
GO
-- schema
SELECT 'a'DROP TABLE t
GO
-- schema
SELECT [a]DROP TABLE t
GO
-- schema
SELECT "a"DROP VIEW v
GO
-- schema
SELECT 1;DROP TABLE t
GO
-- schema
SELECT '''';DROP TABLE t--'
GO
-- schema
SELECT 1 AS [a]]]DROP TABLE t
GO
-- schema
CREATE TRIGGER tr ON t AFTER INSERT AS SELECT 1
GO
-- schema
DISABLE TRIGGER tr ON t
GO
-- schema
SELECT 1; ENABLE TRIGGER ALL ON t
GO
-- schema
UPDATE STATISTICS sales.Orders
GO
-- schema
UPDATE STATISTICS sales.Orders WITH FULLSCAN
GO
-- schema
CREATE INDEX ix_orders ON sales.Orders (PlacedAt) INCLUDE (Status)
GO
-- schema
CREATE SEQUENCE s START WITH 1
GO
-- schema
CREATE SYNONYM s FOR dbo.t
GO
-- schema
CREATE SCHEMA x CREATE TABLE y (a int)
GO
-- schema
ALTER INDEX ALL ON t REBUILD
GO
-- schema
CREATE TABLE #t (a int) DROP TABLE dbo.t
GO
-- execute
EXEC dbo.p
GO
-- execute
EXECUTE p 1, 2
GO
-- execute
p
GO
-- execute
dbo.p @a = 1
GO
-- execute
[p] 1
GO
-- execute
"p"
GO
-- execute
sp_rename 'a', 'b'
GO
-- execute
EXEC('SELECT 1')
GO
-- execute
EXEC('DELETE FROM t')
GO
-- execute
EXEC (@sql)
GO
-- execute
EXEC ('DELETE ' + @t)
GO
-- execute
EXEC @p
GO
-- execute
EXEC sp_executesql N'SELECT @a', N'@a int', @a = 1
GO
-- execute
EXEC sys.sp_executesql @stmt = N'DROP TABLE t'
GO
-- execute
INSERT INTO t EXEC p
GO
-- execute
INSERT #t EXEC p
GO
-- execute
SELECT 1 EXEC p
GO
-- unknown
SELECT 1EXEC p
GO
-- execute
IF 1=1 EXEC p
GO
-- execute
EXEC mydb.dbo.sp_help 't'
GO
-- execute
EXEC sales.sp_help 't'
GO
-- execute
EXEC sp_spaceused 't', 'true'
GO
-- execute
EXEC sp_recompile 't'
GO
-- refused
EXEC xp_cmdshell 'dir'
GO
-- refused
EXEC master..xp_cmdshell 'dir'
GO
-- refused
EXEC master.dbo.[xp_cmdshell] 'dir'
GO
-- refused
EXEC "xp_cmdshell" 'dir'
GO
-- refused
xp_cmdshell 'dir'
GO
-- refused
EXEC ('xp_cmdshell ''dir''')
GO
-- refused
EXEC ('EXEC xp_' + 'cmdshell ''dir''')
GO
-- refused
EXEC sp_executesql N'EXEC master..xp_cmdshell ''dir'''
GO
-- refused
EXEC xp_regread 'HKEY_LOCAL_MACHINE', 'SOFTWARE'
GO
-- refused
EXEC master.dbo.xp_anything
GO
-- refused
EXEC sp_configure 'show advanced options', 1
GO
-- refused
EXEC sp_OACreate 'WScript.Shell', @o OUT
GO
-- refused
EXEC sp_addlinkedserver 'x'
GO
-- refused
EXEC sp_addlogin 'x', 'y'
GO
-- refused
EXEC msdb.dbo.sp_start_job 'x'
GO
-- refused
EXEC msdb..sp_send_dbmail @query = 'SELECT 1'
GO
-- refused
EXEC sp_execute_external_script @language = N'R', @script = N''
GO
-- refused
EXEC sp_invoke_external_rest_endpoint @url = N'https://x'
GO
-- refused
EXEC sp_set_session_context N'user', N'sa'
GO
-- refused
EXEC sp_cursoropen @c OUTPUT, N'SELECT 1'
GO
-- refused
SELECT * FROM OPENROWSET('SQLNCLI', 'Server=x;', 'SELECT 1')
GO
-- refused
SELECT * FROM OPENROWSET(BULK 'C:\x', SINGLE_CLOB) AS x
GO
-- refused
SELECT * FROM OPENQUERY(srv, 'DELETE FROM t')
GO
-- refused
SELECT * FROM OPENDATASOURCE('SQLNCLI', 'x').db.dbo.t
GO
-- refused
BULK INSERT t FROM 'C:\x'
GO
-- refused
SELECT * FROM srv.db.dbo.t
GO
-- refused
SELECT * FROM srv.db..t
GO
-- refused
SELECT * FROM [srv].[db].[dbo].[t]
GO
-- refused
EXEC srv.db.dbo.p
GO
-- refused
EXEC ('SELECT 1') AT srv
GO
-- refused
SHUTDOWN
GO
-- refused
SELECT 1 SHUTDOWN WITH NOWAIT
GO
-- refused
KILL 55
GO
-- refused
BACKUP DATABASE x TO DISK = 'x'
GO
-- refused
RESTORE DATABASE x FROM DISK = 'x'
GO
-- refused
RECONFIGURE
GO
-- refused
SELECT * FROM t RECONFIGURE
GO
-- refused
CHECKPOINT
GO
-- refused
SELECT * FROM t CHECKPOINT
GO
-- refused
DBCC CHECKDB
GO
-- refused
SELECT 1 DBCC SHRINKFILE(1)
GO
-- refused
EXECUTE AS LOGIN = 'sa'
GO
-- refused
SELECT 1 REVERT
GO
-- refused
SETUSER 'x'
GO
-- refused
CREATE LOGIN x WITH PASSWORD = 'y'
GO
-- refused
ALTER LOGIN sa ENABLE
GO
-- refused
CREATE USER x FOR LOGIN y
GO
-- refused
ALTER ROLE db_owner ADD MEMBER x
GO
-- refused
ALTER SERVER ROLE sysadmin ADD MEMBER x
GO
-- refused
DROP DATABASE x
GO
-- refused
ALTER DATABASE x SET TRUSTWORTHY ON
GO
-- refused
CREATE ASSEMBLY x FROM 0x00
GO
-- refused
CREATE CREDENTIAL c WITH IDENTITY = 'x'
GO
-- refused
CREATE PROCEDURE p WITH EXECUTE AS OWNER AS SELECT 1
GO
-- refused
GRANT SELECT ON t TO public
GO
-- refused
DENY SELECT ON t TO x
GO
-- refused
REVOKE ALL FROM x
GO
-- refused
WAITFOR DELAY '00:00:10'
GO
-- refused
SELECT 1 WAITFOR DELAY '0:0:5'
GO
-- refused
WAITFOR (RECEIVE TOP (1) * FROM q), TIMEOUT 1000
GO
-- refused
RECEIVE TOP (1) * FROM q
GO
-- refused
SELECT 1; RECEIVE * FROM q
GO
-- refused
IF 1 = 1 RECEIVE * FROM q
GO
-- refused
SELECT 1; SEND ON CONVERSATION @h MESSAGE TYPE m ('x')
GO
-- refused
BEGIN DIALOG CONVERSATION @h FROM SERVICE a TO SERVICE 'b'
GO
-- refused
END CONVERSATION @h
GO
-- refused
GET CONVERSATION GROUP @g FROM q
GO
-- refused
SELECT * FROM fn_trace_gettable('C:\x.trc', 1)
GO
-- refused
SELECT * FROM sys.fn_xe_file_target_read_file('x*.xel', NULL, NULL, NULL)
GO
-- refused
SELECT * FROM sys.[fn_get_audit_file]('x', NULL, NULL)
GO
-- refused
SELECT * FROM sys.dm_os_enumerate_filesystem('C:\', '*')
GO
-- refused
SELECT * FROM fn_dblog(NULL, NULL)
GO
-- refused
RAISERROR ('x', 16, 1) WITH LOG
GO
-- refused
RAISERROR ('x', 16, 1) WITH NOWAIT, LOG
GO
-- refused
SELECT name, password_hash FROM sys.sql_logins
GO
-- refused
SELECT * FROM master.sys.[sql_logins]
GO
-- refused
SELECT LOGINPROPERTY('sa', 'PasswordHash')
GO
-- refused
SELECT name FROM sys.sql_logins WHERE PWDCOMPARE('x', password_hash) = 1
GO
-- refused
SELECT * FROM master..syslogins
GO
-- refused
OPEN SYMMETRIC KEY k DECRYPTION BY PASSWORD = 'x'
GO
-- refused
ADD SIGNATURE TO p BY CERTIFICATE c
GO
-- refused
SET CONTEXT_INFO 0x01
GO
-- refused
SET DEADLOCK_PRIORITY HIGH
GO
-- refused
SET NOCOUNT, CONTEXT_INFO ON
GO
-- refused
SET QUOTED_IDENTIFIER OFF
GO
-- refused
SET SHOWPLAN_XML ON
GO
-- refused
SET NOEXEC ON
GO
-- refused
SET ROWCOUNT 1 SET QUERY_GOVERNOR_COST_LIMIT 0
GO
-- refused
INSERT INTO t SELECT * FROM OPENROWSET(BULK 'C:\x', SINGLE_BLOB) AS b
GO
-- refused
CREATE EXTERNAL TABLE x (a int) WITH (LOCATION = '/x')
GO
-- never
COMMIT
GO
-- never
SELECT 1 COMMIT
GO
-- never
SELECT 1 ROLLBACK
GO
-- never
SELECT 1COMMIT
GO
-- never
BEGIN TRAN DELETE FROM t
GO
-- never
BEGIN TRANSACTION
GO
-- never
BEGIN DISTRIBUTED TRANSACTION
GO
-- never
SAVE TRAN x
GO
-- never
COMMIT; DROP TABLE t
GO
-- never
EXEC ('COMMIT')
GO
-- never
EXEC sp_executesql N'ROLLBACK TRANSACTION'
GO
-- never
USE master
GO
-- never
SELECT 1 USE master
GO
-- never
SELECT 1 USE hint
GO
-- never
SET IMPLICIT_TRANSACTIONS ON
GO
-- never
SET XACT_ABORT OFF
GO
-- never
SET NOCOUNT, XACT_ABORT OFF
GO
-- never
UPDATE STATISTICS t SET XACT_ABORT OFF
GO
-- unknown
SELECT 1; sp_who
GO
-- unknown
'text'
GO
-- unknown
SELECT 1; 5
GO
-- unknown
SELECT {call sp_who}
GO
-- unknown
TABLE t
GO
-- unknown
SELECT `a` FROM t
GO
-- unknown
SELECT a FROM t WHERE b = ?
GO
-- unknown
FROM t SELECT a
GO
-- unknown
( DELETE FROM t )
GO
-- refused
EXEC ('SELECT 1') AS USER = 'dbo'
GO
-- refused
EXEC ('SELECT ' + @c) AS LOGIN = 'sa'
GO
-- refused
CREATE TRIGGER tr ON ALL SERVER FOR LOGON AS PRINT 1
GO
-- refused
DROP TRIGGER tr ON ALL SERVER
GO
-- refused
WHILE 1 = 1 RECEIVE 2 AS k, message_body FROM dbo.InQueue
GO
-- refused
END CONVERSATION CAST(@x AS uniqueidentifier)
GO
-- write
SET QUOTED_IDENTIFIER ON UPDATE no SET Price = 0 FROM dbo.Items AS no
GO
-- write
UPDATE #w SET Price = 0 FROM dbo.Items AS [#w ]
GO
-- schema
DROP TABLE #t, dbo.t
GO
-- execute
EXEC sp_spaceused @updateusage = N'TRUE'
GO
-- execute
EXEC sp_spaceused 't', @updateusage = 'true'
GO
-- refused
EXEC sp_describe_first_result_set N'SELECT * FROM OPENROWSET(''a'', ''b'', ''c'')'
GO
-- refused
EXEC sp_describe_first_result_set @tsql = N'SELECT * FROM srv.db.dbo.t'
GO
-- execute
EXEC sp_describe_first_result_set @q
GO
-- refused
SELECT * FROM sys.dm_exec_describe_first_result_set(N'SELECT * FROM OPENQUERY(s, ''x'')', NULL, 0)
GO
-- refused
SET LOCK_TIMEOUT -1
GO
-- refused
SET LOCK_TIMEOUT 3600000
GO
-- refused
SET DEADLOCK_PRIORITY -4
GO
-- refused
DECLARE c CURSOR FOR SELECT a FROM t FOR UPDATE SET LOCK_TIMEOUT -1
GO
-- refused
EXEC ('SELECT 1 /* a long text xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx */' + @a + @b + @c + @d + @e + @f + @g + @h + @i + @j + @k + @l + @m + @n + @o + @p + @q + @r + @s + @t + @u + @v + @w + @x + @y + @z + @a1 + @a2 + @a3 + @a4 + @a5 + @a6) AS USER = 'dbo'
GO
-- refused
EXEC [sp_executesql] N'EXEC xp_cmdshell ''x'''
GO
-- refused
SELECT CERTPRIVATEKEY(1, 'x')
GO
-- refused
SELECT AI_GENERATE_EMBEDDINGS(N'x' USE MODEL m)
GO
-- refused
SET SHOWPLAN_ALL ON
GO
-- never
USE other
GO
-- unknown
SHOW TABLES
GO
-- unknown
DESCRIBE t
GO
-- unknown
EXPLAIN SELECT 1
GO
-- unknown
SELECT * FROM t LIMIT 5
GO
-- unknown
SELECT * FROM t ORDER BY a LIMIT 5
GO
-- unknown
SELECT a::int FROM t
GO
-- unknown
SELECT a FROM t WHERE a ILIKE 'x'
GO
-- schema
RENAME OBJECT dbo.a TO b
GO
-- refused
SELECT 1; COPY INTO dbo.t FROM 'https://x'
GO
-- refused
PRINT 'x' RECEIVE TOP (1) * FROM q
GO
-- refused
DECLARE @h uniqueidentifier SEND ON CONVERSATION @h MESSAGE TYPE [m] ('x')
GO
-- refused
SET @a = 1 GET CONVERSATION GROUP @g FROM q
GO
-- refused
lbl: RECEIVE * FROM q
GO
-- refused
BEGIN TRY MOVE CONVERSATION @h TO @g END TRY BEGIN CATCH END CATCH
GO
-- schema
IF 1 = 1 DISABLE TRIGGER tr ON dbo.t ELSE ENABLE TRIGGER tr ON dbo.t
GO
-- write
WITH #c AS (SELECT * FROM dbo.t) INSERT #c VALUES (1)
GO
-- write
MERGE c USING s ON 1 = 1 WHEN MATCHED THEN DELETE;
GO
-- write
UPDATE p SET a = 1 FROM #pay AS P
GO
-- write
UPDATE p SET a = 1 FROM #pay AS p, dbo.P
GO
-- write
WITH c AS (SELECT t.* FROM #t JOIN dbo.t ON 1 = 1) UPDATE c SET a = 1
GO
-- write
DELETE FROM #t OUTPUT deleted.* INTO dbo.log
GO
-- refused
EXEC sp_MSforeachdb 'SELECT 1'
GO
-- refused
SELECT * FROM sys.fn_ledger_retrieve_digests_from_url('https://x')
GO
-- refused
SELECT * FROM ::fn_virtualservernodes()
GO
-- refused
EXEC [xp_cmdshell ] 'dir'
GO
-- write
UPDATE #x SET a = 1 FROM (#y CROSS JOIN dbo.t AS [#x])
GO
-- write
UPDATE #x SET a = 1 FROM #y JOIN (dbo.t [#x] JOIN #z ON 1=1) ON 1=1
GO
-- write
DELETE #x FROM #y, (dbo.t AS #x CROSS JOIN #z)
GO
-- write
DELETE FROM #x FROM ((dbo.t [#x] CROSS JOIN #z))
GO
-- write
UPDATE #x SET a = 1 FROM {oj #y LEFT OUTER JOIN (dbo.t [#x] CROSS JOIN #z) ON 1=1}
GO
-- write
INSERT #r SELECT a FROM (DELETE #x OUTPUT deleted.a FROM (dbo.t AS #x CROSS JOIN #z)) AS q
GO
-- write
WITH c AS (SELECT a FROM #t) DELETE c FROM (dbo.u AS c CROSS JOIN #z)
GO
-- write
WITH c AS (SELECT a FROM #t) SELECT a INTO c FROM c
GO
-- write
WITH c AS (SELECT a FROM @t) SELECT a INTO [c] FROM c
GO
-- write
WITH c AS (SELECT a FROM #t) DELETE #d OUTPUT deleted.a INTO c
GO
-- write
WITH c AS (SELECT a FROM #t) INSERT #d (a) OUTPUT inserted.a INTO c SELECT 1
GO
-- write
WITH c AS (SELECT a FROM #t) MERGE #d AS d USING c AS s ON 1=1 WHEN MATCHED THEN DELETE OUTPUT deleted.a INTO c;
GO
-- write
WITH c AS (SELECT a FROM #t) DELETE c FROM dbo.u AS C
GO
-- write
WITH c AS (SELECT a FROM #t) UPDATE c SET a = 1 FROM dbo.u AS [c ]
GO
-- write
WITH #x AS (SELECT a FROM @t) DELETE #x FROM dbo.u AS #X
GO
-- write
WITH c AS (SELECT a FROM #t) DELETE c FROM (SELECT * FROM dbo.u) AS C
GO
-- write
WITH c AS (SELECT a FROM #t) DELETE c FROM dbo.c
GO
-- write
WITH c AS (SELECT a FROM #t) DELETE c FROM other.dbo.c
GO
-- refused
SELECT * FROM CONTAINSTABLE(srv.d.dbo.t, *, 'x') AS k
GO
-- refused
SELECT * FROM FREETEXTTABLE(srv.d.dbo.t, c, 'x') AS k
GO
-- refused
SELECT k.[KEY] FROM dbo.t JOIN CONTAINSTABLE([srv].[d].[dbo].[t], (a, b), N'x', LANGUAGE 1033, 5) AS k ON k.[KEY] = t.id
GO
-- refused
SELECT * FROM SEMANTICKEYPHRASETABLE(srv.d.dbo.t, *) AS k
GO
-- refused
SELECT * FROM sys.[fn_get_audit_fíle]('x', NULL, NULL)
GO
-- refused
SELECT * FROM fn_dblög(NULL, NULL)
GO
-- refused
SELECT * FROM sys.dm_os_file_exísts('\\h\x')
GO
-- refused
SELECT * FROM sys.dm_exec_describe_first_result_sét(N'SELECT * FROM srv.d.dbo.t', NULL, 0)
GO
-- refused
EXEC [sp_addlogín] 'x', 'y'
GO
-- write
UPDATE #v SET a = 1 FROM dbo.t AS [#w]
GO
-- write
DELETE #ssz FROM dbo.t AS [#szsz]
GO
-- write
DECLARE @x TABLE (a int) UPDATE @x SET a = 1 FROM dbo.t AS [@x]
GO
-- never
EXEC master.dbo.sp_executesql N'COMMIT'
GO
-- refused
EXEC tempdb.dbo.sp_executesql N'BACKUP DATABASE d TO DISK = ''x'''
GO
-- never
EXEC master.dbo.sp_sqlexec 'COMMIT'
GO
-- never
EXEC sp_executesql;1 N'COMMIT'
GO
-- never
EXEC [sp_executesql ] N'COMMIT'
GO
-- never
EXEC sp_executesql @x = N'COMMIT'
GO
-- never
EXEC sp_executesql @params = N'COMMIT', @stmt = N'SELECT 1'
GO
-- refused
CREATE SYNONYM dbo.s FOR srv.d.dbo.t
GO
-- refused
CREATE SYNONYM s FOR [srv].[d].[dbo].[p]
GO
-- refused
CREATE SYNONYM s FOR master.dbo.xp_cmdshell
GO
-- unknown
SET NOCOUNT
GO
-- write
UPDATE #a SET x = 1 FROM #b AS b, dbo.t AS [#c]
GO
-- schema
CREATE TABLE #t (a int) WITH (SYSTEM_VERSIONING = ON (HISTORY_TABLE = dbo.h))
GO
-- schema
ALTER TABLE dbo.t ADD b bigint GENERATED ALWAYS AS TRANSACTION_ID END HIDDEN
GO
-- refused
CREATE SERVER AUDIT a TO APPLICATION_LOG WITH (ON_FAILURE = SHUTDOWN)
GO
-- refused
CREATE BROKER PRIORITY p FOR CONVERSATION SET (PRIORITY_LEVEL = 5)
GO
-- unknown
SET NAMES utf8
GO
-- unknown
CREATE TEMPORARY TABLE t (a int)
GO
-- unknown
LOAD DATA INFILE 'x' INTO TABLE t
GO
-- unknown
EXECUTE IMMEDIATE 'SELECT 1'
GO
-- unknown
.tables
GO
-- unknown
# comment
GO
-- unknown
CREATE TABLE t (id int AUTO_INCREMENT)
GO
-- unknown
ALTER TABLE t ADD COLUMN a int
GO
-- unknown
INSERT OR REPLACE INTO t (a) VALUES (1)
GO
-- unknown
SELECT * FROM t WHERE id = {id}
GO
-- unknown
SELECT * FROM t WITH NOLOCK
GO
-- execute
EXEC mydb.dbo.sp_who
GO
-- write
INSERT dbo.who EXEC sp_who
GO
-- schema
CREATE PROCEDURE dbo.p AS BEGIN TRY BEGIN TRANSACTION; UPDATE dbo.t SET a = 1; SAVE TRANSACTION s; COMMIT; END TRY BEGIN CATCH IF @@TRANCOUNT > 0 ROLLBACK; THROW; END CATCH
GO
-- schema
CREATE OR ALTER TRIGGER dbo.tr ON dbo.t AFTER DELETE AS IF EXISTS (SELECT * FROM deleted) ROLLBACK TRANSACTION
GO
-- never
COMMIT CREATE TABLE t (a int)
GO
-- never
CREATE PROCEDURE p AS SET IMPLICIT_TRANSACTIONS ON
GO
-- never
CREATE VIEW v AS SELECT 1 AS a COMMIT
GO
