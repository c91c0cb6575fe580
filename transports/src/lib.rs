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
//! | `request`, `outcome` | what the center takes and gives |
//! | `error`, `encode` | the envelope of a message that goes out, in the form of its revision |
//! | `params` | what a request says in its params for everyone |
//! | `running`, `call` | the calls that run, by their ids; one of them, cancelled by its drop |
//! | `room`, `session` | who gives way where there is no room; handshake-era sessions |
//! | `handshake`, `drive` | what only sessions have: `initialize` and the like, questions |
//! | `stateless` | the checks of a request of 2026-07-28 |
//! | `batch` | several messages in one array |
//! | `connection`, `long_line`, `stdio` | one client at the other end of two pipes; a line that is too long |
//! | `body`, `headers`, `answer`, `event_stream`, `responder` | the parts of an HTTP answer |
//! | `streamable`, `sse` | the two HTTP transports |

#![warn(unreachable_pub)]

mod answer;
mod batch;
pub mod body;
mod call;
mod cancel;
mod connection;
mod drive;
pub mod encode;
mod error;
mod event_stream;
mod handshake;
pub mod headers;
pub mod jsonrpc;
mod long_line;
mod outcome;
mod params;
mod request;
mod responder;
mod room;
mod running;
pub mod session;
pub mod sse;
mod stateless;
pub mod stdio;
pub mod streamable;
pub mod tap;
mod version;

use std::convert::Infallible;

use tower::util::BoxCloneSyncService;

pub use answer::ChallengeOf;
pub use cancel::{Cancel, Why};
pub use encode::Challenge;
pub use jsonrpc::Id;
pub use outcome::{Fault, Outcome, Reply, Segments, Shared, Text, ToolReply};
pub use request::{ClientFacts, Context, Continuation, McpRequest, bare_context};
pub use version::ProtocolVersion;

/// The center, as every transport sees it.
pub type McpService = BoxCloneSyncService<McpRequest, Outcome, Infallible>;
