//! Objects of other databases of the same server, where a caller is to have one alone.
//!
//! This keeps names apart, and not more: a view, a synonym or a procedure may lead elsewhere, and
//! what the login may see there only its rights decide.

use super::{Reader, names};
use crate::derive::Role;
use crate::verdict::Class;

/// Databases of every server, whose catalog everybody reads.
const SYSTEM: [&str; 4] = ["master", "model", "msdb", "tempdb"];

impl Reader<'_> {
    /// Refuses every name that has another database in front.
    pub(crate) fn keep_here(&mut self) {
        if !self.policy.only_here {
            return;
        }
        let own = self.policy.database.clone();
        for end in 0..self.t.len() {
            if !matches!(self.derived.roles[end], Role::Table | Role::Function | Role::Procedure)
                || self.t[end].text == "."
                || self.is(end + 1, ".")
            {
                continue;
            }
            let mut start = end;
            // Names and dots by turns, and `..` for a schema that is left out.
            while start > 0
                && (self.t[start - 1].text == "."
                    || self.t[start].text == "." && is_name(self.t[start - 1].kind))
            {
                start -= 1;
            }
            let parts = names::parts(&self.t[start..=end]);
            let [Some(database), ..] = parts.as_slice() else { continue };
            // `t.c.nodes()` is a method of a column.
            if parts.len() != 3 || self.is(end + 1, "(") && is_method(self.t[end].text) {
                continue;
            }
            let name = names::unquoted(database);
            let here = own.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(&name))
                || SYSTEM.iter().any(|s| s.eq_ignore_ascii_case(&name));
            if !here {
                self.blame(
                    start,
                    Class::Refused,
                    &["CROSS DATABASE".to_owned()],
                    Class::Read,
                    "an object of another database is not reached from here".to_owned(),
                    "Ask for it in a call of its own, with database; or the operator can name it: \
                     access.allow = [\"cross database\"].",
                );
            }
        }
    }
}

/// Methods of the types that columns have them of: xml, hierarchyid, geometry and geography ("xml
/// Data Type Methods", "hierarchyid data type method reference", "Spatial Data").
fn is_method(name: &str) -> bool {
    const XML: [&str; 5] = ["exist", "modify", "nodes", "query", "value"];
    const CLR: [&str; 22] = [
        "AsBinaryZM",
        "AsGml",
        "AsTextZM",
        "BufferWithCurves",
        "BufferWithTolerance",
        "Filter",
        "GetAncestor",
        "GetDescendant",
        "GetLevel",
        "GetReparentedValue",
        "InstanceOf",
        "IsDescendantOf",
        "IsValidDetailed",
        "MakeValid",
        "MinDbCompatibilityLevel",
        "NumRings",
        "Reduce",
        "ReorientObject",
        "RingN",
        "ShortestLineTo",
        "ToString",
        "CurveToLineWithTolerance",
    ];
    XML.contains(&name) || CLR.contains(&name) || name.starts_with("ST")
}

fn is_name(kind: crate::lexer::TokenKind) -> bool {
    matches!(kind, crate::lexer::TokenKind::Word | crate::lexer::TokenKind::Quoted)
}

#[cfg(test)]
mod tests {
    use crate::policy::{Access, Policy, judge};

    fn runs(sql: &str, only_here: bool, allow: &[&str]) -> bool {
        let policy = Policy {
            access: Access::Full,
            only_here,
            database: Some("Sales".into()),
            allow: allow.iter().map(|a| (*a).to_owned()).collect(),
            ..Policy::default()
        };
        judge(sql, &policy).is_ok()
    }

    #[test]
    fn another_database_is_reached_where_the_operator_wants_it() {
        for sql in [
            "SELECT * FROM Hidden.dbo.T",
            "SELECT * FROM [Hidden]..T",
            "SELECT * FROM \"Hidden\".dbo.[T x] AS a JOIN dbo.B ON 1 = 1",
            "SELECT * FROM dbo.A AS a CROSS APPLY Hidden.dbo.F(a.x)",
            "SELECT Hidden.dbo.F(1)",
            "EXEC Hidden.dbo.P",
            "Hidden..P",
            "INSERT INTO Hidden.dbo.T VALUES (1)",
            "UPDATE Hidden.dbo.T SET a = 1",
            "DELETE FROM Hidden.dbo.T",
            "MERGE Hidden.dbo.T AS t USING dbo.S AS s ON t.a = s.a WHEN MATCHED THEN DELETE;",
            "SELECT 1 AS a INTO Hidden.dbo.T",
            "WITH c AS (SELECT * FROM Hidden.dbo.T) SELECT * FROM c",
            "IF EXISTS (SELECT 1 FROM Hidden.sys.tables) SELECT 1",
            "SELECT * FROM Hidden.INFORMATION_SCHEMA.TABLES",
            "TRUNCATE TABLE Hidden.dbo.T",
            "DROP TABLE Hidden.dbo.T",
            "EXEC('SELECT * FROM Hidden.dbo.T')",
            "EXEC sp_executesql N'SELECT * FROM Hidden.dbo.T'",
        ] {
            assert!(runs(sql, false, &[]), "{sql}");
            assert!(!runs(sql, true, &[]), "{sql}");
            assert!(runs(sql, true, &["cross database"]), "{sql}");
        }
    }

    #[test]
    fn what_is_here_or_everybodys_runs() {
        for sql in [
            "SELECT * FROM dbo.T",
            "SELECT sales.Orders.OrderId FROM sales.Orders",
            "SELECT * FROM Sales.dbo.T",
            "SELECT * FROM sales..T",
            "SELECT name FROM master.sys.databases",
            "SELECT * FROM tempdb..#t",
            "EXEC msdb.dbo.sp_help_job",
            "SELECT x.c.value('.', 'int') FROM dbo.T AS t CROSS APPLY t.doc.nodes('/a') AS x(c)",
            "SELECT t.place.STArea(), t.node.ToString() FROM dbo.T AS t",
        ] {
            assert_eq!(runs(sql, true, &[]), runs(sql, false, &[]), "{sql}");
        }
        assert!(runs("SELECT sales.Orders.OrderId FROM sales.Orders", true, &[]));
    }
}
