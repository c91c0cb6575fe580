//! A connection on loan. Dropping the loan while an answer is still on its way
//! cancels the statement on the server, and gives the connection back only if the
//! server acknowledged that cleanly.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::Object;
use tokio_util::task::TaskTracker;

use super::observe::Labels;
use super::pool::{Connection, Manager};
use super::share::Share;
use crate::telemetry::metrics::instruments;

/// How long an acknowledgement may take.
const ACKNOWLEDGE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Lease {
    object: Option<(Object<Manager>, Share)>,
    cleanups: TaskTracker,
    labels: Arc<Labels>,
    since: Instant,
}

impl Lease {
    /// Takes charge of a pooled connection.
    pub(crate) fn new(
        object: Object<Manager>,
        share: Share,
        cleanups: TaskTracker,
        labels: Arc<Labels>,
    ) -> Self {
        Self { object: Some((object, share)), cleanups, labels, since: Instant::now() }
    }

    /// The connection; none only while it is being dropped.
    pub(crate) fn connection(&mut self) -> Option<&mut Connection> {
        self.object.as_mut().map(|(o, _)| &mut **o)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The share goes last: the next one in the line then finds the connection.
        let Some((object, share)) = self.object.take() else { return };
        instruments().pool_use.record(self.since.elapsed().as_secs_f64(), &[self.labels.pool()]);
        if object.dirty {
            drop((Object::take(object), share));
        } else if object.in_flight {
            // In a task, because Attention and its acknowledgement need the socket. Without
            // a runtime: close it.
            match tokio::runtime::Handle::try_current() {
                Ok(_) => drop(self.cleanups.spawn(cancel(object, share))),
                Err(_) => drop((Object::take(object), share)),
            }
        } else {
            drop((object, share));
        }
    }
}

/// Attention; then, because a cancelled batch may have left its transaction, a rollback. Anything
/// but a clean answer to both discards the connection: one whose Attention crossed a finished
/// answer would give the next caller an empty result.
async fn cancel(mut object: Object<Manager>, share: Share) {
    let clean = tokio::time::timeout(ACKNOWLEDGE, async {
        object.client.cancel_query().await?;
        object
            .client
            .simple_query("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
            .await?
            .into_results()
            .await
    })
    .await;
    match clean {
        Ok(Ok(_)) => {
            object.in_flight = false;
            drop(object);
        }
        Ok(Err(e)) => {
            tracing::debug!(target: "mssql_mcp::database", error = %e, "the cancel was not clean; \
                the connection is closed");
            drop(Object::take(object));
        }
        Err(_) => {
            tracing::debug!(target: "mssql_mcp::database", "the cancel was not acknowledged; the \
                connection is closed");
            drop(Object::take(object));
        }
    }
    drop(share);
}
