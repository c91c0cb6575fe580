//! JSON-RPC's envelope, and everything that puts it on a wire.
//!
//! The center is one `tower::Service` from [`McpRequest`] to [`Outcome`]. It is stateless and
//! speaks the form of MCP revision 2026-07-28: every request carries its version and the client's
//! capabilities. What older revisions add (the handshake, sessions, requests from the server to the
//! client) stays in this crate, which knows no SQL and no OAuth.
//!
//! Each module knows only those above it:
//!
//! | module | what it knows |
//! |---|---|
//! | `tap` | shows all messages to whoever searches for a fault |
//! | `version`, `cancel` | the revisions; what stops a call, and why |
//! | `jsonrpc` | the envelope of a message that comes in |
//! | `encoded`, `content` | a message that goes out, in pieces; blocks of content, by revision |
//! | `notify`, `changes` | what a call says before its answer; what changes, for those who listen |
//! | `request`, `outcome` | what the center takes and gives |
//! | `error`, `encode` | the envelope of a message that goes out, in the form of its revision |
//! | `params` | what a request says in its params for everyone |
//! | `running`, `call` | the calls that run, by their ids; one of them, cancelled by its drop |
//! | `stateless` | the checks of a request of 2026-07-28 |
//! | `body`, `headers`, `param_headers`, `answer`, `event_stream`, `kept` | the parts of an HTTP answer; streams that outlive their connection |
//! | `room`, `session`, `ticket`, `sessions` | who gives way where there is no room; handshake-era sessions, and their ids |
//! | `handshake`, `drive` | what only sessions have: `initialize` and the like, questions |
//! | `batch` | several messages in one array |
//! | `connection`, `long_line`, `stdio` | one client at the other end of two pipes; a line that is too long |
//! | `responder` | the answer to a call over HTTP: plain, or a stream |
//! | `streamable`, `listening`, `sse` | the two HTTP transports; streams that no call opens |

#![warn(unreachable_pub)]

mod answer;
mod batch;
pub mod body;
mod call;
mod cancel;
mod changes;
mod connection;
mod content;
mod drive;
pub mod encode;
mod encoded;
mod error;
mod event_stream;
mod handshake;
pub mod headers;
pub mod jsonrpc;
mod kept;
mod listening;
mod long_line;
mod notify;
mod outcome;
mod param_headers;
mod params;
mod request;
mod responder;
mod room;
mod running;
mod session;
pub mod sessions;
pub mod sse;
mod stateless;
pub mod stdio;
pub mod streamable;
pub mod tap;
mod ticket;
mod version;

use std::convert::Infallible;

use tower::util::BoxCloneSyncService;

pub use answer::ChallengeOf;
pub use cancel::{Cancel, Why};
pub use changes::{Change, Changes, TaskState};
pub use content::{Content, ResourceContents};
pub use encode::Challenge;
pub use encoded::Encoded;
pub use jsonrpc::Id;
pub use notify::{Notifier, Progress, Says};
pub use outcome::{Fault, Outcome, Reply, Segments, Shared, Text, ToolReply};
pub use param_headers::ParamHeaders;
pub use request::{ClientFacts, Context, Continuation, McpRequest, bare_context};
pub use ticket::Tickets;
pub use version::ProtocolVersion;

/// The center, as every transport sees it.
pub type McpService = BoxCloneSyncService<McpRequest, Outcome, Infallible>;
