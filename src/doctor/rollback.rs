//! The second net. Where the guard says Read, the transaction is rolled back anyway; this looks for
//! what a rollback would not undo and the login could do, should a text be misread: each with the
//! script that takes the right away.

use serde_json::Value;

use super::Finding;
use super::rights::quoted;
use crate::database::{Database, DbError, Limits};
use mssql_mcp_sql::Access;

/// One thing that stays when its transaction is rolled back.
#[derive(Debug)]
pub struct Lasting {
    /// What it is, for the finding: "the login may …".
    pub(crate) what: &'static str,
    /// Rows of what is concerned: two names where it is in a schema, one elsewhere.
    pub query: &'static str,
    /// What takes the right away from `{user}` (or `{login}`) for one row: `{object}` is its quoted
    /// name, `{text}` the name in a literal.
    script: &'static str,
    /// Where the script runs.
    place: Place,
    /// Only where nothing may be written: elsewhere it is meant.
    read_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Database,
    Master,
}

/// The server says so by these numbers where it has no such thing: Azure SQL Database has no linked
/// servers (208), and lets nobody look into master (40515).
const NO_SUCH_THING: [u32; 2] = [208, 40515];

/// What a rollback leaves behind, and how the catalog shows it.
pub const LASTING: [Lasting; 7] = [
    Lasting {
        what: "take numbers from sequences",
        query: "SELECT TOP (20) s.name, q.name FROM sys.sequences AS q \
                JOIN sys.schemas AS s ON s.schema_id = q.schema_id \
                WHERE HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(q.name), 'OBJECT', \
                'UPDATE') = 1 ORDER BY s.name, q.name",
        script: "DENY UPDATE ON OBJECT::{object} TO {user};",
        place: Place::Database,
        read_only: true,
    },
    Lasting {
        what: "reach linked servers, where what it changes is not in our transaction",
        query: "SELECT TOP (20) v.name FROM sys.servers AS v WHERE v.is_linked = 1 \
                AND (v.is_data_access_enabled = 1 OR v.is_rpc_out_enabled = 1) ORDER BY v.name",
        script: "EXEC sp_droplinkedsrvlogin N'{text}', NULL; -- nobody by default; name those who \
                 need it with sp_addlinkedsrvlogin",
        place: Place::Master,
        read_only: false,
    },
    Lasting {
        what: "run extended procedures and OLE automation, which reach files, the registry, the \
               network or programs",
        query: "SELECT TOP (60) o.name FROM master.sys.all_objects AS o WHERE o.type = 'X' \
                AND (o.name LIKE 'xp[_]%' OR o.name LIKE 'sp[_]OA%') \
                AND o.name NOT IN ('xp_msver', 'xp_qv', 'xp_sprintf', 'xp_sscanf') \
                AND HAS_PERMS_BY_NAME('master.sys.' + QUOTENAME(o.name), 'OBJECT', 'EXECUTE') = 1 \
                ORDER BY o.name",
        script: "DENY EXECUTE ON OBJECT::sys.{object} TO {login};",
        place: Place::Master,
        read_only: false,
    },
    Lasting {
        what: "call modules of assemblies that may leave the database (EXTERNAL_ACCESS, UNSAFE)",
        query: "SELECT TOP (20) s.name, o.name FROM sys.assemblies AS a \
                JOIN sys.assembly_modules AS m ON m.assembly_id = a.assembly_id \
                JOIN sys.objects AS o ON o.object_id = m.object_id \
                JOIN sys.schemas AS s ON s.schema_id = o.schema_id \
                WHERE a.is_user_defined = 1 AND a.permission_set_desc <> 'SAFE_ACCESS' \
                AND (HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT', \
                'EXECUTE') = 1 \
                OR HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT', \
                'SELECT') = 1) ORDER BY s.name, o.name",
        script: "DENY EXECUTE ON OBJECT::{object} TO {user}; -- DENY SELECT for a table-valued \
                 function",
        place: Place::Database,
        read_only: false,
    },
    Lasting {
        what: "call web services (sp_invoke_external_rest_endpoint)",
        query: "SELECT 'sp_invoke_external_rest_endpoint' WHERE HAS_PERMS_BY_NAME(DB_NAME(), \
                'DATABASE', 'EXECUTE ANY EXTERNAL ENDPOINT') = 1",
        script: "DENY EXECUTE ANY EXTERNAL ENDPOINT TO {user};",
        place: Place::Database,
        read_only: false,
    },
    Lasting {
        what: "write to the server's error log and Windows' event log (RAISERROR … WITH LOG)",
        query: "SELECT 'ALTER TRACE' WHERE HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER TRACE') = 1",
        script: "REVOKE ALTER TRACE FROM {login};\nDENY ALTER TRACE TO {login};",
        place: Place::Master,
        read_only: false,
    },
    Lasting {
        what: "take messages from queues: RECEIVE is rolled back, but after five rollbacks SQL \
               Server disables the queue",
        query: "SELECT TOP (20) s.name, q.name FROM sys.service_queues AS q \
                JOIN sys.schemas AS s ON s.schema_id = q.schema_id WHERE q.is_ms_shipped = 0 \
                AND HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(q.name), 'OBJECT', \
                'RECEIVE') = 1 ORDER BY s.name, q.name",
        script: "DENY RECEIVE ON OBJECT::{object} TO {user};",
        place: Place::Database,
        read_only: false,
    },
];

