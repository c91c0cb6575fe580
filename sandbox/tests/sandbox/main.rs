//! The sandbox from outside: its answers (`answers.txt`) and its wire, over a TDS client
//! of the tests' own.

mod answers;
mod client;
mod databases;
mod fedauth;
mod generated;
mod logins;
mod tls;
mod tokens;
mod windows;
mod wire;
