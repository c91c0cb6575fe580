//! The two records of a call, as they are written.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use mssql_mcp_transports::ClientFacts;

use super::layer::AuditMount;
use super::log::{Record, quoted, stamp};
use crate::code::Code;
use crate::config::settings::audit::Texts;
use crate::facts::{CallFacts, Named};
use crate::principal::Principal;
use crate::sources::DataSource;
use crate::statement::Statement;
use crate::telemetry::trace::Trace;

/// The first record of a call: copies of what it is made from, which is less work than making it.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) at: DateTime<Utc>,
    pub(super) id: u64,
    pub(super) principal: Option<Arc<Principal>>,
    pub(super) client: Arc<ClientFacts>,
    pub(super) transport: &'static str,
    pub(super) place: Arc<AuditMount>,
    /// None where the call is for no database, or for all.
    pub(super) source: Option<Arc<DataSource>>,
    pub(super) tool: String,
    pub(super) named: Arc<Named>,
    pub(super) trace: Option<Trace>,
    pub(super) texts: Texts,
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) at: DateTime<Utc>,
    pub(super) id: u64,
    pub(super) principal: String,
    pub(super) tool: String,
    pub(super) outcome: Code,
    pub(super) micros: u128,
    pub(super) facts: Arc<CallFacts>,
    /// The statement, where it is recorded with its literals left out.
    pub(super) named: Option<Arc<Named>>,
}

/// Unique to this process, and with it to the chain.
fn call_id(n: u64) -> String {
    format!("{:x}-{n:x}", std::process::id())
}

impl Start {
    /// Whether something stands in double quotes, and so is not in the record.
    pub(super) fn hides(&self) -> bool {
        self.texts == Texts::Redacted && self.named.query.as_ref().is_some_and(|q| q.contains('"'))
    }

    /// Whether a name is one of the database that the call is for.
    fn is_here(&self, written: &str) -> bool {
        let parts = mssql_mcp_sql::quote::split(written).unwrap_or_default();
        let own = self.source.as_ref().map_or("", |s| s.database.settings().database.as_str());
        match parts.as_slice() {
            [.., database, _, _] => database.is_empty() || database.eq_ignore_ascii_case(own),
            _ => true,
        }
    }
}

impl Record for Start {
    fn write(&self, out: &mut String) {
        let _ = write!(
            out,
            "\"time\":\"{}\",\"event\":\"call_start\",\"call\":\"{}\"",
            stamp(self.at),
            call_id(self.id)
        );
        let mut text = |k: &str, v: &str| {
            let _ = write!(out, ",\"{k}\":{}", quoted(v));
        };
        if let Some(p) = &self.principal {
            text("principal", &p.subject);
            text("scopes", &p.scopes.join(" "));
            if let Some(c) = &p.client {
                text("client_id", c);
            }
        }
        if let Some(c) = &self.client.name {
            text("client", c);
        }
        let mount = self.place.mount.as_str();
        text("transport", self.transport);
        text("mount", if mount.is_empty() { "/" } else { mount });
        text("database", self.source.as_ref().map_or("", |s| s.label()));
        text("tool", &self.tool);
        if let Some(t) = &self.trace {
            text("trace_id", &t.trace_id.to_string());
        }
        let Named { query, table } = &*self.named;
        let (mut objects, mut doubtful) = (table.iter().cloned().collect::<Vec<_>>(), Vec::new());
        let mut indirect = false;
        if let Some(sql) = query {
            let s = Statement::of(sql);
            text("fingerprint", &s.fingerprint);
            match self.texts {
                Texts::None => {}
                Texts::Redacted => text("text", &s.redacted),
                Texts::Full => text("text", sql),
            }
            (objects, doubtful) = (s.objects, s.doubtful);
        }
        if objects.is_empty() {
            return;
        }
        let names = self.source.as_ref().and_then(|s| s.database.names());
        let all: Vec<String> = objects
            .iter()
            .map(|o| match names.as_ref().filter(|_| self.is_here(o)).and_then(|n| n.find(o)) {
                Some((full, hides)) => {
                    indirect |= hides;
                    quoted(&full)
                }
                None => {
                    // What is not in the catalog (yet) could hide anything; and in double quotes it
                    // could be a value.
                    indirect = true;
                    quoted(if doubtful.contains(o) { "?" } else { o })
                }
            })
            .collect();
        let _ = write!(out, ",\"objects\":[{}],\"indirect\":{indirect}", all.join(","));
    }
}

impl Record for End {
    fn write(&self, out: &mut String) {
        let f = &self.facts;
        let _ = write!(
            out,
            "\"time\":\"{}\",\"event\":\"call_end\",\"call\":\"{}\",\"principal\":{},\"tool\":{},\"outcome\":{},\"rows\":{},\"bytes\":{},\"us\":{}",
            stamp(self.at),
            call_id(self.id),
            quoted(&self.principal),
            quoted(&self.tool),
            quoted(self.outcome.as_str()),
            f.rows.load(Ordering::Relaxed),
            f.bytes.load(Ordering::Relaxed),
            self.micros,
        );
        // What stands in double quotes were names, now that SQL Server has taken them for such.
        let text = self
            .named
            .as_ref()
            .and_then(|n| n.query.as_deref())
            .and_then(|q| Statement::of(q).named);
        if let Some(t) = text {
            let _ = write!(out, ",\"text\":{}", quoted(&t));
        }
        if let Some((rows, committed)) = f.changed() {
            if let Some(rows) = rows {
                let _ = write!(out, ",\"rows_affected\":{rows}");
            }
            let _ = write!(out, ",\"committed\":{committed}");
        }
        if f.in_file().0 > 0 {
            let _ = write!(out, ",\"kept_rows\":{}", f.in_file().0);
        }
        if f.dry_run() {
            out.push_str(",\"dry_run\":true");
        }
        if self.outcome == Code::Declined {
            out.push_str(",\"declined\":true");
        }
        for (k, v) in [
            ("verdict", f.verdict()),
            ("truncated", f.truncated()),
            ("handle", f.handle()),
            ("asked", f.asked()),
            ("answers", f.answers()),
        ] {
            if !v.is_empty() {
                let _ = write!(out, ",\"{k}\":{}", quoted(v));
            }
        }
    }
}
