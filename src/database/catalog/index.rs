//! The index of a database's names, as its login sees them: read in the background when it is first
//! needed, kept for a while, and read again when something has changed.

mod gathered;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mssql_mcp_names::Index;
use serde_json::Value;
use tokio::sync::watch;

use crate::database::{Database, DbError, Limits};
use crate::knowledge::Knowledge;
use gathered::Gathered;
pub(super) use gathered::kind_of;

/// So old it is looked whether something has changed, behind the answer.
const SOFT: Duration = Duration::from_secs(60);
/// Older than that it answers nothing: descriptions and permissions change without a mark.
const HARD: Duration = Duration::from_secs(900);
/// So long a call waits for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// So long it may take to read.
const READING: Duration = Duration::from_secs(120);
/// Not tried again for so long where it could not be read.
const PAUSE: Duration = Duration::from_secs(30);
/// Columns that SQL Server itself has, at most.
const SYSTEM_COLUMNS: u64 = 20_000;
/// Every object, and then every column.
pub const NAMES: &str = "SELECT o.object_id, sc.name, o.name, RTRIM(o.type), \
     CAST(ep.value AS nvarchar(1000)) \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = o.object_id \
     AND ep.minor_id = 0 AND ep.name = N'MS_Description' \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('U', 'V', 'P', 'PC', 'FN', 'IF', 'TF', 'FS', 'FT', \
     'AF', 'SN', 'SO', 'TR', 'TA'); \
     SELECT c.object_id, c.name, CAST(ep.value AS nvarchar(1000)) \
     FROM sys.columns AS c JOIN sys.objects AS o ON o.object_id = c.object_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = c.object_id \
     AND ep.minor_id = c.column_id AND ep.name = N'MS_Description' \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('U', 'V')";

const ROWS: &str = "SELECT p.object_id, SUM(p.rows) FROM sys.partitions AS p \
     WHERE p.index_id IN (0, 1) GROUP BY p.object_id";

const KEYS: &str = "SELECT f.parent_object_id, f.referenced_object_id FROM sys.foreign_keys AS f";

/// The names of a database at one time.
#[derive(Debug)]
pub(crate) struct NameIndex {
    pub(crate) names: Index,
    /// What changes when the catalog does.
    mark: String,
    read: Instant,
    knowledge: Arc<Knowledge>,
}

/// What is known, and who reads it again.
#[derive(Debug, Default)]
pub(crate) struct IndexCache(Mutex<Cached>);

#[derive(Debug, Default)]
struct Cached {
    known: Option<Arc<NameIndex>>,
    /// When it was last as the database is.
    checked: Option<Instant>,
    /// Something was changed here, or is not what is known.
    doubted: bool,
    /// Ends when the reading does.
    reading: Option<watch::Receiver<()>>,
    not_before: Option<Instant>,
}

/// What becomes of a call that needs the index.
#[derive(Debug, PartialEq)]
enum Course {
    Answer,
    /// And somebody looks behind it.
    AnswerAndLook,
    Wait,
}

/// By how old what is known is since it was read, and since it was last compared.
fn course(read: Option<Duration>, checked: Option<Duration>, doubted: bool) -> Course {
    match (read, checked) {
        (Some(read), Some(checked)) if read < HARD && !doubted => match checked < SOFT {
            true => Course::Answer,
            false => Course::AnswerAndLook,
        },
        _ => Course::Wait,
    }
}

/// Whether a text may have changed what there is: it has one of the words by which that is done.
fn may_change_names(sql: &str) -> bool {
    const WORDS: [&str; 8] =
        ["CREATE", "ALTER", "DROP", "INTO", "EXEC", "EXECUTE", "GRANT", "DENY"];
    sql.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|w| WORDS.iter().any(|known| w.eq_ignore_ascii_case(known)))
}

