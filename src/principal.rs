//! Who calls. Put into a request's extensions by whoever knows: stdio puts in the local user, the HTTP stack what the bearer
//! layer found. A request without a principal has no rights; it is never trusted.

/// A caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Unique and stable.
    pub subject: String,
}

impl Principal {
    /// The person at this machine: over stdio, and on a loopback listener without sign-in.
    pub fn local() -> Self {
        Self { subject: "local".into() }
    }
    /// What a session is bound to.
    pub fn key(&self) -> String {
        self.subject.clone()
    }
}
