CREATE SCHEMA market;
CREATE SCHEMA sales;
CREATE TABLE market.Exchanges (
  ExchangeId int NOT NULL CONSTRAINT PK_Exchanges PRIMARY KEY,
  Code char(4) NOT NULL CONSTRAINT UQ_Exchanges_Code UNIQUE,
  Name nvarchar(80) NOT NULL,
  Country nchar(2) NOT NULL,
  OpensAt time(0) NOT NULL,
  ClosesAt time(0) NOT NULL);
CREATE TABLE market.Instruments (
  InstrumentId int IDENTITY(1,1) NOT NULL CONSTRAINT PK_Instruments PRIMARY KEY,
  Symbol varchar(12) NOT NULL CONSTRAINT UQ_Instruments_Symbol UNIQUE,
  Name nvarchar(100) NOT NULL,
  ExchangeId int NOT NULL CONSTRAINT FK_Instruments_Exchanges REFERENCES market.Exchanges (ExchangeId),
  Kind varchar(10) NOT NULL CONSTRAINT CK_Instruments_Kind CHECK (Kind IN ('Stock', 'ETF', 'Bond')),
  LotSize int NOT NULL CONSTRAINT DF_Instruments_LotSize DEFAULT 1,
  ListedOn date NULL,
  Isin char(12) NULL,
  Active bit NOT NULL CONSTRAINT DF_Instruments_Active DEFAULT 1);
CREATE TABLE market.Prices (
  InstrumentId int NOT NULL CONSTRAINT FK_Prices_Instruments REFERENCES market.Instruments (InstrumentId),
  PriceDate date NOT NULL,
  OpenPrice decimal(12,4) NOT NULL,
  HighPrice decimal(12,4) NOT NULL,
  LowPrice decimal(12,4) NOT NULL,
  ClosePrice decimal(12,4) NOT NULL,
  Volume bigint NOT NULL,
  CONSTRAINT PK_Prices PRIMARY KEY (InstrumentId, PriceDate));
CREATE TABLE sales.Customers (
  CustomerId int IDENTITY(1,1) NOT NULL CONSTRAINT PK_Customers PRIMARY KEY,
  Name nvarchar(120) NOT NULL,
  Country nchar(2) NOT NULL,
  Email varchar(200) NULL,
  CreditLimit money NOT NULL CONSTRAINT DF_Customers_CreditLimit DEFAULT 0,
  Rating real NULL,
  JoinedOn date NOT NULL,
  Notes nvarchar(max) NULL,
  RowGuid uniqueidentifier NOT NULL CONSTRAINT DF_Customers_RowGuid DEFAULT NEWID());
CREATE TABLE sales.Accounts (
  AccountId int IDENTITY(1000,1) NOT NULL CONSTRAINT PK_Accounts PRIMARY KEY,
  CustomerId int NOT NULL CONSTRAINT FK_Accounts_Customers REFERENCES sales.Customers (CustomerId),
  Currency char(3) NOT NULL,
  Balance money NOT NULL,
  OpenedAt datetime2(3) NOT NULL,
  ClosedAt datetime2(3) NULL);
CREATE TABLE sales.Orders (
  OrderId int IDENTITY(1,1) NOT NULL CONSTRAINT PK_Orders PRIMARY KEY,
  AccountId int NOT NULL CONSTRAINT FK_Orders_Accounts REFERENCES sales.Accounts (AccountId),
  InstrumentId int NOT NULL CONSTRAINT FK_Orders_Instruments REFERENCES market.Instruments (InstrumentId),
  Side char(1) NOT NULL CONSTRAINT CK_Orders_Side CHECK (Side IN ('B', 'S')),
  Quantity int NOT NULL CONSTRAINT CK_Orders_Quantity CHECK (Quantity > 0),
  LimitPrice decimal(12,4) NULL,
  Status varchar(12) NOT NULL CONSTRAINT DF_Orders_Status DEFAULT 'Open',
  PlacedAt datetime2(3) NOT NULL CONSTRAINT DF_Orders_PlacedAt DEFAULT SYSUTCDATETIME(),
  UpdatedAt datetimeoffset(0) NULL,
  Notional AS (Quantity * LimitPrice));
CREATE TABLE sales.Trades (
  TradeId bigint IDENTITY(5000000000,1) NOT NULL CONSTRAINT PK_Trades PRIMARY KEY,
  OrderId int NOT NULL CONSTRAINT FK_Trades_Orders REFERENCES sales.Orders (OrderId) ON DELETE CASCADE,
  Quantity int NOT NULL,
  Price decimal(12,4) NOT NULL,
  Fee smallmoney NOT NULL,
  ExecutedAt datetime2(7) NOT NULL);
CREATE TABLE dbo.Employees (
  EmployeeId int NOT NULL CONSTRAINT PK_Employees PRIMARY KEY,
  ManagerId int NULL CONSTRAINT FK_Employees_Manager REFERENCES dbo.Employees (EmployeeId),
  Name nvarchar(80) NOT NULL,
  Title nvarchar(60) NOT NULL,
  Salary decimal(10,2) NOT NULL,
  HiredOn date NOT NULL,
  Badge varbinary(16) NULL);
CREATE TABLE dbo.[Notes.Archive] (
  [Note Id] int NOT NULL,
  [Note Text] nvarchar(200) NULL,
  [Created.At] datetime NULL);
