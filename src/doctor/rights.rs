//! What the login may do, beside what `access.level` says that it should.

use serde_json::Value;

use super::{Finding, rollback};
use crate::database::{Database, DbError, Limits};
use mssql_mcp_sql::Access;

/// What the login may do, as SQL Server adds it up (roles, grants and denials together).
pub const RIGHTS: &str = "SELECT IS_SRVROLEMEMBER('sysadmin'), HAS_PERMS_BY_NAME(NULL, NULL, \
     'CONTROL SERVER'), HAS_PERMS_BY_NAME(NULL, NULL, 'IMPERSONATE ANY LOGIN'), \
     HAS_PERMS_BY_NAME(NULL, NULL, 'ALTER ANY LOGIN'), IS_MEMBER('db_owner'), \
     HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'CONTROL'), \
     HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'SELECT'), HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', \
     'INSERT'), HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'UPDATE'), \
     HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'DELETE'), HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', \
     'ALTER'), HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'EXECUTE'), \
     HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION'), IS_MEMBER('db_datawriter'), \
     IS_MEMBER('db_ddladmin')";

/// Tables that can be written although the database as a whole cannot.
pub const TABLES: &str = "SELECT TOP (20) s.name, t.name FROM sys.tables AS t \
     JOIN sys.schemas AS s ON s.schema_id = t.schema_id \
     WHERE HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(t.name), 'OBJECT', 'INSERT') = 1 \
     OR HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(t.name), 'OBJECT', 'UPDATE') = 1 \
     OR HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(t.name), 'OBJECT', 'DELETE') = 1 \
     ORDER BY s.name, t.name";

/// The answers to [`RIGHTS`].
#[derive(Debug, Default)]
struct Rights {
    sysadmin: bool,
    server: bool,
    impersonate: bool,
    logins: bool,
    owner: bool,
    control: bool,
    select: bool,
    write: Vec<&'static str>,
    alter: bool,
    execute: bool,
    definitions: bool,
    datawriter: bool,
    ddladmin: bool,
}

/// Who we are to SQL Server.
#[derive(Debug)]
pub(crate) struct Who {
    pub(crate) database: String,
    pub(crate) login: String,
    pub(crate) user: String,
}

/// What the login may do too much, and what it lacks; then what a rollback would not undo.
pub(crate) async fn examine(
    db: &Database,
    limits: &Limits,
    who: &Who,
) -> Result<Vec<Finding>, DbError> {
    let access = db.settings().policy.access;
    let rows = db.fetch(RIGHTS, &[], limits).await?;
    let rights = Rights::of(&rows.into_iter().flatten().next().unwrap_or_default());
    let mut found = rights.judged(access, who);
    // The whole database is told above; single tables matter where it was not.
    if access == Access::ReadOnly && rights.write.is_empty() {
        found.extend(writable_tables(db, limits, who).await?);
    }
    if found.is_empty() {
        found.push(Finding::ok(
            "permissions",
            format!("what access {} needs, and no more", access.as_str()),
        ));
    }
    // Who may do anything is told to be so; to deny them single rights is no use.
    if !rights.sysadmin && !rights.server && !rights.owner && !rights.control {
        let who = (who.database.as_str(), who.login.as_str(), who.user.as_str());
        found.extend(rollback::examine(db, limits, access, who).await);
    }
    Ok(found)
}

async fn writable_tables(
    db: &Database,
    limits: &Limits,
    who: &Who,
) -> Result<Option<Finding>, DbError> {
    let rows = db.fetch(TABLES, &[], limits).await?;
    let name = |r: Vec<Value>| {
        Some(format!("{}.{}", quoted(r.first()?.as_str()?), quoted(r.get(1)?.as_str()?)))
    };
    let names: Vec<String> = rows.into_iter().flatten().filter_map(name).collect();
    if names.is_empty() {
        return Ok(None);
    }
    let user = quoted(&who.user);
    let deny = |n: &String| format!("DENY INSERT, UPDATE, DELETE ON {n} TO {user};");
    let script = names.iter().map(deny).collect::<Vec<_>>().join("\n");
    let what = format!("access is read-only, but the login may write to {}", names.join(", "));
    Ok(Some(
        Finding::warn("permissions", what)
            .mend(TAKE_AWAY)
            .script(format!("USE {};\n{script}", quoted(&who.database))),
    ))
}

