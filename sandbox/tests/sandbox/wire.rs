//! The wire: what is negotiated, several requests in one message, and messages
//! that are not understood.

use crate::client::{Ask, Client, TDS_7_4, executesql, sandbox, text_param};
use crate::tokens::{Item, items};

/// Runs a client where it may block.
async fn talk(f: impl FnOnce(std::net::SocketAddr) + Send + 'static) {
    let sandbox = sandbox().await;
    let at = sandbox.address();
    tokio::task::spawn_blocking(move || f(at)).await.expect("the talk");
}

fn unsupported(items: &[Item]) -> bool {
    items.iter().any(|i| matches!(i, Item::Error(e) if e.number == 49_999))
}

fn rows(items: &[Item]) -> Vec<&str> {
    items
        .iter()
        .filter_map(|i| if let Item::Rows(_, r) = i { Some(r) } else { None })
        .flatten()
        .map(String::as_str)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_rpcs_in_one_message_run_in_order() {
    talk(|at| {
        let mut c = Client::open(at, TDS_7_4);
        for flag in [0xFF, 0x80] {
            let parts = ["SELECT 1", "SELECT Nope FROM dbo.Employees", "SELECT 1 / 0", "SELECT 2"]
                .map(executesql);
            let got = c.ask(3, &parts.join(&flag));
            assert_eq!(rows(&got), ["1", "2"], "{got:?}");
            let errors: Vec<u32> = got
                .iter()
                .filter_map(|i| if let Item::Error(e) = i { Some(e.number) } else { None })
                .collect();
            assert_eq!(errors, [207, 8134]);
            // One DONEPROC each; all but the last say that more follows, and those
            // that failed say so.
            let done: Vec<u16> = got
                .iter()
                .filter_map(|i| if let Item::Done(0xFE, s, _) = i { Some(*s) } else { None })
                .collect();
            assert_eq!(done, [1, 3, 1, 0], "{got:?}");
        }
        // A flag behind the last one ends the message.
        let got = c.ask(3, &[executesql("SELECT 5"), vec![0xFF]].concat());
        assert_eq!(rows(&got), ["5"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_not_understood_is_answered_49999_on_a_connection_that_stays() {
    talk(|at| {
        let mut c = Client::open(at, TDS_7_4);
        let batch: Vec<u8> = "SELECT 1".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut table_valued = executesql("SELECT 1");
        table_valued.extend([0, 0, 0xF3, 0, 0, 0, 0xFF, 0xFF, 0]);
        let strange: [(&str, u8, Vec<u8>); 12] = [
            ("bulk load", 7, vec![0x81, 0, 0]),
            ("federated authentication", 8, vec![1, 2, 3]),
            ("SSPI", 17, vec![1]),
            ("LOGIN7 again", 16, vec![0; 94]),
            ("an unknown kind", 99, vec![1, 2, 3]),
            ("an RPC by an unknown number", 3, vec![0xFF, 0xFF, 99, 0, 0, 0]),
            ("a cursor", 3, [vec![0xFF, 0xFF, 2, 0, 0, 0], text_param("x")].concat()),
            ("a table-valued parameter", 3, table_valued),
            ("an RPC that ends too early", 3, vec![0xFF, 0xFF, 10, 0, 0, 0, 0, 0, 0xE7]),
            (
                "an RPC that is not to run",
                3,
                [executesql("SELECT 1"), vec![0xFE], executesql("SELECT 2")].concat(),
            ),
            ("a distributed transaction", 14, vec![1, 0, 0, 0]),
            ("a savepoint", 14, vec![9, 0, 0]),
        ];
        for (what, kind, body) in strange {
            let got = c.ask(kind, &body);
            assert!(unsupported(&got), "{what}: {got:?}");
            assert!(
                matches!(got.last(), Some(Item::Done(_, s, _)) if s & 2 == 2),
                "{what}: {got:?}"
            );
            assert!(rows(&got).is_empty(), "{what}: {got:?}");
            assert_eq!(rows(&c.batch("SELECT 42")), ["42"], "{what}");
        }
        // Headers that are longer than the message.
        c.send(1, &[&[0xFF, 0, 0, 0][..], &batch].concat());
        assert!(unsupported(&items(&c.receive().expect("an answer"))));
        assert_eq!(rows(&c.batch("SELECT 42")), ["42"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_that_are_not_spoken_are_refused_in_their_own_words() {
    talk(|at| {
        for version in [0x7000_0000, 0x7100_0000, 0x7100_0001, 0x7209_0002, 0x0900_0000] {
            let mut c = Client::open(at, Ask { version, ..TDS_7_4 });
            let mut greeting = std::mem::take(&mut c.greeting);
            if version >> 24 < 0x72 {
                // To TDS 7.4: a line of four bytes and a count of eight.
                assert_eq!(greeting[0], 0xAA);
                let n = usize::from(u16::from_le_bytes([greeting[1], greeting[2]]));
                greeting[1..3].copy_from_slice(&(n as u16 + 2).to_le_bytes());
                greeting.splice(3 + n..3 + n, [0, 0]);
                assert_eq!(greeting.len(), 5 + n + 9, "DONE of TDS 7.1 has nine bytes");
                greeting.extend([0; 4]);
            }
            let got = items(&greeting);
            assert!(unsupported(&got), "{version:x}: {got:?}");
            assert_eq!(c.receive(), None, "the connection ends");
        }
        for version in [0x730A_0003, 0x730B_0003, 0x7400_0004] {
            let mut c = Client::open(at, Ask { version, ..TDS_7_4 });
            assert_eq!(rows(&c.batch("SELECT CAST('2024-01-02' AS date)")), ["2024-01-02"]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_have_the_size_that_was_asked_for() {
    talk(|at| {
        for (asked, packet_size) in
            [(0, 4096), (100, 512), (4096, 4096), (8000, 8000), (16_384, 16_384), (32_767, 32_767)]
        {
            let mut c = Client::open(at, Ask { packet_size: asked, ..TDS_7_4 });
            c.longest = 0;
            let got = c.batch("SELECT REPLICATE(CAST('a' AS varchar(max)), 100000)");
            assert_eq!(rows(&got)[0].len(), 100_002, "with its quotes");
            assert_eq!(c.longest, packet_size);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_statement_leaves_the_callers_transaction_or_ends_it_as_the_server_does() {
    talk(|at| {
        let mut c = Client::open(at, TDS_7_4);
        let failing = [
            // What could not be compiled, and what is missing: the batch ends,
            // the transaction does not.
            ("SELECT Nope FROM dbo.Employees", 207, true),
            ("SELECT * FROM dbo.Nope", 208, true),
            ("SELECT SOUNDEX(1)", 49_999, true),
            ("EXEC sp_lock", 49_999, true),
            ("SELECT CAST('-' AS int)", 49_999, true),
            ("SELECT FROM", 156, true),
            ("SELECT @nope", 137, true),
            // A statement that fails ends itself.
            ("SELECT 1 / 0", 8134, true),
            ("EXEC dbo.NoSuchProcedure", 2812, true),
            ("SELECT CAST('2024-02-30' AS datetime)", 242, true),
            // A conversion that fails ends the batch and its transaction.
            ("SELECT CAST('x' AS int)", 245, false),
            ("SELECT CAST('x' AS date)", 241, false),
            ("SELECT CAST('x' AS float)", 8114, false),
        ];
        for (sql, number, stays) in failing {
            for rpc in [false, true] {
                c.batch("BEGIN TRAN; UPDATE dbo.Employees SET Title = N'meanwhile' WHERE EmployeeId = 1");
                let got = if rpc { c.ask(3, &executesql(sql)) } else { c.batch(sql) };
                assert!(got.iter().any(|i| matches!(i, Item::Error(e) if e.number == number)), "{sql}: {got:?}");
                // Clients count transactions by what ENVCHANGE tells them: 10 is a rollback.
                assert_eq!(got.contains(&Item::Env(10)), !stays, "{sql}: {got:?}");
                let left = c.batch("SELECT @@TRANCOUNT, CASE WHEN Title = N'meanwhile' THEN 1 ELSE 0 END FROM dbo.Employees WHERE EmployeeId = 1");
                assert_eq!(rows(&left), [if stays { "1, 1" } else { "0, 0" }], "{sql}, {rpc}");
                c.batch("IF @@TRANCOUNT > 0 ROLLBACK");
            }
        }
        // With XACT_ABORT a statement's failure ends the transaction too, and what is missing does;
        // compile errors do not.
        for (sql, stays) in [("SELECT 1 / 0", false), ("SELECT SOUNDEX(1)", false), ("SELECT * FROM dbo.Nope", true)] {
            c.batch("SET XACT_ABORT ON; BEGIN TRAN");
            c.batch(sql);
            assert_eq!(rows(&c.batch("SELECT @@TRANCOUNT")), [if stays { "1" } else { "0" }], "{sql}");
            c.batch("IF @@TRANCOUNT > 0 ROLLBACK");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_cannot_be_committed_ends_with_its_batch() {
    talk(|at| {
        let mut c = Client::open(at, TDS_7_4);
        let sql = "SET XACT_ABORT ON; BEGIN TRY BEGIN TRAN; DECLARE @n int = 1 / 0 END TRY \
                   BEGIN CATCH SELECT XACT_STATE() END CATCH";
        for rpc in [false, true] {
            let got = if rpc { c.ask(3, &executesql(sql)) } else { c.batch(sql) };
            assert_eq!(rows(&got), ["-1"], "{got:?}");
            assert!(got.iter().any(|i| matches!(i, Item::Error(e) if e.number == 3998)), "{got:?}");
            // Clients count transactions by what ENVCHANGE tells them.
            assert!(got.contains(&Item::Env(10)), "{got:?}");
            let last = if rpc { 0xFE } else { 0xFD };
            assert!(
                matches!(got.last(), Some(Item::Done(t, s, _)) if *t == last && s & 2 == 2),
                "{got:?}"
            );
            assert_eq!(rows(&c.batch("SELECT @@TRANCOUNT, XACT_STATE()")), ["0, 0"]);
        }
    })
    .await;
}
