//! mssql-mcp: a Model Context Protocol server for Microsoft SQL Server, built as a tower stack.
//!
//! `stack` is the place to start reading: it is the composition root, and its order is the
//! order of a request.

#![warn(unreachable_pub)]

pub(crate) mod admin;
mod answer;
pub mod app;
pub mod audit;
pub mod cli;
pub mod code;
mod completion;
pub mod config;
pub mod database;
pub mod doctor;
pub mod facts;
pub mod fetch;
pub mod http;
mod in_process;
mod key_store;
mod knowledge;
pub mod limits;
mod long;
pub(crate) mod net;
pub mod oauth;
pub mod observe;
pub(crate) mod plural;
pub mod prepare;
pub mod principal;
mod prompts;
pub(crate) mod protocol;
pub(crate) mod redirect_uri;
pub(crate) mod refusal;
pub(crate) mod rescue;
mod resolve;
mod resources;
pub(crate) mod results;
mod route;
pub mod runs;
pub(crate) mod secret;
pub mod server;
mod skills;
pub mod sources;
pub mod stack;
pub(crate) mod statement;
pub mod tasks;
pub mod telemetry;
pub mod tools;
mod views;
mod visible;
