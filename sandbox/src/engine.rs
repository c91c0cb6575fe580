//! One session: runs statements against SQLite and writes their tokens.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::ast::*;
use crate::bind::{Binder, Env, invalid_object};
use crate::catalog::describe::{self, ALL_TYPES};
use crate::catalog::views::{self, Facts};
use crate::catalog::{Catalog, ColumnMeta, DATABASE, Object, ObjectKind, TableDef, quote, split};
use crate::ddl;
use crate::error::{Error, Result};
use crate::functions::{Calls, register};
use crate::parser;
use crate::tds::out::{CANCELLED, Out};
use crate::tds::request::{Param, Request};
use crate::tds::token::{self, Column, Done, status};
use crate::types::{Type, Value};

/// What all sessions of a sandbox share.
#[derive(Debug)]
pub struct Shared {
    /// The in-memory database's name.
    pub uri: String,
    /// The committed catalog.
    pub catalog: RwLock<Arc<Catalog>>,
    /// Interned shims.
    pub calls: Arc<Calls>,
    /// Last identity values by object id; as on the server, a rollback does not give them back.
    pub identities: Mutex<HashMap<i64, i64>>,
}

/// Reads or writes through a poisoned lock: the values are plain data.
macro_rules! lock {
    ($e:expr) => {
        $e.unwrap_or_else(PoisonError::into_inner)
    };
}

thread_local! {
    /// SQLite's busy handler has no state of its own: give up then, or when cancelled.
    static PATIENCE: RefCell<(Option<Instant>, Option<Arc<AtomicBool>>)> = const { RefCell::new((None, None)) };
}

/// What a statement may do to the flow.
enum Flow {
    Next,
    Break,
    Continue,
    Return(i64),
}

/// Leaves a batch.
enum Stop {
    /// The error has not been written yet.
    Error(Error),
    /// It has; the batch is over.
    Batch,
    /// It has; the procedure or the dynamic text is over, and whoever called it goes on.
    Scope,
}

impl From<Error> for Stop {
    fn from(e: Error) -> Self {
        Stop::Error(e)
    }
}

/// An argument of a call: its name, its value (none for DEFAULT), whether it is OUTPUT.
type Given = (Option<String>, Option<(Type, Value)>, bool);

type Run<T> = std::result::Result<T, Stop>;

/// A session.
pub struct Engine {
    conn: Connection,
    shared: Arc<Shared>,
    catalog: Arc<Catalog>,
    frames: Vec<Frame>,
    temps: Vec<(String, i64, TableDef)>,
    next_temp: i64,
    trancount: i64,
    doomed: bool,
    xact_abort: bool,
    nocount: bool,
    lock_timeout: i64,
    context_info: Option<Vec<u8>>,
    identity_insert: Option<i64>,
    rowcount: i64,
    error: i64,
    scope_identity: Arc<AtomicI64>,
    caught: Vec<Error>,
    fmtonly: bool,
    /// SET TEXTSIZE: the bytes of a (max) value that are sent; none for all of them.
    textsize: Option<usize>,
    depth: u32,
    prepared: HashMap<i64, (String, String)>,
    spid: i64,
    user: String,
    app: String,
    host: String,
    database: String,
    line: u32,
}

#[derive(Default)]
struct Frame {
    vars: HashMap<String, (Type, Value)>,
    in_proc: bool,
    proc_name: String,
    /// TRY blocks that are open.
    tries: u32,
    /// What SCOPE_IDENTITY() says.
    identity: Option<i64>,
}

const NO_IDENTITY: i64 = i64::MIN;

/// Opens a connection to the shared database with the shims in place.
pub fn open(shared: &Arc<Shared>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&shared.uri, flags)?;
    conn.execute_batch(
        "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA recursive_triggers=ON; PRAGMA trusted_schema=ON;",
    )?;
    conn.set_prepared_statement_cache_capacity(64);
    register(&conn, &shared.calls)?;
    Ok(conn)
}

