//! Texts of our own, whose rows are few: as JSON values, result set by result set.

use std::borrow::Cow;
use std::fmt::Write as _;

use mssql_mcp_session::{Bounds, End, Event, Json, Kind, Rpc, Sink, TypeInfo, Value as Cell};
use serde_json::{Value, json};

use super::connect::broken;
use super::lease::Lease;
use super::notices::Notices;
use super::observe::Round;
use super::pool::FATAL;
use super::read::bounded;
use super::run::{Mode, may_go_again, passes, pause};
use super::wrapper::{
    CONTEXT_PARAM, ParamValue, TELL, activity, context_info, context_param, natural,
};
use super::{Database, DbError, Limits};

/// Rows of the catalog, as values.
pub(crate) type Rows = Vec<Vec<Value>>;

/// What becomes of each row, with the number of its result set.
pub(crate) type EachRow<'a> = dyn FnMut(usize, &[Value]) + Send + 'a;

impl Database {
    /// Runs a text of our own and collects its rows as JSON values, result set by result set.
    pub async fn fetch(
        &self,
        sql: &str,
        params: &[(&str, ParamValue)],
        limits: &Limits,
    ) -> Result<Vec<Rows>, DbError> {
        let (mut tries, mut attempt) = (2, 0);
        loop {
            tries -= 1;
            let lease = bounded(self.lease(limits), limits.deadline, &limits.cancel);
            let mut lease = lease.await??;
            let round = Round::begin(self, "catalog", None);
            let limits = &Limits { trace: round.trace(limits.trace), ..limits.clone() };
            let rows = |sets: &Vec<Rows>| sets.iter().map(Vec::len).sum::<usize>() as u64;
            let work = Box::pin(self.fetch_on(&mut lease, sql, params, limits));
            match round.run(work, |r: &Result<_, _>| r.as_ref().map(rows)).await {
                Err(e @ DbError::Lost(_)) if tries > 0 && may_go_again(&mut lease, Mode::Read) => {
                    self.judge_pool(&e);
                }
                Err(e) if passes(&e, attempt, limits) => {
                    self.judge_pool(&e);
                    drop(lease);
                    pause(attempt, limits).await?;
                    (attempt, tries) = (attempt + 1, tries + 1);
                }
                result => {
                    if let Err(e) = &result {
                        self.judge_pool(e);
                    }
                    return result;
                }
            }
        }
    }

    /// Runs a text of our own and gives its rows one by one, so that many are never all in memory;
    /// each with the number of its result set, from 0.
    pub(crate) async fn fetch_each(
        &self,
        sql: &str,
        limits: &Limits,
        each: &mut EachRow<'_>,
    ) -> Result<(), DbError> {
        let lease = bounded(self.lease(limits), limits.deadline, &limits.cancel);
        let mut lease = lease.await??;
        let round = Round::begin(self, "catalog", None);
        let limits = &Limits { trace: round.trace(limits.trace), ..limits.clone() };
        let values = Values { each: Some(each), ..Values::default() };
        let work = Box::pin(self.values_on(&mut lease, sql, &[], limits, values));
        round.run(work, |r: &Result<_, _>| r.as_ref().map(|_| 0)).await.map(drop)
    }

    pub(super) async fn fetch_on(
        &self,
        lease: &mut Lease,
        sql: &str,
        params: &[(&str, ParamValue)],
        limits: &Limits,
    ) -> Result<Vec<Rows>, DbError> {
        self.values_on(lease, sql, params, limits, Values::default()).await
    }

    async fn values_on(
        &self,
        lease: &mut Lease,
        sql: &str,
        params: &[(&str, ParamValue)],
        limits: &Limits,
        mut sets: Values<'_>,
    ) -> Result<Vec<Rows>, DbError> {
        let told = self.settings().context_info;
        let (mut text, context) = (Cow::Borrowed(sql), context_info(limits.trace));
        let names: Vec<String> = params.iter().map(|(n, _)| format!("@{n}")).collect();
        let (mut declared, mut carried) = (Vec::new(), Vec::new());
        for (name, (_, v)) in names.iter().zip(params) {
            let (ty, param) = natural(name, v);
            declared.push(format!("{name} {ty}"));
            carried.push(param);
        }
        if told {
            text = Cow::Owned(format!("{TELL}{text}"));
            declared.push(format!("{CONTEXT_PARAM} varbinary(128)"));
        }
        let declared = declared.join(", ");
        let mut rpc = Rpc::execute_sql(&text, &declared);
        for param in carried {
            rpc = rpc.param(param);
        }
        if told {
            rpc = rpc.param(context_param(&context));
        }
        let connection = lease.connection()?;
        if told {
            connection.session.set_trace(limits.trace.map(activity));
        }
        connection.session.set_bounds(OURS);
        let mut said = Notices::default();
        let work = async {
            let mut answer = connection.session.call(&rpc).await.map_err(broken)?;
            while let Some(event) = answer.next(&mut sets).await.map_err(broken)? {
                match event {
                    Event::Columns(_) => sets.done.push(Vec::new()),
                    Event::Error(m) => said.error(*m),
                    _ => {}
                }
            }
            Ok(())
        };
        let read = bounded(work, limits.deadline, &limits.cancel).await.and_then(|r| r);
        connection.dirty |= said.errors.iter().any(|e| e.severity >= FATAL);
        match said.errors.into_iter().next() {
            Some(e) => Err(DbError::Sql(e)),
            None => read.map(|()| sets.done),
        }
    }
}

/// What is kept of an answer to a text of ours, which may be a procedure's whole definition.
const OURS: Bounds = Bounds { max_cell: 16 << 20, max_row: 64 << 20, text_size: None };

/// Rows as values: for the catalog, whose rows are few.
#[derive(Default)]
struct Values<'a> {
    /// They are given away instead of kept.
    each: Option<&'a mut EachRow<'a>>,
    done: Vec<Rows>,
    row: Vec<Value>,
    text: String,
    base: Option<&'static str>,
}

impl Values<'_> {
    fn push(&mut self, value: Value) {
        self.row.push(match self.base.take() {
            Some(base) => json!({ "base_type": base, "value": value }),
            None => value,
        });
    }
}

impl Sink for Values<'_> {
    fn row(&mut self) {
        self.row.clear();
    }

    fn value(&mut self, _: usize, ty: &TypeInfo, value: Cell<'_>) {
        let mut cell = Json::new();
        cell.value(0, ty, value);
        let text = cell.take(Vec::new());
        self.push(match value {
            // Its digits, as execute_sql has them; as a double they would be others.
            Cell::Decimal { .. } => String::from_utf8_lossy(&text).trim_matches('"').into(),
            _ => serde_json::from_slice(&text).unwrap_or(Value::Null),
        });
    }

    fn variant(&mut self, _: usize, base: &TypeInfo) {
        self.base = Some(base.ty.name());
    }

    fn begin(&mut self, _: usize, kind: Kind) {
        self.text = String::from(if kind == Kind::Binary { "0x" } else { "" });
    }

    fn text(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    fn binary(&mut self, piece: &[u8]) {
        for b in piece {
            // Writing into a String cannot fail.
            let _ = write!(self.text, "{b:02X}");
        }
    }

    fn end(&mut self, _: usize, _: End) {
        let text = std::mem::take(&mut self.text);
        self.push(text.into());
    }

    fn row_end(&mut self) {
        let row = std::mem::take(&mut self.row);
        if let Some(each) = &mut self.each {
            return each(self.done.len().saturating_sub(1), &row);
        }
        if let Some(set) = self.done.last_mut() {
            set.push(row);
        }
    }
}