pub(crate) async fn examine(
    db: &Database,
    limits: &Limits,
    access: Access,
    (database, login, user): (&str, &str, &str),
) -> Vec<Finding> {
    let mut all = Vec::new();
    for l in LASTING.iter().filter(|l| !l.read_only || access == Access::ReadOnly) {
        match db.fetch(l.query, &[], limits).await {
            Ok(rows) => {
                all.extend(found(l, rows.into_iter().flatten().collect(), database, login, user))
            }
            Err(DbError::Sql(e)) if NO_SUCH_THING.contains(&e.number) => {}
            Err(e) => all.push(
                Finding::warn(
                    "rollback",
                    format!("whether the login may {} could not be looked up: {e}", l.what),
                )
                .mend("look it up as an administrator"),
            ),
        }
    }
    if all.is_empty() {
        all.push(Finding::ok("rollback", "it undoes whatever the login could change"));
    }
    all
}

fn found(
    l: &Lasting,
    rows: Vec<Vec<Value>>,
    database: &str,
    login: &str,
    user: &str,
) -> Option<Finding> {
    let names: Vec<Vec<&str>> =
        rows.iter().map(|r| r.iter().filter_map(Value::as_str).collect()).collect();
    if names.is_empty() {
        return None;
    }
    let line = |n: &Vec<&str>| {
        let object = n.iter().map(|p| quoted(p)).collect::<Vec<_>>().join(".");
        let text = n.join(".").replace('\'', "''");
        l.script
            .replace("{object}", &object)
            .replace("{text}", &text)
            .replace("{user}", &quoted(user))
            .replace("{login}", &quoted(login))
    };
    let lines = names.iter().map(line).collect::<Vec<_>>().join("\n");
    let script = match l.place {
        Place::Database => format!("USE {};\n{lines}", quoted(database)),
        // What is granted on objects of master is granted to its users.
        Place::Master if l.script.contains("OBJECT::") => {
            let (name, login) = (login.replace('\'', "''"), quoted(login));
            format!(
                "USE master;\nIF USER_ID(N'{name}') IS NULL CREATE USER {login} FOR LOGIN \
                 {login};\n{lines}"
            )
        }
        Place::Master => format!("USE master;\n{lines}"),
    };
    let listed = names.iter().map(|n| n.join(".")).collect::<Vec<_>>().join(", ");
    Some(
        Finding::warn(
            "rollback",
            format!(
                "a rollback does not undo this, and the login may {}: \
            {listed}",
                l.what
            ),
        )
        .mend(
            "take the right away; the guard refuses it, and this is for what a reading of \
                   the text might miss",
        )
        .script(script),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_scripts_are_quoted() {
        let row = vec![Value::from("a]b"), Value::from("c'd")];
        let f = found(&LASTING[0], vec![row], "d]b", "l", "u]").expect("found");
        let script = f.script.expect("script");
        assert_eq!(script, "USE [d]]b];\nDENY UPDATE ON OBJECT::[a]]b].[c'd] TO [u]]];");
        let f =
            found(&LASTING[1], vec![vec![Value::from("s'; --")]], "d", "l", "u").expect("found");
        assert!(f.script.expect("script").contains("N's''; --'"));
        assert!(found(&LASTING[0], Vec::new(), "d", "l", "u").is_none());
    }
}
