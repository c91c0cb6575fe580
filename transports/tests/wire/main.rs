//! What a client meets, whoever answers it: each transport over a center that is a function.

mod batches;
mod properties;
mod resumption;
mod sessions;
mod sse;
mod stateless;
mod stdio;
mod streamable;
mod support;
