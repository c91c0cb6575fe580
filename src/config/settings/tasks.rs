//! `[tasks]`: calls that go on after their request, for clients that have the tasks extension.

use crate::config::setting::{Duration, DurationOrNone, Int, settings};

settings! {
    AFTER: DurationOrNone = "tasks.after", [], "5s", live,
        "a call of a client that has tasks (io.modelcontextprotocol/tasks) becomes one after this; \
         0: never";
    HANDLE_AFTER: DurationOrNone = "tasks.handle_after", [], "45s", live,
        "a read of any other client is answered after this, or at its deadline, with a handle and \
         goes on; get_result, or the same call again, waits for what it comes to; 0: never, it ends \
         at its deadline";
    LONGEST: Duration = "tasks.longest", [], "10m", live,
        "how long a read may take that became a task or a handle; a change ends at its deadline";
    HANDLES: Int<1, 1000> = "tasks.handles", [], "2", live,
        "handles of one principal that run at once; a further read ends at its deadline";
    IDLE: Duration = "tasks.idle", [], "2m", live,
        "a handle that nobody has asked for so long is cancelled";
    KEEP: Duration = "tasks.keep", [], "10m", live,
        "how long a task is kept from its end on, with its result";
    OF_PRINCIPAL: Int<1, 10_000> = "tasks.of_principal", [], "16", live,
        "tasks of one principal; one that has ended makes room, and if all work, a call is only a \
         call";
    MOST: Int<1, 100_000> = "tasks.most", [], "1000", live,
        "tasks of a mount";
    BYTES: Int<1_000_000, 100_000_000_000> = "tasks.bytes", [], "64000000", live,
        "bytes of the results of a mount's tasks; beyond that the oldest are forgotten";
}
