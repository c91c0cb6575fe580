//! Work on long texts does not hold a thread that others wait for.

use tokio::runtime::{Handle, RuntimeFlavor};

/// From so many bytes on a text is long: what is shorter is read in less time than
/// handing it over takes.
const LONG: usize = 64 << 10;

/// Does it here, but where the text is long the runtime first gives this thread's other
/// work to another one.
pub(crate) fn apart<T>(length: usize, work: impl FnOnce() -> T) -> T {
    let several =
        || Handle::try_current().is_ok_and(|h| h.runtime_flavor() == RuntimeFlavor::MultiThread);
    if length >= LONG && several() { tokio::task::block_in_place(work) } else { work() }
}
