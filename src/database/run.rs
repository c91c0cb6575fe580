//! Runs a caller's text on a leased connection: once for what only reads (twice where the
//! connection was dead), and in a transaction of ours for a change that was confirmed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mssql_mcp_session::Cancelled;
use mssql_mcp_spool::Kept;
use serde_json::Value;

use super::lease::Lease;
use super::notices::Notices;
use super::observe::Round;
use super::read::bounded;
use super::rows::Truncated;
use super::{Database, DbError, Limits, transient};

pub(crate) use super::fetch::Rows;
pub(crate) use super::wrapper::{Param, ParamValue};

/// A caller's text with what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    pub(crate) sql: &'a str,
    /// Bound to its parameters.
    pub(crate) params: &'a [Param],
    /// It may leave something behind in its session, which is then reset.
    pub(crate) keeps_state: bool,
    /// It has a SELECT … INTO, whose end looks like that of any SELECT.
    pub(crate) selects_into: bool,
}

impl<'a> From<&'a str> for Batch<'a> {
    fn from(sql: &'a str) -> Self {
        Self { sql, params: &[], keeps_state: false, selects_into: false }
    }
}

/// How a caller's text runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Rolled back whatever happens, and cut short at the limits.
    Read,
    /// Rolled back whatever happens, but read to its end: what it would change is counted.
    Preview,
    /// Committed when it succeeds; read to its end even beyond the limits, so that what it changes
    /// is not lost to them.
    Change,
    /// Inside a transaction that [`Database::run_if`] opened, and ends itself.
    Inner,
}

impl Mode {
    fn operation(self) -> &'static str {
        match self {
            Mode::Read => "read",
            Mode::Preview => "preview",
            Mode::Change => "change",
            Mode::Inner => "confirmed change",
        }
    }
}

/// What a text gave.
#[derive(Debug)]
pub struct BatchAnswer {
    /// The result sets, as a JSON array.
    pub results: mssql_mcp_transports::Segments,
    /// Rows of all result sets together.
    pub rows: u64,
    /// Rows that each changing statement changed.
    pub rows_affected: Vec<u64>,
    pub(crate) messages: Vec<String>,
    /// Whether the transaction was committed.
    pub committed: bool,
    /// Why something was left out, and the limit that was reached.
    pub truncated: Option<(Truncated, Option<u64>)>,
    /// A value was cut.
    pub(crate) cut: bool,
    /// The rows as CSV, where that is wanted.
    pub(crate) csv: Option<String>,
    /// Of each result set, its rows and columns.
    pub(crate) shapes: Vec<(u64, usize)>,
    /// All rows, where they are more than these.
    pub(crate) kept: Option<Arc<Kept>>,
    /// Values in it that were cut.
    pub(crate) kept_cut: u64,
}

/// What became of a change that was to have a certain effect.
#[derive(Debug)]
pub enum Applied {
    /// It had that effect, and is committed.
    Committed(BatchAnswer),
    /// It would have had another effect, and was rolled back.
    Differs(Vec<u64>),
}

/// A failed text: the error, and what was said beside it.
#[derive(Debug)]
pub struct Failure {
    /// The first error of the text.
    pub error: DbError,
    /// Messages and later errors.
    pub(crate) said: Notices,
    /// The text had ended its transaction itself: what it committed before it failed stays.
    pub(crate) ended: bool,
    /// What became of the request, where the deadline or its caller ended it.
    pub(crate) stopped: Cancelled,
    /// Our COMMIT was not sent, so that nothing was committed but by the text itself.
    pub(crate) uncommitted: bool,
}