const TAKE_AWAY: &str =
    "take these rights away, so that SQL Server refuses what a reading of the text might miss";

/// A name for T-SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

impl Rights {
    fn of(row: &[Value]) -> Self {
        let yes = |i: usize| row.get(i).and_then(Value::as_i64) == Some(1);
        let write = [(7, "INSERT"), (8, "UPDATE"), (9, "DELETE")];
        Self {
            sysadmin: yes(0),
            server: yes(1),
            impersonate: yes(2),
            logins: yes(3),
            owner: yes(4),
            control: yes(5),
            select: yes(6),
            write: write.into_iter().filter(|(i, _)| yes(*i)).map(|(_, n)| n).collect(),
            alter: yes(10),
            execute: yes(11),
            definitions: yes(12),
            datawriter: yes(13),
            ddladmin: yes(14),
        }
    }
}

fn fail(what: &str) -> Finding {
    Finding::fail("permissions", what)
}

/// The roles that an access level needs, for the user `[mcp]`.
fn roles(access: Access) -> &'static str {
    match access {
        Access::ReadOnly => "ALTER ROLE db_datareader ADD MEMBER [mcp];",
        Access::ReadWrite => {
            "ALTER ROLE db_datareader ADD MEMBER [mcp];\n\
             ALTER ROLE db_datawriter ADD MEMBER [mcp];"
        }
        Access::Full => {
            "ALTER ROLE db_datareader ADD MEMBER [mcp];\n\
             ALTER ROLE db_datawriter ADD MEMBER [mcp];\n\
             ALTER ROLE db_ddladmin ADD MEMBER [mcp];\n\
             GRANT EXECUTE TO [mcp];"
        }
    }
}

/// A login of its own for this server.
fn own_login(access: Access, db: &str) -> String {
    format!(
        "CREATE LOGIN [mcp] WITH PASSWORD = N'<a long one>';\nUSE {db};\n\
         CREATE USER [mcp] FOR LOGIN [mcp];\n{}\nGRANT VIEW DEFINITION TO [mcp];",
        roles(access)
    )
}

impl Rights {
    /// What the login may do too much, and what it lacks. The worst alone where it makes the rest
    /// pointless: nothing is denied to a sysadmin.
    fn judged(&self, access: Access, who: &Who) -> Vec<Finding> {
        let db = quoted(&who.database);
        if self.sysadmin {
            let what = "the login is sysadmin: it may do anything on the whole server, and \
                        nothing can be denied to it";
            let mend = "give the server a login of its own, and set database.user and \
                        database.password to it";
            return vec![fail(what).mend(mend).script(own_login(access, &db))];
        }
        let mut all: Vec<Finding> = self.beyond_the_database(who).into_iter().collect();
        if self.owner || self.control {
            all.push(self.owner_of(access, who));
            return all;
        }
        all.extend(self.too_much(access, who));
        all.extend(self.too_little(access, who));
        if !self.definitions {
            let what = "the login may not see definitions: defaults, checks and the text of views \
                        stay hidden from describe_table";
            let user = quoted(&who.user);
            all.push(
                Finding::warn("definitions", what)
                    .mend("grant it where a model should see them")
                    .script(format!("USE {db};\nGRANT VIEW DEFINITION TO {user};")),
            );
        }
        all
    }

