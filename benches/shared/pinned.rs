//! Programs on cores of their own.

use std::process::Command;

/// A program on one core alone, where `taskset` is there to see to it.
pub fn on_core(core: u8, program: &str) -> Command {
    if Command::new("taskset").arg("--version").output().is_err() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string(), program]);
    command
}
