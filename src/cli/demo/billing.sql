CREATE TABLE dbo.Invoices (InvoiceId int NOT NULL PRIMARY KEY, CustomerId int NOT NULL, Issued date NOT NULL, Amount decimal(12,2) NOT NULL, Paid bit NOT NULL);
INSERT INTO dbo.Invoices VALUES (1001, 7, '2024-01-31', 120.00, 1), (1002, 12, '2024-01-31', 75.50, 0), (1003, 7, '2024-02-29', 120.00, 0), (1004, 31, '2024-02-29', 1250.00, 1), (1005, 12, '2024-03-31', 75.50, 0), (1006, 7, '2024-03-31', 132.25, 0);
EXEC sp_addextendedproperty N'MS_Description', N'What customers owe for our services.', N'SCHEMA', N'dbo', N'TABLE', N'Invoices';
