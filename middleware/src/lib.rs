//! Generic tower layers. They know no MCP, no JSON and no HTTP bodies: what one of them needs
//! of a request is a closure given where the stack is composed, so that a test may use
//! `"ada"` as a request.
//!
//! - [`observe`] starts a guard before a call and ends it with the result, or by `Drop` when the
//!   call is abandoned.
//! - [`rescue`] turns every error below into a response, and so never fails.
//! - [`catch_panic`] turns a panic below into an error, [`catch_panic::Panicked`].
//! - [`bearer`] lets through who is known, and tells the service who it is; whoever is not gets the
//!   answer of whoever decides.
//! - [`rate_limit`] asks whoever counts before a request goes on, and holds what it gives until the
//!   end of the call. The counter is there, too: quotas by key.
//! - [`deadline`] tells the call its deadline, and drops it a grace period later, with
//!   [`deadline::Elapsed`].

#![warn(unreachable_pub)]

pub mod bearer;
pub mod catch_panic;
pub mod deadline;
pub mod observe;
pub mod rate_limit;
pub mod rescue;

/// What the layers pass upwards as an error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