/// A name in a text, as OBJECT_ID takes it: parts between dots, and what is in brackets or
/// quotation marks is one part.
fn written_name(text: &str) -> Name {
    let mut parts = vec![String::new()];
    let mut close = None;
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        match close {
            Some(q) if c == q && chars.next_if_eq(&q).is_none() => close = None,
            None if c == '[' => close = Some(']'),
            None if c == '"' => close = Some('"'),
            None if c == '.' => parts.push(String::new()),
            _ => {
                if let Some(last) = parts.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    Name(parts)
}

impl Engine {
    /// A session for a login.
    pub fn new(
        shared: Arc<Shared>,
        spid: i64,
        user: &str,
        app: &str,
        host: &str,
        cancel: Arc<AtomicBool>,
    ) -> Result<Self> {
        let fail = |e: rusqlite::Error| Error::internal(e);
        let mut conn = open(&shared).map_err(fail)?;
        let scope_identity = Arc::new(AtomicI64::new(NO_IDENTITY));
        let (s, last) = (shared.clone(), scope_identity.clone());
        conn.create_scalar_function(
            "next_identity",
            3,
            rusqlite::functions::FunctionFlags::SQLITE_UTF8,
            move |ctx| {
                let (id, seed, inc): (i64, i64, i64) = (ctx.get(0)?, ctx.get(1)?, ctx.get(2)?);
                let mut map = lock!(s.identities.lock());
                let next = map.get(&id).map_or(seed, |n| n + inc);
                map.insert(id, next);
                last.store(next, Ordering::Relaxed);
                Ok(next)
            },
        )
        .map_err(fail)?;
        PATIENCE.with(|p| p.borrow_mut().1 = Some(cancel));
        conn.busy_handler(Some(|n| {
            let on = PATIENCE.with(|p| {
                let (until, cancel) = &*p.borrow();
                until.is_none_or(|t| Instant::now() < t)
                    && !cancel.as_ref().is_some_and(|c| c.load(Ordering::Acquire))
            });
            if on {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "a session's engine has a thread of its own"
                )]
                std::thread::sleep(Duration::from_micros(if n < 20 { 200 } else { 2000 }));
            }
            on
        }))
        .map_err(fail)?;
        let catalog = lock!(shared.catalog.read()).clone();
        Ok(Self {
            conn,
            shared,
            catalog,
            frames: vec![Frame::default()],
            temps: Vec::new(),
            next_temp: 0,
            trancount: 0,
            doomed: false,
            xact_abort: false,
            nocount: false,
            lock_timeout: -1,
            context_info: None,
            identity_insert: None,
            rowcount: 0,
            error: 0,
            scope_identity,
            caught: Vec::new(),
            fmtonly: false,
            textsize: None,
            depth: 0,
            prepared: HashMap::new(),
            spid,
            user: user.to_owned(),
            app: app.to_owned(),
            host: host.to_owned(),
            database: DATABASE.to_owned(),
            line: 1,
        })
    }

    /// To stop a running statement from another thread.
    pub fn interrupt_handle(&self) -> rusqlite::InterruptHandle {
        self.conn.get_interrupt_handle()
    }

    /// Runs a request and writes its whole answer.
    pub fn run(&mut self, request: Request, out: &mut Out) {
        self.depth = 0;
        self.caught.clear();
        self.frames.truncate(1);
        self.refresh();
        let result = match request {
            Request::Batch(sql) => {
                let identity = self.frames.first().and_then(|f| f.identity);
                self.frames = vec![Frame { identity, ..Frame::default() }];
                let r = self.batch(&sql, out);
                self.drop_temps(|name, depth| name.starts_with('@') || depth > 0);
                r
            }
            // Whatever becomes of one, the next one runs; only a cancelled request ends with what
            // was done so far.
            Request::Rpc(all) => all.into_iter().try_for_each(|r| self.rpc(&r.name, r.params, out)),
            Request::Unknown(what) => Err(Error::unsupported(what).into()),
            Request::Begin => self.begin(out).map_err(Stop::from),
            Request::Commit(again) => self
                .commit(out)
                .and_then(|()| if again { self.begin(out) } else { Ok(()) })
                .map_err(Stop::from),
            Request::Rollback(again) => self
                .rollback(out)
                .and_then(|()| if again { self.begin(out) } else { Ok(()) })
                .map_err(Stop::from),
        };
        let mut cancelled = out.check().is_err();
        if let Err(Stop::Error(e)) = result {
            cancelled |= e.number == CANCELLED;
            if !cancelled {
                self.write_error(&e, out);
                out.done(Done::Statement, status::ERROR, 0, 0);
            }
        }
        if cancelled && self.xact_abort && self.trancount > 0 {
            let _ = self.rollback_quietly();
        }
        if self.trancount == 0 {
            // An interrupted statement outside a transaction leaves none
            // behind, whatever SQLite thinks.
            if !self.conn.is_autocommit() {
                let _ = self.conn.execute_batch("ROLLBACK");
            }
            self.doomed = false;
        }
        out.end(cancelled);
    }

    fn refresh(&mut self) {
        if self.trancount == 0 {
            self.catalog = lock!(self.shared.catalog.read()).clone();
        }
    }

    fn write_error(&mut self, e: &Error, out: &mut Out) {
        self.error = i64::from(e.number);
        let e = e.clone().at(self.line);
        let _ = out.write(|b| token::error(&e, b));
    }

    // --- requests

    fn batch(&mut self, sql: &str, out: &mut Out) -> Run<()> {
        let stmts = parser::batch(sql)?;
        match self.block(&stmts, out) {
            Err(Stop::Batch | Stop::Scope) | Ok(_) => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn rpc(&mut self, name: &str, params: Vec<Param>, out: &mut Out) -> Run<()> {
        let text = |p: Option<&Param>| match p.map(|p| &p.value) {
            Some(Value::Str(s)) => s.clone(),
            _ => String::new(),
        };
        let int = |p: Option<&Param>| match p.map(|p| &p.value) {
            Some(Value::Int(i)) => *i,
            _ => 0,
        };
        let bare = name.rsplit('.').next().unwrap_or(name).trim_matches(['[', ']']).to_owned();
        let mut outputs = Vec::new();
        self.refresh();
        let result = match bare.as_str() {
            "sp_executesql" => {
                let (sql, decl) = (text(params.first()), text(params.get(1)));
                self.execute(
                    &sql,
                    &decl,
                    params.get(2..).unwrap_or_default().to_vec(),
                    &mut outputs,
                    out,
                )
            }
            "sp_prepare" | "sp_prepexec" => {
                let (decl, sql) = (text(params.get(1)), text(params.get(2)));
                parser::batch(&sql)?;
                let handle = self.prepared.len() as i64 + 1;
                self.prepared.insert(handle, (decl.clone(), sql.clone()));
                outputs.push((
                    0,
                    params.first().map_or(String::new(), |p| p.name.clone()),
                    Type::Int,
                    Value::Int(handle),
                ));
                if bare == "sp_prepexec" {
                    self.execute(
                        &sql,
                        &decl,
                        params.get(3..).unwrap_or_default().to_vec(),
                        &mut outputs,
                        out,
                    )
                } else {
                    Ok(0)
                }
            }
            "sp_execute" => {
                let handle = int(params.first());
                let (decl, sql) = self.prepared.get(&handle).cloned().ok_or_else(|| {
                    Error::new(
                        8179,
                        16,
                        format!("Could not find prepared statement with handle {handle}."),
                    )
                })?;
                self.execute(
                    &sql,
                    &decl,
                    params.get(1..).unwrap_or_default().to_vec(),
                    &mut outputs,
                    out,
                )
            }
            "sp_unprepare" => {
                self.prepared.remove(&int(params.first()));
                Ok(0)
            }
            _ => {
                let args = params
                    .into_iter()
                    .map(|p| {
                        (Some(p.name).filter(|n| !n.is_empty()), Some((p.ty, p.value)), p.output)
                    })
                    .collect();
                let parts =
                    name.split('.').map(|s| s.trim_matches(['[', ']']).to_owned()).collect();
                self.procedure(&Name(parts), args, &mut outputs, out)
            }
        };
        let mut failed = false;
        let code = match result {
            Ok(code) => code,
            Err(Stop::Batch | Stop::Scope) => {
                failed = true;
                1
            }
            Err(Stop::Error(e)) if e.number == CANCELLED => return Err(Stop::Error(e)),
            Err(Stop::Error(e)) => {
                self.write_error(&e, out);
                failed = true;
                i64::from(e.number)
            }
        };
        failed |=
            code != 0 && matches!(bare.as_str(), "sp_executesql" | "sp_execute" | "sp_prepexec");
        out.write(|b| {
            token::return_status(code as i32, b);
            for (n, name, ty, v) in &outputs {
                token::return_value(*n, name, *ty, v, b);
            }
        })?;
        out.done(Done::Proc, if failed { status::ERROR } else { 0 }, 0, 0);
        Ok(())
    }

    /// sp_executesql and everything like it: a scope of its own for variables, temporary
    /// tables and SET options.
    fn execute(
        &mut self,
        sql: &str,
        decl: &str,
        params: Vec<Param>,
        outputs: &mut Vec<(u16, String, Type, Value)>,
        out: &mut Out,
    ) -> Run<i64> {
        let declared = if decl.trim().is_empty() { Vec::new() } else { parser::params(decl)? };
        let mut frame = Frame { in_proc: true, ..Frame::default() };
        for (i, d) in declared.iter().enumerate() {
            let given = params
                .iter()
                .find(|p| p.name.eq_ignore_ascii_case(&d.name))
                .or_else(|| params.get(i).filter(|p| p.name.is_empty()));
            let v = match (given, &d.default) {
                (Some(p), _) => {
                    crate::convert::convert(p.value.clone(), p.ty, d.ty, crate::convert::NO_STYLE)?
                }
                (None, Some(e)) => self.constant(e)?.1,
                (None, None) => {
                    return Err(Error::new(8178, 16, format!("The parameterized query '({decl}){sql}' expects the parameter '{}', which was not supplied.", d.name)).into());
                }
            };
            frame.vars.insert(d.name.to_lowercase(), (d.ty, v));
        }
        if params.len() > declared.len() {
            return Err(Error::new(
                8144,
                16,
                "Procedure or function  has too many arguments specified.",
            )
            .into());
        }
        let stmts = parser::batch(sql)?;
        let (code, frame) = self.scope(frame, &stmts, out)?;
        for (i, d) in declared.iter().enumerate() {
            let wanted = params.iter().enumerate().find(|(n, p)| {
                p.output && (p.name.eq_ignore_ascii_case(&d.name) || p.name.is_empty() && *n == i)
            });
            if let (Some((n, _)), Some((ty, v))) = (wanted, frame.vars.get(&d.name.to_lowercase()))
            {
                outputs.push((n as u16, d.name.clone(), *ty, v.clone()));
            }
        }
        Ok(code)
    }

    /// Runs statements in a frame of their own; what it created or set is gone afterwards.
    fn scope(&mut self, frame: Frame, stmts: &[Statement], out: &mut Out) -> Run<(i64, Frame)> {
        self.depth += 1;
        if self.depth > 32 {
            self.depth -= 1;
            return Err(Error::new(
                217,
                16,
                "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).",
            )
            .into());
        }
        let (nocount, xact, lock, line) =
            (self.nocount, self.xact_abort, self.lock_timeout, self.line);
        self.frames.push(frame);
        let result = self.block(stmts, out);
        let frame = self.frames.pop().unwrap_or_default();
        let depth = self.depth;
        self.drop_temps(|_, d| d >= depth);
        self.depth -= 1;
        (self.nocount, self.xact_abort, self.lock_timeout, self.line) = (nocount, xact, lock, line);
        match result {
            Ok(Flow::Return(n)) => Ok((n, frame)),
            Ok(_) => Ok((0, frame)),
            Err(Stop::Scope) => Ok((self.error, frame)),
            // For those outside it is an error like any other.
            Err(Stop::Error(e)) => Err(Stop::Error(Error { compile: false, ..e })),
            Err(e) => Err(e),
        }
    }

    fn drop_temps(&mut self, which: impl Fn(&str, u32) -> bool) {
        let (gone, kept) = std::mem::take(&mut self.temps)
            .into_iter()
            .partition(|(n, d, _): &(String, i64, TableDef)| which(n, *d as u32));
        self.temps = kept;
        let gone: Vec<(String, i64, TableDef)> = gone;
        for (_, _, t) in gone {
            let _ = self.conn.execute_batch(&format!("DROP TABLE IF EXISTS {}", t.physical));
        }
    }

    // --- flow

    fn block(&mut self, stmts: &[Statement], out: &mut Out) -> Run<Flow> {
        for s in stmts {
            match self.statement(s, out)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, s: &Statement, out: &mut Out) -> Run<Flow> {
        out.check()?;
        self.line = s.line;
        let clears_error = !matches!(
            s.kind,
            StatementKind::If(..)
                | StatementKind::While(..)
                | StatementKind::Block(_)
                | StatementKind::Try(..)
                | StatementKind::Declare(_)
        );
        // These reset @@ROWCOUNT; the documentation of @@ROWCOUNT lists them.
        if matches!(
            s.kind,
            StatementKind::SetOption(..)
                | StatementKind::ContextInfo(_)
                | StatementKind::Print(_)
                | StatementKind::RaisError(..)
                | StatementKind::Begin
                | StatementKind::Commit
                | StatementKind::Use(_)
        ) {
            self.rowcount = 0;
        }
        match self.perform(s, out) {
            Ok(f) => {
                if clears_error
                    && !matches!(
                        s.kind,
                        StatementKind::Exec { .. }
                            | StatementKind::ExecText(_)
                            | StatementKind::RaisError(..)
                    )
                {
                    self.error = 0;
                }
                Ok(f)
            }
            Err(Stop::Error(e)) => {
                let mut e = e.at(s.line);
                if e.procedure.is_empty() {
                    e.procedure =
                        self.frames.last().map(|f| f.proc_name.clone()).unwrap_or_default();
                }
                if e.number == CANCELLED {
                    return Err(Stop::Error(e));
                }
                // A TRY sees neither what its own scope could not compile nor
                // what the sandbox lacks.
                let outside = if e.compile { self.frames.len() - 1 } else { self.frames.len() };
                let caught = self.frames[..outside].iter().any(|f| f.tries > 0);
                if caught && e.class < 20 && !e.is_unsupported() {
                    if self.trancount > 0 && (self.xact_abort || e.aborts_batch()) {
                        self.doomed = true;
                    }
                    return Err(Stop::Error(e));
                }
                // XACT_ABORT does not concern compile errors, of which syntax errors in a dynamic
                // text are one kind.
                let compile = e.compile || e.class == 15;
                let spared = (compile || matches!(s.kind, StatementKind::RaisError(..)))
                    && !e.is_unsupported();
                let strict = self.xact_abort && !spared;
                let abort = e.aborts_batch()
                    || e.is_unsupported()
                    || matches!(s.kind, StatementKind::Throw(_))
                    || strict;
                self.write_error(&e, out);
                let kind = self.done_kind();
                if matches!(e.number, 515 | 547 | 2601 | 2627 | 8152 | 8134) && !abort {
                    let _ = out.write(|b| {
                        token::info(3621, 0, 0, s.line, "The statement has been terminated.", b)
                    });
                }
                if abort && self.trancount > 0 && (strict || e.aborts_batch()) {
                    let _ = self.rollback(out);
                }
                out.done(kind, status::ERROR, 0, 0);
                match (e.compile, abort) {
                    (_, true) => Err(Stop::Batch),
                    (true, _) => Err(Stop::Scope),
                    _ => Ok(Flow::Next),
                }
            }
            Err(e) => Err(e),
        }
    }

    fn done_kind(&self) -> Done {
        if self.frames.last().is_some_and(|f| f.in_proc) { Done::InProc } else { Done::Statement }
    }

    /// The DONE of a statement with a row count.
    fn count(&mut self, rows: usize, command: u16, out: &mut Out) {
        self.rowcount = rows as i64;
        let kind = self.done_kind();
        if !self.nocount {
            out.done(kind, status::COUNT, command, rows as u64);
        } else if kind == Done::Statement {
            out.done(kind, 0, command, 0);
        }
    }

    fn plain_done(&mut self, out: &mut Out) {
        let kind = self.done_kind();
        self.rowcount = 0;
        if !(self.nocount && kind == Done::InProc) {
            out.done(kind, 0, 0, 0);
        }
    }

    fn perform(&mut self, s: &Statement, out: &mut Out) -> Run<Flow> {
        if self.fmtonly && !matches!(s.kind, StatementKind::Query(_) | StatementKind::SetOption(..))
        {
            return Err(Error::unsupported("anything but SELECT under SET FMTONLY ON").into());
        }
        match &s.kind {
            StatementKind::Query(q) => self.select(q, out)?,
            StatementKind::Insert { target, columns, source, output } => self.insert(target, columns, source, output, out)?,
            StatementKind::Update { ctes, target, top, sets, from, filter, output } => {
                let (name, table) = self.target(target, from)?;
                let mut values = Vec::new();
                for (c, e) in sets {
                    let i = table.position(c).ok_or_else(|| Error::new(207, 16, format!("Invalid column name '{c}'.")))?;
                    let meta = &table.columns[i];
                    if meta.identity.is_some() {
                        return Err(Error::new(8102, 16, format!("Cannot update identity column '{}'.", meta.name)).into());
                    }
                    if meta.computed.is_some() {
                        return Err(Error::new(271, 16, format!("The column \"{}\" cannot be modified because it is either a computed column or is the result of a UNION operator.", meta.name)).into());
                    }
                    values.push((i, meta.ty, e.clone()));
                }
                let pairs: Vec<(Type, Expr)> = values.iter().map(|(_, t, e)| (*t, e.clone())).collect();
                let (sql, binds, columns) = {
                    let mut b = Binder::new(self);
                    let rows =  b.target_rows(ctes, target, from, filter.as_ref(), top.as_ref(), &pairs)?;
                    let sets: Vec<String> = values.iter().enumerate().map(|(n, (i, _, _))| format!("{}=z.v{n}", quote(&table.columns[*i].name))).collect();
                    let (ret, columns) = if output.is_empty() { (String::new(), Vec::new()) } else {
                        let (r, c) = b.returning(output, &table, "inserted")?;
                        (format!(" RETURNING {r}"), c)
                    };
                    (format!("UPDATE {} SET {} FROM ({rows}) AS z WHERE {}.rowid=z.r{ret}", table.physical, sets.join(","), table.physical), b.binds, columns)
                };
                self.change(&sql, &binds, &columns, 0xC5, &name, &table, "UPDATE", out)?;
            }
            StatementKind::Delete { ctes, target, top, from, filter, output } => {
                let (name, table) = self.target(target, from)?;
                let (sql, binds, columns) = {
                    let mut b = Binder::new(self);
                    let rows =  b.target_rows(ctes, target, from, filter.as_ref(), top.as_ref(), &[])?;
                    let (ret, columns) = if output.is_empty() { (String::new(), Vec::new()) } else {
                        let (r, c) = b.returning(output, &table, "deleted")?;
                        (format!(" RETURNING {r}"), c)
                    };
                    (format!("DELETE FROM {} WHERE rowid IN (SELECT r FROM ({rows})){ret}", table.physical), b.binds, columns)
                };
                self.change(&sql, &binds, &columns, 0xC4, &name, &table, "DELETE", out)?;
            }
            StatementKind::Truncate(name) => {
                let (object, t) = self.table_named(name)?;
                let id = object.as_ref().map(|o| o.id);
                if let Some(id) = id
                    && self.catalog.objects.iter().filter_map(|o| o.table()).any(|t| t.foreign.iter().any(|f| f.table == id))
                {
                    return Err(Error::new(4712, 16, format!("Cannot truncate table '{}' because it is being referenced by a FOREIGN KEY constraint.", name.0.join("."))).into());
                }
                self.lite(&format!("DELETE FROM {}", t.physical), &[], None)?;
                if let Some(id) = id {
                    lock!(self.shared.identities.lock()).remove(&id);
                }
                self.plain_done(out);
            }
            StatementKind::CreateTable(name, columns, constraints) => {
                self.create_table(name, columns, constraints)?;
                self.plain_done(out);
            }
            StatementKind::CreateView(name, text, replace) => {
                let q = parser::query(text)?;
                let bound = Binder::new(self).query(&q, false)?;
                if let Some(i) = bound.columns.iter().position(|c| c.name.is_empty()) {
                    return Err(Error::new(4511, 16, format!("Create View or Function failed because no column name was specified for column {}.", i + 1)).into());
                }
                self.create_object(name, ObjectKind::View(text.clone()), *replace)?;
                self.plain_done(out);
            }
            StatementKind::CreateProc(name, params, text, replace) => {
                self.create_object(name, ObjectKind::Procedure(params.clone(), text.clone()), *replace)?;
                self.plain_done(out);
            }
            StatementKind::CreateSchema(name) => {
                if self.catalog.schema(name).is_some() {
                    return Err(Error::new(2714, 16, format!("There is already an object named '{name}' in the database.")).into());
                }
                self.alter_catalog(|c| {
                    let id = c.schemas.len() as i64 + 2;
                    c.schemas.push((name.clone(), id));
                    Ok(())
                })?;
                self.plain_done(out);
            }
            StatementKind::CreateIndex { name, table, columns, unique } => {
                self.create_index(name, table, columns, *unique)?;
                self.plain_done(out);
            }
            StatementKind::AddColumns(name, columns, constraints) => {
                self.add_columns(name, columns, constraints)?;
                self.plain_done(out);
            }
            StatementKind::DropColumn(name, column) => {
                self.drop_column(name, column)?;
                self.plain_done(out);
            }
            StatementKind::Drop { what, names, if_exists, on } => {
                for n in names {
                    self.drop_object(what, n, *if_exists, on.as_ref())?;
                }
                self.plain_done(out);
            }
            StatementKind::UpdateStatistics(name) => {
                self.table_named(name)?;
                self.plain_done(out);
            }
            StatementKind::Declare(list) => {
                for (name, ty, init) in list {
                    let v = match init {
                        Some(e) => self.scalar(e, *ty)?,
                        None => Value::Null,
                    };
                    let frame = self.frame();
                    if frame.vars.contains_key(&name.to_lowercase()) && self.depth == 0 && !matches!(s.kind, StatementKind::While(..)) {
                        return Err(Error::new(134, 15, format!("The variable name '{name}' has already been declared. Variable names must be unique within a query batch or stored procedure.")).into());
                    }
                    self.frame().vars.insert(name.to_lowercase(), (*ty, v));
                }
            }
            StatementKind::DeclareTable(name, columns, constraints) => {
                self.create_table(&Name(vec![name.clone()]), columns, constraints)?;
            }
            StatementKind::SetVar(name, e) => {
                let ty = self.var(name).ok_or_else(|| Error::new(137, 15, format!("Must declare the scalar variable \"{name}\".")))?.0;
                let v = self.scalar(e, ty)?;
                self.frame().vars.insert(name.to_lowercase(), (ty, v));
                self.rowcount = 1;
            }
            StatementKind::SetOption(names, value) => self.set_option(names, value)?,
            StatementKind::ContextInfo(e) => {
                // Kept in 128 bytes, the rest of which are zero.
                // A variable is not asked of SQLite, where even that would wait for a writer.
                let value = match e {
                    Expr::Var(name) => self.var(name).map(|v| v.1),
                    _ => None,
                };
                let value = value.map_or_else(|| self.scalar(e, Type::VarBinary(crate::types::Len::N(128))), Ok)?;
                self.context_info = match value {
                    Value::Bin(mut b) => {
                        b.resize(128, 0);
                        Some(b)
                    }
                    _ => None,
                };
            }
            StatementKind::If(cond, yes, no) => {
                if self.condition(cond)? {
                    return self.statement(yes, out);
                } else if let Some(no) = no {
                    return self.statement(no, out);
                }
            }
            StatementKind::While(cond, body) => {
                while self.condition(cond)? {
                    match self.statement(body, out)? {
                        Flow::Next | Flow::Continue => {}
                        Flow::Break => break,
                        r @ Flow::Return(_) => return Ok(r),
                    }
                }
            }
            StatementKind::Block(list) => return self.block(list, out),
            StatementKind::Break => return Ok(Flow::Break),
            StatementKind::Continue => return Ok(Flow::Continue),
            StatementKind::Return(e) => {
                let n = match e {
                    Some(e) => match self.scalar(e, Type::Int)? {
                        Value::Int(i) => i,
                        _ => 0,
                    },
                    None => 0,
                };
                return Ok(Flow::Return(n));
            }
            StatementKind::Print(e) => {
                let text = match self.scalar(e, Type::NVarChar(crate::types::Len::N(4000)))? {
                    Value::Str(t) => t,
                    _ => String::new(),
                };
                let (line, text) = (s.line, if text.is_empty() { " ".to_owned() } else { text });
                out.write(|b| token::info(0, 0, 1, line, &text, b))?;
            }
            StatementKind::RaisError(args, log) => {
                if *log {
                    return Err(Error::new(2778, 16, "Only System Administrator can specify WITH LOG option for RAISERROR command.").into());
                }
                self.raiserror(args, s.line, out)?;
            }
            StatementKind::Throw(None) => match self.caught.last() {
                Some(e) => return Err(Stop::Error(e.clone())),
                None => return Err(Error::new(10704, 15, "To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the THROW statement inside a CATCH block, or add error parameters to the THROW statement.").into()),
            },
            StatementKind::Throw(Some(parts)) => {
                let number = match self.scalar(&parts[0], Type::Int)? { Value::Int(n) => n, _ => 0 };
                let text = match self.scalar(&parts[1], Type::NVarChar(crate::types::Len::N(2048)))? { Value::Str(t) => t, _ => String::new() };
                let state = match self.scalar(&parts[2], Type::TinyInt)? { Value::Int(n) => n, _ => 0 };
                if number < 50_000 {
                    return Err(Error::new(35100, 16, format!("Error number {number} in the THROW statement is outside the valid range. Specify an error number in the valid range of 50000 to 2147483647.")).into());
                }
                return Err(Error { state: state as u8, ..Error::new(number as u32, 16, text) }.into());
            }
            StatementKind::Try(body, handler) => {
                self.frame().tries += 1;
                let depth = self.frames.len();
                let r = self.block(body, out);
                self.frame().tries -= 1;
                match r {
                    Err(Stop::Error(e)) if e.number != CANCELLED && !e.compile && (11..20).contains(&e.class) => {
                        self.frames.truncate(depth);
                        self.error = i64::from(e.number);
                        self.caught.push(e);
                        let r = self.block(handler, out);
                        self.caught.pop();
                        return r;
                    }
                    r => return r,
                }
            }
            StatementKind::Begin => self.begin(out)?,
            StatementKind::Commit => {
                if self.doomed {
                    return Err(Error::new(3930, 16, "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction.").into());
                }
                self.commit(out)?;
            }
            StatementKind::Rollback => self.rollback(out)?,
            StatementKind::Use(name) => {
                let known = ["master", "tempdb", DATABASE].iter().find(|d| d.eq_ignore_ascii_case(name));
                let Some(db) = known else {
                    return Err(Error::new(911, 16, format!("Database '{name}' does not exist. Make sure that the name is entered correctly.")).into());
                };
                let old = std::mem::replace(&mut self.database, (*db).to_owned());
                let (new, line) = (self.database.clone(), s.line);
                out.write(|b| {
                    token::env_text(1, &new, &old, b);
                    token::info(5701, 0, 2, line, &format!("Changed database context to '{new}'."), b);
                })?;
            }
            StatementKind::Delay(e) => {
                let text = match self.scalar(e, Type::NVarChar(crate::types::Len::N(40)))? { Value::Str(t) => t, _ => String::new() };
                let m = crate::calendar::parse(&text, Type::DateTime).map_err(|_| Error::new(148, 15, format!("Incorrect time syntax in time string '{text}' used with WAITFOR.")))?;
                let until = Instant::now() + Duration::from_micros((m.ticks / 10) as u64);
                out.flush()?;
                while let Some(left) = until.checked_duration_since(Instant::now()) {
                    out.check()?;
                    #[expect(clippy::disallowed_methods, reason = "a session's engine has a thread of its own")]
                    std::thread::sleep(left.min(Duration::from_millis(5)));
                }
            }
            StatementKind::Exec { into, name, args } => {
                let code = self.exec(name, args, out)?;
                if let Some(v) = into {
                    let ty = self.var(v).map_or(Type::Int, |v| v.0);
                    self.frame().vars.insert(v.to_lowercase(), (ty, Value::Int(code)));
                }
            }
            StatementKind::ExecText(e) => {
                let sql = match self.scalar(e, Type::NVarChar(crate::types::Len::Max))? { Value::Str(t) => t, _ => String::new() };
                let mut none = Vec::new();
                self.execute(&sql, "", Vec::new(), &mut none, out)?;
            }
        }
        Ok(Flow::Next)
    }

    fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    // --- transactions

    fn begin(&mut self, out: &mut Out) -> Result<()> {
        if self.trancount == 0 {
            self.refresh();
            self.lite_batch("BEGIN")?;
            out.write(|b| token::env_bytes(8, &1u64.to_le_bytes(), &[], b))?;
        }
        self.trancount += 1;
        Ok(())
    }

    fn commit(&mut self, out: &mut Out) -> Result<()> {
        match self.trancount {
            0 => {
                return Err(Error::new(
                    3902,
                    16,
                    "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.",
                ));
            }
            1 => {
                self.lite_batch("COMMIT")?;
                self.trancount = 0;
                *lock!(self.shared.catalog.write()) = self.catalog.clone();
                out.write(|b| token::env_bytes(9, &[], &1u64.to_le_bytes(), b))?;
            }
            _ => self.trancount -= 1,
        }
        Ok(())
    }

    fn rollback_quietly(&mut self) -> Result<()> {
        self.trancount = 0;
        self.doomed = false;
        if !self.conn.is_autocommit() {
            self.lite_batch("ROLLBACK")?;
        }
        // What was made before the transaction is still there.
        let left: Vec<String> = self
            .conn
            .prepare("SELECT name FROM sqlite_temp_master")
            .and_then(|mut q| q.query_map([], |r| r.get(0))?.collect())
            .map_err(|e| self.translate(e, None, ""))?;
        self.temps
            .retain(|(_, _, t)| left.iter().any(|n| t.physical == format!("temp.{}", quote(n))));
        self.refresh();
        Ok(())
    }

    fn rollback(&mut self, out: &mut Out) -> Result<()> {
        if self.trancount == 0 {
            return Err(Error::new(
                3903,
                16,
                "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.",
            ));
        }
        // A variable's rows outlive a rollback, and those of the engine below do not.
        if self.temps.iter().any(|(n, ..)| n.starts_with('@')) {
            return Err(Error::unsupported("ROLLBACK while a table variable is declared"));
        }
        self.rollback_quietly()?;
        out.write(|b| token::env_bytes(10, &[], &1u64.to_le_bytes(), b))
    }

    // --- SQLite

    fn patience(&self) {
        let until = (self.lock_timeout >= 0)
            .then(|| Instant::now() + Duration::from_millis(self.lock_timeout as u64));
        PATIENCE.with(|p| p.borrow_mut().0 = until);
    }

    fn lite_batch(&self, sql: &str) -> Result<()> {
        self.patience();
        self.conn.execute_batch(sql).map_err(|e| self.translate(e, None, ""))
    }

    fn lite(
        &self,
        sql: &str,
        binds: &[Value],
        what: Option<(&str, &TableDef, &str)>,
    ) -> Result<usize> {
        self.patience();
        let (label, table, verb) = what.map_or(("", None, ""), |(l, t, v)| (l, Some(t), v));
        self.conn
            .prepare_cached(sql)
            .and_then(|mut s| s.execute(rusqlite::params_from_iter(binds)))
            .map_err(|e| self.translate(e, table.map(|t| (label, t)), verb))
    }

    fn translate(&self, e: rusqlite::Error, table: Option<(&str, &TableDef)>, verb: &str) -> Error {
        let (code, message) = match &e {
            rusqlite::Error::SqliteFailure(f, m) => {
                (f.extended_code, m.clone().unwrap_or_default())
            }
            other => (1, other.to_string()),
        };
        if let Some(e) = Error::unpack(&message) {
            return e;
        }
        let label = table.map_or("", |t| t.0);
        match code & 0xFF {
            5 | 6 => {
                return Error {
                    state: 51,
                    ..Error::new(1222, 16, "Lock request time out period exceeded.")
                };
            }
            9 => return Out::cancelled(),
            _ => {}
        }
        let last = |s: &str| s.rsplit('.').next().unwrap_or(s).to_owned();
        match code {
            1299 => {
                let column = last(&message);
                let verb = if verb.is_empty() { "INSERT" } else { verb };
                Error {
                    state: 2,
                    ..Error::new(
                        515,
                        16,
                        format!(
                            "Cannot insert the value NULL into column '{column}', table '{DATABASE}.{label}'; column does not allow nulls. {verb} fails."
                        ),
                    )
                }
            }
            1555 | 2067 => {
                let columns: Vec<String> = message
                    .trim_start_matches("UNIQUE constraint failed: ")
                    .split(", ")
                    .map(last)
                    .collect();
                let key = table.and_then(|(_, t)| {
                    t.keys.iter().find(|k| {
                        k.unique
                            && k.columns
                                .iter()
                                .map(|(i, _)| t.columns[*i].name.as_str())
                                .eq(columns.iter().map(String::as_str))
                    })
                });
                match key {
                    Some(k) if !k.constraint => Error::new(
                        2601,
                        14,
                        format!(
                            "Cannot insert duplicate key row in object '{label}' with unique index '{}'.",
                            k.name
                        ),
                    ),
                    k => {
                        let (kind, name) = k.map_or(("UNIQUE KEY", ""), |k| {
                            (if k.primary { "PRIMARY KEY" } else { "UNIQUE KEY" }, &k.name)
                        });
                        Error::new(
                            2627,
                            14,
                            format!(
                                "Violation of {kind} constraint '{name}'. Cannot insert duplicate key in object '{label}'."
                            ),
                        )
                    }
                }
            }
            275 => {
                let name = message.trim_start_matches("CHECK constraint failed: ").to_owned();
                Error::new(
                    547,
                    16,
                    format!(
                        "The {verb} statement conflicted with the CHECK constraint \"{name}\". The conflict occurred in database \"{DATABASE}\", table \"{label}\"."
                    ),
                )
            }
            787 => {
                let id = self
                    .catalog
                    .objects
                    .iter()
                    .find(|o| format!("{}.{}", o.schema, o.name) == label)
                    .map(|o| o.id);
                if verb == "DELETE" {
                    let by = self.catalog.objects.iter().find_map(|o| {
                        let f = o.table()?.foreign.iter().find(|f| Some(f.table) == id)?;
                        Some((f.name.clone(), format!("{}.{}", o.schema, o.name)))
                    });
                    let (name, other) = by.unwrap_or_default();
                    return Error::new(
                        547,
                        16,
                        format!(
                            "The DELETE statement conflicted with the REFERENCE constraint \"{name}\". The conflict occurred in database \"{DATABASE}\", table \"{other}\"."
                        ),
                    );
                }
                let names: Vec<String> = table
                    .map(|(_, t)| t.foreign.iter().map(|f| f.name.clone()).collect())
                    .unwrap_or_default();
                Error::new(
                    547,
                    16,
                    format!(
                        "The {verb} statement conflicted with the FOREIGN KEY constraint \"{}\". The conflict occurred in database \"{DATABASE}\".",
                        names.join("\" or \"")
                    ),
                )
            }
            _ if message.contains("integer overflow") => Error::overflow("int"),
            _ => Error::internal(message),
        }
    }

    fn constant(&self, e: &Expr) -> Result<(Type, Value)> {
        let (sql, binds, ty) = {
            let mut b = Binder::new(self);
            let x = b.expr(e)?;
            (x.sql, b.binds, x.ty)
        };
        self.one(&format!("SELECT {sql}"), &binds, ty).map(|v| (ty, v))
    }

    fn one(&self, sql: &str, binds: &[Value], ty: Type) -> Result<Value> {
        self.patience();
        let mut st = self.conn.prepare_cached(sql).map_err(|e| self.translate(e, None, ""))?;
        let mut rows =
            st.query(rusqlite::params_from_iter(binds)).map_err(|e| self.translate(e, None, ""))?;
        match rows.next().map_err(|e| self.translate(e, None, ""))? {
            Some(r) => Value::from_lite(r.get_ref(0).map_err(|e| self.translate(e, None, ""))?, ty),
            None => Ok(Value::Null),
        }
    }

    /// An expression's value, converted to `ty`.
    fn scalar(&self, e: &Expr, ty: Type) -> Result<Value> {
        let (sql, binds) = {
            let mut b = Binder::new(self);
            let x = b.expr(e)?;
            crate::convert::implicit(x.ty, ty).map_err(Error::compiled)?;
            if ty == Type::Xml && !matches!(x.ty, Type::Xml | Type::Null) {
                return Err(Error::unsupported(
                    "the conversion of a text to xml, which would check it",
                ));
            }
            (b.coerce(x, ty).sql, b.binds)
        };
        self.one(&format!("SELECT {sql}"), &binds, ty)
    }

    fn condition(&self, e: &Expr) -> Result<bool> {
        let (sql, binds) = {
            let mut b = Binder::new(self);
            (b.predicate(e)?, b.binds)
        };
        Ok(self.one(&format!("SELECT {sql}"), &binds, Type::Bit)? == Value::Int(1))
    }

    // --- queries and changes

    fn select(&mut self, q: &Query, out: &mut Out) -> Result<()> {
        if let Body::Select(s) = &q.body
            && let Some(into) = &s.into
        {
            return self.select_into(q, into, out);
        }
        let (bound, binds) = {
            let mut b = Binder::new(self);
            let bound = b.query(q, true)?;
            (bound, b.binds)
        };
        if self.fmtonly {
            out.write(|b| token::columns(&bound.columns, b))?;
            self.count(0, 0xC1, out);
            return Ok(());
        }
        if !bound.assigns.is_empty() {
            let types: Vec<Type> = bound.columns.iter().map(|c| c.ty).collect();
            let mut last = None;
            let n = self.rows(&bound.sql, &binds, &types, |row| {
                last = Some(row);
                Ok(())
            })?;
            if let Some(row) = last {
                for (v, (value, ty)) in bound.assigns.iter().zip(row.into_iter().zip(types)) {
                    self.frame().vars.insert(v.to_lowercase(), (ty, value));
                }
            }
            self.rowcount = n as i64;
            return Ok(());
        }
        let n = self.send(&bound.sql, &binds, &bound.columns, None, out)?;
        self.count(n, 0xC1, out);
        Ok(())
    }

    fn rows(
        &self,
        sql: &str,
        binds: &[Value],
        types: &[Type],
        mut each: impl FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<usize> {
        self.patience();
        let mut st = self.conn.prepare_cached(sql).map_err(|e| self.translate(e, None, ""))?;
        let mut rows =
            st.query(rusqlite::params_from_iter(binds)).map_err(|e| self.translate(e, None, ""))?;
        let mut n = 0;
        while let Some(r) = rows.next().map_err(|e| self.translate(e, None, ""))? {
            let row = types
                .iter()
                .enumerate()
                .map(|(i, t)| {
                    Value::from_lite(r.get_ref(i).map_err(|e| self.translate(e, None, ""))?, *t)
                })
                .collect::<Result<Vec<_>>>()?;
            each(row)?;
            n += 1;
        }
        Ok(n)
    }

    fn send(
        &self,
        sql: &str,
        binds: &[Value],
        columns: &[Column],
        change: Option<(&str, &TableDef, &str)>,
        out: &mut Out,
    ) -> Result<usize> {
        self.patience();
        let fail = |e: rusqlite::Error| {
            self.translate(e, change.map(|c| (c.0, c.1)), change.map_or("", |c| c.2))
        };
        let mut st = self.conn.prepare_cached(sql).map_err(fail)?;
        let mut rows = st.query(rusqlite::params_from_iter(binds)).map_err(fail)?;
        let mut first = rows.next().map_err(fail)?;
        out.write(|b| token::columns(columns, b))?;
        let mut n = 0;
        while let Some(r) = first {
            let row = columns
                .iter()
                .enumerate()
                .map(|(i, c)| {
                    Value::from_lite(r.get_ref(i).map_err(fail)?, c.ty)
                        .and_then(|v| Ok((self.cut(v, c.ty)?, c.ty)))
                })
                .collect::<Result<Vec<_>>>()?;
            out.row(|b| token::row(row.iter().map(|(v, t)| (v, *t)), b))?;
            n += 1;
            first = rows.next().map_err(fail)?;
        }
        Ok(n)
    }

    /// A (max) value within SET TEXTSIZE.
    fn cut(&self, v: Value, ty: Type) -> Result<Value> {
        let Some(n) = self.textsize.filter(|_| ty.max_length() == -1 && ty != Type::Xml) else {
            return Ok(v);
        };
        Ok(match v {
            Value::Str(s) => {
                Value::Str(crate::convert::cut_utf16(&s, if ty.is_unicode() { n / 2 } else { n })?)
            }
            Value::Bin(mut b) => {
                b.truncate(n);
                Value::Bin(b)
            }
            v => v,
        })
    }

    fn select_into(&mut self, q: &Query, into: &Name, out: &mut Out) -> Result<()> {
        let (bound, binds) = {
            let mut b = Binder::new(self);
            let bound = b.query(q, true)?;
            (bound, b.binds)
        };
        let columns: Vec<ColumnDef> = bound
            .columns
            .iter()
            .enumerate()
            .map(|(i, c)| {
                if c.name.is_empty() {
                    return Err(Error::new(1038, 15, format!("An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name (column {}).", i + 1)));
                }
                Ok(ColumnDef { name: c.name.clone(), ty: Some(c.ty), nullable: Some(c.flags & 1 == 1), identity: None, default: None, computed: None, inline: Vec::new() })
            })
            .collect::<Result<Vec<_>>>()?;
        self.create_table(into, &columns, &[])?;
        let (_, t) = self.table_named(into)?;
        let names: Vec<String> = t.columns.iter().map(|c| quote(&c.name)).collect();
        let n = self.lite(
            &format!("INSERT INTO {} ({}) {}", t.physical, names.join(","), bound.sql),
            &binds,
            None,
        )?;
        self.count(n, 0xC1, out);
        Ok(())
    }

    fn table_named(&self, name: &Name) -> Result<(Option<Arc<Object>>, TableDef)> {
        if let Some(n) = name.0.last()
            && n.starts_with(['#', '@'])
        {
            return self.temp(n).cloned().map(|t| (None, t)).ok_or_else(|| invalid_object(name));
        }
        let object = self.catalog.find(name).cloned().ok_or_else(|| invalid_object(name))?;
        match object.table().cloned() {
            Some(t) => Ok((Some(object), t)),
            None => {
                Err(Error::unsupported(format!("changing {} through a view", name.0.join("."))))
            }
        }
    }

    /// The table that UPDATE or DELETE changes, which its FROM may name by an alias.
    fn target(&self, target: &Name, from: &[Table]) -> Result<(String, TableDef)> {
        fn find<'t>(t: &'t Table, alias: &str) -> Option<&'t Name> {
            match t {
                Table::Named { name, alias: Some(a) } if a.eq_ignore_ascii_case(alias) => {
                    Some(name)
                }
                Table::Named { name, alias: None }
                    if name.0.last().is_some_and(|n| n.eq_ignore_ascii_case(alias)) =>
                {
                    Some(name)
                }
                Table::Join { left, right, .. } => find(left, alias).or_else(|| find(right, alias)),
                _ => None,
            }
        }
        let real = match target.0.as_slice() {
            [alias] => from.iter().find_map(|t| find(t, alias)).unwrap_or(target),
            _ => target,
        };
        let (object, t) = self.table_named(real)?;
        Ok((object.map_or_else(|| real.0.join("."), |o| format!("{}.{}", o.schema, o.name)), t))
    }

    #[expect(clippy::too_many_arguments, reason = "one place for INSERT, UPDATE and DELETE")]
    fn change(
        &mut self,
        sql: &str,
        binds: &[Value],
        columns: &[Column],
        command: u16,
        label: &str,
        table: &TableDef,
        verb: &str,
        out: &mut Out,
    ) -> Result<()> {
        if self.doomed {
            return Err(Error::new(
                3930,
                16,
                "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction.",
            ));
        }
        let n = if columns.is_empty() {
            self.lite(sql, binds, Some((label, table, verb)))?
        } else {
            self.send(sql, binds, columns, Some((label, table, verb)), out)?
        };
        self.count(n, command, out);
        Ok(())
    }

    fn insert(
        &mut self,
        target: &Name,
        columns: &[String],
        source: &Source,
        output: &[Item],
        out: &mut Out,
    ) -> Result<()> {
        let (object, table) = self.table_named(target)?;
        let label = object
            .as_ref()
            .map_or_else(|| target.0.join("."), |o| format!("{}.{}", o.schema, o.name));
        let id = object.as_ref().map(|o| o.id).unwrap_or_else(|| {
            // A number that no other temporary table has, of this session or another.
            let digits = table.physical.trim_end_matches('"').rsplit('_').next();
            -(self.spid * 1_000_000 + digits.and_then(|n| n.parse::<i64>().ok()).unwrap_or(0))
        });
        let explicit_identity = self.identity_insert == Some(id) && id > 0;
        let targets: Vec<usize> = if columns.is_empty() {
            (0..table.columns.len())
                .filter(|i| {
                    table.columns[*i].computed.is_none()
                        && (table.columns[*i].identity.is_none() || explicit_identity)
                })
                .collect()
        } else {
            columns
                .iter()
                .map(|n| {
                    table
                        .position(n)
                        .ok_or_else(|| Error::new(207, 16, format!("Invalid column name '{n}'.")))
                })
                .collect::<Result<_>>()?
        };
        for i in &targets {
            let c = &table.columns[*i];
            if c.identity.is_some() && !explicit_identity {
                return Err(Error::new(
                    544,
                    16,
                    format!(
                        "Cannot insert explicit value for identity column in table '{}' when IDENTITY_INSERT is set to OFF.",
                        ddl::label(target)
                    ),
                ));
            }
            if c.computed.is_some() {
                return Err(Error::new(
                    271,
                    16,
                    format!(
                        "The column \"{}\" cannot be modified because it is either a computed column or is the result of a UNION operator.",
                        c.name
                    ),
                ));
            }
        }
        let rest: Vec<usize> = (0..table.columns.len())
            .filter(|i| !targets.contains(i) && table.columns[*i].computed.is_none())
            .collect();
        let names: Vec<String> =
            targets.iter().chain(&rest).map(|i| quote(&table.columns[*i].name)).collect();
        let (sql, binds, returned) = {
            let mut b = Binder::new(self);
            let mut fill = Vec::new();
            for i in &rest {
                let c = &table.columns[*i];
                fill.push(match (&c.identity, &c.default) {
                    (Some((seed, inc)), _) => format!("next_identity({id},{seed},{inc})"),
                    (None, Some((_, e, _))) => {
                        let x = b.expr(e)?;
                        b.assign(x, c.ty)?.sql
                    }
                    _ => "NULL".to_owned(),
                });
            }
            let mismatch = |n: usize| {
                if n < targets.len() {
                    Error::new(
                        if columns.is_empty() { 213 } else { 109 },
                        16,
                        if columns.is_empty() {
                            "Column name or number of supplied values does not match table definition.".to_owned()
                        } else {
                            "There are more columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement.".to_owned()
                        },
                    )
                } else {
                    Error::new(
                        if columns.is_empty() { 213 } else { 110 },
                        16,
                        if columns.is_empty() {
                            "Column name or number of supplied values does not match table definition.".to_owned()
                        } else {
                            "There are fewer columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement.".to_owned()
                        },
                    )
                }
            };
            let body = match source {
                Source::Exec => return Err(Error::unsupported("INSERT … EXEC")),
                Source::Default => {
                    let mut all = Vec::new();
                    for i in &targets {
                        let c = &table.columns[*i];
                        all.push(match &c.default {
                            Some((_, e, _)) => {
                                let x = b.expr(e)?;
                                b.assign(x, c.ty)?.sql
                            }
                            None => "NULL".to_owned(),
                        });
                    }
                    all.extend(fill);
                    format!("VALUES ({})", all.join(","))
                }
                Source::Values(rows) => {
                    let mut out_rows = Vec::new();
                    for r in rows {
                        if r.len() != targets.len() {
                            return Err(mismatch(r.len()));
                        }
                        let mut cells = Vec::new();
                        for (v, i) in r.iter().zip(&targets) {
                            let c = &table.columns[*i];
                            let e = match (v, &c.default) {
                                (Some(e), _) => e,
                                (None, Some((_, e, _))) => e,
                                (None, None) => &Expr::Null,
                            };
                            let x = b.expr(e)?;
                            cells.push(b.assign(x, c.ty)?.sql);
                        }
                        cells.extend(fill.iter().cloned());
                        out_rows.push(format!("({})", cells.join(",")));
                    }
                    format!("VALUES {}", out_rows.join(","))
                }
                Source::Query(q) => {
                    let bound = b.query(q, true)?;
                    if bound.columns.len() != targets.len() {
                        return Err(if columns.is_empty() {
                            mismatch(bound.columns.len())
                        } else if bound.columns.len() < targets.len() {
                            Error::new(
                                120,
                                15,
                                "The select list for the INSERT statement contains fewer items than the insert list. The number of SELECT values must match the number of INSERT columns.",
                            )
                        } else {
                            Error::new(
                                121,
                                15,
                                "The select list for the INSERT statement contains more items than the insert list. The number of SELECT values must match the number of INSERT columns.",
                            )
                        });
                    }
                    let mut cells = Vec::new();
                    for (n, (c, i)) in bound.columns.iter().zip(&targets).enumerate() {
                        cells.push(b.column_value(n, c.ty, table.columns[*i].ty)?);
                    }
                    cells.extend(fill);
                    // A LIMIT keeps SQLite from dropping the ORDER BY that identity values follow.
                    let keep = if q.order.is_empty()
                        || q.offset.is_some()
                        || bound.sql.contains(" LIMIT ")
                    {
                        ""
                    } else {
                        " LIMIT -1"
                    };
                    format!("SELECT {} FROM ({}{keep})", cells.join(","), bound.sql)
                }
            };
            let (ret, returned) = if output.is_empty() {
                (String::new(), Vec::new())
            } else {
                let (r, c) = b.returning(output, &table, "inserted")?;
                (format!(" RETURNING {r}"), c)
            };
            (
                format!("INSERT INTO {} ({}) {body}{ret}", table.physical, names.join(",")),
                b.binds,
                returned,
            )
        };
        // What the last INSERT of the session gave stays, unless this one gives another.
        let before = self.scope_identity.swap(NO_IDENTITY, Ordering::Relaxed);
        let changed = self.change(&sql, &binds, &returned, 0xC3, &label, &table, "INSERT", out);
        match self.scope_identity.load(Ordering::Relaxed) {
            NO_IDENTITY => self.scope_identity.store(before, Ordering::Relaxed),
            n => self.frame().identity = Some(n),
        }
        changed?;
        if explicit_identity
            && let Some(i) = table.columns.iter().position(|c| c.identity.is_some())
        {
            let max = self.one(
                &format!("SELECT max({}) FROM {}", quote(&table.columns[i].name), table.physical),
                &[],
                Type::BigInt,
            )?;
            if let Value::Int(m) = max {
                let mut ids = lock!(self.shared.identities.lock());
                let e = ids.entry(id).or_insert(m);
                *e = (*e).max(m);
                self.scope_identity.store(m, Ordering::Relaxed);
                drop(ids);
                self.frame().identity = Some(m);
            }
        }
        Ok(())
    }

    // --- DDL

    /// Changes the catalog; at once visible to all outside a transaction, at its commit within one.
    fn alter_catalog<T>(&mut self, f: impl FnOnce(&mut Catalog) -> Result<T>) -> Result<T> {
        let mut c = (*self.catalog).clone();
        let r = f(&mut c)?;
        self.catalog = Arc::new(c);
        if self.trancount == 0 {
            *lock!(self.shared.catalog.write()) = self.catalog.clone();
        }
        Ok(r)
    }

    fn place(&self, name: &Name) -> Result<(String, String)> {
        let (schema, object) = split(name)
            .ok_or_else(|| Error::unsupported("objects outside the current database"))?;
        let schema = self.catalog.schema(schema).ok_or_else(|| {
            Error::new(2760, 16, format!("The specified schema name \"{schema}\" either does not exist or you do not have permission to use it."))
        })?;
        Ok((schema.to_owned(), object.to_owned()))
    }

    fn create_table(
        &mut self,
        name: &Name,
        columns: &[ColumnDef],
        constraints: &[Constraint],
    ) -> Result<()> {
        let exists = |n: &str| Error {
            state: 6,
            ..Error::new(
                2714,
                16,
                format!("There is already an object named '{n}' in the database."),
            )
        };
        let label = ddl::label(name);
        if label.starts_with("##") {
            return Err(Error::unsupported("global temporary tables"));
        }
        if label.starts_with(['#', '@']) {
            if self.temp(&label).is_some() {
                return Err(exists(&label));
            }
            self.next_temp += 1;
            let physical = format!("temp.{}", quote(&format!("{label}_{}", self.next_temp)));
            let mut scratch = (*self.catalog).clone();
            let t = ddl::table(self, &mut scratch, &label, physical, columns, constraints)?;
            if !t.foreign.is_empty() {
                return Err(Error::unsupported("foreign keys of temporary tables"));
            }
            self.lite_batch(&ddl::create_sql(self, &scratch, &t)?)?;
            self.temps.push((label, i64::from(self.depth), t));
            return Ok(());
        }
        let (schema, object) = self.place(name)?;
        if self.catalog.find(&Name(vec![schema.clone(), object.clone()])).is_some() {
            return Err(exists(&object));
        }
        let mut c = (*self.catalog).clone();
        let physical = format!("main.{}", quote(&format!("{schema}.{object}")));
        let id = c.fresh();
        // A table may refer to itself, so it is in the catalog before its constraints are read.
        let bare: Vec<ColumnDef> =
            columns.iter().map(|d| ColumnDef { inline: Vec::new(), ..d.clone() }).collect();
        let keys: Vec<Constraint> = constraints
            .iter()
            .chain(columns.iter().flat_map(|d| &d.inline))
            .filter(|k| matches!(k, Constraint::Key { .. }))
            .cloned()
            .collect();
        let early = ddl::table(self, &mut c, &object, physical.clone(), &bare, &keys)?;
        c.put(Object {
            id,
            schema: schema.clone(),
            name: object.clone(),
            description: None,
            kind: ObjectKind::Table(early),
        });
        let t = ddl::table(self, &mut c, &object, physical, columns, constraints)?;
        c.put(Object {
            id,
            schema,
            name: object,
            description: None,
            kind: ObjectKind::Table(t.clone()),
        });
        let sql = ddl::create_sql(self, &c, &t)?;
        self.lite_batch(&sql)?;
        self.alter_catalog(|now| {
            *now = c;
            Ok(())
        })
    }

    fn create_object(&mut self, name: &Name, kind: ObjectKind, replace: bool) -> Result<()> {
        let (schema, object) = self.place(name)?;
        let existing = self.catalog.find(&Name(vec![schema.clone(), object.clone()])).cloned();
        if let Some(o) = &existing
            && (!replace || std::mem::discriminant(&o.kind) != std::mem::discriminant(&kind))
        {
            return Err(Error {
                state: 3,
                ..Error::new(
                    2714,
                    16,
                    format!("There is already an object named '{object}' in the database."),
                )
            });
        }
        self.alter_catalog(|c| {
            let id = existing.map_or_else(|| c.fresh(), |o| o.id);
            c.put(Object { id, schema, name: object, description: None, kind });
            Ok(())
        })
    }

    fn replace_table(&mut self, object: &Object, t: TableDef) -> Result<()> {
        let mut o = object.clone();
        o.kind = ObjectKind::Table(t);
        self.alter_catalog(|c| {
            c.put(o);
            Ok(())
        })
    }

    fn create_index(
        &mut self,
        name: &str,
        table: &Name,
        columns: &[(String, bool)],
        unique: bool,
    ) -> Result<()> {
        let (object, mut t) = self.table_named(table)?;
        if t.keys.iter().any(|k| k.name.eq_ignore_ascii_case(name)) {
            return Err(Error::new(
                1913,
                16,
                format!(
                    "The operation failed because an index or statistics with name '{name}' already exists on table '{}'.",
                    table.0.join(".")
                ),
            ));
        }
        let mut cols = Vec::new();
        for (c, desc) in columns {
            cols.push((
                t.position(c).ok_or_else(|| {
                    Error::new(
                        1911,
                        16,
                        format!("Column name '{c}' does not exist in the target table or view."),
                    )
                })?,
                *desc,
            ));
        }
        let key = crate::catalog::Key {
            id: 0,
            name: name.to_owned(),
            primary: false,
            constraint: false,
            unique,
            columns: cols,
        };
        let place = if t.physical.starts_with("temp.") { "temp" } else { "main" };
        let bare = t.physical.trim_start_matches("temp.").trim_start_matches("main.").to_owned();
        let sql = format!(
            "CREATE {}INDEX {place}.{} ON {bare} ({})",
            if unique { "UNIQUE " } else { "" },
            quote(&format!("{bare}.{name}")),
            ddl::key_list(&t, &key)
        );
        self.lite_batch(&sql).map_err(|e| if e.number == 2627 { Error::new(1505, 16, format!("The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name '{}' and the index name '{name}'.", table.0.join("."))) } else { e })?;
        t.keys.push(key);
        match object {
            Some(o) => self.replace_table(&o, t),
            None => {
                if let Some(slot) = self.temps.iter_mut().rev().find(|x| x.2.physical == t.physical)
                {
                    slot.2 = t;
                }
                Ok(())
            }
        }
    }

    fn add_columns(
        &mut self,
        name: &Name,
        columns: &[ColumnDef],
        constraints: &[Constraint],
    ) -> Result<()> {
        let (object, mut t) = self.table_named(name)?;
        let Some(o) = object else {
            return Err(Error::unsupported("ALTER TABLE of a temporary table"));
        };
        if !constraints.is_empty()
            || columns.iter().any(|c| !c.inline.is_empty() || c.identity.is_some())
        {
            return Err(Error::unsupported(
                "ALTER TABLE … ADD of a constraint or an identity column",
            ));
        }
        let mut c = (*self.catalog).clone();
        for d in columns {
            if t.position(&d.name).is_some() {
                return Err(Error::new(
                    2705,
                    16,
                    format!(
                        "Column names in each table must be unique. Column name '{}' in table '{}' is specified more than once.",
                        d.name,
                        name.0.join(".")
                    ),
                ));
            }
            let one = ddl::table(
                self,
                &mut c,
                &o.name,
                t.physical.clone(),
                std::slice::from_ref(d),
                &[],
            )?;
            let Some(meta): Option<ColumnMeta> = one.columns.into_iter().next() else { continue };
            t.columns.push(meta.clone());
            if !meta.nullable && meta.default.is_none() && self.rows_of(&t)? > 0 {
                return Err(Error::new(
                    4901,
                    16,
                    format!(
                        "ALTER TABLE only allows columns to be added that can contain nulls, or have a DEFAULT definition specified, or the column being added is an identity or timestamp column, or alternatively if none of the previous conditions are satisfied the table must be empty to allow addition of this column. Column '{}' cannot be added to non-empty table '{}' because it does not satisfy these conditions.",
                        meta.name, o.name
                    ),
                ));
            }
            let mut sql = format!(
                "ALTER TABLE {} ADD COLUMN {}",
                t.physical,
                ddl::column_sql(self, &t, &meta)?
            );
            if let Some((_, e, _)) = &meta.default
                && !meta.nullable
            {
                let (ty, v) = self.constant(e)?;
                let v = crate::convert::assign(v, ty, meta.ty)?;
                sql += &format!(" DEFAULT {}", crate::bind::literal(&v));
            }
            self.lite_batch(&sql)?;
        }
        self.replace_table(&o, t)
    }

    fn drop_column(&mut self, name: &Name, column: &str) -> Result<()> {
        let (object, mut t) = self.table_named(name)?;
        let Some(o) = object else {
            return Err(Error::unsupported("ALTER TABLE of a temporary table"));
        };
        let i = t.position(column).ok_or_else(|| {
            Error::new(
                4924,
                16,
                format!(
                    "ALTER TABLE DROP COLUMN failed because column '{column}' does not exist in table '{}'.",
                    o.name
                ),
            )
        })?;
        if t.keys.iter().any(|k| k.columns.iter().any(|c| c.0 >= i))
            || t.foreign.iter().any(|f| f.columns.iter().any(|c| *c >= i))
            || t.columns[i].default.is_some()
        {
            return Err(Error::unsupported(
                "dropping a column that stands before or in a key, or has a default",
            ));
        }
        self.lite_batch(&format!(
            "ALTER TABLE {} DROP COLUMN {}",
            t.physical,
            quote(&t.columns[i].name)
        ))?;
        t.columns.remove(i);
        self.replace_table(&o, t)
    }

    fn drop_object(
        &mut self,
        what: &str,
        name: &Name,
        if_exists: bool,
        on: Option<&Name>,
    ) -> Result<()> {
        let missing = |n: &str| Error {
            state: 5,
            ..Error::new(
                3701,
                11,
                format!(
                    "Cannot drop the {} '{n}', because it does not exist or you do not have permission.",
                    what.to_lowercase()
                ),
            )
        };
        let shown = name.0.join(".");
        if what == "INDEX" {
            let Some(on) = on else { return Err(Error::unsupported("DROP INDEX without ON")) };
            let (object, mut t) = self.table_named(on)?;
            let Some(o) = object else {
                return Err(Error::unsupported("DROP INDEX on a temporary table"));
            };
            let Some(i) =
                t.keys.iter().position(|k| !k.constraint && k.name.eq_ignore_ascii_case(&shown))
            else {
                return if if_exists { Ok(()) } else { Err(missing(&shown)) };
            };
            let bare = t.physical.trim_start_matches("main.").to_owned();
            self.lite_batch(&format!(
                "DROP INDEX main.{}",
                quote(&format!("{bare}.{}", t.keys[i].name))
            ))?;
            t.keys.remove(i);
            return self.replace_table(&o, t);
        }
        if what == "SCHEMA" {
            let Some(s) = self.catalog.schema(&shown).map(str::to_owned) else {
                return if if_exists { Ok(()) } else { Err(missing(&shown)) };
            };
            if self.catalog.objects.iter().any(|o| o.schema == s)
                || matches!(s.as_str(), "dbo" | "sys" | "INFORMATION_SCHEMA")
            {
                return Err(Error::new(
                    3729,
                    16,
                    format!(
                        "Cannot drop schema '{s}' because it is being referenced by an object."
                    ),
                ));
            }
            return self.alter_catalog(|c| {
                c.schemas.retain(|(n, _)| *n != s);
                Ok(())
            });
        }
        if let Some(n) = name.0.last().filter(|n| n.starts_with('#')) {
            let Some(i) = self.temps.iter().rposition(|(t, _, _)| t.eq_ignore_ascii_case(n)) else {
                return if if_exists { Ok(()) } else { Err(missing(n)) };
            };
            let (_, _, t) = self.temps.remove(i);
            return self.lite_batch(&format!("DROP TABLE {}", t.physical));
        }
        let object = self.catalog.find(name).cloned().filter(|o| match o.kind {
            ObjectKind::Table(_) => what == "TABLE",
            ObjectKind::View(_) => what == "VIEW",
            ObjectKind::Procedure(..) => what == "PROCEDURE",
        });
        let Some(o) = object else { return if if_exists { Ok(()) } else { Err(missing(&shown)) } };
        if let Some(t) = o.table() {
            if self
                .catalog
                .objects
                .iter()
                .filter(|x| x.id != o.id)
                .filter_map(|x| x.table())
                .any(|t| t.foreign.iter().any(|f| f.table == o.id))
            {
                return Err(Error::new(
                    3726,
                    16,
                    format!(
                        "Could not drop object '{shown}' because it is referenced by a FOREIGN KEY constraint."
                    ),
                ));
            }
            self.lite_batch(&format!("DROP TABLE {}", t.physical))?;
        }
        self.alter_catalog(|c| {
            c.objects.retain(|x| x.id != o.id);
            Ok(())
        })
    }

    // --- procedures

    fn exec(&mut self, name: &Name, args: &[Arg], out: &mut Out) -> Run<i64> {
        let mut values = Vec::new();
        for a in args {
            let v = match &a.value {
                Some(e) => Some(self.constant(e)?),
                None => None,
            };
            values.push((a.name.clone(), v, a.output));
        }
        let mut outputs = Vec::new();
        let last = name.0.last().cloned().unwrap_or_default();
        let code = if last.eq_ignore_ascii_case("sp_executesql") {
            let mut params: Vec<Param> = values
                .into_iter()
                .map(|(n, v, output)| {
                    let (ty, value) = v.unwrap_or((Type::Null, Value::Null));
                    Param { name: n.unwrap_or_default(), output, ty, value }
                })
                .collect();
            let text = |p: Option<Param>| match p.map(|p| p.value) {
                Some(Value::Str(s)) => s,
                _ => String::new(),
            };
            let mut take = |name: &str| {
                let at = params
                    .iter()
                    .position(|p| p.name.eq_ignore_ascii_case(name))
                    .or_else(|| params.first().filter(|p| p.name.is_empty()).map(|_| 0));
                at.map(|i| params.remove(i))
            };
            let sql = text(take("@stmt").or_else(|| take("@statement")));
            let decl = text(take("@params").or_else(|| take("@parameters")));
            self.execute(&sql, &decl, params, &mut outputs, out)?
        } else {
            self.procedure(name, values, &mut outputs, out)?
        };
        // OUTPUT arguments go back to the variables they came from.
        for (_, formal, ty, v) in outputs {
            let actual = args
                .iter()
                .filter(|a| a.output)
                .find(|a| a.name.as_ref().is_none_or(|n| n.eq_ignore_ascii_case(&formal)));
            if let Some(Expr::Var(var)) = actual.and_then(|a| a.value.as_ref()) {
                let to = self.var(var).map_or(ty, |v| v.0);
                let v = crate::convert::convert(v, ty, to, crate::convert::NO_STYLE)?;
                self.frame().vars.insert(var.to_lowercase(), (to, v));
            }
        }
        if !self.nocount {
            out.done(Done::Proc, 0, 0xE0, 0);
        }
        Ok(code)
    }

    fn procedure(
        &mut self,
        name: &Name,
        args: Vec<Given>,
        outputs: &mut Vec<(u16, String, Type, Value)>,
        out: &mut Out,
    ) -> Run<i64> {
        let shown = name.0.join(".");
        let Some(object) = self.catalog.find(name).cloned() else {
            let mut given = Vec::new();
            for (name, value, _) in &args {
                given.push((name.clone(), value.as_ref().map_or(Value::Null, |v| v.1.clone())));
            }
            let bare = name.0.last().map_or("", String::as_str);
            if let Some((columns, rows)) =
                crate::catalog::procedures::run(bare, &given, &self.catalog, self)?
            {
                out.write(|b| token::columns(&columns, b))?;
                for row in &rows {
                    out.row(|b| token::row(row.iter().zip(columns.iter().map(|c| c.ty)), b))?;
                }
                out.done(Done::InProc, status::COUNT, 0xC1, rows.len() as u64);
                return Ok(0);
            }
            // Whatever begins like this may be one of the server's own.
            let last = name.0.last().map_or(String::new(), |n| n.to_ascii_lowercase());
            if last.starts_with("sp_")
                || last.starts_with("xp_")
                || name.0.iter().rev().skip(1).any(|s| {
                    ["sys", "master", "msdb", "model", "tempdb"]
                        .iter()
                        .any(|x| s.eq_ignore_ascii_case(x))
                })
            {
                return Err(Error::unsupported(format!("the procedure {shown}")).into());
            }
            return Err(Error {
                state: 62,
                ..Error::new(2812, 16, format!("Could not find stored procedure '{shown}'."))
            }
            .into());
        };
        let ObjectKind::Procedure(params, text) = &object.kind else {
            return Err(Error::new(
                2812,
                16,
                format!("Could not find stored procedure '{shown}'."),
            )
            .into());
        };
        if args.len() > params.len() {
            return Err(Error {
                state: 2,
                ..Error::new(
                    8144,
                    16,
                    format!(
                        "Procedure or function {} has too many arguments specified.",
                        object.name
                    ),
                )
            }
            .into());
        }
        let mut frame = Frame { in_proc: true, proc_name: object.name.clone(), ..Frame::default() };
        for (i, p) in params.iter().enumerate() {
            let given = args
                .iter()
                .find(|a| a.0.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(&p.name)))
                .or_else(|| args.get(i).filter(|a| a.0.is_none()));
            let v = match (given.and_then(|g| g.1.clone()), &p.default) {
                (Some((ty, v)), _) => {
                    crate::convert::convert(v, ty, p.ty, crate::convert::NO_STYLE)?
                }
                (None, Some(e)) => {
                    let (ty, v) = self.constant(e)?;
                    crate::convert::convert(v, ty, p.ty, crate::convert::NO_STYLE)?
                }
                (None, None) => {
                    return Err(Error {
                        state: 4,
                        ..Error::new(
                            201,
                            16,
                            format!(
                                "Procedure or function '{}' expects parameter '{}', which was not supplied.",
                                object.name, p.name
                            ),
                        )
                    }
                    .into());
                }
            };
            frame.vars.insert(p.name.to_lowercase(), (p.ty, v));
        }
        if let Some((Some(n), _, _)) = args.iter().find(|a| {
            a.0.as_ref().is_some_and(|n| !params.iter().any(|p| p.name.eq_ignore_ascii_case(n)))
        }) {
            return Err(Error {
                state: 2,
                ..Error::new(
                    8145,
                    16,
                    format!("{n} is not a parameter for procedure {}.", object.name),
                )
            }
            .into());
        }
        let stmts = parser::batch(text)?;
        let (code, frame) = self.scope(frame, &stmts, out)?;
        for (i, p) in params.iter().enumerate().filter(|(_, p)| p.output) {
            if let Some((ty, v)) = frame.vars.get(&p.name.to_lowercase()) {
                outputs.push((i as u16, p.name.clone(), *ty, v.clone()));
            }
        }
        Ok(code)
    }

    fn raiserror(&mut self, args: &[Expr], line: u32, out: &mut Out) -> Run<()> {
        let [message, severity, state, rest @ ..] = args else {
            return Err(Error::syntax(")", line).into());
        };
        let (ty, v) = self.constant(message)?;
        let (number, format) = match v {
            Value::Str(s) => (50_000, s),
            Value::Int(_) if ty.is_int() => {
                return Err(Error::unsupported("RAISERROR with a message number").into());
            }
            _ => (50_000, String::new()),
        };
        let class = match self.scalar(severity, Type::Int)? {
            Value::Int(n) => n.clamp(0, 25) as u8,
            _ => return Err(Error::unsupported("RAISERROR with a severity that is NULL").into()),
        };
        let state = match self.scalar(state, Type::Int)? {
            Value::Int(n) if n < 0 => 1,
            Value::Int(n) if n <= 255 => n as u8,
            _ => {
                return Err(
                    Error::unsupported("RAISERROR with a state that is NULL or above 255").into()
                );
            }
        };
        let values = rest.iter().map(|e| self.constant(e)).collect::<Result<Vec<_>>>()?;
        let text = crate::message::format(&format, &values)?;
        if class <= 10 {
            out.write(|b| token::info(number, class, state, line, &text, b))?;
            return Ok(());
        }
        if class > 18 {
            return Err(Error::new(2754, 16, "Error severity levels greater than 18 can only be specified by members of the sysadmin role, using the WITH LOG option.").into());
        }
        Err(Error { state, ..Error::new(number, class, text) }.into())
    }

    fn set_option(&mut self, names: &[String], value: &str) -> Result<()> {
        let on = value.eq_ignore_ascii_case("ON");
        for n in names {
            match n.to_ascii_uppercase().as_str() {
                "NOCOUNT" => self.nocount = on,
                "XACT_ABORT" => self.xact_abort = on,
                "LOCK_TIMEOUT" => {
                    self.lock_timeout = value.parse().map_err(|_| Error::syntax(value, 0))?
                }
                "IDENTITY_INSERT" => {
                    let table = Name(names[1].split('.').map(str::to_owned).collect());
                    let (object, _) = self.table_named(&table)?;
                    self.identity_insert = object.filter(|_| on).map(|o| o.id);
                    return Ok(());
                }
                "FMTONLY" => self.fmtonly = on,
                // Other values of these change answers.
                "DATEFORMAT" | "DATEFIRST" | "LANGUAGE" => {
                    if !matches!(
                        value.to_ascii_lowercase().as_str(),
                        "mdy" | "7" | "us_english" | "english"
                    ) {
                        return Err(Error::unsupported(format!("SET {n} {value}")));
                    }
                }
                "PARSEONLY"
                | "NOEXEC"
                | "SHOWPLAN_ALL"
                | "SHOWPLAN_TEXT"
                | "SHOWPLAN_XML"
                | "IMPLICIT_TRANSACTIONS"
                | "NUMERIC_ROUNDABORT"
                | "ARITHIGNORE"
                | "STATISTICS"
                | "ANSI_NULL_DFLT_OFF"
                | "FORCEPLAN"
                | "REMOTE_PROC_TRANSACTIONS"
                    if !on => {}
                "ROWCOUNT" | "QUERY_GOVERNOR_COST_LIMIT" if value == "0" => {}
                "ANSI_NULLS"
                | "ANSI_PADDING"
                | "ANSI_WARNINGS"
                | "CONCAT_NULL_YIELDS_NULL"
                | "QUOTED_IDENTIFIER"
                | "ANSI_NULL_DFLT_ON"
                    if on => {}
                "TEXTSIZE" => {
                    self.textsize = match value.parse::<i64>() {
                        Ok(-1) => None,
                        Ok(0) => Some(4096),
                        Ok(n) if (1..=i64::from(i32::MAX)).contains(&n) => {
                            Some(n as usize).filter(|n| *n < i32::MAX as usize)
                        }
                        _ => return Err(Error::unsupported(format!("SET {n} {value}"))),
                    };
                }
                "ARITHABORT"
                | "CURSOR_CLOSE_ON_COMMIT"
                | "TRANSACTION ISOLATION LEVEL"
                | "DEADLOCK_PRIORITY" => {}
                _ => return Err(Error::unsupported(format!("SET {n} {value}"))),
            }
        }
        Ok(())
    }

    fn rows_of(&self, t: &TableDef) -> Result<i64> {
        match self.one(&format!("SELECT count(*) FROM {}", t.physical), &[], Type::BigInt)? {
            Value::Int(n) => Ok(n),
            _ => Ok(0),
        }
    }
}

impl Facts for Engine {
    fn row_count(&self, table: &TableDef) -> i64 {
        self.rows_of(table).unwrap_or(0)
    }

    fn view_columns(&self, object: &Object) -> Vec<Column> {
        let ObjectKind::View(text) = &object.kind else { return Vec::new() };
        parser::query(text)
            .and_then(|q| Binder::new(self).query(&q, false))
            .map(|b| b.columns)
            .unwrap_or_default()
    }

    fn last_identity(&self, id: i64) -> Option<i64> {
        lock!(self.shared.identities.lock()).get(&id).copied()
    }
}

impl Env for Engine {
    fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    fn calls(&self) -> &Calls {
        &self.shared.calls
    }

    fn var(&self, name: &str) -> Option<(Type, Value)> {
        self.frames.last()?.vars.get(&name.to_lowercase()).cloned()
    }

    fn temp(&self, name: &str) -> Option<&TableDef> {
        self.temps.iter().rev().find(|(n, _, _)| n.eq_ignore_ascii_case(name)).map(|(_, _, t)| t)
    }

    fn system_view(&self, schema: &str, name: &str) -> Result<Option<views::Rows>> {
        Ok(views::rows(&self.catalog, self, schema, name))
    }

    fn session_fn(&self, name: &str, args: &[Value]) -> Result<Option<(Type, Value)>> {
        use crate::calendar::now;
        let sysname = Type::NVarChar(crate::types::Len::N(128));
        let text = |s: &str| Value::Str(s.to_owned());
        let arg = |i: usize| match args.get(i) {
            Some(Value::Str(s)) => s.clone(),
            _ => String::new(),
        };
        let int = |i: usize| match args.get(i) {
            Some(Value::Int(n)) => *n,
            _ => 0,
        };
        let identity = match self.scope_identity.load(Ordering::Relaxed) {
            NO_IDENTITY => Value::Null,
            n => Value::Dec(i128::from(n)),
        };
        let caught = |f: fn(&Error) -> Value| self.caught.last().map_or(Value::Null, f);
        Ok(Some(match name {
            "@@VERSION" => (
                Type::NVarChar(crate::types::Len::N(300)),
                text(
                    "Microsoft SQL Server 2019 (sandbox of mssql-mcp, a stand-in over SQLite) - 15.0.2000.5 (X64)",
                ),
            ),
            "@@ROWCOUNT" => (Type::Int, Value::Int(self.rowcount)),
            "ROWCOUNT_BIG" => (Type::BigInt, Value::Int(self.rowcount)),
            "@@ERROR" => (Type::Int, Value::Int(self.error)),
            "@@TRANCOUNT" => (Type::Int, Value::Int(self.trancount)),
            "XACT_STATE" => (
                Type::SmallInt,
                Value::Int(if self.doomed { -1 } else { i64::from(self.trancount > 0) }),
            ),
            "@@SPID" => (Type::SmallInt, Value::Int(self.spid)),
            "@@SERVERNAME" => (sysname, text(token::SERVER)),
            "@@SERVICENAME" => (sysname, text("MSSQLSERVER")),
            "@@LANGUAGE" => (sysname, text("us_english")),
            "@@DATEFIRST" => (Type::TinyInt, Value::Int(7)),
            "CONTEXT_INFO" => (
                Type::VarBinary(crate::types::Len::N(128)),
                self.context_info.clone().map_or(Value::Null, Value::Bin),
            ),
            "@@LOCK_TIMEOUT" => (Type::Int, Value::Int(self.lock_timeout)),
            "@@MAX_CONNECTIONS" => (Type::Int, Value::Int(32_767)),
            "@@MAX_PRECISION" => (Type::TinyInt, Value::Int(38)),
            "@@NESTLEVEL" => (Type::Int, Value::Int(i64::from(self.depth))),
            "@@OPTIONS" => (Type::Int, Value::Int(5432)),
            "@@MICROSOFTVERSION" => (Type::Int, Value::Int(0x0F00_07D0)),
            "@@IDENTITY" => (Type::Decimal(38, 0), identity),
            "SCOPE_IDENTITY" => {
                let n = self.frames.last().and_then(|f| f.identity);
                (Type::Decimal(38, 0), n.map_or(Value::Null, |n| Value::Dec(i128::from(n))))
            }
            "IDENT_CURRENT" => {
                let id = self.catalog.find(&written_name(&arg(0))).map(|o| o.id);
                (
                    Type::Decimal(38, 0),
                    id.and_then(|i| self.last_identity(i))
                        .map_or(Value::Null, |n| Value::Dec(i128::from(n))),
                )
            }
            "GETDATE" | "CURRENT_TIMESTAMP" | "GETUTCDATE" => {
                (Type::DateTime, Value::Int(crate::calendar::round_datetime(now())))
            }
            "SYSDATETIME" | "SYSUTCDATETIME" => (Type::DateTime2(7), Value::Int(now())),
            "SYSDATETIMEOFFSET" => (Type::DateTimeOffset(7), Value::Offset(now(), 0)),
            // With these arguments they ask about others.
            "SUSER_SNAME" | "SUSER_NAME" | "USER_NAME" | "HAS_DBACCESS"
                if !(args.is_empty()
                    || name == "HAS_DBACCESS" && arg(0).eq_ignore_ascii_case(DATABASE)) =>
            {
                return Err(Error::unsupported(format!("{name} with an argument")));
            }
            "OBJECT_NAME" | "OBJECT_SCHEMA_NAME" if args.len() > 1 => {
                return Err(Error::unsupported(format!("{name} in another database")));
            }
            "DB_NAME" => match args.first() {
                None => (sysname, text(&self.database)),
                Some(Value::Int(n)) => (
                    sysname,
                    match n {
                        1 => text("master"),
                        2 => text("tempdb"),
                        3 => text("model"),
                        4 => text("msdb"),
                        5 => text(DATABASE),
                        _ => Value::Null,
                    },
                ),
                _ => (sysname, Value::Null),
            },
            "DB_ID" => {
                let n = if args.is_empty() { self.database.clone() } else { arg(0) };
                (
                    Type::SmallInt,
                    match n.to_lowercase().as_str() {
                        "master" => Value::Int(1),
                        "tempdb" => Value::Int(2),
                        "model" => Value::Int(3),
                        "msdb" => Value::Int(4),
                        DATABASE => Value::Int(5),
                        _ => Value::Null,
                    },
                )
            }
            "SCHEMA_NAME" => match args.first() {
                None => (sysname, text("dbo")),
                _ => (
                    sysname,
                    self.catalog
                        .schemas
                        .iter()
                        .find(|(_, id)| *id == int(0))
                        .map_or(Value::Null, |(s, _)| text(s)),
                ),
            },
            "SCHEMA_ID" => {
                let n = if args.is_empty() { "dbo".to_owned() } else { arg(0) };
                (
                    Type::Int,
                    self.catalog
                        .schemas
                        .iter()
                        .find(|(s, _)| s.eq_ignore_ascii_case(&n))
                        .map_or(Value::Null, |(_, id)| Value::Int(*id)),
                )
            }
            "OBJECT_ID" => {
                let n = arg(0);
                let name = written_name(
                    n.trim_start_matches("tempdb..").trim_start_matches("tempdb.dbo."),
                );
                let wanted = arg(1);
                let mut places = name.0.iter().rev().skip(1);
                if places.any(|s| {
                    ["sys", "INFORMATION_SCHEMA", "master", "msdb"]
                        .iter()
                        .any(|x| s.eq_ignore_ascii_case(x))
                }) {
                    return Err(Error::unsupported(format!("OBJECT_ID of {n}")));
                }
                let hit = self
                    .catalog
                    .find(&name)
                    .filter(|o| {
                        wanted.is_empty()
                            || o.type_code().0.trim().eq_ignore_ascii_case(wanted.trim())
                    })
                    .map(|o| o.id);
                let temp = || {
                    name.0
                        .last()
                        .and_then(|n| self.temps.iter().rposition(|t| t.0.eq_ignore_ascii_case(n)))
                        .map(|i| -(i as i64) - 1)
                };
                (Type::Int, hit.or_else(temp).map_or(Value::Null, Value::Int))
            }
            "OBJECT_NAME" => {
                (sysname, self.catalog.by_id(int(0)).map_or(Value::Null, |o| text(&o.name)))
            }
            "OBJECT_SCHEMA_NAME" => {
                (sysname, self.catalog.by_id(int(0)).map_or(Value::Null, |o| text(&o.schema)))
            }
            "OBJECT_DEFINITION" => (
                Type::NVarChar(crate::types::Len::Max),
                self.catalog
                    .by_id(int(0))
                    .and_then(|o| describe::definition(o))
                    .map_or(Value::Null, Value::Str),
            ),
            "TYPE_NAME" => (
                sysname,
                ALL_TYPES
                    .iter()
                    .find(|t| t.name_and_id().1 == int(0))
                    .map(|t| text(t.name_and_id().0))
                    .ok_or_else(|| Error::unsupported(format!("TYPE_NAME({})", int(0))))?,
            ),
            "COL_NAME" => (
                sysname,
                self.catalog
                    .by_id(int(0))
                    .and_then(|o| {
                        o.table()?
                            .columns
                            .get(usize::try_from(int(1) - 1).ok()?)
                            .map(|c| text(&c.name))
                    })
                    .unwrap_or(Value::Null),
            ),
            "SUSER_SNAME" | "SUSER_NAME" | "ORIGINAL_LOGIN" | "SYSTEM_USER" => {
                (sysname, text(&self.user))
            }
            "USER_NAME" | "CURRENT_USER" | "SESSION_USER" | "USER" => (sysname, text("dbo")),
            "HOST_NAME" => (sysname, text(&self.host)),
            "APP_NAME" => (sysname, text(&self.app)),
            // The one login may read and change everything in the one database, and
            // belongs to no role.
            "HAS_PERMS_BY_NAME" => {
                let beyond = [
                    "CONTROL",
                    "CONTROL SERVER",
                    "IMPERSONATE ANY LOGIN",
                    "ALTER ANY LOGIN",
                    "ALTER TRACE",
                    "EXECUTE ANY EXTERNAL ENDPOINT",
                ];
                let asked = arg(2).to_ascii_uppercase();
                (Type::Int, Value::Int(i64::from(!beyond.contains(&asked.as_str()))))
            }
            "IS_MEMBER" => {
                (Type::Int, Value::Int(i64::from(arg(0).eq_ignore_ascii_case("public"))))
            }
            "IS_SRVROLEMEMBER" => (Type::Int, Value::Int(0)),
            "HAS_DBACCESS" => (Type::Int, Value::Int(1)),
            "SERVERPROPERTY" => (
                sysname,
                match arg(0).to_lowercase().as_str() {
                    "productversion" => text("15.0.2000.5"),
                    "productlevel" => text("RTM"),
                    "edition" => text("Sandbox Edition (64-bit)"),
                    "engineedition" => text("3"),
                    "servername" | "machinename" => text(token::SERVER),
                    "collation" => text("SQL_Latin1_General_CP1_CI_AS"),
                    p => return Err(Error::unsupported(format!("SERVERPROPERTY('{p}')"))),
                },
            ),
            "DATABASEPROPERTYEX" => (
                sysname,
                match arg(1).to_lowercase().as_str() {
                    "collation" => text("SQL_Latin1_General_CP1_CI_AS"),
                    "status" => text("ONLINE"),
                    "updateability" => text("READ_WRITE"),
                    p => return Err(Error::unsupported(format!("DATABASEPROPERTYEX of '{p}'"))),
                },
            ),
            "ERROR_NUMBER" => (Type::Int, caught(|e| Value::Int(i64::from(e.number)))),
            "ERROR_MESSAGE" => (
                Type::NVarChar(crate::types::Len::N(4000)),
                caught(|e| Value::Str(e.message.clone())),
            ),
            "ERROR_SEVERITY" => (Type::Int, caught(|e| Value::Int(i64::from(e.class)))),
            "ERROR_STATE" => (Type::Int, caught(|e| Value::Int(i64::from(e.state)))),
            "ERROR_LINE" => (Type::Int, caught(|e| Value::Int(i64::from(e.line)))),
            "ERROR_PROCEDURE" => (
                sysname,
                caught(|e| {
                    if e.procedure.is_empty() {
                        Value::Null
                    } else {
                        Value::Str(e.procedure.clone())
                    }
                }),
            ),
            _ => return Ok(None),
        }))
    }
}

impl Binder<'_> {
    /// Column `n` of a bound query, assigned to a table's column.
    pub fn column_value(&self, n: usize, from: Type, to: Type) -> Result<String> {
        if from == to || from.is_int() && to.is_int() && to.precedence() >= from.precedence() {
            return Ok(format!("c{n}"));
        }
        crate::convert::implicit(from, to)?;
        let id = self.intern(crate::functions::Call::Assign { from, to });
        Ok(format!("f({id},c{n})"))
    }
}
