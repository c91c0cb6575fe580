CREATE PROCEDURE sales.OrderSummary @CustomerId int, @Count int OUTPUT AS
BEGIN
  SET NOCOUNT ON;
  SELECT o.Status, COUNT(*) AS Orders, SUM(o.Quantity) AS Quantity
  FROM sales.Orders AS o JOIN sales.Accounts AS a ON a.AccountId = o.AccountId
  WHERE a.CustomerId = @CustomerId GROUP BY o.Status ORDER BY o.Status;
  SELECT @Count = COUNT(*) FROM sales.Orders AS o JOIN sales.Accounts AS a ON a.AccountId = o.AccountId WHERE a.CustomerId = @CustomerId;
END
