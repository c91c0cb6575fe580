//! The thread of a session: SQLite blocks, so each session's engine has one of its own. It ends
//! when the connection does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::Server;
use crate::messages;
use crate::run::{Engine, Login};
use crate::tds::out::{Out, Piece};
use crate::tds::request::Request;
use crate::tds::token::{self, Done, status};
use crate::tds::wire::Reset;
use crate::types::Type;

/// Bytes of a session's stack. The deepest text that the parser lets through needs less than the
/// 2 MB of a thread that is not asked for more; this is for what SQLite puts on top of it.
const STACK: usize = 8 << 20;

/// A session's thread, as its connection has it.
pub(super) struct SessionThread {
    requests: mpsc::Sender<(Reset, Request)>,
    pieces: mpsc::Receiver<Piece>,
    cancel: Arc<AtomicBool>,
    interrupt: rusqlite::InterruptHandle,
}

impl SessionThread {
    /// Nothing when the engine cannot be made.
    pub(super) async fn start(
        server: Arc<Server>,
        login: Login,
        spid: i64,
    ) -> io::Result<Option<Self>> {
        let cancel = Arc::new(AtomicBool::new(false));
        let (requests, mut incoming) = mpsc::channel::<(Reset, Request)>(1);
        let (outgoing, pieces) = mpsc::channel::<Piece>(4);
        let (made, interrupt) = oneshot::channel();
        let cancelled = cancel.clone();
        std::thread::Builder::new().name("sandbox-session".into()).stack_size(STACK).spawn(
            move || {
                let engine = Engine::new(server.shared.clone(), spid, login, cancelled.clone());
                let Ok(mut engine) = engine else { return };
                let _ = made.send(engine.interrupt_handle());
                while let Some((reset, request)) = incoming.blocking_recv() {
                    let rows_sent = server.rows_sent.clone();
                    let mut out = Out::new(outgoing.clone(), cancelled.clone(), rows_sent);
                    if reset != Reset::No && !server.faults().ignore_reset {
                        engine.reset(reset == Reset::KeepTransaction, &mut out);
                    }
                    answer(&server, &mut engine, request, out);
                }
            },
        )?;
        let Ok(interrupt) = interrupt.await else { return Ok(None) };
        Ok(Some(Self { requests, pieces, cancel, interrupt }))
    }

    /// Whether the thread is there to run it.
    pub(super) async fn send(&self, reset: Reset, request: Request) -> bool {
        self.cancel.store(false, Ordering::Release);
        self.requests.send((reset, request)).await.is_ok()
    }

    /// None when the thread has ended.
    pub(super) async fn next_piece(&mut self) -> Option<Piece> {
        self.pieces.recv().await
    }

    /// Ends the request that runs.
    pub(super) fn cancel(&self) {
        self.cancel.store(true, Ordering::Release);
        self.interrupt.interrupt();
    }
}

// === impl Drop for SessionThread ===

impl Drop for SessionThread {
    /// Whatever still runs must stop, or its thread would outlive the connection.
    fn drop(&mut self) {
        self.cancel();
        self.pieces.close();
    }
}

/// Answers with a fault, from a script, or by running the request.
fn answer(server: &Server, engine: &mut Engine, request: Request, mut out: Out) {
    let mut faults = server.faults();
    out.row_delay = faults.row_delay;
    out.drop_after_rows = faults.drop_after_rows;
    let refused =
        (faults.refuse_untyped && has_untyped(&request)).then(messages::untyped_parameter);
    if let Some(e) = refused.or_else(|| faults.error.take()) {
        server.set_faults(|f| f.error = None);
        let _ = out.write(|b| token::error(&e, b));
        let kind = if matches!(request, Request::Rpc(_)) { Done::Proc } else { Done::Statement };
        out.done(kind, status::ERROR, 0, 0);
        out.end(false);
    } else if let Some(script) = server.script_for(&request) {
        script.play(matches!(request, Request::Rpc(_)), &mut out);
    } else {
        engine.run(request, &mut out);
    }
}

/// Whether any parameter has no type.
fn has_untyped(request: &Request) -> bool {
    let Request::Rpc(all) = request else { return false };
    all.iter().flat_map(|r| &r.params).any(|p| p.ty == Type::Null)
}
