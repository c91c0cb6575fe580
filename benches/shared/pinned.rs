//! Programs on cores of their own, and medians of what they come to.

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

/// The one in the middle of an odd number of figures.
pub fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
