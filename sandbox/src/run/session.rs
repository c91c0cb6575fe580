//! The state of a session: its connection to SQLite, what it sees of the catalog, its variables,
//! temporary tables, options and transaction.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;

use super::counters;
use super::databases::{Access, SAMPLE, Shared};
use super::ddl::position;
use super::kept::{Kept, KeptViews};
use super::options::Options;
use super::session_functions;
use super::sqlite;
use crate::bind::{Binder, Described, Env};
use crate::calendar::{now, round_datetime};
use crate::catalog::many::{Wanted, has_many};
use crate::catalog::views::{self, DatabaseFacts, Facts, SessionFacts};
use crate::catalog::{Catalog, Object, ObjectKind, TableDef};
use crate::error::{Error, Result};
use crate::functions::{Calls, Random, give_random};
use crate::names::DATABASE;
use crate::syntax;
use crate::tds::out::Out;
use crate::tds::token;
use crate::types::Column;
use crate::types::{Type, Value};

/// A session, from its login to the end of its connection.
pub(crate) struct Engine {
    pub(super) connection: Connection,
    pub(super) shared: Arc<Shared>,
    /// The committed catalog of each database, or within a transaction what it made of it.
    pub(super) catalogs: Vec<Arc<Catalog>>,
    /// The databases whose catalogs the transaction has changed.
    pub(super) altered: Vec<usize>,
    /// The outermost is the batch's; never empty.
    pub(super) frames: Vec<Frame>,
    pub(super) temporary: Vec<Temporary>,
    /// How many temporary tables this session has made.
    pub(super) temporary_count: i64,
    pub(super) options: Options,
    /// The value of @@TRANCOUNT.
    pub(super) transaction_count: i64,
    /// XACT_STATE() is -1: an error was caught, and the transaction can only be rolled back.
    pub(super) doomed: bool,
    /// CONTEXT_INFO(): 128 bytes once it is set.
    pub(super) context_info: Option<Vec<u8>>,
    /// The value of @@ROWCOUNT.
    pub(super) row_count: i64,
    /// The value of @@ERROR.
    pub(super) error: i64,
    /// @@IDENTITY, or [`NO_IDENTITY`]; SQLite writes it while an INSERT runs.
    pub(super) last_identity: Arc<AtomicI64>,
    /// What RAND draws from while a statement runs.
    pub(super) random: Arc<Mutex<Random>>,
    /// The errors of the CATCH blocks that run, innermost last.
    pub(super) caught: Vec<Error>,
    /// The value of @@NESTLEVEL.
    pub(super) nesting: u32,
    pub(super) prepared: HashMap<i64, Prepared>,
    /// Of the statement that runs, from 1.
    pub(super) line: u32,
    pub(super) spid: i64,
    pub(super) login: Login,
    /// As a datetime has it.
    login_time: i64,
    /// The place among the databases of the one that it is in.
    pub(super) database: usize,
    /// What the statement that runs has views and names of.
    pub(super) kept: Arc<KeptViews>,
    /// What SQLite calls the further databases that the connection has by now.
    pub(super) attached: RefCell<Vec<String>>,
    /// The columns of views are being found, for which no rows are needed.
    columns_only: Cell<bool>,
}

/// Who logged in, with what, from where.
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) program: String,
    pub(crate) host: String,
    /// The database that the session begins in.
    pub(crate) database: String,
    pub(crate) access: Access,
}

impl Login {
    /// Of somebody within the process.
    pub(crate) fn new(user: &str, program: &str) -> Self {
        Self {
            user: user.to_owned(),
            program: program.to_owned(),
            host: "sandbox".to_owned(),
            database: DATABASE.to_owned(),
            access: Access::All,
        }
    }
}

