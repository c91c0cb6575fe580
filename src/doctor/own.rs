//! Whether tools of one's own would run: what SQL Server says of each, without running it.

use std::sync::Arc;
use std::time::Duration;

use mssql_mcp_own::{Access as Level, OwnTool, Parameter, Runs};
use mssql_mcp_sql::Access;
use mssql_mcp_sql::policy::{Policy, Why, judge};
use serde_json::Value;

use super::Finding;
use crate::config::Config;
use crate::database::explain::explain;
use crate::database::wrapper::ParamValue;
use crate::database::{Database, DbError, Limits, Settings};
use crate::plural::plural;
use crate::sources::{DataSource, DataSources};
use crate::tools::{OwnTools, TOOL_ACCESS};

/// What is known of a tool.
#[derive(Debug, Clone, PartialEq)]
enum Checked {
    /// The columns of its first result set.
    Good(Vec<String>),
    /// It may well run: why nobody can say so.
    Unknown(String),
    /// It would fail, or does not what it says.
    Wrong(Vec<String>),
}

const COLUMNS: &str = "SELECT name, system_type_name, error_number, error_message FROM \
     sys.dm_exec_describe_first_result_set(@tsql, @declared, 0)";

const UNDECLARED: &str = "EXEC sp_describe_undeclared_parameters @tsql = @tsql";

const PARAMETERS: &str = "SELECT p.name, t.name, p.is_output, p.has_default_value \
     FROM sys.parameters AS p JOIN sys.types AS t ON t.user_type_id = p.user_type_id \
     WHERE p.object_id = OBJECT_ID(@name) AND p.parameter_id > 0 ORDER BY p.parameter_id";

const KIND: &str = "SELECT RTRIM(type) FROM sys.all_objects WHERE object_id = OBJECT_ID(@name)";

/// "The metadata could not be determined": because of temporary tables, dynamic SQL, and what else
/// SQL Server does not look into ("sp_describe_first_result_set", Remarks).
const CANNOT_SAY: std::ops::RangeInclusive<i64> = 11_501..=11_550;

fn text(row: &[Value], n: usize) -> &str {
    row.get(n).and_then(Value::as_str).unwrap_or_default()
}

/// What is to be said of the tools of each path.
pub(crate) async fn examine(config: &Config) -> Vec<Finding> {
    let mut all: Vec<Finding> = Vec::new();
    for (path, config) in config.served() {
        let listed = config.databases();
        let pool = |of: &Config| {
            let mut settings = Settings::from_config(of).ok()?;
            settings.context_info = false;
            Some(Database::new(settings))
        };
        let sources = listed.iter().filter_map(|d| Some(DataSource::new(d, pool(&d.config)?)));
        let sources = DataSources::new(sources.collect());
        let own = OwnTools::of(&config, &sources);
        let mut found = Vec::new();
        for problem in &own.problems {
            let finding = Finding::fail("tool", problem).mend("mend its [[tool]]; others work");
            found.push(finding);
        }
        for tool in &own.tools {
            found.extend(of_tool(tool, &sources).await);
        }
        for source in sources.iter() {
            source.database.close(Duration::from_secs(1)).await;
        }
        // Several paths to the same databases have the same findings.
        found.retain(|f| !all.iter().any(|known| known.what == f.what));
        all.extend(found.into_iter().map(|f| f.of(&path)));
    }
    all
}

async fn of_tool(tool: &Arc<OwnTool>, sources: &DataSources) -> Vec<Finding> {
    let asked: Vec<&Arc<DataSource>> = match tool.database.as_deref() {
        Some(name) => sources.named(Some(name)).into_iter().collect(),
        None => sources.iter().collect(),
    };
    let mut all = Vec::new();
    for source in asked {
        let at = match sources.several() {
            true => format!("{} in {}", tool.name, source.name),
            false => tool.name.clone(),
        };
        match check(tool, &source.database, &Limits::of_our_own()).await {
            Ok(Checked::Good(columns)) => {
                all.push(Finding::ok("tool", format!("{at}: {}", columns.join(", "))));
            }
            Ok(Checked::Unknown(why)) => all.push(
                Finding::warn("tool", format!("{at}: SQL Server cannot say: {why}"))
                    .mend("call it once, and look at what it gives"),
            ),
            Ok(Checked::Wrong(list)) => all.extend(
                list.into_iter().map(|what| Finding::fail("tool", format!("{at}: {what}"))),
            ),
            Err(e) => {
                let x = explain(&e, source.database.settings());
                let f = Finding::fail("tool", format!("{at}: {}", x.what));
                all.push(if x.mend.is_empty() { f } else { f.mend(x.mend) });
            }
        }
    }
    all
}

/// Asks the database of a tool what would become of it; nothing runs.
async fn check(
    tool: &Arc<OwnTool>,
    database: &Database,
    limits: &Limits,
) -> Result<Checked, DbError> {
    match &tool.runs {
        Runs::Statement(statement) => {
            let policy = Policy { access: access(tool.access), ..database.policy() };
            let policy = Policy { only_here: false, ..policy };
            if let Err(refused) = judge(statement, &policy) {
                return Ok(Checked::Wrong(vec![format!(
                    "{}; the tool's access is {}. {}",
                    refused.reason,
                    tool.access.as_str(),
                    if refused.why == Why::AccessDenied { TOOL_ACCESS } else { &refused.advice }
                )]));
            }
            described(tool, statement, database, limits).await
        }
        Runs::Procedure(name) => procedure(tool, name, database, limits).await,
    }
}

