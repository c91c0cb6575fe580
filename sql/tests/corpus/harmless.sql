-- read
SELECT 1
GO
-- read
select top (10) * from dbo.Orders
GO
-- read
SELECT TOP 5 PERCENT WITH TIES name FROM sys.objects ORDER BY name
GO
-- read
;WITH c AS (SELECT 1 AS n) SELECT n FROM c
GO
-- read
WITH a AS (SELECT 1 AS n), b AS (SELECT n + 1 AS n FROM a) SELECT a.n, b.n FROM a CROSS JOIN b
GO
-- read
WITH r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 100) SELECT n FROM r OPTION (MAXRECURSION 200)
GO
-- read
(SELECT 1) UNION (SELECT 2)
GO
-- read
((SELECT 1 AS a)) EXCEPT (SELECT 2)
GO
-- read
SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 3
GO
-- read
SELECT 1 SELECT 2
GO
-- read
SELECT 1; SELECT 2;;
GO
-- read
SELECT created, is_deleted, intodate, updated_at, dropoff, executed_by, mergefield, selection FROM t
GO
-- read
SELECT 'DROP TABLE t; EXEC xp_cmdshell ''dir''' AS [drop], N'DELETE FROM t' AS "exec"
GO
-- read
SELECT [delete], [update], [insert].[into], "truncate" FROM [drop].[create]
GO
-- read
SELECT a -- DROP TABLE t
FROM t /* DELETE FROM t /* nested */ EXEC sp_who */ WHERE b = 1
GO
-- read
SELECT a AS [a]]; DROP TABLE t; --] FROM t
GO
-- read
SELECT 'it''s', 'a
b', N'日本語', 'c:\dir\', '%[_]%'
GO
-- read
SELECT @@VERSION, @@SPID, @@ROWCOUNT, @@TRANCOUNT, @@SERVERNAME, @@LANGUAGE
GO
-- read
SELECT GETDATE(), LEN('a '), CHARINDEX('b', 'abc'), ISNULL(NULL, 1), COALESCE(NULL, 2), NULLIF(1, 1), IIF(1 = 1, 'y', 'n')
GO
-- read
SELECT c.Name, COUNT(*) AS n FROM sales.Orders AS o JOIN sales.Customers AS c ON c.CustomerId = o.CustomerId WHERE o.PlacedAt >= @from GROUP BY c.Name HAVING COUNT(*) > 5 ORDER BY n DESC OFFSET 10 ROWS FETCH NEXT 50 ROWS ONLY
GO
-- read
SELECT a FROM t ORDER BY a OFFSET 0 ROWS FETCH FIRST 1 ROW ONLY
GO
-- read
SELECT a FROM t WITH (NOLOCK, INDEX(1)) INNER MERGE JOIN u WITH (READPAST) ON t.id = u.id OPTION (MERGE JOIN, MAXDOP 1, RECOMPILE)
GO
-- read
SELECT a FROM t LEFT OUTER HASH JOIN u ON 1 = 1 OPTION (HASH GROUP, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'), FORCE ORDER)
GO
-- read
SELECT a FROM t OPTION (OPTIMIZE FOR (@a = 1), QUERYTRACEON 9481, KEEP PLAN)
GO
-- read
SELECT a FROM t OPTION (USE PLAN N'<ShowPlanXML/>')
GO
-- read
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v (id, name)
GO
-- read
SELECT * FROM sys.tables AS t JOIN sys.columns AS c ON c.object_id = t.object_id WHERE t.is_ms_shipped = 0
GO
-- read
SELECT TABLE_SCHEMA, TABLE_NAME FROM INFORMATION_SCHEMA.TABLES ORDER BY 1, 2
GO
-- read
SELECT * FROM sys.dm_exec_query_stats CROSS APPLY sys.dm_exec_sql_text(sql_handle)
GO
-- read
SELECT OBJECT_DEFINITION(OBJECT_ID(N'dbo.p')), OBJECTPROPERTY(1, 'IsTable'), DB_NAME(), SUSER_SNAME(), USER_NAME()
GO
-- read
SELECT id, name FROM t FOR JSON PATH, ROOT('rows'), INCLUDE_NULL_VALUES
GO
-- read
SELECT id, name FROM t FOR XML PATH('row'), ROOT('rows'), TYPE, ELEMENTS XSINIL
GO
-- read
SELECT x.value('(/a/b)[1]', 'nvarchar(10)'), t.x.query('/a'), n.c.value('.', 'int') FROM t CROSS APPLY t.x.nodes('/a') AS n(c)
GO
-- read
SELECT * FROM OPENJSON(@j) WITH (id int '$.id', name nvarchar(50) '$.name' , raw nvarchar(max) '$.raw' AS JSON)
GO
-- read
SELECT JSON_VALUE(j, '$.a'), JSON_QUERY(j, '$.b'), ISJSON(j) FROM t
GO
-- read
SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), LAG(a, 1, 0) OVER (ORDER BY b) FROM t
GO
-- read
SELECT STRING_AGG(name, ', ') WITHIN GROUP (ORDER BY name), PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY a) OVER () FROM t
GO
-- read
SELECT * FROM (SELECT a, b FROM t) AS s PIVOT (SUM(b) FOR a IN ([x], [y])) AS p
GO
-- read
SELECT * FROM t UNPIVOT (v FOR k IN (a, b)) AS u
GO
-- read
SELECT a, SUM(b) FROM t GROUP BY GROUPING SETS ((a), ()) ORDER BY GROUPING(a)
GO
-- read
SELECT a, b, SUM(c) FROM t GROUP BY ROLLUP (a, b)
GO
-- read
SELECT * FROM t FOR SYSTEM_TIME AS OF '2024-01-01' WHERE id = 1
GO
-- read
SELECT * FROM t TABLESAMPLE (10 PERCENT) REPEATABLE (5)
GO
-- read
SELECT CASE WHEN a = 1 THEN 'x' WHEN EXISTS (SELECT 1 FROM u) THEN 'y' ELSE 'z' END FROM t
GO
-- read
SELECT CAST('2024-01-31' AS date), CONVERT(varchar(10), GETDATE(), 120), TRY_CONVERT(int, 'x'), TRY_CAST('1' AS int), PARSE('1' AS int USING 'en-US')
GO
-- read
SELECT 1e5, 1.5E-3, .5, 5., 0xFF, $12.34, -1, +1, ~1, 1 % 2, 1 & 3 | 4 ^ 5
GO
-- read
SELECT a FROM t WHERE b <> 1 AND c != 2 AND d !> 3 AND e !< 4 AND NOT (f IS NULL) AND g LIKE 'x!%' ESCAPE '!' AND h NOT IN (1, 2) AND i BETWEEN 1 AND 2
GO
-- read
SELECT a FROM t WHERE a > ALL (SELECT b FROM u) OR a = ANY (SELECT b FROM u) OR a = SOME (SELECT b FROM u)
GO
-- read
SELECT a COLLATE Latin1_General_BIN2 AS a FROM t WHERE a = 'x' COLLATE DATABASE_DEFAULT
GO
-- read
SELECT {d '2024-01-31'}, {ts '2024-01-31 10:00:00'}, {fn NOW()}
GO
-- read
SELECT geography::Point(47.6, -122.3, 4326).ToString(), hierarchyid::GetRoot()
GO
-- read
SELECT $PARTITION.pf(10), $IDENTITY FROM t
GO
-- read
SELECT * FROM otherdb.dbo.t AS t JOIN otherdb..u AS u ON u.id = t.id
GO
-- read
SELECT * FROM CONTAINSTABLE(t, *, 'a') AS k WHERE CONTAINS(t.body, 'FORMSOF(INFLECTIONAL, drop)') OR FREETEXT(t.body, 'x')
GO
-- read
SELECT AVG(a) AS [avg], STDEV(a) AS sd, COUNT_BIG(*) AS n, APPROX_COUNT_DISTINCT(b) AS d, LOG(10) AS l, CHOOSE(2, 'a', 'b') AS c FROM t
GO
-- read
SELECT GREATEST(1, 2), LEAST(1, 2), DATETRUNC(month, GETDATE()), GENERATE_SERIES.value FROM GENERATE_SERIES(1, 10)
GO
-- read
SELECT a FROM t WINDOW w AS (PARTITION BY b ORDER BY c)
GO
-- read
SELECT receive, send, throw, get, move, enable, disable, next, value FROM messages WHERE receive = 1 AND next IS NOT NULL
GO
-- read
SELECT m.receive AS receive, conversation, dialog, queue, [go] AS go FROM messages AS m
GO
-- read
EXEC sp_help 'sales.Orders'
GO
-- read
sp_helptext N'dbo.p'
GO
-- read
EXECUTE sys.sp_columns @table_name = N'Orders', @table_owner = N'sales'
GO
-- read
exec sp_tables; exec sp_pkeys 'Orders'; exec sp_who2
GO
-- read
EXEC sp_spaceused 'sales.Orders'
GO
-- read
EXEC @rc = sp_helpindex 'sales.Orders'
GO
-- read
EXEC sp_describe_first_result_set N'SELECT 1'
GO
-- session
DECLARE @from date = '2024-01-01', @n int SELECT * FROM t WHERE d >= @from
GO
-- session
DECLARE @n int; SET @n = 5; SELECT TOP (@n) * FROM t
GO
-- session
DECLARE @n int SET @n += 1 SET @n = (SELECT COUNT(*) FROM t) SELECT @n AS n
GO
-- session
SET NOCOUNT ON; SELECT 1
GO
-- session
SET NOCOUNT, ARITHABORT ON SET DATEFIRST 1 SET LANGUAGE us_english SET DATEFORMAT ymd SELECT DATEPART(weekday, GETDATE())
GO
-- session
SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; SELECT * FROM t
GO
-- session
SET STATISTICS IO, TIME ON SELECT * FROM t SET STATISTICS IO OFF
GO
-- session
SET ANSI_NULLS, QUOTED_IDENTIFIER ON SET ANSI_WARNINGS ON SELECT 1
GO
-- session
DECLARE @t TABLE (id int PRIMARY KEY, name nvarchar(10)); INSERT INTO @t VALUES (1, N'a'); UPDATE @t SET name = N'b' WHERE id = 1; DELETE FROM @t WHERE id = 2; SELECT * FROM @t
GO
-- session
CREATE TABLE #t (id int IDENTITY PRIMARY KEY, a int DEFAULT 0); INSERT #t (a) SELECT 1; SELECT * FROM #t; DROP TABLE #t
GO
-- session
SELECT a, b INTO #x FROM t; CREATE CLUSTERED INDEX ix ON #x (a); SELECT * FROM #x AS x; DROP TABLE IF EXISTS #x, #y; TRUNCATE TABLE #z
GO
-- session
INSERT TOP (5) INTO #t (a) SELECT a FROM t; DELETE TOP (1) FROM #t; UPDATE TOP (2) #t SET a = 1; SELECT #t.a, t.b FROM #t JOIN t ON t.id = #t.id WHERE #t.a > 0 ORDER BY #t.a
GO
-- session
MERGE INTO #t AS d USING t AS s ON s.id = d.id WHEN MATCHED THEN UPDATE SET a = s.a WHEN NOT MATCHED THEN INSERT (a) VALUES (s.a) WHEN NOT MATCHED BY SOURCE THEN DELETE;
GO
-- session
IF EXISTS (SELECT 1 FROM t) SELECT 'yes' AS a ELSE SELECT 'no' AS a
GO
-- session
DECLARE @i int = 0 WHILE @i < 3 BEGIN SET @i += 1 IF @i = 2 CONTINUE PRINT @i END SELECT @i AS i
GO
-- session
BEGIN TRY SELECT 1 / 0 END TRY BEGIN CATCH SELECT ERROR_NUMBER() AS n, ERROR_MESSAGE() AS m END CATCH
GO
-- session
BEGIN SELECT 1 END
GO
-- session
PRINT 'hello' RAISERROR ('careful: %d', 10, 1, 5) WITH NOWAIT SELECT 1
GO
-- session
IF 1 = 2 THROW 50000, 'no', 1; SELECT 1
GO
-- session
again: SELECT 1 IF 1 = 2 GOTO again RETURN
GO
-- session
DECLARE c CURSOR LOCAL FAST_FORWARD FOR SELECT a FROM t OPEN c DECLARE @a int FETCH NEXT FROM c INTO @a CLOSE c DEALLOCATE c
GO
-- session
WITH c AS (SELECT 1 AS a) INSERT INTO #t (a) SELECT a FROM c
GO
-- session
DECLARE @x xml = '<a/>' SET @x.modify('insert <b/> into (/a)[1]') SELECT @x
GO
-- read
SELECT Id send FROM t
GO
-- session
UPDATE p SET a = 1 FROM #pay AS p
GO
-- session
DELETE x FROM @k AS x
GO
-- session
WITH c AS (SELECT * FROM #t) DELETE FROM c
GO
-- session
ALTER TABLE #t ADD b int
GO
-- session
CREATE INDEX ix ON #t (a) UPDATE STATISTICS #t CREATE STATISTICS s ON #t (a) DROP INDEX ix ON #t DROP INDEX #t.ix DROP STATISTICS #t.s
GO
-- session
SET IDENTITY_INSERT #t ON
GO
-- session
INSERT tempdb..#t VALUES (1)
GO
-- session
DELETE TOP (5) FROM #t
GO
-- read
EXEC sp_spaceused @objname = N't', @updateusage = N'FALSE'
GO
-- read
SELECT * FROM sys.dm_exec_describe_first_result_set(N'SELECT 1 AS a', NULL, 0)
GO
-- session
SET LOCK_TIMEOUT 1000
GO
-- session
SET DEADLOCK_PRIORITY LOW SET DEADLOCK_PRIORITY -7
GO
-- read
SELECT AI_Score FROM t
GO
-- read
SELECT c.* FROM t CROSS APPLY AI_GENERATE_CHUNKS(SOURCE = t.body, CHUNK_TYPE = FIXED, CHUNK_SIZE = 100) AS c
GO
-- read
SELECT dbo.AI_Summarize(a) FROM t
GO
-- read
SELECT straße, [Größe] FROM t WHERE maß > 1
GO
-- read
SELECT $edge_id, $from_id, $to_id, $node_id FROM likes
GO
-- read
SELECT €5, £12.50, ¥1
GO
-- read
SELECT a FROM t WHERE a LIKE 'x!%' {escape '!'}
GO
-- read
SELECT shop.dbo.Orders.Id FROM shop.dbo.Orders
GO
-- read
SELECT n.c.value('.', 'int') FROM dbo.t CROSS APPLY dbo.t.x.nodes('/a') AS n(c)
GO
-- read
SELECT t.doc.value('(/a)[1]', 'int') FROM dbo.t AS t
GO
-- read
SELECT #a.Id FROM t AS #a
GO
-- read
SELECT 9E+, 9E-, 9E
GO
-- session
SET TRAN ISOLATION LEVEL SNAPSHOT SET STATISTICS XML ON SET XACT_ABORT ON SELECT 1
GO
-- read
SELECT NOW(), TRUE
GO
-- session
WITH c AS (SELECT #t.* FROM #t WHERE id IN (SELECT id FROM dbo.t)) UPDATE c SET a = 1
GO
-- session
UPDATE tempdb..#t SET a = 1
GO
-- session
CREATE INDEX i ON #t (a) WITH FILLFACTOR = 80
GO
-- session
CREATE UNIQUE CLUSTERED INDEX i ON #t (a) WITH PAD_INDEX, FILLFACTOR = 80, IGNORE_DUP_KEY
GO
-- session
CREATE INDEX i ON #t (a) WITH DROP_EXISTING
GO
-- session
CREATE TABLE #w (a int) INSERT INTO #w EXEC sp_who2
GO
-- session
DECLARE @t TABLE (a int) INSERT @t EXEC sys.sp_columns 't'
GO
-- session
DECLARE c CURSOR FOR SELECT a FROM #t FOR UPDATE
GO
-- session
SET @c = CURSOR FOR SELECT a FROM #t FOR UPDATE OF a
GO
-- session
DELETE FROM dbo.#t
GO
-- session
CREATE TABLE dbo.#t (a int)
GO
-- session
SET IDENTITY_INSERT dbo.#t ON
GO
-- session
DELETE x FROM (#t AS x CROSS JOIN dbo.u AS y)
GO
-- session
DELETE x FROM #t (TABLOCK) AS x
GO
-- session
WITH c AS (SELECT a FROM #t CROSS JOIN (VALUES (1)) AS v(z)) DELETE c
GO
-- session
SET DATEFIRST 1, DATEFORMAT ymd
GO
-- session
UPDATE STATISTICS #t WITH ROWCOUNT = 5, PAGECOUNT = 5
GO
-- session
IF 1 = 1 x: SELECT 1
GO
-- session
SET FMTONLY OFF
GO
-- session
SET NOEXEC OFF
GO
-- session
SET FORCEPLAN OFF
GO
-- read
; sp_help
GO
-- read
SELECT d.*, p.s FROM PREDICT(MODEL = (SELECT model FROM dbo.models WHERE id = 1), DATA = dbo.t AS d) WITH (s float) AS p
GO
-- session
SET IMPLICIT_TRANSACTIONS OFF
GO
-- session
UPDATE #a SET x = 1 FROM #a JOIN dbo.t AS b ON b.id = #a.id
GO
-- session
UPDATE #a SET x = 1 FROM #b AS #a JOIN dbo.t AS t ON 1 = 1
GO
-- read
SELECT c.precision, s.load, d.disk, t.dump, t.within FROM sys.columns AS c, s, d, t WHERE precision > 1
GO
-- read
SELECT Adı, İl, ＩＤ, ﾌﾗｸﾞ, ชื่อ FROM dbo.Müşteri
GO
-- session
CREATE TABLE #who (spid int) INSERT #who EXEC sp_who
GO
-- read
EXEC master.dbo.sp_who2
GO
-- session
EXEC sp_xml_preparedocument @h OUTPUT, @d
GO
-- session
DECLARE @@ver int = 1 SELECT @@ver
GO
-- read
SELECT %%physloc%% FROM dbo.t
GO
-- session
SET NOEXEC OFF SET PARSEONLY OFF SET SHOWPLAN_XML OFF SET FMTONLY OFF
GO
-- read
SELECT * FROM dbo.t HOLDLOCK
GO
-- session
DROP TABLE dbo.#t
GO
