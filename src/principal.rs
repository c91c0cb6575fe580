//! Who calls. Put into a request's extensions by whoever knows: stdio puts in the local user, the HTTP stack what the bearer
//! layer found. A request without a principal has no rights; it is never trusted.

/// A caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Unique and stable.
    pub subject: String,
    /// What it may do; [`SCOPES`] has all there are.
    pub scopes: Vec<String>,
    /// The OAuth client that it came through.
    pub client: Option<String>,
}

/// Reading, changing rows, changing the schema, running procedures. None implies another.
pub const SCOPES: [&str; 4] = ["mssql:read", "mssql:write", "mssql:schema", "mssql:execute"];

impl Principal {
    /// The person at this machine: over stdio, and on a loopback listener without sign-in.
    pub fn local() -> Self {
        Self { subject: "local".into(), scopes: SCOPES.map(str::to_owned).to_vec(), client: None }
    }
    /// Whether it has a scope.
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|s| s == scope)
    }
    /// What a session is bound to.
    pub fn key(&self) -> String {
        self.subject.clone()
    }
}
