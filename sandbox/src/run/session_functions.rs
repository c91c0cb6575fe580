//! Functions that depend on the session or ask the catalog, one row each ("System Functions",
//! "Metadata Functions", "Security Functions", "Configuration Functions"). Each says its type
//! before it says its value.

use std::sync::atomic::Ordering;

use super::session::{Engine, NO_IDENTITY};
use crate::calendar::{now, round_datetime};
use crate::catalog::Object;
use crate::catalog::describe::{ALL_TYPES, definition};
use crate::catalog::views::{COLLATION_NAME, Facts};
use crate::error::{Error, Result};
use crate::names::{SYSTEM_DATABASES, written_name};
use crate::types::{Len, Type, Value};

/// A function, or a global variable that is written like one.
struct SessionFunction {
    /// As it is written in upper case.
    name: &'static str,
    return_type: Type,
    value: fn(&Engine, &Arguments<'_>) -> Result<Value>,
}

const fn row(
    name: &'static str,
    return_type: Type,
    value: fn(&Engine, &Arguments<'_>) -> Result<Value>,
) -> SessionFunction {
    SessionFunction { name, return_type, value }
}

const SYSNAME: Type = Type::NVarChar(Len::N(128));
/// The type of identity values, which may be of any integer or decimal type.
const IDENTITY: Type = Type::Decimal(38, 0);

const VERSION: &str = "Microsoft SQL Server 2022 (sandbox of mssql-mcp, a stand-in over SQLite) - \
                       16.0.1000.6 (X64)";

/// Permissions that the sandbox's login does not have; all others it has.
const DENIED: [&str; 6] = [
    "CONTROL",
    "CONTROL SERVER",
    "IMPERSONATE ANY LOGIN",
    "ALTER ANY LOGIN",
    "ALTER TRACE",
    "EXECUTE ANY EXTERNAL ENDPOINT",
];

const FUNCTIONS: &[SessionFunction] = &[
    // The server.
    row("@@VERSION", Type::NVarChar(Len::N(300)), |_, _| Ok(text(VERSION))),
    row("@@MICROSOFTVERSION", Type::Int, |_, _| Ok(Value::Int(0x1000_03E8))),
    row("@@SERVERNAME", SYSNAME, |e, _| Ok(text(&e.shared.server_name))),
    row("@@SERVICENAME", SYSNAME, |_, _| Ok(text("MSSQLSERVER"))),
    row("@@MAX_CONNECTIONS", Type::Int, |_, _| Ok(Value::Int(32_767))),
    row("@@MAX_PRECISION", Type::TinyInt, |_, _| Ok(Value::Int(38))),
    row("SERVERPROPERTY", SYSNAME, server_property),
    row("DATABASEPROPERTYEX", SYSNAME, database_property),
    // The session.
    row("@@SPID", Type::SmallInt, |e, _| Ok(Value::Int(e.spid))),
    row("@@LANGUAGE", SYSNAME, |_, _| Ok(text("us_english"))),
    row("@@DATEFIRST", Type::TinyInt, |_, _| Ok(Value::Int(7))),
    row("@@OPTIONS", Type::Int, |_, _| Ok(Value::Int(5432))),
    row("@@LOCK_TIMEOUT", Type::Int, |e, _| Ok(Value::Int(e.options.lock_timeout))),
    row("@@NESTLEVEL", Type::Int, |e, _| Ok(Value::Int(i64::from(e.nesting)))),
    row("@@ROWCOUNT", Type::Int, |e, _| Ok(Value::Int(e.row_count))),
    row("ROWCOUNT_BIG", Type::BigInt, |e, _| Ok(Value::Int(e.row_count))),
    row("@@TRANCOUNT", Type::Int, |e, _| Ok(Value::Int(e.transaction_count))),
    row("XACT_STATE", Type::SmallInt, |e, _| Ok(Value::Int(e.transaction_state()))),
    row("CONTEXT_INFO", Type::VarBinary(Len::N(128)), |e, _| {
        Ok(e.context_info.clone().map_or(Value::Null, Value::Bin))
    }),
    row("HOST_NAME", SYSNAME, |e, _| Ok(text(&e.login.host))),
    row("APP_NAME", SYSNAME, |e, _| Ok(text(&e.login.program))),
    // The clock, which shows UTC.
    row("GETDATE", Type::DateTime, |_, _| Ok(Value::Int(round_datetime(now())))),
    row("CURRENT_TIMESTAMP", Type::DateTime, |_, _| Ok(Value::Int(round_datetime(now())))),
    row("GETUTCDATE", Type::DateTime, |_, _| Ok(Value::Int(round_datetime(now())))),
    row("SYSDATETIME", Type::DateTime2(7), |_, _| Ok(Value::Int(now()))),
    row("SYSUTCDATETIME", Type::DateTime2(7), |_, _| Ok(Value::Int(now()))),
    row("SYSDATETIMEOFFSET", Type::DateTimeOffset(7), |_, _| Ok(Value::Offset(now(), 0))),
    // Identity values.
    row("@@IDENTITY", IDENTITY, |e, _| {
        let last = e.last_identity.load(Ordering::Relaxed);
        Ok(identity(Some(last).filter(|n| *n != NO_IDENTITY)))
    }),
    row("SCOPE_IDENTITY", IDENTITY, |e, _| Ok(identity(e.frames.last().and_then(|f| f.identity)))),
    row("IDENT_CURRENT", IDENTITY, |e, args| {
        let name = written_name(args.text(0));
        let Some(catalog) = e.catalog_of(&name)? else { return Ok(Value::Null) };
        let object = catalog.find(&name);
        Ok(identity(object.and_then(|o| e.last_identity(catalog.identity_key(o.id)))))
    }),
    // Who it is. The one login may read and change everything in the one database, and belongs to
    // no role.
    row("SUSER_SNAME", SYSNAME, |e, args| args.none("SUSER_SNAME", text(&e.login.user))),
    row("SUSER_NAME", SYSNAME, |e, args| args.none("SUSER_NAME", text(&e.login.user))),
    row("ORIGINAL_LOGIN", SYSNAME, |e, _| Ok(text(&e.login.user))),
    row("SYSTEM_USER", SYSNAME, |e, _| Ok(text(&e.login.user))),
    row("USER_NAME", SYSNAME, |_, args| args.none("USER_NAME", text("dbo"))),
    row("CURRENT_USER", SYSNAME, |_, _| Ok(text("dbo"))),
    row("SESSION_USER", SYSNAME, |_, _| Ok(text("dbo"))),
    row("USER", SYSNAME, |_, _| Ok(text("dbo"))),
    row("HAS_PERMS_BY_NAME", Type::Int, |_, args| {
        let asked = args.text(2).to_ascii_uppercase();
        Ok(Value::Int(i64::from(!DENIED.contains(&asked.as_str()))))
    }),
    row("IS_MEMBER", Type::Int, |_, args| {
        Ok(Value::Int(i64::from(args.text(0).eq_ignore_ascii_case("public"))))
    }),
    row("IS_SRVROLEMEMBER", Type::Int, |_, _| Ok(Value::Int(0))),
    row("HAS_DBACCESS", Type::Int, |e, args| Ok(has_database_access(e, args))),
    // Names and ids.
    row("DB_NAME", SYSNAME, |e, args| Ok(database_name(e, args))),
    row("ORIGINAL_DB_NAME", SYSNAME, |e, _| Ok(text(&e.login.database))),
    row("DB_ID", Type::SmallInt, |e, args| {
        let named = || e.shared.position(args.text(0));
        let position = if args.0.is_empty() { Some(e.database) } else { named() };
        Ok(position.map_or(Value::Null, |p| Value::Int(p as i64 + 1)))
    }),
    row("SCHEMA_NAME", SYSNAME, |e, args| Ok(schema_name(e, args))),
    row("SCHEMA_ID", Type::Int, |e, args| Ok(schema_id(e, args))),
    row("OBJECT_ID", Type::Int, object_id),
    row("OBJECT_NAME", SYSNAME, |e, args| {
        Ok(e.object_in(args)?.map_or(Value::Null, |o| text(&o.name)))
    }),
    row("OBJECT_SCHEMA_NAME", SYSNAME, |e, args| {
        Ok(e.object_in(args)?.map_or(Value::Null, |o| text(&o.schema)))
    }),
    row("OBJECT_DEFINITION", Type::NVarChar(Len::Max), |e, args| {
        Ok(e.object(args).and_then(definition).map_or(Value::Null, Value::Str))
    }),
    row("TYPE_NAME", SYSNAME, |_, args| {
        let id = args.int(0);
        let found = ALL_TYPES.iter().map(|t| t.name_and_id()).find(|(_, i)| *i == id);
        let (name, _) = found.ok_or_else(|| Error::unsupported(format!("TYPE_NAME({id})")))?;
        Ok(text(name))
    }),
    row("COL_NAME", SYSNAME, |e, args| Ok(column_name(e, args).unwrap_or(Value::Null))),
    // The last error, and the one that the innermost CATCH block has.
    row("@@ERROR", Type::Int, |e, _| Ok(Value::Int(e.error))),
    row("ERROR_NUMBER", Type::Int, |e, _| Ok(e.caught(|c| Value::Int(i64::from(c.number))))),
    row("ERROR_SEVERITY", Type::Int, |e, _| Ok(e.caught(|c| Value::Int(i64::from(c.class))))),
    row("ERROR_STATE", Type::Int, |e, _| Ok(e.caught(|c| Value::Int(i64::from(c.state))))),
    row("ERROR_LINE", Type::Int, |e, _| Ok(e.caught(|c| Value::Int(i64::from(c.line))))),
    row("ERROR_MESSAGE", Type::NVarChar(Len::N(4000)), |e, _| {
        Ok(e.caught(|c| Value::Str(c.message.clone())))
    }),
    row("ERROR_PROCEDURE", SYSNAME, |e, _| {
        Ok(e.caught(|c| if c.procedure.is_empty() { Value::Null } else { text(&c.procedure) }))
    }),
];

/// The type and the value of a function of this name, in upper case; nothing for any other.
pub(super) fn call(engine: &Engine, name: &str, args: &[Value]) -> Result<Option<(Type, Value)>> {
    let Some(function) = FUNCTIONS.iter().find(|f| f.name == name) else { return Ok(None) };
    let value = (function.value)(engine, &Arguments(args))?;
    Ok(Some((function.return_type, value)))
}

/// What a function is called with.
struct Arguments<'a>(&'a [Value]);

impl Arguments<'_> {
    /// Empty for what is no text.
    fn text(&self, position: usize) -> &str {
        match self.0.get(position) {
            Some(Value::Str(s)) => s,
            _ => "",
        }
    }

