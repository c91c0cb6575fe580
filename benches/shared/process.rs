//! What a process has used.

/// Ticks of a clock that `/proc` counts in, the same on every Linux.
const PER_SECOND: f64 = 100.0;

/// Seconds of processor time that a process and its threads have used, to a hundredth (proc(5),
/// `/proc/PID/stat`, fields 14 and 15).
pub fn processor(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name stands in brackets, and may have blanks in it.
    let fields = text.rsplit_once(')').map_or("", |(_, behind)| behind).split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / PER_SECOND
}

/// A field of `/proc/PID/status` that counts memory, in MB.
pub fn memory(pid: u32, field: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kb: f64 = text
        .lines()
        .find_map(|l| l.strip_prefix(field))
        .and_then(|l| l.trim_start_matches(':').split_whitespace().next()?.parse().ok())
        .unwrap_or(f64::NAN);
    kb / 1024.0
}
