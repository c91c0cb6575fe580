//! The tools of a mount, by name, and where they lose their types.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use mssql_mcp_own::OwnTool;
use mssql_mcp_transports::{Context, Fault, Outcome, Reply, Shared, ToolReply, Why};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::confirm::Confirm;
use super::search::DocumentIndex;
use super::{Call, NamesDatabase, Stop, Surroundings, Tool, arguments};
use crate::code::Code;
use crate::database::{Database, Seen};
use crate::facts::{CallFacts, Named};
use crate::limits::Cost;
use crate::refusal::Refusal;
use crate::sources::{CHOICE, DataSource, DataSources, NoSource};
use crate::views::Page;

/// The arguments of a call, read once into their type, before anybody looks at them.
#[derive(Clone)]
pub struct Arguments {
    named: Arc<Named>,
    /// The database that it is for, where it is for one.
    source: Option<Arc<DataSource>>,
    /// The call that they belong to, or why it cannot be; taken by the one that runs it.
    ready: Arc<Mutex<Option<Ready>>>,
}

type Running = Pin<Box<dyn Future<Output = Result<ToolReply, Stop>> + Send>>;
type Ready = Result<Box<dyn FnOnce(Call) -> Running + Send>, Stop>;
type Read = dyn Fn(Option<&RawValue>) -> Arguments + Send + Sync;

/// What runs a call once.
pub(super) trait AsyncRun: Send + 'static {
    fn run(self, call: Call) -> Running;
}

impl<F, Fut> AsyncRun for F
where
    F: FnOnce(Call) -> Fut + Send + 'static,
    Fut: Future<Output = Result<ToolReply, Stop>> + Send + 'static,
{
    fn run(self, call: Call) -> Running {
        Box::pin(self(call))
    }
}

/// A tool without its types.
pub(crate) struct Erased {
    name: &'static str,
    for_views: bool,
    runs_texts: bool,
    view: Option<Page>,
    cost: Cost,
    definition: Value,
    read: Box<Read>,
}

/// The tools, sorted by name.
#[derive(Debug)]
pub struct Registry {
    tools: Vec<Erased>,
    surroundings: Surroundings,
    /// For clients without pages, and for those with them.
    listed: [Arc<Shared>; 2],
    instructions: String,
}

// === impl Erased ===

impl std::fmt::Debug for Erased {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Erased {
    pub(super) fn new<T: Tool>(tool: T, of: &Surroundings) -> Self {
        // In the tests of this crate, whatever is registered is held against its schema.
        #[cfg(test)]
        tests::agree(&tool, of);
        let mut definition = tool.definition(of).to_json(T::NAME);
        let (tool, sources) = (Arc::new(tool), of.sources.clone());
        let schema = definition["inputSchema"].clone();
        if sources.several() {
            name_database(&mut definition["inputSchema"], T::DATABASE, &sources);
        }
        let read = move |params: Option<&RawValue>| -> Arguments {
            let read = arguments::read::<T::Args>(params, &schema, T::RENAMED);
            let (named, source, ready) = match read {
                Ok((args, database)) => {
                    let (named, tool) = (T::named(&args), tool.clone());
                    let own = || T::database(&args).filter(|_| sources.several());
                    let database = database.or_else(own);
                    let run = move |call| -> Running {
                        Box::pin(async move { tool.call(call, args).await })
                    };
                    let run = Box::new(run) as Box<dyn FnOnce(Call) -> Running + Send>;
                    match chosen(&sources, T::DATABASE, database) {
                        Ok(source) => (named, source, Ok(run)),
                        Err(stop) => (named, None, Err(stop)),
                    }
                }
                Err(refusal) => (Named::default(), named_in(params, &sources), Err(refusal.into())),
            };
            let ready = Arc::new(Mutex::new(Some(ready)));
            Arguments { named: Arc::new(named), source, ready }
        };
        let (for_views, view) = (T::FOR_VIEWS, T::VIEW);
        Self {
            name: T::NAME,
            for_views,
            runs_texts: T::RUNS_TEXTS,
            view,
            cost: T::COST,
            definition,
            read: Box::new(read),
        }
    }

