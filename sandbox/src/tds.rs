//! The wire: packets (MS-TDS §2.2.3), what a client asks for in them, and the tokens that answer
//! it.

mod data_type;
mod decode;
pub(crate) mod encode;
pub(crate) mod out;
pub(crate) mod request;
pub mod token;
pub(crate) mod wire;
