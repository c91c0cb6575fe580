//! What counts on whatever becomes of a transaction: identities and sequences.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use super::databases::Shared;
use crate::functions::lite_error;
use crate::messages;

/// `next_identity(key, seed, increment)` and `next_sequence(key, start, increment, minimum, maximum,
/// cycles, name)`, which the SQL of a statement calls for each row.
pub(super) fn give(
    connection: &Connection,
    shared: Arc<Shared>,
    last: Arc<AtomicI64>,
) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8;
    let of_sequences = shared.clone();
    connection.create_scalar_function("next_identity", 3, flags, move |ctx| {
        let (key, seed, increment): (i64, i64, i64) = (ctx.get(0)?, ctx.get(1)?, ctx.get(2)?);
        let mut identities = shared.identities();
        let next = identities.get(&key).map_or(seed, |n| n + increment);
        identities.insert(key, next);
        last.store(next, Ordering::Relaxed);
        Ok(next)
    })?;
    connection.create_scalar_function("next_sequence", 7, flags, move |ctx| {
        let (key, start, increment): (i64, i64, i64) = (ctx.get(0)?, ctx.get(1)?, ctx.get(2)?);
        let (minimum, maximum, cycles): (i64, i64, bool) = (ctx.get(3)?, ctx.get(4)?, ctx.get(5)?);
        // The database is a part of the key.
        let database = usize::try_from((key >> 32) - 1).unwrap_or_default();
        if of_sequences.is_read_only(database) {
            let name = of_sequences.name(database);
            return Err(lite_error(&messages::database_is_read_only(name)));
        }
        let mut values = of_sequences.identities();
        let next = match values.get(&key) {
            None => Some(start),
            Some(last) => last.checked_add(increment).filter(|n| (minimum..=maximum).contains(n)),
        };
        // A cycle begins at its end, and not where the sequence did.
        let again = cycles.then_some(if increment > 0 { minimum } else { maximum });
        let Some(next) = next.or(again) else {
            let name: String = ctx.get(6)?;
            return Err(lite_error(&messages::sequence_exhausted(&name)));
        };
        values.insert(key, next);
        Ok(next)
    })
}
