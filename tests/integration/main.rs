//! One binary for everything that needs more than one part: the server over the real wire to the
//! sandbox, the wire, the processes, and real clients.

mod bad_input;
mod chatgpt;
mod cli;
mod clients;
mod dependencies;
mod deploy;
mod deployed;
mod doctor;
mod everyday;
mod faults;
mod frameworks;
mod hosted;
mod lifecycle;
mod memory;
mod nginx;
mod oauth;
mod reaching;
mod readme;
mod records;
mod safety;
mod schemas;
mod session;
mod siege;
mod soak;
mod support;
mod telemetry;
mod terminal;
mod tokens;
mod tools;
mod types;
mod verdicts;
mod wire;