    /// 0 for what is no integer.
    fn int(&self, position: usize) -> i64 {
        match self.0.get(position) {
            Some(Value::Int(n)) => *n,
            _ => 0,
        }
    }

    /// A value of ours; with an argument a function asks about others.
    fn none(&self, function: &str, value: Value) -> Result<Value> {
        if self.0.is_empty() {
            return Ok(value);
        }
        Err(Error::unsupported(format!("{function} with an argument")))
    }
}

fn text(s: &str) -> Value {
    Value::Str(s.to_owned())
}

fn identity(value: Option<i64>) -> Value {
    value.map_or(Value::Null, |n| Value::Dec(i128::from(n)))
}

impl Engine {
    fn transaction_state(&self) -> i64 {
        if self.doomed { -1 } else { i64::from(self.transaction_count > 0) }
    }

    fn caught(&self, of: fn(&Error) -> Value) -> Value {
        self.caught.last().map_or(Value::Null, of)
    }

    /// The object whose id is the first argument.
    fn object(&self, args: &Arguments<'_>) -> Option<&Object> {
        self.catalog().by_id(args.int(0)).map(|o| &**o)
    }

    /// The same in the database whose id is the second argument, if there is one.
    fn object_in(&self, args: &Arguments<'_>) -> Result<Option<&Object>> {
        if args.0.len() < 2 {
            return Ok(self.object(args));
        }
        let position = usize::try_from(args.int(1) - 1).unwrap_or(usize::MAX);
        let Some(catalog) = self.catalogs.get(position) else { return Ok(None) };
        self.entered(&catalog.database)?;
        Ok(catalog.by_id(args.int(0)).map(|o| &**o))
    }
}