fn access(level: Level) -> Access {
    match level {
        Level::ReadOnly => Access::ReadOnly,
        Level::ReadWrite => Access::ReadWrite,
        Level::Full => Access::Full,
    }
}

async fn described(
    tool: &OwnTool,
    statement: &str,
    database: &Database,
    limits: &Limits,
) -> Result<Checked, DbError> {
    let declared: Vec<String> =
        tool.parameters.iter().map(|p| format!("@{} {}", p.name, p.sql_type)).collect();
    let params = [
        ("tsql", ParamValue::Text(statement.to_owned())),
        ("declared", ParamValue::Text(declared.join(", "))),
    ];
    let rows: Vec<Vec<Value>> =
        database.fetch(COLUMNS, &params, limits).await?.into_iter().flatten().collect();
    let mut wrong = Vec::new();
    for row in &rows {
        let number = row.get(2).and_then(Value::as_i64).unwrap_or_default();
        if number == 0 {
            continue;
        }
        if CANNOT_SAY.contains(&number) {
            return Ok(Checked::Unknown(format!("error {number}: {}", text(row, 3))));
        }
        wrong.push(format!("error {number}: {}", text(row, 3)));
    }
    wrong.extend(mistyped(tool, statement, database, limits).await?);
    if !wrong.is_empty() {
        return Ok(Checked::Wrong(wrong));
    }
    let columns = rows.iter().map(|row| format!("{} {}", text(row, 0), text(row, 1))).collect();
    Ok(Checked::Good(columns))
}

/// Parameters whose type is of another kind than the one that SQL Server would take. What it cannot
/// say is no reason to complain: every type converts to some others.
async fn mistyped(
    tool: &OwnTool,
    statement: &str,
    database: &Database,
    limits: &Limits,
) -> Result<Vec<String>, DbError> {
    if tool.parameters.is_empty() {
        return Ok(Vec::new());
    }
    let params = [("tsql", ParamValue::Text(statement.to_owned()))];
    let rows = match database.fetch(UNDECLARED, &params, limits).await {
        Ok(sets) => sets.into_iter().flatten().collect::<Vec<_>>(),
        Err(DbError::Sql(_)) => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let one = |row: &Vec<Value>| {
        let name = text(row, 1).trim_start_matches('@').to_owned();
        let suggested = text(row, 3).to_owned();
        let p = tool.parameters.iter().find(|p| p.name.eq_ignore_ascii_case(&name))?;
        (!alike(p, &suggested)).then(|| {
            format!("parameter {name} is {}, and SQL Server takes {suggested} there", p.sql_type)
        })
    };
    Ok(rows.iter().filter_map(one).collect())
}

/// Whether values of one type are taken where the other is wanted without an error or a loss that
/// nobody expects.
fn alike(p: &Parameter, suggested: &str) -> bool {
    let family = |ty: &str| {
        let name = ty.split('(').next().unwrap_or_default().trim().to_ascii_lowercase();
        match name.as_str() {
            "tinyint" | "smallint" | "int" | "bigint" | "decimal" | "numeric" | "money"
            | "smallmoney" | "float" | "real" | "bit" => 1,
            "date" | "datetime" | "datetime2" | "smalldatetime" | "datetimeoffset" => 2,
            "time" => 3,
            "binary" | "varbinary" => 4,
            "uniqueidentifier" => 5,
            // A text converts to everything that it spells.
            _ => 0,
        }
    };
    let (given, wanted) = (family(&p.sql_type.to_string()), family(suggested));
    given == wanted || given == 0 || wanted == 0
}

async fn procedure(
    tool: &OwnTool,
    name: &str,
    database: &Database,
    limits: &Limits,
) -> Result<Checked, DbError> {
    let params = [("name", ParamValue::Text(name.to_owned()))];
    let kind = database.fetch(KIND, &params, limits).await?;
    match kind.first().and_then(|set| set.first()).map(|row| text(row, 0)) {
        // T-SQL, CLR, extended.
        Some("P" | "PC" | "X") => {}
        Some(_) => return Ok(Checked::Wrong(vec![format!("{name} is no procedure")])),
        None => {
            return Ok(Checked::Wrong(vec![format!(
                "there is no procedure {name}, or this login may not see it"
            )]));
        }
    }
    let known: Vec<Vec<Value>> =
        database.fetch(PARAMETERS, &params, limits).await?.into_iter().flatten().collect();
    let its = |row: &Vec<Value>| text(row, 0).trim_start_matches('@').to_owned();
    let mut wrong = Vec::new();
    for p in &tool.parameters {
        if !known.iter().any(|row| its(row).eq_ignore_ascii_case(&p.name)) {
            let all: Vec<String> = known.iter().map(its).collect();
            wrong.push(format!("{name} has no parameter {}; it has {}", p.name, all.join(", ")));
        }
    }
    for row in &known {
        let given = tool.parameters.iter().find(|p| p.name.eq_ignore_ascii_case(&its(row)));
        match given {
            Some(p) if !alike(p, text(row, 1)) => wrong.push(format!(
                "parameter {} is {}, and the procedure declares {}",
                p.name,
                p.sql_type,
                text(row, 1)
            )),
            // A default of T-SQL is in no view ("sys.parameters", has_default_value), so that one
            // that is missing may be one that need not be given.
            _ => {}
        }
    }
    if !wrong.is_empty() {
        return Ok(Checked::Wrong(wrong));
    }
    Ok(Checked::Good(vec![format!("procedure with {}", plural(known.len(), "parameter"))]))
}
