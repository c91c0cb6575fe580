//! The wire: packets (MS-TDS §2.2.3), what a client sends in them, the tokens that answer it, and
//! one connection from PRELOGIN to its end.

pub(crate) mod connection;
pub(crate) mod out;
pub(crate) mod request;
pub mod token;
mod wire;
