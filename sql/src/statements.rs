//! Every statement of T-SQL by name, and what the guard makes of the shortest text of its kind.

use crate::policy::Policy;
use crate::verdict::{Class, Verdict};

/// A statement of SQL Server, Azure SQL, Fabric or Synapse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementKind {
    /// As Microsoft's reference names it.
    pub name: &'static str,
    /// From which version of SQL Server on, and where else.
    pub place: &'static str,
    /// Its page in Microsoft's reference, behind `t-sql/`.
    pub page: &'static str,
    /// The shortest text of its kind.
    pub example: &'static str,
}

/// All of them, in the order of the list.
pub fn all() -> impl Iterator<Item = StatementKind> {
    include_str!("lists/statements.list").lines().filter(|l| !l.starts_with('#')).map(|l| {
        let mut fields = l.splitn(4, " | ");
        let mut next = || fields.next().unwrap_or_default();
        StatementKind { name: next(), place: next(), page: next(), example: next() }
    })
}

/// `docs/statements.md`, as text in Markdown.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Statements and their classes\n\n\
         Printed by `mssql-mcp classify --statements`: each class is what the guard makes of the \
         example. What stands inside of a statement can raise it \
         (a linked server, a function that reads files, an `EXECUTE AS`), and a target of `#temp` \
         or `@table` lowers a change to *session*; \
         `docs/security.md` says what the classes mean. The places are the first version of SQL \
         Server, and Azure SQL, Fabric and Synapse.\n\n\
         | statement | class | allowed by `access.allow` | where | example \
         |\n|---|---|---|---|---|\n",
    );
    for k in all() {
        let verdict = Verdict::under(k.example, &Policy::default());
        let items: Vec<_> = verdict
            .statements
            .iter()
            .filter_map(|s| s.problem.as_ref())
            .flat_map(|p| p.items.clone())
            .collect();
        let items =
            if items.is_empty() { "–".to_owned() } else { format!("`{}`", items.join("`, `")) };
        let allowed = if verdict.class == Class::Refused { items } else { "–".to_owned() };
        let place = k.place;
        out += &format!(
            "| {} | {} | {allowed} | {place} | `{}` |\n",
            k.name,
            verdict.class.as_str(),
            k.example
        );
    }
    out
}
