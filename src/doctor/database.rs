//! One database: the way there, its certificate and clock, and what the login may do beside what
//! `access.level` says that it should.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::certificate::{Wrapped, days_left};
use super::{Finding, Level};
use crate::config::Config;
use crate::config::settings::{self, database::Encrypt};
use crate::database::catalog::ListFilter;
use crate::database::explain::explain;
use crate::database::rows::Bounds;
use crate::database::{Database, DbError, Limits, Settings};
use crate::plural::plural;
use mssql_mcp_sql::Access;

/// Who and where we are, and the server's clock.
pub const ABOUT: &str = "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), \
     CAST(SERVERPROPERTY('Edition') AS nvarchar(128)), DB_NAME(), SUSER_SNAME(), USER_NAME(), \
     SYSUTCDATETIME(), @@MAX_CONNECTIONS";

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

/// Seconds that the clocks may differ before somebody looks, and before times can
/// no longer be compared.
const SKEW: (u64, u64) = (5, 60);

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

/// All that there is to say of one database.
pub async fn examine(mut settings: Settings, config: &Config) -> Vec<Finding> {
    let mut all = encryption(&settings).await;
    // Nobody called; and the texts stay as they are written.
    settings.context_info = false;
    let db = Database::new(settings);
    let limits = Limits {
        bounds: Bounds { max_rows: 1000, max_chars: 1_000_000, max_cell: 1000, csv: false },
        deadline: Some(Instant::now() + Duration::from_secs(60)),
        cancel: CancellationToken::new(),
        trace: None,
        caller: crate::database::ourselves(),
    };
    if let Err(e) = connected(&db, &limits, config, &mut all).await {
        let x = explain(&e.1, db.settings());
        let f = Finding::fail(e.0, x.what);
        all.push(if x.mend.is_empty() { f } else { f.mend(x.mend) });
    }
    db.close(Duration::from_secs(1)).await;
    all
}

async fn encryption(s: &Settings) -> Vec<Finding> {
    const RENEW: &str =
        "renew it on SQL Server (Configuration Manager, or the operator of the managed service)";
    let mut all = Vec::new();
    if s.trust {
        all.push(
            Finding::warn(
                "TrustServerCertificate",
                "any certificate is accepted, so the database's identity is not checked",
            )
            .mend(
                "set database.ca_file (MSSQL_CA_FILE) to the CA's PEM and remove \
                   TrustServerCertificate",
            ),
        );
    }
    match s.encrypt {
        Encrypt::Off => {
            all.push(
                Finding::fail("encryption", "it is off: passwords and rows travel in the clear")
                    .mend("set database.encrypt to on or strict"),
            );
            return all;
        }
        Encrypt::LoginOnly => all.push(
            Finding::warn("encryption", "only the login is encrypted: rows travel in the clear")
                .mend("set database.encrypt to on or strict"),
        ),
        other => all.push(Finding::ok("encryption", other.as_str())),
    }
    // A named instance has its port from SQL Server Browser, which only the driver asks.
    if s.instance.is_none() {
        let how = if s.encrypt == Encrypt::Strict { Wrapped::Strict } else { Wrapped::Prelogin };
        // What stands in the way of looking stands in the way of the connection too,
        // and is told there.
        if let Ok(days) = days_left(&s.host, s.port, how).await {
            all.push(super::days_left("database certificate", days, RENEW));
        }
    }
    all
}