impl Database {
    /// Runs a caller's text. Where the connection was lost, it is sent once more over another: if no
    /// server can have begun with it, or it only reads and nothing of its answer has come. What only
    /// reads is tried again after an error that passes, too, if nothing was told of it.
    pub async fn run(
        &self,
        batch: Batch<'_>,
        mode: Mode,
        limits: &Limits,
    ) -> Result<BatchAnswer, Failure> {
        let (mut tries, mut attempt) = (2, 0);
        loop {
            tries -= 1;
            let mut lease = self.lease_within(limits).await?;
            let round = Round::begin(self, mode.operation(), Some(batch.sql));
            let limits = &Limits { trace: round.trace(limits.trace), ..limits.clone() };
            let mut said = Notices::default();
            let work = self.run_once(&mut lease, batch, mode, limits, &mut said);
            let result = round.run(work, judged).await;
            if batch.keeps_state
                && let Ok(c) = lease.connection()
            {
                c.unclean = true;
            }
            match result {
                Ok(a) => {
                    if a.committed {
                        self.doubt_after(batch.sql);
                    }
                    return Ok(BatchAnswer { messages: said.into_messages(), ..a });
                }
                Err(DbError::Lost(reason)) if tries > 0 && may_go_again(&mut lease, mode) => {
                    tracing::debug!(target: "mssql_mcp::database", reason, "a pooled connection \
                        was dead; trying another");
                    self.judge_pool(&DbError::Lost(reason));
                }
                Err(error)
                    if mode == Mode::Read
                        && said.messages.is_empty()
                        && !said.ended
                        && passes(&error, attempt, limits) =>
                {
                    self.judge_pool(&error);
                    // Others may have the connection meanwhile.
                    drop(lease);
                    pause(attempt, limits).await.map_err(silent)?;
                    (attempt, tries) = (attempt + 1, tries + 1);
                }
                Err(error) => {
                    self.judge_pool(&error);
                    self.doubt_by(&error);
                    let failure = failed(error, said, &mut lease).await;
                    return Err(Failure { uncommitted: mode != Mode::Change, ..failure });
                }
            }
        }
    }

    /// Runs a change and commits it only if it changes as many rows as were `expected`, statement
    /// by statement. Three round trips: the counts are known only when all was read, and the
    /// commit waits for them.
    pub async fn run_if(
        &self,
        batch: Batch<'_>,
        expected: &[u64],
        limits: &Limits,
    ) -> Result<Applied, Failure> {
        let mut lease = self.lease_within(limits).await?;
        self.command(&mut lease, "BEGIN TRANSACTION", limits).await?;
        let round = Round::begin(self, Mode::Inner.operation(), Some(batch.sql));
        let limits = &Limits { trace: round.trace(limits.trace), ..limits.clone() };
        let mut said = Notices::default();
        let work = self.run_once(&mut lease, batch, Mode::Inner, limits, &mut said);
        let answer = match round.run(work, judged).await {
            Ok(answer) => answer,
            Err(error) => return Err(failed(error, said, &mut lease).await),
        };
        if answer.rows_affected != expected {
            self.command(&mut lease, "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION", limits).await?;
            self.over(&mut lease, batch);
            return Ok(Applied::Differs(answer.rows_affected));
        }
        let commit = "IF @@TRANCOUNT = 0 THROW 50000, N'The transaction has ended before its \
                      commit.', 1; COMMIT TRANSACTION";
        // Cancelled in its commit, even an acknowledgement does not say which came first.
        self.command(&mut lease, commit, limits).await.map_err(|f| Failure {
            stopped: Cancelled::Unknown,
            uncommitted: false,
            ..f
        })?;
        self.over(&mut lease, batch);
        self.doubt_after(batch.sql);
        let messages = said.into_messages();
        Ok(Applied::Committed(BatchAnswer { messages, committed: true, ..answer }))
    }

    /// Runs a change between two runs of counting texts of ours, in one transaction that is rolled
    /// back: what each of them gave before and after.
    pub(crate) async fn counted_around(
        &self,
        batch: Batch<'_>,
        counting: &[String],
        limits: &Limits,
    ) -> Result<Vec<(i64, i64)>, Failure> {
        let mut lease = self.lease_within(limits).await?;
        self.command(&mut lease, "BEGIN TRANSACTION", limits).await?;
        let mut counted = [Vec::new(), Vec::new()];
        for (n, into) in counted.iter_mut().enumerate() {
            if n == 1 {
                let mut said = Notices::default();
                let once = self.run_once(&mut lease, batch, Mode::Inner, limits, &mut said).await;
                if let Err(error) = once {
                    return Err(failed(error, said, &mut lease).await);
                }
            }
            for sql in counting {
                let sets =
                    Box::pin(self.fetch_on(&mut lease, sql, &[], limits)).await.map_err(silent)?;
                let count = sets
                    .first()
                    .and_then(|s| s.first())
                    .and_then(|r| r.first())
                    .map(Value::to_string);
                let count = count.and_then(|c| c.trim_matches('"').parse().ok());
                into.push(
                    count.ok_or_else(|| silent(DbError::Driver("a count is missing".into())))?,
                );
            }
        }
        self.command(&mut lease, "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION", limits).await?;
        self.over(&mut lease, batch);
        let [before, after] = counted;
        Ok(before.into_iter().zip(after).collect())
    }