    /// Permissions on the whole server.
    fn beyond_the_database(&self, who: &Who) -> Option<Finding> {
        let all = [
            (self.server, "CONTROL SERVER"),
            (self.impersonate, "IMPERSONATE ANY LOGIN"),
            (self.logins, "ALTER ANY LOGIN"),
        ];
        let held: Vec<&str> = all.into_iter().filter(|(has, _)| *has).map(|(_, n)| n).collect();
        let login = quoted(&who.login);
        let deny = |n: &&str| format!("REVOKE {n} FROM {login};\nDENY {n} TO {login};");
        let script = held.iter().map(deny).collect::<Vec<_>>().join("\n");
        (!held.is_empty()).then(|| {
            fail(&format!("the login has {} on the whole server", held.join(", ")))
                .mend("take it away: it reaches beyond this database")
                .script(format!("USE master;\n{script}"))
        })
    }

    fn owner_of(&self, access: Access, who: &Who) -> Finding {
        let (db, user) = (quoted(&who.database), quoted(&who.user));
        let instead = roles(access).replace("[mcp]", &user);
        let (what, script) = match (self.owner, who.user.as_str()) {
            (true, "dbo") => ("the login owns the database (db_owner)", own_login(access, &db)),
            (true, _) => (
                "the login owns the database (db_owner)",
                format!("USE {db};\nALTER ROLE db_owner DROP MEMBER {user};\n{instead}"),
            ),
            (false, _) => (
                "the login has CONTROL on the database",
                format!("USE {db};\nREVOKE CONTROL FROM {user};\n{instead}"),
            ),
        };
        fail(what).mend("take it away: it may grant itself whatever is denied").script(script)
    }

    fn too_much(&self, access: Access, who: &Who) -> Option<Finding> {
        let (db, user) = (quoted(&who.database), quoted(&who.user));
        let (mut deny, mut script) = (Vec::new(), Vec::new());
        if access == Access::ReadOnly && !self.write.is_empty() {
            deny.extend(self.write.iter().copied());
            if self.datawriter {
                script.push(format!("ALTER ROLE db_datawriter DROP MEMBER {user};"));
            }
        }
        if access != Access::Full && self.alter {
            deny.push("ALTER");
            if self.ddladmin {
                script.push(format!("ALTER ROLE db_ddladmin DROP MEMBER {user};"));
            }
        }
        if access != Access::Full && self.execute {
            deny.push("EXECUTE");
        }
        let list = deny.join(", ");
        script.push(format!("DENY {list} ON DATABASE::{db} TO {user};"));
        let level = access.as_str();
        (!deny.is_empty()).then(|| {
            let what = format!("access is {level}, but the login may {list} in the whole database");
            Finding::warn("permissions", what)
                .mend(TAKE_AWAY)
                .script(format!("USE {db};\n{}", script.join("\n")))
        })
    }

    fn too_little(&self, access: Access, who: &Who) -> Option<Finding> {
        let (db, user) = (quoted(&who.database), quoted(&who.user));
        let mut grant = Vec::new();
        grant.extend((!self.select).then_some("SELECT"));
        if access != Access::ReadOnly {
            let changes = ["INSERT", "UPDATE", "DELETE"];
            grant.extend(changes.into_iter().filter(|n| !self.write.contains(n)));
        }
        if access == Access::Full {
            grant.extend((!self.alter).then_some("ALTER"));
            grant.extend((!self.execute).then_some("EXECUTE"));
        }
        let (list, level) = (grant.join(", "), access.as_str());
        (!grant.is_empty()).then(|| {
            let what = format!(
                "access is {level}, but the login may not {list} in the database as a whole"
            );
            Finding::warn("permissions", what)
                .mend("right if single tables or schemas were granted instead; else grant it")
                .script(format!("USE {db};\nGRANT {list} ON DATABASE::{db} TO {user};"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_scripts_are_quoted() {
        let r = Rights { owner: true, select: true, definitions: true, ..Rights::default() };
        let who =
            Who { database: "a]b".into(), login: "l".into(), user: "u]; DROP TABLE x--".into() };
        let f = r.judged(Access::ReadOnly, &who);
        let script = f[0].script.clone().expect("script");
        assert!(
            script.contains("USE [a]]b];") && script.contains("DROP MEMBER [u]]; DROP TABLE x--];"),
            "{script}"
        );
    }
}
