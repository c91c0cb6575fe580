//! Tools of one's own (`[[tool]]`): a statement or a procedure of the operator's, with parameters
//! that are bound, run as `execute_sql` runs a text.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use mssql_mcp_own::{
    Access as Level, Bound, OwnTool, Rules, Runs, bind, definition, input_schema, parse,
};
use mssql_mcp_sql::policy::Policy;
use mssql_mcp_sql::{Access, quote};
use mssql_mcp_transports::ToolReply;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::answer::outputs;
use super::confirm::Confirm;
use super::execute_sql::{self, TextRun};
use super::registry::CUSTOM;
use super::{Call, Erased, NamesDatabase, Refusal, Stop, Surroundings, TOOLS, arguments};
use crate::code::Code;
use crate::config::Config;
use crate::config::settings::tools as settings;
use crate::facts::Named;
use crate::limits::Cost;
use crate::principal::Principal;
use crate::sources::DataSources;

/// The tools of a configuration that can be used, and what is wrong with the others.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnTools {
    pub(crate) tools: Vec<Arc<OwnTool>>,
    pub(crate) problems: Vec<String>,
}

/// Names that metrics and logs keep for as long as the process lives: as many as there ever were.
fn interned(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return known;
    }
    let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.insert(kept);
    kept
}

fn access(level: Level) -> Access {
    match level {
        Level::ReadOnly => Access::ReadOnly,
        Level::ReadWrite => Access::ReadWrite,
        Level::Full => Access::Full,
    }
}

/// How a statement that does more than its tool may is mended.
pub(crate) const TOOL_ACCESS: &str = "Its access is that of its [[tool]], whatever the database's is: the \
                                 operator can set access = \"read-write\" or \"full\" there.";

// === impl OwnTools ===

impl OwnTools {
    /// Those of the configuration and of its file; each is for a database that is served here.
    pub(crate) fn of(config: &Config, sources: &DataSources) -> Self {
        let taken: Vec<&str> = TOOLS.iter().map(|t| t.name).collect();
        let most = config.get(settings::MAX_OWN) as usize;
        let mut all = Self::default();
        let file = config.get(settings::FILE);
        let mut texts = vec![(config.own_tools().to_owned(), "the configuration".to_owned())];
        if !file.is_empty() {
            match std::fs::read_to_string(file) {
                Ok(text) => texts.push((text, file.to_owned())),
                Err(e) => all.problems.push(format!("{file}: cannot be read: {e}")),
            }
        }
        for word in config.get(settings::ENABLED) {
            let is = |name: &str| name.eq_ignore_ascii_case(&word);
            if !taken.iter().copied().any(is) && !is(CUSTOM) {
                all.problems.push(format!(
                    "tools.enabled: there is no tool {word}; there are {}, and {CUSTOM} for your own",
                    taken.join(", ")
                ));
            }
        }
        for (text, from) in texts {
            let names: Vec<String> = all.tools.iter().map(|t| t.name.clone()).collect();
            let mut taken = taken.clone();
            taken.extend(names.iter().map(String::as_str));
            let rules = Rules { taken: &taken, most: most.saturating_sub(all.tools.len()) };
            let (tools, problems) = parse(&text, &from, &rules);
            all.problems.extend(problems);
            for tool in tools {
                match tool.database.as_deref().map(|name| sources.named(Some(name))) {
                    Some(Err(_)) => {
                        let name = tool.database.as_deref().unwrap_or_default();
                        // Another path may have it.
                        if !config.knows_database(name) {
                            all.problems.push(format!(
                                "{from}: tool {}: there is no database {name}",
                                tool.name
                            ));
                        }
                    }
                    _ => all.tools.push(Arc::new(tool)),
                }
            }
        }
        all
    }

    /// Places of those that somebody has.
    pub(crate) fn granted(&self, who: Option<&Principal>) -> Vec<usize> {
        let has = |tool: &OwnTool| match who {
            Some(p) => p.is_local() || tool.is_for(&p.subject),
            None => false,
        };
        (0..self.tools.len()).filter(|n| has(&self.tools[*n])).collect()
    }

    /// Some of them, by their places, for whoever is shown these databases.
    pub(crate) fn some(&self, places: &[usize], sources: &DataSources) -> Vec<Arc<OwnTool>> {
        let shown = |tool: &&Arc<OwnTool>| {
            tool.database.as_deref().is_none_or(|name| sources.named(Some(name)).is_ok())
        };
        places.iter().filter_map(|n| self.tools.get(*n)).filter(shown).cloned().collect()
    }
}

/// The tool without its types, as any other.
pub(super) fn erased(tool: &Arc<OwnTool>, of: &Surroundings, confirm: &Confirm) -> Erased {
    let names = match tool.database {
        Some(_) => NamesDatabase::Own,
        None => NamesDatabase::One,
    };
    let reads = {
        let (tool, confirm) = (tool.clone(), confirm.clone());
        move |params: Option<&RawValue>| -> Result<_, Refusal> {
            let mut given = arguments::object(params)?;
            let database = match (&tool.database, given.remove("database")) {
                (Some(own), None | Some(Value::Null)) => Some(own.clone()),
                (None, Some(Value::String(name))) => Some(name),
                (None, None | Some(Value::Null)) => None,
                _ => {
                    return Err(Refusal::invalid_arguments(
                        "database is no argument of this tool.",
                        "Leave it out.",
                    ));
                }
            };
            let given = as_meant(&tool, given);
            let named = Named::text(&statement(&tool));
            let (tool, confirm) = (tool.clone(), confirm.clone());
            let run = move |call: Call| async move { run(tool, confirm, call, given).await };
            Ok((named, database, run))
        }
    };
    Erased::of_own(interned(&tool.name), Cost::Data, told(tool), names, of, reads)
}