    async fn lease_within(&self, limits: &Limits) -> Result<Lease, Failure> {
        bounded(self.lease(limits), limits.deadline, &limits.cancel)
            .await
            .and_then(|l| l)
            .map_err(silent)
    }

    /// A text of ours that begins or ends a transaction. Until it is over, the session is not clean.
    async fn command(&self, lease: &mut Lease, sql: &str, limits: &Limits) -> Result<(), Failure> {
        let connection = lease.connection().map_err(silent)?;
        connection.unclean = true;
        let work = Box::pin(connection.say(sql));
        match bounded(work, limits.deadline, &limits.cancel).await.and_then(|r| r) {
            Ok(()) => Ok(()),
            Err(e) => Err(failed(e, Notices::default(), lease).await),
        }
    }

    /// The transaction has ended, as we wanted it to.
    fn over(&self, lease: &mut Lease, batch: Batch<'_>) {
        if let Ok(connection) = lease.connection() {
            connection.unclean = batch.keeps_state;
        }
    }
}

/// Whether a read that failed is worth another attempt, and there is time for one.
pub(super) fn passes(error: &DbError, attempt: u32, limits: &Limits) -> bool {
    let DbError::Sql(e) = error else { return false };
    let until = |d: Instant| d.saturating_duration_since(Instant::now());
    let left = limits.deadline.map_or(Duration::MAX, until);
    let again = transient::of_a_read(e.number)
        && attempt + 1 < transient::READS
        && transient::pause(attempt) < left;
    if again {
        tracing::debug!(target: "mssql_mcp::database", number = e.number, "an error that passes; \
            trying again");
    }
    again
}

/// Waits before another attempt.
pub(super) async fn pause(attempt: u32, limits: &Limits) -> Result<(), DbError> {
    let sleep = tokio::time::sleep(transient::pause(attempt));
    bounded(sleep, limits.deadline, &limits.cancel).await
}

/// Whether a request whose connection was lost may be sent again.
pub(super) fn may_go_again(lease: &mut Lease, mode: Mode) -> bool {
    let progress = lease.connection().map(|c| c.session.progress());
    progress.is_ok_and(|p| !p.sent || (mode == Mode::Read && !p.answered))
}

/// Ends on the server what a deadline or a caller has ended here, before anybody is told of it.
async fn stop(error: &DbError, lease: &mut Lease) -> Cancelled {
    match error {
        DbError::Timeout | DbError::Cancelled => lease.cancel().await,
        // No server begins with a request whose last packet it has not.
        DbError::Lost(_) | DbError::Driver(_) => {
            match lease.connection().map(|c| c.session.progress().sent) {
                Ok(false) => Cancelled::Unsent,
                _ => Cancelled::Nothing,
            }
        }
        _ => Cancelled::Nothing,
    }
}

/// A failure of what was sent, with what became of it.
async fn failed(error: DbError, said: Notices, lease: &mut Lease) -> Failure {
    let stopped = stop(&error, lease).await;
    Failure { ended: said.ended, said, stopped, ..silent(error) }
}

/// What a round trip tells its span.
fn judged(result: &Result<BatchAnswer, DbError>) -> Result<u64, &DbError> {
    result.as_ref().map(|a| a.rows)
}

fn silent(error: DbError) -> Failure {
    let said = Notices::default();
    Failure { error, said, ended: false, stopped: Cancelled::Nothing, uncommitted: true }
}

