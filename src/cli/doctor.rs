//! `doctor`: is the configuration right, and does the database answer? If not: why, and what to change.

use clap::ArgMatches;
use tokio_util::sync::CancellationToken;

use super::{Ended, Failed, inputs};
use crate::config::Config;
use crate::database::explain::explain;
use crate::database::rows::Bounds;
use crate::database::{Database, DbError, Limits, Settings};
use crate::telemetry;

/// `mssql-mcp doctor`.
pub async fn doctor(m: &ArgMatches) -> Ended {
    let config = match Config::load(&inputs(m, Vec::new())).and_then(|c| c.require_database().map(|()| c)) {
        Ok(c) => c,
        Err(e) => {
            println!("[fail] configuration");
            return Err(e.into());
        }
    };
    telemetry::init("error", "text");
    println!("[ok]   configuration");
    let settings = Settings::from_config(&config)?;
    println!(
        "       database {} as {}, encryption {}, access {}",
        settings.server(),
        settings.user,
        settings.encrypt,
        settings.policy.access.as_str()
    );
    if settings.trust {
        println!("[warn] TrustServerCertificate: the database's identity is not checked; set database.ca_file instead");
    }
    if settings.encrypt == "off" {
        println!("[warn] encryption is off: passwords and rows travel in the clear");
    }
    let db = Database::new(settings);
    let limits = Limits {
        bounds: Bounds { max_rows: 10, max_chars: 10_000, max_cell: 1000, csv: false },
        deadline: None,
        cancel: CancellationToken::new(),
        trace: None,
    };
    let failed = |stage: &str, e: &DbError| {
        let x = explain(e, db.settings());
        println!("[fail] {stage}\n       {}\n       → {}", x.what, x.mend);
        Failed { message: String::new(), status: 1 }
    };
    db.ping().await.map_err(|e| failed("connection", &e))?;
    println!("[ok]   connection");
    let about = "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), CAST(SERVERPROPERTY('Edition') AS nvarchar(128)), DB_NAME(), SUSER_SNAME()";
    let rows = db.fetch(about, &[], &limits).await.map_err(|e| failed("query", &e))?;
    let row = rows.into_iter().flatten().next().unwrap_or_default();
    let text = |i: usize| row.get(i).and_then(|v| v.as_str()).unwrap_or("?").to_owned();
    println!("[ok]   query: SQL Server {} {}, database {}, login {}", text(0), text(1), text(2), text(3));
    let tables = db
        .list_tables(&crate::database::catalog::ListFilter { take: 201, ..Default::default() }, &limits)
        .await
        .map_err(|e| failed("catalog", &e))?;
    match tables.len() {
        0 => println!("[warn] catalog: the login sees no tables; grant it SELECT, or check database.name"),
        n => println!("[ok]   catalog: {}{n} tables", if n > 200 { "more than " } else { "" }),
    }
    Ok(())
}
