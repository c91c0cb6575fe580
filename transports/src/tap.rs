//! A look at every JSON-RPC message, in both directions and over every transport: for whoever
//! searches for a fault. What may be shown of it is theirs to decide; this crate does not know what
//! is in a message.

use std::sync::OnceLock;

/// Which way a message goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to us.
    In,
    /// From us to the client.
    Out,
}

type Tap = Box<dyn Fn(Direction, &[u8]) + Send + Sync>;

static TAP: OnceLock<Tap> = OnceLock::new();

/// Shows all messages of this process to `look` from now on; the first one stays.
pub fn install(look: impl Fn(Direction, &[u8]) + Send + Sync + 'static) {
    let _ = TAP.set(Box::new(look));
}

/// Shows a message, if anybody looks; it is put together only then.
pub(crate) fn show<B: AsRef<[u8]>>(direction: Direction, message: impl FnOnce() -> B) {
    if let Some(look) = TAP.get() {
        look(direction, message().as_ref());
    }
}