fn server_property(engine: &Engine, args: &Arguments<'_>) -> Result<Value> {
    Ok(text(match args.text(0).to_lowercase().as_str() {
        "productversion" => "16.0.1000.6",
        "productlevel" => "RTM",
        "edition" => "Sandbox Edition (64-bit)",
        "engineedition" => "3",
        "servername" | "machinename" => &engine.shared.server_name,
        "collation" => COLLATION_NAME,
        p => return Err(Error::unsupported(format!("SERVERPROPERTY('{p}')"))),
    }))
}

fn database_property(engine: &Engine, args: &Arguments<'_>) -> Result<Value> {
    let Some(position) = engine.shared.position(args.text(0)) else { return Ok(Value::Null) };
    let own = position < SYSTEM_DATABASES.len();
    Ok(text(match args.text(1).to_lowercase().as_str() {
        "collation" => COLLATION_NAME,
        "status" => "ONLINE",
        "updateability" if engine.shared.is_read_only(position) => "READ_ONLY",
        "updateability" => "READ_WRITE",
        "useraccess" => "MULTI_USER",
        "recovery" if own && args.text(0).eq_ignore_ascii_case("model") => "FULL",
        "recovery" => {
            if own {
                "SIMPLE"
            } else {
                "FULL"
            }
        }
        p => return Err(Error::unsupported(format!("DATABASEPROPERTYEX of '{p}'"))),
    }))
}

