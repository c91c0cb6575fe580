//! A call that is made again while its run goes on, and what it has to know of that run.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mssql_mcp_transports::{Cancel, Outcome};

use super::{Run, Runs};
use crate::refusal::Refusal;

/// The database that a call reads which may go on without its request, by its name; in the
/// extensions of its request.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadsFrom(pub(crate) Arc<OnceLock<String>>);

/// The run of the same call that was made before, in the extensions of the one that is made again.
/// It is waited for there where it is known which databases the caller is shown.
#[derive(Debug, Clone)]
pub(crate) struct MadeBefore {
    pub(crate) runs: Runs,
    pub(crate) run: Arc<Run>,
    pub(crate) wait: Duration,
}

/// A call is not over, and how to have what it comes to.
pub(crate) fn goes_on(run: &Run) -> Outcome {
    Outcome::Complete(Refusal::still_running(&run.id, run.elapsed()).into_reply().into())
}

// === impl MadeBefore ===

impl MadeBefore {
    /// Whether it reads this database.
    pub(crate) fn reads(&self, database: &str) -> bool {
        self.run.database() == Some(database)
    }

    /// Waits for it as long as for any call.
    pub(crate) async fn wait(&self, asked: &Cancel) -> Outcome {
        tokio::select! {
            biased;
            end = self.runs.pick_up(&self.run) => end.unwrap_or_else(|| {
                // Another one that waited for it has it.
                Outcome::Complete(Refusal::given_elsewhere().into_reply().into())
            }),
            () = asked.token().cancelled() => Outcome::Cancelled,
            () = tokio::time::sleep(self.wait) => goes_on(&self.run),
        }
    }
}