    /// A tool that the operator has written: `reads` reads the arguments of a call, and gives what it
    /// names, the database that it is for, and what runs it.
    pub(super) fn of_own<F, R>(
        name: &'static str,
        cost: Cost,
        mut definition: Value,
        names: NamesDatabase,
        of: &Surroundings,
        reads: F,
    ) -> Self
    where
        F: Fn(Option<&RawValue>) -> Result<(Named, Option<String>, R), Refusal>
            + Send
            + Sync
            + 'static,
        R: AsyncRun,
    {
        let sources = of.sources.clone();
        if sources.several() {
            name_database(&mut definition["inputSchema"], names, &sources);
        }
        let read = move |params: Option<&RawValue>| -> Arguments {
            let (named, source, ready) = match reads(params) {
                Ok((named, database, run)) => {
                    let run: Box<dyn FnOnce(Call) -> Running + Send> =
                        Box::new(move |call| run.run(call));
                    match chosen(&sources, names, database) {
                        Ok(source) => (named, source, Ok(run)),
                        Err(stop) => (named, None, Err(stop)),
                    }
                }
                Err(refusal) => (Named::default(), named_in(params, &sources), Err(refusal.into())),
            };
            let ready = Arc::new(Mutex::new(Some(ready)));
            Arguments { named: Arc::new(named), source, ready }
        };
        Self {
            name,
            for_views: false,
            runs_texts: true,
            view: Some(Page::Results),
            cost,
            definition,
            read: Box::new(read),
        }
    }

    /// Reads the arguments in a request's params.
    pub(crate) fn read(&self, params: Option<&RawValue>) -> Arguments {
        (self.read)(params)
    }

    /// Its definition for clients with pages (SEP-1865, "Tool metadata"), in the older form, too.
    fn with_view(&self) -> Value {
        let mut definition = self.definition.clone();
        let mut ui = json!({});
        if self.for_views {
            ui["visibility"] = json!(["app"]);
        }
        if let Some(page) = self.view {
            ui["resourceUri"] = page.uri().into();
            definition["_meta"]["ui/resourceUri"] = page.uri().into();
        }
        if ui != json!({}) {
            definition["_meta"]["ui"] = ui;
        }
        definition
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Whether a call may be read for as long as it takes: it runs a text of somebody's.
    pub(crate) fn may_run_long(&self) -> bool {
        self.runs_texts
    }

    /// Which quota counts its calls.
    pub(crate) fn cost(&self) -> Cost {
        self.cost
    }
}

/// The database that a call is for, by the name that it gives; none where it is for none, or for all.
fn chosen(
    sources: &DataSources,
    names: NamesDatabase,
    name: Option<String>,
) -> Result<Option<Arc<DataSource>>, Stop> {
    match (names, &name) {
        (NamesDatabase::No, None) => Ok(None),
        (NamesDatabase::Any, None) if sources.several() => Ok(None),
        _ => match sources.named(name.as_deref()) {
            Ok(source) => Ok(Some(source.clone())),
            Err(why) => Err(Stop::NoSource(name, why)),
        },
    }
}

/// The database that arguments name of which something else cannot be read.
fn named_in(params: Option<&RawValue>, sources: &DataSources) -> Option<Arc<DataSource>> {
    let given = arguments::object(params).ok()?;
    sources.named(given.get("database").and_then(Value::as_str)).ok().cloned()
}

/// Adds `database` to a tool's arguments: a choice, where there are few.
fn name_database(schema: &mut Value, names: NamesDatabase, sources: &DataSources) {
    if matches!(names, NamesDatabase::No | NamesDatabase::Own) {
        return;
    }
    let mut property = json!({ "type": "string" });
    if sources.len() <= CHOICE {
        property["enum"] = sources.names().into();
    } else {
        property["description"] = "which; list_tables without it lists all".into();
    }
    schema["properties"]["database"] = property;
    if names == NamesDatabase::One
        && let Some(required) = schema["required"].as_array_mut()
    {
        required.push("database".into());
    }
}

// === impl Arguments ===

impl Arguments {
    /// What the call names.
    pub(crate) fn named(&self) -> Arc<Named> {
        self.named.clone()
    }

