//! What is served over HTTP, and the parts of its stack; [`crate::stack::http`] puts them in order.

pub mod bearer;
pub mod body;
mod connections;
mod endpoints;
pub mod guard;
mod listener;
mod object;
pub mod open;
mod peer;
mod request_id;
pub mod token_watch;
mod way_in;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use mssql_mcp_middleware::rate_limit::Limiter;
use mssql_mcp_transports::McpService;

use crate::database::Database;
use crate::oauth::server::Authority;
pub use endpoints::Endpoints;
pub use listener::{Listener, Stop};
pub use peer::{Peer, quota};
pub use request_id::RequestIds;

/// How long a stranger's request may go on when the server stops.
const STRANGERS: Duration = Duration::from_millis(500);

/// What is served over HTTP.
#[derive(Clone)]
pub struct Served {
    /// What is where, in the order of [`crate::config::Config::served`].
    pub mounts: Arc<[Mount]>,
    /// Sign-in, where it is on.
    pub authority: Option<Authority>,
    /// What a reload changes.
    pub reloadable: Arc<Reloadable>,
}

/// One path.
#[derive(Clone)]
pub struct Mount {
    /// Empty for the root.
    pub path: String,
    /// The stack at MCP level.
    pub service: McpService,
    /// The database behind it.
    pub database: Database,
}

/// Limits at HTTP level that a reload changes.
#[derive(Debug)]
pub struct Reloadable {
    /// Requests by network.
    pub peers: Limiter<String>,
    /// Bytes in one request.
    pub max_request: AtomicUsize,
}
