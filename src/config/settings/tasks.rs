//! `[tasks]`: calls that go on after their request, for clients that have the tasks extension.

use crate::config::setting::{Duration, DurationOrNone, Int, settings};

settings! {
    AFTER: DurationOrNone = "tasks.after", [], "5s", live,
        "a call of a client that has tasks (io.modelcontextprotocol/tasks) becomes one after this; \
         0: never";
    HANDLE_AFTER: DurationOrNone = "tasks.handle_after", [], "0", live,
        "a call of any other client is answered after this with still_running and goes on; the same \
         call again waits for its result; 0: never";
    KEEP: Duration = "tasks.keep", [], "10m", live,
        "how long a task is kept from its beginning on, with its result";
    OF_PRINCIPAL: Int<1, 10_000> = "tasks.of_principal", [], "16", live,
        "tasks of one principal; one that has ended makes room, and if all work, a call is only a \
         call";
    MOST: Int<1, 100_000> = "tasks.most", [], "1000", live,
        "tasks of a mount";
    BYTES: Int<1_000_000, 100_000_000_000> = "tasks.bytes", [], "64000000", live,
        "bytes of the results of a mount's tasks; beyond that the oldest are forgotten";
}
