//! mssql-mcp: a Model Context Protocol server for Microsoft SQL Server, built as a tower stack.
//!
//! `stack` is the place to start reading: it is the composition root, and its order is the
//! order of a request.

pub mod admin;
mod answer;
pub mod app;
pub mod audit;
pub mod cli;
pub mod code;
pub mod config;
pub mod database;
pub mod doctor;
pub mod facts;
pub mod fetch;
pub mod http;
mod in_process;
pub mod limits;
mod long;
mod messages;
pub mod net;
pub mod oauth;
pub mod observe;
pub mod plural;
pub mod prepare;
pub mod principal;
pub mod protocol;
pub mod redirect_uri;
pub mod refusal;
pub mod rescue;
mod resolve;
pub mod route;
pub mod secret;
pub mod server;
pub mod stack;
pub mod statement;
pub mod telemetry;
pub mod tools;
mod visible;