CREATE TABLE dbo.AllTypes (
  Id int NOT NULL CONSTRAINT PK_AllTypes PRIMARY KEY,
  ABit bit NULL, ATinyInt tinyint NULL, ASmallInt smallint NULL, AnInt int NULL, ABigInt bigint NULL,
  ADecimal decimal(38,10) NULL, ANumeric numeric(9,2) NULL, AMoney money NULL, ASmallMoney smallmoney NULL,
  AReal real NULL, AFloat float NULL,
  AChar char(5) NULL, AVarChar varchar(50) NULL, AVarCharMax varchar(max) NULL,
  ANChar nchar(5) NULL, ANVarChar nvarchar(50) NULL, ANVarCharMax nvarchar(max) NULL,
  ABinary binary(4) NULL, AVarBinary varbinary(50) NULL, AVarBinaryMax varbinary(max) NULL,
  ADate date NULL, ATime time(7) NULL, ASmallDateTime smalldatetime NULL, ADateTime datetime NULL, ADateTime2 datetime2(7) NULL, ADateTimeOffset datetimeoffset(7) NULL,
  AGuid uniqueidentifier NULL, AnXml xml NULL);
CREATE INDEX IX_Orders_Account ON sales.Orders (AccountId, PlacedAt DESC);
CREATE INDEX IX_Orders_Instrument ON sales.Orders (InstrumentId);
CREATE INDEX IX_Trades_Order ON sales.Trades (OrderId);
CREATE UNIQUE INDEX UX_Customers_Email_Name ON sales.Customers (Name, Country);
CREATE VIEW sales.OpenOrders AS
  SELECT o.OrderId, c.Name AS Customer, i.Symbol, o.Side, o.Quantity, o.LimitPrice, o.PlacedAt
  FROM sales.Orders AS o
  JOIN sales.Accounts AS a ON a.AccountId = o.AccountId
  JOIN sales.Customers AS c ON c.CustomerId = a.CustomerId
  JOIN market.Instruments AS i ON i.InstrumentId = o.InstrumentId
  WHERE o.Status = 'Open';
CREATE VIEW market.LatestPrices AS
  SELECT i.Symbol, p.PriceDate, p.ClosePrice
  FROM market.Prices AS p
  JOIN market.Instruments AS i ON i.InstrumentId = p.InstrumentId
  WHERE p.PriceDate = (SELECT MAX(q.PriceDate) FROM market.Prices AS q WHERE q.InstrumentId = p.InstrumentId);
INSERT INTO market.Exchanges VALUES
  (1, 'XNYS', N'New York Stock Exchange', N'US', '09:30', '16:00'), (2, 'XLON', N'London Stock Exchange', N'GB', '08:00', '16:30'),
  (3, 'XSWX', N'SIX Swiss Exchange Zürich', N'CH', '09:00', '17:30'), (4, 'XTKS', N'東京証券取引所', N'JP', '09:00', '15:30'),
  (5, 'XWAR', N'Giełda Papierów Wartościowych', N'PL', '09:00', '17:05');
INSERT INTO dbo.Employees VALUES
  (1, NULL, N'Ada Lovelace', N'Chief Executive', 250000.00, '2015-01-05', 0xCAFE01), (2, 1, N'Grace Hopper', N'Head of Trading', 180000.50, '2016-03-14', NULL),
  (3, 1, N'Jürgen Müller', N'Head of Risk', 175000.00, '2016-07-01', NULL), (4, 2, N'Siobhán O''Brien', N'Trader', 98000.00, '2018-09-17', 0x00FF),
  (5, 2, N'山田 太郎', N'Trader', 97500.25, '2019-02-28', NULL), (6, 3, N'Zoë Łukasik', N'Analyst', 82000.00, '2020-02-29', NULL),
  (7, 4, N'Bjørn Åse', N'Junior Trader', 61000.00, '2022-11-01', NULL), (8, 4, N'Álvaro Núñez', N'Junior Trader', 60500.00, '2023-05-02', NULL);
INSERT INTO dbo.[Notes.Archive] VALUES (1, N'A dot in a name is no separator.', '2024-01-31 23:59:59.997'), (2, NULL, NULL);
INSERT INTO dbo.AllTypes VALUES
  (1, 1, 255, 32767, 2147483647, 9223372036854775807, 1234567890123456789012345678.0123456789, 1234567.89, 922337203685477.5807, 214748.3647, 3.5, 2.718281828459045,
   'abc', 'naïve café', 'long', N'日本', N'Zürich 😀', N'長い', 0x01020304, 0xDEADBEEF, 0x00, '9999-12-31', '23:59:59.9999999', '2079-06-06 23:59', '9999-12-31 23:59:59.997',
   '9999-12-31 23:59:59.9999999', '2024-02-29 12:34:56.7890123 +05:30', '6F9619FF-8B86-D011-B42D-00C04FC964FF', N'<root a="1">é</root>'),
  (2, 0, 0, -32768, -2147483648, -9223372036854775808, -0.0000000001, -0.01, -922337203685477.5808, -214748.3648, -0.5, -1e300,
   '', '', '', N'', N'', N'', 0x00000000, 0x, 0x, '0001-01-01', '00:00:00', '1900-01-01 00:00', '1753-01-01', '0001-01-01', '0001-01-01 00:00:00 +00:00',
   '00000000-0000-0000-0000-000000000000', N'<a/>'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
