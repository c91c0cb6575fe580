//! A ticket by Kerberos, through the system's GSSAPI: AP-REQ with LOGIN7, and the server's AP-REP,
//! by which it proves that it is the service that was asked for (RFC 4121, RFC 4120 3.2).
//!
//! The library reads files and asks a KDC while its caller waits, and it cannot be stopped. So each
//! ticket is got on a thread of its own; who waited long enough goes away, and the thread ends by
//! itself when the library gives up. There are never more than [`AT_ONCE`] of them for a server, so
//! that a realm whose KDC keeps silent takes nothing from another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use libgssapi::context::{ClientCtx, CtxFlags};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_NT_KRB5_PRINCIPAL, OidSet};
use tokio::sync::{Semaphore, oneshot};

use super::{Handshake, Spn, mend, service_principal_name};
use crate::error::Error;

/// Tickets that are got at a time, for a server.
const AT_ONCE: usize = 8;
/// By what servers are called; there are as many as a configuration names.
static SLOTS: Mutex<BTreeMap<String, Arc<Semaphore>>> = Mutex::new(BTreeMap::new());

/// One login.
pub(super) struct Ticket {
    context: ClientCtx,
    spn: String,
    first: Vec<u8>,
    done: bool,
}

/// Gets a ticket for a server, or for the name that it is said to have.
pub(super) async fn ticket(host: String, port: u16, spn: Option<Spn>) -> Result<Ticket, Error> {
    let called = spn.as_ref().map_or_else(|| format!("{host}:{port}"), Spn::to_string);
    let slots = {
        let mut all = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(called).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))).clone()
    };
    let slot = slots.acquire_owned().await.map_err(|_| broken("no ticket can be got any more"))?;
    let (got, waiting) = oneshot::channel();
    let get = move || {
        let spn = spn.unwrap_or_else(|| service_principal_name(&host, port)).to_string();
        // Nobody waits any more where this fails.
        let _ = got.send(obtain(spn));
        drop(slot);
    };
    std::thread::Builder::new()
        .name("kerberos".into())
        .spawn(get)
        .map_err(|e| broken(&format!("no thread can be started: {e}")))?;
    waiting.await.map_err(|_| broken("the Kerberos library ended its thread"))?
}

fn obtain(spn: String) -> Result<Ticket, Error> {
    // The words of an error are this thread's alone.
    let step = || {
        let mut mechanisms = OidSet::new();
        mechanisms.add(GSS_MECH_KRB5)?;
        let credential = Cred::acquire(None, None, CredUsage::Initiate, Some(&mechanisms))?;
        let name = Name::new(spn.as_bytes(), Some(GSS_NT_KRB5_PRINCIPAL))?;
        let flags = CtxFlags::GSS_C_MUTUAL_FLAG | CtxFlags::GSS_C_SEQUENCE_FLAG;
        let mut context = ClientCtx::new(Some(credential), name, flags, Some(GSS_MECH_KRB5));
        let first = context.step(None, None)?.map(|t| t.to_vec());
        Ok((context, first.unwrap_or_default()))
    };
    match step() {
        Ok((context, first)) => Ok(Ticket { context, spn, first, done: false }),
        Err(e) => Err(failed(&spn, e)),
    }
}

fn failed(spn: &str, e: libgssapi::error::Error) -> Error {
    mend::credentials(spn, &e.to_string())
}

fn broken(what: &str) -> Error {
    Error::Credentials(format!("{what}: try again, and restart the process where that fails"))
}

// === impl Ticket ===

impl Handshake for Ticket {
    fn first(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.first)
    }

    /// This asks nobody: the server's token is read with what the ticket has.
    fn next(&mut self, token: &[u8]) -> Result<Vec<u8>, Error> {
        if self.done {
            return Err(Error::protocol("it goes on with a Kerberos exchange that is complete"));
        }
        let reply = self.context.step(Some(token), None).map_err(|e| failed(&self.spn, e))?;
        self.done = reply.is_none();
        Ok(reply.map(|t| t.to_vec()).unwrap_or_default())
    }

    fn complete(&self) -> bool {
        self.done
    }
}
