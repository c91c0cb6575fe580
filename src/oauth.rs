//! Sign-in: a resource server (RFC 6750, RFC 9728) and its own small authorization server (OAuth
//! 2.1 draft; RFC 6749, 7009, 7591, 7636, 8252, 8414, 8707, 9207).

pub(crate) mod answer;
mod apps;
mod authorization;
mod authorize;
pub(crate) mod cimd;
pub(crate) mod clients;
mod error;
pub(crate) mod external;
pub mod grants;
mod hashing;
#[cfg(test)]
mod lab;
mod metadata;
pub(crate) mod pages;
pub mod people;
mod redirects;
mod redis;
mod registration;
pub(crate) mod resource;
mod revoke;
pub(crate) mod server;
mod session;
pub mod store;
mod throttle;
mod token;
