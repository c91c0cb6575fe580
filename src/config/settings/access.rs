//! `[access]`: what callers may do, and when a person is asked first.

pub(crate) use mssql_mcp_sql::policy::Access;

use crate::config::repeated::has_credentials;
use crate::config::setting::{Duration, List, Value, ValueKind, choice, normal_choice, settings};
use crate::config::{Config, quoted};

/// The access levels, narrowest first.
pub(crate) const LEVELS: [&str; 3] = ["read-only", "read-write", "full"];

impl Value for Access {
    const KIND: ValueKind = ValueKind::Choice(&LEVELS, &[]);
    type Read<'a> = Self;

    fn read(text: &str) -> Self {
        Self::parse(&normal_choice(Self::KIND, text))
    }
}

choice! {
    /// When a person is asked before data is changed.
    pub enum ConfirmWrites {
        /// Before every change; where nobody can be asked, it is refused.
        Always = "always",
        /// Where the client can ask.
        WhenPossible = "when-possible",
        Never = "never",
    }
}

settings! {
    LEVEL: Access = "access.level", ["MSSQL_MCP_ACCESS"], "read-only", restart,
        "what execute_sql may do: read-only, read-write or full";
    ALLOW: List = "access.allow", [], "", restart,
        "what would be refused at every level but is allowed here, by name: WAITFOR, OPENROWSET, \
         xp_dirtree …";
    CONFIRM_WRITES: ConfirmWrites = "access.confirm_writes", [], "when-possible", restart,
        "ask the person before data is changed: always (refuse where nobody can be asked), \
         when-possible, or never";
    CONFIRM_EXPIRY: Duration = "access.confirm_expiry", [], "10m", restart,
        "how long a person may think about a change";
    PREVIEW_TIMEOUT: Duration = "access.preview_timeout", [], "10s", restart,
        "how long the preview of a change may run";
}

pub(in crate::config) fn check(config: &Config, errors: &mut Vec<String>) {
    for item in config
        .get(ALLOW)
        .iter()
        .filter(|i| !has_credentials(i) && !mssql_mcp_sql::policy::can_be_allowed(i))
    {
        errors.push(format!(
            "{}: {} is nothing that is refused at every access level; docs/statements.md has the \
             names",
            config.place(ALLOW),
            quoted(item)
        ));
    }
}
