//! What is served over HTTP, and the parts of its stack; `stack::http` puts them in order.

pub(crate) mod bearer;
pub(crate) mod body;
mod card;
mod connections;
mod download;
mod endpoints;
pub(crate) mod guard;
mod listener;
mod object;
pub(crate) mod open;
mod peer;
mod request_id;
pub(crate) mod token_watch;
mod view;
mod way_in;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use mssql_mcp_middleware::rate_limit::Limiter;
use mssql_mcp_transports::{Changes, McpService};

use crate::database::Database;
use crate::oauth::server::Authority;
use crate::results::KeptFiles;
use crate::views::KeptResults;
pub(crate) use endpoints::Endpoints;
pub use listener::{Listener, Shutdown};
pub(crate) use peer::{Peer, quota};
pub(crate) use request_id::RequestIds;

/// How long a stranger's request may go on when the server stops.
const STRANGERS: Duration = Duration::from_millis(500);

/// What is served over HTTP.
#[derive(Clone)]
pub(crate) struct Served {
    /// What is where, in the order of [`crate::config::Config::served`].
    pub(crate) mounts: Arc<[Mount]>,
    /// Sign-in, where it is on.
    pub(crate) authority: Option<Authority>,
    /// What a reload changes.
    pub(crate) reloadable: Arc<Reloadable>,
}

#[derive(Clone)]
pub(crate) struct Mount {
    /// Empty for the root.
    pub(crate) path: String,
    /// The stack at MCP level.
    pub(crate) service: McpService,
    /// The databases behind it.
    pub(crate) databases: Arc<[Database]>,
    /// What changes in what it lists.
    pub(crate) changes: Changes,
    /// What is kept for pages.
    pub(crate) kept: KeptResults,
    /// Results that are kept.
    pub(crate) files: KeptFiles,
}

impl Mount {
    /// What it is called where anybody reads it: of several databases not even the names, because
    /// not everybody is shown them.
    pub(crate) fn label(&self) -> String {
        match &*self.databases {
            [one] => one.settings().label.clone(),
            all => crate::plural::plural(all.len(), "database"),
        }
    }
}

/// Limits at HTTP level that a reload changes.
#[derive(Debug)]
pub(crate) struct Reloadable {
    pub(crate) peers: Limiter<String>,
    /// Bytes in one request.
    pub(crate) max_request: AtomicUsize,
}
