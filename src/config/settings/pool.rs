//! `[pool]`: the connections to SQL Server.

use crate::config::setting::{Duration, DurationOrNone, Int, settings};

settings! {
    MAX_SIZE: Int<1, 1000> = "pool.max_size", [], "10", restart,
        "connections at most";
    WAIT: DurationOrNone = "pool.wait", [], "5s", restart,
        "how long a call waits for a free connection";
    CONNECT_TIMEOUT: Duration = "pool.connect_timeout", [], "15s", restart,
        "TCP, TLS and login together";
    IDLE_TIMEOUT: Duration = "pool.idle_timeout", [], "10m", restart,
        "an idle connection is closed after this";
    MAX_AGE: Duration = "pool.max_age", [], "1h", restart,
        "a connection is replaced after this, give or take a tenth";
    MAX_WAITING: Int<0, 100_000> = "pool.max_waiting", [], "50", restart,
        "calls that may wait for a connection; more are told at once that the server is overloaded";
}