#[cfg(all(test, feature = "sandbox"))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Notify;

    use mssql_mcp_sandbox::{DATABASE, Options, PASSWORD, Sandbox, USER};

    use super::*;
    use crate::config::settings::{database, log, pool};
    use crate::config::{Config, Inputs};
    use crate::database::Settings;

    /// A sandbox, and a pool of one connection to it.
    async fn lab() -> (Sandbox, Database) {
        let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
        let db = pool_of(&sandbox, sandbox.address().port());
        (sandbox, db)
    }

    fn pool_of(sandbox: &Sandbox, port: u16) -> Database {
        crate::telemetry::init("error", log::Format::Text);
        let fixed = vec![
            database::HOST.fixed("127.0.0.1"),
            database::PORT.fixed(port.to_string()),
            database::USER.fixed(USER),
            database::PASSWORD.fixed(PASSWORD),
            database::NAME.fixed(DATABASE),
            pool::MAX_SIZE.fixed("1"),
        ];
        let config = Config::load(&Inputs { fixed, ..Inputs::default() }).expect("valid");
        let mut settings = Settings::from_config(&config).expect("settings");
        settings.trust_only(sandbox.certificate());
        Database::new(settings)
    }

    /// Carries connections to a sandbox.
    struct Relay {
        port: u16,
        /// Cuts those that there are.
        cut: Arc<Notify>,
        /// Cuts the one that sends something next.
        cut_next: Arc<AtomicBool>,
    }

    async fn relay(sandbox: &Sandbox) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("address").port();
        let (cut, cut_next) = (Arc::<Notify>::default(), Arc::<AtomicBool>::default());
        let (to, cuts, next) = (sandbox.address(), cut.clone(), cut_next.clone());
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let mut there = TcpStream::connect(to).await.expect("the sandbox");
                let (cut, next) = (cuts.clone().notified_owned(), next.clone());
                tokio::spawn(async move {
                    let (mut from_client, mut to_client) = here.split();
                    let (mut from_server, mut to_server) = there.split();
                    let asks = async {
                        let mut some = [0; 4096];
                        loop {
                            let n = from_client.read(&mut some).await.unwrap_or(0);
                            if n == 0 || next.swap(false, Ordering::Relaxed) {
                                return;
                            }
                            to_server.write_all(&some[..n]).await.expect("the sandbox");
                        }
                    };
                    tokio::select! {
                        () = asks => (),
                        _ = tokio::io::copy(&mut from_server, &mut to_client) => (),
                        () = cut => (),
                    }
                });
            }
        });
        Relay { port, cut, cut_next }
    }

    fn limits() -> Limits {
        Limits::of_our_own()
    }

    /// A table `dbo.T` with the numbers 1, 2 and 3.
    async fn with_table() -> (Sandbox, Database) {
        let (sandbox, db) = lab().await;
        let make = "CREATE TABLE dbo.T (n int NOT NULL); INSERT INTO dbo.T VALUES (1), (2), (3)";
        db.run(make.into(), Mode::Change, &limits()).await.expect("a table");
        (sandbox, db)
    }

    async fn numbers(db: &Database) -> String {
        let answer = db.run("SELECT n FROM dbo.T ORDER BY n".into(), Mode::Read, &limits()).await;
        let text = String::from_utf8(answer.expect("rows").results.0.concat()).expect("JSON");
        let (_, rows) = text.split_once("\"rows\":").expect("rows");
        rows.split(",\"row_count\"").next().expect("numbers").to_owned()
    }

    const ALL: &str = "[[1],[2],[3]]";

    #[tokio::test(flavor = "multi_thread")]
    async fn only_a_change_stays() {
        let (_sandbox, db) = with_table().await;
        let delete = "DELETE FROM dbo.T WHERE n > 1; PRINT N'gone'";
        for (mode, left) in [(Mode::Read, ALL), (Mode::Preview, ALL), (Mode::Change, "[[1]]")] {
            let answer = db.run(delete.into(), mode, &limits()).await.expect("an answer");
            assert_eq!(answer.rows_affected, [2], "{mode:?}");
            assert_eq!(answer.messages, ["gone"], "{mode:?}");
            assert_eq!(answer.committed, mode == Mode::Change, "{mode:?}");
            assert_eq!(numbers(&db).await, left, "{mode:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_error_brings_what_was_said_before_it_and_leaves_nothing() {
        let (sandbox, db) = with_table().await;
        let text = "PRINT N'first'; DELETE FROM dbo.T; SELECT 1/0";
        let failure = db.run(text.into(), Mode::Change, &limits()).await.expect_err("8134");
        let DbError::Sql(e) = &failure.error else { panic!("{failure:?}") };
        assert_eq!(e.number, 8134);
        assert_eq!(failure.said.messages, ["first"]);
        assert!(!failure.ended, "our transaction was open until then");
        assert_eq!(numbers(&db).await, ALL);
        assert_eq!(sandbox.connections(), 1, "its connection is good");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_text_that_ended_its_transaction_is_known_by_it() {
        let (_sandbox, db) = with_table().await;
        let text = "DELETE FROM dbo.T WHERE n = 3; COMMIT TRANSACTION; PRINT N'so'; SELECT 1/0";
        let failure = db.run(text.into(), Mode::Change, &limits()).await.expect_err("8134");
        assert!(failure.ended);
        // Our mark is for us alone.
        assert_eq!(failure.said.messages, ["so"]);
        assert_eq!(numbers(&db).await, "[[1],[2]]");
        let failure = db.run(text.into(), Mode::Read, &limits()).await.expect_err("8134");
        assert!(!failure.ended, "nothing was to be kept");
        // However much was said before.
        let loud = "DELETE FROM dbo.T WHERE n = 2; COMMIT TRANSACTION; DECLARE @i int = 0; \
                    WHILE @i < 150 BEGIN PRINT N'so'; SET @i += 1 END; SELECT 1/0";
        let failure = db.run(loud.into(), Mode::Change, &limits()).await.expect_err("8134");
        assert!(failure.ended);
        assert_eq!(numbers(&db).await, "[[1]]");
    }

    #[test]
    fn no_password_is_in_what_is_printed_of_it() {
        let config = Config::load(&Inputs {
            fixed: vec![database::HOST.fixed("db"), database::PASSWORD.fixed("hunter2")],
            ..Inputs::default()
        });
        let settings = Settings::from_config(&config.expect("valid")).expect("settings");
        let printed = format!("{:?}", Database::new(settings));
        assert!(printed.contains("db,1433") && !printed.contains("hunter2"), "{printed}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_keeps_state_is_reset_and_costs_no_connection() {
        let (sandbox, db) = lab().await;
        let make = "CREATE TABLE dbo.I (n int IDENTITY(7, 1), m int); INSERT INTO dbo.I VALUES (1)";
        let left = async || {
            let answer = db.run("SELECT @@IDENTITY AS n".into(), Mode::Read, &limits()).await;
            String::from_utf8(answer.expect("a row").results.0.concat()).expect("JSON")
        };
        db.run(make.into(), Mode::Change, &limits()).await.expect("a table");
        assert!(left().await.contains("[[7]]"), "the session still knows it");
        let insert =
            |keeps_state| Batch { keeps_state, ..Batch::from("INSERT INTO dbo.I VALUES (2)") };
        db.run(insert(true), Mode::Change, &limits()).await.expect("a row");
        assert!(left().await.contains("[[null]]"));
        db.run_if(insert(true), &[1], &limits()).await.expect("committed");
        assert!(left().await.contains("[[null]]"));
        let counting = ["SELECT COUNT(*) FROM dbo.I".to_owned()];
        db.counted_around(insert(true), &counting, &limits()).await.expect("a count");
        assert!(left().await.contains("[[null]]"));
        assert_eq!(sandbox.connections(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_session_that_cannot_be_reset_is_not_used_again() {
        let (sandbox, db) = with_table().await;
        sandbox.faults(|f| f.ignore_reset = true);
        let text = Batch { keeps_state: true, ..Batch::from("SELECT 1") };
        db.run(text, Mode::Read, &limits()).await.expect("a row");
        assert_eq!(numbers(&db).await, ALL);
        assert_eq!(sandbox.connections(), 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_change_is_committed_if_it_is_what_was_expected() {
        let (_sandbox, db) = with_table().await;
        let delete = Batch::from("DELETE FROM dbo.T WHERE n > 1; PRINT N'gone'");
        match db.run_if(delete, &[1], &limits()).await.expect("rolled back") {
            Applied::Differs(counts) => assert_eq!(counts, [2]),
            other => panic!("{other:?}"),
        }
        assert_eq!(numbers(&db).await, ALL);
        match db.run_if(delete, &[2], &limits()).await.expect("committed") {
            Applied::Committed(answer) => {
                assert!(answer.committed);
                assert_eq!((answer.rows_affected, answer.messages), (vec![2], vec!["gone".into()]));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(numbers(&db).await, "[[1]]");
        let fails = Batch::from("DELETE FROM dbo.T; PRINT N'so'; SELECT 1/0");
        let failure = db.run_if(fails, &[1], &limits()).await.expect_err("8134");
        assert_eq!(failure.said.messages, ["so"]);
        assert_eq!(numbers(&db).await, "[[1]]");
        let ends = Batch::from("DELETE FROM dbo.T; ROLLBACK TRANSACTION");
        let failure = db.run_if(ends, &[1], &limits()).await.expect_err("nothing to commit");
        assert!(failure.error.to_string().contains("has ended before its commit"), "{failure:?}");
        assert_eq!(numbers(&db).await, "[[1]]");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_counted_around_a_change_is_rolled_back_with_it() {
        let (_sandbox, db) = with_table().await;
        let counting =
            ["SELECT COUNT_BIG(*) FROM dbo.T".to_owned(), "SELECT COUNT(*) FROM dbo.T".to_owned()];
        let change = Batch::from("INSERT INTO dbo.T VALUES (4)");
        let counted = db.counted_around(change, &counting, &limits()).await.expect("counts");
        assert_eq!(counted, [(3, 4), (3, 4)]);
        assert_eq!(numbers(&db).await, ALL);
        let fails = db.counted_around("SELECT 1/0".into(), &counting, &limits()).await;
        assert!(matches!(fails.expect_err("8134").error, DbError::Sql(e) if e.number == 8134));
        let no_count = ["SELECT N'many'".to_owned()];
        let fails = db.counted_around(change, &no_count, &limits()).await.expect_err("no number");
        assert!(fails.error.to_string().contains("a count is missing"), "{fails:?}");
        assert_eq!(numbers(&db).await, ALL);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_read_whose_connection_dies_before_an_answer_takes_another_and_a_change_does_not() {
        let (sandbox, _) = lab().await;
        let relay = relay(&sandbox).await;
        let db = pool_of(&sandbox, relay.port);
        for (mode, good) in [(Mode::Read, true), (Mode::Preview, false), (Mode::Change, false)] {
            db.run("SELECT 1".into(), Mode::Read, &limits()).await.expect("a row");
            let before = sandbox.connections();
            relay.cut_next.store(true, Ordering::Relaxed);
            let answer = db.run("SELECT 1".into(), mode, &limits()).await;
            assert_eq!(answer.is_ok(), good, "{mode:?}: {answer:?}");
            assert_eq!(sandbox.connections(), before + u64::from(good), "{mode:?}");
            if let Err(failure) = answer {
                assert!(matches!(failure.error, DbError::Lost(_)), "{failure:?}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_connection_that_the_server_has_closed_is_not_taken() {
        let (sandbox, _) = lab().await;
        let relay = relay(&sandbox).await;
        let db = pool_of(&sandbox, relay.port);
        for mode in [Mode::Preview, Mode::Change] {
            db.run("SELECT 1".into(), Mode::Read, &limits()).await.expect("a row");
            relay.cut.notify_waiters();
            tokio::time::sleep(Duration::from_millis(50)).await;
            db.run("SELECT 1".into(), mode, &limits()).await.expect("a row");
        }
        assert_eq!(sandbox.connections(), 3);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_read_that_was_cut_after_it_began_is_not_run_again() {
        let (sandbox, db) = with_table().await;
        sandbox.faults(|f| f.drop_after_rows = Some(1));
        let asked = sandbox.requests();
        let failure = db.run("SELECT n FROM dbo.T".into(), Mode::Read, &limits()).await;
        assert!(matches!(failure.expect_err("cut").error, DbError::Lost(_)));
        assert_eq!(sandbox.requests(), asked + 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_became_of_a_request_is_known_before_anybody_is_told() {
        use mssql_mcp_sandbox::Attention;
        let slow = "SELECT a.OrderId FROM sales.Orders a CROSS JOIN sales.Orders b";
        let never = Attention::Lost;
        for (attention, known) in [
            (Attention::Normal, Cancelled::Acknowledged),
            (Attention::Late(Duration::from_millis(200)), Cancelled::Acknowledged),
            (Attention::Twice, Cancelled::Acknowledged),
            (never, Cancelled::Unknown),
        ] {
            let (sandbox, db) = with_table().await;
            sandbox.faults(|f| f.attention = attention);
            let soon = Some(Instant::now() + Duration::from_millis(100));
            let short = Limits { deadline: soon, ..limits() };
            let failure = db.run(slow.into(), Mode::Preview, &short).await.expect_err("no time");
            assert_eq!((failure.error, failure.stopped), (DbError::Timeout, known));
            sandbox.faults(|f| f.attention = Attention::Normal);
            assert_eq!(numbers(&db).await, ALL, "{attention:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_waits_for_a_connection_waits_no_longer_than_the_call() {
        let (sandbox, db) = with_table().await;
        sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(100)));
        let (slow, other) = (limits(), db.clone());
        let busy = tokio::spawn(async move {
            let text = "SELECT n FROM dbo.T".into();
            other.run(text, Mode::Read, &slow).await.map(|a| a.rows)
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        let soon = Instant::now() + Duration::from_millis(50);
        let short = Limits { deadline: Some(soon), ..limits() };
        let failure = db.run("SELECT 1".into(), Mode::Read, &short).await.expect_err("no time");
        assert_eq!(failure.error, DbError::Timeout);
        assert_eq!(busy.await.expect("no panic").expect("rows"), 3);
    }
}
