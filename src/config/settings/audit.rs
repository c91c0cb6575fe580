//! `[audit]`: the record of who called what.

use crate::config::setting::{DurationOrNone, Int, Path, choice, settings};

choice! {
    /// What becomes of a call that there is no room to record.
    pub enum Policy {
        /// It waits, and is refused when that does not help.
        Wait = "wait",
        /// It runs; the lost records are counted, and the count is a record.
        Drop = "drop",
        /// It runs only once its start is on disk; so does every other call.
        FailClosed = "fail-closed",
    }
}

choice! {
    /// When records are synced to disk.
    pub enum Fsync {
        Second = "second",
        Always = "always",
        /// When the system likes.
        Never = "never",
    }
}

choice! {
    /// What of a statement a record keeps.
    pub enum Texts {
        /// With `?` for literals.
        Redacted = "redacted",
        None = "none",
        Full = "full",
    }
}

settings! {
    DIR: Path = "audit.dir", [], "", restart,
        "folder of the audit log (docs/audit-record.md); empty for none";
    POLICY: Policy = "audit.policy", [], "wait", restart,
        "a call that there is no room to record: wait and then refuse, run and count the loss, or \
         (always) run only once its start is on disk";
    WAIT: DurationOrNone = "audit.wait", [], "2s", restart,
        "how long it waits for that";
    FSYNC: Fsync = "audit.fsync", [], "second", restart,
        "when records are synced to disk: once a second, after every batch, or when the system \
         likes";
    TEXT: Texts = "audit.text", [], "redacted", restart,
        "the statement in a record: with ? for literals, not at all, or as it came";
    ROTATE_SIZE: Int<4096, { 1 << 40 }> = "audit.rotate_size", [], "104857600", restart,
        "bytes after which a new file begins; so does a new day (UTC)";
    CHECKPOINT_EVERY: Int<1, 1_000_000> = "audit.checkpoint_every", [], "1000", restart,
        "records between two signed checkpoints";
}
