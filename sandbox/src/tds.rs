//! The wire: packets (MS-TDS §2.2.3), what a client sends in them, the tokens that answer it, and
//! one connection from PRELOGIN to its end.

pub(crate) mod connection;
mod data_type;
mod decode;
mod encode;
mod login;
pub(crate) mod out;
mod prelogin;
pub(crate) mod request;
mod session_thread;
pub mod token;
mod wire;
