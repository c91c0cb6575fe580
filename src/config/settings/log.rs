//! `[log]`: what is written to stderr.

use crate::config::setting::{Level, choice, settings};

choice! {
    /// The form of a line.
    pub enum Format {
        Text = "text",
        /// An object per line.
        Json = "json",
    }
}

settings! {
    LEVEL: Level = "log.level", ["LOG_LEVEL"], "info", live,
        "error, warn, info, debug, trace or off, or Python's or syslog's name of one, in any \
         case; or a tracing filter";
    FORMAT: Format = "log.format", ["LOG_FORMAT"], "text", restart,
        "text or json, on stderr";
    MESSAGES: bool = "log.messages", [], "no", restart,
        "for finding faults: log each JSON-RPC request and response, without secrets, and without \
         values unless log.values is on too";
    VALUES: bool = "log.values", [], "no", restart,
        "with log.messages: literals, parameters and rows too. They can be personal data";
}
