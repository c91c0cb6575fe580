//! What may run, and the refusal of what may not.

use std::sync::Arc;

use crate::verdict::{Class, Statement, Verdict};

/// What a batch may do at most; the order is the order of access levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Access {
    #[default]
    /// Only what changes nothing.
    ReadOnly,
    /// Reads and changes rows.
    ReadWrite,
    /// Everything that is not refused outright.
    Full,
}

/// What may run, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The widest class of statement that runs.
    pub access: Access,
    /// Refused things that the operator allows, by name in any case.
    pub allow: Vec<String>,
    /// The database that the caller is in, where it is known: USE of it changes nothing.
    pub database: Option<Arc<str>>,
    /// Names of other databases are refused, but for those of the system.
    pub only_here: bool,
    /// The longest LOCK_TIMEOUT that a caller may set, in milliseconds.
    pub lock_timeout: u64,
}

/// Why a batch must not run: one of the codes of `docs/errors.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is beyond the access level.
    AccessDenied,
    /// It is refused at every level, unless the operator allows it by name.
    ForbiddenSql,
    /// It begins, ends or leaves a transaction or a database, which the server does itself.
    TransactionControl,
    /// It could be read in two ways, or could not be read.
    UnclearSql,
}

impl Why {
    /// As the docs and the answers spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Why::AccessDenied => "access_denied",
            Why::ForbiddenSql => "forbidden_sql",
            Why::TransactionControl => "transaction_control",
            Why::UnclearSql => "unclear_sql",
        }
    }
}

/// A batch that must not run.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The kind of reason.
    pub why: Why,
    /// What the statement does.
    pub class: Class,
    /// The statement's first words.
    pub statement: String,
    /// In the batch, from 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What was found in the statement.
    pub reason: String,
    /// What would be accepted.
    pub advice: String,
}

// === impl Access ===

impl Access {
    /// By its name in the configuration.
    pub fn parse(s: &str) -> Self {
        match s {
            "full" => Access::Full,
            "read-write" => Access::ReadWrite,
            _ => Access::ReadOnly,
        }
    }

    /// The highest class that may run.
    pub fn up_to(self) -> Class {
        match self {
            Access::ReadOnly => Class::Session,
            Access::ReadWrite => Class::Write,
            Access::Full => Class::Execute,
        }
    }

    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::ReadOnly => "read-only",
            Access::ReadWrite => "read-write",
            Access::Full => "full",
        }
    }
}

/// Whether something of this name is refused, so that an operator may allow it.
pub fn can_be_allowed(item: &str) -> bool {
    let item = item.trim();
    let lower = item.to_ascii_lowercase();
    crate::account::refuses(&lower)
        || [
            "linked server",
            "cross database",
            "all server",
            "rename database",
            "raiserror with log",
        ]
        .contains(&lower.as_str())
        || crate::statements::all().any(|kind| {
            let of = |s: &crate::verdict::Statement| {
                s.problem
                    .as_ref()
                    .is_some_and(|p| p.items.iter().any(|i| i.eq_ignore_ascii_case(item)))
            };
            crate::verdict::Verdict::of(kind.example).statements.iter().any(of)
        })
}

// === impl Policy ===

impl Default for Policy {
    fn default() -> Self {
        Self {
            access: Access::ReadOnly,
            allow: Vec::new(),
            database: None,
            only_here: false,
            lock_timeout: 10_000,
        }
    }
}

impl Policy {
    fn allows(&self, items: &[String]) -> bool {
        items.iter().all(|item| self.allow.iter().any(|a| a.eq_ignore_ascii_case(item)))
    }
}

/// Judges a batch under a policy.
pub fn judge(sql: &str, policy: &Policy) -> Result<Verdict, Refusal> {
    Verdict::under(sql, policy).check(policy)
}

// === impl Verdict ===

impl Verdict {
    /// Whether it may run. What the operator allows takes the class that it counts as.
    pub fn check(mut self, policy: &Policy) -> Result<Self, Refusal> {
        for s in &mut self.statements {
            if let Some(p) = &s.problem
                && s.class == Class::Refused
                && policy.allows(&p.items)
            {
                s.class = p.counts_as.max(s.base);
                self.keeps_state = true;
            }
        }
        self.class = self.statements.iter().map(|s| s.class).max().unwrap_or(Class::Unknown);
        match self.statements.iter().find(|s| s.class > policy.access.up_to()) {
            None => Ok(self),
            Some(s) => Err(s.refusal(policy)),
        }
    }
}

// === impl Statement ===

impl Statement {
    fn refusal(&self, policy: &Policy) -> Refusal {
        let r = |why, line, column, reason: String, advice: String| Refusal {
            why,
            class: self.class,
            statement: self.head.clone(),
            line,
            column,
            reason,
            advice,
        };
        if let Some(p) = &self.problem
            && self.class >= Class::Refused
        {
            let why = match self.class {
                Class::Refused => Why::ForbiddenSql,
                Class::Never => Why::TransactionControl,
                _ => Why::UnclearSql,
            };
            return r(why, p.line, p.column, p.reason.clone(), p.advice.clone());
        }
        let needs = match self.class {
            Class::Write => Access::ReadWrite,
            _ => Access::Full,
        };
        let accepted = match policy.access {
            Access::ReadOnly => {
                "SELECT, WITH … SELECT, DECLARE, SET @variable, IF/WHILE, #temp tables and \
                 catalog procedures such as sp_help are accepted."
            }
            Access::ReadWrite => "SELECT, INSERT, UPDATE, DELETE, MERGE and TRUNCATE are accepted.",
            Access::Full => "",
        };
        r(
            Why::AccessDenied,
            self.line,
            self.column,
            format!(
                "{} is {}, and access is {}",
                if self.head.is_empty() { "this statement" } else { &self.head },
                match self.class {
                    Class::Write => "a change of rows",
                    Class::Schema => "a change of the schema",
                    _ => "a procedure call or dynamic SQL",
                },
                policy.access.as_str()
            ),
            format!("{accepted} The operator can set access.level = \"{}\".", needs.as_str())
                .trim_start()
                .to_owned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_allowed_is_known_by_name() {
        for item in [
            "WAITFOR",
            "waitfor",
            "OPENROWSET",
            "xp_dirtree",
            "DBCC",
            "EXECUTE AS",
            "linked server",
            "SET SHOWPLAN_ALL",
            "sp_OACreate",
            "BULK",
            "BACKUP",
        ] {
            assert!(can_be_allowed(item), "{item}");
        }
        for item in ["WAITFORR", "everything", "*", "SELECT", "UPDATE", ""] {
            assert!(!can_be_allowed(item), "{item}");
        }
    }

    #[test]
    fn each_level_lets_through_what_its_name_says_and_a_refusal_has_its_code() {
        let cases = [
            ("SELECT 1", ["", "", ""]),
            ("UPDATE t SET a = 1", ["access_denied", "", ""]),
            ("DROP TABLE t", ["access_denied", "access_denied", ""]),
            ("EXEC p", ["access_denied", "access_denied", ""]),
            ("SHUTDOWN", ["forbidden_sql"; 3]),
            ("COMMIT", ["transaction_control"; 3]),
            ("SELECT FROM WHERE", ["unclear_sql"; 3]),
        ];
        for (text, codes) in cases {
            for (level, code) in ["read-only", "read-write", "full"].into_iter().zip(codes) {
                let access = Access::parse(level);
                assert_eq!(access.as_str(), level);
                let judged = judge(text, &Policy { access, ..Policy::default() });
                assert_eq!(judged.err().map_or("", |r| r.why.as_str()), code, "{text} at {level}");
            }
        }
    }
}