type Stage = (&'static str, DbError);

async fn connected(
    db: &Database,
    limits: &Limits,
    config: &Config,
    all: &mut Vec<Finding>,
) -> Result<(), Stage> {
    let s = db.settings();
    db.ping().await.map_err(|e| ("connection", e))?;
    all.push(Finding::ok("connection", format!("{} as {}", s.server(), s.user)));
    let asked = SystemTime::now();
    let rows = db.fetch(ABOUT, &[], limits).await.map_err(|e| ("query", e))?;
    let row = rows.into_iter().flatten().next().unwrap_or_default();
    let text = |i: usize| row.get(i).and_then(Value::as_str).unwrap_or("?").to_owned();
    let number =
        |i: usize| row.get(i).and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok()));
    let (version, database, login, user) = (text(0), text(2), text(3), text(4));
    all.push(Finding::ok(
        "query",
        format!("SQL Server {version} {}, database {database}, login {login}", text(1)),
    ));
    if version.split('.').next().and_then(|v| v.parse::<u32>().ok()).is_some_and(|v| v < 15) {
        all.push(Finding::warn(
            "server version",
            format!("{version} is older than SQL Server 2019, which is what we test for"),
        ));
    }
    let theirs = chrono::NaiveDateTime::parse_from_str(&text(5), "%Y-%m-%dT%H:%M:%S%.f");
    all.extend(theirs.ok().map(|t| clock(asked, t.and_utc().timestamp_millis().unsigned_abs())));
    all.extend(number(6).map(|most| connections(config.get(settings::pool::MAX_SIZE), most)));
    let tables = db.list_tables(&ListFilter { take: 201, ..Default::default() }, limits).await;
    match tables.map_err(|e| ("catalog", e))?.len() {
        0 => all.push(
            Finding::warn("catalog", "the login sees no tables")
                .mend("grant it SELECT, or check database.name")
                .script(format!(
                    "USE {};\nALTER ROLE db_datareader ADD MEMBER {};",
                    quoted(&database),
                    quoted(&user)
                )),
        ),
        n => all.push(Finding::ok(
            "catalog",
            format!("{}{}", if n > 200 { "more than " } else { "" }, plural(n, "table")),
        )),
    }
    if config.get(settings::tools::SEARCH) {
        let wrong = db
            .unsearchable(&crate::tools::search::columns(config), limits)
            .await
            .map_err(|e| ("search", e))?;
        all.extend(
            wrong
                .into_iter()
                .map(|w| Finding::warn("search", w).mend("correct or remove the entry")),
        );
    }
    let rows = db.fetch(RIGHTS, &[], limits).await.map_err(|e| ("permissions", e))?;
    let rights = Rights::of(&rows.into_iter().flatten().next().unwrap_or_default());
    let mut found = judged(&rights, s.policy.access, &database, &login, &user);
    // The whole database is told above; single tables matter where it was not.
    if s.policy.access == Access::ReadOnly && rights.write.is_empty() {
        let rows = db.fetch(TABLES, &[], limits).await.map_err(|e| ("permissions", e))?;
        let name = |r: Vec<Value>| {
            Some(format!("{}.{}", quoted(r.first()?.as_str()?), quoted(r.get(1)?.as_str()?)))
        };
        let names: Vec<String> = rows.into_iter().flatten().filter_map(name).collect();
        if !names.is_empty() {
            let deny =
                |n: &String| format!("DENY INSERT, UPDATE, DELETE ON {n} TO {};", quoted(&user));
            let script = names.iter().map(deny).collect::<Vec<_>>().join("\n");
            found.push(
                Finding::warn(
                    "permissions",
                    format!("access is read-only, but the login may write to {}", names.join(", ")),
                )
                .mend(
                    "take these rights away, so that SQL Server refuses what a reading of the \
                       text might miss",
                )
                .script(format!("USE {};\n{script}", quoted(&database))),
            );
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(
            "permissions",
            format!("what access {} needs, and no more", s.policy.access.as_str()),
        ));
    }
    // Who may do anything is told to be so; to deny them single rights is no use.
    let bounded = !rights.sysadmin && !rights.server && !rights.owner && !rights.control;
    all.extend(found);
    if bounded {
        all.extend(
            super::rollback::examine(db, limits, s.policy.access, (&database, &login, &user)).await,
        );
    }
    Ok(())
}

fn clock(asked: SystemTime, theirs: u64) -> Finding {
    let ours = asked.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64);
    let apart = ours.abs_diff(theirs) / 1000;
    let what = format!("SQL Server's clock and this machine's are {apart} s apart");
    let level = match apart {
        s if s >= SKEW.1 => Level::Fail,
        s if s >= SKEW.0 => Level::Warn,
        _ => return Finding::ok("clock", what),
    };
    Finding::new(level, "clock", what)
        .mend("let both follow NTP: tokens expire and audit records are compared by these clocks")
}

fn connections(ours: u64, most: u64) -> Finding {
    let what = format!("pool.max_size {ours}, and the server takes {}", plural(most, "connection"));
    if ours * 2 > most {
        return Finding::warn("pool", what).mend(
            "lower pool.max_size: other applications and other replicas need connections too",
        );
    }
    Finding::ok("pool", what)
}

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