impl IndexCache {
    fn lock(&self) -> MutexGuard<'_, Cached> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Database {
    /// The index, and how old what it says is; none where there is none, as for too many names, or
    /// until it is read. A first call waits for it a while.
    pub(crate) async fn name_index(&self) -> Option<(Arc<NameIndex>, Duration)> {
        let look = |c: &Cached| {
            let read = c.known.as_ref().map(|k| k.read.elapsed());
            course(read, c.checked.map(|t| t.elapsed()), c.doubted)
        };
        let knowledge = self.knowledge();
        let course = {
            let mut cached = self.index.lock();
            // Another file has other terms.
            cached.doubted |= cached.known.as_ref().is_some_and(|k| k.knowledge != knowledge);
            look(&cached)
        };
        if course != Course::Answer
            && let Some(mut reading) = self.read_again()
            && course == Course::Wait
        {
            // The sender is dropped when it ends, however that was.
            let _ = tokio::time::timeout(PATIENCE, reading.changed()).await;
        }
        let cached = self.index.lock();
        let known = cached.known.clone().filter(|k| k.read.elapsed() < HARD)?;
        let age = cached.checked.map_or(HARD, |t| t.elapsed());
        Some((known, age))
    }

    /// Reads it now, and tells how many bytes it has.
    pub async fn refresh_names(&self) -> Option<usize> {
        self.index.lock().doubted = true;
        // Once more also where nothing has changed.
        self.index.lock().known = None;
        let mut reading = self.read_again()?;
        let _ = reading.changed().await;
        self.index.lock().known.as_ref().map(|k| k.names.size())
    }

    /// Somebody ran this, and it was committed.
    pub(in crate::database) fn doubt_after(&self, sql: &str) {
        if may_change_names(sql) {
            self.index.lock().doubted = true;
        }
    }

    /// SQL Server does not know a name (207, 208, 2812): where we do, somebody is wrong.
    pub(in crate::database) fn doubt_by(&self, error: &DbError) {
        let DbError::Sql(e) = error else { return };
        if !matches!(e.number, 207 | 208 | 2812) {
            return;
        }
        let written = e.message.split('\'').nth(1).unwrap_or_default();
        let parts = mssql_mcp_sql::quote::split(written).unwrap_or_default();
        let Some(name) = parts.last() else { return };
        let mut cached = self.index.lock();
        let Some(known) = &cached.known else { return };
        let names = &known.names;
        // A column has no entry of its own; that it was named at all is enough to look.
        let is_known = e.number == 207
            || (0..names.len() as u32).any(|n| names.name(n).eq_ignore_ascii_case(name));
        cached.doubted |= is_known;
    }

    /// What was found is not there any more.
    pub(super) fn doubt_names(&self) {
        self.index.lock().doubted = true;
    }

    /// Has it read in the background, unless somebody does, or it just failed.
    fn read_again(&self) -> Option<watch::Receiver<()>> {
        if self.settings().index_names == 0 {
            return None;
        }
        let mut cached = self.index.lock();
        if let Some(reading) = cached.reading.clone().filter(|r| r.has_changed().is_ok()) {
            return Some(reading);
        }
        if cached.not_before.is_some_and(|t| t > Instant::now()) {
            return None;
        }
        let (ends, reading) = watch::channel(());
        cached.reading = Some(reading.clone());
        let known = cached.known.clone().filter(|k| k.read.elapsed() < HARD);
        let doubted = std::mem::take(&mut cached.doubted);
        drop(cached);
        let me = self.clone();
        tokio::spawn(async move {
            let began = Instant::now();
            let result = me.read_if_changed(known).await;
            let mut cached = me.index.lock();
            match result {
                Ok(Some(index)) => {
                    (cached.known, cached.checked) = (Some(Arc::new(index)), Some(began));
                }
                Ok(None) => cached.checked = Some(began),
                Err(why) => {
                    cached.doubted |= doubted;
                    let (pause, what) = match why {
                        NoIndex::TooLarge(n) => {
                            (HARD, format!("{n} names are more than database.index_names"))
                        }
                        NoIndex::Database(e) => (PAUSE, e.to_string()),
                    };
                    cached.not_before = Some(Instant::now() + pause);
                    let label = &me.settings().label;
                    tracing::info!(target: "mssql_mcp::database", database = %label, "no index of names: {what}");
                }
            }
            drop(cached);
            drop(ends);
        });
        Some(reading)
    }

