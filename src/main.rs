//! Arguments → configuration → telemetry → run → exit code.

use std::process::ExitCode;

/// A call is made on one thread and answered on another, and the system's allocator locks for that: with it the HTTP
/// figures of `benches/README.md` are lower by a third.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mssql_mcp::cli::main()
}