/// The scope of a batch, of a procedure or of a dynamic text.
#[derive(Default)]
pub(super) struct Frame {
    /// By name in lower case, with its `@`.
    pub(super) variables: HashMap<String, (Type, Value)>,
    /// Not the batch's own.
    pub(super) in_procedure: bool,
    /// Empty for a dynamic text.
    pub(super) procedure: String,
    /// TRY blocks that are open.
    pub(super) tries: u32,
    /// The value of SCOPE_IDENTITY().
    pub(super) identity: Option<i64>,
}

/// A temporary table, or a variable's.
pub(super) struct Temporary {
    /// With its `#` or `@`.
    pub(super) name: String,
    /// The nesting level that made it, with which it goes.
    pub(super) nesting: u32,
    /// Unlike that of any other table of this session.
    pub(super) number: i64,
    pub(super) table: TableDef,
}

/// A text that sp_prepare keeps.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) declarations: String,
    pub(super) sql: String,
}

/// No INSERT has given an identity value yet.
pub(super) const NO_IDENTITY: i64 = i64::MIN;

impl Engine {
    /// A session, on the thread that will run it. `cancel` ends what runs.
    pub(crate) fn new(
        shared: Arc<Shared>,
        spid: i64,
        login: Login,
        cancel: Arc<AtomicBool>,
    ) -> Result<Self> {
        let fail = |e: rusqlite::Error| Error::internal(e);
        let mut connection = sqlite::open(&shared).map_err(fail)?;
        let last_identity = Arc::new(AtomicI64::new(NO_IDENTITY));
        counters::give(&connection, shared.clone(), last_identity.clone()).map_err(fail)?;
        let kept = KeptViews::give(&connection).map_err(fail)?;
        let random = give_random(&connection).map_err(fail)?;
        sqlite::wait_for_locks(&mut connection, cancel).map_err(fail)?;
        let catalogs = shared.all_committed();
        let database = shared.position(&login.database).unwrap_or(SAMPLE);
        Ok(Self {
            connection,
            shared,
            catalogs,
            altered: Vec::new(),
            frames: vec![Frame::default()],
            temporary: Vec::new(),
            temporary_count: 0,
            options: Options::default(),
            transaction_count: 0,
            doomed: false,
            context_info: None,
            row_count: 0,
            error: 0,
            last_identity,
            random,
            caught: Vec::new(),
            nesting: 0,
            prepared: HashMap::new(),
            line: 1,
            spid,
            login_time: round_datetime(now()),
            database,
            kept,
            attached: RefCell::default(),
            columns_only: Cell::new(false),
            login,
        })
    }

    /// Makes the session what a login would find (RESETCONNECTION, MS-TDS §2.2.3.1.2), and says so.
    pub(crate) fn reset(&mut self, keep_transaction: bool, out: &mut Out) {
        if !keep_transaction {
            let _ = self.rollback_quietly();
        }
        self.drop_temporary(|_| true);
        self.frames = vec![Frame::default()];
        self.options = Options::default();
        self.context_info = None;
        (self.row_count, self.error) = (0, 0);
        self.last_identity.store(NO_IDENTITY, Ordering::Relaxed);
        self.caught.clear();
        self.prepared.clear();
        self.database = self.shared.position(&self.login.database).unwrap_or(SAMPLE);
        let _ = out.write(|b| token::env_bytes(18, &[], &[], b));
    }

    /// To stop a running statement from another thread.
    pub(crate) fn interrupt_handle(&self) -> rusqlite::InterruptHandle {
        self.connection.get_interrupt_handle()
    }

    /// Sees what others committed. Within a transaction the catalog stays as it is.
    pub(super) fn refresh(&mut self) {
        if self.transaction_count == 0 {
            self.catalogs = self.shared.all_committed();
        }
    }

    pub(super) fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    pub(super) fn set_variable(&mut self, name: &str, ty: Type, value: Value) {
        self.frame().variables.insert(name.to_lowercase(), (ty, value));
    }

    /// A temporary table, or a table variable, which only the scope that declares it sees.
    pub(super) fn temporary(&self, name: &str) -> Option<&Temporary> {
        let is_it = |t: &&Temporary| {
            let is_variable = t.name.starts_with('@');
            t.name.eq_ignore_ascii_case(name) && (!is_variable || t.nesting == self.nesting)
        };
        self.temporary.iter().rev().find(is_it)
    }

