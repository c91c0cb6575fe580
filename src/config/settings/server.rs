//! `[server]`: the process.

use crate::config::setting::{DurationOrNone, settings};

settings! {
    SHUTDOWN_GRACE: DurationOrNone = "server.shutdown_grace", [], "10s", restart,
        "how long calls may go on after SIGTERM, Ctrl-C or the end of input";
}
