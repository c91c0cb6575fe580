//! Handshake-era sessions that a restart, or another replica, goes on with: the key that signs their
//! ids and the ones that were ended are in the store of sign-in.

use std::net::SocketAddr;
use std::sync::Arc;

use mssql_mcp_transports::Tickets;
use mssql_mcp_transports::sessions::{Bounds, Ended, EndedFuture, Sessions};

use crate::config::Config;
use crate::config::settings::http;
use crate::oauth::store::{FOREVER, RecordKind, Records};
use crate::secret;

/// The one key in the store.
const KEY: &str = "1";

/// What the store knows of sessions.
#[derive(Debug)]
struct Stored(Records);

/// The sessions of a listener; `records` where there is sign-in.
pub(super) async fn sessions(
    config: &Config,
    address: SocketAddr,
    records: Option<&Records>,
) -> Sessions {
    let most = config.get(http::MAX_SESSIONS) as usize;
    let of_owner = match records {
        Some(_) => config.get(http::PRINCIPAL_SESSIONS) as usize,
        None => most,
    };
    let bounds = Bounds { most, of_owner, idle: config.get(http::SESSION_IDLE) };
    let life = config.get(http::SESSION_LIFE);
    let Some(records) = records else {
        // Without sign-in an id gives nobody anything that `initialize` would not: it is signed so
        // that it is whole. With the same address the next process takes it up, and what was ended
        // is known to this one alone.
        let address = format!("sessions of {address}");
        return Sessions::new(bounds, Tickets::new(address.as_bytes(), life), None);
    };
    let key = key(records).await;
    Sessions::new(bounds, Tickets::new(&key, life), Some(Arc::new(Stored(records.clone()))))
}

/// The key of all replicas: whoever comes first makes it. Where the store cannot be read it is one
/// of this process, whose sessions end with it.
async fn key(records: &Records) -> Vec<u8> {
    let new = secret::secret("");
    let kind = RecordKind::SessionKey;
    let found = async {
        if records.insert(kind, KEY, &new, FOREVER).await? {
            return Ok(None);
        }
        records.get::<String>(kind, KEY).await
    };
    match found.await {
        Ok(Some((key, _))) => key.into_bytes(),
        Ok(None) => new.into_bytes(),
        Err(e) => {
            tracing::warn!(error = %e, "the key of sessions cannot be read; they end with this process");
            new.into_bytes()
        }
    }
}

// === impl Stored ===

impl Ended for Stored {
    fn note<'a>(&'a self, id: &'a str, until: u64) -> EndedFuture<'a, ()> {
        Box::pin(async move {
            let key = secret::hashed(id);
            if let Err(e) = self.0.put(RecordKind::EndedSession, &key, &(), until).await {
                tracing::warn!(error = %e, "the end of a session could not be noted");
            }
        })
    }

    fn has<'a>(&'a self, id: &'a str) -> EndedFuture<'a, bool> {
        Box::pin(async move {
            let found = self.0.get::<()>(RecordKind::EndedSession, &secret::hashed(id)).await;
            matches!(found, Ok(Some(_)))
        })
    }
}
