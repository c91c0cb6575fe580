//! What is registered with each connection to SQLite: the collations, `f`, aggregates.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::functions::{Aggregate, Context, FunctionFlags, WindowAggregate};
use rusqlite::{Connection, Error as LiteError};

use super::Calls;
use super::collation::collate;
use super::for_json::ForJsonRows;
use super::percentile::Percentile;
use crate::error::{Error, Result};
use crate::types::{Value, dec_from_key, dec_key};

pub(crate) fn lite_error(e: &Error) -> LiteError {
    LiteError::UserFunctionError(e.pack().into())
}

/// Registers the collations CI and CS, `f(id, …)` for the interned calls, the aggregates `dsum`,
/// `variance`, `percentile_cont`, `percentile_disc` and `for_json`, and `newid()`.
pub(crate) fn register(conn: &Connection, calls: &Arc<Calls>) -> rusqlite::Result<()> {
    conn.create_collation("CI", collate)?;
    conn.create_collation("CS", |a, b| a.trim_end_matches(' ').cmp(b.trim_end_matches(' ')))?;
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    let interned = calls.clone();
    conn.create_scalar_function("f", -1, flags, move |ctx| {
        let id = usize::try_from(ctx.get::<i64>(0)?).ok();
        let call = id
            .and_then(|id| interned.get(id))
            .ok_or_else(|| lite_error(&Error::internal("an unknown call")))?;
        let values = (1..ctx.len())
            .map(|at| Value::from_lite(ctx.get_raw(at), call.argument_type(at - 1)))
            .collect::<Result<Vec<_>>>();
        let value = values.and_then(|values| call.eval(values)).map_err(|e| lite_error(&e))?;
        Ok(value.to_lite())
    })?;
    conn.create_window_function("dsum", 1, flags, DecimalSum)?;
    conn.create_aggregate_function("variance", 2, flags, Variance)?;
    conn.create_window_function("percentile_cont", 3, flags, Percentile { continuous: true })?;
    conn.create_window_function("percentile_disc", 3, flags, Percentile { continuous: false })?;
    conn.create_aggregate_function("for_json", -1, flags, ForJsonRows(calls.clone()))?;
    conn.create_scalar_function("newid", 0, FunctionFlags::SQLITE_UTF8, |_| Ok(new_guid()))
}

/// A random (version 4) uniqueidentifier; the sandbox needs no secrecy, only that no two are alike.
fn new_guid() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let word = || {
        let mut h = RandomState::new().build_hasher();
        h.write_u64(COUNT.fetch_add(1, Ordering::Relaxed));
        h.finish()
    };
    let h = format!("{:016X}{:016X}", word(), word());
    format!("{}-{}-4{}-A{}-{}", &h[..8], &h[8..12], &h[13..16], &h[17..20], &h[20..])
}

/// SUM of decimals and money, which are 16-byte keys.
struct DecimalSum;

#[derive(Default)]
struct Sum {
    total: i128,
    /// Of values that are not NULL; a sum of none is NULL.
    count: i64,
}

impl Sum {
    fn key(&self) -> Option<Vec<u8>> {
        (self.count > 0).then(|| dec_key(self.total).to_vec())
    }

    fn add(&mut self, ctx: &Context<'_>, sign: i64) -> rusqlite::Result<()> {
        if let Ok(key) = ctx.get_raw(0).as_blob() {
            let value = dec_from_key(key).map_err(|e| lite_error(&e))?;
            let total = self.total.checked_add(i128::from(sign) * value);
            self.total = total.ok_or_else(|| lite_error(&Error::overflow("numeric")))?;
            self.count += sign;
        }
        Ok(())
    }
}

impl Aggregate<Sum, Option<Vec<u8>>> for DecimalSum {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Sum> {
        Ok(Sum::default())
    }

    fn step(&self, ctx: &mut Context<'_>, sum: &mut Sum) -> rusqlite::Result<()> {
        sum.add(ctx, 1)
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Sum>) -> rusqlite::Result<Option<Vec<u8>>> {
        Ok(sum.and_then(|s| s.key()))
    }
}

impl WindowAggregate<Sum, Option<Vec<u8>>> for DecimalSum {
    fn value(&self, sum: Option<&mut Sum>) -> rusqlite::Result<Option<Vec<u8>>> {
        Ok(sum.and_then(|s| s.key()))
    }

    fn inverse(&self, ctx: &mut Context<'_>, sum: &mut Sum) -> rusqlite::Result<()> {
        sum.add(ctx, -1)
    }
}

/// STDEV, STDEVP, VAR, VARP: the second argument says which (1 population, 2 root).
struct Variance;

/// After Welford, one value at a time.
#[derive(Default)]
struct Moments {
    count: f64,
    mean: f64,
    /// The sum of the squares of the distances from the mean.
    squares: f64,
    mode: i64,
}

impl Aggregate<Moments, Option<f64>> for Variance {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Moments> {
        Ok(Moments::default())
    }

    fn step(&self, ctx: &mut Context<'_>, moments: &mut Moments) -> rusqlite::Result<()> {
        moments.mode = ctx.get(1)?;
        if let Some(value) = ctx.get::<Option<f64>>(0)? {
            moments.count += 1.0;
            let distance = value - moments.mean;
            moments.mean += distance / moments.count;
            moments.squares += distance * (value - moments.mean);
        }
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        moments: Option<Moments>,
    ) -> rusqlite::Result<Option<f64>> {
        let Some(moments) = moments else { return Ok(None) };
        let of_population = moments.mode & 1 == 1;
        let denominator = if of_population { moments.count } else { moments.count - 1.0 };
        if denominator <= 0.0 {
            return Ok(None);
        }
        let variance = moments.squares / denominator;
        Ok(Some(if moments.mode & 2 == 2 { variance.sqrt() } else { variance }))
    }
}
