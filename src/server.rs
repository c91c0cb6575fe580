//! The center: `impl Service<McpRequest>`, method → handler. Stateless; whatever a request
//! needs comes with it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use mssql_mcp_transports::{Fault, McpRequest, Outcome, Reply};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::code::Code;
use crate::completion::complete;
use crate::facts::CallFacts;
use crate::principal::Principal;
use crate::prompts;
use crate::protocol;
use crate::resources::{Fixed, Resources, Watch, member};
use crate::skills;
use crate::tools::{Arguments, Call, Erased, Registries, Registry, Stop};
use crate::views::{self, Page};

/// The center: it answers every method of MCP that we have.
#[derive(Debug, Clone)]
pub struct Server(Arc<Center>);

#[derive(Debug)]
struct Center {
    registries: Arc<Registries>,
    resources: Resources,
    watch: Watch,
}

impl Server {
    /// Over the tools of one mount.
    pub fn new(registry: Registry) -> Self {
        Self::watched(registry.into(), Watch::default())
    }

    /// Likewise, with somebody who looks whether the catalog has changed.
    pub(crate) fn watched(registries: Registries, watch: Watch) -> Self {
        let mut files = skills::files();
        files.extend(Page::ALL.map(page_file));
        let resources = Resources::new(files);
        Self(Arc::new(Center { registries: Arc::new(registries), resources, watch }))
    }

    /// The tools, for the layer that reads their arguments.
    pub fn registries(&self) -> Arc<Registries> {
        self.0.registries.clone()
    }
}

impl tower::Service<McpRequest> for Server {
    type Response = Outcome;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Outcome, Infallible>> + Send>>;
    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: McpRequest) -> Self::Future {
        let center = self.0.clone();
        Box::pin(async move { Ok(center.handle(request).await) })
    }
}

/// A page as a resource: listed for clients that show it, and read by anybody who is known.
fn page_file(page: Page) -> Fixed {
    Fixed {
        uri: page.uri(),
        name: page
            .uri()
            .trim_start_matches("ui://mssql-mcp/")
            .split('?')
            .next()
            .unwrap_or_default()
            .to_owned(),
        description: page.description().to_owned(),
        mime_type: views::MIME_TYPE,
        text: Arc::from(page.html()),
        meta: Some(Page::meta()),
        for_views: true,
    }
}

/// Resources that one subscription is for; of more, the first so many are honoured. Each is looked
/// up.
const SUBSCRIBED: usize = 100;

fn invalid(message: impl Into<String>) -> Outcome {
    Outcome::Fault(Fault::InvalidParams { message: message.into(), data: None })
}

/// A list of one page: there is no cursor that could be valid.
fn page(params: Option<&RawValue>, reply: impl FnOnce() -> Reply) -> Outcome {
    match member(params, "cursor") {
        None | Some(Value::Null) => Outcome::Complete(reply()),
        Some(_) => invalid("params.cursor is not one of ours; the list has one page"),
    }
}

/// What a URI of ours names, or that it names nothing.
fn of_uri(
    params: Option<&RawValue>,
    find: impl FnOnce(&str) -> Option<Map<String, Value>>,
) -> Outcome {
    let Some(Value::String(uri)) = member(params, "uri") else {
        return invalid("params.uri must be a string");
    };
    match find(&uri) {
        Some(found) => Outcome::Complete(Reply::Json(found)),
        None => Outcome::Fault(Fault::InvalidParams {
            message: format!("{uri} is not one of ours"),
            data: Some(json!({ "uri": uri })),
        }),
    }
}

impl Center {
    async fn handle(&self, request: McpRequest) -> Outcome {
        // No principal, no rights: not even the names of the tools.
        if Principal::of(&request.context.extensions).is_none() {
            return Outcome::Fault(Fault::Scope { needed: vec!["mssql:read".into()] });
        }
        let params = request.params.as_deref();
        let registry = self.registries.of(&request.context.extensions);
        let views = || registry.shows_views(&request.context);
        match &*request.method {
            "tools/call" => self.tool(request, &registry).await,
            "server/discover" => {
                let (views, instructions) = (views(), registry.instructions());
                Outcome::Complete(protocol::discover(instructions, views, self.watch.looks()))
            }
            "tools/list" => page(params, || Reply::Shared(registry.listed(views()))),
            "prompts/list" => page(params, || Reply::Json(prompts::list())),
            "skills/list" => page(params, || Reply::Json(protocol::cached(skills::list()))),
            "skills/get" => of_uri(params, |uri| skills::get(uri).map(protocol::cached)),
            "resources/directory/read" => of_uri(params, skills::directory),
            "resources/list"
            | "resources/templates/list"
            | "resources/read"
            | "resources/subscribe"
            | "resources/unsubscribe"
            | "subscriptions/listen"
            | "prompts/get"
            | "completion/complete" => self.other(request, &registry).await,
            other => Outcome::Fault(Fault::MethodNotFound(other.to_owned())),
        }
    }

