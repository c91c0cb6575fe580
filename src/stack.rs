//! The two stacks. Reading order is request order; every layer carries its reason.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response, header};
use bytes::Bytes;
use mssql_mcp_middleware::bearer::BearerLayer;
use mssql_mcp_middleware::catch_panic::CatchPanicLayer;
use mssql_mcp_middleware::deadline::DeadlineLayer;
use mssql_mcp_middleware::observe::ObserveLayer;
use mssql_mcp_middleware::rate_limit::RateLimitLayer;
use mssql_mcp_middleware::rescue::RescueLayer;
use mssql_mcp_transports::sessions::Sessions;
use mssql_mcp_transports::{McpRequest, McpService, Outcome};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder};
use tower_http::ServiceBuilderExt;

use crate::audit::AuditLayer;
use crate::config::Config;
use crate::config::settings;
use crate::facts::{CallFacts, Longest, MayRunLong, work};
use crate::http::body::RequestBody;
use crate::http::guard::{Allowed, GuardLayer, cors, granted};
use crate::http::open::OpenLayer;
use crate::http::token_watch::TokenWatchLayer;
use crate::http::{Endpoints, RequestIds, Served, Shutdown, bearer, body, quota};
use crate::limits::Quotas;
use crate::observe::Calls;
use crate::observe::http::{Requests, traced};
use crate::prepare::PrepareLayer;
use crate::rescue;
use crate::route::Routes;
use crate::sources::DataSource;
use crate::tasks::TasksLayer;
use crate::tools::Registries;

/// A call that does not heed its deadline is dropped this much later.
const GRACE: Duration = Duration::from_secs(3);

/// The stack at MCP level, which every transport shares, around its center
/// ([`crate::server::Server`], or what a benchmark puts there).
pub fn mcp<S>(
    center: S,
    registries: Arc<Registries>,
    calls: Calls,
    audit: AuditLayer,
    quotas: Arc<Quotas>,
    query_timeout: Duration,
    tasks: TasksLayer,
) -> McpService
where
    S: Service<McpRequest, Response = Outcome, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    let stack = ServiceBuilder::new()
        // Outside of all that watches: what is recorded of a task ends with it, and not with the
        // request that began it.
        .layer(tasks)
        // Facts travel up through the extensions, so they are there before anybody watches.
        .map_request(CallFacts::within)
        // What is recorded below is what runs, and what cannot be read does not run.
        .layer(PrepareLayer(registries))
        // Observers come first: what is refused below is counted and recorded too.
        .layer(ObserveLayer::new(calls))
        // It may refuse what it cannot record.
        .layer(audit)
        // Above here nothing fails.
        .layer(RescueLayer::new(rescue::note, rescue::rescue))
        // Below the observers, so that a panic has its records.
        .layer(CatchPanicLayer)
        // Below the records, so that what is refused here has its own.
        .layer(RateLimitLayer::new(move |r: &McpRequest| quotas.admit(r)))
        // Only what asks a database takes time.
        .layer(DeadlineLayer::new(
            move |r: &McpRequest| {
                let of = &r.context.extensions;
                let own = of.get::<Arc<DataSource>>().map_or(query_timeout, |s| s.timeout);
                let longest = of.get::<Longest>().filter(|_| of.get::<MayRunLong>().is_some());
                work(r).map(|_| longest.map_or(own, |l| l.time.max(own)))
            },
            |r: &mut McpRequest, at: tokio::time::Instant| r.context.deadline = Some(at.into_std()),
            GRACE,
        ))
        .service(center);
    BoxCloneSyncService::new(stack)
}

/// The stack at HTTP level, around both transports of every mount, for a listener at this address.
pub(crate) fn http(
    served: &Served,
    config: &Config,
    address: SocketAddr,
    sessions: &Arc<Sessions>,
    stop: &Shutdown,
) -> impl Service<
    Request<RequestBody>,
    Response = Response<
        impl http_body::Body<Data = Bytes, Error = impl std::error::Error + Send + Sync + 'static>
        + Send
        + 'static,
    >,
    Error = Infallible,
    Future = impl Send + 'static,
> + Clone
+ Send
+ Sync
+ 'static {
    let routes = Arc::new(Routes::of(served.mounts.iter().map(|m| m.path.clone()), config));
    let allowed = Arc::new(Allowed::of(config, address));
    let (authority, closing) = (served.authority.clone(), stop.closing.clone());
    let stream_grace = config.get(settings::auth::STREAM_GRACE);
    let body_timeout = config.get(settings::http::BODY_TIMEOUT);
    ServiceBuilder::new()
        // A token must not be in a log, whatever logs below.
        .sensitive_headers([header::AUTHORIZATION, header::COOKIE])
        .set_x_request_id(RequestIds::default())
        // What is refused below is counted too.
        .layer(ObserveLayer::new(Requests::new(routes.clone(), config.behind_tls())))
        .map_request(traced)
        .propagate_x_request_id()
        // Outside of sign-in: a preflight carries no token, and a rebound name must not get that
        // far.
        .layer(GuardLayer::new(allowed.clone()))
        .map_request(granted)
        .layer(cors(allowed))
        // Outside of sign-in: whoever guesses or floods is told to wait before anything is looked
        // up.
        .layer(RateLimitLayer::new(quota(served)))
        // The mount decides audience and metadata, so it comes before the token; so does all that
        // needs none. Below, a request is one whose path was read.
        .layer(OpenLayer::new(served, config, routes, stop.closing.clone()))
        // What is below is for callers who are known.
        .layer(BearerLayer::new(bearer::authenticate(authority.clone()), bearer::admit))
        // Inside of bearer: only a stream that a token opened can end with it.
        .layer(TokenWatchLayer::new(authority, stream_grace, closing))
        .map_request(body::bounded(served.reloadable.clone(), body_timeout))
        .service(Endpoints::new(served, config, sessions, stop))
}