    /// The database that it is for, where it is for one.
    pub(crate) fn source(&self) -> Option<&Arc<DataSource>> {
        self.source.as_ref()
    }

    async fn run(&self, call: Call) -> Result<ToolReply, Stop> {
        call.needs("mssql:read")?;
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        match ready {
            Some(Ok(run)) => run(call).await,
            Some(Err(stop)) => Err(stop),
            None => Err(Stop::Invalid("these arguments were run already".into())),
        }
    }
}

impl std::fmt::Debug for Arguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arguments").field("named", &self.named).finish_non_exhaustive()
    }
}

/// What stands for all tools of the operator's own in `tools.enabled`.
pub(super) const CUSTOM: &str = "custom";

/// Whether a tool of ours is among those that are. What pages ask for belongs to the tools whose
/// results they show.
fn is_enabled(name: &str, enabled: &[String]) -> bool {
    let has = |name: &str| enabled.iter().any(|e| e.eq_ignore_ascii_case(name));
    enabled.is_empty()
        || has(name)
        || match name {
            "view_rows" | "view_cell" => true,
            "view_schema" => has("describe_table"),
            "get_result" => has("execute_sql") || has(CUSTOM),
            _ => false,
        }
}

// === impl Registry ===

impl Registry {
    /// The tools over databases; with a library, the two that ChatGPT reads with.
    pub fn new(
        surroundings: Surroundings,
        confirm: Confirm,
        library: Option<DocumentIndex>,
    ) -> Self {
        Self::with_own(surroundings, confirm, library, &[], &[])
    }

    /// With tools of the operator's own; of ours only those that are `enabled`, where any are.
    pub(crate) fn with_own(
        surroundings: Surroundings,
        confirm: Confirm,
        library: Option<DocumentIndex>,
        own: &[Arc<OwnTool>],
        enabled: &[String],
    ) -> Self {
        let of = &surroundings;
        let mut tools = super::all(of, confirm.clone(), library);
        tools.retain(|t| is_enabled(t.name, enabled));
        if enabled.is_empty() || enabled.iter().any(|e| e.eq_ignore_ascii_case(CUSTOM)) {
            tools.extend(own.iter().map(|tool| super::own::erased(tool, of, &confirm)));
        }
        // Sorted, so that a list is the same for every client and every start.
        tools.sort_by_key(|t| t.name);
        let instructions = instructions(of, tools.iter().any(|t| t.name == "execute_sql"));
        let listed = listed(&tools);
        Self { tools, surroundings, listed, instructions }
    }