/// Arguments as models send them: a number, a truth or a list that came as a text is what it spells.
fn as_meant(tool: &OwnTool, given: Map<String, Value>) -> Map<String, Value> {
    let schema = input_schema(tool);
    let meant = |(name, value): (String, Value)| {
        let types = schema["properties"][&name]["type"].clone();
        let takes =
            |ty: &str| types == ty || types.as_array().is_some_and(|t| t.contains(&ty.into()));
        let spelt = value.as_str().map(str::trim).filter(|_| !takes("string"));
        let read = match spelt {
            Some("") => Some(Value::Null),
            Some(text) => serde_json::from_str::<Value>(&text.to_ascii_lowercase())
                .ok()
                .filter(|_| takes("integer") || takes("number") || takes("boolean"))
                .or_else(|| serde_json::from_str(text).ok().filter(|_| takes("array"))),
            None => None,
        };
        (name, read.unwrap_or(value))
    };
    given.into_iter().map(meant).collect()
}

/// The T-SQL that it runs.
fn statement(tool: &OwnTool) -> String {
    match &tool.runs {
        Runs::Statement(text) => text.clone(),
        Runs::Procedure(name) => {
            let parts = quote::split(name).unwrap_or_else(|| vec![name.clone()]);
            let name: Vec<String> = parts.iter().map(|p| quote::identifier(p)).collect();
            let given: Vec<String> =
                tool.parameters.iter().map(|p| format!("@{0} = @{0}", p.name)).collect();
            format!("EXEC {} {}", name.join("."), given.join(", ")).trim_end().to_owned()
        }
    }
}

/// What clients are told of it.
fn told(tool: &OwnTool) -> Value {
    let mut told = definition(tool);
    // As our own: some clients fail on a boolean there, and what is not known is refused anyway.
    if let Some(schema) = told["inputSchema"].as_object_mut() {
        schema.remove("additionalProperties");
        schema.entry("required").or_insert_with(|| json!([]));
    }
    let changes = tool.access != Level::ReadOnly;
    told["outputSchema"] = outputs();
    told["annotations"] = json!({
        "title": tool.title.as_deref().unwrap_or(&tool.name),
        "readOnlyHint": !changes,
        "destructiveHint": changes,
        "idempotentHint": tool.annotations.idempotent.unwrap_or(!changes),
        "openWorldHint": false,
    });
    told
}

async fn run(
    tool: Arc<OwnTool>,
    confirm: Confirm,
    mut call: Call,
    given: Map<String, Value>,
) -> Result<ToolReply, Stop> {
    let lacks: Vec<String> = tool.scopes.iter().filter(|s| !call.may(s)).cloned().collect();
    if !lacks.is_empty() {
        return Err(Stop::Scope(lacks));
    }
    let claims = Principal::of(&call.context.extensions).map(|p| p.claims.clone());
    let bound = bind(&tool, &given, &claims.unwrap_or_default())
        .map_err(|why| Refusal::invalid_arguments(format!("{why}."), ""))?;
    if let Some(timeout) = tool.timeout {
        let own = Instant::now() + timeout;
        call.limits.deadline = Some(call.limits.deadline.map_or(own, |at| at.min(own)));
    }
    let secrets: Vec<String> =
        bound.iter().filter(|b| b.secret).map(|b| b.name.to_lowercase()).collect();
    let value = |b: Bound| {
        let value = b.value.map_or(Value::Null, Value::String);
        (b.name, json!({ "type": b.sql_type, "value": value }))
    };
    let args = execute_sql::Args {
        query: statement(&tool),
        params: Some(bound.into_iter().map(value).collect()),
        max_rows: tool.max_rows.map(u64::from),
        dry_run: None,
        format: None,
        output: None,
    };
    // The operator has written it: it may do what it says, whatever a caller's own text may.
    let reads = tool.access == Level::ReadOnly;
    let is_procedure = matches!(tool.runs, Runs::Procedure(_));
    let level = if is_procedure { Access::Full } else { access(tool.access) };
    let policy = Policy { access: level, only_here: false, ..call.database.policy() };
    // What an answer says of its access is what this call had.
    call.source = Arc::new(call.source.with_access(access(tool.access)));
    // A procedure that is said to read is rolled back, whatever it does.
    let rolled_back = reads && is_procedure;
    let run = TextRun { confirm: &confirm, policy, rolled_back, secrets: &secrets };
    execute_sql::execute(run, call, args).await.map_err(|stop| match stop {
        Stop::Refused(mut refused) if refused.code == Code::AccessDenied => {
            refused.hint = TOOL_ACCESS.to_owned();
            Stop::Refused(refused)
        }
        other => other,
    })
}