    async fn tool(&self, request: McpRequest, registry: &Registry) -> Outcome {
        self.watch.used();
        let Some(name) = &request.target else { return invalid("params.name must be a string") };
        let views = registry.shows_views(&request.context);
        let mut tools = registry.of_client(views);
        let Some(tool) = tools.find(|t| t.name() == name) else {
            let names: Vec<_> = registry.of_client(views).map(Erased::name).collect();
            let names = names.join(", ");
            return invalid(format!("Unknown tool: {name}; there are {names}"));
        };
        // Read by the layer that those who record look at, too; without it, here.
        let arguments = request.context.extensions.get::<Arguments>().cloned();
        let arguments = arguments.unwrap_or_else(|| tool.read(request.params.as_deref()));
        let mut context = request.context;
        if let Some(source) = arguments.source() {
            context.extensions.insert(source.clone());
        }
        registry.run(context, &arguments).await
    }

    /// What may ask the database, and is no tool.
    async fn other(&self, request: McpRequest, registry: &Registry) -> Outcome {
        let McpRequest { method, target, params, context, .. } = request;
        let (resources, params) = (&self.resources, params.as_deref());
        let uri = target.as_deref();
        // Whoever is shown no database has nothing to list, which is no error.
        let nothing = match &*method {
            "resources/list" => Some("resources"),
            "resources/templates/list" => Some("resourceTemplates"),
            _ => None,
        };
        if let Some(key) = nothing.filter(|_| registry.sources().len() == 0) {
            if let Some(facts) = context.extensions.get::<Arc<CallFacts>>() {
                facts.set_outcome(Code::Ok);
            }
            let reply = match key {
                // What needs no database is there for everybody.
                "resources" => resources.fixed(registry.shows_views(&context)),
                _ => Reply::Json(protocol::list(key, Vec::new())),
            };
            return Outcome::Complete(reply);
        }
        let work = async |call: Call| match &*method {
            "resources/list" => {
                self.watch.used();
                resources.list(&call, params).await
            }
            "resources/templates/list" => resources.templates(params),
            "resources/read" => {
                self.watch.used();
                resources.read(call, registry, uri).await
            }
            "resources/subscribe" => {
                let uri = uri.ok_or_else(|| Stop::Invalid("params.uri must be a string".into()))?;
                resources.exists(&call, uri).await?;
                self.watch.subscribed();
                Ok(Reply::Json(Map::new()))
            }
            "subscriptions/listen" => self.listen(&call, params).await,
            "prompts/get" => prompts::get(target.as_deref(), params),
            "completion/complete" => complete(&call, params).await,
            // What is no longer wanted need not be there.
            _ => Ok(Reply::Json(Map::new())),
        };
        registry.finish(context, work).await
    }

    /// What of a subscription is honoured. A resource that is not there is left out.
    async fn listen(&self, call: &Call, params: Option<&RawValue>) -> Result<Reply, Stop> {
        let wanted = member(params, "notifications").unwrap_or_default();
        let uris = wanted.get("resourceSubscriptions").and_then(Value::as_array);
        let mut there = Vec::new();
        for uri in uris.into_iter().flatten().filter_map(Value::as_str).take(SUBSCRIBED) {
            match self.resources.exists(call, uri).await {
                Ok(()) => there.push(uri.to_owned()),
                Err(Stop::Fault(_)) => {}
                Err(stop) => return Err(stop),
            }
        }
        let honoured = protocol::honoured(&wanted, there);
        if honoured.contains_key("resourcesListChanged")
            || honoured.contains_key("resourceSubscriptions")
        {
            self.watch.subscribed();
        }
        Ok(Reply::Json(Map::from_iter([("notifications".to_owned(), honoured.into())])))
    }
}