    /// For callers who sign in: each tool says so, in the two places where hosts look
    /// (`securitySchemes` of OpenAI's contract).
    pub(crate) fn behind_sign_in(mut self) -> Self {
        let schemes = json!([{ "type": "oauth2", "scopes": ["mssql:read"] }]);
        for t in &mut self.tools {
            t.definition["securitySchemes"] = schemes.clone();
            t.definition["_meta"] = json!({ "securitySchemes": schemes });
        }
        self.listed = listed(&self.tools);
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Erased> {
        self.tools.iter().find(|t| t.name == name)
    }

    /// Whether the caller's client shows pages.
    pub(crate) fn shows_views(&self, context: &Context) -> bool {
        self.surroundings.shows_views(context)
    }

    /// The tools that a client has, by whether it shows pages.
    pub(crate) fn of_client(&self, shows_views: bool) -> impl Iterator<Item = &Erased> {
        self.tools.iter().filter(move |t| shows_views || !t.for_views)
    }

    /// Runs a tool with arguments that nobody has run yet; a refusal is a result.
    pub(crate) async fn run(&self, context: Context, arguments: &Arguments) -> Outcome {
        self.finish(context, async |call| arguments.run(call).await.map(Reply::Tool)).await
    }

    /// Does something with the database of the mount, and records how it ended.
    pub(crate) async fn finish(
        &self,
        context: Context,
        work: impl AsyncFnOnce(Call) -> Result<Reply, Stop>,
    ) -> Outcome {
        let facts = context.extensions.get::<Arc<CallFacts>>().cloned().unwrap_or_default();
        let cancel = context.cancel.clone();
        let Some(mut call) = Call::new(context, &self.surroundings) else {
            let refusal = Refusal::no_source(None, &NoSource::Unknown, self.sources());
            facts.set_outcome(refusal.code);
            return Outcome::Complete(refusal.into_reply().into());
        };
        call.sees_catalog = self.get("describe_table").is_some();
        // Where several might have been meant, none is told.
        let source = call.is_for_one.then(|| call.source.clone());
        let (facts, db, seen) =
            (call.facts.clone(), call.database.clone(), call.limits.seen.clone());
        let (code, outcome) = match work(call).await {
            Ok(reply) => (Code::Ok, Outcome::Complete(reply)),
            Err(stop) => ended(stop, cancel.why(), (&db, source.as_deref()), &seen, self.sources()),
        };
        facts.set_outcome(code);
        outcome
    }

    /// What a tool answers to these arguments, as a part of something else.
    pub(crate) async fn reply(
        &self,
        name: &str,
        arguments: &Value,
        call: Call,
    ) -> Result<ToolReply, Stop> {
        let unknown = || Stop::Invalid(format!("there is no tool {name} here"));
        let params = serde_json::value::to_raw_value(&json!({ "arguments": arguments })).ok();
        self.get(name).ok_or_else(unknown)?.read(params.as_deref()).run(call).await
    }

    /// The databases that its callers are shown.
    pub(crate) fn sources(&self) -> &DataSources {
        &self.surroundings.sources
    }

    pub(crate) fn listed(&self, shows_views: bool) -> Arc<Shared> {
        self.listed[usize::from(shows_views)].clone()
    }

    /// The same, to be compared.
    pub(crate) fn listed_as_json(&self) -> String {
        self.tools.iter().map(|t| t.definition.to_string()).collect()
    }

    /// The names of all tools, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        self.tools.iter().map(|t| t.name).collect()
    }

    /// For the client's model.
    pub(crate) fn instructions(&self) -> &str {
        &self.instructions
    }
}

/// What is recorded of a call without an answer, and what its client is told.
fn ended(
    stop: Stop,
    cancelled: Option<Why>,
    (db, source): (&Database, Option<&DataSource>),
    seen: &Seen,
    sources: &DataSources,
) -> (Code, Outcome) {
    // What failed in a database says in which.
    let of_data =
        matches!(stop, Stop::Database(_) | Stop::Failed(_) | Stop::NotFound(..) | Stop::Refused(_));
    let refusal = match stop {
        Stop::NoSource(name, why) => Refusal::no_source(name.as_deref(), &why, sources),
        Stop::Refused(r) => *r,
        Stop::Database(e) => Refusal::database(&e, db),
        Stop::Failed(f) => Refusal::failure(&f, db),
        Stop::NotFound(name, e) => Refusal::not_found(&name, e, db),
        Stop::Scope(needed) => {
            return (Code::InsufficientScope, Outcome::Fault(Fault::Scope { needed }));
        }
        Stop::Ask { requests, state } => {
            return (Code::InputRequired, Outcome::InputRequired { requests, state: Some(state) });
        }
        Stop::Fault(fault) => return (Code::Fault, Outcome::Fault(*fault)),
        Stop::Invalid(message) => {
            let fault = Fault::InvalidParams { message, data: None };
            return (Code::InvalidParams, Outcome::Fault(fault));
        }
    };
    let refusal = match cancelled.filter(|_| refusal.code == Code::Cancelled) {
        None => refusal,
        // A call that was stopped ends as that. Here the client still listens, so it is told.
        Some(Why::Closing) => Refusal::shutting_down(),
        Some(Why::Asked) => return (Code::Cancelled, Outcome::Cancelled),
        Some(Why::Ended) => return (Code::SessionEnded, Outcome::Cancelled),
        Some(_) => return (Code::Disconnected, Outcome::Cancelled),
    };
    let refusal = match source.filter(|_| of_data) {
        Some(source) => refusal.of(source.told(seen.get().as_deref())),
        None => refusal,
    };
    (refusal.code, Outcome::Complete(refusal.into_reply().into()))
}

