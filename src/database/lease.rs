//! A connection on loan. What still runs when the loan ends is cancelled on the server, and what
//! the session may hold is reset, before anybody else gets it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::Object;
use mssql_mcp_session::{Cancelled, Patience};
use tokio_util::task::TaskTracker;

use super::DbError;
use super::observe::Labels;
use super::pool::{Connection, Manager};
use super::share::Share;
use crate::telemetry::metrics::instruments;

/// How long an acknowledgement may take: less than the deadline layer leaves behind a call's own
/// deadline, so that what it says can be told.
const ACKNOWLEDGE: Duration = Duration::from_secs(2);

/// The isolation level is the one thing that a reset leaves (MS-TDS 2.2.3.1.2).
const RESET: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";

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

    /// The connection; it is missing only while the loan is being dropped.
    pub(crate) fn connection(&mut self) -> Result<&mut Connection, DbError> {
        let object = self.object.as_mut().map(|(o, _)| &mut **o);
        object.ok_or_else(|| DbError::Driver("no connection".into()))
    }

    /// Ends the request that runs, and says what is known of it.
    pub(crate) async fn cancel(&mut self) -> Cancelled {
        match self.connection() {
            Ok(c) => cancel(c).await,
            Err(_) => Cancelled::Nothing,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The share goes last: the next one in the line then finds the connection.
        let Some((object, share)) = self.object.take() else { return };
        instruments().pool_use.record(self.since.elapsed().as_secs_f64(), &[self.labels.pool()]);
        if object.is_clean() {
            drop((object, share));
        } else if object.dirty || !object.session.is_usable() {
            discard(object, &self.labels);
            drop(share);
        } else {
            // In a task, because it needs the socket. Without a runtime: close it.
            match tokio::runtime::Handle::try_current() {
                Ok(_) => drop(self.cleanups.spawn(clean(object, share, self.labels.clone()))),
                Err(_) => drop((Object::take(object), share)),
            }
        }
    }
}

async fn cancel(connection: &mut Connection) -> Cancelled {
    connection.unclean = true;
    connection.session.cancel(Patience { time: ACKNOWLEDGE, ..Patience::default() }).await
}

/// Ends what runs, and has the session be what a login would find.
async fn clean(mut object: Object<Manager>, share: Share, labels: Arc<Labels>) {
    if !object.session.is_ready() {
        let known = cancel(&mut object).await;
        tracing::debug!(target: "mssql_mcp::database", ?known, "a request was cancelled");
    }
    let reset = async {
        object.session.reset_next();
        object.say(RESET).await
    };
    match tokio::time::timeout(ACKNOWLEDGE, reset).await {
        Ok(Ok(())) => {
            object.unclean = false;
            drop(object);
        }
        failed => {
            tracing::debug!(target: "mssql_mcp::database", ?failed, "the session could not be \
                reset; the connection is closed");
            discard(object, &labels);
        }
    }
    drop(share);
}

/// Closes a connection that cannot be used again.
fn discard(object: Object<Manager>, labels: &Labels) {
    instruments().pool_discarded.add(1, &[labels.pool()]);
    drop(Object::take(object));
}