/// What the login may do too much, and what it lacks. The worst alone where it makes the rest
/// pointless: nothing is denied to a sysadmin.
fn judged(r: &Rights, access: Access, database: &str, login: &str, user: &str) -> Vec<Finding> {
    let (db, l, u) = (quoted(database), quoted(login), quoted(user));
    let fail = |what: &str| Finding::fail("permissions", what);
    let roles = match access {
        Access::ReadOnly => "ALTER ROLE db_datareader ADD MEMBER [mcp];",
        Access::ReadWrite => {
            "ALTER ROLE db_datareader ADD MEMBER [mcp];\nALTER ROLE db_datawriter ADD MEMBER [mcp];"
        }
        Access::Full => {
            "ALTER ROLE db_datareader ADD MEMBER [mcp];\nALTER ROLE db_datawriter ADD MEMBER \
             [mcp];\nALTER ROLE db_ddladmin ADD MEMBER [mcp];\nGRANT EXECUTE TO [mcp];"
        }
    };
    let own = format!(
        "CREATE LOGIN [mcp] WITH PASSWORD = N'<a long one>';\nUSE {db};\nCREATE USER [mcp] FOR \
         LOGIN [mcp];\n{roles}\nGRANT VIEW DEFINITION TO [mcp];"
    );
    if r.sysadmin {
        return vec![
            fail(
                "the login is sysadmin: it may do anything on the whole server, and nothing can \
                  be denied to it",
            )
            .mend(
                "give the server a login of its own, and set database.user and \
                       database.password to it",
            )
            .script(own),
        ];
    }
    let mut all = Vec::new();
    let server = [
        (r.server, "CONTROL SERVER"),
        (r.impersonate, "IMPERSONATE ANY LOGIN"),
        (r.logins, "ALTER ANY LOGIN"),
    ];
    let server: Vec<&str> = server.into_iter().filter(|(has, _)| *has).map(|(_, n)| n).collect();
    if !server.is_empty() {
        let deny = server
            .iter()
            .map(|n| format!("REVOKE {n} FROM {l};\nDENY {n} TO {l};"))
            .collect::<Vec<_>>()
            .join("\n");
        all.push(
            fail(&format!("the login has {} on the whole server", server.join(", ")))
                .mend("take it away: it reaches beyond this database")
                .script(format!("USE master;\n{deny}")),
        );
    }
    if r.owner || r.control {
        let script = match (r.owner, user) {
            (true, "dbo") => own,
            (true, _) => format!(
                "USE {db};\nALTER ROLE db_owner DROP MEMBER {u};\n{}",
                roles.replace("[mcp]", &u)
            ),
            (false, _) => {
                format!("USE {db};\nREVOKE CONTROL FROM {u};\n{}", roles.replace("[mcp]", &u))
            }
        };
        let what = if r.owner {
            "the login owns the database (db_owner)"
        } else {
            "the login has CONTROL on the database"
        };
        all.push(
            fail(what).mend("take it away: it may grant itself whatever is denied").script(script),
        );
        return all;
    }
    let mut deny = Vec::new();
    let mut script = Vec::new();
    if access == Access::ReadOnly && !r.write.is_empty() {
        deny.extend(r.write.iter().copied());
        if r.datawriter {
            script.push(format!("ALTER ROLE db_datawriter DROP MEMBER {u};"));
        }
    }
    if access != Access::Full && r.alter {
        deny.push("ALTER");
        if r.ddladmin {
            script.push(format!("ALTER ROLE db_ddladmin DROP MEMBER {u};"));
        }
    }
    if access != Access::Full && r.execute {
        deny.push("EXECUTE");
    }
    if !deny.is_empty() {
        let list = deny.join(", ");
        script.push(format!("DENY {list} ON DATABASE::{db} TO {u};"));
        all.push(
            Finding::warn(
                "permissions",
                format!(
                    "access is {}, but the login may {list} in the whole database",
                    access.as_str()
                ),
            )
            .mend(
                "take these rights away, so that SQL Server refuses what a reading of the text \
                   might miss",
            )
            .script(format!("USE {db};\n{}", script.join("\n"))),
        );
    }
    let mut grant = Vec::new();
    if !r.select {
        grant.push("SELECT");
    }
    if access != Access::ReadOnly {
        grant.extend(["INSERT", "UPDATE", "DELETE"].into_iter().filter(|n| !r.write.contains(n)));
    }
    if access == Access::Full {
        grant.extend((!r.alter).then_some("ALTER"));
        grant.extend((!r.execute).then_some("EXECUTE"));
    }
    if !grant.is_empty() {
        let list = grant.join(", ");
        all.push(
            Finding::warn(
                "permissions",
                format!(
                    "access is {}, but the login may not {list} in the database as a whole",
                    access.as_str()
                ),
            )
            .mend("right if single tables or schemas were granted instead; else grant it")
            .script(format!("USE {db};\nGRANT {list} ON DATABASE::{db} TO {u};")),
        );
    }
    if !r.definitions {
        all.push(
            Finding::warn(
                "definitions",
                "the login may not see definitions: defaults, checks and \
                the text of views stay hidden from describe_table",
            )
            .mend("grant it where a model should see them")
            .script(format!("USE {db};\nGRANT VIEW DEFINITION TO {u};")),
        );
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_and_a_pool_have_their_bounds() {
        let now = SystemTime::now();
        let ms = now.duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
        for (off, level) in
            [(0, Level::Ok), (4_000, Level::Ok), (6_000, Level::Warn), (61_000, Level::Fail)]
        {
            assert_eq!(
                (clock(now, ms + off).level, clock(now, ms - off).level),
                (level, level),
                "{off}"
            );
        }
        assert_eq!(
            (connections(10, 32767).level, connections(10, 15).level),
            (Level::Ok, Level::Warn)
        );
    }

    #[test]
    fn names_in_scripts_are_quoted() {
        let r = Rights { owner: true, select: true, definitions: true, ..Rights::default() };
        let f = judged(&r, Access::ReadOnly, "a]b", "l", "u]; DROP TABLE x--");
        let script = f[0].script.clone().expect("script");
        assert!(
            script.contains("USE [a]]b];") && script.contains("DROP MEMBER [u]]; DROP TABLE x--];"),
            "{script}"
        );
    }
}