    /// The index; none where what is known is as the database is.
    async fn read_if_changed(
        &self,
        known: Option<Arc<NameIndex>>,
    ) -> Result<Option<NameIndex>, NoIndex> {
        let limits = Limits { deadline: Some(Instant::now() + READING), ..Limits::of_our_own() };
        let mark = self.fingerprint(&limits).await?;
        let knowledge = self.knowledge();
        if known.is_some_and(|k| k.mark == mark && k.knowledge == knowledge) {
            return Ok(None);
        }
        // Of far too many columns not even the first are read.
        let counted: Vec<Value> = serde_json::from_str(&mark).unwrap_or_default();
        let columns = counted.get(3).and_then(Value::as_u64).unwrap_or_default();
        if columns > self.settings().index_names.saturating_add(SYSTEM_COLUMNS) {
            return Err(NoIndex::TooLarge(columns));
        }
        let read = Instant::now();
        let gathered = self.gathered(&limits).await?;
        let of = knowledge.clone();
        let built = tokio::task::spawn_blocking(move || {
            let names = gathered.index(&of);
            let unknown: Vec<String> = of
                .unknown(|schema, name| has(&names, schema, name))
                .into_iter()
                .map(str::to_owned)
                .collect();
            (names, unknown)
        });
        let (names, unknown) = built.await.map_err(|_| NoIndex::Database(DbError::Cancelled))?;
        for name in unknown {
            let label = &self.settings().label;
            tracing::warn!(target: "mssql_mcp::knowledge", database = %label, "database.knowledge: there is no table {name} that the login may see");
        }
        Ok(Some(NameIndex { names, mark, read, knowledge }))
    }

    async fn gathered(&self, limits: &Limits) -> Result<Gathered, NoIndex> {
        let most = self.settings().index_names;
        let mut g = Gathered::default();
        self.fetch_each(NAMES, limits, &mut |set, row| {
            if g.count < most {
                match set {
                    0 => g.object(row),
                    _ => g.column(row),
                }
            }
            g.count += 1;
        })
        .await?;
        if g.count > most {
            return Err(NoIndex::TooLarge(g.count));
        }
        // What orders hits, and is not worth to find nothing for.
        for (sql, put) in
            [(ROWS, Gathered::rows as fn(&mut Gathered, &[Value])), (KEYS, Gathered::key)]
        {
            match self.fetch_each(sql, limits, &mut |_, row| put(&mut g, row)).await {
                Ok(()) | Err(DbError::Sql(_)) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(g)
    }
}

/// Whether a table is in the index; without a schema, in any.
fn has(names: &Index, schema: &str, name: &str) -> bool {
    (0..names.len() as u32).any(|n| {
        names.name(n).eq_ignore_ascii_case(name)
            && (schema.is_empty() || names.schema(n).eq_ignore_ascii_case(schema))
    })
}

/// Why there is no index.
#[derive(Debug)]
enum NoIndex {
    TooLarge(u64),
    Database(DbError),
}

impl From<DbError> for NoIndex {
    fn from(e: DbError) -> Self {
        Self::Database(e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_is_looked_at_behind_the_answer_and_what_is_too_old_before_it() {
        let s = |n| Some(Duration::from_secs(n));
        for (read, checked, doubted, becomes) in [
            (None, None, false, Course::Wait),
            (s(10), s(10), false, Course::Answer),
            (s(800), s(59), false, Course::Answer),
            (s(800), s(61), false, Course::AnswerAndLook),
            (s(10), s(10), true, Course::Wait),
            (s(901), s(1), false, Course::Wait),
        ] {
            assert_eq!(course(read, checked, doubted), becomes, "{read:?} {checked:?} {doubted}");
        }
    }

    #[test]
    fn a_text_that_may_change_names_is_known_by_its_words() {
        for sql in ["create table t (a int)", "SELECT 1 AS a INTO t", "EXEC sp_rename 'a', 'b'"] {
            assert!(may_change_names(sql), "{sql}");
        }
        for sql in ["UPDATE t SET a = 1", "DELETE t", "SELECT created FROM t"] {
            assert!(!may_change_names(sql), "{sql}");
        }
    }
}