fn database_name(engine: &Engine, args: &Arguments<'_>) -> Value {
    if args.0.is_empty() {
        return text(engine.shared.name(engine.database));
    }
    let position = usize::try_from(args.int(0) - 1).ok();
    position.and_then(|i| engine.shared.names().nth(i)).map_or(Value::Null, text)
}

/// 1 or 0; NULL for a database that is not there.
fn has_database_access(engine: &Engine, args: &Arguments<'_>) -> Value {
    match engine.shared.position(args.text(0)) {
        None => Value::Null,
        Some(position) => {
            let name = engine.shared.name(position);
            Value::Int(i64::from(engine.login.access.allows(name)))
        }
    }
}

fn schema_name(engine: &Engine, args: &Arguments<'_>) -> Value {
    if args.0.is_empty() {
        return text("dbo");
    }
    let mut schemas = engine.catalog().schemas.iter();
    schemas.find(|(_, id)| *id == args.int(0)).map_or(Value::Null, |(name, _)| text(name))
}

fn schema_id(engine: &Engine, args: &Arguments<'_>) -> Value {
    let wanted = if args.0.is_empty() { "dbo" } else { args.text(0) };
    let mut schemas = engine.catalog().schemas.iter();
    let found = schemas.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found.map_or(Value::Null, |(_, id)| Value::Int(*id))
}

/// OBJECT_ID('name', 'type'): a temporary table's is below 0.
fn object_id(engine: &Engine, args: &Arguments<'_>) -> Result<Value> {
    let written = args.text(0);
    let local = written.trim_start_matches("tempdb..").trim_start_matches("tempdb.dbo.");
    let name = written_name(local);
    let elsewhere = ["sys", "INFORMATION_SCHEMA"];
    let mut places = name.0.iter().rev().skip(1).take(1);
    if places.any(|s| elsewhere.iter().any(|x| s.eq_ignore_ascii_case(x))) {
        return Err(Error::unsupported(format!("OBJECT_ID of {written}")));
    }
    let wanted = args.text(1).trim();
    let is_wanted =
        |o: &Object| wanted.is_empty() || o.type_code().0.trim().eq_ignore_ascii_case(wanted);
    let catalog = engine.catalog_of(&name)?;
    if let Some(object) = catalog.and_then(|c| c.find(&name)).filter(|o| is_wanted(o)) {
        return Ok(Value::Int(object.id));
    }
    let temporary = name
        .0
        .last()
        .and_then(|last| engine.temporary.iter().rposition(|t| t.name.eq_ignore_ascii_case(last)));
    Ok(temporary.map_or(Value::Null, |i| Value::Int(-(i as i64) - 1)))
}

/// COL_NAME(table id, column id).
fn column_name(engine: &Engine, args: &Arguments<'_>) -> Option<Value> {
    let position = usize::try_from(args.int(1) - 1).ok()?;
    let column = engine.object(args)?.table()?.columns.get(position)?;
    Some(text(&column.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_there_once_and_in_upper_case() {
        let mut names: Vec<&str> = FUNCTIONS.iter().map(|f| f.name).collect();
        assert!(names.iter().all(|n| *n == n.to_uppercase()));
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
