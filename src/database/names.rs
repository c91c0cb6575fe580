//! The names of a database's objects, for those who have to say which table a text means. Read in
//! the background and kept for a minute: nobody waits for it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Database, Limits};

const FRESH: Duration = Duration::from_secs(60);

const NAMES: &str = "SELECT TOP (50000) sc.name, o.name, RTRIM(o.type) FROM sys.objects AS o \
     JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('U', 'V', 'P', 'FN', 'IF', 'TF', 'SN')";

/// What is known, and since when it is being asked for.
#[derive(Debug, Default)]
pub(crate) struct Cache(RwLock<(Option<Arc<Names>>, Option<Instant>)>);

/// Lower-case name to schema, name, and whether it hides what is below it.
#[derive(Debug, Default)]
pub struct Names(HashMap<String, Vec<(String, String, bool)>>);

impl Names {
    /// `schema.name` of a name as it is written, and whether it hides more (a view,
    /// procedure, function or synonym).
    pub(crate) fn find(&self, written: &str) -> Option<(String, bool)> {
        let parts = mssql_mcp_sql::quote::split(written)?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (schema, name) = match parts.as_slice() {
            [.., s, n] => (Some(*s), *n),
            [n] => (None, *n),
            [] => return None,
        };
        // A name with a dot of its own is found whole.
        let all =
            self.0.get(&name.to_lowercase()).or_else(|| self.0.get(&written.to_lowercase()))?;
        let fits =
            |(s, ..): &&(String, String, bool)| schema.is_some_and(|w| s.eq_ignore_ascii_case(w));
        let found = all
            .iter()
            .find(fits)
            .or_else(|| all.iter().find(|(s, ..)| s.eq_ignore_ascii_case("dbo")))
            .or_else(|| all.first())?;
        Some((format!("{}.{}", found.0, found.1), found.2))
    }
}

impl Database {
    /// The names, if they were read; and has them read again when they are old.
    pub fn names(&self) -> Option<Arc<Names>> {
        let cache = self.names_cache();
        let (known, asked) = {
            let c = cache.0.read().unwrap_or_else(PoisonError::into_inner);
            (c.0.clone(), c.1)
        };
        if asked.is_none_or(|at| at.elapsed() > FRESH) {
            cache.0.write().unwrap_or_else(PoisonError::into_inner).1 = Some(Instant::now());
            let me = self.clone();
            tokio::spawn(async move { me.read_names().await });
        }
        known
    }

    async fn read_names(&self) {
        let limits = Limits::of_our_own();
        let Ok(sets) = self.fetch(NAMES, &[], &limits).await else { return };
        let mut names = Names::default();
        for r in sets.into_iter().flatten() {
            let text = |n: usize| r.get(n).and_then(Value::as_str).unwrap_or_default().to_owned();
            names.0.entry(text(1).to_lowercase()).or_default().push((
                text(0),
                text(1),
                text(2) != "U",
            ));
        }
        self.names_cache().0.write().unwrap_or_else(PoisonError::into_inner).0 =
            Some(Arc::new(names));
    }
}