fn listed(tools: &[Erased]) -> [Arc<Shared>; 2] {
    [false, true].map(|views| {
        let some = tools.iter().filter(|t| views || !t.for_views);
        let definitions = some.map(|t| if views { t.with_view() } else { t.definition.clone() });
        Arc::new(Shared::new(crate::protocol::list("tools", definitions.collect())))
    })
}

fn instructions(of: &Surroundings, runs_sql: bool) -> String {
    let Some(first) = of.sources.first() else {
        return "No database is granted to you; the operator of this server grants them."
            .to_owned();
    };
    let settings = first.database.settings();
    let sandbox = if settings.sandbox {
        " This is the sandbox of mssql-mcp, a stand-in for SQL Server in memory with sample data: \
         what it lacks it refuses with error 49999, \"Not in the sandbox\", though SQL Server may \
         have it, and nothing in it outlives the process."
    } else {
        ""
    };
    if !runs_sql && !of.sources.several() {
        return format!(
            "Tools over one Microsoft SQL Server database, each for a question of its own; nobody \
             runs SQL of theirs.{sandbox}"
        );
    }
    if !of.sources.several() {
        return format!(
            "Tools for one Microsoft SQL Server database (T-SQL). Start with list_tables and \
             describe_table; then query with execute_sql, binding values with params. Access is \
             {}.{sandbox}",
            settings.policy.access.as_str()
        );
    }
    let one = |s: &Arc<DataSource>| {
        let access = s.database.settings().policy.access.as_str();
        match s.description.as_str() {
            "" => format!("{} ({access})", s.name),
            description => format!("{} ({access}): {description}", s.name),
        }
    };
    let count = of.sources.len();
    let mut all: Vec<String> = of.sources.iter().take(CHOICE).map(one).collect();
    if count > CHOICE {
        all.push(format!("and {} more", count - CHOICE));
    }
    if !runs_sql {
        return format!(
            "Tools over {count} Microsoft SQL Server databases, each for a question of its own; \
             nobody runs SQL of theirs: {}. Each answer says which it is from.{sandbox}",
            all.join("; ")
        );
    }
    format!(
        "Tools for {count} Microsoft SQL Server databases (T-SQL): {}. Name one in each call with \
         database; each answer says which it is from. Start with list_tables and describe_table; \
         then query with execute_sql, binding values with params.{sandbox}",
        all.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde::de::{DeserializeOwned, Deserializer, Visitor};
    use serde::forward_to_deserialize_any;

    use super::*;
    use crate::config::settings::{database, tools};
    use crate::config::{Config, Inputs};
    use crate::database::{Database, Settings};
    use crate::results::KeptFiles;
    use crate::tools::{Definition, TOOLS};

    fn config() -> Config {
        let fixed = vec![database::HOST.fixed("127.0.0.1")];
        Config::load(&Inputs { fixed, ..Inputs::default() }).expect("valid")
    }

    fn everything() -> Registry {
        registry_of(Some(DocumentIndex::new("", &config())))
    }

    fn registry_of(index: Option<DocumentIndex>) -> Registry {
        let config = config();
        let database = Database::new(Settings::from_config(&config).expect("settings"));
        let bounds = crate::database::Limits::of_our_own().bounds;
        let confirm = Confirm::new(&config);
        let mut of = Surroundings::new(database, bounds);
        if index.is_some() {
            of.files = KeptFiles::new(&config);
        }
        Registry::new(of, confirm, index)
    }

    /// Asks a type for the names of its fields, and reads nothing.
    struct Fields<'a>(&'a Cell<&'static [&'static str]>);

    impl<'de> Deserializer<'de> for Fields<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("only the fields"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.0.set(fields);
            self.deserialize_any(visitor)
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    fn fields<A: DeserializeOwned>() -> Vec<&'static str> {
        let names = Cell::new([].as_slice());
        let _ = A::deserialize(Fields(&names));
        let mut names = names.get().to_vec();
        names.sort_unstable();
        names
    }

    /// A value that a property takes, by its schema.
    fn sample(property: &Value) -> Value {
        match (property["enum"].get(0), property["type"].as_str()) {
            (Some(word), _) => word.clone(),
            (None, Some("string")) => json!("x"),
            (None, Some("integer")) => json!(1),
            (None, Some("boolean")) => json!(true),
            // Named values: an object for whoever is behind `arguments`.
            (None, Some("array")) if property["items"]["properties"].get("name").is_some() => {
                json!({})
            }
            (None, Some("array")) => json!([]),
            (None, other) => panic!("no sample of {other:?}"),
        }
    }

    /// Whether schema and arguments are the same; asked of every tool that a test registers.
    pub(super) fn agree<T: Tool>(tool: &T, of: &Surroundings) {
        let Definition { arguments, required, .. } = tool.definition(of);
        let properties = arguments.as_object().expect("properties");
        let mut names: Vec<&str> = properties.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, fields::<T::Args>(), "{}", T::NAME);
        let whole = |without: &str| -> Value {
            let some = properties.iter().filter(|(name, _)| *name != without);
            some.map(|(name, p)| (name.clone(), sample(p))).collect()
        };
        let reads = |args: Value| serde_json::from_value::<T::Args>(args).is_ok();
        assert!(reads(whole("")), "{}: all of its properties", T::NAME);
        for name in names {
            let needed = required.contains(&name);
            assert_eq!(reads(whole(name)), !needed, "{} without {name}", T::NAME);
        }
        let shown = match T::SHOWN {
            crate::telemetry::wire::Shape::Fields(shown) => shown,
            _ => panic!("{}: SHOWN is not the fields of an object", T::NAME),
        };
        for (_, new) in T::RENAMED {
            assert!(properties.contains_key(*new), "{} has no {new}", T::NAME);
        }
        for (name, _) in shown {
            let known = T::RENAMED.iter().any(|(old, _)| old == name);
            assert!(known || properties.contains_key(*name), "{} shows {name}", T::NAME);
        }
    }

    fn names() -> Vec<&'static str> {
        TOOLS.iter().map(|t| t.name).collect()
    }

    #[test]
    fn no_tool_is_missing_from_the_list_and_each_says_how_it_is_called() {
        let registry = everything();
        assert_eq!(registry.names(), names());
        for tool in TOOLS {
            assert!(tool.example.starts_with(tool.name), "{}", tool.example);
        }
        let asked_for: Vec<&str> =
            TOOLS.iter().filter(|t| t.setting.is_some()).map(|t| t.name).collect();
        let without: Vec<&str> = registry_of(None).names();
        let missing: Vec<&str> = names().into_iter().filter(|n| !without.contains(n)).collect();
        assert_eq!(missing, asked_for);
        assert!(!config().get(tools::SEARCH), "search and fetch have to be asked for");
    }
}
