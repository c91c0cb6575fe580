//! One database: the way there, its certificate and clock, and what there is to see.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::certificate::{Wrapped, days_left};
use super::rights::{self, Who, quoted};
use super::{Finding, Level, login};
use crate::config::Config;
use crate::config::settings::{self, database::Encrypt};
use crate::database::catalog::ListFilter;
use crate::database::explain::explain;
use crate::database::rows::Bounds;
use crate::database::{Database, DbError, Limits, Settings};
use crate::knowledge::Knowledge;
use crate::plural::plural;

/// Who and where we are, and the server's clock.
pub const ABOUT: &str = "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), \
     CAST(SERVERPROPERTY('Edition') AS nvarchar(128)), DB_NAME(), SUSER_SNAME(), USER_NAME(), \
     SYSUTCDATETIME(), @@MAX_CONNECTIONS";

/// Seconds that the clocks may differ before somebody looks, and before times can
/// no longer be compared.
const SKEW: (u64, u64) = (5, 60);

/// All that there is to say of one database.
pub(crate) async fn examine(mut settings: Settings, config: &Config) -> Vec<Finding> {
    let mut all = login::before(&settings).await;
    all.extend(encryption(&settings).await);
    let knowledge = Knowledge::read(config.get(settings::database::KNOWLEDGE));
    let wrong = |w: &String| Finding::warn("knowledge", w).mend("correct database.knowledge");
    all.extend(knowledge.problems.iter().map(wrong));
    // Nobody called; and the texts stay as they are written.
    settings.context_info = false;
    let db = Database::new(settings);
    let limits = Limits {
        bounds: Bounds { max_rows: 1000, max_chars: 1_000_000, max_cell: 1000, csv: false },
        page: None,
        deadline: Some(
            Instant::now() + Duration::from_secs(60) + 2 * db.settings().connect_timeout,
        ),
        cancel: CancellationToken::new(),
        trace: None,
        caller: crate::database::ourselves(),
        notifier: Default::default(),
        seen: Default::default(),
        overflow: None,
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
        if let Ok(days) = days_left(&s.host, s.port, how, s.connect_timeout).await {
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
    if db.is_personal() {
        db.reached().await.map_err(|e| ("connection", e))?;
        all.push(Finding::ok("connection", format!("{} accepts connections", s.server())));
        return Ok(());
    }
    // What there is nothing to log in with has been told.
    if all.iter().any(|f| f.check == "credential" && f.level == Level::Fail) {
        return Ok(());
    }
    db.fetch("SELECT 1", &[], limits).await.map_err(|e| ("connection", e))?;
    all.push(Finding::ok("connection", format!("{} as {}", s.server(), s.login.shown())));
    login::after(db, limits, all).await.map_err(|e| ("login", e))?;
    let who = introduced(db, limits, config, all).await.map_err(|e| ("query", e))?;
    let tables = db.list_tables(&ListFilter { take: 201, ..Default::default() }, limits).await;
    all.push(match tables.map_err(|e| ("catalog", e))?.len() {
        0 => Finding::warn("catalog", "the login sees no tables")
            .mend("grant it SELECT, or check database.name")
            .script(format!(
                "USE {};\nALTER ROLE db_datareader ADD MEMBER {};",
                quoted(&who.database),
                quoted(&who.user)
            )),
        n => Finding::ok(
            "catalog",
            format!("{}{}", if n > 200 { "more than " } else { "" }, plural(n, "table")),
        ),
    });
    let knowledge = Knowledge::read(config.get(settings::database::KNOWLEDGE));
    if !knowledge.is_empty() {
        let unknown = db.unknown_tables(&knowledge, limits).await.map_err(|e| ("catalog", e))?;
        all.extend(unknown.iter().map(|name| {
            let what = format!("there is no table {name} that the login may see");
            Finding::warn("knowledge", what).mend("correct or remove the entry")
        }));
        if unknown.is_empty() && knowledge.problems.is_empty() {
            all.push(Finding::ok("knowledge", plural(knowledge.terms.len(), "term")));
        }
    }
    if config.get(settings::tools::SEARCH) {
        let columns = crate::sources::columns(config);
        let wrong = db.unsearchable(&columns, limits).await.map_err(|e| ("search", e))?;
        let finding = |w| Finding::warn("search", w).mend("correct or remove the entry");
        all.extend(wrong.into_iter().map(finding));
    }
    all.extend(rights::examine(db, limits, &who).await.map_err(|e| ("permissions", e))?);
    Ok(())
}

/// Who and where we are; what that says of version, clock and pool.
async fn introduced(
    db: &Database,
    limits: &Limits,
    config: &Config,
    all: &mut Vec<Finding>,
) -> Result<Who, DbError> {
    let asked = SystemTime::now();
    let rows = db.fetch(ABOUT, &[], limits).await?;
    let row = rows.into_iter().flatten().next().unwrap_or_default();
    let text = |i: usize| row.get(i).and_then(Value::as_str).unwrap_or("?").to_owned();
    let number =
        |i: usize| row.get(i).and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok()));
    let (version, database, login) = (text(0), text(2), text(3));
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
    Ok(Who { database, login, user: text(4) })
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
}
