//! Texts of our own, whose rows are few: as JSON values, result set by result set.

use std::borrow::Cow;

use futures_util::StreamExt;
use serde_json::Value;
use tiberius::{ColumnData, Command, CommandItem, Row};

use super::lease::Lease;
use super::observe::Round;
use super::pool::driver_error;
use super::read::bounded;
use super::wrapper::{CONTEXT_PARAM, ParamValue, TELL, bind, context_info, sent_as};
use super::{Database, DbError, Limits};

/// Rows of the catalog, as values.
pub(crate) type Rows = Vec<Vec<Value>>;

impl Database {
    /// Runs a text of our own and collects its rows as JSON values, result set by result set.
    pub async fn fetch(
        &self,
        sql: &str,
        params: &[(&str, ParamValue)],
        limits: &Limits,
    ) -> Result<Vec<Rows>, DbError> {
        match Box::pin(self.fetch_once(sql, params, limits)).await {
            Err(DbError::Lost(_)) => Box::pin(self.fetch_once(sql, params, limits)).await,
            r => r,
        }
    }

    pub(super) async fn fetch_once(
        &self,
        sql: &str,
        params: &[(&str, ParamValue)],
        limits: &Limits,
    ) -> Result<Vec<Rows>, DbError> {
        let mut lease =
            bounded(self.lease(&limits.caller), limits.deadline, &limits.cancel).await??;
        let round = Round::begin(self, "catalog", None);
        let limits = &Limits { trace: round.trace(limits.trace), ..limits.clone() };
        let rows = |sets: &Vec<Rows>| sets.iter().map(Vec::len).sum::<usize>() as u64;
        let work = self.fetch_on(&mut lease, sql, params, limits);
        round.run(work, |r: &Result<Vec<Rows>, DbError>| r.as_ref().map(rows)).await
    }

    pub(super) async fn fetch_on(
        &self,
        lease: &mut Lease,
        sql: &str,
        params: &[(&str, ParamValue)],
        limits: &Limits,
    ) -> Result<Vec<Rows>, DbError> {
        let Limits { deadline, cancel, .. } = limits;
        let bound = || params.iter().filter(|(_, v)| *v != ParamValue::Null);
        let mut declared = bound().map(|(n, v)| format!("@{n} {}", sent_as(v))).collect::<Vec<_>>();
        let (mut text, context) = (Cow::Borrowed(sql), context_info(limits.trace));
        // The driver sends a NULL without a type, which not every server takes: it is
        // written into the text.
        for (n, _) in params.iter().filter(|(_, v)| *v == ParamValue::Null) {
            text = Cow::Owned(without(&text, n));
        }
        let told = self.settings().context_info;
        if told {
            text = Cow::Owned(format!("{TELL}{text}"));
            declared.push(format!("{CONTEXT_PARAM} varbinary(128)"));
        }
        let declared = declared.join(", ");
        let mut command = Command::new("sp_executesql");
        command.bind_param("@stmt", &*text);
        if !declared.is_empty() {
            command.bind_param("@params", declared.as_str());
        }
        for (n, v) in bound() {
            bind(&mut command, format!("@{n}"), v);
        }
        if told {
            command.bind_param(CONTEXT_PARAM, &*context);
        }
        let Some(connection) = lease.connection() else {
            return Err(DbError::Driver("no connection".into()));
        };
        connection.in_flight = true;
        let mut stream = bounded(command.exec(&mut connection.client), *deadline, cancel)
            .await?
            .map_err(driver_error)?;
        let mut sets: Vec<Rows> = Vec::new();
        loop {
            match bounded(stream.next(), *deadline, cancel).await? {
                None => break,
                Some(Err(e)) => {
                    let e = driver_error(e);
                    connection.in_flight = !matches!(e, DbError::Sql(_));
                    return Err(e);
                }
                Some(Ok(CommandItem::Metadata(_))) => sets.push(Vec::new()),
                Some(Ok(CommandItem::Row(r))) => {
                    if let Some(s) = sets.last_mut() {
                        s.push(tree(r));
                    }
                }
                Some(Ok(_)) => {}
            }
        }
        connection.in_flight = false;
        Ok(sets)
    }
}

/// A text of ours with NULL in the place of a variable.
fn without(sql: &str, name: &str) -> String {
    let variable = format!("@{name}");
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(&variable) {
        let (before, after) = rest.split_at(at);
        let after = &after[variable.len()..];
        out.push_str(before);
        let longer = after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        out.push_str(if longer { &variable } else { "CAST(NULL AS nvarchar(4000))" });
        rest = after;
    }
    out + rest
}

/// A row as values: for the catalog, whose rows are few.
fn tree(row: Row) -> Vec<Value> {
    row.cells()
        .map(|(c, v)| {
            let mut b = Vec::new();
            let ty = super::value::type_name(c.column_type());
            super::value::json(v, ty, usize::MAX, &mut b);
            match v {
                // Its digits, as execute_sql has them; as a double they would be others.
                ColumnData::Numeric(Some(_)) => {
                    String::from_utf8_lossy(&b).trim_matches('"').into()
                }
                ColumnData::F64(Some(_)) if matches!(ty, "money" | "smallmoney") => {
                    String::from_utf8_lossy(&b).trim_matches('"').into()
                }
                _ => serde_json::from_slice(&b).unwrap_or(Value::Null),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_stands_in_the_text_for_its_own_variable_alone() {
        assert_eq!(
            without("SELECT @a, @ab, @a_b, @a", "a"),
            "SELECT CAST(NULL AS nvarchar(4000)), @ab, @a_b, CAST(NULL AS nvarchar(4000))"
        );
    }
}
