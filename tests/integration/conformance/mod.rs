//! The MCP conformance suite against the stack that the server has, around a center of the suite's
//! own tools, prompts and resources.
//!
//! What the suite needs a fixture for says nothing about a database, so none of it is in the
//! server: [`center`] stands where `mssql_mcp::server::Server` does, and all around it (both
//! stacks, the transport, sessions, streams that are resumed) is what a process serves. What needs
//! no fixture is run against the server itself, in `clients`.

mod call;
mod center;
mod prompts;
mod questions;
mod resources;
mod state;
pub mod suite;
mod tasks;
mod tools;

use suite::Run;

/// What MCP 2025-11-25 requires of a server, with what came later or waits to be required.
#[tokio::test(flavor = "multi_thread")]
async fn what_2025_11_25_requires() {
    let arguments = &["--requirements", "2025-11-25"];
    Run { arguments, scenarios: 33, but: &[] }.succeeds().await;
}

/// What MCP 2026-07-28 requires of a server, likewise, and the tasks extension. The suite has a
/// scenario for notifications of tasks that it skips itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_2026_07_28_requires() {
    let arguments = &["--requirements", "2026-07-28"];
    Run { arguments, scenarios: 50, but: &["tasks-status-notifications"] }.succeeds().await;
}

/// All that the suite has for a revision.
#[tokio::test(flavor = "multi_thread")]
async fn everything_of_each_revision() {
    for (version, scenarios) in
        [("2025-03-26", 1), ("2025-06-18", 27), ("2025-11-25", 33), ("2026-07-28", 40)]
    {
        let arguments = &["--suite", "all", "--spec-version", version];
        Run { arguments, scenarios, but: &[] }.succeeds().await;
    }
}