    /// Drops the temporary tables that `which` names.
    pub(super) fn drop_temporary(&mut self, which: impl Fn(&Temporary) -> bool) {
        let (gone, kept): (Vec<Temporary>, _) =
            std::mem::take(&mut self.temporary).into_iter().partition(which);
        self.temporary = kept;
        for t in gone {
            let sql = format!("DROP TABLE IF EXISTS {}", t.table.physical);
            let _ = self.connection.execute_batch(&sql);
        }
    }
}

impl Facts for Engine {
    fn row_count(&self, table: &TableDef) -> i64 {
        self.count_rows(table).unwrap_or(0)
    }

    fn view_columns(&self, catalog: &Catalog, object: &Object) -> Vec<Column> {
        // A view may read the very view that is asked for its columns.
        if self.columns_only.replace(true) {
            return Vec::new();
        }
        let mut binder = Binder::of_database(self, position(catalog));
        let bound = match &object.kind {
            ObjectKind::View(text) => syntax::query(text).and_then(|q| binder.query(&q, false)),
            ObjectKind::Function(function) => binder.function_columns(function),
            _ => Err(Error::internal("an object without a query")),
        };
        let columns = bound.map(|b| b.columns).unwrap_or_default();
        self.columns_only.set(false);
        columns
    }

    fn last_identity(&self, key: i64) -> Option<i64> {
        self.shared.identities().get(&key).copied()
    }

    fn server_name(&self) -> &str {
        &self.shared.server_name
    }

    fn databases(&self) -> Vec<DatabaseFacts> {
        self.database_facts()
    }

    fn session(&self) -> SessionFacts {
        let Login { user, program, host, .. } = &self.login;
        SessionFacts {
            spid: self.spid,
            login_time: self.login_time,
            user: user.clone(),
            program: program.clone(),
            host: host.clone(),
            context_info: self.context_info.clone(),
            lock_timeout: self.options.lock_timeout,
            database_id: self.database as i64 + 1,
            transaction_count: self.transaction_count,
        }
    }
}

impl Env for Engine {
    fn catalog(&self, database: usize) -> &Catalog {
        &self.catalogs[database]
    }

    fn current_database(&self) -> usize {
        self.database
    }

    fn database(&self, name: &str) -> Result<Option<usize>> {
        self.entered(name)
    }

    fn calls(&self) -> &Calls {
        &self.shared.calls
    }

    fn var(&self, name: &str) -> Option<(Type, Value)> {
        self.frames.last()?.variables.get(&name.to_lowercase()).cloned()
    }

    fn temp(&self, name: &str) -> Option<&TableDef> {
        self.temporary(name).map(|t| &t.table)
    }

    fn described(
        &self,
        database: usize,
        function: &str,
        args: &[Value],
    ) -> Result<Option<Described>> {
        self.describing_function(database, function, args)
    }

    fn system_view(
        &self,
        database: usize,
        (schema, name): (&str, &str),
        wanted: &[Wanted],
    ) -> Result<Option<views::Rows>> {
        // Whoever asks for the columns of a view needs no rows.
        if self.columns_only.get() {
            let content = || views::Content::List(Vec::new());
            let columns = views::columns(schema, name);
            return Ok(columns.map(|columns| views::Rows { columns, content: content() }));
        }
        let keep = |view| self.keep_view(view);
        Ok(views::rows(&self.catalogs[database], self, (schema, name), wanted, keep))
    }

    fn keep_catalog(&self, database: usize) -> Option<i64> {
        let catalog = &self.catalogs[database];
        has_many(catalog).then(|| self.kept.keep(Kept::Catalog(catalog.clone())))
    }

    fn session_fn(&self, name: &str, args: &[Value]) -> Result<Option<(Type, Value)>> {
        session_functions::call(self, name, args)
    }
}
